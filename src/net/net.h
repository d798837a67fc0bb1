/* SPDX-License-Identifier: Apache-2.0 */
/* net.h: the door of this room: a sandbox's own network, and the helper that serves it. */
#pragma once

#include "util/str.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Theory of operation
 *
 * A sandbox has one interface, a tap of its own network namespace, with fixed addresses. Pid 1, before it is anybody, opens
 * what is worked with there (network_doors()), sends it home, and goes on with its mounts while the launcher makes the
 * network (network_take()). From there the descriptors go to a helper of the sandbox's own, sbx-net, which is a router on
 * the tap's other side:
 *
 *   10.0.2.100, fd00::100   the sandbox          10.0.2.2, fd00::2   the router, sbx-net
 *                                                10.0.2.3, fd00::3   its name service
 *
 * - The tap carries whole frames; by libslirp the helper turns them into sockets of the caller's.
 * - TCP goes past it where the kernel can: nftables in the namespace leads each new connection to a
 *   listener there, whose descriptor the helper has (redirect.h). It accepts, asks where the connection was
 *   meant to go, connects from outside, and relays bytes. Kernels that can't leave it to the tap.
 * - A published port is a listener of the host's; the helper accepts there and connects inside, by
 *   a socket that belongs to the namespace.
 *
 * The helper is started when there is something to do: a frame in the tap, a connection at one of the
 * listeners. All of them queue until then, and a sandbox that never uses its network has no helper. So the
 * tap is quiet: its neighbours are fixed, and it passes on nothing but what is addressed to the router. The launcher
 * waits for that on one descriptor (network_watch()), with what else concerns the network: what the helper has to
 * tell, and `sbx port`. The helper tells of questions, too, and waits a moment to hear which name servers the host has now: nobody
 * is woken where nobody asks, and no watch is used up.
 *
 * What the sandbox may reach is decided in the helper alone (helpers/sbx-net/policy.h): whoever owns the
 * namespace may change addresses, routes and the redirection, and gains nothing by it.
 *
 * The helper ends with the sandbox, when its interface is removed, and with the launcher. Where it ends before, the
 * launcher lets go of the tap, and the interface goes too: nobody inside waits for what never comes.
 */

#define NET_INTERFACE "eth0"
#define NET_ADDRESS   "10.0.2.100"
#define NET_ADDRESS6  "fd00::100"
#define NET_ROUTER    "10.0.2.2"
#define NET_ROUTER6   "fd00::2"
#define NET_RESOLVER  "10.0.2.3"
#define NET_RESOLVER6 "fd00::3"

/* What controls congestion inside, where there is none: a connection ends in the helper, by way of memory, and the host
 * controls what that has outside. It is in every kernel, and isn't paced: with bbr timers took more time than the bytes. */
#define NET_CONGESTION "reno"

enum { NET_PREFIX = 24, NET_PREFIX6 = 64, NET_MTU = 1500 };

/* Where connections are redirected to, on the loopback addresses; tcpmux(1), which nobody serves. */
enum { NET_REDIRECT_PORT = 1 };

/* Every address below is IPv6; one of IPv4 is mapped (::ffff:a.b.c.d). Ports are in host order. */

/* ---- rules ------------------------------------------------------------------------------- */

enum { NET_TCP = 1, NET_UDP = 2, NET_ICMP = 4, NET_ALL = NET_TCP | NET_UDP | NET_ICMP };

/* Of a host's name, without the dot at its end (RFC 1035, 2.3.4). */
enum { NET_NAME_MAX = 253 };

enum net_target {
	NET_TARGET_ANY,
	NET_TARGET_DNS,	    /* the name service, for names that no rule of names is about */
	NET_TARGET_PRIVATE, /* RFC 1918, 6598, 4193 */
	NET_TARGET_HOST, /* this host: loopback, by the router's address, and its own addresses */
	NET_TARGET_PREFIX,
	NET_TARGET_SUFFIX, /* *.NAME: what ends in .NAME, and not NAME itself */
	NET_TARGET_NAME,
};

