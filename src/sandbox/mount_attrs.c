/* SPDX-License-Identifier: Apache-2.0 */
/* mount_attrs.c: the flags of mounts that are there already. */
#include "mount_attrs.h"

#include "mountinfo.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/str.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

unsigned long mount_attrs_to_flags(unsigned attrs)
{
	return (attrs & SYS_ATTR_RDONLY ? MS_RDONLY : 0UL) |
	       (attrs & SYS_ATTR_NOSUID ? MS_NOSUID : 0UL) |
	       (attrs & SYS_ATTR_NODEV ? MS_NODEV : 0UL) |
	       (attrs & SYS_ATTR_NOEXEC ? MS_NOEXEC : 0UL);
}

/* A remount sets all flags anew, and one that drops a locked one is refused. */
static unsigned long flags_of(int fd)
{
	static const struct {
		unsigned long statvfs, mount;
	} pairs[] = {
		{ST_RDONLY, MS_RDONLY},	    {ST_NOSUID, MS_NOSUID},
		{ST_NODEV, MS_NODEV},	    {ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME},   {ST_NODIRATIME, MS_NODIRATIME},
		{ST_RELATIME, MS_RELATIME}, {0x2000, MS_NOSYMFOLLOW}, /* Linux 5.10 */
	};
	unsigned long flags = 0;
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (st.f_flag & pairs[i].statvfs)
			flags |= pairs[i].mount;
	/* Said by the lack of the others, which mount(2) takes for MS_RELATIME. */
	if (!(flags & (MS_NOATIME | MS_RELATIME)))
		flags |= MS_STRICTATIME;
	return flags;
}

static int remount(int fd, unsigned attrs)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | flags_of(fd) | mount_attrs_to_flags(attrs);
	char link[sizeof("/proc/self/fd/") + 10];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return mount(NULL, link, NULL, flags, NULL) < 0 ? -errno : 0;
}

static int remount_line(char *line, const char *top, unsigned attrs)
{
	struct mountinfo m;
	int r;

	if (!mountinfo_parse(line, &m) || !path_is_in(m.point, top) || streq(m.point, top))
		return 0;
	autoclose int fd = open(m.point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : remount(fd, attrs);
	/* A mount that another one hides can't be reached by anybody inside either. What has
	 * its name now, if anything, is no mount (-EINVAL). */
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EINVAL ? 0 : r;
}

/* Without stdio, which allocates: this runs between clone and exec. */
static int remount_below(int fd, unsigned attrs)
{
	static char lines[16 * PATH_MAX]; /* two paths of blanks are eight */
	char top[PATH_MAX], link[sizeof("/proc/self/fd/") + 10];
	size_t used = 0;
	ssize_t n;
	int r = remount(fd, attrs);

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, top, sizeof(top) - 1);
	if (n < 0)
		return -errno;
	top[n] = '\0';
	autoclose int info = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	while (r == 0 && (n = read(info, lines + used, sizeof(lines) - 1 - used)) > 0) {
		char *rest = lines, *end;

		used += (size_t)n;
		lines[used] = '\0';
		while (r == 0 && (end = strchr(rest, '\n'))) {
			*end = '\0';
			r = remount_line(rest, top, attrs);
			rest = end + 1;
		}
		used = strlen(rest);
		if (used == sizeof(lines) - 1)
			return -ENAMETOOLONG;
		memmove(lines, rest, used);
	}
	return r;
}

int mount_set_attrs(int fd, unsigned attrs)
{
	int r;

	if (attrs == 0)
		return 0;
	r = sys_mount_setattr(fd, attrs, true);
	return r == -ENOSYS ? remount_below(fd, attrs) : r;
}

int mount_set_attrs_here(int fd, unsigned attrs)
{
	int r = sys_mount_setattr(fd, attrs, false);

	return r == -ENOSYS ? remount(fd, attrs) : r;
}
