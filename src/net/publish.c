/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: published ports: what is asked for, and the host's sockets for it. */
#include "net.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORT_MAX = 65535,
	TOO_LONG_SHOWN = 32,
	SPEC_MAX = 96,	/* bytes: more than any that means something has */
	BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
	LISTEN_FDS_START = 3,
};

static const struct in6_addr loopback = {.s6_addr = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};

/* ---- what is asked for ------------------------------------------------------------------- */

/* PORT or PORT-PORT. */
static int range_parse(char *text, uint16_t *ret_first, uint16_t *ret_n)
{
	char *last = strchr(text, '-');
	uint32_t from, to;

	if (last)
		*last++ = '\0';
	if (str_to_u32(text, PORT_MAX, &from) < 0 ||
	    str_to_u32(last ? last : text, PORT_MAX, &to) < 0)
		return fail(EINVAL, "'%s%s%s' is not a port", text, last ? "-" : "",
			    last ? last : "");
	if (to < from || (last && from == 0))
		return fail(EINVAL, "'%s-%s' is not a range of ports", text, last);
	*ret_first = (uint16_t)from;
	*ret_n = (uint16_t)(to - from + 1);
	return 0;
}

static int protocol_parse(const char *text, uint8_t *ret_protocol)
{
	if (strcasecmp(text, "tcp") == 0)
		*ret_protocol = NET_TCP;
	else if (strcasecmp(text, "udp") == 0)
		*ret_protocol = NET_UDP;
	else
		return fail(EPROTONOSUPPORT, "'%s' is neither tcp nor udp", text);
	return 0;
}

/* TEXT is an address of IPv4, or HAS_BRACKETS and is one of either family. */
static int address_parse(const char *text, bool has_brackets, struct in6_addr *ret_address)
{
	struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (inet_pton(AF_INET, text, address.s6_addr + 12) != 1 &&
	    (!has_brackets || inet_pton(AF_INET6, text, address.s6_addr) != 1))
		return fail_hint(
			fail(EINVAL, "'%s' is not an address", text),
			"127.0.0.1 is the default, 0.0.0.0 is all of IPv4; one of IPv6 "
			"stands in brackets, and [::] is all of it");
	if (IN6_IS_ADDR_LINKLOCAL(&address))
		return fail(EAFNOSUPPORT, "a link-local address is none without its interface");
	if (IN6_IS_ADDR_MULTICAST(&address))
		return fail(EINVAL, "'%s' is the address of a group", text);
	*ret_address = address;
	return 0;
}

/* Whether the first LEN bytes of TEXT are nothing but a port or a range, or empty. */
static bool is_range(const char *text, size_t len)
{
	return strspn(text, "0123456789-") >= len;
}

/* Cuts "HOSTIP:" off the front of *TEXT, where it stands there. */
static int address_take(char **text, struct net_port_spec *spec)
{
	bool has_brackets = **text == '[';
	char *address = *text + has_brackets, *end;

	if (has_brackets) {
		end = strchr(address, ']');
		if (!end || end[1] != ':')
			return fail(EINVAL, "the bracket is not closed by ']:'");
		*end++ = '\0';
	} else {
		end = strchr(address, ':');
		/* HOSTPORT:PORT has one colon. */
		if (!end ||
		    (!strchr(end + 1, ':') && is_range(address, (size_t)(end - address))))
			return 0;
	}
	*end = '\0';
	*text = end + 1;
	spec->has_address = true;
	return address_parse(address, has_brackets, &spec->address);
}

static int host_port_missing(const struct in6_addr *address, const char *port)
{
	bool is_four = IN6_IS_ADDR_V4MAPPED(address);
	char text[INET6_ADDRSTRLEN];

	(void)fail(EINVAL, "behind an address stand the host's port and the one inside");
	return fail_hint(-EINVAL,
			 "%s%s%s::%s for a free port of the host's, or that port between the "
			 "colons",
			 is_four ? "" : "[", net_address_write(address, text),
			 is_four ? "" : "]", port);
}

/* HOST_N: ports from the host's first on. */
static int lengths_check(const struct net_port_spec *spec, unsigned host_n)
{
	unsigned more = (host_n > spec->n ? host_n : spec->n) - 1U;

	if (host_n == spec->n)
		return 0;
	(void)fail(EINVAL, "the two ranges differ in length");
	if (spec->host + more > PORT_MAX || spec->inside + more > PORT_MAX)
		return -EINVAL;
	return fail_hint(-EINVAL, "%u-%u:%u-%u has ranges of one length on both sides",
			 spec->host, spec->host + more, spec->inside, spec->inside + more);
}

