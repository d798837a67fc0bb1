/* SPDX-License-Identifier: Apache-2.0 */
/* ports.c: published ports: what comes from outside. */
#include "ports.h"

#include "address.h"
#include "inside.h"
#include "listener.h"
#include "loop.h"
#include "relay.h"
#include "util/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

enum {
	DATAGRAMS_MAX = 64,
	FLOWS = 4096,
	FLOW_PLACES = 8, /* of one that is looked for */
	FLOW_TRIES = 8,
	FLOW_MS = 4 * 60 * 1000,
	/* Nobody is answered for ever: who wrote may have been forged. */
	FLOW_HEARD_MS = 60 * 60 * 1000,
};

struct port {
	struct listener listener; /* first: what listens, or of UDP its watch, is the port */
	struct net_port port;
	int64_t until; /* time that who connects waits for the service to be there; 0: none */
	bool is_used;
};

/* Somebody who has written to a UDP port. */
struct flow {
	struct port *port;
	struct in6_addr peer, shown; /* shown: as the sandbox sees it */
	struct in6_addr own;	     /* what was written to */
	uint32_t scope;		     /* of a link-local peer */
	uint16_t peer_port, shown_port;
	int64_t wrote; /* time that it has written */
	int64_t last;  /* time that anything has passed, either way */
};

static struct port ports[NET_PORTS_MAX];
static struct flow flows[FLOWS];

/* ---- TCP --------------------------------------------------------------------------------- */

static int dial_by_ipv4(const struct in6_addr *peer, uint16_t peer_port, uint16_t port)
{
	return inside_connect(AF_INET, peer, peer_port, port);
}

static int dial_by_ipv6(const struct in6_addr *peer, uint16_t peer_port, uint16_t port)
{
	return inside_connect(AF_INET6, peer, peer_port, port);
}

static void on_connection(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	const struct port *p = (const struct port *)l;
	struct relay_inbound in = {.port = p->port.inside, .until = p->until};

	in.peer_port = address_get(from, &in.peer);
	if (address_family(&in.peer) == AF_INET6) {
		in.dial = dial_by_ipv6;
		in.otherwise = dial_by_ipv4;
	} else {
		in.dial = dial_by_ipv4;
	}
	relay_inbound(fd, &in);
}

/* ---- UDP --------------------------------------------------------------------------------- */

static bool flow_is_live(const struct flow *f)
{
	int64_t now = loop_now();

	return f->port && now - f->last <= FLOW_MS && now - f->wrote <= FLOW_HEARD_MS;
}

/* Where a flow is to be looked for first. Strangers choose what goes in, so it is keyed. */
static uint32_t flow_place(const struct in6_addr *shown, uint16_t port, uint16_t inside)
{
	static uint64_t key;
	uint64_t words[3] = {0, 0, (uint64_t)port << 16 | inside}, sum;

	while (key == 0)
		if (getrandom(&key, sizeof(key), 0) < 0)
			key = (uint64_t)loop_now();
	memcpy(words, shown, sizeof(*shown));
	sum = key;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		sum = (sum ^ words[i]) * (key | 1);
		sum ^= sum >> 32;
	}
	return (uint32_t)sum % FLOWS;
}

/* Who is shown to the port INSIDE as SHOWN, PORT; else NULL, and in *RET_ROOM the place for it. */
static struct flow *flow_find(const struct in6_addr *shown, uint16_t port, uint16_t inside,
			      struct flow **ret_room)
{
	uint32_t first = flow_place(shown, port, inside);
	struct flow *room = NULL;

	for (uint32_t i = 0; i < FLOW_PLACES; i++) {
		struct flow *f = &flows[(first + i) % FLOWS];

		if (f->port && f->port->port.inside == inside && f->shown_port == port &&
		    memcmp(&f->shown, shown, sizeof(*shown)) == 0)
			return f;
		if (!room || (flow_is_live(room) && (!flow_is_live(f) || f->last < room->last)))
			room = f;
	}
	*ret_room = room;
	return NULL;
}

static bool flow_is_of(const struct flow *f, const struct port *p, const struct in6_addr *peer,
		       uint16_t peer_port)
{
	return f->port == p && f->peer_port == peer_port &&
	       memcmp(&f->peer, peer, sizeof(*peer)) == 0;
}

static uint16_t port_next(uint16_t port, int i)
{
	return (uint16_t)(port * 31 + 1024 + i) | 1024;
}

/* Several of the host's addresses are shown as one, the router's: who comes second with the same port is shown with
 * another, and stays so. Where each is taken, who has been silent for the longest time gives way. */
static struct flow *flow_take(struct port *p, const struct in6_addr *peer, uint16_t peer_port)
{
	struct in6_addr shown = inside_source(peer);
	uint16_t port = peer_port, shown_port = peer_port;
	struct flow *taken = NULL;
	bool is_free = false;

	for (int i = 0; i < FLOW_TRIES; i++, port = port_next(port, i)) {
		struct flow *room, *f = flow_find(&shown, port, p->port.inside, &room);
		bool is_own = f && flow_is_of(f, p, peer, peer_port);

		f = f ? f : room;
		if (is_own || !taken ||
		    (!is_free && (!flow_is_live(f) || f->last < taken->last))) {
			taken = f;
			is_free = !flow_is_live(f);
			shown_port = port;
		}
		if (is_own)
			break;
	}
	*taken = (struct flow){.port = p,
			       .peer = *peer,
			       .shown = shown,
			       .peer_port = peer_port,
			       .shown_port = shown_port,
			       .wrote = loop_now(),
			       .last = loop_now()};
	return taken;
}

