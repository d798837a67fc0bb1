/* SPDX-License-Identifier: Apache-2.0 */
/* inside.h: sockets of the sandbox's network namespace. */
#pragma once

#include "net/net.h"

/*
 * Theory of operation
 *
 * A socket belongs to the network namespace that it was made in, and nobody of ours is left in the sandbox's to make
 * one. But a connection that a listener accepts is a socket of the listener's namespace, and a socket can be
 * disconnected (connect(2) to AF_UNSPEC), after which it is as good as new. So a seed, which was made there, connects to the
 * redirection's listener; what is accepted is disconnected and kept, and so is the seed, to do it again. Its mark
 * and IP_TRANSPARENT are the listener's: the socket can have the address of the client for its
 * own, and the sandbox sees who has come.
 *
 * Making one takes some 30 microseconds, so where a port is published enough for a burst are kept, or fewer where descriptors
 * are scarce. They are made when nothing else happens.
 */

/* The descriptors as enum network_fd has them, -EBADF where there is none. */
void inside_start(const int fds[NETWORK_FDS]);

/* A port is published: connections will come. */
void inside_expect(void);

/* Makes some; whether there should be more. */
void inside_refill(void);
bool inside_wants(void);

/* Who the sandbox sees, by the same family, where PEER has come. */
struct in6_addr inside_source(const struct in6_addr *peer);

/* A socket of FAMILY, connecting to PORT of the sandbox's address, from PEER (mapped), or where that is an address that
 * would be taken for another, from the router's. A negative errno. */
int inside_connect(int family, const struct in6_addr *peer, uint16_t peer_port, uint16_t port);
