/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.h: the root filesystem, and where what is written to it goes. */
#pragma once

#include "setup.h"

/*
 * Theory of operation
 *
 * Three drivers behind one interface. `kernel`: overlayfs mounted in the user namespace.
 * `fuse`: fuse-overlayfs, which the launcher starts on a /dev/fuse descriptor that pid 1 has
 * opened and mounted already, so that nobody waits for it before its first answer is needed. It
 * runs in the sandbox's user namespace but in the host's mount and pid namespace: nothing
 * inside can see it, and its own mount, which is only inside, can't get in its way. `none`: the
 * tree itself.
 *
 * An upper that is thrown away is in memory with the kernel's driver, as bubblewrap's and
 * systemd-nspawn's are: a tmpfs inside, which costs no journal of a disk, that nobody outside
 * sees and of which nothing can be left behind. fuse-overlayfs, which is outside, has its upper
 * in the store, and so have the uppers that are kept, and all where the kernel can't mark what is
 * in a tmpfs (before Linux 6.6). All run volatile: nothing is synced on
 * the way. An upper that is kept is synced once, when the sandbox has ended, by whoever keeps
 * it.
 *
 * overlay_decide() chooses, in the launcher; overlay_mount() does it, in pid 1. The kernel's
 * driver is probed once per place and kernel by a real mount that must give a whiteout and an
 * opaque folder; whether it takes this very tree is only known when it is mounted, so where the
 * choice was left to sbx (may_fall_back) and that mount is refused, the caller starts over with
 * fuse.
 *
 * The upper holds what was written inside and nothing else. What a sandbox needs beside comes
 * from layers: above the tree lie its own /etc/hosts and the like (overlay_files.h), and below
 * a tree that lacks mount points (/proc, /dev) the skeleton, a folder of the store that has
 * them.
 *
 * Uppers of the two drivers are not interchangeable (fuse-overlayfs marks opaque folders its
 * own way), so a kept one stays with the driver that made it.
 */

/* Replaces PLAN_OVERLAY_AUTO, and decides p->root.squash, .userxattr, .in_memory,
 * .may_fall_back, .has_files, .skeleton_*. Needs: p->ids decided, p->root.fd, .is_kept, and
 * .store_fd unless the driver is NONE. */
int overlay_decide(struct plan *p);

/* The first half of it: which driver, for p->root.overlay, and what of the owners. Writes nothing where
 * p->root.store_fd is -EBADF. */
int overlay_choose(struct plan *p);

/* Whom pid 1 asks to start fuse-overlayfs on FUSE, mounted, in the user namespace USERNS. */
typedef int overlay_ask(const struct setup *s, int userns, int fuse);

/* In pid 1: mounts the root filesystem on SETUP_STAGING. Needs: s->tree, and s->state unless
 * the upper is in memory. */
int overlay_mount(struct setup *s, overlay_ask *ask);

/* In the launcher: starts fuse-overlayfs as a child; *RET_PID is the caller's to reap, and what
 * it complains of goes to the descriptor ERRORS. Mustn't be called between clone and exec. */
int overlay_fuse_start(const struct plan *p, int userns, int fuse, int errors, pid_t *ret_pid);
