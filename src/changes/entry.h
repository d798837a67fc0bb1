/* SPDX-License-Identifier: Apache-2.0 */
/* entry.h: one file or folder of an upper or a tree, by the folder that it stands in. */
#pragma once

#include "util/str.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Opens NAME in DIR to read, where it still is the file or folder that ST says: a FIFO or a
 * device is never opened, not even one that has come in its place. A descriptor that the caller
 * owns, or a negative errno; -ESTALE where it is another one. */
int entry_open(int dir, const char *name, const struct stat *st);

/* Whether NAME in A, with status ST_A, and in B with ST_B are the same in all but their place:
 * type, mode, owner (unless SQUASH), content, xattrs, and for files their time. What can't be
 * read is not. */
bool entry_is_same(int a, const struct stat *st_a, int b, const struct stat *st_b,
		   const char *name, bool squash);

/* The target of the link NAME in DIR, in ARENA. 0 or a negative errno. */
int entry_readlink(int dir, const char *name, struct arena *a, const char **ret_target);

struct xattr {
	const char *name, *value;
	size_t len;
};

struct xattrs {
	struct xattr *v;
	size_t n;
};

/* The xattrs of FD (not O_PATH), without those of an overlay driver's, in ARENA. 0 or a
 * negative errno. */
int entry_xattrs(int fd, struct arena *a, struct xattrs *ret_xattrs);

/* Makes those of FD the ones that WANTED says, but for an overlay driver's. *RET_NAME, on
 * failure: which one would not go. */
int entry_set_xattrs(int fd, struct arena *a, const struct xattrs *wanted,
		     const char **ret_name);

/* Copies SIZE bytes of data from FROM to the new file TO, holes as holes. 0 or a negative
 * errno. */
int entry_copy_data(int from, int to, off_t size);
