/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: which system calls a sandbox may make by default. */
#include "table.h"

#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/*
 * On the line of Docker's and podman's profiles; where they differ, mostly the stricter of the
 * two.
 *
 * What is known and refused fails with EPERM. What the table doesn't know, because it is newer,
 * fails with ENOSYS, so that libraries fall back as they do on an older kernel. The table is
 * written for 64-bit architectures, one at a time: calls of a foreign one (i386 or x32 on
 * x86_64) end the process. Each further architecture would make the program longer for
 * everybody, and the kernel's work when it is loaded grows with it. It is an end and not an
 * error number because a program whose every call fails can't even exit: some C libraries then
 * spin for ever.
 *
 * Arguments that the kernel takes as 32 bits are compared as such: a register's upper half is
 * the caller's to choose, and a comparison of all 64 bits would let TIOCSTI + 2^32 pass for
 * another number.
 */

#define ALLOW	SCMP_ACT_ALLOW
#define REFUSE	SCMP_ACT_ERRNO(EPERM)
#define ABSENT	SCMP_ACT_ERRNO(ENOSYS)
#define INVALID SCMP_ACT_ERRNO(EINVAL)
#define FAKE	SCMP_ACT_ERRNO(0)

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* clang-format off */
/* Argument ARG, masked with MASK, is VALUE; its low 32 bits are VALUE; or it is not VALUE. */
#define BITS(arg, mask, value) {arg, SCMP_CMP_MASKED_EQ, mask, value}
#define LOW32(arg, value)      BITS(arg, UINT32_MAX, value)
#define NOT(arg, value)        {arg, SCMP_CMP_NE, value, 0}

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
                    CLONE_NEWPID | CLONE_NEWNET)

