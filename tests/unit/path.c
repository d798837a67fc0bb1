/* SPDX-License-Identifier: Apache-2.0 */
/* path.c: names below a hostile root, by openat2 and by the walk that stands in for it. */
#include "util/path.h"
#include "nosys.h"
#include "scratch.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What a row does: opens a name below the root, or below the host's "/"; finds or makes a
 * target; reads a file of at most FLAGS bytes. */
enum act { OPEN, HOST, FIND_FOLDER, FIND_FILE, MAKE_FOLDER, MAKE_FILE, READ, HOST_READ };

struct row {
	enum act act;
	const char *path;
	int flags;
	const char *want; /* the name below the test's folder, or of an error */
};

enum {
	NONE = 0,
	FOLLOW = O_PATH,
	LINK = O_PATH | O_NOFOLLOW,
	DIRECTORY = O_PATH | O_DIRECTORY
};

/* clang-format off */
static const struct row rows[] = {
	/* Plain names. */
	{OPEN, "file", O_RDONLY, "root/file"},
	{OPEN, "/file", FOLLOW, "root/file"},
	{OPEN, "///dir//file", FOLLOW, "root/dir/file"},
	{OPEN, "./dir/./file", FOLLOW, "root/dir/file"},
	{OPEN, ".", FOLLOW, "root"},
	{OPEN, "/", O_RDONLY, "root"},
	{OPEN, "", FOLLOW, "ENOENT"},
	{OPEN, "nothing", FOLLOW, "ENOENT"},
	{OPEN, "nothing/file", FOLLOW, "ENOENT"},
	{OPEN, "dir/", FOLLOW, "root/dir"},
	{OPEN, "dir/.", FOLLOW, "root/dir"},
	{OPEN, "dir", O_RDONLY, "root/dir"},
	{OPEN, "dir", O_WRONLY, "EISDIR"},
	/* A file is no folder, whatever is behind it. */
	{OPEN, "file", DIRECTORY, "ENOTDIR"},
	{OPEN, "file", O_RDONLY | O_DIRECTORY, "ENOTDIR"},
	{OPEN, "file/", FOLLOW, "ENOTDIR"},
	{OPEN, "file/.", FOLLOW, "ENOTDIR"},
	{OPEN, "file/..", FOLLOW, "ENOTDIR"},
	{OPEN, "file/../file", FOLLOW, "ENOTDIR"},
	{OPEN, "file/x", FOLLOW, "ENOTDIR"},
	{OPEN, "fifo/..", FOLLOW, "ENOTDIR"},
	/* ".." ends at the root. */
	{OPEN, "..", FOLLOW, "root"},
	{OPEN, "../..", DIRECTORY, "root"},
	{OPEN, "/../../file", FOLLOW, "root/file"},
	{OPEN, "../outside/secret", FOLLOW, "ENOENT"},
	{OPEN, "dir/../file", FOLLOW, "root/file"},
	{OPEN, "dir/sub/../../../../dir/file", FOLLOW, "root/dir/file"},
	{OPEN, "nothing/../file", FOLLOW, "ENOENT"},
	/* Links inside. */
	{OPEN, "absolute", O_RDONLY, "root/dir/file"},
	{OPEN, "relative", O_RDONLY, "root/dir/file"},
	{OPEN, "dir/sub/absolute", FOLLOW, "root/dir/file"},
	{OPEN, "dir/back/file", FOLLOW, "root/file"},
	{OPEN, "to-dir/file", FOLLOW, "root/dir/file"},
	{OPEN, "to-dir", DIRECTORY, "root/dir"},
	{OPEN, "to-dir/..", FOLLOW, "root"},
	{OPEN, "to-root/dir/file", FOLLOW, "root/dir/file"},
	{OPEN, "to-root", FOLLOW, "root"},
	{OPEN, "to-dot/file", FOLLOW, "root/file"},
	{OPEN, "to-dots/file", FOLLOW, "root/file"},
	{OPEN, "with-slash/file", FOLLOW, "root/dir/file"},
	{OPEN, "with-slash", FOLLOW, "root/dir"},
	{OPEN, "file-with-slash", FOLLOW, "ENOTDIR"},
	{OPEN, "relative/", FOLLOW, "ENOTDIR"},
	{OPEN, "relative/..", FOLLOW, "ENOTDIR"},
	{OPEN, "dangling", FOLLOW, "ENOENT"},
	{OPEN, "dangling/file", FOLLOW, "ENOENT"},
	/* Links that would lead out. */
	{OPEN, "up", FOLLOW, "root/dir/file"},
	{OPEN, "out", FOLLOW, "ENOENT"},
	{OPEN, "out-folder/secret", FOLLOW, "ENOENT"},
	{OPEN, "to-passwd", FOLLOW, "ENOENT"},
	/* Links that lead nowhere. */
	{OPEN, "self", FOLLOW, "ELOOP"},
	{OPEN, "self/file", FOLLOW, "ELOOP"},
	{OPEN, "a", FOLLOW, "ELOOP"},
	{OPEN, "chain01", FOLLOW, "root/file"},
	{OPEN, "chain00", FOLLOW, "ELOOP"},
	/* The last component, not followed. */
	{OPEN, "absolute", LINK, "root/absolute"},
	{OPEN, "absolute", O_RDONLY | O_NOFOLLOW, "ELOOP"},
	{OPEN, "dangling", LINK, "root/dangling"},
	{OPEN, "self", LINK, "root/self"},
	{OPEN, "to-dir", LINK | O_DIRECTORY, "ENOTDIR"},
	{OPEN, "to-dir/file", LINK, "root/dir/file"},
	{OPEN, "to-dir/", LINK, "root/dir"},
	{OPEN, "to-dir/.", LINK, "root/dir"},
	{OPEN, "relative/", LINK, "ENOTDIR"},
	{OPEN, "file", O_RDONLY | O_NOFOLLOW, "root/file"},
	{OPEN, "self/file", LINK, "ELOOP"},
	/* Links that the kernel takes elsewhere than their text says. */
	{HOST, "proc/self/root", FOLLOW, "ELOOP"},
	{HOST, "proc/self/root/etc", FOLLOW, "ELOOP"},
	{HOST, "proc/thread-self/root", FOLLOW, "ELOOP"},
	{HOST, "proc/self/cwd", FOLLOW, "ELOOP"},
	{HOST, "proc/self/exe", FOLLOW, "ELOOP"},
	{HOST, "proc/self/fd/1", FOLLOW, "ELOOP"},
	{HOST, "proc/self/ns/user", FOLLOW, "ELOOP"},
	{HOST, "proc/self/root", LINK, "elsewhere"},
	{HOST, "proc/self/status", FOLLOW, "elsewhere"},
	{HOST, "proc/mounts", FOLLOW, "elsewhere"},

	/* Targets that are there. */
	{FIND_FOLDER, "dir", NONE, "root/dir"},
	{FIND_FOLDER, "dir/", NONE, "root/dir"},
	{FIND_FOLDER, "/dir/sub", NONE, "root/dir/sub"},
	{FIND_FOLDER, "to-dir/sub", NONE, "root/dir/sub"},
	{FIND_FOLDER, ".", NONE, "root"},
	{FIND_FOLDER, "/", NONE, "root"},
	{FIND_FILE, "dir/file", NONE, "root/dir/file"},
	{FIND_FILE, "dir/back/file", NONE, "root/file"},
	{FIND_FILE, "fifo", NONE, "root/fifo"},
	{FIND_FOLDER, "nothing", NONE, "ENOENT"},
	{FIND_FILE, "nothing/file", NONE, "ENOENT"},
	/* Of the other kind. */
	{FIND_FOLDER, "file", NONE, "ENOTDIR"},
	{FIND_FILE, "dir", NONE, "EISDIR"},
	{FIND_FILE, ".", NONE, "EISDIR"},
	{FIND_FILE, "file/x", NONE, "ENOTDIR"},
	{MAKE_FOLDER, "file", NONE, "ENOTDIR"},
	{MAKE_FILE, "dir", NONE, "EISDIR"},
	{MAKE_FOLDER, "file/new", NONE, "ENOTDIR"},
	/* A link is never the target. */
	{FIND_FOLDER, "to-dir", NONE, "ELOOP"},
	{FIND_FOLDER, "to-dir/", NONE, "ELOOP"},
	{FIND_FILE, "relative", NONE, "ELOOP"},
	{MAKE_FILE, "dangling", NONE, "ELOOP"},
	{MAKE_FOLDER, "dangling", NONE, "ELOOP"},
	{MAKE_FOLDER, "dangling/new", NONE, "ELOOP"},
	{MAKE_FILE, "out", NONE, "ELOOP"},
	{FIND_FOLDER, "out-folder", NONE, "ELOOP"},
	/* And neither it nor ".." leads out. */
	{FIND_FOLDER, "..", NONE, "root"},
	{FIND_FOLDER, "../..", NONE, "root"},
	{FIND_FOLDER, "../outside", NONE, "ENOENT"},
	{FIND_FILE, "..", NONE, "EISDIR"},
	{FIND_FILE, "out-folder/secret", NONE, "ENOENT"},
	{FIND_FOLDER, "dir/..", NONE, "root"},
	{FIND_FOLDER, "dir/sub/..", NONE, "root/dir"},
	{MAKE_FOLDER, "..", NONE, "root"},
	{MAKE_FILE, "out-folder/new", NONE, "ELOOP"},
	{MAKE_FOLDER, "up-folder/made", NONE, "root/dir/made"},
	{MAKE_FOLDER, "../made", NONE, "root/made"},
	{MAKE_FOLDER, "m1/../../m2/below", NONE, "root/m2/below"},
	{MAKE_FILE, "m3/../../m4/../../file-made", NONE, "root/file-made"},
	/* Targets that are made. */
	{MAKE_FOLDER, "new/deep/folder", NONE, "root/new/deep/folder"},
	{MAKE_FOLDER, "/new2//double///folder//", NONE, "root/new2/double/folder"},
	{MAKE_FOLDER, "new/slash/", NONE, "root/new/slash"},
	{MAKE_FILE, "new/other/file", NONE, "root/new/other/file"},
	{MAKE_FILE, "new/other/file", NONE, "root/new/other/file"},
	{MAKE_FOLDER, "to-dir/made-there", NONE, "root/dir/made-there"},
	{MAKE_FILE, "/to-root/made-file", NONE, "root/made-file"},

	/* Whole files, FLAGS bytes at most. */
	{READ, "file", 64, "'a file'"},
	{READ, "file", 6, "'a file'"},
	{READ, "file", 5, "EFBIG"},
	{READ, "absolute", 64, "'below dir'"},
	{READ, "empty", 64, "''"},
	{READ, "empty", 0, "''"},
	{READ, "large", 1 << 20, "EFBIG"},
	{READ, "fifo", 64, "EINVAL"},
	{READ, "dir", 64, "EINVAL"},
	{READ, "out", 64, "ENOENT"},
	{READ, "self", 64, "ELOOP"},
	{HOST_READ, "dev/null", 64, "EINVAL"},
	{HOST_READ, "dev/zero", 64, "EINVAL"},
	{HOST_READ, "proc/self/comm", 64, "'path-test\\x0a'"},
	{HOST_READ, "proc/self/comm", 10, "'path-test\\x0a'"},
	{HOST_READ, "proc/self/comm", 9, "EFBIG"},
	{HOST_READ, "proc/self/status", 64, "EFBIG"},
	{HOST_READ, "proc/self/maps", 1 << 16, "EFBIG"},
	{HOST_READ, "proc/self/maps", 1 << 24, "all of it"},
};
/* clang-format on */

