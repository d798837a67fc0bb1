/* SPDX-License-Identifier: Apache-2.0 */
/* store.c: the store of kept sandboxes: where it lies, what stands in it, and what is damaged.
 */
#include "store.h"

#include <time.h>

/* ---- the store --------------------------------------------------------------------------- */

static void test_store(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct stat st;

	check_int(store_open("fresh/deep", false, &store), -ENOENT);
	check(!scratch_has(s.dir, "fresh"));
	check_int(store_open("fresh/deep", true, &store), 0);
	check_str(store.path, arena_printf(&a, "%s/fresh/deep/sbx", s.path));
	check(fstat(store.dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	check(fstat(store.tmp, &st) == 0 && (st.st_mode & 07777) == 0700);
	check_int((long long)count(&store), 0);
	container_store_done(&store);
	check_int(store_open("fresh/deep", false, &store), 0);
	container_store_done(&store);

	/* A relative path is none, says the specification. */
	(void)setenv("HOME", s.path, 1);
	(void)setenv("XDG_DATA_HOME", "relative", 1);
	check_int(container_store_open(&a, true, &store), 0);
	check_str(store.path, arena_printf(&a, "%s/.local/share/sbx", s.path));
}

static void test_foreign_store(void)
{
	struct container_store store = CONTAINER_STORE_NONE;
	int before = scratch_descriptors();

	if (geteuid() == 0) {
		tap_skip("a store of another user's", "root has no other");
		return;
	}
	(void)mkdirat(s.dir, "foreign", 0755);
	scratch_link(s.dir, "/usr", "foreign/sbx");
	check_int(store_open("foreign", true, &store), -EPERM);
	check_str(fail_text(),
		  arena_printf(&a, "the store '%s/foreign/sbx' is another user's", s.path));
	check_str(fail_hint_text(), "name a folder of your own with XDG_DATA_HOME");
	check(store.dir < 0 && store.containers < 0 && store.tmp < 0);

	(void)mkdirat(s.dir, "file", 0755);
	scratch_text(s.dir, "file/sbx", "");
	check_int(store_open("file", true, &store), -ENOTDIR);
	check(*fail_hint_text());
	(void)mkdirat(s.dir, "linked", 0755);
	(void)mkdirat(s.dir, "linked/sbx", 0755);
	scratch_link(s.dir, "/tmp", "linked/sbx/containers");
	check(store_open("linked", true, &store) < 0);
	check_int(scratch_descriptors(), before);
}

static void test_life(void)
{
	static const char tree[] = "/a \"tree\"\n\\ of \xc3\xa4\xff bytes";
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container c, found;
	time_t start = time(NULL);

	scratch_must(store_open("life", true, &store), fail_text());
	check_int(container_new(&store, 0755, &c), 0);
	check(scratch_has(c.dir, "upper") && scratch_has(c.dir, "work"));
	check_int((long long)strspn(c.id, "0123456789abcdef"), CONTAINER_ID_LEN);
	check_int(container_find(&store, &a, "mine", &found), -ENOENT);
	(void)snprintf(c.name, sizeof(c.name), "mine");
	c.tree = tree;
	c.overlay = PLAN_OVERLAY_FUSE;
	c.map = PLAN_MAP_SELF;
	c.keep_id = true;
	check_int(container_keep(&store, &c), 0);
	check_str(container_path(&store, &a, &c),
		  arena_printf(&a, "%s/containers/%s", store.path, c.id));

	check_int(container_find(&store, &a, "mine", &found), 0);
	check_str(found.id, c.id);
	check_str(found.tree, tree);
	check(found.overlay == PLAN_OVERLAY_FUSE && found.map == PLAN_MAP_SELF &&
	      found.keep_id);
	check(found.created >= start && found.created <= time(NULL));
	check(found.is_running);
	container_done(&c);
	container_done(&found);
	check_int(container_find(&store, &a, "mine", &found), 0);
	check(!found.is_running);
	container_done(&found);
	check_int((long long)count(&store), 1);
	check_int(remove_named(&store, "mine", false), 0);
	check_int((long long)count(&store), 0);
	check_int(remove_named(&store, "mine", false), -ENOENT);
}

/* ---- a damaged config.json --------------------------------------------------------------- */

#define CONFIG(version, name, tree, overlay, map, keep, created)           \
	"{\"version\": " version ", \"name\": " name ", \"tree\": " tree   \
	", \"overlay\": " overlay ", \"map\": " map ", \"keep_id\": " keep \
	", \"created\": " created "}"

static const char whole[] =
	CONFIG("1", "\"box\"", "\"/tree\"", "\"kernel\"", "\"self\"", "false", "1700000000");

/* Whether the store has the sandbox "box", whose config.json has just changed. */
static bool is_there(struct container_store *store)
{
	struct container c;

	fail_forget();
	if (container_find(store, &a, "box", &c) < 0)
		return false;
	container_done(&c);
	return true;
}

static void test_damaged_text(struct container_store *store, int dir)
{
#define DAMAGED(...) CONFIG(__VA_ARGS__)
	static const char *const rows[] = {
		"",
		"\n",
		"null",
		"true",
		"17",
		"\"box\"",
		"[]",
		"{}",
		"{\"version\": 1}",
		"{\"name\": \"box\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"\xff\xfe{",
		DAMAGED("2", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("\"1\"", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("true", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("[1]", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("null", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "[\"box\"]", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "null", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "5", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "null", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"none\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "1", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"auto\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "{}", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "\"no\"", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "1", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "null", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "\"1\""),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "null"),
	};
	char shown[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scratch_text(dir, "config.json", rows[i]);
		check_that(!is_there(store), "damaged: %s",
			   str_escape(shown, sizeof(shown), rows[i]));
	}
}

static void test_damaged(void)
{
	struct container *list;
	size_t n = 0;
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	SCOPE_END(container_done) struct container c;
	int whole_ones = 0;
	char *large;

	scratch_must(store_open("damaged", true, &store), fail_text());
	check_int(keep(&store, "box", &c), 0);
	check(is_there(&store));
	test_damaged_text(&store, c.dir);
	/* Cut anywhere. */
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		scratch_file(c.dir, "config.json", whole, len);
		whole_ones += is_there(&store);
	}
	check_int(whole_ones, 0);
	scratch_text(c.dir, "config.json", whole);
	check(is_there(&store));
	scratch_file(c.dir, "config.json", "{\"name\": \"\0", 11);
	check(!is_there(&store));

	large = arena_alloc(&a, 1 << 17);
	memset(large, ' ', 1 << 17);
	memcpy(large, whole, sizeof(whole) - 1);
	scratch_file(c.dir, "config.json", large, 1 << 17);
	check(!is_there(&store));
	memset(large, '[', 60000);
	scratch_file(c.dir, "config.json", large, 60000);
	check(!is_there(&store));

	(void)unlinkat(c.dir, "config.json", 0);
	scratch_must(mkfifoat(c.dir, "config.json", 0600), "fifo");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	scratch_text(s.dir, "outside.json", whole);
	scratch_link(c.dir, arena_printf(&a, "%s/outside.json", s.path), "config.json");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	scratch_link(c.dir, "../../../../outside.json", "config.json");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	(void)mkdirat(c.dir, "config.json", 0755);
	check(!is_there(&store));
	/* The others are found all the same, and nothing of what is damaged is swept away. */
	check_int(container_list(&store, &a, &list, &n), 0);
	check(n == 1 && list[0].is_damaged && streq(list[0].id, c.id));
	container_done(&c);
	container_sweep(&store);
	check_int(count_folders(store.containers), 1);

	/* It goes by its id, of which the beginning will do. */
	check_int(container_find_damaged(&store, &a, "", &c), -ENOENT);
	check_int(container_find_damaged(&store, &a, arena_strndup(&a, list[0].id, 12), &c), 0);
	check_int(container_remove(&store, &c, false), 0);
	container_done(&c);
	check_int(count_folders(store.containers), 0);
}

int main(void)
{
	scratch_make(&s);
	test_store();
	test_foreign_store();
	test_life();
	test_damaged();
	scratch_remove(&s);
	arena_done(&a);
	return tap_done();
}
