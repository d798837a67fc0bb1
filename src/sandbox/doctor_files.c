/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_files.c: checks of the store, and of the drivers that keep a tree unchanged. */
#include "doctor.h"

#include "config.h"
#include "hint.h"
#include "overlay_probe.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the store --------------------------------------------------------------------------- */

#define OTHER_STORE "name a folder of your own: export XDG_DATA_HOME=FOLDER"

/* Cuts PATH down to the nearest folder that is there, where what is missing would be made. */
static void nearest_cut(char *path)
{
	while (access(path, F_OK) < 0) {
		char *slash = strrchr(path, '/');

		if (slash == path || !slash) {
			(void)snprintf(path, 2, "/");
			return;
		}
		*slash = '\0';
	}
}

static int store_look(const char *store, const char *place)
{
	struct stat st;

	if (access(place, W_OK | X_OK) < 0)
		return fail_hint(fail_sys("write in '%s'", place), OTHER_STORE);
	if (!streq(place, store))
		return 0;
	if (stat(place, &st) < 0)
		return fail_sys("look at '%s'", place);
	return st.st_uid == getuid()
		       ? 0
		       : fail_hint(fail(EPERM, "the store '%s' is another user's", place),
				   OTHER_STORE);
}

void doctor_store(const struct doctor_request *q, struct doctor_finding *f)
{
	enum { ROOM_MIN = 64, INODES_MIN = 1000 };
	char place[PATH_MAX];
	struct statvfs fs;
	unsigned long long room;
	int r;

	if (!q->store) {
		r = fail_hint(fail(ENOENT, "there is no place for it: HOME is not set"),
			      "export HOME=/home/you");
		doctor_find_failure(f, DOCTOR_BROKEN, r, "store");
		return;
	}
	(void)snprintf(place, sizeof(place), "%s", q->store);
	nearest_cut(place);
	r = store_look(q->store, place);
	if (r == 0 && statvfs(place, &fs) < 0)
		r = fail_sys("look at the file system of '%s'", place);
	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "store");
		return;
	}
	room = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	doctor_find(f, DOCTOR_OK, "'%s'%s, with %llu MiB free", q->store,
		    streq(place, q->store) ? "" : " can be made", room);
	if (room >= ROOM_MIN && (fs.f_files == 0 || fs.f_favail >= INODES_MIN))
		return;
	doctor_find(f, DOCTOR_LIMITED, "'%s' has %llu MiB and %llu inodes free", q->store, room,
		    (unsigned long long)fs.f_favail);
	doctor_mend(f, "remove what isn't needed (sbx ls, sbx rm NAME), or " OTHER_STORE);
}

/* ---- fuse-overlayfs ---------------------------------------------------------------------- */

/* Of what PROGRAM says to --version the line that names it, or the first one: libraries may say theirs.
 */
static int version_read(const char *program, char *said, size_t size)
{
	int pair[2], status = 0;
	const char *line;
	ssize_t n;
	pid_t pid;

	if (access(program, X_OK) < 0)
		return fail_sys("find '%s'", program);
	if (pipe2(pair, O_CLOEXEC) < 0)
		return fail_sys("make a pipe");
	autoclose int here = pair[0];
	autoclose int there = pair[1];
	pid = fork();
	if (pid < 0)
		return fail_sys("start '%s'", program);
	if (pid == 0) {
		char *const argv[] = {(char *)program, (char *)"--version", NULL};
		char *const envp[] = {NULL};

		(void)dup2(there, STDOUT_FILENO);
		(void)dup2(there, STDERR_FILENO);
		(void)execve(program, argv, envp);
		_exit(127);
	}
	(void)fd_close(take_fd(&there));
	n = io_read_all(here, said, size - 1);
	/* It may have more to say than there is room for, and would wait for ever. */
	(void)fd_close(take_fd(&here));
	(void)waitpid(pid, &status, 0);
	said[n > 0 ? n : 0] = '\0';
	line = strstr(said, strrchr(program, '/') + 1);
	if (line)
		(void)memmove(said, line, strlen(line) + 1);
	said[strcspn(said, "\n")] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fail(EIO, "'%s --version' fails: %s", program,
			    *said ? said : "it says nothing");
	return 0;
}

