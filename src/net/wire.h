/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h: how the launcher starts sbx-net, and what they and `sbx port` say to each other. */
#pragma once

#include "net.h"

/*
 * Theory of operation
 *
 * sbx-net is started without arguments and environment. Its descriptors 0 and 1 are /dev/null, 2 takes complaints;
 * then a file with a struct net_start, the control socket, the network's own descriptors as enum network_fd has them, and
 * the published ports'. What a network hasn't got is closed.
 *
 * Over the control socket (SEQPACKET) the launcher sends struct net_order, the helper struct net_event, cut behind
 * the NUL of its name. The helper never waits for an order. When the sandbox has ended the launcher ends its side, the helper
 * passes on what is still on its way, and ends.
 *
 * `sbx port` connects to the socket "net" in the folder of the sandbox, sends one struct net_request, and gets one
 * struct net_reply. That folder is the user's alone.
 */

enum {
	NET_CONFIG_FD = 3,
	NET_CONTROL_FD,
	NET_FIRST_FD,
	NET_PORT_FD = NET_FIRST_FD + NETWORK_FDS
};

struct net_start {
	struct net_config config;
	uint32_t fds; /* a bit for each of enum network_fd that is there */
	uint32_t n_ports;
	struct net_port ports[NET_PORTS_MAX]; /* .fd is of no meaning */
};

enum net_order_kind { NET_ORDER_SERVERS, NET_ORDER_PUBLISH, NET_ORDER_UNPUBLISH };

struct net_order {
	uint32_t kind;
	struct net_servers servers;
	struct net_port port; /* PUBLISH: its descriptor comes with it */
};

enum net_request_kind { NET_REQUEST_LIST, NET_REQUEST_PUBLISH, NET_REQUEST_UNPUBLISH };

struct net_request {
	uint32_t kind;
	struct net_port port; /* PUBLISH: its descriptor comes with it */
};

struct net_reply {
	int32_t err; /* positive errno; 0: done */
	uint32_t n;
	struct net_port ports[NET_PORTS_MAX];
};
