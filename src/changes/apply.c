/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c: taking changes over into the tree, and ending an apply that was cut short. */
#include "apply.h"

#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- whether it can be ------------------------------------------------------------------- */

/* What the tree's folder says that it is of none of our ids. */
static bool is_foreign(const struct stat *st)
{
	enum { OVERFLOW_ID = 65534 };

	return st->st_uid == OVERFLOW_ID || st->st_gid == OVERFLOW_ID;
}

static int type_check(const struct change *change)
{
	if (!S_ISCHR(change->now.st_mode) && !S_ISBLK(change->now.st_mode))
		return 0;
	return fail_hint(fail(EPERM, "'%s' is a device, which only real root can make",
			      change->path),
			 "name the paths that are to be taken over");
}

/* The folder that CHANGE is made in, unless the apply itself makes it. */
static int parent_check(const struct changes_place *p, struct arena *a,
			const struct change *change)
{
	const char *name;
	autoclose int parent = put_parent(p->tree, change->path, a, &name);
	struct stat st;
	int r;

	if (parent < 0 || faccessat(parent, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	r = fail_sys("write beside '%s' in the tree '%s'", change->path, p->tree_path);
	if (r == -EROFS)
		return fail_hint(r,
				 "the tree is read-only: sudo mount -o remount,rw, then again");
	if (fstat(parent, &st) == 0 && is_foreign(&st))
		return fail_hint(
			r,
			"that folder belongs to an id that isn't yours, mostly real root; its "
			"owner can take text files over: sbx diff -p NAME | sudo patch -p1 -d "
			"TREE");
	return fail_hint(r, "give yourself the right to write there");
}

int changes_may_write(const struct changes_place *p, const struct changes *c)
{
	SCOPE_END(arena_done) struct arena a = {0};
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++) {
		const struct change *change = &c->v[i];

		if (!change->is_own)
			continue;
		r = type_check(change);
		if (r == 0)
			r = parent_check(p, &a, change);
		if (r == 0 && p->squash && change->kind == CHANGE_CHANGED &&
		    is_foreign(&change->before))
			r = fail_hint(fail(EPERM,
					   "'%s' in the tree belongs to an id that the sandbox "
					   "doesn't have, and would be yours afterwards",
					   change->path),
				      "use a sandbox with --map subids, where it is in your "
				      "ranges");
	}
	return r;
}

/* ---- from changes to operations ---------------------------------------------------------- */

static void op_add(struct journal *j, enum op_kind kind, const struct change *change)
{
	j->v[j->n++] = (struct op){
		.kind = (char)kind,
		.path = change->path,
		.before = change->before,
	};
}

static bool is_folder(const struct stat *st)
{
	return S_ISDIR(st->st_mode);
}

/* Whether what stands there can't be replaced by a rename. */
static bool is_cleared(const struct change *change)
{
	return change->kind == CHANGE_CHANGED && change->is_own &&
	       is_folder(&change->now) != is_folder(&change->before);
}

/* First what goes, what is below before what it is in; then what comes, the other way round;
 * folders get their modes and times when all is in them. */
static void ops_make(struct journal *j, struct arena *a, const struct changes *c)
{
	/* Each change gives two operations at most, and a new folder in a file's place three. */
	j->v = arena_alloc(a, 3 * c->n * sizeof(*j->v));
	for (size_t i = c->n; i-- > 0;)
		if (c->v[i].kind == CHANGE_DELETED)
			op_add(j, OP_REMOVE, &c->v[i]);
		else if (is_cleared(&c->v[i]))
			op_add(j, OP_CLEAR, &c->v[i]);
	for (size_t i = 0; i < c->n; i++) {
		const struct change *change = &c->v[i];

		if (change->kind == CHANGE_DELETED || !change->is_own)
			continue;
		if (!is_folder(&change->now))
			op_add(j, OP_PUT, change);
		else if (!is_folder(&change->before))
			op_add(j, OP_MAKE, change);
	}
	for (size_t i = c->n; i-- > 0;) {
		const struct change *change = &c->v[i];

		if (change->is_own && is_folder(&change->now))
			op_add(j, is_folder(&change->before) ? OP_DRESS : OP_FINISH, change);
	}
}

static int temporary_name(struct journal *j)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return fail_sys("get random bytes");
	(void)snprintf(j->temporary, sizeof(j->temporary), ".sbx-%016llx",
		       (unsigned long long)random);
	return 0;
}

/* ---- operations -------------------------------------------------------------------------- */

static int op_remove(struct apply *ap, const struct op *op)
{
	const char *name;
	autoclose int parent = put_parent(ap->p->tree, op->path, ap->a, &name);
	struct stat st;
	int r;

	if (parent < 0)
		return parent != -ENOENT;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT;
	/* It may be what shall come there already: that is for the next operation to see. */
	if (!put_is_still(op, &st))
		return op->kind == OP_REMOVE;
	if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		return 0;
	r = -errno;
	return put_is_left(r) ? r != -ENOENT : put_failed(ap, r, "remove", op->path);
}

