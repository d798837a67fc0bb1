/* SPDX-License-Identifier: Apache-2.0 */
/* words.h: the words of seccomp profiles, and what they mean to libseccomp. */
#pragma once

#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct word_action {
	const char *name;
	uint32_t action;
	uint32_t data_max; /* of the errno or message that goes with it; 0: none does */
};

struct word_op {
	const char *name;
	enum scmp_compare op;
};

/* TOKEN 0: an architecture that this libseccomp doesn't know. */
struct word_arch {
	const char *name;    /* in `architectures` and `archMap` */
	const char *go_name; /* in `includes` and `excludes` */
	uint32_t token;
};

/* The word NAME, or NULL. */
const struct word_action *word_action(const char *name);
const struct word_op *word_op(const char *name);
const struct word_arch *word_arch(const char *name);
const struct word_arch *word_arch_go(const char *name);

/* The number of an errno by its name; -EINVAL. */
int word_errno(const char *name);
