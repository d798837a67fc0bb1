/* SPDX-License-Identifier: Apache-2.0 */
/* mount_attrs.c: flags on a whole tree of mounts, with the kernel's call for it and without. */
#include "sandbox/mount_attrs.h"
#include "namespace.h"
#include "nosys.h"
#include "scratch.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Some options of mount(2) that older headers lack. */
enum { NOSYMFOLLOW = 256 };

enum { LIST_MAX = 1 << 18, MANY = 200 };

/* What a child saw: mounts as "NAME OPTIONS\n", in the order of mountinfo, before and after. */
struct seen {
	int r;
	char before[LIST_MAX], after[LIST_MAX];
};

static struct scratch s;

static void mount_at(int dir, const char *name, unsigned long flags)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	(void)mkdirat(dir, name, 0755);
	scratch_must(mount("tmpfs", path, "tmpfs", flags, "size=64k"), name);
}

/* Fifteen blanks-only names of 255 bytes in each other: mountinfo writes each byte as four. */
static void long_make(int top)
{
	autoclose int at = fcntl(top, F_DUPFD_CLOEXEC, 0);
	char name[256];

	memset(name, ' ', 255);
	name[255] = '\0';
	for (int i = 0; i < 14; i++) {
		int below = scratch_folder(at, name);

		(void)fd_close(at);
		at = below;
	}
	mount_at(at, name, 0);
}

/* Mounts that others hide: where a folder of the same name stands above them, and a file. */
static void covered_make(int top)
{
	mount_at(top, "covered", 0);
	mount_at(top, "covered/folder", 0);
	(void)mkdirat(top, "covered/file", 0755);
	mount_at(top, "covered/file/below", 0);
	mount_at(top, "covered/gone", 0);
	mount_at(top, "covered", 0);
	(void)mkdirat(top, "covered/folder", 0755);
	scratch_text(top, "covered/file", "");
}

static void source_make(void)
{
	static const struct {
		const char *name;
		unsigned long flags;
	} mounts[] = {
		{"plain", 0},
		{"plain/nested", 0},
		{"a blank", 0},
		{" ", 0},
		{"tab\there", 0},
		{"new\nline", 0},
		{"back\\slash", 0},
		{"\\040", 0},
		{"trailing\\", 0},
		{"#hash", 0},
		{"\xc3\xa4 \xff", 0},
		{"x\\04", 0},
		{"nosuid", MS_NOSUID},
		{"special", MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"readonly", MS_RDONLY},
		{"noatime", MS_NOATIME},
		{"nodiratime", MS_NODIRATIME},
		{"strictatime", MS_STRICTATIME},
		{"strict-nodir", MS_STRICTATIME | MS_NODIRATIME},
		{"all", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME},
		{"nosymfollow", NOSYMFOLLOW},
	};
	autoclose int top = scratch_folder(s.dir, "source");
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		mount_at(top, mounts[i].name, mounts[i].flags);
	(void)mkdirat(top, "many", 0755);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		mount_at(top, name, 0);
	}
	long_make(top);
	covered_make(top);
	(void)mkdirat(s.dir, "bound", 0755);
	mount_at(s.dir, "bound-beside", 0);
	mount_at(s.dir, "boun", 0);
}

static void race_make(void)
{
	autoclose int top = scratch_folder(s.dir, "race");

	(void)mkdirat(top, "a", 0755);
	(void)mkdirat(top, "b", 0755);
	mount_at(top, "a/mounted", 0);
}

/* ---- in a child -------------------------------------------------------------------------- */

/* Lists the mounts of this test. */
static void list(char into[LIST_MAX])
{
	FILE *info = fopen("/proc/self/mountinfo", "re");
	size_t size = 0, used = 0;
	char *line = NULL;

	while (info && getline(&line, &size, info) > 0) {
		char *rest = line, *field[6] = {NULL};
		const char *name;

		for (size_t i = 0; i < ARRAY_SIZE(field) && rest; i++)
			field[i] = strsep(&rest, " ");
		name = field[5] ? str_after(field[4], s.path) : NULL;
		if (name && used < LIST_MAX)
			used += (size_t)snprintf(into + used, LIST_MAX - used, "%s %s\n", name,
						 field[5]);
	}
	free(line);
	if (info)
		(void)fclose(info);
}

