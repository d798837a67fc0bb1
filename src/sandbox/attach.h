/* SPDX-License-Identifier: Apache-2.0 */
/* attach.h: between the caller's terminal and a sandbox, from its start to its end. */
#pragma once

#include "attach_flow.h"
#include "attach_keys.h"
#include "sandbox.h"
#include "wire.h"

#include <poll.h>
#include <signal.h>
#include <termios.h>

/*
 * Theory of operation
 *
 * The payload never gets a terminal of the caller's. attach_prepare() looks at descriptors 0 to
 * 2: what is no terminal is handed in as it is, and no byte of it passes through here. A
 * terminal becomes
 *
 * - with a pty (stdin is a terminal, or --tty), the pty's slave side. One flow carries what is
 *   typed to the master, one carries the master's output to the terminal.
 * - without a pty, a pipe, with one flow between it and the terminal. stdout and stderr share a
 *   pipe where they are the same terminal, so that their lines keep their order.
 *
 * attach_run() is one poll() loop over those flows, a signalfd, the wire and pid 1's pidfd. A
 * flow is a buffer of 64 KiB that is read only while it has room, so a slow reader slows the
 * writer and nothing else; signals and keys pass a flood of output, because every turn looks at
 * all of them.
 *
 * The caller's open file descriptions are shared with the shell, so they never get O_NONBLOCK:
 * a terminal is opened a second time for that. Where that is refused (the terminal is another
 * user's, as behind su) reads come after POLLIN, and writes after POLLOUT in small pieces.
 *
 * Its states:
 *
 * - attached: our process group has the terminal. It is raw if the payload has a pty and both
 *   stdin and stdout are terminals; so Ctrl-C and Ctrl-Z are bytes, which the pty turns into
 *   signals inside. Else (`sbx enter R -- ls | less`) the terminal keeps its modes, the pty
 *   doesn't echo, lines are passed on as they come, and Ctrl-C and Ctrl-Z arrive as signals.
 *   While somebody else (less) has the terminal out of line mode, what is typed is theirs and
 *   isn't read.
 * - background: another group has it, by `&`, `bg` or the detach keys. Nothing is read from it,
 *   its modes are left alone. Output is written, unless the terminal asks for none
 *   (`stty tostop`) or the user has detached: then it waits in the pty. bash's `fg` tells a job
 *   that already runs nothing, so this state asks ten times a second who has the terminal.
 *   Started here (`sbx enter R &`), the terminal's modes are whatever the shell's line editor
 *   needs for itself; so the pty starts with the kernel's, and only the user's keys and UTF-8
 *   are taken over. What is to be restored is read when the terminal is first taken.
 * - draining: pid 1 has ended, and with it, by the kernel, all that could write. What is in the
 *   pty and the pipes is still written out, however long that takes; SIGHUP, SIGINT, SIGQUIT or
 *   SIGTERM end that.
 * - ended: the flows are closed, the modes restored.
 *
 * The end of stdin. A pty has no end of file, only a key (VEOF) that a read in line mode
 * answers with one, once. A file at its end stays there, so where stdin is no terminal the key
 * is written again every second until pid 1 has ended: bash, for one, loses the first to its
 * change of modes. That is held back while the pty has something that nobody has read, so a
 * program that never reads gets one key and no more. One that reads without line mode and takes
 * the key for data (`cat -v` after `stty raw`) gets one every second.
 *
 * Stopping. SIGTSTP is forwarded, and stops the launcher too, as soon as the payload has
 * stopped (WIRE_STOPPED) or half a second later; stopped at once it could be continued before
 * pid 1 has told of the stop, and would then take that for another. When the payload was
 * stopped by itself (as by Ctrl-Z in vi), the modes are restored and the whole process
 * group is sent SIGTSTP, as the terminal's driver would do for Ctrl-Z. Whether that has stopped
 * us tells the pending SIGCONT that has continued us. Where nothing stops (an orphaned process
 * group: there is no shell to continue it), the payload is continued at once.
 *
 * Detaching. There is no process to hand the sandbox to, so the launcher stays and becomes a
 * background job: it stops like above, but the payload runs on, and a forked child sends
 * SIGCONT to the group as soon as the shell has taken the terminal. Without a shell that does
 * this the keys are handed to the payload. `fg` brings the sandbox back; the pty's size is
 * changed for a moment so that the program in it draws itself anew. Ending that shell ends the
 * sandbox by SIGHUP.
 *
 * The terminal going away (hang-up, EIO) sends SIGHUP to pid 1, and SIGKILL two seconds later.
 * A caller that ignores SIGHUP keeps its sandbox, whose output is then dropped.
 *
 * Ctrl-C, as a signal or as a key, is remembered: where the command has ended by it, so does sbx
 * (cmd_enter.c).
 *
 * Signals that the caller ignores stay ignored. All others that can be caught and are no fault
 * of the launcher's own (SIGSEGV and the like), no SIGCHLD and no SIGPIPE, go to pid 1. They
 * are blocked from attach_prepare() to attach_done(), which starts before the clone, so that
 * none gets lost: pid 1 inherits the mask, and sees them once it is sbx-init.
 *
 * What the payload writes isn't filtered: it is a terminal, escape sequences are its right, and
 * what they can do to the user is up to the terminal. SIGKILL, and a fault in the launcher,
 * can't restore modes; interactive shells do that for such a job.
 */

