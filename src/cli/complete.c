/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c: answers the shells' completion files. */
#include "cli.h"
#include "options.h"
#include "tree.h"

#include "util/scope.h"

#include <fcntl.h>
#include <stdlib.h>

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

/* ---- shell text ---------------------------------------------------------------------------
 */

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

/* ---- where the point is --------------------------------------------------------------------
 */

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

/* Reads the words from number I on by OPTS. */
static struct place place_find(const struct line *l, const struct opt *opts, size_t i)
{
	struct place p = {.role = ROLE_NONE};

	while (i < l->words.n) {
		const char *word = l->words.v[i];

		if (word[0] != '-' || (!word[1] && i != l->point))
			break;
		if (streq(word, "--") && i != l->point) {
			i++;
			break;
		}
		i = place_option(&p, l, opts, i);
	}
	p.first_operand = i < l->words.n ? i : l->words.n;
	if (p.role == ROLE_NONE && l->point >= p.first_operand) {
		p.role = ROLE_OPERAND;
		p.operand = l->point - p.first_operand;
	}
	return p;
}

/* ---- what is offered ------------------------------------------------------------------------
 */

static void offer(struct answer *s, const char *text, const char *help)
{
	if (!str_after(text, s->value))
		return;
	strv_push(s->arena, &s->candidates,
		  help ? arena_printf(s->arena, "%s\t%s", text, help) : text);
}

static void offer_list(struct answer *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		offer(s, list[i], NULL);
}

/* The root filesystem that the line names, as an O_PATH descriptor. */
static int tree_open(const struct answer *s)
{
	const char *path = s->rootfs, *rest, *home;
	int fd;

	if (!path)
		return -ENOENT;
	if (!strchr(path, '/')) {
		fd = complete_sandbox_tree(path);
		if (fd >= 0)
			return fd;
	}
	/* The shell hasn't replaced the ~ yet. */
	rest = str_after(path, "~");
	home = getenv("HOME");
	if (rest && home && (!*rest || *rest == '/'))
		path = arena_printf(s->arena, "%s%s", home, rest);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void offer_accounts(struct answer *s, const char *file)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0)
		tree_add_accounts(tree, s->arena, file, s->value, &s->candidates);
}

static void offer_inside(struct answer *s, bool only_folders)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0)
		tree_add_paths(tree, s->arena, s->value, only_folders, &s->candidates);
}

static void offer_programs(struct answer *s)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0 && strchr(s->value, '/'))
		tree_add_paths(tree, s->arena, s->value, false, &s->candidates);
	else if (tree >= 0)
		tree_add_programs(tree, s->arena, s->value, &s->candidates);
}

static void offer_sandboxes(struct answer *s)
{
	struct strv names = {0};

	if (complete_sandboxes(s->arena, &names) == 0)
		offer_list(s, names.v, names.n);
}

static void offer_commands(struct answer *s)
{
	for (const struct command *c = commands; c->name; c++)
		if (c->summary)
			offer(s, c->name, c->summary);
}

static void offer_options(struct answer *s, const struct opt *opts)
{
	for (const struct opt *o = opts; o->help; o++) {
		if (!o->name)
			continue;
		offer(s, arena_printf(s->arena, "--%s", o->name), o->help);
		/* Who has typed the letter already sees what it means. */
		if (o->letter && s->value[1] == o->letter)
			offer(s, arena_printf(s->arena, "-%c", o->letter), o->help);
	}
}

static void offer_choices(struct answer *s, const char *words)
{
	for (;;) {
		size_t len = strcspn(words, "|");

		offer(s, arena_strndup(s->arena, words, len), NULL);
		if (!words[len])
			return;
		words += len + 1;
	}
}

static void offer_capabilities(struct answer *s)
{
	const char *comma = strrchr(s->value, ',');
	char name[CAPS_NAME_MAX];
	uint64_t all;

	if (comma)
		s->value = comma + 1;
	offer(s, "ALL", NULL);
	if (caps_parse("ALL", &all) < 0)
		return;
	for (unsigned cap = 0; cap < 64; cap++) {
		const char *bare = str_after(caps_name(cap, name), "CAP_");

		if (!(all >> cap & 1) || !bare)
			continue;
		/* The prefix only for who has begun with it. */
		offer(s, arena_strdup(s->arena, str_after(s->value, "CAP_") ? name : bare),
		      NULL);
	}
}

static void offer_environment(struct answer *s)
{
	for (char **e = environ; *e; e++)
		offer(s, arena_strndup(s->arena, *e, strcspn(*e, "=")), NULL);
}

/* SRC:DST:OPTIONS */
static void offer_bind(struct answer *s)
{
	const char *colon = strchr(s->value, ':');

	if (!colon) {
		s->kind = "files";
	} else if (!strchr(colon + 1, ':')) {
		s->value = colon + 1;
		offer_inside(s, false);
	}
}

