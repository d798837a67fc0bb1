/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.c: libslirp, several times, each with a share of what the sandbox has open by the tap. */
#include "stacks.h"

#include "choke.h"
#include "frame.h"
#include "loop.h"
#include "room.h"
#include "slirp_make.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <glib.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum {
	STACKS = 64,
	SOCKETS_MAX = 65536,
	TICK_MS = 500, /* of libslirp's slow timers */
};

/* What the kernel and libslirp know of one of libslirp's sockets. */
struct interest {
	uint32_t told;	   /* EPOLL* as the kernel has them, and TOLD; 0: not in the set */
	uint32_t happened; /* since the last turn */
	uint32_t round;	   /* the last one in which its stack asked for it */
	uint16_t before,
		behind; /* in its stack's list; 0: none, since libslirp has no descriptor 0 */
	uint8_t stack;
	bool is_stream, is_datagram;
	uint32_t flow; /* of datagrams that it is for; 0: none */
	bool is_made;  /* a connection that is no longer being made */
};

enum { TOLD = 1U << 30 }; /* so that what is in the set is never 0 */

struct stack {
	Slirp *slirp;
	int64_t due;	  /* time; -1: never */
	int64_t room_due; /* when those that haven't taken all are looked at; -1: never */
	int room_ms;	  /* until then */
	size_t n_streams; /* connections that are open */
	uint16_t first;	  /* of its sockets in the set */
	bool has_changed; /* since it was asked what it wants */
	bool has_events;
};

static struct interest interests[SOCKETS_MAX];
static struct stack stacks[STACKS];
static size_t n_datagrams, datagrams_max;
static size_t n_streams, most_streams; /* most: since the last time that there was none */
static uint32_t round_now;
static int epoll = -EBADF;
static bool is_making;

/* ---- sockets ----------------------------------------------------------------------------- */

static bool is_socket(int fd)
{
	return fd > 0 && fd < SOCKETS_MAX;
}

static void list_put(struct stack *s, int fd)
{
	struct interest *i = &interests[fd];

	i->stack = (uint8_t)(s - stacks);
	i->before = 0;
	i->behind = s->first;
	if (s->first)
		interests[s->first].before = (uint16_t)fd;
	s->first = (uint16_t)fd;
}

static void list_take(int fd)
{
	struct interest *i = &interests[fd];

	if (i->before)
		interests[i->before].behind = i->behind;
	else
		stacks[i->stack].first = i->behind;
	if (i->behind)
		interests[i->behind].before = i->before;
}

void stacks_forget(int fd)
{
	if (!is_socket(fd) || !interests[fd].told)
		return;
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	list_take(fd);
	interests[fd].told = interests[fd].happened = 0;
}

/* ---- room -------------------------------------------------------------------------------- */

static bool wants_room(int fd)
{
	return interests[fd].is_made && (interests[fd].told & EPOLLOUT);
}

static void room_wait(struct stack *s, int ms)
{
	int64_t due = loop_now() + ms;

	s->room_ms = ms;
	if (ms <= ROOM_MS_MAX && (s->room_due < 0 || due < s->room_due))
		s->room_due = due;
}

/* Sees to it that libslirp writes where there is room, as if the kernel had said so. Where that makes it want something else
 * next, the pause is short again; where nobody can write in spite of the room, it grows. */
static void room_look(struct stack *s)
{
	bool is_wanted = false;

	for (uint16_t fd = s->first; fd; fd = interests[fd].behind) {
		if (!wants_room(fd))
			continue;
		is_wanted = true;
		if (!room_is(fd))
			continue;
		interests[fd].happened |= EPOLLOUT;
		s->has_events = true;
	}
	s->room_due = -1;
	if (is_wanted)
		room_wait(s, 2 * s->room_ms);
}

/* ---- what they want ---------------------------------------------------------------------- */

static uint32_t events_of(int wanted)
{
	return ((wanted & SLIRP_POLL_IN) ? EPOLLIN : 0U) |
	       ((wanted & SLIRP_POLL_OUT) ? EPOLLOUT : 0U) |
	       ((wanted & SLIRP_POLL_PRI) ? EPOLLPRI : 0U);
}

static int on_wanted(int fd, int wanted, void *stack)
{
	uint32_t events = events_of(wanted);
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)fd << 1 | 1};
	struct interest *i;

	if (!is_socket(fd))
		return -1;
	i = &interests[fd];
	i->round = round_now;
	if (i->told == (events | TOLD))
		return fd;
	if (epoll_ctl(epoll, i->told ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0)
		return -1;
	if (!i->told)
		list_put(stack, fd);
	i->told = events | TOLD;
	if (wants_room(fd))
		room_wait(stack, ROOM_MS);
	return fd;
}

