/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h: what sbx-net waits for: the tap, libslirp's sockets, its own, and the time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * One thread, one epoll set, in which libslirp's sockets are watched (stacks.h) and what else waits (the name service,
 * relays, ports, orders) watches its own descriptors. With nothing open and nothing due the helper sleeps.
 */

/* A descriptor of our own, and what is called when it has one of EVENTS (EPOLL*). */
struct loop_watch {
	void (*ready)(struct loop_watch *w, uint32_t events);
	int fd;
};

int loop_watch(struct loop_watch *w, uint32_t events);
void loop_unwatch(struct loop_watch *w);

/* Milliseconds of the monotonic clock. */
int64_t loop_now(void);

/* A frame towards the sandbox; one that finds no room is lost, as on any wire. */
void loop_send(uint8_t *frame, unsigned len);

/* Makes all that TAP is served with. Nothing of the sandbox's is read yet. */
int loop_prepare(int tap);

/* The sandbox has ended: so does loop_run(), once all that it has sent is on its way. */
void loop_end(void);

/* Serves the tap until then, or until it is gone: it can be removed in there. 0 then, else a negative errno. */
int loop_run(void);
