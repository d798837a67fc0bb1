/* SPDX-License-Identifier: Apache-2.0 */
/* ports_all.c: --publish-all: what somebody inside listens on is published. */
#include "ports.h"

#include "address.h"
#include "loop.h"
#include "tell.h"
#include "util/scope.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

enum {
	LOOKS_MAX = 256,
	LOOK_MS = 1000,
	AUTO_MAX = 128,
	BACKLOG = 4096,
};

struct auto_port {
	struct net_port port;
	bool is_open, is_heard; /* heard: somebody listened at the last look */
};

static struct auto_port open_ports[AUTO_MAX];
static int diag = -EBADF;
static int64_t next;

/* ---- who listens ------------------------------------------------------------------------- */

static int look_ask(uint8_t family)
{
	enum { LISTENING = 1 << 10 /* TCP_LISTEN, of netinet/tcp.h */ };
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} q = {
		.head = {.nlmsg_len = sizeof(q),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = LISTENING},
	};

	return send(diag, &q, sizeof(q), 0) == (ssize_t)sizeof(q) ? 0 : -errno;
}

/* Those on loopback addresses are for the sandbox itself. */
static bool is_for_others(const struct inet_diag_msg *m)
{
	struct in6_addr a;

	if (m->idiag_family == AF_INET)
		a = address_mapped(m->id.idiag_src);
	else
		memcpy(&a, m->id.idiag_src, sizeof(a));
	return !(IN6_IS_ADDR_V4MAPPED(&a) ? a.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&a)) &&
	       ntohs(m->id.idiag_sport) != NET_REDIRECT_PORT;
}

static void port_hear(uint16_t number);

/* False at the end of the answer. */
static bool look_read(void)
{
	static uint8_t data[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = {0};
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(diag, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);
	unsigned left = n > 0 ? (unsigned)n : 0;

	/* Others inside can send here, too; the kernel's number is 0. */
	if (n > 0 && from.nl_pid != 0)
		return true;
	for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)data; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);

		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return false;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*m)) && is_for_others(m))
			port_hear(ntohs(m->id.idiag_sport));
	}
	return n > 0;
}

/* ---- what is open ------------------------------------------------------------------------- */

static void port_tell(const struct net_port *p, bool is_open)
{
	struct net_event e = {.kind = NET_EVENT_PUBLISHED,
			      .is_allowed = is_open,
			      .protocol = NET_TCP,
			      .rule = -1,
			      .port = p->inside,
			      .host_port = p->host_port,
			      .address = p->address};

	tell_event(&e);
}

/* On the host's loopback address; its own number, or where that is taken any. */
static int port_listen(uint16_t number, uint16_t *ret_port)
{
	struct in6_addr address = address_of("127.0.0.1"), unused;
	struct sockaddr_storage at;
	socklen_t len = address_put(&address, number, &at);
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, len) < 0) {
		(void)address_put(&address, 0, &at);
		if (bind(fd, (const struct sockaddr *)&at, len) < 0)
			return -errno;
	}
	if (listen(fd, BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	*ret_port = address_get(&at, &unused);
	return take_fd(&fd);
}

static void port_open(struct auto_port *a, uint16_t number)
{
	a->port = (struct net_port){.protocol = NET_TCP,
				    .inside = number,
				    .address = address_of("127.0.0.1")};
	a->port.fd = port_listen(number, &a->port.host_port);
	if (a->port.fd < 0 || ports_add(&a->port) < 0)
		return;
	a->is_open = a->is_heard = true;
	port_tell(&a->port, true);
}

static void port_hear(uint16_t number)
{
	struct auto_port *unused = NULL;

	for (size_t i = 0; i < AUTO_MAX; i++) {
		struct auto_port *a = &open_ports[i];

		if (a->is_open && a->port.inside == number) {
			a->is_heard = true;
			return;
		}
		if (!a->is_open && !unused)
			unused = a;
	}
	if (unused && !ports_has(NET_TCP, number))
		port_open(unused, number);
}

static void silent_close(void)
{
	for (size_t i = 0; i < AUTO_MAX; i++) {
		struct auto_port *a = &open_ports[i];

		if (!a->is_open || a->is_heard)
			continue;
		ports_remove(&a->port);
		a->is_open = false;
		port_tell(&a->port, false);
	}
}

/* ---- the time ------------------------------------------------------------------------------ */

void ports_publish_all(int socket)
{
	diag = socket;
	next = loop_now();
}

int64_t ports_due(void)
{
	return diag >= 0 ? next : -1;
}

void ports_look(void)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	if (diag < 0 || loop_now() < next)
		return;
	next = loop_now() + LOOK_MS;
	for (size_t i = 0; i < AUTO_MAX; i++)
		open_ports[i].is_heard = false;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (look_ask(families[i]) < 0)
			continue;
		for (int turns = 0; turns < LOOKS_MAX && look_read(); turns++)
			;
	}
	silent_close();
}
