/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c: TCP past the tap: what comes in on one connection goes out on another. */
#include "relay.h"

#include "address.h"
#include "choke.h"
#include "dns.h"
#include "hello.h"
#include "listener.h"
#include "loop.h"
#include "room.h"
#include "tell.h"
#include "util/scope.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#ifndef SO_ORIGINAL_DST
#define SO_ORIGINAL_DST 80 /* linux/netfilter_ipv4.h, which doesn't go with netinet/in.h */
#endif

enum { INSIDE, OUTSIDE, ENDS };

enum {
	CHUNK = 192 * 1024,
	CHUNKS_MAX = 8, /* in one turn */
	EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
	DNS_PORT = 53,
};

struct end {
	struct loop_watch watch; /* first: what is watched is the end */
	struct relay *relay;
	bool reads_on;	/* behind what is read there is more: its end, or what was urgent */
	bool has_ended; /* its peer has said so, and that has been passed on */
	bool is_full;	/* what is for it waits until there is room */
};

struct relay {
	struct end ends[ENDS];
	int dialing;  /* the end that is being connected; -1: both are */
	bool is_held; /* nothing of INSIDE's goes out before it is known what name it says, */
	bool needs_name; /* and it must say one */
	bool is_counted; /* with policy_hold() */
	bool is_busy, is_waiting, is_dead;
	int pause_ms; /* that it waits for room */
	int64_t due;  /* time, of one that waits */
	union {
		struct policy_query query; /* of one that goes outwards */
		struct relay_inbound in;
	};
	relay_dial *otherwise; /* not tried yet */
	struct relay *next_busy, *next_waiting, *next_dead;
};

static struct relay *busy, *waiting, *dead;
static int64_t waiting_due = -1; /* of the first */
static bool is_ending;
static size_t n_unfinished; /* whose INSIDE may still send */

/* ---- the end ------------------------------------------------------------------------------ */

/* With a reset. */
static void fd_reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)fd_close(fd);
}

