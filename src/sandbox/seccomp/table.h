/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: what the tables of system calls are made of. */
#pragma once

#include "util/str.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * A row holds where its condition on the sandbox does (one of `caps`, or `nested`; neither:
 * always) and all of its `args` compare true. A call goes through three sieves, whatever the
 * order of rows:
 *
 *   1. a row that holds, compares arguments and doesn't allow: its action
 *   2. a row that holds and allows: the call is allowed
 *   3. a row that holds and compares nothing: its action; where rows name the call and none of
 * them holds: the table's `unheld`; where no row names it: `unnamed`
 *
 * Each sieve is a libseccomp filter of its own, because libseccomp knows no order between rules
 * that compare arguments of one call: within a sieve rows of one call that differ in their
 * action must not both be able to hold.
 */

enum { TABLE_ARGS_MAX = 2 };

struct table_row {
	const char *calls; /* names, with spaces between them */
	uint32_t action;   /* SCMP_ACT_* */
	uint64_t caps;	   /* holds where one of these is in the bounding set */
	bool nested;	   /* holds where user namespaces are allowed inside */
	bool newer;	   /* libseccomp may be too old for these names */
	struct scmp_arg_cmp args[TABLE_ARGS_MAX];
	unsigned n_args;
};

struct table {
	const struct table_row *rows;
	size_t n;
	uint32_t unheld, unnamed;
};

/* The profile that sandboxes get unless they ask for another. */
extern const struct table table_default;

/* What is answered for a root that is alone in its id map. */
extern const struct table table_single_id;

/* Those capabilities of a sandbox's default set that rows of table_default ask for. */
#define TABLE_BUILTIN_CAPS (UINT64_C(1) << CAP_SYS_CHROOT)

/* All capabilities that rows of TABLE ask for. */
uint64_t table_caps(const struct table *table);

/* All that TABLE says as text, for comparing it with that of another build; it is in ARENA.
 * With a sentence on failure. */
int table_text(const struct table *table, struct arena *a, char **ret_text, size_t *ret_len);
