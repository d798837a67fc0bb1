/* SPDX-License-Identifier: Apache-2.0 */
/* dns_server.h: the host's name servers, one after the other. */
#pragma once

#include "net/net.h"

enum { DNS_PATIENCE_MS = 2000 };

/* Of one question: whom it starts with, and how many it has tried. */
struct dns_tries {
	uint32_t first, made;
};

/* Whether these are others than before. */
bool dns_servers_set(const struct net_servers *servers);

/* Starts with the server that answered last: the others may be dead. */
struct dns_tries dns_tries_start(void);

/* Whether there is one that wasn't tried yet. */
bool dns_tries_has_other(const struct dns_tries *t);

/* A socket of TYPE that is connected, or about to be, to the next server; every one has its
 * turn ROUNDS times. -ENOENT: none is left; another negative errno: that one can't be
 * reached. */
int dns_tries_connect(struct dns_tries *t, int type, uint32_t rounds);

/* The server that was tried last has answered. */
void dns_tries_done(const struct dns_tries *t);
