/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h: commands, and what main() and the commands share. */
#pragma once

#include "opt.h"

#include "util/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What stands behind a command's options; main() checks as much before the command runs. */
enum operands {
	OPERANDS_NONE,
	OPERANDS_ANY,
	OPERANDS_COMMAND,   /* at most one name of a command of ours */
	OPERANDS_TREE,	    /* at most one root filesystem */
	OPERANDS_SANDBOXES, /* names of kept sandboxes, or none */
	OPERANDS_RUNNING,   /* NAME [PORT]: a kept sandbox that is running */
	OPERANDS_CHANGES,   /* NAME [PATH]...: a kept sandbox, and what has changed in it */
	OPERANDS_ROOTFS,    /* ROOTFS|NAME [--] [COMMAND [ARG]...] */
	OPERANDS_VERB,	    /* at most one word that the command knows */
	OPERANDS_BWRAP,	    /* bubblewrap's; main() has them read by src/bwrap */
};

/* Whether options end at the first operand: what follows it is somebody else's command line. */
static inline bool operands_have_payload(enum operands o)
{
	return o == OPERANDS_ROOTFS || o == OPERANDS_BWRAP || o == OPERANDS_ANY;
}

struct invocation {
	const struct command *command;
	struct arena *arena; /* lives until the process ends */
	const void *options; /* the struct that the command's table fills */
	int argc;	     /* operands, without the "--" that may stand behind ROOTFS; */
	char *const *argv;   /* argv[argc] is NULL */
	int line_argc;	     /* all words behind the command's name */
	char *const *line;
};

struct command {
	const char *name;
	const char *usage;   /* what follows the name, for --help */
	const char *summary; /* one line; NULL: --help and completion don't show the command */
	const char *about;   /* what its own --help says */
	const struct opt *opts;
	size_t options_size;
	enum operands operands;
	/* Returns the exit status, or a negative errno with a sentence. */
	int (*run)(const struct invocation *inv);
};

/* In the order in which --help shows them; the row without a name ends them. */
extern const struct command commands[];
extern const struct opt sbx_opts[];

/* LEN bytes of NAME; NULL where no command is called so. */
const struct command *command_find(const char *name, size_t len);

extern const struct opt bwrap_opts[]; /* none: src/bwrap has them */
int cmd_bwrap(const struct invocation *inv);
int cmd_enter(const struct invocation *inv);
int cmd_config(const struct invocation *inv);
int cmd_port(const struct invocation *inv);
int cmd_ls(const struct invocation *inv);
int cmd_diff(const struct invocation *inv);
int cmd_apply(const struct invocation *inv);
int cmd_rm(const struct invocation *inv);
int cmd_doctor(const struct invocation *inv);
int cmd_complete(const struct invocation *inv);

/* ---- help.c --------------------------------------------------------------------------- */

enum { HELP_COLUMNS = 96 };

void help_sbx(FILE *out);
void help_command(FILE *out, const struct command *c);

/* ---- complete.c ----------------------------------------------------------------------- */

extern const struct opt complete_opts[];

struct complete_options {
	bool quoted;	/* the words are shell text: quotes and backslashes count */
	uint64_t point; /* which word is to be completed, from 1; 0: the last one */
};

/* What completion has to know of the kept sandboxes: adds the names of all, or of those that run,
 * without a sentence on failure; and opens the root filesystem of the one called NAME, as an O_PATH descriptor that
 * the caller owns, or a negative errno. */
int complete_sandboxes(struct arena *a, bool only_running, struct strv *names);
int complete_sandbox_tree(const char *name);

/* The ports of the running sandbox NAME, as complete_sandboxes(): those inside, as "80" or "53/udp",
 * or the host's that lead there, as sbx port --remove takes them. */
int complete_ports(struct arena *a, const char *name, bool of_host, struct strv *words);

/* The names of the profiles that there are, as complete_sandboxes(); and the words that can
 * follow "sbx config". */
int complete_profiles(struct arena *a, struct strv *names);
void config_verbs(void (*each)(void *context, const char *name, const char *help),
		  void *context);
/* The same for the folder that holds what is changed in it. */
int complete_sandbox_upper(const char *name);
