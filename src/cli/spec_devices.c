/* SPDX-License-Identifier: Apache-2.0 */
/* spec_devices.c: the value of --device. */
#include "spec.h"

#include "opt.h"
#include "util/fail.h"
#include "util/scope.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* /dev has three levels. */
enum { DEPTH_MAX = 8 };

struct devices {
	struct plan *plan;
	bool read, write;
	size_t n; /* how many were added */
};

/* Each letter of PERMISSIONS at most once. */
static bool is_permissions(const char *s)
{
	return *s && s[strspn(s, "rwm")] == '\0' && strlen(s) <= 3 &&
	       (!s[1] || (s[0] != s[1] && (!s[2] || (s[0] != s[2] && s[1] != s[2]))));
}

/* No device rules hold in a user namespace, and a read-only mount doesn't stop a write to a
 * device: a permission is only kept back where the caller hasn't got it either. */
static int permissions_check(const struct devices *d, const char *path)
{
	const char *more = NULL;
	char shown[OPT_SHOWN_MAX];

	if (!d->read && access(path, R_OK) == 0)
		more = "read";
	else if (!d->write && access(path, W_OK) == 0)
		more = "written";
	if (!more)
		return 0;
	return fail_hint(
		fail(ENOTSUP, "'%s' could be %s inside all the same", opt_shown(shown, path),
		     more),
		"permissions of a device can't be cut for an ordinary user; leave them out");
}

static int device_add(struct devices *d, const char *path, const char *target)
{
	int r = permissions_check(d, path);

	if (r == 0)
		r = plan_add_device(d->plan, path, target, !d->write);
	d->n += r == 0;
	return r;
}

/* Folders of /dev that a sandbox has for itself; anybody may write to shm, and what stands there is
 * no device of the host's. */
static bool is_own(const char *name)
{
	static const char *const names[] = {".", "..", "fd", "mqueue", "pts", "shm"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return true;
	return false;
}

/* Adds the device files below the folder PATH. Links are left out: they name what comes anyway.
 */
static int folder_add(struct devices *d, const char *path, const char *target, int depth)
{
	struct arena *a = &d->plan->arena;
	autodir DIR *stream = opendir(path);
	char shown[OPT_SHOWN_MAX];
	struct stat st;
	int r = 0;

	if (!stream)
		return fail_sys("open '%s'", opt_shown(shown, path));
	for (struct dirent *e; r == 0 && (e = readdir(stream));) {
		const char *from = arena_printf(a, "%s/%s", path, e->d_name);
		const char *to = arena_printf(a, "%s/%s", target, e->d_name);

		if (is_own(e->d_name) || lstat(from, &st) < 0)
			continue;
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			r = device_add(d, from, to);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = folder_add(d, from, to, depth + 1);
	}
	return r;
}

static int path_add(struct devices *d, const char *path, const char *target)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return fail_sys("find the device");
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return device_add(d, path, target);
	if (!S_ISDIR(st.st_mode))
		return fail_hint(fail(ENOTBLK, "it is not a device file"),
				 "other files come in with --volume SRC:DST");
	r = folder_add(d, path, target, 0);
	if (r == 0 && d->n == 0)
		return fail(ENODEV, "there is no device file in the folder");
	return r;
}

static int paths_check(const char *path, const char *target)
{
	if (*path != '/' || *target != '/')
		return fail(EINVAL, "the path of a device begins with '/'");
	if (strlen(path) >= PATH_MAX || strlen(target) >= PATH_MAX)
		return fail(ENAMETOOLONG, "the path of the device is too long");
	return 0;
}

static int device_take(struct plan *p, const char *value)
{
	struct devices d = {.plan = p, .read = true, .write = true};
	char *rest = arena_strdup(&p->arena, value), shown[OPT_SHOWN_MAX];
	const char *path = strsep(&rest, ":");
	const char *target = strsep(&rest, ":");
	const char *permissions = strsep(&rest, ":");
	int r;

	if (target && !permissions && is_permissions(target)) {
		permissions = target;
		target = NULL;
	}
	if (!target)
		target = path;
	if (rest || (permissions && !is_permissions(permissions)))
		return fail(EINVAL, "permissions are r, w and m, each once");
	r = paths_check(path, target);
	if (r < 0)
		return r;
	if (permissions) {
		d.read = strchr(permissions, 'r');
		d.write = strchr(permissions, 'w');
		if (strchr(permissions, 'm'))
			plan_note(
				p,
				"device '%s': 'm' is left out: no device file can be made in a "
				"user namespace",
				opt_shown(shown, path));
	}
	return path_add(&d, path, target);
}

int spec_device(struct plan *p, const char *value)
{
	return spec_failed(device_take(p, value), value, "for example /dev/fuse");
}
