/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.c: the host's name servers, and a sandbox's resolv.conf. */
#include "net.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>

/* ---- the host's name servers ------------------------------------------------------------- */

static void server_add(struct net_servers *servers, char *text)
{
	char *scope = strchr(text, '%');
	struct in6_addr *to = &servers->address[servers->n];
	struct in_addr four;

	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		*to = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(to->s6_addr + 12, &four, sizeof(four));
	} else if (inet_pton(AF_INET6, text, to) != 1) {
		return;
	}
	servers->scope[servers->n++] = scope ? if_nametoindex(scope) : 0;
}

/* The lines of /etc/resolv.conf, one by one; what stands there is the administrator's. */
static void resolv_conf_read(void (*take)(void *context, const char *key, char *values),
			     void *context)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *text, *line, *save;
	size_t len;

	if (io_read_path("/etc/resolv.conf", &a, 1 << 16, &text, &len) < 0) {
		fail_forget();
		return;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *values, *key = strtok_r(line, " \t", &values);

		if (key)
			take(context, key, values);
	}
}

static void take_server(void *context, const char *key, char *values)
{
	struct net_servers *servers = context;
	char *save, *address = strtok_r(values, " \t", &save);

	if (streq(key, "nameserver") && address && servers->n < NET_SERVERS_MAX)
		server_add(servers, address);
}

void net_servers_read(struct net_servers *servers)
{
	resolv_conf_read(take_server, servers);
}

struct resolv_conf {
	struct arena *arena;
	char *text;
};

static void take_rest(void *context, const char *key, char *values)
{
	struct resolv_conf *c = context;

	if (streq(key, "search") || streq(key, "options") || streq(key, "domain"))
		c->text = arena_printf(c->arena, "%s%s %s\n", c->text, key, values);
}

char *net_resolv_conf(struct arena *a, const struct strv *search)
{
	struct resolv_conf c = {a, arena_strdup(a, "nameserver " NET_RESOLVER "\n")};

	resolv_conf_read(take_rest, &c);
	return c.text;
}
