/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.c: the default programs, loaded into children that then try the calls. */
#include "sandbox/seccomp.h"

#include "bpf.h"
#include "sandbox/seccomp/builtin.h"
#include "sandbox/seccomp/table.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define HIGH	  (UINT64_C(1) << 32) /* a bit that the kernel doesn't look at */

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#endif

/* The default set of a sandbox, as far as it matters here. */
static const uint64_t default_caps = CAP(CHOWN) | CAP(SETUID) | CAP(SETGID) | CAP(SYS_CHROOT);

/* What a child saw: a result of 0 and more, a negative errno, or minus a signal behind this. */
enum { KILLED = -10000 };

typedef long attempt_fn(const void *context);

static void plan_start(struct plan *p, uint64_t caps)
{
	plan_init(p);
	p->caps.bounding = caps;
	p->ids.map = PLAN_MAP_SUBIDS;
}

/* What ATTEMPT returns in a child that has loaded P's filters. */
static long in_child(const struct plan *p, attempt_fn *attempt, const void *context)
{
	int ends[2], status;
	long result = 0;
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return -errno;
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(1);
		for (size_t i = 0; i < p->n_filters; i++)
			if (sys_seccomp_load(p->filters[i].code, p->filters[i].n) < 0)
				_exit(1);
		result = attempt(context);
		_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
	}
	(void)close(ends[1]);
	(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		result = KILLED - WTERMSIG(status);
	else if (read(ends[0], &result, sizeof(result)) != sizeof(result))
		result = KILLED;
	(void)close(ends[0]);
	return result;
}

struct call {
	const char *what;
	long nr;
	uint64_t args[6];
	long want; /* 1: anything that isn't negative */
};

static long call_make(const void *context)
{
	const struct call *c = context;
	long r = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
			 c->args[5]);

	/* A clone that was let through has made a second process. */
	if (r == 0 && (c->nr == __NR_clone || c->nr == __NR_clone3))
		_exit(0);
	return r < 0 ? -errno : r;
}

static void calls_check(const struct plan *p, const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		long got = in_child(p, call_make, &calls[i]);
		bool ok = calls[i].want == 1 ? got >= 0 : got == calls[i].want;

		if (!check_that(ok, "%s", calls[i].what))
			printf("# got %ld, want %ld\n", got, calls[i].want);
	}
}

/* ---- the default ------------------------------------------------------------------------ */

