/* SPDX-License-Identifier: Apache-2.0 */
/* dns.h: the name service that a sandbox sees. */
#pragma once

#include "frame.h"
#include "net/net.h"

/*
 * Theory of operation
 *
 * What the sandbox asks is asked of the host's name servers, one after the other until one
 * answers, and the answer goes back. Nothing is kept but what the policy pins. Whether a name
 * is asked for at all, and what is shown of its answer, is decided where rules look at names
 * (dns_exchange.h); else all passes as it is.
 *
 * A datagram gets a socket of its own, connected to the server, so that the kernel chooses the
 * port and drops what others send; its id is ours, and random. What isn't an answer to it is
 * waited past. Connections, for answers that no datagram holds, are dns_stream.h's.
 *
 * Questions pass, and no other messages: a name server may take updates from its own host,
 * which is what we look like.
 */

/* Needs: policy_start(). */
void dns_start(const struct net_config *config);

/* Who is to be asked. Where these are others than before, what is open is asked anew. */
void dns_set_servers(const struct net_servers *servers);

/* Answers a question. */
void dns_ask(const struct frame_datagram *d);

/* Makes the socket FD one end of a connection to the name service; a negative errno. */
int dns_connect(int fd);

/* Serves the connection FD, a stream socket, and owns it from now on; a negative errno, and
 * it is closed. */
int dns_serve(int fd);

/* When the next question or connection runs out of time, as loop_now() counts; -1: none is
 * open. */
int64_t dns_due(void);

/* Asks elsewhere what got no answer in time, or answers that nobody knows (SERVFAIL); ends
 * connections that are idle. */
void dns_expire(void);
