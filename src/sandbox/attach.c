/* SPDX-License-Identifier: Apache-2.0 */
/* attach.c: the launcher's loop while a sandbox runs. */
#include "attach_parts.h"

#include "util/clock.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum {
	TICK = 100,	    /* ms; see attach.h, "background" */
	MESSAGES_MAX = 256, /* at once: more than a socket holds */
};

enum {
	POLL_SIGNALS,
	POLL_WIRE,
	POLL_PID,
	POLL_NETWORK,
	POLL_FROM,
	POLL_TO = POLL_FROM + ATTACH_FLOWS,
	POLL_MAX = POLL_TO + ATTACH_FLOWS,
};

/* ---- messages --------------------------------------------------------------------------- */

/* The first failure ends the sandbox, and is what attach_run() returns. */
static void result_take(struct attach *a, int r)
{
	if (r >= 0 || a->result < 0)
		return;
	a->result = r;
	attach_send(a, SIGKILL);
}

static void message_handle(struct attach *a, const struct wire_message *m, int passed,
			   bool forget_stops)
{
	/* The set-up sends the terminal, if at all, before it is over; a payload never does. */
	a->is_ready |= m->type == WIRE_READY;
	if (m->type == WIRE_TERMINAL && a->is_ready) {
		(void)fd_close(passed);
	} else if (m->type == WIRE_TERMINAL) {
		result_take(a, attach_terminal_receive(a, passed));
	} else if (m->type == WIRE_STOPPED) {
		(void)fd_close(passed);
		/* Unasked, and without a pty, nobody sits in front of it who would continue it.
		 */
		if ((a->stop_at || a->flow[ATTACH_OUTPUT].from >= 0) && !forget_stops)
			attach_suspend(a);
	} else if (a->result < 0) {
		(void)fd_close(passed);
	} else {
		result_take(a, a->on_message(a->context, m, passed));
	}
}

/* False where there is none, or none any more. */
static bool message_read(struct attach *a, bool forget_stops)
{
	struct pollfd ready = {.fd = a->wire, .events = POLLIN};
	struct wire_message m = {0};
	int passed = -EBADF;
	ssize_t n;

	if (a->wire < 0 || poll(&ready, 1, 0) <= 0)
		return false;
	/* Once it is over nobody has a descriptor to send. */
	n = a->is_ready ? read(a->wire, &m, sizeof(m))
			: io_receive(a->wire, &m, sizeof(m), &passed);
	/* The set-up would wait for ever for what it has asked for, and a payload without a terminal
	 * that was promised it writes to nobody. */
	if (n < 0 && !a->is_ready)
		result_take(a, fail((int)-n, "hear from the set-up: %s",
				    strerrordesc_np((int)-n)));
	if (n <= 0) {
		/* Where the set-up isn't over nobody was started who would write there. */
		a->wire = a->is_ready ? a->reports : -EBADF;
		a->reports = -EBADF;
		return n == 0 && a->wire >= 0;
	}
	m.step[sizeof(m.step) - 1] = '\0';
	m.hint[sizeof(m.hint) - 1] = '\0';
	m.text[sizeof(m.text) - 1] = '\0';
	if ((size_t)n < offsetof(struct wire_message, text))
		(void)fd_close(passed);
	else
		message_handle(a, &m, passed, forget_stops);
	return true;
}

static void messages_read(struct attach *a, bool forget_stops)
{
	for (int i = 0; i < MESSAGES_MAX && message_read(a, forget_stops); i++)
		;
}

void attach_forget_stops(struct attach *a)
{
	messages_read(a, true);
}

/* ---- bytes ------------------------------------------------------------------------------ */

/* Whether the terminal is to be left in peace; see attach.h, "background". */
static bool output_is_held(const struct attach *a)
{
	return !a->is_draining && !a->is_foreground &&
	       (a->is_detached || (a->modes.c_lflag & TOSTOP));
}

static bool output_is_wanted(const struct attach *a, enum attach_flow which)
{
	const struct flow *f = &a->flow[which];

	return f->from >= 0 && !f->ended && flow_room(f) > 0 &&
	       !(which == ATTACH_OUTPUT && a->master_idle);
}

