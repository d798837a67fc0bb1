/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_config.c: sbx config. */
#include "cli.h"
#include "conf_files.h"
#include "options.h"

#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <json-c/json.h>
#include <unistd.h>

/* What an option is set to, and where that was said. */
struct row {
	const struct opt *opt;
	const char *value;
	const struct conf_setting *from; /* NULL: nobody said it */
};

struct report {
	struct arena *arena;
	const struct config_options *options;
	struct conf conf;
	struct conf_choice choice;
};

/* ---- show ------------------------------------------------------------------------------- */

/* What the option has where nobody says anything; NULL: nothing to be shown. */
static const char *default_value(struct arena *a, const struct opt *o)
{
	if (o->complete == COMPLETE_CHOICE)
		return arena_strndup(a, o->metavar, strcspn(o->metavar, "|"));
	return o->set == opt_flag ? "false" : NULL;
}

/* Whether a later setting has replaced number I. */
static bool is_replaced(const struct conf_choice *l, size_t i)
{
	const struct opt *o = l->v[i].opt;

	if (opt_adds(o))
		return false;
	for (size_t j = i + 1; j < l->n; j++)
		if (l->v[j].opt->offset == o->offset)
			return true;
	return false;
}

static bool is_said(const struct conf_choice *l, const struct opt *o)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].opt->offset == o->offset)
			return true;
	return false;
}

/* Another name of the field of O has stood further up. */
static bool is_second_name(const struct opt *o)
{
	for (const struct opt *earlier = enter_opts; earlier != o; earlier++)
		if (earlier->name && earlier->offset == o->offset)
			return true;
	return false;
}

/* Calls SHOW for what applies, in the order of the table. */
static void rows_show(const struct report *t,
		      void (*show)(const struct row *row, void *context), void *context)
{
	for (const struct opt *o = enter_opts; o->help; o++) {
		const char *value;

		if (!o->name || (o->flags & OPT_LINE_ONLY))
			continue;
		for (size_t i = 0; i < t->choice.n; i++)
			if (t->choice.v[i].opt == o && !is_replaced(&t->choice, i))
				show(&(struct row){o, t->choice.v[i].value, &t->choice.v[i]},
				     context);
		value = default_value(t->arena, o);
		if (value && !is_said(&t->choice, o) && !is_second_name(o))
			show(&(struct row){o, value, NULL}, context);
	}
}

static void show_text(const struct row *row, void *context)
{
	const struct report *t = context;
	const struct conf_setting *s = row->from;
	size_t room = 4 * strlen(row->value) + 1;
	char *shown = str_escape(arena_alloc(t->arena, room), room, row->value);
	const char *from = "default";

	if (s && s->section->profile)
		from = arena_printf(t->arena, "%s:%u [profile %s]", s->section->file, s->line,
				    s->section->profile);
	else if (s)
		from = arena_printf(t->arena, "%s:%u [enter]", s->section->file, s->line);
	(void)printf("%-14s %-30s  %s\n", row->opt->name, shown, from);
}

static void show_json(const struct row *row, void *context)
{
	struct json_object *e = json_object_new_object();
	const struct conf_setting *s = row->from;

	json_object_object_add(e, "option", json_object_new_string(row->opt->name));
	json_object_object_add(e, "value", json_object_new_string(row->value));
	json_object_object_add(e, "file", s ? json_object_new_string(s->section->file) : NULL);
	json_object_object_add(e, "line", s ? json_object_new_int64(s->line) : NULL);
	json_object_object_add(e, "profile",
			       s && s->section->profile
				       ? json_object_new_string(s->section->profile)
				       : NULL);
	json_object_array_add(context, e);
}

static int json_print(struct json_object *o)
{
	const char *text =
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = printf("%s\n", text) < 0 ? fail_sys("write") : 0;

	json_object_put(o);
	return r;
}

