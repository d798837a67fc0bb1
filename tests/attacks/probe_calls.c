/* SPDX-License-Identifier: Apache-2.0 */
/* probe_calls.c: system calls that a sandbox has no use for. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* An answer that is no errno: the filter lets the call pass, and the kernel refuses it. */
enum { KERNEL = -1, WORKS = -2 };

struct call {
	const char *rule;
	const char *name;
	long nr;
	long args[5];
	int by_default, with_all; /* what is answered, without and with CAP_* ALL */
};

#define CALL(name, ...)     \
#name, SYS_##name,  \
	{                   \
		__VA_ARGS__ \
	}
#define TEXT(s) (long)(s)
#define SOME	(long)room

static char room[256];

/* Arguments are such that the kernel, were it asked, would have another answer than the filter. */
/* clang-format off */
static const struct call calls[] = {
/* rule                          call                                            default  with ALL */
{"io_uring (CVE-2022-29582)",    CALL(io_uring_setup, 1, 0),                       EPERM,   EPERM},
{"io_uring",                     CALL(io_uring_enter, -1),                         EPERM,   EPERM},
{"io_uring",                     CALL(io_uring_register, -1),                      EPERM,   EPERM},
{"keyrings (CVE-2016-0728)",     CALL(add_key, TEXT("user"), TEXT("k"), TEXT("v"), 1, -2), EPERM, EPERM},
{"keyrings",                     CALL(request_key, TEXT("user"), TEXT("k"), 0, 0), EPERM,   EPERM},
{"keyrings",                     CALL(keyctl, 0, -3),                              EPERM,   EPERM},
{"bpf (CVE-2021-3490)",          CALL(bpf, 99, 0, 0),                              EPERM,   KERNEL},
{"perf (CVE-2013-2094)",         CALL(perf_event_open, 0, 0, -1, -1),              EPERM,   KERNEL},
{"userfaultfd",                  CALL(userfaultfd, 0),                             EPERM,   EPERM},
{"vmsplice (CVE-2022-0847)",     CALL(vmsplice, -1),                               EPERM,   EPERM},
{"kexec",                        CALL(kexec_load, 0, 0, 0, 0),                     EPERM,   EPERM},
{"kexec",                        CALL(kexec_file_load, -1, -1),                    EPERM,   EPERM},
{"modules",                      CALL(init_module, 0, 0, TEXT("")),                EPERM,   KERNEL},
{"modules",                      CALL(finit_module, -1, TEXT(""), 0),              EPERM,   KERNEL},
{"modules",                      CALL(delete_module, TEXT("none"), 0),             EPERM,   KERNEL},
{"the machine",                  CALL(reboot, 1, 2, 3),                            EPERM,   KERNEL},
{"the machine",                  CALL(swapon, TEXT("/nothing"), 0),                EPERM,   EPERM},
{"the machine",                  CALL(swapoff, TEXT("/nothing")),                  EPERM,   EPERM},
{"the machine",                  CALL(acct, TEXT("/nothing")),                     EPERM,   KERNEL},
{"the machine",                  CALL(quotactl, -1, TEXT("/nothing")),             EPERM,   KERNEL},
{"the machine",                  CALL(syslog, 3, SOME, 16),                        EPERM,   KERNEL},
{"the machine",                  CALL(vhangup),                                    EPERM,   KERNEL},
{"the clock",                    CALL(settimeofday, 0, 8),                         EPERM,   KERNEL},
{"the clock",                    CALL(clock_settime, 0, SOME),                     EPERM,   KERNEL},
{"names",                        CALL(sethostname, TEXT("x"), -1),                 EPERM,   KERNEL},
{"memory of others",             CALL(process_vm_readv, 1, 0, 0, 0, 0),            EPERM,  KERNEL},
{"memory of others",             CALL(process_vm_writev, 1, 0, 0, 0, 0),           EPERM,  KERNEL},
{"memory of others",             CALL(pidfd_getfd, -1, 0, 0),                      EPERM,   KERNEL},
{"memory of others",             CALL(kcmp, -1, -1, 0),                            EPERM,   KERNEL},
{"memory of others",             CALL(migrate_pages, 0, 0),                        EPERM,   EPERM},
{"memory of others",             CALL(move_pages, 0, 0),                           EPERM,   EPERM},
{"CVE-2015-3627 (shocker)",      CALL(open_by_handle_at, -1, 0, 0),                EPERM,   KERNEL},
{"fanotify",                     CALL(fanotify_init, 4, 0),                        EPERM,   KERNEL},
{"mount API",                    CALL(mount, 0, TEXT("/nothing"), 0, 0, 0),        EPERM,   KERNEL},
{"mount API",                    CALL(umount2, TEXT("/nothing"), 0),               EPERM,   KERNEL},
{"mount API",                    CALL(pivot_root, TEXT("/nothing"), TEXT("/")),    EPERM,   KERNEL},
{"CVE-2022-0185: mount API",     CALL(fsopen, TEXT("nothing"), 0),                 EPERM,   KERNEL},
{"mount API",                    CALL(fsconfig, -1),                               EPERM,   KERNEL},
{"mount API",                    CALL(fsmount, -1),                                EPERM,   KERNEL},
{"mount API",                    CALL(fspick, -1, TEXT("/nothing"), 0),            EPERM,   KERNEL},
{"mount API",                    CALL(move_mount, -1, TEXT(""), -1, TEXT("")),     EPERM,   KERNEL},
{"mount API",                    CALL(open_tree, -1, TEXT("/nothing"), 0),         EPERM,   KERNEL},
{"mount API",                    CALL(mount_setattr, -1, TEXT("x"), 0, 0, 0),      EPERM,   KERNEL},
{"namespaces",                   CALL(setns, -1, 0),                               EPERM,   KERNEL},
{"namespaces",                   CALL(unshare, CLONE_NEWUSER),                     EPERM,   EPERM},
{"namespaces",                   CALL(unshare, CLONE_NEWUSER | CLONE_NEWNS),       EPERM,   EPERM},
{"namespaces",                   CALL(unshare, CLONE_NEWNS),                       EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWNET),                      EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWPID),                      EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWIPC),                      EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWUTS),                      EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWCGROUP),                   EPERM,   WORKS},
{"namespaces",                   CALL(unshare, CLONE_NEWTIME),                     EPERM,   WORKS},
{"namespaces",                   CALL(clone, CLONE_NEWUSER | SIGCHLD),             EPERM,   EPERM},
{"namespaces",                   CALL(clone, CLONE_NEWNS | SIGCHLD),               EPERM,   WORKS},
{"namespaces",                   CALL(clone, CLONE_NEWPID | SIGCHLD),              EPERM,   WORKS},
{"namespaces: as libc wants it", CALL(clone3, SOME, 64),                          ENOSYS,  ENOSYS},
{"personality: no randomization", CALL(personality, 0x0040000),                    EPERM,   EPERM},
{"personality: READ_IMPLIES_EXEC", CALL(personality, 0x0400000),                   EPERM,   EPERM},
{"personality: upper half set",  CALL(personality, 0x100040000),                   EPERM,   EPERM},
{"personality: the question",    CALL(personality, 0xffffffff),                    WORKS,   WORKS},
{"CVE-2017-5226: TIOCSTI",       CALL(ioctl, -1, TIOCSTI),                         EPERM,   EPERM},
{"CVE-2019-10063: TIOCSTI + 2^32", CALL(ioctl, -1, TIOCSTI + (1L << 32)),          EPERM,   EPERM},
{"CVE-2019-10063: TIOCSTI - 2^32", CALL(ioctl, -1, TIOCSTI - (1L << 32)),          EPERM,   EPERM},
{"TIOCLINUX",                    CALL(ioctl, -1, TIOCLINUX),                       EPERM,   EPERM},
{"TIOCLINUX + 2^63",             CALL(ioctl, -1, TIOCLINUX + (long)(1UL << 63)),   EPERM,   EPERM},
{"AF_VSOCK: past every namespace", CALL(socket, AF_VSOCK, SOCK_STREAM, 0),         EPERM,   EPERM},
{"AF_VSOCK + 2^32",              CALL(socket, AF_VSOCK + (1L << 32), SOCK_STREAM, 0), EPERM, EPERM},
{"CVE-2026-31431: AF_ALG",       CALL(socket, AF_ALG, SOCK_SEQPACKET, 0),          EPERM,   EPERM},
{"audit: as if not built in",    CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), EINVAL, EINVAL},
{"CVE-2020-14386: AF_PACKET",    CALL(socket, AF_PACKET, SOCK_RAW, 0),            KERNEL,   WORKS},
{"raw sockets",                  CALL(socket, AF_INET, SOCK_RAW, 1),              KERNEL,   WORKS},
#ifdef SYS_iopl
{"ports of the machine",         CALL(iopl, 3),                                    EPERM,  KERNEL},
{"ports of the machine",         CALL(ioperm, 0, 1, 1),                            EPERM,  KERNEL},
{"obsolete",                     CALL(uselib, TEXT("/nothing")),                   EPERM,   EPERM},
{"obsolete",                     CALL(ustat, 0, 0),                                EPERM,   EPERM},
{"obsolete",                     CALL(sysfs, 3),                                   EPERM,   EPERM},
{"obsolete",                     CALL(_sysctl, 0),                                 EPERM,   EPERM},
#endif
{"lookup_dcookie",               CALL(lookup_dcookie, 0, 0, 0),                    EPERM,  KERNEL},
{"numbers to come: ENOSYS",      "1000", 1000, {0},                               ENOSYS,  ENOSYS},
{"numbers to come: ENOSYS",      "0x3fffffff", 0x3fffffff, {0},                   ENOSYS,  ENOSYS},
{"numbers to come: ENOSYS",      "-1", -1, {0},                                   ENOSYS,  ENOSYS},
};
/* clang-format on */