struct net_rule {
	uint8_t target; /* enum net_target */
	bool is_allowed;
	uint8_t protocols; /* NET_TCP | ...; only those with neither port nor /PROTOCOL have NET_ICMP */
	uint8_t prefix;			/* bits of the mapped address */
	uint16_t first_port, last_port; /* 0 to 65535: all */
	struct in6_addr address;
	char name[NET_NAME_MAX + 1]; /* lower case; of a SUFFIX what follows "*." */
};

/* Reads TEXT, a value of --allow-net or --deny-net:
 *
 *   (NAME | *.NAME | IPV4[/PREFIX] | IPV6[/PREFIX] | [IPV6[/PREFIX]] | [IPV6]/PREFIX |
 *    private | host | dns | any)[:PORT[-PORT]][/tcp|udp]
 *
 * A port behind an address of IPv6 wants the brackets. An address has no bits behind its
 * prefix, and a mapped one is IPv4. A host that is called like one of the words is written
 * with a dot at its end, and so is one like what is often typed for them (localhost, tcp, all).
 * 0, or -EINVAL with a sentence and a hint. */
int net_rule_parse(const char *text, bool is_allowed, struct net_rule *ret_rule);

/* Whether RULE is about one address: a prefix of all its bits, or one in 127.0.0.0/8, of which
 * the router's is the only one that can be reached. */
bool net_rule_is_single(const struct net_rule *rule);

/* Whether NAME, in its one form, is a name to a rule only with a dot at its end. */
bool net_name_is_word(const char *name);

/* Copies the host name TEXT of LEN bytes in its one form: lower case, no dot at the end.
 * False for what is none: other bytes than [A-Za-z0-9._-], an empty label, one of over 63
 * bytes, over NET_NAME_MAX in all, a last label that is a number (192.0.2.1, 127.1,
 * 0x7f000001: an address to inet_aton(3)). */
bool net_name_read(const char *text, size_t len, char ret_name[NET_NAME_MAX + 1]);

/* The address TEXT of either family, as inet_pton(3) reads it, an IPv4 one mapped (::ffff:192.0.2.1). False for what
 * is none; *RET_ADDRESS is then as it was. */
bool net_address_read(const char *text, struct in6_addr *ret_address);

/* The other way round: "192.0.2.1" of a mapped one, "::1". Into TEXT, which it returns. */
const char *net_address_write(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);

/* ---- what a helper is told ---------------------------------------------------------------- */

enum { NET_SERVERS_MAX = 8, NET_RULES_MAX = 256, NET_HOSTS_MAX = 64, NET_PORTS_MAX = 256 };

struct net_servers {
	struct in6_addr address[NET_SERVERS_MAX];
	uint32_t scope[NET_SERVERS_MAX]; /* of link-local ones */
	uint32_t n;
};

/* A name of --add-host: it resolves to ADDRESS inside, by /etc/hosts. */
struct net_host {
	struct in6_addr address;
	char name[NET_NAME_MAX + 1];
};

struct net_config {
	struct net_servers servers;
	bool follows_host; /* they are the host's, and stay so */
	bool host_loopback; /* --host-loopback: what a rule `host` would allow, and all else too */
	bool logs;	    /* every decision is told; else refusals alone */
	bool publishes_all;
	uint32_t n_rules, n_hosts;
	struct net_rule rules[NET_RULES_MAX];
	struct net_host hosts[NET_HOSTS_MAX];
};

/* Whether a rule or --host-loopback lets the host's loopback be reached at some port, so that it has a name inside. */
bool net_reaches_host(const struct net_config *config);

/* The names that it has then, as inside podman's and Docker's containers; NULL behind the last one. */
extern const char *const net_host_names[];
bool net_is_host_name(const char *name);

/* ---- what a helper tells ------------------------------------------------------------------ */

enum net_event_kind {
	NET_EVENT_CONNECT, /* a connection, a datagram's flow, an echo: may it pass? */
	NET_EVENT_NAME,	   /* a name: is it asked for? */
	NET_EVENT_ANSWER, /* an address that NAME has: is it shown? Refused ones alone are told */
	NET_EVENT_PUBLISHED, /* --publish-all: PORT inside is open as ADDRESS, HOST_PORT, or (not allowed) no more */
	NET_EVENT_UNANSWERED, /* no name server has answered */
	NET_EVENT_ASKS,	      /* a question is about to be asked outside; not for on_event() */
};

