/* SPDX-License-Identifier: Apache-2.0 */
/* bare_launch.c: the launcher's side of a bare sandbox. */
#include "bare.h"
#include "gate.h"
#include "hint.h"
#include "init_image.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct bare_launch {
	struct plan *plan;
	struct bare_setup setup;
	int wire;
	pid_t pid;
	bool is_executed; /* the payload runs, or has run */
};

static void launch_done(struct bare_launch *l)
{
	(void)fd_close(l->wire);
	(void)fd_close(l->setup.s.wire);
	(void)fd_close(l->setup.s.init);
	(void)fd_close(l->setup.filters);
}

/* ---- before the clone -------------------------------------------------------------------- */

/* The first descriptor above all that are open: the payload gets those of the caller. */
static int first_free(int *ret_fd)
{
	autodir DIR *dir = opendir("/proc/self/fd");
	int last = STDERR_FILENO;

	if (!dir)
		return fail_sys("Can't open /proc");
	for (struct dirent *e; (e = readdir(dir));) {
		uint32_t fd;

		if (str_to_u32(e->d_name, INT32_MAX, &fd) == 0 && (int)fd != dirfd(dir) &&
		    (int)fd > last)
			last = (int)fd;
	}
	*ret_fd = last + 1;
	return 0;
}

/* As wire.h has them. */
static int filters_write(const struct bare *b, int *ret_fd)
{
	autoclose int fd = memfd_create("filters", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	for (size_t i = 0; i < b->n_filters && r == 0; i++) {
		uint64_t n = b->filters[i].n;

		r = io_write_all(fd, &n, sizeof(n));
		if (r == 0)
			r = io_write_all(fd, b->filters[i].code,
					 n * sizeof(struct sock_filter));
	}
	if (r < 0)
		return fail(-r, "Can't write seccomp data: %s", strerrordesc_np(-r));
	*ret_fd = take_fd(&fd);
	return 0;
}

static int reaper_prepare(struct bare_launch *l)
{
	struct plan *p = l->plan;
	struct strv argv = {0};
	int r = l->setup.s.init = init_image_copy();

	if (r >= 0)
		r = filters_write(p->bare, &l->setup.filters);
	strv_push(&p->arena, &argv, "sbx-init");
	strv_push(&p->arena, &argv, "-r");
	strv_push(&p->arena, &argv, arena_printf(&p->arena, "%d", l->setup.first_own));
	if (p->bare->is_tied)
		strv_push(&p->arena, &argv, "-d");
	strv_push(&p->arena, &argv, "--");
	strv_push(&p->arena, &argv, p->argv.v[0]);
	strv_push(&p->arena, &argv, p->bare->name ? p->bare->name : p->argv.v[0]);
	for (size_t i = 1; i < p->argv.n; i++)
		strv_push(&p->arena, &argv, p->argv.v[i]);
	l->setup.s.init_argv = (char *const *)argv.v;
	return r;
}

/* Where the payload starts is only known inside; what its environment then says of it is made here.
 */
static void pwd_prepare(struct bare_launch *l)
{
	struct plan *p = l->plan;
	const char **pwds =
		arena_alloc(&p->arena, ARRAY_SIZE(p->bare->workdirs) * sizeof(*pwds));

	plan_set_env(p, "PWD=/");
	for (size_t i = 0; i < p->env.n; i++)
		if (str_after(p->env.v[i], "PWD="))
			l->setup.pwd = &p->env.v[i];
	for (size_t i = 0; i < ARRAY_SIZE(p->bare->workdirs); i++)
		pwds[i] = arena_printf(&p->arena, "PWD=%s",
				       p->bare->workdirs[i] ? p->bare->workdirs[i] : "/");
	l->setup.pwds = pwds;
}

/* One on descriptors 0 to 2, or the controlling one, which can be opened as /dev/tty. */
static bool has_terminal(void)
{
	autoclose int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	return tty >= 0 || isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) ||
	       isatty(STDERR_FILENO);
}

static int prepare(struct bare_launch *l)
{
	struct plan *p = l->plan;
	int pair[2], r;

	(void)fflush(NULL);
	r = first_free(&l->setup.first_own);
	if (r == 0)
		r = io_socketpair(pair);
	if (r < 0)
		return r;
	l->wire = pair[0];
	l->setup.s.wire = pair[1];
	if (isatty(STDOUT_FILENO))
		l->setup.console = ttyname(STDOUT_FILENO);
	l->setup.umask = umask(0);
	(void)umask(l->setup.umask);
	if (!p->bare->is_session && has_terminal())
		bare_terminal_filter(p);
	pwd_prepare(l);
	l->setup.s.sources = arena_alloc(&p->arena, p->bare->n_sources * sizeof(int));
	l->setup.s.own = arena_alloc(&p->arena, (p->bare->n_ops + SETUP_OWN) * sizeof(dev_t));
	return p->bare->has_init ? reaper_prepare(l) : 0;
}

