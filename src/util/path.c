/* SPDX-License-Identifier: Apache-2.0 */
/* path.c: paths below a root whose owner may be hostile. */
#include "path.h"

#include "fail.h"
#include "io.h"
#include "scope.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { LINKS_MAX = 40, DEPTH_MAX = PATH_MAX / 2 };

/* A walk keeps the descriptor of every folder from the root down, so that ".." is a step back
 * to one that was checked, never a lookup. What it stands on is a folder, but at the very end.
 * Deeper than there are descriptors it fails with -EMFILE, where openat2 goes on. */
struct walk {
	int root;
	int dirs[DEPTH_MAX];
	int depth;
	int links;
	char rest[PATH_MAX]; /* what is still to be walked */
};

static void walk_done(struct walk *w)
{
	while (w->depth > 0)
		(void)fd_close(w->dirs[--w->depth]);
}

static int walk_here(const struct walk *w)
{
	return w->depth > 0 ? w->dirs[w->depth - 1] : w->root;
}

/* Cuts the next component off w->rest into NAME; false at the end. *RET_LAST: nothing follows,
 * not even a slash, which asks for a folder. */
static bool walk_next(struct walk *w, char name[NAME_MAX + 1], bool *ret_last, int *ret_error)
{
	char *p = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(p, "/");

	*ret_error = 0;
	if (len == 0)
		return false;
	if (len > NAME_MAX) {
		*ret_error = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, p, len);
	name[len] = '\0';
	*ret_last = p[len] == '\0';
	memmove(w->rest, p + len, strlen(p + len) + 1);
	return true;
}

/* Whether the kernel would take the link LINK in FOLDER elsewhere than its text says: those of
 * procfs that belong to a process. The others are in its root, whose inode is always 1. */
static bool is_magic(int folder, int link)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(link, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	       fstat(folder, &st) == 0 && st.st_ino != 1;
}

/* Puts the target of the link FD in front of what is still to be walked. */
static int walk_link(struct walk *w, int fd)
{
	char target[PATH_MAX];
	size_t rest = strlen(w->rest);
	ssize_t n;

	if (++w->links > LINKS_MAX || is_magic(walk_here(w), fd))
		return -ELOOP;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n + rest + 1 > sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + n, w->rest, rest + 1);
	memcpy(w->rest, target, (size_t)n);
	if (target[0] == '/')
		walk_done(w);
	return 0;
}

static int walk_step(struct walk *w, const char *name, bool last, int flags)
{
	autoclose int fd = -EBADF;
	struct stat st;

	fd = openat(walk_here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW)))
		return walk_link(w, fd);
	if (!last && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (w->depth == DEPTH_MAX)
		return -ENAMETOOLONG;
	w->dirs[w->depth++] = take_fd(&fd);
	return 0;
}

struct fd_path fd_path(int fd)
{
	struct fd_path p;

	(void)snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}

