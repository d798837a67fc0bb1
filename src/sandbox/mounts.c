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

enum { NOTHING_SPECIAL = SYS_ATTR_NOSUID | SYS_ATTR_NODEV | SYS_ATTR_NOEXEC };

/* ---- /proc and /sys ---------------------------------------------------------------------- */

int mounts_proc(struct setup *s)
{
	struct statfs st;

	s->proc = mount_new(s, "proc", "/proc", NOTHING_SPECIAL, NULL);
	if (s->proc < 0)
		return s->proc;
	/* What is written below /proc from here on must reach procfs, not a file of the tree.
	 */
	if (fstatfs(s->proc, &st) < 0)
		return fail_sys("look at '/proc' of the sandbox");
	if (st.f_type != PROC_SUPER_MAGIC)
		return fail(EXDEV, "'/proc' of the sandbox is not procfs");
	if (s->plan->nested)
		return 0;
	autoclose int limit = path_open_in(s->proc, "sys/user/max_user_namespaces", O_WRONLY);
	if (limit >= 0 && write(limit, "0", 1) == 1)
		return 0;
	if (limit >= 0)
		return fail_sys("forbid user namespaces inside");
	if (limit != -EROFS)
		return fail(-limit, "forbid user namespaces inside: %s",
			    strerrordesc_np(-limit));
	setup_note(
		s,
		"only seccomp forbids user namespaces inside: /proc/sys can't be written here");
	return 0;
}

/* An empty folder that can't be written, on FOLDER; its descriptor, or -EBADF where there is
 * none. */
static int empty_on(int folder, int *ret_empty)
{
	static const char options[] = "mode=0555,nr_inodes=2";
	int made = mount_new_on("tmpfs", folder, NOTHING_SPECIAL | SYS_ATTR_RDONLY, options);

	if (made == -ENOSYS) {
		*ret_empty = -EBADF;
		return mount("tmpfs", fd_path(folder).s, "tmpfs",
			     MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0
			       ? -errno
			       : 0;
	}
	*ret_empty = made;
	return made < 0 ? made : 0;
}

/* All that runs on the host, by its services and sessions; a new /sys has nothing there. */
static int cgroups_hide(const struct setup *s)
{
	autoclose int fd = path_open_in(s->sys, "fs/cgroup", O_PATH | O_DIRECTORY | O_NOFOLLOW);
	autoclose int empty = -EBADF;
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : empty_on(fd, &empty);

	return r < 0 ? fail(-r, "hide '/sys/fs/cgroup': %s", strerrordesc_np(-r)) : 0;
}

/* sysfs belongs to a network namespace: with the host's, only the host's own /sys is to be had.
 */
int mounts_sys(struct setup *s)
{
	autoclose int host = -EBADF;

	if (s->plan->net != PLAN_NET_HOST)
		s->sys = mount_new(s, "sysfs", "/sys", NOTHING_SPECIAL | SYS_ATTR_RDONLY, NULL);
	if (s->sys >= 0)
		return 0;
	if (s->plan->net != PLAN_NET_HOST && s->sys != -EPERM)
		return s->sys;
	/* So too where the host's /sys is partly hidden, as in a container: then a new one is
	 * refused. */
	if (s->plan->net != PLAN_NET_HOST)
		setup_note(s, "/sys is the host's, read-only: a new one is refused here");
	fail_forget();
	host = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host < 0)
		return fail_sys("open '/sys'");
	s->sys = mount_bind_inside(s, host, PATH_FOLDER, "/sys",
				   NOTHING_SPECIAL | SYS_ATTR_RDONLY);
	return s->sys < 0 ? s->sys : cgroups_hide(s);
}

/* ---- /run and /tmp ----------------------------------------------------------------------- */

/* Folder NAME of the tmpfs that holds the upper, so that all that a sandbox writes is in one.
 */
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
	const unsigned attrs = SYS_ATTR_NOSUID | SYS_ATTR_NODEV;

	s->run = s->memory >= 0 ? memory_bind(s, "run", "/run", 0755)
				: mount_new(s, "tmpfs", "/run", attrs, "mode=0755");
	if (s->run < 0)
		return s->run;
	autoclose int tmp = s->memory >= 0 ? memory_bind(s, "tmp", "/tmp", 01777)
					   : mount_new(s, "tmpfs", "/tmp", attrs, "mode=1777");
	return tmp < 0 ? tmp : 0;
}

/* ---- what the user asked for ------------------------------------------------------------- */

/* FD, what C names below the mount MOUNTED, on itself, with all that is mounted below. */
static int pin(const struct plan_cover *c, int mounted, int fd)
{
	autoclose int made = mount_bind_on(fd, fd);

	if (made == -ENOSYS) {
		if (mount(fd_path(fd).s, fd_path(fd).s, NULL, MS_BIND | MS_REC, NULL) < 0)
			return -errno;
		made = path_open_in(mounted, c->path, O_PATH | O_NOFOLLOW);
	}
	if (made < 0)
		return made;
	return c->kind == PLAN_COVER_READONLY ? mount_set_attrs_here(made, SYS_ATTR_RDONLY) : 0;
}