static const char *answer(int want)
{
	return want == KERNEL  ? "the kernel's refusal"
	       : want == WORKS ? "success"
			       : strerrorname_np(want);
}

static const char *call_try(const void *arg)
{
	const struct call *c = arg;
	int want = way == ALL ? c->with_all : c->by_default;
	long r = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);
	int error = r < 0 ? errno : 0;

	/* A child of clone() has seen enough. */
	if (c->nr == SYS_clone && r == 0)
		_exit(0);
	if (want == WORKS ? r >= 0 : want == KERNEL ? r < 0 : error == want)
		return NULL;
	return through("got %s, want %s", r < 0 ? strerrorname_np(error) : "success",
		       answer(want));
}

/* ---- calls of a foreign architecture ----------------------------------------------------- */

#if defined(__x86_64__)
enum { X32 = 0x40000000 };

static const char *x32(const void *unused)
{
	long pid = syscall(X32 + SYS_getpid);

	return pid >= 0 ? through("getpid says %ld", pid) : NULL;
}

/* getpid of i386 is 20. Where the kernel has no i386 at all, this is a fault. */
static const char *i386(const void *unused)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r >= 0 ? through("getpid says %ld", r) : NULL;
}

/* 54 is ioctl. */
static const char *i386_sti(const void *unused)
{
	long r = 54;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(0), "c"(TIOCSTI), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return r >= 0 || r == -EFAULT ? through("TIOCSTI answers %ld", r) : NULL;
}
#endif

void calls_more(void)
{
	char what[128];

	if (way == BARE)
		return; /* there is no filter */
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *c = &calls[i];

		(void)snprintf(what, sizeof(what), "%s: %s: %s", c->rule, c->name,
			       answer(way == ALL ? c->with_all : c->by_default));
		attack_one(what, call_try, c);
	}
#if defined(__x86_64__)
	attack_one("foreign architectures: x32", x32, NULL);
	attack_one("foreign architectures: int 0x80", i386, NULL);
	attack_one("foreign architectures: TIOCSTI by int 0x80", i386_sti, NULL);
#endif
}
