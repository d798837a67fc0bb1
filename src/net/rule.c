/* SPDX-License-Identifier: Apache-2.0 */
/* rule.c: what --allow-net and --deny-net say, and the one form of a host's name. */
#include "net.h"

#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	RULE_TEXT_MAX = 320, /* the longest: "*." NAME ":65535-65535/tcp" */
	SHOWN_MAX = RULE_TEXT_MAX,
	LABEL_MAX = 63,	  /* RFC 1035, 2.3.4 */
	MAPPED_BITS = 96, /* of a mapped address, before its IPv4 one */
};

#define DIGITS "0123456789"

/* ---- names ------------------------------------------------------------------------------- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_of_name(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_';
}

static bool is_hexadecimal(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

/* As inet_aton(3) has it: digits, or 0x and hexadecimal ones. */
static bool is_number(const char *label, size_t len)
{
	bool has_base = len >= 2 && label[0] == '0' && lower(label[1]) == 'x';

	for (size_t i = has_base ? 2 : 0; i < len; i++)
		if (has_base ? !is_hexadecimal(label[i]) : !is_digit(label[i]))
			return false;
	return true;
}

/* What is wrong with a label; NULL: nothing. */
static const char *label_fault(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)label[i] >= 0x80)
			return "a name is written in ASCII";
		if (!is_of_name(label[i]))
			return "a name is made of letters, digits, '.', '-' and '_'";
	}
	if (len == 0)
		return "there is nothing between two dots, or before the first";
	return len > LABEL_MAX ? "no part of a name is longer than 63 bytes" : NULL;
}

static size_t label_length(const char *text, size_t len)
{
	const char *dot = memchr(text, '.', len);

	return dot ? (size_t)(dot - text) : len;
}

/* What is wrong with the name TEXT, without a dot at its end; NULL: nothing. One whose last
 * label is a number is an address to some that read it, as 127.1 and 0x7f000001 are to
 * inet_aton(3), and no top domain is one. */
static const char *name_fault(const char *text, size_t len)
{
	const char *fault = NULL;

	if (len == 0)
		return "a name isn't empty";
	for (size_t at = 0, n; at <= len && !fault; at += n + 1) {
		n = label_length(text + at, len - at);
		fault = label_fault(text + at, n);
		if (!fault && at + n == len && is_number(text + at, n))
			fault = "a name doesn't end in a number (IPv4 has four)";
	}
	if (!fault && len > NET_NAME_MAX)
		fault = "a name is no longer than 253 bytes";
	return fault;
}

static void name_copy(const char *text, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++)
		dst[i] = lower(text[i]);
	dst[len] = '\0';
}

static size_t name_length(const char *text, size_t len)
{
	return len > 0 && text[len - 1] == '.' ? len - 1 : len;
}

bool net_name_read(const char *text, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	size_t n = name_length(text, len);

	if (name_fault(text, n))
		return false;
	name_copy(text, n, ret_name);
	return true;
}

/* ---- the parts of a rule ----------------------------------------------------------------- */

/* Each NULL where there is none. */
struct parts {
	const char *target, *prefix, *ports, *protocol;
	bool is_ipv6; /* it is written as nothing else is */
};

/* Cuts TEXT at AT, and returns what follows. */
static char *cut(char *at)
{
	*at = '\0';
	return at + 1;
}

static int protocol_cut(char *text, struct parts *parts)
{
	char *slash = strrchr(text, '/');

	if (!slash || slash[1] == '\0' || is_digit(slash[1]) || strchr(slash, ']'))
		return 0;
	name_copy(slash + 1, strlen(slash + 1), slash + 1);
	parts->protocol = cut(slash);
	if (streq(parts->protocol, "tcp") || streq(parts->protocol, "udp"))
		return 0;
	if (streq(parts->protocol, "icmp"))
		return fail_hint(fail(EINVAL, "there is no rule of ICMP alone"),
				 "a rule with neither port nor protocol has ICMP too");
	return fail_hint(fail(EINVAL, "behind the last '/' is neither tcp nor udp"),
			 "example.org:443/tcp, 192.0.2.0/24");
}

