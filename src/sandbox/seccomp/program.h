/* SPDX-License-Identifier: Apache-2.0 */
/* program.h: seccomp programs out of tables, through libseccomp. */
#pragma once

#include "sandbox/sandbox.h"
#include "sandbox/seccomp/table.h"

/* What a program is compiled for; all of it is part of a cached program's key. */
struct program_target {
	uint32_t arch;	 /* SCMP_ARCH_* */
	uint32_t kernel; /* major << 16 | minor */
	uint64_t caps;	 /* the bounding set */
	bool nested;
};

#define autofilter SCOPE_END(program_scope_release)
void program_scope_release(scmp_filter_ctx *ctx);

/* A libseccomp filter for ARCH alone, that answers DEFAULT_ACTION where no rule says otherwise
 * and ends processes that make a foreign architecture's calls. NULL where there is no memory.
 */
scmp_filter_ctx program_begin(uint32_t arch, uint32_t default_action);

/* The filter as instructions in ARENA. HAS_RULES: whether any rule was added. With a sentence.
 */
int program_export(scmp_filter_ctx ctx, bool has_rules, struct arena *a,
		   struct plan_filter *ret_filter);

/* TABLE for TARGET. With a sentence on failure. */
int program_from_table(const struct table *table, const struct program_target *target,
		       struct arena *a, struct plan_filter *ret_filter);
