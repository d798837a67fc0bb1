/* SPDX-License-Identifier: Apache-2.0 */
/* account.c: who is who inside the tree. */
#include "account.h"

#include "idmap.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { SHOWN_MAX = 96 };

/* The last one is what setresuid() takes for "leave it". */
static const uint32_t id_max = UINT32_MAX - 1;

/* ---- files of a tree in two layers ------------------------------------------------------ */

enum layer { LAYER_HAS, LAYER_HIDES, LAYER_PASSES };

static bool folder_has(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Whether nothing of the layer below shows through the folder DIR. */
static bool folder_is_opaque(int dir)
{
	static const char *const marks[] = {"user.overlay.opaque", "user.fuseoverlayfs.opaque"};
	autoclose int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char mark;

	if (folder_has(dir, ".wh..wh..opq"))
		return true;
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(marks); i++)
		if (fgetxattr(fd, marks[i], &mark, 1) == 1 && mark == 'y')
			return true;
	return false;
}

/* What the folder UPPER does to NAME below the tree's etc. Both drivers' marks count, and those
 * that fuse-overlayfs makes where it can't make a device node. */
static enum layer upper_look(int upper, const char *name)
{
	char whiteout[32];
	struct stat st;

	if (fstatat(upper, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return folder_has(upper, ".wh.etc") ? LAYER_HIDES : LAYER_PASSES;
	if (!S_ISDIR(st.st_mode))
		return LAYER_HIDES;
	autoclose int etc = openat(upper, "etc", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (etc < 0)
		return LAYER_HIDES;
	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode) && !is_whiteout(&st) ? LAYER_HAS : LAYER_HIDES;
	(void)snprintf(whiteout, sizeof(whiteout), ".wh.%s", name);
	return folder_has(etc, whiteout) || folder_is_opaque(etc) ? LAYER_HIDES : LAYER_PASSES;
}

/* A file as lines. */
struct text {
	char *at, *end;
	int error; /* why there are none: 0, -ENOENT, or why it could not be read */
};

static struct text text_read(const struct plan *p, int upper, const char *name, struct arena *a)
{
	enum layer layer = upper < 0 ? LAYER_PASSES : upper_look(upper, name);
	struct text t = {.error = -ENOENT};
	char path[32], *data;
	size_t len;

	if (layer == LAYER_HIDES)
		return t;
	(void)snprintf(path, sizeof(path), "etc/%s", name);
	t.error = path_read_in(layer == LAYER_HAS ? upper : p->root.fd, path, a,
			       ACCOUNT_FILE_MAX, &data, &len);
	if (t.error == -ENOTDIR)
		t.error = -ENOENT;
	if (t.error == 0) {
		t.at = data;
		t.end = data + len;
	}
	return t;
}

/* The next line, NUL-terminated; NULL at the end. One with a NUL of its own is left out. */
static char *text_line(struct text *t)
{
	while (t->at < t->end) {
		char *line = t->at;
		char *stop = memchr(line, '\n', (size_t)(t->end - line));

		if (!stop)
			stop = t->end; /* io_read_file() has put a NUL there */
		t->at = stop < t->end ? stop + 1 : stop;
		*stop = '\0';
		if (strlen(line) == (size_t)(stop - line))
			return line;
	}
	return NULL;
}

static const char *text_why(const struct text *t)
{
	if (t->error == -EFBIG)
		return "it is larger than 8 MiB";
	if (t->error == -EINVAL)
		return "it is not a regular file";
	return strerrordesc_np(-t->error);
}

/* A file that is there and can't be read leaves the payload with less than it would have; one
 * that is missing has nothing to give. */
static void text_note(struct plan *p, const struct text *t, const char *name, const char *lost)
{
	if (t->error && t->error != -ENOENT)
		plan_note(p, "/etc/%s of '%s' can't be read (%s): %s", name, p->root.path,
			  text_why(t), lost);
}

/* ---- passwd(5), group(5) ---------------------------------------------------------------- */

struct person {
	const char *name; /* NULL: not in the file */
	uint32_t uid, gid;
	const char *home, *shell;
};

/* Cuts the next field off *REST; "" where there is none. */
static char *field_next(char **rest)
{
	static char none[] = "";
	char *field = strsep(rest, ":");

	return field ? field : none;
}

/* The name that LINE starts with, NULL for comments and for the marks of NIS. */
static const char *name_field(char **line)
{
	const char *name = field_next(line);

	return *name && !strchr("#+-", *name) ? name : NULL;
}

static bool person_parse(char *line, struct person *ret_person)
{
	struct person who = {.name = name_field(&line)};

	if (!who.name)
		return false;
	(void)field_next(&line); /* the password */
	if (str_to_u32(field_next(&line), id_max, &who.uid) < 0 ||
	    str_to_u32(field_next(&line), id_max, &who.gid) < 0)
		return false;
	(void)field_next(&line); /* the full name */
	who.home = field_next(&line);
	who.shell = field_next(&line);
	*ret_person = who;
	return true;
}

/* The first entry of NAME, or of UID where NAME is NULL. */
static bool person_find(struct text *passwd, const char *name, uint32_t uid,
			struct person *ret_person)
{
	struct person who = {0};

	for (char *line; (line = text_line(passwd));) {
		if (!person_parse(line, &who))
			continue;
		if (name ? streq(who.name, name) : who.uid == uid) {
			*ret_person = who;
			return true;
		}
	}
	return false;
}

struct group {
	const char *name;
	uint32_t gid;
	char *members; /* NAME,NAME,... */
};

static bool group_parse(char *line, struct group *ret_group)
{
	struct group g = {.name = name_field(&line)};

	if (!g.name)
		return false;
	(void)field_next(&line); /* the password */
	if (str_to_u32(field_next(&line), id_max, &g.gid) < 0)
		return false;
	g.members = field_next(&line);
	*ret_group = g;
	return true;
}

static bool group_find(struct text *file, const char *name, uint32_t *ret_gid)
{
	struct group g;

	for (char *line; (line = text_line(file));) {
		if (!group_parse(line, &g) || !streq(g.name, name))
			continue;
		*ret_gid = g.gid;
		return true;
	}
	return false;
}

static bool group_has(struct group *g, const char *member)
{
	for (char *name; (name = strsep(&g->members, ","));)
		if (streq(name, member))
			return true;
	return false;
}

struct groups {
	gid_t gids[ACCOUNT_GROUPS_MAX];
	size_t n;
};

static bool groups_have(const struct groups *list, gid_t gid)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->gids[i] == gid)
			return true;
	return false;
}