/* Whether nothing can be written below the mount FD, the mount that hides others included. */
static bool is_readonly(int fd)
{
	static const char *const files[] = {"x",	 "plain/x",   "plain/nested/x",
					    "a blank/x", "covered/x", "many/199/x"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (openat(fd, files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0 ||
		    errno != EROFS)
			return false;
	return true;
}

/* Binds the source on "bound", in a namespace whose mounts are locked, and sets ATTRS there. */
static void child_run(unsigned attrs, bool is_old, bool here, struct seen *seen)
{
	static const unsigned calls[] = {SYS_mount_setattr};
	char source[PATH_MAX], bound[PATH_MAX];

	(void)snprintf(source, sizeof(source), "%s/source", s.path);
	(void)snprintf(bound, sizeof(bound), "%s/bound", s.path);
	if (unshare(CLONE_NEWNS) < 0 || mount(source, bound, NULL, MS_BIND | MS_REC, NULL) < 0)
		_exit(2);
	if (is_old && nosys_load(calls, ARRAY_SIZE(calls)) < 0)
		_exit(3);
	autoclose int fd = open(bound, O_PATH | O_DIRECTORY | O_CLOEXEC);
	list(seen->before);
	seen->r = here ? mount_set_attrs_here(fd, attrs) : mount_set_attrs(fd, attrs);
	list(seen->after);
	if (!here && (attrs & SYS_ATTR_RDONLY) && !is_readonly(fd))
		_exit(5);
	/* What is no mount has no flags. */
	autoclose int many = openat(fd, "many", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount_set_attrs(many, SYS_ATTR_RDONLY) != -EINVAL ||
	    mount_set_attrs_here(many, SYS_ATTR_RDONLY) != -EINVAL ||
	    mount_set_attrs(many, 0) != 0)
		_exit(4);
	_exit(0);
}

static struct seen *child_start(unsigned attrs, bool is_old, bool here)
{
	struct seen *seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	scratch_must(seen == MAP_FAILED ? -1 : 0, "mmap");
	pid = fork();
	if (pid == 0)
		child_run(attrs, is_old, here, seen);
	(void)waitpid(pid, &status, 0);
	check_int(status, 0);
	check_int(seen->r, 0);
	return seen;
}

/* ---- what is expected -------------------------------------------------------------------- */

static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, option, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* Whether OPTIONS are those of BEFORE with ATTRS, and nothing else. */
static bool is_with(const char *options, const char *before, unsigned attrs)
{
	static const struct {
		const char *name;
		unsigned attr;
	} all[] = {
		{"ro", SYS_ATTR_RDONLY},
		{"nosuid", SYS_ATTR_NOSUID},
		{"nodev", SYS_ATTR_NODEV},
		{"noexec", SYS_ATTR_NOEXEC},
		{"noatime", 0},
		{"nodiratime", 0},
		{"relatime", 0},
		{"nosymfollow", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (has_option(options, all[i].name) !=
		    (has_option(before, all[i].name) || (attrs & all[i].attr)))
			return false;
	return true;
}

/* Line by line: those of "bound" have ATTRS (those that none hides, and with HERE the first
 * alone), all others are as they were. */
static void check_lists(const struct seen *seen, unsigned attrs, bool here, const char *what)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *before = arena_strdup(&a, seen->before), *after = arena_strdup(&a, seen->after);
	int bound = 0, wrong = 0;

	while (before && after) {
		const char *was = strsep(&before, "\n"), *is = strsep(&after, "\n");
		const char *old = strrchr(was, ' '), *new = strrchr(is, ' ');
		bool is_bound = str_after(is, "/bound/") || str_after(is, "/bound ");
		bool wants = is_bound && (!here || str_after(is, "/bound "));

		if (!*was && !*is)
			continue;
		bound += is_bound;
		if (str_after(is, "/bound/covered"))
			continue;
		if (!old || !new || old - was != new - is ||
		    !is_with(new + 1, old + 1, wants ? attrs : 0)) {
			wrong++;
			printf("# was %.300s\n# is  %.300s\n", was, is);
		}
	}
	check_that(wrong == 0 && bound > MANY + 25 && !before && !after,
		   "%s: attributes %x are set, and no others", what, attrs);
}

/* The same list but for mounts that nobody can reach. */
static bool is_same(const struct seen *a, const struct seen *b)
{
	SCOPE_END(arena_done) struct arena arena = {0};
	char *left = arena_strdup(&arena, a->after), *right = arena_strdup(&arena, b->after);
	bool ok = true;

	while (left && right && ok) {
		const char *l = strsep(&left, "\n"), *r = strsep(&right, "\n");

		ok = streq(l, r) || str_after(l, "/bound/covered");
	}
	return ok && !left && !right;
}

static void test_attrs(unsigned attrs, bool here)
{
	struct seen *new = child_start(attrs, false, here);
	struct seen *old = child_start(attrs, true, here);

	check_lists(new, attrs, here, "mount_setattr");
	check_lists(old, attrs, here, "without it");
	check_that(is_same(new, old), "both ways end in the same");
	(void)munmap(new, sizeof(*new));
	(void)munmap(old, sizeof(*old));
}

/* Names that lead to mounts are exchanged all the time: a mount is below all the same. */
static void test_race(void)
{
	enum { ROUNDS = 40 };
	autoclose int top = openat(s.dir, "race", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int writable = 0, status;
	pid_t racer = fork();

	while (racer == 0)
		if (renameat2(top, "a", top, "b", RENAME_EXCHANGE) < 0 || getppid() == 1)
			_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			static const unsigned calls[] = {SYS_mount_setattr};
			char path[PATH_MAX];

			(void)snprintf(path, sizeof(path), "%s/race", s.path);
			if (unshare(CLONE_NEWNS) < 0 ||
			    mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 ||
			    nosys_load(calls, ARRAY_SIZE(calls)) < 0)
				_exit(2);
			autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
			if (mount_set_attrs(fd, SYS_ATTR_RDONLY) < 0)
				_exit(3);
			/* By whichever name it has. */
			for (int tries = 0; tries < 1000; tries++)
				if (openat(fd, tries % 2 ? "a/mounted/x" : "b/mounted/x",
					   O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0)
					_exit(1);
			_exit(0);
		}
		(void)waitpid(pid, &status, 0);
		writable += status != 0;
	}
	(void)kill(racer, SIGKILL);
	(void)waitpid(racer, &status, 0);
	check_that(WIFSIGNALED(status), "names were exchanged until the end");
	check_int(writable, 0);
}

static int run(void)
{
	static const unsigned all =
		SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV | SYS_ATTR_NOEXEC;

	if (namespace_enter(0, 0) < 0 || mount("tmpfs", s.path, "tmpfs", 0, NULL) < 0) {
		printf("1..0 # SKIP no user namespaces here\n");
		return 0;
	}
	s.dir = scratch_must(open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), s.path);
	source_make();
	race_make();
	/* In a second one the flags of all that is there are locked. */
	scratch_must(namespace_enter(0, 0), "a user namespace in a user namespace");
	test_attrs(SYS_ATTR_RDONLY, false);
	test_attrs(SYS_ATTR_NOSUID | SYS_ATTR_NODEV, false);
	test_attrs(all, false);
	test_attrs(SYS_ATTR_RDONLY, true);
	test_attrs(all, true);
	test_race();
	return tap_done();
}

int main(void)
{
	int status;
	pid_t pid;

	scratch_make(&s);
	/* What is mounted on the folder goes with the child, and then the folder can go. */
	pid = fork();
	if (pid == 0)
		exit(run());
	(void)waitpid(pid, &status, 0);
	scratch_remove(&s);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
