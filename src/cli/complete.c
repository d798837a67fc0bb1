/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c: answers the shells' completion files. */
#include "complete.h"

#include <assert.h>

/*
 * Theory of operation
 *
 * A shell runs "sbx __complete [--quoted] [--point N] -- WORD..." with the words behind "sbx".
 * The first line of the answer is
 *
 *   :KIND LEAD
 *
 * where LEAD is the front of the word that stays as it is ("--net=", "SRC:", mostly nothing),
 * as the shell gave it, and KIND what the shell itself adds: none, files or folders of the
 * host's. Each further line is one candidate for what follows LEAD, and perhaps a tab and a
 * description. A candidate that ends in "/", "=" or ":" wants no blank behind it.
 *
 * Words behind the one that is completed are given too: --user comes before the ROOTFS whose
 * users are to be offered.
 */

#define AT(field) offsetof(struct complete_options, field)

/* clang-format off */
const struct opt complete_opts[] = {
OPT_HEADING("Options"),
{0, "quoted", NULL, opt_flag, AT(quoted), COMPLETE_NONE,
    "the words are shell text: quotes and backslashes count"},
{0, "point", "N", opt_number, AT(point), COMPLETE_NONE,
    "which word is completed, from 1; by default the last one"},
OPT_END,
};
/* clang-format on */

/* ---- shell text ----------------------------------------------------------------------- */

/* Takes quotes off RAW, into PLAIN, until that has STOP bytes or RAW ends. Returns how far it
 * came in RAW. */
static size_t shell_unquote(const char *raw, size_t stop, char *plain)
{
	const char *in = raw;
	char quote = 0;
	size_t n = 0;

	for (; *in && n < stop; in++) {
		if (*in == quote) {
			quote = 0;
		} else if (!quote && (*in == '\'' || *in == '"')) {
			quote = *in;
		} else if (*in == '\\' && in[1] &&
			   (!quote || (quote == '"' && strchr("\\\"$`", in[1])))) {
			plain[n++] = *++in;
		} else {
			plain[n++] = *in;
		}
	}
	plain[n] = '\0';
	return (size_t)(in - raw);
}

/* ---- where the point is --------------------------------------------------------------- */

/* The option in WORD that takes a value, and in *RET_VALUE that value, NULL where it is the
 * next word. NULL where no option of the word takes one. */
static const struct opt *word_option(const struct opt *opts, const char *word,
				     const char **ret_value)
{
	const struct opt *o;
	size_t len;

	*ret_value = NULL;
	if (word[1] == '-') {
		len = strcspn(word + 2, "=");
		o = opt_find(opts, word + 2, len);
		if (o && word[2 + len])
			*ret_value = word + 2 + len + 1;
		return o && (o->metavar || *ret_value) ? o : NULL;
	}
	for (const char *l = word + 1; *l; l++) {
		o = opt_find_letter(opts, *l);
		if (!o || !(o->metavar || l[1] == '='))
			continue;
		if (l[1])
			*ret_value = l + 1 + (l[1] == '=');
		return o;
	}
	return NULL;
}

static void place_set_value(struct place *p, const struct opt *o, const char *value)
{
	p->role = ROLE_VALUE;
	p->opt = o;
	p->value = value;
}

/* Reads the option word number I as opt_parse() does; returns the number of the word behind it.
 */
static size_t place_option(struct place *p, const struct line *l, const struct opt *opts,
			   size_t i)
{
	const char *value;
	const struct opt *o = word_option(opts, l->words.v[i], &value);

	if (i == l->point) {
		if (o && value)
			place_set_value(p, o, value);
		else
			p->role = ROLE_OPTION;
	}
	if (!o || value)
		return i + 1;
	/* A value of its own word, unless the point stands behind the option's very name. */
	if (i + 1 == l->point)
		place_set_value(p, o, l->words.v[i + 1]);
	return i == l->point ? i + 1 : i + 2;
}

static void place_operand(struct place *p, const struct line *l, size_t i)
{
	if (i < p->first_operand)
		p->first_operand = i;
	if (i < l->point)
		p->operand++;
	else if (i == l->point)
		p->role = ROLE_OPERAND;
}

