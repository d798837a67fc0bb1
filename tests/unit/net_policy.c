/* SPDX-License-Identifier: Apache-2.0 */
/* net_policy.c: what a sandbox may reach, by rules, by names, and by what stands before
 * both. */
#include "pins.h"
#include "policy.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/str.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { MINUTE = 60 * 1000, DAY = 24 * 60 * MINUTE };

static struct net_config config;
static int64_t now = 1000;

static struct in6_addr address_of(const char *text)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text,
		      strchr(text, ':') ? a.s6_addr : a.s6_addr + 12) != 1)
		printf("# '%s' is no address\n", text);
	return a;
}

/* ---- a policy, in words ------------------------------------------------------------------ */

/* What follows in WORDS up to a space, in one buffer. */
static const char *word_next(const char **words)
{
	static char word[NET_NAME_MAX + 64];
	size_t len;

	*words += strspn(*words, " ");
	len = strcspn(*words, " ");
	(void)snprintf(word, sizeof(word), "%.*s", (int)len, *words);
	*words += len;
	return word;
}

static void host_add(const char *entry)
{
	const char *equals = strchr(entry, '=');
	struct net_host *h = &config.hosts[config.n_hosts++];

	(void)snprintf(h->name, sizeof(h->name), "%.*s", (int)(equals - entry), entry);
	h->address = address_of(equals + 1);
}

/* "+RULE -RULE @NAME=ADDRESS !", the last being --host-loopback. */
static void start(const char *words)
{
	memset(&config, 0, sizeof(config));
	while (*words) {
		const char *word = word_next(&words);

		if (*word == '@')
			host_add(word + 1);
		else if (*word == '!')
			config.host_loopback = true;
		else if (*word && net_rule_parse(word + 1, *word == '+',
						 &config.rules[config.n_rules++]) < 0)
			check_that(false, "%s: %s", word, fail_text());
	}
	policy_start(&config);
	policy_set_time(now);
}

static void pass(int64_t ms)
{
	now += ms;
	policy_set_time(now);
}

/* "ADDRESS PORT[/tcp|/udp|/icmp] [own] [NAME=ANSWERED...]": the query; answers are given
 * first. */
static struct policy_query query_of(const char *words)
{
	struct policy_query q = {.protocol = NET_TCP};
	char service[32];
	char *slash;

	q.address = address_of(word_next(&words));
	(void)snprintf(service, sizeof(service), "%s", word_next(&words));
	slash = strchr(service, '/');
	if (slash) {
		q.protocol = streq(slash, "/udp")    ? NET_UDP
			     : streq(slash, "/icmp") ? NET_ICMP
						     : NET_TCP;
		*slash = '\0';
	}
	q.port = (uint16_t)strtoul(service, NULL, 10);
	q.is_own = streq(word_next(&words), "own");
	return q;
}

static struct policy_verdict ask(const char *words)
{
	struct policy_query q = query_of(words);

	return policy_decide(&q);
}

static struct policy_verdict ask_named(const char *words, const char *name)
{
	struct policy_query q = query_of(words);

	return policy_decide_named(&q, name);
}

static struct policy_verdict answer(const char *name, const char *address, uint32_t ttl)
{
	struct in6_addr a = address_of(address);

	return policy_answer(name, &a, ttl);
}

static void hold(const char *address)
{
	struct in6_addr a = address_of(address);

	policy_hold(&a);
}

static void release(const char *address)
{
	struct in6_addr a = address_of(address);

	policy_release(&a);
}

/* "+" allowed, "?" allowed where it says its name, else the reason of the refusal. */
static const char *said(struct policy_verdict v)
{
	static const char *const reasons[] = {
		"rule",	   "default", "host",	 "link-local", "metadata",
		"special", "private", "no-name", "other-name", "path",
	};

	if (v.is_allowed)
		return v.needs_name ? "?" : "+";
	return reasons[v.reason];
}

/* ---- one connection, no names ------------------------------------------------------------ */

struct row {
	const char *rules, *query, *want;
	int rule; /* that decided */
};