/* ---- the child --------------------------------------------------------------------------- */

static int clone_fail(const struct bare *b, int err)
{
	int r;

	if (err == ENOSPC)
		r = fail(err, "Creating new namespace failed: nesting depth or "
			      "/proc/sys/user/max_*_namespaces exceeded (ENOSPC)");
	else if ((b->namespaces & CLONE_NEWUSER) && err == EPERM)
		r = fail(err, "No permissions to create a new namespace, likely because the "
			      "kernel does not allow non-privileged user namespaces.");
	else
		r = fail(err, "Creating new namespace failed: %s", strerrordesc_np(err));
	return hint_add(r, "clone");
}

static pid_t child_make(struct bare_launch *l, uint64_t flags, int *ret_pidfd)
{
	struct sys_clone how = {.flags = flags | CLONE_PIDFD, .ret_pidfd = ret_pidfd};
	uint64_t dropped;
	pid_t pid = sys_clone(&how, &dropped);

	if (pid == 0) {
		/* With it the gate would wait for a launcher that is dead. */
		(void)fd_close(l->wire);
		setup_run(&l->setup.s, bare_steps, bare_steps_n);
	}
	return pid;
}

/* The number here of the process that PIDFD is. */
static pid_t pidfd_number(int pidfd)
{
	char path[64], line[256];
	autofile FILE *info = NULL;
	int pid = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info)) {
		uint32_t number;
		const char *value = str_after(line, "Pid:\t");

		line[strcspn(line, "\n")] = '\0';
		if (value && str_to_u32(value, INT32_MAX, &number) == 0)
			pid = (int)number;
	}
	return pid;
}

/* A new pid namespace below the one that was joined: only who is in that one can make it. The
 * process that does so is gone in a moment, and the child is its sibling, ours to wait for. */
static pid_t child_make_below(struct bare_launch *l, uint64_t flags)
{
	struct sys_clone how = {0};
	int pair[2], r = io_socketpair(pair), pidfd = -EBADF;
	struct wire_message m = {0};
	uint64_t dropped;
	pid_t middle;

	if (r < 0)
		return r;
	autoclose int here = pair[0];
	autoclose int there = pair[1];
	middle = sys_clone(&how, &dropped);
	if (middle == 0) {
		m.err = child_make(l, flags | CLONE_PARENT, &pidfd);
		(void)io_send(there, &m, sizeof(m), m.err < 0 ? -EBADF : pidfd);
		_exit(0);
	}
	(void)fd_close(take_fd(&there));
	if (middle < 0)
		return middle;
	(void)io_receive(here, &m, sizeof(m), &pidfd);
	while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
		;
	if (pidfd < 0)
		return m.err < 0 ? m.err : -ECHILD;
	r = pidfd_number(pidfd);
	(void)fd_close(pidfd);
	return r;
}

static int namespaces_join(const struct bare *b)
{
	if (b->userns >= 0 && setns(b->userns, CLONE_NEWUSER) < 0)
		return errno == EINVAL
			       ? fail(EINVAL, "Joining the specified user namespace failed, it "
					      "might not be a descendant of the current user "
					      "namespace.")
			       : fail_sys("Joining specified user namespace failed");
	/* For children only. */
	if (b->pidns >= 0 && setns(b->pidns, CLONE_NEWPID) < 0)
		return fail_sys("Setting pidns failed");
	return 0;
}

static int child_start(struct bare_launch *l)
{
	const struct bare *b = l->plan->bare;
	int pidfd = -EBADF;
	int r = namespaces_join(b);

	if (r < 0)
		return r;
	if (b->pidns >= 0 && (b->namespaces & CLONE_NEWPID))
		l->pid = child_make_below(l, b->namespaces);
	else
		l->pid = child_make(l, b->namespaces, &pidfd);
	(void)fd_close(pidfd);
	l->setup.s.wire = fd_close(l->setup.s.wire);
	return l->pid < 0 ? clone_fail(b, -l->pid) : 0;
}

/* ---- who it is --------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t flag;
} kinds[] = {
	{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC}, {"mnt", CLONE_NEWNS},
	{"net", CLONE_NEWNET},	     {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS},
};

/* Says who the child is and which namespaces are its own, as bubblewrap formats it. */
static int info_write(const struct bare_launch *l, int fd, const char *head,
		      const char *between, const char *tail)
{
	char text[1024], path[64];
	int used, r;

	if (fd < 0)
		return 0;
	used = snprintf(text, sizeof(text), "%s\"child-pid\": %d", head, (int)l->pid);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct stat st;

		if (!(l->plan->bare->namespaces & kinds[i].flag))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)l->pid,
			       kinds[i].name);
		if (stat(path, &st) == 0)
			used += snprintf(text + used, sizeof(text) - (size_t)used,
					 ",%s\"%s-namespace\": %llu", between, kinds[i].name,
					 (unsigned long long)st.st_ino);
	}
	used += snprintf(text + used, sizeof(text) - (size_t)used, "%s", tail);
	r = io_write_all(fd, text, (size_t)used);
	return r < 0 ? fail(-r, "Write to info_fd: %s", strerrordesc_np(-r)) : 0;
}

