/* SPDX-License-Identifier: Apache-2.0 */
/* spec_mounts.c: values of the options that mount. */
#include "spec.h"

#include "draft.h"
#include "opt.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <stdlib.h>

/* ---- SRC:DST:OPTIONS -------------------------------------------------------------------- */

/* Cuts VALUE at its colons into at most three PARTS; those that aren't there are NULL. */
static int colons_cut(struct arena *a, const char *value, char *parts[static 3])
{
	char *rest = arena_strdup(a, value);

	for (int i = 0; i < 3; i++)
		parts[i] = strsep(&rest, ":");
	if (rest)
		return fail_hint(
			fail(EINVAL, "it has more than two colons"),
			"a path with a colon in it: --mount type=bind,src=SRC,dst=DST");
	return 0;
}

static int source_check(const char *source)
{
	char shown[OPT_SHOWN_MAX];

	if (!source || !*source)
		return fail(EINVAL, "there is no source");
	if (*source == '/' || streq(source, ".") || streq(source, "..") ||
	    str_after(source, "./") || str_after(source, "../"))
		return 0;
	opt_shown(shown, source);
	if (*source == '~')
		return fail_hint(fail(EINVAL, "'~' was left as it is by the shell"),
				 "write $HOME in its place");
	return fail_hint(fail(ENOTSUP, "'%s' would be a named volume, and there are none",
			      shown),
			 "for a file or folder here: ./%s", shown);
}

static int volume_take(struct plan *p, const char *value)
{
	struct draft d;
	char *parts[3] = {NULL};
	int r = colons_cut(&p->arena, value, parts);

	if (r < 0)
		return r;
	if (!parts[1])
		return fail_hint(
			fail(ENOTSUP, "without ':' it would be a volume without a name, and "
				      "there are none"),
			"SRC:DST binds what the host has; --tmpfs DST gives an empty folder");
	draft_init(&d, p, PLAN_MOUNT_BIND);
	d.source = parts[0];
	d.target = parts[1];
	r = source_check(d.source);
	if (r == 0)
		r = draft_words(&d, parts[2]);
	return r < 0 ? r : draft_add(&d);
}

int spec_volume(struct plan *p, const char *value)
{
	return spec_failed(volume_take(p, value), value, "for example ./src:/src:ro");
}

static int bind_take(struct plan *p, const char *value)
{
	struct draft d;
	char *parts[3] = {NULL};
	autofree char *resolved = NULL;
	int r = colons_cut(&p->arena, value, parts);

	if (r == 0 && !*parts[0])
		r = fail(EINVAL, "there is no source");
	if (r < 0)
		return r;
	draft_init(&d, p, PLAN_MOUNT_BIND);
	d.source = parts[0];
	d.target = parts[1];
	if (!d.target) {
		resolved = realpath(d.source, NULL);
		if (!resolved)
			return fail_sys("find the source");
		d.target = resolved;
	}
	r = draft_words(&d, parts[2]);
	return r < 0 ? r : draft_add(&d);
}

int spec_bind(struct plan *p, const char *value)
{
	return spec_failed(bind_take(p, value), value, "for example src:/src:ro");
}

static int tmpfs_take(struct plan *p, const char *value)
{
	struct draft d;
	char *list = arena_strdup(&p->arena, value);
	int r;

	draft_init(&d, p, PLAN_MOUNT_TMPFS);
	d.target = strsep(&list, ":");
	r = draft_words(&d, list);
	return r < 0 ? r : draft_add(&d);
}

int spec_tmpfs(struct plan *p, const char *value)
{
	return spec_failed(tmpfs_take(p, value), value,
			   "for example /cache:size=64m,mode=0700");
}

/* ---- KEY=VALUE,... ---------------------------------------------------------------------- */

/* Takes the quotes of the field at S away, in place, doubled ones too; *RET_END is what
 * follows. */
static int csv_unquote(char *s, char **ret_end)
{
	char *out = s;

	for (char *in = s + 1; *in; in++) {
		if (*in == '"' && *++in != '"') {
			*out = '\0';
			*ret_end = in;
			return 0;
		}
		*out++ = *in;
	}
	return fail(EINVAL, "a quote is not closed");
}

/* Cuts the next field of a CSV line off *REST, which is NULL behind the last. */
static int csv_next(char **rest, char **ret_field)
{
	char *field = *rest, *end = field;
	int r = 0;

	if (*field == '"')
		r = csv_unquote(field, &end);
	else
		end += strcspn(end, ",\"\r\n");
	if (r < 0)
		return r;
	if (*end && *end != ',')
		return fail(EINVAL,
			    "a field that holds quotes or ends of lines has to be in quotes");
	*rest = *end ? end + 1 : NULL;
	*end = '\0';
	*ret_field = field;
	return 0;
}

static int csv_cut(struct arena *a, const char *value, struct strv *ret_fields)
{
	char *rest = arena_strdup(a, value), *field = NULL;
	int r = 0;

	while (rest && (r = csv_next(&rest, &field)) == 0)
		strv_push(a, ret_fields, field);
	return r;
}

/* The type may stand anywhere, and decides what the others mean. */
static int type_find(const struct strv *fields, enum plan_mount_kind *ret_kind)
{
	const char *type = NULL;
	char shown[OPT_SHOWN_MAX];
	int r = 0;

	for (size_t i = 0; i < fields->n && r == 0; i++)
		if (str_after(fields->v[i], "type="))
			r = draft_store(&type, str_after(fields->v[i], "type="));
	if (r < 0)
		return fail_in(r, "option 'type'");
	if (!type || streq(type, "volume"))
		return fail_hint(
			fail(ENOTSUP, "%s, and there are no volumes",
			     type ? "it is of type 'volume'"
				  : "without a type it is of type 'volume'"),
			"for a file or folder of the host's: type=bind,src=SRC,dst=DST");
	if (!streq(type, "bind") && !streq(type, "tmpfs"))
		return fail(ENOTSUP, "a mount is of type bind or tmpfs, not '%s'",
			    opt_shown(shown, type));
	*ret_kind = streq(type, "bind") ? PLAN_MOUNT_BIND : PLAN_MOUNT_TMPFS;
	return 0;
}

static int mount_take(struct plan *p, const char *value)
{
	enum plan_mount_kind kind = PLAN_MOUNT_BIND;
	struct strv fields = {0};
	struct draft d;
	int r = csv_cut(&p->arena, value, &fields);

	if (r == 0)
		r = type_find(&fields, &kind);
	draft_init(&d, p, kind);
	for (size_t i = 0; i < fields.n && r == 0; i++)
		if (!str_after(fields.v[i], "type="))
			r = draft_word(&d, arena_strdup(&p->arena, fields.v[i]), true);
	if (r == 0 && kind == PLAN_MOUNT_BIND)
		r = source_check(d.source);
	return r < 0 ? r : draft_add(&d);
}

int spec_mount(struct plan *p, const char *value)
{
	return spec_failed(
		mount_take(p, value), value,
		"for example type=bind,src=./src,dst=/src,ro or type=tmpfs,dst=/cache");
}
