/* SPDX-License-Identifier: Apache-2.0 */
/* attach_signals.c: signals to the launcher, and on to pid 1. */
#include "attach_parts.h"

#include "util/clock.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <sys/signalfd.h>

enum { STOP_GRACE = 500 }; /* ms from SIGTSTP to our own stop, for a payload that doesn't */

/* What stays the launcher's own: faults, which kill it even if they are blocked, and its
 * children. */
static const int own_signals[] = {
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGCHLD, SIGKILL, SIGSTOP,
};

static bool is_ignored(int sig)
{
	struct sigaction action;

	return sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int attach_signals_open(struct attach *a)
{
	(void)sigfillset(&a->signals);
	for (size_t i = 0; i < ARRAY_SIZE(own_signals); i++)
		(void)sigdelset(&a->signals, own_signals[i]);
	/* Blocked, an ignored signal would be queued after all. */
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (is_ignored(sig))
			(void)sigdelset(&a->signals, sig);
	a->ignores_hup = is_ignored(SIGHUP);
	a->signal_fd = signalfd(-1, &a->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signal_fd < 0)
		return fail_sys("make a descriptor for signals");
	if (sigprocmask(SIG_BLOCK, &a->signals, &a->caller_mask) < 0)
		return fail_sys("block signals");
	a->is_blocking = true;
	return 0;
}

void attach_signals_close(struct attach *a)
{
	struct signalfd_siginfo info;
	int saved = errno;

	if (a->is_blocking) {
		while (read(a->signal_fd, &info, sizeof(info)) > 0)
			;
		(void)sigprocmask(SIG_SETMASK, &a->caller_mask, NULL);
		a->is_blocking = false;
	}
	a->signal_fd = fd_close(a->signal_fd);
	errno = saved;
}

void attach_send(const struct attach *a, int sig)
{
	(void)sys_pidfd_send_signal(a->pidfd, sig);
}

static bool is_interrupt(const struct signalfd_siginfo *info)
{
	return info->ssi_signo == SIGINT && info->ssi_code == SI_KERNEL;
}

static void signal_handle(struct attach *a, int sig)
{
	switch (sig) {
	case SIGPIPE: /* write() says so too */
	case SIGTTIN: /* blocked so that the kernel says EIO, and doesn't stop us in raw mode */
	case SIGTTOU:
	case SIGURG:
		return;
	case SIGCONT:
		attach_resume(a);
		return;
	case SIGTSTP:
		attach_send(a, sig);
		a->stop_at = clock_ms() + STOP_GRACE;
		return;
	case SIGWINCH:
		/* With a pty the kernel tells whoever has it in the foreground. */
		if (a->wants_pty)
			attach_terminal_resize(a);
		else
			attach_send(a, sig);
		return;
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTERM:
		/* Nobody is left whom it could be for, but whoever doesn't take the output. */
		if (a->is_draining)
			a->is_ended = true;
		break;
	}
	attach_send(a, sig);
}

void attach_signals_read(struct attach *a)
{
	struct signalfd_siginfo info;

	while (read(a->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (is_interrupt(&info))
			a->interrupt = PLAN_INTERRUPT_SIGNAL;
		signal_handle(a, (int)info.ssi_signo);
	}
}
