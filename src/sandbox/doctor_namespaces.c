/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_namespaces.c: checks that a user namespace must be made for. */
#include "doctor.h"

#include "hint.h"
#include "machine.h"
#include "setup.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* Fewer than these are used up by a few sandboxes, or by a browser beside them. */
enum { FEW_NAMESPACES = 64 };

static int nothing(void *unused)
{
	return 0;
}

/* ---- user namespaces --------------------------------------------------------------------- */

void doctor_user_namespaces(const struct doctor_request *q, struct doctor_finding *f)
{
	int64_t most = machine_sysctl("user/max_user_namespaces");
	int r = doctor_try(nothing, NULL);

	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "propagation");
		return;
	}
	if (most >= 0 && most < FEW_NAMESPACES) {
		doctor_find(f, DOCTOR_LIMITED,
			    "one was made, but the limit for each user is %lld of them",
			    (long long)most);
		doctor_mend(f, "sudo sysctl -w user.max_user_namespaces=65536");
		return;
	}
	doctor_find(f, DOCTOR_OK, "one was made%s%s",
		    machine_is_host() ? "" : ", in that of a container or a sandbox",
		    machine_has_apparmor_restriction() ? "; an AppArmor profile allows it"
						       : "");
}

/* ---- the others -------------------------------------------------------------------------- */

static const struct {
	int flag;
	const char *name, *sysctl;
} kinds[] = {
	{CLONE_NEWNS, "mount", "user/max_mnt_namespaces"},
	{CLONE_NEWPID, "pid", "user/max_pid_namespaces"},
	{CLONE_NEWNET, "net", "user/max_net_namespaces"},
	{CLONE_NEWIPC, "ipc", "user/max_ipc_namespaces"},
	{CLONE_NEWUTS, "uts", "user/max_uts_namespaces"},
	{CLONE_NEWCGROUP, "cgroup", "user/max_cgroup_namespaces"},
	{CLONE_NEWTIME, "time", "user/max_time_namespaces"},
};

/* One at a time, so that the one that fails is known. */
static int unshare_all(void *unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (unshare(kinds[i].flag) < 0)
			return fail_sys("make a %s namespace", kinds[i].name);
	return 0;
}

void doctor_namespaces(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(unshare_all, NULL);

	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "namespaces");
		return;
	}
	doctor_find(f, DOCTOR_OK, "mount, pid, net, ipc, uts, cgroup and time: all were made");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int64_t most = machine_sysctl(kinds[i].sysctl);

		if (most < 0 || most >= FEW_NAMESPACES)
			continue;
		doctor_find_failure(f, DOCTOR_LIMITED,
				    fail(ENOSPC,
					 "the limit for each user is %lld %s namespaces",
					 (long long)most, kinds[i].name),
				    "namespaces");
		return;
	}
}

/* ---- mounts ------------------------------------------------------------------------------ */

static int mount_memory(void *unused)
{
	if (mount("tmpfs", SETUP_STAGING, "tmpfs", 0, NULL) < 0)
		return fail_sys("mount a tmpfs");
	if (mount("/", "/", NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail_sys("bind '/'");
	return 0;
}

void doctor_mounts(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(mount_memory, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_BROKEN, r,
				    r == -ENOSPC ? "mounts" : "propagation");
	else
		doctor_find(f, DOCTOR_OK, "a file system in memory and a bind mount were made");
}

/* A new /proc is for a new pid namespace, which only its first process is in. */
static int mount_proc(void *unused)
{
	struct sys_clone how = {.flags = CLONE_NEWPID | CLONE_NEWNS};
	uint64_t dropped;
	int status = 0;
	pid_t pid = sys_clone(&how, &dropped);

	if (pid == 0)
		_exit(mount("proc", SETUP_STAGING, "proc", MS_NOSUID, NULL) < 0 ? errno : 0);
	if (pid < 0)
		return fail(-pid, "make a pid namespace: %s", strerrordesc_np(-pid));
	(void)waitpid(pid, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
	return status ? fail(status, "mount a new /proc: %s", strerrordesc_np(status)) : 0;
}

void doctor_proc(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(mount_proc, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_BROKEN, r, "proc");
	else
		doctor_find(f, DOCTOR_OK, "a new one can be mounted");
}

static int mount_sys(void *unused)
{
	if (unshare(CLONE_NEWNET) < 0)
		return fail_sys("make a net namespace");
	return mount("sysfs", SETUP_STAGING, "sysfs", 0, NULL) < 0
		       ? fail_sys("mount a new /sys")
		       : 0;
}

void doctor_sys(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(mount_sys, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_LIMITED, r, "sys");
	else
		doctor_find(f, DOCTOR_OK, "a new one can be mounted");
}

static int pivot(void *unused)
{
	int r;

	if (mount("tmpfs", SETUP_STAGING, "tmpfs", 0, NULL) < 0)
		return fail_sys("mount a tmpfs");
	if (chdir(SETUP_STAGING) < 0)
		return fail_sys("enter it");
	r = sys_pivot_root(".", ".");
	return r < 0 ? fail(-r, "pivot_root: %s", strerrordesc_np(-r)) : 0;
}

void doctor_pivot(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(pivot, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_BROKEN, r, "pivot");
	else
		doctor_find(f, DOCTOR_OK, "the root can be replaced");
}

/* ---- devices ----------------------------------------------------------------------------- */

static int mount_fuse(void *unused)
{
	autoclose int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[96];

	if (fuse < 0)
		return fail_sys("open '/dev/fuse'");
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		       fuse);
	return mount("doctor", SETUP_STAGING, "fuse", 0, options) < 0
		       ? fail_sys("mount a FUSE file system")
		       : 0;
}

void doctor_fuse_device(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(mount_fuse, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_LIMITED, r, "fuse-device");
	else
		doctor_find(f, DOCTOR_OK, "/dev/fuse opens, and can be mounted");
}

static int make_tap(void *unused)
{
	struct ifreq request = {.ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI};
	autoclose int tun = -EBADF;

	if (unshare(CLONE_NEWNET) < 0)
		return fail_sys("make a net namespace");
	/* Afterwards: a descriptor belongs to the namespace that it was opened in. */
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0)
		return fail_sys("open '/dev/net/tun'");
	return ioctl(tun, TUNSETIFF, &request) < 0 ? fail_sys("make a tap interface") : 0;
}

void doctor_tun(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = doctor_try(make_tap, NULL);

	if (r < 0)
		doctor_find_failure(f, DOCTOR_LIMITED, r, "tun");
	else
		doctor_find(f, DOCTOR_OK, "/dev/net/tun opens, and makes an interface");
}