static const struct row by_rules[] = {
	/* clang-format off */
	/* Nothing is said: all is allowed but what stands before the rules. */
	{"", "192.0.2.1 80", "+", -1},
	{"", "192.0.2.1 0/icmp", "+", -1},
	{"", "10.0.0.1 80", "+", -1},
	{"", "2001:db8::1 53/udp", "+", -1},
	/* Refusals alone leave the rest. */
	{"-192.0.2.1", "192.0.2.1 80", "rule", 0},
	{"-192.0.2.1", "192.0.2.2 80", "+", -1},
	{"-private", "10.1.2.3 80", "rule", 0},
	{"-private", "192.0.2.1 80", "+", -1},
	{"-any", "192.0.2.1 80", "rule", 0},
	{"-dns", "192.0.2.1 53/udp", "+", -1},
	/* One that allows closes the rest. */
	{"+192.0.2.1", "192.0.2.1 80", "+", 0},
	{"+192.0.2.1", "192.0.2.2 80", "default", -1},
	{"+192.0.2.1", "2001:db8::1 80", "default", -1},
	{"+dns", "192.0.2.1 80", "default", -1},
	{"+dns", "192.0.2.1 53/udp", "default", -1},
	{"+example.org", "192.0.2.1 80", "default", -1},
	{"+host", "192.0.2.1 80", "default", -1},
	{"+any", "192.0.2.1 80", "+", 0},
	{"+any", "10.0.0.1 80", "+", 0},
	{"+any", "2001:db8::1 80", "+", 0},

	/* Targets and their edges. */
	{"+192.0.2.0/24", "192.0.2.0 80", "+", 0},
	{"+192.0.2.0/24", "192.0.2.255 80", "+", 0},
	{"+192.0.2.0/24", "192.0.3.0 80", "default", -1},
	{"+192.0.2.128/25", "192.0.2.127 80", "default", -1},
	{"+0.0.0.0/0", "192.0.2.1 80", "+", 0},
	{"+0.0.0.0/0", "2001:db8::1 80", "default", -1},
	{"+::/0", "2001:db8::1 80", "+", 0},
	{"+::/0", "192.0.2.1 80", "default", -1},
	{"-::/0", "192.0.2.1 80", "+", -1},
	{"-0.0.0.0/0", "2001:db8::1 80", "+", -1},
	{"+::ffff:192.0.2.1", "192.0.2.1 80", "+", 0},
	{"+2001:db8::/33", "2001:db8:7fff::1 80", "+", 0},
	{"+2001:db8::/33", "2001:db8:8000::1 80", "default", -1},
	{"+private", "10.255.255.255 80", "+", 0},
	{"+private", "11.0.0.0 80", "default", -1},
	{"+private", "172.16.0.0 80", "+", 0},
	{"+private", "172.31.255.255 80", "+", 0},
	{"+private", "172.32.0.0 80", "default", -1},
	{"+private", "192.168.0.1 80", "+", 0},
	{"+private", "192.169.0.1 80", "default", -1},
	{"+private", "100.64.0.1 80", "+", 0},
	{"+private", "100.128.0.1 80", "default", -1},
	{"+private", "fc00::1 80", "+", 0},
	{"+private", "fdff::1 80", "+", 0},
	{"+private", "fbff::1 80", "default", -1},

	/* Ports and protocols. */
	{"+192.0.2.1:80", "192.0.2.1 80", "+", 0},
	{"+192.0.2.1:80", "192.0.2.1 80/udp", "+", 0},
	{"+192.0.2.1:80", "192.0.2.1 79", "default", -1},
	{"+192.0.2.1:80", "192.0.2.1 0/icmp", "default", -1},
	{"+192.0.2.1:80-82", "192.0.2.1 82", "+", 0},
	{"+192.0.2.1:80-82", "192.0.2.1 83", "default", -1},
	{"+192.0.2.1/tcp", "192.0.2.1 9", "+", 0},
	{"+192.0.2.1/tcp", "192.0.2.1 9/udp", "default", -1},
	{"+192.0.2.1/tcp", "192.0.2.1 0/icmp", "default", -1},
	{"+192.0.2.1:53/udp", "192.0.2.1 53/udp", "+", 0},
	{"+192.0.2.1:53/udp", "192.0.2.1 53", "default", -1},
	{"+any:443", "192.0.2.1 443", "+", 0},
	{"+any:443", "192.0.2.1 80", "default", -1},
	{"-any:25", "192.0.2.1 25", "rule", 0},
	{"-any:25", "192.0.2.1 26", "+", -1},

	/* The more specific one decides, wherever it stands. */
	{"+any -private", "10.0.0.1 80", "rule", 1},
	{"-private +any", "10.0.0.1 80", "rule", 0},
	{"-any +private", "10.0.0.1 80", "+", 1},
	{"+private -10.0.0.0/8", "10.0.0.1 80", "rule", 1},
	{"-private +10.0.0.0/8", "10.0.0.1 80", "+", 1},
	{"-private +10.0.0.0/8", "192.168.0.1 80", "rule", 0},
	{"-private +10.1.0.0/16", "10.1.0.1 80", "+", 1},
	{"+private -8.0.0.0/5", "10.0.0.1 80", "+", 0},
	{"-private +8.0.0.0/5", "10.0.0.1 80", "rule", 0},
	{"-private +0.0.0.0/0", "10.0.0.1 80", "rule", 0},
	{"-private +0.0.0.0/0", "192.0.2.1 80", "+", 1},
	{"-private +172.16.0.0/12", "172.16.0.1 80", "+", 1},
	{"-private +172.0.0.0/11", "172.16.0.1 80", "rule", 0},
	{"-private +fc00::/7", "fd01::1 80", "+", 1},
	{"-private +fc00::/6", "fd01::1 80", "rule", 0},
	{"+any -0.0.0.0/0", "192.0.2.1 80", "rule", 1},
	{"-any +0.0.0.0/0", "192.0.2.1 80", "+", 1},
	{"+192.0.2.0/24 -192.0.2.0/25", "192.0.2.1 80", "rule", 1},
	{"-192.0.2.0/24 +192.0.2.0/25", "192.0.2.1 80", "+", 1},
	{"-192.0.2.0/31 +192.0.2.1", "192.0.2.1 80", "+", 1},
	{"+192.0.2.0/31 -192.0.2.1", "192.0.2.1 80", "rule", 1},
	/* Then ports, then protocols; the target before both. */
	{"+any:443 -any", "192.0.2.1 443", "+", 0},
	{"+any -any:443", "192.0.2.1 443", "rule", 1},
	{"+any:400-500 -any:440-450", "192.0.2.1 443", "rule", 1},
	{"-any:400-500 +any:440-450", "192.0.2.1 443", "+", 1},
	{"+any -any/udp", "192.0.2.1 9/udp", "rule", 1},
	{"-any +any/tcp", "192.0.2.1 9", "+", 1},
	{"+any:443/tcp -any:443", "192.0.2.1 443", "+", 0},
	{"-any:443 +any/tcp", "192.0.2.1 443", "rule", 0},
	{"+any:443/tcp -192.0.2.0/24", "192.0.2.1 443", "rule", 1},
	/* Of equals the one that refuses. */
	{"+any -any", "192.0.2.1 80", "rule", 1},
	{"-any +any", "192.0.2.1 80", "rule", 0},
	{"+192.0.2.1 -192.0.2.1/32", "192.0.2.1 80", "rule", 1},
	{"-private +private", "10.0.0.1 80", "rule", 0},
	{"+any:80-90 -any:85-95", "192.0.2.1 88", "rule", 1},
	{"-any:85-95 +any:80-90", "192.0.2.1 88", "rule", 0},
	{"+any/tcp -any/tcp", "192.0.2.1 88", "rule", 1},
	{"+any +any", "192.0.2.1 88", "+", 0},
	/* clang-format on */
};