/* [HOSTPORT]:PORT[-PORT], or without the colon a port inside alone. */
static int ports_take(char *text, struct net_port_spec *spec)
{
	char *inside = strrchr(text, ':');
	uint16_t n = 0;
	int r;

	if (inside)
		*inside++ = '\0';
	else if (spec->has_address && *text && is_range(text, strlen(text)))
		return host_port_missing(&spec->address, text);
	r = range_parse(inside ? inside : text, &spec->inside, &spec->n);
	if (r == 0 && spec->inside == 0)
		return fail(EINVAL, "nothing listens on port 0");
	if (r == 0 && inside && *text)
		r = range_parse(text, &spec->host, &n);
	return r == 0 && spec->host ? lengths_check(spec, n) : r;
}

static int spec_take(char *text, struct net_port_spec *spec)
{
	char *protocol = strchr(text, '/');
	int comma = (int)strcspn(text, ","), r = 0;

	if (comma > 0 && text[comma])
		return fail_hint(fail(EINVAL, "one option publishes one port or range"),
				 "%.*s, and the option again for what is behind the ','", comma,
				 text);
	if (protocol) {
		*protocol++ = '\0';
		r = protocol_parse(protocol, &spec->protocol);
	}
	if (r == 0)
		r = address_take(&text, spec);
	return r == 0 ? ports_take(text, spec) : r;
}

int net_port_spec_parse(const char *text, struct net_port_spec *ret_spec)
{
	struct net_port_spec spec = {.protocol = NET_TCP, .address = loopback, .n = 1};
	/* What the sentences show is clean. */
	char copy[4 * SPEC_MAX + 1], shown[sizeof(copy)];
	int r;

	(void)str_escape(copy, sizeof(copy), text);
	memcpy(shown, copy, sizeof(copy));
	if (strlen(text) > SPEC_MAX)
		r = fail(E2BIG, "'%s...' is too long for a port",
			 str_escape(shown, TOO_LONG_SHOWN, text));
	else
		r = spec_take(copy, &spec);
	if (r < 0 && r != -E2BIG)
		(void)fail_in(r, "'%s'", shown);
	if (r < 0)
		return fail_hint(
			r, "[HOSTIP:][HOSTPORT]:PORT[/tcp|/udp] as 8080:80 or [::1]:8080:80, "
			   "or PORT for a free one of the host's");
	*ret_spec = spec;
	return 0;
}

const char *net_address_text(const struct in6_addr *address, uint16_t port,
			     char buffer[NET_ADDRESS_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];

	(void)snprintf(buffer, NET_ADDRESS_TEXT_MAX,
		       IN6_IS_ADDR_V4MAPPED(address) ? "%s:%u" : "[%s]:%u",
		       net_address_write(address, text), port);
	return buffer;
}

/* ---- sockets ----------------------------------------------------------------------------- */

union name {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static socklen_t name_make(const struct in6_addr *address, uint16_t port, union name *ret_name)
{
	*ret_name = (union name){0};
	if (!IN6_IS_ADDR_V4MAPPED(address)) {
		ret_name->six.sin6_family = AF_INET6;
		ret_name->six.sin6_addr = *address;
		ret_name->six.sin6_port = htons(port);
		return sizeof(ret_name->six);
	}
	ret_name->four.sin_family = AF_INET;
	memcpy(&ret_name->four.sin_addr, address->s6_addr + 12, 4);
	ret_name->four.sin_port = htons(port);
	return sizeof(ret_name->four);
}

/* What FD is bound to. */
static int name_read(int fd, struct net_port *port)
{
	union name name = {0};
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len) < 0)
		return -errno;
	port->address = loopback;
	if (name.any.sa_family == AF_INET6)
		port->address = name.six.sin6_addr;
	else
		memcpy(port->address.s6_addr + 12, &name.four.sin_addr, 4);
	port->host_port =
		ntohs(name.any.sa_family == AF_INET6 ? name.six.sin6_port : name.four.sin_port);
	return 0;
}

