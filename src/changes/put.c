/* SPDX-License-Identifier: Apache-2.0 */
/* put.c: one entry of an upper becomes one of the tree, in one step. */
#include "apply.h"
#include "entry.h"
#include "marks.h"

#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

int put_parent(int root, const char *path, struct arena *a, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash[1] ? slash + 1 : ".";
	return path_folder_beneath(root, arena_strndup(a, path, (size_t)(slash - path)));
}

/* A name that has gone changes the status of a file's other names. */
bool put_is_still(const struct op *op, const struct stat *st)
{
	const struct stat *was = &op->before;

	if ((was->st_mode & S_IFMT) != (st->st_mode & S_IFMT) || was->st_ino != st->st_ino ||
	    was->st_dev != st->st_dev)
		return false;
	if (S_ISDIR(st->st_mode))
		return true;
	if (was->st_ctim.tv_sec == st->st_ctim.tv_sec &&
	    was->st_ctim.tv_nsec == st->st_ctim.tv_nsec)
		return true;
	return was->st_nlink > 1 && was->st_size == st->st_size &&
	       was->st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       was->st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

bool put_is_left(int r)
{
	static const int other[] = {-ENOENT,	-ENOTDIR, -ELOOP, -EISDIR,
				    -ENOTEMPTY, -EEXIST,  -ESTALE};

	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		if (r == other[i])
			return true;
	return false;
}

int put_failed(const struct apply *ap, int r, const char *what, const char *path)
{
	const char *tree = ap->p->tree_path;

	(void)fail(-r, "%s '%s' in the tree: %s", what, path, strerrordesc_np(-r));
	if (r == -ENOSPC || r == -EDQUOT)
		return fail_hint(r, "make room where '%s' is, see df; then again", tree);
	if (r == -EROFS)
		return fail_hint(
			r, "the tree '%s' is read-only: sudo mount -o remount,rw, then again",
			tree);
	if (r == -EFBIG)
		return fail_hint(r, "raise the limit of a file's size: ulimit -f unlimited");
	return r;
}

/* ---- the new file ------------------------------------------------------------------------ */

/* What is written to the tree under the temporary name. */
struct draft {
	struct apply *ap;
	const char *path;
	int from;	  /* folder of the upper */
	int to;		  /* and of the tree */
	const char *name; /* in both */
	struct stat st;
};

static int owner_set(const struct draft *d, int fd)
{
	if (d->ap->p->squash)
		return 0;
	return fchown(fd, d->st.st_uid, d->st.st_gid) < 0 ? -errno : 0;
}

/* Xattrs after the owner, a change of which drops capabilities; the mode after an ACL. */
static int attributes_set(const struct draft *d, int from, int to)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct xattrs xattrs;
	const char *which = "";
	int r = owner_set(d, to);

	if (r == 0)
		r = entry_xattrs(from, &a, &xattrs);
	if (r == 0)
		r = entry_set_xattrs(to, &a, &xattrs, &which);
	if (r < 0 && *which)
		return fail_hint(
			fail(-r, "give '%s' in the tree the attribute '%s': %s", d->path, which,
			     strerrordesc_np(-r)),
			"it may name an id that the sandbox doesn't have, or the tree's "
			"file system may lack it: take it off in the sandbox");
	if (r == 0 && fchmod(to, d->st.st_mode & 07777) < 0)
		r = -errno;
	return r;
}

static int regular_make(const struct draft *d)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, d->st.st_mtim};
	autoclose int from = entry_open(d->from, d->name, &d->st);
	autoclose int to =
		from < 0 ? -EBADF
			 : openat(d->to, d->ap->j->temporary,
				  O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (from < 0)
		return from;
	if (to < 0)
		return -errno;
	r = entry_copy_data(from, to, d->st.st_size);
	if (r == 0)
		r = attributes_set(d, from, to);
	if (r == 0 && (futimens(to, times) < 0 || fsync(to) < 0))
		r = -errno;
	return r;
}

