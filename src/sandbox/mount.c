/* SPDX-License-Identifier: Apache-2.0 */
/* mount.c: mounting below a root whose owner may be hostile. */
#include "mount.h"

#include "mount_attrs.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

int mount_own(struct setup *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_sys("look at a file system of the sandbox's own");
	s->own[s->n_own++] = st.st_dev;
	return 0;
}

bool mount_is_own(const struct setup *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < s->n_own; i++)
		if (s->own[i] == st.st_dev)
			return true;
	return false;
}

/* Asked of the very folder in which something is about to be made. */
static bool is_ours(void *context, int fd)
{
	return mount_is_own(context, fd);
}

int mount_target_find(const struct setup *s, const char *target, enum path_type type)
{
	const struct path_maker ours = {.may_make = is_ours, .context = (void *)s};

	return path_target_make_in(s->root, target + strspn(target, "/"), type, &ours);
}

/* The same with a sentence. */
static int target_open(const struct setup *s, const char *target, enum path_type type)
{
	const char *kind = type == PATH_FOLDER ? "folder" : "file";
	int r = mount_target_find(s, target, type);

	if (r == -ENOENT)
		return fail_hint(fail(ENOENT,
				      "there is no %s '%s' to mount on, and making it would "
				      "change the host's files",
				      kind, target),
				 s->plan->root.overlay == PLAN_OVERLAY_NONE
					 ? "make it yourself, or leave --direct out"
					 : "make it yourself on the host");
	if (r == -ELOOP)
		return fail_hint(
			fail(ELOOP,
			     "'%s', or a folder on the way to it, is a symbolic link in the tree, "
			     "not a %s to mount on",
			     target, kind),
			"name what the link leads to");
	if (r == -EISDIR || r == -ENOTDIR)
		return fail_hint(fail(-r, "'%s' is a %s, and what is to be mounted is a %s",
				      target, type == PATH_FILE ? "folder" : "file", kind),
				 "name a %s inside", kind);
	if (r < 0)
		return fail(-r, "open the %s '%s' in the tree to mount on it: %s", kind, target,
			    strerrordesc_np(-r));
	return r;
}

/* ---- without the newer calls ------------------------------------------------------------- */

/* The mount that was just made on TARGET, found by its name. */
static int mounted_find(const struct setup *s, const char *target, int covered)
{
	/* From the root's descriptor what lies over the root itself is out of reach. */
	autoclose int fd = target[strspn(target, "/")]
				   ? path_open_in(s->root, target, O_PATH | O_NOFOLLOW)
				   : open(s->staging, O_PATH | O_CLOEXEC);
	struct statx now, before;

	if (fd < 0)
		return target[strspn(target, "/")] ? fd : -errno;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &now) < 0 ||
	    statx(covered, "", AT_EMPTY_PATH, STATX_INO, &before) < 0)
		return -errno;
	if (!(now.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	    now.stx_mnt_id == before.stx_mnt_id)
		return -ESTALE;
	return take_fd(&fd);
}

static int old_mount(const struct setup *s, const char *type, const char *target, int covered,
		     unsigned attrs, const char *options)
{
	if (mount(type, fd_path(covered).s, type, mount_attrs_to_flags(attrs), options) < 0)
		return -errno;
	return mounted_find(s, target, covered);
}

static int old_bind(const struct setup *s, int source, const char *target, int covered)
{
	if (mount(fd_path(source).s, fd_path(covered).s, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	return mounted_find(s, target, covered);
}

/* ---- with them --------------------------------------------------------------------------- */

/* Hands "key=value,flag" to FS, a part at a time. */
static int configure(int fs, const char *options)
{
	char text[256];
	char *rest = text, *key;
	int r = 0;

	if (options && snprintf(text, sizeof(text), "%s", options) >= (int)sizeof(text))
		return -E2BIG;
	while (options && *options && r == 0 && (key = strsep(&rest, ","))) {
		char *value = strchr(key, '=');

		if (value)
			*value++ = '\0';
		r = sys_fsconfig(fs, key, value);
	}
	return r < 0 ? r : sys_fsconfig(fs, NULL, NULL);
}

int mount_new_on(const char *type, int covered, unsigned attrs, const char *options)
{
	autoclose int fs = sys_fsopen(type);
	autoclose int made = -EBADF;
	int r = fs < 0 ? fs : configure(fs, options);

	if (r < 0)
		return r;
	made = sys_fsmount(fs, attrs);
	r = made < 0 ? made : sys_move_mount(made, covered);
	return r < 0 ? r : take_fd(&made);
}

int mount_bind_on(int source, int covered)
{
	autoclose int made = sys_open_tree_clone(source);
	int r = made < 0 ? made : sys_move_mount(made, covered);

	return r < 0 ? r : take_fd(&made);
}

/* ---- either way -------------------------------------------------------------------------- */

int mount_new_at(struct setup *s, const char *type, const char *target, int covered,
		 unsigned attrs, const char *options)
{
	autoclose int fd = mount_new_on(type, covered, attrs, options);
	int r;

	if (fd == -ENOSYS)
		fd = old_mount(s, type, target, covered, attrs, options);
	if (fd < 0)
		return fd;
	r = streq(type, "tmpfs") ? mount_own(s, fd) : 0;
	return r < 0 ? r : take_fd(&fd);
}

int mount_new(struct setup *s, const char *type, const char *target, unsigned attrs,
	      const char *options)
{
	autoclose int covered = target_open(s, target, PATH_FOLDER);
	int fd;

	if (covered < 0)
		return covered;
	fd = mount_new_at(s, type, target, covered, attrs, options);
	return fd < 0 ? fail(-fd, "mount %s on '%s': %s", type, target, strerrordesc_np(-fd))
		      : fd;
}

int mount_bind_at(const struct setup *s, int source, const char *target, int covered,
		  unsigned attrs)
{
	autoclose int fd = mount_bind_on(source, covered);
	int r;

	if (fd == -ENOSYS)
		fd = old_bind(s, source, target, covered);
	r = fd < 0 ? fd : mount_set_attrs(fd, attrs);
	return r < 0 ? r : take_fd(&fd);
}

int mount_bind_inside(const struct setup *s, int source, enum path_type type,
		      const char *target, unsigned attrs)
{
	autoclose int covered = target_open(s, target, type);
	int fd;

	if (covered < 0)
		return covered;
	fd = mount_bind_at(s, source, target, covered, attrs);
	return fd < 0 ? fail(-fd, "bind on '%s': %s", target, strerrordesc_np(-fd)) : fd;
}

int mount_protect(int folder, const char *path)
{
	autoclose int fd = path_open_in(folder, path, O_PATH | O_NOFOLLOW);
	autoclose int mounted = fd < 0 ? fd : mount_bind_on(fd, fd);
	int r;

	if (mounted == -ENOSYS) {
		r = mount_cover(fd, fd);
		mounted = r < 0 ? r : path_open_in(folder, path, O_PATH | O_NOFOLLOW);
	}
	return mounted < 0 ? mounted : mount_set_attrs_here(mounted, SYS_ATTR_RDONLY);
}

int mount_cover(int source, int target)
{
	return mount(fd_path(source).s, fd_path(target).s, NULL, MS_BIND, NULL) < 0 ? -errno
										    : 0;
}
