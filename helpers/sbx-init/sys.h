/* SPDX-License-Identifier: Apache-2.0 */
/* sys.h: the system calls that sbx-init makes: raw, or through libc in a hosted build. */
#pragma once

/*
 * A start of libc costs 0.6 ms on machines where CPUID traps, and memory in every sandbox, so
 * sbx-init has none: the compiler's -ffreestanding chooses the raw calls. Headers are libc's
 * and the kernel's either way, for constants and layouts. All calls return a negative errno on
 * failure.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#if __STDC_HOSTED__

#include <unistd.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	long r = syscall(nr, a, b, c, d, e, f);

	return r < 0 ? -errno : r;
}

#elif defined(__x86_64__)

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

#elif defined(__aarch64__)

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

#elif defined(__riscv) && __riscv_xlen == 64

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

#else
#error "no raw system calls for this architecture: build it hosted"
#endif

/* The kernel's own, shorter than libc's sigset_t. */
enum { SYS_SIGNALS = _NSIG - 1, SYS_SIGSET_BYTES = SYS_SIGNALS / 8 };

struct sys_sigset {
	unsigned char bits[SYS_SIGSET_BYTES] __attribute__((aligned(8)));
};

#define SYS_SIGSET_ALL                                          \
	{                                                       \
		.bits = { [0 ... SYS_SIGSET_BYTES - 1] = 0xff } \
	}
#define SYS_SIGSET_NONE       \
	{                     \
		.bits = { 0 } \
	}

/* A copy of the calling process, not a shared memory as vfork's: it costs 20 us more, and what
 * reads hostile files to explain a failed exec does so in a process that is not pid 1. */
static inline pid_t sys_fork(void)
{
#if __STDC_HOSTED__
	pid_t pid = fork();

	return pid < 0 ? -errno : pid;
#else
	/* The order of the last two arguments differs between architectures; both are zero. */
	return (pid_t)sys_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
#endif
}

static inline noreturn void sys_exit(int status)
{
	for (;;)
		sys_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static inline int sys_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)sys_call(SYS_execve, (long)path, (long)argv, (long)envp, 0, 0, 0);
}

static inline pid_t sys_wait(pid_t pid, int *ret_status, int options)
{
	return (pid_t)sys_call(SYS_wait4, pid, (long)ret_status, options, 0, 0, 0);
}

static inline pid_t sys_getpid(void)
{
	return (pid_t)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline int sys_setsid(void)
{
	return (int)sys_call(SYS_setsid, 0, 0, 0, 0, 0, 0);
}

static inline int sys_setpgid(pid_t pid, pid_t group)
{
	return (int)sys_call(SYS_setpgid, pid, group, 0, 0, 0, 0);
}

static inline int sys_prctl(int option, unsigned long arg)
{
	return (int)sys_call(SYS_prctl, option, (long)arg, 0, 0, 0, 0);
}

static inline int sys_kill(pid_t pid, int sig)
{
	return (int)sys_call(SYS_kill, pid, sig, 0, 0, 0, 0);
}

/* Sets the mask of blocked signals. */
static inline int sys_sigmask(const struct sys_sigset *set)
{
	return (int)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)set, 0, SYS_SIGSET_BYTES, 0,
			     0);
}

/* The disposition of SIG becomes the default. The kernel's struct sigaction differs between
 * architectures, but all zeros is SIG_DFL in each, and none is longer than this. */
static inline int sys_sigdefault(int sig)
{
	const uint64_t action[8] = {0};

	return (int)sys_call(SYS_rt_sigaction, sig, (long)action, 0, SYS_SIGSET_BYTES, 0, 0);
}

/* Waits for a signal out of SET, takes it and returns its number. */
static inline int sys_sigwait(const struct sys_sigset *set)
{
	return (int)sys_call(SYS_rt_sigtimedwait, (long)set, 0, 0, SYS_SIGSET_BYTES, 0, 0);
}

static inline int sys_open(const char *path, int flags)
{
	return (int)sys_call(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0, 0);
}

static inline int sys_close(int fd)
{
	return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline int sys_close_range(unsigned first, unsigned last)
{
#ifdef SYS_close_range
	return (int)sys_call(SYS_close_range, first, last, 0, 0, 0, 0);
#else
	return -ENOSYS;
#endif
}

static inline int sys_set_cloexec(int fd)
{
	return (int)sys_call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
}

/* A pipe whose ends FROM and up have as numbers; closed on exec. */
static inline int sys_pipe_from(int from, int ret_ends[2])
{
	int low[2] = {-EBADF, -EBADF};
	int r = (int)sys_call(SYS_pipe2, (long)low, O_CLOEXEC, 0, 0, 0, 0);

	for (int i = 0; i < 2 && r >= 0; i++) {
		r = (int)sys_call(SYS_fcntl, low[i], F_DUPFD_CLOEXEC, from, 0, 0, 0);
		ret_ends[i] = r;
		sys_close(low[i]);
	}
	return r;
}

static inline int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return (int)sys_call(SYS_ioctl, fd, (long)request, (long)arg, 0, 0, 0);
}

static inline ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t offset)
{
	return sys_call(SYS_pread64, fd, (long)buf, (long)n, (long)offset, 0, 0);
}

static inline int sys_access(const char *path, int mode)
{
	return (int)sys_call(SYS_faccessat, AT_FDCWD, (long)path, mode, 0, 0, 0);
}

/* Type, mode and owner; FLAGS AT_*. */
static inline int sys_stat(int dir, const char *path, int flags, struct statx *ret_st)
{
	return (int)sys_call(SYS_statx, dir, (long)path, flags, STATX_BASIC_STATS, (long)ret_st,
			     0);
}

static inline int sys_statfs(const char *path, struct statfs *ret_fs)
{
	return (int)sys_call(SYS_statfs, (long)path, (long)ret_fs, 0, 0, 0, 0);
}

static inline ssize_t sys_read(int fd, void *buf, size_t n)
{
	return sys_call(SYS_read, fd, (long)buf, (long)n, 0, 0, 0);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t n)
{
	return sys_call(SYS_write, fd, (long)buf, (long)n, 0, 0, 0);
}

/* N bytes of the file FD, to read; a negative errno. */
static inline long sys_map(int fd, size_t n)
{
	return sys_call(SYS_mmap, 0, (long)n, PROT_READ, MAP_PRIVATE, fd, 0);
}

/* Not seccomp(2): a filter that was loaded before may know only the older call. */
static inline int sys_filter(const struct sock_fprog *program)
{
	return (int)sys_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)program, 0,
			     0, 0);
}

/* What poll() says of FD now, of what it says unasked. */
static inline int sys_poll_errors(int fd)
{
	const struct timespec now = {0};
	struct pollfd p = {.fd = fd};

	return sys_call(SYS_ppoll, (long)&p, 1, (long)&now, 0, 0, 0) > 0 ? p.revents : 0;
}
