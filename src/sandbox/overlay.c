/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.c: the root filesystem, and where what is written to it goes. */
#include "overlay.h"

#include "config.h"
#include "hint.h"
#include "idmap.h"
#include "landlock.h"
#include "mount.h"
#include "mount_attrs.h"
#include "overlay_files.h"
#include "overlay_kernel.h"
#include "overlay_probe.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the tree's owners allow -------------------------------------------------------- */

static bool is_mapped(const struct plan_ids *ids, const struct stat *st)
{
	return idmap_inside(&ids->uids, st->st_uid) >= 0 &&
	       idmap_inside(&ids->gids, st->st_gid) >= 0;
}

/* A tree made by real root shows at its top and at the folders that every system has; one made
 * in subordinate ids, where only one id is mapped, at what isn't root's in every distribution.
 */
static bool owners_are_mapped(const struct plan_ids *ids, int tree)
{
	static const char *const places[] = {".", "etc", "usr", "bin", "var", "root"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (fstatat(tree, places[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !is_mapped(ids, &st))
			return false;
	return true;
}

static bool is_host(int tree)
{
	struct stat st, host;

	return fstat(tree, &st) == 0 && stat("/", &host) == 0 && st.st_dev == host.st_dev &&
	       st.st_ino == host.st_ino;
}

bool sandbox_squashes(const struct plan_ids *ids, int tree)
{
	return is_host(tree) || !owners_are_mapped(ids, tree);
}

static bool has_other_owners(const struct plan *p)
{
	static const char *const places[] = {"etc/shadow",
					     "var/mail",
					     "var/spool/mail",
					     "usr/bin/chage",
					     "var/cache/apt/archives/partial",
					     "home"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (fstatat(p->root.fd, places[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !is_mapped(&p->ids, &st))
			return true;
	return false;
}

/* ---- the choice -------------------------------------------------------------------------- */

static int fuse_check(void)
{
	autoclose int fd = -EBADF;

	if (access(SBX_FUSE_OVERLAYFS, X_OK) < 0)
		return hint_add(fail_sys("find '%s'", SBX_FUSE_OVERLAYFS), "fuse-overlayfs");
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return hint_add(fail_sys("open '/dev/fuse'"), "fuse-device");
	return 0;
}

static int nothing(void *unused)
{
	return 0;
}

/* The same, with the sentence as it was. */
static bool kernel_works_instead(struct plan *p)
{
	struct fail_saved saved;
	bool works;

	fail_save(&saved);
	works = overlay_kernel_works(p) > 0;
	fail_restore(&saved);
	return works;
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
		/* Where it can't be tried the set-up itself will say why. */
		if (overlay_kernel_works(p) != 0)
			return 0;
		return fail_hint(fail_in(-EOPNOTSUPP, "the kernel's overlay doesn't work here"),
				 "leave --overlay out, or use --overlay fuse");
	}
	if (p->root.overlay == PLAN_OVERLAY_AUTO && !fuse_needed &&
	    overlay_kernel_works(p) > 0) {
		p->root.overlay = PLAN_OVERLAY_KERNEL;
		p->root.may_fall_back = true;
		return 0;
	}
	fail_forget();
	r = fuse_check();
	if (r < 0 && p->root.overlay == PLAN_OVERLAY_AUTO && !p->root.is_host &&
	    kernel_works_instead(p)) {
		plan_note(p,
			  "%s: files of other owners can't be changed inside; to mend it: %s",
			  fail_text(), fail_hint_text());
		fail_forget();
		p->root.overlay = PLAN_OVERLAY_KERNEL;
		return 0;
	}
	if (r < 0) {
		struct fail_saved saved;
		int trial;

		/* Where no user namespace is to be had, that is what to say. */
		fail_save(&saved);
		trial = idmap_run(&p->ids, nothing, NULL);
		if (trial < 0)
			return trial;
		fail_restore(&saved);
		return fail_in(r, "no overlay driver works");
	}
	p->root.overlay = PLAN_OVERLAY_FUSE;
	p->root.in_memory = false;
	return 0;
}

/* ---- the layer below --------------------------------------------------------------------- */

static const char *const skeleton[] = {"proc", "sys", "dev", "run", "tmp"};
static bool tree_lacks_folders(const struct plan *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(skeleton); i++)
		if (faccessat(p->root.fd, skeleton[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return true;
	return false;
}

static int skeleton_make(int store)
{
	char path[64];

	if (mkdirat(store, "skeleton", 0755) < 0 && errno != EEXIST)
		return fail_sys("make 'skeleton' in the store");
	for (size_t i = 0; i < ARRAY_SIZE(skeleton); i++) {
		(void)snprintf(path, sizeof(path), "skeleton/%s", skeleton[i]);
		if (mkdirat(store, path, 0755) < 0 && errno != EEXIST)
			return fail_sys("make '%s' in the store", path);
	}
	return 0;
}

/* Each layer costs a look-up, and the fuse driver a walk; a tree that has everything needs none
 * more. */
static int skeleton_open(struct plan *p)
{
	int r = 0;

	if (!tree_lacks_folders(p))
		return 0;
	/* The last folder that is made tells that all are there. */
	if (faccessat(p->root.store_fd, "skeleton/tmp", F_OK, 0) < 0)
		r = skeleton_make(p->root.store_fd);
	if (r < 0)
		return r;
	p->root.skeleton_path = arena_printf(&p->arena, "%s/skeleton", p->root.store_path);
	p->root.skeleton_fd = openat(p->root.store_fd, "skeleton",
				     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return p->root.skeleton_fd < 0 ? fail_sys("open 'skeleton' in the store") : 0;
}

int overlay_choose(struct plan *p)
{
	bool mapped = owners_are_mapped(&p->ids, p->root.fd);

	p->root.has_foreign = !p->root.is_host && (!mapped || has_other_owners(p));
	if (p->root.overlay == PLAN_OVERLAY_NONE)
		return 0;
	/* Files of ids that aren't mapped can't be copied up as what they are. */
	p->root.squash = p->root.overlay != PLAN_OVERLAY_KERNEL && (p->root.is_host || !mapped);
	return choose(p);
}

int overlay_decide(struct plan *p)
{
	int r = overlay_choose(p);

	if (r < 0 || p->root.overlay == PLAN_OVERLAY_NONE)
		return r;
	if (p->root.overlay != PLAN_OVERLAY_FUSE)
		p->root.squash = false;
	p->root.has_files = overlay_takes_files(p);
	return p->root.is_host ? 0 : skeleton_open(p);
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

/* The overlay that is mounted over it keeps it. */
static int memory_mount(struct setup *s)
{
	if (mount("tmpfs", SETUP_STAGING, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return fail_sys("mount a tmpfs for the upper");
	s->memory = open(SETUP_STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->memory < 0 || mkdirat(s->memory, "upper", 0755) < 0 ||
	    fchmodat(s->memory, "upper", s->plan->root.mode, 0) < 0 ||
	    mkdirat(s->memory, "work", 0700) < 0)
		return fail_sys("make the folders of the upper");
	return s->plan->root.has_files ? overlay_files_make(s->plan, s->memory, false) : 0;
}

static int kernel_mount(struct setup *s)
{
	const struct plan_root *root = &s->plan->root;
	char lowers[OVERLAY_LOWERS_MAX], more[32];
	int r = root->in_memory ? memory_mount(s) : 0;
	int state = root->in_memory ? s->memory : s->state;

	if (r < 0)
		return r;
	/* A tmpfs has nothing to sync. */
	(void)snprintf(more, sizeof(more), "%s%s", root->in_memory ? "" : ",volatile",
		       root->userxattr ? ",userxattr" : "");
	overlay_lowers(lowers, root->has_files ? state : -EBADF, s->tree, s->skeleton);
	r = overlay_kernel_mount(SETUP_STAGING, lowers, state, more);
	return r < 0 ? fail(-r, "mount the overlay on '%s': %s", root->path,
			    strerrordesc_np(-r))
		     : 0;
}

/* Device nodes of the tree stay without effect, as they do below an overlay. Mounts below it
 * are the host's, and read-only where the root is to be. */
static int tree_bind(const struct setup *s)
{
	unsigned attrs = SYS_ATTR_NODEV | (s->plan->root.readonly ? SYS_ATTR_RDONLY : 0U);
	int r = mount(fd_path(s->tree).s, SETUP_STAGING, NULL, MS_BIND | MS_REC, NULL) < 0
			? -errno
			: 0;
	autoclose int fd = r < 0 ? r : open(SETUP_STAGING, O_PATH | O_CLOEXEC);

	if (r == 0)
		r = fd < 0 ? -errno : mount_set_attrs(fd, attrs);
	return r < 0 ? fail(-r, "bind the tree '%s': %s", s->plan->root.path,
			    strerrordesc_np(-r))
		     : 0;
}

int overlay_mount(struct setup *s, overlay_ask *ask)
{
	switch (s->plan->root.overlay) {
	case PLAN_OVERLAY_NONE:
		return tree_bind(s);
	case PLAN_OVERLAY_KERNEL:
		return kernel_mount(s);
	case PLAN_OVERLAY_FUSE:
		return fuse_mount(s, ask);
	case PLAN_OVERLAY_AUTO:
		break;
	}
	return fail(EINVAL, "the overlay driver was not decided");
}

/* ---- fuse-overlayfs, in the launcher ------------------------------------------------------
 */

/* FD, where there is one, shall be open after exec too. */
static bool keep_open(int fd)
{
	return fd < 0 || fcntl(fd, F_SETFD, 0) == 0;
}

static bool driver_descriptors(const struct plan *p, int fuse, int errors)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(errors, STDOUT_FILENO) >= 0 &&
	       dup2(errors, STDERR_FILENO) >= 0 && keep_open(p->root.fd) &&
	       keep_open(p->root.skeleton_fd) && keep_open(p->root.state_fd) && keep_open(fuse);
}

static void fuse_exec(const struct plan *p, int userns, int fuse, int errors)
{
	char options[256], mount_point[32], lowers[OVERLAY_LOWERS_MAX];
	const char *const argv[] = {"fuse-overlayfs", "-f", "-o", options, mount_point, NULL};
	char *const envp[] = {NULL};
	bool is_real_root = sys_is_host_root();
	int used;
	sigset_t none;

	overlay_lowers(lowers, p->root.has_files ? p->root.state_fd : -EBADF, p->root.fd,
		       p->root.skeleton_fd);
	used = snprintf(options, sizeof(options),
			"lowerdir=%s,upperdir=/proc/self/fd/%d/upper,"
			"workdir=/proc/self/fd/%d/work,volatile",
			lowers, p->root.state_fd, p->root.state_fd);
	if (p->root.squash)
		(void)snprintf(options + used, sizeof(options) - (size_t)used,
			       ",squash_to_uid=%u,squash_to_gid=%u", idmap_root(&p->ids.uids),
			       idmap_root(&p->ids.gids));
	(void)snprintf(mount_point, sizeof(mount_point), "/dev/fd/%d", fuse);
	if (setns(userns, CLONE_NEWUSER) < 0)
		return;
	/* Real root isn't mapped; anybody else is who they were, with their groups. */
	if (is_real_root && idmap_become_root(&p->ids) < 0)
		return;
	/* Not in the terminal's process group: a Ctrl-C is the payload's. The signal after setns,
	 * which changes credentials and with that clears it. It answers those inside, with the
	 * host's programs in sight: sudo is none for it. */
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    !driver_descriptors(p, fuse, errors) || landlock_driver(p) < 0)
		return;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return;
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
