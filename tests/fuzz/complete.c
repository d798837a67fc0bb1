/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c: what a shell asks on Tab: a line "q" (the words are shell text) and the number of the
 * word at the point, then one word a line; a 0x1f in one is its own end of line. */
#include "cli/complete.h"
#include "cli/options.h"
#include "fuzz.h"
#include "scratch.h"

#include <stdlib.h>

enum { WORDS_MAX = 64 };

/* What the real one takes from main.c and from the store. */
const struct opt sbx_opts[] = {OPT_HEADING("Options"), OPT_END};
const struct command commands[] = {
	{"enter", "", "enter", "", enter_opts, 0, OPERANDS_ROOTFS, NULL},
	{"rm", "", "rm", "", rm_opts, 0, OPERANDS_SANDBOXES, NULL},
	{"config", "", "config", "", config_opts, 0, OPERANDS_VERB, NULL},
	{"port", "", "port", "", port_opts, 0, OPERANDS_RUNNING, NULL},
	{"help", "", "help", "", ls_opts, 0, OPERANDS_COMMAND, NULL},
	{NULL},
};

const struct command *command_find(const char *name, size_t len)
{
	for (const struct command *c = commands; c->name; c++)
		if (strlen(c->name) == len && memcmp(c->name, name, len) == 0)
			return c;
	return NULL;
}

int complete_sandboxes(struct arena *a, bool only_running, struct strv *names)
{
	strv_push(a, names, "web");
	if (only_running)
		return 0;
	strv_push(a, names, "build");
	return 0;
}

int complete_sandbox_upper(const char *name)
{
	return -ENOENT;
}

int complete_ports(struct arena *a, const char *name, bool of_host, struct strv *words)
{
	strv_push(a, words, of_host ? "8080" : "53/udp");
	return 0;
}

int complete_profiles(struct arena *a, struct strv *names)
{
	strv_push(a, names, "strict");
	return 0;
}

void config_verbs(void (*each)(void *context, const char *name, const char *help),
		  void *context)
{
	each(context, "show", "show what applies");
}

int complete_sandbox_tree(const char *name)
{
	return -ENOENT;
}

/* A tree with names that must not be offered, in the home folder. */
static struct scratch s;

static void tree_make(void)
{
	static const char *const folders[] = {"t", "t/etc", "t/usr", "t/usr/bin", "t/a b"};

	scratch_make(&s);
	(void)clearenv();
	(void)setenv("A", "1", 1);
	(void)setenv("ESC\033", "1", 1);
	(void)setenv("HOME", s.path, 1);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		(void)mkdirat(s.dir, folders[i], 0755);
	scratch_text(s.dir, "t/etc/passwd",
		     "root:x:0:0::/:\nev\033il:x:1:1::/:\nbob:x:2:2::/:\n");
	scratch_text(s.dir, "t/etc/group", "root:x:0:\nwh\teel:x:1:\n");
	scratch_link(s.dir, "gcc-12", "t/usr/bin/gcc");
	scratch_link(s.dir, "/../..", "t/usr/bin/new\nline");
	scratch_link(s.dir, "../../../../../..", "t/up");
}

static void tree_remove(void) __attribute__((destructor));
static void tree_remove(void)
{
	if (*s.path)
		scratch_remove(&s);
}

/* ":KIND LEAD", and candidates, each in one line that a terminal can show. */
static void answer_check(char *answer, const char *word)
{
	static const char *const kinds[] = {":none ", ":files ", ":folders "};
	const char *first = fuzz_cut(&answer, "\n"), *lead;
	bool is_kind = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		is_kind |= str_after(first, kinds[i]) != NULL;
	must(is_kind);
	/* The lead is the front of the word, and whole: no end of line has cut it. */
	lead = strchr(first, ' ') + 1;
	must(str_after(word, lead));
	must(word[strlen(lead)] != '\n' || !answer || !*answer);
	while (answer && *answer) {
		char *help = fuzz_cut(&answer, "\n"), *candidate = strsep(&help, "\t");

		must(fuzz_is_clean(candidate));
		must(!help || fuzz_is_clean(help));
		must(!help || *candidate == '-' || command_find(candidate, strlen(candidate)));
	}
}

static void ask(const struct invocation *inv)
{
	const struct complete_options *options = inv->options;
	int point = options->point ? (int)options->point : inv->argc;
	char *answer = NULL;
	size_t len = 0;
	FILE *saved = stdout;

	stdout = open_memstream(&answer, &len);
	must(stdout != NULL);
	must(cmd_complete(inv) == 0);
	must(fclose(stdout) == 0);
	stdout = saved;
	must(strlen(answer) == len);
	answer_check(answer, point >= 1 && point <= inv->argc ? inv->argv[point - 1] : "");
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autofree char *text = fuzz_string(data, size);
	char *rest = text, *words[WORDS_MAX + 1], *line = strsep(&rest, "\n");
	struct complete_options options = {.quoted = *line == 'q'};
	int argc = 0;

	if (!*s.path)
		tree_make();
	(void)str_to_u64(line + options.quoted, 1000, &options.point);
	while (rest && argc < WORDS_MAX) {
		words[argc] = strsep(&rest, "\n");
		for (char *c = words[argc++]; *c; c++)
			*c = *c == 0x1f ? '\n' : *c;
	}
	words[argc] = NULL;
	ask(&(struct invocation){
		.arena = &a, .options = &options, .argc = argc, .argv = words});
	return 0;
}
