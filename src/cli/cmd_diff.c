/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_diff.c: sbx diff. */
#include "changes_print.h"
#include "cli.h"
#include "kept.h"
#include "options.h"
#include "patch.h"

#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>

struct diff {
	const struct diff_options *o;
	const struct kept *kept;
	const struct strv *paths;
};

static int print(const struct diff *diff, struct arena *a, const struct changes *c)
{
	if (diff->o->json)
		return changes_print_json(c, stdout);
	if (diff->o->stat)
		return changes_print_stat(c, a, stdout);
	if (diff->o->patch)
		return patch_print(&diff->kept->place, c, stdout);
	changes_print(c, stdout);
	return 0;
}

/* In a process of its own: what it prints must have gone when it ends. */
static int diff_work(void *arg)
{
	const struct diff *diff = arg;
	SCOPE_END(arena_done) struct arena a = {0};
	struct changes c;
	int r = changes_list(&diff->kept->place, &a, &c);

	if (r < 0)
		return r;
	(void)changes_select(&c, diff->paths, false);
	r = print(diff, &a, &c);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = fail_sys("write to standard output");
	if (r == 0)
		changes_note_rights(&diff->kept->place, &c, "diff");
	if (r == 0 && c.too_deep)
		r = fail(ELOOP,
			 "%zu folders are nested too deeply to be looked into, such as '%s'",
			 c.too_deep, c.too_deep_example);
	return r;
}

void changes_paths(const struct invocation *inv, struct strv *paths)
{
	for (int i = 1; i < inv->argc; i++)
		strv_push(inv->arena, paths, path_clean(inv->arena, inv->argv[i]));
}

int cmd_diff(const struct invocation *inv)
{
	SCOPE_END(kept_done) struct kept kept = KEPT_NONE;
	const struct diff_options *o = inv->options;
	struct strv paths = {0};
	struct diff diff = {.o = o, .kept = &kept, .paths = &paths};
	int r;

	if (o->json + o->stat + o->patch > 1)
		return fail_hint(fail(EINVAL, "--json, --stat and --patch exclude each other"),
				 "leave all but one of them out");
	r = kept_open(&kept, inv->arena, inv->argv[0]);
	if (r == 0)
		r = kept_recover(&kept, "diff");
	changes_paths(inv, &paths);
	if (r == 0)
		r = sandbox_run_mapped(&kept.ids, diff_work, &diff);
	return r;
}
