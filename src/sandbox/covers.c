/* SPDX-License-Identifier: Apache-2.0 */
/* covers.c: what is sbx's own, which no sandbox may see or replace. */
#include "covers.h"

#include "mountinfo.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

/* The setup finds NAME, which is PATH inside the mount, again, and must find the same. */
static void cover_add(struct plan *p, size_t mount, const char *name, const char *path,
		      enum plan_cover_kind kind)
{
	struct plan_cover *covers;
	struct stat st = {0};

	for (size_t i = 0; i < p->n_covers; i++)
		if (p->covers[i].mount == mount && streq(p->covers[i].path, path))
			return;
	covers = arena_alloc(&p->arena, (p->n_covers + 1) * sizeof(*covers));
	if (p->n_covers)
		memcpy(covers, p->covers, p->n_covers * sizeof(*covers));
	/* What is gone by now is not found again either. */
	(void)lstat(name, &st);
	covers[p->n_covers++] = (struct plan_cover){mount, arena_strdup(&p->arena, path), kind,
						    st.st_dev, st.st_ino};
	p->covers = covers;
}

/* The way to a path, as the kernel walks it. */
struct way {
	struct strv
		steps;	 /* each name that is looked up, absolute, its parents without links */
	const char *end; /* where the way leads, or ends too early */
	bool is_whole;
	/* The same, and with it all other names of it, and of what is below the end. */
	struct strv names, ends;
};

enum { LINKS_MAX = 40 }; /* as the kernel has it */

static const char *link_read(struct arena *a, const char *path)
{
	char *target = arena_alloc(a, PATH_MAX);
	ssize_t n = readlink(path, target, PATH_MAX - 1);

	return n > 0 ? target : NULL;
}

static const char *parent_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_strndup(a, path, slash ? (size_t)(slash - path) : 0);
}

/* ---- other names of the same ---- */

struct host_mounts {
	struct mountinfo *v;
	size_t n;
};

static int host_mounts_read(struct arena *a, struct host_mounts *ret_mounts)
{
	enum { MAX = 64 << 20 };
	char *rest, *line;
	size_t len;
	int r = io_read_path("/proc/self/mountinfo", a, MAX, &rest, &len);

	*ret_mounts = (struct host_mounts){0};
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		struct host_mounts *m = ret_mounts;

		m->v = arena_grow(a, m->v, m->n, sizeof(*m->v));
		m->n += mountinfo_parse(line, &m->v[m->n]);
	}
	return r;
}

/* PATH, which is in FOLDER, as it is in OTHER. */
static const char *path_move(struct arena *a, const char *path, const char *folder,
			     const char *other)
{
	const char *rest = path + (streq(folder, "/") ? 0 : strlen(folder));

	rest = streq(rest, "/") ? "" : rest;
	return *rest && streq(other, "/") ? rest : arena_printf(a, "%s%s", other, rest);
}

static bool is_among(const struct strv *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->v[i], s))
			return true;
	return false;
}

static void name_add(struct arena *a, struct strv *names, const char *name)
{
	if (!is_among(names, name) && faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		strv_push(a, names, name);
}

/* A folder can be mounted elsewhere too, by itself or with one above it: the names that PATH has then.
 * With BELOW those too where something in it is mounted. A mount that another one hides gives a name
 * too many, which harms nobody. */
static void names_find(struct arena *a, const struct host_mounts *mounts, const char *path,
		       bool below, struct strv *ret_names)
{
	name_add(a, ret_names, path);
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mountinfo *in = &mounts->v[i];
		const char *inner;

		if (!path_is_in(path, in->point))
			continue;
		inner = path_move(a, path, in->point, in->root);
		for (size_t j = 0; j < mounts->n; j++) {
			const struct mountinfo *m = &mounts->v[j];

			if (j == i || !streq(m->device, in->device))
				continue;
			if (path_is_in(inner, m->root))
				name_add(a, ret_names, path_move(a, inner, m->root, m->point));
			else if (below && path_is_in(m->root, inner))
				name_add(a, ret_names, m->point);
		}
	}
}

static struct way way_walk(struct arena *a, const char *path)
{
	struct way w = {.end = "", .is_whole = true};
	char *rest = arena_strdup(a, path), *name;
	const char *step, *target;
	int links = 0;

	while (rest && (name = strsep(&rest, "/"))) {
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			w.end = parent_of(a, w.end);
			continue;
		}
		step = arena_printf(a, "%s/%s", w.end, name);
		if (faccessat(AT_FDCWD, step, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
			w.is_whole = false;
			break;
		}
		strv_push(a, &w.steps, step);
		target = link_read(a, step);
		if (!target) {
			w.end = step;
		} else if (links++ < LINKS_MAX) {
			rest = arena_printf(a, "%s/%s", target, rest ? rest : "");
			w.end = *target == '/' ? "" : w.end;
		} else {
			w.is_whole = false;
			break;
		}
	}
	w.end = *w.end ? w.end : "/";
	return w;
}

static struct way way_find(struct arena *a, const struct host_mounts *mounts, const char *path)
{
	struct way w = way_walk(a, path);

	for (size_t i = 0; i < w.steps.n; i++)
		names_find(a, mounts, w.steps.v[i], false, &w.names);
	names_find(a, mounts, w.end, w.is_whole, &w.ends);
	for (size_t i = 0; i < w.ends.n; i++)
		name_add(a, &w.names, w.ends.v[i]);
	return w;
}