/* USER:GROUP */
static void offer_user(struct answer *s)
{
	const char *colon = strchr(s->value, ':');

	if (colon)
		s->value = colon + 1;
	offer_accounts(s, colon ? "/etc/group" : "/etc/passwd");
}

static void offer_limits(struct answer *s)
{
	static const char *const names[] = {
		"as=",	    "core=",	 "cpu=",	"data=",   "fsize=", "locks=",
		"memlock=", "msgqueue=", "nice=",	"nofile=", "nproc=", "rss=",
		"rtprio=",  "rttime=",	 "sigpending=", "stack=",  "host",
	};

	offer_list(s, names, ARRAY_SIZE(names));
}

static void offer_security(struct answer *s)
{
	static const char *const words[] = {"no-new-privileges", "seccomp="};
	const char *profile = str_after(s->value, "seccomp=");

	if (!profile) {
		offer_list(s, words, ARRAY_SIZE(words));
		return;
	}
	s->value = profile;
	s->kind = "files";
	offer(s, "unconfined", NULL);
}

/* KEY=VALUE, with commas between. */
static void offer_mount(struct answer *s)
{
	static const char *const words[] = {"type=bind", "type=tmpfs", "src=", "dst=", "ro"};
	const char *comma = strrchr(s->value, ',');
	const char *value;

	if (comma)
		s->value = comma + 1;
	if ((value = str_after(s->value, "src=")) || (value = str_after(s->value, "source="))) {
		s->value = value;
		s->kind = "files";
	} else if ((value = str_after(s->value, "dst=")) ||
		   (value = str_after(s->value, "target=")) ||
		   (value = str_after(s->value, "destination="))) {
		s->value = value;
		offer_inside(s, true);
	} else {
		offer_list(s, words, ARRAY_SIZE(words));
	}
}

static void offer_value(struct answer *s, const struct opt *o)
{
	static const char *const flag[] = {"true", "false"};

	if (!o->metavar) {
		offer_list(s, flag, ARRAY_SIZE(flag));
		return;
	}
	switch (o->complete) {
	case COMPLETE_NONE:
		return;
	case COMPLETE_CHOICE:
		return offer_choices(s, o->metavar);
	case COMPLETE_FILE:
		s->kind = "files";
		return;
	case COMPLETE_BIND:
		return offer_bind(s);
	case COMPLETE_INSIDE:
		return offer_inside(s, true);
	case COMPLETE_USER:
		return offer_user(s);
	case COMPLETE_SANDBOX:
		return offer_sandboxes(s);
	case COMPLETE_CAPABILITY:
		return offer_capabilities(s);
	case COMPLETE_ENV:
		return offer_environment(s);
	case COMPLETE_LIMIT:
		return offer_limits(s);
	case COMPLETE_SECURITY:
		return offer_security(s);
	case COMPLETE_MOUNT:
		return offer_mount(s);
	}
}

/* ROOTFS|NAME [--] [COMMAND [ARG]...] */
static void offer_rootfs(struct answer *s, const struct place *p)
{
	size_t command = 1;

	if (p->operand == 0) {
		s->kind = "folders";
		offer_sandboxes(s);
		return;
	}
	if (p->operand > 1 && streq(s->line->words.v[p->first_operand + 1], "--"))
		command = 2;
	if (p->operand == command)
		offer_programs(s);
	else if (*s->value == '/')
		offer_inside(s, false);
}

static void offer_operand(struct answer *s, enum operands operands, const struct place *p)
{
	switch (operands) {
	case OPERANDS_NONE:
	case OPERANDS_ANY:
		return;
	case OPERANDS_COMMAND:
		if (p->operand == 0)
			offer_commands(s);
		return;
	case OPERANDS_SANDBOXES:
		return offer_sandboxes(s);
	case OPERANDS_ROOTFS:
		return offer_rootfs(s, p);
	}
}

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
	struct place p = place_find(l, sbx_opts, 0);
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
	p = place_find(l, c->opts, p.first_operand + 1);
	if (p.first_operand < l->words.n && p.first_operand != l->point)
		s->rootfs = l->words.v[p.first_operand];
	offer_place(s, c->opts, &p);
	if (p.role == ROLE_OPERAND)
		offer_operand(s, c->operands, &p);
}

/* ---- the command ----------------------------------------------------------------------------
 */

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

	if (options->point > 0)
		line.point = options->point <= n ? (size_t)options->point - 1 : n;
	for (size_t i = 0; i < n; i++)
		strv_push(inv->arena, &line.words,
			  word_plain(inv->arena, inv->argv[i], options->quoted));
	if (line.point == n)
		strv_push(inv->arena, &line.words, "");
	raw = line.point < n ? inv->argv[line.point] : "";

	s.value = line.words.v[line.point];
	answer_find(&s);

	(void)printf(":%s %.*s\n", s.kind, (int)lead_length(&s, raw, options->quoted), raw);
	for (size_t i = 0; i < s.candidates.n; i++)
		(void)puts(s.candidates.v[i]);
	return 0;
}
