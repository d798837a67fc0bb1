/* SPDX-License-Identifier: Apache-2.0 */
/* net_hello.c: whom a connection says it is for. */
#include "hello.h"
#include "tap.h"

#include <stdlib.h>

static const char *const kinds[] = {"more", "tls", "http", "other", "bad"};

static enum hello_kind look(const uint8_t *data, size_t len, char name[NET_NAME_MAX + 1])
{
	/* Of its very size, so that a sanitizer sees each byte too many. */
	uint8_t *exact = malloc(len ? len : 1);
	enum hello_kind kind;

	memcpy(exact, data, len);
	kind = hello_read(exact, len, name);
	free(exact);
	return kind;
}

static void hello(const char *what, const uint8_t *data, size_t len, enum hello_kind want,
		  const char *want_name)
{
	char name[NET_NAME_MAX + 1] = "untouched";
	enum hello_kind kind = look(data, len, name);

	if (!tap_check(kind == want && strcmp(name, want_name ? want_name : "untouched") == 0,
		       __FILE__, __LINE__, "%s: %s '%s'", what, kinds[want],
		       want_name ? want_name : ""))
		printf("# got %s '%s'\n", kinds[kind], name);
}

/* ---- TLS --------------------------------------------------------------------------------- */

struct bytes {
	uint8_t data[HELLO_MAX + 4096];
	size_t len;
};

static void add(struct bytes *b, const void *data, size_t n)
{
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

static void add_number(struct bytes *b, size_t v, unsigned width)
{
	while (width-- > 0)
		b->data[b->len++] = (uint8_t)(v >> (8 * width));
}

static void add_counted(struct bytes *b, const struct bytes *part, unsigned width)
{
	add_number(b, part->len, width);
	add(b, part->data, part->len);
}

/* A server_name extension with NAME of LEN bytes as type TYPE, N times. */
static void add_names(struct bytes *b, const char *name, size_t len, uint8_t type, unsigned n)
{
	static struct bytes list, extension;

	list.len = extension.len = 0;
	while (n-- > 0) {
		add_number(&list, type, 1);
		add_number(&list, len, 2);
		add(&list, name, len);
	}
	add_counted(&extension, &list, 2);
	add_number(b, 0, 2);
	add_counted(b, &extension, 2);
}

static void add_name(struct bytes *b, const char *name)
{
	add_names(b, name, strlen(name), 0, 1);
}

static void add_other(struct bytes *b, size_t len)
{
	static const uint8_t zero[HELLO_MAX];

	add_number(b, 0x0a0a, 2);
	add_number(b, len, 2);
	add(b, zero, len);
}

/* A ClientHello in records of at most PIECE bytes; without EXTENSIONS it ends before them. */
static void client_hello(struct bytes *out, const struct bytes *extensions, size_t piece)
{
	static const uint8_t start[2 + 32] = {3, 3}, suites[] = {0, 0, 2, 0x13, 1, 1, 0};
	static struct bytes body, message;

	body.len = message.len = out->len = 0;
	add(&body, start, sizeof(start));
	add(&body, suites, sizeof(suites));
	if (extensions)
		add_counted(&body, extensions, 2);
	add_number(&message, 1, 1);
	add_counted(&message, &body, 3);
	for (size_t at = 0; at < message.len; at += piece) {
		size_t n = message.len - at < piece ? message.len - at : piece;

		add_number(out, 0x160301, 3);
		add_number(out, n, 2);
		add(out, message.data + at, n);
	}
}

static void tls(const char *what, const struct bytes *extensions, enum hello_kind want,
		const char *name)
{
	static struct bytes out;

	client_hello(&out, extensions, 16384);
	hello(what, out.data, out.len, want, name);
}

static void test_tls_names(void)
{
	static struct bytes e;
	char longest[256];

	add_other(&e, 4);
	add_name(&e, "WWW.Example.org");
	tls("a name", &e, HELLO_TLS, "www.example.org");
	add_other(&e, 4);
	tls("something behind it", &e, HELLO_TLS, "www.example.org");
	add_name(&e, "www.example.org");
	tls("the extension twice", &e, HELLO_BAD, NULL);
	e.len = 0;
	tls("no extensions in the list", &e, HELLO_TLS, "");
	tls("no list of extensions", NULL, HELLO_TLS, "");
	add_names(&e, "a.org", 5, 0, 2);
	tls("two names", &e, HELLO_BAD, NULL);
	e.len = 0;
	add_names(&e, "a.org", 5, 0, 0);
	tls("no name in the extension", &e, HELLO_BAD, NULL);
	e.len = 0;
	add_names(&e, "a.org", 5, 1, 1);
	tls("a name of another type", &e, HELLO_BAD, NULL);
	e.len = 0;
	add_names(&e, "a\0.org", 6, 0, 1);
	tls("NUL in a name", &e, HELLO_BAD, NULL);
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 63; i < sizeof(longest); i += 64)
		longest[i] = '.';
	e.len = 0;
	add_names(&e, longest, 254, 0, 1);
	tls("a name of 254 bytes", &e, HELLO_BAD, NULL);
	longest[253] = '\0';
	e.len = 0;
	add_name(&e, longest);
	tls("a name of 253 bytes", &e, HELLO_TLS, longest);
}

