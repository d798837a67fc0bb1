/* SPDX-License-Identifier: Apache-2.0 */
/* probe_mounts.c: mounts as a way around the walls. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- by default none of it is to be had -------------------------------------------------- */

struct mounting {
	const char *what, *source, *target, *type;
	unsigned long flags;
};

/* clang-format off */
static const struct mounting mountings[] = {
	{"/proc anew",              "proc",      "/tmp",       "proc"},
	{"/sys anew",               "sysfs",     "/tmp",       "sysfs"},
	{"a tmpfs over a mask",     "tmpfs",     "/proc/keys", "tmpfs"},
	{"a tmpfs over /etc",       "tmpfs",     "/etc",       "tmpfs"},
	{"devpts anew",             "devpts",    "/tmp",       "devpts"},
	{"cgroup2",                 "cgroup2",   "/tmp",       "cgroup2"},
	{"CVE-2022-0492: cgroup 1", "cgroup",    "/tmp",       "cgroup"},
	{"overlay",                 "overlay",   "/tmp",       "overlay"},
	{"/proc once more",         "/proc",     "/tmp",       NULL,    MS_BIND | MS_REC},
	{"/proc/sys writable",      NULL,        "/proc/sys",  NULL,    MS_REMOUNT | MS_BIND},
	{"/sys writable",           NULL,        "/sys",       NULL,    MS_REMOUNT | MS_BIND},
	{"a read-only bind writable", NULL,      "/readonly",  NULL,    MS_REMOUNT | MS_BIND},
	{"/ with suid and dev",     NULL,        "/",          NULL,    MS_REMOUNT | MS_BIND},
	{"shared propagation",      NULL,        "/",          NULL,    MS_REC | MS_SHARED},
	{"moving a mask away",      "/proc/keys", "/tmp",      NULL,    MS_MOVE},
};

static const char *const masks[] = {
	"/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/interrupts", "/proc/scsi", "/proc/acpi",
	"/proc/asound", "/proc/sys", "/sys/firmware", "/sys/dev/block", "/sys/devices/virtual/powercap",
};

/* Those that no user namespace may mount: they parse what comes from a disk or reach the machine. */
static const char *const host_types[] = {
	"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "iso9660", "squashfs", "erofs", "f2fs", "fuseblk",
	"debugfs", "tracefs", "securityfs", "configfs", "pstore", "efivarfs", "devtmpfs", "hugetlbfs",
	"rpc_pipefs", "nfs", "nfs4", "cifs", "9p", "ceph", "afs", "autofs", "selinuxfs", "smackfs",
};
/* clang-format on */

static const char *mounting_try(const void *arg)
{
	const struct mounting *m = arg;

	return REFUSED_BY(EPERM, mount(m->source, m->target, m->type, m->flags, NULL));
}

static const char *unmask_try(const void *mask)
{
	return REFUSED_BY(EPERM, umount2(mask, MNT_DETACH));
}

static const char *host_type_try(const void *type)
{
	(void)mkdir("/tmp/m", 0700);
	if (mount("/dev/null", "/tmp/m", type, 0, NULL) == 0 ||
	    mount("none", "/tmp/m", type, 0, "") == 0)
		return through("it is mounted");
	return NULL;
}

/* A program with rights over mounts may hide and show what is its own. */
void mounts_more(void)
{
	char what[128];

	for (size_t i = 0; (way & DEFAULT) && i < sizeof(mountings) / sizeof(mountings[0]);
	     i++) {
		(void)snprintf(what, sizeof(what), "mount: %s: EPERM", mountings[i].what);
		attack_one(what, mounting_try, &mountings[i]);
	}
	for (size_t i = 0; (way & DEFAULT) && i < sizeof(masks) / sizeof(masks[0]); i++) {
		(void)snprintf(what, sizeof(what), "masks: umount %s: EPERM", masks[i]);
		attack_one(what, unmask_try, masks[i]);
	}
	for (size_t i = 0; i < sizeof(host_types) / sizeof(host_types[0]); i++) {
		(void)snprintf(what, sizeof(what), "mount: a file system of the host's: %s",
			       host_types[i]);
		attack_one(what, host_type_try, host_types[i]);
	}
}

