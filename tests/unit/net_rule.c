/* SPDX-License-Identifier: Apache-2.0 */
/* net_rule.c: what --allow-net and --deny-net say, and the one form of a host's name. */
#include "net/net.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>

/* ---- what is read ------------------------------------------------------------------------ */

/* TARGET of `text`, in words; ADDRESS as inet_ntop writes it. */
static const struct {
	const char *text;
	enum net_target target;
	const char *what; /* a name, or an address */
	unsigned prefix, first, last, protocols;
} good[] = {
	/* clang-format off */
	{"any", NET_TARGET_ANY, "", 0, 0, 65535, NET_ALL},
	{"ANY", NET_TARGET_ANY, "", 0, 0, 65535, NET_ALL},
	{"any:443", NET_TARGET_ANY, "", 0, 443, 443, NET_TCP | NET_UDP},
	{"any:53/udp", NET_TARGET_ANY, "", 0, 53, 53, NET_UDP},
	{"any/tcp", NET_TARGET_ANY, "", 0, 0, 65535, NET_TCP},
	{"dns", NET_TARGET_DNS, "", 0, 0, 65535, NET_ALL},
	{"private", NET_TARGET_PRIVATE, "", 0, 0, 65535, NET_ALL},
	{"private:22/tcp", NET_TARGET_PRIVATE, "", 0, 22, 22, NET_TCP},
	{"host", NET_TARGET_HOST, "", 0, 0, 65535, NET_ALL},
	{"host:5432", NET_TARGET_HOST, "", 0, 5432, 5432, NET_TCP | NET_UDP},

	{"example.org", NET_TARGET_NAME, "example.org", 0, 0, 65535, NET_ALL},
	{"example.org/tcp", NET_TARGET_NAME, "example.org", 0, 0, 65535, NET_TCP},
	{"example.org/TCP", NET_TARGET_NAME, "example.org", 0, 0, 65535, NET_TCP},
	{"any:53/Udp", NET_TARGET_ANY, "", 0, 53, 53, NET_UDP},
	{"example.org/udp", NET_TARGET_NAME, "example.org", 0, 0, 65535, NET_UDP},
	{"example.org:80", NET_TARGET_NAME, "example.org", 0, 80, 80, NET_TCP | NET_UDP},
	{"example.org:80-90", NET_TARGET_NAME, "example.org", 0, 80, 90, NET_TCP | NET_UDP},
	{"example.org:80-80/udp", NET_TARGET_NAME, "example.org", 0, 80, 80, NET_UDP},
	{"example.org:1-65535/tcp", NET_TARGET_NAME, "example.org", 0, 1, 65535, NET_TCP},
	{"ExAmPlE.ORG.", NET_TARGET_NAME, "example.org", 0, 0, 65535, NET_ALL},
	{"example.org.:443", NET_TARGET_NAME, "example.org", 0, 443, 443, NET_TCP | NET_UDP},
	{"_dmarc.a-b.example", NET_TARGET_NAME, "_dmarc.a-b.example", 0, 0, 65535, NET_ALL},
	{"xn--mnchen-3ya.de", NET_TARGET_NAME, "xn--mnchen-3ya.de", 0, 0, 65535, NET_ALL},
	{"localhost.", NET_TARGET_NAME, "localhost", 0, 0, 65535, NET_ALL},
	{"host.", NET_TARGET_NAME, "host", 0, 0, 65535, NET_ALL},
	{"tcp.", NET_TARGET_NAME, "tcp", 0, 0, 65535, NET_ALL},
	{"1.2.3.4.example", NET_TARGET_NAME, "1.2.3.4.example", 0, 0, 65535, NET_ALL},
	{"127.0.0.1.in-addr.arpa", NET_TARGET_NAME, "127.0.0.1.in-addr.arpa", 0, 0, 65535, NET_ALL},
	{"3com.com", NET_TARGET_NAME, "3com.com", 0, 0, 65535, NET_ALL},
	{"0xyz", NET_TARGET_NAME, "0xyz", 0, 0, 65535, NET_ALL},
	{"*.example.org", NET_TARGET_SUFFIX, "example.org", 0, 0, 65535, NET_ALL},
	{"*.Org.:443/tcp", NET_TARGET_SUFFIX, "org", 0, 443, 443, NET_TCP},
	{"tcp.example.org", NET_TARGET_NAME, "tcp.example.org", 0, 0, 65535, NET_ALL},
	{"nas", NET_TARGET_NAME, "nas", 0, 0, 65535, NET_ALL},
	{"*.localhost", NET_TARGET_SUFFIX, "localhost", 0, 0, 65535, NET_ALL},
	{"*.any", NET_TARGET_SUFFIX, "any", 0, 0, 65535, NET_ALL},

	{"192.0.2.1", NET_TARGET_PREFIX, "::ffff:192.0.2.1", 128, 0, 65535, NET_ALL},
	{"192.0.2.1:80", NET_TARGET_PREFIX, "::ffff:192.0.2.1", 128, 80, 80, NET_TCP | NET_UDP},
	{"192.0.2.0/24", NET_TARGET_PREFIX, "::ffff:192.0.2.0", 120, 0, 65535, NET_ALL},
	{"192.0.2.0/24:80/tcp", NET_TARGET_PREFIX, "::ffff:192.0.2.0", 120, 80, 80, NET_TCP},
	{"192.0.2.0/24/udp", NET_TARGET_PREFIX, "::ffff:192.0.2.0", 120, 0, 65535, NET_UDP},
	{"192.0.2.1/32", NET_TARGET_PREFIX, "::ffff:192.0.2.1", 128, 0, 65535, NET_ALL},
	{"0.0.0.0/0", NET_TARGET_PREFIX, "::ffff:0.0.0.0", 96, 0, 65535, NET_ALL},
	{"0.0.0.0/0:443", NET_TARGET_PREFIX, "::ffff:0.0.0.0", 96, 443, 443, NET_TCP | NET_UDP},
	{"128.0.0.0/1", NET_TARGET_PREFIX, "::ffff:128.0.0.0", 97, 0, 65535, NET_ALL},
	{"10.128.0.0/9", NET_TARGET_PREFIX, "::ffff:10.128.0.0", 105, 0, 65535, NET_ALL},
	{"::", NET_TARGET_PREFIX, "::", 128, 0, 65535, NET_ALL},
	{"::/0", NET_TARGET_PREFIX, "::", 0, 0, 65535, NET_ALL},
	{"[::]/0", NET_TARGET_PREFIX, "::", 0, 0, 65535, NET_ALL},
	{"[::/0]", NET_TARGET_PREFIX, "::", 0, 0, 65535, NET_ALL},
	{"[::]/0:443/tcp", NET_TARGET_PREFIX, "::", 0, 443, 443, NET_TCP},
	{"[::/0]:443/tcp", NET_TARGET_PREFIX, "::", 0, 443, 443, NET_TCP},
	{"::1", NET_TARGET_PREFIX, "::1", 128, 0, 65535, NET_ALL},
	{"::1/tcp", NET_TARGET_PREFIX, "::1", 128, 0, 65535, NET_TCP},
	{"2001:DB8::1", NET_TARGET_PREFIX, "2001:db8::1", 128, 0, 65535, NET_ALL},
	{"2001:db8::/32", NET_TARGET_PREFIX, "2001:db8::", 32, 0, 65535, NET_ALL},
	{"2001:db8::/32/udp", NET_TARGET_PREFIX, "2001:db8::", 32, 0, 65535, NET_UDP},
	{"2001:db8::1:443", NET_TARGET_PREFIX, "2001:db8::1:443", 128, 0, 65535, NET_ALL},
	{"[2001:db8::1]", NET_TARGET_PREFIX, "2001:db8::1", 128, 0, 65535, NET_ALL},
	{"[2001:db8::1]:443", NET_TARGET_PREFIX, "2001:db8::1", 128, 443, 443, NET_TCP | NET_UDP},
	{"[2001:db8::1]/udp", NET_TARGET_PREFIX, "2001:db8::1", 128, 0, 65535, NET_UDP},
	{"[2001:db8::]/32:1-2/udp", NET_TARGET_PREFIX, "2001:db8::", 32, 1, 2, NET_UDP},
	{"fe80::/10", NET_TARGET_PREFIX, "fe80::", 10, 0, 65535, NET_ALL},
	{"::ffff:192.0.2.1", NET_TARGET_PREFIX, "::ffff:192.0.2.1", 128, 0, 65535, NET_ALL},
	{"[::ffff:192.0.2.0]/120:80", NET_TARGET_PREFIX, "::ffff:192.0.2.0", 120, 80, 80,
	 NET_TCP | NET_UDP},
	{"::ffff:0:0/96", NET_TARGET_PREFIX, "::ffff:0.0.0.0", 96, 0, 65535, NET_ALL},
	/* clang-format on */
};