static int on_asked(int fd, void *unused)
{
	uint32_t e = fd < 0 ? 0 : interests[fd].happened;

	if (e)
		interests[fd].happened = 0;
	return ((e & EPOLLIN) ? SLIRP_POLL_IN : 0) | ((e & EPOLLOUT) ? SLIRP_POLL_OUT : 0) |
	       ((e & EPOLLPRI) ? SLIRP_POLL_PRI : 0) | ((e & EPOLLERR) ? SLIRP_POLL_ERR : 0) |
	       ((e & EPOLLHUP) ? SLIRP_POLL_HUP : 0);
}

/* What libslirp asked for no more is taken out: an error there would wake us for ever. */
static void unwanted_forget(const struct stack *s)
{
	for (uint16_t fd = s->first, behind; fd; fd = behind) {
		behind = interests[fd].behind;
		if (interests[fd].round != round_now)
			stacks_forget(fd);
	}
}

/* ---- callbacks of libslirp's ------------------------------------------------------------- */

/* libslirp hands over a buffer of its own, which it doesn't read again. */
static ssize_t on_send(const void *frame, size_t len, void *stack)
{
	if (!is_making && !choke_is_checking())
		loop_send((uint8_t *)frame, (unsigned)len);
	return (ssize_t)len;
}

static void on_error(const char *message, void *stack)
{
}

static int64_t on_clock(void *stack)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* libslirp's one timer sends router advertisements: addresses and routes are set up already, and an idle
 * helper sleeps. */
static void *on_timer_new(SlirpTimerCb call, void *context, void *stack)
{
	static char none;

	return &none;
}

static void on_timer_free(void *timer, void *stack)
{
}

static void on_timer_mod(void *timer, int64_t when, void *stack)
{
}

static bool is_stream(int fd)
{
	int type = SOCK_DGRAM;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* ---- flows of datagrams ------------------------------------------------------------------ */

/* Each port of the sandbox's that datagrams come from has a socket, for minutes. They mustn't take all of the host's, nor the
 * descriptors that others need: beyond so many no new one is made. */
enum { FLOWS = 2 * 65536 + 1, DATAGRAMS_MAX = 2048 };

static bool flows[FLOWS];   /* those that have a socket */
static uint32_t flow_input; /* of the frame that is being taken */

static void datagrams_bound(void)
{
	struct rlimit files;

	datagrams_max = DATAGRAMS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max / 4 < datagrams_max)
		datagrams_max = files.rlim_max / 4;
}

/* 0: of an echo, each of which has a socket. */
static uint32_t flow_of(const uint8_t *frame)
{
	if (frame_protocol(frame) != IPPROTO_UDP)
		return 0;
	return 1 + 2 * (uint32_t)frame_source_port(frame) + frame_is_ipv4(frame);
}

static bool has_room(const uint8_t *frame, uint32_t flow)
{
	return frame_protocol(frame) == IPPROTO_TCP || flows[flow] ||
	       n_datagrams < datagrams_max;
}

static void datagram_open(int fd)
{
	choke_open(fd);
	interests[fd].is_datagram = true;
	interests[fd].flow = flow_input;
	flows[flow_input] = flow_input != 0;
	n_datagrams++;
}

static void datagram_close(int fd)
{
	struct interest *i = &interests[fd];

	flows[i->flow] = false;
	i->is_datagram = false;
	i->flow = 0;
	n_datagrams--;
}

static void on_register(int fd, void *stack)
{
	struct stack *s = stack;

	if (!is_socket(fd) || interests[fd].is_stream || interests[fd].is_datagram)
		return;
	if (!is_stream(fd)) {
		datagram_open(fd);
		return;
	}
	interests[fd].is_stream = true;
	interests[fd].is_made = false;
	s->n_streams++;
	n_streams++;
	most_streams = n_streams > most_streams ? n_streams : most_streams;
}

/* libslirp closes it next. A connection whose end the sandbox hasn't told was reset, or given up. */
static void on_unregister(int fd, void *stack)
{
	struct linger at_once = {.l_onoff = 1};
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct stack *s = stack;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT))
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (is_socket(fd) && interests[fd].is_stream) {
		interests[fd].is_stream = false;
		s->n_streams--;
		n_streams--;
	}
	if (is_socket(fd) && interests[fd].is_datagram)
		datagram_close(fd);
	choke_forget(fd);
	stacks_forget(fd);
}

static void on_notify(void *stack)
{
}

/* What libslirp says of frames is nobody's to read, and would be in the way of what is. */
static void on_log(const char *domain, GLogLevelFlags level, const char *text, gpointer unused)
{
}

/* ---- stacks ------------------------------------------------------------------------------ */

static bool stack_make(struct stack *s)
{
	static const SlirpCb callbacks = {
		.send_packet = on_send,
		.guest_error = on_error,
		.clock_get_ns = on_clock,
		.timer_new = on_timer_new,
		.timer_free = on_timer_free,
		.timer_mod = on_timer_mod,
		.register_poll_fd = on_register,
		.unregister_poll_fd = on_unregister,
		.notify = on_notify,
	};

	/* What it answers when the sandbox is introduced to it. */
	is_making = true;
	s->slirp = slirp_make(&callbacks, s);
	is_making = false;
	return s->slirp;
}

