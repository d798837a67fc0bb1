/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h: what the harnesses share. */
#pragma once

#include "util/fail.h"
#include "util/scope.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>

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

__attribute__((noreturn)) void fuzz_broken(const char *cond, const char *file, int line);

/* SIZE bytes, a piece of memory of its own, so that a sanitizer sees an access behind its end. To be
 * freed. */
char *fuzz_room(size_t size) __attribute__((returns_nonnull));

/* The input in such memory: as a file is read, with a NUL behind; and up to its first NUL, as an
 * argument is. */
char *fuzz_bytes(const uint8_t *data, size_t size) __attribute__((returns_nonnull));
char *fuzz_string(const uint8_t *data, size_t size) __attribute__((returns_nonnull));

/* Cuts the text up to SEPARATOR off *REST; all of it where there is none, and *REST is NULL then. */
char *fuzz_cut(char **rest, const char *separator);

/* Whether a terminal can be shown S as it is. */
bool fuzz_is_clean(const char *s);

/* R is a failure as conventions have it: an errno, with a sentence that can be printed. */
void fuzz_must_be_failure(int r);