int path_reopen(int fd, int flags)
{
	int r;

	if (flags & O_PATH) {
		struct stat st;

		if ((flags & O_DIRECTORY) && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
			return -ENOTDIR;
		r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	} else {
		r = open(fd_path(fd).s, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	}
	return r < 0 ? -errno : r;
}

static int open_in_by_walk(int root, const char *path, int flags)
{
	__attribute__((cleanup(walk_done))) struct walk w = {.root = root};
	char name[NAME_MAX + 1];
	bool last;
	int r;

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= sizeof(w.rest))
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	while (walk_next(&w, name, &last, &r)) {
		if (streq(name, "."))
			continue;
		if (streq(name, "..")) {
			if (w.depth > 0)
				(void)fd_close(w.dirs[--w.depth]);
			continue;
		}
		r = walk_step(&w, name, last, flags);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : path_reopen(walk_here(&w), flags);
}

int path_open_in(int root, const char *path, int flags)
{
	int r = sys_openat2(root, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	/* -EAGAIN: somebody somewhere renamed or mounted something while the kernel went up
	 * "..".
	 */
	if (r == -ENOSYS || r == -EAGAIN)
		r = open_in_by_walk(root, path, flags);
	return r;
}

int path_folder_beneath(int root, const char *path)
{
	autoclose int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (const char *p = path + strspn(path, "/"); at >= 0 && *p; p += strspn(p, "/")) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(p, "/");
		int next;

		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, p, len);
		name[len] = '\0';
		p += len;
		if (streq(name, "."))
			continue;
		if (streq(name, ".."))
			return -EXDEV;
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		(void)fd_close(at);
		at = next;
	}
	return at < 0 ? -errno : take_fd(&at);
}

/* Opens NAME in the folder PARENT, itself and not what it might link to, and checks its type.
 */
static int target_open(int parent, const char *name, enum path_type type)
{
	autoclose int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (type == PATH_FOLDER && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (type == PATH_FILE && S_ISDIR(st.st_mode))
		return -EISDIR;
	return take_fd(&fd);
}

static int target_make(int parent, const char *name, enum path_type type, mode_t mode)
{
	int r;

	if (type == PATH_FOLDER)
		return mkdirat(parent, name, mode ? mode : 0755) < 0 && errno != EEXIST ? -errno
											: 0;
	r = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC,
		   mode ? mode : 0644);
	if (r < 0)
		return errno == EEXIST ? 0 : -errno;
	(void)fd_close(r);
	return 0;
}

/* What can neither be made nor be opened as it is: above the root stands the host's. */
static bool is_dots(const char *name)
{
	return streq(name, ".") || streq(name, "..");
}

/* The folder PATH, made where it is missing, from the root down. PATH is cut on the way, and
 * whole again at the end. */
static int parent_make(int root, char *path, const struct path_maker *maker)
{
	autoclose int at = path_open_in(root, ".", O_PATH | O_DIRECTORY);
	char *end = path + strspn(path, "/");

	while (at >= 0 && *end) {
		const char *name = end;
		char behind;
		int r;

		end += strcspn(end, "/");
		behind = *end;
		*end = '\0';
		r = path_open_in(root, path, O_PATH | O_DIRECTORY);
		if (r == -ENOENT && !is_dots(name) && maker->may_make(maker->context, at)) {
			r = target_make(at, name, PATH_FOLDER, maker->parent_mode);
			r = r < 0 ? r : target_open(at, name, PATH_FOLDER);
		}
		*end = behind;
		end += strspn(end, "/");
		(void)fd_close(at);
		at = r;
	}
	return take_fd(&at);
}

/* The last component of PATH, cut off with the slashes around it. What is left in PATH is its
 * parent. */
static int target_cut(char *path, char name[NAME_MAX + 1])
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	if (end - start > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	path[start] = '\0';
	return 0;
}

static bool always(void *context, int dir)
{
	return true;
}

int path_target_in(int root, const char *path, enum path_type type, bool create)
{
	static const struct path_maker anywhere = {.may_make = always};

	return path_target_make_in(root, path, type, create ? &anywhere : NULL);
}

int path_parent_make_in(int root, const char *path, const struct path_maker *maker,
			char ret_name[NAME_MAX + 1])
{
	char rest[PATH_MAX];
	int r;

	if (strlen(path) >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(rest, path, strlen(path) + 1);
	r = target_cut(rest, ret_name);
	if (r < 0)
		return r;
	r = path_open_in(root, *rest ? rest : ".", O_PATH | O_DIRECTORY);
	return r == -ENOENT && maker ? parent_make(root, rest, maker) : r;
}

int path_target_make_in(int root, const char *path, enum path_type type,
			const struct path_maker *maker)
{
	char name[NAME_MAX + 1];
	autoclose int parent = path_parent_make_in(root, path, maker, name);
	int r;

	if (parent < 0)
		return parent;
	if (!*name || is_dots(name))
		return type == PATH_FILE
			       ? -EISDIR
			       : path_open_in(root, *path ? path : ".", O_PATH | O_DIRECTORY);
	r = target_open(parent, name, type);
	if (r != -ENOENT || !maker || !maker->may_make(maker->context, parent))
		return r;
	r = target_make(parent, name, type, maker->mode);
	return r < 0 ? r : target_open(parent, name, type);
}

int path_read_in(int root, const char *path, struct arena *a, size_t max, char **ret_data,
		 size_t *ret_len)
{
	autoclose int fd = path_open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fd;
	return io_read_file(fd, a, max, ret_data, ret_len);
}

char *path_clean(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t used = 0;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.') {
			while (used > 0 && out[--used] != '/')
				;
		} else if (len > 0 && !(len == 1 && p[0] == '.')) {
			out[used++] = '/';
			memcpy(out + used, p, len);
			used += len;
		}
		p += len;
		p += *p == '/';
	}
	if (used == 0)
		out[used++] = '/';
	out[used] = '\0';
	return out;
}

