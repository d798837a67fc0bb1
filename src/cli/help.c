/* SPDX-License-Identifier: Apache-2.0 */
/* help.c: --help, from the tables. */
#include "cli.h"

#include "bwrap/bwrap.h"

#include <stdbool.h>

enum { HELP_INDENT = 28 };

static void pad(FILE *out, size_t from, size_t to)
{
	for (; from < to; from++)
		(void)fputc(' ', out);
}

/* Prints TEXT in words from column AT on; the lines after the first are indented by INDENT. */
static void wrap(FILE *out, const char *text, size_t at, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!first && at + 1 + len > HELP_COLUMNS) {
			(void)fputc('\n', out);
			pad(out, 0, indent);
			at = indent;
		} else if (!first) {
			(void)fputc(' ', out);
			at++;
		}
		(void)fprintf(out, "%.*s", (int)len, text);
		at += len;
		text += len;
		text += *text == ' ';
		first = false;
	}
	(void)fputc('\n', out);
}

/* TEXT beside what stands already in the first USED columns, or below it. */
static void beside(FILE *out, const char *text, size_t used)
{
	if (used + 2 > HELP_INDENT) {
		(void)fputc('\n', out);
		used = 0;
	}
	pad(out, used, HELP_INDENT);
	wrap(out, text, HELP_INDENT, HELP_INDENT);
}

static void print_option(FILE *out, const struct opt *o)
{
	int used;

	if (!o->name) {
		(void)fprintf(out, "\n%s:\n", o->help);
		return;
	}
	if (o->letter)
		used = fprintf(out, "  -%c, --%s", o->letter, o->name);
	else
		used = fprintf(out, "      --%s", o->name);
	if (o->metavar)
		used += fprintf(out, " %s", o->metavar);
	beside(out, o->help, (size_t)used);
}

static void print_options(FILE *out, const struct opt *opts)
{
	for (const struct opt *o = opts; o->help; o++)
		print_option(out, o);
}

void help_command(FILE *out, const struct command *c)
{
	if (c->operands == OPERANDS_BWRAP) {
		bwrap_help(out, "sbx bwrap");
		return;
	}
	(void)fprintf(out, "Usage: sbx %s%s%s\n\n", c->name, *c->usage ? " " : "", c->usage);
	wrap(out, c->about, 0, 0);
	print_options(out, c->opts);
}

void help_sbx(FILE *out)
{
	(void)fputs(
		"Usage: sbx COMMAND [OPTION]... [OPERAND]...\n\n"
		"Runs commands in root filesystems, isolated, without root and without a daemon.\n\n"
		"Commands:\n",
		out);
	for (const struct command *c = commands; c->name; c++)
		if (c->summary)
			beside(out, c->summary, (size_t)fprintf(out, "  %s", c->name));
	print_options(out, sbx_opts);
	(void)fputs("\n'sbx COMMAND --help' lists the options of a command.\n", out);
}
