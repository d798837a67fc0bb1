/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h: what an apply is about to do, so that another process can end it. */
#pragma once

#include "util/str.h"

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Theory of operation
 *
 * The file `apply` beside the upper, replaced as a whole (write, fsync, rename) and removed when
 * all is done. Its records end with a NUL, since names may hold anything else: first
 *
 *   sbx-apply 1 STATE TEMPORARY DEVICE INODE      the last two are the tree's top folder
 *
 * with STATE "write" (steps 1 and 2 of changes.h) or "drop" (step 3), and then one for each
 * operation, in order, with what stood there before:
 *
 *   KIND MODE DEVICE INODE LINKS SIZE MTIME CTIME PATH
 *
 * TEMPORARY is the name, random, of the one file that can be in the making in the folder of
 * some PATH.
 */

enum op_kind {
	OP_REMOVE = 'd', /* a file or an empty folder goes */
	OP_CLEAR = 'c',	 /* so too, for something of another type to stand there */
	OP_MAKE = 'm',	 /* a folder comes */
	OP_PUT = 'p',	 /* anything else comes, over what was there */
	OP_DRESS = 'a',	 /* a folder gets its mode, owner and xattrs */
	OP_FINISH = 'f', /* one that OP_MAKE made: its time too */
};

struct op {
	char kind;
	bool is_done; /* not written: in the state "drop" all are */
	const char *path;
	struct stat before; /* those members that a record has */
};

struct journal {
	bool is_dropping;
	char temporary[32];
	dev_t dev;
	ino_t ino;
	struct op *v;
	size_t n;
};

/* Whether there is one in the folder STATE. */
bool journal_exists(int state);

/* Replaces it; where J is dropping, with the operations that are done. With a sentence. */
int journal_write(int state, const struct journal *j);

/* Reads it into ARENA. With a sentence. */
int journal_read(int state, struct arena *a, struct journal *ret_journal);

int journal_remove(int state);
