/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_files.h: the layer of files that are the sandbox's own. */
#pragma once

#include "sandbox.h"

/*
 * Theory of operation
 *
 * /etc/hosts, hostname and resolv.conf are the sandbox's own. As a layer above the tree and
 * below the upper they are files like any other: a command can edit and remove them, a kept
 * upper keeps that, and none of it takes a mount, or a look into the tree's /etc. Their folder
 * stands in front of the tree's /etc, so it gets that one's mode; where the tree has something
 * else than a folder there, the files are bound.
 */

/* Whether P's files go into a layer. Needs: p->root.fd, and the driver decided. */
bool overlay_takes_files(const struct plan *p);

/* Makes the layer as files/ in the folder DIR, which is P's state or its tmpfs, and with GIVES
 * makes it the sandbox's root's: real root, outside, isn't mapped. Doesn't allocate. */
int overlay_files_make(const struct plan *p, int dir, bool gives);