/* Reads the words from number I on by OPTS; ALL: as opt_parse_all() does. */
static struct place place_find(const struct line *l, const struct opt *opts, size_t i, bool all)
{
	struct place p = {.role = ROLE_NONE, .first_operand = l->words.n};
	bool has_ended = false;

	while (i < l->words.n) {
		const char *word = l->words.v[i];

		if (has_ended || word[0] != '-' || (!word[1] && i != l->point)) {
			place_operand(&p, l, i++);
			has_ended |= !all;
		} else if (streq(word, "--") && i != l->point) {
			has_ended = true;
			i++;
		} else {
			i = place_option(&p, l, opts, i);
		}
	}
	return p;
}

/* ---- the answer ----------------------------------------------------------------------- */

static void offer_place(struct answer *s, const struct opt *opts, const struct place *p)
{
	if (p->role == ROLE_OPTION) {
		offer_options(s, opts);
	} else if (p->role == ROLE_VALUE) {
		s->value = p->value;
		offer_value(s, p->opt);
	}
}

static void answer_find(struct answer *s)
{
	const struct line *l = s->line;
	struct place p = place_find(l, sbx_opts, 0, false);
	const struct command *c;
	const char *name;

	offer_place(s, sbx_opts, &p);
	if (p.role != ROLE_OPERAND)
		return;
	if (p.operand == 0) {
		offer_commands(s);
		return;
	}
	name = l->words.v[p.first_operand];
	c = command_find(name, strlen(name));
	if (!c)
		return;
	/* Of another grammar: what begins with a dash is an option, wherever it stands. */
	if (c->operands == OPERANDS_BWRAP && *s->value == '-') {
		offer_bwrap_options(s);
		return;
	}
	p = place_find(l, c->opts, p.first_operand + 1, !operands_have_payload(c->operands));
	if (p.first_operand < l->words.n && p.first_operand != l->point)
		s->rootfs = l->words.v[p.first_operand];
	offer_place(s, c->opts, &p);
	if (p.role == ROLE_OPERAND)
		offer_operand(s, c->operands, &p);
}

/* ---- the command ---------------------------------------------------------------------- */

static const char *word_plain(struct arena *a, const char *raw, bool quoted)
{
	char *plain;

	if (!quoted)
		return raw;
	plain = arena_alloc(a, strlen(raw) + 1);
	(void)shell_unquote(raw, strlen(raw), plain);
	return plain;
}

/* How much of RAW stands before the value. */
static size_t lead_length(const struct answer *s, const char *raw, bool quoted)
{
	size_t plain = (size_t)(s->value - s->line->words.v[s->line->point]);

	if (!quoted)
		return plain;
	return shell_unquote(raw, plain, arena_alloc(s->arena, strlen(raw) + 1));
}

int cmd_complete(const struct invocation *inv)
{
	const struct complete_options *options = inv->options;
	size_t n = (size_t)inv->argc;
	struct line line = {.point = n - (n > 0)};
	struct answer s = {.arena = inv->arena, .line = &line, .kind = "none"};
	const char *raw;
	size_t lead;

	if (options->point > 0)
		line.point = options->point <= n ? (size_t)options->point - 1 : n;
	for (size_t i = 0; i < n; i++)
		strv_push(inv->arena, &line.words,
			  word_plain(inv->arena, inv->argv[i], options->quoted));
	if (line.point == n)
		strv_push(inv->arena, &line.words, "");
	assert(line.words.v && line.point < line.words.n);
	raw = line.point < n ? inv->argv[line.point] : "";

	s.value = line.words.v[line.point];
	answer_find(&s);

	lead = lead_length(&s, raw, options->quoted);
	/* The answer is lines: a lead of several would be taken for candidates. */
	if (memchr(raw, '\n', lead)) {
		(void)puts(":none ");
		return 0;
	}
	(void)printf(":%s %.*s\n", s.kind, (int)lead, raw);
	for (size_t i = 0; i < s.candidates.n; i++)
		(void)puts(s.candidates.v[i]);
	return 0;
}
