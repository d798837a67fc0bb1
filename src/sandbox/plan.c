/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c: filling a plan. */
#include "sandbox.h"

#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

void plan_init(struct plan *p)
{
	*p = (struct plan){
		.root = {.fd = -EBADF,
			 .store_fd = -EBADF,
			 .skeleton_fd = -EBADF,
			 .state_fd = -EBADF,
			 .memory_fd = -EBADF},
		.net = PLAN_NET_NONE,
		.stdio = {-EBADF, -EBADF, -EBADF},
	};
}

void bare_add(struct plan *p, const struct bare_op *op)
{
	struct bare *b = p->bare;

	b->ops = arena_grow(&p->arena, b->ops, b->n_ops, sizeof(*b->ops));
	b->ops[b->n_ops++] = *op;
}

size_t bare_add_source(struct plan *p, const char *path, int fd, bool may_lack)
{
	struct bare *b = p->bare;

	b->sources = arena_grow(&p->arena, b->sources, b->n_sources, sizeof(*b->sources));
	b->sources[b->n_sources] = (struct bare_source){path, fd, may_lack};
	return b->n_sources++;
}

void bare_add_filter(struct plan *p, const struct sock_filter *code, unsigned short n)
{
	struct bare *b = p->bare;

	b->filters = arena_grow(&p->arena, b->filters, b->n_filters, sizeof(*b->filters));
	b->filters[b->n_filters++] = (struct plan_filter){code, n};
}

void plan_done(struct plan *p)
{
	(void)fd_close(p->root.fd);
	(void)fd_close(p->root.store_fd);
	(void)fd_close(p->root.skeleton_fd);
	(void)fd_close(p->root.state_fd);
	(void)fd_close(p->root.memory_fd);
	for (size_t i = 0; i < p->n_mounts; i++)
		(void)fd_close(p->mounts[i].source_fd);
	arena_done(&p->arena);
	plan_init(p);
}

static void escape_into(struct arena *a, const char *s, const char **ret)
{
	char *escaped = arena_alloc(a, 256);

	*ret = str_escape(escaped, 256, s);
}

int plan_set_root(struct plan *p, const char *path)
{
	struct stat tree, host;
	const char *shown;
	int fd;

	escape_into(&p->arena, path, &shown);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		return fail_hint(fail(ENOTDIR, "'%s' is not a folder", shown),
				 "unpack it: mkdir rootfs; tar -C rootfs -xf FILE");
	if (fd < 0 && errno == ENOENT)
		return fail_hint(fail_sys("open the tree '%s'", shown),
				 "to have one: mmdebstrap --variant=minbase bookworm ./rootfs");
	if (fd < 0 && errno == EACCES)
		return fail_hint(fail_sys("open the tree '%s'", shown),
				 "sudo chmod a+x on the folders that lead to it");
	if (fd < 0)
		return fail_sys("open the tree '%s'", shown);
	p->root.fd = fd;
	p->root.path = shown;
	p->root.source = arena_strdup(&p->arena, path);
	if (fstat(fd, &tree) < 0 || stat("/", &host) < 0)
		return fail_sys("look at the tree '%s'", shown);
	p->root.mode = tree.st_mode & 07777;
	p->root.is_host = tree.st_dev == host.st_dev && tree.st_ino == host.st_ino;
	if (faccessat(fd, ".", R_OK | X_OK, 0) < 0)
		return fail_hint(fail_sys("enter the tree '%s'", shown), "sudo chmod a+rx '%s'",
				 shown);
	return 0;
}

/* Where a sandbox's own /proc is, nothing else can be: it would stand in the way of the masks.
 */
static int target_check(const char *target)
{
	char shown[256];

	if (streq(target, "/"))
		return fail_hint(fail(EINVAL, "'/' can't be mounted over"),
				 "name the tree as ROOTFS instead");
	if (path_is_in(target, "/proc"))
		return fail_hint(fail(EINVAL, "'%s' is in /proc, which is the sandbox's own",
				      str_escape(shown, sizeof(shown), target)),
				 "choose another folder");
	return 0;
}

