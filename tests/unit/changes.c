/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c: marks of the overlay drivers, comparing entries, and the journal of an apply. */
#include "changes/entry.h"
#include "changes/journal.h"
#include "changes/marks.h"
#include "scratch.h"
#include "tap.h"

#include <sys/sysmacros.h>

static struct scratch s;

static void test_marks(void)
{
	const struct {
		enum plan_overlay driver;
		mode_t mode;
		dev_t rdev;
		const char *name, *meant;
		enum mark mark;
	} rows[] = {
		{PLAN_OVERLAY_KERNEL, S_IFREG, 0, "file", "file", MARK_NONE},
		{PLAN_OVERLAY_KERNEL, S_IFCHR, 0, "gone", "gone", MARK_WHITEOUT},
		{PLAN_OVERLAY_KERNEL, S_IFCHR, makedev(1, 3), "null", "null", MARK_NONE},
		{PLAN_OVERLAY_KERNEL, S_IFREG, 0, ".wh.file", ".wh.file", MARK_NONE},
		{PLAN_OVERLAY_KERNEL, S_IFREG, 0, ".wh..wh..opq", ".wh..wh..opq", MARK_NONE},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, "file", "file", MARK_NONE},
		{PLAN_OVERLAY_FUSE, S_IFCHR, 0, "gone", "gone", MARK_WHITEOUT},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".wh.file", "file", MARK_WHITEOUT},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".wh..wh..opq", ".wh..wh..opq", MARK_OWN},
		{PLAN_OVERLAY_FUSE, S_IFCHR, 0, ".wh..opq", ".wh..opq", MARK_OWN},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".wh.", ".wh.", MARK_OWN},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".wh..", ".wh..", MARK_OWN},
		{PLAN_OVERLAY_FUSE, S_IFCHR, 0, ".wh...", ".wh...", MARK_OWN},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".wh....", "...", MARK_WHITEOUT},
		{PLAN_OVERLAY_FUSE, S_IFREG, 0, ".whfile", ".whfile", MARK_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct stat st = {.st_mode = rows[i].mode,
					.st_rdev = rows[i].rdev,
					.st_size = 1};
		const char *meant;

		check_int(mark_read(rows[i].driver, s.dir, rows[i].name, &st, &meant),
			  rows[i].mark);
		check_str(meant, rows[i].meant);
	}
	check(mark_is_own_xattr("user.overlay.opaque"));
	check(mark_is_own_xattr("user.fuseoverlayfs.origin"));
	check(!mark_is_own_xattr("user.overlayed"));
	check(!mark_is_own_xattr("security.capability"));
}

static void test_opaque(void)
{
	autoclose int dir = scratch_folder(s.dir, "opaque");

	check(!mark_is_opaque(PLAN_OVERLAY_FUSE, dir));
	scratch_text(dir, ".wh..wh..opq", "");
	check(mark_is_opaque(PLAN_OVERLAY_FUSE, dir));
	check(!mark_is_opaque(PLAN_OVERLAY_KERNEL, dir));
	check_int(mark_clear_opaque(PLAN_OVERLAY_FUSE, dir), 0);
	check(!mark_is_opaque(PLAN_OVERLAY_FUSE, dir));
}

/* ---- comparing --------------------------------------------------------------------------- */

static bool is_same(int a, int b, const char *name)
{
	struct stat st_a, st_b;

	scratch_must(fstatat(a, name, &st_a, AT_SYMLINK_NOFOLLOW), name);
	scratch_must(fstatat(b, name, &st_b, AT_SYMLINK_NOFOLLOW), name);
	return entry_is_same(a, &st_a, b, &st_b, name, false);
}

