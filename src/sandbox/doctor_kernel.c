/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_kernel.c: checks of what the kernel and the caller's session offer. */
#include "doctor.h"

#include "hint.h"
#include "init_image.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what pid 1 needs -------------------------------------------------------------------- */

void doctor_seccomp(const struct doctor_request *q, struct doctor_finding *f)
{
	static const struct sock_filter allow[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, fail_sys("set no_new_privs"),
				    "no-new-privs");
		return;
	}
	r = sys_seccomp_load(allow, ARRAY_SIZE(allow));
	if (r < 0)
		doctor_find_failure(f, DOCTOR_BROKEN,
				    fail(-r, "load a filter: %s", strerrordesc_np(-r)),
				    "seccomp");
	else
		doctor_find(f, DOCTOR_OK, "no_new_privs was set and a filter loaded");
}

void doctor_memfd(const struct doctor_request *q, struct doctor_finding *f)
{
	autoclose int fd = init_image_copy();

	if (fd < 0)
		doctor_find_failure(f, DOCTOR_BROKEN, fd, "init-copy");
	else
		doctor_find(f, DOCTOR_OK, "a sealed program in memory was made");
}

/* ---- limits ------------------------------------------------------------------------------ */

/* pid 1, newuidmap and newgidmap, fuse-overlayfs, the command and one more of its own. */
enum { PROCESSES = 6 };

static int processes_try(void)
{
	pid_t started[PROCESSES];
	int n = 0, r = 0;

	while (n < PROCESSES && r == 0) {
		started[n] = fork();
		if (started[n] == 0)
			for (;;)
				(void)pause();
		if (started[n] < 0)
			r = fail_sys("start %d processes at once", PROCESSES);
		else
			n++;
	}
	for (int i = 0; i < n; i++) {
		(void)kill(started[i], SIGKILL);
		(void)waitpid(started[i], NULL, 0);
	}
	return r;
}

void doctor_limits(const struct doctor_request *q, struct doctor_finding *f)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t needed, better;
		const char *what, *command;
	} limits[] = {
		{RLIMIT_NOFILE, 32, 256, "open files", "ulimit -n 1024"},
		{RLIMIT_AS, 64 << 20, 1 << 30, "bytes of memory", "ulimit -v unlimited"},
		{RLIMIT_DATA, 16 << 20, 1 << 30, "bytes of data", "ulimit -d unlimited"},
		{RLIMIT_FSIZE, 64 << 10, 1 << 30, "bytes in a file", "ulimit -f unlimited"},
	};
	enum doctor_status worst = DOCTOR_OK;
	int r = processes_try();

	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "clone");
		return;
	}
	doctor_find(f, DOCTOR_OK, "open files, processes and memory are enough");
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit now;
		enum doctor_status status;

		if (getrlimit(limits[i].resource, &now) < 0 || now.rlim_cur >= limits[i].better)
			continue;
		status = now.rlim_cur < limits[i].needed ? DOCTOR_BROKEN : DOCTOR_LIMITED;
		if (status <= worst)
			continue;
		worst = status;
		doctor_find(f, status, "the limit is %llu %s, and a sandbox needs %llu",
			    (unsigned long long)now.rlim_cur, limits[i].what,
			    (unsigned long long)(status == DOCTOR_BROKEN ? limits[i].needed
									 : limits[i].better));
		doctor_mend(f, "%s", limits[i].command);
	}
}

/* ---- Landlock ---------------------------------------------------------------------------- */

void doctor_landlock(const struct doctor_request *q, struct doctor_finding *f)
{
	SCOPE_END(arena_done) struct arena a = {0};
	int version = sys_landlock_version();
	char *modules;
	size_t len;

	if (version >= 2) {
		doctor_find(f, DOCTOR_OK, "version %d", version);
		return;
	}
	if (version == 1) {
		doctor_find(
			f, DOCTOR_LIMITED,
			"version 1, which refuses every rename to another folder, isn't used");
		doctor_mend(f, "a kernel from Linux 5.19 on has version 2");
		return;
	}
	if (io_read_path("/sys/kernel/security/lsm", &a, 4096, &modules, &len) < 0) {
		doctor_find(f, DOCTOR_LIMITED, "the kernel has none, or has it switched off");
		doctor_mend(
			f,
			"boot a kernel from Linux 5.19 on, with lsm=landlock,... in its command "
			"line");
		return;
	}
	modules[strcspn(modules, "\n")] = '\0';
	doctor_find(f, DOCTOR_LIMITED, "it is not among the security modules that are on (%s)",
		    modules);
	doctor_mend(f, "boot with lsm=landlock,%s in the kernel's command line", modules);
}