static int hide(int fd)
{
	autoclose int empty = -EBADF;

	return empty_on(fd, &empty);
}

/* What C names below the mount MOUNTED, if it is what the plan saw; a negative errno. */
static int cover_open(const struct plan_cover *c, int mounted)
{
	autoclose int fd = path_open_in(mounted, c->path, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_dev == c->dev && st.st_ino == c->ino ? take_fd(&fd) : -ESTALE;
}

/* Covers and pins what of the mount MOUNTED the plan says; INDEX says which mount it is. */
static int covers_apply(const struct setup *s, size_t index, int mounted)
{
	for (size_t i = 0; i < s->plan->n_covers; i++) {
		const struct plan_cover *c = &s->plan->covers[i];
		int r;

		if (c->mount != index)
			continue;
		autoclose int fd = cover_open(c, mounted);
		if (fd < 0)
			r = fd;
		else
			r = c->kind == PLAN_COVER_HIDE ? hide(fd) : pin(c, mounted, fd);
		if (r == -ESTALE)
			return fail(ESTALE,
				    "'%s', which is or leads to sbx's own, was replaced by "
				    "another file just now",
				    c->path);
		if (r < 0)
			return fail(-r, "cover '%s', which is or leads to sbx's own: %s",
				    c->path, strerrordesc_np(-r));
	}
	return 0;
}

static int user_mount(struct setup *s, size_t index)
{
	const struct plan_mount *m = &s->plan->mounts[index];
	int source = s->sources[index];
	autoclose int fd = -EBADF;

	if (m->kind == PLAN_MOUNT_TMPFS)
		fd = mount_new(s, "tmpfs", m->target, m->attrs, m->options);
	else
		fd = mount_bind_inside(s, source, m->source_is_folder ? PATH_FOLDER : PATH_FILE,
				       m->target, m->attrs);
	return fd < 0 ? fail_in(fd, "'%s'", m->source) : covers_apply(s, index, fd);
}

int mounts_user(struct setup *s)
{
	int r = covers_apply(s, PLAN_COVER_ROOT, s->root);

	for (size_t i = 0; i < s->plan->n_mounts && r == 0; i++)
		r = user_mount(s, i);
	return r;
}

/* ---- masks ------------------------------------------------------------------------------- */

/* What podman and Docker hide: state of the host that no payload needs. What the host's root
 * alone may read or write (/proc/kcore, /proc/irq, /proc/sysrq-trigger) wants no mask here:
 * host root is never mapped, so it is nobody inside, and no capability inside reaches it. */
static const char *const masked_in_proc[] = {
	"acpi",		 "asound",	"interrupts", "keys",	    "key-users",
	"latency_stats", "sched_debug", "scsi",	      "timer_list", "timer_stats",
};

static const char *const masked_in_sys[] = {
	"firmware",
	"fs/selinux",
	"dev/block",
	"devices/virtual/powercap",
};

/* Hides a folder by an empty one: the first time a new one, then that again, *EMPTY. */
static int mask_folder(int fd, int *empty)
{
	return *empty >= 0 ? mount_cover(*empty, fd) : empty_on(fd, empty);
}

static int mask(int root, const char *path, int null, int *empty)
{
	autoclose int fd = path_open_in(root, path, O_PATH | O_NOFOLLOW);
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	if (r < 0)
		return fail(-r, "open '%s' to mask it: %s", path, strerrordesc_np(-r));
	if ((st.st_mode & 0007) == 0)
		return 0; /* the host's root's alone */
	r = S_ISDIR(st.st_mode) ? mask_folder(fd, empty) : mount_cover(null, fd);
	return r < 0 ? fail(-r, "mask '%s': %s", path, strerrordesc_np(-r)) : 0;
}

/* Sysctls of the sandbox's own namespaces are its root's to write, but not behind the plan's
 * back. */
static int protect_sysctls(const struct setup *s)
{
	int r = mount_protect(s->proc, "sys");

	return r < 0 ? fail(-r, "make '/proc/sys' read-only: %s", strerrordesc_np(-r)) : 0;
}

int mounts_mask(struct setup *s)
{
	autoclose int null = openat(s->dev, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	autoclose int empty = -EBADF;
	struct stat st;
	int r = 0;

	if (null < 0 || fstat(null, &st) < 0)
		return fail_sys("open '/dev/null' of the sandbox");
	/* What stands for nothing must be the null device. */
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return fail(EINVAL, "'/dev/null' of the sandbox is not device 1:3");
	for (size_t i = 0; i < ARRAY_SIZE(masked_in_proc) && r == 0; i++)
		r = mask(s->proc, masked_in_proc[i], null, &empty);
	for (size_t i = 0; i < ARRAY_SIZE(masked_in_sys) && r == 0; i++)
		r = mask(s->sys, masked_in_sys[i], null, &empty);
	return r < 0 ? r : protect_sysctls(s);
}

int mounts_readonly_root(struct setup *s)
{
	int r = mount_set_attrs_here(s->root, SYS_ATTR_RDONLY);

	return r < 0 ? fail(-r, "make the root filesystem read-only: %s", strerrordesc_np(-r))
		     : 0;
}
