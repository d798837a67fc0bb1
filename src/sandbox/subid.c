/* SPDX-License-Identifier: Apache-2.0 */
/* subid.c: who has which subordinate ids, by the files of subuid(5). */
#include "subid.h"

#include "util/fail.h"
#include "util/io.h"

#include <errno.h>
#include <pwd.h>

enum { FILE_MAX = 4 << 20, FIRST_GIVEN = 100000 };

const char *subid_file(enum subid_kind kind)
{
	return kind == SUBID_UID ? "/etc/subuid" : "/etc/subgid";
}

/* Cuts the line at *REST off; false at the end. Lines of subuid(5) and passwd(5) hold colons.
 */
static bool next_line(char **rest, char **ret_line)
{
	char *line = strsep(rest, "\n");

	*ret_line = line;
	return line != NULL;
}

static bool range_read(char *line, struct subid_range *ret_range)
{
	const char *owner = strsep(&line, ":");
	const char *first = strsep(&line, ":");

	ret_range->owner = owner;
	return first && line && str_to_u32(first, UINT32_MAX, &ret_range->first) == 0 &&
	       str_to_u32(line, UINT32_MAX - ret_range->first, &ret_range->count) == 0 &&
	       ret_range->count > 0;
}

void subid_parse(struct arena *a, char *text, size_t len, struct subid_list *ret_list)
{
	struct subid_range range;
	size_t lines = 1;
	char *line;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	*ret_list = (struct subid_list){.v = arena_alloc(a, lines * sizeof(*ret_list->v))};
	while (next_line(&text, &line))
		if (range_read(line, &range))
			ret_list->v[ret_list->n++] = range;
}

int subid_read(struct arena *a, enum subid_kind kind, struct subid_list *ret_list)
{
	const char *path = subid_file(kind);
	char *text;
	size_t len;
	int r = io_read_path(path, a, FILE_MAX, &text, &len);

	*ret_list = (struct subid_list){0};
	if (r < 0)
		return fail_hint(r,
				 "make %s a file of lines USER:FIRST:COUNT that all can read",
				 path);
	subid_parse(a, text, len, ret_list);
	return 0;
}

bool subid_is_of(const struct subid_range *range, const char *name, uid_t uid)
{
	uint32_t id;

	return (name && streq(range->owner, name)) ||
	       (str_to_u32(range->owner, UINT32_MAX, &id) == 0 && id == uid);
}

bool subid_meets(const struct subid_range *range, uint32_t first, uint32_t count)
{
	return first < range->first + (uint64_t)range->count &&
	       range->first < first + (uint64_t)count;
}

/* passwd(5) and group(5) both begin with a name, a password and the number. */
static bool account_read(char *line, const char **ret_name, uint32_t *ret_id)
{
	*ret_name = strsep(&line, ":");
	(void)strsep(&line, ":");
	return line && str_to_u32(strsep(&line, ":"), UINT32_MAX, ret_id) == 0;
}

const char *subid_caller(struct arena *a, uid_t uid, bool *ret_is_local)
{
	const struct passwd *pw;
	char *rest = NULL, *line;
	const char *name;
	uint32_t id;
	size_t len;

	if (ret_is_local)
		*ret_is_local = false;
	if (io_read_path("/etc/passwd", a, FILE_MAX, &rest, &len) < 0)
		fail_forget();
	while (rest && next_line(&rest, &line)) {
		if (!account_read(line, &name, &id) || id != uid)
			continue;
		if (ret_is_local)
			*ret_is_local = true;
		return name;
	}
	pw = getpwuid(uid);
	return pw ? arena_strdup(a, pw->pw_name) : NULL;
}

int64_t subid_account_in(struct arena *a, enum subid_kind kind, uint32_t first, uint32_t count)
{
	const char *path = kind == SUBID_UID ? "/etc/passwd" : "/etc/group", *name;
	char *rest = NULL, *line;
	uint32_t id;
	size_t len;

	if (io_read_path(path, a, FILE_MAX, &rest, &len) < 0)
		fail_forget();
	while (rest && next_line(&rest, &line))
		if (account_read(line, &name, &id) && id >= first && id - first < count)
			return id;
	return -1;
}

/* Where the search for a free range goes on behind what is in the way of FIRST; 0: nothing is.
 */
static uint64_t behind_obstacle(struct arena *a, enum subid_kind kind,
				const struct subid_list *list, uint32_t first)
{
	int64_t account;

	for (size_t i = 0; i < list->n; i++)
		if (subid_meets(&list->v[i], first, SUBID_COUNT))
			return list->v[i].first + (uint64_t)list->v[i].count;
	account = subid_account_in(a, kind, first, SUBID_COUNT);
	return account < 0 ? 0 : (uint64_t)account + 1;
}

uint32_t subid_first_free(struct arena *a, enum subid_kind kind)
{
	enum { TRIES_MAX = 100000 };
	struct subid_list list;
	uint64_t first = FIRST_GIVEN;

	if (subid_read(a, kind, &list) < 0)
		fail_forget();
	for (int i = 0; i < TRIES_MAX; i++) {
		uint64_t next = behind_obstacle(a, kind, &list, (uint32_t)first);

		if (next == 0)
			return (uint32_t)first;
		if (next > UINT32_MAX - SUBID_COUNT)
			break;
		first = next;
	}
	return 0;
}
