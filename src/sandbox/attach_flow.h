/* SPDX-License-Identifier: Apache-2.0 */
/* attach_flow.h: bytes on their way from one descriptor to another, in a bounded buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	FLOW_SIZE = 65536,
	FLOW_PIECE = 512, /* what a terminal takes at once even where nobody reads it */
};

/* Zero-initialised is closed but not safe to end: flow_init() first. */
struct flow {
	int from, to;  /* owned; -EBADF: not there yet, or no more */
	bool to_waits; /* a write to `to` may block: only after POLLOUT, in pieces */
	bool ended;    /* nothing more comes; the flow ends once it is empty */
	size_t start, end;
	char *data;
};

void flow_init(struct flow *f);
void flow_done(struct flow *f);

/* Takes FROM and TO, either of which may be -EBADF and be set later. -ENOMEM, with a sentence.
 */
int flow_open(struct flow *f, int from, int to);

static inline bool flow_is_open(const struct flow *f)
{
	return f->data;
}

static inline size_t flow_pending(const struct flow *f)
{
	return f->end - f->start;
}

static inline size_t flow_room(const struct flow *f)
{
	return FLOW_SIZE - f->end;
}

/* Adds LEN bytes, for which there must be room. */
void flow_push(struct flow *f, const void *data, size_t len);

/* Reads from a non-blocking `from` what is there and has room. 1 where it may have more, 0
 * where it has nothing more now, -ENODATA at its end, or another negative errno. */
int flow_read(struct flow *f);

/* Writes as much as goes without blocking. 0, or a negative errno. */
int flow_write(struct flow *f);