bool path_is_in(const char *path, const char *folder)
{
	const char *rest = str_after(path, folder);

	return rest && (*rest == '\0' || *rest == '/' || streq(folder, "/"));
}

/* ---- removal ---------------------------------------------------------------------------- */

/* A level that is open costs a descriptor and a piece of the stack, and a sandbox can nest
 * folders without end: those deeper than this are moved up into the top folder, and go from
 * there. */
enum { REMOVE_DEPTH = 64 };

struct removal {
	int top; /* the descriptor of the top folder */
	unsigned moved;
};

static int move_up(struct removal *t, int dir, const char *name)
{
	char up[32];

	/* Its ".." is about to change, which wants the right to write. */
	(void)fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW);
	do {
		(void)snprintf(up, sizeof(up), ".deep.%u", t->moved++);
		if (renameat(dir, name, t->top, up) == 0)
			return 0;
	} while (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR);
	t->moved--;
	return -errno;
}

static int folder_open(int dir, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(dir, name, flags);
	/* The owner may have taken their own right to write away; overlay's work/work has none.
	 */
	if (fd >= 0)
		(void)fchmod(fd, 0700);
	return fd < 0 ? -errno : fd;
}

static int remove_below(struct removal *t, int dir, const char *name, int depth);

/* Empties the folder FD, which becomes the stream's. */
static int remove_members(struct removal *t, int fd, int depth)
{
	autodir DIR *stream = fdopendir(fd);
	unsigned moved;
	int first;

	if (!stream) {
		(void)fd_close(fd);
		return -errno;
	}
	if (depth == 0)
		t->top = fd;
	do {
		first = 0;
		moved = t->moved;
		rewinddir(stream);
		for (;;) {
			struct dirent *e;
			int r;

			errno = 0;
			e = readdir(stream);
			if (e && is_dots(e->d_name))
				continue;
			r = e ? remove_below(t, fd, e->d_name, depth + 1) : -errno;
			if (r < 0 && first == 0)
				first = r;
			if (!e)
				break;
		}
	} while (depth == 0 && t->moved != moved);
	return first;
}

/* One file or folder: opened, emptied, and only then gone. */
static int remove_below(struct removal *t, int dir, const char *name, int depth)
{
	int err, r;

	if (unlinkat(dir, name, 0) == 0)
		return 0;
	err = errno;
	if (err != EISDIR && err != EPERM)
		return -err;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == ENOTDIR)
		return -err;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
		return -errno;
	if (depth > REMOVE_DEPTH)
		return move_up(t, dir, name);
	r = folder_open(dir, name);
	if (r >= 0)
		r = remove_members(t, r, depth);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int path_remove_tree(int dir, const char *name)
{
	struct removal t = {.top = -EBADF};

	return remove_below(&t, dir, name, 0);
}
