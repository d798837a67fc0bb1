/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c: from an upper and a tree to the list of changes. */
#include "changes.h"

#include "entry.h"
#include "marks.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* A sandbox can nest folders without end; each that is open costs three descriptors. */
enum { DEPTH_MAX = 200 };

struct walk {
	const struct changes_place *p;
	struct arena *a;
	struct changes *list;
	struct timespec born; /* the upper */
	int depth;
	size_t len;
	char path[PATH_MAX]; /* "" is the root */
	int r;		     /* the first failure */
};

/* The same folder in each layer; -EBADF where it has none. */
struct level {
	int upper, tree;
	int files;   /* of the sandbox's own /etc/hosts and the like */
	bool hidden; /* what the tree has here doesn't show */
};

/* ---- the list ---------------------------------------------------------------------------- */

static struct change *change_add(struct walk *w, char kind, const struct stat *now,
				 const struct stat *before, struct timespec since)
{
	struct changes *c = w->list;
	struct change *change;

	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct change *larger = arena_alloc(w->a, room * sizeof(*larger));

		if (c->n)
			memcpy(larger, c->v, c->n * sizeof(*larger));
		c->v = larger;
		c->room = room;
	}
	change = &c->v[c->n++];
	*change = (struct change){
		.kind = kind,
		.is_own = true,
		.path = arena_strdup(w->a, w->len ? w->path : "/"),
		.since = since,
	};
	if (now)
		change->now = *now;
	if (before)
		change->before = *before;
	return change;
}

static void too_deep(struct walk *w)
{
	if (w->list->too_deep++ == 0)
		w->list->too_deep_example = arena_strdup(w->a, w->path);
}

/* Puts NAME behind the path; false, and counted, where that is too long. *RET_LEN: what
 * path_pop() wants. */
static bool path_push(struct walk *w, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	if (w->len + 1 + len >= sizeof(w->path)) {
		too_deep(w);
		return false;
	}
	*ret_len = w->len;
	w->path[w->len] = '/';
	memcpy(w->path + w->len + 1, name, len + 1);
	w->len += 1 + len;
	return true;
}

static void path_pop(struct walk *w, size_t len)
{
	w->len = len;
	w->path[len] = '\0';
}

/* ---- looking ----------------------------------------------------------------------------- */

/* When NAME in DIR came to be, or the next best thing. */
static struct timespec born(const struct walk *w, int dir, const char *name)
{
	struct statx x;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &x) == 0 &&
	    (x.stx_mask & STATX_BTIME))
		return (struct timespec){.tv_sec = x.stx_btime.tv_sec,
					 .tv_nsec = x.stx_btime.tv_nsec};
	return (struct timespec){.tv_sec = w->p->made};
}

