/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c: reads a configuration file by an option table. */
#include "conf.h"

#include "util/fail.h"
#include "util/scope.h"

#include <ctype.h>
#include <errno.h>

static const char blank[] = " \t";

struct parse {
	struct conf *conf;
	const char *file;
	unsigned line;
	struct conf_section *section; /* NULL: before the first */
	struct conf_section *of_file; /* the first of this file; NULL: none yet */
};

void conf_init(struct conf *c, struct arena *a, const struct opt *opts, size_t options_size)
{
	*c = (struct conf){
		.arena = a,
		.opts = opts,
		.trial = arena_alloc(a, options_size),
	};
	c->end = &c->sections;
}

/* ---- lines ------------------------------------------------------------------------------ */

/* S without the blanks around it; cuts it in place. */
static char *trim(char *s)
{
	size_t len;

	s += strspn(s, blank);
	for (len = strlen(s); len > 0 && strchr(blank, s[len - 1]); len--)
		;
	s[len] = '\0';
	return s;
}

static int line_check(const char *line, size_t len)
{
	size_t text = str_text_length(line);

	if (len >= CONF_LINE_MAX)
		return fail(E2BIG, "the line is longer than %d bytes", CONF_LINE_MAX - 1);
	if (text < len)
		return fail(EILSEQ,
			    "byte %zu of the line is no text: a file is UTF-8 without control "
			    "characters",
			    text + 1);
	return 0;
}

/* ---- sections --------------------------------------------------------------------------- */

static bool is_profile_name(const char *name)
{
	if (strlen(name) > CONF_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isascii((unsigned char)*c) ||
		    (!isalnum((unsigned char)*c) && !strchr("_.-", *c)))
			return false;
	return true;
}

