/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: the words of a command line, one a line, read by the table of sbx enter. */
#include "cli/options.h"
#include "fuzz.h"

enum { WORDS_MAX = 256 };

static void list_check(const struct strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		must(list->v[i] && *list->v[i]);
	must(!list->v || !list->v[list->n]);
}

static void options_check(const struct enter_options *o)
{
	uint64_t all = 0;

	list_check(&o->binds);
	list_check(&o->volumes);
	list_check(&o->mounts);
	list_check(&o->tmpfs);
	list_check(&o->devices);
	list_check(&o->env);
	list_check(&o->env_files);
	list_check(&o->security);
	list_check(&o->ulimits);
	list_check(&o->publish);
	list_check(&o->allow_net);
	list_check(&o->deny_net);
	list_check(&o->dns);
	list_check(&o->add_hosts);
	must(o->overlay <= PLAN_OVERLAY_NONE && o->map <= PLAN_MAP_SELF);
	must(o->net <= PLAN_NET_OWN && o->terminal <= TERMINAL_NO);
	must(!o->name || *o->name);
	must(!o->net_log || *o->net_log);
	must(caps_parse("ALL", &all) == 0 && !((o->caps_add | o->caps_drop) & ~all));
}

/* The same options once more, and the operands behind a "--", which changes nothing. */
static void again_check(struct arena *a, char *const argv[], int argc, int first,
			const struct enter_options *o)
{
	const char **again = arena_alloc(a, (size_t)(argc + 2) * sizeof(*again));
	struct enter_options second = {0};
	int options = first, at;

	if (first > 0 && streq(argv[first - 1], "--"))
		return;
	memcpy(again, argv, (size_t)first * sizeof(*again));
	again[options++] = "--";
	memcpy(again + options, argv + first, (size_t)(argc - first) * sizeof(*again));
	must(opt_parse(enter_opts, a, argc + 1, (char *const *)again, &second, &at) == 0);
	must(at == first + 1);
	must(second.overlay == o->overlay && second.map == o->map && second.net == o->net);
	must(second.caps_add == o->caps_add && second.caps_drop == o->caps_drop);
	must(second.timeout_ms == o->timeout_ms && second.volumes.n == o->volumes.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autofree char *text = fuzz_string(data, size);
	char *argv[WORDS_MAX + 1], *rest = text;
	struct enter_options o = {0};
	int argc = 0, first = -1, r;

	while (rest && argc < WORDS_MAX)
		argv[argc++] = strsep(&rest, "\n");
	argv[argc] = NULL;
	fail_forget();
	r = opt_parse(enter_opts, &a, argc, argv, &o, &first);
	must(r <= OPT_ASKED_HELP);
	if (r < 0)
		fuzz_must_be_failure(r);
	if (r != 0)
		return 0;
	must(first >= 0 && first <= argc);
	must(first == argc || argv[first][0] != '-' || !argv[first][1] ||
	     streq(argv[first - 1], "--"));
	options_check(&o);
	again_check(&a, argv, argc, first, &o);
	return 0;
}
