/* SPDX-License-Identifier: Apache-2.0 */
/* subid.h: who has which subordinate ids, by the files of subuid(5). */
#pragma once

#include "util/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum subid_kind { SUBID_UID, SUBID_GID, SUBID_KINDS };

/* What a range has: the usual number, which holds every id that distributions give. */
enum { SUBID_COUNT = 65536 };

struct subid_range {
	const char *owner; /* a name, or a number in digits */
	uint32_t first, count;
};

struct subid_list {
	struct subid_range *v;
	size_t n;
};

/* "/etc/subuid" or "/etc/subgid". */
const char *subid_file(enum subid_kind kind);

/* The ranges in TEXT, LEN bytes of such a file, which is cut up; lines that are none are passed
 * over. */
void subid_parse(struct arena *a, char *text, size_t len, struct subid_list *ret_list);

/* All ranges of that file, in its order. */
int subid_read(struct arena *a, enum subid_kind kind, struct subid_list *ret_list);

/* Whether RANGE is the user's whose name is NAME (NULL: has none) and whose number is UID. */
bool subid_is_of(const struct subid_range *range, const char *name, uid_t uid);

/* Whether FIRST to FIRST + COUNT - 1 and RANGE have an id in common. */
bool subid_meets(const struct subid_range *range, uint32_t first, uint32_t count);

/* The login name of UID, looked for in /etc/passwd first: the name service loads libraries.
 * NULL where it has none. *RET_IS_LOCAL, unless NULL: it stands in /etc/passwd. */
const char *subid_caller(struct arena *a, uid_t uid, bool *ret_is_local);

/* An id of /etc/passwd or /etc/group from FIRST to FIRST + COUNT - 1, or -1. */
int64_t subid_account_in(struct arena *a, enum subid_kind kind, uint32_t first, uint32_t count);

/* The first of SUBID_COUNT ids from 100000 up that are nobody's: in no range and no account's.
 * 0 where there are none. */
uint32_t subid_first_free(struct arena *a, enum subid_kind kind);
