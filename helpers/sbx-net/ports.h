/* SPDX-License-Identifier: Apache-2.0 */
/* ports.h: published ports: what comes from outside. */
#pragma once

#include "frame.h"
#include "net/net.h"

/*
 * Theory of operation
 *
 * A published TCP port is a listener of the host's; what it accepts becomes a relay to the sandbox's address
 * (inside.h). Where nobody listens there by IPv6, IPv4 is tried.
 *
 * A published UDP port is a socket of the host's. A datagram becomes a frame with its sender for the source, and a frame
 * that the sandbox sends from that port to somebody who has written, or been answered, in the last minutes becomes a
 * datagram of the same socket's, from the address that was written to. libslirp sees neither.
 *
 * With --publish-all the kernel is asked each second who listens inside (sock_diag(7)): each such port but those on
 * loopback addresses is open on the host's loopback address, by its own number where that is free.
 */

/* Serves PORT on its descriptor, which is taken over. */
int ports_add(const struct net_port *port);
void ports_remove(const struct net_port *port);

/* Whether the PORT inside is published already. */
bool ports_has(uint8_t protocol, uint16_t port);

/* Whether the datagram D of the sandbox's is an answer that has been sent by a published port. */
bool ports_answer(const struct frame_datagram *d);

/* --publish-all, by SOCKET, of NETLINK_SOCK_DIAG and the sandbox's namespace. */
void ports_publish_all(int socket);

/* When it is due to look again, as loop_now() counts; -1: never. */
int64_t ports_due(void);
void ports_look(void);
