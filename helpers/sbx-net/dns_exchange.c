/* SPDX-License-Identifier: Apache-2.0 */
/* dns_exchange.c: a question of the sandbox's, what is asked for it outside, and its answer. */
#include "dns_exchange.h"

#include "tell.h"
#include "util/scope.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

static bool looks; /* and decides */
static bool hears; /* for a log, which changes nothing */

static bool is_about_names(const struct net_rule *rule)
{
	return rule->target == NET_TARGET_ANY || rule->target == NET_TARGET_DNS ||
	       rule->target == NET_TARGET_NAME || rule->target == NET_TARGET_SUFFIX;
}

/* A rule that refuses names closes nothing else. */
void dns_exchange_prepare(const struct net_config *config)
{
	looks = policy_is_closed() || policy_has_names();
	for (uint32_t i = 0; i < config->n_rules && !looks; i++)
		looks = !config->rules[i].is_allowed && is_about_names(&config->rules[i]);
	hears = config->logs && !looks;
}

/* ---- questions --------------------------------------------------------------------------- */

static bool is_askable(unsigned type)
{
	return type != 0 && type != DNS_OPT && (type < DNS_META_FIRST || type > DNS_META_LAST);
}

static enum dns_fate say(struct dns_exchange *e, enum dns_rcode rcode)
{
	e->rcode = rcode;
	return DNS_SAY;
}

/* What is refused for its form isn't told: it has no name that could be. */
static enum dns_fate question_decide(struct dns_exchange *e)
{
	const struct dns_query *q = &e->query;
	struct policy_verdict v;

	if (q->class != DNS_IN || !is_askable(q->type))
		return say(e, DNS_REFUSED);
	v = policy_decide_name(q->name);
	tell_name(q->name, &v);
	if (!v.is_allowed)
		return say(e, v.reason == NET_BY_HOST ? DNS_NXDOMAIN : DNS_REFUSED);
	if (q->type == DNS_HTTPS || q->type == DNS_SVCB)
		return say(e, DNS_NOERROR);
	e->len = dns_query_make(q, e->data);
	e->rcode = DNS_SERVFAIL;
	return DNS_ASK;
}

/* Where no rule is about names they are told, where that is wanted, and pass: all but the host's own. */
static enum dns_fate question_hear(struct dns_exchange *e, int type)
{
	enum dns_rcode rcode = dns_query_read(e->data, e->len, &e->query);
	bool is_transfer = e->query.type == DNS_AXFR || e->query.type == DNS_IXFR;
	struct policy_verdict v;

	if (type == SOCK_STREAM && rcode != DNS_FORMERR && is_transfer)
		return say(e, DNS_REFUSED);
	if (rcode != DNS_NOERROR) {
		e->query.type = 0;
		return DNS_ASK;
	}
	v = policy_decide_name(e->query.name);
	if (hears || !v.is_allowed)
		tell_name(e->query.name, &v);
	return v.is_allowed ? DNS_ASK : say(e, DNS_NXDOMAIN);
}

enum dns_fate dns_exchange_start(struct dns_exchange *e, const uint8_t *data, size_t len,
				 int type)
{
	enum dns_rcode rcode;

	if (!dns_is_question(data, len) || len > sizeof(e->data))
		return DNS_IGNORE;
	e->len = len;
	memcpy(e->data, data, len);
	memcpy(e->id, data, sizeof(e->id));
	e->rcode = DNS_SERVFAIL;
	e->tries = dns_tries_start();
	e->room = type == SOCK_DGRAM ? FRAME_ANSWER_MAX : DNS_MESSAGE_MAX;
	if (!looks)
		return question_hear(e, type);
	rcode = dns_query_read(data, len, &e->query);
	if (type == SOCK_DGRAM && e->query.size < e->room)
		e->room = e->query.size;
	return rcode == DNS_NOERROR ? question_decide(e) : say(e, rcode);
}

int dns_exchange_connect(struct dns_exchange *e, int type, uint32_t rounds)
{
	int fd = dns_tries_connect(&e->tries, type, rounds);

	if (fd < 0 || getrandom(e->data, sizeof(e->id), 0) == (ssize_t)sizeof(e->id))
		return fd;
	(void)fd_close(fd);
	return -EIO;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* As it came; one that is too long for a datagram makes whoever asked come again by a
 * connection. */
static size_t answer_pass(const struct dns_exchange *e, const uint8_t *data, size_t len,
			  uint8_t *out)
{
	bool is_cut = len > e->room;

	len = is_cut ? DNS_HEAD : len;
	memcpy(out, data, len);
	memcpy(out, e->id, sizeof(e->id));
	if (is_cut)
		dns_answer_cut(out);
	return len;
}

/* Whoever owns a name leads it where they like: only what may be shown stays. */
static void addresses_decide(const struct dns_query *q, struct dns_answer *a)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n_addresses; i++) {
		struct policy_verdict v = policy_answer(q->name, &a->addresses[i], a->ttl);

		if (v.is_allowed)
			a->addresses[n++] = a->addresses[i];
		else
			tell_answer(q->name, &a->addresses[i], &v);
	}
	a->n_addresses = n;
}

/* So that a connection is told with its name. */
static void answer_hear(const struct dns_query *q, const uint8_t *data, size_t len)
{
	struct dns_answer a;

	if ((q->type == DNS_A || q->type == DNS_AAAA) && dns_answer_read(q, data, len, &a))
		addresses_decide(q, &a);
}

static size_t answer_remake(const struct dns_exchange *e, const uint8_t *data, size_t len,
			    uint8_t *out)
{
	const struct dns_query *q = &e->query;
	struct dns_answer a;

	if (!dns_answer_read(q, data, len, &a))
		return 0;
	if (q->type != DNS_A && q->type != DNS_AAAA)
		return dns_answer_copy(q, &a, data, len, e->room, out);
	addresses_decide(q, &a);
	return dns_answer_make(q, &a, e->room, out);
}

enum dns_reply dns_exchange_reply(const struct dns_exchange *e, const uint8_t *data, size_t len,
				  uint8_t *out, size_t *ret_len)
{
	enum dns_rcode rcode;
	size_t n;

	if (!dns_is_answer(data, len) || memcmp(data, e->data, sizeof(e->id)) != 0)
		return DNS_NO_ANSWER;
	if (hears)
		answer_hear(&e->query, data, len);
	n = looks ? answer_remake(e, data, len, out) : answer_pass(e, data, len, out);
	if (n == 0)
		return DNS_NO_ANSWER;
	*ret_len = n;
	rcode = dns_rcode_of(data);
	return rcode == DNS_SERVFAIL || rcode == DNS_NOTIMP || rcode == DNS_REFUSED
		       ? DNS_FAILURE
		       : DNS_ANSWER;
}

size_t dns_exchange_say(const struct dns_exchange *e, uint8_t out[FRAME_ANSWER_MAX])
{
	if (looks)
		return dns_error_make(&e->query, e->rcode, out);
	memcpy(out, e->data, e->len);
	memcpy(out, e->id, sizeof(e->id));
	dns_question_answer(out, e->rcode);
	return e->len;
}