/* Those whose paths are too long to be written down. */
enum { LONG_ROWS = 24, GOT_MAX = 80, DEPTH = 340, ROWS = ARRAY_SIZE(rows) + LONG_ROWS };

struct tests {
	struct row rows[ROWS];
	size_t n;
	struct arena a;
	char (*got)[GOT_MAX]; /* what came of each, in memory that children share */
};

/* TIMES times PART, with TAIL behind. */
static const char *repeat(struct arena *a, const char *part, size_t times, const char *tail)
{
	size_t len = strlen(part);
	char *text = arena_alloc(a, len * times + strlen(tail) + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * len, part, len);
	memcpy(text + len * times, tail, strlen(tail));
	return text;
}

static void add(struct tests *t, enum act act, int flags, const char *path, const char *want)
{
	t->rows[t->n++] = (struct row){act, path, flags, want};
}

static void rows_fill(struct tests *t, bool by_walk)
{
	struct arena *a = &t->a;

	memcpy(t->rows, rows, sizeof(rows));
	t->n = ARRAY_SIZE(rows);
	add(t, OPEN, FOLLOW, repeat(a, "n", 255, ""), "260 bytes");
	add(t, OPEN, FOLLOW, repeat(a, "n", 256, ""), "ENAMETOOLONG");
	add(t, OPEN, FOLLOW, repeat(a, "n", 255, "/x"), "ENOTDIR");
	add(t, MAKE_FILE, NONE, repeat(a, "m", 255, ""), "260 bytes");
	add(t, MAKE_FILE, NONE, repeat(a, "m", 256, ""), "ENAMETOOLONG");
	add(t, MAKE_FILE, NONE, repeat(a, "m", 256, "/x"), "ENAMETOOLONG");
	/* 4,095 bytes are a path's most. */
	add(t, OPEN, FOLLOW, repeat(a, "./", 2045, "/file"), "root/file");
	add(t, OPEN, FOLLOW, repeat(a, "./", 2046, "file"), "ENAMETOOLONG");
	add(t, FIND_FILE, NONE, repeat(a, "./", 2045, "/file"), "root/file");
	add(t, FIND_FILE, NONE, repeat(a, "./", 2100, "file"), "ENAMETOOLONG");
	add(t, OPEN, FOLLOW, repeat(a, "../", 1360, "file"), "root/file");
	add(t, OPEN, FOLLOW, repeat(a, "dir/../", 580, "file"), "root/file");
	add(t, OPEN, FOLLOW, repeat(a, "d/", 300, "leaf"), "609 bytes");
	add(t, OPEN, FOLLOW, repeat(a, "d/", 300, repeat(a, "../", 310, "file")), "root/file");
	add(t, MAKE_FOLDER, NONE, repeat(a, "k/", 100, "leaf"), "209 bytes");
	/* The one difference: a walk holds a descriptor for each level. */
	add(t, OPEN, FOLLOW, repeat(a, "d/", DEPTH, ""), by_walk ? "EMFILE" : "684 bytes");
	if (geteuid() != 0)
		add(t, OPEN, FOLLOW, "closed/file", "EACCES");
}

