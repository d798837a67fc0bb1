/* SPDX-License-Identifier: Apache-2.0 */
/* attach_fake.c: a launcher with a sandbox that is nothing but a pid namespace, for
 * attach_test.py: attach in front, and behind it the smallest pid 1 that keeps to wire.h.
 *
 *   attach_fake [auto|yes|no] [interactive] [keys=TEXT] [timeout=MS] -- COMMAND [ARG]...
 *
 * Exits with the command's status, or says on stderr what failed and exits with 125. */
#include "sandbox/attach.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct fake {
	struct attach attach;
	struct plan plan;
	int status; /* as waitpid() gives it, or -1 */
};

/* ---- inside ----------------------------------------------------------------------------- */

static void tell(int wire, enum wire_type type, int status, int pass)
{
	struct wire_message m = {.type = type, .status = status};

	(void)io_send(wire, &m, offsetof(struct wire_message, text) + 1, pass);
}

/* The slave, which becomes pid 1's controlling terminal. */
static int pty_make(const struct plan *p, int wire)
{
	autoclose int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave;

	if (master < 0 || unlockpt(master) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->pty_modes)
		(void)tcsetattr(master, TCSANOW, p->pty_modes);
	(void)ioctl(master, TIOCSWINSZ, &p->pty_size);
	(void)ioctl(slave, TIOCSCTTY, 0);
	tell(wire, WIRE_TERMINAL, 0, master);
	return slave;
}

static void payload_run(const struct plan *p, int slave, char **argv)
{
	sigset_t none;

	(void)setpgid(0, 0);
	if (slave >= 0)
		(void)tcsetpgrp(slave, getpgrp());
	for (int i = 0; i < 3; i++)
		(void)dup2(p->stdio[i] >= 0 ? p->stdio[i] : slave, i);
	(void)sys_close_range(3, ~0U);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execvp(argv[0], argv);
	_exit(127);
}

static void payload_reap(int wire, pid_t payload)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != payload)
			continue;
		if (WIFSTOPPED(status)) {
			tell(wire, WIRE_STOPPED, WSTOPSIG(status), -EBADF);
			continue;
		}
		tell(wire, WIRE_EXITED, status, -EBADF);
		_exit(0);
	}
}

static bool is_from_terminal(int sig)
{
	return sig == SIGHUP || sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP ||
	       sig == SIGCONT || sig == SIGWINCH;
}

static void inside(const struct plan *p, int wire, char **argv)
{
	sigset_t all;
	int slave = -EBADF, sig;
	pid_t payload;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (p->terminal)
		slave = pty_make(p, wire);
	payload = fork();
	if (payload == 0)
		payload_run(p, slave, argv);
	(void)setpgid(payload, payload);
	/* Nothing of the caller's, and no end of a pipe, stays open here. */
	(void)dup2(wire, 3);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	for (int i = 0; i < 3; i++)
		(void)close(i);
	(void)sys_close_range(4, ~0U);
	while (sigwait(&all, &sig) == 0) {
		if (sig == SIGCHLD)
			payload_reap(3, payload);
		else
			(void)kill(is_from_terminal(sig) ? -payload : payload, sig);
	}
	_exit(1);
}

/* ---- outside ---------------------------------------------------------------------------- */

static int message_take(void *context, const struct wire_message *m, int passed)
{
	struct fake *f = context;

	(void)fd_close(passed);
	if (m->type == WIRE_EXITED)
		f->status = m->status;
	return 0;
}

static int fake_start(struct fake *f, int *ret_wire, int *ret_pidfd, char **argv)
{
	uint64_t dropped;
	struct sys_clone how = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD,
		.ret_pidfd = ret_pidfd,
	};
	int wires[2];
	pid_t pid;
	int r = io_socketpair(wires);

	if (r < 0)
		return r;
	pid = sys_clone(&how, &dropped);
	if (pid < 0)
		return fail(-pid, "clone: %s", strerrordesc_np(-pid));
	if (pid == 0) {
		(void)close(wires[0]);
		inside(&f->plan, wires[1], argv);
	}
	(void)close(wires[1]);
	*ret_wire = wires[0];
	return 0;
}

static int fake_run(struct fake *f, const struct sandbox_options *options, char **argv)
{
	autoclose int wire = -EBADF, pidfd = -EBADF;
	siginfo_t info;
	int r = attach_prepare(&f->attach, &f->plan, options);

	if (r == 0)
		r = fake_start(f, &wire, &pidfd, argv);
	if (r == 0) {
		f->attach.wire = wire;
		f->attach.pidfd = pidfd;
		f->attach.on_message = message_take;
		f->attach.context = f;
		r = attach_run(&f->attach);
		(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	}
	attach_done(&f->attach);
	return r;
}

static int exit_status(const struct fake *f)
{
	if (f->attach.timed_out)
		return 124;
	if (f->status == -1)
		return 137;
	return WIFSIGNALED(f->status) ? 128 + WTERMSIG(f->status) : WEXITSTATUS(f->status);
}

int main(int argc, char **argv)
{
	struct sandbox_options options = {.terminal = TERMINAL_AUTO};
	struct fake f = {.status = -1};
	int i;

	for (i = 1; i < argc && !streq(argv[i], "--"); i++) {
		const char *keys = str_after(argv[i], "keys="),
			   *ms = str_after(argv[i], "timeout=");

		if (streq(argv[i], "yes"))
			options.terminal = TERMINAL_YES;
		else if (streq(argv[i], "no"))
			options.terminal = TERMINAL_NO;
		else if (streq(argv[i], "interactive"))
			options.interactive = true;
		else if (keys)
			options.detach_keys = keys;
		else if (ms)
			(void)str_to_u64(ms, 100000, &f.plan.timeout_ms);
	}
	if (i + 1 >= argc || fake_run(&f, &options, argv + i + 1) < 0) {
		(void)fprintf(stderr, "attach_fake: %s\n", fail_text());
		return 125;
	}
	return exit_status(&f);
}
