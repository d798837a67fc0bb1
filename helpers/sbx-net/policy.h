/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h: what a sandbox may reach, and what was decided. */
#pragma once

#include "net/net.h"

/*
 * Theory of operation
 *
 * Each way out asks here: libslirp's calls (choke.c), the relay, the name service. Nothing
 * here opens or sends anything, and nothing allocates.
 *
 * Of the rules that match, the most specific decides; of those that are equally so, one that
 * refuses. How specific a rule is, first by what it is about, then by how few ports it has,
 * then by whether it names a protocol:
 *
 *   any < dns < private < ADDRESS/PREFIX, by its length < *.NAME, by its labels
 *       < NAME = ADDRESS = host
 *
 * (`private` is behind any prefix that lies in one of its ranges, before shorter ones. One
 * that lies in 127.0.0.0/8 is like ADDRESS: of these the router's alone can be reached.)
 * Where none matches, all is refused if any rule allows something, else all is allowed.
 * `dns` is about names that are asked for, never about connections.
 *
 * Before the rules stand the addresses that are refused whatever `any`, `private`, a name or
 * a prefix that is wider than they are say: this host's own, link-local ones, metadata
 * services, this network's own, and what leads to these (translators, tunnels). Only a rule
 * that is about them, for the same port and protocol, lets them through: its prefix lies in
 * the range, and is the very address of a metadata service or of one of the host's
 * addresses; or it is `host`. Then the rules decide as of any other. The router's address is
 * another spelling of the host's loopback, in rules too.
 *
 * A rule of a name holds for the addresses that the name service has answered for that name:
 * policy_answer() pins them (pins.h) for the answer's time to live, at least five minutes,
 * from the last use, and for as long as a connection stands to them. Whoever owns an allowed
 * name could lead it anywhere (rebinding), so:
 *
 * - an answer that is one of the addresses above, or private, isn't shown to the sandbox nor
 *   pinned unless a rule of addresses allows something of it;
 * - and even then a name allows nothing there: a rule of addresses has to. The host entries
 *   of --add-host are the user's own word: they are pinned for ever, and their names reach
 *   private addresses.
 *
 * An address can have many names. Of those, without knowing which is meant, the most
 * specific rule decides as ever, a refusing one where two are equal; what is allowed then
 * can need a name all the same.
 */

struct policy_query {
	uint8_t protocol; /* NET_TCP, NET_UDP, NET_ICMP */
	uint16_t port;	  /* of ICMP 0 */
	struct in6_addr address;
	bool is_own; /* an address of this host's; loopback is known by itself */
};

struct policy_verdict {
	bool is_allowed;
	/* A connection must say a name that is allowed too (policy_decide_named()): a name
	 * allows it, and no rule of addresses does, or another name of the same address
	 * would be refused. */
	bool needs_name;
	bool hears_name; /* allowed, but there are names that are refused: a connection mustn't say one of these */
	uint8_t reason; /* enum net_reason */
	int16_t rule;	/* -1: none */
	/* What was asked with; else of those that were resolved to this address the one that
	 * decided, or the one used last; NULL: none. Until the next call. */
	const char *name;
};

/* CONFIG stays the caller's, and as it is. */
void policy_start(const struct net_config *config);

/* Whether any rule allows something; whether any rule, of either kind, is about a name. */
bool policy_is_closed(void);
bool policy_has_names(void);

struct policy_verdict policy_decide(const struct policy_query *q);

/* The same for a connection that says it is for NAME (in its one form, net_name_read()).
 * Allows nothing that policy_decide() refuses. */
struct policy_verdict policy_decide_named(const struct policy_query *q, const char *name);

/* Whether NAME may be asked for: some port of it could be reached by a rule of its name, or
 * by `any` or the default; or `dns` allows it. A rule that allows is out where one that
 * refuses, of the same weight or more, has all of its ports and protocols. */
struct policy_verdict policy_decide_name(const char *name);

/* The name service has ADDRESS for NAME (the name that was asked for, at the front of any
 * chain), for TTL seconds, which count as a day at most: whether it may be shown
 * (.is_allowed). Pinned where it is and rules have names. */
struct policy_verdict policy_answer(const char *name, const struct in6_addr *address,
				    uint32_t ttl);

/* A connection to ADDRESS stands, and has ended. */
void policy_hold(const struct in6_addr *address);
void policy_release(const struct in6_addr *address);

/* It is NOW (milliseconds of the monotonic clock): for all that follows, and what has run
 * out is forgotten. */
void policy_set_time(int64_t now);
