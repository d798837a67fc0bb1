/* SPDX-License-Identifier: Apache-2.0 */
/* mount_attrs.c: the flags of mounts that are there already. */
#include "mount_attrs.h"

#include "mountinfo.h"
#include "util/scope.h"
#include "util/str.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
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

/* ---- a tree of mounts, where the kernel has no call for it -------------------------------- */

enum {
	BELOW_MAX = 1 << 14,
	LOOKS_MAX = 16,
	OPENS_MAX = 32, /* at one look */
};

/* The mounts below one, by the kernel's numbers; and how many couldn't be reached by their names. */
struct below {
	uint32_t ids[BELOW_MAX];
	size_t n, missed;
};

static bool is_below(const struct below *b, uint32_t parent)
{
	for (size_t i = b->n; i-- > 0;)
		if (b->ids[i] == parent)
			return true;
	return false;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *f = flags; f; f = strchr(f, ',')) {
		f += *f == ',';
		if (strncmp(f, flag, len) == 0 && (f[len] == ',' || f[len] == '\0'))
			return true;
	}
	return false;
}

static bool has_attrs(const char *flags, unsigned attrs)
{
	return (!(attrs & SYS_ATTR_RDONLY) || has_flag(flags, "ro")) &&
	       (!(attrs & SYS_ATTR_NOSUID) || has_flag(flags, "nosuid")) &&
	       (!(attrs & SYS_ATTR_NODEV) || has_flag(flags, "nodev")) &&
	       (!(attrs & SYS_ATTR_NOEXEC) || has_flag(flags, "noexec"));
}

static int mount_id(int fd, uint32_t *ret_id)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st) < 0)
		return -errno;
	*ret_id = (uint32_t)st.stx_mnt_id;
	return 0;
}

/* Its name may lead elsewhere by now: what is opened must be that mount. Where two names are exchanged all the time it is
 * there every other moment. */
static int remount_by_name(struct below *b, const struct mountinfo *m, uint32_t id,
			   unsigned attrs)
{
	int r = 0;

	for (int i = 0; i < OPENS_MAX; i++) {
		autoclose int fd = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		uint32_t found = 0;

		r = fd < 0 ? -errno : mount_id(fd, &found);
		if (r == 0 && found == id)
			return remount(fd, attrs);
	}
	b->missed++;
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -ELOOP ? 0 : r;
}

static int remount_line(struct below *b, char *line, unsigned attrs)
{
	struct mountinfo m;
	uint32_t id, parent;

	/* The kernel lists a mount behind the one that it is on. */
	if (!mountinfo_parse(line, &m) || str_to_u32(m.id, UINT32_MAX, &id) < 0 ||
	    str_to_u32(m.parent, UINT32_MAX, &parent) < 0 || !is_below(b, parent))
		return 0;
	if (b->n == BELOW_MAX)
		return -E2BIG;
	b->ids[b->n++] = id;
	return has_attrs(m.flags, attrs) ? 0 : remount_by_name(b, &m, id, attrs);
}

/* Without stdio, which allocates: this runs between clone and exec. */
static int remount_listed(struct below *b, unsigned attrs)
{
	static char lines[16 * PATH_MAX]; /* two paths of blanks are eight */
	autoclose int info = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;
	int r = info < 0 ? -errno : 0;

	while (r == 0 && (n = read(info, lines + used, sizeof(lines) - 1 - used)) > 0) {
		char *rest = lines, *end;

		used += (size_t)n;
		lines[used] = '\0';
		while (r == 0 && (end = strchr(rest, '\n'))) {
			*end = '\0';
			r = remount_line(b, rest, attrs);
			rest = end + 1;
		}
		used = strlen(rest);
		if (used == sizeof(lines) - 1)
			return -ENAMETOOLONG;
		memmove(lines, rest, used);
	}
	return r == 0 && n < 0 ? -errno : r;
}

/* Somebody outside may rename what leads to a mount, between our look at its name and the use of it:
 * so it is looked at again. What then still has no name is hidden by another mount, and out of
 * reach for those inside too. */
static int remount_below(int fd, unsigned attrs)
{
	static struct below below;
	uint32_t top;
	int r = remount(fd, attrs);

	if (r == 0)
		r = mount_id(fd, &top);
	for (int look = 0; look < LOOKS_MAX && r == 0; look++) {
		below.ids[0] = top;
		below.n = 1;
		below.missed = 0;
		r = remount_listed(&below, attrs);
		if (below.missed == 0)
			break;
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
