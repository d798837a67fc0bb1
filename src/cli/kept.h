/* SPDX-License-Identifier: Apache-2.0 */
/* kept.h: a kept sandbox whose changes a command works on. */
#pragma once

#include "changes/changes.h"
#include "container/container.h"

struct kept {
	struct container_store store;
	struct container container;
	struct plan_ids ids;
	struct changes_place place;
};

#define KEPT_NONE                                                                       \
	{                                                                               \
		.store = CONTAINER_STORE_NONE, .container = {.dir = -EBADF}, .place = { \
			.state = -EBADF,                                                \
			.tree = -EBADF                                                  \
		}                                                                       \
	}

void kept_done(struct kept *k);

/* Opens the kept sandbox NAME and its tree. With a sentence. Names are in ARENA. */
int kept_open(struct kept *k, struct arena *a, const char *name);

/* The same for C, which stays the caller's; -ENOENT where its tree isn't there. */
int kept_take(struct kept *k, const struct container *c);

/* Locks the sandbox; ends an apply that was cut short, and says so for COMMAND. -EBUSY where it
 * is running. */
int kept_hold(struct kept *k, const char *command);

/* The same where there is such an apply, and lets go again: for who only looks. */
int kept_recover(struct kept *k, const char *command);

/* "sbx: COMMAND: note: ..." on stderr, escaped. */
void kept_note(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "3.4 MiB", "12 bytes". */
const char *kept_size(struct arena *a, uint64_t bytes);