static void output_read(struct attach *a, enum attach_flow which)
{
	struct flow *f = &a->flow[which];
	int r = f->from < 0 ? -ENODATA : flow_read(f);

	if (r > 0)
		return;
	/* Whoever could write is dead: nothing now is nothing ever. */
	if (a->is_draining || (r < 0 && which != ATTACH_OUTPUT))
		f->ended = true;
	else if (r < 0)
		a->master_idle = true;
}

static void output_write(struct attach *a, enum attach_flow which)
{
	struct flow *f = &a->flow[which];
	int r = a->terminal_gone ? -EIO : flow_write(f);

	if (r == 0)
		return;
	f->start = f->end = 0;
	/* A pipe's writer is told by SIGPIPE, a terminal's by SIGHUP. */
	if (which != ATTACH_OUTPUT)
		f->ended = true;
	else if (r == -EIO || r == -ENXIO || r == -EPIPE)
		attach_terminal_lost(a);
}

static void output_turn(struct attach *a, enum attach_flow which, short from, short to)
{
	struct flow *f = &a->flow[which];

	if (!flow_is_open(f) || output_is_held(a))
		return;
	if (!f->ended && (from || a->is_draining))
		output_read(a, which);
	if (to || !f->to_waits)
		output_write(a, which);
	if (f->ended && flow_pending(f) == 0)
		flow_done(f);
}

static struct pollfd poll_input(const struct attach *a)
{
	const struct flow *f = &a->flow[ATTACH_INPUT];
	struct pollfd p = {.fd = -EBADF};

	if (attach_input_is_wanted(a))
		p = (struct pollfd){.fd = f->from, .events = POLLIN};
	else if (a->tty >= 0 && a->is_foreground && f->to >= 0)
		/* A terminal that isn't read is still watched for hang-up. */
		p.fd = f->from;
	return p;
}

static void input_turn(struct attach *a, bool is_ready)
{
	struct flow *f = &a->flow[ATTACH_INPUT];
	struct pollfd still = poll_input(a);

	/* Asked again: we may have been stopped since, and the read must not wait. */
	if (is_ready && poll(&still, 1, 0) > 0)
		attach_input_read(a, still.revents);
	if (flow_pending(f) > 0 && flow_write(f) < 0) {
		/* Nobody reads it. */
		f->start = f->end = 0;
		f->ended = !a->wants_pty;
	}
	if (f->ended && flow_pending(f) == 0)
		flow_done(f);
}

/* ---- the loop --------------------------------------------------------------------------- */

static void poll_fill(const struct attach *a, struct pollfd set[POLL_MAX])
{
	bool held = output_is_held(a);

	set[POLL_SIGNALS] = (struct pollfd){.fd = a->signal_fd, .events = POLLIN};
	set[POLL_WIRE] = (struct pollfd){.fd = a->wire, .events = POLLIN};
	set[POLL_PID] =
		(struct pollfd){.fd = a->is_draining ? -EBADF : a->pidfd, .events = POLLIN};
	set[POLL_NETWORK] =
		(struct pollfd){.fd = a->network && a->is_ready
					      ? a->network->watch(a->network->context)
					      : -EBADF,
				.events = POLLIN};
	for (int i = 0; i < ATTACH_FLOWS; i++) {
		const struct flow *f = &a->flow[i];
		bool from = !held && output_is_wanted(a, i);
		bool to = flow_pending(f) > 0 && (i == ATTACH_INPUT || !held);

		set[POLL_FROM + i] =
			(struct pollfd){.fd = from ? f->from : -EBADF, .events = POLLIN};
		set[POLL_TO + i] =
			(struct pollfd){.fd = to ? f->to : -EBADF, .events = POLLOUT};
	}
	set[POLL_FROM + ATTACH_INPUT] = poll_input(a);
}