/* "[ADDRESS/PREFIX]:PORTS" or "[ADDRESS]/PREFIX:PORTS", from behind the bracket. */
static int brackets_cut(char *text, struct parts *parts)
{
	char *end = strchr(text, ']'), *colon, *slash;

	if (!end)
		return fail_hint(fail(EINVAL, "there is no ']'"), "[2001:db8::1]:443");
	parts->is_ipv6 = true;
	parts->target = text;
	end = cut(end);
	colon = strchr(end, ':');
	if (colon)
		parts->ports = cut(colon);
	slash = strchr(text, '/');
	if (slash)
		parts->prefix = cut(slash);
	if (*end == '\0')
		return 0;
	if (*end != '/' || parts->prefix)
		return fail_hint(
			fail(EINVAL, "behind ']' is neither the length of a prefix nor a port"),
			"[2001:db8::1]:443, [2001:db8::]/32:443");
	parts->prefix = end + 1;
	return 0;
}

static int target_cut(char *text, struct parts *parts)
{
	char *colon = strchr(text, ':'), *slash;

	if (*text == '[')
		return brackets_cut(text + 1, parts);
	parts->target = text;
	if (colon && strchr(colon + 1, ':'))
		parts->is_ipv6 = true;
	else if (colon)
		parts->ports = cut(colon);
	slash = strchr(text, '/');
	if (slash)
		parts->prefix = cut(slash);
	if (parts->is_ipv6 && parts->prefix && strchr(parts->prefix, ':'))
		return fail_hint(fail(EINVAL, "a port stands behind an address in brackets"),
				 "[2001:db8::]/32:443");
	return 0;
}

/* ---- addresses --------------------------------------------------------------------------- */

static bool rule_is_ipv4(const struct net_rule *rule)
{
	return rule->prefix >= MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(&rule->address);
}

/* No bits are behind a prefix, so one that begins with 127 is of 8 bits or more. */
bool net_rule_is_single(const struct net_rule *rule)
{
	return rule->target == NET_TARGET_PREFIX &&
	       (rule->prefix == 128 ||
		(rule_is_ipv4(rule) && rule->address.s6_addr[12] == 127));
}

static void address_map(const struct in_addr *four, struct in6_addr *ret_address)
{
	*ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(ret_address->s6_addr + 12, four, sizeof(*four));
}

static int address_read(const struct parts *parts, struct in6_addr *ret_address)
{
	struct in_addr four;

	if (parts->is_ipv6) {
		if (inet_pton(AF_INET6, parts->target, ret_address) == 1)
			return 0;
		if (strchr(parts->target, '%'))
			return fail_hint(fail(EINVAL, "the address of a rule has no interface"),
					 "fe80::/10, without '%%' and what follows");
		return fail_hint(
			fail(EINVAL, "there is no address of IPv6 in it"),
			"2001:db8::1, [2001:db8::1]:443; before a port stands one ':', as in "
			"example.org:443");
	}
	if (inet_pton(AF_INET, parts->target, &four) != 1)
		return fail_hint(fail(EINVAL, "there is no address of IPv4 in it"),
				 "192.0.2.1, 192.0.2.0/24; four numbers of 0 to 255, without "
				 "leading zeros");
	address_map(&four, ret_address);
	return 0;
}

/* BITS are of ADDRESS as it is held, the bytes behind them zero in *RET_ADDRESS. */
static void address_mask(const struct in6_addr *address, unsigned bits,
			 struct in6_addr *ret_address)
{
	*ret_address = *address;
	for (unsigned i = 0; i < sizeof(address->s6_addr); i++) {
		if (8 * i >= bits)
			ret_address->s6_addr[i] = 0;
		else if (8 * i + 8 > bits)
			ret_address->s6_addr[i] &= (uint8_t)(0xff << (8 * i + 8 - bits));
	}
}

