/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: what can be waited for, the time, and the way into the tap. */
#include "loop.h"

#include "frame.h"
#include "util/clock.h"
#include "util/scope.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

static int epoll = -EBADF, tap = -EBADF;

int loop_start(int tap_fd)
{
	tap = tap_fd;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll;
}

int64_t loop_now(void)
{
	return clock_ms();
}

/* Pointers are even; a socket of libslirp's is told apart by an odd number. */
int loop_watch(struct loop_watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &e) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, w->fd, &e) == 0)
		return 0;
	return -errno;
}

void loop_unwatch(struct loop_watch *w)
{
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

void loop_send(uint8_t *frame, unsigned len)
{
	struct virtio_net_hdr head;
	struct iovec parts[] = {{&head, sizeof(head)}, {frame, len}};

	frame_outgoing(frame, len, &head);
	(void)writev(tap, parts, ARRAY_SIZE(parts));
}