/* clang-format off */
static const struct call default_calls[] = {
	{"a process can be made", __NR_clone, {SIGCHLD}, 1},
	{"TIOCSTI", __NR_ioctl, {-1, TIOCSTI}, -EPERM},
	{"TIOCSTI + 2^32", __NR_ioctl, {-1, TIOCSTI + HIGH}, -EPERM},
	{"TIOCSTI with all the upper half set", __NR_ioctl, {-1, TIOCSTI | ~(HIGH - 1)}, -EPERM},
	{"TIOCLINUX", __NR_ioctl, {-1, TIOCLINUX}, -EPERM},
	{"TIOCLINUX + 2^32", __NR_ioctl, {-1, TIOCLINUX + HIGH}, -EPERM},
	{"another ioctl reaches the kernel", __NR_ioctl, {-1, TCGETS}, -EBADF},
	{"and one with its sign extended", __NR_ioctl, {-1, (uint64_t)(int)TIOCGPTN}, -EBADF},

	{"clone into a user namespace", __NR_clone, {CLONE_NEWUSER | SIGCHLD}, -EPERM},
	{"the same with an upper half", __NR_clone, {HIGH | CLONE_NEWUSER | SIGCHLD}, -EPERM},
	{"clone into a mount namespace", __NR_clone, {CLONE_NEWNS | SIGCHLD}, -EPERM},
	{"unshare of the user namespace", __NR_unshare, {CLONE_NEWUSER}, -EPERM},
	{"unshare of the net namespace", __NR_unshare, {CLONE_NEWNET}, -EPERM},
	{"unshare of the time namespace", __NR_unshare, {CLONE_NEWTIME}, -EPERM},
	{"unshare of the file table is no namespace", __NR_unshare, {CLONE_FILES}, 0},
	{"clone3 is unknown, so that libc falls back", __NR_clone3, {0}, -ENOSYS},
	{"setns", __NR_setns, {-1, 0}, -EPERM},

	{"a number that nobody knows", 5000, {0}, -ENOSYS},
	{"a number that Linux gave up", __NR_vserver, {0}, -ENOSYS},
	{"io_uring_setup", __NR_io_uring_setup, {1, 0}, -EPERM},
	{"add_key", __NR_add_key, {0}, -EPERM},
	{"request_key", __NR_request_key, {0}, -EPERM},
	{"keyctl", __NR_keyctl, {KEYCTL_GET_KEYRING_ID}, -EPERM},
	{"bpf", __NR_bpf, {0}, -EPERM},
	{"perf_event_open", __NR_perf_event_open, {0}, -EPERM},
	{"userfaultfd", __NR_userfaultfd, {0}, -EPERM},
	{"kexec_load", __NR_kexec_load, {0}, -EPERM},
	{"mount", __NR_mount, {0}, -EPERM},
	{"umount2", __NR_umount2, {0}, -EPERM},
	{"pivot_root", __NR_pivot_root, {0}, -EPERM},
	{"fsopen", __NR_fsopen, {0}, -EPERM},
	{"open_tree", __NR_open_tree, {-1, 0, 0}, -EPERM},
	{"move_mount", __NR_move_mount, {-1, 0, -1, 0, 0}, -EPERM},
	{"mount_setattr", __NR_mount_setattr, {-1, 0, 0, 0, 0}, -EPERM},
	{"open_by_handle_at", __NR_open_by_handle_at, {-1, 0, 0}, -EPERM},
	{"process_vm_readv", __NR_process_vm_readv, {0}, -EPERM},
	{"init_module", __NR_init_module, {0}, -EPERM},
	{"syslog", __NR_syslog, {10}, -EPERM},
	{"settimeofday", __NR_settimeofday, {0}, -EPERM},
	{"ptrace is allowed", __NR_ptrace, {PTRACE_PEEKDATA, 1 << 30, 0, 0}, -ESRCH},
	{"chroot is allowed", __NR_chroot, {(uintptr_t)"/nowhere"}, -ENOENT},

	{"a socket of AF_VSOCK", __NR_socket, {AF_VSOCK, SOCK_STREAM, 0}, -EPERM},
	{"AF_VSOCK + 2^32", __NR_socket, {AF_VSOCK + HIGH, SOCK_STREAM, 0}, -EPERM},
	{"a socket of AF_ALG", __NR_socket, {AF_ALG, SOCK_SEQPACKET, 0}, -EPERM},
	{"a socket of the audit system", __NR_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}, -EINVAL},
	{"with 2^32 in both", __NR_socket, {HIGH + AF_NETLINK, SOCK_RAW, HIGH + NETLINK_AUDIT}, -EINVAL},
	{"a socket of netlink", __NR_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, 1},
	{"audit's number in another family", __NR_socket, {AF_UNIX, SOCK_STREAM, NETLINK_AUDIT}, -EPROTONOSUPPORT},
	{"a socket of AF_UNIX", __NR_socket, {AF_UNIX, SOCK_STREAM, 0}, 1},

	{"personality can be asked for", __NR_personality, {0xffffffff}, 1},
	{"as -1 too", __NR_personality, {UINT64_MAX}, 1},
	{"personality without random addresses", __NR_personality, {0x40000}, -EPERM},
};

