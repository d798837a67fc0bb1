/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c: the steps of the set-up that mount. */
#include "mounts.h"

#include "idmap.h"
#include "mount_attrs.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

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

#define NOTHING_SPECIAL (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* "/proc/self/fd/N": what FD is open on, as a path. */
struct fd_path {
	char s[sizeof("/proc/self/fd/") + 10];
};

static struct fd_path fd_path(int fd)
{
	struct fd_path path;

	(void)snprintf(path.s, sizeof(path.s), "/proc/self/fd/%d", fd);
	return path;
}

/* The deepest folder on the way to TARGET that is there. */
static int nearest_open(const struct setup *s, const char *target)
{
	char path[PATH_MAX];
	char *slash;
	int r = -ENOENT;

	(void)snprintf(path, sizeof(path), "%s", target);
	while (r == -ENOENT && (slash = strrchr(path, '/'))) {
		*slash = '\0';
		r = path_open_in(s->root, *path ? path : ".", O_PATH | O_DIRECTORY);
	}
	return r;
}

static bool is_on(const struct setup *s, const char *place, dev_t device)
{
	autoclose int fd = path_open_in(s->root, place, O_PATH);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == device;
}

/* Whether what is made in the folder FD is made on a file system of the sandbox's own: its
 * overlay, or a tmpfs. Anything else is the host's, where mount points mustn't appear. */
static bool is_ours(const struct setup *s, int fd)
{
	static const char *const places[] = {"dev", "run", "tmp"};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (s->plan->root.overlay != PLAN_OVERLAY_NONE && is_on(s, ".", st.st_dev))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (is_on(s, places[i], st.st_dev))
			return true;
	for (size_t i = 0; i < s->plan->n_mounts; i++)
		if (s->plan->mounts[i].kind == PLAN_MOUNT_TMPFS &&
		    is_on(s, s->plan->mounts[i].target, st.st_dev))
			return true;
	return false;
}

/* The file or folder TARGET below the new root, made where it is missing and may be made. A
 * negative errno without a sentence; -ENOENT: it can't be made. */
static int target_find(const struct setup *s, const char *target, enum path_type type)
{
	const char *path = target + strspn(target, "/");
	int r = path_target_in(s->root, path, type, false);

	if (r != -ENOENT)
		return r;
	autoclose int nearest = nearest_open(s, target);
	if (nearest < 0 || !is_ours(s, nearest))
		return nearest < 0 ? nearest : -ENOENT;
	return path_target_in(s->root, path, type, true);
}

/* The same with a sentence. */
static int target_open(const struct setup *s, const char *target, enum path_type type)
{
	const char *kind = type == PATH_FOLDER ? "folder" : "file";
	int r = target_find(s, target, type);

	if (r == -ENOENT)
		return fail_hint(fail(ENOENT,
				      "there is no %s '%s' to mount on, and making it would "
				      "change the host's files",
				      kind, target),
				 "make it yourself, or leave --direct out");
	if (r == -ELOOP)
		return fail_hint(
			fail(ELOOP, "'%s' is a symbolic link in the tree, not a %s to mount on",
			     target, kind),
			"name what the link leads to");
	if (r < 0)
		return fail(-r, "open the %s '%s' in the tree to mount on it: %s", kind, target,
			    strerrordesc_np(-r));
	return r;
}

/* Makes a file system of TYPE and mounts it on TARGET below the new root. */
static int mount_new(const struct setup *s, const char *type, const char *target,
		     unsigned long flags, const char *options)
{
	autoclose int fd = target_open(s, target, PATH_FOLDER);

	if (fd < 0)
		return fd;
	if (mount(type, fd_path(fd).s, type, flags, options) < 0)
		return fail_sys("mount %s on '%s'", type, target);
	return 0;
}

/* ---- bind mounts ------------------------------------------------------------------------- */

