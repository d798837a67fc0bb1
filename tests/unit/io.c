/* SPDX-License-Identifier: Apache-2.0 */
/* io.c: whole reads and writes, files replaced in one step, descriptors over sockets. */
#include "util/io.h"
#include "scratch.h"
#include "tap.h"
#include "util/fail.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ---- whole reads and writes ------------------------------------------------------------- */

static void on_alarm(int sig)
{
	(void)sig;
}

/* More than a pipe holds, to a reader that is slow, with signals on the way. */
static void test_pipes(void)
{
	enum { SIZE = 1 << 20 };
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	static char out[SIZE], in[SIZE + 1];
	int pair[2], status;
	ssize_t got;
	pid_t pid;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = (char)(i * 7 + i / 251);
	(void)sigaction(SIGALRM, &action, NULL);
	scratch_must(pipe2(pair, O_CLOEXEC), "pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		(void)setitimer(ITIMER_REAL, &often, NULL);
		_exit(io_write_all(pair[1], out, SIZE) == 0 ? 0 : 1);
	}
	(void)close(pair[1]);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	got = io_read_all(pair[0], in, sizeof(in));
	/* First: a signal would cut off what a check prints. */
	(void)setitimer(ITIMER_REAL, &never, NULL);
	check_int(got, SIZE);
	check(memcmp(in, out, SIZE) == 0);
	(void)waitpid(pid, &status, 0);
	check_int(status, 0);
	(void)close(pair[0]);

	check_int(io_write_all(-1, "x", 1), -EBADF);
	check_int(io_write_all(-1, "x", 0), 0);
	check_int(io_read_all(-1, in, 1), -EBADF);
}

/* ---- files ------------------------------------------------------------------------------ */

/* Reads NAME with a limit of MAX, and compares with WANT; NULL: it fails with R. */
static void check_file(const struct scratch *s, const char *name, size_t max, const char *want,
		       int r)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autoclose int fd = openat(s->dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *data = NULL;
	size_t len = 4711;
	int got = io_read_file(fd, &a, max, &data, &len);

	if (want)
		check_that(got == 0 && len == strlen(want) && streq(data, want),
			   "%s is read whole with a limit of %zu", name, max);
	else
		check_that(got == r && !data && len == 4711, "%s with a limit of %zu is %s",
			   name, max, strerrorname_np(-r));
}

static void test_read_file(const struct scratch *s)
{
	scratch_text(s->dir, "ten", "0123456789");
	scratch_text(s->dir, "none", "");
	(void)mkdirat(s->dir, "folder", 0755);
	scratch_must(mkfifoat(s->dir, "fifo", 0600), "fifo");
	check_file(s, "ten", 10, "0123456789", 0);
	check_file(s, "ten", SIZE_MAX / 2, "0123456789", 0);
	check_file(s, "ten", 9, NULL, -EFBIG);
	check_file(s, "ten", 0, NULL, -EFBIG);
	check_file(s, "none", 0, "", 0);
	check_file(s, "folder", 10, NULL, -EINVAL);
	check_file(s, "fifo", 10, NULL, -EINVAL);
	check_file(s, "/dev/null", 10, NULL, -EINVAL);
	check_file(s, "nothing", 10, NULL, -EBADF);
}

/* A file of /proc that is longer than what is read of it at first: this process' environment.
 */
static void test_read_proc(void)
{
	enum { LONG = 100000 };
	SCOPE_END(arena_done) struct arena a = {0};
	static char variable[LONG + 1];
	size_t len = 0;
	int pair[2], status;
	ssize_t n = 0;
	pid_t pid;
	char *data;

	memset(variable, 'v', LONG);
	scratch_must(pipe2(pair, 0), "pipe");
	pid = fork();
	if (pid == 0) {
		char *argv[] = {(char *)"cat", NULL}, *envp[] = {variable, NULL};

		(void)dup2(pair[0], STDIN_FILENO);
		(void)close(pair[1]);
		(void)execve("/bin/cat", argv, envp);
		_exit(1);
	}
	(void)close(pair[0]);
	for (int i = 0; i < 1000 && n != LONG + 1; i++) {
		autoclose int fd = open(arena_printf(&a, "/proc/%d/environ", pid), O_RDONLY);

		n = io_read_file(fd, &a, 1 << 20, &data, &len) == 0 ? (ssize_t)len : -1;
		(void)usleep(1000);
	}
	check_int(n, LONG + 1);
	if (n == LONG + 1) {
		autoclose int fd = open(arena_printf(&a, "/proc/%d/environ", pid), O_RDONLY);

		check(memcmp(data, variable, LONG + 1) == 0);
		check_int(io_read_file(fd, &a, LONG, &data, &len), -EFBIG);
	}
	(void)close(pair[1]);
	(void)waitpid(pid, &status, 0);
}

static void test_read_path(const struct scratch *s)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const char *folder = arena_printf(&a, "%s/folder", s->path);
	const char *ten = arena_printf(&a, "%s/ten", s->path);
	char *data;
	size_t len;

	check(io_read_path(ten, &a, 10, &data, &len) == 0 && len == 10);
	check_int(io_read_path(ten, &a, 9, &data, &len), -EFBIG);
	check_str(fail_text(), arena_printf(&a, "'%s' is larger than 9 bytes", ten));
	check_int(io_read_path(folder, &a, 9, &data, &len), -EINVAL);
	check_str(fail_text(), arena_printf(&a, "'%s' is not a regular file", folder));
	check_int(io_read_path("/no\033/file", &a, 9, &data, &len), -ENOENT);
	check_str(fail_text(), "open '/no\\x1b/file': No such file or directory");
}

static int count_names(int dir)
{
	autodir DIR *stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = 0;

	while (stream && readdir(stream))
		n++;
	return n;
}