/* The prefix has none of the bits behind it. */
static int mask_check(const struct net_rule *rule)
{
	struct in6_addr masked;
	char text[INET6_ADDRSTRLEN];

	address_mask(&rule->address, rule->prefix, &masked);
	if (memcmp(&masked, &rule->address, sizeof(masked)) == 0)
		return 0;
	return fail_hint(fail(EINVAL, "the address has bits behind its prefix"),
			 "%s/%u is that network; an address without '/' is one host",
			 net_address_write(&masked, text),
			 rule->prefix - (rule_is_ipv4(rule) ? MAPPED_BITS : 0U));
}

static int prefix_read(const struct parts *parts, struct net_rule *rule)
{
	uint32_t max = parts->is_ipv6 ? 128 : 32, bits = max;
	int r = address_read(parts, &rule->address);

	if (r < 0)
		return r;
	if (parts->prefix && str_to_u32(parts->prefix, max, &bits) < 0)
		return fail_hint(fail(EINVAL, "the length of a prefix is a number from 0 to %u",
				      max),
				 "192.0.2.0/24, 2001:db8::/32");
	rule->target = NET_TARGET_PREFIX;
	rule->prefix = (uint8_t)(parts->is_ipv6 ? bits : bits + MAPPED_BITS);
	return mask_check(rule);
}

/* ---- targets ----------------------------------------------------------------------------- */

static const struct {
	const char *word;
	enum net_target target;
} words[] = {
	{"any", NET_TARGET_ANY},
	{"dns", NET_TARGET_DNS},
	{"host", NET_TARGET_HOST},
	{"private", NET_TARGET_PRIVATE},
};

const char *const net_host_names[] = {"host.containers.internal", "host.docker.internal", NULL};

bool net_is_host_name(const char *name)
{
	const char *const *own = net_host_names;

	while (*own && strcasecmp(*own, name) != 0)
		own++;
	return *own;
}

static bool word_read(const char *text, uint8_t *ret_target)
{
	if (net_is_host_name(text))
		text = "host";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(words[i].word, text) != 0)
			continue;
		*ret_target = (uint8_t)words[i].target;
		return true;
	}
	return false;
}

/* What hands type for one of the words above. As a name it would fit nothing, and nobody would
 * be told. */
static const struct {
	const char *text;
	const char *target, *protocol; /* of the rule that is meant; NULL: none is */
	const char *meaning;
} no_words[] = {
	/* clang-format off */
	{"all",	       "any",  NULL,  "everything"},
	{"everything", "any",  NULL,  "everything"},
	{"internet",   "any",  NULL,  "everything, and private is your own networks"},
	{"gateway",    "host", NULL,  "this host"},
	{"localhost",  "host", NULL,  "this host"},
	{"loopback",   "host", NULL,  "this host"},
	{"icmp",       "any",  NULL,  "everything, and ICMP too where no port or protocol follows"},
	{"tcp",	       "any",  "tcp", "that protocol, to anywhere"},
	{"udp",	       "any",  "udp", "that protocol, to anywhere"},
	{"none",       NULL,   NULL,  "--net none is without a network, and --deny-net any closes it"},
	/* clang-format on */
};

static size_t no_word_find(const char *text)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(no_words) && strcasecmp(no_words[i].text, text) != 0)
		i++;
	return i;
}

