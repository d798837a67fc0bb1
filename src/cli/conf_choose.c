/* SPDX-License-Identifier: Apache-2.0 */
/* conf_choose.c: which settings of configuration files apply, and in which order. */
#include "conf.h"

#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>

enum { DEPTH_MAX = 32 }; /* profiles that build on one another */

/* A profile whose bases are being chosen. */
struct chain {
	const char *profile;
	unsigned depth;
	const struct chain *above;
};

/* The next section of PROFILE (NULL: [enter]) from S on. */
static const struct conf_section *section_of(const struct conf_section *s, const char *profile)
{
	for (; s; s = s->next)
		if (s->profile == profile ||
		    (s->profile && profile && streq(s->profile, profile)))
			return s;
	return NULL;
}

static bool is_profile(const struct conf *c, const struct conf_setting *s)
{
	return s->opt == opt_find(c->opts, "profile", strlen("profile"));
}

/* The profiles that PROFILE, or [enter], asks for. */
static void bases_of(const struct conf *c, const char *profile, struct strv *names)
{
	const struct conf_section *section = c->sections;

	while ((section = section_of(section, profile))) {
		for (const struct conf_setting *s = section->settings; s; s = s->next) {
			if (!is_profile(c, s))
				continue;
			if (s->takes_back)
				names->n = 0;
			else
				strv_push(c->arena, names, s->value);
		}
		section = section->next;
	}
}

void conf_list_profiles(const struct conf *c, struct strv *names)
{
	for (const struct conf_section *s = c->sections; s; s = s->next)
		if (s->profile && !strv_has(names, s->profile))
			strv_push(c->arena, names, s->profile);
}

void conf_default_profiles(const struct conf *c, struct strv *names)
{
	bases_of(c, NULL, names);
}

/* ---- choosing --------------------------------------------------------------------------- */

static void choice_push(struct arena *a, struct conf_choice *l, const struct conf_setting *s)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct conf_setting *v = arena_alloc(a, room * sizeof(*v));

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = *s;
}

static void choice_take_back(struct conf_choice *l, const struct opt *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].opt->offset != o->offset)
			l->v[kept++] = l->v[i];
	l->n = kept;
}

static void choose_settings(const struct conf *c, const char *profile, struct conf_choice *l)
{
	const struct conf_section *section = c->sections;

	while ((section = section_of(section, profile))) {
		for (const struct conf_setting *s = section->settings; s; s = s->next) {
			if (is_profile(c, s))
				continue;
			if (s->takes_back)
				choice_take_back(l, s->opt);
			else
				choice_push(c->arena, l, s);
		}
		section = section->next;
	}
}

static int unknown_profile(const struct conf *c, const char *name)
{
	struct opt_nearest n = {.word = name};
	char shown[OPT_SHOWN_MAX];
	struct strv names = {0};
	int r = fail(ENOENT, "there is no profile '%s'", opt_shown(shown, name));

	conf_list_profiles(c, &names);
	for (size_t i = 0; i < names.n; i++)
		opt_nearest_offer(&n, names.v[i]);
	if (n.name)
		return fail_hint(r, "did you mean '%s'?", n.name);
	return fail_hint(r, "'sbx config profiles' lists those that there are");
}

static bool is_in_chain(const struct chain *chain, const char *profile)
{
	for (; chain; chain = chain->above)
		if (streq(chain->profile, profile))
			return true;
	return false;
}

static int choose_profile(const struct conf *c, const char *name, const struct chain *above,
			  struct conf_choice *l)
{
	struct chain chain = {name, above ? above->depth + 1 : 0, above};
	const struct conf_section *section = section_of(c->sections, name);
	struct strv bases = {0};
	int r = 0;

	if (strv_has(&l->profiles, name))
		return 0;
	if (!section)
		return unknown_profile(c, name);
	if (is_in_chain(above, name))
		return fail_in(fail(ELOOP, "the profile '%s' builds on itself", name), "%s:%u",
			       section->file, section->line);
	if (chain.depth >= DEPTH_MAX)
		return fail_in(fail(ELOOP, "more than %d profiles build on one another",
				    DEPTH_MAX),
			       "%s:%u", section->file, section->line);
	bases_of(c, name, &bases);
	for (size_t i = 0; i < bases.n && r == 0; i++)
		r = choose_profile(c, bases.v[i], &chain, l);
	if (r < 0)
		return r;
	choose_settings(c, name, l);
	strv_push(c->arena, &l->profiles, name);
	return 0;
}

int conf_choose(const struct conf *c, const struct strv *profiles,
		struct conf_choice *ret_choice)
{
	struct conf_choice choice = {0};
	int r = 0;

	choose_settings(c, NULL, &choice);
	for (size_t i = 0; i < profiles->n && r == 0; i++)
		r = choose_profile(c, profiles->v[i], NULL, &choice);
	if (r == 0)
		*ret_choice = choice;
	return r;
}

/* What SECTION asks for is there. */
static int bases_check(const struct conf *c, const struct conf_section *section)
{
	for (const struct conf_setting *s = section->settings; s; s = s->next)
		if (is_profile(c, s) && !s->takes_back && !section_of(c->sections, s->value))
			return fail_in(unknown_profile(c, s->value), "%s:%u", section->file,
				       s->line);
	return 0;
}

int conf_check(const struct conf *c)
{
	struct conf_choice all = {0};
	int r = 0;

	for (const struct conf_section *s = c->sections; s && r == 0; s = s->next)
		r = bases_check(c, s);
	for (const struct conf_section *s = c->sections; s && r == 0; s = s->next)
		if (s->profile)
			r = choose_profile(c, s->profile, NULL, &all);
	return r;
}

/* ---- using it --------------------------------------------------------------------------- */

int conf_apply(const struct conf *c, const struct conf_choice *choice, bool asked,
	       void *options)
{
	for (size_t i = 0; i < choice->n; i++) {
		const struct conf_setting *s = &choice->v[i];
		int r;

		if (asked && !s->section->profile)
			continue;
		r = s->opt->set(s->opt, c->arena, s->value, (char *)options + s->opt->offset);
		if (r < 0)
			return fail_in(r, "%s:%u: %s", s->section->file, s->line, s->opt->name);
	}
	return 0;
}

const struct conf_setting *conf_find(const struct conf_choice *choice, const char *value)
{
	for (size_t i = 0; i < choice->n; i++)
		if (choice->v[i].value == value)
			return &choice->v[i];
	return NULL;
}

int conf_value_failed(const struct conf_choice *choice, int r, const char *value,
		      const char *option)
{
	const struct conf_setting *s = conf_find(choice, value);

	if (!s)
		return fail_in(r, "--%s", option);
	return fail_in(r, "%s:%u: %s", s->section->file, s->line, option);
}
