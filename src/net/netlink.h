/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h: requests of netlink(7), several in one message. Nothing here allocates. */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
	unsigned char data[2048];
	size_t len, start; /* START: of the request that is being written */
	unsigned n;	   /* requests */
};

/* A request of TYPE, with its BODY; FLAGS beside NLM_F_REQUEST. */
void netlink_request(struct netlink *q, uint16_t type, uint16_t flags, const void *body,
		     size_t len);

void netlink_attribute(struct netlink *q, uint16_t type, const void *data, size_t len);

/* A number in network order, as netfilter has them. */
void netlink_be32(struct netlink *q, uint16_t type, uint32_t value);

/* What is added between these is within an attribute of TYPE. */
size_t netlink_nest(struct netlink *q, uint16_t type);
void netlink_end(struct netlink *q, size_t nest);

/* The request at hand is answered: what comes behind it may fail. */
void netlink_must(struct netlink *q);

/* A socket of this namespace for PROTOCOL (NETLINK_ROUTE, ...), or a negative errno without a sentence. Whoever has
 * rights over the namespace can use it, from wherever. */
int netlink_open(int protocol);

/* Sends all by the socket FD: refusals are answered, and what was asked with NLM_F_ACK (netlink_must()), of nftables
 * within its batch. 0, or the first refusal, a negative errno without a sentence, with the number of the request, from
 * 1 on, in *RET_REFUSED. */
int netlink_send(const struct netlink *q, int fd, unsigned *ret_refused);
