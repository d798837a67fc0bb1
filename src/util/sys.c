/* SPDX-License-Identifier: Apache-2.0 */
/* sys.c: system calls that libc doesn't wrap. The only file with syscall() and kernel layouts.
 */
#include "sys.h"

#include "scope.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static inline long negative(long r)
{
	return r < 0 ? -errno : r;
}

/* struct clone_args up to Linux 5.5, the first size that every clone3 takes. */
struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

pid_t sys_clone(const struct sys_clone *how, uint64_t *ret_dropped)
{
	struct clone3_args args = {
		.flags = how->flags,
		.pidfd = (uintptr_t)how->ret_pidfd,
		/* A sibling ends with its sibling's signal, which is that too. */
		.exit_signal = how->flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	long r = syscall(SYS_clone3, &args, sizeof(args));

	*ret_dropped = 0;
	if (r >= 0 || errno != ENOSYS)
		return (pid_t)negative(r);
	*ret_dropped = how->flags & CLONE_NEWTIME;
	/* The order of the last two arguments differs between architectures; both are zero. */
	r = syscall(SYS_clone, (how->flags & ~(uint64_t)CLONE_NEWTIME) | SIGCHLD, NULL,
		    how->ret_pidfd, NULL, NULL);
	return (pid_t)negative(r);
}

int sys_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = mode,
		.resolve = resolve,
	};

	return (int)negative(syscall(SYS_openat2, dir, path, &how, sizeof(how)));
}

struct mount_attr_args {
	uint64_t set, clear, propagation, userns_fd;
};

int sys_mount_setattr(int fd, unsigned attrs, bool recursive)
{
	struct mount_attr_args args = {.set = attrs};
	unsigned flags = AT_EMPTY_PATH | (recursive ? 0x8000U /* AT_RECURSIVE */ : 0);

	return (int)negative(syscall(SYS_mount_setattr, fd, "", flags, &args, sizeof(args)));
}

int sys_fsopen(const char *type)
{
	return (int)negative(syscall(SYS_fsopen, type, 1U /* FSOPEN_CLOEXEC */));
}

int sys_fsconfig(int fs, const char *key, const char *value)
{
	enum { SET_FLAG = 0, SET_STRING = 1, CREATE = 6 };
	unsigned command = !key ? CREATE : value ? SET_STRING : SET_FLAG;

	return (int)negative(syscall(SYS_fsconfig, fs, command, key, value, 0));
}

int sys_fsmount(int fs, unsigned attrs)
{
	return (int)negative(syscall(SYS_fsmount, fs, 1U /* FSMOUNT_CLOEXEC */, attrs));
}

int sys_open_tree_clone(int fd)
{
	unsigned flags = AT_EMPTY_PATH | 0x8000U /* AT_RECURSIVE */ | O_CLOEXEC |
			 1U /* OPEN_TREE_CLONE */;

	return (int)negative(syscall(SYS_open_tree, fd, "", flags));
}

int sys_move_mount(int mount, int target)
{
	enum { FROM_EMPTY_PATH = 4, TO_EMPTY_PATH = 0x40 };

	return (int)negative(syscall(SYS_move_mount, mount, "", target, "",
				     FROM_EMPTY_PATH | TO_EMPTY_PATH));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)negative(syscall(SYS_pivot_root, new_root, put_old));
}

bool sys_is_host_root(void)
{
	static const char all[] = "0 0 4294967295";
	char map[64];
	size_t n = 0;
	ssize_t got;

	if (getuid() != 0)
		return false;
	autoclose int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? 0 : read(fd, map, sizeof(map) - 1);
	/* Blanks fill the columns. */
	for (ssize_t i = 0; i < got && map[i] != '\n'; i++)
		if (map[i] != ' ' || (n > 0 && map[n - 1] != ' '))
			map[n++] = map[i];
	map[n] = '\0';
	/* Without /proc it can't be told, and the stricter answer is the safe one. */
	return got <= 0 || streq(map, all);
}