/* What mends NET_BY_NO_ECHO (icmp(7)). */
#define NET_ECHO_REMEDY "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'"

/* Why it was decided so. */
enum net_reason {
	NET_BY_RULE, /* .rule */
	NET_BY_DEFAULT, /* no rule matches: refused where any rule allows something, else allowed */
	NET_BY_HOST,	   /* refused: this host's own */
	NET_BY_LINK_LOCAL, /* refused: 169.254.0.0/16, fe80::/10 */
	NET_BY_METADATA,   /* refused: a cloud's metadata service */
	NET_BY_SPECIAL,	   /* refused: multicast, this network's own, what no host has */
	NET_BY_PRIVATE, /* refused: NAME has a private address, which no rule of addresses allows */
	NET_BY_NO_NAME, /* refused: allowed by its name alone, and it says none, or it can't be read */
	NET_BY_OTHER_NAME, /* refused: it says NAME, which isn't allowed or doesn't have this address */
	NET_BY_PATH, /* refused: it hides its name, where a rule has one: QUIC, TCP past the redirection */
	NET_BY_UNREAD,	/* refused: it can't be read, and may say a name that is refused */
	NET_BY_NO_ECHO, /* refused: this host lets nobody send echo requests */
};

struct net_event {
	uint8_t kind;	    /* enum net_event_kind */
	uint8_t is_allowed; /* 0 or 1 */
	uint8_t protocol;   /* NET_TCP, ... */
	uint8_t reason;	    /* enum net_reason */
	int16_t rule;	    /* index in config.rules; -1: none */
	uint16_t port, host_port;
	struct in6_addr address;
	char name[NET_NAME_MAX +
		  1]; /* "": none is known. Last: what follows its NUL isn't sent */
};

/* ---- published ports ---------------------------------------------------------------------- */

/* [HOSTIP:][HOSTPORT]:PORT[-PORT][/tcp|udp], and PORT[-PORT][/tcp|udp] alone, as podman's --publish. */
struct net_port_spec {
	uint8_t protocol;
	bool has_address; /* else 127.0.0.1 */
	struct in6_addr address;
	uint16_t host, inside; /* the first ones; host 0: a free one */
	uint16_t n;
};
int net_port_spec_parse(const char *text, struct net_port_spec *ret_spec);

/* A published port: what is open on the host, and where it leads. */
struct net_port {
	uint8_t protocol;
	uint16_t inside;
	uint16_t host_port; /* as it was bound */
	bool was_passed; /* by who started sbx (sd_listen_fds(3)): the first connection is what starts the service */
	struct in6_addr address;
	int fd;
};

/* The descriptors of systemd's socket activation (sd_listen_fds(3)), by LISTEN_PID and LISTEN_FDS, which are
 * taken out of the environment: those that are sockets this can serve. How many, or a negative errno. */
int net_ports_inherited(struct net_port ports[NET_PORTS_MAX]);

/* Opens all ports of SPEC behind the *N that PORTS has; one of those that has no .inside yet and is bound to
 * what SPEC asks for is taken instead. A port that can't be had leaves none of SPEC's open. */
int net_ports_open(const struct net_port_spec *spec, struct net_port ports[NET_PORTS_MAX],
		   size_t *n);
void net_ports_close(struct net_port *ports, size_t n);

/* "127.0.0.1:8080", "[::1]:8080" into BUFFER; returns it. */
enum { NET_ADDRESS_TEXT_MAX = 64 };
const char *net_address_text(const struct in6_addr *address, uint16_t port,
			     char buffer[NET_ADDRESS_TEXT_MAX]);

/* ---- names --------------------------------------------------------------------------------- */

/* The host's name servers by /etc/resolv.conf (resolv.conf(5)); none where it can't be read. */
void net_servers_read(struct net_servers *servers);

/* Adds the server TEXT, an address, with a scope where it is link-local (--dns). */
int net_server_add(struct net_servers *servers, const char *text);

/* The resolv.conf of a sandbox: sbx-net's name service, SEARCH, or where that is empty the search list of
 * the host's, and the options of the host's. "." as a member of SEARCH is an empty list. */
char *net_resolv_conf(struct arena *a, const struct strv *search);

