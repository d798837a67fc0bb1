/* SPDX-License-Identifier: Apache-2.0 */
/* init.c: pid 1 of a sandbox: starts the payload, forwards signals, reaps, and ends with it. */
#include "init.h"

#include "payload.h"
#include "report.h"
#include "sys.h"

#include <errno.h>
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
 */

enum { INIT_FAILED = 125 };

static const struct sys_sigset all_signals = SYS_SIGSET_ALL;

static int init_fail(int err, const char *tried)
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
	report_send(&m);
	return INIT_FAILED;
}

static void init_report(enum wire_type type, int status)
{
	struct wire_message m = {.type = type, .status = status};

	report_send(&m);
}

static bool is_option(const char *arg, char letter)
{
	return arg && arg[0] == '-' && arg[1] == letter && arg[2] == '\0';
}

/* [-t FD] -- COMMAND [ARG...] */
static bool arguments_read(char **argv, struct payload *ret_payload)
{
	char **arg = argv[0] ? argv + 1 : argv;

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
static bool launcher_is_gone(void)
{
	return sys_poll_errors(WIRE_FD) != 0;
}

/* Neither the command nor whoever is outside has a hand in this process, and it ends with the
 * launcher. */
static int seclude(void)
{
	int r = sys_prctl(PR_SET_DUMPABLE, 0);

	if (r == 0)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	return r < 0 ? init_fail(-r, "shut others out of this process") : 0;
}

static int signals_take_over(void)
{
	int r = sys_sigmask(&all_signals);

	if (r < 0)
		return init_fail(-r, "block signals");
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

	sys_close_from(WIRE_FD + 1);
	return r < 0 ? init_fail(-r, "keep the launcher's socket from the command") : 0;
}

static int session_start(int terminal)
{
	int r = sys_setsid();

	if (r < 0)
		return init_fail(-r, "start a session");
	if (terminal < 0)
		return 0;
	r = sys_ioctl(terminal, TIOCSCTTY, NULL);
	if (r < 0)
		return init_fail(-r, "make the pty the controlling terminal");
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
			return init_fail(-sig, "wait for signals");
	}
	init_report(WIRE_EXITED, status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int init_main(char **argv, char **envp)
{
	struct payload payload = {.envp = envp, .terminal = -EBADF};
	pid_t pid;

	sys_prctl(PR_SET_NAME, (unsigned long)"sbx-init");
	if (seclude() || launcher_is_gone() || signals_take_over() || descriptors_close())
		return INIT_FAILED;
	if (!arguments_read(argv, &payload))
		return init_fail(EINVAL,
				 "read sbx-init's arguments, [-t FD] -- COMMAND [ARG...]");
	if (session_start(payload.terminal))
		return INIT_FAILED;
	pid = payload_start(&payload);
	if (pid < 0)
		return init_fail(-pid, "fork");
	stdio_let_go(payload.terminal);
	return payload_attend(&payload, pid);
}