static const struct table_row default_rows[] = {
	/* ---- files and folders ---- */
	{"open openat openat2 creat close close_range access faccessat faccessat2 "
	 "stat lstat fstat newfstatat statx statfs fstatfs name_to_handle_at "
	 "mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink readlinkat "
	 "rename renameat renameat2 mknod mknodat chdir fchdir getcwd getdents getdents64 "
	 "chmod fchmod fchmodat chown fchown lchown fchownat umask "
	 "utime utimes utimensat futimesat truncate ftruncate fallocate "
	 "setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr "
	 "listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr "
	 "sync syncfs fsync fdatasync sync_file_range sync_file_range2 flock "
	 "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark", ALLOW},

	/* ---- descriptors ---- */
	{"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek "
	 "copy_file_range sendfile splice tee readahead fadvise64 "
	 "dup dup2 dup3 fcntl pipe pipe2 select pselect6 poll ppoll "
	 "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "
	 "eventfd eventfd2 memfd_create memfd_secret "
	 "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents", ALLOW},

	/* Both push bytes into a terminal as if they were typed (CVE-2017-5226, CVE-2019-10063). */
	{"ioctl", REFUSE, .args = {LOW32(1, TIOCSTI)}, .n_args = 1},
	{"ioctl", REFUSE, .args = {LOW32(1, TIOCLINUX)}, .n_args = 1},
	{"ioctl", ALLOW},

	/* ---- memory ---- */
	{"brk mmap munmap mremap mprotect madvise mincore msync remap_file_pages "
	 "mlock mlock2 mlockall munlock munlockall membarrier "
	 "pkey_alloc pkey_free pkey_mprotect "
	 "get_mempolicy set_mempolicy set_mempolicy_home_node mbind", ALLOW},

	/* ---- processes and threads ---- */
	{"fork vfork execve execveat exit exit_group wait4 waitid "
	 "getpid getppid gettid getpgid getpgrp setpgid getsid setsid "
	 "pidfd_open pidfd_send_signal process_mrelease ptrace prctl "
	 "futex futex_waitv set_robust_list get_robust_list set_tid_address rseq "
	 "set_thread_area get_thread_area restart_syscall "
	 "sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler "
	 "sched_setattr sched_getattr sched_setaffinity sched_getaffinity sched_rr_get_interval "
	 "sched_get_priority_max sched_get_priority_min getpriority setpriority "
	 "ioprio_get ioprio_set getcpu "
	 "kill tkill tgkill pause sigaltstack signalfd signalfd4 "
	 "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait "
	 "rt_sigqueueinfo rt_tgsigqueueinfo", ALLOW},

	/* Who makes a user namespace has every capability in it, and with them reaches code of the
	 * kernel that an ordinary user doesn't. */
	{"clone unshare", ALLOW, .nested = true},
	{"clone", ALLOW, .args = {BITS(0, NAMESPACES, 0)}, .n_args = 1},
	{"clone", ALLOW, CAP(SYS_ADMIN), .args = {BITS(0, CLONE_NEWUSER, 0)}, .n_args = 1},
	{"unshare", ALLOW, .args = {BITS(0, NAMESPACES | CLONE_NEWTIME, 0)}, .n_args = 1},
	{"unshare", ALLOW, CAP(SYS_ADMIN), .args = {BITS(0, CLONE_NEWUSER, 0)}, .n_args = 1},
	/* Its flags are in memory, where no filter can see them. Libraries fall back to clone. */
	{"clone3", ALLOW, .nested = true},
	{"clone3", ABSENT},
	{"setns", ALLOW, CAP(SYS_ADMIN), .nested = true},

	/* ---- time ---- */
	{"time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep times "
	 "alarm getitimer setitimer adjtimex clock_adjtime "
	 "timer_create timer_settime timer_gettime timer_getoverrun timer_delete "
	 "timerfd_create timerfd_settime timerfd_gettime", ALLOW},
	{"settimeofday clock_settime", ALLOW, CAP(SYS_TIME)},

	/* ---- ids, limits, rights ---- */
	{"getuid getgid geteuid getegid getresuid getresgid getgroups "
	 "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups "
	 "capget capset getrlimit setrlimit prlimit64 getrusage "
	 "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self", ALLOW},
	{"chroot", ALLOW, CAP(SYS_CHROOT), .nested = true},

	/* ---- sockets and IPC ---- */
	/* AF_VSOCK reaches the machine's hypervisor past every network namespace. AF_ALG is the
	 * kernel's cryptography, which hardly a program uses and which has let users write to
	 * the page cache (CVE-2026-31431). */
	{"socket", REFUSE, .args = {LOW32(0, AF_VSOCK)}, .n_args = 1},
	{"socket", REFUSE, .args = {LOW32(0, AF_ALG)}, .n_args = 1},
	/* The audit system belongs to the host; with this error programs take it for not built in. */
	{"socket", INVALID, .args = {LOW32(0, AF_NETLINK), LOW32(2, NETLINK_AUDIT)}, .n_args = 2},
	{"socket socketpair bind listen accept accept4 connect shutdown "
	 "getsockname getpeername getsockopt setsockopt "
	 "sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg send recv "
	 "semget semop semtimedop semctl shmget shmat shmdt shmctl msgget msgsnd msgrcv msgctl "
	 "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr", ALLOW},

	/* ---- the machine ---- */
	{"uname sysinfo getrandom", ALLOW},
	{"arch_prctl modify_ldt riscv_flush_icache", ALLOW},
	{"riscv_hwprobe", ALLOW, .newer = true},

	/* PER_LINUX, PER_LINUX32, each with UNAME26 too, and the question which one it is; the others
	 * switch off what protects a process, such as ADDR_NO_RANDOMIZE. */
	{"personality", ALLOW, .args = {LOW32(0, 0x0)}, .n_args = 1},
	{"personality", ALLOW, .args = {LOW32(0, 0x8)}, .n_args = 1},
	{"personality", ALLOW, .args = {LOW32(0, 0x20000)}, .n_args = 1},
	{"personality", ALLOW, .args = {LOW32(0, 0x20008)}, .n_args = 1},
	{"personality", ALLOW, .args = {LOW32(0, 0xffffffff)}, .n_args = 1},

	/* ---- for a capability ---- */
	{"mount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr "
	 "sethostname setdomainname", ALLOW, CAP(SYS_ADMIN), .nested = true},
	{"open_tree_attr", ALLOW, CAP(SYS_ADMIN), .nested = true, .newer = true},
	{"fanotify_init lookup_dcookie quotactl quotactl_fd", ALLOW, CAP(SYS_ADMIN)},
	{"bpf", ALLOW, CAP(SYS_ADMIN) | CAP(BPF)},
	{"perf_event_open", ALLOW, CAP(SYS_ADMIN) | CAP(PERFMON)},
	{"syslog", ALLOW, CAP(SYS_ADMIN) | CAP(SYSLOG)},
	{"open_by_handle_at", ALLOW, CAP(DAC_READ_SEARCH)},
	{"process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp", ALLOW, CAP(SYS_PTRACE)},
	{"init_module finit_module delete_module", ALLOW, CAP(SYS_MODULE)},
	{"iopl ioperm", ALLOW, CAP(SYS_RAWIO)},
	{"acct", ALLOW, CAP(SYS_PACCT)},
	{"reboot", ALLOW, CAP(SYS_BOOT)},
	{"vhangup", ALLOW, CAP(SYS_TTY_CONFIG)},

	/* ---- newer than some libseccomp: without a name there, ENOSYS ---- */
	{"cachestat fchmodat2 file_getattr file_setattr "
	 "setxattrat getxattrat listxattrat removexattrat statmount listmount "
	 "futex_wake futex_wait futex_requeue mseal map_shadow_stack rseq_slice_yield "
	 "lsm_get_self_attr lsm_list_modules", ALLOW, .newer = true},
	{"lsm_set_self_attr listns", REFUSE, .newer = true},

	/* ---- refused whatever the capabilities ---- */
	/* Large, young or fragile parts of the kernel that programs live without. */
	{"io_uring_setup io_uring_enter io_uring_register userfaultfd vmsplice "
	 "add_key request_key keyctl", REFUSE},
	/* The host's business. */
	{"kexec_load kexec_file_load swapon swapoff migrate_pages move_pages", REFUSE},
	/* Obsolete. */
	{"uselib ustat sysfs nfsservctl _sysctl create_module get_kernel_syms query_module", REFUSE},

	/* ---- numbers that Linux never used, or no longer ---- */
	{"afs_syscall epoll_ctl_old epoll_wait_old getpmsg putpmsg security tuxcall vserver", ABSENT},
};

