/* SPDX-License-Identifier: Apache-2.0 */
/* account.c: users and groups of a hostile tree. */
#include "sandbox/account.h"
#include "tap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static const char passwd[] = "# a comment:x:7:7::/:/bin/sh\n"
			     "root:x:0:0:root:/root:/bin/bash\n"
			     "half\n"
			     "minus:x:-1:0::/:/bin/sh\n"
			     "huge:x:99999999999:0::/:/bin/sh\n"
			     "bob:x:1000:1001:Bob,,,:/home/bob:/bin/zsh\n"
			     "bob:x:2000:2000::/second:/bin/false\n"
			     "evil:x:1002:1002::/home/\033[2Jx:relative\n"
			     "short:x:1003:1003\n"
			     "123:x:1004:1004::/digits:/bin/sh\n"
			     "far:x:70000:0::/:/bin/sh\n"
			     "many:x:1005:1005::/:/bin/sh\n"
			     "last:x:1006:1006::/last:/bin/last";
static const char group[] = "root:x:0:\n"
			    "bobs:x:1001:bob\n"
			    "adm:x:4:root,bob\n"
			    "broken:x:x:bob\n"
			    "again:x:4:bob\n"
			    "audio:x:29:alice,bobby,bob\n"
			    "video:x:44:bobby\n"
			    "far:x:70000:bob,short\n"
			    "sudo:x:27:bob\n";

/* A tree and an upper folder below one temporary folder. */
struct trees {
	char path[32];
	int dir, root, upper;
};

static int folder_make(int dir, const char *name)
{
	(void)mkdirat(dir, name, 0755);
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void file_make(int dir, const char *name, const void *data, size_t len)
{
	autoclose int fd = -EBADF;

	(void)unlinkat(dir, name, 0);
	fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || io_write_all(fd, data, len) < 0)
		check_that(false, "make the file '%s'", name);
}

static void text_make(int dir, const char *name, const char *text)
{
	file_make(dir, name, text, strlen(text));
}

static void trees_make(struct trees *t)
{
	(void)snprintf(t->path, sizeof(t->path), "/tmp/account-XXXXXX");
	if (!mkdtemp(t->path))
		exit(1);
	t->dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->root = folder_make(t->dir, "root");
	t->upper = folder_make(t->dir, "upper");
	(void)mkdirat(t->root, "etc", 0755);
	text_make(t->root, "etc/passwd", passwd);
	text_make(t->root, "etc/group", group);
}

static void trees_remove(struct trees *t)
{
	(void)fd_close(t->root);
	(void)fd_close(t->upper);
	(void)path_remove_tree(AT_FDCWD, t->path);
	(void)fd_close(t->dir);
}

/* A plan for USER with 65536 ids; plan_done() closes what it holds. */
static int resolve(struct plan *p, const struct trees *t, int upper, const char *user)
{
	plan_init(p);
	p->root.path = "TREE";
	p->root.fd = fcntl(t->root, F_DUPFD_CLOEXEC, 0);
	p->ids.map = PLAN_MAP_SUBIDS;
	p->ids.uids = p->ids.gids = (struct idmap){{{0, 100000, 65536}}, 1};
	p->user = user;
	fail_forget();
	return account_resolve(p, upper);
}

/* Resolves USER and compares with "UID GID HOME SHELL [GROUP...]"; NULL: it fails with R. */
static void check_user(const struct trees *t, int upper, const char *user, const char *want,
		       int r)
{
	char got[256];
	struct plan p;
	size_t n = 0;

	if (!want) {
		check_that(resolve(&p, t, upper, user) == r, "user '%s' is refused", user);
		check_that(*fail_text() && p.home == NULL, "with '%s'", fail_text());
		plan_done(&p);
		return;
	}
	if (check_that(resolve(&p, t, upper, user) == 0, "user '%s' is found",
		       user ? user : "(default)")) {
		n = (size_t)snprintf(got, sizeof(got), "%u %u %s %s", p.uid, p.gid, p.home,
				     p.shell);
		for (size_t i = 0; i < p.n_groups && n < sizeof(got); i++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, " %u", p.groups[i]);
		check_str(got, want);
	} else {
		printf("# %s\n", fail_text());
	}
	plan_done(&p);
}

