/* SPDX-License-Identifier: Apache-2.0 */
/* enter_names.c: what the options of sbx enter say of names: /etc/hosts and /etc/resolv.conf. */
#include "enter_net.h"

#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>

/* ---- name servers ------------------------------------------------------------------------ */

static int read_dns(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	int r = net_server_add(&n->network->config.servers, value);

	if (r == -EINVAL && streq(value, "none"))
		(void)fail_hint(r, "bind a file over it: --volume "
				   "./resolv.conf:/etc/resolv.conf:ro");
	return r;
}

/* A word of resolv.conf(5). */
static int option_check(const char *value)
{
	char shown[OPT_SHOWN_MAX];

	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '#' || *c == ';' || *c == ',')
			return fail_hint(
				fail(EINVAL, "'%s' is not one option of resolv.conf(5)",
				     opt_shown(shown, value)),
				"a word, as ndots:1; each has a --dns-option of its own");
	return 0;
}

static int read_option(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	int r = option_check(value);

	if (r == 0)
		p->resolv_conf =
			arena_printf(&p->arena, "%soptions %s\n", p->resolv_conf, value);
	return r;
}

/* The names as they are written, each in its one form. "." is the empty list. */
static int search_read(const struct enter_net *n, struct plan *p, struct strv *ret_search)
{
	const struct strv *asked = &n->conf->options.dns_search;
	char shown[OPT_SHOWN_MAX];

	for (size_t i = 0; i < asked->n; i++) {
		const char *value = asked->v[i];
		char name[NET_NAME_MAX + 1];
		int r;

		if (streq(value, ".")) {
			strv_push(&p->arena, ret_search, value);
		} else if (net_name_read(value, strlen(value), name)) {
			strv_push(&p->arena, ret_search, arena_strdup(&p->arena, name));
		} else {
			r = fail_hint(fail(EINVAL, "'%s' is not the name of a domain",
					   opt_shown(shown, value)),
				      "a name, as example.org, or . for none; each has a "
				      "--dns-search of its own");
			return conf_value_failed(&n->conf->choice, r, value, "dns-search");
		}
	}
	return 0;
}

int enter_names_resolv(struct enter_net *n, struct plan *p)
{
	const struct enter_options *o = &n->conf->options;
	struct network *network = n->network;
	struct strv search = {0};
	int r = search_read(n, p, &search);

	if (r < 0)
		return r;
	p->resolv_conf = net_resolv_conf(&p->arena, &search);
	r = enter_net_each(n, p, &o->dns_options, "dns-option", read_option);
	if (r == 0)
		r = enter_net_each(n, p, &o->dns, "dns", read_dns);
	network->config.follows_host = o->dns.n == 0;
	if (r == 0 && network->config.follows_host)
		net_servers_read(&network->config.servers);
	return r;
}

/* ---- /etc/hosts -------------------------------------------------------------------------- */

static int gateway_address(const struct plan *p, struct in6_addr *ret_address)
{
	if (p->net == PLAN_NET_NONE)
		return fail_hint(fail(EINVAL, "without a network the host can't be reached"),
				 "--net slirp --host-loopback");
	(void)inet_pton(AF_INET6,
			p->net == PLAN_NET_HOST ? "::ffff:127.0.0.1" : "::ffff:" NET_ROUTER,
			ret_address);
	return 0;
}

/* ADDRESS, in brackets or not, of either family. */
static int host_address(const struct plan *p, char *text, struct in6_addr *ret_address)
{
	size_t len = strlen(text);

	if (streq(text, "host-gateway"))
		return gateway_address(p, ret_address);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	if (!net_address_read(text, ret_address))
		return fail(EINVAL, "'%s' is not an address", text);
	return 0;
}

static int host_parse(struct plan *p, const char *value, struct net_host *ret_host)
{
	enum { SHOWN_MAX = 512 };
	char shown[SHOWN_MAX], *address;
	size_t len = strcspn(value, ":=");

	if (!value[len])
		return fail(EINVAL, "there is no address behind the name");
	if (!net_name_read(value, len, ret_host->name))
		return fail(EINVAL, "it has no name of a host in front");
	address = arena_strdup(&p->arena, str_escape(shown, sizeof(shown), value + len + 1));
	return host_address(p, address, &ret_host->address);
}

static void hosts_line(struct plan *p, const struct in6_addr *address, const char *names)
{
	char text[INET6_ADDRSTRLEN];

	p->hosts = arena_printf(&p->arena, "%s%s\t%s\n", p->hosts ? p->hosts : "",
				net_address_write(address, text), names);
}

static int read_host(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	struct net_host host = {0};
	char shown[OPT_SHOWN_MAX];
	int r;

	if (i == NET_HOSTS_MAX)
		return fail_hint(fail(E2BIG, "there are more than %d names", NET_HOSTS_MAX),
				 "bind a file: --volume ./hosts:/etc/hosts:ro");
	r = host_parse(p, value, &host);
	if (r < 0)
		return fail_hint(fail_in(r, "'%s'", opt_shown(shown, value)),
				 "NAME:ADDRESS as db:192.0.2.7, or NAME:host-gateway; each "
				 "has an --add-host of its own");
	hosts_line(p, &host.address, host.name);
	if (n->network)
		n->network->config.hosts[n->network->config.n_hosts++] = host;
	return 0;
}

static void host_names(const struct enter_net *n, struct plan *p)
{
	const char *names = NULL;
	struct in6_addr router;

	if (!net_reaches_host(&n->network->config) || gateway_address(p, &router) < 0)
		return;
	for (const char *const *name = net_host_names; *name; name++)
		names = names ? arena_printf(&p->arena, "%s %s", names, *name) : *name;
	hosts_line(p, &router, names);
}

int enter_names_hosts(struct enter_net *n, struct plan *p)
{
	int r = enter_net_each(n, p, &n->conf->options.add_hosts, "add-host", read_host);

	if (r == 0 && n->network)
		host_names(n, p);
	return r;
}
