/* SPDX-License-Identifier: Apache-2.0 */
/* mount.c: mounting below a root whose owner may be hostile. */
#include "mount.h"

#include "mount_attrs.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

struct fd_path fd_path(int fd)
{
	struct fd_path path;

	(void)snprintf(path.s, sizeof(path.s), "/proc/self/fd/%d", fd);
	return path;
}

/* The deepest folder on the way to TARGET that is there. */
static int nearest_open(const struct setup *s, const char *target)
{
	char path[PATH_MAX];
	char *slash;
	int r = -ENOENT;

	(void)snprintf(path, sizeof(path), "%s", target);
	while (r == -ENOENT && (slash = strrchr(path, '/'))) {
		*slash = '\0';
		r = path_open_in(s->root, *path ? path : ".", O_PATH | O_DIRECTORY);
	}
	return r;
}

static bool is_on(const struct setup *s, const char *place, dev_t device)
{
	autoclose int fd = path_open_in(s->root, place, O_PATH);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == device;
}

/* Whether what is made in the folder FD is made on a file system of the sandbox's own: its
 * overlay, or a tmpfs. Anything else is the host's, where mount points mustn't appear. */
static bool is_ours(const struct setup *s, int fd)
{
	static const char *const places[] = {"dev", "run", "tmp"};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (s->plan->root.overlay != PLAN_OVERLAY_NONE && is_on(s, ".", st.st_dev))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (is_on(s, places[i], st.st_dev))
			return true;
	for (size_t i = 0; i < s->plan->n_mounts; i++)
		if (s->plan->mounts[i].kind == PLAN_MOUNT_TMPFS &&
		    is_on(s, s->plan->mounts[i].target, st.st_dev))
			return true;
	return false;
}

int mount_target_find(const struct setup *s, const char *target, enum path_type type)
{
	const char *path = target + strspn(target, "/");
	int r = path_target_in(s->root, path, type, false);

	if (r != -ENOENT)
		return r;
	autoclose int nearest = nearest_open(s, target);
	if (nearest < 0 || !is_ours(s, nearest))
		return nearest < 0 ? nearest : -ENOENT;
	return path_target_in(s->root, path, type, true);
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
				 "make it yourself, or leave --direct out");
	if (r == -ELOOP)
		return fail_hint(
			fail(ELOOP, "'%s' is a symbolic link in the tree, not a %s to mount on",
			     target, kind),
			"name what the link leads to");
	if (r < 0)
		return fail(-r, "open the %s '%s' in the tree to mount on it: %s", kind, target,
			    strerrordesc_np(-r));
	return r;
}

int mount_new(const struct setup *s, const char *type, const char *target, unsigned long flags,
	      const char *options)
{
	autoclose int fd = target_open(s, target, PATH_FOLDER);

	if (fd < 0)
		return fd;
	if (mount(type, fd_path(fd).s, type, flags, options) < 0)
		return fail_sys("mount %s on '%s'", type, target);
	return 0;
}

/* ---- bind mounts ------------------------------------------------------------------------- */

int mount_bind(int source, const char *target)
{
	return mount(fd_path(source).s, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

int mount_bind_inside(const struct setup *s, int source, enum path_type type,
		      const char *target, unsigned attrs)
{
	autoclose int fd = target_open(s, target, type);
	int r;

	if (fd < 0)
		return fd;
	r = mount_bind(source, fd_path(fd).s);
	if (r < 0)
		return fail(-r, "bind on '%s': %s", target, strerrordesc_np(-r));
	if (attrs == 0)
		return 0;
	/* FD is what is hidden now; the mount is found by name, which is ours from here on. */
	autoclose int mounted = path_open_in(s->root, target, O_PATH | O_NOFOLLOW);
	r = mounted < 0 ? mounted : mount_set_attrs(mounted, attrs);
	return r < 0 ? fail(-r, "set the flags of '%s': %s", target, strerrordesc_np(-r)) : 0;
}