/* ---- with CAP_SYS_ADMIN: what is behind the masks is no way to the host ------------------- */

static const char *unmasked_proc(void)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		(void)umount2(masks[i], MNT_DETACH);
	/* Over the old one: a new one lists no process but the sandbox's. */
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return NULL;
	return file_below_is_written("/proc");
}

static const char *writable_sys(void)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		(void)umount2(masks[i], MNT_DETACH);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 &&
	    mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return NULL;
	return file_below_is_written("/sys");
}

/* Hierarchies of version 1 belong to the host's root; one of version 2 begins at the caller's own cgroup,
 * which they may have been given. */
static const char *cgroups(void)
{
	static const char *const names[] = {"cpuset",		"memory", "cpu",
					    "devices",		"rdma",	  "misc",
					    "none,name=systemd"};

	(void)mkdir("/tmp/cgroup", 0700);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mount("cgroup", "/tmp/cgroup", "cgroup", 0, names[i]) == 0) {
			const char *failure = file_below_is_written("/tmp/cgroup");

			if (failure)
				return failure;
			(void)umount2("/tmp/cgroup", MNT_DETACH);
		}
	return NULL;
}

/* The mount of the sandbox's root is the last there is: nothing of the host's lies below. */
static const char *below_the_root(void)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)umount2("/", MNT_DETACH);
	if (is_canary(canary("FILE")))
		return through("the host's root lies below");
	(void)mkdir("/tmp/r", 0700);
	if (mount("tmpfs", "/tmp/r", "tmpfs", 0, NULL) == 0 && chdir("/tmp/r") == 0 &&
	    syscall(SYS_pivot_root, ".", ".") == 0)
		(void)umount2(".", MNT_DETACH);
	return way_out(root, "the old root");
}

static const char *namespace_is_no_door(void)
{
	int mine = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (unshare(CLONE_NEWNS) < 0 || setns(mine, CLONE_NEWNS) < 0)
		return NULL;
	return is_canary(canary("FILE")) ? through("the host's files") : NULL;
}

/* CVE-2015-3627 "shocker": a handle of a file that is no further than the same file system. */
static const char *handle_opens(void)
{
	struct {
		struct file_handle head;
		unsigned char room[MAX_HANDLE_SZ];
	} handle = {0};
	const char *text = canary("HANDLE");
	char *hex = NULL;
	int shared = open("/shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	handle.head.handle_type = (int)strtol(text, &hex, 10);
	for (hex++; hex[0] && hex[1]; hex += 2) {
		char byte[3] = {hex[0], hex[1]};

		handle.room[handle.head.handle_bytes++] = (unsigned char)strtol(byte, NULL, 16);
	}
	return REFUSED(open_by_handle_at(shared, &handle.head, O_RDONLY));
}

static const char *propagation(void)
{
	(void)mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
	(void)mkdir("/shared/point", 0755);
	if (mount("tmpfs", "/shared/point", "tmpfs", 0, NULL) == 0)
		(void)close(
			open("/shared/point/propagated", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	return NULL; /* whether the host sees it, the test outside looks */
}

const struct attack mount_attacks[] = {
	{"masks taken off: no file of /proc can be written", unmasked_proc, ALL | BARE},
	{"/sys mounted anew: no file of it can be written", writable_sys, ALL | BARE},
	{"CVE-2022-0492: cgroups mounted anew: no file of them can be written", cgroups,
	 ALL | BARE},
	{"nothing of the host's lies below the root", below_the_root},
	{"setns leads nowhere else", namespace_is_no_door},
	{"CVE-2015-3627 (shocker): a handle opens nothing outside a bind", handle_opens},
	{"mounts don't propagate to the host", propagation},
	{NULL},
};
