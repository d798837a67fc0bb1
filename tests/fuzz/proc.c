/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c: a line of /proc/self/mountinfo, or a /proc/PID/stat: names in both are any process's. */
#include "container/launcher.h"
#include "fuzz.h"
#include "sandbox/mountinfo.h"

#include <inttypes.h>

/* PLACE as the kernel writes it into mountinfo. */
static char *mangled(struct arena *a, const char *place)
{
	char *line = arena_alloc(a, 4 * strlen(place) + 64), *out = line;

	out += snprintf(out, 32, "36 35 98:0 /mnt1 ");
	for (; *place; place++)
		if (strchr(" \t\n\\#", *place))
			out += snprintf(out, 5, "\\%03o", (unsigned char)*place);
		else
			*out++ = *place;
	(void)snprintf(out, 32, " rw,noatime - ext4");
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autofree char *text = fuzz_string(data, size);
	autofree char *line = fuzz_string(data, size);
	autofree char *stat = fuzz_string(data, size);
	struct mountinfo m;
	char *named;

	if (mountinfo_parse(line, &m))
		must(strlen(m.root) + strlen(m.point) + strlen(m.flags) <= size);
	/* Whatever a mount point is called, its name comes back. */
	must(mountinfo_parse(mangled(&a, text), &m));
	must(streq(m.point, text) && streq(m.root, "/mnt1") && streq(m.flags, "rw,noatime"));

	(void)launcher_parse_start(stat);
	/* Whatever a process calls itself, it doesn't change its start. */
	named = arena_printf(&a,
			     "7 (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %" PRIu64
			     " 20 21",
			     text, (uint64_t)size);
	must(launcher_parse_start(named) == size);
	return 0;
}
