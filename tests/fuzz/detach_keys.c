/* SPDX-License-Identifier: Apache-2.0 */
/* detach_keys.c: the first line is the option's value, what follows is what is typed. */
#include "fuzz.h"
#include "sandbox/attach_keys.h"

/* How many bytes of TYPED come before the keys' end; LEN where the keys aren't there. */
static size_t keys_end(const struct keys *k, const char *typed, size_t len)
{
	for (size_t i = k->n; k->n && i <= len; i++)
		if (memcmp(typed + i - k->n, k->sequence, k->n) == 0)
			return i;
	return len;
}

/* Typed in pieces of STEP bytes, the keys are found where they are, and nothing else gets lost. */
static void pieces_check(struct keys k, const char *typed, size_t len, size_t step)
{
	autofree char *out = fuzz_room(len + KEYS_MAX + 1);
	size_t end = keys_end(&k, typed, len), used = 0, made = 0;
	bool found = false;

	while (used < len && !found) {
		size_t part = len - used < step ? len - used : step, some;
		autofree char *in = fuzz_bytes((const uint8_t *)typed + used, part);
		autofree char *piece = fuzz_room(part + KEYS_MAX);
		size_t n = keys_pass(&k, in, part, piece, &some, &found);

		must(n == part || found);
		must(some <= part + KEYS_MAX && made + some <= len + KEYS_MAX);
		memcpy(out + made, piece, some);
		used += n;
		made += some;
	}
	must(used == end);
	must(k.matched < KEYS_MAX && (k.n == 0 || k.matched < k.n));
	must(made + (found ? k.n : k.matched) == end);
	must(memcmp(out, typed, made) == 0);
	must(memcmp(typed + made, k.sequence, found ? k.n : k.matched) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = fuzz_bytes(data, size);
	char *line_end = memchr(text, '\n', size);
	const char *typed = line_end ? line_end + 1 : "";
	size_t len = line_end ? size - (size_t)(typed - text) : 0;
	struct keys k = {.n = 0};
	int r;

	if (line_end)
		*line_end = '\0';
	if (len > 4096)
		return 0;
	fail_forget();
	r = keys_parse(&k, text);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(k.n == 0);
		return 0;
	}
	must(k.n <= KEYS_MAX && k.matched == 0);
	pieces_check(k, typed, len, len ? len : 1);
	pieces_check(k, typed, len, 1);
	pieces_check(k, typed, len, 3);
	return 0;
}
