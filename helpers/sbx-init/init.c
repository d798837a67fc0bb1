/* SPDX-License-Identifier: Apache-2.0 */
/* init.c: pid 1 of a sandbox: starts the payload, forwards signals, reaps, and ends with it. */
#include "init.h"

#include "payload.h"
#include "report.h"
#include "sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdbool.h>

/*
 * Theory of operation (what it is given and what it says: sandbox/wire.h)
 *
 * All signals are blocked for good, and one loop takes them one at a time: no handlers, nothing
 * that is interrupted, and nothing to do unless the kernel says so. A signal that is blocked is
 * queued even where its disposition would drop it, as the kernel does to pid 1's for its own
 * sake.
 *
 * It is one session with the payload as a group of it, like a shell with one job. So the
 * payload's group is never orphaned, and a stop signal stops it.
 *
 * Nothing here is trusted with a secret or a right that the payload hasn't got: a payload that
 * could take over pid 1 would gain the pipe, and that is believed no further (wire.h). It is
 * still non-dumpable, so that only CAP_SYS_PTRACE opens its memory and /proc/1.
 *
 * A bare one (-r) only starts the payload and reaps: the payload is in the caller's session and
 * process group, with the caller's signals and descriptors, and what it leaves running may go on
 * after it. Not before sbx-init runs are its seccomp programs loaded, since they may forbid all
 * that sbx-init's own start needs: here first, since whoever took over sbx-init would be free of
 * them, and then in the payload, which waits for that.
 */

static const struct sys_sigset all_signals = SYS_SIGSET_ALL;

static int init_fail(int wire, int err, const char *tried)
{
	struct wire_message m = {
		.type = WIRE_FAILED,
		.status = INIT_FAILED,
		.err = err,
		.step = "init",
	};
	struct text text = text_in(m.text, sizeof(m.text));

	text_add(&text, "%s", tried);
	text_add_error(&text, err);
	report_send(wire, &m);
	return INIT_FAILED;
}

static void init_report(enum wire_type type, int status)
{
	struct wire_message m = {.type = type, .status = status};

	report_send(WIRE_FD, &m);
}

static bool is_option(const char *arg, char letter)
{
	return arg && arg[0] == '-' && arg[1] == letter && arg[2] == '\0';
}

/* A descriptor's number, or -1. */
static int to_fd(const char *s)
{
	int fd = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || fd > INT_MAX / 10 - 9)
			return -1;
		fd = 10 * fd + (*s - '0');
	}
	return fd;
}

/* [-d] -- COMMAND NAME [ARG...], behind -r FD */
static bool bare_arguments_read(char **arg, struct payload *ret_payload)
{
	ret_payload->is_bare = true;
	if (is_option(*arg, 'd')) {
		ret_payload->is_tied = true;
		arg++;
	}
	if (!is_option(*arg, '-') || !arg[1] || !arg[2])
		return false;
	ret_payload->command = arg[1];
	ret_payload->argv = arg + 2;
	return true;
}

/* [-t FD] -- COMMAND [ARG...] */
static bool arguments_read(char **argv, struct payload *ret_payload)
{
	char **arg = argv[0] ? argv + 1 : argv;

	if (is_option(*arg, 'r')) {
		int wire = to_fd(arg[1]);

		if (wire < 3)
			return false;
		ret_payload->wire = wire;
		return bare_arguments_read(arg + 2, ret_payload);
	}
	if (is_option(*arg, 't')) {
		const char *fd = *++arg;

		if (!fd || fd[0] < '0' || fd[0] > '2' || fd[1])
			return false;
		ret_payload->terminal = fd[0] - '0';
		arg++;
	}
	if (!is_option(*arg, '-') || !arg[1])
		return false;
	ret_payload->argv = arg + 1;
	ret_payload->command = arg[1];
	return true;
}

/* The launcher may have ended before PR_SET_PDEATHSIG could tell. */
static bool launcher_is_gone(int wire)
{
	return sys_poll_errors(wire) != 0;
}

/* Neither the command nor whoever is outside has a hand in this process, and it ends with the
 * launcher. */
static int seclude(void)
{
	int r = sys_prctl(PR_SET_DUMPABLE, 0);

	if (r == 0)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	return r < 0 ? init_fail(WIRE_FD, -r, "shut others out of this process") : 0;
}

static int signals_take_over(void)
{
	int r = sys_sigmask(&all_signals);

	if (r < 0)
		return init_fail(WIRE_FD, -r, "block signals");
	/* Ignored signals stay ignored across exec: the caller's must not become the payload's,
	 * and with SIGCHLD ignored the kernel would throw exit statuses away. */
	for (int sig = 1; sig <= SYS_SIGNALS; sig++)
		sys_sigdefault(sig);
	return 0;
}

/* The launcher has closed all others; where the kernel is too old for close_range(), that is
 * enough. */
static int descriptors_close(void)
{
	int r = sys_set_cloexec(WIRE_FD);

	sys_close_range(WIRE_FD + 1, UINT32_MAX);
	return r < 0 ? init_fail(WIRE_FD, -r, "keep the launcher's socket from the command")
		     : 0;
}

static int session_start(int terminal)
{
	int r = sys_setsid();

	if (r < 0)
		return init_fail(WIRE_FD, -r, "start a session");
	if (terminal < 0)
		return 0;
	r = sys_ioctl(terminal, TIOCSCTTY, NULL);
	if (r < 0)
		return init_fail(WIRE_FD, -r, "make the pty the controlling terminal");
	return 0;
}

