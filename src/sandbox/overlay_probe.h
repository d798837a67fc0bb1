/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_probe.h: what the kernel's overlay can do on this machine, found by trying. */
#pragma once

#include "sandbox.h"

/* Whether the kernel's driver works with an upper where P's will be (in memory, or in the store
 * where it is kept), and in p->root.userxattr how. Tried once per kernel and place, and
 * remembered in the store. Needs: p->root.store_fd, store_path and is_kept. */
bool overlay_kernel_works(struct plan *p);
