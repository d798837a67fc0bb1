/* SPDX-License-Identifier: Apache-2.0 */
/* dns_message.c: messages of the name service, as bytes (RFC 1035, 4). */
#include "dns_message.h"

#include "util/scope.h"

#include <assert.h>
#include <string.h>

enum {
	/* Of bytes 2 and 3. */
	FLAG_RESPONSE = 0x80,
	OPCODE = 0x78,
	FLAG_TRUNCATED = 0x02,
	FLAG_RECURSION = 0x01,
	FLAG_CAN_RECURSE = 0x80,
	FLAG_CHECKS = 0x10,
	RCODE = 0x0f,

	LABEL_MAX = 63,
	POINTER = 0xc0,
	OFFSET_MAX = 0x3fff,
	JUMPS_MAX = 32,
	RECORD_HEAD = 10, /* behind the owner's name */
	OPT_LEN = 11,
	OPT_SIGNATURES = 0x8000, /* of its TTL (RFC 6891, 6.1.3) */
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

bool dns_is_question(const uint8_t *data, size_t len)
{
	return len >= DNS_HEAD && !(data[2] & (FLAG_RESPONSE | OPCODE));
}

bool dns_is_answer(const uint8_t *data, size_t len)
{
	return len >= DNS_HEAD && (data[2] & (FLAG_RESPONSE | OPCODE)) == FLAG_RESPONSE;
}

enum dns_rcode dns_rcode_of(const uint8_t *data)
{
	return data[3] & RCODE;
}

void dns_question_answer(uint8_t *question, enum dns_rcode rcode)
{
	question[2] |= FLAG_RESPONSE;
	question[3] = (uint8_t)rcode;
}

void dns_answer_cut(uint8_t head[DNS_HEAD])
{
	head[2] |= FLAG_TRUNCATED;
	memset(head + 4, 0, DNS_HEAD - 4); /* no records of any kind */
}

/* ---- reading ----------------------------------------------------------------------------- */

struct message {
	const uint8_t *data;
	size_t len;
};

/* Reads the name at AT: where it ends, or 0. */
static size_t name_read(const struct message *m, size_t at, struct dns_name *ret_name)
{
	size_t end = 0, n = 0, start = at;

	for (unsigned jumps = 0; at < m->len;) {
		size_t label = m->data[at];

		if (label > LABEL_MAX) {
			if ((label & POINTER) != POINTER || at + 2 > m->len ||
			    ++jumps > JUMPS_MAX)
				return 0;
			end = end ? end : at + 2;
			at = get16(m->data + at) & OFFSET_MAX;
			if (at >= start || at < DNS_HEAD)
				return 0;
			start = at;
			continue;
		}
		if (n + 1 + label > DNS_NAME_MAX || at + 1 + label > m->len)
			return 0;
		memcpy(ret_name->wire + n, m->data + at, 1 + label);
		n += 1 + label;
		at += 1 + label;
		if (label == 0) {
			ret_name->len = (uint8_t)n;
			return end ? end : at;
		}
	}
	return 0;
}

/* Lengths of labels are below all letters. */
static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool name_is(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (lower(a->wire[i]) != lower(b->wire[i]))
			return false;
	return true;
}

/* As text. A dot within a label would make two of it. */
static bool name_text(const struct dns_name *name, char ret_text[NET_NAME_MAX + 1])
{
	char text[DNS_NAME_MAX];
	size_t n = 0;

	for (size_t at = 0; name->wire[at]; at += 1U + name->wire[at]) {
		size_t label = name->wire[at];

		if (memchr(name->wire + at + 1, '.', label))
			return false;
		memcpy(text + n, name->wire + at + 1, label);
		n += label;
		text[n++] = '.';
	}
	return n > 0 && net_name_read(text, n - 1, ret_text);
}

struct record {
	struct dns_name owner;
	unsigned type, class;
	uint32_t ttl;
	size_t data, len; /* where its data are */
};

/* Reads the record at *AT, and goes behind it. */
static bool record_read(const struct message *m, size_t *at, struct record *ret_record)
{
	size_t head = name_read(m, *at, &ret_record->owner);
	const uint8_t *p = m->data + head;

	if (head == 0 || head + RECORD_HEAD > m->len)
		return false;
	ret_record->type = get16(p);
	ret_record->class = get16(p + 2);
	ret_record->ttl = get32(p + 4);
	ret_record->data = head + RECORD_HEAD;
	ret_record->len = get16(p + 8);
	*at = ret_record->data + ret_record->len;
	return *at <= m->len;
}

/* ---- questions --------------------------------------------------------------------------- */

/* Of what is added to a question OPT alone is looked at; and nothing is passed on. */
static bool additions_read(const struct message *m, size_t at, unsigned n, struct dns_query *q)
{
	struct record r;

	for (; n > 0; n--) {
		if (!record_read(m, &at, &r))
			return false;
		if (r.type != DNS_OPT)
			continue;
		if (q->has_opt || r.owner.len != 1)
			return false;
		q->has_opt = true;
		q->size = (uint16_t)(r.class < DNS_SIZE_MIN ? DNS_SIZE_MIN : r.class);
		q->wants_signatures = r.ttl & OPT_SIGNATURES;
	}
	return at == m->len;
}

static bool question_read(const struct message *m, struct dns_query *q)
{
	size_t at;

	/* One question, and no answers in it. */
	if (get16(m->data + 4) != 1 || get16(m->data + 6) || get16(m->data + 8))
		return false;
	at = name_read(m, DNS_HEAD, &q->asked);
	if (at == 0 || at + 4 > m->len)
		return false;
	q->type = (uint16_t)get16(m->data + at);
	q->class = (uint16_t)get16(m->data + at + 2);
	q->has_question = true;
	return additions_read(m, at + 4, get16(m->data + 10), q);
}

enum dns_rcode dns_query_read(const uint8_t *data, size_t len, struct dns_query *ret_query)
{
	struct message m = {data, len};
	struct dns_query *q = ret_query;

