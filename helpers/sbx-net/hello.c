/* SPDX-License-Identifier: Apache-2.0 */
/* hello.c: whom a connection says it is for, by the first bytes that its client sends. */
#include "hello.h"

#include "util/str.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* ---- hosts ------------------------------------------------------------------------------- */

static bool is_address(int family, const uint8_t *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr unused;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, &unused) == 1;
}

/* A name, or an address, which is none: "". */
static bool host_read(const uint8_t *text, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	if (net_name_read((const char *)text, len, ret_name))
		return true;
	ret_name[0] = '\0';
	return is_address(AF_INET, text, len) || is_address(AF_INET6, text, len);
}

static bool port_is_fine(const uint8_t *text, size_t len)
{
	enum { DIGITS_MAX = 5 };

	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]))
			return false;
	return len > 0 && len <= DIGITS_MAX;
}

/* HOST[:PORT], where an address of IPv6 stands in brackets (RFC 3986, 3.2). */
static bool authority_read(const uint8_t *text, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	bool has_brackets = len > 0 && text[0] == '[';
	const uint8_t *end = len ? memchr(text, has_brackets ? ']' : ':', len) : NULL;
	size_t host = end ? (size_t)(end - text) + has_brackets : len;

	if (host < len && (text[host] != ':' || !port_is_fine(text + host + 1, len - host - 1)))
		return false;
	if (!has_brackets)
		return host_read(text, host, ret_name);
	ret_name[0] = '\0';
	return end && is_address(AF_INET6, text + 1, host - 2);
}

/* ---- TLS (RFC 8446, 4 and 5) ------------------------------------------------------------- */

enum {
	TLS_FIRST = 20,
	TLS_LAST = 24,
	SSL2_LONG = 0x80,
	TLS_HANDSHAKE = 22,
	TLS_CLIENT_HELLO = 1,
	TLS_RECORD_HEAD = 5,
	TLS_RECORD_MAX = 16384,
	TLS_MAJORS = 0x10, /* some servers take any version of a record that is lower */
};

/* What is left of something whose length is known. */
struct bytes {
	const uint8_t *at;
	size_t n;
};

/* Cuts N bytes off; false where they aren't there. */
static bool bytes_cut(struct bytes *b, size_t n, struct bytes *ret_part)
{
	if (n > b->n)
		return false;
	*ret_part = (struct bytes){b->at, n};
	b->at += n;
	b->n -= n;
	return true;
}

/* The same, with their number before them, in WIDTH bytes. */
static bool bytes_cut_counted(struct bytes *b, size_t width, struct bytes *ret_part)
{
	struct bytes number;
	size_t n = 0;

	if (!bytes_cut(b, width, &number))
		return false;
	for (size_t i = 0; i < width; i++)
		n = n << 8 | number.at[i];
	return bytes_cut(b, n, ret_part);
}

static bool number16(struct bytes *b, unsigned *ret_value)
{
	struct bytes two;

	if (!bytes_cut(b, 2, &two))
		return false;
	*ret_value = (unsigned)(two.at[0] << 8 | two.at[1]);
	return true;
}

/* One name, of the one type that there is. */
static bool server_name_read(struct bytes extension, char ret_name[NET_NAME_MAX + 1])
{
	enum { HOST_NAME = 0 };
	struct bytes list, type, name;

	return bytes_cut_counted(&extension, 2, &list) && extension.n == 0 &&
	       bytes_cut(&list, 1, &type) && type.at[0] == HOST_NAME &&
	       bytes_cut_counted(&list, 2, &name) && list.n == 0 && name.n > 0 &&
	       host_read(name.at, name.n, ret_name);
}

static bool extensions_read(struct bytes all, char ret_name[NET_NAME_MAX + 1])
{
	enum { SERVER_NAME = 0 };
	bool is_named = false;
	struct bytes extension;
	unsigned type;

	while (all.n) {
		if (!number16(&all, &type) || !bytes_cut_counted(&all, 2, &extension))
			return false;
		if (type != SERVER_NAME)
			continue;
		if (is_named || !server_name_read(extension, ret_name))
			return false;
		is_named = true;
	}
	return true;
}

