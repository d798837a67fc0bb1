/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.c: the lines of /proc/PID/mountinfo (proc(5)). */
#include "mountinfo.h"

#include "util/scope.h"
#include "util/str.h"

#include <string.h>

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* A path of /proc/self/mountinfo, whose blanks and backslashes are written \ooo, in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && is_octal(s[1]) && is_octal(s[2]) && is_octal(s[3])) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

bool mountinfo_parse(char *line, struct mountinfo *ret_mount)
{
	char *fields[6];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = strsep(&line, " ");
		if (!fields[i])
			return false;
	}
	unescape(fields[3]);
	unescape(fields[4]);
	*ret_mount = (struct mountinfo){
		.id = fields[0],
		.parent = fields[1],
		.device = fields[2],
		.root = fields[3],
		.point = fields[4],
		.flags = fields[5],
	};
	return true;
}
