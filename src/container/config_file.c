/* SPDX-License-Identifier: Apache-2.0 */
/* config_file.c: config.json of a kept sandbox. */
#include "config_file.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <json-c/json.h>

enum { CONFIG_MAX = 1 << 16, VERSION = 1 };

static const char *const overlay_words[] = {
	[PLAN_OVERLAY_KERNEL] = "kernel",
	[PLAN_OVERLAY_FUSE] = "fuse",
};

static const char *const map_words[] = {
	[PLAN_MAP_SUBIDS] = "subids",
	[PLAN_MAP_SELF] = "self",
};

static void object_put(struct json_object **object)
{
	json_object_put(*object);
}

#define autojson SCOPE_END(object_put)

int config_write(const struct container *c)
{
	autojson struct json_object *o = json_object_new_object();
	const char *text;

	json_object_object_add(o, "version", json_object_new_int(VERSION));
	json_object_object_add(o, "name", json_object_new_string(c->name));
	json_object_object_add(o, "tree", json_object_new_string(c->tree));
	json_object_object_add(o, "overlay", json_object_new_string(overlay_words[c->overlay]));
	json_object_object_add(o, "map", json_object_new_string(map_words[c->map]));
	json_object_object_add(o, "keep_id", json_object_new_boolean(c->keep_id));
	json_object_object_add(o, "created", json_object_new_int64(c->created));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	return io_replace_file(c->dir, "config.json", text, strlen(text));
}

/* The member KEY of that TYPE, else NULL. */
static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value))
		return NULL;
	return json_object_is_type(value, type) ? value : NULL;
}

static const char *member_text(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key, json_type_string);

	return value ? json_object_get_string(value) : "";
}

/* The index of WORD in WORDS, or -1. */
static int word_find(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] && streq(words[i], word))
			return (int)i;
	return -1;
}

static int config_take(struct container *c, struct arena *a, struct json_object *o)
{
	struct json_object *version = member(o, "version", json_type_int);
	struct json_object *keep_id = member(o, "keep_id", json_type_boolean);
	struct json_object *created = member(o, "created", json_type_int);
	const char *name = member_text(o, "name"), *tree = member_text(o, "tree");
	int overlay =
		word_find(overlay_words, ARRAY_SIZE(overlay_words), member_text(o, "overlay"));
	int map = word_find(map_words, ARRAY_SIZE(map_words), member_text(o, "map"));

	if (!version || json_object_get_int(version) != VERSION || !keep_id || !created)
		return -EINVAL;
	if (!*name || strlen(name) > CONTAINER_NAME_MAX || *tree != '/' || overlay < 0 ||
	    map < 0)
		return -EINVAL;
	memcpy(c->name, name, strlen(name) + 1);
	c->tree = arena_strdup(a, tree);
	c->overlay = (enum plan_overlay)overlay;
	c->map = (enum plan_map)map;
	c->keep_id = json_object_get_boolean(keep_id);
	c->created = json_object_get_int64(created);
	return 0;
}

int config_read(struct container *c, struct arena *a)
{
	autojson struct json_object *o = NULL;
	char *text;
	size_t len;
	int r = path_read_in(c->dir, "config.json", a, CONFIG_MAX, &text, &len);

	if (r == 0) {
		o = json_tokener_parse(text);
		r = o && json_object_is_type(o, json_type_object) ? config_take(c, a, o)
								  : -EINVAL;
	}
	return r < 0 ? fail(-r, "read config.json of a sandbox: %s", strerrordesc_np(-r)) : 0;
}