void doctor_fuse_overlayfs(const struct doctor_request *q, struct doctor_finding *f)
{
	char said[256];
	int r = version_read(SBX_FUSE_OVERLAYFS, said, sizeof(said));

	if (r < 0)
		doctor_find_failure(f, DOCTOR_LIMITED, r, "fuse-overlayfs");
	else
		doctor_find(f, DOCTOR_OK, "'%s' runs (%s)", SBX_FUSE_OVERLAYFS, said);
}

/* ---- the drivers ------------------------------------------------------------------------- */

/* The kernel's, with an upper in the store. -ENOENT, without a sentence: there is none yet. */
static int store_try(const struct doctor_request *q, bool *ret_userxattr)
{
	autoclose int dir =
		q->store ? open(q->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	enum { FILES_MIN = 32 };
	struct rlimit files;

	if (dir < 0)
		return -ENOENT;
	/* What is made could else not be removed again. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MIN)
		return fail(EMFILE, "not tried: too few open files");
	return overlay_kernel_try(q->store, dir, ret_userxattr);
}

/* One of the drivers must work; the kernel's does without memory where it has to. */
void doctor_overlay(const struct doctor_request *q, struct doctor_finding *f)
{
	struct doctor_finding device = {0}, program = {0};
	bool userxattr;
	int r = overlay_kernel_try(NULL, -EBADF, &userxattr), in_store;

	if (r == 0) {
		doctor_find(f, DOCTOR_OK, "the kernel's driver works with an upper in memory");
		return;
	}
	/* What keeps a namespace from being made has its own check, and its hint is here already. */
	doctor_find_failure(f, DOCTOR_BROKEN, r, "root");
	if (r != -EOPNOTSUPP)
		return;
	in_store = store_try(q, &userxattr);
	if (in_store == 0) {
		doctor_find(
			f, DOCTOR_OK,
			"the kernel's driver works with an upper in '%s', not with one in memory",
			q->store);
		return;
	}
	doctor_fuse_device(q, &device);
	doctor_fuse_overlayfs(q, &program);
	if (device.status == DOCTOR_OK && program.status == DOCTOR_OK) {
		doctor_find(
			f, DOCTOR_LIMITED,
			"fuse-overlayfs works, which is slower; the kernel's driver doesn't%s: %s",
			in_store != -ENOENT ? "" : " in memory, and there is no store yet",
			fail_text());
		doctor_mend(f, "boot a kernel from Linux %s on; sudo modprobe overlay",
			    in_store != -ENOENT ? "5.11" : "6.6");
		return;
	}
	doctor_find(f, DOCTOR_BROKEN, "no driver works: %s; and %s", f->found,
		    device.status != DOCTOR_OK ? device.found : program.found);
	doctor_mend(f, "%s", device.status != DOCTOR_OK ? device.mend : program.mend);
}

void doctor_overlay_kept(const struct doctor_request *q, struct doctor_finding *f)
{
	bool userxattr = false;
	int r = store_try(q, &userxattr);

	if (r == -ENOENT) {
		doctor_find(f, DOCTOR_OK, "not tried: there is no store yet");
		return;
	}
	if (r == -EMFILE) {
		doctor_find_failure(f, DOCTOR_LIMITED, r, "");
		return;
	}
	if (r == 0) {
		doctor_find(f, DOCTOR_OK, "the kernel's driver works with an upper in '%s'%s",
			    q->store, userxattr ? "" : ", without user xattrs");
		return;
	}
	doctor_find_failure(f, DOCTOR_LIMITED, r, "propagation");
	if (r != -EOPNOTSUPP)
		return;
	doctor_find(
		f, DOCTOR_LIMITED,
		"fuse-overlayfs is taken: the kernel's driver doesn't work with an upper in '%s': %s",
		q->store, fail_text());
	doctor_mend(f, "have the store on ext4, xfs or btrfs: export XDG_DATA_HOME=FOLDER");
}
