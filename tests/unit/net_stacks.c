/* SPDX-License-Identifier: Apache-2.0 */
/* net_stacks.c: when a stack has its turn. libslirp is played here: it wants what the test says, and notes what it gets. */
#include "stacks.h"

#include "choke.h"
#include "frame.h"
#include "loop.h"
#include "room.h"
#include "slirp_make.h"
#include "tap.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

/* A stack that wants nothing: libslirp says so by a second. */
enum { IDLE_MS = 1000, BUSY_MS = 500 };

struct Slirp {
	const SlirpCb *callbacks;
	void *context;
	uint32_t ms;	  /* in which it is to be called */
	int fd, wants;	  /* fd < 0: none is open */
	unsigned n_turns; /* with sockets, and not for the time alone */
	int happened;	  /* in the last one */
	int at;		  /* what it was told for its socket */
};

static struct Slirp made[16];
static size_t n_made;
static int64_t now = 1000;

Slirp *slirp_make(const SlirpCb *callbacks, void *context)
{
	struct Slirp *s = &made[n_made++];

	*s = (struct Slirp){
		.callbacks = callbacks, .context = context, .ms = IDLE_MS, .fd = -1};
	return s;
}

void slirp_input(Slirp *slirp, const uint8_t *pkt, int pkt_len)
{
}

void slirp_pollfds_fill(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add_poll, void *opaque)
{
	if (slirp->ms < *timeout)
		*timeout = slirp->ms;
	slirp->at =
		slirp->fd >= 0 && slirp->wants ? add_poll(slirp->fd, slirp->wants, opaque) : -1;
}

void slirp_pollfds_poll(Slirp *slirp, int select_error, SlirpGetREventsCb get_revents,
			void *opaque)
{
	if (select_error)
		return;
	slirp->n_turns++;
	slirp->happened = slirp->at >= 0 ? get_revents(slirp->at, opaque) : 0;
}

int choke_check(Slirp *slirp)
{
	return 0;
}

bool choke_is_checking(void)
{
	return false;
}

void choke_forget(int fd)
{
}

static unsigned n_opened;

void choke_open(int fd)
{
	n_opened++;
}

static bool has_strangers;

bool choke_hears(int fd)
{
	return !has_strangers;
}

static uint8_t protocol = IPPROTO_TCP;

uint8_t frame_protocol(const uint8_t *frame)
{
	return protocol;
}

bool frame_is_ipv4(const uint8_t *frame)
{
	return true;
}

/* A frame is the port that it comes from, which is the number of its stack. */
uint16_t frame_source_port(const uint8_t *frame)
{
	return *frame;
}

int64_t loop_now(void)
{
	return now;
}

void loop_send(uint8_t *frame, unsigned len)
{
}

static struct Slirp *stack_touch(uint8_t port)
{
	static struct Slirp *of[16];
	size_t before = n_made;

	stacks_input(&port, 1);
	if (n_made > before)
		of[port] = &made[before];
	return of[port];
}

/* What it said to be open is open, or no more. */
static void stream_open(struct Slirp *s, int fd)
{
	s->fd = fd;
	s->callbacks->register_poll_fd(fd, s->context);
}

static void stream_close(struct Slirp *s)
{
	s->callbacks->unregister_poll_fd(s->fd, s->context);
	(void)close(s->fd);
	s->fd = -1;
	s->wants = 0;
	s->ms = IDLE_MS;
}

/* The time passes, and nothing else happens. */
static void sleep_until(int64_t time)
{
	now = time;
	stacks_serve(NULL, 0);
}

static void event(int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)fd << 1 | 1};

	stacks_serve(&e, 1);
}

