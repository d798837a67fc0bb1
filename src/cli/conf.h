/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h: configuration files, and the profiles in them, as settings of an option table. */
#pragma once

#include "opt.h"

/*
 * Theory of operation
 *
 * A file is sections, "[enter]" and "[profile NAME]", with the long names of a command's
 * options as keys: the table that reads the command line reads them, by the same setters.
 * conf_parse() checks all of a file, whether it is going to be used or not: every key is one
 * of the table, every value is tried on a struct that nobody looks at. Files are parsed from
 * the weakest to the strongest, and sections of one name in several of them are one section
 * that goes on.
 *
 * conf_choose() makes one list of settings of them: first "[enter]", then each profile behind
 * those that it builds on, each profile once. An empty value takes back what was said of its
 * option so far. conf_apply() plays the list, as if it stood in front of the command line.
 */

struct conf_section;

/* KEY = VALUE in a line of a file. */
struct conf_setting {
	const struct opt *opt;
	const char *value;
	bool takes_back; /* what was said of its option before it */
	const struct conf_section *section;
	unsigned line;
	struct conf_setting *next; /* in its section */
};

struct conf_section {
	const char *file;
	const char *profile; /* NULL: [enter] */
	unsigned line;
	struct conf_setting *settings, **end;
	struct conf_section *next;
};

struct conf {
	struct arena *arena;
	const struct opt *opts;
	void *trial;	  /* the options that values are tried on */
	const char *home; /* what "~" stands for; NULL: nobody knows */
	struct conf_section *sections, **end;
};

/* What applies, from the weakest to the strongest. */
struct conf_choice {
	struct conf_setting *v;
	size_t n, room;
	struct strv profiles; /* in the order in which they apply */
};

enum {
	CONF_FILE_MAX = 1 << 16,
	CONF_LINE_MAX = 4096, /* bytes, with the NUL that stands for the end of line */
	CONF_NAME_MAX = 64,   /* of a profile */
};

/* OPTS, whose fields are in a struct of OPTIONS_SIZE bytes, has an option "profile". */
void conf_init(struct conf *c, struct arena *a, const struct opt *opts, size_t options_size);

/* Reads TEXT, LEN bytes with a NUL behind, which is cut up and borrowed. Sentences begin with
 * FILE:LINE. */
int conf_parse(struct conf *c, const char *file, char *text, size_t len);

/* What can be checked only when every file is read: that each profile builds on others that
 * there are, and none on itself. */
int conf_check(const struct conf *c);

/* Adds the names of all profiles, each once; and of those that [enter] asks for. */
void conf_list_profiles(const struct conf *c, struct strv *names);
void conf_default_profiles(const struct conf *c, struct strv *names);

/* -ENOENT with a sentence where one of PROFILES isn't there. */
int conf_choose(const struct conf *c, const struct strv *profiles,
		struct conf_choice *ret_choice);

/* Stores what is chosen, but for the profiles' names, in OPTIONS; ASKED: without [enter]. */
int conf_apply(const struct conf *c, const struct conf_choice *choice, bool asked,
	       void *options);

/* The setting whose value is the very string VALUE, or NULL: the command line said it. */
const struct conf_setting *conf_find(const struct conf_choice *choice, const char *value);

/* Puts in front of the failure R where the VALUE of OPTION that led to it stands: "FILE:LINE: OPTION" or
 * "--OPTION". VALUE may be NULL. Returns R. */
int conf_value_failed(const struct conf_choice *choice, int r, const char *value,
		      const char *option);
