/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h: a command line with a point in it, and the answer to what can stand there. */
#pragma once

#include "cli.h"

struct line {
	struct strv words;
	size_t point;
};

enum role {
	ROLE_NONE,
	ROLE_OPTION,  /* the name of an option */
	ROLE_VALUE,   /* the value of .opt */
	ROLE_OPERAND, /* number .operand, from 0 */
};

/* What the word at the point is. */
struct place {
	enum role role;
	const struct opt *opt;
	const char *value; /* within the word */
	size_t operand;
	size_t first_operand; /* its index among the words, or their number */
};

struct answer {
	struct arena *arena;
	const struct line *line;
	const char *value; /* within the word: what is completed; before it stands the lead */
	const char *rootfs;
	const char *kind;
	struct strv candidates;
};

/* Add what begins with s->value, narrow s->value to the part that is completed, and set
 * s->kind. */
void offer_commands(struct answer *s);
void offer_options(struct answer *s, const struct opt *opts);
void offer_bwrap_options(struct answer *s);
void offer_value(struct answer *s, const struct opt *o);
void offer_operand(struct answer *s, enum operands operands, const struct place *p);
