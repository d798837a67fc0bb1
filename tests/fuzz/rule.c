/* SPDX-License-Identifier: Apache-2.0 */
/* rule.c: rules, names, and what a policy makes of them: a line is a letter and what it is
 * about. */
#include "fuzz.h"
#include "net/net.h"
#include "policy.h"

#include <arpa/inet.h>

/*
 * Theory of operation
 *
 * "+RULE", "-RULE", "=NAME ADDRESS" (--add-host) and "!" (--host-loopback) make a policy;
 * "aNAME ADDRESS" is an answer, "qADDRESS PORT PROTOCOL [NAME]" a connection, "oADDRESS ..."
 * one to an address of the host's own, "n" a name that is asked for, "h" and "r" a hold and
 * a release, "t" lets minutes pass. The script runs as it is, and again without the rules
 * that refuse: these never allow anything.
 */

enum { STEPS_MAX = 512, ALLOWED = 1, NAMED = 2 };

struct run {
	struct net_config config;
	uint8_t results[STEPS_MAX];
	size_t n;
	int64_t now;
};

static struct run with, without;

/* ---- what is read ------------------------------------------------------------------------ */

static void name_check(const char *name)
{
	char again[NET_NAME_MAX + 1];

	must(*name && strlen(name) <= NET_NAME_MAX);
	must(net_name_read(name, strlen(name), again) && streq(name, again));
	must(!strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ*/:[]"));
}

static void prefix_check(const struct net_rule *rule)
{
	must(rule->prefix <= 128);
	for (unsigned i = rule->prefix; i < 128; i++)
		must(!(rule->address.s6_addr[i / 8] & 0x80 >> i % 8));
}

static void rule_check(const struct net_rule *rule, bool is_allowed)
{
	bool all = rule->first_port == 0;

	must(rule->target <= NET_TARGET_NAME && rule->is_allowed == is_allowed);
	must(rule->first_port <= rule->last_port);
	must(!all || rule->last_port == UINT16_MAX);
	must(rule->protocols && !(rule->protocols & ~NET_ALL));
	must(!(rule->protocols & NET_ICMP) || (all && rule->protocols == NET_ALL));
	must(rule->target != NET_TARGET_DNS || (all && rule->protocols == NET_ALL));
	if (rule->target == NET_TARGET_NAME || rule->target == NET_TARGET_SUFFIX)
		name_check(rule->name);
	else
		must(!*rule->name);
	if (rule->target == NET_TARGET_PREFIX)
		prefix_check(rule);
	else
		must(rule->prefix == 0);
}

static void rule_add(struct run *run, const char *text, bool is_allowed)
{
	struct net_rule rule;
	int r;

	fail_forget();
	r = net_rule_parse(text, is_allowed, &rule);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(*fail_hint_text());
		return;
	}
	must(r == 0);
	rule_check(&rule, is_allowed);
	if (run->config.n_rules < NET_RULES_MAX)
		run->config.rules[run->config.n_rules++] = rule;
}

static bool address_read(const char *text, struct in6_addr *ret_address)
{
	*ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	return inet_pton(AF_INET, text, ret_address->s6_addr + 12) == 1 ||
	       inet_pton(AF_INET6, text, ret_address) == 1;
}

/* The rest of a line in its one form; false where it is no name. */
static bool name_take(char **rest, char name[NET_NAME_MAX + 1])
{
	const char *text = fuzz_cut(rest, " ");

	if (!net_name_read(text, strlen(text), name))
		return false;
	name_check(name);
	return true;
}

static uint32_t number_take(char **rest)
{
	uint32_t value = 0;

	(void)str_to_u32(fuzz_cut(rest, " "), UINT32_MAX, &value);
	return value;
}

static void host_add(struct run *run, char *rest)
{
	struct net_host *h = &run->config.hosts[run->config.n_hosts];

	if (run->config.n_hosts < NET_HOSTS_MAX && name_take(&rest, h->name) &&
	    address_read(fuzz_cut(&rest, " "), &h->address))
		run->config.n_hosts++;
}

static void config_line(struct run *run, char *line, bool refuses)
{
	if (*line == '+' || (*line == '-' && refuses))
		rule_add(run, line + 1, *line == '+');
	if (*line == '=')
		host_add(run, line + 1);
	if (*line == '!')
		run->config.host_loopback = true;
}

/* ---- what is decided --------------------------------------------------------------------- */

static void verdict_check(const struct run *run, const struct policy_verdict *v)
{
	const struct net_rule *rule = v->rule < 0 ? NULL : &run->config.rules[v->rule];

	must(v->rule >= -1 && v->rule < (int)run->config.n_rules);
	must(!rule || rule->is_allowed == v->is_allowed);
	must((v->reason == NET_BY_RULE) == (rule != NULL));
	must(!v->is_allowed || v->reason == NET_BY_RULE || v->reason == NET_BY_DEFAULT);
	must(!v->needs_name || (v->is_allowed && policy_has_names()));
	if (v->name)
		name_check(v->name);
}

