/* SPDX-License-Identifier: Apache-2.0 */
/* net_loop.h: sbx-net's loop, turned by hand: for the tests of its name service. */
#pragma once

#include "dns.h"
#include "loop.h"
#include "stacks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { WATCHES_MAX = 512 };

static struct loop_watch *watches[WATCHES_MAX];
static uint32_t wanted[WATCHES_MAX];
static size_t n_watches;
static int64_t now;

int64_t loop_now(void)
{
	return now;
}

void stacks_forget(int fd)
{
}

void loop_unwatch(struct loop_watch *w)
{
	for (size_t i = 0; i < n_watches; i++)
		if (watches[i] == w) {
			watches[i] = watches[--n_watches];
			wanted[i] = wanted[n_watches];
			return;
		}
}

int loop_watch(struct loop_watch *w, uint32_t events)
{
	assert(fcntl(w->fd, F_GETFD) >= 0);
	loop_unwatch(w);
	assert(n_watches < WATCHES_MAX);
	wanted[n_watches] = events;
	watches[n_watches++] = w;
	return 0;
}

/* What was ready in the beginning is seen to, though it may have gone meanwhile: as the loop
 * does it. Whether anything was. */
static bool turn(void)
{
	struct pollfd fds[WATCHES_MAX];
	struct loop_watch *seen[WATCHES_MAX];
	size_t n = n_watches;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		seen[i] = watches[i];
		fds[i] = (struct pollfd){.fd = watches[i]->fd, .events = (short)wanted[i]};
	}
	if (poll(fds, n, 0) < 0) {
		assert(errno == EINTR); /* libFuzzer looks at its clock */
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (fds[i].revents) {
			seen[i]->ready(seen[i], (uint32_t)fds[i].revents);
			any = true;
		}
	dns_expire();
	return any;
}
