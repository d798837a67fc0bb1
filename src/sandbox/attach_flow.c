/* SPDX-License-Identifier: Apache-2.0 */
/* attach_flow.c: a bounded buffer between two descriptors. */
#include "attach_flow.h"

#include "util/fail.h"
#include "util/scope.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void flow_init(struct flow *f)
{
	*f = (struct flow){.from = -EBADF, .to = -EBADF};
}

void flow_done(struct flow *f)
{
	(void)fd_close(f->from);
	(void)fd_close(f->to);
	free(f->data);
	flow_init(f);
}

int flow_open(struct flow *f, int from, int to)
{
	f->from = from;
	f->to = to;
	/* Not cleared: pages that no byte passes through cost nothing. */
	f->data = malloc(FLOW_SIZE);
	if (!f->data)
		return fail_sys("make a buffer of %d bytes", FLOW_SIZE);
	return 0;
}

void flow_push(struct flow *f, const void *data, size_t len)
{
	assert(len <= flow_room(f));
	memcpy(f->data + f->end, data, len);
	f->end += len;
}

int flow_read(struct flow *f)
{
	while (flow_room(f) > 0) {
		ssize_t n = read(f->from, f->data + f->end, flow_room(f));

		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		f->end += (size_t)n;
	}
	return 1;
}

int flow_write(struct flow *f)
{
	while (flow_pending(f) > 0) {
		size_t len = flow_pending(f);
		ssize_t n;

		if (f->to_waits && len > FLOW_PIECE)
			len = FLOW_PIECE;
		n = write(f->to, f->data + f->start, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		f->start += (size_t)n;
		/* The next piece waits for the next POLLOUT. */
		if (f->to_waits)
			break;
	}
	if (f->start == f->end)
		f->start = f->end = 0;
	return 0;
}
