/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_port.c: sbx port. */
#include "cli.h"
#include "options.h"

#include "container/container.h"
#include "net/net.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <json-c/json.h>

/* A running sandbox, and what is published of it. */
struct session {
	const struct port_options *o;
	struct arena *arena;
	struct container container;
	struct net_port *ports;
	size_t n;
};

/* ---- the sandbox ------------------------------------------------------------------------- */

static int sandbox_open(struct session *s, const char *name)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	char shown[OPT_SHOWN_MAX];
	int r = container_store_open(s->arena, false, &store);

	if (r == 0)
		r = container_find(&store, s->arena, name, &s->container);
	if (r == -ENOENT)
		return fail_hint(fail(ENOENT, "there is no kept sandbox '%s'",
				      opt_shown(shown, name)),
				 "sbx ls lists those that there are; one has to have a --name");
	if (r == 0 && !s->container.is_running)
		return fail_hint(fail(ENOTCONN, "'%s' isn't running", s->container.name),
				 "sbx enter --publish PORT %s", s->container.name);
	return r;
}

/* What asking led to, with a sentence. */
static int answer(const struct session *s, int r)
{
	if (r == -ENETDOWN)
		return fail_hint(fail(ENETDOWN, "the network of '%s' has ended",
				      s->container.name),
				 "end it, and: sbx enter %s", s->container.name);
	if (r == -ENOSPC)
		return fail(ENOSPC, "%d ports are published already", NET_PORTS_MAX);
	if (r == -EAGAIN)
		return fail_hint(
			fail(EAGAIN, "the network of '%s' doesn't answer", s->container.name),
			"where it is stopped, let it go on (fg); else try again, or end it");
	if (r != -ENOTCONN)
		return r;
	return fail_hint(fail(ENOTCONN, "'%s' runs without a network of its own",
			      s->container.name),
			 "end it, and: sbx enter --net slirp %s", s->container.name);
}

static int by_port(const void *a, const void *b)
{
	const struct net_port *x = a, *y = b;

	if (x->inside != y->inside)
		return x->inside < y->inside ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->host_port != y->host_port)
		return x->host_port < y->host_port ? -1 : 1;
	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static int ports_ask(struct session *s)
{
	int r;

	s->ports = arena_alloc(s->arena, NET_PORTS_MAX * sizeof(*s->ports));
	r = answer(s, net_ask_ports(s->container.dir, s->ports));
	if (r < 0)
		return r;
	s->n = (size_t)r;
	qsort(s->ports, s->n, sizeof(*s->ports), by_port);
	return 0;
}

/* ---- printing ---------------------------------------------------------------------------- */

static const char *protocol_word(const struct net_port *p)
{
	return p->protocol == NET_UDP ? "udp" : "tcp";
}

static void print_port(const struct net_port *p)
{
	char address[NET_ADDRESS_TEXT_MAX];

	printf("%u/%s -> %s\n", p->inside, protocol_word(p),
	       net_address_text(&p->address, p->host_port, address));
}

static void print_json(const struct net_port *ports, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		const struct net_port *p = &ports[i];
		struct json_object *o = json_object_new_object();
		char address[INET6_ADDRSTRLEN];

		json_object_object_add(o, "port", json_object_new_int(p->inside));
		json_object_object_add(o, "protocol", json_object_new_string(protocol_word(p)));
		(void)net_address_write(&p->address, address);
		json_object_object_add(o, "address", json_object_new_string(address));
		json_object_object_add(o, "host_port", json_object_new_int(p->host_port));
		json_object_array_add(array, o);
	}
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

