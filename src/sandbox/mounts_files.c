/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_files.c: the step of the set-up that puts files of the sandbox's own in place. */
#include "mount.h"
#include "mounts.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The working folder is the new /dev, a tmpfs: a file there, bound where it is wanted and
 * unlinked, lives as long as the mount and shows nowhere else. */
static int file_make(const struct plan_file *f)
{
	autoclose int fd = open(".file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	if (r < 0)
		return fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r));
	return take_fd(&fd);
}

/* Where the tree's file is a link into /run, a tmpfs of ours (systemd-resolved's resolv.conf),
 * the file is made at the link's end. False where the link leads elsewhere. */
static bool file_behind_link(const struct setup *s, const struct plan_file *f)
{
	autoclose int link = path_open_in(s->root, f->target, O_PATH | O_NOFOLLOW);
	char text[128];
	ssize_t n = link < 0 ? -1 : readlinkat(link, "", text, sizeof(text) - 1);
	const char *end = text;

	if (n <= 0)
		return false;
	text[n] = '\0';
	while (str_after(end, "../"))
		end += 3;
	end += *end == '/';
	if (!str_after(end, "run/"))
		return false;
	autoclose int target = path_target_in(s->root, end, PATH_FILE, true);
	if (target < 0)
		return false;
	autoclose int fd = open(fd_path(target).s, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return fd >= 0 && io_write_all(fd, f->data, f->len) == 0;
}

/* In /run, a tmpfs of ours, a file can simply be made. */
static int file_write(const struct setup *s, const struct plan_file *f)
{
	autoclose int target = path_target_in(s->root, f->target + 1, PATH_FILE, true);
	autoclose int fd = target < 0 ? target : open(fd_path(target).s, O_WRONLY | O_CLOEXEC);
	int r = target < 0 ? target : fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	return r < 0 ? fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r)) : 0;
}

/* Where the tree's file is a link, what it leads to inside the tree takes its place. Not a file
 * of /proc or /sys: those aren't the tree's. */
static int file_find_behind(const struct setup *s, const struct plan_file *f)
{
	autoclose int fd = path_open_in(s->root, f->target, O_PATH);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return -ENOENT;
	return take_fd(&fd);
}

static int file_bind(const struct plan_file *f, int target)
{
	autoclose int source = file_make(f);
	int r = 0;

	if (source < 0)
		return source;
	if (mount(".file", fd_path(target).s, NULL, MS_BIND, NULL) < 0)
		r = fail_sys("bind a file of the sandbox's own on '%s'", f->target);
	if (unlink(".file") < 0 && r == 0)
		r = fail_sys("remove '/dev/.file'");
	return r;
}

static int file_add(struct setup *s, const struct plan_file *f)
{
	autoclose int target = -EBADF;

	if (path_is_in(f->target, "/run"))
		return file_write(s, f);
	target = mount_target_find(s, f->target, PATH_FILE);
	if (target == -ELOOP && file_behind_link(s, f))
		return 0;
	if (target == -ELOOP)
		target = file_find_behind(s, f);
	if (target >= 0)
		return file_bind(f, target);
	if (target == -EACCES || target == -EPERM || target == -EOVERFLOW)
		return fail_hint(fail(-target, "make '%s' in the tree's overlay: %s", f->target,
				      strerrordesc_np(-target)),
				 "the tree's owners aren't mapped: leave --overlay out");
	/* With --direct the tree has its own, or has none. */
	if (target != -ENOENT || s->plan->root.overlay != PLAN_OVERLAY_NONE)
		setup_note(s,
			   "the tree's '%s' stays: it is a link that leads nowhere, or no file",
			   f->target);
	return 0;
}

int mounts_files(struct setup *s)
{
	for (size_t i = 0; i < s->plan->n_files; i++) {
		int r = file_add(s, &s->plan->files[i]);

		if (r < 0)
			return r;
	}
	return 0;
}