	assert(dns_is_question(data, len));
	*q = (struct dns_query){
		.id = {data[0], data[1]},
		.wants_recursion = data[2] & FLAG_RECURSION,
		.checks_itself = data[3] & FLAG_CHECKS,
		.size = DNS_SIZE_MIN,
	};
	if (!question_read(&m, q))
		return DNS_FORMERR;
	return name_text(&q->asked, q->name) ? DNS_NOERROR : DNS_REFUSED;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct writer {
	uint8_t *data;
	size_t len, room;
	bool is_full;
};

static void put(struct writer *w, const void *data, size_t n)
{
	if (w->is_full || n > w->room - w->len) {
		w->is_full = true;
		return;
	}
	memcpy(w->data + w->len, data, n);
	w->len += n;
}

static void put16(struct writer *w, unsigned v)
{
	put(w, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

static void put_name(struct writer *w, const struct dns_name *name)
{
	put(w, name->wire, name->len);
}

/* A name that is in the message already, at AT. */
static void put_pointer(struct writer *w, size_t at)
{
	assert(at <= OFFSET_MAX);
	put16(w, (unsigned)(POINTER << 8 | at));
}

static void put_record_head(struct writer *w, unsigned type, uint32_t ttl, size_t len)
{
	put16(w, type);
	put16(w, DNS_IN);
	put32(w, ttl);
	put16(w, (unsigned)len);
}

static void put_opt(struct writer *w, bool wants_signatures)
{
	put(w, "", 1);
	put16(w, DNS_OPT);
	put16(w, DNS_SIZE_OWN);
	put32(w, wants_signatures ? OPT_SIGNATURES : 0);
	put16(w, 0);
}

static bool asks_address(const struct dns_query *q)
{
	return q->type == DNS_A || q->type == DNS_AAAA;
}

/* The name in its one form. No signatures of addresses, which would be dropped. */
size_t dns_query_make(const struct dns_query *q, uint8_t out[DNS_QUERY_ROOM])
{
	struct writer w = {.data = out, .room = DNS_QUERY_ROOM};
	struct dns_name name = q->asked;

	for (size_t i = 0; i < name.len; i++)
		name.wire[i] = lower(name.wire[i]);
	put16(&w, 0);
	put(&w, (const uint8_t[]){q->wants_recursion ? FLAG_RECURSION : 0}, 1);
	put(&w, (const uint8_t[]){q->checks_itself ? FLAG_CHECKS : 0}, 1);
	put16(&w, 1);
	put32(&w, 0);
	put16(&w, q->has_opt);
	put_name(&w, &name);
	put16(&w, q->type);
	put16(&w, q->class);
	if (q->has_opt)
		put_opt(&w, q->wants_signatures && !asks_address(q));
	assert(!w.is_full);
	return w.len;
}

/* ---- answers, read ----------------------------------------------------------------------- */

/* Where the answer section starts; 0: it isn't Q's question that is answered. */
static size_t answer_start(const struct dns_query *q, const struct message *m)
{
	struct dns_name name;
	size_t at = name_read(m, DNS_HEAD, &name);

	if (at == 0 || at + 4 > m->len || !name_is(&name, &q->asked) ||
	    get16(m->data + at) != q->type || get16(m->data + at + 2) != q->class)
		return 0;
	return at + 4;
}

/* Above 2^31 it is none (RFC 2181, 8). */
static uint32_t ttl_of(const struct record *r)
{
	return r->ttl > INT32_MAX ? 0 : r->ttl;
}

static bool chain_has(const struct dns_answer *a, const struct dns_name *name)
{
	for (unsigned i = 0; i < a->n_names; i++)
		if (name_is(&a->names[i], name))
			return true;
	return false;
}

/* Where the chain's last name leads by R; false where that is a circle, too long, or no
 * name. */
static bool chain_add(struct dns_answer *a, const struct message *m, const struct record *r)
{
	struct dns_name *next = &a->names[a->n_names];

	if (a->n_names > DNS_CHAIN_MAX || name_read(m, r->data, next) != r->data + r->len ||
	    chain_has(a, next))
		return false;
	a->n_names++;
	a->ttl = ttl_of(r) < a->ttl ? ttl_of(r) : a->ttl;
	return true;
}

static bool address_add(struct dns_answer *a, const struct message *m, const struct record *r)
{
	struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	size_t size = r->type == DNS_A ? 4 : 16;

	if (r->len != size)
		return false;
	if (a->n_addresses == DNS_ADDRESSES_MAX)
		return true;
	memcpy(address.s6_addr + 16 - size, m->data + r->data, size);
	a->addresses[a->n_addresses++] = address;
	a->ttl = ttl_of(r) < a->ttl ? ttl_of(r) : a->ttl;
	return true;
}

/* What records are looked for in a walk over all of them. */
typedef bool record_fn(struct dns_answer *a, const struct message *m, const struct record *r);

/* Calls ADD for the records of TYPE that the chain's last name has, as it is at the start:
 * the first one where ONE. False where a record is malformed, or ADD says so. */
static bool records_add(struct dns_answer *a, const struct message *m, size_t at, unsigned type,
			bool one, record_fn *add)
{
	const struct dns_name *name = &a->names[a->n_names - 1];
	bool is_done = false;
	struct record r;

	for (unsigned n = get16(m->data + 6); n > 0; n--) {
		if (!record_read(m, &at, &r))
			return false;
		if (is_done || r.type != type || r.class != DNS_IN || !name_is(&r.owner, name))
			continue;
		if (!add(a, m, &r))
			return false;
		is_done = one;
	}
	return true;
}

static bool records_read(struct dns_answer *a, const struct dns_query *q,
			 const struct message *m, size_t at)
{
	unsigned before;

	a->names[0] = q->asked;
	a->n_names = 1;
	if (q->type != DNS_CNAME)
		do {
			before = a->n_names;
			if (!records_add(a, m, at, DNS_CNAME, true, chain_add))
				return false;
		} while (a->n_names > before);
	return !asks_address(q) || records_add(a, m, at, q->type, false, address_add);
}

bool dns_answer_read(const struct dns_query *q, const uint8_t *data, size_t len,
		     struct dns_answer *ret_answer)
{
	struct message m = {data, len};
	struct dns_answer *a = ret_answer;
	size_t at;

	if (!dns_is_answer(data, len))
		return false;
	*a = (struct dns_answer){
		.rcode = dns_rcode_of(data),
		.is_truncated = data[2] & FLAG_TRUNCATED,
		.ttl = INT32_MAX,
	};
	/* What couldn't be read isn't said again by all servers. */
	if (get16(data + 4) == 0)
		return a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN;
	at = get16(data + 4) == 1 ? answer_start(q, &m) : 0;
	if (at == 0 || get16(data + 6) > DNS_RECORDS_MAX)
		return false;
	if ((a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN) || records_read(a, q, &m, at))
		return true;
	a->n_names = a->n_addresses = 0;
	return a->is_truncated;
}

/* ---- answers, made ----------------------------------------------------------------------- */

/* The head, and the question as it was asked: letters of either case are a client's guard
 * against answers that nobody gave. */
static struct writer answer_begin(const struct dns_query *q, const struct dns_answer *a,
				  size_t room, uint8_t *out)
{
	struct writer w = {.data = out, .room = room - (q->has_opt ? OPT_LEN : 0)};

	assert(room >= DNS_SIZE_MIN);
	put(&w, q->id, sizeof(q->id));
	put(&w,
	    (const uint8_t[]){FLAG_RESPONSE | (a->is_truncated ? FLAG_TRUNCATED : 0) |
			      (q->wants_recursion ? FLAG_RECURSION : 0)},
	    1);
	put(&w,
	    (const uint8_t[]){(uint8_t)(FLAG_CAN_RECURSE |
					(q->checks_itself ? FLAG_CHECKS : 0) | a->rcode)},
	    1);
	put16(&w, q->has_question);
	put32(&w, 0);
	put16(&w, q->has_opt);
	if (q->has_question) {
		put_name(&w, &q->asked);
		put16(&w, q->type);
		put16(&w, q->class);
	}
	return w;
}

/* A record that was begun at START is whole, and counts; or it has no room, and isn't there. */
static bool record_end(struct writer *w, size_t start)
{
	unsigned n = get16(w->data + 6) + 1;

	if (w->is_full) {
		w->len = start;
		w->data[2] |= FLAG_TRUNCATED;
		return false;
	}
	w->data[6] = (uint8_t)(n >> 8);
	w->data[7] = (uint8_t)n;
	return true;
}

static size_t answer_end(struct writer *w, const struct dns_query *q)
{
	w->is_full = false;
	if (q->has_opt) {
		w->room += OPT_LEN;
		put_opt(w, q->wants_signatures);
	}
	return w->len;
}

size_t dns_answer_make(const struct dns_query *q, const struct dns_answer *a, size_t room,
		       uint8_t *out)
{
	struct writer w = answer_begin(q, a, room, out);
	size_t size = q->type == DNS_A ? 4 : 16, owner = DNS_HEAD;
	bool has_room = true;

	for (unsigned i = 1; i < a->n_names && has_room; i++) {
		size_t start = w.len;

		put_pointer(&w, owner);
		put_record_head(&w, DNS_CNAME, a->ttl, a->names[i].len);
		owner = w.len;
		put_name(&w, &a->names[i]);
		has_room = record_end(&w, start);
	}
	for (unsigned i = 0; i < a->n_addresses && has_room; i++) {
		size_t start = w.len;

		put_pointer(&w, owner);
		put_record_head(&w, q->type, a->ttl, size);
		put(&w, a->addresses[i].s6_addr + 16 - size, size);
		has_room = record_end(&w, start);
	}
	return answer_end(&w, q);
}

size_t dns_error_make(const struct dns_query *q, enum dns_rcode rcode, uint8_t *out)
{
	struct dns_answer a = {.rcode = rcode};

	return dns_answer_make(q, &a, DNS_SIZE_MIN, out);
}

/* ---- answers, copied --------------------------------------------------------------------- */

/* Types whose data may have compressed names in it: so many bytes, names, bytes (RFC 1035,
 * 3.3; RFC 3597, 4). */
static const struct shape {
	uint8_t type, before, names, behind;
} shapes[] = {
	{DNS_NS, 0, 1, 0}, {DNS_CNAME, 0, 1, 0}, {DNS_SOA, 0, 2, 20},  {DNS_PTR, 0, 1, 0},
	{DNS_MX, 2, 1, 0}, {DNS_RP, 0, 2, 0},	 {DNS_AFSDB, 2, 1, 0}, {DNS_SRV, 6, 1, 0},
	{DNS_KX, 2, 1, 0}, {DNS_DNAME, 0, 1, 0},
};

static const struct shape *shape_of(unsigned type)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i].type == type)
			return &shapes[i];
	return NULL;
}

/* The data of R; false where they aren't what its type has. */
static bool put_data(struct writer *w, const struct message *m, const struct record *r)
{
	const struct shape *shape = shape_of(r->type);
	size_t at = r->data, end = r->data + r->len;
	struct dns_name name;

	if (shape) {
		if (r->len < shape->before)
			return false;
		put(w, m->data + at, shape->before);
		at += shape->before;
		for (unsigned i = 0; i < shape->names; i++) {
			at = name_read(m, at, &name);
			if (at == 0 || at > end)
				return false;
			put_name(w, &name);
		}
		if (end - at != shape->behind)
			return false;
	}
	put(w, m->data + at, end - at);
	return true;
}

static bool record_copy(struct writer *w, const struct message *m, const struct dns_query *q,
			const struct record *r)
{
	size_t start = w->len, data;

	if (name_is(&r->owner, &q->asked))
		put_pointer(w, DNS_HEAD);
	else
		put_name(w, &r->owner);
	put_record_head(w, r->type, ttl_of(r), 0);
	data = w->len;
	if (!put_data(w, m, r))
		return false;
	if (record_end(w, start)) {
		w->data[data - 2] = (uint8_t)((w->len - data) >> 8);
		w->data[data - 1] = (uint8_t)(w->len - data);
	}
	return true;
}

static bool is_copied(const struct dns_query *q, const struct dns_answer *a,
		      const struct record *r)
{
	return r->class == DNS_IN &&
	       (r->type == q->type || r->type == DNS_CNAME ||
		(r->type == DNS_RRSIG && q->wants_signatures)) &&
	       chain_has(a, &r->owner);
}

size_t dns_answer_copy(const struct dns_query *q, const struct dns_answer *a,
		       const uint8_t *data, size_t len, size_t room, uint8_t *out)
{
	struct message m = {data, len};
	struct writer w = answer_begin(q, a, room, out);
	size_t at = a->n_names ? answer_start(q, &m) : 0;
	struct record r;

	for (unsigned n = at ? get16(data + 6) : 0; n > 0; n--) {
		if (!record_read(&m, &at, &r))
			return 0;
		if (is_copied(q, a, &r) && !w.is_full && !record_copy(&w, &m, q, &r))
			return 0;
	}
	return answer_end(&w, q);
}
