/* SPDX-License-Identifier: Apache-2.0 */
/* draft.c: a mount, while the words that describe it are read. */
#include "draft.h"

#include "opt.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <unistd.h>

void draft_init(struct draft *d, struct plan *p, enum plan_mount_kind kind)
{
	*d = (struct draft){
		.plan = p,
		.kind = kind,
		.attrs = SYS_ATTR_NOSUID | SYS_ATTR_NODEV,
	};
}

/* ---- values ----------------------------------------------------------------------------- */

int draft_store(const char **slot, const char *value)
{
	if (*slot)
		return fail(EINVAL, "it is given twice");
	*slot = value;
	return 0;
}

static int take_source(struct draft *d, const char *value)
{
	return draft_store(&d->source, value);
}

static int take_target(struct draft *d, const char *value)
{
	return draft_store(&d->target, value);
}

/* Bytes, or of memory as a whole N%. */
static int take_size(struct draft *d, const char *value)
{
	struct arena *a = &d->plan->arena;
	size_t len = strlen(value);
	uint64_t size;
	uint32_t percent;

	if (str_to_size(value, &size) == 0)
		return draft_store(&d->size,
				   arena_printf(a, ",size=%llu", (unsigned long long)size));
	if (len > 0 && value[len - 1] == '%' &&
	    str_to_u32(arena_strndup(a, value, len - 1), 100, &percent) == 0)
		return draft_store(&d->size, arena_printf(a, ",size=%u%%", percent));
	return fail(EINVAL, "a size is a number of bytes, with k, m or g, or up to 100%%");
}

static int take_mode(struct draft *d, const char *value)
{
	uint32_t mode;

	if (str_octal(value, 07777, &mode) < 0)
		return fail(EINVAL, "a mode is an octal number up to 7777");
	return draft_store(&d->mode, arena_printf(&d->plan->arena, "mode=%04o", mode));
}

static int take_inodes(struct draft *d, const char *value)
{
	uint64_t n;

	if (str_to_size(value, &n) < 0)
		return fail(EINVAL, "it is a number, with k, m or g");
	return draft_store(&d->inodes, arena_printf(&d->plan->arena, ",nr_inodes=%llu",
						    (unsigned long long)n));
}

static int take_owner(struct draft *d, const char **slot, const char *key, const char *value)
{
	uint32_t id;

	if (str_to_u32(value, UINT32_MAX - 1, &id) < 0)
		return fail(EINVAL, "an id is a number");
	return draft_store(slot, arena_printf(&d->plan->arena, ",%s=%u", key, id));
}

static int take_uid(struct draft *d, const char *value)
{
	return take_owner(d, &d->uid, "uid", value);
}

static int take_gid(struct draft *d, const char *value)
{
	return take_owner(d, &d->gid, "gid", value);
}

static const char no_propagation[] = "mounts don't spread into a sandbox or out of it";

static int take_propagation(struct draft *d, const char *value)
{
	if (!streq(value, "private") && !streq(value, "rprivate"))
		return fail(ENOTSUP, "%s", no_propagation);
	return 0;
}

static int take_recursion(struct draft *d, const char *value)
{
	if (!streq(value, "enabled"))
		return fail(ENOTSUP, "what is mounted below a folder comes along, always");
	return 0;
}

static int take_nothing(struct draft *d, const char *value)
{
	return 0;
}

/* Without SELinux there is nothing to be done, and podman does that. */
static int take_label(struct draft *d, const char *value)
{
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		plan_note(d->plan,
			  "SELinux is on, and bind mounts are not relabelled ('z' and 'Z'): "
			  "what is refused inside can be relabelled with chcon(1)");
	return 0;
}

/* ---- the words -------------------------------------------------------------------------- */

enum { FOR_BIND = 1, FOR_TMPFS = 2, FOR_BOTH = 3, FOR_LONG = 4 /* --mount alone */ };

struct word {
	const char *name;
	unsigned where;
	unsigned set, clear; /* SYS_ATTR_*, of a word without value */
	int (*take)(struct draft *d, const char *value);
	bool has_value;
	const char *refused; /* why it can't be had */
};

