/* SPDX-License-Identifier: Apache-2.0 */
/* turns.c: what sbx-net does, turn by turn. */
#include "turns.h"

#include "choke.h"
#include "dns.h"
#include "fragment.h"
#include "frame.h"
#include "inside.h"
#include "listener.h"
#include "loop.h"
#include "policy.h"
#include "ports.h"
#include "relay.h"
#include "stacks.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>

enum {
	TAP_BATCH = 64, /* frames read before the sockets have their turn */
	EVENTS_MAX = 256,
	QUIET_MS = 2, /* before sockets are made for later: a burst of connections has pauses */
};

static int epoll = -EBADF;
static struct loop_watch tap_watch;
static bool tap_is_gone, tap_is_empty, is_ending;
static int64_t last_event_at; /* time */

/* ---- the tap ----------------------------------------------------------------------------- */

static void frame_pass(uint8_t *frame, size_t len)
{
	struct frame_datagram datagram;

	switch (frame_admit(frame, len, &datagram)) {
	case FRAME_PASS:
		if (!datagram.payload || !ports_answer(&datagram))
			stacks_input(frame, len);
		break;
	case FRAME_ECHO:
		if (choke_echoes(datagram.target))
			stacks_input(frame, len);
		break;
	case FRAME_DNS:
		dns_ask(&datagram);
		break;
	case FRAME_DROP:
		break;
	}
}

static void fragment_pass(uint8_t *frame, size_t len)
{
	switch (fragment_take(frame, len, loop_now(), &frame, &len)) {
	case FRAGMENT_NONE:
	case FRAGMENT_WHOLE:
		frame_pass(frame, len);
		break;
	case FRAGMENT_TAKEN:
		break;
	}
}

/* One frame; false where there is none. The tap of an interface that is no more has an error for good. */
static bool tap_read(void)
{
	static uint8_t buffer[FRAME_MAX] __attribute__((aligned(64)));
	struct virtio_net_hdr head;
	struct iovec parts[] = {{&head, sizeof(head)}, {buffer, sizeof(buffer)}};
	ssize_t n = readv(tap_watch.fd, parts, ARRAY_SIZE(parts));
	size_t len;

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		tap_is_gone = true;
	if (n < (ssize_t)sizeof(head))
		return n >= 0 || errno == EINTR;
	len = (size_t)n - sizeof(head);
	if (frame_complete(&head, buffer, len))
		fragment_pass(buffer, len);
	return true;
}

static void on_tap(struct loop_watch *w, uint32_t events)
{
	for (int i = 0; i < TAP_BATCH; i++)
		if (!tap_read())
			return;
	tap_is_empty = false;
}

/* ---- turns ------------------------------------------------------------------------------- */

/* Milliseconds until the first thing is due; -1: nothing is. */
static int wait_ms(int64_t stacks_due)
{
	const int64_t due[] = {
		stacks_due,	 dns_due(),   ports_due(),
		listeners_due(), relay_due(), inside_wants() ? last_event_at + QUIET_MS : -1,
	};
	int64_t now = loop_now(), first = -1;

	if (relay_is_busy() || (is_ending && relay_is_flushed()))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(due); i++)
		if (due[i] >= 0 && (first < 0 || due[i] < first))
			first = due[i];
	if (first < 0)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

static int turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(epoll, events, EVENTS_MAX, wait_ms(stacks_prepare()));
	int64_t now;

	if (n < 0 && errno != EINTR)
		return fail_sys("wait");
	now = loop_now();
	policy_set_time(now);
	stacks_serve(events, n);
	for (int i = 0; i < n; i++) {
		struct loop_watch *w = events[i].data.ptr;

		if (!stacks_own(&events[i]))
			w->ready(w, events[i].events);
	}
	relay_wake();
	relay_turn();
	dns_expire();
	ports_look();
	listeners_hear();
	if (n > 0)
		last_event_at = now;
	else
		inside_refill();
	return 0;
}

int turns_prepare(int tap)
{
	int r;

	epoll = loop_start(tap);
	if (epoll < 0)
		return fail_sys("make an epoll set");
	r = stacks_start(epoll);
	tap_watch = (struct loop_watch){.ready = on_tap, .fd = tap};
	return r < 0 ? r : loop_watch(&tap_watch, EPOLLIN);
}

void turns_end(void)
{
	is_ending = true;
	relay_hurry();
}

int turns_run(void)
{
	bool is_done;
	int r;

	do {
		tap_is_empty = true;
		is_done = is_ending;
		r = turn();
		/* What was there before the end was known of has been seen then. */
		is_done = is_done && tap_is_empty && relay_is_flushed();
	} while (r == 0 && !tap_is_gone && !is_done);
	return r;
}