/*
 * With a single id in the map the kernel refuses every change of owner and of user, since no other
 * id exists. Package managers want nothing more than to be told that it worked, so they are told
 * so, and nothing is done. capset is left to the kernel: it works, and a program that gives up
 * rights must really lose them. Pipes, sockets, regular files and overlay's whiteouts (device 0:0)
 * can be made, other device nodes can't.
 */
static const struct table_row single_id_rows[] = {
	{"chown fchown lchown fchownat "
	 "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups", FAKE},
	{"mknod", FAKE, .args = {BITS(1, S_IFMT, S_IFCHR), NOT(2, 0)}, .n_args = 2},
	{"mknod", FAKE, .args = {BITS(1, S_IFMT, S_IFBLK)}, .n_args = 1},
	{"mknodat", FAKE, .args = {BITS(2, S_IFMT, S_IFCHR), NOT(3, 0)}, .n_args = 2},
	{"mknodat", FAKE, .args = {BITS(2, S_IFMT, S_IFBLK)}, .n_args = 1},
};
/* clang-format on */

const struct table table_default = {
	.rows = default_rows,
	.n = ARRAY_SIZE(default_rows),
	.unheld = REFUSE,
	.unnamed = ABSENT,
};

const struct table table_single_id = {
	.rows = single_id_rows,
	.n = ARRAY_SIZE(single_id_rows),
	.unheld = ALLOW,
	.unnamed = ALLOW,
};

uint64_t table_caps(const struct table *table)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < table->n; i++)
		caps |= table->rows[i].caps;
	return caps;
}

static void row_print(const struct table_row *row, FILE *out)
{
	(void)fprintf(out, "%s %" PRIx32 " %" PRIx64 " %d", row->calls, row->action, row->caps,
		      row->nested);
	for (unsigned i = 0; i < row->n_args; i++) {
		const struct scmp_arg_cmp *arg = &row->args[i];

		(void)fprintf(out, " %u %d %" PRIx64 " %" PRIx64, arg->arg, (int)arg->op,
			      arg->datum_a, arg->datum_b);
	}
	(void)fputc('\n', out);
}

int table_text(const struct table *table, struct arena *a, char **ret_text, size_t *ret_len)
{
	autofree char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return fail_sys("write a table of system calls");
	(void)fprintf(out, "%" PRIx32 " %" PRIx32 "\n", table->unheld, table->unnamed);
	for (size_t i = 0; i < table->n; i++)
		row_print(&table->rows[i], out);
	if (fclose(out) != 0)
		return fail_sys("write a table of system calls");
	*ret_text = arena_strndup(a, text, len);
	*ret_len = len;
	return 0;
}