/* Makes the folders that PATH lacks; whoever can't, can't inside either. */
static void folders_make(struct arena *a, const char *path)
{
	char *part = arena_strdup(a, path);

	for (char *slash = part; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(part, 0700);
		*slash = '/';
	}
	(void)mkdir(path, 0700);
}

/* The mounts that show something of the host's: number I, or the tree itself behind them. NULL
 * for a tmpfs. */
static const char *shown_by(const struct plan *p, size_t i)
{
	if (i < p->n_mounts)
		return p->mounts[i].kind == PLAN_MOUNT_BIND ? p->mounts[i].path : NULL;
	return p->root.overlay == PLAN_OVERLAY_NONE ? p->root.source : NULL;
}

/* Where that is. By its descriptor: its name may lead elsewhere by now. */
static bool shown_where(const struct plan *p, size_t i, char real[PATH_MAX])
{
	int fd = i < p->n_mounts ? p->mounts[i].source_fd : p->root.fd;
	char link[sizeof("/proc/self/fd/") + 10];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, PATH_MAX - 1);
	real[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool is_shown(const struct plan *p, const struct strv *names)
{
	char real[PATH_MAX];

	for (size_t i = 0; i <= p->n_mounts; i++) {
		if (!shown_by(p, i) || !shown_where(p, i, real))
			continue;
		for (size_t n = 0; n < names->n; n++)
			if (path_is_in(names->v[n], real))
				return true;
	}
	return false;
}

/* Whether a folder that is covered holds PATH. */
static bool is_covered(const struct plan *p, size_t mount, const char *path)
{
	for (size_t i = 0; i < p->n_covers; i++)
		if (p->covers[i].mount == mount && p->covers[i].kind == PLAN_COVER_HIDE &&
		    path_is_in(path, p->covers[i].path))
			return true;
	return false;
}

/* What a sandbox could write there, the next one would be made by: a compiled filter, a kept
 * sandbox's tree, a configuration. A bind that shows the end of the way gets it covered as KIND
 * says, and the way to it pinned; one from within it is refused. */
static int cover_way(struct plan *p, const struct way *w, enum plan_cover_kind kind,
		     const char *source, size_t i)
{
	size_t mount = i < p->n_mounts ? i : PLAN_COVER_ROOT;
	char real[PATH_MAX];

	if (!shown_where(p, i, real))
		return fail_sys("find out where '%s' is", source);
	for (size_t n = 0; w->is_whole && n < w->ends.n; n++)
		if (path_is_in(real, w->ends.v[n]))
			return fail_hint(fail(EPERM,
					      "'%s' is sbx's own, and no sandbox may see it",
					      source),
					 "bind a folder elsewhere");
	for (size_t n = 0; n < w->names.n; n++) {
		const char *name = w->names.v[n];
		bool is_end = w->is_whole && is_among(&w->ends, name);
		const char *inside = name + strlen(real) + !streq(real, "/");

		if (path_is_in(name, real) && !streq(name, real) &&
		    !is_covered(p, mount, inside))
			cover_add(p, mount, name, inside, is_end ? kind : PLAN_COVER_PIN);
	}
	return 0;
}

static int cover_path(struct plan *p, const struct host_mounts *mounts, const char *path,
		      enum plan_cover_kind kind)
{
	struct way way = way_find(&p->arena, mounts, path);
	int r = 0;

	if (!way.is_whole && is_shown(p, &way.ends)) {
		if (kind == PLAN_COVER_READONLY)
			return fail_hint(fail(ENOENT,
					      "the link '%s' leads to nothing, which a "
					      "sandbox could put there",
					      path),
					 "rm '%s'", path);
		folders_make(&p->arena, path);
		way = way_find(&p->arena, mounts, path);
	}
	for (size_t i = 0; i <= p->n_mounts && r == 0; i++) {
		const char *source = shown_by(p, i);

		if (source)
			r = cover_way(p, &way, kind, source, i);
	}
	return r;
}

/* Folders before files: what a covered folder holds wants no more. */
int covers_decide(struct plan *p)
{
	struct host_mounts mounts;
	int r = p->hidden.n + p->locked.n ? host_mounts_read(&p->arena, &mounts) : 0;

	for (size_t i = 0; i < p->hidden.n && r == 0; i++)
		r = cover_path(p, &mounts, p->hidden.v[i], PLAN_COVER_HIDE);
	for (size_t i = 0; i < p->locked.n && r == 0; i++)
		r = cover_path(p, &mounts, p->locked.v[i], PLAN_COVER_READONLY);
	return r;
}

static bool is_writable(const struct plan *p, size_t mount)
{
	return mount == PLAN_COVER_ROOT ? !p->root.readonly
					: !(p->mounts[mount].attrs & SYS_ATTR_RDONLY);
}

/* Whoever may mount may also unmount what covers. In a mount namespace inside, the mounts are
 * locked; but once a process there has the whole tree detached, names that are pinned move. */
int covers_check(const struct plan *p)
{
	const char *right = p->caps.bounding & 1ULL << CAP_SYS_ADMIN ? "SYS_ADMIN" : "--nested";

	for (size_t i = 0; i < p->n_covers; i++) {
		size_t mount = p->covers[i].mount;

		if (p->caps.bounding & 1ULL << CAP_SYS_ADMIN ||
		    (p->nested && is_writable(p, mount)))
			return fail_hint(
				fail(EPERM,
				     "a sandbox with %s could replace what is sbx's own in '%s'",
				     right,
				     mount == PLAN_COVER_ROOT ? p->root.path
							      : p->mounts[mount].source),
				"bind less than that, or leave %s out", right);
	}
	return 0;
}
