/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_probe.c: what the kernel's overlay can do on this machine, found by trying. */
#include "overlay_probe.h"

#include "idmap.h"
#include "overlay_kernel.h"
#include "setup.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

struct probe {
	const char *place; /* the store, or the tmpfs's mount point */
	bool in_memory;
	char folder[32]; /* in the place, one per process: two may probe at once */
	bool userxattr;
};

static int folders_make(void)
{
	static const char *const folders[] = {"one",   "two",  "two/folder", "two/folder/in",
					      "upper", "work", "merged"};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdir(folders[i], 0700) < 0)
			return fail_sys("make '%s' for the probe", folders[i]);
	autoclose int fd = open("two/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	return fd < 0 ? fail_sys("make a file for the probe") : 0;
}

/* What says nothing about the kernel's overlay, and may be otherwise the next time. */
static bool is_passing(int err)
{
	return err == ENOMEM || err == ENOSPC || err == EMFILE || err == ENFILE ||
	       err == EAGAIN || err == EINTR;
}

/* A file and a folder of the second lower are removed through the overlay, and a new folder
 * made in the old one's place must be empty: a whiteout and an opaque folder, the latter by an
 * xattr. -EOPNOTSUPP is the overlay's own answer; any other failure says nothing about it. */
static int overlay_try(bool userxattr)
{
	autoclose int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int lower = open("one", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int second = open("two", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char lowers[OVERLAY_LOWERS_MAX];
	int r;

	if (dir < 0 || lower < 0 || second < 0)
		return fail_sys("open the folders of the probe");
	overlay_lowers(lowers, -EBADF, lower, second);
	r = overlay_kernel_mount("merged", lowers, dir,
				 userxattr ? ",volatile,userxattr" : ",volatile");
	if (r < 0)
		return fail(is_passing(-r) ? -r : EOPNOTSUPP,
			    "the kernel refuses the mount: %s", strerrordesc_np(-r));
	if (unlink("merged/file") < 0 || rmdir("merged/folder/in") < 0 ||
	    rmdir("merged/folder") < 0 || mkdir("merged/folder", 0755) < 0)
		return fail(is_passing(errno) ? errno : EOPNOTSUPP, "change the overlay: %s",
			    strerrordesc_np(errno));
	if (access("merged/file", F_OK) == 0 || access("merged/folder/in", F_OK) == 0)
		return fail(EOPNOTSUPP, "what was removed is still there");
	return 0;
}

static int probe_work(void *arg)
{
	const struct probe *probe = arg;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_sys("make every mount private");
	if (probe->in_memory &&
	    mount("tmpfs", probe->place, "tmpfs", MS_NOSUID, "mode=0700") < 0)
		return fail_sys("mount a tmpfs");
	/* By path: what was opened outside is a mount of another namespace (setup.c, sources).
	 */
	if (chdir(probe->place) < 0 || mkdir(probe->folder, 0700) < 0 ||
	    chdir(probe->folder) < 0)
		return fail_sys("make the probe's folder");
	r = folders_make();
	return r < 0 ? r : overlay_try(probe->userxattr);
}

int overlay_kernel_try(const char *place, int dir, bool *ret_userxattr)
{
	struct plan_ids ids = {.map = PLAN_MAP_SELF};
	struct probe probe = {.in_memory = !place, .place = place ? place : SETUP_STAGING};
	int r = -EOPNOTSUPP;

	(void)snprintf(probe.folder, sizeof(probe.folder), ".probe.%ld", (long)getpid());
	ids.uids = (struct idmap){.extents = {{0, getuid(), 1}}, .n = 1};
	ids.gids = (struct idmap){.extents = {{0, getgid(), 1}}, .n = 1};
	for (int userxattr = 1; userxattr >= 0 && r == -EOPNOTSUPP; userxattr--) {
		probe.userxattr = userxattr;
		r = idmap_run(&ids, probe_work, &probe);
		if (place)
			(void)path_remove_tree(dir, probe.folder);
	}
	if (r == 0)
		*ret_userxattr = probe.userxattr;
	return r;
}

/* 'x' with user xattrs, 'p' without them, 'n' not at all; 0 where it could not be tried. */
static char probe_run(const struct plan *p, bool in_memory)
{
	bool userxattr;
	int r = overlay_kernel_try(in_memory ? NULL : p->root.store_path, p->root.store_fd,
				   &userxattr);

	if (r == 0)
		return userxattr ? 'x' : 'p';
	return r == -EOPNOTSUPP ? 'n' : 0;
}

/* ---- what was found before --------------------------------------------------------------- */

enum { PROBE_TEXT_MAX = 256 };

/* One answer per kernel and file system of the store; what another kernel left is stale. */
static void key_make(const struct plan *p, char key[PROBE_TEXT_MAX])
{
	struct utsname host;
	struct stat st = {0};

	(void)uname(&host);
	(void)fstat(p->root.store_fd, &st);
	(void)snprintf(key, PROBE_TEXT_MAX, "2 %.64s %.64s %u:%u ", host.release, host.version,
		       major(st.st_dev), minor(st.st_dev));
}

static bool answer_recall(int store, const char *name, const char *key, char *ret_answer)
{
	char text[PROBE_TEXT_MAX + 4];
	autoclose int fd = openat(store, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	size_t len = strlen(key);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);

	if (n != (ssize_t)len + 2 || memcmp(text, key, len) != 0)
		return false;
	*ret_answer = text[len];
	return true;
}

static char answer_with(const struct plan *p, bool in_memory)
{
	const char *name = in_memory ? ".overlay-in-memory" : ".overlay-in-store";
	char key[PROBE_TEXT_MAX], text[PROBE_TEXT_MAX + 4], answer;

	key_make(p, key);
	if (answer_recall(p->root.store_fd, name, key, &answer))
		return answer;
	answer = probe_run(p, in_memory);
	/* Without a namespace to try in nothing was found out, and what is in the way may be gone
	 * the next time. */
	if (!answer)
		return answer;
	(void)snprintf(text, sizeof(text), "%s%c\n", key, answer);
	/* A store that can't be written costs a probe each time, no more. */
	if (io_replace_file(p->root.store_fd, name, text, strlen(text)) < 0)
		fail_forget();
	return answer;
}

int overlay_kernel_works(struct plan *p)
{
	char answer = 'n';

	p->root.in_memory = !p->root.is_kept;
	if (p->root.in_memory)
		answer = answer_with(p, true);
	/* Before Linux 6.6 a tmpfs lacks the xattrs that an upper is marked with. */
	if (answer == 'n') {
		p->root.in_memory = false;
		answer = answer_with(p, false);
	}
	p->root.userxattr = answer == 'x' || !answer;
	return answer ? answer != 'n' : -EPERM;
}
