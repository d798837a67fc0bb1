/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c: runs sbx, lists the system calls of its processes, and makes one of them fail.
 *
 *   inject REPORT -- COMMAND ARG...                      lists them
 *   inject REPORT ROLE CALL NTH ERRNO -- COMMAND ARG...  the NTH CALL of ROLE fails
 *
 * A tracer of its own rather than strace: setuid programs (newuidmap) lose their right under a
 * tracer, so it follows only sbx itself. The roles are what sbx's processes are: launcher, helper
 * (idmap_run()), pid1, init (pid 1 once it is sbx-init), payload and driver (these two until they
 * execute something).
 *
 * REPORT is a file of lines: "call ROLE CALL NTH", "said ROLE" where that call writes to stderr, as
 * --debug has it at the end of a step; "injected"; "hung ROLE CALL"; "left NAME" of each process
 * that has outlived sbx. The exit status is the command's; 128+N for signal N.
 */
#include "util/scope.h"
#include "util/str.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROCESSES_MAX = 64,
	CALLS_MAX = 512,    /* numbers of system calls */
	HANGS_AFTER = 10,   /* seconds */
	OUTLIVES_AFTER = 2, /* seconds that what sbx has left may take to end */
};

enum role { LAUNCHER, HELPER, PID1, INIT, PAYLOAD, DRIVER, ROLES };

static const char *const role_names[ROLES] = {"launcher", "helper",  "pid1",
					      "init",	  "payload", "driver"};

struct process {
	pid_t pid;
	bool has_role, is_held; /* its first stop may come before its parent's word of it */
	enum role role;
	unsigned call;
	uint64_t clone_flags;
	bool fails; /* the call that it is in */
};

/* The call that is to fail. */
struct fault {
	int role; /* -1: none */
	unsigned call, nth;
	int err;
};

struct tracer {
	struct process processes[PROCESSES_MAX];
	unsigned counts[ROLES][CALLS_MAX];
	struct fault fault;
	FILE *report;
	pid_t main;
	int status;
};

static volatile sig_atomic_t is_late;

static void on_alarm(int sig)
{
	is_late = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(200);
}

/* ---- the traced process's registers ------------------------------------------------------ */

/* At the entry of a call: the kernel knows no such call, and does nothing. */
static void call_skip(pid_t pid)
{
#if defined(__x86_64__)
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1L);
#elif defined(__aarch64__)
	int none = -1;
	struct iovec set = {&none, sizeof(none)};

	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &set);
#else
#error "no way to skip a system call is known for this architecture"
#endif
}

/* At its exit. */
static void result_set(pid_t pid, long result)
{
#if defined(__x86_64__)
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), result);
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec set = {&regs, sizeof(regs)};

	(void)ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &set);
	regs.regs[0] = (unsigned long)result;
	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &set);
#endif
}

static void memory_read(pid_t pid, uint64_t address, void *data, size_t len)
{
	for (size_t at = 0; at < len; at += sizeof(long)) {
		long word = ptrace(PTRACE_PEEKDATA, pid, address + at, NULL);

		memcpy((char *)data + at, &word, sizeof(word));
	}
}

/* ---- processes --------------------------------------------------------------------------- */

static struct process *process_of(struct tracer *t, pid_t pid)
{
	struct process *unused = NULL;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (t->processes[i].pid == pid)
			return &t->processes[i];
		if (!t->processes[i].pid && !unused)
			unused = &t->processes[i];
	}
	if (!unused)
		die("too many processes");
	*unused = (struct process){.pid = pid};
	return unused;
}

static enum role role_of_child(const struct process *parent)
{
	if (parent->role != LAUNCHER)
		return PAYLOAD;
	if (parent->clone_flags & CLONE_NEWPID)
		return PID1;
	return parent->clone_flags & CLONE_NEWUSER ? HELPER : DRIVER;
}

/* ---- stops ------------------------------------------------------------------------------- */

static void clone_flags_read(struct process *p, const struct __ptrace_syscall_info *info)
{
	p->clone_flags = 0;
	if (p->call == SYS_clone)
		p->clone_flags = info->entry.args[0];
	else if (p->call == SYS_clone3)
		memory_read(p->pid, info->entry.args[0], &p->clone_flags,
			    sizeof(p->clone_flags));
}

static void on_entry(struct tracer *t, struct process *p,
		     const struct __ptrace_syscall_info *info)
{
	char *name;
	unsigned nth;

	p->call = (unsigned)info->entry.nr;
	if (p->call >= CALLS_MAX)
		return;
	clone_flags_read(p, info);
	nth = ++t->counts[p->role][p->call];
	p->fails = (int)p->role == t->fault.role && p->call == t->fault.call &&
		   nth == t->fault.nth;
	if (p->fails) {
		call_skip(p->pid);
		fprintf(t->report, "injected\n");
	}
	if (t->fault.role >= 0)
		return;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)p->call);
	fprintf(t->report, "call %s %s %u\n", role_names[p->role], name ? name : "?", nth);
	/* Not what: once it isn't dumpable, its memory is closed to us. */
	if (p->call == SYS_write && info->entry.args[0] == STDERR_FILENO)
		fprintf(t->report, "said %s\n", role_names[p->role]);
	free(name);
}

static void on_call(struct tracer *t, struct process *p)
{
	struct __ptrace_syscall_info info = {0};

	(void)ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		on_entry(t, p, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && p->fails) {
		result_set(p->pid, -t->fault.err);
		p->fails = false;
	}
}