/* What stands before the rules, and what lifts it. */
static const struct row by_class[] = {
	/* clang-format off */
	{"", "127.0.0.1 80", "host", -1},
	{"", "127.255.255.255 80", "host", -1},
	{"", "::1 80", "host", -1},
	{"", "10.0.2.2 80", "host", -1},
	{"", "fd00::2 80", "host", -1},
	{"", "192.168.1.5 80 own", "host", -1},
	{"", "203.0.113.5 80 own", "host", -1},
	{"", "127.0.0.1 80 own", "host", -1},
	{"", "10.0.2.2 80 own", "host", -1},
	{"+any", "127.0.0.1 80", "host", -1},
	{"+any", "10.0.2.2 80", "host", -1},
	{"+any", "192.168.1.5 80 own", "host", -1},
	{"+private", "192.168.1.5 80 own", "host", -1},
	{"+private", "10.0.2.2 80", "host", -1},
	{"+private", "fd00::2 80", "host", -1},
	{"+0.0.0.0/0", "127.0.0.1 80", "host", -1},
	{"+126.0.0.0/7", "127.0.0.1 80", "host", -1},
	{"+::/0", "::1 80", "host", -1},
	{"+::/127", "::1 80", "host", -1},
	{"+10.0.0.0/8", "10.0.2.2 80", "host", -1},
	{"+10.0.2.0/24", "10.0.2.2 80", "host", -1},
	{"+192.168.1.0/24", "192.168.1.5 80 own", "host", -1},
	{"+192.168.1.4/31", "192.168.1.5 80 own", "host", -1},
	{"+127.0.0.1", "127.0.0.2 80", "host", -1},
	{"+host", "127.0.0.1 80", "+", 0},
	{"+host", "127.0.0.1 80 own", "+", 0},
	{"+host", "::1 80", "+", 0},
	{"+host", "10.0.2.2 80", "+", 0},
	{"+host", "fd00::2 80", "+", 0},
	{"+host", "192.168.1.5 80 own", "+", 0},
	{"+host", "10.0.2.4 80", "special", -1},
	{"+host:80", "127.0.0.1 80", "+", 0},
	{"+host:80", "127.0.0.1 81", "host", -1},
	{"+host:80 +any", "127.0.0.1 81", "host", -1},
	{"+host/tcp +any", "127.0.0.1 80/udp", "host", -1},
	{"+127.0.0.0/8", "127.1.2.3 80", "+", 0},
	{"+127.0.0.0/8", "127.0.0.1 80 own", "+", 0},
	{"+127.0.0.0/8", "10.0.2.2 80", "+", 0},
	{"+127.0.0.0/8", "::1 80", "host", -1},
	{"+127.0.0.1:80", "127.0.0.1 80", "+", 0},
	{"+127.0.0.1:80", "10.0.2.2 80", "+", 0},
	{"+127.0.0.1:80", "127.0.0.1 81", "host", -1},
	{"+10.0.2.2", "10.0.2.2 80", "+", 0},
	{"+10.0.2.2", "127.0.0.1 80", "+", 0},
	{"+10.0.2.2", "127.0.0.2 80", "host", -1},
	{"+fd00::2", "fd00::2 80", "+", 0},
	{"+fd00::2", "::1 80", "+", 0},
	{"+::1", "fd00::2 80", "+", 0},
	{"+::1", "127.0.0.1 80", "host", -1},
	{"+192.168.1.5", "192.168.1.5 80 own", "+", 0},
	{"+192.168.1.5:80", "192.168.1.5 81 own", "host", -1},
	{"+192.168.1.5", "192.168.1.6 80 own", "host", -1},
	{"+[2001:db8::5]:80", "2001:db8::5 80 own", "+", 0},
	/* --host-loopback lifts the same, and closes nothing. */
	{"!", "127.0.0.1 80", "+", -1},
	{"!", "10.0.2.2 80", "+", -1},
	{"!", "fd00::2 80", "+", -1},
	{"!", "192.168.1.5 80 own", "+", -1},
	{"!", "192.0.2.1 80", "+", -1},
	{"!", "169.254.1.1 80", "link-local", -1},
	{"! +192.0.2.1", "127.0.0.1 80", "+", -1},
	{"! +192.0.2.1", "192.0.2.2 80", "default", -1},
	{"! -any", "127.0.0.1 80", "+", -1},
	{"! -host", "127.0.0.1 80", "rule", 0},
	{"! -127.0.0.1", "127.0.0.1 80", "rule", 0},
	{"! -127.0.0.1:22", "10.0.2.2 22", "rule", 0},
	{"! -127.0.0.1:22", "10.0.2.2 23", "+", -1},
	/* Refusals hold for what is lifted. */
	{"+host -host:22", "127.0.0.1 22", "rule", 1},
	{"+host -host:22", "127.0.0.1 23", "+", 0},
	{"+host -127.0.0.1", "127.0.0.1 80", "rule", 1},
	{"+host -127.0.0.1", "127.0.0.2 80", "+", 0},
	{"+host -10.0.2.2", "127.0.0.1 80", "rule", 1},
	{"+127.0.0.0/8 -127.0.0.1", "127.0.0.1 80", "rule", 1},
	{"+host -any", "127.0.0.1 80", "+", 0},
	{"+host -192.168.0.0/16", "192.168.1.5 80 own", "+", 0},
	{"-host", "127.0.0.1 80", "host", -1},

	{"", "169.254.1.1 80", "link-local", -1},
	{"", "fe80::1 80", "link-local", -1},
	{"", "febf::1 80", "link-local", -1},
	{"+any", "169.254.1.1 80", "link-local", -1},
	{"+private", "169.254.1.1 80", "link-local", -1},
	{"+host", "169.254.1.1 80", "link-local", -1},
	{"+host", "fe80::1 80 own", "link-local", -1},
	{"+169.0.0.0/8", "169.254.1.1 80", "link-local", -1},
	{"+fe80::/9", "fe80::1 80", "link-local", -1},
	{"+169.254.0.0/16", "169.254.1.1 80", "+", 0},
	{"+169.254.0.0/16:80", "169.254.1.1 81", "link-local", -1},
	{"+169.254.1.1", "169.254.1.1 80", "+", 0},
	{"+169.254.1.1", "169.254.1.2 80", "link-local", -1},
	{"+fe80::/10", "fe80::1 80", "+", 0},
	{"+fe80::/64", "fe80::1 80", "+", 0},
	{"+fe80::/64", "fe80::1 80 own", "host", -1},
	{"+fe80::1", "fe80::1 80 own", "+", 0},
	{"+169.254.0.0/16 -169.254.1.0/24", "169.254.1.1 80", "rule", 1},

	{"", "169.254.169.254 80", "metadata", -1},
	{"", "169.254.170.2 80", "metadata", -1},
	{"", "100.100.100.200 80", "metadata", -1},
	{"", "168.63.129.16 80", "metadata", -1},
	{"", "fd00:ec2::254 80", "metadata", -1},
	{"", "fd00:ec2::23 80", "metadata", -1},
	{"", "fd20:ce::254 80", "metadata", -1},
	{"", "fd00:c1::a9fe:a9fe 80", "metadata", -1},
	{"", "fd00:42::42 80", "metadata", -1},
	{"", "fe80::a9fe:a9fe 80", "metadata", -1},
	{"+any", "169.254.169.254 80", "metadata", -1},
	{"+169.254.0.0/16", "169.254.169.254 80", "metadata", -1},
	{"+169.254.169.254/31", "169.254.169.254 80", "metadata", -1},
	{"+169.254.169.254", "169.254.169.254 80", "+", 0},
	{"+169.254.169.254:80", "169.254.169.254 81", "metadata", -1},
	{"+private", "100.100.100.200 80", "metadata", -1},
	{"+100.64.0.0/10", "100.100.100.200 80", "metadata", -1},
	{"+100.100.100.200", "100.100.100.200 80", "+", 0},
	{"+private", "fd00:ec2::254 80", "metadata", -1},
	{"+fd00:ec2::/32", "fd00:ec2::254 80", "metadata", -1},
	{"+fd00:ec2::254", "fd00:ec2::254 80", "+", 0},
	{"+any", "168.63.129.16 80", "metadata", -1},
	{"+168.63.129.16", "168.63.129.16 80", "+", 0},
	{"+any", "168.63.129.17 80", "+", 0},
	{"+private", "100.100.100.201 80", "+", 0},

	{"", "0.0.0.0 80", "special", -1},
	{"", "0.1.2.3 80", "special", -1},
	{"", "224.0.0.251 5353/udp", "special", -1},
	{"", "240.0.0.1 80", "special", -1},
	{"", "255.255.255.255 67/udp", "special", -1},
	{"", "10.0.2.3 53/udp", "special", -1},
	{"", "10.0.2.100 80", "special", -1},
	{"", "fd00::3 53/udp", "special", -1},
	{"", "fd00::100 80", "special", -1},
	{"", "fd00:0:0:1::1 80", "+", -1},
	{"", ":: 80", "special", -1},
	{"", "::2 80", "special", -1},
	{"", "::127.0.0.1 80", "special", -1},
	{"", "::192.0.2.1 80", "special", -1},
	{"", "::ffff:0:127.0.0.1 80", "special", -1},
	{"", "64:ff9b::127.0.0.1 80", "special", -1},
	{"", "64:ff9b::192.0.2.1 80", "special", -1},
	{"", "64:ff9b:1::1 80", "special", -1},
	{"", "2002:7f00:1::1 80", "special", -1},
	{"", "2001::1 80", "special", -1},
	{"", "2001:1::1 80", "+", -1},
	{"", "fec0::1 80", "special", -1},
	{"", "ff02::1 80", "special", -1},
	{"+any", "224.0.0.251 5353/udp", "special", -1},
	{"+any", "64:ff9b::127.0.0.1 80", "special", -1},
	{"+::/0", "64:ff9b::127.0.0.1 80", "special", -1},
	{"+::/8", "64:ff9b::127.0.0.1 80", "special", -1},
	{"+::/8", "::1 80", "host", -1},
	{"+::/8", "::2 80", "+", 0},
	{"+64:ff9b::/96", "64:ff9b::192.0.2.1 80", "+", 0},
	{"+224.0.0.0/4", "224.0.0.251 5353/udp", "+", 0},
	{"+224.0.0.0/4", "224.0.0.251 5353/udp own", "host", -1},
	{"+224.0.0.251", "224.0.0.251 5353/udp own", "+", 0},
	{"+192.0.0.0/2", "224.0.0.251 5353/udp", "special", -1},
	{"+10.0.2.0/24", "10.0.2.100 80", "+", 0},
	{"+10.0.0.0/8", "10.0.2.100 80", "special", -1},
	{"+private", "10.0.2.100 80", "special", -1},
	{"+private", "fd00::100 80", "special", -1},
	{"+private", "10.0.3.1 80", "+", 0},
	/* clang-format on */
};

