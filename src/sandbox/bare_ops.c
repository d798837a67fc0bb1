/* SPDX-License-Identifier: Apache-2.0 */
/* bare_ops.c: what bubblewrap's options put into the new root, one by one. */
#include "bare.h"
#include "mount.h"
#include "mount_attrs.h"
#include "mounts.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages are bubblewrap's own: programs that call it look for them. Its new root is /newroot. */

/* ---- targets ----------------------------------------------------------------------------- */

/* Folders on the way to something that is closed to the group or to others are so too, and those to
 * something without a mode of its own to both. */
static mode_t parent_mode(const struct bare_op *op)
{
	int mode = op->mode < 0 ? 0 : op->mode;

	return 0700U | (mode & 0070 ? 0050U : 0U) | (mode & 0007 ? 0005U : 0U);
}

static bool anywhere(void *context, int dir)
{
	return true;
}

static struct path_maker maker_for(const struct bare_op *op, mode_t mode)
{
	return (struct path_maker){
		.may_make = anywhere,
		.mode = mode,
		.parent_mode = parent_mode(op),
	};
}

/* The mode 0 is one that a path_maker can't say. */
static bool is_closed(const struct bare_op *op)
{
	return op->mode == 0;
}

/* What the link TARGET leads to, where the link itself is the sandbox's own: the caller asked for
 * it. Else -ELOOP. */
