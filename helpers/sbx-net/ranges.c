/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.c: addresses that are not like others. */
#include "ranges.h"

#include "util/scope.h"

#include <arpa/inet.h>
#include <string.h>

/* A text of the tables below, or of net.h. */
static struct prefix prefix_make(const char *text, unsigned bits)
{
	struct prefix p = {.bits = (uint8_t)bits};

	if (strchr(text, ':')) {
		(void)inet_pton(AF_INET6, text, &p.address);
		return p;
	}
	p.address.s6_addr[10] = p.address.s6_addr[11] = 0xff;
	(void)inet_pton(AF_INET, text, p.address.s6_addr + 12);
	p.bits = (uint8_t)(bits + MAPPED_BITS);
	return p;
}

static bool prefix_is_ipv4(const struct prefix *p)
{
	return p->bits >= MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(&p->address);
}

bool prefix_has(const struct prefix *p, const struct in6_addr *a)
{
	unsigned bytes = p->bits / 8, bits = p->bits % 8;

	return prefix_is_ipv4(p) == IN6_IS_ADDR_V4MAPPED(a) &&
	       memcmp(a->s6_addr, p->address.s6_addr, bytes) == 0 &&
	       (bits == 0 ||
		(a->s6_addr[bytes] ^ p->address.s6_addr[bytes]) >> (8 - bits) == 0);
}

bool prefix_is_within(const struct prefix *inner, const struct prefix *outer)
{
	return inner->bits >= outer->bits && prefix_has(outer, &inner->address);
}

/* Refused unless a rule is about them; the first row that has an address is what it is.
 *
 * A cloud's metadata services hand out the host's secrets to who asks from where it stands.
 * Their link-local addresses are rows of their own, so that a rule of all 169.254.0.0/16
 * doesn't open them. A translator or a tunnel leads to the address of IPv4 that is part of
 * one of IPv6, and so to any of the others. */
static const struct {
	const char *address;
	uint8_t bits, reason;
} refused[] = {
	/* clang-format off */
	{"127.0.0.0",		8,	     NET_BY_HOST},
	{"::1",			128,	     NET_BY_HOST},

	{"169.254.169.254",	32,	     NET_BY_METADATA},	 /* nearly all of them */
	{"169.254.170.2",	32,	     NET_BY_METADATA},	 /* Amazon, to containers */
	{"169.254.170.23",	32,	     NET_BY_METADATA},	 /* the same, EKS */
	{"169.254.42.42",	32,	     NET_BY_METADATA},	 /* Scaleway */
	{"100.100.100.200",	32,	     NET_BY_METADATA},	 /* Alibaba */
	{"168.63.129.16",	32,	     NET_BY_METADATA},	 /* Azure */
	{"192.0.0.192",		32,	     NET_BY_METADATA},	 /* Oracle, the older one */
	{"fd00:ec2::254",	128,	     NET_BY_METADATA},	 /* Amazon */
	{"fd00:ec2::23",	128,	     NET_BY_METADATA},	 /* Amazon, EKS */
	{"fd20:ce::254",	128,	     NET_BY_METADATA},	 /* Google */
	{"fd00:c1::a9fe:a9fe",	128,	     NET_BY_METADATA},	 /* Oracle */
	{"fd00:42::42",		128,	     NET_BY_METADATA},	 /* Scaleway */
	{"fe80::a9fe:a9fe",	128,	     NET_BY_METADATA},	 /* OpenStack */

	{"169.254.0.0",		16,	     NET_BY_LINK_LOCAL},
	{"fe80::",		10,	     NET_BY_LINK_LOCAL},

	{NET_ROUTER,		NET_PREFIX,  NET_BY_SPECIAL},	 /* this network's own */
	{NET_ROUTER6,		NET_PREFIX6, NET_BY_SPECIAL},
	{"0.0.0.0",		8,	     NET_BY_SPECIAL},
	{"224.0.0.0",		3,	     NET_BY_SPECIAL},	 /* multicast, and behind it */
	{"64:ff9b:1::",		48,	     NET_BY_SPECIAL},	 /* translators: RFC 8215, */
	{"64:ff9b::",		16,	     NET_BY_SPECIAL},	 /* RFC 6052 */
	{"::",			8,	     NET_BY_SPECIAL},	 /* ::, ::127.0.0.1, SIIT */
	{"2001::",		32,	     NET_BY_SPECIAL},	 /* Teredo */
	{"2002::",		16,	     NET_BY_SPECIAL},	 /* 6to4 */
	{"fec0::",		10,	     NET_BY_SPECIAL},	 /* RFC 3879 */
	{"ff00::",		8,	     NET_BY_SPECIAL},	 /* multicast */
	/* clang-format on */
};

static const struct {
	const char *address;
	uint8_t bits;
} private[] = {
	{"10.0.0.0", 8},    {"172.16.0.0", 12}, {"192.168.0.0", 16},
	{"100.64.0.0", 10}, {"fc00::", 7},
};

/* The tables as they are used. */
static struct {
	struct refusal refused[ARRAY_SIZE(refused)];
	struct prefix private[ARRAY_SIZE(private)];
	struct in6_addr router, router6, loopback;
} ranges;

void ranges_start(void)
{
	ranges.router = prefix_make(NET_ROUTER, 32).address;
	ranges.router6 = prefix_make(NET_ROUTER6, ADDRESS_BITS).address;
	ranges.loopback = prefix_make("127.0.0.1", 32).address;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		ranges.refused[i] =
			(struct refusal){prefix_make(refused[i].address, refused[i].bits),
					 refused[i].reason};
	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		ranges.private[i] = prefix_make(private[i].address, private[i].bits);
}

struct in6_addr address_spelled(const struct in6_addr *address)
{
	if (IN6_ARE_ADDR_EQUAL(address, &ranges.router))
		return ranges.loopback;
	return IN6_ARE_ADDR_EQUAL(address, &ranges.router6) ? in6addr_loopback : *address;
}

const struct refusal *range_refusal(const struct in6_addr *address)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges.refused); i++)
		if (prefix_has(&ranges.refused[i].range, address))
			return &ranges.refused[i];
	return NULL;
}

uint8_t range_private_bits(const struct in6_addr *address)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges.private); i++)
		if (prefix_has(&ranges.private[i], address))
			return ranges.private[i].bits;
	return 0;
}
