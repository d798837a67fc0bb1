/* SPDX-License-Identifier: Apache-2.0 */
/* changes_print.c: a list of changes, for people and scripts. */
#include "changes_print.h"

#include "kept.h"
#include "util/fail.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>

enum { SHOWN_MAX = 4 * PATH_MAX };

void changes_print_line(const struct change *change, FILE *out)
{
	static char shown[SHOWN_MAX];

	(void)fprintf(out, "%c %s\n", change->kind,
		      str_escape(shown, sizeof(shown), change->path));
}

void changes_print(const struct changes *c, FILE *out)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].is_implied)
			changes_print_line(&c->v[i], out);
}

static const char *count(struct arena *a, size_t n, const char *what)
{
	return arena_printf(a, "%zu %s", n, what);
}

int changes_print_stat(const struct changes *c, struct arena *a, FILE *out)
{
	struct changes_total total;

	changes_sum(c, &total);
	(void)fprintf(out, "%s, %s, %s; %s\n", count(a, total.added, "added"),
		      count(a, total.changed, "changed"), count(a, total.deleted, "deleted"),
		      kept_size(a, total.bytes));
	return 0;
}

/* ---- JSON -------------------------------------------------------------------------------- */

static const char *type_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "folder";
	case S_IFREG:
		return "file";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

static const char *kind_word(char kind)
{
	return kind == CHANGE_ADDED ? "added" : kind == CHANGE_CHANGED ? "changed" : "deleted";
}

/* Whether JSON, which is UTF-8, can hold PATH; control characters it can. */
static bool is_text(const char *path)
{
	static char shown[SHOWN_MAX];

	for (const char *p = str_escape(shown, sizeof(shown), path); *p; p++)
		if (p[0] == '\\' && p[1] == 'x' && p[2] >= '8')
			return false;
	return true;
}

/* A name of other bytes is shown as it is printed, and told exactly beside. */
static void add_path(struct json_object *o, const char *path)
{
	static char shown[SHOWN_MAX], hex[2 * PATH_MAX + 1];

	if (is_text(path)) {
		json_object_object_add(o, "path", json_object_new_string(path));
		return;
	}
	for (size_t i = 0; path[i] && 2 * i + 2 < sizeof(hex); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)path[i]);
	json_object_object_add(o, "path",
			       json_object_new_string(str_escape(shown, sizeof(shown), path)));
	json_object_object_add(o, "path_hex", json_object_new_string(hex));
}

static struct json_object *change_json(const struct change *change)
{
	const struct stat *st = change->kind == CHANGE_DELETED ? &change->before : &change->now;
	struct json_object *o = json_object_new_object();
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "%04o", st->st_mode & 07777);
	json_object_object_add(o, "kind", json_object_new_string(kind_word(change->kind)));
	add_path(o, change->path);
	json_object_object_add(o, "type", json_object_new_string(type_word(st->st_mode)));
	json_object_object_add(o, "size", json_object_new_int64(st->st_size));
	json_object_object_add(o, "mode", json_object_new_string(mode));
	json_object_object_add(o, "uid", json_object_new_int64(st->st_uid));
	json_object_object_add(o, "gid", json_object_new_int64(st->st_gid));
	json_object_object_add(o, "mtime", json_object_new_int64(st->st_mtim.tv_sec));
	json_object_object_add(o, "only_below", json_object_new_boolean(!change->is_own));
	return o;
}

int changes_print_json(const struct changes *c, FILE *out)
{
	struct json_object *array = json_object_new_array();
	int r;

	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].is_implied)
			json_object_array_add(array, change_json(&c->v[i]));
	r = fprintf(out, "%s\n",
		    json_object_to_json_string_ext(
			    array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
	return r < 0 ? fail_sys("write to standard output") : 0;
}

/* ---- rights ------------------------------------------------------------------------------ */

void changes_note_rights(const struct changes_place *p, const struct changes *c,
			 const char *command)
{
	const char *example = NULL;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (changes_raises_rights(p, &c->v[i]) && n++ == 0)
			example = c->v[i].path;
	if (n > 0)
		kept_note(
			command,
			"%zu file%s setuid, setgid or with capabilities, and would run with more "
			"rights than its caller has, such as '%s'",
			n, n == 1 ? " is" : "s are", example);
}