/* ---- cgroups ----------------------------------------------------------------------------- */

/* Where cgroup2 is mounted and where the caller is in it; NULL: nowhere. */
struct cgroup {
	const char *mount, *path;
	bool is_hybrid; /* the controllers are with version 1 */
};

static void cgroup_find(struct arena *a, struct cgroup *ret_cgroup)
{
	char *rest, *line;
	size_t len;

	*ret_cgroup = (struct cgroup){0};
	if (io_read_path("/proc/self/mountinfo", a, 4 << 20, &rest, &len) == 0)
		while ((line = strsep(&rest, "\n"))) {
			char *type = strstr(line, " - ");

			/* The fifth word is where it is mounted. */
			for (int i = 0; i < 4 && line; i++)
				(void)strsep(&line, " ");
			if (!type || !line)
				continue;
			line[strcspn(line, " ")] = '\0';
			if (str_after(type, " - cgroup2 ") && !ret_cgroup->mount)
				ret_cgroup->mount = line;
			else if (str_after(type, " - cgroup "))
				ret_cgroup->is_hybrid = true;
		}
	if (io_read_path("/proc/self/cgroup", a, 1 << 16, &rest, &len) == 0)
		while ((line = strsep(&rest, "\n")))
			if (str_after(line, "0::"))
				ret_cgroup->path = str_after(line, "0::");
}

/* The controllers of the folder PATH where the caller may use it; NULL where they may not. */
static const char *controllers_of(struct arena *a, const char *path)
{
	char *words;
	size_t len;

	if (access(path, W_OK | X_OK) < 0 ||
	    access(arena_printf(a, "%s/cgroup.procs", path), W_OK) < 0 ||
	    io_read_path(arena_printf(a, "%s/cgroup.controllers", path), a, 4096, &words,
			 &len) < 0)
		return NULL;
	words[strcspn(words, "\n")] = '\0';
	return words;
}

void doctor_cgroups(const struct doctor_request *q, struct doctor_finding *f)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct cgroup cgroup;
	const char *words, *place = "the caller's own";

	cgroup_find(&a, &cgroup);
	if (!cgroup.mount || !cgroup.path) {
		doctor_find(f, DOCTOR_LIMITED, "cgroup version 2 is not mounted here");
		doctor_mend(f,
			    "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 on "
			    "/sys/fs/cgroup");
		return;
	}
	if (cgroup.is_hybrid) {
		doctor_find(f, DOCTOR_LIMITED,
			    "the controllers belong to cgroup version 1, which has none for an "
			    "ordinary user");
		doctor_mend(
			f,
			"boot with systemd.unified_cgroup_hierarchy=1 in the kernel's command "
			"line");
		return;
	}
	words = controllers_of(&a, arena_printf(&a, "%s%s", cgroup.mount, cgroup.path));
	if (!words) {
		place = "that of the caller's systemd";
		words = controllers_of(
			&a, arena_printf(&a, "%s/user.slice/user-%u.slice/user@%u.service",
					 cgroup.mount, getuid(), getuid()));
	}
	if (words && *words) {
		doctor_find(f, DOCTOR_OK, "%s is delegated, with: %s", place, words);
		return;
	}
	doctor_find(f, DOCTOR_LIMITED, "no cgroup is the caller's to write in");
	if (access("/run/systemd/system", F_OK) == 0)
		doctor_mend(
			f,
			"sudo loginctl enable-linger %s; systemd's user manager then has one",
			hint_caller(&a));
	else
		doctor_mend(
			f,
			"sudo mkdir %s/%s && sudo chown -R %s %s/%s, and start sbx from there",
			cgroup.mount, hint_caller(&a), hint_caller(&a), cgroup.mount,
			hint_caller(&a));
}