/* What is no regular file: made under its name, and never opened. */
static int other_make(const struct draft *d)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, d->st.st_mtim};
	const char *temporary = d->ap->j->temporary, *target;
	int r = 0;

	if (S_ISLNK(d->st.st_mode)) {
		r = entry_readlink(d->from, d->name, d->ap->a, &target);
		if (r == 0 && symlinkat(target, d->to, temporary) < 0)
			r = -errno;
	} else if (mknodat(d->to, temporary, d->st.st_mode, d->st.st_rdev) < 0) {
		r = -errno;
	}
	if (r == 0 && !d->ap->p->squash &&
	    fchownat(d->to, temporary, d->st.st_uid, d->st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == 0 && utimensat(d->to, temporary, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r;
}

/* ---- names of one file ------------------------------------------------------------------- */

static bool has_names(const struct draft *d)
{
	return S_ISREG(d->st.st_mode) && d->st.st_nlink > 1;
}

static const struct applied_link *link_find(const struct draft *d)
{
	for (size_t i = 0; has_names(d) && i < d->ap->n_links; i++)
		if (d->ap->links[i].ino == d->st.st_ino)
			return &d->ap->links[i];
	return NULL;
}

/* A second name for what has been put already; false where that isn't to be had. */
static bool link_make(const struct draft *d)
{
	const struct applied_link *link = link_find(d);
	const char *name;
	struct stat st;
	autoclose int dir =
		link ? put_parent(d->ap->p->tree, link->path, d->ap->a, &name) : -EBADF;
	autoclose int fd =
		dir < 0 ? -EBADF : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == link->tree_ino &&
	       linkat(AT_FDCWD, fd_path(fd).s, d->to, d->ap->j->temporary, AT_SYMLINK_FOLLOW) ==
		       0;
}

static void link_remember(const struct draft *d)
{
	struct apply *ap = d->ap;
	struct stat st;

	if (!has_names(d) || link_find(d) ||
	    fstatat(d->to, d->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if ((ap->n_links & (ap->n_links - 1)) == 0) {
		struct applied_link *larger =
			arena_alloc(ap->a,
				    (ap->n_links ? 2 * ap->n_links : 1) * sizeof(*larger));

		if (ap->n_links)
			memcpy(larger, ap->links, ap->n_links * sizeof(*larger));
		ap->links = larger;
	}
	ap->links[ap->n_links++] = (struct applied_link){d->st.st_ino, st.st_ino, d->path};
}

/* ---- the whole --------------------------------------------------------------------------- */

/* 1: it is what it shall be. */
static int target_check(const struct draft *d, const struct op *op)
{
	struct stat st;

	if (fstatat(d->to, d->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (entry_is_same(d->from, &d->st, d->to, &st, d->name, d->ap->p->squash))
		return 1;
	return S_ISDIR(st.st_mode) || !put_is_still(op, &st) ? -ESTALE : 0;
}

static int target_replace(const struct draft *d)
{
	const char *temporary = d->ap->j->temporary;
	int r = 0;

	if (!link_make(d))
		r = S_ISREG(d->st.st_mode) ? regular_make(d) : other_make(d);
	if (r == 0 && renameat(d->to, temporary, d->to, d->name) < 0)
		r = -errno;
	/* Of two names of one file a rename leaves both. */
	(void)unlinkat(d->to, temporary, 0);
	return r;
}

int put_entry(struct apply *ap, const struct op *op)
{
	struct draft d = {.ap = ap, .path = op->path};
	autoclose int from = put_parent(ap->upper, op->path, ap->a, &d.name);
	autoclose int to = put_parent(ap->p->tree, op->path, ap->a, &d.name);
	int r;

	if (from < 0 || fstatat(from, d.name, &d.st, AT_SYMLINK_NOFOLLOW) < 0)
		return 1;
	d.from = from;
	d.to = to;
	r = to < 0 ? to : target_check(&d, op);
	if (r == 0)
		r = target_replace(&d);
	if (r < 0 && !put_is_left(r))
		return *fail_text() ? r : put_failed(ap, r, "write", op->path);
	if (r >= 0)
		link_remember(&d);
	return r < 0;
}

int put_folder(struct apply *ap, const struct op *op, bool is_new)
{
	struct draft d = {.ap = ap, .path = op->path};
	autoclose int from = put_parent(ap->upper, op->path, ap->a, &d.name);
	autoclose int to = put_parent(ap->p->tree, op->path, ap->a, &d.name);
	struct stat there;
	int r = 0;

	if (from < 0 || to < 0 || fstatat(from, d.name, &d.st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(to, d.name, &there, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(there.st_mode) ||
	    !S_ISDIR(d.st.st_mode))
		return 1;
	autoclose int fd_from = entry_open(from, d.name, &d.st);
	autoclose int fd_to = entry_open(to, d.name, &there);
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, d.st.st_mtim};

	if (!is_new)
		d.st.st_mode = mark_folder_mode(ap->p->overlay, d.st.st_mode, there.st_mode);
	/* The tree's top folder keeps its owner: the upper's is sbx's doing. */
	if (streq(d.name, ".")) {
		d.st.st_uid = there.st_uid;
		d.st.st_gid = there.st_gid;
	}
	if (fd_from < 0 || fd_to < 0)
		r = fd_from < 0 ? fd_from : fd_to;
	if (r == 0)
		r = attributes_set(&d, fd_from, fd_to);
	if (r == 0 && is_new && futimens(fd_to, times) < 0)
		r = -errno;
	if (r < 0 && !put_is_left(r))
		return *fail_text() ? r : put_failed(ap, r, "change", op->path);
	return r < 0;
}