static bool is_same_profile(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

/* What stands between the brackets: *RET_PROFILE is a profile's name, or NULL for [enter]. */
static int section_name(char *inside, const char **ret_profile)
{
	char shown[OPT_SHOWN_MAX], *name = trim(inside);
	const char *rest = str_after(name, "profile");

	if (streq(name, "enter")) {
		*ret_profile = NULL;
		return 0;
	}
	if (!rest || (*rest && !strchr(blank, *rest)))
		return fail_hint(fail(EINVAL, "there is no section '%s'",
				      opt_shown(shown, name)),
				 "a section is [enter] or [profile NAME]");
	rest += strspn(rest, blank);
	if (!is_profile_name(rest))
		return fail_hint(fail(EINVAL, "'%s' is not a name for a profile",
				      opt_shown(shown, rest)),
				 "1 to %d letters, digits, '_', '.' and '-', with a letter or "
				 "digit first",
				 CONF_NAME_MAX);
	*ret_profile = rest;
	return 0;
}

/* LINE begins with "[". */
static int section_begin(struct parse *p, char *line)
{
	size_t len = strlen(line);
	const char *profile = NULL;
	struct conf_section *s;
	int r;

	if (line[len - 1] != ']')
		return fail(EINVAL, "a section's line ends with ']'");
	line[len - 1] = '\0';
	r = section_name(line + 1, &profile);
	if (r < 0)
		return r;
	for (s = p->of_file; s; s = s->next)
		if (is_same_profile(s->profile, profile))
			return fail(EEXIST, "this section began in line %u already", s->line);
	s = arena_alloc(p->conf->arena, sizeof(*s));
	*s = (struct conf_section){.file = p->file, .profile = profile, .line = p->line};
	s->end = &s->settings;
	*p->conf->end = s;
	p->conf->end = &s->next;
	p->section = s;
	if (!p->of_file)
		p->of_file = s;
	return 0;
}

/* ---- settings --------------------------------------------------------------------------- */

static void unknown_key(const struct parse *p, const char *key)
{
	struct opt_nearest n = {.word = key + strspn(key, "-")};
	char shown[OPT_SHOWN_MAX];
	int r = fail(EINVAL, "there is no key '%s'", opt_shown(shown, key));

	for (const struct opt *o = p->conf->opts; o->help; o++)
		if (o->name && !(o->flags & OPT_LINE_ONLY))
			opt_nearest_offer(&n, o->name);
	if (n.name)
		(void)fail_hint(r, "did you mean '%s'?", n.name);
	else
		(void)fail_hint(r, "a key is a long option of the command, without its dashes");
}

/* The option of KEY; NULL, with a sentence, where no file may set it. */
static const struct opt *key_find(const struct parse *p, const char *key)
{
	const struct opt *o = opt_find(p->conf->opts, key, strlen(key));

	if (!o)
		unknown_key(p, key);
	else if (o->flags & OPT_LINE_ONLY)
		(void)fail(EINVAL, "'%s' is for the command line, and no key", key);
	return o && !(o->flags & OPT_LINE_ONLY) ? o : NULL;
}

/* Two keys of one field, as "net" and "network", are one. */
static int said_twice(const struct parse *p, const struct opt *o)
{
	if (opt_adds(o))
		return 0;
	for (const struct conf_setting *s = p->section->settings; s; s = s->next)
		if (s->opt->offset == o->offset)
			return fail(EEXIST, "'%s' has its value from '%s' in line %u already",
				    o->name, s->opt->name, s->line);
	return 0;
}

/* Whoever quotes a value means what is within. */
static int refuse_quotes(const char *value)
{
	size_t len = strlen(value);

	if (len < 2 || !strchr("\"'", value[0]) || value[len - 1] != value[0])
		return 0;
	return fail_hint(fail(EINVAL, "quotes would be a part of the value"),
			 "leave them out: a value goes up to the end of its line");
}

/* A path of the host's may begin at the home folder, which on a command line is the shell's
 * work. */
static int tilde_replace(const struct conf *c, const struct opt *o, const char **value)
{
	const char *rest = str_after(*value, "~");

	if (o->complete != COMPLETE_FILE && o->complete != COMPLETE_BIND)
		return 0;
	if (!rest || (*rest && !strchr("/:", *rest)))
		return 0;
	if (!c->home)
		return fail_hint(fail(ENOENT, "'~' has no meaning: HOME is not set"),
				 "export HOME=/home/you");
	*value = arena_printf(c->arena, "%s%s", c->home, rest);
	return 0;
}

/* VALUE is NULL where LINE had no "=". */
static int setting_add(struct parse *p, const struct opt *o, const char *value)
{
	struct conf *c = p->conf;
	struct conf_setting *s;
	int r = said_twice(p, o);

	if (!value && o->metavar)
		return fail(EINVAL, "it needs a value: %s = %s", o->name, o->metavar);
	if (r == 0 && value)
		r = refuse_quotes(value);
	if (r == 0 && value)
		r = tilde_replace(c, o, &value);
	if (r < 0)
		return r;
	s = arena_alloc(c->arena, sizeof(*s));
	*s = (struct conf_setting){
		.opt = o,
		.value = value ? value : "true",
		.takes_back = value && !*value && o->set != opt_text_or_empty,
		.section = p->section,
		.line = p->line,
	};
	if (!s->takes_back)
		r = o->set(o, c->arena, s->value, (char *)c->trial + o->offset);
	if (r < 0)
		return r;
	*p->section->end = s;
	p->section->end = &s->next;
	return 0;
}

static int setting_parse(struct parse *p, char *line)
{
	char *value = strchr(line, '='), *key;
	const struct opt *o;
	int r;

	if (value)
		*value++ = '\0';
	key = trim(line);
	if (!p->section)
		return fail_hint(fail(EINVAL, "a key stands before the first section"),
				 "put [enter] above it");
	o = key_find(p, key);
	if (!o)
		return -EINVAL;
	r = setting_add(p, o, value ? trim(value) : NULL);
	return r < 0 ? fail_in(r, "%s", key) : 0;
}

/* ---- the file --------------------------------------------------------------------------- */

static int line_parse(struct parse *p, char *line, size_t len)
{
	int r = line_check(line, len);

	if (r < 0)
		return r;
	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	return *line == '[' ? section_begin(p, line) : setting_parse(p, line);
}

int conf_parse(struct conf *c, const char *file, char *text, size_t len)
{
	struct parse p = {.conf = c, .file = file};
	char *end = text + len;
	int r = 0;

	while (r == 0 && text < end) {
		char *stop = memchr(text, '\n', (size_t)(end - text));
		char *next = stop ? stop + 1 : end;

		if (!stop)
			stop = end;
		if (stop > text && stop[-1] == '\r')
			stop--;
		*stop = '\0';
		p.line++;
		r = line_parse(&p, text, (size_t)(stop - text));
		text = next;
	}
	return r < 0 ? fail_in(r, "%s:%u", file, p.line) : 0;
}