/* It stays until the turn is over: an event of it may be at hand. */
static void relay_end(struct relay *r, bool resets)
{
	if (r->is_dead)
		return;
	for (int i = 0; i < ENDS; i++) {
		int fd = take_fd(&r->ends[i].watch.fd);

		if (resets)
			fd_reset(fd);
		else
			(void)fd_close(fd);
	}
	if (r->is_counted)
		policy_release(&r->query.address);
	n_unfinished -= !r->ends[INSIDE].has_ended;
	r->is_dead = true;
	r->next_dead = dead;
	dead = r;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static uint8_t buffer[CHUNK] __attribute__((aligned(4096)));

static void relay_busy(struct relay *r)
{
	if (r->is_busy)
		return;
	r->is_busy = true;
	r->next_busy = busy;
	busy = r;
}

static void relay_wait(struct relay *r, int ms)
{
	int64_t due = loop_now() + ms;

	if (r->is_waiting && r->due <= due)
		return;
	r->due = due;
	if (waiting_due < 0 || due < waiting_due)
		waiting_due = due;
	if (r->is_waiting)
		return;
	r->is_waiting = true;
	r->next_waiting = waiting;
	waiting = r;
}

static void room_wait(struct relay *r)
{
	if (r->pause_ms <= ROOM_MS_MAX)
		relay_wait(r, r->pause_ms);
}

/* One chunk from A to B: 1: there may be more, 0: there is none for now, or a negative errno. */
static int chunk_move(struct end *a, struct end *b)
{
	ssize_t n = recv(a->watch.fd, buffer, sizeof(buffer), MSG_PEEK), sent;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		n_unfinished -= a == &a->relay->ends[INSIDE];
		a->has_ended = true;
		/* Where the other one has, too, both are closed next. */
		if (b->has_ended)
			return 0;
		return shutdown(b->watch.fd, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
	}
	sent = send(b->watch.fd, buffer, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (sent > 0 && recv(a->watch.fd, NULL, (size_t)sent, MSG_TRUNC) != sent)
		return -EIO;
	if (sent > 0)
		b->relay->pause_ms = ROOM_MS;
	b->is_full = sent < n;
	/* The end of the queue: what comes next comes with an edge, unless that has been seen already. */
	return !b->is_full && (n == sizeof(buffer) || a->reads_on);
}

/* False where the relay has ended. */
static bool flow_move(struct relay *r, int from)
{
	struct end *a = &r->ends[from], *b = &r->ends[!from];
	int more = 1;

	for (int i = 0; i < CHUNKS_MAX && more > 0 && !a->has_ended; i++)
		more = chunk_move(a, b);
	if (more < 0 || (a->has_ended && b->has_ended)) {
		relay_end(r, more < 0);
		return false;
	}
	if (more > 0 && !a->has_ended)
		relay_busy(r);
	if (b->is_full)
		room_wait(r);
	return true;
}

/* What is decided on a connection that says NAME, or says none, by a hello of KIND. */
static struct policy_verdict hello_decide(const struct relay *r, enum hello_kind kind,
					  const char *name)
{
	struct policy_verdict v = policy_decide(&r->query);

	/* What can't be read may say any name. */
	if (kind == HELLO_BAD || kind == HELLO_MORE)
		v.is_allowed = false;
	else if (kind == HELLO_OTHER)
		v.is_allowed = true;
	else if (name[0])
		return policy_decide_named(&r->query, name);
	else
		v.is_allowed = !r->needs_name;
	v.reason = r->needs_name ? NET_BY_NO_NAME : NET_BY_UNREAD;
	v.rule = -1;
	return v;
}

/* What the sandbox says first. True where it may go on. */
static bool hello_hear(struct relay *r)
{
	char name[NET_NAME_MAX + 1] = "";
	struct end *a = &r->ends[INSIDE];
	ssize_t n = recv(a->watch.fd, buffer, sizeof(buffer), MSG_PEEK);
	enum hello_kind kind;
	struct policy_verdict v;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	kind = n <= 0 ? HELLO_OTHER : hello_read(buffer, (size_t)n, name);
	if (kind == HELLO_MORE && !a->reads_on)
		return false;
	r->is_held = false;
	v = hello_decide(r, kind, name);
	if (v.is_allowed)
		return true;
	tell_decision(&r->query, &v);
	relay_end(r, true);
	return false;
}

static void relay_move(struct relay *r, int from)
{
	if (from == INSIDE && r->is_held && !hello_hear(r))
		return;
	(void)flow_move(r, from);
}

static void relay_refill(struct relay *r)
{
	bool is_full = false;

	r->pause_ms *= 2;
	for (int i = 0; i < ENDS && !r->is_dead; i++) {
		if (r->ends[i].is_full && room_is(r->ends[i].watch.fd))
			relay_move(r, !i);
		is_full |= r->ends[i].is_full;
	}
	if (is_full && !r->is_dead && !r->is_waiting)
		room_wait(r);
}

/* ---- connections -------------------------------------------------------------------------- */

static int end_watch(struct relay *r, int which)
{
	return loop_watch(&r->ends[which].watch, EVENTS);
}

void relay_tune(int fd, bool is_local)
{
	enum { IDLE_SECONDS = 120 };
	int one = 1, idle = IDLE_SECONDS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	/* The sandbox's own ones are answered here: what is outside would hear nothing of an idle connection, and we
	 * nothing of one that is dead. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	/* Memory has no congestion, and what paces for it (bbr) is slow there. */
	if (is_local)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, NET_CONGESTION,
				 strlen(NET_CONGESTION));
}

/* FD is being connected, or a negative errno says why not. */
static void dial_take(struct relay *r, int fd)
{
	enum { PAUSE_MS = 100 };
	struct end *e = &r->ends[r->dialing];

	(void)fd_close(e->watch.fd);
	e->watch.fd = fd;
	e->reads_on = false;
	if (fd < 0 && r->dialing == INSIDE && loop_now() < r->in.until && !is_ending)
		relay_wait(r, PAUSE_MS);
	else if (fd < 0 || end_watch(r, r->dialing) < 0)
		relay_end(r, true);
}

/* The connection that was being made has failed. */
static void dial_fail(struct relay *r)
{
	relay_dial *dial = r->otherwise;

	r->otherwise = NULL;
	dial_take(r, dial ? dial(&r->in.peer, r->in.peer_port, r->in.port) : -ECONNREFUSED);
}

static void dial_again(struct relay *r)
{
	int fd = r->in.dial(&r->in.peer, r->in.peer_port, r->in.port);

	r->otherwise = r->in.otherwise;
	if (fd < 0)
		dial_fail(r);
	else
		dial_take(r, fd);
}

static void dial_end(struct relay *r, uint32_t events)
{
	int dialed = r->dialing;

	if (events & (EPOLLHUP | EPOLLERR)) {
		dial_fail(r);
		return;
	}
	r->dialing = -1;
	/* What has come meanwhile. */
	relay_move(r, !dialed);
	if (!r->is_dead && (events & ~(uint32_t)EPOLLOUT))
		relay_move(r, dialed);
}

static void on_end(struct loop_watch *w, uint32_t events)
{
	struct relay *r = ((struct end *)w)->relay;
	struct end *e = (struct end *)w;
	int which = e == &r->ends[OUTSIDE];

	if (r->is_dead)
		return;
	e->reads_on |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0;
	if (r->dialing >= 0) {
		if (which == r->dialing && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
			dial_end(r, events);
		else if (which != r->dialing && (events & (EPOLLHUP | EPOLLERR)))
			relay_end(r, true); /* nobody waits for it any more */
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT)
		relay_move(r, which);
	if (!r->is_dead && (events & EPOLLOUT) && e->is_full)
		relay_move(r, !which);
}

static struct relay *relay_make(int inside, int outside, int dialing)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r) {
		fd_reset(inside);
		fd_reset(outside);
		return NULL;
	}
	n_unfinished++;
	r->dialing = dialing;
	r->pause_ms = ROOM_MS;
	r->ends[INSIDE] = (struct end){.watch = {on_end, inside}, .relay = r};
	r->ends[OUTSIDE] = (struct end){.watch = {on_end, outside}, .relay = r};
	if ((inside < 0 || end_watch(r, INSIDE) == 0) && end_watch(r, OUTSIDE) == 0)
		return r;
	relay_end(r, true);
	return NULL;
}