/* ---- a network, in the launcher ------------------------------------------------------------ */

/* The doors of a network namespace: the tap, the listeners that TCP is redirected to, sockets from which more are made
 * (helpers/sbx-net/inside.h), and one that tells who listens there. */
enum network_fd {
	NETWORK_TAP,
	NETWORK_RELAY,
	NETWORK_RELAY6,
	NETWORK_SEED,
	NETWORK_SEED6,
	NETWORK_DIAG,
	NETWORK_FDS,		     /* these are the helper's */
	NETWORK_ROUTE = NETWORK_FDS, /* netlink(7), by which network_make() works */
	NETWORK_NFT,
	NETWORK_SENT
};

/* Filled by the caller between network_init() and network_open(). */
struct network {
	struct net_config config;
	struct net_port ports[NET_PORTS_MAX];
	size_t n_ports;
	/* What the helper tells, as it comes; and what went wrong with it, a sentence. */
	void (*on_event)(void *context, const struct net_event *e);
	void (*on_note)(void *context, const char *note);
	void *context;
	/* The folder in which `sbx port` finds this network, as the socket "net"; -EBADF: it doesn't. */
	int folder;

	/* The rest is this room's own. */
	bool has_ipv4, has_ipv6; /* the host has a way out by it */
	bool needs_relay;	 /* a rule has a name */
	bool takes_connections;	 /* from outside */
	int program;		 /* sbx-net */
	int epoll, control, asked, errors;
	int fds[NETWORK_SENT];
	pid_t helper;
	bool has_ended; /* the helper, before the sandbox has */
	bool is_ending;
};

/* N is zeroed already: it is large, and most of it is never touched. */
void network_init(struct network *n);
void network_done(struct network *n);

/* Before the sandbox is made. */
int network_open(struct network *n);

/* In pid 1, in the new network namespace and with all capabilities there: opens FDS, the caller's, -EBADF where one
 * isn't needed. Allocates nothing. */
int network_doors(const struct network *n, int fds[NETWORK_SENT]);

/* In the launcher, who owns the namespace: takes over FD, what these descriptors have at WHICH (enum network_fd). With the
 * tap, which comes last, the network is made, while pid 1 goes on: a fifth of the time that a sandbox takes to start. */
int network_take(struct network *n, size_t which, int fd);

/* The same without a launcher: makes the interface, its addresses and routes, and the redirection, by FDS, and
 * closes those that aren't needed any more. */
int network_make(const struct network *n, int fds[NETWORK_SENT]);

/* The set-up is over. Before, nobody has turns: a helper that is woken has the published ports, and where the set-up fails
 * they are wanted for the next try. */
int network_ready(struct network *n);

/* What is to be waited for (readable), and what to do then. */
int network_watch(const struct network *n);
int network_turn(struct network *n);

/* The sandbox is about to end: a tap that nobody has sent to is let go of. */
void network_wind_up(struct network *n);

/* The sandbox has ended: what the helper still has to tell is told, and it is reaped. Another one can be made; the
 * published ports are open for it unless the helper had them. */
void network_end(struct network *n);

/* ---- of another process: `sbx port` --------------------------------------------------------- */

/* Asks the network that runs in FOLDER; -ENOTCONN without a sentence where none does, -EAGAIN where
 * it doesn't answer for seconds, as when it is stopped. */
int net_ask_ports(int folder,
		  struct net_port ports[NET_PORTS_MAX]); /* how many; .fd is -EBADF */
int net_ask_publish(int folder, const struct net_port *port);
int net_ask_unpublish(int folder, const struct net_port *port);

/* ---- whether this machine can: sbx doctor --------------------------------------------------- */

/* Has a connection redirected, as network_make() has them, in namespaces of its own, which the caller is in from then
 * on. 0: as they are, 1: by nat, or a negative errno with a sentence and a hint. */
int net_try_nat(void);

/* A name server of the host's as --dns takes it, and whether it answers. */
struct net_server_try {
	char text[NET_ADDRESS_TEXT_MAX];
	bool answers;
};

/* Asks all that net_servers_read() finds at once, and takes a second at most. How many there are. */
size_t net_try_servers(struct net_server_try ret_tried[NET_SERVERS_MAX]);
