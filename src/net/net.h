/* SPDX-License-Identifier: Apache-2.0 */
/* net.h: the door of this room: a sandbox's own network, and the helper that serves it. */
#pragma once

#include "util/str.h"

#include <netinet/in.h>

/*
 * Theory of operation
 *
 * A sandbox has one interface, a tap of its own network namespace, with fixed addresses, made by pid 1
 * before it is anybody (net_tap_make()). The tap's descriptor goes home, and from there to a helper of
 * the sandbox's own, sbx-net (net_start()), which is a router on its other side: by libslirp it
 * turns what the tap sends into sockets of the caller's. Nobody waits for it: what is sent before it
 * listens is queued in the tap. It ends with the tap, whose last other holder is the sandbox.
 *
 *   10.0.2.100, fd00::100   the sandbox          10.0.2.2, fd00::2   the router, sbx-net
 *                                                10.0.2.3, fd00::3   its name service
 *
 * What the sandbox may reach is decided in the helper alone (helpers/sbx-net/choke.c): whoever owns the
 * namespace may change addresses and routes, and gains nothing by it.
 */

#define NET_INTERFACE "eth0"
#define NET_ADDRESS   "10.0.2.100"
#define NET_ADDRESS6  "fd00::100"
#define NET_ROUTER    "10.0.2.2"
#define NET_ROUTER6   "fd00::2"
#define NET_RESOLVER  "10.0.2.3"
#define NET_RESOLVER6 "fd00::3"

enum { NET_PREFIX = 24, NET_PREFIX6 = 64, NET_MTU = 1500 };

/* In the new network namespace, with CAP_NET_ADMIN there: makes the tap and sets it up with its
 * addresses and routes. Allocates nothing. Returns the tap's descriptor, the caller's. */
int net_tap_make(void);

enum { NET_SERVERS_MAX = 8 };

/* What a helper is told at its start, as one message with the tap's descriptor. */
struct net_config {
	struct in6_addr servers[NET_SERVERS_MAX]; /* the host's name servers; IPv4 mapped */
	uint32_t scopes[NET_SERVERS_MAX];	  /* of link-local ones */
	uint32_t n_servers;
	uint32_t host_loopback; /* the router's addresses are the host's loopback */
};

/* The host's name servers by /etc/resolv.conf (resolv.conf(5)); none where it can't be read. */
void net_servers_read(struct net_config *config);

/* The resolv.conf of a sandbox: sbx-net's name service, and the search list and options of the host's. */
char *net_resolv_conf(struct arena *a);

/* In the launcher: starts sbx-net on TAP. It ends with the sandbox; *RET_PID is the caller's to reap,
 * and what it complains of goes to the descriptor ERRORS. */
int net_start(const struct net_config *config, int tap, int errors, pid_t *ret_pid);