static int stream_new(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Frames that come all the time, as under load, don't keep it from what is due. */
static void test_due(void)
{
	struct Slirp *a = stack_touch(1), *b = stack_touch(2);
	unsigned a_turns = a->n_turns, b_turns = b->n_turns;
	int64_t due;

	stream_open(a, stream_new());
	a->ms = BUSY_MS;
	due = stacks_prepare();
	check_that(due > now && due <= now + BUSY_MS,
		   "a stack with a connection is due within its time");
	for (int i = 0; i < 10; i++) {
		sleep_until(now + 10);
		(void)stack_touch(1);
		check_that(stacks_prepare() == due, "a frame doesn't put that off");
	}
	stream_open(b, stream_new());
	b->ms = BUSY_MS;
	(void)stack_touch(2);
	check_that(stacks_prepare() == due, "another stack is due at the same time");
	check_that(a->n_turns == a_turns && b->n_turns == b_turns,
		   "none has had its turn before");
	sleep_until(due - 1);
	check_that(a->n_turns == a_turns, "nor does it have it too early");
	sleep_until(due);
	check_that(a->n_turns == a_turns + 1 && b->n_turns == b_turns + 1, "then both have");
	check_that(stacks_prepare() == due + BUSY_MS, "and again");
	stream_close(a);
	stream_close(b);
	sleep_until(due + BUSY_MS);
	(void)stack_touch(1);
	(void)stack_touch(2);
	check_that(stacks_prepare() == -1, "without connections nothing is due");
}

static void test_datagrams(void)
{
	struct Slirp *a = stack_touch(3);

	a->ms = BUSY_MS;
	check_that(stacks_prepare() >= now + 10 * BUSY_MS,
		   "what only forgets datagrams isn't pressing");
	a->ms = IDLE_MS;
	sleep_until(now + 100 * BUSY_MS);
	check_that(stacks_prepare() == -1, "and is over some time");
}

static void test_strangers(void)
{
	struct Slirp *a = stack_touch(5);
	unsigned turns;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	stream_open(a, fd);
	check_that(n_opened == 1, "a socket for datagrams is prepared");
	a->wants = SLIRP_POLL_IN;
	(void)stacks_prepare();
	turns = a->n_turns;
	has_strangers = true;
	event(fd, EPOLLIN);
	check_that(a->n_turns == turns, "libslirp hears nothing of strangers");
	has_strangers = false;
	event(fd, EPOLLIN);
	check_that(a->n_turns == turns + 1 && a->happened == SLIRP_POLL_IN,
		   "but of whom it may send to");
	has_strangers = true;
	stream_close(a);
	fd = stream_new();
	stream_open(a, fd);
	a->wants = SLIRP_POLL_IN;
	(void)stack_touch(5);
	(void)stacks_prepare();
	event(fd, EPOLLIN);
	check_that(a->happened == SLIRP_POLL_IN, "a connection has no strangers");
	check_that(n_opened == 1, "nor is it prepared so");
	has_strangers = false;
	stream_close(a);
	(void)stack_touch(5);
	(void)stacks_prepare();
}

/* A connection to somebody who reads nothing, and that one's end of it. */
static int connection(int *ret_peer)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = stream_new(), fd = stream_new();

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	*ret_peer = accept(listener, NULL, NULL);
	(void)close(listener);
	return fd;
}

static void fill(int fd)
{
	static const char data[1 << 16];

	/* What is on its way to the peer makes room again. */
	for (int i = 0; i < 20; i++, (void)usleep(1000))
		while (send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			;
}

static bool empty(int peer, int fd)
{
	static char data[1 << 20];

	for (int i = 0; i < 1000 && !room_is(fd); i++, (void)usleep(1000))
		while (recv(peer, data, sizeof(data), MSG_DONTWAIT) > 0)
			;
	return room_is(fd);
}

static void test_room(void)
{
	struct Slirp *a = stack_touch(4);
	unsigned turns, looks = 0;
	int peer, fd = connection(&peer);

	stream_open(a, fd);
	a->ms = IDLE_MS;
	a->wants = SLIRP_POLL_OUT;
	check_that(stacks_prepare() == -1,
		   "of a connection that is being made nobody asks for room");
	event(fd, EPOLLOUT);
	check_that(a->happened & SLIRP_POLL_OUT, "it is made");
	a->wants = SLIRP_POLL_IN;
	check_that(stacks_prepare() == -1, "and has nothing to send");
	fill(fd);
	check_that(!room_is(fd), "there is no room for what is sent to who reads nothing");
	a->wants = SLIRP_POLL_IN | SLIRP_POLL_OUT;
	(void)stack_touch(4);
	check_that(stacks_prepare() == now + ROOM_MS, "it is looked at again soon");
	turns = a->n_turns;
	for (int64_t due = stacks_prepare(); due >= 0 && looks < 100; due = stacks_prepare()) {
		sleep_until(due);
		looks++;
	}
	check_that(looks > 1 && looks < 10, "a few times, and then no more");
	check_that(a->n_turns == turns, "while there is none libslirp isn't called");

	event(fd, EPOLLOUT);
	check_that(stacks_prepare() == now + ROOM_MS,
		   "where the kernel finds some, it goes on");
	check_that(empty(peer, fd), "the peer reads");
	sleep_until(now + ROOM_MS);
	check_that(a->happened == SLIRP_POLL_OUT, "what is found is told as the kernel would");
	for (looks = 0; stacks_prepare() >= 0 && looks < 100; looks++)
		sleep_until(stacks_prepare());
	check_that(looks < 10, "who doesn't use the room isn't looked at for ever");
	a->wants = SLIRP_POLL_IN;
	(void)stacks_prepare();
	sleep_until(now + ROOM_MS_MAX);
	check_that(stacks_prepare() == -1, "who has sent all isn't looked at");
	stream_close(a);
	(void)close(peer);
	(void)stack_touch(4);
	check_that(stacks_prepare() == -1, "nor who is gone");
}

int main(void)
{
	check_that(stacks_start(epoll_create1(EPOLL_CLOEXEC)) == 0, "it starts");
	test_due();
	test_datagrams();
	test_strangers();
	test_room();
	return tap_done();
}
