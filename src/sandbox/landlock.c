/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.c: a second wall around the payload and the overlay's driver. */
#include "landlock.h"

#include "config.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

enum {
	VERSION_MIN = 2,
	VERSION_SCOPES = 6,
	READ = SYS_ACCESS_EXECUTE | SYS_ACCESS_READ_FILE | SYS_ACCESS_READ_DIR,
};

void landlock_decide(struct plan *p)
{
	bool may_mount = p->nested || (p->caps.bounding & 1ULL << CAP_SYS_ADMIN);
	int version = p->no_landlock || may_mount ? 0 : sys_landlock_version();

	if (version < 0)
		plan_note(p, "no Landlock, the second wall around files: %s",
			  strerrordesc_np(-version));
	p->landlock = version >= VERSION_MIN ? version : 0;
}

/* ---- the payload ------------------------------------------------------------------------- */

/* What is mounted at TARGET; what has no such name (any more) gets no rule. */
static int allow_inside(int rules, int root, const char *target, uint64_t rights)
{
	autoclose int fd = path_open_in(root, target, O_PATH);

	return fd < 0 ? 0 : sys_landlock_allow(rules, fd, rights);
}

static int allow_mounts(const struct plan *p, int rules, int root, uint64_t all)
{
	static const char *const writable[] = {"/dev", "/proc", "/run", "/tmp"};
	int r = sys_landlock_allow(rules, root, READ);

	for (size_t i = 0; i < ARRAY_SIZE(writable) && r == 0; i++)
		r = allow_inside(rules, root, writable[i], all);
	for (size_t i = 0; i < p->n_mounts && r == 0; i++)
		if (!(p->mounts[i].attrs & SYS_ATTR_RDONLY))
			r = allow_inside(rules, root, p->mounts[i].target, all);
	return r;
}

/* A file of the host's that was handed in, by its name in /proc. Pipes and sockets need no rule, and
 * take none (EBADFD). */
static int allow_stdio(int rules, int fd, uint64_t all)
{
	int flags = fcntl(fd, F_GETFL) & O_ACCMODE, r;
	uint64_t rights = SYS_ACCESS_IOCTL_DEV;

	if (flags != O_WRONLY)
		rights |= SYS_ACCESS_READ_FILE;
	if (flags != O_RDONLY)
		rights |= SYS_ACCESS_WRITE_FILE | SYS_ACCESS_TRUNCATE;
	r = sys_landlock_allow(rules, fd, rights & all);
	return r == -EBADFD ? 0 : r;
}

int landlock_payload(struct setup *s)
{
	const struct plan *p = s->plan;
	uint64_t all = sys_landlock_rights(p->landlock);
	bool no_sockets = p->net == PLAN_NET_HOST && p->landlock >= VERSION_SCOPES;
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int rules = root < 0 ? -errno : sys_landlock_ruleset(all, no_sockets);
	int r = rules;

	if (r >= 0)
		r = p->root.readonly ? allow_mounts(p, rules, root, all)
				     : sys_landlock_allow(rules, root, all);
	for (int i = 0; i < 3 && r >= 0; i++)
		if (p->stdio[i] >= 0)
			r = allow_stdio(rules, p->stdio[i], all);
	if (r >= 0)
		r = sys_landlock_restrict(rules);
	return r < 0 ? fail(-r, "restrict what can be opened: %s", strerrordesc_np(-r)) : 0;
}

/* ---- fuse-overlayfs ---------------------------------------------------------------------- */

enum { READ_FILE = SYS_ACCESS_READ_FILE, USE_FILE = READ_FILE | SYS_ACCESS_WRITE_FILE };

/* What it needs to start, wherever a distribution keeps it, and what it and libfuse ask the kernel. */
static const struct {
	const char *path;
	uint64_t rights;
} driver_places[] = {
	{"/usr", READ},
	{"/lib", READ},
	{"/lib64", READ},
	{"/lib32", READ},
	{"/bin", READ},
	{"/opt", READ},
	{"/nix/store", READ},
	{"/gnu/store", READ},
	{SBX_FUSE_OVERLAYFS, READ_FILE | SYS_ACCESS_EXECUTE},
	{"/etc/ld.so.cache", READ_FILE},
	{"/etc/ld.so.preload", READ_FILE},
	{"/dev/null", USE_FILE},
	{"/proc/sys/fs/pipe-max-size", READ_FILE},
	{"/proc/sys/kernel/overflowuid", READ_FILE},
	{"/proc/sys/kernel/overflowgid", READ_FILE},
};

static int allow_places(int rules)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(driver_places) && r == 0; i++) {
		autoclose int fd = open(driver_places[i].path, O_PATH | O_CLOEXEC);

		if (fd >= 0)
			r = sys_landlock_allow(rules, fd, driver_places[i].rights);
	}
	return r;
}

int landlock_driver(const struct plan *p)
{
	int version = sys_landlock_version(), r;
	uint64_t all = sys_landlock_rights(version);

	if (version < VERSION_MIN)
		return 0;
	autoclose int rules = sys_landlock_ruleset(all, version >= VERSION_SCOPES);
	r = rules < 0 ? rules : allow_places(rules);
	if (r == 0)
		r = sys_landlock_allow(rules, p->root.fd, READ);
	if (r == 0 && p->root.skeleton_fd >= 0)
		r = sys_landlock_allow(rules, p->root.skeleton_fd, READ);
	if (r == 0)
		r = sys_landlock_allow(rules, p->root.state_fd, all);
	if (r == 0)
		r = sys_landlock_restrict(rules);
	errno = -r;
	return r;
}