static bool client_hello_read(struct bytes b, char ret_name[NET_NAME_MAX + 1])
{
	enum { VERSION_AND_RANDOM = 2 + 32, SESSION_MAX = 32 };
	struct bytes part;

	if (!bytes_cut(&b, VERSION_AND_RANDOM, &part) || !bytes_cut_counted(&b, 1, &part) ||
	    part.n > SESSION_MAX || !bytes_cut_counted(&b, 2, &part) || part.n == 0 ||
	    part.n % 2 || !bytes_cut_counted(&b, 1, &part) || part.n == 0)
		return false;
	if (b.n == 0)
		return true;
	return bytes_cut_counted(&b, 2, &part) && b.n == 0 && extensions_read(part, ret_name);
}

/* A handshake message, put together from records. */
struct handshake {
	uint8_t data[HELLO_MAX];
	size_t len;
};

/* How long it is, with its head, as far as that is known; 0: it is no ClientHello, or too
 * long. */
static size_t handshake_wants(const struct handshake *h)
{
	enum { HEAD = 4 };
	size_t n;

	if (h->len > 0 && h->data[0] != TLS_CLIENT_HELLO)
		return 0;
	if (h->len < HEAD)
		return HEAD;
	n = HEAD + ((size_t)h->data[1] << 16 | (size_t)h->data[2] << 8 | h->data[3]);
	return n <= sizeof(h->data) ? n : 0;
}

/* HELLO_TLS where it is whole. A record may be short, but not empty; the message ends with
 * one. */
static enum hello_kind handshake_collect(struct handshake *h, const uint8_t *data, size_t len)
{
	for (h->len = 0;;) {
		size_t n, part;

		if (len < TLS_RECORD_HEAD)
			return HELLO_MORE;
		n = (size_t)(data[3] << 8 | data[4]);
		if (data[0] != TLS_HANDSHAKE || data[1] != 3 || n == 0 || n > TLS_RECORD_MAX ||
		    h->len + n > sizeof(h->data))
			return HELLO_BAD;
		data += TLS_RECORD_HEAD;
		len -= TLS_RECORD_HEAD;
		part = n < len ? n : len;
		memcpy(h->data + h->len, data, part);
		h->len += part;
		if (handshake_wants(h) < h->len)
			return HELLO_BAD;
		if (part < n)
			return HELLO_MORE;
		if (handshake_wants(h) == h->len)
			return HELLO_TLS;
		data += n;
		len -= n;
	}
}

static enum hello_kind tls_read(const uint8_t *data, size_t len,
				char ret_name[NET_NAME_MAX + 1])
{
	struct handshake h;
	char name[NET_NAME_MAX + 1] = "";
	enum hello_kind kind;

	if (len > 1 && data[1] != 3)
		return data[1] < TLS_MAJORS ? HELLO_BAD : HELLO_OTHER;
	kind = handshake_collect(&h, data, len);
	if (kind == HELLO_MORE && len >= HELLO_MAX)
		return HELLO_BAD;
	if (kind != HELLO_TLS)
		return kind;
	if (!client_hello_read((struct bytes){h.data + 4, h.len - 4}, name))
		return HELLO_BAD;
	memcpy(ret_name, name, sizeof(name));
	return HELLO_TLS;
}

/* Some servers take other records before it. */
static enum hello_kind other_record_look(const uint8_t *data, size_t len)
{
	if (len < 2)
		return HELLO_MORE;
	return data[1] < TLS_MAJORS ? HELLO_BAD : HELLO_OTHER;
}

/* The greeting of a time before there were names, which servers still take for one of TLS (RFC 5246, E.2). */
static enum hello_kind ssl2_look(const uint8_t *data, size_t len,
				 char ret_name[NET_NAME_MAX + 1])
{
	enum { HEAD = 4 };

	if ((len > 2 && data[2] != TLS_CLIENT_HELLO) || (len > 3 && data[3] != 3))
		return HELLO_OTHER;
	if (len < HEAD)
		return HELLO_MORE;
	ret_name[0] = '\0';
	return HELLO_TLS;
}

/* ---- HTTP (RFC 9112) --------------------------------------------------------------------- */

enum { HTTP_HEADER_MAX = 16384 };

