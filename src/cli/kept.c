/* SPDX-License-Identifier: Apache-2.0 */
/* kept.c: a kept sandbox whose changes a command works on. */
#include "kept.h"

#include "opt.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <fcntl.h>
#include <stdarg.h>

void kept_done(struct kept *k)
{
	(void)fd_close(k->place.tree);
	container_done(&k->container);
	container_store_done(&k->store);
}

static int place_open(struct kept *k, const struct container *c)
{
	int r = sandbox_ids(c->map, c->keep_id, &k->ids);

	if (r < 0)
		return r;
	k->place = (struct changes_place){
		.state = c->dir,
		.tree = open(c->tree, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.tree_path = c->tree,
		.overlay = c->overlay,
		.ids = &k->ids,
		.made = c->created,
	};
	if (k->place.tree < 0)
		return fail_hint(fail_sys("open the tree of the sandbox '%s', '%s'", c->name,
					  c->tree),
				 "put it back, or: sbx rm %s", c->name);
	k->place.squash =
		c->overlay == PLAN_OVERLAY_FUSE && sandbox_squashes(&k->ids, k->place.tree);
	return 0;
}

int kept_take(struct kept *k, const struct container *c)
{
	k->container = *c;
	k->container.dir = fcntl(c->dir, F_DUPFD_CLOEXEC, 0);
	if (k->container.dir < 0)
		return fail_sys("copy a descriptor");
	return place_open(k, &k->container);
}

int kept_open(struct kept *k, struct arena *a, const char *name)
{
	char shown[OPT_SHOWN_MAX];
	int r = container_store_open(a, true, &k->store);

	if (r < 0)
		return r;
	if (container_find(&k->store, a, name, &k->container) < 0)
		return fail_hint(fail(ENOENT, "there is no kept sandbox %s",
				      opt_shown(shown, name)),
				 "sbx ls lists those that there are");
	return place_open(k, &k->container);
}

int kept_hold(struct kept *k, const char *command)
{
	int r = container_hold(&k->container);

	if (r == 0)
		r = changes_recover(&k->place);
	if (r > 0)
		kept_note(
			command,
			"an apply of '%s' was cut short, and is ended now; what somebody changed "
			"in the tree since stays so, and in the sandbox",
			k->container.name);
	return r < 0 ? r : 0;
}

int kept_recover(struct kept *k, const char *command)
{
	int r;

	if (!changes_are_pending(k->container.dir))
		return 0;
	r = kept_hold(k, command);
	container_let_go(&k->container);
	return r;
}

void kept_note(const char *command, const char *fmt, ...)
{
	char text[FAIL_TEXT_MAX], shown[4 * FAIL_TEXT_MAX], line[sizeof(shown) + 64];
	va_list args;
	int len;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	len = snprintf(line, sizeof(line), "sbx: %s: note: %s\n", command,
		       str_escape(shown, sizeof(shown), text));
	(void)io_write_all(STDERR_FILENO, line, (size_t)len);
}

const char *kept_size(struct arena *a, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	uint64_t tenths = bytes * 10 / 1024;
	size_t i = 0;

	if (bytes < 1024)
		return arena_printf(a, "%llu byte%s", (unsigned long long)bytes,
				    bytes == 1 ? "" : "s");
	for (; tenths >= 10240 && i + 1 < ARRAY_SIZE(units); i++)
		tenths /= 1024;
	return arena_printf(a, "%llu.%llu %s", (unsigned long long)tenths / 10,
			    (unsigned long long)tenths % 10, units[i]);
}