/* False where the process is let go. */
static bool on_exec(struct tracer *t, struct process *p)
{
	if (p->role == LAUNCHER) {
		memset(t->counts[LAUNCHER], 0, sizeof(t->counts[LAUNCHER]));
		return true;
	}
	if (p->role == PID1) {
		p->role = INIT;
		return true;
	}
	(void)ptrace(PTRACE_DETACH, p->pid, NULL, 0L);
	p->pid = 0;
	return false;
}

static void go_on(const struct process *p, int sig)
{
	(void)ptrace(PTRACE_SYSCALL, p->pid, NULL, (long)sig);
}

static void on_child(struct tracer *t, struct process *parent)
{
	unsigned long pid = 0;
	struct process *child;

	(void)ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid);
	child = process_of(t, (pid_t)pid);
	child->has_role = true;
	child->role = role_of_child(parent);
	if (child->is_held)
		go_on(child, 0);
	child->is_held = false;
}

static void on_stop(struct tracer *t, pid_t pid, int status)
{
	struct process *p = process_of(t, pid);
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!p->has_role) {
		p->is_held = true;
		return;
	}
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_CLONE:
		on_child(t, p);
		break;
	case PTRACE_EVENT_EXEC:
		if (!on_exec(t, p))
			return;
		break;
	case PTRACE_EVENT_STOP:
		/* Stopped by a signal: it stays so until it is continued. */
		if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
			(void)ptrace(PTRACE_LISTEN, pid, NULL, 0L);
			return;
		}
		break;
	case 0:
		if (sig != (SIGTRAP | 0x80)) {
			go_on(p, sig);
			return;
		}
		on_call(t, p);
		break;
	}
	go_on(p, 0);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void on_end(struct tracer *t, pid_t pid, int status)
{
	struct process *p = process_of(t, pid);

	*p = (struct process){0};
	if (pid != t->main)
		return;
	t->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = OUTLIVES_AFTER},
			NULL);
	t->main = 0;
}

static void hang_report(struct tracer *t)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		const struct process *p = &t->processes[i];
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)p->call);

		if (p->pid && p->has_role)
			fprintf(t->report, "hung %s %s\n", role_names[p->role], name);
		free(name);
		if (p->pid)
			(void)kill(p->pid, SIGKILL);
	}
}

static void left_report(struct tracer *t, pid_t pid)
{
	char path[64], name[64] = "?\n";

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	FILE *comm = fopen(path, "re");
	if (comm) {
		(void)fgets(name, sizeof(name), comm);
		(void)fclose(comm);
	}
	fprintf(t->report, "left %s", name);
	(void)kill(pid, SIGKILL);
}

/* What sbx has left are our own children now, since we are their subreaper. */
static void late(struct tracer *t)
{
	char path[64];
	int pid;

	is_late = 0;
	(void)setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = OUTLIVES_AFTER},
			NULL);
	if (t->main) {
		hang_report(t);
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	FILE *children = fopen(path, "re");
	while (children && fscanf(children, "%d", &pid) == 1)
		left_report(t, pid);
	if (children)
		(void)fclose(children);
}

static void trace(struct tracer *t)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (is_late)
			late(t);
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status))
			on_stop(t, pid, status);
		else
			on_end(t, pid, status);
	}
}

/* ---- the beginning ----------------------------------------------------------------------- */

static void command_start(struct tracer *t, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int gate[2];
	char byte;

	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	t->main = fork();
	if (t->main == 0) {
		(void)close(gate[1]);
		(void)read(gate[0], &byte, 1);
		(void)execvp(argv[0], argv);
		die(argv[0]);
	}
	*process_of(t, t->main) =
		(struct process){.pid = t->main, .has_role = true, .role = LAUNCHER};
	if (t->main < 0 || ptrace(PTRACE_SEIZE, t->main, NULL, options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, t->main, NULL, NULL) < 0)
		die("trace");
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static int role_find(const char *name)
{
	for (int i = 0; i < ROLES; i++)
		if (streq(role_names[i], name))
			return i;
	return -1;
}

static bool fault_parse(char **argv, struct fault *ret_fault)
{
	int call = seccomp_syscall_resolve_name(argv[1]);
	uint32_t nth, err;

	if (role_find(argv[0]) < 0 || call < 0 || str_to_u32(argv[2], 1 << 20, &nth) < 0 ||
	    str_to_u32(argv[3], 4095, &err) < 0)
		return false;
	*ret_fault = (struct fault){role_find(argv[0]), (unsigned)call, nth, (int)err};
	return true;
}

int main(int argc, char **argv)
{
	static struct tracer t = {.fault.role = -1, .status = 200};
	const struct sigaction alarm = {.sa_handler = on_alarm};
	int command = argc > 2 && streq(argv[2], "--") ? 3 : 7;

	if (argc <= command || !streq(argv[command - 1], "--") ||
	    (command == 7 && !fault_parse(argv + 2, &t.fault))) {
		fprintf(stderr,
			"Usage: inject REPORT [ROLE CALL NTH ERRNO] -- COMMAND [ARG]...\n");
		return 200;
	}
	t.report = fopen(argv[1], "we");
	if (!t.report)
		die(argv[1]);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)sigaction(SIGALRM, &alarm, NULL);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = HANGS_AFTER}, NULL);
	command_start(&t, argv + command);
	trace(&t);
	(void)fclose(t.report);
	return t.status;
}
