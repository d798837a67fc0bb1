/* SPDX-License-Identifier: Apache-2.0 */
/* container.h: the door of this room: where uppers live, and the sandboxes that have a name. */
#pragma once

#include "sandbox/sandbox.h"
#include "util/str.h"

#include <errno.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 *   $XDG_DATA_HOME/sbx/            mode 0700 (for real root /var/lib/sbx, 0711)
 *     containers/ID/               a kept sandbox: config.json, upper/, work/, files/, launcher
 *     tmp/ID/                      one that is thrown away: upper/, work/
 *     skeleton/                    the layer below every tree (sandbox room)
 *     .told-*                      trees whose user knows what of them is out of reach (same)
 *     .overlay-in-*                what the kernel's overlay can do here (sandbox room)
 *     .new.*, .probe.*             for an instant: a file's new text, the overlay's trial; a sweep
 *                                  removes what is a minute old
 *
 * A folder is in use while somebody holds flock(2) on it: the launcher, and fuse-overlayfs,
 * which inherits the descriptor. Who makes a folder locks it and then looks whether the name
 * still leads to it; who removes one locks it first. So a folder of tmp/ that can be locked
 * belongs to nobody (its launcher was killed) and container_sweep() removes it.
 *
 * Every folder starts in tmp/; to keep it, config.json is written, and then it is renamed into
 * containers/. A removal takes config.json first; a folder there without one is half removed,
 * and goes with the next sweep. `launcher` holds the process that uses a kept sandbox, with its
 * start time, so that `sbx rm --force` ends no other process that has got its number since.
 */

struct container_store {
	const char *path; /* $XDG_DATA_HOME/sbx, in the arena that was handed in */
	int dir;
	int containers;
	int tmp;
};

#define CONTAINER_STORE_NONE                                       \
	{                                                          \
		.dir = -EBADF, .containers = -EBADF, .tmp = -EBADF \
	}

void container_store_done(struct container_store *s);

/* Where the store is or would be, absolute; NULL: no place is known. */
const char *container_store_path(struct arena *a);

/* Opens the store; where it is missing it is made, or without CREATE -ENOENT without a
 * sentence. */
int container_store_open(struct arena *a, bool create, struct container_store *ret_store);

enum { CONTAINER_ID_LEN = 64, CONTAINER_ID_SHOWN = 12, CONTAINER_NAME_MAX = 64 };

struct container {
	char id[CONTAINER_ID_LEN + 1];
	char name[CONTAINER_NAME_MAX + 1]; /* "" for one that is thrown away */
	const char *tree;		   /* absolute; in the arena that was handed in */
	enum plan_overlay overlay;	   /* the driver that made the upper */
	enum plan_map map;		   /* and the ids that its files have */
	bool keep_id;
	int64_t created; /* seconds since 1970 */
	bool is_running;
	bool is_damaged; /* config.json can't be read: only id, is_running and dir are known */
	int dir;
};

void container_done(struct container *c);

/* A folder with upper/, of MODE, and work/ that is thrown away unless it is kept; locked. */
int container_new(struct container_store *s, mode_t mode, struct container *ret_container);

/* Real root, who isn't mapped inside, makes the folder its root's there. Nothing for anybody
 * else. */
int container_give(const struct container *c, const struct plan_ids *ids);

/* The folder of C as an absolute path. */
const char *container_path(const struct container_store *s, struct arena *a,
			   const struct container *c);

/* Makes a kept sandbox of it, as *C says: name, tree, overlay, map, keep_id. -EEXIST with a
 * sentence where the name is taken. */
int container_keep(struct container_store *s, struct container *c);

/* The kept sandbox NAME; not locked. -ENOENT without a sentence where there is none. */
int container_find(struct container_store *s, struct arena *a, const char *name,
		   struct container *ret_container);

/* The damaged one whose id begins with ID, which has CONTAINER_ID_SHOWN characters at least. */
int container_find_damaged(struct container_store *s, struct arena *a, const char *id,
			   struct container *ret_container);

/* Gives a kept sandbox another name. -EEXIST with a sentence where that is taken. Needs: it is
 * locked. */
int container_rename(struct container_store *s, struct container *c, const char *name);

/* Locks a kept sandbox for this process; -EBUSY with a sentence where it is running.
 * *RET_WAS_CUT: its last use ended without container_settle() (a crash), so what was written
 * last may be missing. */
int container_lock(struct container *c, bool *ret_was_cut);

/* Locks a kept sandbox to work on its upper, without entering it; -EBUSY with a sentence where
 * it is running. */
int container_hold(struct container *c);
void container_let_go(struct container *c);

/* At the end of a use: the overlay was volatile, nothing was synced on the way; all is now. */
int container_settle(struct container *c);

/* All kept sandboxes, by name, damaged ones too; the array is in ARENA, its members' descriptors are closed. */
int container_list(struct container_store *s, struct arena *a, struct container **ret_list,
		   size_t *ret_n);

/* Ends the sandbox if it is running (FORCE; else -EBUSY with a sentence) and removes it. */
int container_remove(struct container_store *s, struct container *c, bool force);

/* Removes a folder of tmp/ that this process has locked. */
int container_drop_temporary(struct container_store *s, const struct container *c,
			     const struct plan_ids *ids);

/* Removes the folders of tmp/ whose launchers were killed. Says nothing of failures: the next
 * call tries again. */
void container_sweep(struct container_store *s);