static int bind(int source, const char *target)
{
	return mount(fd_path(source).s, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

int mounts_bind(int source, const char *target, unsigned attrs)
{
	int r = bind(source, target);

	if (r < 0)
		return fail(-r, "bind on '%s': %s", target, strerrordesc_np(-r));
	autoclose int fd = open(target, O_PATH | O_CLOEXEC);
	r = fd < 0 ? -errno : mount_set_attrs(fd, attrs);
	return r < 0 ? fail(-r, "set the flags of '%s': %s", target, strerrordesc_np(-r)) : 0;
}

/* Binds SOURCE on TARGET below the new root. */
static int bind_inside(const struct setup *s, int source, enum path_type type,
		       const char *target, unsigned attrs)
{
	autoclose int fd = target_open(s, target, type);
	int r;

	if (fd < 0)
		return fd;
	r = bind(source, fd_path(fd).s);
	if (r < 0)
		return fail(-r, "bind on '%s': %s", target, strerrordesc_np(-r));
	if (attrs == 0)
		return 0;
	/* FD is what is hidden now; the mount is found by name, which is ours from here on. */
	autoclose int mounted = path_open_in(s->root, target, O_PATH | O_NOFOLLOW);
	r = mounted < 0 ? mounted : mount_set_attrs(mounted, attrs);
	return r < 0 ? fail(-r, "set the flags of '%s': %s", target, strerrordesc_np(-r)) : 0;
}

/* ---- /proc and /sys ---------------------------------------------------------------------- */

int mounts_proc(struct setup *s)
{
	struct statfs st;
	int r = mount_new(s, "proc", "/proc", NOTHING_SPECIAL, NULL);

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
		r = mount_new(s, "sysfs", "/sys", NOTHING_SPECIAL | MS_RDONLY, NULL);
	if (r != -EPERM)
		return r;
	fail_forget();
	host = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host < 0)
		return fail_sys("open '/sys'");
	return bind_inside(s, host, PATH_FOLDER, "/sys",
			   SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV |
				   SYS_ATTR_NOEXEC);
}

/* ---- /dev -------------------------------------------------------------------------------- */

struct device {
	const char *name;
	unsigned major, minor;
};

/* Binds the host's node, checked to be what its name says. The working folder is the new /dev.
 */
static int device_add(const struct device *d)
{
	char host[32];
	struct stat st;

	(void)snprintf(host, sizeof(host), "/dev/%s", d->name);
	autoclose int source = open(host, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0 || fstat(source, &st) < 0)
		return fail_sys("open '%s'", host);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(d->major, d->minor))
		return fail(EINVAL, "'%s' of the host is not device %u:%u", host, d->major,
			    d->minor);
	autoclose int target = open(d->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (target < 0)
		return fail_sys("create '%s'", host);
	if (mount(fd_path(source).s, d->name, NULL, MS_BIND, NULL) < 0)
		return fail_sys("bind '%s'", host);
	return 0;
}

static int dev_links(void)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"ptmx", "pts/ptmx"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][1], links[i][0]) < 0)
			return fail_sys("create '/dev/%s'", links[i][0]);
	return 0;
}

static int dev_mount(const char *type, const char *name, unsigned long flags,
		     const char *options)
{
	if (mkdir(name, 0755) < 0)
		return fail_sys("create '/dev/%s'", name);
	if (mount(type, name, type, flags, options) < 0)
		return fail_sys("mount %s on '/dev/%s'", type, name);
	return 0;
}

/* Group 5 is tty's in every distribution; devpts takes it only where it is mapped. */
static int dev_pts(const struct plan *p)
{
	bool has_tty = idmap_outside(&p->ids.gids, 5) >= 0;

	return dev_mount("devpts", "pts", MS_NOSUID | MS_NOEXEC,
			 has_tty ? "newinstance,ptmxmode=0666,mode=0620,gid=5"
				 : "newinstance,ptmxmode=0666,mode=0620");
}