/* LIMIT, or the milliseconds from NOW until AT, unless that is 0, where they are fewer. */
static uint64_t sooner(uint64_t limit, uint64_t now, uint64_t at)
{
	if (!at || at >= now + limit)
		return limit;
	return at > now ? at - now : 0;
}

/* Something to do that no descriptor tells of: milliseconds until then, or -1. */
static int poll_limit(const struct attach *a)
{
	uint64_t now = clock_ms(), limit = INT_MAX;

	if (a->is_draining) {
		for (int i = ATTACH_OUTPUT; i < ATTACH_FLOWS; i++)
			if (flow_is_open(&a->flow[i]) && flow_pending(&a->flow[i]) == 0)
				return 0;
		return -1;
	}
	limit = sooner(limit, now, a->timeout_at);
	limit = sooner(limit, now, a->kill_at);
	limit = sooner(limit, now, a->stop_at);
	limit = sooner(limit, now, a->end_at);
	if (limit > TICK && (a->master_idle || !a->is_foreground || attach_input_is_theirs(a)))
		limit = TICK;
	return limit < INT_MAX ? (int)limit : -1;
}

static void time_pass(struct attach *a)
{
	uint64_t now = clock_ms();

	if (a->timeout_at && now >= a->timeout_at) {
		a->timeout_at = 0;
		a->timed_out = !a->is_draining;
		attach_send(a, SIGKILL);
	}
	if (a->kill_at && now >= a->kill_at) {
		a->kill_at = 0;
		attach_send(a, SIGKILL);
	}
	if (a->stop_at && now >= a->stop_at)
		attach_suspend(a);
	if (a->end_at && now >= a->end_at)
		attach_input_end_again(a);
	a->master_idle = false;
	if (!a->is_foreground)
		attach_terminal_update(a);
}

/* Pid 1 has ended, and everybody inside with it. */
static void drain_start(struct attach *a)
{
	messages_read(a, true);
	attach_input_close(a);
	a->is_draining = true;
}

static bool is_drained(const struct attach *a)
{
	if (!a->is_draining)
		return false;
	for (int i = ATTACH_OUTPUT; i < ATTACH_FLOWS; i++)
		if (flow_is_open(&a->flow[i]))
			return false;
	return true;
}

static int attach_turn(struct attach *a)
{
	struct pollfd set[POLL_MAX];

	poll_fill(a, set);
	if (poll(set, POLL_MAX, poll_limit(a)) < 0 && errno != EINTR)
		return fail_sys("wait for the sandbox");
	time_pass(a);
	if (set[POLL_SIGNALS].revents)
		attach_signals_read(a);
	if (set[POLL_WIRE].revents)
		(void)message_read(a, false);
	if (set[POLL_NETWORK].revents)
		result_take(a, a->network->turn(a->network->context));
	if (set[POLL_PID].revents)
		drain_start(a);
	input_turn(a, set[POLL_FROM + ATTACH_INPUT].revents);
	for (int i = ATTACH_OUTPUT; i < ATTACH_FLOWS; i++)
		output_turn(a, i, set[POLL_FROM + i].revents, set[POLL_TO + i].revents);
	if (is_drained(a))
		a->is_ended = true;
	return 0;
}

static void given_close(struct attach *a)
{
	for (int i = 0; i < 3; i++)
		a->given[i] = fd_close(a->given[i]);
}

int attach_run(struct attach *a)
{
	int r = 0;

	/* The child has its own; with ours the pipes would never end. */
	given_close(a);
	if (a->timeout_ms)
		a->timeout_at = clock_ms() + a->timeout_ms;
	attach_terminal_update(a);
	while (r == 0 && !a->is_ended)
		r = attach_turn(a);
	if (r < 0)
		attach_send(a, SIGKILL);
	attach_terminal_leave(a);
	return r < 0 ? r : a->result;
}

void attach_done(struct attach *a)
{
	attach_terminal_leave(a);
	given_close(a);
	for (int i = 0; i < ATTACH_FLOWS; i++)
		flow_done(&a->flow[i]);
	a->tty = fd_close(a->tty);
	attach_signals_close(a);
}
