/* SPDX-License-Identifier: Apache-2.0 */
/* slirp_make.c: libslirp with the addresses of a sandbox's network. */
#include "slirp_make.h"

#include "frame.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

_Static_assert(2 * FRAME_SLIRP_MSS + NET_MTU <= UINT16_MAX,
	       "libslirp says that there is room again");

Slirp *slirp_make(const SlirpCb *callbacks, void *context)
{
	SlirpConfig config = {
		.version = 4,
		.in_enabled = true,
		.in6_enabled = true,
		.vprefix_len = NET_PREFIX6,
		.if_mtu = FRAME_SLIRP_MTU,
		/* Of all that it has to do with sizes, this bounds the segments alone: of a connection that isn't made
		 * at once it forgets what the SYN offers. */
		.if_mru = FRAME_SLIRP_MSS + sizeof(struct ip) + sizeof(struct tcphdr),
		/* It leaves that open in many ways: whether the router's address leads to the host's loopback is
		 * decided where it connects (choke.h). */
		.disable_host_loopback = false,
		.disable_dns = true,
		.disable_dhcp = true,
	};
	Slirp *slirp;

	config.vnetmask.s_addr = htonl(~0U << (32 - NET_PREFIX));
	(void)inet_pton(AF_INET, NET_ROUTER, &config.vhost);
	config.vnetwork.s_addr = config.vhost.s_addr & config.vnetmask.s_addr;
	(void)inet_pton(AF_INET, NET_ADDRESS, &config.vdhcp_start);
	(void)inet_pton(AF_INET, NET_RESOLVER, &config.vnameserver);
	(void)inet_pton(AF_INET6, NET_ROUTER6, &config.vhost6);
	memcpy(&config.vprefix_addr6, &config.vhost6, NET_PREFIX6 / 8);
	(void)inet_pton(AF_INET6, NET_RESOLVER6, &config.vnameserver6);
	slirp = slirp_new(&config, callbacks, context);
	for (size_t i = 0; slirp && i < FRAME_INTRODUCTIONS; i++) {
		size_t len;
		const uint8_t *frame = frame_introduction(i, &len);

		slirp_input(slirp, frame, (int)len);
	}
	return slirp;
}
