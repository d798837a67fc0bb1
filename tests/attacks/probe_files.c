/* SPDX-License-Identifier: Apache-2.0 */
/* probe_files.c: files of the kernel's that tell of the host, or change it. */
#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- tables: a path a line --------------------------------------------------------------- */

static const char *const never_written[] = {
	"/proc/sysrq-trigger",
	"/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/modprobe",
	"/proc/sys/kernel/hotplug",
	"/proc/sys/kernel/randomize_va_space",
	"/proc/sys/kernel/yama/ptrace_scope",
	"/proc/sys/kernel/hostname",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/kernel/cap_last_cap",
	"/proc/sys/kernel/unprivileged_bpf_disabled",
	"/proc/sys/fs/binfmt_misc/register",
	"/proc/sys/fs/suid_dumpable",
	"/proc/sys/fs/mqueue/queues_max",
	"/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/user/max_user_namespaces",
	"/proc/sys/vm/panic_on_oom",
	"/proc/sys/vm/drop_caches",
	"/proc/mtrr",
	"/proc/irq/0/smp_affinity",
	"/proc/irq/default_smp_affinity",
	"/proc/bus/pci/00/00.0",
	"/proc/timer_stats",
	"/proc/kcore",
	"/sys/kernel/uevent_helper",
	"/sys/kernel/mm/transparent_hugepage/enabled",
	"/sys/kernel/profiling",
	"/sys/power/state",
	"/sys/class/net/lo/mtu",
	"/sys/fs/cgroup/cgroup.procs",
	"/sys/fs/cgroup/release_agent", /* CVE-2022-0492 */
	"/sys/module/kernel/parameters/panic",
};

static const char *const never_read[] = {
	"/proc/kcore",
	"/proc/kmsg",
	"/proc/kpageflags",
	"/proc/kpagecount",
	"/proc/slabinfo",
	"/proc/vmallocinfo",
	"/proc/sysrq-trigger",
	"/dev/mem",
	"/dev/kmem",
	"/dev/port",
	"/dev/kmsg",
	"/dev/sda",
	"/dev/vda",
	"/dev/nvme0n1",
	"/dev/loop0",
	"/dev/loop-control",
	"/dev/mapper/control",
	"/dev/kvm",
	"/dev/fuse",
	"/dev/net/tun",
	"/dev/vcs",
	"/dev/vcsa1",
	"/dev/tty0",
	"/dev/tty1",
	"/dev/ttyS0",
	"/dev/input/event0",
	"/dev/snd/controlC0",
	"/dev/dri/card0",
	"/dev/rfkill",
	"/dev/uinput",
	"/dev/vsock",
	"/dev/vhost-vsock",
	"/dev/cpu/0/msr",
	"/dev/hpet",
	"/dev/autofs",
	"/sys/kernel/debug/tracing",
	"/sys/kernel/tracing/trace",
	"/sys/fs/pstore/dmesg",
	"/sys/fs/bpf/x",
};

/* Masks: an empty file or folder, or none. */
/* clang-format off */
static const char *const never_full[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
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
	"/sys/kernel/debug",
	"/sys/kernel/tracing",
	"/sys/fs/cgroup",
	"/sys/fs/pstore",
	"/sys/fs/bpf",
};
/* clang-format on */

#define EACH(table, rule, attempt)                                              \
	for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) {       \
		char what[256];                                                 \
		(void)snprintf(what, sizeof(what), "%s: %s", rule, (table)[i]); \
		attack_one(what, attempt, (table)[i]);                          \
	}

static bool is_null_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static const char *write_try(const void *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || is_null_device(fd) ? NULL : through("it can be opened for writing");
}

static const char *read_try(const void *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || read(fd, &byte, 1) <= 0 ? NULL : through("it can be read");
}

static const char *full_try(const void *path)
{
	DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir));)
		if (e->d_name[0] != '.')
			return through("%s is in it", e->d_name);
	return dir ? NULL : read_try(path);
}

/* Masks can be taken off by who has CAP_SYS_ADMIN (mounts.c's tests go on from there). */
void files_more(void)
{
	EACH(never_written, "the kernel's files are not written", write_try)
	EACH(never_read, "what is the host's is not read", read_try)
	EACH(never_full, "CVE-2025-31133: masks", full_try)
}

/* ---- all of /proc and /sys --------------------------------------------------------------- */

