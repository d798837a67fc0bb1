/* SPDX-License-Identifier: Apache-2.0 */
/* entry.c: one file or folder of an upper or a tree. */
#include "entry.h"

#include "marks.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

int entry_open(int dir, const char *name, const struct stat *st)
{
	autoclose int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) < 0)
		return -errno;
	if (now.st_dev != st->st_dev || now.st_ino != st->st_ino ||
	    (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return -ESTALE;
	if (!S_ISREG(now.st_mode) && !S_ISDIR(now.st_mode))
		return -EINVAL;
	return path_reopen(fd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int entry_readlink(int dir, const char *name, struct arena *a, const char **ret_target)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	*ret_target = arena_strndup(a, target, (size_t)n);
	return 0;
}

/* ---- xattrs ------------------------------------------------------------------------------ */

/* LEN of a value or list of at most 64 KiB (XATTR_SIZE_MAX); a file system without xattrs has
 * none. */
static ssize_t or_none(ssize_t len)
{
	return len < 0 && (errno == EOPNOTSUPP || errno == ENODATA) ? 0
	       : len < 0					    ? -errno
								    : len;
}

int entry_xattrs(int fd, struct arena *a, struct xattrs *ret_xattrs)
{
	ssize_t room = or_none(flistxattr(fd, NULL, 0)), len;
	struct xattrs list = {0};
	char *names;

	*ret_xattrs = list;
	if (room <= 0)
		return (int)room;
	names = arena_alloc(a, (size_t)room + 1);
	len = or_none(flistxattr(fd, names, (size_t)room));
	if (len <= 0)
		return (int)len;
	/* A name has one byte and its end at least. */
	list.v = arena_alloc(a, ((size_t)len / 2 + 1) * sizeof(*list.v));
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		struct xattr *x = &list.v[list.n];
		ssize_t n;

		if (mark_is_own_xattr(name))
			continue;
		n = or_none(fgetxattr(fd, name, NULL, 0));
		if (n < 0)
			return (int)n;
		x->value = arena_alloc(a, (size_t)n + 1);
		n = or_none(fgetxattr(fd, name, (char *)x->value, (size_t)n));
		if (n < 0)
			return (int)n;
		x->name = name;
		x->len = (size_t)n;
		list.n++;
	}
	*ret_xattrs = list;
	return 0;
}

static const struct xattr *xattr_find(const struct xattrs *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->v[i].name, name))
			return &list->v[i];
	return NULL;
}

static bool xattr_is_same(const struct xattr *a, const struct xattr *b)
{
	return a && b && a->len == b->len && memcmp(a->value, b->value, a->len) == 0;
}

static bool xattrs_are_same(int a, int b)
{
	SCOPE_END(arena_done) struct arena arena = {0};
	struct xattrs of_a, of_b;

	if (entry_xattrs(a, &arena, &of_a) < 0 || entry_xattrs(b, &arena, &of_b) < 0 ||
	    of_a.n != of_b.n)
		return false;
	for (size_t i = 0; i < of_a.n; i++)
		if (!xattr_is_same(&of_a.v[i], xattr_find(&of_b, of_a.v[i].name)))
			return false;
	return true;
}

int entry_set_xattrs(int fd, struct arena *a, const struct xattrs *wanted,
		     const char **ret_name)
{
	struct xattrs have;
	int r = entry_xattrs(fd, a, &have);

	*ret_name = "";
	for (size_t i = 0; r == 0 && i < have.n; i++)
		if (!xattr_find(wanted, have.v[i].name)) {
			*ret_name = have.v[i].name;
			r = fremovexattr(fd, have.v[i].name) < 0 ? -errno : 0;
		}
	for (size_t i = 0; r == 0 && i < wanted->n; i++) {
		const struct xattr *x = &wanted->v[i];

		*ret_name = x->name;
		if (!xattr_is_same(x, xattr_find(&have, x->name)))
			r = fsetxattr(fd, x->name, x->value, x->len, 0) < 0 ? -errno : 0;
	}
	return r;
}

/* ---- content ----------------------------------------------------------------------------- */

/* Where FD has data next at or after AT, and in *RET_END where that ends; SIZE where there is
 * none. What a file system can't tell is data. */