/* clang-format off */
static const struct word words[] = {
	{"ro",       FOR_BOTH, .set = SYS_ATTR_RDONLY},
	{"readonly", FOR_BOTH | FOR_LONG, .set = SYS_ATTR_RDONLY},
	{"rw",       FOR_BOTH, .clear = SYS_ATTR_RDONLY},
	{"nosuid",   FOR_BOTH, .set = SYS_ATTR_NOSUID},
	{"suid",     FOR_BOTH, .clear = SYS_ATTR_NOSUID},
	{"nodev",    FOR_BOTH, .set = SYS_ATTR_NODEV},
	{"dev",      FOR_BIND, .clear = SYS_ATTR_NODEV},
	{"dev",      FOR_TMPFS, .refused = "device files don't work on a tmpfs of a user namespace"},
	{"noexec",   FOR_BOTH, .set = SYS_ATTR_NOEXEC},
	{"exec",     FOR_BOTH, .clear = SYS_ATTR_NOEXEC},

	{"size",       FOR_TMPFS, .take = take_size, .has_value = true},
	{"mode",       FOR_TMPFS, .take = take_mode, .has_value = true},
	{"nr_inodes",  FOR_TMPFS, .take = take_inodes, .has_value = true},
	{"uid",        FOR_TMPFS, .take = take_uid, .has_value = true},
	{"gid",        FOR_TMPFS, .take = take_gid, .has_value = true},
	{"tmpfs-size", FOR_TMPFS | FOR_LONG, .take = take_size, .has_value = true},
	{"tmpfs-mode", FOR_TMPFS | FOR_LONG, .take = take_mode, .has_value = true},

	{"source",      FOR_BIND | FOR_LONG, .take = take_source, .has_value = true},
	{"src",         FOR_BIND | FOR_LONG, .take = take_source, .has_value = true},
	{"target",      FOR_BOTH | FOR_LONG, .take = take_target, .has_value = true},
	{"destination", FOR_BOTH | FOR_LONG, .take = take_target, .has_value = true},
	{"dst",         FOR_BOTH | FOR_LONG, .take = take_target, .has_value = true},

	{"bind-propagation", FOR_BIND | FOR_LONG, .take = take_propagation, .has_value = true},
	{"bind-recursive",   FOR_BIND | FOR_LONG, .take = take_recursion, .has_value = true},
	{"relabel",          FOR_BIND | FOR_LONG, .take = take_label, .has_value = true},
	{"consistency",      FOR_BOTH | FOR_LONG, .take = take_nothing, .has_value = true},

	{"z",            FOR_BIND,  .take = take_label},
	{"Z",            FOR_BIND,  .take = take_label},
	/* What happens anyway, or means nothing on Linux. */
	{"rbind",        FOR_BIND,  .take = take_nothing},
	{"private",      FOR_BOTH,  .take = take_nothing},
	{"rprivate",     FOR_BOTH,  .take = take_nothing},
	{"nocopy",       FOR_BIND,  .take = take_nothing},
	{"notmpcopyup",  FOR_TMPFS, .take = take_nothing},
	{"consistent",   FOR_BIND,  .take = take_nothing},
	{"cached",       FOR_BIND,  .take = take_nothing},
	{"delegated",    FOR_BIND,  .take = take_nothing},

	{"shared",       FOR_BOTH, .refused = no_propagation},
	{"rshared",      FOR_BOTH, .refused = no_propagation},
	{"slave",        FOR_BOTH, .refused = no_propagation},
	{"rslave",       FOR_BOTH, .refused = no_propagation},
	{"unbindable",   FOR_BOTH, .refused = no_propagation},
	{"runbindable",  FOR_BOTH, .refused = no_propagation},
	{"bind",         FOR_BIND, .refused = "what is mounted below a folder comes along, always"},
	{"bind-nonrecursive", FOR_BIND | FOR_LONG, .refused = "what is mounted below a folder comes along, always"},
	{"U",            FOR_BOTH, .refused = "changing the owners of the host's files is not supported yet"},
	{"chown",        FOR_BOTH, .refused = "changing the owners of the host's files is not supported yet"},
	{"O",            FOR_BIND, .refused = "overlay volumes are not supported yet; ro keeps the folder as it is"},
	{"upperdir",     FOR_BIND, .refused = "overlay volumes are not supported yet; ro keeps the folder as it is"},
	{"workdir",      FOR_BIND, .refused = "overlay volumes are not supported yet; ro keeps the folder as it is"},
	{"idmap",        FOR_BOTH, .refused = "no kernel maps the ids of a host's folder for a user namespace"},
	{"copy",         FOR_BIND, .refused = "nothing is copied into a volume"},
	{"tmpcopyup",    FOR_TMPFS, .refused = "a tmpfs starts empty"},
};
/* clang-format on */

