/* SPDX-License-Identifier: Apache-2.0 */
/* draft.h: a mount, while the words that describe it are read. */
#pragma once

#include "sandbox/sandbox.h"

struct draft {
	struct plan *plan;
	enum plan_mount_kind kind;
	const char *source, *target;
	unsigned attrs;	  /* SYS_ATTR_* as of now */
	unsigned decided; /* those of them that a word has set or cleared */
	/* Options of a tmpfs, in the kernel's spelling; NULL: not said. */
	const char *size, *mode, *inodes, *uid, *gid;
};

void draft_init(struct draft *d, struct plan *p, enum plan_mount_kind kind);

/* Takes WORD, NAME or NAME=VALUE, which it cuts and the draft then borrows; IS_LONG: those
 * words count too that only --mount has. LIST is words with commas between, or NULL. */
int draft_word(struct draft *d, char *word, bool is_long);
int draft_words(struct draft *d, char *list);

/* Stores VALUE in *SLOT, once. */
int draft_store(const char **slot, const char *value);

/* Checks the whole, and adds it to the plan. */
int draft_add(struct draft *d);
