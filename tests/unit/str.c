/* SPDX-License-Identifier: Apache-2.0 */
/* str.c: numbers, sizes, durations, escapes, lists and the arena. */
#include "util/str.h"
#include "tap.h"
#include "util/scope.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>

/* ---- numbers ---------------------------------------------------------------------------- */

struct number {
	const char *s;
	int r;
	uint64_t want;
};

/* What no parser takes. */
static const char *const no_numbers[] = {"",	" ",	 "+1",	"-1",  " 1",  "1 ",
					 "1\n", "0x1",	 "1e3", "1.5", "1,5", "1_0",
					 "a",	"--1",	 "\t1", "٣",   "/",   ":",
					 "１",	"1\x80", "NaN", "1\r"};

static void test_numbers(void)
{
	static const struct number rows[] = {
		{"0", 0, 0},
		{"00", 0, 0},
		{"007", 0, 7},
		{"4294967295", 0, UINT32_MAX},
		{"4294967296", 0, UINT64_C(4294967296)},
		{"18446744073709551615", 0, UINT64_MAX},
		{"00000000000000000000000000000018446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551625", -ERANGE, 0},
		{"99999999999999999999999999999999999999", -ERANGE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 4711;
		int r = str_to_u64(rows[i].s, UINT64_MAX, &value);

		check_that(r == rows[i].r && value == (r == 0 ? rows[i].want : 4711),
			   "str_to_u64 '%s'", rows[i].s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++) {
		uint64_t value = 4711;
		uint32_t small = 4711;

		check_that(str_to_u64(no_numbers[i], UINT64_MAX, &value) == -EINVAL &&
				   value == 4711,
			   "str_to_u64 %zu is no number", i);
		check_that(str_to_u32(no_numbers[i], UINT32_MAX, &small) == -EINVAL &&
				   small == 4711,
			   "str_to_u32 %zu is no number", i);
		check_that(str_octal(no_numbers[i], UINT32_MAX, &small) == -EINVAL &&
				   small == 4711,
			   "str_octal %zu is no number", i);
	}
}

static void test_limits(void)
{
	uint64_t large = 4711;
	uint32_t small = 4711;

	check(str_to_u64("10", 10, &large) == 0 && large == 10);
	check_int(str_to_u64("11", 10, &large), -ERANGE);
	check_int(str_to_u64("1", 0, &large), -ERANGE);
	check(str_to_u64("0", 0, &large) == 0 && large == 0);
	check(str_to_u32("4294967295", UINT32_MAX, &small) == 0 && small == UINT32_MAX);
	check_int(str_to_u32("4294967296", UINT32_MAX, &small), -ERANGE);
	check_int(str_to_u32("18446744073709551617", UINT32_MAX, &small), -ERANGE);
	check(small == UINT32_MAX);
	check(str_octal("1777", 07777, &small) == 0 && small == 01777);
	check(str_octal("0755", 07777, &small) == 0 && small == 0755);
	check_int(str_octal("10000", 07777, &small), -ERANGE);
	check_int(str_octal("8", 07777, &small), -EINVAL);
	check_int(str_octal("78", 07777, &small), -EINVAL);
	check(small == 0755);
}

static void test_sizes(void)
{
	static const struct number rows[] = {
		{"0", 0, 0},
		{"1", 0, 1},
		{"1b", 0, 1},
		{"1k", 0, 1024},
		{"1K", 0, 1024},
		{"1kb", 0, 1024},
		{"64m", 0, 64 << 20},
		{"64MB", 0, 64 << 20},
		{"2g", 0, UINT64_C(2) << 30},
		{"17179869183g", 0, UINT64_C(17179869183) << 30},
		{"17179869184g", -ERANGE, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551615k", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"k", -EINVAL, 0},
		{"1 k", -EINVAL, 0},
		{"1k ", -EINVAL, 0},
		{"1kk", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"1.5g", -EINVAL, 0},
		{"-1k", -EINVAL, 0},
		{"+1k", -EINVAL, 0},
		{"1%", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 4711;
		int r = str_to_size(rows[i].s, &value);

		check_that(r == rows[i].r && value == (r == 0 ? rows[i].want : 4711),
			   "str_to_size '%s'", rows[i].s);
	}
}

static void test_durations(void)
{
	static const struct number rows[] = {
		{"1", 0, 1000},
		{"1s", 0, 1000},
		{"1ms", 0, 1},
		{"90", 0, 90000},
		{"5m", 0, 300000},
		{"1h", 0, 3600000},
		{"87840h", 0, UINT64_C(316224000000)},
		{"87841h", -ERANGE, 0},
		{"0", -ERANGE, 0},
		{"0ms", -ERANGE, 0},
		{"18446744073709551615", -ERANGE, 0},
		{"18446744073709551615ms", -ERANGE, 0},
		{"18446744073709552", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1d", -EINVAL, 0},
		{"1h30m", 0, 5400000},
		{"1m30s", 0, 90000},
		{"1h1m1s1ms", 0, 3661001},
		{"1M5MS", 0, 60005},
		{"0h5s", 0, 5000},
		{"0h0s", -ERANGE, 0},
		{"1m30", -EINVAL, 0},
		{"30s1m", -EINVAL, 0},
		{"1m1m", -EINVAL, 0},
		{"1ms1s", -EINVAL, 0},
		{"1hm", -EINVAL, 0},
		{"1h-5m", -EINVAL, 0},
		{"87840h1ms", -ERANGE, 0},
		{"5124095576030h5124095576030h", -EINVAL, 0},
		{"18446744073709551615h1m", -ERANGE, 0},
		{"1 s", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1.5s", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 4711;
		int r = str_to_duration(rows[i].s, &value);

		check_that(r == rows[i].r && value == (r == 0 ? rows[i].want : 4711),
			   "str_to_duration '%s'", rows[i].s);
	}
}

/* ---- escapes ---------------------------------------------------------------------------- */

static void test_escape(void)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"plain ~!", "plain ~!"},
		{"tab\there", "tab\\x09here"},
		{"\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m"},
		{"line\nline\r", "line\\x0aline\\x0d"},
		{"\x01\x1f\x7f", "\\x01\\x1f\\x7f"},
		/* Letters of two, three and four bytes. */
		{"\xc3\xa4", "\xc3\xa4"},
		{"\xe2\x82\xac", "\xe2\x82\xac"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		/* C1 controls: 0x9b begins a sequence as ESC [ does. */
		{"\xc2\x80", "\\xc2\\x80"},
		{"\xc2\x9b"
		 "31m",
		 "\\xc2\\x9b31m"},
		{"\xc2\x9f", "\\xc2\\x9f"},
		{"\xc2\xa0", "\xc2\xa0"},
		{"\x9b"
		 "31m",
		 "\\x9b31m"},
		/* Bytes that begin nothing, or what isn't finished. */
		{"\x80", "\\x80"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"\xc3", "\\xc3"},
		{"\xc3(", "\\xc3("},
		{"\xe2\x82", "\\xe2\\x82"},
		{"\xe2(\xac", "\\xe2(\\xac"},
		{"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
		{"\xc3\xc3\xa4", "\\xc3\xc3\xa4"},
		/* The same letter written too long, halves of pairs, and beyond the last
		   letter. */
		{"\xc0\xaf", "\\xc0\\xaf"},
		{"\xc1\xbf", "\\xc1\\xbf"},
		{"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
		{"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xed\x9f\xbf", "\xed\x9f\xbf"},
		{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
		{"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
		{"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
	};
	char out[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check(str_escape(out, sizeof(out), rows[i][0]) == out);
		check_str(out, rows[i][1]);
	}
}

static void test_text_length(void)
{
	check_int((long long)str_text_length(""), 0);
	check_int((long long)str_text_length("a\tb \xc3\xa4"), 6);
	check_int((long long)str_text_length("ab\x1b[2J"), 2);
	check_int((long long)str_text_length("a\xc2\x9b"), 1);
	check_int((long long)str_text_length("\xff"), 0);
	check_int((long long)str_text_length("abc\n"), 3);
}

/* Cut at SIZE: what is left of TEXT's escaped form. */
static void check_cut(const char *text, size_t size, const char *want)
{
	char out[64];

	memset(out, '#', sizeof(out));
	(void)str_escape(out, size, text);
	check_that(streq(out, want), "'%s' in %zu bytes", want, size);
	check_that(out[size] == '#', "no byte behind is touched");
}

static void test_cuts(void)
{
	check_cut("abc", 1, "");
	check_cut("abc", 3, "ab");
	check_cut("abc", 4, "abc");
	/* An escape is whole or not there, and so is a letter. */
	check_cut("a\nb", 5, "a");
	check_cut("a\nb", 6, "a\\x0a");
	check_cut("a\nb", 7, "a\\x0ab");
	check_cut("\n", 4, "");
	check_cut("a\xc3\xa4", 3, "a");
	check_cut("a\xc3\xa4", 4, "a\xc3\xa4");
	check_cut("\xe2\x82\xac\xe2\x82\xac", 6, "\xe2\x82\xac");
	check_cut("\xf0\x9f\x98\x80", 4, "");
	check_cut("\xf0\x9f\x98\x80", 5, "\xf0\x9f\x98\x80");
}

/* Every string of three bytes: what comes out is printable and valid, and nothing is lost. */
static void test_all_bytes(void)
{
	char in[4] = "", out[16];
	int wrong = 0;

	for (unsigned i = 0; i < 1U << 24; i += 7) {
		size_t len;

		in[0] = (char)(i >> 16);
		in[1] = (char)(i >> 8);
		in[2] = (char)i;
		len = strlen(str_escape(out, sizeof(out), in));
		wrong += len < strlen(in) || len > 4 * strlen(in);
		for (size_t n = 0; n < len; n++) {
			unsigned char c = (unsigned char)out[n];

			wrong += c < 0x20 || c == 0x7f;
			/* A byte of C1 stands only behind the beginning of a letter. */
			wrong += c >= 0x80 && c < 0xa0 && (n == 0 || !(out[n - 1] & 0x80));
		}
	}
	check_int(wrong, 0);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void test_arena(void)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4000, 4032, 4033, 100000, 3};
	SCOPE_END(arena_done) struct arena a = {0};
	char *all[200];
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		all[i] = arena_alloc(&a, size);
		wrong += (uintptr_t)all[i] % 16 != 0;
		for (size_t n = 0; n < size; n++)
			wrong += all[i][n] != 0;
		memset(all[i], (int)i, size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t n = 0; n < sizes[i % ARRAY_SIZE(sizes)]; n++)
			wrong += all[i][n] != (char)i;
	check_int(wrong, 0);

	check_str(arena_strdup(&a, ""), "");
	check_str(arena_strdup(&a, "text"), "text");
	check_str(arena_strndup(&a, "text", 2), "te");
	check_str(arena_printf(&a, "%s-%d-%c", "a", 5, 'x'), "a-5-x");
	check_int((long long)strlen(arena_printf(&a, "%9000s", "")), 9000);
	arena_done(&a);
	check(a.chunks == NULL);
	arena_done(&a);
}

/* More than there can be: the process says so and ends, it doesn't go on. */
static void test_out_of_memory(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct arena a = {0};

		(void)close(STDERR_FILENO);
		(void)arena_alloc(&a, SIZE_MAX - 3);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 125);
}

static void test_strv(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct strv list = {0};
	int wrong = 0;

	for (unsigned i = 0; i < 1000; i++) {
		strv_push(&a, &list, arena_printf(&a, "%u", i));
		wrong += list.n != i + 1 || list.v[list.n] != NULL;
	}
	for (unsigned i = 0; i < 1000; i++)
		wrong += !streq(list.v[i], arena_printf(&a, "%u", i));
	check_int(wrong, 0);
}

static void test_after(void)
{
	check_str(str_after("--name=x", "--name="), "x");
	check_str(str_after("abc", "abc"), "");
	check_str(str_after("abc", ""), "abc");
	check(str_after("ab", "abc") == NULL);
	check(str_after("xabc", "abc") == NULL);
	check(streq("", "") && !streq("a", "A") && !streq("a", "ab"));
}

int main(void)
{
	test_numbers();
	test_limits();
	test_sizes();
	test_durations();
	test_escape();
	test_text_length();
	test_cuts();
	test_all_bytes();
	test_arena();
	test_out_of_memory();
	test_strv();
	test_after();
	return tap_done();
}
