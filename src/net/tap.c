/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c: a sandbox's interface, its addresses and routes (rtnetlink(7)), and where its TCP goes. */
#include "net.h"
#include "netlink.h"
#include "redirect.h"

#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Of packets that come from the host by a socket of the namespace, and with REDIRECT_LED that are led to one; "sbx" to whoever
 * lists the rules. */
enum { MARK = 0x736278 };

/* Of interfaces: the first is in every network namespace, the second ours. */
enum { LOOPBACK = 1, INDEX };

/* What libslirp calls itself. */
static const uint8_t router_mac[ETH_ALEN] = {0x52, 0x55, 10, 0, 2, 2};

/* What sbx-net calls the sandbox, which it doesn't ask for it (helpers/sbx-net/choke.c). */
static const uint8_t own_mac[ETH_ALEN] = {0x52, 0x55, 10, 0, 2, 100};

static void address_attribute(struct netlink *q, uint16_t type, int family, const char *text)
{
	unsigned char address[16];

	(void)inet_pton(family, text, address);
	netlink_attribute(q, type, address, family == AF_INET ? 4 : 16);
}

static void link_up(struct netlink *q, int index, unsigned mtu)
{
	struct ifinfomsg body = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	netlink_request(q, RTM_NEWLINK, 0, &body, sizeof(body));
	if (!mtu)
		return;
	netlink_attribute(q, IFLA_MTU, &mtu, sizeof(mtu));
	netlink_attribute(q, IFLA_ADDRESS, own_mac, sizeof(own_mac));
}