/* Linux before 5.9 has no close_range, before 5.11 none that only marks. */
static int range_by_proc(unsigned first, unsigned last, bool mark)
{
	autodir DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return -errno;
	for (struct dirent *e; (e = readdir(dir));) {
		uint32_t fd;

		if (str_to_u32(e->d_name, last, &fd) == 0 && fd >= first &&
		    (int)fd != dirfd(dir))
			(void)(mark ? fcntl((int)fd, F_SETFD, FD_CLOEXEC) : close((int)fd));
	}
	return 0;
}

int sys_cloexec_from(unsigned first)
{
	long r = syscall(SYS_close_range, first, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);

	if (r < 0 && (errno == ENOSYS || errno == EINVAL))
		return range_by_proc(first, ~0U, true);
	return (int)negative(r);
}

int sys_close_range(unsigned first, unsigned last)
{
	long r = syscall(SYS_close_range, first, last, 0);

	if (r < 0 && errno == ENOSYS)
		return range_by_proc(first, last, false);
	return (int)negative(r);
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)negative(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int sys_memfd_exec(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	long r = syscall(SYS_memfd_create, name, flags | MFD_EXEC);

	/* Linux before 6.3 knows no MFD_EXEC, and every memfd can be executed. */
	if (r < 0 && errno == EINVAL)
		r = syscall(SYS_memfd_create, name, flags);
	return (int)negative(r);
}

int sys_exec_fd(int fd, char *const argv[], char *const envp[])
{
	return (int)negative(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH));
}

int sys_seccomp_load(const struct sock_filter *filter, unsigned short n)
{
	struct sock_fprog prog = {.len = n, .filter = (struct sock_filter *)filter};

	return (int)negative(syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, &prog));
}

/* The numbers are the same on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

int sys_landlock_version(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0, 1U /* ..._VERSION */);

	if (r < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	return (int)negative(r);
}

uint64_t sys_landlock_rights(int version)
{
	unsigned bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;

	return (1ULL << bits) - 1;
}

int sys_landlock_ruleset(uint64_t handled, bool no_abstract_sockets)
{
	struct {
		uint64_t fs, net, scoped;
	} attr = {.fs = handled, .scoped = no_abstract_sockets};
	/* Older kernels take the longer structure as long as what they don't know is zero. */
	long r = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);

	return (int)negative(r);
}

int sys_landlock_allow(int ruleset, int fd, uint64_t rights)
{
	struct {
		uint64_t rights;
		int32_t fd;
	} __attribute__((packed)) rule = {rights, fd};

	return (int)negative(
		syscall(SYS_landlock_add_rule, ruleset, 1 /* ..._PATH_BENEATH */, &rule, 0U));
}

int sys_landlock_restrict(int ruleset)
{
	return (int)negative(syscall(SYS_landlock_restrict_self, ruleset, 0U));
}

int sys_capget(struct sys_caps *ret_caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	*ret_caps = (struct sys_caps){
		.effective = data[0].effective | (uint64_t)data[1].effective << 32,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
	};
	return 0;
}

int sys_capset(const struct sys_caps *caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)caps->effective, (uint32_t)caps->permitted,
		 (uint32_t)caps->inheritable},
		{(uint32_t)(caps->effective >> 32), (uint32_t)(caps->permitted >> 32),
		 (uint32_t)(caps->inheritable >> 32)},
	};

	return (int)negative(syscall(SYS_capset, &head, data));
}

int sys_setresuid(uid_t uid)
{
	return (int)negative(syscall(SYS_setresuid, uid, uid, uid));
}

int sys_setresgid(gid_t gid)
{
	return (int)negative(syscall(SYS_setresgid, gid, gid, gid));
}

int sys_setgroups(size_t n, const gid_t *groups)
{
	return (int)negative(syscall(SYS_setgroups, n, groups));
}

int sys_keyring_new(void)
{
	long r = syscall(SYS_keyctl, 1L /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);

	return r < 0 ? -errno : 0;
}
