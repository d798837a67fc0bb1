/* SPDX-License-Identifier: Apache-2.0 */
/* changes.h: the door of this room: what a sandbox has changed, and taking it over. */
#pragma once

#include "sandbox/sandbox.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * Theory of operation
 *
 * An overlay keeps what is written in its upper folder: new and changed files as they are, and
 * marks for what was removed (marks.h). A walk over the upper beside the tree gives the list of
 * changes. Whatever is in the upper was written by a sandbox, and the tree may be written by
 * others at the same time, so nothing is followed: each name is opened in the descriptor of the
 * folder that it was read from, and only what is a regular file or a folder is opened at all.
 * All of it runs in a user namespace with the sandbox's maps (sandbox_run_mapped()): the files
 * belong to any of its ids, and nobody gets a right there that the sandbox's root hasn't had.
 *
 * What was copied up but is what the tree has (content, mode, owner, xattrs, time) is no
 * change. Content is compared, never inferred: time and size are the sandbox's to set.
 *
 * Taking over ("apply") is three steps, and what is to be done stands in a journal beside the
 * upper (journal.h) before the first of them, so that whoever opens the sandbox next ends what
 * was cut short (changes_recover()):
 *
 *   1. the tree is changed, entry by entry, each by a rename of a whole new file. An entry is
 *      touched only if it is still the one that was there when the journal was written, or is
 *      already what it shall be; so doing it again does no harm, and what somebody else has
 *      written meanwhile stays.
 *   2. the tree is synced, and the journal says that what was taken over can go.
 *   3. those entries go from the upper, folders of it that say nothing any more too, and then
 *      the journal.
 *
 * A folder in the upper may hide what the tree has in its place ("opaque"). Entries below such
 * a one can't go alone, since the tree's would not show; the mark is taken off first where
 * nothing is hidden any more, and else they stay, equal to the tree's, which is no change.
 *
 * What changed below: an entry of the tree whose status changed (ctime, which nobody can set)
 * after the upper's entry or mark was born (statx(2)'s btime). For what a new folder in an old
 * one's place hides, and where there is no btime, the upper's or the sandbox's own birth counts.
 */

/* A sandbox, as far as its changes go. */
struct changes_place {
	int state;	       /* the folder with upper/, files/ and the journal */
	int tree;	       /* O_PATH */
	const char *tree_path; /* for messages */
	enum plan_overlay overlay;
	const struct plan_ids *ids;
	bool squash;  /* owners in the upper mean nothing */
	int64_t made; /* when the sandbox was made, in seconds; 0: not known */
};

enum { CHANGE_ADDED = 'A', CHANGE_CHANGED = 'C', CHANGE_DELETED = 'D' };

struct change {
	char kind;
	bool is_own;	    /* false: a folder that only holds changes */
	bool is_implied;    /* a folder that is gone says it for what was in it */
	bool is_refused;    /* changes_check(): it changed below */
	const char *path;   /* from "/" */
	struct stat now;    /* in the sandbox; zero for CHANGE_DELETED */
	struct stat before; /* in the tree; zero for CHANGE_ADDED */
	struct timespec since;
};

struct changes {
	struct change *v; /* by path */
	size_t n, room;
	size_t too_deep; /* folders that were not looked into */
	const char *too_deep_example;
};

/* Below, "inside" means: in what sandbox_run_mapped() runs. */

/* Inside: lists the changes of P, in ARENA. */
int changes_list(const struct changes_place *p, struct arena *a, struct changes *ret_changes);

/* Leaves those at or below one of PATHS (absolute, clean). With PARENTS also the changed
 * folders that these stand in. The index of the first path without a change, else -1. */
int changes_select(struct changes *c, const struct strv *paths, bool parents);

struct changes_total {
	size_t added, changed, deleted; /* files and folders */
	uint64_t bytes; /* of what was added or changed, as it lies on the disk */
};

void changes_sum(const struct changes *c, struct changes_total *ret_total);

/* Outside: the same for all changes of P. */
int changes_count(const struct changes_place *p, struct changes_total *ret_total);

/* Inside: the file PATH as the sandbox (IN_TREE false) or the tree has it, where it is a regular
 * file; a descriptor that the caller owns, or a negative errno. */
int changes_open(const struct changes_place *p, const char *path, bool in_tree);

/* Inside: the target of the symbolic link PATH, in ARENA; -errno. */
int changes_readlink(const struct changes_place *p, const char *path, bool in_tree,
		     struct arena *a, const char **ret_target);

/* Inside: whether the sandbox's PATH would run with rights that its caller hasn't: setuid,
 * setgid or file capabilities. */
bool changes_raises_rights(const struct changes_place *p, const struct change *change);

/* Marks what changed below; how many. */
size_t changes_check(struct changes *c);

/* Inside: whether C could be written at all; a sentence where not. */
int changes_may_write(const struct changes_place *p, const struct changes *c);

/* Inside: takes C over. Paths that somebody changed in the tree meanwhile are left as they are
 * and named in *RET_LEFT. Where it fails, what is not taken over is still in the sandbox.
 * Needs: the sandbox locked, C from changes_list(). */
int changes_apply(const struct changes_place *p, struct arena *a, const struct changes *c,
		  struct strv *ret_left);

/* Outside: ends an apply that was cut short. 1 where there was one, 0 where not. Needs: the
 * sandbox locked. */
int changes_recover(const struct changes_place *p);

/* Whether an apply of the sandbox in STATE was cut short, or is going on. */
bool changes_are_pending(int state);
