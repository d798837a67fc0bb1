/* SPDX-License-Identifier: Apache-2.0 */
/* pins.h: the names that an address was resolved from, for policy.c alone. */
#pragma once

#include "net/net.h"

/*
 * Theory of operation
 *
 * A pin is an address, and a name that was resolved to it. It is dead when its time has come
 * and no connection stands that holds its address; dead ones aren't found, and are cleared
 * out once in a while. Connections hold an address, with all of its pins, since many a
 * connection doesn't say its name: so all pins of an address have one count. An address
 * without a name can be held too (a pin of the name ""), for the pins that it may get
 * meanwhile.
 *
 * The table doesn't grow: the one that was used longest ago gives way, unless it is held or
 * lasts for ever. Places are used from the front, so that memory is touched only as it is
 * needed.
 */

enum { PINS_MAX = 4096, PIN_FLOOR_MS = 5 * 60 * 1000, PIN_CAP_MS = 24 * 3600 * 1000 };

#define PIN_FOREVER INT64_MAX

/* Rules, by their index. */
struct rule_set {
	uint64_t bits[NET_RULES_MAX / 64];
};

struct pin {
	struct in6_addr address;
	struct rule_set rules; /* those about its name; the caller's */
	int64_t until, used;
	uint32_t holds;
	uint16_t next; /* of the same bucket, or free: index + 1; 0: none */
	bool is_taken;
	char name[NET_NAME_MAX + 1];
};

void pins_clear(void);
void pins_set_time(int64_t now);

/* The pins of an address that have names; NULL: no more. */
struct pin *pin_first(const struct in6_addr *address);
struct pin *pin_next(const struct pin *p);
struct pin *pin_find(const struct in6_addr *address, const char *name);

/* Pins NAME for TTL_MS from now, within the bounds above, or PIN_FOREVER; one that is there
 * lasts no shorter for it. NULL: all places are held. */
struct pin *pin_add(const struct in6_addr *address, const char *name, int64_t ttl_ms);

/* It was used: it lasts for another PIN_FLOOR_MS at least. */
void pin_use(struct pin *p);

void pins_hold(const struct in6_addr *address);
void pins_release(const struct in6_addr *address);