static int show(struct report *t)
{
	struct strv profiles = {0};
	struct json_object *rows;
	int r;

	conf_default_profiles(&t->conf, &profiles);
	for (size_t i = 0; i < t->options->profiles.n; i++)
		strv_push(t->arena, &profiles, t->options->profiles.v[i]);
	r = conf_choose(&t->conf, &profiles, &t->choice);
	if (r < 0)
		return r;
	if (!t->options->json) {
		(void)printf("%-14s %-30s  %s\n", "OPTION", "VALUE", "FROM");
		rows_show(t, show_text, t);
		return 0;
	}
	rows = json_object_new_array();
	rows_show(t, show_json, rows);
	return json_print(rows);
}

/* ---- profiles and paths ----------------------------------------------------------------- */

/* The files that have a section of PROFILE, from the weakest to the strongest. */
static void files_of(const struct report *t, const char *profile, struct strv *files)
{
	for (const struct conf_section *s = t->conf.sections; s; s = s->next)
		if (s->profile && streq(s->profile, profile))
			strv_push(t->arena, files, s->file);
}

static struct json_object *strv_to_json(const struct strv *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < list->n; i++)
		json_object_array_add(array, json_object_new_string(list->v[i]));
	return array;
}

static int profiles(struct report *t)
{
	struct json_object *all = t->options->json ? json_object_new_object() : NULL;
	struct strv names = {0};

	conf_list_profiles(&t->conf, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct strv files = {0};

		files_of(t, names.v[i], &files);
		if (all) {
			json_object_object_add(all, names.v[i], strv_to_json(&files));
			continue;
		}
		(void)printf("%-14s", names.v[i]);
		for (size_t f = 0; f < files.n; f++)
			(void)printf(" %s", files.v[f]);
		(void)putchar('\n');
	}
	return all ? json_print(all) : 0;
}

static int path(struct report *t)
{
	struct strv paths = {0};

	strv_push(t->arena, &paths, conf_system_path);
	if (conf_user_path(t->arena))
		strv_push(t->arena, &paths, conf_user_path(t->arena));
	if (t->options->json)
		return json_print(strv_to_json(&paths));
	for (size_t i = 0; i < paths.n; i++)
		(void)printf("%s\n", paths.v[i]);
	return 0;
}

/* ---- the command ------------------------------------------------------------------------ */

static const struct verb {
	const char *name, *help;
	int (*run)(struct report *t);
	bool needs_conf;
} verbs[] = {
	{"show", "what applies to 'sbx enter', and from where", show, true},
	{"profiles", "the profiles that there are, and the files that they are in", profiles,
	 true},
	{"path", "the files that are read where they exist", path, false},
};

void config_verbs(void (*each)(void *context, const char *name, const char *help),
		  void *context)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		each(context, verbs[i].name, verbs[i].help);
}

static int verb_find(const char *name, const struct verb **ret_verb)
{
	struct opt_nearest n = {.word = name};
	char shown[OPT_SHOWN_MAX];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		opt_nearest_offer(&n, verbs[i].name);
		if (!streq(verbs[i].name, name))
			continue;
		*ret_verb = &verbs[i];
		return 0;
	}
	r = fail(EINVAL, "there is no 'sbx config %s'", opt_shown(shown, name));
	if (n.name)
		return fail_hint(r, "did you mean 'sbx config %s'?", n.name);
	return fail_hint(r, "show, profiles or path");
}

int cmd_config(const struct invocation *inv)
{
	struct report t = {.arena = inv->arena, .options = inv->options};
	const struct verb *verb = &verbs[0];
	int r = inv->argc > 0 ? verb_find(inv->argv[0], &verb) : 0;

	if (r == 0 && verb->needs_conf)
		r = conf_load(inv->arena, true, &t.conf);
	return r < 0 ? r : verb->run(&t);
}

int complete_profiles(struct arena *a, struct strv *names)
{
	struct conf c;
	int r = conf_load(a, true, &c);

	if (r == 0)
		conf_list_profiles(&c, names);
	fail_forget();
	return r;
}
