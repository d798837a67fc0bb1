/* SPDX-License-Identifier: Apache-2.0 */
/* dns.h: the name service that a sandbox sees. */
#pragma once

#include "frame.h"
#include "net/net.h"

/*
 * Theory of operation
 *
 * What the sandbox asks is passed on to the host's name servers, one after the other until one answers,
 * and the answer goes back. Nothing is kept. A datagram gets a socket of its own, connected to the
 * server, so that the kernel chooses the port and drops what others send; its id is ours, and random.
 * A connection (answers that no datagram holds) is passed on byte by byte.
 *
 * Questions pass, and no other messages: a name server may take updates from its own host, which is what we
 * look like.
 */

void dns_start(const struct net_config *config);

/* Passes on a question. */
void dns_ask(const struct frame_datagram *d);

/* Makes the socket FD one end of a connection to the name service; a negative errno. */
int dns_connect(int fd);
int dns_serve(int fd);
void dns_set_servers(const struct net_servers *servers);

/* When the next question is due to be asked elsewhere, as loop_now() counts; -1: none is open. */
int64_t dns_due(void);

/* Asks elsewhere what got no answer in time, or answers that nobody knows (SERVFAIL). */
void dns_expire(void);