/* Comes last: what it shows of PARTS has been read. */
static int word_check(const struct parts *parts)
{
	size_t i = no_word_find(parts->target);
	const char *protocol = parts->protocol;

	if (i == ARRAY_SIZE(no_words))
		return 0;
	(void)fail(EINVAL, "a rule says that with another word");
	if (!no_words[i].target)
		return fail_hint(-EINVAL, "%s; a host by that name is '%s.'",
				 no_words[i].meaning, no_words[i].text);
	if (!protocol)
		protocol = no_words[i].protocol;
	return fail_hint(-EINVAL, "%s%s%s%s%s is %s; a host by that name is '%s.'",
			 no_words[i].target, parts->ports ? ":" : "",
			 parts->ports ? parts->ports : "", protocol ? "/" : "",
			 protocol ? protocol : "", no_words[i].meaning, no_words[i].text);
}

bool net_name_is_word(const char *name)
{
	uint8_t target;

	return word_read(name, &target) || no_word_find(name) < ARRAY_SIZE(no_words);
}

static const char *name_hint(const char *text)
{
	if (*text == '\0')
		return "example.org:443, 192.0.2.0/24, [2001:db8::1]:443, private, host, dns, "
		       "any";
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c >= 0x80)
			return "punycode is, as xn--mnchen-3ya.de; idn2(1) tells it";
	if (strchr(text, '*'))
		return "*.example.org is all that ends so; '*' stands nowhere else, and 'any' "
		       "is everything";
	return "example.org, *.example.org, 192.0.2.1, 192.0.2.0/24, 2001:db8::1";
}

static int name_read(const char *text, struct net_rule *rule)
{
	const char *suffix = str_after(text, "*."), *name = suffix ? suffix : text, *fault;
	size_t len = name_length(name, strlen(name));

	fault = name_fault(name, len);
	if (fault)
		return fail_hint(fail(EINVAL, "%s", fault), "%s", name_hint(name));
	rule->target = suffix ? NET_TARGET_SUFFIX : NET_TARGET_NAME;
	name_copy(name, len, rule->name);
	return 0;
}

static int target_read(const struct parts *parts, struct net_rule *rule)
{
	const char *target = parts->target;

	if (parts->is_ipv6 || (*target && target[strspn(target, DIGITS ".")] == '\0'))
		return prefix_read(parts, rule);
	if (parts->prefix)
		return fail_hint(fail(EINVAL, "only an address has a '/' with a number"),
				 "192.0.2.0/24, example.org:443");
	if (word_read(target, &rule->target))
		return 0;
	return name_read(target, rule);
}

/* ---- ports ------------------------------------------------------------------------------- */

static int port_read(const char *text, uint16_t *ret_port)
{
	uint32_t port = 0;

	if (str_to_u32(text, UINT16_MAX, &port) < 0 || port == 0)
		return fail_hint(fail(EINVAL, "a port is a number from 1 to 65535"),
				 "example.org:443, example.org:8000-8080");
	*ret_port = (uint16_t)port;
	return 0;
}

static int ports_read(const char *text, struct net_rule *rule)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	char first[RULE_TEXT_MAX];
	int r;

	memcpy(first, text, len);
	first[len] = '\0';
	r = port_read(first, &rule->first_port);
	if (r == 0)
		r = port_read(dash ? dash + 1 : first, &rule->last_port);
	if (r == 0 && rule->first_port > rule->last_port)
		r = fail_hint(fail(EINVAL, "the last port is before the first one"),
			      "example.org:%u-%u", rule->last_port, rule->first_port);
	return r;
}

static int service_read(const struct parts *parts, struct net_rule *rule)
{
	if (rule->target == NET_TARGET_DNS && (parts->ports || parts->protocol))
		return fail_hint(fail(EINVAL,
				      "the name service has neither port nor protocol here"),
				 "'dns' alone, or any:53/udp for name servers outside");
	rule->protocols = parts->ports ? NET_TCP | NET_UDP : NET_ALL;
	if (parts->protocol)
		rule->protocols = streq(parts->protocol, "tcp") ? NET_TCP : NET_UDP;
	rule->last_port = UINT16_MAX;
	return parts->ports ? ports_read(parts->ports, rule) : 0;
}

/* ---- rules ------------------------------------------------------------------------------- */

