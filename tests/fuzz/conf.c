/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c: a configuration file, and each of its profiles put to use. */
#include "cli/conf.h"
#include "cli/options.h"
#include "fuzz.h"

#include <limits.h>

static size_t settings_check(const struct conf *c)
{
	size_t n = 0;

	for (const struct conf_section *s = c->sections; s; s = s->next)
		for (const struct conf_setting *t = s->settings; t; t = t->next, n++) {
			must(t->section == s && t->line > s->line);
			must(t->opt->name && !(t->opt->flags & OPT_LINE_ONLY));
			must(strlen(t->value) < CONF_LINE_MAX + PATH_MAX);
			must(!strpbrk(t->value, "\n\r\033"));
		}
	return n;
}

/* A profile that is there and passed conf_check() can be chosen, alone and with all others. */
static void profile_check(struct conf *c, const struct strv *profiles, size_t n_settings)
{
	struct enter_options o = {0};
	struct conf_choice choice = {0};

	must(conf_choose(c, profiles, &choice) == 0);
	must(choice.n <= n_settings);
	must(choice.profiles.n >= profiles->n);
	for (size_t i = 0; i < choice.profiles.n; i++)
		for (size_t k = 0; k < i; k++)
			must(!streq(choice.profiles.v[i], choice.profiles.v[k]));
	must(conf_apply(c, &choice, false, &o) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autofree char *text = fuzz_bytes(data, size);
	struct strv profiles = {0};
	struct conf c;
	size_t n;
	int r;

	fail_forget();
	conf_init(&c, &a, enter_opts, sizeof(struct enter_options));
	c.home = "/home/somebody";
	r = conf_parse(&c, "sbx.conf", text, size);
	n = settings_check(&c);
	if (r == 0)
		r = conf_check(&c);
	must(r <= 0);
	if (r < 0) {
		fuzz_must_be_failure(r);
		return 0;
	}
	conf_list_profiles(&c, &profiles);
	for (size_t i = 0; i < profiles.n; i++) {
		struct strv one = {0};

		strv_push(&a, &one, profiles.v[i]);
		profile_check(&c, &one, n);
	}
	profile_check(&c, &profiles, n);
	return 0;
}
