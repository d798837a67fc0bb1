/* SPDX-License-Identifier: Apache-2.0 */
/* opt.c: what the option parser takes and refuses, and how it says so. */
#include "tap.h"

#include "cli/opt.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <stdint.h>

enum colour { RED, GREEN, BLUE };

struct options {
	bool flag, other;
	const char *text, *maybe;
	struct strv list;
	uint64_t number, size, duration;
	enum colour colour;
};

/* clang-format off */
#define AT(field) offsetof(struct options, field)

static const struct opt_foreign foreign[] = {
	{"elsewhere", "that is --text here"},
	{"q", "that is -t here"},
	{NULL},
};

static const struct opt opts[] = {
	OPT_HEADING("Heading"),
	{'f', "flag", NULL, opt_flag, AT(flag), COMPLETE_NONE, "a flag"},
	{'o', "other", NULL, opt_flag, AT(other), COMPLETE_NONE, "another"},
	{'t', "text", "TEXT", opt_text, AT(text), COMPLETE_NONE, "a text"},
	{0, "maybe", "TEXT", opt_text_or_empty, AT(maybe), COMPLETE_NONE, "a text or none"},
	OPT_HEADING("More"),
	{'l', "list", "ITEM", opt_list, AT(list), COMPLETE_NONE, "a list"},
	{0, "listing", "ITEM", opt_list, AT(list), COMPLETE_NONE, "begins like another"},
	{'n', "number", "N", opt_number, AT(number), COMPLETE_NONE, "a number"},
	{0, "size", "SIZE", opt_size, AT(size), COMPLETE_NONE, "a size"},
	{0, "duration", "TIME", opt_duration, AT(duration), COMPLETE_NONE, "a time"},
	{0, "colour", "red|green|blue", opt_choice, AT(colour), COMPLETE_CHOICE, "a choice"},
	{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE, "help"},
	OPT_END_FOREIGN(foreign),
};
/* clang-format on */

static struct arena arena;
static struct options got;
static int operand;

/* Parses WORDS, up to the first NULL. */
#define parse(...) parse_words((const char *[]){__VA_ARGS__, NULL})

static int parse_words(const char **words)
{
	int argc = 0;

	while (words[argc])
		argc++;
	fail_forget();
	memset(&got, 0, sizeof(got));
	operand = -1;
	return opt_parse(opts, &arena, argc, (char *const *)words, &got, &operand);
}

static void test_spellings(void)
{
	check_int(parse("--text", "a"), 0);
	check_str(got.text, "a");
	check_int(operand, 2);
	check_int(parse("--text=a=b"), 0);
	check_str(got.text, "a=b");
	check_int(parse("-ta"), 0);
	check_str(got.text, "a");
	check_int(parse("-t=a"), 0);
	check_str(got.text, "a");
	check_int(parse("-t", "a"), 0);
	check_str(got.text, "a");
	check_int(parse("-fot", "a"), 0);
	check(got.flag && got.other);
	check_str(got.text, "a");
	check_int(parse("-fota"), 0);
	check_str(got.text, "a");
	check_int(parse("-t", "--flag"), 0);
	check_str(got.text, "--flag");
	check(!got.flag);
	check_int(parse("-t", "-"), 0);
	check_str(got.text, "-");
}

static void test_flags(void)
{
	check_int(parse("--flag=false"), 0);
	check(!got.flag);
	check_int(parse("--flag", "--flag=0"), 0);
	check(!got.flag);
	check_int(parse("--flag=T"), 0);
	check(got.flag);
	check_int(parse("-f=false"), 0);
	check(!got.flag);
	check_int(parse("--flag=yes"), -EINVAL);
	check_str(fail_text(), "option '--flag': a flag is true or false, not 'yes'");
	check_int(parse("--flag="), -EINVAL);
	/* The next word is no value of a flag's. */
	check_int(parse("--flag", "false"), 0);
	check(got.flag);
	check_int(operand, 1);
}

static void test_ends(void)
{
	check_int(parse("-f", "a", "-o"), 0);
	check_int(operand, 1);
	check(!got.other);
	check_int(parse("-f", "--", "-o"), 0);
	check_int(operand, 2);
	check(!got.other);
	check_int(parse("-", "-o"), 0);
	check_int(operand, 0);
	check_int(parse("", "-o"), 0);
	check_int(operand, 0);
	check_int(parse("-f"), 0);
	check_int(operand, 1);
	check_int(parse("--help", "--no-such"), OPT_ASKED_HELP);
	check_int(parse("-fh"), OPT_ASKED_HELP);
	check_int(opt_parse(opts, &arena, 0, NULL, &got, &operand), 0);
	check_int(operand, 0);
}