static void set_time(int dir, const char *name)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 7}};

	(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static void sparse_file(int dir, const char *name, off_t size, off_t at, const char *text)
{
	autoclose int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	scratch_must(ftruncate(fd, size), name);
	if (text)
		scratch_must((int)pwrite(fd, text, strlen(text), at), name);
	set_time(dir, name);
}

static void test_compare(void)
{
	enum { LARGE = 1 << 30 };
	autoclose int a = scratch_folder(s.dir, "a");
	autoclose int b = scratch_folder(s.dir, "b");

	scratch_text(a, "text", "one");
	scratch_text(b, "text", "one");
	set_time(b, "text");
	check_that(!is_same(a, b, "text"), "another time is another file");
	set_time(a, "text");
	set_time(b, "text");
	check_that(is_same(a, b, "text"), "the same content and time");
	scratch_text(b, "text", "two");
	set_time(b, "text");
	check_that(!is_same(a, b, "text"), "the same size and time, another content");
	scratch_link(a, "target", "link");
	scratch_link(b, "target", "link");
	check_that(is_same(a, b, "link"), "links to the same");
	scratch_link(a, "target", "other");
	scratch_link(b, "targets", "other");
	check_that(!is_same(a, b, "other"), "links to something else");

	sparse_file(a, "hole", (off_t)1024 * LARGE, 0, NULL);
	sparse_file(b, "hole", (off_t)1024 * LARGE, 0, NULL);
	check_that(is_same(a, b, "hole"), "a terabyte of nothing");
	sparse_file(b, "hole", (off_t)1024 * LARGE, LARGE, "x");
	check_that(!is_same(a, b, "hole"), "and one of nothing but a byte");
	sparse_file(a, "hole", (off_t)1024 * LARGE, LARGE, "x");
	check_that(is_same(a, b, "hole"), "both with that byte");
	scratch_must(mkfifoat(a, "fifo", 0600), "fifo");
	scratch_must(mkfifoat(b, "fifo", 0600), "fifo");
	set_time(a, "fifo");
	set_time(b, "fifo");
	check_that(is_same(a, b, "fifo"), "FIFOs, which are not opened");
}

static void test_open(void)
{
	struct stat st;

	scratch_must(mkfifoat(s.dir, "pipe", 0600), "pipe");
	scratch_must(fstatat(s.dir, "pipe", &st, AT_SYMLINK_NOFOLLOW), "pipe");
	check_int(entry_open(s.dir, "pipe", &st), -EINVAL);
	scratch_text(s.dir, "file", "");
	check_int(entry_open(s.dir, "file", &st), -ESTALE);
	scratch_link(s.dir, "file", "link");
	scratch_must(fstatat(s.dir, "file", &st, AT_SYMLINK_NOFOLLOW), "file");
	check_int(entry_open(s.dir, "link", &st), -ESTALE);
}

/* ---- the journal ------------------------------------------------------------------------- */

static void test_journal(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct op ops[] = {
		{.kind = OP_REMOVE, .is_done = true, .path = "/a\nb c"},
		{.kind = OP_PUT,
		 .path = "/p",
		 .before = {.st_mode = 0100644,
			    .st_ino = 77,
			    .st_nlink = 2,
			    .st_size = 5,
			    .st_mtim = {-1, 999999999},
			    .st_ctim = {1000, 1}}},
	};
	struct journal j = {.temporary = ".sbx-1", .dev = 5, .ino = 6, .v = ops, .n = 2}, read;

	check(!journal_exists(s.dir));
	check_int(journal_write(s.dir, &j), 0);
	check(journal_exists(s.dir));
	check_int(journal_read(s.dir, &a, &read), 0);
	check_int(read.n, 2);
	check(!read.is_dropping && read.dev == 5 && read.ino == 6);
	check_str(read.temporary, ".sbx-1");
	check_str(read.v[0].path, "/a\nb c");
	check_int(read.v[1].kind, OP_PUT);
	check_int(read.v[1].before.st_mode, 0100644);
	check_int(read.v[1].before.st_mtim.tv_sec, -1);
	check_int(read.v[1].before.st_mtim.tv_nsec, 999999999);
	check_int(read.v[1].before.st_ctim.tv_sec, 1000);

	j.is_dropping = true;
	check_int(journal_write(s.dir, &j), 0);
	check_int(journal_read(s.dir, &a, &read), 0);
	check_that(read.is_dropping && read.n == 1 && read.v[0].is_done,
		   "what is dropped is what is done");
	scratch_text(s.dir, "apply", "sbx-apply 1 write ../x 5 6");
	check_int(journal_read(s.dir, &a, &read), -EINVAL);
	scratch_text(s.dir, "apply", "");
	check_int(journal_read(s.dir, &a, &read), -EINVAL);
	check_int(journal_remove(s.dir), 0);
}

int main(void)
{
	int before;

	scratch_make(&s);
	before = scratch_descriptors();
	test_marks();
	test_opaque();
	test_compare();
	test_open();
	test_journal();
	check_int(scratch_descriptors(), before);
	scratch_remove(&s);
	return tap_done();
}
