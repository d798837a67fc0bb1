/* SPDX-License-Identifier: Apache-2.0 */
/* attach_parts.h: what attach's own files share; attach.h has the theory. */
#pragma once

#include "attach.h"

/* ---- attach_signals.c ---- */

/* Blocks what attach_run() reads from a->signal_fd. */
int attach_signals_open(struct attach *a);

/* Drops what is still pending, since it was meant for what has ended, and restores the mask. */
void attach_signals_close(struct attach *a);

/* Reads signals and does what they ask for. */
void attach_signals_read(struct attach *a);

/* Sends SIG to pid 1. One that has ended is no failure. */
void attach_send(const struct attach *a, int sig);

/* ---- attach_terminal.c ---- */

/* Looks who has the terminal, and takes or leaves it accordingly. */
void attach_terminal_update(struct attach *a);

/* Takes the master of the payload's pty, once; a second is closed. A negative errno with a
 * sentence. */
int attach_terminal_receive(struct attach *a, int master);

/* Gives the pty the size of the caller's terminal. */
void attach_terminal_resize(struct attach *a);

/* Restores the modes if they are ours. */
void attach_terminal_leave(struct attach *a);

/* The terminal is hung up: so is the sandbox. */
void attach_terminal_lost(struct attach *a);

/* Takes the terminal again, if it is ours, and continues the payload. */
void attach_resume(struct attach *a);

/* Stops the launcher, on its own where SIGTSTP asked for it, else with its whole job; returns
 * once it is continued. */
void attach_suspend(struct attach *a);

/* Becomes a background job. False where no shell takes the terminal. */
bool attach_detach(struct attach *a);

/* ---- attach_input.c ---- */

/* Whether somebody else reads from the terminal now, in modes of their own. */
bool attach_input_is_theirs(const struct attach *a);

/* Whether stdin is to be read now. */
bool attach_input_is_wanted(const struct attach *a);

/* What poll() said about stdin. */
void attach_input_read(struct attach *a, short revents);

/* Tells the pty of the end of stdin once more, where nothing inside has that to read yet. */
void attach_input_end_again(struct attach *a);

/* Nothing more goes in. */
void attach_input_close(struct attach *a);

/* ---- attach.c ---- */

/* Drops what pid 1 has said about stops that are over; on_message gets the rest. */
void attach_forget_stops(struct attach *a);
