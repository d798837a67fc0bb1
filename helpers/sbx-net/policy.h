/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h: what a sandbox may reach, and what was decided. */
#pragma once

#include "net/net.h"

/*
 * Theory of operation
 *
 * Each way out asks here: libslirp's calls (choke.c), the relay, the name service. Nothing here opens or sends
 * anything, and nothing allocates.
 *
 * Of the rules that match, the most specific decides; of those that are equally so, one that refuses. How specific a
 * rule is, first by what it is about, then by how few ports it has, then by whether it names a protocol:
 *
 *   any = dns < private < ADDRESS/PREFIX, by its length < *.NAME, by its labels < NAME = ADDRESS = host
 *
 * (`private` is behind any prefix that lies in one of its ranges, before shorter ones.) Where none matches, all is refused
 * if any rule allows something, else all is allowed.
 *
 * Before the rules stand the addresses that are refused whatever `any`, `private`, a name or a prefix that is wider than
 * they are say: this host's own, link-local ones, metadata services, this network's own. Only a rule that is about
 * them (its prefix lies in the range; `host`) lets them through.
 *
 * A rule of a name holds for the addresses that the name service has answered for that name: policy_answer() pins
 * them for the answer's time to live, at least five minutes, from the last use, and for as long as a connection stands
 * that was made by them. An answer that is this host's, link-local, or private, isn't shown to the
 * sandbox nor pinned unless a rule of addresses allows it: else whoever owns an allowed name could lead it anywhere
 * (rebinding).
 */

struct policy_query {
	uint8_t protocol; /* NET_TCP, NET_UDP, NET_ICMP */
	uint16_t port;	  /* of ICMP 0 */
	struct in6_addr address;
	bool is_own; /* an address of this host's; loopback is known by itself */
};

struct policy_verdict {
	bool is_allowed;
	bool needs_name; /* allowed by a rule of a name and none of an address: a connection must say a name that is
			  * allowed too (policy_decide_named()) */
	uint8_t reason; /* enum net_reason */
	int16_t rule;	/* -1: none */
	const char *
		name; /* that was resolved to this address, the one that decided; NULL: none. Until the next call */
};

void policy_start(const struct net_config *config);

/* Whether any rule allows something; whether any of these is about a name. */
bool policy_is_closed(void);
bool policy_has_names(void);

struct policy_verdict policy_decide(const struct policy_query *q);

/* The same for a connection that says it is for NAME (in its one form, net_name_read()). */
struct policy_verdict policy_decide_named(const struct policy_query *q, const char *name);

/* Whether NAME may be asked for: some port of it could be reached by a rule, or all may be asked. */
struct policy_verdict policy_decide_name(const char *name);

/* The name service has ADDRESS for NAME (the name that was asked for, at the front of any chain), for TTL
 * seconds: whether it may be shown (.is_allowed). Pinned where it is and rules have names. */
struct policy_verdict policy_answer(const char *name, const struct in6_addr *address,
				    uint32_t ttl);

/* A connection to ADDRESS stands, and has ended. */
void policy_hold(const struct in6_addr *address);
void policy_release(const struct in6_addr *address);

/* It is NOW (milliseconds of the monotonic clock): for all that follows, and what has run out is forgotten. */
void policy_set_time(int64_t now);
