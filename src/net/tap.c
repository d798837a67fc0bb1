/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c: a sandbox's interface, its addresses and routes, by netlink (rtnetlink(7)). */
#include "net.h"

#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* All requests go in one message and are answered one by one. */
struct requests {
	unsigned char data[1024];
	size_t len, start; /* START: of the request that is being written */
	unsigned n;
};

static void *append(struct requests *q, const void *data, size_t len)
{
	void *at = q->data + q->len;

	memcpy(at, data, len);
	q->len += NLMSG_ALIGN(len);
	return at;
}

static struct nlmsghdr *current(struct requests *q)
{
	return (struct nlmsghdr *)(void *)(q->data + q->start);
}

static void request(struct requests *q, unsigned short type, unsigned short flags,
		    const void *body, size_t len)
{
	struct nlmsghdr head = {
		.nlmsg_type = type,
		.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags),
		.nlmsg_seq = ++q->n,
	};

	q->start = q->len;
	(void)append(q, &head, sizeof(head));
	(void)append(q, body, len);
	current(q)->nlmsg_len = (unsigned)(q->len - q->start);
}

static void attribute(struct requests *q, unsigned short type, const void *data, size_t len)
{
	struct rtattr head = {.rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(len)};

	(void)append(q, &head, sizeof(head));
	(void)append(q, data, len);
	current(q)->nlmsg_len = (unsigned)(q->len - q->start);
}

static size_t address_parse(int family, const char *text, unsigned char address[16])
{
	(void)inet_pton(family, text, address);
	return family == AF_INET ? 4 : 16;
}

static void link_up(struct requests *q, int index, unsigned mtu)
{
	struct ifinfomsg body = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	request(q, RTM_NEWLINK, 0, &body, sizeof(body));
	if (mtu)
		attribute(q, IFLA_MTU, &mtu, sizeof(mtu));
}

static void address_add(struct requests *q, int family, int index, const char *text,
			unsigned char prefix)
{
	/* Nobody else is there who could have the address already. */
	struct ifaddrmsg body = {.ifa_family = (unsigned char)family,
				 .ifa_prefixlen = prefix,
				 .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
				 .ifa_index = (unsigned)index};
	unsigned char address[16];
	size_t len = address_parse(family, text, address);

	request(q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	attribute(q, IFA_LOCAL, address, len);
	attribute(q, IFA_ADDRESS, address, len);
}

static void route_add(struct requests *q, int family, int index, const char *gateway)
{
	struct rtmsg body = {.rtm_family = (unsigned char)family,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_STATIC,
			     .rtm_scope = RT_SCOPE_UNIVERSE,
			     .rtm_type = RTN_UNICAST};
	unsigned char address[16];
	size_t len = address_parse(family, gateway, address);

	request(q, RTM_NEWROUTE, NLM_F_CREATE, &body, sizeof(body));
	attribute(q, RTA_GATEWAY, address, len);
	attribute(q, RTA_OIF, &index, sizeof(index));
}

/* The answers to the requests FIRST to LAST; which of them was refused. */
static int answers_read(int fd, unsigned last, unsigned *ret_refused)
{
	unsigned char data[4096];

	for (unsigned seen = 0; seen < last;) {
		ssize_t n = recv(fd, data, sizeof(data), 0);
		unsigned left = n > 0 ? (unsigned)n : 0;

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)data; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			seen++;
			if (e->error == 0)
				continue;
			*ret_refused = h->nlmsg_seq;
			return e->error;
		}
	}
	return 0;
}

static int requests_send(const struct requests *q, unsigned *ret_refused)
{
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, q->data, q->len, 0) != (ssize_t)q->len)
		return -errno;
	return answers_read(fd, q->n, ret_refused);
}

/* A kernel without IPv6, or with it switched off, leaves IPv4. */
static int configure(int index)
{
	struct requests both = {0}, six = {0};
	unsigned refused = 0;
	int loopback = 1, r; /* in every network namespace */

	link_up(&both, loopback, 0);
	link_up(&both, index, NET_MTU);
	address_add(&both, AF_INET, index, NET_ADDRESS, NET_PREFIX);
	route_add(&both, AF_INET, index, NET_ROUTER);
	r = requests_send(&both, &refused);
	if (r < 0)
		return fail(-r, "set up '%s': request %u: %s", NET_INTERFACE, refused,
			    strerrordesc_np(-r));
	address_add(&six, AF_INET6, index, NET_ADDRESS6, NET_PREFIX6);
	route_add(&six, AF_INET6, index, NET_ROUTER6);
	(void)requests_send(&six, &refused);
	return 0;
}

int net_tap_make(void)
{
	struct ifreq request = {.ifr_name = NET_INTERFACE,
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	autoclose int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned index;
	int r;

	if (tap < 0)
		return fail_sys("open '/dev/net/tun'");
	if (ioctl(tap, TUNSETIFF, &request) < 0)
		return fail_sys("make the interface '%s'", NET_INTERFACE);
	/* Frames of up to 64 KiB cross in one call, their checksums unmade. */
	if (ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		return fail_sys("have the interface '%s' offload", NET_INTERFACE);
	index = if_nametoindex(NET_INTERFACE);
	if (index == 0)
		return fail_sys("find the interface '%s'", NET_INTERFACE);
	r = configure((int)index);
	return r < 0 ? r : take_fd(&tap);
}