/* The address that a datagram was sent to (ip(7), IP_PKTINFO). */
static struct in6_addr own_address(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			return address_mapped(&((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			return ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr;
	}
	return (struct in6_addr){0};
}

union control {
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

/* False where there is none. */
static bool datagram_pass(struct port *p)
{
	static uint8_t data[65536], frame[FRAME_MAX];
	struct sockaddr_storage from;
	union control control;
	struct iovec part = {data, sizeof(data)};
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(p->listener.watch.fd, &m, 0);
	struct in6_addr peer;
	uint16_t peer_port;
	struct flow *f;

	if (n < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	peer_port = address_get(&from, &peer);
	f = flow_take(p, &peer, peer_port);
	f->own = own_address(&m);
	if (from.ss_family == AF_INET6)
		f->scope = ((struct sockaddr_in6 *)&from)->sin6_scope_id;
	loop_send(frame, (unsigned)frame_inbound(&f->shown, f->shown_port, p->port.inside, data,
						 (size_t)n, frame));
	return true;
}

static void on_datagram(struct loop_watch *w, uint32_t events)
{
	for (int i = 0; i < DATAGRAMS_MAX && datagram_pass((struct port *)w); i++)
		;
}

static void own_put(struct msghdr *m, const struct in6_addr *own)
{
	struct cmsghdr *c = m->msg_control;
	bool is_four = IN6_IS_ADDR_V4MAPPED(own);
	struct in_pktinfo four = {0};
	struct in6_pktinfo six = {.ipi6_addr = *own};

	if (IN6_IS_ADDR_UNSPECIFIED(own)) {
		m->msg_control = NULL;
		m->msg_controllen = 0;
		return;
	}
	memcpy(&four.ipi_spec_dst, own->s6_addr + 12, sizeof(four.ipi_spec_dst));
	c->cmsg_level = is_four ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = is_four ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(is_four ? sizeof(four) : sizeof(six));
	m->msg_controllen = CMSG_SPACE(is_four ? sizeof(four) : sizeof(six));
	memcpy(CMSG_DATA(c), is_four ? (void *)&four : (void *)&six,
	       is_four ? sizeof(four) : sizeof(six));
}

bool ports_answer(const struct frame_datagram *d)
{
	struct in6_addr to = d->is_ipv6 ? *(const struct in6_addr *)(const void *)d->target
					: address_mapped(d->target);
	struct flow *room, *f = flow_find(&to, d->target_port, d->port, &room);
	struct sockaddr_storage at;
	union control control = {0};
	struct iovec part = {(void *)d->payload, d->len};
	struct msghdr m = {.msg_name = &at,
			   .msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};

	if (!f || !flow_is_live(f))
		return false;
	m.msg_namelen = address_put(&f->peer, f->peer_port, &at);
	if (at.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&at)->sin6_scope_id = f->scope;
	own_put(&m, &f->own);
	/* Who only listens, to a stream say, is somebody still. */
	f->last = loop_now();
	(void)sendmsg(f->port->listener.watch.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

/* ---- ports -------------------------------------------------------------------------------- */

static int port_serve(struct port *p)
{
	if (p->port.protocol == NET_TCP) {
		inside_expect();
		relay_tune(p->port.fd,
			   address_is_loopback(&p->port.address) && !p->port.was_passed);
		return listener_start(&p->listener, p->port.fd);
	}
	p->listener.watch = (struct loop_watch){on_datagram, p->port.fd};
	return loop_watch(&p->listener.watch, EPOLLIN);
}

static void port_remove(struct port *p)
{
	if (p->port.protocol == NET_TCP)
		listener_stop(&p->listener);
	else
		loop_unwatch(&p->listener.watch);
	/* An event of it may be at hand, and its number another's soon. */
	p->listener.watch.fd = p->port.fd = fd_close(p->port.fd);
	p->is_used = false;
	/* Its place may be another port's next. */
	for (size_t i = 0; i < FLOWS; i++)
		if (flows[i].port == p)
			flows[i].port = NULL;
}

int ports_add(const struct net_port *port)
{
	enum { PATIENCE_MS = 10000 };
	int r;

	for (size_t i = 0; i < NET_PORTS_MAX; i++) {
		struct port *p = &ports[i];

		if (p->is_used)
			continue;
		*p = (struct port){.listener.accepted = on_connection,
				   .port = *port,
				   .until = port->was_passed ? loop_now() + PATIENCE_MS : 0,
				   .is_used = true};
		r = port_serve(p);
		if (r < 0)
			port_remove(p);
		return r;
	}
	(void)fd_close(port->fd);
	return -ENOSPC;
}

void ports_remove(const struct net_port *port)
{
	for (size_t i = 0; i < NET_PORTS_MAX; i++)
		if (ports[i].is_used && ports[i].port.protocol == port->protocol &&
		    ports[i].port.host_port == port->host_port &&
		    memcmp(&ports[i].port.address, &port->address, sizeof(port->address)) == 0)
			port_remove(&ports[i]);
}

bool ports_has(uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < NET_PORTS_MAX; i++)
		if (ports[i].is_used && ports[i].port.protocol == protocol &&
		    ports[i].port.inside == port)
			return true;
	return false;
}
