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

/* As /run/sbx/NAME, bound where it is wanted. It keeps its name there: the kernel mounts
 * nothing on a file that has none, and the user's own mounts may come on top. */
static int file_make(const struct setup *s, const struct plan_file *f)
{
	const char *slash = strrchr(f->target, '/');
	char path[64];
	int r;

	if (mkdirat(s->run, "sbx", 0755) < 0 && errno != EEXIST)
		return fail_sys("make '/run/sbx'");
	(void)snprintf(path, sizeof(path), "sbx/%s", slash + 1);
	autoclose int fd = openat(s->run, path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : io_write_all(fd, f->data, f->len);
	return r < 0 ? fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r))
		     : take_fd(&fd);
}

/* Makes the file at PATH below /run, a tmpfs of ours; nothing in PATH leads out of it. */
static int run_file_write(const struct setup *s, const char *path, const struct plan_file *f)
{
	autoclose int target = path_target_in(s->run, path, PATH_FILE, true);
	autoclose int fd = target < 0 ? target : open(fd_path(target).s, O_WRONLY | O_CLOEXEC);
	int r = target < 0 ? target : fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	return r < 0 ? fail(-r, "write '%s': %s", f->target, strerrordesc_np(-r)) : 0;
}

/* Where the tree's file is a link into /run (systemd-resolved's resolv.conf), the file is made
 * at the link's end. False where the link leads elsewhere. */
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
	end = str_after(end, "run/");
	return end && run_file_write(s, end, f) == 0;
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

static int file_bind(const struct setup *s, const struct plan_file *f, int target)
{
	autoclose int source = file_make(s, f);
	int r = source < 0 ? source : mount_cover(source, target);

	if (source >= 0 && r < 0)
		return fail(-r, "bind a file of the sandbox's own on '%s': %s", f->target,
			    strerrordesc_np(-r));
	return r;
}

static int file_add(struct setup *s, const struct plan_file *f)
{
	autoclose int target = -EBADF;

	if (path_is_in(f->target, "/run"))
		return run_file_write(s, f->target + strlen("/run/"), f);
	if (s->plan->root.has_files)
		return 0; /* it is in a layer of the root filesystem already */
	target = mount_target_find(s, f->target, PATH_FILE);
	if (target == -ELOOP && file_behind_link(s, f))
		return 0;
	if (target == -ELOOP)
		target = file_find_behind(s, f);
	if (target >= 0)
		return file_bind(s, f, target);
	if (target == -EACCES || target == -EPERM || target == -EOVERFLOW)
		return fail_hint(fail(-target, "make '%s' in the tree's overlay: %s", f->target,
				      strerrordesc_np(-target)),
				 "the tree's owners aren't mapped: leave --overlay out");
	if (target != -ENOENT && target != -ELOOP && target != -EISDIR && target != -ENOTDIR)
		return fail(-target, "open the tree's '%s': %s", f->target,
			    strerrordesc_np(-target));
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
