/* SPDX-License-Identifier: Apache-2.0 */
/* keep.h: what becomes of a session's changes at its end. */
#pragma once

#include "changes/changes.h"
#include "container/container.h"

/* Names C after the tree TREE until the user has a name for it: no other is called so. */
void keep_name(struct container *c, const char *tree);

/* Somebody at a terminal is told how much of PLACE is about to be thrown away. */
void keep_say_lost(const struct changes_place *place);

/* The end of --keep-on-exit: C, kept and settled, goes where nothing was changed; else who sits
 * at a terminal is asked for its name, and nobody else. Work is only thrown away by an empty
 * answer: an end of file and Ctrl-C keep it under the name that it has. */
int keep_decide(struct container_store *s, struct container *c,
		const struct changes_place *place);