/* Adds the groups that list MEMBER, each once, without PRIMARY. -E2BIG where they don't fit. */
static int groups_find(struct text *file, const char *member, gid_t primary,
		       struct groups *list)
{
	struct group g;

	for (char *line; (line = text_line(file));) {
		if (!group_parse(line, &g) || !group_has(&g, member) || g.gid == primary ||
		    groups_have(list, g.gid))
			continue;
		if (list->n == ACCOUNT_GROUPS_MAX)
			return -E2BIG;
		list->gids[list->n++] = g.gid;
	}
	return 0;
}

/* ---- what was asked for ----------------------------------------------------------------- */

/* USER[:GROUP], each a name or a number. */
struct asked {
	const char *user, *group; /* names; NULL: a number, or not said */
	uint32_t uid, gid;
	bool has_group;
};

/* A name stays in *RET_NAME, a number goes to *RET_ID. */
static int id_parse(const char *s, const char *what, const char **ret_name, uint32_t *ret_id)
{
	char shown[SHOWN_MAX];
	int r = str_to_u32(s, id_max, ret_id);

	if (r == -ERANGE)
		return fail(ERANGE, "%s '%s' is not an id: ids end at 4294967294", what,
			    str_escape(shown, sizeof(shown), s));
	*ret_name = r < 0 ? s : NULL;
	return 0;
}

static int asked_parse(const struct plan *p, struct arena *a, struct asked *ret_asked)
{
	struct asked asked = {.uid = p->ids.keep ? getuid() : 0};
	char *rest = arena_strdup(a, p->user ? p->user : "");
	const char *user = strsep(&rest, ":");
	char shown[SHOWN_MAX];
	int r = 0;

	if ((rest && strchr(rest, ':')) || (p->user && !*p->user))
		return fail_hint(fail(EINVAL, "'%s' is not USER or USER:GROUP",
				      str_escape(shown, sizeof(shown), p->user)),
				 "names of the tree or numbers: --user 1000:1000");
	if (*user)
		r = id_parse(user, "user", &asked.user, &asked.uid);
	if (r == 0 && rest && *rest) {
		r = id_parse(rest, "group", &asked.group, &asked.gid);
		asked.has_group = true;
	} else if (!*user && p->ids.keep) {
		asked.gid = getgid();
		asked.has_group = true;
	}
	if (r < 0)
		return r;
	*ret_asked = asked;
	return 0;
}

/* WHAT ("user", "group") NAME isn't in /etc/FILE, as far as that could be read. */
static int not_found(const struct plan *p, const struct text *t, const char *file,
		     const char *what, const char *name)
{
	char shown[SHOWN_MAX];
	int r;

	str_escape(shown, sizeof(shown), name);
	if (t->error == 0)
		r = fail(ENOENT, "%s '%s' is not in /etc/%s of '%s'", what, shown, file,
			 p->root.path);
	else
		r = fail(-t->error, "look up %s '%s' in /etc/%s of '%s': %s", what, shown, file,
			 p->root.path, text_why(t));
	return fail_hint(r, "a number needs no entry there: --user 1000:1000");
}

