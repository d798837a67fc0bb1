/* SPDX-License-Identifier: Apache-2.0 */
/* dns_stream.h: connections of the sandbox's to the name service. */
#pragma once

#include <stdint.h>

/*
 * Theory of operation
 *
 * A connection is served one message after the other (RFC 1035, 4.2.2; RFC 7766):
 *
 *   READING   a question comes in
 *   ASKING    it goes to a server over a connection of its own, and the answer comes in
 *   WRITING   the answer goes out, and READING is next
 *
 * What comes in meanwhile waits in the kernel. A client has some seconds for each of its
 * messages, and a server for its answer. There are STREAMS_MAX; for one more the one that is
 * reading for the longest is ended.
 */

/* Takes over FD, a connected stream socket of the sandbox's; a negative errno, and it is
 * closed. */
int dns_stream_serve(int fd);

/* The servers have changed: what is asked is asked anew. */
void dns_stream_restart(void);

/* When the next one runs out of time, as loop_now() counts; -1: never. */
int64_t dns_stream_due(void);
void dns_stream_expire(void);