/* ---- what there is ---------------------------------------------------------------------- */

static void chain_make(int root)
{
	char name[16], target[16] = "file";

	/* chain01 is the first of 40 links, which is what the kernel follows. */
	for (int i = 40; i >= 0; i--) {
		(void)snprintf(name, sizeof(name), "chain%02d", i);
		scratch_link(root, target, name);
		memcpy(target, name, sizeof(name));
	}
}

static void deep_make(int root)
{
	autoclose int at = fcntl(root, F_DUPFD_CLOEXEC, 0);

	for (int i = 0; i < DEPTH; i++) {
		int below = scratch_folder(at, "d");

		(void)fd_close(at);
		at = below;
		if (i == 299)
			scratch_text(at, "leaf", "");
	}
}

static void root_make(struct tests *t, int top)
{
	static const char *const links[][2] = {
		{"/dir/file", "absolute"},
		{"dir/file", "relative"},
		{"/to-dir/file", "dir/sub/absolute"},
		{"..", "dir/back"},
		{"dir", "to-dir"},
		{"/", "to-root"},
		{".", "to-dot"},
		{"..", "to-dots"},
		{"dir/", "with-slash"},
		{"file/", "file-with-slash"},
		{"nowhere", "dangling"},
		{"../../../../dir/file", "up"},
		{"../../../../dir", "up-folder"},
		{"../outside/secret", "out"},
		{"../outside", "out-folder"},
		{"/etc/passwd", "to-passwd"},
		{"self", "self"},
		{"b", "a"},
		{"a", "b"},
	};
	autoclose int root = scratch_folder(top, "root");
	autoclose int outside = scratch_folder(top, "outside");
	autoclose int large = -EBADF;

	scratch_text(outside, "secret", "a secret");
	(void)mkdirat(root, "dir", 0755);
	(void)mkdirat(root, "dir/sub", 0755);
	scratch_text(root, "file", "a file");
	scratch_text(root, "dir/file", "below dir");
	scratch_text(root, "empty", "");
	scratch_text(root, repeat(&t->a, "n", 255, ""), "");
	scratch_text(root, "large", "");
	large = scratch_must(openat(root, "large", O_WRONLY | O_CLOEXEC), "large");
	scratch_must(ftruncate(large, (1 << 20) + 1), "large");
	scratch_must(mkfifoat(root, "fifo", 0600), "fifo");
	(void)mkdirat(root, "closed", 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		scratch_link(root, links[i][0], links[i][1]);
	chain_make(root);
	deep_make(root);
}

/* ---- what comes of it ------------------------------------------------------------------- */

static enum path_type type_of(enum act act)
{
	return act == FIND_FOLDER || act == MAKE_FOLDER ? PATH_FOLDER : PATH_FILE;
}

/* What the descriptor FD is open on, as a name below TOP. */
static void describe_place(char got[GOT_MAX], int fd, const char *top)
{
	char link[32], path[8192];
	const char *rest;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	rest = str_after(path, top);
	if (!rest || *rest != '/')
		(void)snprintf(got, GOT_MAX, "elsewhere");
	else if (strlen(rest) > 64)
		(void)snprintf(got, GOT_MAX, "%zu bytes", strlen(rest + 1));
	else
		(void)snprintf(got, GOT_MAX, "%s", rest + 1);
}

static void describe_text(char got[GOT_MAX], const char *text, size_t len)
{
	char shown[GOT_MAX - 2];

	if (len > 1 << 16 && strlen(text) == len && text[len - 1] == '\n')
		(void)snprintf(got, GOT_MAX, "all of it");
	else
		(void)snprintf(got, GOT_MAX, "'%s'", str_escape(shown, sizeof(shown), text));
}

static int row_open(const struct row *row, int dir)
{
	bool make = row->act == MAKE_FOLDER || row->act == MAKE_FILE;

	if (row->act == OPEN || row->act == HOST)
		return path_open_in(dir, row->path, row->flags);
	return path_target_in(dir, row->path, type_of(row->act), make);
}

static int row_read(const struct row *row, int dir, char got[GOT_MAX])
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *text;
	size_t len;
	int r = path_read_in(dir, row->path, &a, (size_t)row->flags, &text, &len);

	if (r == 0)
		describe_text(got, text, len);
	return r;
}