/* Fills WHO: found, or as the number that was asked for. */
static int user_decide(struct plan *p, int upper, struct arena *a, const struct asked *asked,
		       struct person *who)
{
	struct text passwd = text_read(p, upper, "passwd", a);

	*who = (struct person){.uid = asked->uid};
	if (person_find(&passwd, asked->user, asked->uid, who))
		return 0;
	if (asked->user)
		return not_found(p, &passwd, "passwd", "user", asked->user);
	text_note(p, &passwd, "passwd", "the home folder and groups of the user are unknown");
	return 0;
}

static int group_decide(struct plan *p, int upper, struct arena *a, const struct asked *asked,
			struct person *who, struct groups *groups)
{
	struct text file = {.error = -ENOENT};
	char shown[SHOWN_MAX];

	if (asked->has_group && !asked->group) {
		who->gid = asked->gid;
		return 0;
	}
	if (!asked->has_group && !who->name)
		return 0;
	file = text_read(p, upper, "group", a);
	if (asked->has_group)
		return group_find(&file, asked->group, &who->gid)
			       ? 0
			       : not_found(p, &file, "group", "group", asked->group);
	text_note(p, &file, "group", "the user is in no groups but the first");
	if (groups_find(&file, who->name, who->gid, groups) < 0)
		return fail_hint(fail(E2BIG, "user '%s' is in more than %d groups of the tree",
				      str_escape(shown, sizeof(shown), who->name),
				      ACCOUNT_GROUPS_MAX),
				 "name the one group to run with: --user USER:GROUP");
	return 0;
}

/* ---- what the maps allow ---------------------------------------------------------------- */

static int id_check(const struct plan *p, const struct idmap *map, const char *what,
		    uint32_t id)
{
	int r;

	if (idmap_outside(map, id) >= 0)
		return 0;
	r = fail(EINVAL,
		 "%s %u does not exist inside: the caller's ids are mapped to other numbers",
		 what, id);
	if (p->ids.map == PLAN_MAP_SELF)
		return fail_hint(
			r, "only one id is mapped: --keep-id keeps your own; with a range in "
			   "/etc/subuid and /etc/subgid there are more");
	return fail_hint(r,
			 "a longer range for the caller in /etc/subuid and /etc/subgid has it");
}

/* Takes the groups out that aren't mapped: the kernel would refuse them all. With one id there
 * can't be any, which was said when the map was made. */
static void groups_cut(struct plan *p, struct groups *groups)
{
	size_t kept = 0;

	for (size_t i = 0; i < groups->n; i++)
		if (idmap_outside(&p->ids.gids, groups->gids[i]) >= 0)
			groups->gids[kept++] = groups->gids[i];
	if (kept < groups->n && p->ids.map != PLAN_MAP_SELF)
		plan_note(p, "%zu groups of the user are left out: their numbers aren't mapped",
			  groups->n - kept);
	groups->n = kept;
}

/* A path from the tree's file, if it is fit to be one; else INSTEAD. */
static const char *path_or(struct plan *p, const char *path, const char *instead)
{
	if (!path || *path != '/' || strlen(path) >= PATH_MAX)
		return instead;
	for (const char *s = path; *s; s++)
		if (iscntrl((unsigned char)*s))
			return instead;
	return arena_strdup(&p->arena, path);
}

/* What $USER is: the name in the tree's file if it is a plain one, else the number. */
static const char *name_or_number(struct plan *p, const struct person *who)
{
	const char *name = who->name ? who->name : who->uid == 0 ? "root" : "";

	for (const char *s = name; *s; s++)
		if (!isgraph((unsigned char)*s))
			return arena_printf(&p->arena, "%u", who->uid);
	return *name ? arena_strdup(&p->arena, name) : arena_printf(&p->arena, "%u", who->uid);
}

int account_resolve(struct plan *p, int upper)
{
	SCOPE_END(arena_done) struct arena files = {0};
	struct groups groups = {0};
	struct person who = {0};
	struct asked asked = {0};
	int r;

	r = asked_parse(p, &files, &asked);
	if (r == 0)
		r = user_decide(p, upper, &files, &asked, &who);
	if (r == 0)
		r = group_decide(p, upper, &files, &asked, &who, &groups);
	if (r == 0)
		r = id_check(p, &p->ids.uids, "user", who.uid);
	if (r == 0)
		r = id_check(p, &p->ids.gids, "group", who.gid);
	if (r < 0)
		return r;

	groups_cut(p, &groups);
	p->uid = who.uid;
	p->gid = who.gid;
	p->n_groups = groups.n;
	p->groups = arena_alloc(&p->arena, groups.n * sizeof(*p->groups));
	memcpy(p->groups, groups.gids, groups.n * sizeof(*p->groups));
	p->user_name = name_or_number(p, &who);
	p->home = path_or(p, who.home, "/");
	p->shell = path_or(p, who.shell, "/bin/sh");
	return 0;
}
