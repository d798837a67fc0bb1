/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.h: addresses that are not like others, for policy.c alone. */
#pragma once

#include "net/net.h"

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128 };

/* BITS are of the mapped address. One of IPv6 has no address of IPv4 in it, not even ::/0. */
struct prefix {
	struct in6_addr address;
	uint8_t bits;
};

bool prefix_has(const struct prefix *p, const struct in6_addr *a);
bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);

/* A range that is refused unless a rule is about it. */
struct refusal {
	struct prefix range;
	uint8_t reason; /* enum net_reason */
};

/* Before all that follows. */
void ranges_start(void);

/* The narrowest such range of ADDRESS; NULL: it is in none. */
const struct refusal *range_refusal(const struct in6_addr *address);

/* The length of the private network that ADDRESS is in; 0: in none. */
uint8_t range_private_bits(const struct in6_addr *address);

/* The router's address is another spelling of the host's loopback: that one for both. */
struct in6_addr address_spelled(const struct in6_addr *address);