static void row_try(const struct row *row, const char *top, int root, char got[GOT_MAX])
{
	autoclose int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = -EBADF;
	int r;

	if (row->act == READ || row->act == HOST_READ)
		r = row_read(row, row->act == READ ? root : host, got);
	else
		r = fd = row_open(row, row->act == HOST ? host : root);
	if (r < 0)
		(void)snprintf(got, GOT_MAX, "%s", strerrorname_np(-r));
	else if (fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		(void)snprintf(got, GOT_MAX, "not close-on-exec");
	else if (fd >= 0)
		describe_place(got, fd, top);
}

/* So many mappings that their list is longer than what is read of a file of /proc at first. */
static void mappings_make(void)
{
	enum { PAGES = 3000 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *area = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < PAGES && area != MAP_FAILED; i += 2)
		(void)mprotect(area + i * page, page, PROT_NONE);
}

/* All rows, in a child that may be without openat2. */
static void rows_try(struct tests *t, const struct scratch *s, bool by_walk)
{
	static const unsigned calls[] = {SYS_openat2};
	pid_t pid = fork();
	int status, before;

	if (pid == 0) {
		int root = openat(s->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

		(void)prctl(PR_SET_NAME, "path-test");
		(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){330, 330});
		mappings_make();
		before = scratch_descriptors();
		if (by_walk && nosys_load(calls, ARRAY_SIZE(calls)) < 0)
			_exit(2);
		if (by_walk && sys_openat2(root, ".", O_PATH, 0, 0) != -ENOSYS)
			_exit(3);
		for (size_t i = 0; i < t->n; i++)
			row_try(&t->rows[i], s->path, root, t->got[i]);
		_exit(scratch_descriptors() == before ? 0 : 4);
	}
	(void)waitpid(pid, &status, 0);
	check_int(status, 0);
}

static const char *const act_words[] = {
	[OPEN] = "open",
	[HOST] = "open on the host",
	[FIND_FOLDER] = "the folder",
	[FIND_FILE] = "the file",
	[MAKE_FOLDER] = "make the folder",
	[MAKE_FILE] = "make the file",
	[READ] = "read",
	[HOST_READ] = "read on the host",
};

static void test_way(bool by_walk)
{
	struct tests t = {0};
	struct scratch s;

	t.got = mmap(NULL, ROWS * sizeof(*t.got), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	scratch_must(t.got == MAP_FAILED ? -1 : 0, "mmap");
	scratch_make(&s);
	root_make(&t, s.dir);
	rows_fill(&t, by_walk);
	rows_try(&t, &s, by_walk);
	for (size_t i = 0; i < t.n; i++) {
		const struct row *row = &t.rows[i];

		if (!check_that(streq(t.got[i], row->want), "%s: %s '%.60s' (%x) is %s",
				by_walk ? "walk" : "openat2", act_words[row->act], row->path,
				(unsigned)row->flags, row->want))
			printf("# got %s\n", t.got[i]);
	}
	check_that(!scratch_has(s.dir, "made") && !scratch_has(s.dir, "m2") &&
			   !scratch_has(s.dir, "file-made") &&
			   !scratch_has(s.dir, "outside/new"),
		   "nothing is made outside");
	scratch_remove(&s);
	(void)munmap(t.got, ROWS * sizeof(*t.got));
	arena_done(&t.a);
}

/* The kernel refuses ".." with EAGAIN while anybody renames or mounts anything. */
static void test_races(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const char *path = repeat(&a, "dir/../", 100, "file");
	struct scratch s;
	int failed = 0;
	pid_t pid;

	scratch_make(&s);
	(void)mkdirat(s.dir, "dir", 0755);
	scratch_text(s.dir, "file", "");
	pid = fork();
	if (pid == 0) {
		scratch_text(s.dir, "x", "");
		for (;;) {
			(void)renameat(s.dir, "x", s.dir, "y");
			(void)renameat(s.dir, "y", s.dir, "x");
		}
	}
	for (int i = 0; i < 3000; i++) {
		autoclose int fd = path_open_in(s.dir, path, O_PATH);

		failed += fd < 0;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	check_int(failed, 0);
	scratch_remove(&s);
}

int main(void)
{
	test_way(false);
	test_way(true);
	test_races();
	return tap_done();
}
