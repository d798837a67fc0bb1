/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: sbx-net, the helper that is a sandbox's network: a router on the other side of its tap. */
#include "choke.h"
#include "dns.h"
#include "inside.h"
#include "loop.h"
#include "ports.h"
#include "relay.h"
#include "tell.h"
#include "turns.h"
#include "wall.h"

#include "net/net.h"
#include "net/wire.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- what the launcher says later ---------------------------------------------------------- */

static void order_take(const struct net_order *order, int passed)
{
	struct net_port port = order->port;

	switch (order->kind) {
	case NET_ORDER_SERVERS:
		dns_set_servers(&order->servers);
		break;
	case NET_ORDER_PUBLISH:
		port.fd = passed;
		if (passed >= 0)
			(void)ports_add(&port);
		return;
	case NET_ORDER_UNPUBLISH:
		ports_remove(&port);
		break;
	default:
		break;
	}
	(void)fd_close(passed);
}

static void on_order(struct loop_watch *w, uint32_t events)
{
	struct net_order order;
	int passed = -EBADF;
	ssize_t n = io_receive(w->fd, &order, sizeof(order), &passed);

	if (n == (ssize_t)sizeof(order))
		order_take(&order, passed);
	else
		(void)fd_close(passed);
	if (n <= 0) {
		loop_unwatch(w);
		turns_end();
	}
}

/* ---- start ----------------------------------------------------------------------------------- */

static int relay_prepare(const int fds[NETWORK_FDS])
{
	int r = 0;

	inside_start(fds);
	for (int i = NETWORK_RELAY; i <= NETWORK_RELAY6 && r == 0; i++)
		if (fds[i] >= 0)
			r = relay_listen(fds[i]);
	return r < 0 ? fail(-r, "wait for connections") : 0;
}

static int ports_prepare(const struct net_start *start, const int fds[NETWORK_FDS])
{
	int r = 0;

	for (uint32_t i = 0; i < start->n_ports && r == 0; i++) {
		struct net_port port = start->ports[i];

		port.fd = NET_PORT_FD + (int)i;
		if (fcntl(port.fd, F_GETFD) >= 0)
			r = ports_add(&port);
	}
	if (r == 0 && fds[NETWORK_DIAG] >= 0)
		ports_publish_all(fds[NETWORK_DIAG]);
	return r < 0 ? fail(-r, "serve the published ports") : 0;
}

static int prepare(const struct net_start *start)
{
	struct choke_policy policy = {.relays = (start->fds & 1U << NETWORK_RELAY) != 0,
				      .connect_resolver = dns_connect};
	int fds[NETWORK_FDS], r;

	for (int i = 0; i < NETWORK_FDS; i++)
		fds[i] = start->fds & 1U << i ? NET_FIRST_FD + i : -EBADF;
	tell_start(NET_CONTROL_FD, start->config.logs);
	policy_start(&start->config);
	choke_set(&policy);
	dns_start(&start->config);
	r = turns_prepare(fds[NETWORK_TAP]);
	if (r == 0)
		r = relay_prepare(fds);
	return r < 0 ? r : ports_prepare(start, fds);
}

static bool part_read(struct net_start *s, size_t at, size_t len)
{
	return pread(NET_CONFIG_FD, (char *)s + at, len, (off_t)at) == (ssize_t)len;
}

/* Of each list what is used: the rest stays memory that nobody has. */
static bool start_read(struct net_start *s)
{
	const struct net_config *c = &s->config;

	return part_read(s, 0, offsetof(struct net_start, config.rules)) &&
	       c->servers.n <= NET_SERVERS_MAX && c->n_rules <= NET_RULES_MAX &&
	       c->n_hosts <= NET_HOSTS_MAX &&
	       part_read(s, offsetof(struct net_start, config.rules),
			 c->n_rules * sizeof(c->rules[0])) &&
	       part_read(s, offsetof(struct net_start, config.hosts),
			 c->n_hosts * sizeof(c->hosts[0])) &&
	       part_read(s, offsetof(struct net_start, fds),
			 offsetof(struct net_start, ports) - offsetof(struct net_start, fds)) &&
	       s->n_ports <= NET_PORTS_MAX &&
	       part_read(s, offsetof(struct net_start, ports),
			 s->n_ports * sizeof(s->ports[0]));
}

static int run(void)
{
	static struct net_start start;
	static struct loop_watch orders = {on_order, NET_CONTROL_FD};
	int r;

	if (!start_read(&start))
		return fail(EINVAL, "sbx-net is started by sbx alone");
	(void)close(NET_CONFIG_FD);
	r = prepare(&start);
	if (r == 0 && loop_watch(&orders, EPOLLIN) < 0)
		r = fail_sys("wait for the launcher");
	if (r == 0)
		r = wall_raise();
	if (r < 0)
		return r;
	return turns_run();
}

int main(void)
{
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	/* What was executed by a descriptor has its number for a name. */
	(void)prctl(PR_SET_NAME, "sbx-net");
	/* libslirp's buffers, 128 KiB each and some for each connection, go back to the host with their connection. */
	(void)mallopt(M_MMAP_THRESHOLD, 65536);
	if (run() == 0)
		return 0;
	(void)dprintf(STDERR_FILENO, "%s\n", fail_text());
	return 1;
}
