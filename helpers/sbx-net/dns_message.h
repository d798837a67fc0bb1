/* SPDX-License-Identifier: Apache-2.0 */
/* dns_message.h: messages of the name service, as bytes (RFC 1035, 4). */
#pragma once

#include "net/net.h"

#include <stddef.h>

/*
 * Theory of operation
 *
 * Where rules look at names, no message crosses from one side to the other: a question of the
 * sandbox's is read, and one of our own is asked outside, with nothing of its options; an
 * answer is read, and told anew. So nothing can be smuggled past what was decided, and whatever
 * else strangers put into a message ends here.
 *
 * Of an answer what counts is its answer section: the chain of CNAMEs that starts at the name
 * that was asked for, in whatever order it comes, and the records of the asked type at its end.
 * The other sections are dropped: their addresses would go by unseen, and a client of a
 * recursive server has no use for them.
 *
 * Lengths, counts and pointers are the stranger's. A compressed name points backwards only,
 * each time further than before, so it ends; numbers of jumps and of records are bounded
 * besides.
 *
 * Nothing here opens, sends, or allocates.
 */

enum {
	DNS_HEAD = 12,
	DNS_NAME_MAX = 255, /* as bytes of a message, with the root's at its end */
	DNS_MESSAGE_MAX = 65535,
	DNS_SIZE_MIN = 512,  /* of a datagram that every client takes */
	DNS_SIZE_OWN = 1232, /* that passes everywhere in one piece */
	DNS_RECORDS_MAX = 512,
	DNS_CHAIN_MAX = 16,
	DNS_ADDRESSES_MAX = 128, /* of a name; those behind aren't shown */
};

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_RP = 17,
	DNS_AFSDB = 18,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_KX = 36,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_RRSIG = 46,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_META_FIRST =
		128, /* questions about no type, or about a whole zone (RFC 6895, 3.1) */
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_META_LAST = 255,
};

enum { DNS_IN = 1 };

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX]; /* labels, each behind its length */
};

struct dns_query {
	uint8_t id[2];
	bool wants_recursion, checks_itself; /* RD, CD */
	bool has_opt, wants_signatures;	     /* DO */
	bool has_question;		     /* it can be said again */
	uint16_t type, class;
	uint16_t size;		     /* of the datagram that the client takes */
	struct dns_name asked;	     /* as it was asked */
	char name[NET_NAME_MAX + 1]; /* in its one form */
};

struct dns_answer {
	enum dns_rcode rcode;
	bool is_truncated;
	uint32_t ttl; /* seconds; the smallest of all that it was made from */
	unsigned n_names, n_addresses;
	struct dns_name names[DNS_CHAIN_MAX + 1]; /* the asked one, and where each leads */
	struct in6_addr addresses[DNS_ADDRESSES_MAX];
};

/* Whether DATA is a question at all; what else there is (answers, updates, notices) gets no
 * answer. */
bool dns_is_question(const uint8_t *data, size_t len);

/* Whether it is an answer, to whatever question; and its RCODE. */
bool dns_is_answer(const uint8_t *data, size_t len);
enum dns_rcode dns_rcode_of(const uint8_t *data);

/* Turns a question into its answer RCODE, as it stands. */
void dns_question_answer(uint8_t *question, enum dns_rcode rcode);

/* Turns an answer into one that is too long to be told: its head. */
void dns_answer_cut(uint8_t head[DNS_HEAD]);

/* Reads a question: NOERROR; REFUSED where its name is none that net_name_read() takes;
 * FORMERR. *RET_QUERY is set whatever comes, so that it can be answered. */
enum dns_rcode dns_query_read(const uint8_t *data, size_t len, struct dns_query *ret_query);

/* The question for Q to ask outside, without Q's id; its length. */
enum { DNS_QUERY_ROOM = DNS_HEAD + DNS_NAME_MAX + 4 + 11 };
size_t dns_query_make(const struct dns_query *q, uint8_t out[DNS_QUERY_ROOM]);

/* Reads an answer to Q: false for what is none. Addresses are read where Q asks for them;
 * nothing of one whose RCODE is neither NOERROR nor NXDOMAIN. Of a truncated one what is
 * there counts, for clients that know no connections, or nothing where it is cut within. */
bool dns_answer_read(const struct dns_query *q, const uint8_t *data, size_t len,
		     struct dns_answer *ret_answer);

/* The answer to Q for the sandbox, of at most ROOM bytes (DNS_SIZE_MIN or more): A's RCODE,
 * chain and addresses; its length. What has no room is left out, and the answer is marked as
 * truncated. */
size_t dns_answer_make(const struct dns_query *q, const struct dns_answer *a, size_t room,
		       uint8_t *out);

/* The same with the records of DATA, which dns_answer_read() has taken: those of the chain
 * that are of the asked type, and signatures where they were asked for, without compression.
 * 0 where they are malformed. */
size_t dns_answer_copy(const struct dns_query *q, const struct dns_answer *a,
		       const uint8_t *data, size_t len, size_t room, uint8_t *out);

/* An answer without records. */
size_t dns_error_make(const struct dns_query *q, enum dns_rcode rcode, uint8_t *out);