static void test_tls_forms(void)
{
	static const struct {
		const char *name, *want;
	} names[] = {
		{"example.org.", "example.org"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"192.0.2.1", ""},
		{"2001:db8::1", ""},
		{"::ffff:192.0.2.1", ""},
		{"", NULL},
		{".", NULL},
		{"a..org", NULL},
		{"a.org:443", NULL},
		{"b\xc3\xbc.org", NULL},
		{"*.org", NULL},
		{"a.org ", NULL},
	};
	static struct bytes e;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		e.len = 0;
		add_name(&e, names[i].name);
		tls(names[i].name, &e, names[i].want ? HELLO_TLS : HELLO_BAD, names[i].want);
	}
}

static void test_tls_pieces(void)
{
	static struct bytes e, out;
	char name[NET_NAME_MAX + 1];
	size_t early = 0;

	add_name(&e, "www.example.org");
	client_hello(&out, &e, 1);
	hello("records of one byte", out.data, out.len, HELLO_TLS, "www.example.org");
	while (early < out.len && look(out.data, early, name) == HELLO_MORE)
		early++;
	check_int(early, out.len);
	client_hello(&out, &e, 16384);
	for (early = 0; look(out.data, early, name) == HELLO_MORE;)
		early++;
	check_int(early, out.len);
	out.data[3] = 0xff;
	hello("a record that is too long", out.data, 5, HELLO_BAD, NULL);
	out.data[3] = out.data[4] = 0;
	hello("a record that is empty", out.data, 5, HELLO_BAD, NULL);
	client_hello(&out, &e, 40);
	out.data[45] = 0x15;
	hello("an alert between two pieces", out.data, out.len, HELLO_BAD, NULL);
}

/* Every byte before the name, too small and too large. */
static void test_tls_lengths(void)
{
	enum { NAME = 61 };
	static struct bytes e, good, out;
	char name[NET_NAME_MAX + 1];
	unsigned fooled = 0;

	add_name(&e, "www.example.org");
	client_hello(&good, &e, 16384);
	for (size_t at = 5; at < NAME; at++)
		for (int d = -1; d <= 1; d += 2) {
			out = good;
			out.data[at] = (uint8_t)(out.data[at] + d);
			if (look(out.data, out.len, name) == HELLO_TLS && name[0] &&
			    strcmp(name, "www.example.org") != 0)
				fooled++;
		}
	check_int(fooled, 0);
	e.len = 0;
	add_other(&e, 60000);
	client_hello(&out, &e, 16384);
	hello("60000 bytes", out.data, out.len, HELLO_TLS, "");
	out.len = 0;
	add_number(&out, 0x1603014000, 5);
	add_number(&out, 0x01010000, 4);
	hello("one that says it is 64 KiB long", out.data, out.len, HELLO_BAD, NULL);
	out.data[5] = 2;
	hello("a ServerHello", out.data, 6, HELLO_BAD, NULL);
	client_hello(&out, NULL, 16384);
	out.data[4]++;
	add_number(&out, 0, 1);
	hello("a byte behind it in its record", out.data, out.len, HELLO_BAD, NULL);
	hello("another version", (const uint8_t *)"\x16\x02", 2, HELLO_BAD, NULL);
	hello("its first byte", (const uint8_t *)"\x16", 1, HELLO_MORE, NULL);
}