void relay_inbound(int fd, const struct relay_inbound *in)
{
	struct relay *r = relay_make(-EBADF, fd, INSIDE);

	if (!r)
		return;
	r->in = *in;
	dial_again(r);
}

int64_t relay_due(void)
{
	return waiting_due;
}

void relay_wake(void)
{
	struct relay *r = waiting;
	int64_t now = loop_now();

	if (waiting_due < 0 || now < waiting_due)
		return;
	waiting = NULL;
	waiting_due = -1;
	while (r) {
		struct relay *next = r->next_waiting;

		r->is_waiting = false;
		if (r->is_dead)
			;
		else if (now < r->due && !is_ending)
			relay_wait(r, (int)(r->due - now));
		else if (r->dialing >= 0)
			dial_again(r);
		else
			relay_refill(r);
		r = next;
	}
}

void relay_hurry(void)
{
	is_ending = true;
	if (waiting_due >= 0)
		waiting_due = 0;
}

/* ---- outwards ----------------------------------------------------------------------------- */

/* Where FD was meant to go before it came here; false: here. Whoever owns the namespace can have it say anything. */
static bool target_find(int fd, struct in6_addr *ret_address, uint16_t *ret_port)
{
	struct sockaddr_storage to = {0};
	socklen_t len = sizeof(to);
	int level;

	/* By TPROXY it has that address itself, and by nat the kernel has kept it. */
	if (getsockname(fd, (struct sockaddr *)&to, &len) < 0)
		return false;
	level = to.ss_family == AF_INET ? SOL_IP : SOL_IPV6;
	len = sizeof(to);
	(void)getsockopt(fd, level, SO_ORIGINAL_DST, &to, &len);
	*ret_port = address_get(&to, ret_address);
	return *ret_port != NET_REDIRECT_PORT || !address_is_loopback(ret_address);
}

/* The router stands for this host's loopback. */
static int dial(const struct policy_query *q)
{
	struct in6_addr address = q->address;
	struct sockaddr_storage to;
	autoclose int fd = -EBADF;
	bool is_local = true;
	socklen_t len;

	if (address_is(&address, NET_ROUTER))
		address = address_of("127.0.0.1");
	else if (address_is(&address, NET_ROUTER6))
		address = in6addr_loopback;
	else
		is_local = q->is_own;
	len = address_put(&address, q->port, &to);
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		relay_tune(fd, is_local);
	if (fd < 0 ||
	    (choke_connect(fd, (const struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS))
		return -errno;
	return take_fd(&fd);
}

static void outbound(int fd, const struct policy_query *q)
{
	struct policy_verdict v = policy_decide(q);
	struct relay *r;
	int out;

	tell_decision(q, &v);
	out = v.is_allowed ? dial(q) : -EACCES;
	if (out < 0) {
		fd_reset(fd);
		return;
	}
	r = relay_make(fd, out, OUTSIDE);
	if (!r)
		return;
	r->query = *q;
	r->is_held = v.needs_name || v.hears_name;
	r->needs_name = v.needs_name;
	r->is_counted = true;
	policy_hold(&q->address);
}

void relay_accepted(int fd)
{
	struct policy_query q = {.protocol = NET_TCP};

	if (!target_find(fd, &q.address, &q.port)) {
		fd_reset(fd);
		return;
	}
	if (q.port == DNS_PORT &&
	    (address_is(&q.address, NET_RESOLVER) || address_is(&q.address, NET_RESOLVER6))) {
		(void)dns_serve(fd);
		return;
	}
	q.is_own = choke_is_own(&q.address);
	outbound(fd, &q);
}

static void on_accepted(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
	relay_accepted(fd);
}

int relay_listen(int fd)
{
	static struct listener listeners[2];
	static size_t n;
	struct listener *l = &listeners[n++];

	l->accepted = on_accepted;
	return listener_start(l, fd);
}

/* ---- turns ------------------------------------------------------------------------------- */

bool relay_is_flushed(void)
{
	return n_unfinished == 0;
}

bool relay_is_busy(void)
{
	return busy;
}

void relay_turn(void)
{
	struct relay *r = busy;

	busy = NULL;
	while (r) {
		struct relay *next = r->next_busy;

		r->is_busy = false;
		if (!r->is_dead && r->dialing < 0) {
			relay_move(r, INSIDE);
			if (!r->is_dead)
				relay_move(r, OUTSIDE);
		}
		r = next;
	}
	/* What stands in another list stays until that is walked. */
	for (struct relay **at = &dead; (r = *at);) {
		if (r->is_busy || r->is_waiting) {
			at = &r->next_dead;
			continue;
		}
		*at = r->next_dead;
		free(r);
	}
}