static void test_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct policy_verdict v;

		start(rows[i].rules);
		v = ask(rows[i].query);
		if (!check_that(streq(said(v), rows[i].want) && v.rule == rows[i].rule,
				"'%s' and %s: %s by %d", rows[i].rules, rows[i].query,
				rows[i].want, rows[i].rule))
			printf("# %s by %d\n", said(v), v.rule);
		if (v.is_allowed && v.rule < 0)
			check_int(v.reason, NET_BY_DEFAULT);
	}
}

static void test_state(void)
{
	start("");
	check(!policy_is_closed() && !policy_has_names());
	start("-any -private");
	check(!policy_is_closed() && !policy_has_names());
	start("!");
	check(!policy_is_closed() && !policy_has_names());
	start("-*.example.org");
	check(!policy_is_closed() && policy_has_names());
	start("-any +192.0.2.1");
	check(policy_is_closed() && !policy_has_names());
	start("+example.org");
	check(policy_is_closed() && policy_has_names());
	start("");
	check(!policy_is_closed() && !policy_has_names());
}

/* ---- names that are asked for ------------------------------------------------------------ */

static const struct row by_name[] = {
	/* clang-format off */
	{"", "example.org", "+", -1},
	{"-any", "example.org", "rule", 0},
	{"-any:25", "example.org", "+", -1},
	{"-any/tcp -any/udp", "example.org", "+", -1},
	{"-private -192.0.2.1", "example.org", "+", -1},
	{"+192.0.2.0/24", "example.org", "default", -1},
	{"+private", "example.org", "default", -1},
	{"+host", "example.org", "default", -1},
	{"+any", "example.org", "+", 0},
	{"+any:443/tcp", "example.org", "+", 0},
	{"+dns", "example.org", "+", 0},
	{"-dns", "example.org", "rule", 0},
	{"+any -dns", "example.org", "rule", 1},
	{"+any:443 -dns", "example.org", "rule", 1},
	{"-any +dns", "example.org", "+", 1},
	{"+dns -dns", "example.org", "rule", 1},
	{"-dns +example.org", "example.org", "+", 1},
	{"-dns +example.org:80", "example.org", "+", 1},
	{"-dns +example.org", "example.com", "rule", 0},
	{"-dns +*.example.org", "a.example.org", "+", 1},
	{"+dns -example.org", "example.org", "rule", 1},
	{"+dns -example.org:25", "example.org", "+", 0},
	{"+any -example.org", "example.org", "rule", 1},
	{"+any -*.org", "example.org", "rule", 1},
	{"+any:443 -*.org", "example.org", "rule", 1},
	{"+any:443 -*.org:443", "example.org", "rule", 1},
	{"+any:443/tcp -*.org:443/udp", "example.org", "+", 0},
	{"+any:443-444 -*.org:443", "example.org", "+", 0},
	{"-example.org", "example.org", "rule", 0},
	{"-example.org:25", "example.org", "+", -1},
	{"-example.org", "a.example.org", "+", -1},
	{"+example.org", "example.org", "+", 0},
	{"+example.org", "a.example.org", "default", -1},
	{"+example.org", "notexample.org", "default", -1},
	{"+example.org", "example.orga", "default", -1},
	{"+*.example.org", "example.org", "default", -1},
	{"+*.example.org", "a.example.org", "+", 0},
	{"+*.example.org", "b.a.example.org", "+", 0},
	{"+*.example.org", "notexample.org", "default", -1},
	{"+*.example.org", ".example.org", "default", -1},
	{"+*.example.org -a.example.org", "a.example.org", "rule", 1},
	{"+*.example.org -a.example.org", "b.example.org", "+", 0},
	{"+*.example.org -*.a.example.org", "b.a.example.org", "rule", 1},
	{"-*.example.org +*.a.example.org", "b.a.example.org", "+", 1},
	{"-*.example.org +a.example.org:80", "a.example.org", "+", 1},
	{"+*.example.org:80 -a.example.org", "a.example.org", "rule", 1},
	{"+example.org -example.org", "example.org", "rule", 1},
	{"+example.org:443 -example.org", "example.org", "+", 0},
	{"+example.org:443 -example.org:443", "example.org", "rule", 1},
	{"+example.org:443/tcp -example.org:443", "example.org", "+", 0},
	{"+xn--mnchen-3ya.de", "xn--mnchen-3ya.de", "+", 0},
	{"+ExAmPlE.org.", "example.org", "+", 0},
	{"@db=10.0.0.5 +192.0.2.1", "db", "default", -1},
	/* clang-format on */
};

