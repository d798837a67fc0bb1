/* SPDX-License-Identifier: Apache-2.0 */
/* marks.c: how the overlay drivers write down what was removed. */
#include "marks.h"

#include "util/path.h"
#include "util/scope.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char prefix[] = ".wh.";
static const char *const opaque_files[] = {".wh..wh..opq", ".wh..opq"};
static const char *const opaque_xattrs[] = {
	"user.overlay.opaque",
	"trusted.overlay.opaque",
	"user.fuseoverlayfs.opaque",
	"trusted.fuseoverlayfs.opaque",
};
static const char *const whiteout_xattrs[] = {
	"user.overlay.whiteout",
	"trusted.overlay.whiteout",
};
/* The label is what the host's policy makes of a place, not what a sandbox wrote. */
static const char *const own_xattrs[] = {
	"user.overlay.",	   "trusted.overlay.",	     "user.fuseoverlayfs.",
	"security.fuseoverlayfs.", "trusted.fuseoverlayfs.", "user.containers.override_stat",
	"security.selinux",
};

bool mark_is_own_xattr(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_xattrs); i++)
		if (str_after(name, own_xattrs[i]))
			return true;
	return false;
}

mode_t mark_folder_mode(enum plan_overlay driver, mode_t upper, mode_t tree)
{
	return driver == PLAN_OVERLAY_FUSE ? upper | (tree & (S_ISUID | S_ISGID)) : upper;
}

static bool is_opaque_file(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(opaque_files); i++)
		if (streq(name, opaque_files[i]))
			return true;
	return false;
}

static bool is_whiteout_file(int dir, const char *name, const struct stat *st)
{
	char path[sizeof(struct fd_path) + NAME_MAX + 2];

	if (!S_ISREG(st->st_mode) || st->st_size != 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", fd_path(dir).s, name);
	for (size_t i = 0; i < ARRAY_SIZE(whiteout_xattrs); i++)
		if (lgetxattr(path, whiteout_xattrs[i], NULL, 0) >= 0)
			return true;
	return false;
}

enum mark mark_read(enum plan_overlay driver, int dir, const char *name, const struct stat *st,
		    const char **ret_name)
{
	const char *behind = driver == PLAN_OVERLAY_FUSE ? str_after(name, prefix) : NULL;

	*ret_name = name;
	/* ".." would be marked as removed in the folder of the tree, which is the one above it. */
	if (behind &&
	    (is_opaque_file(name) || !*behind || streq(behind, ".") || streq(behind, "..")))
		return MARK_OWN;
	if (behind) {
		*ret_name = behind;
		return MARK_WHITEOUT;
	}
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
		return MARK_WHITEOUT;
	if (driver == PLAN_OVERLAY_KERNEL && is_whiteout_file(dir, name, st))
		return MARK_WHITEOUT;
	return MARK_NONE;
}

bool mark_is_opaque(enum plan_overlay driver, int dir)
{
	char value[2];

	for (size_t i = 0; i < ARRAY_SIZE(opaque_xattrs); i++)
		/* The kernel's "x" only says that there are whiteouts with an xattr in it. */
		if (fgetxattr(dir, opaque_xattrs[i], value, sizeof(value)) == 1 &&
		    value[0] == 'y')
			return true;
	return driver == PLAN_OVERLAY_FUSE &&
	       faccessat(dir, opaque_files[0], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int mark_clear_opaque(enum plan_overlay driver, int dir)
{
	if (driver == PLAN_OVERLAY_FUSE)
		for (size_t i = 0; i < ARRAY_SIZE(opaque_files); i++)
			if (unlinkat(dir, opaque_files[i], 0) < 0 && errno != ENOENT)
				return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(opaque_xattrs); i++)
		if (fgetxattr(dir, opaque_xattrs[i], NULL, 0) >= 0 &&
		    fremovexattr(dir, opaque_xattrs[i]) < 0)
			return -errno;
	return 0;
}

int mark_remove_whiteout(enum plan_overlay driver, int dir, const char *name)
{
	char file[sizeof(prefix) + NAME_MAX];
	const char *meant;
	struct stat st;

	if (driver == PLAN_OVERLAY_FUSE) {
		(void)snprintf(file, sizeof(file), "%s%s", prefix, name);
		if (unlinkat(dir, file, 0) < 0 && errno != ENOENT && errno != ENAMETOOLONG)
			return -errno;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (mark_read(driver, dir, name, &st, &meant) != MARK_WHITEOUT)
		return 0;
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}