/* What belongs to namespaces that are the sandbox's own; only who takes the read-only mount off it can
 * write it, and it is nobody else's. */
static bool is_of_namespace(const char *path)
{
	static const char *const own[] = {"/net/",
					  "/user/",
					  "/fs/mqueue/",
					  "/kernel/msg",
					  "/kernel/sem",
					  "/kernel/shm",
					  "/kernel/auto_msgmni",
					  "/kernel/hostname",
					  "/kernel/domainname",
					  "/kernel/ns_last_pid",
					  "/kernel/pid_max"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strncmp(path, "/proc/sys", 9) == 0 &&
		    strncmp(path + 9, own[i], strlen(own[i])) == 0)
			return way & (ALL | BARE);
	return (strstr(path, "/net/lo/") || strstr(path, "/virtual/net/eth0/")) &&
	       (way & (ALL | BARE));
}

static int look(const char *path, const struct stat *st, int type, struct FTW *where)
{
	int fd;

	if (type == FTW_D && where->level == 1 && isdigit((unsigned char)path[where->base]))
		return FTW_SKIP_SUBTREE; /* of a process: its own */
	/* Anybody may ask for an alarm of /proc/pressure. */
	if (!S_ISREG(st->st_mode) || strstr(path, "/pressure/") || is_of_namespace(path))
		return FTW_CONTINUE;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return FTW_CONTINUE;
	(void)through("%s can be opened for writing", path);
	return FTW_STOP;
}

const char *file_below_is_written(const char *folder)
{
	return nftw(folder, look, 16, FTW_PHYS | FTW_ACTIONRETVAL) == FTW_STOP ? "" : NULL;
}

static const char *proc_is_not_written(void)
{
	return file_below_is_written("/proc");
}

static const char *sys_is_not_written(void)
{
	return file_below_is_written("/sys");
}

static const char *addresses_are_hidden(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned long long address = 0;

	return symbols && fscanf(symbols, "%llx", &address) == 1 && address
		       ? through("kernel at %llx", address)
		       : NULL;
}

/* A device node that the payload makes. */
static const char *nodes_are_dead(void)
{
	static const struct {
		mode_t type;
		unsigned major, minor;
	} nodes[] = {{S_IFCHR, 1, 1},
		     {S_IFCHR, 1, 3},
		     {S_IFCHR, 5, 1},
		     {S_IFBLK, 8, 0},
		     {S_IFBLK, 7, 0}};
	static const char *const folders[] = {"/tmp", "/dev", "/dev/shm", "/", "/shared"};
	char path[64];

	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++)
		for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
			(void)snprintf(path, sizeof(path), "%s/node%zu", folders[f], i);
			(void)mknod(path, nodes[i].type | 0666,
				    makedev(nodes[i].major, nodes[i].minor));
			/* With a single id it is said to have been made, and isn't. */
			if (open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) >= 0)
				return through("%s was made", path);
		}
	return NULL;
}

/* Everybody may use these outside. */
static const char *bound_nodes_are_dead(void)
{
	static const char *const nodes[] = {"null", "zero", "full", "random",
					    "tty",  "fuse", "ptmx", "net/tun"};
	char path[64];

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		(void)snprintf(path, sizeof(path), "/hostdev/%s", nodes[i]);
		if (open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) >= 0)
			return through("%s can be opened", path);
	}
	return faccessat(AT_FDCWD, "/hostdev/null", F_OK, 0) < 0
		       ? through("there is none to try")
		       : NULL;
}

static const char *folder_of(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? path : NULL;
}

static const char *readonly_bind_holds(void)
{
	if (folder_of("/readonly") || open("/readonly/new", O_CREAT | O_WRONLY, 0600) >= 0)
		return through("a read-only bind can be written");
	return chmod("/readonly", 0777) == 0 ? through("its mode can be changed") : NULL;
}

const struct attack file_attacks[] = {
	{"no file of /proc can be opened for writing", proc_is_not_written},
	{"no file of /sys can be opened for writing", sys_is_not_written},
	{"the kernel's addresses are hidden", addresses_are_hidden},
	{"mknod makes no device node that works", nodes_are_dead},
	{"nodev: the host's devices in a bind are dead", bound_nodes_are_dead},
	{"a read-only bind is not written", readonly_bind_holds},
	{NULL},
};
