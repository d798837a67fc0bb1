/* SPDX-License-Identifier: Apache-2.0 */
/* room.h: when to write again to who hasn't taken all. */
#pragma once

#include <stdbool.h>

/*
 * Theory of operation
 *
 * The kernel says that there is room (EPOLLOUT) when a third of a connection's send buffer is free. On a long way that buffer
 * is what bounds the speed, and a third of it empty is a sixth of the speed lost. So who has been sent something and hasn't
 * taken all is looked at again some milliseconds later. Who takes nothing then is looked at half as often each time, and
 * soon not at all: from there on it is the kernel's word that counts, and a connection that stands still wakes nobody.
 */

/* Milliseconds until the first look, and the most between two. */
enum { ROOM_MS = 4, ROOM_MS_MAX = 128 };

/* Whether FD has room for so much that it is worth the calls. */
bool room_is(int fd);