static bool socket_set(int fd, int level, int option)
{
	static const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

/* By the address that a datagram was sent to its answer is sent: a client takes no other. */
static bool set_packet_info(int fd, int family)
{
	return family == AF_INET6 ? socket_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
				  : socket_set(fd, IPPROTO_IP, IP_PKTINFO);
}

/* [::] alone is IPv6's, so that 0.0.0.0 can be published beside it, as with Docker. */
static int socket_open(const struct net_port *port)
{
	union name name;
	socklen_t len = name_make(&port->address, port->host_port, &name);
	bool is_tcp = port->protocol == NET_TCP;
	autoclose int fd =
		socket(name.any.sa_family,
		       (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (is_tcp && !socket_set(fd, SOL_SOCKET, SO_REUSEADDR)) ||
	    (!is_tcp && !set_packet_info(fd, name.any.sa_family)) ||
	    (name.any.sa_family == AF_INET6 && !socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    bind(fd, &name.any, len) < 0 || (is_tcp && listen(fd, BACKLOG) < 0))
		return -errno;
	return take_fd(&fd);
}

static unsigned unprivileged_start(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct fail_saved saved;
	uint32_t start = 1024;
	char *text;
	size_t len;

	fail_save(&saved);
	if (io_read_path("/proc/sys/net/ipv4/ip_unprivileged_port_start", &a, 64, &text,
			 &len) == 0) {
		text[strcspn(text, "\n")] = '\0';
		(void)str_to_u32(text, PORT_MAX + 1, &start);
	}
	fail_restore(&saved);
	return start;
}

static int socket_failed(int r, const struct net_port *port)
{
	char text[NET_ADDRESS_TEXT_MAX];

	(void)fail(-r, "publish %s: %s",
		   net_address_text(&port->address, port->host_port, text),
		   strerrordesc_np(-r));
	if (r == -EADDRINUSE)
		return fail_hint(r,
				 "ss -ln%cp 'sport = :%u' shows by whom; a free port is taken "
				 "where none of the host's is named: %u",
				 port->protocol == NET_TCP ? 't' : 'u', port->host_port,
				 port->inside);
	if (r == -EACCES)
		return fail_hint(r,
				 "take a port from %u on, or: sudo sysctl "
				 "net.ipv4.ip_unprivileged_port_start=%u; or have systemd pass "
				 "the socket",
				 unprivileged_start(), port->host_port);
	if (r == -EADDRNOTAVAIL)
		return fail_hint(r, "no interface here has that address; 'ip address' lists "
				    "those that there are");
	if (r == -EAFNOSUPPORT)
		return fail_hint(r, "this machine has no IPv6: take an address of IPv4");
	return r;
}

static int port_open(struct net_port *port)
{
	int r = socket_open(port);

	if (r < 0)
		return socket_failed(r, port);
	port->fd = r;
	r = name_read(port->fd, port);
	if (r < 0)
		port->fd = fd_close(port->fd);
	return r < 0 ? socket_failed(r, port) : 0;
}

/* ---- those that were handed in ----------------------------------------------------------- */

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static int inherited_take(int fd, struct net_port *ret_port)
{
	int family = option_of(fd, SO_DOMAIN), type = option_of(fd, SO_TYPE);
	bool is_listener = type == SOCK_STREAM && option_of(fd, SO_ACCEPTCONN) == 1;
	bool is_datagram = type == SOCK_DGRAM && option_of(fd, SO_PROTOCOL) == IPPROTO_UDP;
	struct net_port port = {.protocol = is_datagram ? NET_UDP : NET_TCP,
				.was_passed = true,
				.fd = fd};
	int flags = fcntl(fd, F_GETFL);

	if ((family != AF_INET && family != AF_INET6) || (!is_listener && !is_datagram))
		return fail(ENOTSUP, "it is neither a listening socket of TCP nor one of UDP");
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    (is_datagram && !set_packet_info(fd, family)) || name_read(fd, &port) < 0)
		return fail_sys("prepare it");
	*ret_port = port;
	return 0;
}

/* How many descriptors were handed to this very process: a parent of it may have had its own. */
static int inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint32_t wanted, n;

	if (!pid || !fds || str_to_u32(pid, UINT32_MAX, &wanted) < 0 ||
	    wanted != (uint32_t)getpid())
		return 0;
	if (str_to_u32(fds, NET_PORTS_MAX, &n) < 0)
		return fail(EINVAL, "LISTEN_FDS is no number up to %d", NET_PORTS_MAX);
	return (int)n;
}

int net_ports_inherited(struct net_port ports[NET_PORTS_MAX])
{
	int n = inherited_count(), r = 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < n; i++) {
		r = inherited_take(LISTEN_FDS_START + i, &ports[i]);
		if (r < 0)
			return fail_hint(fail_in(r, "descriptor %d of LISTEN_FDS",
						 LISTEN_FDS_START + i),
					 "in the .socket unit: ListenStream=ADDRESS:PORT or "
					 "ListenDatagram=ADDRESS:PORT");
	}
	return n;
}

