/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.c: the root filesystem, and where what is written to it goes. */
#include "overlay.h"

#include "config.h"
#include "idmap.h"
#include "mounts.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char probe_cache[] = ".overlay-probe";

/* ---- what the tree's owners allow -------------------------------------------------------- */

static bool is_mapped(const struct plan *p, const struct stat *st)
{
	return idmap_inside(&p->ids.uids, st->st_uid) >= 0 &&
	       idmap_inside(&p->ids.gids, st->st_gid) >= 0;
}

/* A tree made by real root shows at its top and at the folders that every system has. */
static bool owners_are_mapped(const struct plan *p)
{
	static const char *const places[] = {".", "etc", "usr", "bin", "var", "root"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (fstatat(p->root.fd, places[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !is_mapped(p, &st))
			return false;
	return true;
}

/* ---- the probe of the kernel's driver ---------------------------------------------------- */

struct probe {
	int store;
	const char *store_path;
	char folder[32]; /* in the store, one per process: two may probe at once */
	bool userxattr;
};

static int kernel_mount_at(const char *target, int lower, const char *lower_two, int state,
			   bool userxattr)
{
	char options[256];

	(void)snprintf(options, sizeof(options),
		       "lowerdir=/proc/self/fd/%d%s,upperdir=/proc/self/fd/%d/upper,"
		       "workdir=/proc/self/fd/%d/work,volatile%s",
		       lower, lower_two, state, state, userxattr ? ",userxattr" : "");
	return mount("overlay", target, "overlay", 0, options) < 0 ? -errno : 0;
}

/* In a user namespace: two lowers, a file and a folder of which are removed through the
 * overlay, and a new folder in the old one's place, which must be empty. */
static int probe_work(void *arg)
{
	const struct probe *probe = arg;
	autoclose int dir = -EBADF, lower = -EBADF;
	char second[64];

	/* By path: what was opened outside is a mount of another namespace (setup.c, sources).
	 */
	if (chdir(probe->store_path) < 0 || chdir(probe->folder) < 0)
		return fail_sys("enter the probe's folder");
	dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lower = open("one", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(second, sizeof(second), ":/proc/self/fd/%d/two", dir);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_sys("mount");
	if (kernel_mount_at("merged", lower, second, dir, probe->userxattr) < 0)
		return fail(EOPNOTSUPP, "no overlay");
	if (unlink("merged/file") < 0 || rmdir("merged/folder/in") < 0 ||
	    rmdir("merged/folder") < 0 || mkdir("merged/folder", 0755) < 0)
		return fail_sys("change the overlay");
	if (access("merged/file", F_OK) == 0 || access("merged/folder/in", F_OK) == 0)
		return fail(EOPNOTSUPP, "what was removed is still there");
	return 0;
}

static int probe_folders(const struct probe *probe)
{
	static const char *const folders[] = {
		"",	  "/one",  "/two",   "/two/folder", "/two/folder/in",
		"/upper", "/work", "/merged"};
	char path[64];
	int fd;

	(void)path_remove_tree(probe->store, probe->folder);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", probe->folder, folders[i]);
		if (mkdirat(probe->store, path, 0700) < 0)
			return fail_sys("make '%s' in the store", path);
	}
	(void)snprintf(path, sizeof(path), "%s/two/file", probe->folder);
	fd = openat(probe->store, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)fd_close(fd);
	return fd < 0 ? fail_sys("make '%s' in the store", path) : 0;
}

enum { PROBE_TEXT_MAX = 256 };

/* One answer per kernel and file system of the store; a probe that another kernel left is
 * stale. */
static void probe_key(int store, char key[PROBE_TEXT_MAX])
{
	struct utsname host;
	struct stat st = {0};

	(void)uname(&host);
	(void)fstat(store, &st);
	(void)snprintf(key, PROBE_TEXT_MAX, "1 %.64s %.64s %u:%u ", host.release, host.version,
		       major(st.st_dev), minor(st.st_dev));
}

static bool probe_recall(int store, const char *key, char *ret_answer)
{
	char text[PROBE_TEXT_MAX + 4];
	autoclose int fd = openat(store, probe_cache, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = strlen(key);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);

	if (n != (ssize_t)len + 2 || memcmp(text, key, len) != 0)
		return false;
	*ret_answer = text[len];
	return true;
}

/* 'x' with user xattrs, 'p' without (tmpfs before Linux 6.6), 'n' not at all. */
static char probe_run(struct plan *p)
{
	struct plan_ids ids = {.map = PLAN_MAP_SELF};
	struct probe probe = {
		.store = p->root.store_fd,
		.store_path = p->root.store_path,
	};
	char answer = 'n';

	(void)snprintf(probe.folder, sizeof(probe.folder), ".probe.%ld", (long)getpid());
	ids.uids = (struct idmap){.extents = {{0, getuid(), 1}}, .n = 1};
	ids.gids = (struct idmap){.extents = {{0, getgid(), 1}}, .n = 1};
	for (int userxattr = 1; userxattr >= 0 && answer == 'n'; userxattr--) {
		probe.userxattr = userxattr;
		if (probe_folders(&probe) == 0 && idmap_run(&ids, probe_work, &probe) == 0)
			answer = userxattr ? 'x' : 'p';
		else
			fail_forget();
	}
	(void)path_remove_tree(probe.store, probe.folder);
	return answer;
}

/* Whether the kernel's driver works in the store, and how; remembered there. */
static bool kernel_works(struct plan *p)
{
	char key[PROBE_TEXT_MAX], text[PROBE_TEXT_MAX + 4], answer;

	probe_key(p->root.store_fd, key);
	if (!probe_recall(p->root.store_fd, key, &answer)) {
		answer = probe_run(p);
		(void)snprintf(text, sizeof(text), "%s%c\n", key, answer);
		if (io_replace_file(p->root.store_fd, probe_cache, text, strlen(text)) < 0)
			fail_forget();
	}
	p->root.userxattr = answer == 'x';
	return answer != 'n';
}

/* ---- the choice -------------------------------------------------------------------------- */

static int fuse_check(void)
{
	autoclose int fd = -EBADF;

	if (access(SBX_FUSE_OVERLAYFS, X_OK) < 0)
		return fail_hint(fail_sys("find '%s'", SBX_FUSE_OVERLAYFS),
				 "sudo apt-get install fuse-overlayfs");
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail_hint(fail_sys("open '/dev/fuse'"),
				 "sudo modprobe fuse; sudo chmod 666 /dev/fuse");
	return 0;
}

static int choose(struct plan *p)
{
	bool fuse_needed = p->root.is_host || p->root.squash;
	int r;

	if (p->root.overlay == PLAN_OVERLAY_KERNEL && p->root.is_host)
		return fail_hint(fail(EINVAL,
				      "the kernel's overlay can't take '/', whose submounts "
				      "are locked to it"),
				 "leave --overlay out, or use --overlay fuse");
	if (p->root.overlay == PLAN_OVERLAY_KERNEL) {
		if (kernel_works(p))
			return 0;
		return fail_hint(fail(EOPNOTSUPP, "the kernel's overlay doesn't work here"),
				 "leave --overlay out, or use --overlay fuse");
	}
	if (p->root.overlay == PLAN_OVERLAY_AUTO && !fuse_needed && kernel_works(p)) {
		p->root.overlay = PLAN_OVERLAY_KERNEL;
		p->root.may_fall_back = true;
		return 0;
	}
	r = fuse_check();
	if (r < 0 && p->root.overlay == PLAN_OVERLAY_AUTO && !p->root.is_host &&
	    kernel_works(p)) {
		plan_note(p,
			  "%s: files of other owners can't be changed inside; to mend it: %s",
			  fail_text(), fail_hint_text());
		fail_forget();
		p->root.overlay = PLAN_OVERLAY_KERNEL;
		return 0;
	}
	if (r < 0)
		return fail_in(r, "no overlay driver works");
	p->root.overlay = PLAN_OVERLAY_FUSE;
	return 0;
}

int overlay_decide(struct plan *p)
{
	int r;

	if (p->root.overlay == PLAN_OVERLAY_NONE)
		return 0;
	/* Files of ids that aren't mapped can't be copied up as what they are. */
	p->root.squash = p->root.overlay != PLAN_OVERLAY_KERNEL &&
			 (p->root.is_host || !owners_are_mapped(p));
	r = choose(p);
	if (r == 0 && p->root.overlay != PLAN_OVERLAY_FUSE)
		p->root.squash = false;
	return r;
}

/* ---- in pid 1 ---------------------------------------------------------------------------- */

static int fuse_mount(const struct setup *s, overlay_ask *ask)
{
	autoclose int userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	/* Opened here: the kernel takes only a descriptor of the mounting user namespace. */
	autoclose int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[160];

	if (userns < 0)
		return fail_sys("open '/proc/self/ns/user'");
	if (fuse < 0)
		return fail_sys("open '/dev/fuse'");
	(void)snprintf(
		options, sizeof(options),
		"fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions,allow_other",
		fuse, getuid(), getgid());
	if (mount("fuse-overlayfs", SETUP_STAGING, "fuse.fuse-overlayfs", 0, options) < 0)
		return fail_sys("mount a FUSE file system");
	return ask(s, userns, fuse);
}

static int kernel_mount(const struct setup *s)
{
	const struct plan_root *root = &s->plan->root;
	int r = kernel_mount_at(SETUP_STAGING, s->tree, "", s->state, root->userxattr);

	return r < 0 ? fail(-r, "mount the overlay on '%s': %s", root->path,
			    strerrordesc_np(-r))
		     : 0;
}

int overlay_mount(const struct setup *s, overlay_ask *ask)
{
	const struct plan_root *root = &s->plan->root;
	int r;

	switch (root->overlay) {
	case PLAN_OVERLAY_NONE:
		return mounts_bind(s->tree, SETUP_STAGING, SYS_ATTR_NODEV);
	case PLAN_OVERLAY_KERNEL:
		r = kernel_mount(s);
		if (r == 0 || !root->may_fall_back)
			return r;
		fail_forget();
		return fuse_mount(s, ask);
	case PLAN_OVERLAY_FUSE:
		return fuse_mount(s, ask);
	case PLAN_OVERLAY_AUTO:
		break;
	}
	return fail(EINVAL, "the overlay driver was not decided");
}

/* ---- fuse-overlayfs, in the launcher ------------------------------------------------------
 */

/* DST must be inherited across exec under a number of its own choice. */
static void keep_open(int fd)
{
	(void)fcntl(fd, F_SETFD, 0);
}

static void fuse_exec(const struct plan *p, int userns, int fuse, int errors)
{
	char options[256], mount_point[32];
	const char *const argv[] = {"fuse-overlayfs", "-f", "-o", options, mount_point, NULL};
	char *const envp[] = {NULL};
	int used;
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	used = snprintf(options, sizeof(options),
			"lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d/upper,"
			"workdir=/proc/self/fd/%d/work,volatile",
			p->root.fd, p->root.state_fd, p->root.state_fd);
	if (p->root.squash)
		(void)snprintf(options + used, sizeof(options) - (size_t)used,
			       ",squash_to_uid=%u,squash_to_gid=%u", idmap_root(&p->ids.uids),
			       idmap_root(&p->ids.gids));
	(void)snprintf(mount_point, sizeof(mount_point), "/dev/fd/%d", fuse);
	if (setns(userns, CLONE_NEWUSER) < 0)
		return;
	/* After setns, which changes credentials and with that clears the signal. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(errors, STDOUT_FILENO);
	(void)dup2(errors, STDERR_FILENO);
	keep_open(p->root.fd);
	keep_open(p->root.state_fd);
	keep_open(fuse);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(SBX_FUSE_OVERLAYFS, (char *const *)argv, envp);
}

int overlay_fuse_start(const struct plan *p, int userns, int fuse, int errors, pid_t *ret_pid)
{
	pid_t pid = fork();

	if (pid < 0)
		return fail_sys("start fuse-overlayfs");
	if (pid == 0) {
		fuse_exec(p, userns, fuse, errors);
		(void)dprintf(errors, "start '%s': %s\n", SBX_FUSE_OVERLAYFS,
			      strerrordesc_np(errno));
		_exit(127);
	}
	*ret_pid = pid;
	return 0;
}
