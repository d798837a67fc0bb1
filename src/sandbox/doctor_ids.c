/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_ids.c: checks of the caller's subordinate ids, and of what maps them. */
#include "doctor.h"

#include "hint.h"
#include "idmap.h"
#include "subid.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <unistd.h>

/* ---- ranges ------------------------------------------------------------------------------ */

/* What is wrong with RANGE, or NULL: somebody else could have files and processes of these ids. */
static const char *range_conflict(struct arena *a, enum subid_kind kind,
				  const struct subid_list *list,
				  const struct subid_range *range, const char *name)
{
	int64_t account = subid_account_in(a, kind, range->first, range->count);

	if (account >= 0)
		return arena_printf(a, "the %s %lld of %s",
				    kind == SUBID_UID ? "user" : "group", (long long)account,
				    kind == SUBID_UID ? "/etc/passwd" : "/etc/group");
	for (size_t i = 0; i < list->n; i++)
		if (!subid_is_of(&list->v[i], name, getuid()) &&
		    subid_meets(&list->v[i], range->first, range->count))
			return arena_printf(a, "a range of '%s'", list->v[i].owner);
	return NULL;
}

/* What a check of one file comes to. */
struct ranges {
	enum subid_kind kind;
	struct subid_list list;
	const char *name; /* of the caller; NULL: none */
	uint64_t count;	  /* of ids that are the caller's */
};

static int ranges_count(struct arena *a, struct ranges *ranges)
{
	int r = subid_read(a, ranges->kind, &ranges->list);

	for (size_t i = 0; r == 0 && i < ranges->list.n; i++)
		if (subid_is_of(&ranges->list.v[i], ranges->name, getuid()))
			ranges->count += ranges->list.v[i].count;
	return r == -ENOENT || (r == 0 && ranges->count == 0)
		       ? fail(ENOENT, "'%s' has no range in %s: root is the only user inside",
			      hint_caller(a), subid_file(ranges->kind))
		       : r;
}

/* True where there is something to say. */
static bool conflict_find(struct arena *a, const struct ranges *ranges,
			  struct doctor_finding *f)
{
	char kind = ranges->kind == SUBID_UID ? 'u' : 'g';

	for (size_t i = 0; i < ranges->list.n; i++) {
		const struct subid_range *range = &ranges->list.v[i];
		uint32_t first;
		const char *other;

		if (!subid_is_of(range, ranges->name, getuid()))
			continue;
		other = range_conflict(a, ranges->kind, &ranges->list, range, ranges->name);
		if (!other)
			continue;
		first = subid_first_free(a, ranges->kind);
		doctor_find(f, DOCTOR_LIMITED,
			    "the range %u:%u of '%s' in %s has ids in common with %s",
			    range->first, range->count, range->owner, subid_file(ranges->kind),
			    other);
		doctor_mend(f, "sudo usermod --del-sub%cids %u-%u --add-sub%cids %u-%u %s",
			    kind, range->first, range->first + range->count - 1, kind, first,
			    first + SUBID_COUNT - 1, hint_caller(a));
		return true;
	}
	return false;
}

void doctor_id_ranges(const struct doctor_request *q, struct doctor_finding *f)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct ranges ranges[SUBID_KINDS] = {{.kind = SUBID_UID}, {.kind = SUBID_GID}};

	for (size_t i = 0; i < SUBID_KINDS; i++) {
		int r;

		ranges[i].name = subid_caller(&a, getuid(), NULL);
		r = ranges_count(&a, &ranges[i]);
		if (r < 0) {
			doctor_find_failure(f,
					    sys_is_host_root() ? DOCTOR_BROKEN : DOCTOR_LIMITED,
					    r, "subids");
			return;
		}
	}
	for (size_t i = 0; i < SUBID_KINDS; i++) {
		uint32_t first;

		if (conflict_find(&a, &ranges[i], f))
			return;
		if (ranges[i].count >= SUBID_COUNT - 1)
			continue;
		first = subid_first_free(&a, ranges[i].kind);
		doctor_find(
			f, DOCTOR_LIMITED,
			"'%s' has %llu ids in %s: files of users above that number can't be made",
			hint_caller(&a), (unsigned long long)ranges[i].count,
			subid_file(ranges[i].kind));
		doctor_mend(f, "sudo usermod --add-sub%cids %u-%u %s",
			    i == SUBID_UID ? 'u' : 'g', first, first + SUBID_COUNT - 1,
			    hint_caller(&a));
		return;
	}
	doctor_find(f, DOCTOR_OK, "'%s' has %llu user ids and %llu group ids", hint_caller(&a),
		    (unsigned long long)ranges[SUBID_UID].count,
		    (unsigned long long)ranges[SUBID_GID].count);
}

/* ---- maps -------------------------------------------------------------------------------- */

static int nothing(void *unused)
{
	return 0;
}

/* As `sbx enter` decides it: without ranges or newuidmap one id is what there is, but where both are
 * there the map must come about. */
void doctor_id_maps(const struct doctor_request *q, struct doctor_finding *f)
{
	struct plan_ids ids;
	int r = sandbox_ids(PLAN_MAP_SUBIDS, false, &ids);

	if (r < 0) {
		doctor_find_failure(f, sys_is_host_root() ? DOCTOR_BROKEN : DOCTOR_LIMITED, r,
				    "newuidmap");
		return;
	}
	r = idmap_run(&ids, nothing, NULL);
	if (r < 0)
		doctor_find_failure(f, DOCTOR_BROKEN, r, "ids");
	else
		doctor_find(f, DOCTOR_OK, "newuidmap and newgidmap mapped the caller's ranges");
}