/* Options behind operands too, up to "--". */
static void test_all(void)
{
	const char *words[] = {"a", "-f", "b", "--text", "c", "-", "--", "-o", "--"};
	char *operands[ARRAY_SIZE(words) + 1];

	memset(&got, 0, sizeof(got));
	check_int(opt_parse_all(opts, &arena, ARRAY_SIZE(words), (char *const *)words, &got,
				operands),
		  0);
	check(got.flag && !got.other);
	check_str(got.text, "c");
	check_str(operands[0], "a");
	check_str(operands[1], "b");
	check_str(operands[2], "-");
	check_str(operands[3], "-o");
	check_str(operands[4], "--");
	check(!operands[5]);

	words[3] = "--help";
	check_int(opt_parse_all(opts, &arena, ARRAY_SIZE(words), (char *const *)words, &got,
				operands),
		  OPT_ASKED_HELP);
	check_int(opt_parse_all(opts, &arena, 0, NULL, &got, operands), 0);
	check(!operands[0]);
}

static void test_values(void)
{
	check_int(parse("--text", "a", "--text", "b"), 0);
	check_str(got.text, "b");
	check_int(parse("-l", "a", "--list=b", "--listing", "c"), 0);
	check_int((long long)got.list.n, 3);
	check_str(got.list.v[0], "a");
	check_str(got.list.v[1], "b");
	check_str(got.list.v[2], "c");
	/* Nothing behind the sign empties the list; an empty word is a mistake. */
	check_int(parse("-l", "a", "--list=", "--list=b"), 0);
	check_int((long long)got.list.n, 1);
	check_str(got.list.v[0], "b");
	check_int(parse("-l", "a", "-l="), 0);
	check_int((long long)got.list.n, 0);
	check_int(parse("-l", "a", "-l", ""), -EINVAL);
	check_int(parse("--maybe="), 0);
	check_str(got.maybe, "");
	check_int(parse("-n", "18446744073709551615"), 0);
	check(got.number == UINT64_MAX);
	check_int(parse("--size", "2k"), 0);
	check_int((long long)got.size, 2048);
	check_int(parse("--duration", "2m30s"), 0);
	check_int((long long)got.duration, 150000);
	check_int(parse("--duration", "2m", "--duration", "0"), 0);
	check_int((long long)got.duration, 0);
	check_int(parse("--colour", "red"), 0);
	check_int((int)got.colour, RED);
	check_int(parse("--colour", "blue"), 0);
	check_int((int)got.colour, BLUE);
}

static void test_refused(void)
{
	check_int(parse("--text"), -EINVAL);
	check_str(fail_text(), "option '--text' needs a value: TEXT");
	check_int(parse("-fot"), -EINVAL);
	check_str(fail_text(), "option '--text' needs a value: TEXT");
	check_int(parse("--text="), -EINVAL);
	check_str(fail_text(), "option '--text': its value, TEXT, is empty");
	check_int(parse("-l", ""), -EINVAL);
	check_int(parse("-n", "-1"), -EINVAL);
	check_str(fail_text(), "option '--number': '-1' is not a number");
	check_int(parse("-n", ""), -EINVAL);
	check_int(parse("-n", "18446744073709551616"), -ERANGE);
	check_int(parse("--duration", "0s"), -ERANGE);
	check_int(parse("--size", "1x"), -EINVAL);
	check_int(parse("--colour", "re"), -EINVAL);
	check_str(fail_text(), "option '--colour': 're' is none of red|green|blue");
	check_int(parse("--colour", "red|green"), -EINVAL);
	check_int(parse("--colour", ""), -EINVAL);
	check_int(parse("--=x"), -EINVAL);
	check_int(parse("---text", "a"), -EINVAL);
}

static void test_suggestions(void)
{
	check_int(parse("--txet", "a"), -EINVAL);
	check_str(fail_text(), "unknown option '--txet'");
	check_str(fail_hint_text(), "did you mean '--text'?");
	check_int(parse("--num=1"), -EINVAL);
	check_str(fail_text(), "unknown option '--num'");
	check_str(fail_hint_text(), "did you mean '--number'?");
	check_int(parse("--color", "red"), -EINVAL);
	check_str(fail_hint_text(), "did you mean '--colour'?");
	check_int(parse("-number", "1"), -EINVAL);
	check_str(fail_text(), "option '--number': 'umber' is not a number");
	check_int(parse("--elsewhere", "x"), -EINVAL);
	check_str(fail_text(), "unknown option '--elsewhere'");
	check_str(fail_hint_text(), "that is --text here");
	check_int(parse("--elsewhere=x"), -EINVAL);
	check_str(fail_hint_text(), "that is --text here");
	check_int(parse("-q"), -EINVAL);
	check_str(fail_hint_text(), "that is -t here");
	check_int(parse("--nothing-like-it"), -EINVAL);
	check_str(fail_hint_text(), "");
	check_int(parse("-fZ"), -EINVAL);
	check_str(fail_text(), "unknown option '-Z' in '-fZ'");
	check_int(parse("-duration", "1"), -EINVAL);
	check_str(fail_text(), "unknown option '-d' in '-duration'");
	check_str(fail_hint_text(), "did you mean '--duration'?");
	check_int(parse("-\xc3\xbc"), -EINVAL);
	check_str(fail_text(), "unknown option '-\xc3\xbc'");
}

