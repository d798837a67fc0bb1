/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: what sbx-net waits for: the tap, libslirp's sockets, its own, and the time. */
#include "loop.h"

#include "choke.h"
#include "dns.h"
#include "fragment.h"
#include "frame.h"
#include "inside.h"
#include "listener.h"
#include "net/net.h"
#include "policy.h"
#include "ports.h"
#include "relay.h"
#include "slirp_make.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <glib.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	SOCKETS_MAX = 65536,
	TAP_BATCH = 64, /* frames read before the sockets have their turn */
	EVENTS_MAX = 256,
};

/* What the kernel and libslirp know of one of libslirp's sockets. */
struct interest {
	uint32_t told;	   /* EPOLL* as the kernel has them, and TOLD; 0: not in the set */
	uint32_t happened; /* since the last turn */
	uint32_t turn;	   /* the last one in which libslirp asked for it */
	int place;	   /* in `members` */
};

enum { TOLD = 1U << 30 }; /* so that what is in the set is never 0 */

static struct interest interests[SOCKETS_MAX];
static int members[SOCKETS_MAX], n_members;
static uint32_t turn;
static bool streams[SOCKETS_MAX];      /* of libslirp's TCP */
static size_t n_streams, most_streams; /* most: since the last time that there was none */
static int epoll = -EBADF, tap = -EBADF;
static Slirp *slirp;
static struct loop_watch tap_watch;
static bool tap_is_gone, tap_is_empty, is_ending;

int64_t loop_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- descriptors of our own -------------------------------------------------------------- */

/* Pointers are even; a socket of libslirp's is told apart by an odd number. */
int loop_watch(struct loop_watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &e) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, w->fd, &e) == 0)
		return 0;
	return -errno;
}

void loop_unwatch(struct loop_watch *w)
{
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

/* ---- libslirp's sockets ------------------------------------------------------------------ */

static bool is_known(int fd)
{
	return fd >= 0 && fd < SOCKETS_MAX && interests[fd].told;
}

void loop_forget(int fd)
{
	int last;

	if (!is_known(fd))
		return;
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	last = members[--n_members];
	members[interests[fd].place] = last;
	interests[last].place = interests[fd].place;
	interests[fd] = (struct interest){0};
}

static uint32_t events_of(int wanted)
{
	return ((wanted & SLIRP_POLL_IN) ? EPOLLIN : 0U) |
	       ((wanted & SLIRP_POLL_OUT) ? EPOLLOUT : 0U) |
	       ((wanted & SLIRP_POLL_PRI) ? EPOLLPRI : 0U);
}

static int on_wanted(int fd, int wanted, void *unused)
{
	uint32_t events = events_of(wanted);
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)fd << 1 | 1};
	struct interest *i;

	if (fd < 0 || fd >= SOCKETS_MAX)
		return -1;
	i = &interests[fd];
	i->turn = turn;
	if (i->told == (events | TOLD))
		return fd;
	if (epoll_ctl(epoll, i->told ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0)
		return -1;
	if (!i->told) {
		i->place = n_members;
		members[n_members++] = fd;
	}
	i->told = events | TOLD;
	return fd;
}

static int on_asked(int fd, void *unused)
{
	uint32_t e = fd < 0 ? 0 : interests[fd].happened;

	return ((e & EPOLLIN) ? SLIRP_POLL_IN : 0) | ((e & EPOLLOUT) ? SLIRP_POLL_OUT : 0) |
	       ((e & EPOLLPRI) ? SLIRP_POLL_PRI : 0) | ((e & EPOLLERR) ? SLIRP_POLL_ERR : 0) |
	       ((e & EPOLLHUP) ? SLIRP_POLL_HUP : 0);
}

/* What libslirp asked for no more is taken out: an error there would wake us for ever. */
static void unwanted_forget(void)
{
	for (int at = 0; at < n_members;)
		if (interests[members[at]].turn != turn)
			loop_forget(members[at]);
		else
			at++;
}

/* ---- callbacks of libslirp's ------------------------------------------------------------- */

void loop_send(uint8_t *frame, unsigned len)
{
	struct virtio_net_hdr head;
	struct iovec parts[] = {{&head, sizeof(head)}, {frame, len}};

	frame_outgoing(frame, len, &head);
	(void)writev(tap, parts, ARRAY_SIZE(parts));
}

/* libslirp hands over a buffer of its own, which it doesn't read again. */
static ssize_t on_send(const void *frame, size_t len, void *unused)
{
	if (!choke_is_checking())
		loop_send((uint8_t *)frame, (unsigned)len);
	return (ssize_t)len;
}

static void on_error(const char *message, void *unused)
{
}

static int64_t on_clock(void *unused)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* libslirp's one timer sends router advertisements: addresses and routes are set up already, and an idle
 * helper sleeps. */
static void *on_timer_new(SlirpTimerCb call, void *context, void *unused)
{
	static char none;

	return &none;
}