static int op_make(struct apply *ap, const struct op *op)
{
	const char *name;
	autoclose int parent = put_parent(ap->p->tree, op->path, ap->a, &name);
	struct stat st;

	if (parent < 0)
		return 1;
	if (mkdirat(parent, name, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return put_failed(ap, -errno, "make", op->path);
	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode);
}

/* 0; 1 where it is left, since somebody else was there; or a negative errno with a sentence. */
static int op_run(struct apply *ap, const struct op *op)
{
	switch ((enum op_kind)op->kind) {
	case OP_REMOVE:
	case OP_CLEAR:
		return op_remove(ap, op);
	case OP_MAKE:
		return op_make(ap, op);
	case OP_PUT:
		return put_entry(ap, op);
	case OP_DRESS:
	case OP_FINISH:
		return put_folder(ap, op, op->kind == OP_FINISH);
	}
	return fail(EINVAL, "the journal of sbx apply is damaged");
}

static bool is_dressing(const struct op *op)
{
	return op->kind == OP_DRESS || op->kind == OP_FINISH;
}

/* All in order. After a failure only the folders that were made are finished. */
static int ops_run(struct apply *ap)
{
	struct fail_saved saved;
	int first = 0;

	for (size_t i = 0; i < ap->j->n; i++) {
		struct op *op = &ap->j->v[i];
		int r;

		if (first < 0 && !is_dressing(op))
			continue;
		r = op_run(ap, op);
		op->is_done = r == 0;
		if (r > 0 && !is_dressing(op))
			strv_push(ap->a, &ap->left, op->path);
		if (r < 0 && first == 0) {
			first = r;
			fail_save(&saved);
		}
	}
	if (first < 0)
		fail_restore(&saved);
	return first;
}

/* ---- the disk ---------------------------------------------------------------------------- */

/* The folders' new names are on the disk before the upper's go. Neighbours come in a row. */
static int folders_sync(const struct apply *ap)
{
	autoclose int last = -EBADF;
	struct stat st, st_last = {0};

	for (size_t i = 0; i < ap->j->n; i++) {
		const char *name;
		autoclose int parent = put_parent(ap->p->tree, ap->j->v[i].path, ap->a, &name);

		if (parent < 0 || fstat(parent, &st) < 0 ||
		    (st.st_ino == st_last.st_ino && st.st_dev == st_last.st_dev))
			continue;
		st_last = st;
		(void)fd_close(last);
		last = path_reopen(parent, O_RDONLY | O_DIRECTORY);
		if (last >= 0 && fsync(last) < 0)
			return fail_sys("write the tree '%s' to the disk", ap->p->tree_path);
	}
	return 0;
}

/* What a process that was killed may have left in the making. */
static void temporary_remove(const struct apply *ap)
{
	for (size_t i = 0; i < ap->j->n; i++) {
		const char *name;
		autoclose int parent = put_parent(ap->p->tree, ap->j->v[i].path, ap->a, &name);

		if (parent >= 0)
			(void)unlinkat(parent, ap->j->temporary, 0);
	}
}

/* ---- the three steps --------------------------------------------------------------------- */

static int steps_run(struct apply *ap)
{
	struct fail_saved saved;
	int written = 0, r = 0;

	/* What is over ulimit -f is a failure, not a signal; modes are the ones that are said. */
	(void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	(void)umask(0);
	fail_forget();
	if (!ap->j->is_dropping) {
		written = ops_run(ap);
		if (written < 0)
			fail_save(&saved);
		r = folders_sync(ap);
		if (r == 0) {
			ap->j->is_dropping = true;
			r = journal_write(ap->p->state, ap->j);
		}
	}
	if (r == 0)
		r = drop_done(ap);
	if (r == 0)
		r = journal_remove(ap->p->state);
	if (written < 0)
		fail_restore(&saved);
	return written < 0 ? written : r;
}

static int apply_open(struct apply *ap)
{
	ap->upper =
		openat(ap->p->state, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ap->upper < 0 ? fail_sys("open the upper of the sandbox") : 0;
}

int changes_apply(const struct changes_place *p, struct arena *a, const struct changes *c,
		  struct strv *ret_left)
{
	struct journal j = {0};
	struct apply ap = {.p = p, .a = a, .j = &j, .upper = -EBADF};
	struct stat st;
	int r = temporary_name(&j);

	if (r == 0 && fstat(p->tree, &st) < 0)
		r = fail_sys("look at the tree '%s'", p->tree_path);
	if (r < 0)
		return r;
	j.dev = st.st_dev;
	j.ino = st.st_ino;
	ops_make(&j, a, c);
	r = apply_open(&ap);
	if (r == 0)
		r = journal_write(p->state, &j);
	if (r == 0)
		r = steps_run(&ap);
	(void)fd_close(ap.upper);
	*ret_left = ap.left;
	return r;
}

/* ---- one that was cut short -------------------------------------------------------------- */

bool changes_are_pending(int state)
{
	return journal_exists(state);
}

static int recover_work(void *arg)
{
	const struct changes_place *p = arg;
	SCOPE_END(arena_done) struct arena a = {0};
	struct journal j;
	struct apply ap = {.p = p, .a = &a, .j = &j, .upper = -EBADF};
	struct stat st;
	int r = journal_read(p->state, &a, &j);

	if (r < 0)
		return r;
	if (fstat(p->tree, &st) < 0 || st.st_dev != j.dev || st.st_ino != j.ino)
		return fail_hint(fail(ESTALE,
				      "an apply to '%s' was cut short, and another folder is "
				      "there now",
				      p->tree_path),
				 "put the tree back, or: sbx rm --force NAME");
	temporary_remove(&ap);
	r = apply_open(&ap);
	if (r == 0)
		r = steps_run(&ap);
	(void)fd_close(ap.upper);
	return r;
}

int changes_recover(const struct changes_place *p)
{
	int r;

	if (!journal_exists(p->state))
		return 0;
	r = sandbox_run_mapped(p->ids, recover_work, (void *)p);
	return r < 0 ? fail_in(r, "end the apply that was cut short") : 1;
}
