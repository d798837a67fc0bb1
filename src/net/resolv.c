/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.c: name servers: the host's, others that are asked for, and what a sandbox is told of them. */
#include "net.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>

enum { RESOLV_CONF_MAX = 1 << 16, SERVER_TEXT_MAX = INET6_ADDRSTRLEN + IF_NAMESIZE };

/* ---- name servers ------------------------------------------------------------------------ */

struct server {
	struct in6_addr address;
	uint32_t scope;
};

bool net_address_read(const char *text, struct in6_addr *ret_address)
{
	struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (inet_pton(AF_INET, text, address.s6_addr + 12) != 1 &&
	    inet_pton(AF_INET6, text, address.s6_addr) != 1)
		return false;
	*ret_address = address;
	return true;
}

const char *net_address_write(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(address);

	(void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address->s6_addr + (is_ipv4 ? 12 : 0),
			text, INET6_ADDRSTRLEN);
	return text;
}

/* ADDRESS[%INTERFACE]; TEXT is cut. -ENODEV: there is no such interface. */
static int server_read(char *text, struct server *ret_server)
{
	char *scope = strchr(text, '%');
	struct server server = {0};

	if (scope)
		*scope++ = '\0';
	if (!net_address_read(text, &server.address))
		return -EINVAL;
	if (scope) {
		server.scope = if_nametoindex(scope);
		if (!server.scope && str_to_u32(scope, UINT32_MAX, &server.scope) < 0)
			return -ENODEV;
	}
	*ret_server = server;
	return 0;
}

static void server_push(struct net_servers *servers, const struct server *server)
{
	servers->address[servers->n] = server->address;
	servers->scope[servers->n++] = server->scope;
}

/* What no server of names has. */
static bool is_nobody(const struct in6_addr *a)
{
	static const struct in6_addr none = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(a);

	return IN6_IS_ADDR_UNSPECIFIED(a) || IN6_ARE_ADDR_EQUAL(a, &none) ||
	       IN6_IS_ADDR_MULTICAST(a) || (is_ipv4 && a->s6_addr[12] >= 224);
}

static int server_parse(const char *text, struct server *ret_server)
{
	char copy[SERVER_TEXT_MAX];
	int r;

	if (strlen(text) >= sizeof(copy))
		return fail(EINVAL, "it is not an address");
	memcpy(copy, text, strlen(text) + 1);
	r = server_read(copy, ret_server);
	if (r == -ENODEV)
		return fail(ENODEV, "there is no such interface here");
	if (r < 0 || is_nobody(&ret_server->address))
		return fail(EINVAL, "it is not the address of a host");
	if (IN6_IS_ADDR_LINKLOCAL(&ret_server->address) && !ret_server->scope)
		return fail(EINVAL, "a link-local address is none without its interface");
	return 0;
}

int net_server_add(struct net_servers *servers, const char *text)
{
	char shown[4 * SERVER_TEXT_MAX];
	struct server server;
	int r;

	if (servers->n == NET_SERVERS_MAX)
		return fail_hint(fail(E2BIG, "there are more than %d name servers",
				      NET_SERVERS_MAX),
				 "leave some of them out: the first that answers is asked");
	r = server_parse(text, &server);
	if (r < 0)
		return fail_hint(
			fail_in(r, "'%s'", str_escape(shown, sizeof(shown), text)),
			"an address, as 9.9.9.9, 2620:fe::fe or fe80::1%%eth0; each has an "
			"option of its own");
	server_push(servers, &server);
	return 0;
}

/* ---- the host's resolv.conf -------------------------------------------------------------- */

/* Its lines, one by one; what stands there is the administrator's. */
static void resolv_conf_read(void (*take)(void *context, const char *key, char *values),
			     void *context)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *text, *line, *save;
	size_t len;

	if (io_read_path("/etc/resolv.conf", &a, RESOLV_CONF_MAX, &text, &len) < 0) {
		fail_forget();
		return;
	}
	for (line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		char *values, *key = strtok_r(line, " \t", &values);

		if (key)
			take(context, key, values);
	}
}

static void take_server(void *context, const char *key, char *values)
{
	struct net_servers *servers = context;
	struct server server;
	char *save, *address = strtok_r(values, " \t", &save);

	if (streq(key, "nameserver") && address && servers->n < NET_SERVERS_MAX &&
	    server_read(address, &server) == 0)
		server_push(servers, &server);
}

void net_servers_read(struct net_servers *servers)
{
	*servers = (struct net_servers){0};
	resolv_conf_read(take_server, servers);
}

/* ---- the sandbox's ----------------------------------------------------------------------- */

struct resolv_conf {
	struct arena *arena;
	bool has_search; /* of its own, in place of the host's */
	char *text;
};

static void take_rest(void *context, const char *key, char *values)
{
	struct resolv_conf *c = context;
	bool is_search = streq(key, "search") || streq(key, "domain");

	if (streq(key, "options") || (is_search && !c->has_search))
		c->text = arena_printf(c->arena, "%s%s %s\n", c->text, key, values);
}

static char *search_line(struct arena *a, const struct strv *search)
{
	char *line = arena_strdup(a, "search");

	for (size_t i = 0; i < search->n; i++) {
		if (streq(search->v[i], "."))
			return arena_strdup(a, "");
		line = arena_printf(a, "%s %s", line, search->v[i]);
	}
	return arena_printf(a, "%s\n", line);
}

char *net_resolv_conf(struct arena *a, const struct strv *search)
{
	struct resolv_conf c = {.arena = a, .has_search = search && search->n > 0};

	c.text = arena_printf(a, "nameserver %s\n%s", NET_RESOLVER,
			      c.has_search ? search_line(a, search) : "");
	resolv_conf_read(take_rest, &c);
	return c.text;
}
