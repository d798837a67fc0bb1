/* SPDX-License-Identifier: Apache-2.0 */
/* sys.h: system calls that libc doesn't wrap (or whose wrapper does more), and their
 * structures. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All return what the kernel says, as a negative errno on failure. None allocates. */

struct sys_clone {
	uint64_t flags; /* CLONE_*, without an exit signal: that is SIGCHLD */
	int *ret_pidfd; /* with CLONE_PIDFD */
};

/* clone3(2) as a fork: 0 in the child. Where clone3 is refused with ENOSYS, clone(2) without
 * CLONE_NEWTIME, which the older call can't say; *RET_DROPPED tells which flags were left out.
 */
pid_t sys_clone(const struct sys_clone *how, uint64_t *ret_dropped);

/* openat2(2) with RESOLVE flags. -ENOSYS on kernels before 5.6 and under filters that don't
 * know it. */
int sys_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);

enum { SYS_ATTR_RDONLY = 1, SYS_ATTR_NOSUID = 2, SYS_ATTR_NODEV = 4, SYS_ATTR_NOEXEC = 8 };

/* mount_setattr(2), Linux 5.12: sets SYS_ATTR_* on the mount at FD, with RECURSIVE on all
 * below. */
int sys_mount_setattr(int fd, unsigned attrs, bool recursive);

/* Whether this is real root: uid 0 of the host, and not of a user namespace. */
bool sys_is_host_root(void);

/* The newer mount calls, Linux 5.2: a file system of TYPE is opened, configured (VALUE NULL: a
 * flag; KEY NULL: done) and becomes a mount that is attached nowhere, with SYS_ATTR_*. */
int sys_fsopen(const char *type);
int sys_fsconfig(int fs, const char *key, const char *value);
int sys_fsmount(int fs, unsigned attrs);

/* A copy of the mount that FD is on, from FD down, with all mounts below, attached nowhere. */
int sys_open_tree_clone(int fd);

/* Attaches such a mount on TARGET. MOUNT stays its root's descriptor. */
int sys_move_mount(int mount, int target);

int sys_pivot_root(const char *new_root, const char *put_old);

/* Keeps all descriptors from FIRST up from what is executed. */
int sys_cloexec_from(unsigned first);

/* Closes all descriptors from FIRST to LAST; falls back to /proc/self/fd before Linux 5.9. */
int sys_close_range(unsigned first, unsigned last);

int sys_pidfd_send_signal(int pidfd, int sig);

/* A memfd that can be sealed and executed, whatever vm.memfd_noexec says short of forbidding
 * it. */
int sys_memfd_exec(const char *name);

/* execve of what FD is open on. Returns only on failure. */
int sys_exec_fd(int fd, char *const argv[], char *const envp[]);

/* seccomp(SECCOMP_SET_MODE_FILTER). */
int sys_seccomp_load(const struct sock_filter *filter, unsigned short n);

/* Landlock (landlock(7)): the newest version that the kernel has, 0 where it has none or has it
 * switched off; a negative errno where it doesn't say. */
int sys_landlock_version(void);

/* The rights on files as LANDLOCK_ACCESS_FS_* has them; the headers may be older than the
 * kernel. */
enum {
	SYS_ACCESS_EXECUTE = 1 << 0,
	SYS_ACCESS_WRITE_FILE = 1 << 1,
	SYS_ACCESS_READ_FILE = 1 << 2,
	SYS_ACCESS_READ_DIR = 1 << 3,
	SYS_ACCESS_TRUNCATE = 1 << 14,
	SYS_ACCESS_IOCTL_DEV = 1 << 15,
};

/* Every right that VERSION of Landlock can refuse. */
uint64_t sys_landlock_rights(int version);

/* A set of rules that refuses HANDLED (SYS_ACCESS_*) but where it is allowed, and with
 * NO_ABSTRACT_SOCKETS (version 6) to connect to abstract sockets of processes outside. */
int sys_landlock_ruleset(uint64_t handled, bool no_abstract_sockets);

/* Allows RIGHTS on the file FD, or on the folder FD and all below. */
int sys_landlock_allow(int ruleset, int fd, uint64_t rights);

/* Puts the rules on this thread and its children to come, for good. Needs no_new_privs or
 * CAP_SYS_ADMIN. */
int sys_landlock_restrict(int ruleset);

/* The capability sets of the calling thread, one bit per CAP_*. */
struct sys_caps {
	uint64_t effective, permitted, inheritable;
};

int sys_capget(struct sys_caps *ret_caps);
int sys_capset(const struct sys_caps *caps);

/* setresuid, setresgid and setgroups without libc's hand-over to other threads. */
int sys_setresuid(uid_t uid);
int sys_setresgid(gid_t gid);
int sys_setgroups(size_t n, const gid_t *groups);

/* A new, empty session keyring in place of the one that was inherited. */
int sys_keyring_new(void);