static int mount_add(struct plan *p, const struct plan_mount *m)
{
	int r = target_check(m->target);

	if (r < 0) {
		(void)fd_close(m->source_fd);
		return r;
	}
	p->mounts = arena_grow(&p->arena, p->mounts, p->n_mounts, sizeof(*p->mounts));
	p->mounts[p->n_mounts++] = *m;
	return 0;
}

static int bind_add(struct plan *p, const char *source, const char *target, unsigned attrs,
		    bool device)
{
	struct plan_mount m = {
		.kind = PLAN_MOUNT_BIND,
		.target = path_clean(&p->arena, target),
		.attrs = attrs,
	};
	struct stat st = {0};

	escape_into(&p->arena, source, &m.source);
	m.path = arena_strdup(&p->arena, source);
	m.source_fd = open(source, O_PATH | O_CLOEXEC);
	if (m.source_fd < 0)
		return fail_hint(fail_sys("open '%s' to bind it", m.source),
				 "name what exists; sbx makes nothing on the host");
	if (fstat(m.source_fd, &st) < 0) {
		int r = fail_sys("look at '%s' to bind it", m.source);

		(void)fd_close(m.source_fd);
		return r;
	}
	m.source_is_folder = S_ISDIR(st.st_mode);
	if (device && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) {
		(void)fd_close(m.source_fd);
		return fail_hint(fail(ENODEV, "'%s' is no device", m.source),
				 "bind files and folders with --volume");
	}
	return mount_add(p, &m);
}

int plan_add_bind(struct plan *p, const char *source, const char *target, unsigned attrs)
{
	return bind_add(p, source, target, attrs, false);
}

int plan_add_device(struct plan *p, const char *source, const char *target, bool readonly)
{
	return bind_add(p, source, target,
			SYS_ATTR_NOSUID | SYS_ATTR_NOEXEC | (readonly ? SYS_ATTR_RDONLY : 0U),
			true);
}

int plan_add_tmpfs(struct plan *p, const char *target, const char *options, unsigned attrs)
{
	struct plan_mount m = {
		.kind = PLAN_MOUNT_TMPFS,
		.source = "tmpfs",
		.source_fd = -EBADF,
		.source_is_folder = true,
		.target = path_clean(&p->arena, target),
		.options = arena_strdup(&p->arena, options ? options : ""),
		.attrs = attrs,
	};

	return mount_add(p, &m);
}

void plan_hide(struct plan *p, const char *path)
{
	strv_push(&p->arena, &p->hidden, arena_strdup(&p->arena, path));
}

void plan_lock(struct plan *p, const char *path)
{
	strv_push(&p->arena, &p->locked, arena_strdup(&p->arena, path));
}

void plan_add_file(struct plan *p, const char *target, const char *data, size_t len)
{
	struct plan_file f = {
		.target = path_clean(&p->arena, target),
		.data = arena_strndup(&p->arena, data, len),
		.len = len,
	};

	for (size_t i = 0; i < p->n_files; i++)
		if (streq(p->files[i].target, f.target)) {
			p->files[i] = f;
			return;
		}
	p->files = arena_grow(&p->arena, p->files, p->n_files, sizeof(*p->files));
	p->files[p->n_files++] = f;
}

void plan_set_env(struct plan *p, const char *assignment)
{
	size_t name = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < p->env.n; i++)
		if (strncmp(p->env.v[i], assignment, name) == 0) {
			p->env.v[i] = arena_strdup(&p->arena, assignment);
			return;
		}
	strv_push(&p->arena, &p->env, arena_strdup(&p->arena, assignment));
}

void plan_add_limit(struct plan *p, int resource, struct rlimit limit)
{
	for (size_t i = 0; i < p->n_limits; i++)
		if (p->limits[i].resource == resource) {
			p->limits[i].limit = limit;
			return;
		}
	p->limits = arena_grow(&p->arena, p->limits, p->n_limits, sizeof(*p->limits));
	p->limits[p->n_limits++] = (struct plan_limit){resource, limit};
}

void plan_note(struct plan *p, const char *fmt, ...)
{
	char text[FAIL_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	strv_push(&p->arena, &p->notes, arena_strdup(&p->arena, text));
}

bool plan_wants_state(const struct plan *p)
{
	return p->root.overlay != PLAN_OVERLAY_NONE && !p->root.in_memory;
}