enum attach_flow {
	ATTACH_INPUT,
	ATTACH_OUTPUT,
	ATTACH_RELAY_OUT,
	ATTACH_RELAY_ERR,
	ATTACH_FLOWS
};

struct attach {
	/* Set by the caller between attach_prepare() and attach_run(); borrowed. */
	int wire;    /* the launcher's end of the socket */
	int reports; /* its end of the pipe, read once that has ended; -EBADF: there is none */
	int pidfd;   /* pid 1 */
	/* Everything that attach doesn't handle itself (it handles TERMINAL and STOPPED). Owns
	 * PASSED. A negative errno ends the sandbox, and attach_run() returns it. The terminal
	 * may be raw: what is printed here ends its lines with "\r\n", or waits for
	 * attach_done(). */
	int (*on_message)(void *context, const struct wire_message *m, int passed);
	void *context;
	const struct sandbox_network
		*network; /* has turns of its own here; NULL: there is none */

	/* The answer beside attach_run()'s. */
	bool timed_out;
	enum plan_interrupt interrupt; /* the last Ctrl-C, whatever came of it */

	/* The rest is attach's own. */
	bool wants_pty, wants_raw;
	int given[3]; /* ends of pipes that only the child needs */
	struct flow flow[ATTACH_FLOWS];
	struct keys keys;
	bool is_within_line; /* the last byte of a stdin that isn't raw was no newline */

	int tty;	      /* the terminal that is stdin; -EBADF: stdin is none */
	int sized;	      /* a terminal whose size the pty has; borrowed, -EBADF: none */
	struct termios modes; /* of tty, as the caller has them in the foreground */
	struct termios pty_modes;
	bool is_raw; /* and it has ours now */

	sigset_t signals, caller_mask;
	int signal_fd;
	bool is_blocking; /* caller_mask is to be restored */
	bool ignores_hup;

	bool is_foreground, is_detached;
	bool master_idle; /* nobody inside has the slave open: it is asked again later */
	bool terminal_gone;
	bool is_ready; /* sbx-init has taken over */
	bool is_draining, is_ended;
	int result;
	/* CLOCK_MONOTONIC; 0: never */
	uint64_t timeout_ms, timeout_at, kill_at, stop_at;
	uint64_t end_at; /* stdin has ended, and the pty is told again */
};

/* Looks at descriptors 0 to 2, which must be open, and decides what the payload gets:
 * p->terminal, p->stdio, p->pty_modes and p->pty_size, valid until attach_run(), from where on
 * the size is kept up. Takes p->timeout_ms. Blocks signals: what is forked from now on, other
 * than the sandbox, wants a mask of its own. attach_done() follows in any case. 0, or a
 * negative errno with a sentence. */
int attach_prepare(struct attach *a, struct plan *p, const struct sandbox_options *options);

/* Moves bytes, sizes and signals until pid 1 has ended and its last output is written; whatever
 * happens the terminal has its own modes again afterwards. Doesn't reap pid 1, and on failure
 * doesn't wait for it either: it is killed. 0, or a negative errno with a sentence. */
int attach_run(struct attach *a);

/* Restores modes and the signal mask, and frees. errno and the sentence stay. */
void attach_done(struct attach *a);