int stacks_start(int epoll_fd)
{
	int r;

	epoll = epoll_fd;
	datagrams_bound();
	for (struct stack *s = stacks; s < stacks + STACKS; s++)
		s->due = s->room_due = -1;
	(void)g_log_set_default_handler(on_log, NULL);
	if (!stack_make(&stacks[0]))
		return fail(ENOMEM, "libslirp does not start");
	r = choke_check(stacks[0].slirp);
	/* What the check has made runs out as soon as libslirp knows the time. */
	stacks[0].has_events = stacks[0].has_changed = true;
	stacks_serve(NULL, 0);
	return r;
}

/* By the sandbox's port, whose neighbours are likely to be in use too. */
static struct stack *stack_of(const uint8_t *frame)
{
	unsigned port = frame_source_port(frame);
	struct stack *s = &stacks[(port ^ port >> 4 ^ port >> 8) % STACKS];

	return s->slirp || stack_make(s) ? s : &stacks[0];
}

void stacks_input(uint8_t *frame, size_t len)
{
	struct stack *s = stack_of(frame);
	uint32_t flow = flow_of(frame);

	if (!has_room(frame, flow))
		return;
	flow_input = flow;
	slirp_input(s->slirp, frame, (int)len);
	flow_input = 0;
	s->has_changed = true;
}

/* It says that it is to be called within TICK_MS where it has anything open. All of them are at the same time, which what happens
 * meanwhile doesn't put off; of datagrams, which are given up after four minutes, that needn't be. */
static int64_t due_of(const struct stack *s, uint32_t ms)
{
	enum { NOTHING_DUE_MS = 1000, A_TICK_MS = 100, UNUSED_MS = 30 * 1000 };
	static int64_t tick;
	int64_t now = loop_now();

	if (ms >= NOTHING_DUE_MS)
		return -1;
	if (ms > 0 && s->n_streams == 0)
		return now + UNUSED_MS;
	if (ms < A_TICK_MS)
		return now + ms;
	if (tick <= now)
		tick = now + TICK_MS;
	return tick;
}

static int64_t first_of(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t stacks_prepare(void)
{
	int64_t due = -1;

	for (struct stack *s = stacks; s < stacks + STACKS; s++) {
		uint32_t ms = UINT32_MAX;

		if (s->has_changed) {
			round_now++;
			slirp_pollfds_fill(s->slirp, &ms, on_wanted, s);
			unwanted_forget(s);
			/* What is due already isn't put off: under load it falls between two turns. */
			if (s->due < 0 || loop_now() < s->due)
				s->due = due_of(s, ms);
			s->has_changed = false;
		}
		due = first_of(due, first_of(s->due, s->room_due));
	}
	return due;
}

/* What a crowd has left between the buffers that libslirp keeps goes back to the host. */
static void memory_return(void)
{
	enum { CROWD = 32 };

	if (n_streams > 0 || most_streams == 0)
		return;
	if (most_streams >= CROWD)
		(void)malloc_trim(0);
	most_streams = 0;
}

static void happen(int fd, uint32_t events)
{
	struct interest *i = &interests[fd];
	struct stack *s = &stacks[i->stack];

	if (!i->told)
		return;
	if (!i->is_stream && (events & EPOLLIN) && !choke_hears(fd))
		events &= ~(uint32_t)EPOLLIN;
	if (!events)
		return;
	i->happened = events;
	s->has_events = true;
	if (!(events & EPOLLOUT))
		return;
	/* The first time it says that the connection is made, and later that what waits goes on. */
	if (i->is_made)
		room_wait(s, ROOM_MS);
	i->is_made = i->is_stream;
}

void stacks_serve(const struct epoll_event *events, int n)
{
	int64_t now = loop_now();
	bool knows_time = false;

	for (int i = 0; i < n; i++)
		if (stacks_own(&events[i]))
			happen((int)(events[i].data.u64 >> 1), events[i].events);
	for (struct stack *s = stacks; s < stacks + STACKS; s++) {
		if (s->room_due >= 0 && now >= s->room_due)
			room_look(s);
		if (!s->has_events && (s->due < 0 || now < s->due))
			continue;
		slirp_pollfds_poll(s->slirp, 0, on_asked, NULL);
		s->has_events = false;
		s->has_changed = knows_time = true;
		s->due = -1;
	}
	/* It reads the clock here alone, and one for all: what a frame makes would have run out already, after a long
	 * sleep. */
	if (!knows_time)
		slirp_pollfds_poll(stacks[0].slirp, 1, on_asked, NULL);
	memory_return();
}