static bool has_bits(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((a->s6_addr[i / 8] ^ b->s6_addr[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

/* A rule that decides is about what was asked. */
static void match_check(const struct net_rule *rule, const struct policy_query *q)
{
	static const char *const loopbacks[] = {"127.0.0.1", "::1", NET_ROUTER, NET_ROUTER6};
	bool is_spelled = false;
	struct in6_addr a;

	must(rule->protocols & q->protocol);
	must(rule->first_port <= q->port && q->port <= rule->last_port);
	must(rule->target != NET_TARGET_DNS);
	for (size_t i = 0; i < ARRAY_SIZE(loopbacks); i++)
		is_spelled |=
			address_read(loopbacks[i], &a) && IN6_ARE_ADDR_EQUAL(&a, &q->address);
	if (rule->target == NET_TARGET_PREFIX && !is_spelled)
		must(has_bits(&rule->address, &q->address, rule->prefix));
}

static uint8_t connection(const struct run *run, char *rest, bool is_own)
{
	static const uint8_t protocols[] = {NET_TCP, NET_UDP, NET_ICMP};
	struct policy_query q = {.is_own = is_own};
	struct policy_verdict v, named = {0};
	char name[NET_NAME_MAX + 1];

	if (!address_read(fuzz_cut(&rest, " "), &q.address))
		return 0;
	q.port = (uint16_t)number_take(&rest);
	q.protocol = protocols[number_take(&rest) % 3];
	v = policy_decide(&q);
	verdict_check(run, &v);
	if (v.rule >= 0)
		match_check(&run->config.rules[v.rule], &q);
	must(!v.is_allowed || v.rule >= 0 || !policy_is_closed() || run->config.host_loopback);
	must(!is_own || !v.is_allowed || run->config.host_loopback || policy_is_closed());
	if (name_take(&rest, name)) {
		named = policy_decide_named(&q, name);
		verdict_check(run, &named);
		must(!named.is_allowed || v.is_allowed);
		must(!named.needs_name);
	}
	return (uint8_t)((v.is_allowed ? ALLOWED : 0) | (named.is_allowed ? NAMED : 0));
}

static uint8_t answer(const struct run *run, char *rest)
{
	struct in6_addr address;
	struct policy_verdict v;
	char name[NET_NAME_MAX + 1];

	if (!name_take(&rest, name) || !address_read(fuzz_cut(&rest, " "), &address))
		return 0;
	v = policy_answer(name, &address, number_take(&rest));
	must(v.is_allowed || (v.rule == -1 && v.reason >= NET_BY_HOST));
	must(v.is_allowed || policy_is_closed() || policy_has_names());
	(void)run;
	return v.is_allowed;
}

static uint8_t question(const struct run *run, char *rest)
{
	struct policy_verdict v;
	char name[NET_NAME_MAX + 1];

	if (!name_take(&rest, name))
		return 0;
	v = policy_decide_name(name);
	verdict_check(run, &v);
	must(!v.is_allowed || v.rule >= 0 || !policy_is_closed());
	return v.is_allowed;
}

static uint8_t step(struct run *run, char *line)
{
	struct in6_addr address;

	switch (*line) {
	case 'a':
		return answer(run, line + 1);
	case 'q':
	case 'o':
		return connection(run, line + 1, *line == 'o');
	case 'n':
		return question(run, line + 1);
	case 't':
		run->now += (int64_t)strcspn(line + 1, " ") * 60 * 1000;
		policy_set_time(run->now);
		return 0;
	case 'h':
	case 'r':
		if (address_read(line + 1, &address))
			(*line == 'h' ? policy_hold : policy_release)(&address);
		return 0;
	default:
		return 0;
	}
}

/* ---- a run ------------------------------------------------------------------------------- */

static void run_script(struct run *run, const char *script, bool refuses)
{
	autofree char *first = fuzz_string((const uint8_t *)script, strlen(script));
	autofree char *second = fuzz_string((const uint8_t *)script, strlen(script));
	char *rest = first;

	memset(run, 0, sizeof(*run));
	while (rest)
		config_line(run, fuzz_cut(&rest, "\n"), refuses);
	policy_start(&run->config);
	policy_set_time(0);
	for (rest = second; rest && run->n < STEPS_MAX; run->n++)
		run->results[run->n] = step(run, fuzz_cut(&rest, "\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *script = fuzz_string(data, size);

	run_script(&with, script, true);
	run_script(&without, script, false);
	/* What is lost to the limit on rules would be another policy. */
	for (size_t i = 0; i < with.n && with.config.n_rules < NET_RULES_MAX; i++)
		must(!(with.results[i] & ~without.results[i]));
	return 0;
}
