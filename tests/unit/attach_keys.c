/* SPDX-License-Identifier: Apache-2.0 */
/* attach_keys.c: the detach keys' names, and that the matcher loses no byte. */
#include "sandbox/attach_keys.h"

#include "tap.h"
#include "util/fail.h"

#include <errno.h>
#include <stdlib.h>

static struct keys parsed(const char *text)
{
	struct keys k = {.n = 99};

	if (keys_parse(&k, text) < 0)
		k.n = 99;
	return k;
}

static void names(void)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {
		{"ctrl-p,ctrl-q", "\x10\x11"},
		{"a", "a"},
		{"ctrl-a,d", "\x01"
			     "d"},
		{"ctrl-],ctrl-_", "\x1d\x1f"},
		{"ctrl-[,Z,-", "\x1bZ-"},
		{"ctrl-\\", "\x1c"},
	};
	static const char *const bad[] = {
		",",
		"a,",
		",a",
		"ctrl-",
		"ctrl-P",
		"ctrl-pp",
		"ctrl-1",
		"shift-a",
		"ctrl- q",
		"ctrl-p q",
		"a,,b",
		"\xc3\xa4",
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
	};
	struct keys k;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		k = parsed(good[i].text);
		check_that(k.n == strlen(good[i].bytes) &&
				   memcmp(k.sequence, good[i].bytes, k.n) == 0,
			   "'%s' is understood", good[i].text);
	}
	check_int(parsed("").n, 0);
	k = parsed("ctrl-@");
	check(k.n == 1 && k.sequence[0] == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		check_that(keys_parse(&k, bad[i]) == -EINVAL && *fail_text(), "'%s' is refused",
			   bad[i]);
		fail_forget();
	}
}

/* Feeds TYPED in pieces of PIECE bytes; what passes, with '!' where the keys were found. */
static const char *typed(const char *keys, const char *bytes, size_t piece)
{
	static char all[256];
	struct keys k = parsed(keys);
	size_t len = strlen(bytes), n = 0;

	while (len > 0) {
		char out[256];
		size_t made, used, part = piece < len ? piece : len;
		bool found;

		used = keys_pass(&k, bytes, part, out, &made, &found);
		memcpy(all + n, out, made);
		n += made;
		if (found)
			all[n++] = '!';
		bytes += used;
		len -= used;
	}
	all[n] = '\0';
	return all;
}

static void matches(void)
{
	static const struct {
		const char *keys, *bytes, *want;
	} rows[] = {
		{"x,y", "axyb", "a!b"},
		{"x,y", "axxyb", "ax!b"},
		{"x,y", "xaxb", "xaxb"},
		{"x,y", "ax", "a"},
		{"x", "axxb", "a!!b"},
		{"x,x,y", "xxxy", "x!"},
		{"x,y,x,y,z", "xyxyxyz!", "xy!!"},
		{"x,y,x,z", "xyxyxz", "xy!"},
		{"x,x,x", "xxaxxx", "xxa!"},
		{"", "xyz", "xyz"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t piece = 1; piece <= 8; piece += 7)
			check_str(typed(rows[i].keys, rows[i].bytes, piece), rows[i].want);
}

/* Whatever is typed, what passes and what is withheld is what was typed. */
static void loses_nothing(void)
{
	struct keys k = parsed("a,b,a,a,b,a,c");
	char in[64], out[64 + KEYS_MAX], joined[sizeof(out) + KEYS_MAX];
	bool kept = true;

	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t made, before = k.matched, len = 1 + (size_t)rand() % 20, used;
		bool found;

		for (size_t i = 0; i < len; i++)
			in[i] = "abc"[rand() % 3];
		memcpy(joined, k.sequence, before);
		memcpy(joined + before, in, len);
		used = keys_pass(&k, in, len, out, &made, &found);
		memcpy(out + made, k.sequence, found ? k.n : k.matched);
		kept = kept && made + (found ? k.n : k.matched) == before + used &&
		       memcmp(out, joined, before + used) == 0 && (found || used == len);
	}
	check(kept);
}

int main(void)
{
	names();
	matches();
	loses_nothing();
	return tap_done();
}
