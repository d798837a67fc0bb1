/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_dev.c: the step of the set-up that makes /dev. */
#include "idmap.h"
#include "mount.h"
#include "mounts.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct device {
	const char *name;
	unsigned major, minor;
};

/* Binds the host's node, checked to be what its name says. The working folder is the new /dev.
 */
static int device_add(const struct device *d)
{
	char host[32];
	struct stat st;

	(void)snprintf(host, sizeof(host), "/dev/%s", d->name);
	autoclose int source = open(host, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0 || fstat(source, &st) < 0)
		return fail_sys("open '%s'", host);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(d->major, d->minor))
		return fail(EINVAL, "'%s' of the host is not device %u:%u", host, d->major,
			    d->minor);
	autoclose int target = open(d->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (target < 0)
		return fail_sys("create '%s'", host);
	if (mount(fd_path(source).s, d->name, NULL, MS_BIND, NULL) < 0)
		return fail_sys("bind '%s'", host);
	return 0;
}

static int dev_links(void)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"ptmx", "pts/ptmx"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][1], links[i][0]) < 0)
			return fail_sys("create '/dev/%s'", links[i][0]);
	return 0;
}

static int dev_mount(const char *type, const char *name, unsigned long flags,
		     const char *options)
{
	if (mkdir(name, 0755) < 0)
		return fail_sys("create '/dev/%s'", name);
	if (mount(type, name, type, flags, options) < 0)
		return fail_sys("mount %s on '/dev/%s'", type, name);
	return 0;
}

/* Group 5 is tty's in every distribution; devpts takes it only where it is mapped. */
static int dev_pts(const struct plan *p)
{
	bool has_tty = idmap_outside(&p->ids.gids, 5) >= 0;

	return dev_mount("devpts", "pts", MS_NOSUID | MS_NOEXEC,
			 has_tty ? "newinstance,ptmxmode=0666,mode=0620,gid=5"
				 : "newinstance,ptmxmode=0666,mode=0620");
}

int mounts_dev_nodes(const struct setup *s, int dev)
{
	static const struct device devices[] = {
		{"null", 1, 3},	  {"zero", 1, 5},    {"full", 1, 7},
		{"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
	};
	int r = 0;

	/* Nobody but us can name anything in it, so from here names are taken as they are. */
	if (fchdir(dev) < 0)
		return fail_sys("enter the new '/dev'");
	for (size_t i = 0; i < ARRAY_SIZE(devices) && r == 0; i++)
		r = device_add(&devices[i]);
	if (r == 0)
		r = dev_links();
	return r < 0 ? r : dev_pts(s->plan);
}

int mounts_dev(struct setup *s)
{
	const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int r;

	s->dev = mount_new(s, "tmpfs", "/dev", SYS_ATTR_NOSUID | SYS_ATTR_NOEXEC,
			   "mode=0755,size=64k");
	if (s->dev < 0)
		return s->dev;
	r = mounts_dev_nodes(s, s->dev);
	if (r == 0)
		r = dev_mount("tmpfs", "shm", quiet, "mode=1777");
	if (r == 0)
		r = dev_mount("mqueue", "mqueue", quiet, NULL);
	return r;
}
