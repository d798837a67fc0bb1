/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h: what can be waited for, the time, and the way into the tap. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * One epoll set, in which libslirp's sockets are watched (stacks.h), and in which what else waits (the tap, the name
 * service, relays, ports, orders) watches its own descriptors. turns.h waits.
 */

/* A descriptor of our own, and what is called when it has one of EVENTS (EPOLL*). */
struct loop_watch {
	void (*ready)(struct loop_watch *w, uint32_t events);
	int fd;
};

/* Makes the set, which it returns, or -1 with errno; TAP is where frames go. */
int loop_start(int tap);

int loop_watch(struct loop_watch *w, uint32_t events);
void loop_unwatch(struct loop_watch *w);

/* Milliseconds of the monotonic clock. */
int64_t loop_now(void);

/* A frame towards the sandbox; one that finds no room is lost, as on any wire. */
void loop_send(uint8_t *frame, unsigned len);
