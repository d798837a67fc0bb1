/* SPDX-License-Identifier: Apache-2.0 */
/* net_dns.c: questions of a sandbox's and answers from outside, as bytes. */
#include "dns_message.h"
#include "tap.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* ---- messages ---------------------------------------------------------------------------- */

struct message {
	uint8_t data[DNS_MESSAGE_MAX];
	size_t len;
};

static void add(struct message *m, const void *data, size_t n)
{
	memcpy(m->data + m->len, data, n);
	m->len += n;
}

static void add16(struct message *m, unsigned v)
{
	add(m, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void add32(struct message *m, uint32_t v)
{
	add16(m, v >> 16);
	add16(m, v & 0xffff);
}

/* "a.b" with its root; "@" is a pointer to the question's name. */
static void add_name(struct message *m, const char *name)
{
	while (*name && *name != '@') {
		size_t n = strcspn(name, ".");

		add(m, &(uint8_t){(uint8_t)n}, 1);
		add(m, name, n);
		name += n + (name[n] == '.');
	}
	if (*name == '@')
		add16(m, 0xc000 | DNS_HEAD);
	else
		add(m, "", 1);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* SECTION: 4 questions, 6 answers, 8 authorities, 10 additions. */
static void count(struct message *m, size_t section)
{
	m->data[section + 1]++;
	if (m->data[section + 1] == 0)
		m->data[section]++;
}

static void begin(struct message *m, unsigned flags)
{
	m->len = 0;
	add16(m, 0x1234);
	add16(m, flags);
	add32(m, 0);
	add32(m, 0);
}

static void add_question(struct message *m, const char *name, unsigned type)
{
	add_name(m, name);
	add16(m, type);
	add16(m, DNS_IN);
	count(m, 4);
}

/* Its data are to follow, LEN bytes. */
static void add_record(struct message *m, const char *owner, unsigned type, uint32_t ttl,
		       size_t len)
{
	add_name(m, owner);
	add16(m, type);
	add16(m, DNS_IN);
	add32(m, ttl);
	add16(m, (unsigned)len);
	count(m, 6);
}

static void add_a(struct message *m, const char *owner, uint32_t ttl, const char *address)
{
	uint8_t a[16];
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	size_t n = family == AF_INET ? 4 : 16;

	(void)inet_pton(family, address, a);
	add_record(m, owner, family == AF_INET ? DNS_A : DNS_AAAA, ttl, n);
	add(m, a, n);
}

static void add_named(struct message *m, const char *owner, unsigned type, uint32_t ttl,
		      const char *name)
{
	size_t head, end;

	add_record(m, owner, type, ttl, 0);
	head = m->len;
	add_name(m, name);
	end = m->len;
	m->len = head - 2;
	add16(m, (unsigned)(end - head));
	m->len = end;
}

static void add_cname(struct message *m, const char *owner, uint32_t ttl, const char *name)
{
	add_named(m, owner, DNS_CNAME, ttl, name);
}

static void add_opt(struct message *m, unsigned size, uint32_t flags)
{
	add_name(m, "");
	add16(m, DNS_OPT);
	add16(m, size);
	add32(m, flags);
	add16(m, 0);
	count(m, 10);
}

/* Of their very size, so that a sanitizer sees each byte too many. */
static enum dns_rcode query_read(const struct message *m, struct dns_query *q)
{
	uint8_t *exact = malloc(m->len ? m->len : 1);
	enum dns_rcode rcode;

	memcpy(exact, m->data, m->len);
	rcode = dns_query_read(exact, m->len, q);
	free(exact);
	return rcode;
}

static bool answer_read(const struct dns_query *q, const struct message *m,
			struct dns_answer *a)
{
	uint8_t *exact = malloc(m->len ? m->len : 1);
	bool is_one;

	memcpy(exact, m->data, m->len);
	is_one = dns_answer_read(q, exact, m->len, a);
	free(exact);
	return is_one;
}

static struct dns_query query(const char *name, unsigned type)
{
	static struct message m;
	struct dns_query q;

	begin(&m, 0x0100);
	add_question(&m, name, type);
	(void)query_read(&m, &q);
	return q;
}

/* ---- questions --------------------------------------------------------------------------- */

static void test_question(void)
{
	static struct message m;
	uint8_t own[DNS_QUERY_ROOM];
	struct dns_query q, back;
	size_t n;

	begin(&m, 0x0130);
	add_question(&m, "WwW.Example.ORG", DNS_AAAA);
	check_int(query_read(&m, &q), DNS_NOERROR);
	check_str(q.name, "www.example.org");
	check(q.type == DNS_AAAA && q.class == DNS_IN && q.id[0] == 0x12 && q.id[1] == 0x34);
	check(q.wants_recursion && q.checks_itself && !q.has_opt && q.size == DNS_SIZE_MIN);
	n = dns_query_make(&q, own);
	check_int(n, m.len);
	check_int(dns_query_read(own, n, &back), DNS_NOERROR);
	check_that(memcmp(own + DNS_HEAD, "\3www\7example\3org", 17) == 0,
		   "it is asked in lower case");
	check_that(own[2] == 0x01 && own[3] == 0x10, "with RD and CD, and nothing else");

	add_opt(&m, 4096, 0x8000);
	m.data[m.len - 1] = 4; /* an option */
	add(&m, "\0\x0a\0\0", 4);
	check_int(query_read(&m, &q), DNS_NOERROR);
	check(q.has_opt && q.wants_signatures && q.size == 4096);
	n = dns_query_make(&q, own);
	check_int(dns_query_read(own, n, &back), DNS_NOERROR);
	check_that(back.has_opt && back.size == DNS_SIZE_OWN && !back.wants_signatures &&
			   n == m.len - 4,
		   "OPT is our own; addresses are asked for without signatures");
	q.type = DNS_MX;
	n = dns_query_make(&q, own);
	(void)dns_query_read(own, n, &back);
	check_that(back.wants_signatures, "other types with them");
}

static void test_questions_refused(void)
{
	static struct message m;
	struct dns_query q;

	begin(&m, 0x0100);
	add_question(&m, "a.org", DNS_A);
	add_question(&m, "b.org", DNS_A);
	check_that(query_read(&m, &q) == DNS_FORMERR, "two questions");
	check_int(dns_error_make(&q, DNS_FORMERR, m.data), DNS_HEAD);
	begin(&m, 0x0100);
	check_that(query_read(&m, &q) == DNS_FORMERR, "none");
	add_name(&m, "a.org");
	m.data[5] = 1;
	check_that(query_read(&m, &q) == DNS_FORMERR, "one without a type");
	begin(&m, 0x0100);
	add_question(&m, "a.org", DNS_A);
	add_a(&m, "a.org", 1, "192.0.2.1");
	check_that(query_read(&m, &q) == DNS_FORMERR, "one with an answer");
	begin(&m, 0x0100);
	add_question(&m, "a.org", DNS_A);
	m.data[11] = 1;
	check_that(query_read(&m, &q) == DNS_FORMERR, "an addition that isn't there");
	m.data[11] = 0;
	add(&m, "x", 1);
	check_that(query_read(&m, &q) == DNS_FORMERR, "something behind it");
	m.len--;
	add_opt(&m, 100, 0);
	check_that(query_read(&m, &q) == DNS_NOERROR && q.size == DNS_SIZE_MIN,
		   "OPT with a size that is too small");
	add_opt(&m, 1232, 0);
	check_that(query_read(&m, &q) == DNS_FORMERR, "OPT twice");
	begin(&m, 0x0100);
	m.data[5] = 1;
	add16(&m, 0xc00c);
	add32(&m, DNS_A << 16 | DNS_IN);
	check_that(query_read(&m, &q) == DNS_FORMERR, "a name that points at itself");
	check(!dns_is_question((const uint8_t *)"\0\0\x80\0\0\0\0\0\0\0\0\0", DNS_HEAD));
	check(!dns_is_question((const uint8_t *)"\0\0\x28\0\0\0\0\0\0\0\0\0", DNS_HEAD));
	check(!dns_is_question((const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0", DNS_HEAD - 1));
}

/* NAME is labels as a message has them. */
static void name(const char *what, const void *wire, size_t len, enum dns_rcode want)
{
	static struct message m;
	struct dns_query q;
	uint8_t out[DNS_SIZE_MIN];
	size_t n;

	begin(&m, 0x0100);
	m.data[5] = 1;
	add(&m, wire, len);
	add32(&m, DNS_A << 16 | DNS_IN);
	check_that(query_read(&m, &q) == want, "%s", what);
	n = dns_error_make(&q, want, out);
	check_that(want == DNS_FORMERR ||
			   (n == m.len &&
			    memcmp(out + DNS_HEAD, m.data + DNS_HEAD, n - DNS_HEAD) == 0),
		   "%s: it is said again", what);
}

/* Labels of 63 bytes, and one of LAST. */
static size_t long_name(uint8_t wire[300], size_t last)
{
	static const size_t labels[] = {63, 63, 63};
	size_t n = 0;

	memset(wire, 'a', 300);
	for (size_t i = 0; i < 3; i++, n += 1 + labels[i - 1])
		wire[n] = 63;
	wire[n] = (uint8_t)last;
	n += 1 + last;
	wire[n] = 0;
	return n + 1;
}

static void test_names(void)
{
	uint8_t wire[300];

	name("a name", "\1a\3org", 7, DNS_NOERROR);
	name("in punycode", "\x0dxn--bcher-kva\3org", 19, DNS_NOERROR);
	name("with a NUL", "\3a\0b\3org", 9, DNS_REFUSED);
	name("with a dot in a label", "\3a.b\3org", 9, DNS_REFUSED);
	name("with a dot at the end of one", "\2a.\3org", 8, DNS_REFUSED);
	name("with a byte that no name has", "\2a \3org", 8, DNS_REFUSED);
	name("with UTF-8", "\3b\xc3\xbc\3org", 9, DNS_REFUSED);
	name("the root", "", 1, DNS_REFUSED);
	name("an address",
	     "\1"
	     "1\1"
	     "2\1"
	     "3\1"
	     "4",
	     9, DNS_REFUSED);
	name("of 253 bytes", wire, long_name(wire, 61), DNS_NOERROR);
	name("of 254 bytes", wire, long_name(wire, 62), DNS_FORMERR);
	memset(wire, 'a', sizeof(wire));
	wire[0] = 63;
	wire[64] = 0;
	name("a label of 63 bytes", wire, 65, DNS_NOERROR);
	wire[0] = 64;
	wire[65] = 0;
	name("a label of 64 bytes", wire, 66, DNS_FORMERR);
	name("a label of a kind that isn't", "\x80", 1, DNS_FORMERR);
	name("a pointer to the head", "\xc0\0", 2, DNS_FORMERR);
	name("a pointer forwards", "\xc0\x0e", 2, DNS_FORMERR);
	name("half a pointer", "\1a\xc0", 3, DNS_FORMERR);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void begin_answer(struct message *m, const char *name, unsigned type)
{
	begin(m, 0x85a0); /* with AA and AD */
	add_question(m, name, type);
}

static bool is_address(const struct dns_answer *a, unsigned i, const char *text)
{
	char buffer[INET6_ADDRSTRLEN];

	return i < a->n_addresses &&
	       strcmp(inet_ntop(AF_INET6, &a->addresses[i], buffer, sizeof(buffer)), text) == 0;
}

static void test_answer(void)
{
	static struct message m;
	static struct dns_answer a, back;
	static uint8_t out[DNS_MESSAGE_MAX];
	struct dns_query q = query("Www.example.org", DNS_A);
	size_t n;

	begin_answer(&m, "wWW.example.org", DNS_A);
	add_a(&m, "a.b", 50, "192.0.2.1");
	add_a(&m, "a.b", 50, "10.0.0.1");
	add_a(&m, "a.b", 1, "2001:db8::1");
	add_a(&m, "other.org", 1, "192.0.2.66");
	add_cname(&m, "C.d", 40, "A.B");
	add_cname(&m, "@", 300, "c.D");
	check(answer_read(&q, &m, &a));
	check_int(a.n_names, 3);
	check_int(a.n_addresses, 2);
	check_int(a.ttl, 40);
	check(is_address(&a, 0, "::ffff:192.0.2.1") && is_address(&a, 1, "::ffff:10.0.0.1"));
	n = dns_answer_make(&q, &a, DNS_SIZE_MIN, out);
	check_that(memcmp(out + DNS_HEAD, "\3Www", 4) == 0, "the question is as it was asked");
	check_that(out[2] == 0x81 && out[3] == 0x80, "RA, and neither AA nor AD");
	check(dns_answer_read(&q, out, n, &back));
	check(back.n_names == 3 && back.n_addresses == 2 && back.ttl == 40);
	check_that(n < m.len, "names aren't said twice");

	q.type = DNS_AAAA;
	m.data[DNS_HEAD + 17 + 1] = DNS_AAAA;
	check(answer_read(&q, &m, &a));
	check(a.n_addresses == 1 && is_address(&a, 0, "2001:db8::1") && a.ttl == 1);
	q.has_opt = true;
	n = dns_answer_make(&q, &a, DNS_SIZE_MIN, out);
	check(out[11] == 1 && n > 11 && out[n - 9] == DNS_OPT);
}

static void test_ttl(void)
{
	static const struct {
		uint32_t ttl, want;
	} ttls[] = {{0, 0}, {INT32_MAX, INT32_MAX}, {1U << 31, 0}, {UINT32_MAX, 0}, {7, 7}};
	static struct message m;
	static struct dns_answer a;
	struct dns_query q = query("a.org", DNS_A);

	for (size_t i = 0; i < sizeof(ttls) / sizeof(*ttls); i++) {
		begin_answer(&m, "a.org", DNS_A);
		add_a(&m, "@", ttls[i].ttl, "192.0.2.1");
		check(answer_read(&q, &m, &a));
		check_int(a.ttl, ttls[i].want);
	}
}

static void test_chains(void)
{
	static struct message m;
	static struct dns_answer a;
	struct dns_query q = query("n0", DNS_A);
	char from[8], to[8];

	for (int n = 16; n <= 17; n++) {
		begin_answer(&m, "n0", DNS_A);
		for (int i = n; i > 0; i--) {
			(void)snprintf(from, sizeof(from), "n%d", i - 1);
			(void)snprintf(to, sizeof(to), "n%d", i);
			add_cname(&m, from, 9, to);
		}
		(void)snprintf(to, sizeof(to), "n%d", n);
		add_a(&m, to, 9, "192.0.2.1");
		check_that(answer_read(&q, &m, &a) == (n == 16), "a chain of %d", n);
	}
	begin_answer(&m, "n0", DNS_A);
	add_cname(&m, "n0", 9, "n1");
	add_cname(&m, "n1", 9, "N0");
	check_that(!answer_read(&q, &m, &a), "a circle");
	begin_answer(&m, "n0", DNS_A);
	add_cname(&m, "@", 9, "@");
	check_that(!answer_read(&q, &m, &a), "a circle of one");
	begin_answer(&m, "n0", DNS_A);
	add_cname(&m, "n0", 9, "n1");
	add_cname(&m, "n0", 9, "n2");
	add_a(&m, "n0", 9, "192.0.2.10");
	add_a(&m, "n2", 9, "192.0.2.12");
	check_that(answer_read(&q, &m, &a) && a.n_names == 2 && a.n_addresses == 0,
		   "of two chains the first, and nothing beside it");
	q.type = DNS_CNAME;
	begin_answer(&m, "n0", DNS_CNAME);
	add_cname(&m, "n0", 9, "n0");
	check_that(answer_read(&q, &m, &a) && a.n_names == 1, "a CNAME that is asked for");
}

static void test_no_answers(void)
{
	static struct message m, good;
	static struct dns_answer a;
	struct dns_query q = query("a.org", DNS_A);

	begin_answer(&good, "a.org", DNS_A);
	add_a(&good, "@", 9, "192.0.2.1");
	m = good;
	m.data[2] &= 0x7f;
	check_that(!answer_read(&q, &m, &a), "a question");
	m = good;
	m.data[2] |= 0x28;
	check_that(!answer_read(&q, &m, &a), "of another kind");
	m = good;
	m.data[7] = 2;
	check_that(!answer_read(&q, &m, &a), "a record less than it says");
	m.data[6] = 0xff;
	check_that(!answer_read(&q, &m, &a), "far fewer");
	for (size_t cut = 1; cut < good.len; cut++) {
		m = good;
		m.len -= cut;
		if (answer_read(&q, &m, &a))
			check_that(false, "%zu bytes too few", cut);
	}
	m = good;
	m.data[DNS_HEAD + 1] = 'b';
	check_that(!answer_read(&q, &m, &a), "about another name");
	m = good;
	m.data[DNS_HEAD + 7 + 1] = DNS_AAAA;
	check_that(!answer_read(&q, &m, &a), "about another type");
	m = good;
	m.data[DNS_HEAD + 7 + 3] = 3;
	check_that(!answer_read(&q, &m, &a), "about another class");
	m = good;
	m.data[m.len - 5] = 3;
	m.len--;
	check_that(!answer_read(&q, &m, &a), "an address of three bytes");
	m = good;
	m.data[5] = 2;
	check_that(!answer_read(&q, &m, &a), "about two questions");
	m.data[5] = 0;
	check_that(!answer_read(&q, &m, &a), "about none");
	m.data[3] = DNS_FORMERR;
	check_that(answer_read(&q, &m, &a) && a.n_names == 0,
		   "but by one that couldn't read it");
}

/* Whether an answer passes whose owner is these bytes. */
static bool owner_passes(const void *owner, size_t len)
{
	static struct message m;
	static struct dns_answer a;
	struct dns_query q = query("a.org", DNS_A);

	begin_answer(&m, "a.org", DNS_A);
	add(&m, owner, len);
	add16(&m, DNS_A);
	add16(&m, DNS_IN);
	add32(&m, 9);
	add16(&m, 4);
	add32(&m, 0xc0000201);
	count(&m, 6);
	return answer_read(&q, &m, &a);
}

static void test_pointers(void)
{
	static struct message m;
	static struct dns_answer a;
	struct dns_query q = query("a.org", DNS_A);

	/* The record starts at 23. */
	check(owner_passes("\xc0\x0c", 2));
	check(owner_passes("\1x\xc0\x0c", 4));
	check_that(!owner_passes("\xc0\x17", 2), "at itself");
	check_that(!owner_passes("\1x\xc0\x17", 4), "at the label before");
	check_that(!owner_passes("\xc0\x19\xc0\x17", 2), "forwards");
	check_that(!owner_passes("\xff\xff", 2), "out of the message");
	check_that(!owner_passes("\xc0\x04", 2), "into the head");
	check_that(!owner_passes("\x40", 1), "no pointer");
	/* Each points at the one before. */
	for (unsigned n = 31; n <= 32; n++) {
		begin_answer(&m, "a.org", DNS_A);
		add_record(&m, "@", 10, 9, 2 * (size_t)n);
		for (unsigned i = 0; i < n; i++)
			add16(&m, 0xc000U | (unsigned)(i ? m.len - 2 : DNS_HEAD));
		add16(&m, 0xc000U | (unsigned)(m.len - 2));
		add(&m, "\0\1\0\1\0\0\0\1\0\4abcd", 14);
		count(&m, 6);
		check_that(answer_read(&q, &m, &a) == (n == 31), "%u jumps", n + 1);
	}
}

static void test_room(void)
{
	static const size_t rooms[] = {DNS_SIZE_MIN, DNS_SIZE_OWN, DNS_MESSAGE_MAX};
	static struct message m;
	static struct dns_answer a, back;
	static uint8_t out[DNS_MESSAGE_MAX];
	struct dns_query q = query("a.org", DNS_AAAA);

	begin_answer(&m, "a.org", DNS_AAAA);
	for (int i = 0; i < 300; i++)
		add_a(&m, "@", 9, "2001:db8::1");
	check(answer_read(&q, &m, &a));
	check_int(a.n_addresses, DNS_ADDRESSES_MAX);
	q.has_opt = true;
	for (size_t i = 0; i < 3; i++) {
		size_t n = dns_answer_make(&q, &a, rooms[i], out);

		check_that(n <= rooms[i] && n + 28 > (i < 2 ? rooms[i] : 0),
			   "%zu bytes are used", rooms[i]);
		check(!!(out[2] & 2) == (i < 2));
		check_int(get16(out + 6), i < 2 ? (int)(rooms[i] - 23 - 11) / 28 : 128);
		check(out[n - 9] == DNS_OPT);
		out[2] &= 0xfd;
		check(dns_answer_read(&q, out, n, &back));
	}
}

static void test_failures(void)
{
	static struct message m;
	static struct dns_answer a;
	uint8_t out[DNS_SIZE_MIN];
	struct dns_query q = query("a.org", DNS_A);
	size_t n;

	begin_answer(&m, "a.org", DNS_A);
	add_cname(&m, "@", 9, "b.org");
	m.data[3] |= DNS_NXDOMAIN;
	check(answer_read(&q, &m, &a) && a.rcode == DNS_NXDOMAIN && a.n_names == 2);
	n = dns_answer_make(&q, &a, sizeof(out), out);
	check(n > 30 && dns_rcode_of(out) == DNS_NXDOMAIN && out[7] == 1);
	m.data[2] |= 2;
	check_that(answer_read(&q, &m, &a) && a.is_truncated && a.n_names == 2,
		   "of a truncated one what is there counts");
	m.len -= 3;
	check_that(answer_read(&q, &m, &a) && a.is_truncated && a.n_names == 0,
		   "and nothing where it is cut within");
	n = dns_answer_make(&q, &a, sizeof(out), out);
	check(n == 23 && out[2] & 2);
	n = dns_error_make(&q, DNS_REFUSED, out);
	check(n == 23 && out[2] == 0x81 && out[3] == 0x85 && !out[7]);
}

/* ---- copies ------------------------------------------------------------------------------ */

static void test_copy(void)
{
	static struct message m;
	static struct dns_answer a, back;
	static uint8_t out[DNS_MESSAGE_MAX];
	struct dns_query q = query("example.org", DNS_NS);
	static const char ns[] = "\2ns\7example\3org";
	size_t n;

	begin_answer(&m, "example.org", DNS_NS);
	add_named(&m, "@", DNS_NS, 9, "ns.@");
	add_named(&m, "EXAMPLE.org", DNS_NS, 1U << 31, "x.y");
	add_named(&m, "other.org", DNS_NS, 9, "x.y");
	add_a(&m, "@", 9, "10.0.0.1");
	add_record(&m, "@", DNS_RRSIG, 9, 3);
	add(&m, "abc", 3);
	check(answer_read(&q, &m, &a));
	n = dns_answer_copy(&q, &a, m.data, m.len, DNS_MESSAGE_MAX, out);
	check_int(get16(out + 6), 2);
	check_int(n, 29 + (12 + sizeof(ns)) + (12 + 5));
	check_that(memcmp(out + 29 + 12, ns, sizeof(ns)) == 0, "names are whole");
	check(dns_answer_read(&q, out, n, &back));
	q.wants_signatures = q.has_opt = true;
	check(dns_answer_copy(&q, &a, m.data, m.len, DNS_MESSAGE_MAX, out) > n);
	check_that(get16(out + 6) == 3 && get16(out + 10) == 1, "signatures where asked for");
	begin_answer(&m, "example.org", DNS_NS);
	for (int i = 0; i < 40; i++)
		add_named(&m, "@", DNS_NS, 9, "ns.@");
	check(answer_read(&q, &m, &a));
	n = dns_answer_copy(&q, &a, m.data, m.len, DNS_SIZE_MIN, out);
	check(n <= DNS_SIZE_MIN && out[2] & 2 && get16(out + 6) == (512 - 29 - 11) / 28);
}

/* A record of TYPE with these data has WANT bytes of data in the copy; 0: it is malformed. */
static void data(const char *what, unsigned type, const void *bytes, size_t len, size_t want)
{
	static struct message m;
	static struct dns_answer a;
	static uint8_t out[DNS_MESSAGE_MAX];
	struct dns_query q = query("a.org", type);
	size_t n = 0;

	begin_answer(&m, "a.org", type);
	add_record(&m, "@", type, 9, len);
	add(&m, bytes, len);
	if (check(answer_read(&q, &m, &a)))
		n = dns_answer_copy(&q, &a, m.data, m.len, DNS_SIZE_MIN, out);
	check_that(n == (want ? 23 + 12 + want : 0), "%s", what);
}

static void test_data(void)
{
	data("MX", DNS_MX, "\0\12\2mx\xc0\x0c", 7, 2 + 3 + 7);
	data("MX without a name", DNS_MX, "\0\12", 2, 0);
	data("MX with half a number", DNS_MX, "\0", 1, 0);
	data("MX with more", DNS_MX, "\0\12\2mx\xc0\x0c!", 8, 0);
	data("SRV", DNS_SRV, "123456\xc0\x0c", 8, 6 + 7);
	data("SOA", DNS_SOA,
	     "\xc0\x0c\1r\xc0\x0c"
	     "12345678901234567890",
	     26, 7 + 9 + 20);
	data("SOA that is cut", DNS_SOA,
	     "\xc0\x0c\xc0\x0c"
	     "1234567890123456789",
	     23, 0);
	data("TXT", 16, "\5hello", 6, 6);
	data("TXT like a pointer", 16, "\xc0\x0c", 2, 2);
}

int main(void)
{
	test_question();
	test_questions_refused();
	test_names();
	test_answer();
	test_ttl();
	test_chains();
	test_no_answers();
	test_pointers();
	test_room();
	test_failures();
	test_copy();
	test_data();
	return tap_done();
}
