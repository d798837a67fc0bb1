/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.h: libslirp, several times, each with a share of what the sandbox has open by the tap. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/*
 * Theory of operation
 *
 * At each turn libslirp walks twice over all of its sockets, so that each idle one slows all others. Here it is there several
 * times. What comes from one port of the sandbox's always goes to the same stack, which is made when it is first needed;
 * and only a stack to which something has happened, or whose time has come, has its turn. Before each wait it says then what
 * it wants of each of its sockets, and only where that differs from what the kernel knows is epoll told: an idle connection
 * costs nothing.
 */

/* Makes the first one, checks that it reaches out by choke.c alone, and has all that they open watched by EPOLL. Those of
 * EPOLL's events that are theirs have odd data. */
int stacks_start(int epoll);

static inline bool stacks_own(const struct epoll_event *e)
{
	return e->data.u64 & 1;
}

/* A frame that frame_admit() has let pass. */
void stacks_input(uint8_t *frame, size_t len);

/* Before a wait: tells the kernel what they want. When the next one is due, as loop_now() counts; -1: never. */
int64_t stacks_prepare(void);

/* After a wait: those whose time has come, and those that one of the N events at EVENTS is of, have their turn. */
void stacks_serve(const struct epoll_event *events, int n);

/* FD is a new file under an old number: what was known of it doesn't hold. */
void stacks_forget(int fd);