/* On the program alone, because the kernel's own answer would depend on who runs the test. */
static const struct verdict {
	const char *what;
	uint64_t caps;
	bool nested;
	int nr;
	uint64_t args[6];
	uint32_t want;
} verdicts[] = {
#define ALLOW SCMP_ACT_ALLOW
#define EPERM_ SCMP_ACT_ERRNO(EPERM)
#define ENOSYS_ SCMP_ACT_ERRNO(ENOSYS)
	{"nested: unshare of the user namespace", 0, true, __NR_unshare, {CLONE_NEWUSER}, ALLOW},
	{"nested: clone3", 0, true, __NR_clone3, {0}, ALLOW},
	{"nested: mount", 0, true, __NR_mount, {0}, ALLOW},
	{"nested: setns", 0, true, __NR_setns, {0}, ALLOW},
	{"nested: bpf stays refused", 0, true, __NR_bpf, {0}, EPERM_},
	{"nested: TIOCSTI stays refused", 0, true, __NR_ioctl, {0, HIGH + TIOCSTI}, EPERM_},
	{"SYS_ADMIN: mount", CAP(SYS_ADMIN), false, __NR_mount, {0}, ALLOW},
	{"SYS_ADMIN: bpf", CAP(SYS_ADMIN), false, __NR_bpf, {0}, ALLOW},
	{"SYS_ADMIN: unshare of mounts", CAP(SYS_ADMIN), false, __NR_unshare, {CLONE_NEWNS}, ALLOW},
	{"SYS_ADMIN: clone into a net namespace", CAP(SYS_ADMIN), false, __NR_clone, {CLONE_NEWNET}, ALLOW},
	{"SYS_ADMIN: no user namespace by unshare", CAP(SYS_ADMIN), false, __NR_unshare, {CLONE_NEWUSER | CLONE_NEWNS}, EPERM_},
	{"SYS_ADMIN: nor by clone", CAP(SYS_ADMIN), false, __NR_clone, {CLONE_NEWUSER}, EPERM_},
	{"SYS_ADMIN: nor by clone3", CAP(SYS_ADMIN), false, __NR_clone3, {0}, ENOSYS_},
	{"SYS_ADMIN: TIOCSTI stays refused", CAP(SYS_ADMIN), false, __NR_ioctl, {0, TIOCSTI}, EPERM_},
	{"SYS_ADMIN: io_uring stays refused", CAP(SYS_ADMIN), false, __NR_io_uring_setup, {0}, EPERM_},
	{"SYS_PTRACE: process_vm_readv", CAP(SYS_PTRACE), false, __NR_process_vm_readv, {0}, ALLOW},
	{"SYS_PTRACE: mount stays refused", CAP(SYS_PTRACE), false, __NR_mount, {0}, EPERM_},
	{"DAC_READ_SEARCH: open_by_handle_at", CAP(DAC_READ_SEARCH), false, __NR_open_by_handle_at, {0}, ALLOW},
	{"BPF: bpf", CAP(BPF), false, __NR_bpf, {0}, ALLOW},
	{"PERFMON: perf_event_open", CAP(PERFMON), false, __NR_perf_event_open, {0}, ALLOW},
};
/* clang-format on */

static void default_test(void)
{
	struct plan p;

	plan_start(&p, default_caps);
	if (check_int(seccomp_choose(&p), 0)) {
		check_that(p.n_filters == 1 &&
				   p.filters[0].code == builtin_filters[BUILTIN_DEFAULT].code,
			   "the default program is the one of the build");
		calls_check(&p, default_calls, ARRAY_SIZE(default_calls));
	}
	plan_done(&p);
}

static void verdicts_test(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict *v = &verdicts[i];
		struct seccomp_data data = {.nr = v->nr, .arch = seccomp_arch_native()};
		uint32_t got = UINT32_MAX;
		struct plan p;

		memcpy(data.args, v->args, sizeof(data.args));
		plan_start(&p, default_caps | v->caps);
		p.nested = v->nested;
		if (seccomp_choose(&p) == 0)
			got = bpf_answer(&p.filters[0], &data);
		if (!check_that(got == v->want, "%s", v->what))
			printf("# got %#x, want %#x, %s\n", got, v->want, fail_text());
		plan_done(&p);
	}
}

/* ---- foreign architectures -------------------------------------------------------------- */

#ifdef __x86_64__
static long x32_getpid(const void *context)
{
	return syscall(0x40000000 | __NR_getpid);
}

static long i386_getpid(const void *context)
{
	long r = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static void foreign_test(void)
{
	struct plan none, p;

	plan_start(&none, 0);
	plan_start(&p, default_caps);
	check_int(seccomp_choose(&p), 0);
	check_int(in_child(&p, x32_getpid, NULL), KILLED - SIGSYS);
	if (in_child(&none, i386_getpid, NULL) > 0)
		check_int(in_child(&p, i386_getpid, NULL), KILLED - SIGSYS);
	else
		tap_skip("int $0x80", "this kernel has no 32-bit calls");
	plan_done(&p);
	plan_done(&none);
}
#else
static void foreign_test(void)
{
}
#endif

/* ---- the table -------------------------------------------------------------------------- */

static bool row_names(const struct table_row *row, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = row->calls; (s = strstr(s, name)); s += len)
		if ((s == row->calls || s[-1] == ' ') && (s[len] == ' ' || s[len] == '\0'))
			return true;
	return false;
}

/* Calls that came after the table would be ENOSYS, which is wanted; those that libseccomp knew
 * when it was written must each have been thought of. */