static const struct word *word_find(const char *name, enum plan_mount_kind kind, bool is_long)
{
	unsigned where = kind == PLAN_MOUNT_BIND ? FOR_BIND : FOR_TMPFS;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(words[i].name, name) && (words[i].where & where) &&
		    (is_long || !(words[i].where & FOR_LONG)))
			return &words[i];
	return NULL;
}

/* A word without value, or with "=false" for its contrary. */
static int word_flag(struct draft *d, const struct word *w, const char *value)
{
	unsigned attrs, bits = w->set | w->clear;
	bool wanted = true;
	int r = value ? opt_to_bool(value, &wanted) : 0;

	if (r < 0)
		return r;
	attrs = wanted == (w->set != 0) ? d->attrs | bits : d->attrs & ~bits;
	if ((d->decided & bits) && attrs != d->attrs)
		return fail(EINVAL, "the contrary is said before it");
	d->attrs = attrs;
	d->decided |= bits;
	return 0;
}

int draft_word(struct draft *d, char *word, bool is_long)
{
	char *value = word, *name = strsep(&value, "=");
	const struct word *w = word_find(name, d->kind, is_long);
	char shown[OPT_SHOWN_MAX];
	int r;

	if (!w)
		return fail(EINVAL, "%s has no option '%s'",
			    d->kind == PLAN_MOUNT_BIND ? "a bind mount" : "a tmpfs",
			    opt_shown(shown, name));
	if (w->refused)
		r = fail(ENOTSUP, "%s", w->refused);
	else if (w->has_value && !value)
		r = fail(EINVAL, "it needs a value");
	else if (w->has_value)
		r = w->take(d, value);
	else if (w->take)
		r = value ? fail(EINVAL, "it takes no value") : w->take(d, NULL);
	else
		r = word_flag(d, w, value);
	return r < 0 ? fail_in(r, "option '%s'", name) : 0;
}

int draft_words(struct draft *d, char *list)
{
	int r = 0;

	for (char *word; r == 0 && (word = strsep(&list, ","));)
		r = draft_word(d, word, false);
	return r;
}

/* ---- from a draft to the plan ----------------------------------------------------------- */

static int target_check(const char *target)
{
	if (!target || !*target)
		return fail(EINVAL, "there is no place inside");
	if (*target != '/')
		return fail(EINVAL, "the place inside does not begin with '/'");
	if (strlen(target) >= PATH_MAX)
		return fail(ENAMETOOLONG, "the place inside is too long");
	return 0;
}

/* Mount attributes of the host's stay, whoever binds: what was asked for must not be dropped
 * silently. What SOURCE lacks altogether is for plan_add_bind() to say. */
static int host_check(const struct draft *d)
{
	static const struct {
		unsigned attr;
		unsigned long host;
		const char *asked, *is;
	} rows[] = {
		{SYS_ATTR_RDONLY, ST_RDONLY, "rw", "read-only"},
		{SYS_ATTR_NOSUID, ST_NOSUID, "suid", "nosuid"},
		{SYS_ATTR_NODEV, ST_NODEV, "dev", "nodev"},
		{SYS_ATTR_NOEXEC, ST_NOEXEC, "exec", "noexec"},
	};
	struct statvfs st;

	if (statvfs(d->source, &st) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((d->decided & ~d->attrs & rows[i].attr) && (st.f_flag & rows[i].host))
			return fail_hint(fail(EPERM,
					      "'%s' can't be had: the host has it mounted %s",
					      rows[i].asked, rows[i].is),
					 "leave '%s' out", rows[i].asked);
	return 0;
}

static int bind_add(struct draft *d)
{
	int r = host_check(d);

	return r < 0 ? r : plan_add_bind(d->plan, d->source, d->target, d->attrs);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int tmpfs_add(struct draft *d)
{
	const char *options =
		arena_printf(&d->plan->arena, "%s%s%s%s%s", d->mode ? d->mode : "mode=1777",
			     or_empty(d->size), or_empty(d->inodes), or_empty(d->uid),
			     or_empty(d->gid));
	return plan_add_tmpfs(d->plan, d->target, options, d->attrs);
}

int draft_add(struct draft *d)
{
	int r = target_check(d->target);

	if (r < 0)
		return r;
	return d->kind == PLAN_MOUNT_BIND ? bind_add(d) : tmpfs_add(d);
}
