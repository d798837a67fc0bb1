/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.c: TCP of a namespace's own, led past the tap, by nftables and routes. */
#include "redirect.h"

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
#define CHAIN "out"

enum { PRIORITY_DNAT = -100, LOOPBACK = 1 /* in every network namespace */ };

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

/* Goes on where the packet's KEY is the LEN bytes at WANT. */
static void match(struct netlink *q, uint32_t key, const void *want, size_t len)
{
	struct expression e = expression(q, "meta");

	netlink_be32(q, NFTA_META_KEY, key);
	netlink_be32(q, NFTA_META_DREG, NFT_REG_1);
	expression_end(q, &e);
	e = expression(q, "cmp");
	netlink_be32(q, NFTA_CMP_SREG, NFT_REG_1);
	netlink_be32(q, NFTA_CMP_OP, NFT_CMP_EQ);
	value(q, NFTA_CMP_DATA, want, len);
	expression_end(q, &e);
}

static void redirect(struct netlink *q, uint16_t port)
{
	struct expression e = expression(q, "immediate");

	netlink_be32(q, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	value(q, NFTA_IMMEDIATE_DATA, &port, sizeof(port));
	expression_end(q, &e);
	e = expression(q, "redir");
	netlink_be32(q, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
	expression_end(q, &e);
}

static void chain_add(struct netlink *q)
{
	size_t hook;

	nft(q, NFT_MSG_NEWCHAIN, 0);
	text(q, NFTA_CHAIN_TABLE, TABLE);
	text(q, NFTA_CHAIN_NAME, CHAIN);
	hook = netlink_nest(q, NFTA_CHAIN_HOOK);
	netlink_be32(q, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	netlink_be32(q, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY_DNAT);
	netlink_end(q, hook);
	text(q, NFTA_CHAIN_TYPE, "nat");
}

/* nft add table inet sbx
 * nft add chain inet sbx out { type nat hook output priority dstnat; }
 * nft add rule inet sbx out meta oif INDEX meta l4proto tcp redirect to :1 */
int redirect_make(int nat, int index)
{
	struct netlink q = {0};
	uint32_t oif = (uint32_t)index;
	uint8_t tcp = IPPROTO_TCP;
	unsigned refused;
	size_t list;

	batch(&q, NFNL_MSG_BATCH_BEGIN);
	nft(&q, NFT_MSG_NEWTABLE, 0);
	text(&q, NFTA_TABLE_NAME, TABLE);
	chain_add(&q);
	nft(&q, NFT_MSG_NEWRULE, NLM_F_APPEND | NLM_F_ACK);
	text(&q, NFTA_RULE_TABLE, TABLE);
	text(&q, NFTA_RULE_CHAIN, CHAIN);
	list = netlink_nest(&q, NFTA_RULE_EXPRESSIONS);
	match(&q, NFT_META_OIF, &oif, sizeof(oif));
	match(&q, NFT_META_L4PROTO, &tcp, sizeof(tcp));
	redirect(&q, htons(REDIRECT_PORT));
	netlink_end(&q, list);
	batch(&q, NFNL_MSG_BATCH_END);
	return netlink_send(&q, nat, &refused);
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
				   .sin_port = htons(REDIRECT_PORT),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(REDIRECT_PORT),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool is_four = family == AF_INET;

	if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &(int){1}, sizeof(int)) < 0 ||
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

/* ip rule add fwmark MARK lookup 100; ip route add local default dev lo table 100 */
static int mark_lead(int by, int family, uint32_t mark)
{
	enum { OWN_TABLE = 100 };
	struct fib_rule_hdr rule = {.family = (uint8_t)family,
				    .table = OWN_TABLE,
				    .action = FR_ACT_TO_TBL};
	struct rtmsg route = {.rtm_family = (uint8_t)family,
			      .rtm_table = OWN_TABLE,
			      .rtm_protocol = RTPROT_STATIC,
			      .rtm_scope = RT_SCOPE_HOST,
			      .rtm_type = RTN_LOCAL};
	int index = LOOPBACK;
	struct netlink q = {0};
	unsigned refused;

	netlink_request(&q, RTM_NEWRULE, NLM_F_CREATE, &rule, sizeof(rule));
	netlink_attribute(&q, FRA_FWMARK, &mark, sizeof(mark));
	netlink_request(&q, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &route, sizeof(route));
	netlink_attribute(&q, RTA_OIF, &index, sizeof(index));
	return netlink_send(&q, by, &refused);
}

int redirect_mark(int route, uint32_t mark)
{
	(void)mark_lead(route, AF_INET6, mark); /* there may be no IPv6 */
	return mark_lead(route, AF_INET, mark);
}