static void test_replace(const struct scratch *s)
{
	autoclose int dir = scratch_folder(s->dir, "replace");
	struct scratch in = {.dir = dir};
	struct stat old, new;

	check_int(io_replace_file(dir, "file", "first", 5), 0);
	check_file(&in, "file", 100, "first", 0);
	check(fstatat(dir, "file", &old, 0) == 0 && (old.st_mode & 07777) == 0600);
	autoclose int reader = openat(dir, "file", O_RDONLY | O_CLOEXEC);
	check_int(io_replace_file(dir, "file", "the second", 10), 0);
	check_file(&in, "file", 100, "the second", 0);
	/* Who has the old one open still reads it whole. */
	check(fstatat(dir, "file", &new, 0) == 0 && old.st_ino != new.st_ino);
	check(fstat(reader, &old) == 0 && old.st_size == 5);
	check_int(io_replace_file(dir, "file", "", 0), 0);
	check_file(&in, "file", 100, "", 0);

	/* A link is replaced, not followed. */
	scratch_text(dir, "other", "stays");
	scratch_link(dir, "other", "link");
	check_int(io_replace_file(dir, "link", "new", 3), 0);
	check_file(&in, "link", 100, "new", 0);
	check_file(&in, "other", 100, "stays", 0);
	check_int(count_names(dir), 5);
}

static void test_replace_fails(const struct scratch *s)
{
	autoclose int dir = scratch_folder(s->dir, "replace-fails");
	struct scratch in = {.dir = dir};
	struct rlimit limit;
	int r;

	(void)mkdirat(dir, "folder", 0755);
	check_int(io_replace_file(dir, "folder", "x", 1), -EISDIR);
	check_str(fail_text(), "write 'folder': Is a directory");
	check_int(count_names(dir), 3);

	/* A disk that is full, as near as an ordinary user comes to one. */
	scratch_text(dir, "file", "whole");
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)getrlimit(RLIMIT_FSIZE, &limit);
	(void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){4, limit.rlim_max});
	r = io_replace_file(dir, "file", "longer than that", 16);
	/* First: what the check prints may go to a file. */
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	check_int(r, -EFBIG);
	check_file(&in, "file", 100, "whole", 0);
	check_int(count_names(dir), 4);

	check_int(io_replace_file(-1, "file", "x", 1), -EBADF);
}

/* ---- sockets ---------------------------------------------------------------------------- */

static void test_messages(void)
{
	char got[16] = "";
	int pair[2];

	check_int(io_socketpair(pair), 0);
	check((fcntl(pair[0], F_GETFD) & FD_CLOEXEC) && (fcntl(pair[1], F_GETFD) & FD_CLOEXEC));
	check_int(io_send(pair[0], "one", 3, -EBADF), 0);
	check_int(io_send(pair[0], "three", 5, -EBADF), 0);
	check(io_receive(pair[1], got, sizeof(got), NULL) == 3 && memcmp(got, "one", 3) == 0);
	check(io_receive(pair[1], got, 2, NULL) == 2 && memcmp(got, "th", 2) == 0);
	(void)close(pair[1]);
	/* SIGPIPE would have ended the test. */
	check_int(io_send(pair[0], "x", 1, -EBADF), -EPIPE);
	check_int(io_receive(pair[0], got, sizeof(got), NULL), 0);
	(void)close(pair[0]);
	check_int(io_send(pair[0], "x", 1, -EBADF), -EBADF);
	check_int(io_receive(pair[0], got, sizeof(got), NULL), -EBADF);
}

/* Sends N descriptors in one message, as nobody of ours does. */
static void send_many(int fd, int pass, int n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec part = {.iov_base = (void *)"m", .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(head) + (size_t)i * sizeof(int), &pass, sizeof(int));
	scratch_must((int)sendmsg(fd, &msg, 0), "sendmsg");
}

static void test_descriptors(const struct scratch *s)
{
	int pair[2], passed = -1, before;
	struct stat here, there;
	char got[4];

	scratch_must(io_socketpair(pair), "socketpair");
	before = scratch_descriptors();
	check_int(io_send(pair[0], "m", 1, s->dir), 0);
	check_int(io_receive(pair[1], got, sizeof(got), &passed), 1);
	check(passed >= 0 && passed != s->dir && (fcntl(passed, F_GETFD) & FD_CLOEXEC));
	check(fstat(passed, &there) == 0 && fstat(s->dir, &here) == 0 &&
	      here.st_ino == there.st_ino);
	(void)close(passed);

	/* Without one, and where nobody wants it. */
	check_int(io_send(pair[0], "m", 1, -EBADF), 0);
	check_int(io_receive(pair[1], got, sizeof(got), &passed), 1);
	check_int(passed, -EBADF);
	check_int(io_send(pair[0], "m", 1, s->dir), 0);
	check_int(io_receive(pair[1], got, sizeof(got), NULL), 1);
	check_int(scratch_descriptors(), before);

	for (int n = 1; n <= 8; n++) {
		send_many(pair[0], s->dir, n);
		check_int(io_receive(pair[1], got, sizeof(got), &passed), 1);
		check_that(passed >= 0, "one of %d descriptors is taken", n);
		(void)fd_close(passed);
		check_that(scratch_descriptors() == before, "none of %d stays", n);
		send_many(pair[0], s->dir, n);
		check_int(io_receive(pair[1], got, sizeof(got), NULL), 1);
		check_that(scratch_descriptors() == before, "none of %d stays unwanted", n);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	struct scratch s;

	scratch_make(&s);
	test_pipes();
	test_read_file(&s);
	test_read_proc();
	test_read_path(&s);
	test_replace(&s);
	test_replace_fails(&s);
	test_messages();
	test_descriptors(&s);
	scratch_remove(&s);
	return tap_done();
}
