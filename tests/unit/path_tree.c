/* SPDX-License-Identifier: Apache-2.0 */
/* path_tree.c: paths as text, and trees that are removed. */
#include "namespace.h"
#include "scratch.h"
#include "tap.h"
#include "util/path.h"

#include <errno.h>
#include <sys/resource.h>

static void test_clean(void)
{
	static const char *const rows[][2] = {
		{"", "/"},
		{"/", "/"},
		{"///", "/"},
		{".", "/"},
		{"..", "/"},
		{"/../..", "/"},
		{"a", "/a"},
		{"/a/", "/a"},
		{"//a//b//", "/a/b"},
		{"/./a/./b/.", "/a/b"},
		{"/a/..", "/"},
		{"/a/../b", "/b"},
		{"/a/b/../../../c", "/c"},
		{"../a", "/a"},
		{"/...", "/..."},
		{"/..a/.b", "/..a/.b"},
		{"/a/...", "/a/..."},
		{"/a b/\\c\n", "/a b/\\c\n"},
	};
	SCOPE_END(arena_done) struct arena a = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_that(streq(path_clean(&a, rows[i][0]), rows[i][1]), "path_clean %zu", i);
}

static void test_is_in(void)
{
	check(path_is_in("/a", "/a"));
	check(path_is_in("/a/b", "/a"));
	check(path_is_in("/a/b", "/"));
	check(path_is_in("/", "/"));
	check(!path_is_in("/ab", "/a"));
	check(!path_is_in("/", "/a"));
	check(!path_is_in("/a", "/a/b"));
	check(!path_is_in("/b/a", "/a"));
}

/* ---- removal ---------------------------------------------------------------------------- */

/* A tree with all that may stand in one, beside a folder that links lead to. */
static void tree_make(int top)
{
	autoclose int tree = scratch_folder(top, "tree");
	autoclose int outside = scratch_folder(top, "outside");

	scratch_text(outside, "file", "stays");
	(void)mkdirat(outside, "folder", 0755);
	(void)fchmodat(top, "outside", 0500, 0);

	scratch_text(tree, "file", "goes");
	scratch_text(tree, ".hidden", "goes");
	scratch_text(tree, "-rf\n\\ \xff", "goes");
	(void)mkfifoat(tree, "fifo", 0);
	scratch_link(tree, "../outside", "link");
	scratch_link(tree, "nowhere", "dangling");
	(void)mkdirat(tree, "empty", 0);
	(void)mkdirat(tree, "folder", 0755);
	(void)mkdirat(tree, "folder/below", 0755);
	scratch_text(tree, "folder/below/file", "goes");
	scratch_link(tree, "../../../outside", "folder/below/link");
	scratch_link(tree, "/", "folder/below/root");
	(void)fchmodat(tree, "folder/below", 0, 0);
	(void)fchmodat(tree, "folder", 0, 0);
	(void)fchmodat(top, "tree", 0, 0);
}

static void test_removal(void)
{
	struct scratch s;
	struct stat st;
	int before = scratch_descriptors();

	scratch_make(&s);
	tree_make(s.dir);
	check_int(path_remove_tree(s.dir, "tree"), 0);
	check(!scratch_has(s.dir, "tree"));
	check(scratch_has(s.dir, "outside/file") && scratch_has(s.dir, "outside/folder"));
	check(fstatat(s.dir, "outside", &st, 0) == 0 && (st.st_mode & 07777) == 0500);
	check_int(path_remove_tree(s.dir, "tree"), -ENOENT);

	scratch_link(s.dir, "outside", "link");
	check_int(path_remove_tree(s.dir, "link"), 0);
	check(!scratch_has(s.dir, "link") && scratch_has(s.dir, "outside/file"));
	scratch_text(s.dir, "file", "");
	check_int(path_remove_tree(s.dir, "file"), 0);
	check(!scratch_has(s.dir, "file"));
	scratch_remove(&s);
	check_int(scratch_descriptors(), before);
}

/* A folder with folders of mode 0, at DIR, LEVELS deep; a file in each. */
static void deep_make(int dir, int levels)
{
	autoclose int at = scratch_folder(dir, "deep");

	for (int i = 0; i < levels; i++) {
		int below = scratch_folder(at, "d");

		scratch_text(at, "f", "");
		(void)fchmod(at, 0);
		(void)fd_close(at);
		at = below;
	}
}

static void test_deep(int dir)
{
	deep_make(dir, 5000);
	/* Names that the removal might like to use, taken by what can be in its way. */
	check_int(path_remove_tree(dir, "deep"), 0);
	check(!scratch_has(dir, "deep"));
}

/* Wide at the depth where a removal starts to move things. */
static void test_wide_and_deep(int dir)
{
	autoclose int at = scratch_folder(dir, "wide");
	char name[16];

	for (int i = 0; i < 200; i++) {
		int below = scratch_folder(at, "d");

		for (int n = 0; n < 4; n++) {
			(void)snprintf(name, sizeof(name), ".deep.%d", n);
			(void)mkdirat(at, name, 0700);
			(void)snprintf(name, sizeof(name), ".deep.%d/x", n);
			(void)mkdirat(at, name, n % 2 ? 0700 : 0);
		}
		scratch_text(at, ".deep.4", "");
		(void)fd_close(at);
		at = below;
	}
	check_int(path_remove_tree(dir, "wide"), 0);
	check(!scratch_has(dir, "wide"));
}

static void test_mount_point(const struct scratch *s)
{
	char point[256];

	(void)mkdirat(s->dir, "tree", 0755);
	(void)mkdirat(s->dir, "tree/sub", 0755);
	(void)mkdirat(s->dir, "tree/sub/mounted", 0755);
	(void)mkdirat(s->dir, "tree/other", 0755);
	scratch_text(s->dir, "tree/other/file", "");
	(void)snprintf(point, sizeof(point), "%s/tree/sub/mounted", s->path);
	check(mount("tmpfs", point, "tmpfs", 0, NULL) == 0);
	scratch_text(s->dir, "tree/sub/mounted/file", "stays");

	check_int(path_remove_tree(s->dir, "tree"), -EBUSY);
	check(scratch_has(s->dir, "tree/sub/mounted/file"));
	check(!scratch_has(s->dir, "tree/other"));
	check(umount(point) == 0);
	check_int(path_remove_tree(s->dir, "tree"), 0);
}

int main(void)
{
	struct scratch s;

	test_clean();
	test_is_in();
	test_removal();

	scratch_make(&s);
	if (namespace_enter(geteuid(), getegid()) < 0 ||
	    mount("tmpfs", s.path, "tmpfs", 0, NULL) < 0) {
		tap_skip("deep trees and mount points", "no user namespaces here");
		scratch_remove(&s);
		return tap_done();
	}
	(void)fd_close(s.dir);
	s.dir = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, 256});
	test_deep(s.dir);
	test_wide_and_deep(s.dir);
	test_mount_point(&s);
	(void)umount2(s.path, MNT_DETACH);
	scratch_remove(&s);
	return tap_done();
}
