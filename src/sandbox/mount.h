/* SPDX-License-Identifier: Apache-2.0 */
/* mount.h: mounting below a root whose owner may be hostile. */
#pragma once

#include "setup.h"
#include "util/path.h"

/*
 * Theory of operation
 *
 * The tree may be hostile, and with --direct somebody outside may rename in it while we are at
 * work. So every target below it is opened by util/path (inside the root, never through a
 * symbolic link as the last component), its type is checked, and the mount is made on what was
 * opened, whatever its name has become. A new mount's root is never looked up by name either:
 * the newer mount calls make the mount first, attach it then, and its descriptor stays good.
 * (Where a filter or an old kernel refuses them, the name is looked up, and what is found must
 * be a mount's root.) What is done below /proc, /sys, /dev and /run later starts at these
 * descriptors.
 *
 * A mount point is made only where what holds it is a file system of the sandbox's own, which
 * is remembered as it is mounted (s->own); anything else is the host's.
 */

/* The file or folder TARGET (absolute) below the new root as an O_PATH descriptor; made where
 * it is missing and what would hold it is the sandbox's own. A negative errno without a
 * sentence; -ENOENT: it can't be made; -ELOOP: it is a symbolic link. */
int mount_target_find(const struct setup *s, const char *target, enum path_type type);

/* Makes a file system of TYPE with OPTIONS ("key=value,flag", or NULL) and mounts it on TARGET
 * below the new root with ATTRS (SYS_ATTR_*). Returns its root's descriptor, the caller's. */
int mount_new(struct setup *s, const char *type, const char *target, unsigned attrs,
	      const char *options);

/* Binds what SOURCE (O_PATH) is open on, with all that is mounted below, on TARGET below the
 * new root, with ATTRS on each of these mounts. Returns its root's descriptor, the caller's. */
int mount_bind_inside(const struct setup *s, int source, enum path_type type,
		      const char *target, unsigned attrs);

/* The same two on COVERED, which is open on TARGET; without a sentence. */
int mount_new_at(struct setup *s, const char *type, const char *target, int covered,
		 unsigned attrs, const char *options);
int mount_bind_at(const struct setup *s, int source, const char *target, int covered,
		  unsigned attrs);

/* The same two on the descriptor COVERED, without a sentence; -ENOSYS where the newer calls are
 * refused. */
int mount_new_on(const char *type, int covered, unsigned attrs, const char *options);
int mount_bind_on(int source, int covered);

/* One file or folder on another, nothing below and no flags: the cheapest. A negative errno
 * without a sentence. */
int mount_cover(int source, int target);

/* Makes PATH below FOLDER read-only, with a mount of its own; not what is mounted below it.
 * Without a sentence. */
int mount_protect(int folder, const char *path);

/* Whether the file system of FD is the sandbox's own. */
bool mount_is_own(const struct setup *s, int fd);

/* Remembers that the file system of FD is the sandbox's own. */
int mount_own(struct setup *s, int fd);
