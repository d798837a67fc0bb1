/* SPDX-License-Identifier: Apache-2.0 */
/* drop.c: what was taken over goes from the upper. */
#include "apply.h"
#include "entry.h"
#include "marks.h"

#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH_MAX = 200 };

struct drop {
	const struct apply *ap;
	struct strv done; /* paths, sorted */
	int depth, r;
	size_t len;
	char path[PATH_MAX];
};

struct level {
	int upper, tree, files;
	bool hidden;
};

static bool is_there(int dir, const char *name, struct stat *ret_st)
{
	return dir >= 0 && fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int folder_find(int dir, const char *name)
{
	return dir < 0 ? -EBADF
		       : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The names in DIR: they are read before any of them goes. -errno where they can't be. */
static int names_read(int dir, struct arena *a, struct strv *ret_names)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream) {
		(void)fd_close(fd);
		return -errno;
	}
	for (struct dirent *e; (e = readdir(stream));)
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			strv_push(a, ret_names, arena_strdup(a, e->d_name));
	return 0;
}

/* ---- folders that hide ------------------------------------------------------------------- */

static bool covers(const struct drop *d, const struct level *at, int depth);

/* Whether the upper has something that stands over the tree's NAME. */
static bool covers_name(const struct drop *d, const struct level *at, const char *name,
			int depth)
{
	enum plan_overlay driver = d->ap->p->overlay;
	struct stat upper, tree, own;
	const char *meant;

	if (is_there(at->files, name, &own) && !S_ISDIR(own.st_mode))
		return true;
	if (!is_there(at->upper, name, &upper) ||
	    mark_read(driver, at->upper, name, &upper, &meant) != MARK_NONE)
		return false;
	if (!is_there(at->tree, name, &tree) || !S_ISDIR(tree.st_mode) ||
	    !S_ISDIR(upper.st_mode))
		return true;
	autoclose int below_upper = folder_find(at->upper, name);
	autoclose int below_tree = folder_find(at->tree, name);
	autoclose int below_files = folder_find(at->files, name);
	const struct level below = {below_upper, below_tree, below_files, true};

	if (below_upper < 0)
		return false;
	return mark_is_opaque(driver, below_upper) || covers(d, &below, depth + 1);
}

/* Whether nothing of the tree would show if the upper's folder didn't hide it. */
static bool covers(const struct drop *d, const struct level *at, int depth)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct strv names = {0};

	if (depth > DEPTH_MAX || names_read(at->tree, &a, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++)
		if (!covers_name(d, at, names.v[i], depth))
			return false;
	return true;
}

/* ---- the walk ---------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_done(const struct drop *d)
{
	const char *path = d->path;

	return d->done.n > 0 &&
	       bsearch(&path, d->done.v, d->done.n, sizeof(*d->done.v), by_text);
}

static void failed(struct drop *d, int r)
{
	if (d->r == 0)
		d->r = r;
}

static void drop_level(struct drop *d, struct level *at);

static void drop_folder(struct drop *d, const struct level *at, const char *name,
			struct stat *st)
{
	autoclose int upper = folder_find(at->upper, name);
	autoclose int tree = folder_find(at->tree, name);
	autoclose int files = folder_find(at->files, name);
	struct level below = {upper, tree, files, at->hidden};
	struct stat st_tree;

	if (upper < 0)
		return;
	drop_level(d, &below);
	/* One that is as the tree's is and holds nothing says nothing. */
	if (below.hidden || tree < 0 || fstat(tree, &st_tree) < 0)
		return;
	st->st_mode = mark_folder_mode(d->ap->p->overlay, st->st_mode, st_tree.st_mode);
	if (entry_is_same(at->upper, st, at->tree, &st_tree, name, d->ap->p->squash))
		(void)unlinkat(at->upper, name, AT_REMOVEDIR);
}

static void drop_entry(struct drop *d, const struct level *at, const char *entry)
{
	enum plan_overlay driver = d->ap->p->overlay;
	size_t len = d->len, more;
	const char *name;
	struct stat st;
	enum mark mark;

	if (!is_there(at->upper, entry, &st))
		return;
	mark = mark_read(driver, at->upper, entry, &st, &name);
	more = strlen(name) + 1;
	if (mark == MARK_OWN || len + more >= sizeof(d->path))
		return;
	(void)snprintf(d->path + len, sizeof(d->path) - len, "/%s", name);
	d->len += more;
	if (mark == MARK_NONE && S_ISDIR(st.st_mode))
		drop_folder(d, at, name, &st);
	else if (is_done(d) && !at->hidden && unlinkat(at->upper, entry, 0) < 0)
		failed(d, -errno);
	d->len = len;
	d->path[len] = '\0';
}

static void drop_level(struct drop *d, struct level *at)
{
	SCOPE_END(arena_done) struct arena a = {0};
	enum plan_overlay driver = d->ap->p->overlay;
	struct strv names = {0};

	if (d->depth == DEPTH_MAX)
		return;
	d->depth++;
	if (mark_is_opaque(driver, at->upper)) {
		if (!at->hidden && at->tree >= 0 && covers(d, at, d->depth))
			failed(d, mark_clear_opaque(driver, at->upper));
		else
			at->hidden = true;
	}
	failed(d, names_read(at->upper, &a, &names));
	for (size_t i = 0; i < names.n; i++)
		drop_entry(d, at, names.v[i]);
	d->depth--;
}

int drop_done(struct apply *ap)
{
	struct drop d = {.ap = ap};
	autoclose int files = folder_find(ap->p->state, "files");
	struct level top = {ap->upper, ap->p->tree, files, false};

	/* What was cleared for something else goes when that has come. */
	for (size_t i = 0; i < ap->j->n; i++) {
		const struct op *op = &ap->j->v[i];

		if (op->is_done && (op->kind == OP_REMOVE || op->kind == OP_PUT))
			strv_push(ap->a, &d.done, op->path);
	}
	if (d.done.n)
		qsort(d.done.v, d.done.n, sizeof(*d.done.v), by_text);
	drop_level(&d, &top);
	return d.r < 0 ? fail(-d.r, "take what was applied out of the sandbox: %s",
			      strerrordesc_np(-d.r))
		       : 0;
}