static void coverage_test(void)
{
	enum { LAST = 450 /* set_mempolicy_home_node */ };
	unsigned missing = 0, known = 0;

	for (int nr = 0; nr <= LAST; nr++) {
		autofree char *name =
			seccomp_syscall_resolve_num_arch(seccomp_arch_native(), nr);
		bool is_named = false;

		if (!name)
			continue;
		known++;
		for (size_t i = 0; i < table_default.n && !is_named; i++)
			is_named = row_names(&table_default.rows[i], name);
		if (!is_named)
			printf("# %s is not in the table\n", name);
		missing += !is_named;
	}
	check_that(known > 250 && missing == 0, "all %u known calls are in the table", known);
}

static void builtin_or_not_test(void)
{
	struct plan p;

	plan_start(&p, 0);
	check_int(seccomp_choose(&p), 0);
	check_that(p.filters[0].code == builtin_filters[BUILTIN_DEFAULT].code,
		   "fewer capabilities need no other program");
	p.nested = true;
	check_int(seccomp_choose(&p), 0);
	check_that(p.filters[0].code == builtin_filters[BUILTIN_NESTED].code,
		   "nested has a program of the build");
	p.nested = false;
	p.caps.bounding = default_caps | CAP(NET_ADMIN);
	check_int(seccomp_choose(&p), 0);
	check_that(p.filters[0].code == builtin_filters[BUILTIN_DEFAULT].code,
		   "nor does one that no row asks for");
	p.caps.bounding = default_caps | CAP(SYS_TIME);
	check_int(seccomp_choose(&p), 0);
	check_that(p.filters[0].code != builtin_filters[BUILTIN_DEFAULT].code,
		   "one that a row asks for does");
	plan_done(&p);
}

/* ---- a single id ------------------------------------------------------------------------ */

/* clang-format off */
static const struct call single_id_calls[] = {
	{"chown is answered", __NR_chown, {(uintptr_t)"/nowhere", 12, 34}, 0},
	{"fchown is answered", __NR_fchown, {-1, 12, 34}, 0},
	{"lchown is answered", __NR_lchown, {(uintptr_t)"/nowhere", 12, 34}, 0},
	{"fchownat is answered", __NR_fchownat, {-1, (uintptr_t)"nowhere", 12, 34, 0}, 0},
	{"setgroups is answered", __NR_setgroups, {1 << 20, 0}, 0},
	{"setresgid is answered", __NR_setresgid, {12, 12, 12}, 0},
	{"mknod of a device is answered", __NR_mknod, {(uintptr_t)"/nowhere/x", S_IFCHR | 0666, 0x103}, 0},
	{"mknodat of a disk is answered", __NR_mknodat, {-1, (uintptr_t)"x", S_IFBLK | 0666, 0}, 0},
	{"mknod of a pipe is made", __NR_mknod, {(uintptr_t)"/nowhere/x", S_IFIFO | 0666, 0}, -ENOENT},
	{"mknodat of a whiteout is made", __NR_mknodat, {-1, (uintptr_t)"x", S_IFCHR, 0}, -EBADF},
	{"the default holds too", __NR_mount, {0}, -EPERM},
	{"unknown calls stay unknown", 5000, {0}, -ENOSYS},
};
/* clang-format on */

static long setuid_real(const void *context)
{
	uid_t before = getuid();

	if (syscall(__NR_setresuid, 54321, 54321, 54321) < 0)
		return -errno;
	return getuid() == before;
}

static void single_id_test(void)
{
	struct plan p;

	plan_start(&p, default_caps);
	p.ids.map = PLAN_MAP_SELF;
	check_int(seccomp_choose(&p), 0);
	check_int((long long)p.n_filters, 2);
	calls_check(&p, single_id_calls, ARRAY_SIZE(single_id_calls));
	check_that(in_child(&p, setuid_real, NULL) == 1,
		   "setresuid is answered and changes nothing");
	p.seccomp = "unconfined";
	check_int(seccomp_choose(&p), 0);
	check_int((long long)p.n_filters, 1);
	p.ids.strict = true;
	check_int(seccomp_choose(&p), 0);
	check_int((long long)p.n_filters, 0);
	p.seccomp = NULL;
	check_int(seccomp_choose(&p), 0);
	check_int((long long)p.n_filters, 1);
	plan_done(&p);
}

int main(void)
{
	/* Programs that aren't of the build are compiled here, not taken from an earlier run's.
	 */
	(void)setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
	default_test();
	foreign_test();
	verdicts_test();
	coverage_test();
	builtin_or_not_test();
	single_id_test();
	return tap_done();
}
