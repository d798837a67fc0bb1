/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_probe.h: what the kernel's overlay can do on this machine, found by trying. */
#pragma once

#include "sandbox.h"

/* Whether the kernel's driver works with an upper where P's will be: in memory, and in the store
 * where it is kept or memory won't do. p->root.in_memory and .userxattr say where and how. Tried
 * once per kernel and place, and remembered in the store; -EPERM where it can't be tried, since
 * namespaces are refused or have no rights. Where it doesn't work and that was found just now a
 * sentence says why. Needs: p->root.store_fd,
 * store_path and is_kept. */
int overlay_kernel_works(struct plan *p);

/* Tries it now, with an upper in memory, or in the folder PLACE, open as DIR. *RET_USERXATTR says how
 * it works. A negative errno with a sentence: -EOPNOTSUPP where the kernel's driver doesn't work there,
 * another one where it could not be tried. Leaves nothing. */
int overlay_kernel_try(const char *place, int dir, bool *ret_userxattr);
