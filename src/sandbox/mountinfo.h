/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.h: the lines of /proc/PID/mountinfo (proc(5)). */
#pragma once

#include <stdbool.h>

struct mountinfo {
	const char *id, *parent;
	const char *device; /* MAJOR:MINOR, of the whole file system */
	const char *root;   /* what of that file system is mounted */
	const char *point;  /* and where */
	const char *flags;  /* "ro,nosuid,..." */
};

/* Takes LINE apart, in place. Allocates nothing. False where it is none. */
bool mountinfo_parse(char *line, struct mountinfo *ret_mount);
