/* SPDX-License-Identifier: Apache-2.0 */
/* policy_words.h: a policy, what is asked of it, and what it says, in words. */
#pragma once

#include "policy.h"
#include "tap.h"
#include "util/fail.h"
#include "util/str.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct net_config config;
static int64_t now = 1000;

static inline struct in6_addr address_of(const char *text)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text,
		      strchr(text, ':') ? a.s6_addr : a.s6_addr + 12) != 1)
		printf("# '%s' is no address\n", text);
	return a;
}

/* What follows in WORDS up to a space, in one buffer. */
static inline const char *word_next(const char **words)
{
	static char word[NET_NAME_MAX + 64];
	size_t len;

	*words += strspn(*words, " ");
	len = strcspn(*words, " ");
	(void)snprintf(word, sizeof(word), "%.*s", (int)len, *words);
	*words += len;
	return word;
}

static inline void host_add(const char *entry)
{
	const char *equals = strchr(entry, '=');
	struct net_host *h = &config.hosts[config.n_hosts++];

	(void)snprintf(h->name, sizeof(h->name), "%.*s", (int)(equals - entry), entry);
	h->address = address_of(equals + 1);
}

/* "+RULE -RULE @NAME=ADDRESS !", the last being --host-loopback. */
static inline void start(const char *words)
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

/* "ADDRESS PORT[/tcp|/udp|/icmp] [own]" */
static inline struct policy_query query_of(const char *words)
{
	struct policy_query q = {.protocol = NET_TCP};
	const char *service, *slash;

	q.address = address_of(word_next(&words));
	service = word_next(&words);
	slash = strchr(service, '/');
	if (slash)
		q.protocol = streq(slash, "/udp")    ? NET_UDP
			     : streq(slash, "/icmp") ? NET_ICMP
						     : NET_TCP;
	q.port = (uint16_t)strtoul(service, NULL, 10);
	q.is_own = streq(word_next(&words), "own");
	return q;
}

static inline struct policy_verdict ask(const char *words)
{
	struct policy_query q = query_of(words);

	return policy_decide(&q);
}

/* "+" allowed, "?" allowed where it says its name, else the reason of the refusal. */
static inline const char *said(struct policy_verdict v)
{
	static const char *const reasons[] = {
		"rule",	   "default", "host",	 "link-local", "metadata",
		"special", "private", "no-name", "other-name", "path",
	};

	if (v.is_allowed)
		return v.needs_name ? "?" : "+";
	return reasons[v.reason];
}

/* One question, and what is said to it. */
struct row {
	const char *rules, *query, *want;
	int rule; /* that decided */
};