static void on_timer_free(void *timer, void *unused)
{
}

static void on_timer_mod(void *timer, int64_t when, void *unused)
{
}

static bool is_stream(int fd)
{
	int type = SOCK_DGRAM;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static void on_register(int fd, void *unused)
{
	if (fd < 0 || fd >= SOCKETS_MAX || streams[fd] || !is_stream(fd))
		return;
	streams[fd] = true;
	n_streams++;
	most_streams = n_streams > most_streams ? n_streams : most_streams;
}

/* libslirp closes it next. A connection whose end the sandbox hasn't told was reset, or given up. */
static void on_unregister(int fd, void *unused)
{
	struct linger at_once = {.l_onoff = 1};
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT))
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (fd >= 0 && fd < SOCKETS_MAX && streams[fd]) {
		streams[fd] = false;
		n_streams--;
	}
	choke_forget(fd);
	loop_forget(fd);
}

static void on_notify(void *unused)
{
}

/* What libslirp says of frames is nobody's to read, and would be in the way of what is. */
static void on_log(const char *domain, GLogLevelFlags level, const char *text, gpointer unused)
{
}

static int slirp_start(void)
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

	(void)g_log_set_default_handler(on_log, NULL);
	slirp = slirp_make(&callbacks);
	return slirp ? 0 : fail(ENOMEM, "libslirp does not start");
}

/* ---- the tap ----------------------------------------------------------------------------- */

static void frame_pass(uint8_t *frame, size_t len)
{
	struct frame_datagram datagram;

	switch (frame_admit(frame, len, &datagram)) {
	case FRAME_PASS:
		if (!datagram.payload || !ports_answer(&datagram))
			slirp_input(slirp, frame, (int)len);
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
	ssize_t n = readv(tap, parts, ARRAY_SIZE(parts));
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

/* MS, or the time until DUE where that is less; -1: for ever. */
static int64_t sooner(int64_t ms, int64_t due)
{
	int64_t left = due - loop_now();

	if (due < 0)
		return ms;
	left = left < 0 ? 0 : left;
	return ms < 0 || left < ms ? left : ms;
}

/* libslirp wants to be called each second where nothing of its own is due. */
static int wait_ms(uint32_t slirp_ms)
{
	enum { NOTHING_DUE_MS = 1000, UNUSED_MS = 30 * 1000 };
	int64_t ms = slirp_ms >= NOTHING_DUE_MS ? -1 : (int64_t)slirp_ms;

	/* It wants to be called twice a second as long as a socket is open; of datagrams, which are given up after four minutes,
	 * that needn't be. */
	if (ms > 0 && n_streams == 0)
		ms = UNUSED_MS;
	if (relay_is_busy() || inside_wants() || (is_ending && relay_is_flushed()))
		return 0;
	return (int)sooner(sooner(sooner(ms, dns_due()), ports_due()), listeners_due());
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

static int loop_turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	uint32_t slirp_ms = UINT32_MAX;
	int n;

	turn++;
	slirp_pollfds_fill(slirp, &slirp_ms, on_wanted, NULL);
	unwanted_forget();
	n = epoll_wait(epoll, events, EVENTS_MAX, wait_ms(slirp_ms));
	if (n < 0 && errno != EINTR)
		return fail_sys("wait");
	policy_set_time(loop_now());
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 & 1)
			interests[events[i].data.u64 >> 1].happened = events[i].events;
	/* First, since libslirp reads the clock here alone: what a frame makes would have run out already, after a long
	 * sleep. */
	slirp_pollfds_poll(slirp, n < 0, on_asked, NULL);
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 & 1)
			interests[events[i].data.u64 >> 1].happened = 0;
	for (int i = 0; i < n; i++) {
		struct loop_watch *w = events[i].data.ptr;

		if (!(events[i].data.u64 & 1))
			w->ready(w, events[i].events);
	}
	relay_turn();
	dns_expire();
	ports_look();
	listeners_hear();
	inside_refill();
	memory_return();
	return 0;
}

int loop_prepare(int tap_fd)
{
	int r;

	tap = tap_fd;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return fail_sys("make an epoll set");
	r = slirp_start();
	if (r == 0)
		r = choke_check(slirp);
	/* libslirp reads the clock here alone: what a first datagram made before would have run out, as what the check
	 * has made does now. */
	slirp_pollfds_poll(slirp, 1, on_asked, NULL);
	tap_watch = (struct loop_watch){.ready = on_tap, .fd = tap};
	return r < 0 ? r : loop_watch(&tap_watch, EPOLLIN);
}

void loop_end(void)
{
	is_ending = true;
}

int loop_run(void)
{
	bool is_done;
	int r;

	do {
		tap_is_empty = true;
		is_done = is_ending;
		r = loop_turn();
		/* What was there before the end was known of has been seen then. */
		is_done = is_done && tap_is_empty && relay_is_flushed();
	} while (r == 0 && !tap_is_gone && !is_done);
	return r;
}