static void test_good(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct net_rule rule;
		char address[INET6_ADDRSTRLEN] = "";
		bool is_prefix = good[i].target == NET_TARGET_PREFIX;

		fail_forget();
		memset(&rule, 0xff, sizeof(rule));
		if (!check_that(net_rule_parse(good[i].text, i % 2, &rule) == 0, "'%s' is read",
				good[i].text)) {
			printf("# %s\n", fail_text());
			continue;
		}
		(void)inet_ntop(AF_INET6, &rule.address, address, sizeof(address));
		check_int(rule.target, good[i].target);
		check_int(rule.is_allowed, i % 2);
		check_str(is_prefix ? address : rule.name, good[i].what);
		check_int(rule.prefix, good[i].prefix);
		check_int(rule.first_port, good[i].first);
		check_int(rule.last_port, good[i].last);
		check_int(rule.protocols, good[i].protocols);
	}
}

/* ---- what is refused --------------------------------------------------------------------- */

/* The sentence and the hint have these parts. */
static const struct {
	const char *text, *sentence, *hint;
} bad[] = {
	{"", "a name isn't empty", "example.org:443"},
	{":80", "a name isn't empty", "example.org:443"},
	{"/tcp", "a name isn't empty", "example.org"},
	{".", "IPv4", "192.0.2.1"},
	{"*", "letters", "'any'"},
	{"*.", "isn't empty", "example.org"},
	{"*.*.org", "letters", "*.example.org"},
	{"a*.org", "letters", "*.example.org"},
	{"*example.org", "letters", "*.example.org"},
	{"www.*", "letters", "*.example.org"},
	{"example..org", "between two dots", "example.org"},
	{".example.org", "before the first", "example.org"},
	{"example.org..", "between two dots", "example.org"},
	{"exa mple.org", "letters", "example.org"},
	{"example.org\n", "letters", "example.org"},
	{"m\303\274nchen.de", "ASCII", "xn--"},
	{"\357\274\241.de", "ASCII", "xn--"},
	{"https://example.org/", "URL", "example.org:443"},
	{"http://Example.org", "URL", "Example.org:80"},
	{"HTTP://example.org/a?b#c", "URL", "example.org:80"},
	{"https://git.example.org?b:1", "URL", "git.example.org:443"},
	{"http://me:secret@example.org:8080/", "URL", "example.org:8080"},
	{"https://[2001:db8::1]/", "URL", "[2001:db8::1]:443"},
	{"https://[2001:db8::1]:8443/", "URL", "[2001:db8::1]:8443"},
	{"git://example.org/a", "URL", "example.org"},
	{"https://a.org/,https://b.org/", "URL", "a.org:443"},
	{"https:///a", "URL", "example.org:443"},
	{"https://\033[31m/", "URL", "example.org:443"},
	{"a.org,b.org", "one host", "a.org, and the option again"},
	{"a.org:80,443", "one host", "a.org:80, and the option again"},
	{",a.org", "one host", "example.org:443, and"},
	{"user@example.org", "letters", "example.org"},
	{"example.org/", "only an address", "192.0.2.0/24"},
	{"example.org/24", "only an address", "192.0.2.0/24"},
	{"any/0", "only an address", "192.0.2.0/24"},
	{"*.org/8", "only an address", "192.0.2.0/24"},
	{"example.org/sctp", "neither tcp nor udp", "/tcp"},
	{"example.org/TCPS", "neither tcp nor udp", "/tcp"},
	{"example.org/tcp/udp", "only an address", "192.0.2.0/24"},
	{"example.org/icmp", "ICMP", "neither port nor protocol"},
	{"dns:53", "neither port nor protocol", "'dns'"},
	{"dns/udp", "neither port nor protocol", "'dns'"},

	{"all", "another word", "any is everything; a host by that name is 'all.'"},
	{"Everything:443", "another word", "any:443 is everything"},
	{"internet/tcp", "another word", "any/tcp is everything, and private"},
	{"localhost:5432", "another word",
	 "host:5432 is this host; a host by that name is 'localhost.'"},
	{"loopback", "another word", "host is this host"},
	{"gateway:80-90/udp", "another word", "host:80-90/udp is this host"},
	{"tcp", "another word", "any/tcp is that protocol"},
	{"tcp:443", "another word", "any:443/tcp is"},
	{"UDP", "another word", "any/udp is that protocol"},
	{"udp/tcp", "another word", "any/tcp is"},
	{"icmp", "another word", "any is everything, and ICMP too"},
	{"none", "another word", "--net none"},
	{"localhost:\033", "1 to 65535", "example.org:443"},

	{"example.org:", "1 to 65535", "example.org:443"},
	{"example.org:0", "1 to 65535", "example.org:443"},
	{"example.org:65536", "1 to 65535", "example.org:443"},
	{"example.org:99999999999999999999", "1 to 65535", "example.org:443"},
	{"example.org:http", "1 to 65535", "example.org:443"},
	{"example.org:+80", "1 to 65535", "example.org:443"},
	{"example.org: 80", "1 to 65535", "example.org:443"},
	{"example.org:-80", "1 to 65535", "example.org:443"},
	{"example.org:80-", "1 to 65535", "8000-8080"},
	{"example.org:80-90-100", "1 to 65535", "8000-8080"},
	{"example.org:0-80", "1 to 65535", "8000-8080"},
	{"example.org:90-80", "before the first", "80-90"},
	{"example.org:80,90", "one port", "example.org:80, and"},
	{"example.org:80/24", "1 to 65535", "example.org:443"},
	{"example.org:80:90", "IPv6", "example.org:443"},

	{"192.0.2.1/24", "behind its prefix", "192.0.2.0/24"},
	{"192.0.2.1/0", "behind its prefix", "0.0.0.0/0"},
	{"192.0.2.3/31:80", "behind its prefix", "192.0.2.2/31"},
	{"2001:db8::1/32", "behind its prefix", "2001:db8::/32"},
	{"fec0::/9", "behind its prefix", "fe80::/9"},
	{"::ffff:192.0.2.1/120", "behind its prefix", "192.0.2.0/24"},
	{"::ffff:192.0.2.1/24", "behind its prefix", "::/24"},
	{"::ffff:0:0/95", "behind its prefix", "/95"},
	{"192.0.2.0/33", "0 to 32", "192.0.2.0/24"},
	{"192.0.2.0/", "0 to 32", "192.0.2.0/24"},
	{"192.0.2.0/-1", "neither tcp nor udp", "192.0.2.0/24"},
	{"192.0.2.0/24/24", "0 to 32", "192.0.2.0/24"},
	{"2001:db8::/129", "0 to 128", "2001:db8::/32"},
	{"192.0.2", "IPv4", "192.0.2.1"},
	{"192.0.2.256", "IPv4", "192.0.2.1"},
	{"192.0.2.01", "IPv4", "leading zeros"},
	{"192.0.2.1.5", "IPv4", "192.0.2.1"},
	{"192.0.2.1.", "IPv4", "192.0.2.1"},
	{"2130706433", "IPv4", "192.0.2.1"},
	{"127.1", "IPv4", "192.0.2.1"},
	{"0x7f000001", "doesn't end in a number", "192.0.2.1"},
	{"0x7f.0.0.0X1", "doesn't end in a number", "192.0.2.1"},
	{"example.1", "doesn't end in a number", "192.0.2.1"},
	{"*.168.192", "doesn't end in a number", "192.0.2.0/24"},
	{"*.127.0.0.1", "doesn't end in a number", "192.0.2.0/24"},
	{"[192.0.2.1]", "IPv6", "[2001:db8::1]:443"},
	{"[example.org]:80", "IPv6", "[2001:db8::1]:443"},
	{"[]", "IPv6", "[2001:db8::1]:443"},
	{"[::1", "']'", "[2001:db8::1]:443"},
	{"[::1]80", "behind ']'", "[2001:db8::1]:443"},
	{"[::1]]", "behind ']'", "[2001:db8::1]:443"},
	{"[::/0]/0", "behind ']'", "[2001:db8::]/32:443"},
	{"[::1]:80:80", "1 to 65535", "example.org:443"},
	{"[::1]/128/128", "0 to 128", "2001:db8::/32"},
	{"2001:db8::/32:443", "in brackets", "[2001:db8::]/32:443"},
	{"fe80::1%eth0", "no interface", "fe80::/10"},
	{"[fe80::1%2]:80", "no interface", "fe80::/10"},
	{"1:2:3", "IPv6", "2001:db8::1"},
	{":::", "IPv6", "2001:db8::1"},
	{"\033[31m.org", "letters", "example.org"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_rule rule = {.prefix = 77};
		char shown[512], quoted[520];
		int r;

		fail_forget();
		r = net_rule_parse(bad[i].text, true, &rule);
		(void)snprintf(quoted, sizeof(quoted),
			       "'%s': ", str_escape(shown, sizeof(shown), bad[i].text));
		if (!check_that(r == -EINVAL, "'%s' is refused", shown) ||
		    !check_that(str_after(fail_text(), quoted) &&
					strstr(fail_text(), bad[i].sentence),
				"and it is said that: %s", bad[i].sentence) ||
		    !check_that(strstr(fail_hint_text(), bad[i].hint), "with a hint: %s",
				bad[i].hint))
			printf("# %s\n# hint: %s\n", fail_text(), fail_hint_text());
		check_that(rule.prefix == 77 && !rule.is_allowed && !*rule.name,
			   "nothing is left of it");
	}
}