static void test_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
		struct policy_verdict v;

		start(by_name[i].rules);
		v = policy_decide_name(by_name[i].query);
		if (!check_that(streq(said(v), by_name[i].want) && v.rule == by_name[i].rule,
				"'%s' and the name %s: %s by %d", by_name[i].rules,
				by_name[i].query, by_name[i].want, by_name[i].rule))
			printf("# %s by %d\n", said(v), v.rule);
	}
}

/* ---- answers ----------------------------------------------------------------------------- */

/* What a name server says of an allowed name, example.org. */
static const struct {
	const char *rules, *address, *want;
} by_answer[] = {
	/* clang-format off */
	{"", "192.0.2.1", "+"},
	{"", "10.0.0.1", "+"},
	{"", "127.0.0.1", "+"},
	{"-private", "10.0.0.1", "+"},
	{"!", "127.0.0.1", "+"},
	{"+example.org", "192.0.2.1", "+"},
	{"+example.org", "2001:db8::1", "+"},
	{"+example.org", "10.0.0.1", "private"},
	{"+example.org", "172.16.0.1", "private"},
	{"+example.org", "192.168.0.1", "private"},
	{"+example.org", "100.64.0.1", "private"},
	{"+example.org", "fd12::1", "private"},
	{"+example.org", "127.0.0.1", "host"},
	{"+example.org", "::1", "host"},
	{"+example.org", "10.0.2.2", "host"},
	{"+example.org", "fd00::2", "host"},
	{"+example.org", "169.254.1.1", "link-local"},
	{"+example.org", "169.254.169.254", "metadata"},
	{"+example.org", "fd00:ec2::254", "metadata"},
	{"+example.org", "0.0.0.0", "special"},
	{"+example.org", "::", "special"},
	{"+example.org", "::127.0.0.1", "special"},
	{"+example.org", "64:ff9b::10.0.0.1", "special"},
	{"+example.org", "224.0.0.1", "special"},
	{"+example.org", "10.0.2.3", "special"},
	{"+192.0.2.1 +dns", "10.0.0.1", "private"},
	{"+any", "10.0.0.1", "+"},
	{"+any", "127.0.0.1", "host"},
	{"+any -private", "10.0.0.1", "private"},
	{"+any -private:22", "10.0.0.1", "+"},
	{"+any:443 -private", "10.0.0.1", "private"},
	{"+any -10.0.0.0/8", "10.0.0.1", "private"},
	{"+any -10.0.0.0/8", "192.168.0.1", "+"},
	{"+example.org +private", "10.0.0.1", "+"},
	{"+example.org +10.0.0.0/8", "10.0.0.1", "+"},
	{"+example.org +10.0.0.0/8", "192.168.0.1", "private"},
	{"+example.org +10.0.0.1:443/tcp", "10.0.0.1", "+"},
	{"+example.org +10.0.0.0/8 -10.0.0.1", "10.0.0.1", "private"},
	{"+example.org +10.0.0.0/8 -10.0.0.1:22", "10.0.0.1", "+"},
	{"+example.org +0.0.0.0/0", "10.0.0.1", "+"},
	{"+example.org +host", "127.0.0.1", "+"},
	{"+example.org +host:80", "127.0.0.1", "+"},
	{"+example.org +host -127.0.0.1", "127.0.0.1", "host"},
	{"+example.org +host", "10.0.0.1", "private"},
	{"+example.org +127.0.0.0/8", "127.0.0.1", "+"},
	{"+example.org +169.254.169.254", "169.254.169.254", "+"},
	{"+example.org +169.254.0.0/16", "169.254.169.254", "metadata"},
	{"+example.org +169.254.0.0/16", "169.254.1.1", "+"},
	{"! +example.org", "127.0.0.1", "+"},
	{"! +example.org -127.0.0.1", "127.0.0.1", "host"},
	{"-evil.example", "10.0.0.1", "+"},
	{"-evil.example", "127.0.0.1", "host"},
	{"-evil.example -private", "10.0.0.1", "private"},
	/* clang-format on */
};

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_answer); i++) {
		const char *want = by_answer[i].want;

		start(by_answer[i].rules);
		if (!check_that(streq(said(answer("example.org", by_answer[i].address, 60)),
				      want),
				"'%s' and the answer %s: %s", by_answer[i].rules,
				by_answer[i].address, want))
			printf("# %s\n", said(answer("example.org", by_answer[i].address, 60)));
	}
}

