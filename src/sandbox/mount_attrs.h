/* SPDX-License-Identifier: Apache-2.0 */
/* mount_attrs.h: the flags of mounts that are there already. */
#pragma once

/* Sets ATTRS (SYS_ATTR_*) on the mount that FD is the root of, and on all mounts below it. None
 * is taken away: many are locked, since the mount is the host's. A negative errno without a
 * sentence. Before Linux 5.12, which has no call for that, a mount at a time. */
int mount_set_attrs(int fd, unsigned attrs);

/* The same for this mount alone. */
int mount_set_attrs_here(int fd, unsigned attrs);

/* SYS_ATTR_* as the MS_* of mount(2). */
unsigned long mount_attrs_to_flags(unsigned attrs);