/* A reader or writer on a pipe's other end waits for the last descriptor to close: not for
 * ours. */
static void stdio_let_go(int terminal)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fd != terminal)
			sys_close(fd);
}

/* Whoever continues the payload wants it to have the terminal; where another group of the
 * sandbox has it, that is the payload's own doing and stays. */
static void terminal_give_back(int terminal, pid_t payload)
{
	pid_t foreground;

	if (sys_ioctl(terminal, TIOCGPGRP, &foreground) == 0 && foreground == sys_getpid())
		sys_ioctl(terminal, TIOCSPGRP, &payload);
}

static bool is_for_group(int sig)
{
	return sig == SIGHUP || sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP ||
	       sig == SIGCONT || sig == SIGWINCH;
}

static void signal_forward(int sig, const struct payload *p, pid_t payload)
{
	if (sig == SIGCONT && p->terminal >= 0)
		terminal_give_back(p->terminal, payload);
	/* The group is not there before the payload has made it, nor when it has moved to
	 * another. */
	if (is_for_group(sig) && sys_kill(-payload, sig) != -ESRCH)
		return;
	sys_kill(payload, sig);
}

/* Reaps all that has ended. True with its wait status when the payload is among them. */
static bool children_reap(pid_t payload, int *ret_status)
{
	pid_t pid;
	int status;

	while ((pid = sys_wait(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != payload)
			continue;
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		init_report(WIRE_STOPPED, WSTOPSIG(status));
	}
	return false;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Until the payload has ended; returns sbx-init's exit status. */
static int payload_attend(const struct payload *p, pid_t payload)
{
	int status, sig;

	for (;;) {
		sig = sys_sigwait(&all_signals);
		if (sig == SIGCHLD && children_reap(payload, &status))
			break;
		if (sig > 0 && sig != SIGCHLD)
			signal_forward(sig, p, payload);
		if (sig < 0 && sig != -EINTR)
			return init_fail(WIRE_FD, -sig, "wait for signals");
	}
	init_report(WIRE_EXITED, status);
	return exit_status(status);
}

/* ---- bare ----------------------------------------------------------------------------- */

/* What is ours stands in a row, the wire first, then the filters. Nothing of it is for the
 * payload. */
static int bare_descriptors_take(struct payload *p)
{
	int filters = p->wire + 1;
	struct statx st;
	long map;

	for (int fd = p->wire; sys_set_cloexec(fd) == 0; fd++)
		;
	if (sys_stat(filters, "", AT_EMPTY_PATH, &st) < 0)
		return -EBADF;
	p->filters_size = st.stx_size;
	if (p->filters_size == 0)
		return 0;
	map = sys_map(filters, p->filters_size);
	if (map < 0 && map > -PATH_MAX)
		return (int)map;
	p->filters = (const char *)map;
	return 0;
}

/* Until nobody is left to wait for. */
static int bare_attend(const struct payload *p, pid_t payload)
{
	struct wire_message m = {.type = WIRE_EXITED};
	int result = INIT_FAILED, status = 0;
	pid_t pid;

	while ((pid = sys_wait(-1, &status, 0)) != -ECHILD) {
		if (pid != payload)
			continue;
		result = exit_status(status);
		m.status = status;
		report_write(p->wire, &m);
		sys_close(p->wire);
	}
	return result;
}

static int bare_main(struct payload *p)
{
	int r = bare_descriptors_take(p);
	pid_t pid;

	if (r == 0 && p->filters_size > 0)
		r = sys_pipe_from(p->wire, p->gate);
	if (r < 0)
		return init_fail(p->wire, -r, "read the seccomp filters");
	r = sys_prctl(PR_SET_DUMPABLE, 0);
	if (r < 0)
		return init_fail(p->wire, -r, "shut others out of this process");
	if (p->is_tied)
		sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p->is_tied && launcher_is_gone(p->wire))
		return INIT_FAILED;
	pid = payload_start(p);
	if (pid < 0)
		return init_fail(p->wire, -pid, "fork");
	/* The payload's alone, but for what a terminal or a log may be read by. */
	sys_close_range(3, (unsigned)p->wire - 1);
	if (p->filters_size == 0)
		return bare_attend(p, pid);
	sys_close(p->gate[0]);
	/* Not before we have them ourselves does the payload begin. */
	if (payload_filter(p) < 0 || sys_write(p->gate[1], "", 1) != 1)
		return init_fail(p->wire, EINVAL, "prctl(PR_SET_SECCOMP)");
	return bare_attend(p, pid);
}

/* ---- with all that a sandbox of its own has -------------------------------------------- */

int init_main(char **argv, char **envp)
{
	struct payload payload = {
		.envp = envp, .terminal = -EBADF, .wire = WIRE_FD, .gate = {-EBADF, -EBADF}};
	bool is_understood = arguments_read(argv, &payload);
	pid_t pid;

	sys_prctl(PR_SET_NAME, (unsigned long)"sbx-init");
	if (is_understood && payload.is_bare)
		return bare_main(&payload);
	if (seclude() || launcher_is_gone(WIRE_FD) || signals_take_over() ||
	    descriptors_close())
		return INIT_FAILED;
	if (!is_understood)
		return init_fail(WIRE_FD, EINVAL,
				 "read sbx-init's arguments, [-t FD] -- COMMAND [ARG...]");
	if (session_start(payload.terminal))
		return INIT_FAILED;
	pid = payload_start(&payload);
	if (pid < 0)
		return init_fail(WIRE_FD, -pid, "fork");
	stdio_let_go(payload.terminal);
	return payload_attend(&payload, pid);
}