static bool is_there(int dir, const char *name, struct stat *ret_st)
{
	return dir >= 0 && fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int folder_find(int dir, const char *name)
{
	return dir < 0 ? -EBADF
		       : openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether NAME is a file of the sandbox's own, in whose place the tree's doesn't show. */
static bool is_own_file(const struct level *at, const char *name)
{
	struct stat st;

	return is_there(at->files, name, &st) && !S_ISDIR(st.st_mode);
}

/* The names in DIR, which may be O_PATH; NULL where they can't be read. */
static DIR *names_open(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream)
		(void)fd_close(fd);
	return stream;
}

static const char *names_next(DIR *stream)
{
	const struct dirent *e;

	while ((e = readdir(stream)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			return e->d_name;
	return NULL;
}

/* ---- what is gone ------------------------------------------------------------------------ */

static void deleted_below(struct walk *w, int tree, const char *name, struct timespec since);

/* The tree's NAME, and all below, is gone. */
static void deleted(struct walk *w, int tree, const char *name, const struct stat *st,
		    struct timespec since, bool is_implied)
{
	change_add(w, CHANGE_DELETED, NULL, st, since)->is_implied = is_implied;
	if (S_ISDIR(st->st_mode))
		deleted_below(w, tree, name, since);
}

static void deleted_below(struct walk *w, int tree, const char *name, struct timespec since)
{
	autoclose int folder = folder_find(tree, name);
	autodir DIR *stream = folder < 0 ? NULL : names_open(folder);
	const char *member;

	if (++w->depth > DEPTH_MAX)
		too_deep(w);
	while (stream && w->depth <= DEPTH_MAX && (member = names_next(stream))) {
		struct stat st;
		size_t len;

		if (!is_there(folder, member, &st) || !path_push(w, member, &len))
			continue;
		deleted(w, folder, member, &st, since, true);
		path_pop(w, len);
	}
	w->depth--;
}

/* In a hidden folder what the upper lacks is gone. */
static bool deleted_by_hiding(struct walk *w, const struct level *at)
{
	autodir DIR *stream = names_open(at->tree);
	const char *name;
	bool any = false;

	while (stream && (name = names_next(stream))) {
		struct stat st;
		size_t len;

		if (is_there(at->upper, name, &st) || is_own_file(at, name) ||
		    !is_there(at->tree, name, &st) || !path_push(w, name, &len))
			continue;
		deleted(w, at->tree, name, &st, w->born, false);
		path_pop(w, len);
		any = true;
	}
	return any;
}

/* ---- what is there ----------------------------------------------------------------------- */

static bool walk_level(struct walk *w, const struct level *at);

/* A folder that both have, in what it is itself. Where the sandbox's own files stand the upper
 * has copied that folder. */
static bool folder_is_same(const struct walk *w, const struct level *at, const char *name,
			   const struct stat *now, const struct stat *before)
{
	struct stat st;

	if (entry_is_same(at->upper, now, at->tree, before, name, w->p->squash))
		return true;
	return is_there(at->files, name, &st) && S_ISDIR(st.st_mode) &&
	       entry_is_same(at->upper, now, at->files, &st, name, w->p->squash);
}

static bool visit_folder(struct walk *w, const struct level *at, const char *name,
			 struct stat *now, const struct stat *before)
{
	bool was_folder = before && S_ISDIR(before->st_mode), is_own, any;
	autoclose int upper = entry_open(at->upper, name, now);
	autoclose int tree = was_folder ? folder_find(at->tree, name) : -EBADF;
	autoclose int files = folder_find(at->files, name);
	struct level below = {.upper = upper, .tree = tree, .files = files};

	/* The sandbox may be running. */
	if (upper == -ENOENT || upper == -ESTALE)
		return false;
	if (upper < 0) {
		if (w->r == 0)
			w->r = upper;
		return false;
	}
	if (was_folder)
		now->st_mode = mark_folder_mode(w->p->overlay, now->st_mode, before->st_mode);
	below.hidden = at->hidden || mark_is_opaque(w->p->overlay, upper);
	is_own = !was_folder || !folder_is_same(w, at, name, now, before);
	any = walk_level(w, &below);
	if (is_own || any)
		change_add(w, before ? CHANGE_CHANGED : CHANGE_ADDED, now, before,
			   born(w, at->upper, name))
			->is_own = is_own;
	return is_own || any;
}

static bool visit_file(struct walk *w, const struct level *at, const char *name,
		       struct stat *now, const struct stat *before)
{
	struct timespec since = born(w, at->upper, name);

	if (before && entry_is_same(at->upper, now, at->tree, before, name, w->p->squash))
		return false;
	change_add(w, before ? CHANGE_CHANGED : CHANGE_ADDED, now, before, since);
	if (before && S_ISDIR(before->st_mode))
		deleted_below(w, at->tree, name, since);
	return true;
}

static bool visit(struct walk *w, const struct level *at, const char *entry)
{
	struct stat now, before;
	const char *name;
	enum mark mark;
	bool was, any = false;
	size_t len;

	if (!is_there(at->upper, entry, &now))
		return false;
	mark = mark_read(w->p->overlay, at->upper, entry, &now, &name);
	if (mark == MARK_OWN || is_own_file(at, name) || !path_push(w, name, &len))
		return false;
	was = is_there(at->tree, name, &before);
	if (mark == MARK_WHITEOUT && was) {
		deleted(w, at->tree, name, &before, born(w, at->upper, entry), false);
		any = true;
	} else if (mark == MARK_NONE) {
		any = (S_ISDIR(now.st_mode) ? visit_folder : visit_file)(w, at, name, &now,
									 was ? &before : NULL);
	}
	path_pop(w, len);
	return any;
}

/* Whether anything at or below AT is a change. */
static bool walk_level(struct walk *w, const struct level *at)
{
	autodir DIR *stream = names_open(at->upper);
	const char *name;
	bool any = false;

	if (++w->depth > DEPTH_MAX) {
		too_deep(w);
		any = true;
	} else if (!stream && w->r == 0) {
		w->r = -errno;
	}
	while (stream && w->depth <= DEPTH_MAX && (name = names_next(stream)))
		any |= visit(w, at, name);
	if (at->hidden && at->tree >= 0 && w->depth <= DEPTH_MAX)
		any |= deleted_by_hiding(w, at);
	w->depth--;
	return any;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

int changes_list(const struct changes_place *p, struct arena *a, struct changes *ret_changes)
{
	struct walk w = {.p = p, .a = a, .list = ret_changes};
	autoclose int upper =
		openat(p->state, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int files = folder_find(p->state, "files");
	struct level top = {.upper = upper, .tree = p->tree, .files = files};
	struct stat now, before;
	bool is_own;

	*ret_changes = (struct changes){0};
	if (upper < 0 || fstat(upper, &now) < 0 || fstat(p->tree, &before) < 0)
		return fail_sys("open the upper of the sandbox");
	w.born = born(&w, upper, ".");
	top.hidden = mark_is_opaque(p->overlay, upper);
	(void)walk_level(&w, &top);
	/* Its owner is the sandbox's root, whoever the tree's is: sbx has made it so. That it holds
	 * changes goes without saying, as in Docker's list. */
	is_own = !entry_is_same(upper, &now, p->tree, &before, ".", true);
	if (is_own)
		change_add(&w, CHANGE_CHANGED, &now, &before, w.born)->is_own = is_own;
	if (w.r < 0)
		return fail(-w.r, "read the upper of the sandbox: %s", strerrordesc_np(-w.r));
	qsort(ret_changes->v, ret_changes->n, sizeof(*ret_changes->v), by_path);
	return 0;
}
