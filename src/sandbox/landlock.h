/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.h: a second wall around the payload and the overlay's driver. */
#pragma once

#include "setup.h"

/*
 * Theory of operation
 *
 * The mount namespace decides what has a name inside. Landlock (landlock(7)) decides on the file
 * that is opened, whatever led to it: a descriptor that should not be there, a link of /proc, a
 * mount that came loose. What lies below the new root may be used as the mounts allow, and a
 * descriptor 0 to 2 that is a file of the host's may be opened again for what it is open for, no
 * more. Nothing else of the host's can be opened even by who holds a descriptor that leads there.
 *
 * With a read-only root the rules say that once more: writing is for /dev, /proc, /run, /tmp and the
 * mounts that are writable. A rule can only add to those above it, so with a writable root mounts
 * that are read-only have their own flag as their one wall.
 *
 * A process with rules can mount nothing; so who may mount (CAP_SYS_ADMIN, --nested) gets none.
 * Version 1 refuses every rename to another folder and isn't used.
 */

/* Sets p->landlock. Needs: p->caps decided. */
void landlock_decide(struct plan *p);

/* A step of the set-up. Needs: the new root is "/"; CAP_SYS_ADMIN. Leaves: rules on pid 1 and all that
 * it starts. Mustn't: mount anything afterwards. */
int landlock_payload(struct setup *s);

/* In the child that becomes fuse-overlayfs: it may read the tree and its own program, and write to the
 * upper alone. 0 where the kernel has no Landlock; a negative errno without a sentence, and errno.
 * Needs: CAP_SYS_ADMIN in its user namespace. */
int landlock_driver(const struct plan *p);
