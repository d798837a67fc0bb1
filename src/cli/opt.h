/* SPDX-License-Identifier: Apache-2.0 */
/* opt.h: option tables, and the one parser that reads a command line by them. */
#pragma once

#include "util/str.h"

#include <stddef.h>

/*
 * Theory of operation
 *
 * A command's options are a table; --help, shell completion, the check of its man page and the
 * parser all read that table and nothing else. A row names its field by offset and the setter
 * that stores a value there. A row without a name is a heading for --help; a row without help
 * ends the table.
 *
 * Names match exactly: an accepted abbreviation would break the day a longer name appears. The
 * spellings are podman's: --name VALUE, --name=VALUE, -v VALUE, -vVALUE, -v=VALUE, --flag,
 * --flag=false, and letters of flags in one word (-it). Options end at "--", and at the first
 * operand where what follows is somebody else's command line; elsewhere they may stand behind
 * operands too. What is given twice is added to a list, and otherwise the last one wins. --list=
 * with nothing behind it empties the list, so that what a configuration file has put there can
 * be taken back.
 *
 * Configuration files are read by the same tables and setters (conf.h).
 */

/* What a shell offers for a value. */
enum opt_complete {
	COMPLETE_NONE,
	COMPLETE_CHOICE,     /* the words of the metavar: "none|host" */
	COMPLETE_FILE,	     /* of the host's */
	COMPLETE_BIND,	     /* a path of the host's, ":", a path inside */
	COMPLETE_INSIDE,     /* a folder inside */
	COMPLETE_USER,	     /* USER[:GROUP] inside */
	COMPLETE_SANDBOX,    /* the name of a kept sandbox */
	COMPLETE_CAPABILITY, /* one, or several with commas between */
	COMPLETE_ENV,	     /* the name of a variable of the caller's */
	COMPLETE_LIMIT,	     /* nofile=, ... */
	COMPLETE_SECURITY,   /* seccomp=, no-new-privileges */
	COMPLETE_MOUNT,	     /* type=bind,... */
	COMPLETE_PROFILE,    /* of a configuration file */
	COMPLETE_RULE,	     /* of what may be reached: private, host, ... */
	COMPLETE_RESOLV,     /* an option of resolv.conf(5) */
	COMPLETE_HOST,	     /* a name, ":", its address */
	COMPLETE_PUBLISHED,  /* a port of the host's that leads to the sandbox of the line */
};

struct opt;

/* An option of other programs, and what does its work here; a row without a name is the last. */
struct opt_foreign {
	const char *name; /* or a letter */
	const char *hint;
};

/* Stores VALUE ("true" for a bare flag) in FIELD; what isn't argv's own is kept in the arena. A
 * negative errno comes with a sentence that doesn't name the option. */
typedef int opt_setter(const struct opt *o, struct arena *a, const char *value, void *field);

struct opt {
	char letter;	     /* 0: none */
	const char *name;    /* NULL: this row is a heading */
	const char *metavar; /* NULL: a flag */
	opt_setter *set;
	size_t offset; /* of the field in the command's options */
	enum opt_complete complete;
	const char *help; /* one line; NULL ends the table */
	unsigned flags;
	const struct opt_foreign *foreign; /* in the row that ends the table, or NULL */
};

enum opt_flags {
	OPT_ADDS = 1,	   /* given twice, both count; so do those of opt_list() */
	OPT_LINE_ONLY = 2, /* has no place in a configuration file */
};

/* clang-format off */
#define OPT_HEADING(text) {.help = (text)}
#define OPT_END           {.help = NULL}
#define OPT_END_FOREIGN(table) {.help = NULL, .foreign = (table)}
/* clang-format on */

/* Where opt_parse() met --help: nothing behind it was read. */
enum { OPT_ASKED_HELP = 1 };

/* Reads ARGV[0..ARGC-1], the words behind the command's name, into OPTIONS, a zeroed struct of
 * the command's own. *RET_OPERANDS is the index of the first operand, or ARGC. Values are
 * borrowed from ARGV. Returns 0 or OPT_ASKED_HELP, or a negative errno with a sentence. */
int opt_parse(const struct opt *opts, struct arena *a, int argc, char *const argv[],
	      void *options, int *ret_operands);

/* The same, past operands: those go to OPERANDS, which has room for ARGC + 1, with a NULL behind
 * the last. */
int opt_parse_all(const struct opt *opts, struct arena *a, int argc, char *const argv[],
		  void *options, char **operands);

/* The row of that name, LEN bytes long, or of that letter; NULL where there is none. */
const struct opt *opt_find(const struct opt *opts, const char *name, size_t len);
const struct opt *opt_find_letter(const struct opt *opts, char letter);

/* Whether values add up. */
bool opt_adds(const struct opt *o);

/* Setters, by the type of their field. */
opt_setter opt_flag;	      /* bool */
opt_setter opt_text;	      /* const char *, never empty */
opt_setter opt_text_or_empty; /* const char * */
opt_setter opt_list;	      /* struct strv, no member empty */
opt_setter opt_number;	      /* uint64_t */
opt_setter opt_size;	      /* uint64_t, bytes */
opt_setter opt_duration;      /* uint64_t, milliseconds; "0": none */
opt_setter opt_choice;	      /* an enum: the place of VALUE among the words of the metavar */
opt_setter opt_asked_help;    /* none */

/* "true", "false" and what else podman takes for them; -EINVAL with a sentence. */
int opt_to_bool(const char *value, bool *ret_value);

/* VALUE for a message: escaped, and cut where it is longer than a line. Returns DST. */
enum { OPT_SHOWN_MAX = 72 };
const char *opt_shown(char dst[static OPT_SHOWN_MAX], const char *value);

/* The name nearest to WORD in spelling, of those that are offered one by one; NULL while none
 * is near. Start with {.word = WORD}. */
struct opt_nearest {
	const char *word;
	const char *name;
	unsigned distance;
};

void opt_nearest_offer(struct opt_nearest *n, const char *name);