/* ---- connections by a name --------------------------------------------------------------- */

/* ANSWERS are "NAME=ADDRESS ..."; SAYS is the name that the connection says, NULL: it isn't
 * asked. */
static const struct {
	const char *rules, *answers, *query, *says, *want, *name;
} by_pin[] = {
	/* clang-format off */
	{"+a.org", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+a.org", "a.org=192.0.2.1", "192.0.2.1 80/udp", NULL, "?", "a.org"},
	{"+a.org", "a.org=192.0.2.1", "192.0.2.2 80", NULL, "default", NULL},
	{"+a.org:443", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "default", "a.org"},
	{"+*.org", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+*.org", "org=192.0.2.1", "192.0.2.1 80", NULL, "default", "org"},
	{"+dns +b.org", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "default", "a.org"},
	{"+a.org", "a.org=192.0.2.1", "192.0.2.1 80", "a.org", "+", "a.org"},
	{"+a.org", "a.org=192.0.2.1", "192.0.2.1 80", "b.org", "other-name", "b.org"},
	{"+a.org +b.org", "a.org=192.0.2.1", "192.0.2.1 80", "b.org", "other-name", "b.org"},
	{"+a.org +b.org", "a.org=192.0.2.1 b.org=192.0.2.2", "192.0.2.1 80", "b.org", "other-name", "b.org"},
	{"+a.org +b.org:443", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "b.org", "other-name", "b.org"},
	{"+a.org +b.org:443", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 443", "b.org", "+", "b.org"},
	/* An address allows it too: no name is needed. */
	{"+a.org +192.0.2.0/24", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "+", "a.org"},
	{"+a.org +any", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "+", "a.org"},
	{"+a.org +any:443", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+a.org -any", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+a.org -any", "a.org=192.0.2.1", "192.0.2.1 80", "b.org", "other-name", "b.org"},
	/* A name is more specific than a prefix, and as much as an address. */
	{"+a.org -192.0.2.0/24", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+*.org -192.0.2.0/31", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+a.org -192.0.2.1", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "rule", "a.org"},
	{"+a.org -192.0.2.1", "a.org=192.0.2.1", "192.0.2.1 80", "a.org", "rule", "a.org"},
	{"+192.0.2.1 -a.org:80", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "rule", "a.org"},
	{"+192.0.2.1 -*.org:80", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "+", "a.org"},
	{"+192.0.2.0/24 -*.org:80", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "rule", "a.org"},
	{"-a.org:25", "a.org=192.0.2.1", "192.0.2.1 25", NULL, "rule", "a.org"},
	{"-a.org:25", "a.org=192.0.2.1", "192.0.2.1 26", NULL, "+", "a.org"},
	/* Two names of one address. */
	{"+a.org -b.org", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", NULL, "rule", "b.org"},
	{"+a.org -b.org", "b.org=192.0.2.1 a.org=192.0.2.1", "192.0.2.1 80", NULL, "rule", "b.org"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", NULL, "?", "a.org"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "a.org", "+", "a.org"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "b.org", "rule", "b.org"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "c.com", "rule", "c.com"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 81", NULL, "+", "a.org"},
	{"+any +a.org -*.org:80", "a.org=192.0.2.1", "192.0.2.1 80", NULL, "+", "a.org"},
	{"+a.org +b.org", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "a.org", "+", "a.org"},
	{"+a.org +b.org", "a.org=192.0.2.1 b.org=192.0.2.1", "192.0.2.1 80", "b.org", "+", "b.org"},
	/* A name that is said and refused, whatever it resolves to. */
	{"+any -evil.org:443", "", "192.0.2.1 443", "evil.org", "rule", "evil.org"},
	{"+any -evil.org:443", "", "192.0.2.1 80", "evil.org", "+", "evil.org"},
	{"+any -evil.org:443", "", "192.0.2.1 443", "good.org", "+", "good.org"},
	/* Rebinding: an allowed name leads to what only addresses open, and no further than
	 * they do. */
	{"+a.org", "a.org=10.0.0.1", "10.0.0.1 80", NULL, "default", NULL},
	{"+a.org", "a.org=127.0.0.1", "127.0.0.1 80", NULL, "host", NULL},
	{"+a.org", "a.org=10.0.2.2", "10.0.2.2 80", NULL, "host", NULL},
	{"+a.org", "a.org=169.254.169.254", "169.254.169.254 80", "a.org", "metadata", NULL},
	{"+a.org", "a.org=203.0.113.5", "203.0.113.5 80 own", NULL, "host", "a.org"},
	{"+a.org", "a.org=203.0.113.5", "203.0.113.5 80 own", "a.org", "host", "a.org"},
	{"+a.org +203.0.113.5:443", "a.org=203.0.113.5", "203.0.113.5 80 own", "a.org", "host", "a.org"},
	{"+a.org +10.0.0.1:443", "a.org=10.0.0.1", "10.0.0.1 443", NULL, "+", "a.org"},
	{"+a.org +10.0.0.1:443", "a.org=10.0.0.1", "10.0.0.1 22", NULL, "default", "a.org"},
	{"+a.org +10.0.0.1:443", "a.org=10.0.0.1", "10.0.0.1 22", "a.org", "default", "a.org"},
	{"+a.org +10.0.0.0/8 -10.1.0.0/16:22", "a.org=10.1.0.1", "10.1.0.1 22", "a.org", "rule", "a.org"},
	{"+a.org +10.0.0.0/8 -a.org:22", "a.org=10.1.0.1", "10.1.0.1 22", NULL, "rule", "a.org"},
	{"+a.org +host:443", "a.org=127.0.0.1", "127.0.0.1 22", "a.org", "host", "a.org"},
	{"+a.org +169.254.0.0/16 -169.254.1.0/24:80", "a.org=169.254.1.1", "169.254.1.1 80", "a.org", "rule", "a.org"},
	/* What --add-host says is the user's word, but for what stands before the rules. */
	{"+db @db=10.0.0.5", "", "10.0.0.5 5432", NULL, "?", "db"},
	{"+db @db=10.0.0.5", "", "10.0.0.5 5432", "db", "+", "db"},
	{"+db:5432 @db=10.0.0.5", "", "10.0.0.5 22", NULL, "default", "db"},
	{"+db +evil.org +10.0.0.5:80 @db=10.0.0.5", "evil.org=10.0.0.5", "10.0.0.5 22", "evil.org", "other-name", "evil.org"},
	{"+db @db=127.0.0.1", "", "127.0.0.1 80", "db", "host", "db"},
	{"+db @db=10.0.2.2", "", "10.0.2.2 80", "db", "host", "db"},
	{"+db +host @db=10.0.2.2", "", "10.0.2.2 80", NULL, "+", "db"},
	{"+db @db=169.254.169.254", "", "169.254.169.254 80", "db", "metadata", "db"},
	{"+192.0.2.1 @db=192.0.2.2", "", "192.0.2.2 80", NULL, "default", "db"},
	/* clang-format on */
};

static void answers_give(const char *words)
{
	while (*words) {
		const char *word = word_next(&words), *equals = strchr(word, '=');
		char name[NET_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
		(void)answer(name, equals + 1, 60);
	}
}

static void test_pins(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_pin); i++) {
		const char *says = by_pin[i].says;
		struct policy_verdict v;

		start(by_pin[i].rules);
		answers_give(by_pin[i].answers);
		v = says ? ask_named(by_pin[i].query, says) : ask(by_pin[i].query);
		if (!check_that(streq(said(v), by_pin[i].want), "'%s', '%s' and %s%s%s: %s",
				by_pin[i].rules, by_pin[i].answers, by_pin[i].query,
				says ? " for " : "", says ? says : "", by_pin[i].want))
			printf("# %s by %d\n", said(v), v.rule);
		check_str(v.name, by_pin[i].name);
	}
}

/* ---- how long a pin lasts ---------------------------------------------------------------- */

static void test_floor(void)
{
	start("+a.org");
	(void)answer("a.org", "192.0.2.1", 0);
	pass(5 * MINUTE - 1);
	check_str(said(ask_named("192.0.2.1 80", "b.org")), "other-name");
	pass(5 * MINUTE - 1);
	check_str(said(ask("192.0.2.1 80")), "?");
	pass(5 * MINUTE - 1);
	check_str(said(ask_named("192.0.2.1 80", "a.org")), "+");
	pass(5 * MINUTE);
	check_str(said(ask("192.0.2.1 80")), "default");
	check(ask("192.0.2.1 80").name == NULL);
	check_str(said(ask_named("192.0.2.1 80", "a.org")), "default");
}

static void test_refused_is_no_use(void)
{
	start("+a.org:443");
	(void)answer("a.org", "192.0.2.1", 0);
	pass(3 * MINUTE);
	check_str(said(ask("192.0.2.1 80")), "default");
	pass(2 * MINUTE);
	check_str(said(ask("192.0.2.1 443")), "default");
}

static void test_ttl(void)
{
	start("+a.org");
	(void)answer("a.org", "192.0.2.1", 3600);
	(void)answer("a.org", "192.0.2.1", 1); /* doesn't shorten it */
	pass(60 * MINUTE - 1);
	check_str(said(ask("192.0.2.1 80")), "?");

	start("+a.org");
	(void)answer("a.org", "192.0.2.1", UINT32_MAX);
	pass(DAY - 1);
	check(ask("192.0.2.1 80").is_allowed);
	start("+a.org");
	(void)answer("a.org", "192.0.2.1", UINT32_MAX);
	pass(DAY);
	check(!ask("192.0.2.1 80").is_allowed);

	/* A name that moves keeps both addresses for the while. */
	start("+a.org");
	(void)answer("a.org", "192.0.2.1", 60);
	pass(4 * MINUTE);
	(void)answer("a.org", "192.0.2.2", 60);
	check(ask("192.0.2.2 80").is_allowed);
	pass(MINUTE);
	check(!ask("192.0.2.1 80").is_allowed);
	check(ask("192.0.2.2 80").is_allowed);
}

static void test_hold(void)
{
	start("+a.org +b.org +192.0.2.9:80");
	(void)answer("a.org", "192.0.2.1", 0);
	hold("192.0.2.1");
	pass(2 * DAY);
	check_str(said(ask_named("192.0.2.1 80", "a.org")), "+");
	pass(2 * DAY);
	/* One that is pinned meanwhile is held by the same connection. */
	(void)answer("b.org", "192.0.2.1", 0);
	hold("192.0.2.1");
	pass(2 * DAY);
	release("192.0.2.1");
	pass(2 * DAY);
	check_str(said(ask_named("192.0.2.1 80", "a.org")), "+");
	pass(2 * DAY);
	check_str(said(ask_named("192.0.2.1 80", "b.org")), "+");
	pass(2 * DAY);
	release("192.0.2.1");
	/* From the end of the last one. */
	pass(5 * MINUTE - 1);
	check(ask("192.0.2.1 80").is_allowed);
	pass(5 * MINUTE);
	check(!ask("192.0.2.1 80").is_allowed);
	/* Too many are no harm. */
	release("192.0.2.1");
	release("192.0.2.1");
	(void)answer("a.org", "192.0.2.1", 0);
	release("192.0.2.1");
	hold("192.0.2.1");
	pass(DAY);
	check(ask("192.0.2.1 80").is_allowed);
	release("192.0.2.1");

	/* Held before it has a name. */
	hold("192.0.2.9");
	(void)answer("a.org", "192.0.2.9", 0);
	check_str(ask("192.0.2.9 80").name, "a.org");
	pass(DAY);
	check(ask("192.0.2.9 81").is_allowed);
	release("192.0.2.9");
	pass(DAY);
	check(!ask("192.0.2.9 81").is_allowed);

	/* What is dead isn't brought back by a hold. */
	(void)answer("a.org", "192.0.2.1", 0);
	pass(5 * MINUTE);
	hold("192.0.2.1");
	check(!ask("192.0.2.1 80").is_allowed);
	release("192.0.2.1");
}

static void test_entries_last(void)
{
	start("+db @db=10.0.0.5");
	pass(400LL * DAY);
	check_str(said(ask("10.0.0.5 80")), "?");
	pass(DAY);
	check_str(said(ask_named("10.0.0.5 80", "db")), "+");
}

/* ---- many -------------------------------------------------------------------------------- */

static struct in6_addr numbered(unsigned i)
{
	struct in6_addr a = address_of("198.18.0.0");

	a.s6_addr[14] = (uint8_t)(i >> 8);
	a.s6_addr[15] = (uint8_t)i;
	return a;
}

static bool numbered_is_allowed(unsigned i)
{
	struct policy_query q = {NET_TCP, 80, numbered(i), false};

	return policy_decide(&q).is_allowed;
}

static void numbered_answer(unsigned i)
{
	struct in6_addr a = numbered(i);

	pass(1);
	(void)policy_answer("a.org", &a, 0);
}

static void test_eviction(void)
{
	struct in6_addr held = numbered(1);
	unsigned n = 0;

	start("+*.org +db @db=10.0.0.5");
	for (unsigned i = 0; i < PINS_MAX - 1; i++) {
		struct in6_addr a = numbered(i);

		pass(1);
		n += policy_answer("a.org", &a, 0).is_allowed;
	}
	check_int(n, PINS_MAX - 1);
	check(numbered_is_allowed(
		0)); /* used, so the next one is the oldest; but that is held */
	policy_hold(&held);
	numbered_answer(PINS_MAX);
	check(numbered_is_allowed(0) && numbered_is_allowed(1) && numbered_is_allowed(3));
	check(!numbered_is_allowed(2));
	check(numbered_is_allowed(PINS_MAX));
	check(ask("10.0.0.5 80").is_allowed);
	/* What is dead goes first. */
	pass(5 * MINUTE);
	check(!numbered_is_allowed(0) && numbered_is_allowed(1));
	for (unsigned i = 0; i < 3U * PINS_MAX; i++) {
		struct in6_addr a = numbered(i + 10000);

		(void)policy_answer("a.org", &a, 0);
	}
	check(numbered_is_allowed(1) && ask("10.0.0.5 80").is_allowed);
	policy_release(&held);
}

static void test_all_held(void)
{
	unsigned n = 0;

	start("+*.org");
	for (unsigned i = 0; i < PINS_MAX; i++) {
		struct in6_addr a = numbered(i);

		(void)policy_answer("a.org", &a, 0);
		policy_hold(&a);
	}
	pass(DAY);
	(void)answer("b.org", "192.0.2.1", 60);
	check(!ask("192.0.2.1 80").is_allowed);
	hold("192.0.2.1");
	for (unsigned i = 0; i < PINS_MAX; i++)
		n += numbered_is_allowed(i);
	check_int(n, PINS_MAX);
	for (unsigned i = 0; i < PINS_MAX; i++) {
		struct in6_addr a = numbered(i);

		policy_release(&a);
	}
	release("192.0.2.1");
	pass(DAY);
	(void)answer("b.org", "192.0.2.1", 60);
	check(ask("192.0.2.1 80").is_allowed);
}

/* One address, thousands of names: all of them count, and it isn't slow. */
static void test_many_names(void)
{
	char name[64];
	unsigned n = 0;

	start("+*.org -n77.org:80");
	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "n%u.org", i);
		n += answer(name, "192.0.2.1", 60).is_allowed;
	}
	check_int(n, 2000);
	check_str(said(ask("192.0.2.1 80")), "rule");
	check_str(said(ask("192.0.2.1 81")), "?");
	check_str(said(ask_named("192.0.2.1 81", "n1999.org")), "+");
	check_str(said(ask_named("192.0.2.1 81", "n2000.org")), "other-name");
}

static void test_most_rules(void)
{
	memset(&config, 0, sizeof(config));
	for (unsigned i = 0; i < NET_RULES_MAX; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "n%u.org:80", i);
		(void)net_rule_parse(text, true, &config.rules[i]);
	}
	config.n_rules = NET_RULES_MAX;
	policy_start(&config);
	(void)answer("n255.org", "192.0.2.1", 60);
	(void)answer("n63.org", "192.0.2.2", 60);
	check_int(ask("192.0.2.1 80").rule, 255);
	check_int(ask("192.0.2.2 80").rule, 63);
	check_str(said(ask("192.0.2.2 81")), "default");
	check_int(policy_decide_name("n64.org").rule, 64);
}