/* A hint that is an example is a rule itself: what stands before its first ',', ';' or
 * space. */
static void test_hints(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_rule rule;
		char example[64];

		fail_forget();
		(void)net_rule_parse(bad[i].text, true, &rule);
		(void)snprintf(example, sizeof(example), "%.*s",
			       (int)strcspn(fail_hint_text(), ",; "), fail_hint_text());
		if (strpbrk(example, ".:") &&
		    !check_that(net_rule_parse(example, true, &rule) == 0,
				"the hint '%s' is right", example))
			printf("# %s\n", fail_text());
	}
}

/* ---- names ------------------------------------------------------------------------------- */

/* LEN bytes: labels of 63 and what is left. */
static char *name_of(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = i % 64 == 63 ? '.' : 'a';
	if (len % 64 == 0 && len > 0)
		text[len - 1] = 'a';
	text[len] = '\0';
	return text;
}

static void test_long(void)
{
	char text[512], rule_text[600], name[NET_NAME_MAX + 1];
	struct net_rule rule;

	check(net_name_read(name_of(text, 253), 253, name) && streq(name, text));
	check(!net_name_read(name_of(text, 254), 254, name));
	(void)memcpy(name_of(text, 253) + 253, ".", 2);
	check(net_name_read(text, 254, name) && strlen(name) == 253);
	(void)memcpy(text + 253, "..", 3);
	check(!net_name_read(text, 255, name));

	(void)snprintf(rule_text, sizeof(rule_text), "*.%s.:10000-65535/tcp",
		       name_of(text, 253));
	check_int(net_rule_parse(rule_text, true, &rule), 0);
	check_str(rule.name, text);
	check_int(net_rule_parse(name_of(rule_text, 254), true, &rule), -EINVAL);
	check_int(net_rule_parse(name_of(rule_text, 500), true, &rule), -EINVAL);
	check(strstr(fail_text(), "253"));
	memset(text, 'a', 64);
	check(net_name_read(text, 63, name) && !net_name_read(text, 64, name));
	memcpy(text + 64, ".org", 5);
	check(!net_name_read(text, 68, name) && net_name_read(text + 1, 67, name));
}

