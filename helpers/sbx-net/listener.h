/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h: listening sockets, also while there are no descriptors for what comes. */
#pragma once

#include "loop.h"

#include <sys/socket.h>

/*
 * Theory of operation
 *
 * A relay needs two descriptors, so a connection is accepted where there is one to spare. Where it can't be, or memory has
 * run out, the listener leaves the epoll set, or
 * it would wake us for ever, and is tried again a little later. Connections wait in its queue.
 */

struct listener {
	struct loop_watch watch; /* first: what is watched is the listener */
	/* Takes over the connection FD, which has come from PEER. */
	void (*accepted)(struct listener *l, int fd, const struct sockaddr_storage *peer);
	bool is_deaf;
	struct listener *next;
};

/* Takes what comes at FD, a listening socket that doesn't block, until listener_stop(); it stays the caller's. */
int listener_start(struct listener *l, int fd);
void listener_stop(struct listener *l);

/* When a deaf one is due to be tried, as loop_now() counts; -1: none is. */
int64_t listeners_due(void);
void listeners_hear(void);
