/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c: the steps of the set-up that mount. */
#include "mounts.h"

#include "mount.h"
#include "mount_attrs.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- /proc and /sys ---------------------------------------------------------------------- */

int mounts_proc(struct setup *s)
{
	struct statfs st;
	int r = mount_new(s, "proc", "/proc", MOUNT_NOTHING_SPECIAL, NULL);

	if (r < 0)
		return r;
	/* What is written below /proc from here on must reach procfs, not a file of the tree.
	 */
	autoclose int fd = path_open_in(s->root, "proc", O_PATH | O_DIRECTORY);
	if (fd < 0 || fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC)
		return fail(EXDEV, "'/proc' of the sandbox is not procfs");
	if (s->plan->nested)
		return 0;
	autoclose int limit = path_open_in(fd, "sys/user/max_user_namespaces", O_WRONLY);
	if (limit < 0 || write(limit, "0", 1) < 0)
		return fail_sys("forbid user namespaces inside");
	return 0;
}

/* sysfs belongs to a network namespace: with the host's, only the host's own /sys is to be had.
 */
int mounts_sys(struct setup *s)
{
	autoclose int host = -EBADF;
	int r = -EPERM;

	if (s->plan->net != PLAN_NET_HOST)
		r = mount_new(s, "sysfs", "/sys", MOUNT_NOTHING_SPECIAL | MS_RDONLY, NULL);
	if (r != -EPERM)
		return r;
	fail_forget();
	host = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host < 0)
		return fail_sys("open '/sys'");
	return mount_bind_inside(s, host, PATH_FOLDER, "/sys",
				 SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV |
					 SYS_ATTR_NOEXEC);
}

/* ---- /run and /tmp ---------------------------------------------------- */

/* A folder of the tmpfs that holds the upper, so that all that a sandbox writes is in one. */
static int memory_bind(const struct setup *s, const char *name, const char *target, mode_t mode)
{
	autoclose int fd = -EBADF;

	if (mkdirat(s->memory, name, mode) < 0 || fchmodat(s->memory, name, mode, 0) < 0)
		return fail_sys("make a folder for '%s'", target);
	fd = openat(s->memory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_sys("open the folder for '%s'", target);
	return mount_bind_inside(s, fd, PATH_FOLDER, target, 0);
}

int mounts_run_and_tmp(struct setup *s)
{
	int r;

	if (s->memory >= 0) {
		r = memory_bind(s, "run", "/run", 0755);
		return r < 0 ? r : memory_bind(s, "tmp", "/tmp", 01777);
	}
	r = mount_new(s, "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	if (r == 0)
		r = mount_new(s, "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	return r;
}

/* ---- what the user asked for ------------------------------------------------------------- */

static int user_mount(const struct setup *s, const struct plan_mount *m, int source)
{
	if (m->kind == PLAN_MOUNT_TMPFS)
		return mount_new(s, "tmpfs", m->target, mount_attrs_to_flags(m->attrs),
				 m->options);
	return mount_bind_inside(s, source, m->source_is_folder ? PATH_FOLDER : PATH_FILE,
				 m->target, m->attrs);
}

int mounts_user(struct setup *s)
{
	for (size_t i = 0; i < s->plan->n_mounts; i++) {
		int r = user_mount(s, &s->plan->mounts[i], s->sources[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- masks ------------------------------------------------------------------------------- */

/* What podman and Docker hide: state of the host that no payload needs. What the host's root
 * alone may read or write (/proc/kcore, /proc/irq, /proc/sysrq-trigger) wants no mask here:
 * host root is never mapped, so it is nobody inside, and no capability inside reaches it. */
static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/keys",
	"/proc/key-users",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/firmware",
	"/sys/fs/selinux",
	"/sys/dev/block",
	"/sys/devices/virtual/powercap",
};

/* Sysctls of the sandbox's own namespaces are its root's to write, but not behind the plan's
 * back. */
static const char readonly[] = "/proc/sys";

/* Hides a folder by an empty one: the first time a tmpfs, then that tmpfs again, *EMPTY. */
static int mask_folder(const struct setup *s, const char *path, int fd, int *empty)
{
	if (*empty >= 0)
		return mount_bind(*empty, fd_path(fd).s);
	if (mount("tmpfs", fd_path(fd).s, "tmpfs", MOUNT_NOTHING_SPECIAL | MS_RDONLY,
		  "mode=0555,size=4k,nr_inodes=1") < 0)
		return -errno;
	*empty = path_open_in(s->root, path, O_PATH | O_NOFOLLOW);
	return *empty < 0 ? *empty : 0;
}

static int mask(const struct setup *s, const char *path, int null, int *empty)
{
	autoclose int fd = path_open_in(s->root, path, O_PATH | O_NOFOLLOW);
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(fd < 0 ? -fd : errno, "open '%s' to mask it", path);
	if ((st.st_mode & 0007) == 0)
		return 0; /* the host's root's alone */
	r = S_ISDIR(st.st_mode) ? mask_folder(s, path, fd, empty)
				: mount_bind(null, fd_path(fd).s);
	return r < 0 ? fail(-r, "mask '%s': %s", path, strerrordesc_np(-r)) : 0;
}

static int make_readonly(const struct setup *s, const char *path)
{
	autoclose int fd = path_open_in(s->root, path, O_PATH | O_NOFOLLOW);
	int r = fd < 0 ? fd : mount_bind(fd, fd_path(fd).s);

	if (r < 0)
		return fail(-r, "bind '%s' on itself: %s", path, strerrordesc_np(-r));
	autoclose int mounted = path_open_in(s->root, path, O_PATH | O_NOFOLLOW);
	r = mounted < 0 ? mounted : mount_set_attrs(mounted, SYS_ATTR_RDONLY);
	return r < 0 ? fail(-r, "make '%s' read-only: %s", path, strerrordesc_np(-r)) : 0;
}

int mounts_mask(struct setup *s)
{
	autoclose int null = path_open_in(s->root, "dev/null", O_PATH | O_NOFOLLOW);
	autoclose int empty = -EBADF;
	struct stat st;
	int r = 0;

	/* What stands for nothing must be the null device, whatever was mounted in the
	 * meantime. */
	if (null < 0 || fstat(null, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(1, 3))
		return fail(EINVAL, "'/dev/null' of the sandbox is not device 1:3");
	for (size_t i = 0; i < ARRAY_SIZE(masked) && r == 0; i++)
		r = mask(s, masked[i], null, &empty);
	return r < 0 ? r : make_readonly(s, readonly);
}

int mounts_readonly_root(struct setup *s)
{
	int r = mount_set_attrs_here(s->root, SYS_ATTR_RDONLY);

	return r < 0 ? fail(-r, "make the root filesystem read-only: %s", strerrordesc_np(-r))
		     : 0;
}
