/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c: listening sockets, also while there are no descriptors for what comes. */
#include "listener.h"

#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	ACCEPTS_MAX = 64, /* in one turn */
	DEAF_MS = 100,
};

static struct listener *all;
static int64_t due = -1;

static void deafen(struct listener *l)
{
	loop_unwatch(&l->watch);
	l->is_deaf = true;
	if (due < 0)
		due = loop_now() + DEAF_MS;
}

static bool is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

/* A connection from *RET_PEER; there is another descriptor then, for where it leads. */
static int connection_accept(int listener, struct sockaddr_storage *ret_peer)
{
	static int spare = -EBADF;
	socklen_t len = sizeof(*ret_peer);
	int fd;

	/* Of what ends with us: a copy of a listener would go on listening. */
	if (spare < 0)
		spare = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	if (spare < 0)
		return -1;
	fd = accept4(listener, (struct sockaddr *)ret_peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		spare = fd_close(spare);
	return fd;
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)w;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct sockaddr_storage peer;
		int fd = connection_accept(w->fd, &peer);

		if (fd < 0 && is_shortage(errno))
			deafen(l);
		/* Who owns its namespace has ended it (sock_diag(7), SOCK_DESTROY). */
		else if (fd < 0 && (events & (EPOLLHUP | EPOLLERR)))
			loop_unwatch(w);
		if (fd < 0)
			return;
		l->accepted(l, fd, &peer);
	}
}

int listener_start(struct listener *l, int fd)
{
	l->watch = (struct loop_watch){on_ready, fd};
	l->is_deaf = false;
	l->next = all;
	all = l;
	return loop_watch(&l->watch, EPOLLIN);
}

void listener_stop(struct listener *l)
{
	struct listener **at = &all;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	loop_unwatch(&l->watch);
}

int64_t listeners_due(void)
{
	return due;
}

void listeners_hear(void)
{
	if (due < 0 || loop_now() < due)
		return;
	due = -1;
	for (struct listener *l = all; l; l = l->next) {
		if (!l->is_deaf)
			continue;
		l->is_deaf = loop_watch(&l->watch, EPOLLIN) < 0;
		if (l->is_deaf)
			due = loop_now() + DEAF_MS;
	}
}