int mounts_dev(struct setup *s)
{
	static const struct device devices[] = {
		{"null", 1, 3},	  {"zero", 1, 5},    {"full", 1, 7},
		{"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
	};
	int r = mount_new(s, "tmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k");

	if (r < 0)
		return r;
	autoclose int dev = path_open_in(s->root, "dev", O_PATH | O_DIRECTORY);
	if (dev < 0 || fchdir(dev) < 0)
		return fail_sys("enter the new '/dev'");
	for (size_t i = 0; i < ARRAY_SIZE(devices) && r == 0; i++)
		r = device_add(&devices[i]);
	if (r == 0)
		r = dev_links();
	if (r == 0)
		r = dev_pts(s->plan);
	if (r == 0)
		r = dev_mount("tmpfs", "shm", NOTHING_SPECIAL, "mode=1777");
	if (r == 0)
		r = dev_mount("mqueue", "mqueue", NOTHING_SPECIAL, NULL);
	return r;
}

/* ---- /run, /tmp, and files of our own ---------------------------------------------------- */

int mounts_run_and_tmp(struct setup *s)
{
	int r = mount_new(s, "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");

	if (r == 0)
		r = mount_new(s, "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	return r;
}

/* The working folder is the new /dev, a tmpfs: a file there, bound where it is wanted and
 * unlinked, lives as long as the mount and shows nowhere else. */
static int file_make(const struct plan_file *f)
{
	autoclose int fd = open(".file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	if (r < 0)
		return fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r));
	return take_fd(&fd);
}

/* Where the tree's file is a link into /run, a tmpfs of ours (systemd-resolved's resolv.conf),
 * the file is made at the link's end. False where the link leads elsewhere. */
static bool file_behind_link(const struct setup *s, const struct plan_file *f)
{
	autoclose int link = path_open_in(s->root, f->target, O_PATH | O_NOFOLLOW);
	char text[128];
	ssize_t n = link < 0 ? -1 : readlinkat(link, "", text, sizeof(text) - 1);
	const char *end = text;

	if (n <= 0)
		return false;
	text[n] = '\0';
	while (str_after(end, "../"))
		end += 3;
	end += *end == '/';
	if (!str_after(end, "run/"))
		return false;
	autoclose int target = path_target_in(s->root, end, PATH_FILE, true);
	if (target < 0)
		return false;
	autoclose int fd = open(fd_path(target).s, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return fd >= 0 && io_write_all(fd, f->data, f->len) == 0;
}

/* In /run, a tmpfs of ours, a file can simply be made. */
static int file_write(const struct setup *s, const struct plan_file *f)
{
	autoclose int target = path_target_in(s->root, f->target + 1, PATH_FILE, true);
	autoclose int fd = target < 0 ? target : open(fd_path(target).s, O_WRONLY | O_CLOEXEC);
	int r = target < 0 ? target : fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	return r < 0 ? fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r)) : 0;
}

/* Where the tree's file is a link, what it leads to inside the tree takes its place. Not a file
 * of /proc or /sys: those aren't the tree's. */
static int file_find_behind(const struct setup *s, const struct plan_file *f)
{
	autoclose int fd = path_open_in(s->root, f->target, O_PATH);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return -ENOENT;
	return take_fd(&fd);
}

static int file_bind(const struct plan_file *f, int target)
{
	autoclose int source = file_make(f);
	int r = 0;

	if (source < 0)
		return source;
	if (mount(".file", fd_path(target).s, NULL, MS_BIND, NULL) < 0)
		r = fail_sys("bind a file of the sandbox's own on '%s'", f->target);
	if (unlink(".file") < 0 && r == 0)
		r = fail_sys("remove '/dev/.file'");
	return r;
}

static int file_add(struct setup *s, const struct plan_file *f)
{
	autoclose int target = -EBADF;

	if (path_is_in(f->target, "/run"))
		return file_write(s, f);
	target = target_find(s, f->target, PATH_FILE);
	if (target == -ELOOP && file_behind_link(s, f))
		return 0;
	if (target == -ELOOP)
		target = file_find_behind(s, f);
	if (target >= 0)
		return file_bind(f, target);
	if (target == -EACCES || target == -EPERM || target == -EOVERFLOW)
		return fail_hint(fail(-target, "make '%s' in the tree's overlay: %s", f->target,
				      strerrordesc_np(-target)),
				 "the tree's owners aren't mapped: leave --overlay out");
	/* With --direct the tree has its own, or has none. */
	if (target != -ENOENT || s->plan->root.overlay != PLAN_OVERLAY_NONE)
		setup_note(s,
			   "the tree's '%s' stays: it is a link that leads nowhere, or no file",
			   f->target);
	return 0;
}

int mounts_files(struct setup *s)
{
	for (size_t i = 0; i < s->plan->n_files; i++) {
		int r = file_add(s, &s->plan->files[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- what the user asked for ------------------------------------------------------------- */

static int user_mount(const struct setup *s, const struct plan_mount *m, int source)
{
	if (m->kind == PLAN_MOUNT_TMPFS)
		return mount_new(s, "tmpfs", m->target, mount_attrs_to_flags(m->attrs),
				 m->options);
	return bind_inside(s, source, m->source_is_folder ? PATH_FOLDER : PATH_FILE, m->target,
			   m->attrs);
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
		return bind(*empty, fd_path(fd).s);
	if (mount("tmpfs", fd_path(fd).s, "tmpfs", NOTHING_SPECIAL | MS_RDONLY,
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
	r = S_ISDIR(st.st_mode) ? mask_folder(s, path, fd, empty) : bind(null, fd_path(fd).s);
	return r < 0 ? fail(-r, "mask '%s': %s", path, strerrordesc_np(-r)) : 0;
}

static int make_readonly(const struct setup *s, const char *path)
{
	autoclose int fd = path_open_in(s->root, path, O_PATH | O_NOFOLLOW);
	int r = fd < 0 ? fd : bind(fd, fd_path(fd).s);

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