/* ---- HTTP -------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *text;
	enum hello_kind kind;
	const char *name;
} requests[] = {
	{"GET / HTTP/1.1\r\nHost: Example.ORG\r\n\r\n", HELLO_HTTP, "example.org"},
	{"GET / HTTP/1.1\r\nA: b\r\nhOST:example.org:80  \r\nC: d\r\n\r\nbody", HELLO_HTTP, "example.org"},
	{"GET / HTTP/1.0\r\n\r\n", HELLO_HTTP, ""},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", HELLO_HTTP, ""},
	{"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", HELLO_HTTP, ""},
	{"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", HELLO_HTTP, ""},
	{"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", HELLO_HTTP, ""},
	{"OPTIONS * HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"M-SEARCH * HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"GET http://a.org/ HTTP/1.1\r\nHost: A.org.\r\n\r\n", HELLO_HTTP, "a.org"},
	{"GET HTTP://a.org:80?x HTTP/1.1\r\n\r\n", HELLO_HTTP, "a.org"},
	{"CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n", HELLO_HTTP, "a.org"},
	{"CONNECT a.org:443 HTTP/1.1\r\n\r\n", HELLO_HTTP, "a.org"},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HELLO_HTTP, ""},
	{"GET / HTTP/1.1\r\nHost: a.org\r\n\r\nGET / HTTP/1.1\r\nHost: b.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"GET /\xc3\xbc HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},

	{"GET / HTTP/1.1\r\nHost: a.org\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org\r\nhost: b.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org\r\n b.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\n Host: b.org\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost : a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost:\ta.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\nHost: a.org\n\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nX: y\rHost: b.org\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org, b.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: u@a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org/b\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org:80:80\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org:\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org:x\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: []\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: [a.org]\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: b\xc3\xbc.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nno colon\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\n: empty\r\n\r\n", HELLO_BAD, NULL},
	{"GET http://a.org/ HTTP/1.1\r\nHost: b.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET http://u@a.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET http:///x HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET http://192.0.2.1/ HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET ftp://a.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"CONNECT a.org:443 HTTP/1.1\r\nHost: b.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET a.org HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET  / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET /  HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET   /\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET\x0c/\x0cHTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET\x1c/ HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"\x1fGET / HTTP/1.1", HELLO_BAD, NULL},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n", HELLO_BAD, NULL},
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"GET http://a.org/x\r\n", HELLO_BAD, NULL},
	{"GET foo://a.org/ \r\n", HELLO_BAD, NULL},
	{"GET http://a.org/ RTSP/1.0\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"OPTIONS * RTSP/1.0\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"SOURCE http://a.org/ ICE/1.0\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET\xa0/x\xa0HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"\x85GET /x HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET\x01/\x01HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"0032git-upload-pack / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"MAIL FROM:<a@a.org> SIZE=1\r\n", HELLO_OTHER, NULL},
	{"AMQP\x01\x01\x01\x01", HELLO_OTHER, NULL},
	{"GET\t/ HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / http/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"get / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"x_y~1 / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_HTTP, "a.org"},
	{"GET /\r\n", HELLO_BAD, NULL},
	{"\r\nGET / HTTP/1.1\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"\nGET / HTTP/1.1\r\n", HELLO_BAD, NULL},
	{" GET", HELLO_BAD, NULL},
	{"\x15\x03\x01\x00\x02\x01\x00", HELLO_BAD, NULL},
	{"\x14\x03\x01", HELLO_BAD, NULL},
	{"\x80\x2e\x01\x03\x01", HELLO_TLS, ""},
	{"GET / HTTP/1.1 \r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.10\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/2.0\r\nHost: a.org\r\n\r\n", HELLO_BAD, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org\r\n\x01\r\n\r\n", HELLO_BAD, NULL},

	{"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", HELLO_OTHER, NULL},
	{"SSH-2.0-dropbear\r\n", HELLO_OTHER, NULL},
	{"\x15\x02\x01", HELLO_BAD, NULL},
	{"\x16\x02\x01", HELLO_BAD, NULL},
	{"\x16\x0f\xff", HELLO_BAD, NULL},
	{"\x16\x10\x01", HELLO_OTHER, NULL},
	{"\x80\x2e\x02", HELLO_OTHER, NULL},
	{"\xff\xfd\x03", HELLO_OTHER, NULL},
	{"EHLO a.org\r\n", HELLO_OTHER, NULL},
	{"PING\r\n", HELLO_OTHER, NULL},
	{"*1\r\n", HELLO_OTHER, NULL},

	{"", HELLO_MORE, NULL},
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHI", HELLO_MORE, NULL},
	{"SSH-2", HELLO_MORE, NULL},
	{"\x80\x2e\x01", HELLO_MORE, NULL},
	{"\x14", HELLO_MORE, NULL},
	{"get / HTTP/1.1\r\n", HELLO_MORE, NULL},
	{"GET / HTT", HELLO_MORE, NULL},
	{"GET / HTTP/1.1\r\nHost: a.org\r\n\r", HELLO_MORE, NULL},
};
/* clang-format on */

static void test_http(void)
{
	static char big[HELLO_MAX];
	int n;

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		char what[16];

		(void)snprintf(what, sizeof(what), "request %zu", i);
		hello(what, (const uint8_t *)requests[i].text, strlen(requests[i].text),
		      requests[i].kind, requests[i].name);
	}
	hello("git", (const uint8_t *)"0020git-upload-pack /a.git\0host=b.org\0", 38,
	      HELLO_OTHER, NULL);
	hello("NUL in a target", (const uint8_t *)"GET /\0 HTTP/1.1\r\nHost: b.org\r\n\r\n", 33,
	      HELLO_BAD, NULL);
	hello("NUL in Host", (const uint8_t *)"GET / HTTP/1.1\r\nHost: a\0b.org\r\n\r\n", 34,
	      HELLO_BAD, NULL);
	n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\nHost: a.org\r\nX: ");
	memset(big + n, 'x', sizeof(big) - (size_t)n);
	hello("less than 16 KiB", (const uint8_t *)big, 16383, HELLO_MORE, NULL);
	hello("16 KiB", (const uint8_t *)big, 16384, HELLO_BAD, NULL);
	memcpy(big + 16380, "\r\n\r\n", 4);
	hello("16 KiB that end in time", (const uint8_t *)big, sizeof(big), HELLO_HTTP,
	      "a.org");
}

int main(void)
{
	test_tls_names();
	test_tls_forms();
	test_tls_pieces();
	test_tls_lengths();
	test_http();
	return tap_done();
}
