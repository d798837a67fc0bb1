/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c: a network in the launcher: when its helper is started, and what it is told and tells. */
#include "net.h"
#include "start.h"

#include "util/clock.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The socket of `sbx port`. */
#define ASKED_NAME "net"

/* What is waited for; a client of `sbx port` is CLIENT with its descriptor. */
enum { WAIT_TRIGGER, WAIT_CONTROL, WAIT_ASKED, WAIT_CLIENT };

static int wait_for(struct network *n, int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN,
				.data.u64 = (uint64_t)what << 32 | (uint32_t)fd};

	return epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &e) < 0
		       ? fail_sys("wait for what the network has to say")
		       : 0;
}

/* A descriptor may have copies elsewhere, so it leaves the set before it is closed. */
static void wait_end(struct network *n, int *fd)
{
	if (*fd >= 0)
		(void)epoll_ctl(n->epoll, EPOLL_CTL_DEL, *fd, NULL);
	*fd = fd_close(*fd);
}

void network_init(struct network *n)
{
	n->folder = n->program = n->epoll = n->control = n->asked = n->errors = -EBADF;
	for (size_t i = 0; i < NETWORK_SENT; i++)
		n->fds[i] = -EBADF;
}

static void fds_close(struct network *n)
{
	for (size_t i = 0; i < NETWORK_SENT; i++)
		wait_end(n, &n->fds[i]);
}

static void ports_close(struct network *n)
{
	for (size_t i = 0; i < n->n_ports; i++)
		wait_end(n, &n->ports[i].fd);
}

void network_done(struct network *n)
{
	network_end(n);
	ports_close(n);
	if (n->asked >= 0)
		(void)unlinkat(n->folder, ASKED_NAME, 0);
	(void)fd_close(n->asked);
	(void)fd_close(n->program);
	(void)fd_close(n->errors);
	(void)fd_close(n->epoll);
	network_init(n);
}

/* ---- the host ---------------------------------------------------------------------------- */

/* Whether it has a way to the rest of the world: nothing is sent. */
static bool host_reaches(int family, const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	bool is_four = family == AF_INET;
	autoclose int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)inet_pton(family, text,
			is_four ? (void *)&four.sin_addr : (void *)&six.sin6_addr);
	return fd >= 0 && connect(fd, is_four ? (const void *)&four : (const void *)&six,
				  is_four ? sizeof(four) : sizeof(six)) == 0;
}

/* A program that is given a way that leads nowhere takes it first and is told only after it has connected, by a reset.
 * A host without any way may find one later, so it has both. */
static void ways_find(struct network *n)
{
	n->has_ipv4 = host_reaches(AF_INET, "192.0.2.1");
	n->has_ipv6 = host_reaches(AF_INET6, "2001:db8::1");
	if (!n->has_ipv4 && !n->has_ipv6)
		n->has_ipv4 = n->has_ipv6 = true;
}

/* A helper that doesn't read has been taken over, and keeps nobody waiting. */
static int order_send(const struct network *n, const struct net_order *order, int pass)
{
	struct pollfd ready = {.fd = n->control, .events = POLLOUT};

	if (poll(&ready, 1, 0) <= 0 || !(ready.revents & POLLOUT))
		return -EAGAIN;
	return io_send(n->control, order, sizeof(*order), pass);
}

/* A file that is just being written names none, and leaves those of before. */
static void servers_read(struct network *n)
{
	struct net_servers servers;

	net_servers_read(&servers);
	if (servers.n > 0)
		n->config.servers = servers;
}

/* A question is to be asked, and waits to hear of whom. */
static void servers_look(struct network *n)
{
	struct net_order order = {.kind = NET_ORDER_SERVERS};

	if (!n->config.follows_host || n->is_ending)
		return;
	servers_read(n);
	order.servers = n->config.servers;
	(void)order_send(n, &order, -EBADF);
}

/* ---- sbx port ----------------------------------------------------------------------------- */

/* The name of a socket is short, and that of a folder may be long: it is reached by its descriptor. */
static struct sockaddr_un asked_address(int folder)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/" ASKED_NAME,
		       folder);
	return to;
}

static int asked_open(struct network *n)
{
	struct sockaddr_un at = asked_address(n->folder);

	/* The folder is this process's as long as it lives, so what is there is a dead one's. */
	(void)unlinkat(n->folder, ASKED_NAME, 0);
	n->asked = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->asked < 0 || bind(n->asked, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(n->asked, 8) < 0)
		return fail_sys("make a socket for sbx port");
	return wait_for(n, n->asked, WAIT_ASKED);
}

