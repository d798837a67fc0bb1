/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.c: TCP of a namespace's own, led past the tap, by nftables and routes. */
#include "redirect.h"

#include "net.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* ---- nftables ---------------------------------------------------------------------------- */

#define TABLE "sbx"

enum {
	PRIORITY_MANGLE = -150,
	PRIORITY_DNAT = -100,
	LOOPBACK = 1 /* in every network namespace */
};

static void batch(struct netlink *q, uint16_t type)
{
	struct nfgenmsg body = {.res_id = htons(NFNL_SUBSYS_NFTABLES)};

	netlink_request(q, type, 0, &body, sizeof(body));
}

static void nft(struct netlink *q, int type, uint16_t flags)
{
	struct nfgenmsg body = {.nfgen_family = NFPROTO_INET};

	netlink_request(q, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
			(uint16_t)(NLM_F_CREATE | flags), &body, sizeof(body));
}

static void text(struct netlink *q, uint16_t type, const char *value)
{
	netlink_attribute(q, type, value, strlen(value) + 1);
}

struct expression {
	size_t whole, data;
};

static struct expression expression(struct netlink *q, const char *name)
{
	struct expression e = {.whole = netlink_nest(q, NFTA_LIST_ELEM)};

	text(q, NFTA_EXPR_NAME, name);
	e.data = netlink_nest(q, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct netlink *q, const struct expression *e)
{
	netlink_end(q, e->data);
	netlink_end(q, e->whole);
}

static void value(struct netlink *q, uint16_t type, const void *data, size_t len)
{
	size_t nest = netlink_nest(q, type);

	netlink_attribute(q, NFTA_DATA_VALUE, data, len);
	netlink_end(q, nest);
}

/* Goes on where the register has the LEN bytes at WANT. */
static void compare(struct netlink *q, const void *want, size_t len)
{
	struct expression e = expression(q, "cmp");

	netlink_be32(q, NFTA_CMP_SREG, NFT_REG_1);
	netlink_be32(q, NFTA_CMP_OP, NFT_CMP_EQ);
	value(q, NFTA_CMP_DATA, want, len);
	expression_end(q, &e);
}

/* Goes on where the packet's KEY is the LEN bytes at WANT. */
static void match(struct netlink *q, uint32_t key, const void *want, size_t len)
{
	struct expression e = expression(q, "meta");

	netlink_be32(q, NFTA_META_KEY, key);
	netlink_be32(q, NFTA_META_DREG, NFT_REG_1);
	expression_end(q, &e);
	compare(q, want, len);
}

static void match_tcp(struct netlink *q)
{
	match(q, NFT_META_L4PROTO, &(uint8_t){IPPROTO_TCP}, 1);
}

/* Goes on where the packet begins a connection (RFC 9293, 3.1): those that follow find what it has come to. */
static void match_syn(struct netlink *q)
{
	enum { FLAGS_AT = 13, LEN = 1 };
	static const uint8_t mask = TH_FIN | TH_SYN | TH_RST | TH_ACK, none, want = TH_SYN;
	struct expression e = expression(q, "payload");

	netlink_be32(q, NFTA_PAYLOAD_DREG, NFT_REG_1);
	netlink_be32(q, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	netlink_be32(q, NFTA_PAYLOAD_OFFSET, FLAGS_AT);
	netlink_be32(q, NFTA_PAYLOAD_LEN, LEN);
	expression_end(q, &e);
	e = expression(q, "bitwise");
	netlink_be32(q, NFTA_BITWISE_SREG, NFT_REG_1);
	netlink_be32(q, NFTA_BITWISE_DREG, NFT_REG_1);
	netlink_be32(q, NFTA_BITWISE_LEN, LEN);
	value(q, NFTA_BITWISE_MASK, &mask, LEN);
	value(q, NFTA_BITWISE_XOR, &none, LEN);
	expression_end(q, &e);
	compare(q, &want, LEN);
}

/* The register has the LEN bytes at DATA from here on. */
static void load(struct netlink *q, const void *data, size_t len)
{
	struct expression e = expression(q, "immediate");

	netlink_be32(q, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	value(q, NFTA_IMMEDIATE_DATA, data, len);
	expression_end(q, &e);
}

static void mark_set(struct netlink *q, uint32_t mark)
{
	struct expression e;

	load(q, &mark, sizeof(mark));
	e = expression(q, "meta");
	netlink_be32(q, NFTA_META_KEY, NFT_META_MARK);
	netlink_be32(q, NFTA_META_SREG, NFT_REG_1);
	expression_end(q, &e);
}

/* The packet goes to NET_REDIRECT_PORT, by NAME, an expression that has the port from the register PORT_FROM. */
static void to_port(struct netlink *q, const char *name, uint16_t port_from)
{
	const uint16_t port = htons(NET_REDIRECT_PORT);
	struct expression e;

	load(q, &port, sizeof(port));
	e = expression(q, name);
	netlink_be32(q, port_from, NFT_REG_1);
	if (port_from == NFTA_TPROXY_REG_PORT)
		netlink_be32(q, NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
	expression_end(q, &e);
}

static void table_add(struct netlink *q)
{
	batch(q, NFNL_MSG_BATCH_BEGIN);
	nft(q, NFT_MSG_NEWTABLE, 0);
	text(q, NFTA_TABLE_NAME, TABLE);
}

static void chain_add(struct netlink *q, const char *name, const char *type, uint32_t hook,
		      int priority)
{
	size_t at;

	nft(q, NFT_MSG_NEWCHAIN, 0);
	text(q, NFTA_CHAIN_TABLE, TABLE);
	text(q, NFTA_CHAIN_NAME, name);
	at = netlink_nest(q, NFTA_CHAIN_HOOK);
	netlink_be32(q, NFTA_HOOK_HOOKNUM, hook);
	netlink_be32(q, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	netlink_end(q, at);
	text(q, NFTA_CHAIN_TYPE, type);
}

/* What follows is the rule, until netlink_end() of what this returns. */
static size_t rule_begin(struct netlink *q, const char *chain)
{
	nft(q, NFT_MSG_NEWRULE, NLM_F_APPEND);
	text(q, NFTA_RULE_TABLE, TABLE);
	text(q, NFTA_RULE_CHAIN, chain);
	return netlink_nest(q, NFTA_RULE_EXPRESSIONS);
}

/* The table, and the beginning of a rule for TCP that leaves by the interface INDEX. */
static size_t out_begin(struct netlink *q, const char *type, int priority, int index)
{
	size_t rule;

	table_add(q);
	chain_add(q, "out", type, NF_INET_LOCAL_OUT, priority);
	rule = rule_begin(q, "out");
	match(q, NFT_META_OIF, &index, sizeof(index));
	match_tcp(q);
	return rule;
}

/* The last rule is answered for all. */
static int table_send(struct netlink *q, int nft)
{
	unsigned refused;

	netlink_must(q);
	batch(q, NFNL_MSG_BATCH_END);
	return netlink_send(q, nft, &refused);
}

/* nft add chain inet sbx out { type route hook output priority mangle; }
 * nft add rule inet sbx out meta oif INDEX meta l4proto tcp meta mark set MARK
 * nft add chain inet sbx in { type filter hook prerouting priority mangle; }
 * nft add rule inet sbx in meta mark MARK meta l4proto tcp tcp flags & (fin|syn|rst|ack) == syn tproxy to :1 */
static int by_tproxy(int nft, int index, uint32_t mark)
{
	struct netlink q = {0};
	size_t rule;

	rule = out_begin(&q, "route", PRIORITY_MANGLE, index);
	mark_set(&q, mark);
	netlink_end(&q, rule);
	chain_add(&q, "in", "filter", NF_INET_PRE_ROUTING, PRIORITY_MANGLE);
	rule = rule_begin(&q, "in");
	match(&q, NFT_META_MARK, &mark, sizeof(mark));
	match_tcp(&q);
	match_syn(&q);
	to_port(&q, "tproxy", NFTA_TPROXY_REG_PORT);
	netlink_end(&q, rule);
	return table_send(&q, nft);
}

/* nft add chain inet sbx out { type nat hook output priority dstnat; }
 * nft add rule inet sbx out meta oif INDEX meta l4proto tcp redirect to :1 */
static int by_nat(int nft, int index)
{
	struct netlink q = {0};
	size_t rule;

	rule = out_begin(&q, "nat", PRIORITY_DNAT, index);
	to_port(&q, "redir", NFTA_REDIR_REG_PROTO_MIN);
	netlink_end(&q, rule);
	return table_send(&q, nft);
}

int redirect_make(int nft, int index, uint32_t mark)
{
	int r = mark ? by_tproxy(nft, index, mark | REDIRECT_LED) : -EOPNOTSUPP;

	if (r == 0)
		return 0;
	r = by_nat(nft, index);
	return r < 0 ? r : 1;
}

/* ---- sockets of the namespace ------------------------------------------------------------ */

int redirect_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int redirect_listen(int fd, int family, uint32_t mark)
{
	enum { BACKLOG = 4096 };
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_port = htons(NET_REDIRECT_PORT),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(NET_REDIRECT_PORT),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool is_four = family == AF_INET;

	if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &(int){1}, sizeof(int)) < 0 ||
	    /* What is accepted has it too: by TPROXY that holds the port it was meant for, and a server inside may want it. */
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){1}, sizeof(int)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
	    bind(fd, is_four ? (const void *)&four : (const void *)&six,
		 is_four ? sizeof(four) : sizeof(six)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/* ip rule add fwmark MARK/~LED lookup 100; ip route add local default dev lo table 100 */
int redirect_mark(int route, int family, uint32_t mark)
{
	enum { OWN_TABLE = 100 };
	struct fib_rule_hdr rule = {.family = (uint8_t)family,
				    .table = OWN_TABLE,
				    .action = FR_ACT_TO_TBL};
	struct rtmsg inwards = {.rtm_family = (uint8_t)family,
				.rtm_table = OWN_TABLE,
				.rtm_protocol = RTPROT_STATIC,
				.rtm_scope = RT_SCOPE_HOST,
				.rtm_type = RTN_LOCAL};
	int index = LOOPBACK, r;
	uint32_t mask = ~(uint32_t)REDIRECT_LED;
	struct netlink q = {0};
	unsigned refused;

	netlink_request(&q, RTM_NEWRULE, NLM_F_CREATE, &rule, sizeof(rule));
	netlink_attribute(&q, FRA_FWMARK, &mark, sizeof(mark));
	netlink_attribute(&q, FRA_FWMASK, &mask, sizeof(mask));
	netlink_must(&q);
	r = netlink_send(&q, route, &refused);
	/* A kernel with one table alone takes the route into that, for all. */
	if (r < 0)
		return r;
	q = (struct netlink){0};
	netlink_request(&q, RTM_NEWROUTE, NLM_F_CREATE, &inwards, sizeof(inwards));
	netlink_attribute(&q, RTA_OIF, &index, sizeof(index));
	netlink_must(&q);
	return netlink_send(&q, route, &refused);
}
