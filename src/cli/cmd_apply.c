/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_apply.c: sbx apply. */
#include "changes_print.h"
#include "cli.h"
#include "kept.h"
#include "options.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <limits.h>

struct apply {
	const struct apply_options *o;
	const struct kept *kept;
	const struct strv *paths;
};

/* One line on stderr for each, since there can be many. */
static void refused_print(const char *path, const char *why)
{
	static char shown[4 * PATH_MAX], line[sizeof(shown) + 128];
	int len = snprintf(line, sizeof(line), "sbx: apply: '%s' %s\n",
			   str_escape(shown, sizeof(shown), path), why);

	(void)io_write_all(STDERR_FILENO, line, (size_t)len);
}

static int below_check(const struct apply *apply, struct changes *c)
{
	size_t n = changes_check(c);

	if (n == 0 || apply->o->force)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].is_refused)
			refused_print(c->v[i].path,
				      "changed in the tree since the sandbox took it");
	return fail_hint(fail(EEXIST,
			      "%zu path%s changed in the tree meanwhile: nothing is written", n,
			      n == 1 ? " has" : "s have"),
			 "sbx diff -p %s PATH shows both; --force takes what the sandbox has",
			 apply->kept->container.name);
}

static int list_make(const struct apply *apply, struct arena *a, struct changes *c)
{
	char shown[OPT_SHOWN_MAX];
	int missing, r = changes_list(&apply->kept->place, a, c);

	if (r < 0)
		return r;
	if (c->too_deep)
		return fail_hint(
			fail(ELOOP,
			     "%zu folders are nested too deeply to be taken over, such as '%s'",
			     c->too_deep, c->too_deep_example),
			"remove them in the sandbox");
	missing = changes_select(c, apply->paths, true);
	if (missing >= 0)
		return fail_hint(fail(ENOENT, "nothing is changed at or below %s",
				      opt_shown(shown, apply->paths->v[missing])),
				 "sbx diff %s lists what is", apply->kept->container.name);
	return 0;
}

static int write_all(const struct apply *apply, struct arena *a, const struct changes *c)
{
	struct strv left = {0};
	int r = changes_apply(&apply->kept->place, a, c, &left);

	for (size_t i = 0; i < left.n; i++)
		refused_print(left.v[i],
			      "was changed in the tree just now, and is left as it is");
	if (r == 0 && left.n > 0)
		r = fail_hint(fail(EBUSY, "%zu path%s not taken over", left.n,
				   left.n == 1 ? " was" : "s were"),
			      "sbx diff %s lists what is still in the sandbox",
			      apply->kept->container.name);
	return r;
}

static int apply_work(void *arg)
{
	const struct apply *apply = arg;
	SCOPE_END(arena_done) struct arena a = {0};
	struct changes c;
	int r = list_make(apply, &a, &c);

	if (r < 0)
		return r;
	r = below_check(apply, &c);
	if (r == 0)
		r = changes_may_write(&apply->kept->place, &c);
	if (r == 0 && c.n > 0)
		changes_note_rights(&apply->kept->place, &c, "apply");
	if (r == 0 && !apply->o->dry_run && c.n > 0)
		r = write_all(apply, &a, &c);
	if (r < 0 && !apply->o->dry_run)
		return r;
	changes_print(&c, stdout);
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0)
		r = fail_sys("write to standard output");
	return r;
}

int cmd_apply(const struct invocation *inv)
{
	SCOPE_END(kept_done) struct kept kept = KEPT_NONE;
	struct strv paths = {0};
	struct apply apply = {.o = inv->options, .kept = &kept, .paths = &paths};
	int r = kept_open(&kept, inv->arena, inv->argv[0]);

	if (r == 0)
		r = kept_hold(&kept, "apply");
	changes_paths(inv, &paths);
	if (r == 0)
		r = sandbox_run_mapped(&kept.ids, apply_work, &apply);
	return r;
}
