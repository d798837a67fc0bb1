/* SPDX-License-Identifier: Apache-2.0 */
/* unreadable.h: what of a tree an ordinary user can't read. */
#pragma once

#include "sandbox.h"

#include <stdbool.h>
#include <stddef.h>

struct unreadable {
	size_t n;
	bool is_capped;	   /* the walk was ended early */
	char example[256]; /* the first one, escaped for a terminal */
};

/* Walks the tree below the O_PATH descriptor ROOT, without following anything and without
 * leaving its file system. What a folder that can't be read holds isn't known, and counts as
 * one. */
void unreadable_count(int root, struct unreadable *ret_found);

/* How to have them all the same, in P's arena. Needs: p->ids decided. */
const char *unreadable_mend(struct plan *p);
