/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c: what is asked of a list of changes. */
#include "changes.h"

#include "entry.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- parts of the list ------------------------------------------------------------------- */

static bool is_selected(const struct change *change, const char *path, bool parents)
{
	return path_is_in(change->path, path) ||
	       (parents && change->is_own && S_ISDIR(change->now.st_mode) &&
		path_is_in(path, change->path));
}

static bool is_any_selected(const struct changes *c, const char *path)
{
	for (size_t i = 0; i < c->n; i++)
		if (path_is_in(c->v[i].path, path))
			return true;
	return false;
}

int changes_select(struct changes *c, const struct strv *paths, bool parents)
{
	int missing = -1;
	size_t kept = 0;

	for (size_t i = 0; i < paths->n && missing < 0; i++)
		if (!is_any_selected(c, paths->v[i]))
			missing = (int)i;
	for (size_t j = 0; j < c->n && paths->n > 0; j++)
		for (size_t i = 0; i < paths->n; i++)
			if (is_selected(&c->v[j], paths->v[i], parents)) {
				c->v[kept] = c->v[j];
				c->v[kept++].is_implied &= !streq(c->v[j].path, paths->v[i]);
				break;
			}
	if (paths->n > 0)
		c->n = kept;
	return missing;
}

static bool is_since(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec >= b.tv_nsec;
}

/* A folder that goes is judged by what is in it, each of which is in the list: its own status
 * changes with every entry, and with a part of it that was taken over. */
static bool is_changed_below(const struct change *change)
{
	if (!change->is_own || !change->before.st_mode)
		return false;
	if (S_ISDIR(change->before.st_mode) && !S_ISDIR(change->now.st_mode))
		return false;
	return is_since(change->before.st_ctim, change->since);
}

size_t changes_check(struct changes *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct change *change = &c->v[i];

		change->is_refused = is_changed_below(change);
		n += change->is_refused;
	}
	return n;
}

/* ---- sums -------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size, room = (uint64_t)st->st_blocks * 512;

	return !S_ISREG(st->st_mode) ? 0 : size < room ? size : room;
}

void changes_sum(const struct changes *c, struct changes_total *ret_total)
{
	struct changes_total total = {0};

	for (size_t i = 0; i < c->n; i++) {
		const struct change *change = &c->v[i];

		if (!change->is_own)
			continue;
		total.added += change->kind == CHANGE_ADDED;
		total.changed += change->kind == CHANGE_CHANGED;
		total.deleted += change->kind == CHANGE_DELETED;
		total.bytes += bytes_of(&change->now);
	}
	*ret_total = total;
}

struct count {
	const struct changes_place *p;
	struct changes_total *total; /* shared with the process that counts */
};

static int count_work(void *arg)
{
	const struct count *count = arg;
	struct arena a = {0};
	struct changes list;
	int r = changes_list(count->p, &a, &list);

	if (r == 0)
		changes_sum(&list, count->total);
	arena_done(&a);
	return r;
}

int changes_count(const struct changes_place *p, struct changes_total *ret_total)
{
	struct changes_total *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct count count = {.p = p, .total = shared};
	int r;

	if (shared == MAP_FAILED)
		return fail_sys("share memory");
	r = sandbox_run_mapped(p->ids, count_work, &count);
	if (r == 0)
		*ret_total = *shared;
	(void)munmap(shared, sizeof(*shared));
	return r;
}

/* ---- one of them ------------------------------------------------------------------------- */

/* The folder that PATH stands in; *RET_NAME: its name there. */
static int parent_open(const struct changes_place *p, const char *path, bool in_tree,
		       struct arena *a, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	autoclose int upper = in_tree ? -EBADF
				      : openat(p->state, "upper",
					       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (!slash || !slash[1])
		return -EISDIR;
	*ret_name = slash + 1;
	if (!in_tree && upper < 0)
		return -errno;
	return path_folder_beneath(in_tree ? p->tree : upper,
				   arena_strndup(a, path, (size_t)(slash - path)));
}

int changes_open(const struct changes_place *p, const char *path, bool in_tree)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const char *name;
	struct stat st;
	autoclose int parent = parent_open(p, path, in_tree, &a, &name);

	if (parent < 0)
		return parent;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? entry_open(parent, name, &st) : -EINVAL;
}

int changes_readlink(const struct changes_place *p, const char *path, bool in_tree,
		     struct arena *a, const char **ret_target)
{
	const char *name;
	autoclose int parent = parent_open(p, path, in_tree, a, &name);

	return parent < 0 ? parent : entry_readlink(parent, name, a, ret_target);
}

bool changes_raises_rights(const struct changes_place *p, const struct change *change)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct xattrs xattrs = {0};
	autoclose int fd = -EBADF;

	if (!change->is_own || !S_ISREG(change->now.st_mode))
		return false;
	if (change->now.st_mode & (S_ISUID | S_ISGID))
		return true;
	if (!(change->now.st_mode & 0111))
		return false;
	fd = changes_open(p, change->path, false);
	if (fd < 0 || entry_xattrs(fd, &a, &xattrs) < 0)
		return false;
	for (size_t i = 0; i < xattrs.n; i++)
		if (streq(xattrs.v[i].name, "security.capability"))
			return true;
	return false;
}