static bool is_token(uint8_t c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* A tab is as good as a space to some, and a part of a word to others. */
static bool is_text(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* Cuts a line off. HELLO_MORE where its end isn't there yet, HELLO_BAD where it ends by half
 * of CRLF, or has what no line has; else HELLO_HTTP. */
static enum hello_kind line_cut(struct bytes *b, struct bytes *ret_line)
{
	const uint8_t *end = b->n ? memchr(b->at, '\n', b->n) : NULL;
	size_t n = end ? (size_t)(end - b->at) : b->n;
	bool has_return = n > 0 && b->at[n - 1] == '\r';

	if (!is_text(b->at, n - has_return) || (end && !has_return))
		return HELLO_BAD;
	if (!end)
		return HELLO_MORE;
	*ret_line = (struct bytes){b->at, n - has_return};
	b->at += n + 1;
	b->n -= n + 1;
	return HELLO_HTTP;
}

static bool word_cut(struct bytes *line, struct bytes *ret_word)
{
	const uint8_t *end = line->n ? memchr(line->at, ' ', line->n) : NULL;

	if (!end || !bytes_cut(line, (size_t)(end - line->at), ret_word))
		return false;
	line->at++;
	line->n--;
	return true;
}

static bool bytes_are(struct bytes b, const char *text)
{
	return b.n == strlen(text) && memcmp(b.at, text, b.n) == 0;
}

/* What is for whom in a request. */
struct request {
	bool is_preface; /* of HTTP/2: the name comes in a form of its own */
	bool has_target, has_host;
	char target[NET_NAME_MAX + 1], host[NET_NAME_MAX + 1];
};

/* SCHEME://AUTHORITY[/...]; a user before the host is more than a request has to say. */
static bool url_read(struct bytes url, struct request *r)
{
	static const char *const schemes[] = {"http://", "https://"};
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t scheme = strlen(schemes[i]);

		if (url.n > scheme &&
		    strncasecmp((const char *)url.at, schemes[i], scheme) == 0)
			n = scheme;
	}
	if (n == 0)
		return false;
	url.at += n;
	url.n -= n;
	for (n = 0; n < url.n && !strchr("/?#", url.at[n]); n++)
		;
	r->has_target = true;
	return authority_read(url.at, n, r->target);
}

static bool target_read(struct bytes method, struct bytes target, struct request *r)
{
	if (bytes_are(method, "CONNECT")) {
		r->has_target = true;
		return authority_read(target.at, target.n, r->target);
	}
	if (target.n > 0 && target.at[0] == '/')
		return true;
	return bytes_are(target, "*") || url_read(target, r);
}

static bool has_word(struct bytes line, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= line.n; i++)
		if (strncasecmp((const char *)line.at + i, word, n) == 0)
			return true;
	return false;
}

/* Some servers take a line with two spaces, with no version behind its target (HTTP/0.9), or with another protocol's
 * (RTSP, ICE), and then see a request where there seems to be none. */
static bool is_sloppy_request(struct bytes line)
{
	struct bytes rest = line, word;

	if (has_word(line, "HTTP/") || has_word(line, "://"))
		return true;
	while (word_cut(&rest, &word))
		if (rest.n > 0 && (rest.at[0] == '/' || rest.at[0] == '*'))
			return true;
	return false;
}

/* METHOD TARGET HTTP/1.x */
static enum hello_kind request_line_read(struct bytes line, struct request *r)
{
	struct bytes whole = line, method, target;

	if (!word_cut(&line, &method) || !word_cut(&line, &target) || line.n < 5 ||
	    memcmp(line.at, "HTTP/", 5) != 0)
		return is_sloppy_request(whole) ? HELLO_BAD : HELLO_OTHER;
	r->is_preface = bytes_are(method, "PRI") && bytes_are(target, "*") &&
			bytes_are(line, "HTTP/2.0");
	if (r->is_preface)
		return HELLO_HTTP;
	if (line.n != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 || !is_digit(line.at[7]))
		return HELLO_BAD;
	return target_read(method, target, r) ? HELLO_HTTP : HELLO_BAD;
}

/* NAME: VALUE. A line that starts with a space belongs to the one before it for some, and
 * not for others. */
