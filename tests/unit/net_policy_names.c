/* SPDX-License-Identifier: Apache-2.0 */
/* net_policy_names.c: what a sandbox may reach by names: which may be asked for, what their answers allow, and for how
 * long. */
#include "pins.h"
#include "policy_words.h"
#include "util/scope.h"

enum { MINUTE = 60 * 1000, DAY = 24 * 60 * MINUTE };

static void pass(int64_t ms)
{
	now += ms;
	policy_set_time(now);
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
