/* SPDX-License-Identifier: Apache-2.0 */
/* attach_terminal.c: the caller's terminal: taken, left, stopped on, detached from, lost. */
#include "attach_parts.h"

#include "util/clock.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"
#include "util/term.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum {
	LOST_GRACE = 2000,  /* ms from SIGHUP to SIGKILL once the terminal is gone */
	WAKER_STEP = 5,	    /* ms */
	WAKER_LIMIT = 5000, /* ms that a shell may take to notice that its job has stopped */
};

static int master_of(const struct attach *a)
{
	return a->flow[ATTACH_OUTPUT].from;
}

void attach_terminal_resize(struct attach *a)
{
	struct winsize size;

	if (a->sized >= 0 && ioctl(a->sized, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master_of(a), TIOCSWINSZ, &size);
}

/* Only a change of the size makes a program draw itself anew. */
static void terminal_redraw(struct attach *a)
{
	struct winsize size;

	if (ioctl(master_of(a), TIOCGWINSZ, &size) < 0)
		return;
	size.ws_row++;
	(void)ioctl(master_of(a), TIOCSWINSZ, &size);
}

static void terminal_enter(struct attach *a)
{
	struct termios now;

	/* The user may have changed them while we were stopped, and from the background they
	 * were never seen. Out of line mode they are what somebody who was killed has left
	 * behind, ourselves (SIGSTOP) included. */
	if (tcgetattr(a->tty, &now) == 0 && (now.c_lflag & ICANON))
		a->modes = now;
	a->is_raw = term_set_raw(a->tty, &a->modes) == 0;
}

void attach_terminal_update(struct attach *a)
{
	if (a->tty < 0 || a->terminal_gone)
		return;
	a->is_foreground = term_is_foreground(a->tty);
	if (!a->is_foreground) {
		/* Whoever has the terminal now has set modes of their own. */
		a->is_raw = false;
		return;
	}
	if (master_of(a) < 0)
		return;
	if (a->wants_raw && !a->is_raw)
		terminal_enter(a);
	if (a->is_detached)
		terminal_redraw(a);
	a->is_detached = false;
	attach_terminal_resize(a);
}

void attach_terminal_leave(struct attach *a)
{
	if (a->is_raw && term_is_foreground(a->tty))
		(void)term_set_modes(a->tty, &a->modes);
	a->is_raw = false;
}

int attach_terminal_receive(struct attach *a, int master)
{
	autoclose int mine = master;
	struct flow *in = &a->flow[ATTACH_INPUT], *out = &a->flow[ATTACH_OUTPUT];
	unsigned number;

	/* Once, from the set-up; later the payload could have had a hand in it. */
	if (!a->wants_pty || !flow_is_open(out) || out->from >= 0)
		return 0;
	if (ioctl(master, TIOCGPTN, &number) < 0 ||
	    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return fail_sys("take the sandbox's terminal");
	out->from = take_fd(&mine);
	if (flow_is_open(in)) {
		in->to = fcntl(master, F_DUPFD_CLOEXEC, 3);
		if (in->to < 0)
			return fail_sys("take the sandbox's terminal");
	}
	attach_terminal_resize(a);
	attach_terminal_update(a);
	return 0;
}

void attach_terminal_lost(struct attach *a)
{
	if (a->terminal_gone)
		return;
	a->terminal_gone = true;
	a->is_raw = false;
	attach_input_close(a);
	if (a->ignores_hup)
		return;
	attach_send(a, SIGHUP);
	attach_send(a, SIGCONT);
	a->kill_at = clock_ms() + LOST_GRACE;
}

/* Sends SIGTSTP to our group, or only to ourselves, takes it, and returns once continued.
 * Whether anything stopped: the kernel drops a pending SIGCONT for the first, so that one that
 * is pending afterwards has continued us. */
static bool job_stop(bool alone)
{
	static const struct timespec now;
	sigset_t stop, resumed;

	(void)kill(alone ? getpid() : 0, SIGTSTP);
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTSTP);
	(void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	(void)sigemptyset(&resumed);
	(void)sigaddset(&resumed, SIGCONT);
	return sigtimedwait(&resumed, NULL, &now) == SIGCONT;
}

void attach_resume(struct attach *a)
{
	attach_forget_stops(a);
	/* Where it was SIGSTOP, the shell has set its own modes meanwhile. */
	a->is_raw = false;
	a->stop_at = 0;
	attach_terminal_update(a);
	attach_send(a, SIGCONT);
}

/* --timeout holds while we are stopped, too: a child ends pid 1 in our place and continues us.
 */
static pid_t deadline_guard(const struct attach *a)
{
	pid_t parent = getpid(), guard = a->timeout_at ? fork() : -1;
	uint64_t now;

	if (guard != 0)
		return guard;
	(void)setsid(); /* what stops our group is not to stop it */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	now = clock_ms();
	if (now < a->timeout_at)
		(void)poll(NULL, 0, (int)(a->timeout_at - now));
	(void)sys_pidfd_send_signal(a->pidfd, SIGKILL);
	(void)kill(parent, SIGCONT);
	_exit(0);
}

void attach_suspend(struct attach *a)
{
	pid_t guard;

	attach_terminal_leave(a);
	guard = deadline_guard(a);
	(void)job_stop(a->stop_at != 0);
	if (guard > 0) {
		(void)kill(guard, SIGKILL);
		(void)waitpid(guard, NULL, 0);
	}
	attach_resume(a);
}

/* Continues our group, of which PARENT is the launcher, once the shell has taken TTY from it.
 * After the limit too: then nobody waits for stopped jobs here, and the launcher goes on as it
 * was. */
__attribute__((noreturn)) static void waker_run(pid_t parent, int tty)
{
	static const struct timespec step = {.tv_nsec = WAKER_STEP * 1000000L};

	for (int waited = 0; waited < WAKER_LIMIT; waited += WAKER_STEP) {
		if (getppid() != parent || !term_is_foreground(tty))
			break;
		(void)nanosleep(&step, NULL);
	}
	(void)kill(0, SIGCONT);
	_exit(0);
}

bool attach_detach(struct attach *a)
{
	pid_t parent = getpid(), waker;

	/* Without job control nothing would take the terminal. */
	if (tcgetpgrp(a->tty) != getpgrp())
		return false;
	waker = fork();
	if (waker < 0)
		return false;
	if (waker == 0)
		waker_run(parent, a->tty);
	attach_terminal_leave(a);
	a->is_detached = job_stop(false);
	(void)kill(waker, SIGKILL);
	(void)waitpid(waker, NULL, 0);
	/* Still in the foreground: it was not the shell that has continued us, but the waker.
	 */
	if (term_is_foreground(a->tty))
		a->is_detached = false;
	attach_terminal_update(a);
	return a->is_detached;
}