/* A message is one line of bearable length, whatever was typed. */
static void test_messages(void)
{
	static char big[65536 + 1];
	char shown[OPT_SHOWN_MAX];

	memset(big, 'a', sizeof(big) - 1);
	check_int(parse("-n", big), -EINVAL);
	check(strlen(fail_text()) < 200 && strstr(fail_text(), "aaa...' is not a number"));
	check_int(parse("--colour", big), -EINVAL);
	check(strlen(fail_text()) < 200 && strstr(fail_text(), "is none of red|green|blue"));
	memcpy(big, "--", 2);
	check_int(parse(big), -EINVAL);
	check(strlen(fail_text()) < 200);
	check_int(parse("--a\nb\033[2J"), -EINVAL);
	check_str(fail_text(), "unknown option '--a\\x0ab\\x1b[2J'");
	check_int(parse("-\n"), -EINVAL);
	check_str(fail_text(), "unknown option '-\\x0a'");

	memset(big, '\n', 100);
	big[100] = '\0';
	check(strlen(opt_shown(shown, big)) < OPT_SHOWN_MAX && !strchr(shown, '\n'));
	check(strlen(opt_shown(shown, big)) > OPT_SHOWN_MAX - 8);
	memset(big, 'b', OPT_SHOWN_MAX - 1);
	big[OPT_SHOWN_MAX - 1] = '\0';
	check_str(opt_shown(shown, big), big);
}

static uint64_t random_next(void)
{
	static uint64_t seed = 88172645463325252ULL;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

enum { RANDOM_WORDS = 4, RANDOM_WORD_MAX = 64 };

static void random_word(char word[RANDOM_WORD_MAX])
{
	/* clang-format off */
	static const char *const starts[] = {"-", "--", "--text=", "-f", ""};
	static const char *const pieces[] = {
		"f", "o", "t", "l", "n", "text", "flag", "list", "ing", "num", "ber", "size", "colo",
		"ur", "help", "=", "-", "--", "red", "|", "1", "k", "9999999999", "true", ",", "no-",
		"\n", "\xff", "\x1b[", "",
	};
	/* clang-format on */

	(void)snprintf(word, RANDOM_WORD_MAX, "%s%s%s%s",
		       starts[random_next() % ARRAY_SIZE(starts)],
		       pieces[random_next() % ARRAY_SIZE(pieces)],
		       pieces[random_next() % ARRAY_SIZE(pieces)],
		       pieces[random_next() % ARRAY_SIZE(pieces)]);
}

/* Whether the line ends as it should: in success, or in one sentence without control bytes. */
static bool is_sound(int r)
{
	const char *text = fail_text();

	if (r < 0)
		return *text && strlen(text) < 400 && !strpbrk(text, "\n\x1b");
	return r == OPT_ASKED_HELP || (operand >= 0 && operand <= RANDOM_WORDS);
}

/* Command lines of random pieces; read a second time they give the same. */
static void test_random(void)
{
	int refused = 0, taken = 0, wrong = 0;

	for (int round = 0; round < 40000; round++) {
		char words[RANDOM_WORDS][RANDOM_WORD_MAX];
		const char *argv[RANDOM_WORDS + 1] = {0};
		int r, first;

		for (int i = 0; i < RANDOM_WORDS; i++) {
			random_word(words[i]);
			argv[i] = words[i];
		}
		r = parse_words(argv);
		first = operand;
		wrong += !is_sound(r);
		wrong += parse_words(argv) != r || operand != first;
		*(r < 0 ? &refused : &taken) += 1;
		if (round % 1000 == 0)
			arena_done(&arena);
	}
	check_int(wrong, 0);
	check_that(refused > 1000 && taken > 1000, "%d lines refused, %d taken", refused,
		   taken);
}

int main(void)
{
	test_spellings();
	test_flags();
	test_ends();
	test_all();
	test_values();
	test_refused();
	test_suggestions();
	test_messages();
	test_random();
	arena_done(&arena);
	return tap_done();
}
