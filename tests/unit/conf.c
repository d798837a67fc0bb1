/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c: what configuration files may hold, and which of it applies. */
#include "tap.h"

#include "cli/conf.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>

enum colour { RED, GREEN };

struct options {
	struct strv profiles, list, binds;
	bool flag;
	const char *text, *maybe;
	enum colour colour;
	uint64_t time, sum;
};

/* Adds up, as capabilities do. */
static int set_sum(const struct opt *o, struct arena *a, const char *value, void *field)
{
	uint64_t more;
	int r = opt_number(o, a, value, &more);

	if (r == 0)
		*(uint64_t *)field += more;
	return r;
}

/* clang-format off */
#define AT(field) offsetof(struct options, field)

static const struct opt opts[] = {
	OPT_HEADING("Heading"),
	{0, "profile", "NAME", opt_list, AT(profiles), COMPLETE_NONE, "profiles"},
	{'f', "flag", NULL, opt_flag, AT(flag), COMPLETE_NONE, "a flag"},
	{'l', "list", "ITEM", opt_list, AT(list), COMPLETE_NONE, "a list"},
	{'b', "bind", "SRC:DST", opt_list, AT(binds), COMPLETE_BIND, "a list of paths"},
	{0, "text", "TEXT", opt_text, AT(text), COMPLETE_NONE, "a text"},
	{0, "maybe", "TEXT", opt_text_or_empty, AT(maybe), COMPLETE_NONE, "a text or none"},
	{0, "colour", "red|green", opt_choice, AT(colour), COMPLETE_CHOICE, "a choice"},
	{0, "color", "red|green", opt_choice, AT(colour), COMPLETE_CHOICE, "the same"},
	{0, "time", "TIME", opt_duration, AT(time), COMPLETE_NONE, "a time"},
	{0, "sum", "N", set_sum, AT(sum), COMPLETE_NONE, "a sum", OPT_ADDS},
	{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE, "help", OPT_LINE_ONLY},
	OPT_END,
};
/* clang-format on */

static struct arena arena;
static struct conf conf;
static struct conf_choice choice;
static struct options got;

static void begin(void)
{
	arena_done(&arena);
	fail_forget();
	conf_init(&conf, &arena, opts, sizeof(struct options));
	conf.home = "/home/me";
}

static int add_bytes(const char *file, const char *text, size_t len)
{
	return conf_parse(&conf, file, arena_strndup(&arena, text, len), len);
}

static int add(const char *file, const char *text)
{
	return add_bytes(file, text, strlen(text));
}

/* What applies with the profiles of [enter] and those of NAMES, up to the first NULL. */
#define choose(...) choose_profiles((const char *[]){__VA_ARGS__, NULL})

static int choose_profiles(const char **names)
{
	struct strv profiles = {0};
	int r = conf_check(&conf);

	memset(&got, 0, sizeof(got));
	conf_default_profiles(&conf, &profiles);
	for (; *names; names++)
		strv_push(&arena, &profiles, *names);
	if (r == 0)
		r = conf_choose(&conf, &profiles, &choice);
	return r < 0 ? r : conf_apply(&conf, &choice, false, &got);
}

static const char *joined(const struct strv *list)
{
	const char *all = "";

	for (size_t i = 0; i < list->n; i++)
		all = arena_printf(&arena, "%s%s|", all, list->v[i]);
	return all;
}

static void test_lines(void)
{
	begin();
	check_int(add("f", "# a comment\n"
			   "\n"
			   "  \t\n"
			   "[enter]\r\n"
			   "flag\n"
			   "text=a b = c # d\r\n"
			   "  list \t=  one \t\n"
			   "\t# another\n"
			   "list=two\n"
			   "maybe =\n"
			   "time = 1m30s\n"
			   "sum = 1\n"
			   "sum = 2\n"
			   "  [ profile \t a.b-c_1 ]  \n"
			   "colour = green"),
		  0);
	check_int(choose(NULL), 0);
	check(got.flag && got.colour == RED && got.time == 90000 && got.sum == 3);
	check_str(got.text, "a b = c # d");
	check_str(joined(&got.list), "one|two|");
	check_str(got.maybe, "");
	check_int(choose("a.b-c_1"), 0);
	check(got.colour == GREEN && got.flag);
	check_str(joined(&choice.profiles), "a.b-c_1|");
	check_int(add("empty", ""), 0);
	check_int(add("comment", "# no end of line"), 0);
}

static void test_home(void)
{
	begin();
	check_int(add("f", "[enter]\nbind = ~/x:/y\nbind = ~\nbind = ~:/z\nbind = ~you/x\n"
			   "bind = a~/b\nlist = ~/x\n"),
		  0);
	check_int(choose(NULL), 0);
	check_str(joined(&got.binds), "/home/me/x:/y|/home/me|/home/me:/z|~you/x|a~/b|");
	check_str(joined(&got.list), "~/x|");
	begin();
	conf.home = NULL;
	check_int(add("f", "[enter]\nlist = ~/x\nbind = ~/x:/y\n"), -ENOENT);
	check_str(fail_text(), "f:3: bind: '~' has no meaning: HOME is not set");
}

