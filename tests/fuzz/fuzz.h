/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h: what the harnesses share. */
#pragma once

#include "util/fail.h"
#include "util/scope.h"
#include "util/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Theory of operation
 *
 * Each harness is one file with one function, libFuzzer's: it reads the bytes as the parser would
 * get them, and asserts what must hold whatever they are. With -Dfuzz=true it is linked with
 * libFuzzer (tests/fuzz/run); else with driver.c, and replays its corpus as a test.
 *
 * An input is text where the parser's is, so that a corpus can be written and read by people.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for every input; one for which it doesn't is a finding. */
#define must(cond) ((cond) ? (void)0 : fuzz_broken(#cond, __FILE__, __LINE__))

__attribute__((noreturn)) static inline void fuzz_broken(const char *cond, const char *file,
							 int line)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\nsentence: %s\nhint: %s\n", file, line, cond,
		      fail_text(), fail_hint_text());
	abort();
}

/* The input as a file is read, with a NUL behind its bytes: a piece of memory of its own, so that a
 * sanitizer sees a read behind its end. To be freed. */
static inline char *fuzz_bytes(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

/* The same up to the first NUL, as an argument is. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;

	return fuzz_bytes(data, end ? (size_t)(end - data) : size);
}

/* Cuts the text up to SEPARATOR off *REST; all of it where there is none. */
static inline char *fuzz_cut(char **rest, const char *separator)
{
	static char none[] = "";
	char *part = *rest ? *rest : none, *end = strstr(part, separator);

	*rest = end ? end + strlen(separator) : NULL;
	if (end)
		*end = '\0';
	return part;
}

/* Whether a terminal can be shown S as it is. */
static inline bool fuzz_is_clean(const char *s)
{
	static char escaped[4 * FAIL_TEXT_MAX];

	return streq(str_escape(escaped, sizeof(escaped), s), s);
}

/* R is a failure as conventions have it: an errno, with a sentence that can be printed. */
static inline void fuzz_must_be_failure(int r)
{
	must(r < 0 && r > -4096);
	must(*fail_text());
	must(fuzz_is_clean(fail_text()));
	must(fuzz_is_clean(fail_hint_text()));
}
