/* SPDX-License-Identifier: Apache-2.0 */
/* store.h: a store of the test's own, with kept sandboxes in it. */
#pragma once

#include "container/container.h"
#include "scratch.h"
#include "tap.h"
#include "util/fail.h"

#include <stdlib.h>

/* The folder of the test, and memory for as long as it runs. */
static struct scratch s;
static struct arena a;

/* A store of its own at NAME below the test's folder, for as long as STORE lives. */
static inline int store_open(const char *name, bool create, struct container_store *store)
{
	(void)setenv("XDG_DATA_HOME", arena_printf(&a, "%s/%s", s.path, name), 1);
	return container_store_open(&a, create, store);
}

/* A kept sandbox NAME, locked. */
static inline int keep(struct container_store *store, const char *name, struct container *c)
{
	int r = container_new(store, 0755, c);

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	c->tree = "/a/tree";
	c->overlay = PLAN_OVERLAY_KERNEL;
	c->map = PLAN_MAP_SELF;
	return r < 0 ? r : container_keep(store, c);
}

static inline int remove_named(struct container_store *store, const char *name, bool force)
{
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = container_find(store, &a, name, &c);

	return r < 0 ? r : container_remove(store, &c, force);
}

static inline size_t count(struct container_store *store)
{
	struct container *list;
	size_t n = 4711;

	check_int(container_list(store, &a, &list, &n), 0);
	return n;
}

static inline int count_folders(int dir)
{
	autodir DIR *stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = -2;

	while (stream && readdir(stream))
		n++;
	return n;
}
