/* SPDX-License-Identifier: Apache-2.0 */
/* slirp_make.h: libslirp with the addresses of a sandbox's network. */
#pragma once

#include <slirp/libslirp.h>

/* One that knows the sandbox's addresses (frame_introduction()): it never has to ask for them, and an answer that waited for
 * them would make libslirp 4.7 crash. CONTEXT is what the callbacks are called with. NULL where there is no memory. */
Slirp *slirp_make(const SlirpCb *callbacks, void *context);
