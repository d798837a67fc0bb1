/* SPDX-License-Identifier: Apache-2.0 */
/* opt.c: reads a command line by an option table. */
#include "opt.h"

#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <stdio.h>

struct parse {
	const struct opt *opts;
	struct arena *arena;
	void *options;
	int argc, at;
	char *const *argv;
	bool has_ended; /* by "--" */
};

const struct opt *opt_find(const struct opt *opts, const char *name, size_t len)
{
	for (const struct opt *o = opts; o->help; o++)
		if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

const struct opt *opt_find_letter(const struct opt *opts, char letter)
{
	for (const struct opt *o = opts; o->help; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

bool opt_adds(const struct opt *o)
{
	return o->set == opt_list || (o->flags & OPT_ADDS);
}

/* ---- what messages need --------------------------------------------------------------- */

const char *opt_shown(char dst[static OPT_SHOWN_MAX], const char *value)
{
	static const char cut[] = "...";
	char escaped[OPT_SHOWN_MAX + 8];
	size_t room = OPT_SHOWN_MAX - sizeof(cut);

	str_escape(escaped, sizeof(escaped), value);
	if (strlen(escaped) < OPT_SHOWN_MAX) {
		memcpy(dst, escaped, strlen(escaped) + 1);
	} else {
		str_escape(dst, room + 1, value);
		memcpy(dst + strlen(dst), cut, sizeof(cut));
	}
	return dst;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

enum { WORD_MAX = 32 };

/* Letters to add, drop, change, or swap with their neighbour, from A to B. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= b_len; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

void opt_nearest_offer(struct opt_nearest *n, const char *name)
{
	size_t len = strlen(n->word);
	unsigned distance;

	if (len > WORD_MAX)
		return;
	/* Whoever is used to abbreviations means what begins like that. */
	distance = len >= 2 && str_after(name, n->word) ? 1 : edit_distance(n->word, name);
	if (distance > 1 && distance > len / 3)
		return;
	if (len < 2 || (n->name && n->distance <= distance))
		return;
	n->name = name;
	n->distance = distance;
}

static int hint_nearest(const struct parse *p, int r, const char *word)
{
	struct opt_nearest n = {.word = word};
	const struct opt *o;

	for (o = p->opts; o->help; o++)
		if (o->name)
			opt_nearest_offer(&n, o->name);
	for (const struct opt_foreign *f = o->foreign; f && f->name; f++)
		if (streq(f->name, word))
			return fail_hint(r, "%s", f->hint);
	return n.name ? fail_hint(r, "did you mean '--%s'?", n.name) : r;
}

static int unknown_name(const struct parse *p, const char *name, size_t len)
{
	const char *word = arena_strndup(p->arena, name, len);
	char shown[OPT_SHOWN_MAX];

	return hint_nearest(p, fail(EINVAL, "unknown option '--%s'", opt_shown(shown, word)),
			    word);
}

static int unknown_letter(const struct parse *p, const char *letter)
{
	const char *word = p->argv[p->at - 1];
	char shown[OPT_SHOWN_MAX], wrong[OPT_SHOWN_MAX];
	char one[5] = {0};

	/* A letter beyond ASCII is shown whole. */
	one[0] = *letter;
	for (size_t i = 1; i < 4 && ((unsigned char)letter[i] & 0xc0) == 0x80; i++)
		one[i] = letter[i];
	if (streq(word + 1, one))
		fail(EINVAL, "unknown option '-%s'", opt_shown(wrong, one));
	else
		fail(EINVAL, "unknown option '-%s' in '%s'", opt_shown(wrong, one),
		     opt_shown(shown, word));
	return hint_nearest(p, -EINVAL, word + 1);
}

/* ---- the parser ----------------------------------------------------------------------- */

static int option_set(struct parse *p, const struct opt *o, const char *value)
{
	int r = o->set(o, p->arena, value, (char *)p->options + o->offset);

	return r < 0 ? fail_in(r, "option '--%s'", o->name) : r;
}

static int list_empty(struct parse *p, const struct opt *o)
{
	*(struct strv *)((char *)p->options + o->offset) = (struct strv){0};
	return 0;
}

/* VALUE is what stood in the option's own word; NULL: nothing did. */
static int option_take(struct parse *p, const struct opt *o, const char *value)
{
	if (value && !*value && o->set == opt_list)
		return list_empty(p, o);
	if (!value && !o->metavar)
		value = "true";
	if (!value && p->at < p->argc)
		value = p->argv[p->at++];
	if (!value)
		return fail(EINVAL, "option '--%s' needs a value: %s", o->name, o->metavar);
	return option_set(p, o, value);
}

/* WORD without its "--". */
static int long_parse(struct parse *p, const char *word)
{
	size_t len = strcspn(word, "=");
	const struct opt *o = opt_find(p->opts, word, len);

	if (!o)
		return unknown_name(p, word, len);
	return option_take(p, o, word[len] ? word + len + 1 : NULL);
}

/* LETTERS is a word without its "-": flags, up to one that takes what is left as its value. */
static int letters_parse(struct parse *p, const char *letters)
{
	for (const char *l = letters; *l; l++) {
		const struct opt *o = opt_find_letter(p->opts, *l);
		const char *rest = l + 1;
		int r;

		if (!o)
			return unknown_letter(p, l);
		if (*rest == '=')
			return option_take(p, o, rest + 1);
		if (o->metavar)
			return option_take(p, o, *rest ? rest : NULL);
		r = option_take(p, o, NULL);
		if (r != 0)
			return r;
	}
	return 0;
}

static bool is_at_option(const struct parse *p)
{
	const char *word = p->at < p->argc ? p->argv[p->at] : "";

	return !p->has_ended && word[0] == '-' && word[1];
}

static int option_parse(struct parse *p)
{
	const char *word = p->argv[p->at++];

	p->has_ended = streq(word, "--");
	if (p->has_ended)
		return 0;
	return word[1] == '-' ? long_parse(p, word + 2) : letters_parse(p, word + 1);
}

int opt_parse(const struct opt *opts, struct arena *a, int argc, char *const argv[],
	      void *options, int *ret_operands)
{
	struct parse p = {
		.opts = opts, .arena = a, .options = options, .argc = argc, .argv = argv};
	int r = 0;

	while (r == 0 && is_at_option(&p))
		r = option_parse(&p);
	if (r == 0)
		*ret_operands = p.at;
	return r;
}

int opt_parse_all(const struct opt *opts, struct arena *a, int argc, char *const argv[],
		  void *options, char **operands)
{
	struct parse p = {
		.opts = opts, .arena = a, .options = options, .argc = argc, .argv = argv};
	int n = 0, r = 0;

	while (r == 0 && p.at < argc) {
		if (is_at_option(&p))
			r = option_parse(&p);
		else
			operands[n++] = argv[p.at++];
	}
	operands[n] = NULL;
	return r;
}

/* ---- setters -------------------------------------------------------------------------- */

int opt_to_bool(const char *value, bool *ret_value)
{
	static const char *const words[2][6] = {
		{"false", "0", "f", "F", "False", "FALSE"},
		{"true", "1", "t", "T", "True", "TRUE"},
	};
	char shown[OPT_SHOWN_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++) {
		if (!streq(value, words[false][i]) && !streq(value, words[true][i]))
			continue;
		*ret_value = streq(value, words[true][i]);
		return 0;
	}
	return fail(EINVAL, "a flag is true or false, not '%s'", opt_shown(shown, value));
}

int opt_flag(const struct opt *o, struct arena *a, const char *value, void *field)
{
	return opt_to_bool(value, field);
}

int opt_text_or_empty(const struct opt *o, struct arena *a, const char *value, void *field)
{
	*(const char **)field = value;
	return 0;
}

static int refuse_empty(const struct opt *o, const char *value)
{
	return *value ? 0 : fail(EINVAL, "its value, %s, is empty", o->metavar);
}

int opt_text(const struct opt *o, struct arena *a, const char *value, void *field)
{
	int r = refuse_empty(o, value);

	return r < 0 ? r : opt_text_or_empty(o, a, value, field);
}

int opt_list(const struct opt *o, struct arena *a, const char *value, void *field)
{
	int r = refuse_empty(o, value);

	if (r < 0)
		return r;
	strv_push(a, field, value);
	return 0;
}

/* The sentence for a number R that WHAT describes; 0 where there is nothing to say. */
static int number_result(int r, const char *value, const char *what)
{
	char shown[OPT_SHOWN_MAX];

	if (r == -ERANGE)
		return fail(ERANGE, "'%s' is out of range for %s", opt_shown(shown, value),
			    what);
	if (r < 0)
		return fail(-r, "'%s' is not %s", opt_shown(shown, value), what);
	return 0;
}

int opt_number(const struct opt *o, struct arena *a, const char *value, void *field)
{
	return number_result(str_to_u64(value, UINT64_MAX, field), value, "a number");
}

int opt_size(const struct opt *o, struct arena *a, const char *value, void *field)
{
	return number_result(str_to_size(value, field), value, "a size such as 512m or 2g");
}

int opt_duration(const struct opt *o, struct arena *a, const char *value, void *field)
{
	if (streq(value, "0")) {
		*(uint64_t *)field = 0;
		return 0;
	}
	return number_result(str_to_duration(value, field), value,
			     "a duration such as 90, 5m, 1h30m or 500ms");
}

int opt_choice(const struct opt *o, struct arena *a, const char *value, void *field)
{
	size_t len = strlen(value);
	const char *word = o->metavar;
	char shown[OPT_SHOWN_MAX];

	for (unsigned i = 0;; i++) {
		size_t n = strcspn(word, "|");

		if (n == len && memcmp(word, value, n) == 0) {
			*(unsigned *)field = i;
			return 0;
		}
		if (!word[n])
			break;
		word += n + 1;
	}
	return fail(EINVAL, "'%s' is none of %s", opt_shown(shown, value), o->metavar);
}

int opt_asked_help(const struct opt *o, struct arena *a, const char *value, void *field)
{
	return OPT_ASKED_HELP;
}