static void print_ports(const struct session *s, const struct net_port *ports, size_t n)
{
	if (s->o->json) {
		print_json(ports, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		print_port(&ports[i]);
}

/* ---- listing ----------------------------------------------------------------------------- */

/* PORT[/PROTOCOL] */
static int port_parse(const char *text, struct net_port_spec *ret_spec)
{
	char shown[OPT_SHOWN_MAX];

	if (!strchr(text, ':') && net_port_spec_parse(text, ret_spec) == 0 && ret_spec->n == 1)
		return 0;
	fail_forget();
	return fail_hint(fail(EINVAL, "'%s' is not a port", opt_shown(shown, text)),
			 "PORT, PORT/tcp or PORT/udp");
}

/* Only what leads to the port TEXT: its addresses. */
static int list_one(const struct session *s, const char *text)
{
	struct net_port *found = arena_alloc(s->arena, NET_PORTS_MAX * sizeof(*found));
	char address[NET_ADDRESS_TEXT_MAX];
	struct net_port_spec spec;
	size_t n = 0;
	int r = port_parse(text, &spec);

	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++)
		if (s->ports[i].inside == spec.inside && s->ports[i].protocol == spec.protocol)
			found[n++] = s->ports[i];
	if (n == 0)
		return fail_hint(fail(ENOENT, "the port %u/%s of '%s' is not published",
				      spec.inside, spec.protocol == NET_UDP ? "udp" : "tcp",
				      s->container.name),
				 "sbx port --publish %s %s", text, s->container.name);
	if (s->o->json)
		print_json(found, n);
	for (size_t i = 0; i < n && !s->o->json; i++)
		puts(net_address_text(&found[i].address, found[i].host_port, address));
	return 0;
}

/* ---- changing ---------------------------------------------------------------------------- */

/* The listeners are this process's to open: what may be opened is decided by who asks. */
static int publish(const struct session *s, const char *text, struct net_port *ports, size_t *n)
{
	struct net_port_spec spec;
	size_t first = *n;
	int r = net_port_spec_parse(text, &spec);

	if (r == 0)
		r = net_ports_open(&spec, ports, n);
	for (size_t i = first; i < *n && r == 0; i++) {
		r = answer(s, net_ask_publish(s->container.dir, &ports[i]));
		ports[i].fd = fd_close(ports[i].fd);
		if (r < 0) {
			net_ports_close(ports + i, *n - i);
			*n = i;
		}
	}
	return r < 0 ? fail_in(r, "--publish") : 0;
}

static int publish_all(const struct session *s)
{
	struct net_port *ports = arena_alloc(s->arena, NET_PORTS_MAX * sizeof(*ports));
	const struct strv *asked = &s->o->publish;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < asked->n && r == 0; i++)
		r = publish(s, asked->v[i], ports, &n);
	/* Of what was opened before another one failed nobody else would tell. */
	print_ports(s, ports, n);
	return r;
}

/* [HOSTIP:]HOSTPORT[/PROTOCOL], the host's half of what --publish takes. */
static int host_parse(struct arena *a, const char *text, struct net_port_spec *ret_spec)
{
	int bare = (int)strcspn(text, "/");
	const char *whole = arena_printf(a, "%.*s:1%s", bare, text, text + bare);
	char shown[OPT_SHOWN_MAX];

	if (net_port_spec_parse(whole, ret_spec) == 0 && ret_spec->host && ret_spec->n == 1)
		return 0;
	fail_forget();
	return fail_hint(fail(EINVAL, "'%s' is not a port of the host's",
			      opt_shown(shown, text)),
			 "[HOSTIP:]HOSTPORT[/tcp|/udp], as sbx port NAME lists them");
}

static int unpublish(const struct session *s, const char *text)
{
	struct net_port_spec spec;
	int r = host_parse(s->arena, text, &spec);
	size_t n = 0;

	for (size_t i = 0; i < s->n && r == 0; i++) {
		const struct net_port *p = &s->ports[i];

		if (p->host_port != spec.host || p->protocol != spec.protocol ||
		    (spec.has_address && !IN6_ARE_ADDR_EQUAL(&p->address, &spec.address)))
			continue;
		n++;
		r = answer(s, net_ask_unpublish(s->container.dir, p));
	}
	if (r == 0 && n == 0)
		r = fail_hint(fail(ENOENT, "'%s' leads nowhere in '%s'", text,
				   s->container.name),
			      "sbx port %s lists what does", s->container.name);
	return r < 0 ? fail_in(r, "--remove") : 0;
}

static int change(const struct session *s)
{
	const struct strv *removed = &s->o->remove;
	int r = 0;

	for (size_t i = 0; i < removed->n && r == 0; i++)
		r = unpublish(s, removed->v[i]);
	return r == 0 ? publish_all(s) : r;
}

/* ---- the command ------------------------------------------------------------------------- */

int cmd_port(const struct invocation *inv)
{
	const struct port_options *o = inv->options;
	struct session s = {.o = o, .arena = inv->arena, .container = {.dir = -EBADF}};
	bool changes = o->publish.n + o->remove.n > 0;
	int r;

	if (changes && inv->argc > 1)
		return fail_hint(fail(EINVAL, "'%s' is to be listed, and other ports changed",
				      inv->argv[1]),
				 "two calls of sbx port do both");
	r = sandbox_open(&s, inv->argv[0]);
	if (r == 0)
		r = ports_ask(&s);
	if (r == 0 && changes)
		r = change(&s);
	else if (r == 0 && inv->argc > 1)
		r = list_one(&s, inv->argv[1]);
	else if (r == 0)
		print_ports(&s, s.ports, s.n);
	container_done(&s.container);
	return r;
}

int complete_ports(struct arena *a, const char *name, bool of_host, struct strv *words)
{
	struct session s = {.arena = a, .container = {.dir = -EBADF}};
	int r = sandbox_open(&s, name);

	if (r == 0)
		r = ports_ask(&s);
	for (size_t i = 0; i < s.n && r == 0; i++) {
		const struct net_port *p = &s.ports[i];
		const char *word = arena_printf(a, "%u%s", of_host ? p->host_port : p->inside,
						p->protocol == NET_UDP ? "/udp" : "");

		if (!strv_has(words, word))
			strv_push(a, words, word);
	}
	container_done(&s.container);
	fail_forget();
	return r;
}