struct wrong {
	const char *text, *why, *hint;
};

static void test_wrong(void)
{
	/* clang-format off */
	static const struct wrong rows[] = {
		{"flag", "f:1: a key stands before the first section", "put [enter] above it"},
		{"\n[entr]\n", "f:2: there is no section 'entr'", "[profile NAME]"},
		{"[ENTER]", "no section 'ENTER'", ""},
		{"[]", "no section ''", ""},
		{"[profiles x]", "no section 'profiles x'", ""},
		{"[enter", "ends with ']'", ""},
		{"[enter] # x", "ends with ']'", ""},
		{"[profile]", "'' is not a name", ""},
		{"[profile a b]", "'a b' is not a name", ""},
		{"[profile ../x]", "is not a name", ""},
		{"[profile -x]", "is not a name", ""},
		{"[profile \xc3\xa4]", "is not a name", ""},
		{"[enter]\nflag\n[profile x]\n[enter]", "f:4: this section began in line 1", ""},
		{"[profile x]\n[profile x]", "f:2: this section began in line 1", ""},
		{"[enter]\nflagg", "f:2: there is no key 'flagg'", "did you mean 'flag'?"},
		{"[enter]\n--flag", "there is no key '--flag'", "did you mean 'flag'?"},
		{"[enter]\nf", "there is no key 'f'", "without its dashes"},
		{"[enter]\n= x", "there is no key ''", ""},
		{"[enter]\nFlag = true", "there is no key 'Flag'", "did you mean 'flag'?"},
		{"[enter]\nhelp", "'help' is for the command line", ""},
		{"[enter]\nlist", "list: it needs a value: list = ITEM", ""},
		{"[enter]\nflag = yes", "f:2: flag: a flag is true or false, not 'yes'", ""},
		{"[enter]\ncolour = blue", "f:2: colour: 'blue' is none of red|green", ""},
		{"[profile unused]\ntime = x", "f:2: time: 'x' is not a duration", ""},
		{"[enter]\ntext = \"a\"", "text: quotes would be a part", "leave them out"},
		{"[enter]\nlist = 'a'", "list: quotes would be a part", ""},
		{"[enter]\ntext = a\ntext = b", "f:3: text: 'text' has its value from 'text' in line 2", ""},
		{"[enter]\ncolour = red\ncolor = red", "'color' has its value from 'colour' in line 2", ""},
		{"[enter]\nflag\nflag = false", "'flag' has its value", ""},
		{"[enter]\ntext =\ntext = a", "'text' has its value", ""},
		{"[enter]\ntext = \x1b[2J", "f:2: byte 8 of the line is no text", ""},
		{"# \xff", "f:1: byte 3 of the line is no text", ""},
		{"[enter]\ntext = a\rb", "byte 9 of the line", ""},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		if (!check_that(add("f", rows[i].text) < 0 &&
					strstr(fail_text(), rows[i].why) &&
					strstr(fail_hint_text(), rows[i].hint) &&
					!strpbrk(fail_text(), "\n\x1b"),
				"refused: %s", rows[i].why))
			printf("# with '%s', '%s'\n", fail_text(), fail_hint_text());
	}
}

static void test_sizes(void)
{
	char line[CONF_LINE_MAX + 64] = "[enter]\ntext = ";

	begin();
	check_int(add_bytes("f", "[enter]\nflag\0=false\n", 20), -EILSEQ);
	check_str(fail_text(), "f:2: byte 5 of the line is no text: a file is UTF-8 without "
			       "control characters");
	memset(line + strlen(line), 'x', 8 + CONF_LINE_MAX - 1 - strlen(line));
	begin();
	check_int(add("f", line), 0);
	line[8 + CONF_LINE_MAX - 1] = 'x';
	begin();
	check_int(add("f", line), -E2BIG);
	check_str(fail_text(), "f:2: the line is longer than 4095 bytes");
}

/* The system's file, then the user's. */
static void test_layers(void)
{
	begin();
	check_int(add("system", "[enter]\ntext = a\nlist = a\nflag\nsum = 1\n"
				"[profile p]\ntext = b\nlist = b\n"),
		  0);
	check_int(add("user", "[profile p]\nlist = c\nflag = false\n"
			      "[enter]\nlist = d\ntext = e\n"),
		  0);
	check_int(choose(NULL), 0);
	check_str(got.text, "e");
	check_str(joined(&got.list), "a|d|");
	check(got.flag && got.sum == 1);
	check_int(choose("p"), 0);
	check_str(got.text, "b");
	check_str(joined(&got.list), "a|d|b|c|");
	check(!got.flag);
	check_str(conf_find(&choice, got.text)->section->file, "system");
	check_int(conf_find(&choice, got.text)->line, 7);
	check(!conf_find(&choice, "b"));
	/* What was asked for is what profiles say. */
	memset(&got, 0, sizeof(got));
	check_int(conf_apply(&conf, &choice, true, &got), 0);
	check_str(got.text, "b");
	check_str(joined(&got.list), "b|c|");
	check(!got.flag && got.sum == 0);
}

