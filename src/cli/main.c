/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: finds the command, has its options read, runs it, and says what failed. */
#include "cli.h"
#include "options.h"

#include "bwrap/bwrap.h"
#include "config.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_SBX = 125 }; /* sbx itself failed, not the command inside */

struct sbx_options {
	bool version;
};

static int cmd_help(const struct invocation *inv);
static int cmd_version(const struct invocation *inv);

/* clang-format off */
const struct opt sbx_opts[] = {
OPT_HEADING("Options"),
{'v', "version", NULL, opt_flag, offsetof(struct sbx_options, version), COMPLETE_NONE,
      "print the version"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

static const struct opt help_opts[] = {
OPT_HEADING("Options"),
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

const struct command commands[] = {
{"enter", "[OPTION]... ROOTFS|NAME [--] [COMMAND [ARG]...]",
 "run a command or a shell in a root filesystem",
 "Runs COMMAND, or the login shell of the user inside, in the root filesystem ROOTFS or in the "
 "kept sandbox NAME. The tree itself stays as it is: what is written goes away at the end, or is "
 "kept under the name that --name gives. Options stand before ROOTFS.",
 enter_opts, sizeof(struct enter_options), OPERANDS_ROOTFS, cmd_enter},
{"ls", "[OPTION]...",
 "list the kept sandboxes",
 "Lists the sandboxes that were kept under a name, with the trees that they were made from.",
 ls_opts, sizeof(struct ls_options), OPERANDS_NONE, cmd_ls},
{"port", "[OPTION]... NAME [PORT[/PROTOCOL]]",
 "list or change the published ports of a running sandbox",
 "Lists the ports of the host's that lead into the running sandbox NAME, or those that lead to PORT "
 "inside; publishes more, or closes them.",
 port_opts, sizeof(struct port_options), OPERANDS_RUNNING, cmd_port},
{"diff", "[OPTION]... NAME [PATH]...",
 "show what a kept sandbox has changed",
 "Lists what was added (A), changed (C) and deleted (D) in the kept sandbox NAME, in all of it or "
 "at and below each PATH.",
 diff_opts, sizeof(struct diff_options), OPERANDS_CHANGES, cmd_diff},
{"apply", "[OPTION]... NAME [PATH]...",
 "take the changes of a kept sandbox over into its tree",
 "Writes what was changed in the kept sandbox NAME, all of it or what is at and below each PATH, to "
 "the root filesystem that it was made from. What changed there meanwhile is refused.",
 apply_opts, sizeof(struct apply_options), OPERANDS_CHANGES, cmd_apply},
{"rm", "[OPTION]... NAME...",
 "remove kept sandboxes",
 "Removes kept sandboxes with all that was written in them. The root filesystems that they were "
 "made from stay.",
 rm_opts, sizeof(struct rm_options), OPERANDS_SANDBOXES, cmd_rm},
{"doctor", "[OPTION]... [ROOTFS]",
 "check what this machine offers and lacks",
 "Tries all that sandboxes need of this machine, and says of what is missing how to mend it; with "
 "ROOTFS also whether that tree can be used. Changes nothing. The exit status is 0 where sbx enter "
 "works, 1 where it does not.",
 doctor_opts, sizeof(struct doctor_options), OPERANDS_TREE, cmd_doctor},
{"config", "[OPTION]... [show|profiles|path]",
 "show the configuration",
 "Shows what the configuration files and the profiles named say for 'sbx enter', and where; the "
 "profiles that there are; or the files that are read.",
 config_opts, sizeof(struct config_options), OPERANDS_VERB, cmd_config},
{"bwrap", "[OPTION]... [--] COMMAND [ARG]...",
 "do what bubblewrap does with the same options",
 "Takes the command line of bubblewrap, as sbx does where it is called by the name bwrap.",
 bwrap_opts, 0, OPERANDS_BWRAP, cmd_bwrap},
{"help", "[COMMAND]",
 "explain sbx or one of its commands",
 "Prints what 'sbx --help' prints, or 'sbx COMMAND --help'.",
 help_opts, 0, OPERANDS_COMMAND, cmd_help},
{"version", "",
 "print the version",
 "Prints the version of sbx.",
 help_opts, 0, OPERANDS_NONE, cmd_version},
{"__complete", "[OPTION]... -- WORD...",
 NULL,
 "Answers the shells' completion files.",
 complete_opts, sizeof(struct complete_options), OPERANDS_ANY, cmd_complete},
{NULL},
};
/* clang-format on */

const struct command *command_find(const char *name, size_t len)
{
	for (const struct command *c = commands; c->name; c++)
		if (strlen(c->name) == len && memcmp(c->name, name, len) == 0)
			return c;
	return NULL;
}

/* clang-format off */
static const struct opt_foreign foreign_commands[] = {
{"run", "sbx enter ROOTFS -- COMMAND"},
{"start", "sbx enter NAME goes on with a kept sandbox"},
{"shell", "sbx enter ROOTFS"},
{"create", "sbx enter --name NAME ROOTFS"},
{"exec", "a running sandbox can't be joined; sbx enter NAME -- COMMAND runs it in a kept one"},
{"commit", "sbx apply NAME writes the changes to the tree"},
{"ps", "sbx ls"},
{"list", "sbx ls"},
{"remove", "sbx rm NAME"},
{"delete", "sbx rm NAME"},
{"info", "sbx doctor"},
{NULL},
};
/* clang-format on */

static int unknown_command(const char *name)
{
	struct opt_nearest n = {.word = name};
	char shown[OPT_SHOWN_MAX];
	int r = fail(EINVAL, "'%s' is not a command", opt_shown(shown, name));

	for (const struct opt_foreign *f = foreign_commands; f->name; f++)
		if (streq(f->name, name))
			return fail_hint(r, "%s", f->hint);
	for (const struct command *c = commands; c->name; c++)
		if (c->summary)
			opt_nearest_offer(&n, c->name);
	if (n.name)
		return fail_hint(r, "did you mean '%s'?", n.name);
	return fail_hint(r, "'sbx --help' lists the commands");
}

static int cmd_version(const struct invocation *inv)
{
	(void)puts("sbx " SBX_VERSION);
	return 0;
}

static int cmd_help(const struct invocation *inv)
{
	const struct command *c;

	if (inv->argc == 0) {
		help_sbx(stdout);
		return 0;
	}
	c = command_find(inv->argv[0], strlen(inv->argv[0]));
	if (!c)
		return unknown_command(inv->argv[0]);
	help_command(stdout, c);
	return 0;
}

/* Drops the "--" behind ROOTFS. A command's name hardly ever begins with '-': what does is an
 * option in the wrong place, and to run it would only end in "not found". */
static int rootfs_operands(struct invocation *inv)
{
	char shown[OPT_SHOWN_MAX];
	char **rest;
	int r;

	if (inv->argc == 0)
		return fail(EINVAL,
			    "ROOTFS is missing: the folder or the kept sandbox to enter");
	if (inv->argc == 1 || inv->argv[1][0] != '-')
		return 0;
	if (!streq(inv->argv[1], "--")) {
		r = fail(EINVAL, "'%s' stands where the command should begin",
			 opt_shown(shown, inv->argv[1]));
		return fail_hint(r, "options go before ROOTFS; '--' goes before a command that "
				    "begins with '-'");
	}
	rest = arena_alloc(inv->arena, (size_t)inv->argc * sizeof(*rest));
	rest[0] = inv->argv[0];
	memcpy(rest + 1, inv->argv + 2, (size_t)(inv->argc - 2) * sizeof(*rest));
	inv->argv = rest;
	inv->argc--;
	return 0;
}

static int at_most(const struct invocation *inv, int n)
{
	char shown[OPT_SHOWN_MAX];

	if (inv->argc <= n)
		return 0;
	return fail(EINVAL, "'%s' is one operand too many", opt_shown(shown, inv->argv[n]));
}

static int operands_check(struct invocation *inv)
{
	switch (inv->command->operands) {
	case OPERANDS_NONE:
		return at_most(inv, 0);
	case OPERANDS_COMMAND:
	case OPERANDS_TREE:
	case OPERANDS_VERB:
		return at_most(inv, 1);
	case OPERANDS_ANY:
	case OPERANDS_BWRAP:
	case OPERANDS_SANDBOXES:
		return 0;
	case OPERANDS_RUNNING:
		return inv->argc > 0 ? at_most(inv, 2)
				     : fail(EINVAL, "NAME is missing: the sandbox");
	case OPERANDS_CHANGES:
		return inv->argc > 0 ? 0 : fail(EINVAL, "NAME is missing: the kept sandbox");
	case OPERANDS_ROOTFS:
		return rootfs_operands(inv);
	}
	return 0;
}

/* Reads the words behind the command's name, options to OPTIONS. */
static int line_parse(struct invocation *inv, void *options)
{
	const struct opt *opts = inv->command->opts;
	char **operands;
	int first = 0, r;

	if (operands_have_payload(inv->command->operands)) {
		r = opt_parse(opts, inv->arena, inv->line_argc, inv->line, options, &first);
		inv->argv = inv->line + first;
		inv->argc = inv->line_argc - first;
		return r;
	}
	operands = arena_alloc(inv->arena, ((size_t)inv->line_argc + 1) * sizeof(*operands));
	r = opt_parse_all(opts, inv->arena, inv->line_argc, inv->line, options, operands);
	inv->argv = operands;
	while (operands[inv->argc])
		inv->argc++;
	return r;
}

/* Reads ARGV, the words behind the command's name, and runs the command. */
static int command_run(const struct command *c, struct arena *a, int argc, char *const argv[])
{
	void *options = arena_alloc(a, c->options_size);
	struct invocation inv = {
		.command = c,
		.arena = a,
		.options = options,
		.line_argc = argc,
		.line = argv,
	};
	int r = line_parse(&inv, options);

	if (r == OPT_ASKED_HELP) {
		help_command(stdout, c);
		return 0;
	}
	if (r == 0)
		r = operands_check(&inv);
	if (r < 0)
		return fail_hint(r, "'sbx %s --help' lists the options", c->name);
	return c->run(&inv);
}

/* *RET_COMMAND is set once it is known, for the message. */
static int sbx_run(struct arena *a, int argc, char *const argv[],
		   const struct command **ret_command)
{
	struct sbx_options options = {0};
	const struct command *c;
	int first, r;

	r = opt_parse(sbx_opts, a, argc, argv, &options, &first);
	if (r < 0)
		return fail_hint(r, "'sbx --help' lists the options and commands");
	if (r == OPT_ASKED_HELP) {
		help_sbx(stdout);
		return 0;
	}
	if (options.version)
		return cmd_version(NULL);
	if (first == argc) {
		help_sbx(stderr);
		return EXIT_SBX;
	}
	c = command_find(argv[first], strlen(argv[first]));
	if (!c)
		return unknown_command(argv[first]);
	*ret_command = c;
	argc -= first + 1;
	argv += first + 1;
	return command_run(c, a, argc, argv);
}

/* sbx needs no rights that its caller hasn't, and isn't written to hold them. */
static int refuse_raised_rights(void)
{
	int r;

	if (!getauxval(AT_SECURE) && getuid() == geteuid() && getgid() == getegid())
		return 0;
	r = fail(EPERM, "refuses to run setuid, setgid or with file capabilities");
	return fail_hint(
		r, "chmod u-s,g-s and setcap -r on the program file; it needs no rights of "
		   "its own");
}

/* A file that is opened later must not become one of 0, 1 and 2. What was closed stays of no
 * use: the descriptors are open in the wrong direction. */
static int standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return fail_sys("open '/dev/null' as descriptor %d", fd);
	}
	return 0;
}

/* What was printed must have arrived: a list that ends in a full disk is no list. */
static int output_end(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return fail_sys("write to standard output");
}

/* One write, so that lines of several processes don't mix. */
static void failure_print(const struct command *c, int r)
{
	static char text[4 * FAIL_TEXT_MAX], hint[4 * FAIL_HINT_MAX];
	static char line[sizeof(text) + sizeof(hint) + 64];
	const char *said = *fail_text() ? fail_text() : strerrordesc_np(-r);
	int len;

	str_escape(text, sizeof(text), said ? said : "unknown error");
	str_escape(hint, sizeof(hint), fail_hint_text());
	len = snprintf(line, sizeof(line), "sbx: %s%s%s\n%s%s%s", c ? c->name : "",
		       c ? ": " : "", text, *hint ? "hint: " : "", hint, *hint ? "\n" : "");
	(void)io_write_all(STDERR_FILENO, line, (size_t)len);
}

/* Bubblewrap's command line, where it stands: behind *RET_CALLED, the words by which it is called.
 * NULL: it isn't. */
static char *const *bwrap_words(int argc, char *argv[], const char **ret_called)
{
	*ret_called = "sbx bwrap";
	if (argc > 1 && streq(argv[1], "bwrap"))
		return argv + 2;
	*ret_called = argv[0];
	return bwrap_is_called(argc, argv) ? argv + 1 : NULL;
}

static int sbx_main(int argc, char *argv[])
{
	const struct command *command = NULL;
	struct arena arena = {0};
	int r;

	/* What is made for a sandbox has the modes that are asked for, and the command starts
	 * with podman's. */
	(void)umask(022);
	/* Nothing that the caller left open is for a helper or a sandbox. */
	(void)sys_cloexec_from(STDERR_FILENO + 1);
	/* Over the limit of a file's size (ulimit -f), a write says so: it is no reason to die. */
	(void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	/* argc can be 0. */
	r = sbx_run(&arena, argc > 0 ? argc - 1 : 0, argv + (argc > 0), &command);
	if (r >= 0) {
		int written = output_end();

		r = written < 0 ? written : r;
	}
	/* A command that ran may have a status of its own and a sentence beside it. */
	if (r < 0 || *fail_text())
		failure_print(command, r);
	if (r < 0)
		r = EXIT_SBX;
	arena_done(&arena);
	return r;
}

int main(int argc, char *argv[])
{
	const char *called;
	char *const *words = bwrap_words(argc, argv, &called);
	enum { KEPT = 64 << 20 };
	int r;

	/* Most is freed at the end, and goes at once with the process: giving it back in pieces before is 20 calls. */
	(void)mallopt(M_TRIM_THRESHOLD, KEPT);
	/* Children are waited for, whatever the caller ignores. */
	(void)sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	r = standard_descriptors();
	if (r == 0)
		r = refuse_raised_rights();
	if (r < 0) {
		failure_print(NULL, r);
		return EXIT_SBX;
	}
	/* Bubblewrap hands in what the caller left open, and takes its mask. */
	return words ? bwrap_main(called, argc - (int)(words - argv), words)
		     : sbx_main(argc, argv);
}