static int own_link_follow(const struct setup *s, const char *target, enum path_type type)
{
	autoclose int link = path_open_in(s->root, target, O_PATH | O_NOFOLLOW);
	autoclose int fd = -EBADF;
	struct stat st;

	if (link < 0 || fstat(link, &st) < 0 || !S_ISLNK(st.st_mode) || !mount_is_own(s, link))
		return -ELOOP;
	fd = path_open_in(s->root, target, O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (type == PATH_FOLDER && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (type == PATH_FILE && S_ISDIR(st.st_mode))
		return -EISDIR;
	return take_fd(&fd);
}

/* The sentence for R, by what of OP's target is there. */
static int target_fail(const struct setup *s, const struct bare_op *op, enum path_type type,
		       int r)
{
	char name[NAME_MAX + 1];
	autoclose int parent = path_parent_make_in(s->root, op->target, NULL, name);
	autoclose int there = path_open_in(s->root, op->target, O_PATH | O_NOFOLLOW);

	if (parent < 0)
		return fail(-r, "Can't mkdir parents for %s: %s", op->target,
			    strerrordesc_np(-r));
	if (r == -ELOOP && there >= 0)
		return fail_hint(fail(ELOOP, "Can't mount on symlink destination %s",
				      op->target),
				 "name what the link leads to");
	if (r == -ENOTDIR && there >= 0)
		return fail(ENOTDIR, "Destination is not a directory %s", op->target);
	if (r == -EISDIR && there >= 0)
		return fail(EISDIR, "Destination is not a file %s", op->target);
	if (type == PATH_FOLDER)
		return fail(-r, "Can't mkdir %s: %s", op->target, strerrordesc_np(-r));
	return fail(-r, "Can't create file at %s: %s", op->target, strerrordesc_np(-r));
}

/* What OP's target is, made with MODE where it is missing; an O_PATH descriptor. */
static int target_open(const struct setup *s, const struct bare_op *op, enum path_type type,
		       mode_t mode)
{
	const struct path_maker maker = maker_for(op, mode);
	int fd = path_target_make_in(s->root, op->target, type, &maker);

	if (fd == -ELOOP)
		fd = own_link_follow(s, op->target, type);
	return fd < 0 ? target_fail(s, op, type, fd) : fd;
}

/* A mount over the root itself becomes the root. */
static int root_refresh(struct setup *s, const struct bare_op *op)
{
	const char *name = strrchr(op->target, '/');

	name = name ? name + 1 : op->target;
	if (*name && !streq(name, ".") && !streq(name, ".."))
		return 0;
	(void)fd_close(s->root);
	s->root = open(s->staging, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->root < 0 ? fail_sys("open the new root") : 0;
}

/* ---- binds ------------------------------------------------------------------------------- */

static int op_bind(struct setup *s, const struct bare_op *op)
{
	const struct bare_source *source = &s->plan->bare->sources[op->first_source];
	int from = s->sources[op->first_source];
	enum path_type type;
	struct stat st;

	if (from < 0)
		return 0;
	if (fstat(from, &st) < 0)
		return fail_sys("Can't get type of source %s", source->path);
	type = S_ISDIR(st.st_mode) ? PATH_FOLDER : PATH_FILE;
	autoclose int covered = target_open(s, op, type, type == PATH_FOLDER ? 0755 : 0444);
	if (covered < 0)
		return covered;
	autoclose int fd = mount_bind_at(s, from, op->target, covered, op->attrs);
	if (fd < 0)
		return fail(
			-fd,
			"Can't bind mount /oldroot%s on /newroot%s: Unable to mount source on "
			"destination: %s",
			source->path, op->target, strerrordesc_np(-fd));
	return 0;
}

/* All that can be read from FROM. */
static int data_copy(const struct bare_op *op, int to)
{
	char data[1 << 16];
	ssize_t n = 0;
	int r = 0;

	while (r == 0 && (n = io_read_all(op->fd, data, sizeof(data))) > 0)
		r = io_write_all(to, data, (size_t)n);
	if (n < 0)
		r = (int)n;
	return r < 0 ? fail(-r, "Can't write data to file %s: %s", op->target,
			    strerrordesc_np(-r))
		     : 0;
}

/* The file is the mount's alone; but the kernel binds none that has no name at all. */
static int op_data(struct setup *s, const struct bare_op *op)
{
	static const char name[] = "data";
	struct bare_setup *b = (struct bare_setup *)s;
	autoclose int data = openat(b->base, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (data < 0 || fchmod(data, (mode_t)op->mode) < 0)
		return fail_sys("Can't create tmpfile for %s", op->target);
	r = data_copy(op, data);
	if (r < 0)
		return r;
	autoclose int covered = target_open(s, op, PATH_FILE, 0444);
	if (covered < 0)
		return covered;
	autoclose int fd = mount_bind_at(s, data, op->target, covered, op->attrs);
	if (unlinkat(b->base, name, 0) < 0)
		return fail_sys("Can't remove the tmpfile for %s", op->target);
	return fd < 0 ? fail(-fd, "Can't bind mount the data for %s: %s", op->target,
			     strerrordesc_np(-fd))
		      : 0;
}

/* ---- file systems ------------------------------------------------------------------------ */

static int new_mount(struct setup *s, const struct bare_op *op, const char *type,
		     unsigned attrs, const char *options)
{
	autoclose int covered = target_open(s, op, PATH_FOLDER, 0755);
	int fd;

	if (covered < 0)
		return covered;
	fd = mount_new_at(s, type, op->target, covered, attrs, options);
	return fd < 0 ? fail(-fd, "Can't mount %s on /newroot%s: %s", type, op->target,
			     strerrordesc_np(-fd))
		      : fd;
}

static int op_tmpfs(struct setup *s, const struct bare_op *op)
{
	char options[64];
	int used = snprintf(options, sizeof(options), "mode=%#o", (unsigned)op->mode);

	if (op->size)
		(void)snprintf(options + used, sizeof(options) - (size_t)used, ",size=%llu",
			       (unsigned long long)op->size);
	autoclose int fd = new_mount(s, op, "tmpfs", SYS_ATTR_NOSUID | SYS_ATTR_NODEV, options);
	return fd < 0 ? fd : 0;
}

static int op_mqueue(struct setup *s, const struct bare_op *op)
{
	autoclose int fd = new_mount(s, op, "mqueue", SYS_ATTR_NOSUID | SYS_ATTR_NODEV, NULL);

	return fd < 0 ? fd : 0;
}

/* What could be written there is protected, as bubblewrap has it. */
static int proc_protect(int proc)
{
	static const char *const parts[] = {"sys", "sysrq-trigger", "irq", "bus"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int r;

		if (faccessat(proc, parts[i], W_OK, 0) < 0)
			continue;
		r = mount_protect(proc, parts[i]);
		if (r < 0)
			return fail(-r, "Can't make /proc/%s read-only: %s", parts[i],
				    strerrordesc_np(-r));
	}
	return 0;
}

static int host_proc_bind(struct setup *s, const struct bare_op *op)
{
	struct bare_setup *b = (struct bare_setup *)s;
	autoclose int covered = target_open(s, op, PATH_FOLDER, 0755);
	int fd;

	if (covered < 0)
		return covered;
	fd = mount_bind_at(s, b->host_proc, op->target, covered,
			   SYS_ATTR_NOSUID | SYS_ATTR_NODEV);
	return fd < 0 ? fail(-fd, "Can't bind mount /oldroot/proc on /newroot%s: %s",
			     op->target, strerrordesc_np(-fd))
		      : fd;
}

static int op_proc(struct setup *s, const struct bare_op *op)
{
	const struct bare *bare = s->plan->bare;
	bool is_new = (bare->namespaces & CLONE_NEWPID) || bare->pidns >= 0;
	autoclose int fd =
		is_new ? new_mount(s, op, "proc",
				   SYS_ATTR_NOSUID | SYS_ATTR_NODEV | SYS_ATTR_NOEXEC, NULL)
		       : host_proc_bind(s, op);

	return fd < 0 ? fd : proc_protect(fd);
}

/* The terminal that stdout is, which the payload can write to anyway: so it has a name. */
static int console_bind(const char *terminal)
{
	autoclose int source = open(terminal, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	autoclose int target = -EBADF;
	struct stat named, meant;
	int r;

	if (source < 0 || fstat(source, &named) < 0 || fstat(STDOUT_FILENO, &meant) < 0 ||
	    named.st_dev != meant.st_dev || named.st_ino != meant.st_ino)
		return 0; /* of another devpts than the one that is here */
	target = openat(AT_FDCWD, "console", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
	r = target < 0 ? -errno : mount_cover(source, target);
	return r < 0 ? fail(-r, "creating /dev/console: %s", strerrordesc_np(-r)) : 0;
}

static int op_dev(struct setup *s, const struct bare_op *op)
{
	const struct bare_setup *b = (const struct bare_setup *)s;
	autoclose int fd =
		new_mount(s, op, "tmpfs", SYS_ATTR_NOSUID | SYS_ATTR_NODEV, "mode=0755");
	int r = fd < 0 ? fd : mounts_dev_nodes(s, fd);

	if (r == 0 && (symlink("/proc/kcore", "core") < 0 || mkdir("shm", 0755) < 0))
		r = fail_sys("Can't create %s/shm", op->target);
	if (r == 0 && b->console)
		r = console_bind(b->console);
	if (r == 0 && chdir("/") < 0)
		r = fail_sys("Can't chdir to /");
	return r;
}

/* ---- overlays ---------------------------------------------------------------------------- */

struct overlay_options {
	char text[4096]; /* what mount(2) takes */
	size_t used;
};

static __attribute__((format(printf, 2, 3))) void option_add(struct overlay_options *o,
							     const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (o->used < sizeof(o->text))
		o->used += (size_t)vsnprintf(o->text + o->used, sizeof(o->text) - o->used, fmt,
					     args);
	va_end(args);
}

/* Folders for writes, which nothing leads to but the overlay. */
static int memory_upper(struct bare_setup *b, struct overlay_options *o)
{
	const char *const kinds[] = {"upper", "work"};
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		(void)snprintf(name, sizeof(name), "%s-%u", kinds[i], b->n_uppers);
		if (mkdirat(b->base, name, 0755) < 0)
			return fail_sys("Creating --tmp-overlay %sdir failed", kinds[i]);
		option_add(o, "%sdir=/%s,", kinds[i], name);
	}
	b->n_uppers++;
	return 0;
}

static int op_overlay(struct setup *s, const struct bare_op *op)
{
	struct overlay_options o = {.used = 0};
	const int *sources = s->sources + op->first_source;
	bool is_kept = op->upper == BARE_UPPER_SOURCES;
	size_t layers = op->n_sources - (is_kept ? 2 : 0);
	int r = 0;

	autoclose int covered = target_open(s, op, PATH_FOLDER, 0755);
	if (covered < 0)
		return covered;
	/* By descriptors, so that no name needs quotes. */
	if (is_kept)
		option_add(&o, "upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,",
			   sources[layers], sources[layers + 1]);
	else if (op->upper == BARE_UPPER_MEMORY)
		r = memory_upper((struct bare_setup *)s, &o);
	if (r < 0)
		return r;
	option_add(&o, "lowerdir=");
	for (size_t i = layers; i-- > 0;)
		option_add(&o, "/proc/self/fd/%d%s", sources[i], i ? ":" : "");
	option_add(&o, ",userxattr");
	if (o.used >= sizeof(o.text))
		return fail(E2BIG, "Can't make overlay mount on /newroot%s: too many layers",
			    op->target);
	if (mount("overlay", fd_path(covered).s, "overlay", MS_NOSUID | MS_NODEV, o.text) == 0)
		return 0;
	if (errno == ELOOP)
		return fail(ELOOP,
			    "Can't make overlay mount on /newroot%s with options %s: Overlay "
			    "directories may not overlap",
			    op->target, o.text);
	return fail_sys("Can't make overlay mount on /newroot%s with options %s", op->target,
			o.text);
}

/* ---- what is no mount -------------------------------------------------------------------- */

static int op_folder(struct setup *s, const struct bare_op *op)
{
	/* One that is there may well be a link to it: nothing is made, nothing mounted. */
	autoclose int there = path_open_in(s->root, op->target, O_PATH | O_DIRECTORY);
	autoclose int fd = there >= 0 ? -EBADF
				      : target_open(s, op, PATH_FOLDER,
						    is_closed(op) ? 0700 : (mode_t)op->mode);

	if (there >= 0)
		return 0;
	if (fd >= 0 && is_closed(op) && chmod(fd_path(fd).s, 0) < 0)
		return fail_sys("Can't mkdir %s", op->target);
	return fd < 0 ? fd : 0;
}

static int op_file(struct setup *s, const struct bare_op *op)
{
	autoclose int target =
		target_open(s, op, PATH_FILE, is_closed(op) ? 0600 : (mode_t)op->mode);
	int r;

	if (target < 0)
		return target;
	/* Not for a FIFO's reader. */
	autoclose int fd =
		open(fd_path(target).s, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail_sys("Can't create file %s", op->target);
	r = data_copy(op, fd);
	if (r == 0 && is_closed(op) && fchmod(fd, 0) < 0)
		r = fail_sys("Can't create file %s", op->target);
	return r;
}

/* Something is at NAME already: the very link is as good as a new one. */
static int symlink_exists(const struct bare_op *op, int parent, const char *name)
{
	char says[PATH_MAX];
	ssize_t n = readlinkat(parent, name, says, sizeof(says) - 1);

	if (n < 0 && errno == EINVAL)
		return fail(EEXIST,
			    "Can't make symlink at %s: destination exists and is not a symlink",
			    op->target);
	if (n < 0)
		return fail_sys("Can't make symlink at %s: destination exists, and cannot read "
				"symlink target",
				op->target);
	says[n] = '\0';
	if (streq(says, op->text))
		return 0;
	return fail(EEXIST, "Can't make symlink at %s: existing destination is %s", op->target,
		    says);
}

static int op_symlink(struct setup *s, const struct bare_op *op)
{
	const struct path_maker maker = maker_for(op, 0);
	char name[NAME_MAX + 1];
	autoclose int parent = path_parent_make_in(s->root, op->target, &maker, name);

	if (parent < 0)
		return fail(-parent, "Can't mkdir parents for %s: %s", op->target,
			    strerrordesc_np(-parent));
	if (symlinkat(op->text, parent, name) == 0)
		return 0;
	return errno == EEXIST ? symlink_exists(op, parent, name)
			       : fail_sys("Can't make symlink at %s", op->target);
}

static int op_chmod(struct setup *s, const struct bare_op *op)
{
	autoclose int fd = path_open_in(s->root, op->target, O_PATH);
	int r = fd < 0 ? fd : chmod(fd_path(fd).s, (mode_t)op->mode) < 0 ? -errno : 0;

	return r < 0 ? fail(-r, "Can't chmod %#o %s: %s", (unsigned)op->mode, op->target,
			    strerrordesc_np(-r))
		     : 0;
}

static int op_readonly(struct setup *s, const struct bare_op *op)
{
	autoclose int fd = path_open_in(s->root, op->target, O_PATH);
	struct statx st;
	int r = fd < 0 ? fd : statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st) < 0 ? -errno : 0;

	if (r == 0 && !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return fail(
			EINVAL,
			"Can't remount readonly on /newroot%s: Unable to find \"/newroot%s\" in "
			"mount table",
			op->target, op->target);
	if (r == 0)
		r = mount_set_attrs_here(fd,
					 SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV);
	return r < 0 ? fail(-r, "Can't remount readonly on /newroot%s: %s", op->target,
			    strerrordesc_np(-r))
		     : 0;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* See bare.h: in a moment this is all that can be reached by name. */
int bare_base(struct setup *s)
{
	struct bare_setup *b = (struct bare_setup *)s;
	int r;

	b->host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->host_proc < 0)
		return fail_sys("Can't open /proc");
	if (mount("tmpfs", SETUP_STAGING, "tmpfs", MS_NODEV | MS_NOSUID, "mode=0755") < 0)
		return fail_sys("Failed to mount tmpfs");
	if (chdir(SETUP_STAGING) < 0 || mkdir("old", 0755) < 0 || mkdir("root", 0755) < 0 ||
	    symlink("old/proc", "proc") < 0 || symlink("old/dev", "dev") < 0)
		return fail_sys("Creating newroot failed");
	if (mount("root", "root", NULL, MS_BIND, NULL) < 0)
		return fail_sys("setting up newroot bind");
	r = sys_pivot_root(".", "old");
	if (r < 0)
		return fail(-r, "pivot_root: %s", strerrordesc_np(-r));
	if (chdir("/") < 0)
		return fail_sys("chdir / (base path)");
	b->base = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->staging = "/root";
	s->root = open(s->staging, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->base < 0 || s->root < 0)
		return fail_sys("open the new root");
	return mount_own(s, s->root);
}

int bare_ops(struct setup *s)
{
	static int (*const run[])(struct setup * s, const struct bare_op *op) = {
		[BARE_BIND] = op_bind,	       [BARE_PROC] = op_proc,
		[BARE_DEV] = op_dev,	       [BARE_TMPFS] = op_tmpfs,
		[BARE_MQUEUE] = op_mqueue,     [BARE_FOLDER] = op_folder,
		[BARE_FILE] = op_file,	       [BARE_DATA] = op_data,
		[BARE_SYMLINK] = op_symlink,   [BARE_CHMOD] = op_chmod,
		[BARE_READONLY] = op_readonly, [BARE_OVERLAY] = op_overlay,
	};
	const struct bare *bare = s->plan->bare;
	int r = 0;

	for (size_t i = 0; i < bare->n_ops && r == 0; i++) {
		const struct bare_op *op = &bare->ops[i];

		r = run[op->kind](s, op);
		if (r == 0)
			r = root_refresh(s, op);
	}
	return r;
}