static bool field_read(struct bytes line, struct request *r)
{
	struct bytes value = line;
	size_t n = 0;

	while (n < line.n && is_token(line.at[n]))
		n++;
	if (n == 0 || n == line.n || line.at[n] != ':')
		return false;
	if (n != 4 || strncasecmp((const char *)line.at, "Host", n) != 0)
		return true;
	if (r->has_host)
		return false;
	r->has_host = true;
	for (value.at += n + 1, value.n -= n + 1; value.n && value.at[0] == ' '; value.n--)
		value.at++;
	while (value.n && value.at[value.n - 1] == ' ')
		value.n--;
	return value.n == 0 || authority_read(value.at, value.n, r->host);
}

/* What one server or another takes for a space between words, or overlooks before the first. */
static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f) || c == 0x85 ||
	       c == 0xa0;
}

/* Whether the word of LEN bytes is a method that servers know. */
static bool is_method(const uint8_t *word, size_t len)
{
	static const char *const methods[] = {"GET",   "HEAD",	"POST",	   "PUT",    "DELETE",
					      "PATCH", "TRACE", "OPTIONS", "CONNECT"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (bytes_are((struct bytes){word, len}, methods[i]))
			return true;
	return false;
}

/* From its first word, what can become a request: a method, and a space. No other protocol begins with a space. */
static enum hello_kind method_look(const uint8_t *data, size_t len)
{
	static const char proxy[] = "PROXY "; /* HAProxy's, in front of anything */

	if (is_space(data[0]))
		return HELLO_BAD;
	if (len >= sizeof(proxy) - 1 && memcmp(data, proxy, sizeof(proxy) - 1) == 0)
		return HELLO_BAD;
	for (size_t i = 0; i < len && i < HTTP_HEADER_MAX; i++) {
		if (data[i] == '\r' || data[i] == '\n')
			return HELLO_OTHER; /* a line of one word */
		if (is_space(data[i]))
			return HELLO_HTTP;
		/* Some take any control byte for a space. */
		if (!is_token(data[i]))
			return is_method(data, i) ? HELLO_BAD : HELLO_OTHER;
	}
	return HELLO_MORE;
}

static enum hello_kind header_read(struct bytes all, struct request *r)
{
	struct bytes line;
	enum hello_kind kind = line_cut(&all, &line);

	if (kind == HELLO_HTTP)
		kind = request_line_read(line, r);
	while (kind == HELLO_HTTP && !r->is_preface) {
		kind = line_cut(&all, &line);
		if (kind != HELLO_HTTP || line.n == 0)
			break;
		if (!field_read(line, r))
			kind = HELLO_BAD;
	}
	return kind;
}

/* git's own protocol: a length in four digits, a command, and a NUL in what would be the line of a request; which is
 * always there. */
static bool is_git(const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef", git[] = "git-";
	const uint8_t *nul = memchr(data, '\0', len);

	if (!nul || len < 8 || memcmp(data + 4, git, 4) != 0)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (!memchr(digits, data[i], sizeof(digits) - 1))
			return false;
	return !memchr(data, '\r', (size_t)(nul - data)) &&
	       !memchr(data, '\n', (size_t)(nul - data));
}

static enum hello_kind http_read(const uint8_t *data, size_t len,
				 char ret_name[NET_NAME_MAX + 1])
{
	struct request r = {0};
	enum hello_kind kind = method_look(data, len);
	size_t n = len < HTTP_HEADER_MAX ? len : HTTP_HEADER_MAX;

	if (kind == HELLO_HTTP && is_git(data, len))
		return HELLO_OTHER;
	if (kind == HELLO_HTTP)
		kind = header_read((struct bytes){data, n}, &r);
	if (kind == HELLO_MORE && len >= HTTP_HEADER_MAX)
		return HELLO_BAD;
	if (kind != HELLO_HTTP)
		return kind;
	if (r.has_target && r.has_host && !streq(r.target, r.host))
		return HELLO_BAD;
	memcpy(ret_name, r.has_target ? r.target : r.host, sizeof(r.host));
	return HELLO_HTTP;
}

/* ---- either ------------------------------------------------------------------------------ */

enum hello_kind hello_read(const uint8_t *data, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	if (len == 0)
		return HELLO_MORE;
	if (data[0] == TLS_HANDSHAKE)
		return tls_read(data, len, ret_name);
	if (data[0] >= TLS_FIRST && data[0] <= TLS_LAST)
		return other_record_look(data, len);
	if ((data[0] & SSL2_LONG) && !is_space(data[0]))
		return ssl2_look(data, len, ret_name);
	return http_read(data, len, ret_name);
}
