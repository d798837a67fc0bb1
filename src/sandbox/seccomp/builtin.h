/* SPDX-License-Identifier: Apache-2.0 */
/* builtin.h: the programs that gen.c makes at build time. */
#pragma once

#include "sandbox/sandbox.h"

enum builtin {
	BUILTIN_DEFAULT, /* table_default for TABLE_BUILTIN_CAPS */
	BUILTIN_NESTED,	 /* the same, user namespaces allowed */
	BUILTIN_SINGLE_ID,
	BUILTIN_MAX
};

extern const struct plan_filter builtin_filters[BUILTIN_MAX];