/* Names at the edge of what is one. */
static void test_long_names(void)
{
	char rule[NET_NAME_MAX + 8] = "+", *name = rule + 1;

	for (size_t i = 0; i < NET_NAME_MAX; i++)
		name[i] = i % 64 == 63 ? '.' : 'a';
	start(rule);
	check(policy_decide_name(name).is_allowed);
	check(!policy_decide_name(name + 1).is_allowed);
	(void)answer(name, "192.0.2.1", 60);
	check_str(ask("192.0.2.1 80").name, name);
	check_str(said(ask_named("192.0.2.1 80", name)), "+");
}

/* A start forgets all that was before. */
static void test_restart(void)
{
	start("+a.org");
	(void)answer("a.org", "192.0.2.1", 3600);
	hold("192.0.2.1");
	start("+a.org");
	check(!ask("192.0.2.1 80").is_allowed);
	release("192.0.2.1");
	start("");
	(void)answer("a.org", "192.0.2.1", 3600);
	check(ask("192.0.2.1 80").name == NULL);
}

int main(void)
{
	test_rows(by_rules, ARRAY_SIZE(by_rules));
	test_rows(by_class, ARRAY_SIZE(by_class));
	test_state();
	test_names();
	test_answers();
	test_pins();
	test_floor();
	test_refused_is_no_use();
	test_ttl();
	test_hold();
	test_entries_last();
	test_eviction();
	test_all_held();
	test_many_names();
	test_most_rules();
	test_long_names();
	test_restart();
	return tap_done();
}