static int child_tell(struct bare_launch *l)
{
	const struct bare *b = l->plan->bare;
	int r = info_write(l, b->info, "{\n    ", "\n    ", "\n}\n");
	char byte;

	(void)fd_close(b->info);
	if (r == 0)
		r = info_write(l, b->status, "{ ", " ", " }\n");
	if (r < 0)
		return r;
	while (b->userns_block >= 0 && read(b->userns_block, &byte, 1) < 0 && errno == EINTR)
		;
	/* What nobody reads would make the socket's end a reset, and hide what was said before it. */
	return bare_has_gate(l->plan) ? gate_open(l->wire) : 0;
}

/* What others wait for the end of must not be held open here. */
static void caller_descriptors_close(struct bare_launch *l)
{
	int kept[2] = {l->wire, l->plan->bare->status};
	int low = kept[0] < kept[1] || kept[1] < 0 ? 0 : 1;
	int first = STDERR_FILENO + 1;

	for (int i = 0; i < 2; i++) {
		int fd = kept[low ^ i];

		if (fd < first)
			continue;
		if (fd > first)
			(void)sys_close_range((unsigned)first, (unsigned)fd - 1);
		first = fd + 1;
	}
	(void)sys_close_range((unsigned)first, ~0U);
}

/* ---- the end ----------------------------------------------------------------------------- */

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int child_reap(const struct bare_launch *l)
{
	int status = 0;

	while (waitpid(l->pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_sys("wait for the sandbox");
	return status_of(status);
}

static int message_fail(const struct wire_message *m)
{
	int err = m->err > 0 && m->err < 4096 ? m->err : EPROTO;
	int r = fail(err, "%s", m->text);

	return m->hint[0] ? fail_hint(r, "%s", m->hint) : r;
}

/* The reaper's sentence about a command that can't be executed is the hint to bubblewrap's. */
static int exec_fail(const struct bare_launch *l, const struct wire_message *m)
{
	int err = m->err > 0 && m->err < 4096 ? m->err : EPROTO;

	return fail_hint(fail(err, "execvp %s: %s", l->plan->argv.v[0], strerrordesc_np(err)),
			 "%s", m->text);
}

/* Until the payload has ended. With a reaper it may trace that, and send what it likes here: no more
 * than its own end can be told. */
static int payload_wait(struct bare_launch *l)
{
	struct wire_message m = {0};
	ssize_t n;

	while ((n = io_receive(l->wire, &m, sizeof(m), NULL)) > 0) {
		m.text[sizeof(m.text) - 1] = m.hint[sizeof(m.hint) - 1] = '\0';
		if ((size_t)n < offsetof(struct wire_message, text))
			continue;
		if (m.type == WIRE_FAILED)
			return message_fail(&m);
		if (m.type == WIRE_EXEC_FAILED)
			return exec_fail(l, &m);
		if (m.type == WIRE_EXITED) {
			l->is_executed = true;
			return status_of(m.status);
		}
	}
	/* The other end is closed: by exec, or the reaper was killed. */
	l->is_executed = true;
	return child_reap(l);
}

static void status_write(const struct bare_launch *l, int status)
{
	int fd = l->plan->bare->status;

	if (fd >= 0 && l->is_executed)
		(void)dprintf(fd, "{ \"exit-code\": %d }\n", status);
	(void)fd_close(fd);
}

int bare_run(struct plan *p)
{
	SCOPE_END(launch_done)
	struct bare_launch l = {
		.plan = p,
		.setup = {.s = {.plan = p, .wire = -EBADF, .init = -EBADF, .root = -EBADF},
			  .host_proc = -EBADF,
			  .base = -EBADF,
			  .filters = -EBADF},
		.wire = -EBADF,
	};
	int r = prepare(&l);

	if (r == 0)
		r = child_start(&l);
	if (r < 0)
		return r;
	if (p->bare->is_tied)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = child_tell(&l);
	if (r < 0)
		return r;
	caller_descriptors_close(&l);
	/* The environment and the arguments in it are nobody's inside. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	l.setup.s.init = l.setup.filters = -EBADF;
	r = payload_wait(&l);
	status_write(&l, r);
	return r;
}