/* What a URL has in place of a port that it doesn't say. */
static const char *scheme_port(const char *url)
{
	if (strncasecmp(url, "http:", 5) == 0)
		return ":80";
	return strncasecmp(url, "https:", 6) == 0 ? ":443" : "";
}

static bool has_port(const char *host, size_t len)
{
	const char *colon = memrchr(host, ':', len);

	return colon && !memchr(colon, ']', (size_t)(host + len - colon));
}

/* TEXT is SCHEME://[USER@]HOST[:PORT][/...]: the rule that was meant is the hint. */
static int url_refuse(const char *text)
{
	const char *host = strstr(text, "://") + 3, *user;
	size_t len = strcspn(host, "/?#");

	user = memrchr(host, '@', len);
	if (user) {
		len -= (size_t)(user + 1 - host);
		host = user + 1;
	}
	for (size_t i = 0; i < len; i++)
		if (!is_of_name(host[i]) && !strchr(".:[]", host[i]))
			len = 0;
	(void)fail(EINVAL, "a rule is about a host, not about a URL");
	if (len == 0)
		return fail_hint(-EINVAL, "example.org:443 for https://example.org/");
	return fail_hint(-EINVAL, "%.*s%s", (int)len, host,
			 has_port(host, len) ? "" : scheme_port(text));
}

/* TEXT has a comma, perhaps "a.org,b.org" or "a.org:80,443". */
static int list_refuse(const char *text)
{
	size_t len = strcspn(text, ",");
	char first[RULE_TEXT_MAX], shown[SHOWN_MAX];

	memcpy(first, text, len);
	first[len] = '\0';
	return fail_hint(fail(EINVAL, "a rule is about one host, and one port or range"),
			 "%s, and the option again for what is behind the ','",
			 str_escape(shown, sizeof(shown), len > 0 ? first : "example.org:443"));
}

static int rule_read(const char *text, struct net_rule *rule)
{
	char copy[RULE_TEXT_MAX];
	struct parts parts = {.target = copy};
	size_t len = strlen(text);
	int r;

	if (len >= sizeof(copy))
		return fail_hint(fail(EINVAL, "a name is no longer than 253 bytes"),
				 "example.org:443");
	if (strstr(text, "://"))
		return url_refuse(text);
	if (strchr(text, ','))
		return list_refuse(text);
	memcpy(copy, text, len + 1);
	r = protocol_cut(copy, &parts);
	if (r == 0)
		r = target_cut(copy, &parts);
	if (r == 0)
		r = target_read(&parts, rule);
	if (r == 0)
		r = service_read(&parts, rule);
	return r == 0 ? word_check(&parts) : r;
}

int net_rule_parse(const char *text, bool is_allowed, struct net_rule *ret_rule)
{
	struct net_rule rule = {.is_allowed = is_allowed};
	char shown[SHOWN_MAX];
	int r = rule_read(text, &rule);

	if (r < 0)
		return fail_in(r, "'%s'", str_escape(shown, sizeof(shown), text));
	*ret_rule = rule;
	return 0;
}

/* ---- the host ---------------------------------------------------------------------------- */

static bool is_of_loopback(const struct net_rule *rule)
{
	struct in6_addr router;

	(void)inet_pton(AF_INET6, "::ffff:" NET_ROUTER, &router);
	if (rule->target == NET_TARGET_HOST)
		return true;
	return net_rule_is_single(rule) &&
	       (IN6_ARE_ADDR_EQUAL(&rule->address, &router) ||
		(rule_is_ipv4(rule) && rule->address.s6_addr[12] == 127));
}

bool net_reaches_host(const struct net_config *config)
{
	bool reaches = config->host_loopback;

	for (uint32_t i = 0; i < config->n_rules && !reaches; i++)
		reaches = config->rules[i].is_allowed && is_of_loopback(&config->rules[i]);
	return reaches;
}
