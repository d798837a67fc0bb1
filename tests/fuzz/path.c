/* SPDX-License-Identifier: Apache-2.0 */
/* path.c: builds a tree and opens paths in it, with openat2 and with the walk: both find the same, and
 * nothing outside. A line is one of
 *
 *   d PATH           a folder, with those above it
 *   f PATH           a file
 *   l PATH TARGET    a symbolic link
 *   o PATH           opened in several ways
 */
#include "util/path.h"
#include "fuzz.h"
#include "scratch.h"

#include <linux/openat2.h>

enum { LINES_MAX = 64 };

/* ld --wrap: the kernel has openat2, or seems not to. */
int __real_sys_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);
int __wrap_sys_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);

static bool is_old_kernel;

int __wrap_sys_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	return is_old_kernel ? -ENOSYS : __real_sys_openat2(dir, path, flags, mode, resolve);
}

static struct scratch s;
static int outside;

static void folder_remove(void) __attribute__((destructor));
static void folder_remove(void)
{
	if (*s.path)
		scratch_remove(&s);
}

static int open_as(bool is_old, int root, const char *path, int flags)
{
	int r;

	is_old_kernel = is_old;
	r = path_open_in(root, path, flags);
	is_old_kernel = false;
	return r;
}

/* The kernel counts links once more where it has to begin a look-up anew, as on a busy machine: what has
 * more than half of the links that it allows may have too many now and then. */
static int open_by_kernel(int root, const char *path, int flags)
{
	enum { TRIES = 50 };
	int r = open_as(false, root, path, flags);

	for (int i = 0; i < TRIES && r == -ELOOP; i++)
		r = open_as(false, root, path, flags);
	return r;
}

static bool is_same_file(int a, int b)
{
	struct stat st[2];

	return fstat(a, &st[0]) == 0 && fstat(b, &st[1]) == 0 && st[0].st_ino == st[1].st_ino &&
	       st[0].st_dev == st[1].st_dev;
}

/* What the kernel itself says of where the descriptor is. */
static bool is_below_root(int fd)
{
	char link[64], place[PATH_MAX], root[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	(void)snprintf(root, sizeof(root), "%s/root", s.path);
	n = readlink(link, place, sizeof(place) - 1);
	must(n > 0);
	place[n] = '\0';
	return path_is_in(place, root);
}

static void open_check(int root, const char *path)
{
	static const int ways[] = {O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY,
				   O_RDONLY | O_NONBLOCK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		autoclose int by_kernel = open_by_kernel(root, path, ways[i]);
		autoclose int by_walk = open_as(true, root, path, ways[i]);

		(void)fail(EPROTO, "way %zu, '%s': %d by openat2, %d by the walk", i, path,
			   by_kernel, by_walk);
		/* The walk has room for PATH_MAX bytes with all links put in, the kernel for more. */
		if (by_walk == -ENAMETOOLONG)
			continue;
		if (by_kernel < 0 || by_walk < 0) {
			must(by_kernel == by_walk);
			continue;
		}
		must(is_same_file(by_kernel, by_walk));
		must(is_below_root(by_kernel) && is_below_root(by_walk));
	}
}

static void clean_check(const char *path)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const char *clean = path_clean(&a, path);
	size_t len = strlen(clean);

	must(*clean == '/' && len <= strlen(path) + 1);
	must(streq(path_clean(&a, clean), clean));
	must(len == 1 || clean[len - 1] != '/');
	must(!strstr(clean, "//") && !strstr(clean, "/./") && !strstr(clean, "/../"));
	must(path_is_in(clean, "/") && path_is_in(clean, clean));
}

static void link_make(int root, char *path, const char *target)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	autoclose int parent = -EBADF;

	if (!*name || streq(name, ".") || streq(name, ".."))
		return;
	if (slash)
		*slash = '\0';
	parent = path_open_in(root, slash && *path ? path : ".", O_PATH | O_DIRECTORY);
	if (parent >= 0)
		(void)symlinkat(target, parent, name);
}

static void line_do(int root, char *line, bool is_old)
{
	char *path = line[0] && line[1] == ' ' ? line + 2 : NULL, *target = path;
	int r = -EBADF;

	if (!path)
		return;
	is_old_kernel = is_old;
	if (*line == 'd' || *line == 'f')
		r = path_target_in(root, path, *line == 'd' ? PATH_FOLDER : PATH_FILE, true);
	is_old_kernel = false;
	must(r < 0 || is_below_root(r));
	(void)fd_close(r);
	if (*line == 'l') {
		path = strsep(&target, " ");
		if (target)
			link_make(root, path, target);
	}
	if (*line == 'o') {
		open_check(root, path);
		clean_check(path);
	}
}

/* Nothing was made or changed beside the root. */
static void outside_check(void)
{
	must(scratch_has(outside, "file"));
	must(unlinkat(outside, "file", 0) == 0);
	must(unlinkat(s.dir, "outside", AT_REMOVEDIR) == 0);
}

static void round_do(const uint8_t *data, size_t size, bool is_old)
{
	autofree char *text = fuzz_string(data, size);
	char *rest = text;
	int lines = 0;

	outside = scratch_folder(s.dir, "outside");
	scratch_text(outside, "file", "");
	autoclose int root = scratch_folder(s.dir, "root");
	while (rest && lines++ < LINES_MAX)
		line_do(root, strsep(&rest, "\n"), is_old);
	must(path_remove_tree(s.dir, "root") == 0);
	outside_check();
	outside = fd_close(outside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!*s.path)
		scratch_make(&s);
	if (size > 8192)
		return 0;
	round_do(data, size, false);
	round_do(data, size, true);
	return 0;
}