static off_t data_next(int fd, off_t at, off_t size, off_t *ret_end)
{
	off_t start = lseek(fd, at, SEEK_DATA), end;

	*ret_end = size;
	if (start < 0)
		return errno == ENXIO ? size : at;
	end = lseek(fd, start, SEEK_HOLE);
	if (end > start && end < size)
		*ret_end = end;
	return start < size ? start : size;
}

static ssize_t chunk_read(int fd, char *chunk, size_t len, off_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, chunk + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Reads where one of both has data: elsewhere both have zeros. */
static bool content_is_same(int a, int b, off_t size)
{
	SCOPE_END(arena_done) struct arena arena = {0};
	char *of_a = arena_alloc(&arena, CHUNK), *of_b = arena_alloc(&arena, CHUNK);

	for (off_t at = 0; at < size;) {
		off_t end_a, end_b;
		off_t start_a = data_next(a, at, size, &end_a);
		off_t start_b = data_next(b, at, size, &end_b);
		off_t end = start_a <= start_b ? end_a : end_b;
		ssize_t n;

		at = start_a <= start_b ? start_a : start_b;
		if (at >= size)
			return true;
		if (end - at > CHUNK)
			end = at + CHUNK;
		n = chunk_read(a, of_a, (size_t)(end - at), at);
		if (n != end - at || chunk_read(b, of_b, (size_t)n, at) != n ||
		    memcmp(of_a, of_b, (size_t)n) != 0)
			return false;
		at = end;
	}
	return true;
}

int entry_copy_data(int from, int to, off_t size)
{
	SCOPE_END(arena_done) struct arena arena = {0};
	char *chunk = arena_alloc(&arena, CHUNK);

	if (ftruncate(to, size) < 0)
		return -errno;
	for (off_t at = 0, end; at < size; at = end) {
		ssize_t n;
		int r;

		at = data_next(from, at, size, &end);
		if (at >= size)
			break;
		if (end - at > CHUNK)
			end = at + CHUNK;
		n = chunk_read(from, chunk, (size_t)(end - at), at);
		if (n < 0)
			return (int)n;
		if (n != end - at)
			return -ESTALE;
		r = lseek(to, at, SEEK_SET) < 0 ? -errno : io_write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool link_is_same(int a, int b, const char *name)
{
	SCOPE_END(arena_done) struct arena arena = {0};
	const char *of_a = "", *of_b = "";

	return entry_readlink(a, name, &arena, &of_a) == 0 &&
	       entry_readlink(b, name, &arena, &of_b) == 0 && streq(of_a, of_b);
}

static bool opened_is_same(int a, const struct stat *st_a, int b, const struct stat *st_b,
			   const char *name)
{
	autoclose int fd_a = entry_open(a, name, st_a);
	autoclose int fd_b = fd_a < 0 ? -EBADF : entry_open(b, name, st_b);

	/* Of a folder that can only be passed through the xattrs can't be read; an overlay
	 * couldn't either. */
	if (fd_b == -EACCES && S_ISDIR(st_b->st_mode))
		return true;
	if (fd_a < 0 || fd_b < 0 || !xattrs_are_same(fd_a, fd_b))
		return false;
	return S_ISDIR(st_a->st_mode) || content_is_same(fd_a, fd_b, st_a->st_size);
}

bool entry_is_same(int a, const struct stat *st_a, int b, const struct stat *st_b,
		   const char *name, bool squash)
{
	if (st_a->st_mode != st_b->st_mode)
		return false;
	if (!squash && (st_a->st_uid != st_b->st_uid || st_a->st_gid != st_b->st_gid))
		return false;
	if (S_ISLNK(st_a->st_mode))
		return link_is_same(a, b, name);
	if (S_ISDIR(st_a->st_mode))
		return opened_is_same(a, st_a, b, st_b, name);
	if (st_a->st_mtim.tv_sec != st_b->st_mtim.tv_sec ||
	    st_a->st_mtim.tv_nsec != st_b->st_mtim.tv_nsec)
		return false;
	if (S_ISREG(st_a->st_mode))
		return st_a->st_size == st_b->st_size && opened_is_same(a, st_a, b, st_b, name);
	return st_a->st_rdev == st_b->st_rdev;
}
