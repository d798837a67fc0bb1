/* SPDX-License-Identifier: Apache-2.0 */
/* mount.h: mounting below a root whose owner may be hostile. */
#pragma once

#include "setup.h"
#include "util/path.h"

#include <sys/mount.h>

/*
 * Theory of operation
 *
 * The tree may be hostile: every target below it is opened by util/path (inside the root, never
 * through a symbolic link as the last component), its type is checked, and the mount is made on
 * /proc/self/fd/N, that is on what was opened, whatever its name has become. Our own fresh
 * tmpfs on /dev is nobody else's yet, so names in it are taken as they are.
 *
 * mount(2) and not the newer fsopen family: it works on every kernel and under every filter,
 * and takes fewer calls.
 */

enum { MOUNT_NOTHING_SPECIAL = MS_NOSUID | MS_NODEV | MS_NOEXEC };

/* "/proc/self/fd/N": what FD is open on, as a path. */
struct fd_path {
	char s[sizeof("/proc/self/fd/") + 10];
};

struct fd_path fd_path(int fd);

/* The file or folder TARGET (absolute) below the new root as an O_PATH descriptor; made where
 * it is missing and what would hold it is the sandbox's own. A negative errno without a
 * sentence; -ENOENT: it can't be made; -ELOOP: it is a symbolic link. */
int mount_target_find(const struct setup *s, const char *target, enum path_type type);

/* Makes a file system of TYPE and mounts it on TARGET below the new root. */
int mount_new(const struct setup *s, const char *type, const char *target, unsigned long flags,
	      const char *options);

/* Binds what SOURCE (O_PATH) is open on, with all that is mounted below, on the host's path
 * TARGET. A negative errno without a sentence. */
int mount_bind(int source, const char *target);

/* The same on TARGET below the new root, with ATTRS (SYS_ATTR_*) on each of these mounts. */
int mount_bind_inside(const struct setup *s, int source, enum path_type type,
		      const char *target, unsigned attrs);