/* One of the N that were handed in and are bound to what WANTED asks for; NULL: there is none. */
static struct net_port *inherited_find(struct net_port *ports, size_t n,
				       const struct net_port *wanted, bool has_address)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i].inside == 0 && ports[i].protocol == wanted->protocol &&
		    ports[i].host_port == wanted->host_port &&
		    (!has_address || IN6_ARE_ADDR_EQUAL(&ports[i].address, &wanted->address)))
			return &ports[i];
	return NULL;
}

/* ---- all of a spec ----------------------------------------------------------------------- */

void net_ports_close(struct net_port *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ports[i].fd = fd_close(ports[i].fd);
}

/* Those handed in that were TAKEN are free for others again. */
static void inherited_release(struct net_port *ports, size_t n, const bool taken[NET_PORTS_MAX])
{
	for (size_t i = 0; i < n; i++)
		if (taken[i])
			ports[i].inside = 0;
}

/* Whether a socket bound to A takes what one bound to B would: [::] is IPv6's alone, see
 * socket_open(). */
static bool address_covers(const struct in6_addr *a, const struct in6_addr *b)
{
	static const struct in6_addr any_four = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (IN6_ARE_ADDR_EQUAL(a, &any_four))
		return IN6_IS_ADDR_V4MAPPED(b);
	if (IN6_IS_ADDR_UNSPECIFIED(a))
		return !IN6_IS_ADDR_V4MAPPED(b);
	return IN6_ARE_ADDR_EQUAL(a, b);
}

static bool is_in_the_way(const struct net_port *p, const struct net_port *port)
{
	return p->inside > 0 && p->protocol == port->protocol &&
	       p->host_port == port->host_port &&
	       (address_covers(&p->address, &port->address) ||
		address_covers(&port->address, &p->address));
}

/* P, which is open, stands in the way of PORT. */
static int port_refuse(const struct net_port *p, const struct net_port *port)
{
	char text[NET_ADDRESS_TEXT_MAX];

	(void)fail(EADDRINUSE, "%s leads to port %u inside already",
		   net_address_text(&p->address, p->host_port, text), p->inside);
	if (p->inside == port->inside)
		return fail_hint(-EADDRINUSE, "leave that one out: %s has it too",
				 net_address_text(&port->address, port->host_port, text));
	return fail_hint(-EADDRINUSE,
			 "take another port of the host's for %u, or leave one of the two out",
			 port->inside);
}

/* 1: one of the N leads from where PORT does to where PORT does; below 0: elsewhere. */
static int is_open(const struct net_port *ports, size_t n, const struct net_port *port)
{
	for (size_t i = 0; i < n; i++) {
		const struct net_port *p = &ports[i];

		if (!is_in_the_way(p, port))
			continue;
		if (p->inside == port->inside && address_covers(&p->address, &port->address))
			return 1;
		return port_refuse(p, port);
	}
	return 0;
}

int net_ports_open(const struct net_port_spec *spec, struct net_port ports[NET_PORTS_MAX],
		   size_t *n)
{
	bool taken[NET_PORTS_MAX] = {false};
	size_t end = *n;
	int r = 0;

	for (unsigned i = 0; i < spec->n && r == 0; i++) {
		struct net_port port = {
			.protocol = spec->protocol,
			.inside = (uint16_t)(spec->inside + i),
			.host_port = (uint16_t)(spec->host ? spec->host + i : 0),
			.address = spec->address,
			.fd = -EBADF,
		};
		struct net_port *inherited =
			spec->host ? inherited_find(ports, *n, &port, spec->has_address) : NULL;

		if (inherited) {
			inherited->inside = port.inside;
			taken[inherited - ports] = true;
			continue;
		}
		r = spec->host ? is_open(ports, end, &port) : 0;
		if (r > 0) {
			r = 0;
			continue;
		}
		if (r == 0 && end == NET_PORTS_MAX)
			r = fail_hint(fail(E2BIG, "more than %d ports are to be published",
					   NET_PORTS_MAX),
				      "publish fewer; with --net host all that is listened on "
				      "is the host's");
		else if (r == 0)
			r = port_open(&port);
		if (r == 0)
			ports[end++] = port;
	}
	if (r < 0) {
		net_ports_close(ports + *n, end - *n);
		inherited_release(ports, *n, taken);
		return r;
	}
	*n = end;
	return 0;
}
