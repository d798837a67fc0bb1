/* SPDX-License-Identifier: Apache-2.0 */
/* relay.h: TCP past the tap: what comes in on one connection goes out on another. */
#pragma once

#include "policy.h"

/*
 * Theory of operation
 *
 * A relay is two connections, one inside and one outside, of which one is still being made at first. Bytes are
 * looked at in the queue of the one (MSG_PEEK), sent on the other, and what was taken there is discarded from the
 * queue (MSG_TRUNC): a relay holds no byte itself, so a reader that stops costs no memory, and its writer is slowed
 * by the kernel. Both sockets are watched by edges once and for all: an idle relay costs nothing, and a busy one no
 * call but those that move bytes. One that has more to move than its share of a turn goes on in the next.
 *
 * The end of the one is the end of the other: a half-close is passed on, a reset too, and when both directions have
 * ended, so has the relay. Urgent data stays where it is in the stream.
 *
 * A connection that is allowed by its name alone must say it (hello.h), and where a rule refuses names none may say one of
 * these: nothing of what the sandbox sends is passed on before that is known, while what the other side sends is. It is
 * looked at once.
 */

/* FD is for an end outside, or listens for such ones, which have it from there; local: on this host. Those inside have theirs
 * from the redirection's listener. */
void relay_tune(int fd, bool is_local);

/* Takes connections that were redirected from the listener FD. */
int relay_listen(int fd);

/* FD is such a connection. */
void relay_accepted(int fd);

/* A descriptor that is being connected to PORT inside, or a negative errno. */
typedef int relay_dial(const struct in6_addr *peer, uint16_t peer_port, uint16_t port);

/* A connection from outside, and where it leads. */
struct relay_inbound {
	struct in6_addr peer; /* who has come */
	uint16_t peer_port, port;
	relay_dial *dial, *otherwise; /* otherwise: where the first one fails; can be NULL */
	int64_t until;		      /* tried again and again until this time; 0: once */
};

/* Takes over FD. */
void relay_inbound(int fd, const struct relay_inbound *in);

/* Whether all that the sandbox has sent, and that it has ended, is passed on. */
bool relay_is_flushed(void);

/* When one is to be dialed again or has room again (room.h), as loop_now() counts; -1: never. */
int64_t relay_due(void);
void relay_wake(void);

/* The sandbox has ended: nobody waits for a service any more. */
void relay_hurry(void);

/* Goes on with what is busy, and frees what has ended. */
void relay_turn(void);
bool relay_is_busy(void);
