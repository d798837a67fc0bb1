/* SPDX-License-Identifier: Apache-2.0 */
/* attach_input.c: what is typed, on its way in. */
#include "attach_parts.h"

#include "util/clock.h"
#include "util/scope.h"
#include "util/term.h"

#include <errno.h>
#include <unistd.h>

enum {
	END_STEP = 1000,  /* ms from one time that the pty is told of stdin's end to the next */
	INPUT_MAX = 4096, /* the longest line that a terminal gives out */
	INPUT_ROOM = INPUT_MAX + KEYS_MAX + 2,
};

/* Somebody else who reads from this terminal (`sbx enter R -- ls | less`) has changed how. */
bool attach_input_is_theirs(const struct attach *a)
{
	struct termios now;

	return a->tty >= 0 && !a->is_raw && tcgetattr(a->tty, &now) == 0 &&
	       ((now.c_lflag ^ a->modes.c_lflag) & ICANON);
}

bool attach_input_is_wanted(const struct attach *a)
{
	const struct flow *f = &a->flow[ATTACH_INPUT];

	return f->from >= 0 && f->to >= 0 && !f->ended && flow_room(f) >= INPUT_ROOM &&
	       a->is_foreground && !attach_input_is_theirs(a);
}

/* A pty knows no end of file, only the key that stands for it at the start of a line; within a
 * line it gives out what there is of it. */
static void input_push_eof_key(struct flow *f, int times)
{
	struct termios inner;

	if (tcgetattr(f->to, &inner) < 0)
		return;
	/* Disabled, it would be data. */
	while (inner.c_cc[VEOF] != _POSIX_VDISABLE && times-- > 0)
		flow_push(f, &inner.c_cc[VEOF], 1);
}

static void input_ends(struct attach *a)
{
	struct flow *f = &a->flow[ATTACH_INPUT];

	if (!a->wants_pty) {
		f->ended = true;
	} else if (a->tty >= 0) {
		/* Ctrl-D; the next line may follow. */
		input_push_eof_key(f, 1);
	} else {
		input_push_eof_key(f, a->is_within_line ? 2 : 1);
		f->from = fd_close(f->from);
		a->end_at = clock_ms() + END_STEP;
	}
}

void attach_input_end_again(struct attach *a)
{
	struct flow *f = &a->flow[ATTACH_INPUT];

	a->end_at = clock_ms() + END_STEP;
	if (flow_pending(f) == 0 && term_has_unread(f->to) == 0)
		input_push_eof_key(f, 1);
}

void attach_input_close(struct attach *a)
{
	flow_done(&a->flow[ATTACH_INPUT]);
	a->end_at = 0;
}

static void input_pass_keys(struct attach *a, const char *data, size_t len)
{
	struct flow *f = &a->flow[ATTACH_INPUT];
	char out[INPUT_MAX + KEYS_MAX];

	while (len > 0) {
		size_t made;
		bool found;
		size_t used = keys_pass(&a->keys, data, len, out, &made, &found);

		flow_push(f, out, made);
		if (found && !attach_detach(a))
			flow_push(f, a->keys.sequence, a->keys.n);
		data += used;
		len -= used;
	}
}

static void input_pass(struct attach *a, const char *data, size_t len)
{
	struct flow *f = &a->flow[ATTACH_INPUT];

	if (a->is_raw) {
		if (memchr(data, a->modes.c_cc[VINTR], len))
			a->interrupt = PLAN_INTERRUPT_KEY;
		input_pass_keys(a, data, len);
		return;
	}
	flow_push(f, data, len);
	a->is_within_line = data[len - 1] != '\n';
	/* A line that ends without one was ended by Ctrl-D. */
	if (a->wants_pty && a->tty >= 0 && a->is_within_line && (a->modes.c_lflag & ICANON))
		input_push_eof_key(f, 1);
}

static void input_fails(struct attach *a, int err)
{
	if (err == EAGAIN || err == EINTR)
		return;
	/* Blocked, SIGTTIN becomes EIO. */
	if (err == EIO && a->tty >= 0 && !term_is_foreground(a->tty))
		attach_terminal_update(a);
	else if (a->tty >= 0)
		attach_terminal_lost(a);
	else
		input_ends(a);
}

void attach_input_read(struct attach *a, short revents)
{
	char data[INPUT_MAX];
	ssize_t n;

	if (!revents)
		return;
	if (a->tty >= 0 && (revents & (POLLHUP | POLLERR))) {
		attach_terminal_lost(a);
		return;
	}
	n = read(a->flow[ATTACH_INPUT].from, data, sizeof(data));
	if (n > 0)
		input_pass(a, data, (size_t)n);
	else if (n == 0)
		input_ends(a);
	else
		input_fails(a, errno);
}
