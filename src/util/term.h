/* SPDX-License-Identifier: Apache-2.0 */
/* term.h: terminals: their modes, their size, and who has one in the foreground. */
#pragma once

#include <stdbool.h>
#include <termios.h>

/* All return 0 or a negative errno, without a sentence. */

/* Whether FD is a terminal, or was one before it was hung up. */
bool term_is(int fd);

/* Whether A and B are the same terminal, however they were opened. */
bool term_is_same(int a, int b);

/* What ends a line that is written to FD: "\r\n" on a terminal that doesn't add the "\r" itself,
 * as a raw one; else "\n". */
const char *term_line_end(int fd);

/* Opens what FD is open on a second time, with FLAGS, so that O_NONBLOCK can be set without
 * setting it for the shell, which shares FD's open file description. Terminals and FIFOs only
 * (-ENOTSUP); -EACCES where the caller doesn't own the terminal, as behind su. Returns a
 * descriptor that the caller owns. */
int term_reopen(int fd, int flags);

/* Whether the calling process may read FD and set its modes without being stopped: its process
 * group is in the foreground, or FD isn't its controlling terminal. */
bool term_is_foreground(int fd);

/* Raw mode, made from MODES: bytes pass as they are, without echo, lines, signals or flow
 * control; a read returns from one byte on. Takes effect at once: nothing typed is lost, and a
 * terminal that has stopped taking output can't hold the caller up. */
int term_set_raw(int fd, const struct termios *modes);

/* Sets MODES, at once. */
int term_set_modes(int fd, const struct termios *modes);

/* Makes MODES those that the kernel gives a new terminal: lines, echo, signals. What no line
 * editor changes stays: the speed, IUTF8, TOSTOP, and the keys, but for those it has disabled.
 */
void term_make_sane(struct termios *modes);

/* Whether the terminal behind MASTER, the other side of a pty, has something to read that
 * nobody has read yet; an end of file counts. 1 or 0. */
int term_has_unread(int master);
