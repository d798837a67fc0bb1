/* SPDX-License-Identifier: Apache-2.0 */
/* slirp_make.h: libslirp with the addresses of a sandbox's network. */
#pragma once

#include <slirp/libslirp.h>

/* NULL where there is no memory. */
Slirp *slirp_make(const SlirpCb *callbacks);