static bool port_is(const struct net_port *a, const struct net_port *b)
{
	return a->protocol == b->protocol && a->host_port == b->host_port &&
	       memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* Takes FD over. */
static int port_publish(struct network *n, const struct net_port *port, int fd)
{
	struct net_order order = {.kind = NET_ORDER_PUBLISH, .port = *port};
	autoclose int owned = fd;
	int r = 0;

	if (fd < 0 || n->n_ports == NET_PORTS_MAX)
		return fd < 0 ? -EINVAL : -ENOSPC;
	if (n->has_ended)
		return -ENETDOWN;
	n->ports[n->n_ports] = *port;
	n->ports[n->n_ports].fd = -EBADF;
	if (n->control >= 0) {
		r = order_send(n, &order, fd);
	} else {
		n->ports[n->n_ports].fd = take_fd(&owned);
		r = wait_for(n, n->ports[n->n_ports].fd, WAIT_TRIGGER);
	}
	n->n_ports += r == 0;
	return r;
}

static int port_unpublish(struct network *n, const struct net_port *port)
{
	struct net_order order = {.kind = NET_ORDER_UNPUBLISH, .port = *port};
	int r = 0;

	for (size_t i = 0; i < n->n_ports; i++) {
		if (!port_is(&n->ports[i], port))
			continue;
		if (n->control >= 0)
			r = order_send(n, &order, -EBADF);
		if (r < 0)
			return r;
		wait_end(n, &n->ports[i].fd);
		n->ports[i] = n->ports[--n->n_ports];
		return 0;
	}
	return -ENOENT;
}

static int request_serve(struct network *n, const struct net_request *q, int *passed,
			 struct net_reply *reply)
{
	switch (q->kind) {
	case NET_REQUEST_LIST:
		reply->n = (uint32_t)n->n_ports;
		memcpy(reply->ports, n->ports, n->n_ports * sizeof(n->ports[0]));
		return 0;
	case NET_REQUEST_PUBLISH:
		return port_publish(n, &q->port, take_fd(passed));
	case NET_REQUEST_UNPUBLISH:
		return port_unpublish(n, &q->port);
	default:
		return -EINVAL;
	}
}

/* One request, one answer; whoever asks is the user. */
static void client_turn(struct network *n, int client)
{
	static struct net_reply reply;
	struct net_request q;
	autoclose int passed = -EBADF;
	int fd = client;
	ssize_t len = io_receive(client, &q, sizeof(q), &passed);

	memset(&reply, 0, sizeof(reply));
	if (len == (ssize_t)sizeof(q)) {
		reply.err = -request_serve(n, &q, &passed, &reply);
		(void)io_send(client, &reply, sizeof(reply), -EBADF);
	}
	wait_end(n, &fd);
}

static int asked_turn(struct network *n)
{
	autoclose int client = accept4(n->asked, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int r;

	if (client < 0)
		return 0;
	r = wait_for(n, client, WAIT_CLIENT);
	if (r == 0)
		(void)take_fd(&client);
	return r;
}

/* ---- the helper --------------------------------------------------------------------------- */

int network_open(struct network *n)
{
	int r = 0;

	ways_find(n);
	n->takes_connections = n->n_ports > 0 || n->folder >= 0 || n->config.publishes_all;
	for (uint32_t i = 0; i < n->config.n_rules; i++)
		n->needs_relay |= n->config.rules[i].target == NET_TARGET_NAME ||
				  n->config.rules[i].target == NET_TARGET_SUFFIX;
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll < 0)
		return fail_sys("make an epoll set");
	/* Not when it is wanted: by then a command would be running that counts on it. */
	n->program = helper_find();
	if (n->program < 0)
		return n->program;
	if (n->folder >= 0)
		r = asked_open(n);
	for (size_t i = 0; i < n->n_ports && r == 0; i++)
		r = wait_for(n, n->ports[i].fd, WAIT_TRIGGER);
	return r;
}

/* The first frame, or the first connection. */
static int helper_wake(struct network *n)
{
	int r;

	/* Before pid 1 has sent it all, or of a turn that has woken it already. */
	if (n->control >= 0 || n->fds[NETWORK_TAP] < 0)
		return 0;
	if (n->config.follows_host)
		servers_read(n);
	r = helper_start(n);
	if (r < 0)
		return r;
	/* They are the helper's now. Of the tap a copy stays, for its end. */
	(void)epoll_ctl(n->epoll, EPOLL_CTL_DEL, n->fds[NETWORK_TAP], NULL);
	for (size_t i = NETWORK_RELAY; i < NETWORK_FDS; i++)
		wait_end(n, &n->fds[i]);
	ports_close(n);
	return wait_for(n, n->control, WAIT_CONTROL);
}

/* All of them have come. */
static int doors_use(struct network *n)
{
	int r = network_make(n, n->fds);

	for (size_t i = NETWORK_TAP; i <= NETWORK_RELAY6 && r == 0; i++)
		if (n->fds[i] >= 0)
			r = wait_for(n, n->fds[i], WAIT_TRIGGER);
	if (r < 0)
		fds_close(n);
	return r;
}

int network_take(struct network *n, size_t which, int fd)
{
	n->fds[which] = fd;
	return which == NETWORK_TAP ? doors_use(n) : 0;
}

int network_ready(struct network *n)
{
	/* It looks by itself what there is to be published. */
	return n->fds[NETWORK_DIAG] >= 0 ? helper_wake(n) : 0;
}

/* What is published by the helper itself is listed with the rest. */
static void published_take(struct network *n, const struct net_event *e)
{
	struct net_port port = {.protocol = e->protocol,
				.inside = e->port,
				.host_port = e->host_port,
				.address = e->address,
				.fd = -EBADF};

	if (e->is_allowed && n->n_ports < NET_PORTS_MAX)
		n->ports[n->n_ports++] = port;
	for (size_t i = 0; i < n->n_ports && !e->is_allowed; i++)
		if (port_is(&n->ports[i], &port))
			n->ports[i] = n->ports[--n->n_ports];
}

static void event_take(struct network *n, struct net_event *e, size_t len)
{
	if (len < offsetof(struct net_event, name) + 1)
		return;
	e->name[sizeof(e->name) - 1] = '\0';
	e->is_allowed = e->is_allowed != 0;
	if (e->kind == NET_EVENT_ASKS) {
		servers_look(n);
		return;
	}
	if (e->kind == NET_EVENT_PUBLISHED && !n->config.publishes_all)
		return;
	if (e->kind == NET_EVENT_PUBLISHED)
		published_take(n, e);
	if (n->on_event)
		n->on_event(n->context, e);
}

/* False where there is none; *RET_IS_OVER: nor will be. */
static bool event_read(struct network *n, bool *ret_is_over)
{
	struct net_event e = {0};
	ssize_t len;

	/* An order that the helper hasn't read before its end is told of once, before what it has said. */
	do
		len = recv(n->control, &e, sizeof(e), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (len < 0 && (errno == EINTR || errno == ECONNRESET));
	*ret_is_over = len == 0 || (len < 0 && errno != EAGAIN);
	if (len <= 0)
		return false;
	event_take(n, &e, (size_t)len);
	return true;
}

static void helper_ended(struct network *n)
{
	char said[HELPER_SAID_MAX], note[FAIL_TEXT_MAX];
	const char *why;

	wait_end(n, &n->control);
	n->has_ended = true;
	n->n_ports = 0;
	/* With it goes the interface, so nobody inside waits for answers. */
	fds_close(n);
	why = helper_reap(n, said);
	if (!why)
		return;
	(void)snprintf(note, sizeof(note),
		       "it ended early, and the sandbox has none until it is entered anew: %s",
		       why);
	if (n->on_note)
		n->on_note(n->context, note);
}

static void control_turn(struct network *n)
{
	enum { EVENTS_MAX = 64 };
	bool is_over = false;

	for (int i = 0; i < EVENTS_MAX && event_read(n, &is_over); i++)
		;
	if (is_over)
		helper_ended(n);
}

int network_watch(const struct network *n)
{
	return n->epoll;
}

static int wait_turn(struct network *n, uint32_t what, int fd)
{
	switch (what) {
	case WAIT_TRIGGER:
		return helper_wake(n);
	case WAIT_CONTROL:
		control_turn(n);
		return 0;
	case WAIT_ASKED:
		return asked_turn(n);
	default:
		client_turn(n, fd);
		return 0;
	}
}

int network_turn(struct network *n)
{
	struct epoll_event events[8];
	int got = epoll_wait(n->epoll, events, ARRAY_SIZE(events), 0), r = 0;

	for (int i = 0; i < got && r >= 0; i++)
		r = wait_turn(n, (uint32_t)(events[i].data.u64 >> 32),
			      (int)(uint32_t)events[i].data.u64);
	return r;
}

static void tap_close(struct network *n)
{
	/* The end of a tap takes its interface with it, and that takes 20 to 40 ms, for which its last holder waits. One
	 * that persists goes with its namespace, where nobody waits. */
	if (n->fds[NETWORK_TAP] >= 0)
		(void)ioctl(n->fds[NETWORK_TAP], TUNSETPERSIST, 1);
	wait_end(n, &n->fds[NETWORK_TAP]);
}

void network_wind_up(struct network *n)
{
	struct pollfd woken = {.fd = n->epoll, .events = POLLIN};

	if (n->control < 0 && poll(&woken, 1, 0) == 0)
		tap_close(n);
}

/* Nobody inside sends any more: what is on its way gets some time. True where the helper has ended by itself. */
static bool helper_flush(struct network *n)
{
	enum { FLUSH_MS = 5000 };
	int64_t end = clock_ms() + FLUSH_MS, left;
	struct pollfd said = {.fd = n->control, .events = POLLIN};
	bool is_over = false;

	n->is_ending = true;
	(void)shutdown(n->control, SHUT_WR);
	while (!is_over && (left = end - clock_ms()) > 0)
		if (poll(&said, 1, (int)left) > 0)
			(void)event_read(n, &is_over);
	return is_over;
}

void network_end(struct network *n)
{
	char said[HELPER_SAID_MAX];

	/* A last datagram may be all that the sandbox has ever sent. */
	if (n->fds[NETWORK_TAP] >= 0 && !n->has_ended && n->control < 0)
		(void)network_turn(n);
	if (n->control >= 0 && helper_flush(n))
		helper_ended(n);
	(void)helper_reap(n, said);
	wait_end(n, &n->control);
	tap_close(n);
	fds_close(n);
	n->has_ended = n->is_ending = false;
}

/* ---- of another process -------------------------------------------------------------------- */

/* Who is asked may be stopped (Ctrl-Z): neither a person nor completion waits for that to end. */
static int ask_open(void)
{
	const struct timeval patience = {.tv_sec = 3};
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return fail_sys("make a socket");
	return take_fd(&fd);
}

/* -EAGAIN: it doesn't answer. */
static int ask(int folder, const struct net_request *q, int pass, struct net_reply *ret_reply)
{
	struct sockaddr_un to = asked_address(folder);
	autoclose int fd = ask_open();
	ssize_t len;
	int r;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return errno == ENOENT || errno == ECONNREFUSED
			       ? -ENOTCONN
			       : fail_sys("ask the running sandbox");
	r = io_send(fd, q, sizeof(*q), pass);
	if (r < 0)
		return fail(-r, "ask the running sandbox: %s", strerrordesc_np(-r));
	len = io_receive(fd, ret_reply, sizeof(*ret_reply), NULL);
	if (len == 0)
		return -ENOTCONN;
	if (len == -EAGAIN)
		return -EAGAIN;
	if (len != (ssize_t)sizeof(*ret_reply))
		return fail(EPROTO, "the running sandbox is one of another version of sbx");
	return ret_reply->err > 0 ? -ret_reply->err : 0;
}

int net_ask_ports(int folder, struct net_port ports[NET_PORTS_MAX])
{
	static struct net_reply reply;
	struct net_request q = {.kind = NET_REQUEST_LIST};
	int r = ask(folder, &q, -EBADF, &reply);

	if (r < 0)
		return r;
	if (reply.n > NET_PORTS_MAX)
		return fail(EPROTO, "the running sandbox lists more ports than there can be");
	memcpy(ports, reply.ports, reply.n * sizeof(ports[0]));
	for (uint32_t i = 0; i < reply.n; i++)
		ports[i].fd = -EBADF;
	return (int)reply.n;
}

int net_ask_publish(int folder, const struct net_port *port)
{
	static struct net_reply reply;
	struct net_request q = {.kind = NET_REQUEST_PUBLISH, .port = *port};

	return ask(folder, &q, port->fd, &reply);
}

int net_ask_unpublish(int folder, const struct net_port *port)
{
	static struct net_reply reply;
	struct net_request q = {.kind = NET_REQUEST_UNPUBLISH, .port = *port};

	return ask(folder, &q, -EBADF, &reply);
}
