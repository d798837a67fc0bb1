/* SPDX-License-Identifier: Apache-2.0 */
/* bwrap.h: the door of this room: bubblewrap's command line. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Theory of operation
 *
 * bubblewrap's options are no options of the kind that sbx has: each takes a fixed number of words,
 * never with "=", their order counts, and some say how the next one is meant. So they have a table
 * of their own (options.c), and a parser of its own (parse.c) that fills a bare plan (sandbox.h) as
 * it goes, each option one op. command.c checks what fits together, and runs it.
 *
 * What programs that call bubblewrap look for is kept to the letter: the first line of messages,
 * the exit status (1 where something failed, else the command's own, or 128+N), what is written to
 * descriptors. A hint stands in a line of its own.
 */

struct parse;

enum { BWRAP_VALUES_MAX = 3 };

struct bwrap_option {
	const char *name;
	const char *values; /* their names, with blanks between; NULL: none */
	const char *help;
	/* What it does; see parse.h. */
	int (*take)(struct parse *p, const struct bwrap_option *o, const char *const *values);
	int how;
};

/* In the order in which --help lists them; a row without a name ends them. */
extern const struct bwrap_option bwrap_options[];

/* The row called so, without the dashes; NULL. */
const struct bwrap_option *bwrap_option_find(const char *name);

/* How many words it takes. */
int bwrap_option_values(const struct bwrap_option *o);

void bwrap_help(FILE *out, const char *called);

/* Whether the program was called as bubblewrap is: by its name, or by its first option from within
 * itself, as /proc/self/exe. */
bool bwrap_is_called(int argc, char *const argv[]);

/* All of it: ARGV[0..ARGC-1] are the words behind the program's name, CALLED. Returns the exit
 * status; what went wrong has been said. Needs: the caller's descriptors and file mode mask as they
 * were. */
int bwrap_main(const char *called, int argc, char *const argv[]);
