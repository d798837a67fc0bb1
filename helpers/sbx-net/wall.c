/* SPDX-License-Identifier: Apache-2.0 */
/* wall.c: what sbx-net gives away before it reads the first byte of a stranger's. */
#include "wall.h"

#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */
/* Sockets, waiting, time, memory; and how a process ends. Some have rules of their own, below. */
static const char *const calls[] = {
	"accept", "accept4", "bind", "brk", "clock_gettime", "close", "connect", "dup3", "epoll_ctl",
	"epoll_pwait", "epoll_wait", "exit", "exit_group", "futex", "getpeername", "getrandom",
	"getsockname", "getsockopt", "gettimeofday", "listen", "madvise",
	"mremap", "munmap", "poll", "ppoll", "read", "readv", "recv", "recvfrom", "recvmsg", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "send", "sendmsg", "sendto", "setsockopt",
	"shutdown", "socketpair", "time", "write", "writev",
};
/* clang-format on */

/* Nobody is signalled about a descriptor (F_SETOWN, F_SETSIG). Never AF_UNIX, whose abstract names are the host's; of a socket how much there is to read, and nothing of
 * the tap's, which doesn't ask for rights; and no memory that can be executed. */
static const struct {
	const char *call;
	struct scmp_arg_cmp allowed;
} limited[] = {
	{"socket", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_INET}},
	{"socket", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_INET6}},
	{"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_DUPFD_CLOEXEC}},
	{"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_GETFD}},
	{"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETFD}},
	{"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_GETFL}},
	{"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETFL}},
	{"ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, FIONREAD}},
	{"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{"mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
};

/* An empty folder that can't be written is the root. In a user namespace of its own, which grants what
 * it takes; what the helper could do with that goes with the capabilities. */
static int root_leave(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWCGROUP) < 0)
		return fail_sys("make namespaces for the network's helper");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0555,nr_inodes=2") < 0 ||
	    chdir("/tmp") < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		return fail_sys("give the network's helper an empty root");
	return 0;
}

static int files_refuse(void)
{
	int version = sys_landlock_version(), r;

	if (version == 0)
		return 0;
	autoclose int rules = sys_landlock_ruleset(sys_landlock_rights(version), version >= 6);
	r = rules < 0 ? rules : sys_landlock_restrict(rules);
	return r < 0 ? fail(-r, "keep files from the network's helper") : 0;
}

static int calls_refuse(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && r == 0; i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);

		if (number >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(limited) && r == 0; i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
					   seccomp_syscall_resolve_name(limited[i].call), 1,
					   &limited[i].allowed);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? fail(-r, "load the seccomp filter of the network's helper") : 0;
}

/* libslirp has a quarter of a megabyte for each connection, most of it never touched. Half of the machine is more than
 * there are descriptors for on most, and not all that others need. */
static void memory_bound(void)
{
	rlim_t half = (rlim_t)sysconf(_SC_PHYS_PAGES) / 2 * (rlim_t)sysconf(_SC_PAGESIZE);
	struct rlimit memory = {half, half};

	if (sysconf(_SC_PHYS_PAGES) > 0)
		(void)setrlimit(RLIMIT_DATA, &memory);
}

int wall_raise(void)
{
	/* What libslirp says of frames goes to memory of the launcher's. */
	static const struct rlimit said = {4096, 4096};
	struct sys_caps none = {0};
	struct rlimit files;
	int r = root_leave();

	if (r < 0)
		return r;
	/* A socket for each connection, and no more than the host can bear. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &said);
	memory_bound();
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	r = sys_capset(&none);
	if (r < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail(EPERM, "drop the capabilities of the network's helper");
	r = files_refuse();
	return r < 0 ? r : calls_refuse();
}