static void address_add(struct netlink *q, int family, int index, const char *text,
			unsigned char prefix)
{
	/* Nobody else is there who could have the address already. */
	struct ifaddrmsg body = {.ifa_family = (unsigned char)family,
				 .ifa_prefixlen = prefix,
				 .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
				 .ifa_index = (unsigned)index};

	netlink_request(q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	address_attribute(q, IFA_LOCAL, family, text);
	address_attribute(q, IFA_ADDRESS, family, text);
}

static void route_add(struct netlink *q, int family, int index, const char *gateway)
{
	struct rtmsg body = {.rtm_family = (unsigned char)family,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_STATIC,
			     .rtm_scope = RT_SCOPE_UNIVERSE,
			     .rtm_type = RTN_UNICAST};

	netlink_request(q, RTM_NEWROUTE, NLM_F_CREATE, &body, sizeof(body));
	address_attribute(q, RTA_GATEWAY, family, gateway);
	netlink_attribute(q, RTA_OIF, &index, sizeof(index));
}

/* So that nobody has to ask for it. */
static void neighbour_add(struct netlink *q, int family, int index, const char *text)
{
	struct ndmsg body = {.ndm_family = (unsigned char)family,
			     .ndm_ifindex = index,
			     .ndm_state = NUD_PERMANENT};

	netlink_request(q, RTM_NEWNEIGH, NLM_F_CREATE, &body, sizeof(body));
	address_attribute(q, NDA_DST, family, text);
	netlink_attribute(q, NDA_LLADDR, router_mac, sizeof(router_mac));
}

/* A kernel without IPv6, or with it switched off, leaves IPv4. */
static int configure(const struct network *n, int route)
{
	const int index = INDEX;
	struct netlink q = {0};
	unsigned refused;
	int r;

	link_up(&q, LOOPBACK, 0);
	link_up(&q, index, NET_MTU);
	address_add(&q, AF_INET, index, NET_ADDRESS, NET_PREFIX);
	neighbour_add(&q, AF_INET, index, NET_ROUTER);
	neighbour_add(&q, AF_INET, index, NET_RESOLVER);
	if (n->has_ipv4)
		route_add(&q, AF_INET, index, NET_ROUTER);
	netlink_must(&q);
	address_add(&q, AF_INET6, index, NET_ADDRESS6, NET_PREFIX6);
	neighbour_add(&q, AF_INET6, index, NET_ROUTER6);
	neighbour_add(&q, AF_INET6, index, NET_RESOLVER6);
	if (n->has_ipv6)
		route_add(&q, AF_INET6, index, NET_ROUTER6);
	r = netlink_send(&q, route, &refused);
	return r < 0 ? fail(-r, "set up '%s': request %u: %s", NET_INTERFACE, refused,
			    strerrordesc_np(-r))
		     : 0;
}

/* The tap passes on what is addressed to the router, and none of the kernel's own calls for neighbours, routers
 * and groups, which would wake the helper for nothing. */
static int tap_filter(int tap)
{
	union {
		struct tun_filter head;
		uint8_t room[sizeof(struct tun_filter) + ETH_ALEN];
	} filter = {.head = {.count = 1}};

	memcpy(filter.head.addr[0], router_mac, sizeof(router_mac));
	return ioctl(tap, TUNSETTXFILTER, &filter.head) < 0
		       ? fail_sys("have the interface '%s' keep quiet", NET_INTERFACE)
		       : 0;
}

static int tap_make(int tap)
{
	struct ifreq request = {.ifr_name = NET_INTERFACE,
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (ioctl(tap, TUNSETIFINDEX, &(int){INDEX}) < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
		return fail_sys("make the interface '%s'", NET_INTERFACE);
	/* Frames of up to 64 KiB cross in one call, their checksums unmade. */
	if (ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		return fail_sys("have the interface '%s' offload", NET_INTERFACE);
	return tap_filter(tap);
}

static int relay_listen(int fds[NETWORK_SENT])
{
	int r = redirect_listen(fds[NETWORK_RELAY], AF_INET, MARK);

	if (r < 0)
		return fail(-r, "listen for redirected connections: %s", strerrordesc_np(-r));
	if (fds[NETWORK_RELAY6] >= 0 &&
	    redirect_listen(fds[NETWORK_RELAY6], AF_INET6, MARK) < 0)
		fds[NETWORK_RELAY6] = fd_close(fds[NETWORK_RELAY6]);
	return 0;
}

/* Where a rule has a name, what a connection says it is for must be seen, which it is by the relay alone. Without it, all goes by
 * the tap; but what is redirected must come to somebody, and the listeners are what makes sockets that connect inside. */
static int relay_make(const struct network *n, int fds[NETWORK_SENT], uint32_t mark)
{
	int r = fds[NETWORK_NFT] < 0 ? -EPROTONOSUPPORT
				     : redirect_make(fds[NETWORK_NFT], INDEX, mark);

	if (r < 0 && n->needs_relay)
		return fail_hint(
			fail(ENOTSUP,
			     "this kernel has neither TPROXY nor nat of nftables (%s), and without them "
			     "a rule can't be kept that has a name",
			     strerrordesc_np(-r)),
			REDIRECT_MODPROBE "; or write the rules with addresses");
	if (r >= 0 || n->takes_connections)
		return relay_listen(fds);
	fds[NETWORK_RELAY] = fd_close(fds[NETWORK_RELAY]);
	fds[NETWORK_RELAY6] = fd_close(fds[NETWORK_RELAY6]);
	return 0;
}

int network_doors(const struct network *n, int fds[NETWORK_SENT])
{
	for (size_t i = 0; i < NETWORK_SENT; i++)
		fds[i] = -EBADF;
	fds[NETWORK_TAP] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fds[NETWORK_TAP] < 0)
		return fail_sys("open '/dev/net/tun'");
	fds[NETWORK_ROUTE] = netlink_open(NETLINK_ROUTE);
	fds[NETWORK_RELAY] = redirect_socket(AF_INET);
	if (fds[NETWORK_ROUTE] < 0 || fds[NETWORK_RELAY] < 0)
		return fail_sys("make a socket");
	/* These may be missing. */
	fds[NETWORK_NFT] = netlink_open(NETLINK_NETFILTER);
	fds[NETWORK_RELAY6] = redirect_socket(AF_INET6);
	if (!n->takes_connections)
		return 0;
	fds[NETWORK_SEED] = redirect_socket(AF_INET);
	fds[NETWORK_SEED6] = redirect_socket(AF_INET6);
	if (n->config.publishes_all)
		fds[NETWORK_DIAG] = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
					   NETLINK_SOCK_DIAG);
	if (fds[NETWORK_SEED] < 0 || (n->config.publishes_all && fds[NETWORK_DIAG] < 0))
		return fail_sys("have ports published");
	return 0;
}

int network_make(const struct network *n, int fds[NETWORK_SENT])
{
	int four, six, r = tap_make(fds[NETWORK_TAP]);

	if (r == 0)
		r = configure(n, fds[NETWORK_ROUTE]);
	if (r == 0) {
		four = redirect_mark(fds[NETWORK_ROUTE], AF_INET, MARK);
		six = fds[NETWORK_RELAY6] < 0
			      ? 0
			      : redirect_mark(fds[NETWORK_ROUTE], AF_INET6, MARK);
		if (four < 0 && n->takes_connections)
			r = fail(-four, "have ports published: %s", strerrordesc_np(-four));
	}
	if (r == 0)
		r = relay_make(n, fds, four < 0 || six < 0 ? 0 : MARK);
	for (size_t i = NETWORK_FDS; i < NETWORK_SENT; i++)
		fds[i] = fd_close(fds[i]);
	return r;
}
