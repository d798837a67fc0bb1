/* SPDX-License-Identifier: Apache-2.0 */
/* dns_message.c: a question of a sandbox's, behind two bytes of length, and an answer to it. */
#include "dns_message.h"
#include "fuzz.h"

static uint8_t made[DNS_MESSAGE_MAX];

static const uint8_t *copy_of(const uint8_t *data, size_t len, char **ret_room)
{
	*ret_room = fuzz_room(len ? len : 1);
	memcpy(*ret_room, data, len);
	return (uint8_t *)*ret_room;
}

/* What we say is understood by us: with the same chain and addresses, as far as there is
 * room. */
static void made_check(const struct dns_query *q, const struct dns_answer *a, size_t len)
{
	static struct dns_answer back;

	must(dns_is_answer(made, len) && made[0] == q->id[0] && made[1] == q->id[1]);
	must(!(made[2] & 0x04) && !(made[3] & 0x20)); /* neither AA nor AD */
	if (!q->has_question)
		return;
	must(dns_answer_read(q, made, len, &back));
	must(back.rcode == a->rcode);
	if (back.is_truncated)
		return;
	must(back.n_names == a->n_names || a->n_names == 0);
	must(back.n_addresses == a->n_addresses);
	must(memcmp(back.addresses, a->addresses, a->n_addresses * sizeof(*a->addresses)) == 0);
}

static void question_check(const struct dns_query *q)
{
	uint8_t question[DNS_QUERY_ROOM];
	struct dns_query back;
	size_t len = dns_query_make(q, question);

	must(dns_query_read(question, len, &back) == DNS_NOERROR);
	must(streq(back.name, q->name) && back.type == q->type && back.class == q->class);
	must(back.has_opt == q->has_opt && back.wants_recursion == q->wants_recursion);
}

static void answer_check(const struct dns_query *q, const uint8_t *data, size_t len)
{
	static const size_t rooms[] = {DNS_SIZE_MIN, DNS_SIZE_OWN, DNS_MESSAGE_MAX};
	static struct dns_answer a, none;

	if (!dns_answer_read(q, data, len, &a))
		return;
	must(a.n_names <= DNS_CHAIN_MAX + 1 && a.n_addresses <= DNS_ADDRESSES_MAX);
	must(a.ttl <= INT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		size_t n = dns_answer_make(q, &a, rooms[i], made);

		must(n <= rooms[i]);
		made_check(q, &a, n);
		n = dns_answer_copy(q, &a, data, len, rooms[i], made);
		must(n <= rooms[i]);
		if (n)
			must(dns_answer_read(q, made, n, &none));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LENGTH = 2 };
	autofree char *question = NULL;
	autofree char *answer = NULL;
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n;

	if (size < LENGTH)
		return 0;
	n = (size_t)(data[0] << 8 | data[1]);
	data += LENGTH;
	size -= LENGTH;
	n = n < size ? n : size;
	if (!dns_is_question(data, n))
		return 0;
	rcode = dns_query_read(copy_of(data, n, &question), n, &q);
	must(dns_error_make(&q, rcode, made) <= DNS_SIZE_MIN);
	made_check(&q, &(struct dns_answer){.rcode = rcode}, dns_error_make(&q, rcode, made));
	if (rcode != DNS_NOERROR)
		return 0;
	question_check(&q);
	answer_check(&q, copy_of(data + n, size - n, &answer), size - n);
	return 0;
}