static const struct {
	const char *text;
	size_t len;	  /* 0: its own */
	const char *name; /* NULL: none */
} names[] = {
	{"example.org", 0, "example.org"},
	{"EXAMPLE.Org.", 0, "example.org"},
	{"a", 0, "a"},
	{"a.", 0, "a"},
	{"-._", 0, "-._"},
	{"xn--mnchen-3ya.de", 0, "xn--mnchen-3ya.de"},
	{"example.org:443", 11, "example.org"},
	{"", 0, NULL},
	{".", 0, NULL},
	{"..", 0, NULL},
	{"a..", 0, NULL},
	{".a", 0, NULL},
	{"a..b", 0, NULL},
	{"a b", 0, NULL},
	{"*.example.org", 0, NULL},
	{"a/b", 0, NULL},
	{"a:b", 0, NULL},
	{"a\\b", 0, NULL},
	{"m\303\274nchen.de", 0, NULL},
	{"good.example\0.evil.example", 26, NULL},
	{"good.example\0", 13, NULL},
	{"\0good.example", 13, NULL},
	{"192.0.2.1", 0, NULL},
	{"192.0.2.1.", 0, NULL},
	{"1", 0, NULL},
	{"127.1", 0, NULL},
	{"example.0", 0, NULL},
	{"0x7f.0x1", 0, NULL},
	{"0X7F000001", 0, NULL},
	{"0x", 0, NULL},
	{"::1", 0, NULL},
	{"[::1]", 0, NULL},
	{"1a", 0, "1a"},
	{"0xg", 0, "0xg"},
	{"1.0.0.127.in-addr.arpa", 0, "1.0.0.127.in-addr.arpa"},
};