static void test_lookups(const struct trees *t)
{
	static const struct {
		const char *user, *want;
		int r;
	} rows[] = {
		{NULL, "0 0 /root /bin/bash 4", 0},
		{"root", "0 0 /root /bin/bash 4", 0},
		{"bob", "1000 1001 /home/bob /bin/zsh 4 29 27", 0},
		{"bob:", "1000 1001 /home/bob /bin/zsh 4 29 27", 0},
		{"1000", "1000 1001 /home/bob /bin/zsh 4 29 27", 0},
		{"bob:audio", "1000 29 /home/bob /bin/zsh", 0},
		{"bob:5555", "1000 5555 /home/bob /bin/zsh", 0},
		{"1000:1001", "1000 1001 /home/bob /bin/zsh", 0},
		{":audio", "0 29 /root /bin/bash", 0},
		{"4242", "4242 0 / /bin/sh", 0},
		{"4242:4243", "4242 4243 / /bin/sh", 0},
		{"4242:audio", "4242 29 / /bin/sh", 0},
		{"evil", "1002 1002 / /bin/sh", 0},
		{"short", "1003 1003 / /bin/sh", 0},
		{"123", "123 0 / /bin/sh", 0},
		{"last", "1006 1006 /last /bin/last", 0},
		{"nosuch", NULL, -ENOENT},
		{"bob:nosuch", NULL, -ENOENT},
		{"half", NULL, -ENOENT},
		{"minus", NULL, -ENOENT},
		{"huge", NULL, -ENOENT},
		{"# a comment", NULL, -ENOENT},
		{"bob:broken", NULL, -ENOENT},
		{"", NULL, -EINVAL},
		{"a:b:c", NULL, -EINVAL},
		{"4294967295", NULL, -ERANGE},
		{"99999999999999999999", NULL, -ERANGE},
		{"bob:4294967295", NULL, -ERANGE},
		{"-1", NULL, -ENOENT},
		{"far", NULL, -EINVAL},
		{"70000", NULL, -EINVAL},
		{"0:70000", NULL, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_user(t, -EBADF, rows[i].user, rows[i].want, rows[i].r);
}

static void test_messages(const struct trees *t)
{
	struct plan p;

	check_int(resolve(&p, t, -EBADF, "no\033such\n"), -ENOENT);
	check_str(fail_text(), "user 'no\\x1bsuch\\x0a' is not in /etc/passwd of 'TREE'");
	check(strstr(fail_hint_text(), "--user 1000:1000") != NULL);
	plan_done(&p);

	check_int(resolve(&p, t, -EBADF, "bob"), 0);
	check(p.notes.n == 1 && strstr(p.notes.v[0], "1 groups of the user are left out"));
	check_str(p.user_name, "bob");
	plan_done(&p);
}

static void test_one_id(const struct trees *t)
{
	struct plan p;

	plan_init(&p);
	p.root.path = "TREE";
	p.root.fd = fcntl(t->root, F_DUPFD_CLOEXEC, 0);
	p.ids.map = PLAN_MAP_SELF;
	p.ids.keep = true;
	p.ids.uids = (struct idmap){{{getuid(), getuid(), 1}}, 1};
	p.ids.gids = (struct idmap){{{getgid(), getgid(), 1}}, 1};
	check_int(account_resolve(&p, -EBADF), 0);
	check(p.uid == getuid() && p.gid == getgid());
	check_int((long long)(p.n_groups + p.notes.n), 0);
	p.user = "1000000";
	check_int(account_resolve(&p, -EBADF), -EINVAL);
	check(strstr(fail_hint_text(), "--keep-id") != NULL);
	plan_done(&p);
}

/* ---- files that aren't what they should be ---------------------------------------------- */

static void test_hostile_files(const struct trees *t)
{
	autoclose int outside = folder_make(t->dir, "outside");
	autoclose int fd = -EBADF;
	struct plan p;

	text_make(outside, "passwd", "spy:x:1:1::/stolen:/bin/sh\n");
	(void)unlinkat(t->root, "etc/passwd", 0);
	(void)symlinkat("../../outside/passwd", t->root, "etc/passwd");
	check_user(t, -EBADF, "spy", NULL, -ENOENT);
	check_user(t, -EBADF, "1", "1 0 / /bin/sh", 0);

	(void)unlinkat(t->root, "etc/passwd", 0);
	(void)symlinkat("/usr/passwd", t->root, "etc/passwd");
	(void)mkdirat(t->root, "usr", 0755);
	text_make(t->root, "usr/passwd", passwd);
	check_user(t, -EBADF, "last", "1006 1006 /last /bin/last", 0);

	(void)unlinkat(t->root, "etc/passwd", 0);
	(void)mkfifoat(t->root, "etc/passwd", 0644);
	check_user(t, -EBADF, "bob", NULL, -EINVAL);
	check_int(resolve(&p, t, -EBADF, NULL), 0);
	check(p.notes.n == 1 && strstr(p.notes.v[0], "it is not a regular file"));
	plan_done(&p);

	(void)unlinkat(t->root, "etc/passwd", 0);
	fd = openat(t->root, "etc/passwd", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	check_int(ftruncate(fd, ACCOUNT_FILE_MAX + 1), 0);
	check_user(t, -EBADF, "bob", NULL, -EFBIG);
	check_user(t, -EBADF, "1000:1000", "1000 1000 / /bin/sh", 0);
	check_int(ftruncate(fd, ACCOUNT_FILE_MAX), 0);
	check_user(t, -EBADF, "bob", NULL, -ENOENT);

	(void)unlinkat(t->root, "etc/passwd", 0);
	check_user(t, -EBADF, "bob", NULL, -ENOENT);
	check_user(t, -EBADF, NULL, "0 0 / /bin/sh", 0);
}

static void test_bytes(const struct trees *t)
{
	static const char with_nul[] =
		"bob:x:1000:1000::/nul\0:/bin/sh\n\0\nbob:x:1:1::/b:/bin/b\n";
	enum { LONG = 1 << 20 };
	static char line[LONG];

	file_make(t->root, "etc/passwd", with_nul, sizeof(with_nul) - 1);
	check_user(t, -EBADF, "bob:9", "1 9 /b /bin/b", 0);

	memset(line, 'x', LONG);
	memcpy(line, "bob:x:5:6:", 10);
	memcpy(line + LONG - 11, ":/b:/bin/b\n", 11);
	file_make(t->root, "etc/passwd", line, LONG);
	check_user(t, -EBADF, "bob:9", "5 9 /b /bin/b", 0);
	/* A path that no file can have. */
	memcpy(line, "bob:x:5:6::/", 12);
	file_make(t->root, "etc/passwd", line, LONG);
	check_user(t, -EBADF, "bob:9", "5 9 / /b", 0);
	text_make(t->root, "etc/passwd", passwd);
}

/* MANY groups with "many" in them. */
static void groups_make(const struct trees *t, int many)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *text = arena_alloc(&a, (size_t)many * 32 + 1);
	size_t n = 0;

	for (int i = 0; i < many; i++)
		n += (size_t)snprintf(text + n, 32, "g%d:x:%d:a,many\n", i, 2000 + i);
	file_make(t->root, "etc/group", text, n);
}

static void test_many_groups(const struct trees *t)
{
	struct plan p;

	groups_make(t, ACCOUNT_GROUPS_MAX);
	check_int(resolve(&p, t, -EBADF, "many"), 0);
	check_int((long long)p.n_groups, ACCOUNT_GROUPS_MAX);
	check(p.groups[ACCOUNT_GROUPS_MAX - 1] == 2000 + ACCOUNT_GROUPS_MAX - 1);
	plan_done(&p);
	groups_make(t, ACCOUNT_GROUPS_MAX + 1);
	check_user(t, -EBADF, "many", NULL, -E2BIG);
	check_user(t, -EBADF, "many:2000", "1005 2000 / /bin/sh", 0);
	text_make(t->root, "etc/group", group);
}

/* ---- a kept upper ----------------------------------------------------------------------- */

static void test_upper(const struct trees *t)
{
	check_user(t, t->upper, "last", "1006 1006 /last /bin/last", 0);
	(void)mkdirat(t->upper, "etc", 0755);
	check_user(t, t->upper, "last", "1006 1006 /last /bin/last", 0);

	text_make(t->upper, "etc/passwd", "new:x:1000:29::/new:/bin/new\n");
	check_user(t, t->upper, "new", "1000 29 /new /bin/new", 0);
	check_user(t, t->upper, "last", NULL, -ENOENT);
	text_make(t->upper, "etc/group", "news:x:77:new\n");
	check_user(t, t->upper, "new", "1000 29 /new /bin/new 77", 0);

	(void)unlinkat(t->upper, "etc/passwd", 0);
	if (mknodat(t->upper, "etc/passwd", S_IFCHR | 0600, makedev(0, 0)) < 0)
		tap_skip("a whiteout hides the tree's file", "no whiteout can be made here");
	else
		check_user(t, t->upper, "last", NULL, -ENOENT);

	(void)unlinkat(t->upper, "etc/passwd", 0);
	text_make(t->upper, "etc/.wh.passwd", "");
	check_user(t, t->upper, "last", NULL, -ENOENT);
	(void)unlinkat(t->upper, "etc/.wh.passwd", 0);

	(void)symlinkat("/../../root/etc/passwd", t->upper, "etc/passwd");
	check_user(t, t->upper, "last", NULL, -ENOENT);
	(void)unlinkat(t->upper, "etc/passwd", 0);
}

static void test_opaque_upper(const struct trees *t)
{
	autoclose int etc = folder_make(t->upper, "etc");

	if (fsetxattr(etc, "user.overlay.opaque", "y", 1, 0) < 0) {
		tap_skip("an opaque folder hides the tree's", "no user xattrs in /tmp");
	} else {
		check_user(t, t->upper, "last", NULL, -ENOENT);
		(void)fremovexattr(etc, "user.overlay.opaque");
	}
	text_make(etc, ".wh..wh..opq", "");
	check_user(t, t->upper, "last", NULL, -ENOENT);
	(void)path_remove_tree(t->upper, "etc");

	text_make(t->upper, ".wh.etc", "");
	check_user(t, t->upper, "last", NULL, -ENOENT);
	(void)unlinkat(t->upper, ".wh.etc", 0);
	(void)symlinkat("../root/etc", t->upper, "etc");
	check_user(t, t->upper, "last", NULL, -ENOENT);
	(void)unlinkat(t->upper, "etc", 0);
}

/* ---- anything at all -------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A copy of TEXT with some bytes changed. */
static void mangled_make(const struct trees *t, const char *name, const char *text,
			 uint32_t *state)
{
	static const char bytes[] = ":\n,\0#x9/\033\xff";
	char copy[1024];
	size_t len = strlen(text);

	memcpy(copy, text, len);
	for (unsigned i = next_random(state) % 12; i > 0; i--)
		copy[next_random(state) % len] =
			bytes[next_random(state) % (sizeof(bytes) - 1)];
	file_make(t->root, name, copy, next_random(state) % (len + 1));
}

static void test_anything(const struct trees *t)
{
	static const char *const users[] = {"bob", "1000", "root:audio", NULL};
	uint32_t state = 2463534242U;
	int wrong = 0;

	for (int i = 0; i < 2000; i++) {
		struct plan p;
		int r;

		mangled_make(t, "etc/passwd", passwd, &state);
		mangled_make(t, "etc/group", group, &state);
		r = resolve(&p, t, -EBADF, users[i % (int)ARRAY_SIZE(users)]);
		wrong += r == 0 ? *p.home != '/' || *p.shell != '/' || p.uid > 65535
				: r != -ENOENT && r != -EINVAL;
		plan_done(&p);
	}
	check_int(wrong, 0);
}

int main(void)
{
	struct trees t;

	trees_make(&t);
	test_lookups(&t);
	test_messages(&t);
	test_one_id(&t);
	test_hostile_files(&t);
	test_bytes(&t);
	test_many_groups(&t);
	test_upper(&t);
	test_opaque_upper(&t);
	test_anything(&t);
	trees_remove(&t);
	return tap_done();
}
