/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_files.c: the layer of files that are the sandbox's own. */
#include "overlay_files.h"

#include "idmap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool overlay_takes_files(const struct plan *p)
{
	struct stat st;

	if (p->root.overlay == PLAN_OVERLAY_NONE)
		return false;
	if (fstatat(p->root.fd, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return S_ISDIR(st.st_mode);
}

static mode_t etc_mode(const struct plan *p)
{
	struct stat st;

	return fstatat(p->root.fd, "etc", &st, AT_SYMLINK_NOFOLLOW) == 0
		       ? (st.st_mode & 07777) | 0700
		       : 0755;
}

struct layer {
	const struct plan *plan;
	bool gives; /* what is made is to be the sandbox's root's: real root isn't mapped */
};

static int give(const struct layer *l, int fd)
{
	const struct plan_ids *ids = &l->plan->ids;

	if (!l->gives)
		return 0;
	return fchown(fd, ids->uids.extents[0].outside, ids->gids.extents[0].outside) < 0
		       ? -errno
		       : 0;
}

static int folder_make(const struct layer *l, int dir, const char *name, mode_t mode)
{
	autoclose int fd = -EBADF;
	int r;

	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 || fchmod(fd, mode) < 0 ? -errno : give(l, fd);
	return r < 0 ? r : take_fd(&fd);
}

static int file_make(const struct layer *l, int etc, const struct plan_file *f)
{
	const char *name = f->target + strlen("/etc/");
	autoclose int fd =
		openat(etc, name, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_all(fd, f->data, f->len);

	return r < 0 ? r : give(l, fd);
}

int overlay_files_make(const struct plan *p, int dir, bool gives)
{
	const struct layer l = {.plan = p, .gives = gives};
	autoclose int layer = folder_make(&l, dir, "files", 0755);
	autoclose int etc = layer < 0 ? layer : folder_make(&l, layer, "etc", etc_mode(p));
	int r = etc < 0 ? etc : 0;

	for (size_t i = 0; i < p->n_files && r == 0; i++)
		if (str_after(p->files[i].target, "/etc/"))
			r = file_make(&l, etc, &p->files[i]);
	return r < 0 ? fail(-r, "make the layer of /etc/hosts and the like: %s",
			    strerrordesc_np(-r))
		     : 0;
}
