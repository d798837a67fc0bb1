/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c: what the harnesses share. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_broken(const char *cond, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\nsentence: %s\nhint: %s\n", file, line, cond,
		      fail_text(), fail_hint_text());
	abort();
}

char *fuzz_room(size_t size)
{
	char *room = malloc(size);

	must(room != NULL);
	return room;
}

char *fuzz_bytes(const uint8_t *data, size_t size)
{
	char *copy = fuzz_room(size + 1);

	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

char *fuzz_string(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;

	return fuzz_bytes(data, end ? (size_t)(end - data) : size);
}

char *fuzz_cut(char **rest, const char *separator)
{
	static char none[] = "";
	char *part = *rest ? *rest : none, *end = strstr(part, separator);

	*rest = end ? end + strlen(separator) : NULL;
	if (end)
		*end = '\0';
	return part;
}

bool fuzz_is_clean(const char *s)
{
	static char escaped[4 * FAIL_TEXT_MAX];

	return streq(str_escape(escaped, sizeof(escaped), s), s);
}

void fuzz_must_be_failure(int r)
{
	must(r < 0 && r > -4096);
	must(*fail_text());
	must(fuzz_is_clean(fail_text()));
	must(fuzz_is_clean(fail_hint_text()));
}