static void test_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[NET_NAME_MAX + 1] = "untouched";
		size_t len = names[i].len ? names[i].len : strlen(names[i].text);
		bool is_name = net_name_read(names[i].text, len, name);

		check_that(is_name == (names[i].name != NULL), "'%s' is %s name", names[i].text,
			   names[i].name ? "a" : "no");
		check_str(name, names[i].name ? names[i].name : "untouched");
	}
	for (unsigned c = 0; c < 256; c++) {
		const char text[] = {'a', (char)c, 'b'};
		char name[NET_NAME_MAX + 1];
		bool want = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			    (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';

		if (net_name_read(text, sizeof(text), name) != want)
			check_that(false, "byte %u in a name", c);
	}
}

static bool is_single(const char *text)
{
	struct net_rule rule;

	return net_rule_parse(text, true, &rule) == 0 && net_rule_is_single(&rule);
}

static void test_single(void)
{
	check(is_single("192.0.2.1") && is_single("::1") && is_single("127.0.0.0/8"));
	check(is_single("127.0.0.0/24:80") && is_single("::ffff:127.0.0.0/104"));
	check(!is_single("126.0.0.0/7") && !is_single("0.0.0.0/0") && !is_single("::/127"));
	check(!is_single("192.0.2.0/31") && !is_single("host") && !is_single("example.org"));
}

/* What a rule wouldn't read as the name that it is. */
static void test_words(void)
{
	check(net_name_is_word("any") && net_name_is_word("host") && net_name_is_word("tcp"));
	check(!net_name_is_word("nas") && !net_name_is_word("tcp.example.org"));
}

int main(void)
{
	test_single();
	test_words();
	test_good();
	test_bad();
	test_hints();
	test_long();
	test_names();
	return tap_done();
}
