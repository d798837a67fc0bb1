/* SPDX-License-Identifier: Apache-2.0 */
/* dns_exchange.h: a question of the sandbox's, what is asked for it outside, and its answer. */
#pragma once

#include "dns_message.h"
#include "dns_server.h"
#include "frame.h"

/*
 * Theory of operation
 *
 * Without rules that look at names a question goes on as it came, under an id of our own, and
 * so does its answer. With such rules
 *
 * - a name that no rule lets pass, or that can't be read, is refused here: asked outside, it
 *   would be a channel out;
 * - so is what is no question about one name's records on the Internet: other classes, zones,
 *   ANY;
 * - HTTPS and SVCB have no records: their keys would hide the name that a connection says, and
 *   their addresses aren't pinned;
 * - of A and AAAA the policy is asked for each address, and what it lets pass is shown, and
 *   pinned;
 * - records of all other types are copied. Addresses that are learned from them aren't pinned,
 *   so they lead nowhere.
 *
 * What is asked outside has an OPT record where the client's question had one, so that a server
 * that knows none is met as the client would meet it.
 *
 * GAP: a zone transfer is refused without rules too, on connections, where alone it can be
 * asked for: its answer is more than one message. A name server for the host's programs serves
 * none.
 */

enum dns_fate {
	DNS_IGNORE, /* no question */
	DNS_SAY,    /* dns_exchange_say() has the answer */
	DNS_ASK,    /* DATA, of LEN bytes, is to be asked outside */
};

struct dns_exchange {
	uint8_t data[FRAME_ANSWER_MAX];
	size_t len;
	uint8_t id[2];		/* the sandbox's; the one in DATA is ours */
	size_t room;		/* for the answer; DNS_SIZE_MIN or more */
	enum dns_rcode rcode;	/* with DNS_SAY, and when all servers are silent */
	struct dns_query query; /* where rules look at names */
	struct dns_tries tries;
};

/* Needs: policy_start(). */
void dns_exchange_prepare(const struct net_config *config);

/* Reads the message DATA, which came over a socket of TYPE. */
enum dns_fate dns_exchange_start(struct dns_exchange *e, const uint8_t *data, size_t len,
				 int type);

/* As dns_tries_connect(); there is a new id for each server. */
int dns_exchange_connect(struct dns_exchange *e, int type, uint32_t rounds);

enum dns_reply {
	DNS_NO_ANSWER, /* to this question: it may come from anybody */
	DNS_FAILURE,   /* the server can't tell, and another one may (resolv.conf(5)) */
	DNS_ANSWER,
};

/* What the message DATA from outside is; but for DNS_NO_ANSWER the answer for the sandbox is
 * made out of it, into OUT of .room bytes, *RET_LEN long. The policy is asked, and what is
 * refused is told. */
enum dns_reply dns_exchange_reply(const struct dns_exchange *e, const uint8_t *data, size_t len,
				  uint8_t *out, size_t *ret_len);

/* The answer .rcode, into OUT; its length. */
size_t dns_exchange_say(const struct dns_exchange *e, uint8_t out[FRAME_ANSWER_MAX]);
