/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ls.c: sbx ls. */
#include "cli.h"
#include "options.h"

#include "container/container.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <time.h>

static const char *overlay_word(const struct container *c)
{
	return c->overlay == PLAN_OVERLAY_FUSE ? "fuse" : "kernel";
}

static const char *map_word(const struct container *c)
{
	return c->map == PLAN_MAP_SUBIDS ? "subids" : "self";
}

/* "3 hours ago", as podman says it. */
static const char *ago(struct arena *a, int64_t then)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {
		{86400 * 365, "year"}, {86400 * 30, "month"}, {86400 * 7, "week"},
		{86400, "day"},	       {3600, "hour"},	      {60, "minute"},
		{1, "second"},
	};
	int64_t age = (int64_t)time(NULL) - then;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (age >= units[i].seconds) {
			int64_t n = age / units[i].seconds;

			return arena_printf(a, "%lld %s%s ago", (long long)n, units[i].unit,
					    n == 1 ? "" : "s");
		}
	return "just now";
}

/* What it is called by: a damaged one has no name that could be read. */
static const char *name_shown(struct arena *a, const struct container *c)
{
	return c->is_damaged ? arena_strndup(a, c->id, CONTAINER_ID_SHOWN) : c->name;
}

static const char *status_word(const struct container *c)
{
	return c->is_running ? "running" : c->is_damaged ? "damaged" : "kept";
}

/* A path for its column: escaped, and the middle left out where it is too wide. */
static const char *tree_shown(struct arena *a, const char *tree, bool whole)
{
	enum { WIDTH = 40, ROOM = 8192 };
	char *shown = arena_alloc(a, ROOM);
	size_t len;

	(void)str_escape(shown, ROOM, tree ? tree : "-");
	len = strlen(shown);
	if (whole || len <= WIDTH)
		return shown;
	return arena_printf(a, "...%s", shown + len - (WIDTH - 3));
}

static void print_table(struct arena *a, const struct container *list, size_t n,
			const struct ls_options *o)
{
	int width = (int)strlen("NAME"), tree = (int)strlen("ROOTFS");

	for (size_t i = 0; i < n; i++) {
		int name = (int)strlen(name_shown(a, &list[i]));
		int path = (int)strlen(tree_shown(a, list[i].tree, o->no_trunc));

		width = name > width ? name : width;
		tree = path > tree ? path : tree;
	}
	printf("%-*s  %-*s  %-7s  %-7s  %s\n", width, "NAME", tree, "ROOTFS", "OVERLAY",
	       "STATUS", "CREATED");
	for (size_t i = 0; i < n; i++)
		printf("%-*s  %-*s  %-7s  %-7s  %s\n", width, name_shown(a, &list[i]), tree,
		       tree_shown(a, list[i].tree, o->no_trunc),
		       list[i].is_damaged ? "-" : overlay_word(&list[i]), status_word(&list[i]),
		       list[i].is_damaged ? "-" : ago(a, list[i].created));
}

static void print_json(const struct container *list, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		const struct container *c = &list[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "id", json_object_new_string(c->id));
		json_object_object_add(o, "running", json_object_new_boolean(c->is_running));
		json_object_object_add(o, "damaged", json_object_new_boolean(c->is_damaged));
		json_object_array_add(array, o);
		if (c->is_damaged)
			continue;
		json_object_object_add(o, "name", json_object_new_string(c->name));
		json_object_object_add(o, "rootfs", json_object_new_string(c->tree));
		json_object_object_add(o, "overlay", json_object_new_string(overlay_word(c)));
		json_object_object_add(o, "map", json_object_new_string(map_word(c)));
		json_object_object_add(o, "created", json_object_new_int64(c->created));
	}
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

int cmd_ls(const struct invocation *inv)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	const struct ls_options *o = inv->options;
	struct container *list = NULL;
	size_t n = 0;
	int r = container_store_open(inv->arena, true, &store);

	if (r < 0)
		return r;
	container_sweep(&store);
	r = container_list(&store, inv->arena, &list, &n);
	if (r < 0)
		return r;
	if (o->json)
		print_json(list, n);
	else if (o->quiet)
		for (size_t i = 0; i < n; i++)
			puts(name_shown(inv->arena, &list[i]));
	else
		print_table(inv->arena, list, n, o);
	return 0;
}

/* ---- for completion ---------------------------------------------------------------------- */

int complete_sandboxes(struct arena *a, bool only_running, struct strv *names)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container *list = NULL;
	size_t n = 0;
	int r = container_store_open(a, false, &store);

	if (r == 0)
		r = container_list(&store, a, &list, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!list[i].is_damaged && (list[i].is_running || !only_running))
			strv_push(a, names, list[i].name);
	return r;
}

int complete_sandbox_tree(const char *name)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	SCOPE_END(arena_done) struct arena a = {0};
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = container_store_open(&a, false, &store);

	if (r == 0)
		r = container_find(&store, &a, name, &c);
	if (r < 0 || !c.tree)
		return -ENOENT;
	r = open(c.tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

int complete_sandbox_upper(const char *name)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	SCOPE_END(arena_done) struct arena a = {0};
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = container_store_open(&a, false, &store);

	if (r == 0)
		r = container_find(&store, &a, name, &c);
	if (r < 0)
		return r;
	r = openat(c.dir, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}
