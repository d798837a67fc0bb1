/* SPDX-License-Identifier: Apache-2.0 */
/* account.h: who is who inside the tree. */
#pragma once

#include "sandbox.h"

/*
 * Theory of operation
 *
 * The payload's user is looked up in the tree's own /etc/passwd and /etc/group, never through
 * the host's name service. Both files belong to whoever made the tree: they are read below the
 * root only, up to ACCOUNT_FILE_MAX, and a line that isn't well-formed counts as not there.
 *
 * A kept upper lies over the tree, and is looked at before it is mounted: its file is the one
 * that the payload will see, and a whiteout there, or a replaced /etc, hides the tree's. GAP:
 * symbolic links that lead from one layer into the other aren't followed; such a file counts as
 * not there.
 */

enum { ACCOUNT_FILE_MAX = 8 << 20, ACCOUNT_GROUPS_MAX = 1024 };

/* Fills p->uid, p->gid, p->groups, p->user_name, p->home and p->shell from p->user as podman
 * does:
 *
 *   NAME        must be in passwd; its gid, and the groups that list it
 *   UID         the same where passwd has it; else gid 0 and no groups
 *   ...:GROUP   a name of /etc/group or any gid instead, and no other groups
 *   NULL        root, or the caller's own ids with p->ids.keep
 *
 * UPPER is the kept upper folder or -EBADF; borrowed. A user or group that p->ids doesn't map
 * is an error, a supplementary group is left out with a note. Needs: p->root.fd, and p->ids
 * decided. */
int account_resolve(struct plan *p, int upper);
