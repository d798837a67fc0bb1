/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rm.c: sbx rm. */
#include "cli.h"
#include "kept.h"
#include "options.h"

#include "container/container.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>

static int refuse_running(const struct container *c)
{
	return fail_hint(fail(EBUSY, "the sandbox '%s' is running", c->name),
			 "sbx rm --force %s ends it first", c->name);
}

/* The tree is whole again before what could mend it goes. One whose tree isn't there any more
 * has nothing to mend. */
static int apply_end(struct container *c, bool force)
{
	SCOPE_END(kept_done) struct kept kept = KEPT_NONE;
	int r;

	if (c->is_damaged)
		return 0;
	/* Not before it is ours: somebody who applies, or was just killed, may hold it. */
	r = container_hold(c);
	if (r < 0) {
		fail_forget();
		return force ? 0 : refuse_running(c);
	}
	if (!changes_are_pending(c->dir))
		return 0;
	r = kept_take(&kept, c);
	if (r == 0)
		r = kept_recover(&kept, "rm");
	if (r == -ENOENT || (r < 0 && force)) {
		fail_forget();
		r = 0;
	}
	return r;
}

static int find_one(struct container_store *store, struct arena *a, const char *name,
		    struct container *ret_container)
{
	char shown[OPT_SHOWN_MAX];
	int r = container_find(store, a, name, ret_container);

	if (r == -ENOENT)
		r = container_find_damaged(store, a, name, ret_container);
	if (r == -ENOENT)
		return fail_hint(fail(ENOENT, "there is no kept sandbox %s",
				      opt_shown(shown, name)),
				 "sbx ls lists those that there are");
	return r;
}

static int check_one(struct container_store *store, struct arena *a, const char *name)
{
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = find_one(store, a, name, &c);

	return r == 0 && c.is_running && !c.is_damaged ? refuse_running(&c) : r;
}

static int remove_one(struct container_store *store, struct arena *a, const char *name,
		      const struct rm_options *o)
{
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = find_one(store, a, name, &c);

	if (r == -ENOENT && o->force) {
		fail_forget();
		return 0;
	}
	if (r == 0)
		r = apply_end(&c, o->force);
	if (r == 0)
		r = container_remove(store, &c, o->force);
	if (r == 0)
		puts(name);
	return r;
}

/* The operands. A mistake in one of them removes nothing. */
static int names_asked(struct container_store *store, const struct invocation *inv, bool force,
		       struct strv *names)
{
	int r = 0;

	for (int i = 0; i < inv->argc && r == 0; i++) {
		strv_push(inv->arena, names, inv->argv[i]);
		if (!force)
			r = check_one(store, inv->arena, inv->argv[i]);
	}
	return r;
}

/* Of all sandboxes those that can go, and, unless FORCE, those that run and so stay. */
static void names_of_all(struct container_store *store, struct arena *a, bool force,
			 struct strv *names, struct strv *running)
{
	struct container *list;
	size_t n;

	if (container_list(store, a, &list, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		strv_push(a, list[i].is_running && !force ? running : names,
			  list[i].is_damaged ? arena_strdup(a, list[i].id) : list[i].name);
}

static int running_stay(struct arena *a, const struct strv *running)
{
	enum { SHOWN = 8 };
	const char *all = "";

	for (size_t i = 0; i < running->n && i < SHOWN; i++)
		all = arena_printf(a, "%s%s%s", all, i ? ", " : "", running->v[i]);
	if (running->n > SHOWN)
		all = arena_printf(a, "%s and %zu more", all, running->n - SHOWN);
	return fail_hint(fail(EBUSY, "running, and so not removed: %s", all),
			 "sbx rm --all --force ends them first");
}

int cmd_rm(const struct invocation *inv)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	const struct rm_options *o = inv->options;
	struct fail_saved saved;
	struct strv names = {0}, running = {0};
	int first, r;

	if (inv->argc == 0 && !o->all)
		return fail_hint(fail(EINVAL, "no sandbox named"),
				 "sbx rm NAME..., or sbx rm --all");
	r = container_store_open(inv->arena, true, &store);
	if (r < 0)
		return r;
	container_sweep(&store);
	r = names_asked(&store, inv, o->force, &names);
	if (r < 0)
		return r;
	if (o->all)
		names_of_all(&store, inv->arena, o->force, &names, &running);
	/* One that can't go doesn't keep the others; the first failure is told. */
	first = 0;
	for (size_t i = 0; i < names.n; i++) {
		r = remove_one(&store, inv->arena, names.v[i], o);
		if (r < 0 && first == 0) {
			first = r;
			fail_save(&saved);
		}
	}
	if (first < 0)
		fail_restore(&saved);
	else if (running.n > 0)
		first = running_stay(inv->arena, &running);
	return first;
}
