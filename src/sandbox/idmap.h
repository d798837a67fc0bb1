/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.h: which ids of the host stand for which ids inside. */
#pragma once

#include "sandbox.h"
#include "subid.h"

/* Turns p->ids as asked into maps: the caller is root inside (or keeps their number,
 * p->ids.keep), 1 and up are their ranges of /etc/subuid and /etc/subgid (subuid(5)).
 * PLAN_MAP_AUTO without a range or without newuidmap becomes SELF, with a note. Real root is
 * never mapped: it must have a range. */
int idmap_decide(struct plan *p);

/* The ranges in LIST whose owner is NAME (NULL: has none) or UID, as extents without inside
 * numbers: none twice, and without host root and the caller's own id of that kind, OWN. */
void idmap_take_ranges(const struct subid_list *list, const char *name, uid_t uid, uint32_t own,
		       struct idmap *ret_ranges);

/* Numbers RANGES from 0 up and leaves the number OWN_INSIDE (-1: none) to the caller's id OWN.
 */
void idmap_lay_out(struct idmap *map, const struct idmap *ranges, int64_t own_inside,
		   uint32_t own);

/* The id inside that the host's OUTSIDE is, or -1 where it isn't mapped; and the other way
 * round. */
int64_t idmap_inside(const struct idmap *map, uint32_t outside);
int64_t idmap_outside(const struct idmap *map, uint32_t inside);

/* From the parent: has newuidmap and newgidmap write the maps of PID, both at once.
 * Needs: SIGCHLD not ignored. Mustn't: the child is non-dumpable (newuidmap then refuses). */
int idmap_write_child(const struct plan_ids *ids, pid_t pid);

/* From inside the new user namespace: writes a map of one id, which needs no helper. */
int idmap_write_self(const struct plan_ids *ids);

/* The id inside that the set-up runs as: root, or the one that there is. */
uint32_t idmap_root(const struct idmap *map);

/* From inside, once the maps stand: becomes idmap_root(). */
int idmap_become_root(const struct plan_ids *ids);

/* Runs WORK(ARG) in a user and mount namespace of its own with the maps IDS and as their root;
 * returns what it returns, sentence included. */
int idmap_run(const struct plan_ids *ids, int (*work)(void *arg), void *arg);
