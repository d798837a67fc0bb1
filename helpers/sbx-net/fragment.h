/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.h: datagrams that are larger than the link's MTU, put together again. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * libslirp has had its faults in fragments, so it sees none: they are put together here, and what it gets is one
 * packet without them, which passes frame_admit() like any other. Only UDP needs it: TCP keeps to the MTU.
 *
 * Eight datagrams can be incomplete at once, for two seconds; a ninth takes the oldest one's place. Fragments that
 * overlap lose the datagram (RFC 5722), and so does one that isn't a multiple of eight bytes, but for the last, or
 * ends behind 65,535.
 */

enum fragment_fate {
	FRAGMENT_NONE,	/* the frame is no fragment */
	FRAGMENT_TAKEN, /* it is one, and was kept or dropped */
	FRAGMENT_WHOLE, /* with it the datagram is whole */
};

/* NOW is in milliseconds. With FRAGMENT_WHOLE *RET_FRAME is what the frame would be without fragments, of *RET_LEN bytes,
 * until the next call. */
enum fragment_fate fragment_take(const uint8_t *frame, size_t len, int64_t now,
				 uint8_t **ret_frame, size_t *ret_len);
