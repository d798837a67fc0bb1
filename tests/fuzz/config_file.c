/* SPDX-License-Identifier: Apache-2.0 */
/* config_file.c: config.json of a kept sandbox. What is taken is written, and taken again. */
#include "container/config_file.h"
#include "fuzz.h"
#include "scratch.h"

static struct scratch s;

static void folder_remove(void) __attribute__((destructor));
static void folder_remove(void)
{
	if (*s.path)
		scratch_remove(&s);
}

static void container_check(const struct container *c)
{
	must(*c->name && strlen(c->name) <= CONTAINER_NAME_MAX);
	must(*c->tree == '/');
	must(c->overlay == PLAN_OVERLAY_KERNEL || c->overlay == PLAN_OVERLAY_FUSE);
	must(c->map == PLAN_MAP_SUBIDS || c->map == PLAN_MAP_SELF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct container first = {0}, second = {0};
	int r;

	if (!*s.path)
		scratch_make(&s);
	first.dir = second.dir = s.dir;
	scratch_file(s.dir, "config.json", data, size);
	fail_forget();
	r = config_read(&first, &a);
	if (r < 0) {
		fuzz_must_be_failure(r);
		return 0;
	}
	container_check(&first);
	must(config_write(&first) == 0);
	must(config_read(&second, &a) == 0);
	must(streq(first.name, second.name) && streq(first.tree, second.tree));
	must(first.overlay == second.overlay && first.map == second.map);
	must(first.keep_id == second.keep_id && first.created == second.created);
	return 0;
}
