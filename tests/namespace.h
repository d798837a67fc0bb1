/* SPDX-License-Identifier: Apache-2.0 */
/* namespace.h: user and mount namespaces of a test's own, in which it may mount. */
#pragma once

#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static inline int namespace_write(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

/* Takes the process into namespaces where the caller's ids are UID and GID, and what it mounts
 * is seen by nobody else. A negative errno where this machine doesn't let it. */
static inline int namespace_enter(uid_t uid, gid_t gid)
{
	uid_t own_uid = geteuid();
	gid_t own_gid = getegid();
	char map[64];
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	(void)snprintf(map, sizeof(map), "%u %u 1\n", uid, own_uid);
	r = namespace_write("/proc/self/uid_map", map);
	if (r == 0)
		r = namespace_write("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1\n", gid, own_gid);
	if (r == 0)
		r = namespace_write("/proc/self/gid_map", map);
	if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = -errno;
	/* LeakSanitizer looks at the process from outside. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	return r;
}
