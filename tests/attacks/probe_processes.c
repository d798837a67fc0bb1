/* SPDX-License-Identifier: Apache-2.0 */
/* probe_processes.c: other processes: the host's, and pid 1. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t canary_pid(void)
{
	return (pid_t)atoi(canary("PID"));
}

/* What /proc/PID/FILE holds, for every process that is to be seen. */
static const char *each_process(const char *file, const char *needle)
{
	DIR *proc = opendir("/proc");
	static char text[65536];
	char path[512];

	for (struct dirent *e; proc && (e = readdir(proc));) {
		ssize_t n;
		int fd;

		if (atoi(e->d_name) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name, file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text));
		(void)close(fd);
		if (n > 0 && memmem(text, (size_t)n, needle, strlen(needle)))
			return through("%s holds '%s'", path, needle);
	}
	return NULL;
}

static const char *host_is_unseen(void)
{
	return each_process("comm", "sbx-canary");
}

static const char *helpers_are_unseen(void)
{
	const char *failure = each_process("comm", "fuse-overlayfs");

	return failure ? failure : each_process("comm", "sbx-net");
}

const char *const namespaces[] = {"user", "mnt",    "pid",  "net", "ipc",
				  "uts",  "cgroup", "time", NULL};

static const char *namespaces_are_own(void)
{
	char path[64], name[64], link[64] = "";

	for (size_t i = 0; namespaces[i]; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", namespaces[i]);
		(void)snprintf(name, sizeof(name), "NS_%s", namespaces[i]);
		memset(link, 0, sizeof(link));
		if (readlink(path, link, sizeof(link) - 1) > 0 &&
		    strcmp(link, canary(name)) == 0)
			return through("the %s namespace is the host's", namespaces[i]);
	}
	return NULL;
}

/* The caller's variables; CANARY_* are handed in. */
static const char *secrets_are_unseen(void)
{
	return each_process("environ", "PASSWORD=");
}

static const char *canary_is_out_of_reach(void)
{
	struct iovec part = {0};
	pid_t pid = canary_pid();

	if (syscall(SYS_pidfd_open, pid, 0) >= 0 && kill(pid, 0) == 0 &&
	    each_process("comm", "sbx-canary"))
		return through("pid %d is the host's", (int)pid);
	(void)kill(pid, SIGSTOP);
	(void)kill(pid, SIGKILL);
	(void)process_vm_writev(pid, &part, 1, &part, 1, 0);
	return ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 ? through("it can be traced") : NULL;
}

/* By user rather than by number: the canary is the same user's. */
static const char *priorities_by_user(void)
{
	enum { IOPRIO_WHO_USER = 3, IDLE = 3 << 13 };

	(void)setpriority(PRIO_USER, getuid(), 10);
	(void)setpriority(PRIO_USER, 0, 10);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_USER, getuid(), IDLE);
	return NULL; /* the canary outside tells */
}

static const char *first_is_not_traced(void)
{
	return REFUSED_BY(EPERM, ptrace(PTRACE_ATTACH, 1, 0, 0));
}

static const char *first_is_not_seized(void)
{
	return REFUSED_BY(EPERM, ptrace(PTRACE_SEIZE, 1, 0, 0));
}

static const char *first_shows_nothing(void)
{
	static const char *const files[] = {"mem",	   "environ",  "maps",	    "smaps",
					    "auxv",	   "stack",    "syscall",   "io",
					    "exe",	   "cwd",      "root",	    "fd/0",
					    "fd/3",	   "fdinfo/3", "map_files", "pagemap",
					    "personality", "ns/net",   "clear_refs"};
	char path[64], byte;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "/proc/1/%s", files[i]);
		int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0 && read(fd, &byte, 1) > 0)
			return through("%s can be read", path);
		(void)close(fd);
	}
	return NULL;
}

static const char *first_is_not_killed(void)
{
	(void)kill(1, SIGKILL);
	(void)kill(1, SIGSTOP);
	return NULL; /* it goes on, or the list ends here */
}

static const char *rights_above(int error, const char *what)
{
	return error < 0 ? NULL : through("%s", what);
}

static const char *limit_is_kept(void)
{
	struct rlimit limit = {0};

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
		return NULL;
	limit.rlim_max++;
	if (prlimit(1, RLIMIT_NOFILE, &limit, NULL) == 0)
		return through("pid 1's limit was raised");
	return rights_above(setrlimit(RLIMIT_NOFILE, &limit), "a hard limit was raised");
}

static const char *nice_is_kept(void)
{
	return rights_above(setpriority(PRIO_PROCESS, 0, -20), "nice -20");
}

static const char *realtime_is_refused(void)
{
	struct sched_param fifo = {.sched_priority = 1};

	return rights_above(sched_setscheduler(0, SCHED_FIFO, &fifo), "SCHED_FIFO");
}

static const char *io_realtime_is_refused(void)
{
	enum { WHO_PROCESS = 1, REALTIME = 1 << 13 };

	return rights_above((int)syscall(SYS_ioprio_set, WHO_PROCESS, 0, REALTIME),
			    "the real-time class of I/O");
}

static const char *oom_score_is_kept(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "-1000", 5) == 5 ? through("-1000") : NULL;
}

static const char *clocks_are_kept(void)
{
	int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "monotonic 1000 0", 16) > 0 ? through("an offset was set")
								: NULL;
}

/* By default the kernel has to be trusted with less than it can do. */
static const char *no_new_privs_is_on(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? NULL : through("it is off");
}

static const char *filter_is_on(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? NULL : through("there is none");
}

/* clang-format off */
const struct attack process_attacks[] = {
	{"every namespace is the sandbox's own", namespaces_are_own},
	{"no process of the host's is seen", host_is_unseen},
	{"fuse-overlayfs, whose root is the host's, is not seen, nor is sbx-net", helpers_are_unseen},
	{"CVE-2021-21261: no /proc/PID/environ holds what the caller's did", secrets_are_unseen},
	{"a process outside can't be opened, signalled or traced", canary_is_out_of_reach},
	{"priorities set by user stay inside", priorities_by_user},
	{"CVE-2026-41163: pid 1 can't be attached to", first_is_not_traced, DEFAULT},
	{"CVE-2026-41163: pid 1 can't be seized", first_is_not_seized, DEFAULT},
	{"CVE-2026-41163: nothing of /proc/1 that needs a tracer's right can be read", first_shows_nothing, DEFAULT},
	{"pid 1 takes no SIGKILL or SIGSTOP from inside", first_is_not_killed},
	{"hard limits can't be raised", limit_is_kept},
	{"nice can't be lowered", nice_is_kept},
	{"no real-time scheduling", realtime_is_refused},
	{"no real-time I/O", io_realtime_is_refused},
	{"oom_score_adj can't be lowered", oom_score_is_kept},
	{"the time namespace can't be set once it is in use", clocks_are_kept},
	{"no_new_privs is on", no_new_privs_is_on, FILTERED},
	{"a seccomp filter is on", filter_is_on, FILTERED},
	{NULL},
};
/* clang-format on */