static void test_taking_back(void)
{
	begin();
	check_int(add("system",
		      "[enter]\ntext = a\nlist = a\nlist = b\nflag\nsum = 1\nbind = /x\n"),
		  0);
	check_int(add("user", "[enter]\nlist =\nlist = c\ntext =\nflag =\nsum =\nsum = 5\n"
			      "[profile none]\nlist =\ncolour =\n"),
		  0);
	check_int(choose(NULL), 0);
	check_str(joined(&got.list), "c|");
	check(!got.text && !got.flag && got.sum == 5);
	check_str(joined(&got.binds), "/x|");
	check_int(choose("none"), 0);
	check_str(joined(&got.list), "");
}

static void test_profiles(void)
{
	begin();
	check_int(add("f", "[profile top]\nlist = top\nprofile = left\nprofile = right\n"
			   "[profile left]\nprofile = base\nlist = left\ntext = left\n"
			   "[profile right]\nprofile = base\nlist = right\n"
			   "[profile base]\nlist = base\ntext = base\n"
			   "[profile unused]\nflag\n"),
		  0);
	check_int(choose("top"), 0);
	check_str(joined(&got.list), "base|left|right|top|");
	check_str(got.text, "left");
	check_str(joined(&choice.profiles), "base|left|right|top|");
	check_int(choose("base", "top", "base"), 0);
	check_str(joined(&choice.profiles), "base|left|right|top|");
	check_int(choose("unused", "right"), 0);
	check_str(joined(&got.list), "base|right|");
	check(got.flag);

	/* Another file adds to what a profile builds on, or takes it back. */
	check_int(add("g",
		      "[profile top]\nprofile =\nprofile = unused\n[enter]\nprofile = base\n"),
		  0);
	check_int(choose("top"), 0);
	check_str(joined(&choice.profiles), "base|unused|top|");
	check_int(choose("tpo"), -ENOENT);
	check_str(fail_text(), "there is no profile 'tpo'");
	check_str(fail_hint_text(), "did you mean 'top'?");
}

static void test_wrong_profiles(void)
{
	const char *text = "";

	begin();
	check_int(add("f", "[profile a]\nprofile = b\n[profile b]\nflag\nprofile = c\n"
			   "[profile c]\nprofile = a\n"),
		  0);
	check_int(choose(NULL), -ELOOP);
	check_str(fail_text(), "f:1: the profile 'a' builds on itself");
	begin();
	check_int(add("f", "[profile a]\nprofile = a\n"), 0);
	check_int(choose(NULL), -ELOOP);
	begin();
	check_int(add("f", "[enter]\nflag\nprofile = nosuch\n"), 0);
	check_int(choose(NULL), -ENOENT);
	check_str(fail_text(), "f:3: there is no profile 'nosuch'");
	check_str(fail_hint_text(), "'sbx config profiles' lists those that there are");

	begin();
	for (int i = 0; i < 100; i++)
		text = arena_printf(&arena, "%s[profile p%d]\nprofile = p%d\n", text, i, i + 1);
	check_int(add("f", arena_printf(&arena, "%s[profile p100]\n", text)), 0);
	check_int(choose(NULL), -ELOOP);
	check(strstr(fail_text(), "more than 32 profiles") != NULL);
}

static uint64_t random_next(void)
{
	static uint64_t seed = 88172645463325252ULL;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Files of random pieces end in success, or in one clean sentence that names a line. */
static void test_random(void)
{
	/* clang-format off */
	static const char *const pieces[] = {
		"[enter]\n", "[profile a]\n", "[profile b]\n", "[profile ", "]", "\n", "\n", "=", " = ",
		"flag", "list", "text", "colour", "bind", "profile", "time", "sum", "red", "a", "b", "~/x",
		"1m", "#", "\t", "\r\n", "\"", "\xc3\xa4", "\xff", "\x1b[", "true\n", "flag\n", "list = x\n",
		"profile = a\n", "profile = b\n",
	};
	/* clang-format on */
	int refused = 0, taken = 0, wrong = 0;

	for (int round = 0; round < 40000; round++) {
		const char *text = "[enter]\n";
		size_t n = random_next() % 10;
		int r;

		begin();
		while (n--)
			text = arena_printf(&arena, "%s%s", text,
					    pieces[random_next() % ARRAY_SIZE(pieces)]);
		r = add("f", text);
		if (r == 0)
			r = choose(NULL);
		if (r < 0)
			wrong += !str_after(fail_text(), "f:") || strlen(fail_text()) > 300 ||
				 strpbrk(fail_text(), "\n\x1b\xff") != NULL;
		*(r < 0 ? &refused : &taken) += 1;
	}
	check_int(wrong, 0);
	check_that(refused > 1000 && taken > 1000, "%d files refused, %d taken", refused,
		   taken);
}

int main(void)
{
	test_lines();
	test_home();
	test_wrong();
	test_sizes();
	test_layers();
	test_taking_back();
	test_profiles();
	test_wrong_profiles();
	test_random();
	arena_done(&arena);
	return tap_done();
}
