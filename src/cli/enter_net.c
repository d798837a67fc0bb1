/* SPDX-License-Identifier: Apache-2.0 */
/* enter_net.c: what the options of sbx enter say of the network. */
#include "enter_net.h"

#include "net_report.h"

#include "util/fail.h"
#include "util/scope.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

/* ---- which network ----------------------------------------------------------------------- */

/* Something that was asked for; .option NULL: nothing. */
struct wish {
	const char *option, *value; /* VALUE NULL: a flag */
};

static const char *first(const struct strv *list)
{
	return list->n ? list->v[0] : NULL;
}

/* The first thing in O that only a network of the sandbox's own has. What is only denied,
 * no network denies too. */
static struct wish wish_find(const struct enter_options *o)
{
	const struct wish wishes[] = {
		{"publish", first(&o->publish)},
		{"publish-all", o->publish_all ? "" : NULL},
		{"allow-net", first(&o->allow_net)},
		{"host-loopback", o->host_loopback ? "" : NULL},
		{"net-log", o->net_log},
		{"dns", first(&o->dns)},
		{"dns-search", first(&o->dns_search)},
		{"dns-option", first(&o->dns_options)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++)
		if (wishes[i].value)
			return wishes[i];
	return (struct wish){NULL, NULL};
}

/* The failure R of WISH, with where it stands. */
static int wish_failed(const struct enter_net *n, int r, const struct wish *wish)
{
	return conf_value_failed(&n->conf->choice, r, wish->value, wish->option);
}

static int refuse(const struct enter_net *n, const struct wish *wish, const char *net)
{
	const struct conf_setting *s = conf_find(&n->conf->choice, wish->value);
	int r;

	/* What a profile promises never goes in silence: whoever wants less says so. */
	if (s && s->section->profile) {
		r = fail(EINVAL,
			 "the profile '%s' says '%s = %s' (%s:%u), which --net %s can't keep: "
			 "it is no network of the sandbox's own",
			 s->section->profile, wish->option, wish->value, s->section->file,
			 s->line, net);
		return fail_hint(r, "--net slirp keeps it, --%s= takes it back", wish->option);
	}
	r = fail(EINVAL, "it needs a network of the sandbox's own, which --net %s is not", net);
	r = wish_failed(n, r, wish);
	if (!s)
		return fail_hint(r, "--net slirp is one; or leave --%s out", wish->option);
	return fail_hint(r, "--net slirp is one; or --%s= takes it back", wish->option);
}

/* --net none or host was asked for. What [enter] says of networks is for sandboxes that have one,
 * if this one wasn't to have it by [enter] too. But rules are never dropped where the network is
 * wider than they are. */
static int refuse_wishes(const struct enter_net *n, enum plan_net net)
{
	const struct enter_options *all = &n->conf->options, *asked = &n->conf->asked;
	const char *word = net == PLAN_NET_HOST ? "host" : "none";
	struct wish wish = wish_find(asked->net == PLAN_NET_AUTO ? all : asked);

	if (!wish.option && net == PLAN_NET_HOST && all->allow_net.n)
		wish = (struct wish){"allow-net", first(&all->allow_net)};
	if (!wish.option && net == PLAN_NET_HOST && all->deny_net.n)
		wish = (struct wish){"deny-net", first(&all->deny_net)};
	return wish.option ? refuse(n, &wish, word) : 0;
}

static int tun_try(void)
{
	autoclose int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	return tun < 0 ? sandbox_tun_hint(fail_sys("open '/dev/net/tun'")) : 0;
}

static int auto_decide(const struct enter_net *n, struct plan *p)
{
	struct wish wish = wish_find(&n->conf->options);
	int r = tun_try();

	p->net = r < 0 ? PLAN_NET_NONE : PLAN_NET_OWN;
	if (r == 0)
		return 0;
	if (wish.option)
		return wish_failed(n, fail_in(r, "it needs a network of the sandbox's own"),
				   &wish);
	plan_note(p,
		  "there is no network inside: %s; to mend it: %s; --net none doesn't say this",
		  fail_text(), fail_hint_text());
	fail_forget();
	return 0;
}

static int net_decide(const struct enter_net *n, struct plan *p)
{
	p->net = n->conf->options.net;
	switch (p->net) {
	case PLAN_NET_AUTO:
		return auto_decide(n, p);
	case PLAN_NET_NONE:
	case PLAN_NET_HOST:
		return refuse_wishes(n, p->net);
	case PLAN_NET_OWN:
		return 0;
	}
	return 0;
}

/* ---- values ------------------------------------------------------------------------------ */

static int read_spec(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	return net_port_spec_parse(value, &n->specs[i]);
}

static int rule_add(struct enter_net *n, const char *value, bool is_allowed)
{
	struct net_config *c = &n->network->config;
	int r;

	if (c->n_rules == NET_RULES_MAX)
		return fail_hint(fail(E2BIG, "there are more than %d rules", NET_RULES_MAX),
				 "*.NAME or ADDRESS/BITS says in one what many say");
	r = net_rule_parse(value, is_allowed, &c->rules[c->n_rules]);
	if (r < 0)
		return r;
	c->n_rules++;
	return 0;
}

static int read_allow(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	return rule_add(n, value, true);
}

static int read_deny(struct enter_net *n, struct plan *p, size_t i, const char *value)
{
	return rule_add(n, value, false);
}

/* ---- a network of its own ---------------------------------------------------------------- */

/* What the rules were written as, in the order that they have in the configuration. */
static void rules_show(const struct enter_options *o, struct plan *p, struct strv *texts)
{
	for (size_t i = 0; i < o->allow_net.n; i++)
		strv_push(&p->arena, texts, o->allow_net.v[i]);
	for (size_t i = 0; i < o->deny_net.n; i++)
		strv_push(&p->arena, texts, o->deny_net.v[i]);
}

static void report_make(struct enter_net *n, struct plan *p)
{
	struct network *network = n->network;

	n->report = arena_alloc(&p->arena, sizeof(*n->report));
	net_report_init(n->report, &network->config, n->say);
	rules_show(&n->conf->options, p, &n->report->rules);
	network->on_event = net_report_event;
	network->on_note = net_report_note;
	network->context = n->report;
}

static int inherited_take(struct network *network)
{
	int r = net_ports_inherited(network->ports);

	network->n_ports = r < 0 ? 0 : (size_t)r;
	return r < 0 ? r : 0;
}

static int network_read(struct enter_net *n, struct plan *p)
{
	const struct enter_options *o = &n->conf->options;
	struct net_config *c;
	int r;

	n->network = arena_alloc(&p->arena, sizeof(*n->network));
	network_init(n->network);
	report_make(n, p);
	c = &n->network->config;
	c->host_loopback = o->host_loopback;
	c->publishes_all = o->publish_all;
	c->logs = o->net_log != NULL;
	strv_push(&p->arena, &p->addresses, NET_ADDRESS);
	strv_push(&p->arena, &p->addresses, NET_ADDRESS6);
	n->specs = arena_alloc(&p->arena, (o->publish.n + 1) * sizeof(*n->specs));
	r = inherited_take(n->network);
	if (r == 0)
		r = enter_net_each(n, p, &o->publish, "publish", read_spec);
	if (r == 0)
		r = enter_net_each(n, p, &o->allow_net, "allow-net", read_allow);
	if (r == 0)
		r = enter_net_each(n, p, &o->deny_net, "deny-net", read_deny);
	return r == 0 ? enter_names_resolv(n, p) : r;
}

int enter_net_plan(struct enter_net *n, const struct conf_enter *conf, struct plan *p)
{
	int r;

	n->conf = conf;
	r = net_decide(n, p);
	if (r == 0 && p->net == PLAN_NET_OWN)
		r = network_read(n, p);
	if (r == 0)
		r = enter_names_hosts(n, p);
	return r;
}

/* ---- opening it -------------------------------------------------------------------------- */

static void say_chosen(const struct enter_net *n, const struct net_port *port)
{
	char address[NET_ADDRESS_TEXT_MAX], note[NET_ADDRESS_TEXT_MAX + 16];

	(void)snprintf(note, sizeof(note), "%s -> %u/%s",
		       net_address_text(&port->address, port->host_port, address), port->inside,
		       port->protocol == NET_UDP ? "udp" : "tcp");
	n->say(note);
}

/* Whoever hands a socket in means it to be used. */
static int inherited_check(const struct network *network)
{
	char address[NET_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < network->n_ports; i++) {
		const struct net_port *p = &network->ports[i];

		if (p->inside)
			continue;
		(void)net_address_text(&p->address, p->host_port, address);
		return fail_hint(fail(EINVAL,
				      "the socket of %s that was handed in (LISTEN_FDS) leads "
				      "nowhere",
				      address),
				 "--publish %s:PORT%s", address,
				 p->protocol == NET_UDP ? "/udp" : "");
	}
	return 0;
}

/* Opens the ports of --publish number I, and says which ones sbx has chosen. */
static int spec_open(const struct enter_net *n, size_t i)
{
	struct network *network = n->network;
	size_t before = network->n_ports;
	int r = net_ports_open(&n->specs[i], network->ports, &network->n_ports);

	for (size_t at = before; r == 0 && n->specs[i].host == 0 && at < network->n_ports; at++)
		say_chosen(n, &network->ports[at]);
	return r;
}

static int ports_open(const struct enter_net *n)
{
	const struct strv *values = &n->conf->options.publish;
	int r = 0;

	for (size_t i = 0; i < values->n && r == 0; i++) {
		r = spec_open(n, i);
		if (r < 0)
			r = conf_value_failed(&n->conf->choice, r, values->v[i], "publish");
	}
	return r == 0 ? inherited_check(n->network) : r;
}

static int log_open(const struct enter_net *n)
{
	const char *path = n->conf->options.net_log;
	int r = path ? net_report_log(n->report, path) : 0;

	return r < 0 ? conf_value_failed(&n->conf->choice, r, path, "net-log") : 0;
}

int enter_net_open(struct enter_net *n, int folder)
{
	int r;

	if (!n->network)
		return 0;
	n->network->folder = folder;
	r = log_open(n);
	if (r == 0)
		r = ports_open(n);
	return r == 0 ? network_open(n->network) : r;
}

/* ---- the sandbox's gates ------------------------------------------------------------------- */

static int on_doors(void *context, int fds[SANDBOX_NETWORK_FDS])
{
	static_assert((int)SANDBOX_NETWORK_FDS == (int)NETWORK_SENT, "each has its place");
	return network_doors(context, fds);
}

static int on_take(void *context, size_t which, int fd)
{
	return network_take(context, which, fd);
}

static int on_ready(void *context)
{
	return network_ready(context);
}

static int on_watch(void *context)
{
	return network_watch(context);
}

static int on_turn(void *context)
{
	return network_turn(context);
}

static void on_wind_up(void *context)
{
	network_wind_up(context);
}

static void on_end(void *context)
{
	network_end(context);
}

const struct sandbox_network *enter_net_gates(struct enter_net *n)
{
	/* Answers to what comes from outside are routed by its mark, also where nobody listens. */
	static const struct sandbox_sysctl marks[] = {
		{"ipv4/tcp_congestion_control", NET_CONGESTION, true},
		{"ipv4/tcp_fwmark_accept", "1", false},
		{"ipv4/fwmark_reflect", "1", false},
		{"ipv6/fwmark_reflect", "1", true},
		{NULL, NULL, false},
	};
	static const struct sandbox_sysctl others[] = {
		{"ipv4/tcp_congestion_control", NET_CONGESTION, true},
		{NULL, NULL, false},
	};

	if (!n->network)
		return NULL;
	n->gates = (struct sandbox_network){
		.context = n->network,
		.sysctls = n->network->takes_connections ? marks : others,
		.doors = on_doors,
		.take = on_take,
		.ready = on_ready,
		.watch = on_watch,
		.turn = on_turn,
		.wind_up = on_wind_up,
		.end = on_end,
	};
	return &n->gates;
}

void enter_net_done(struct enter_net *n)
{
	if (!n->network)
		return;
	/* The last that is told comes now, and the report has the rules of the network. */
	network_end(n->network);
	net_report_done(n->report);
	network_done(n->network);
	n->network = NULL;
	n->report = NULL;
}
