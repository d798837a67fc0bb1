/* SPDX-License-Identifier: Apache-2.0 */
/* fail.h: the sentence that stands beside a negative errno. */
#pragma once

#include <stddef.h>

/*
 * Theory of operation
 *
 * A function that fails returns a negative errno; what it tried, on what and why it failed
 * stands in one static buffer, the way errno holds the number. Whoever fails first writes the
 * sentence (fail, fail_sys); callers put context in front of it (fail_in); main prints it.
 * Whoever tries an alternative after a failure calls fail_forget(). Nothing here allocates, so
 * that it works between clone and exec, and the text can cross a socket (fail_text, fail).
 *
 * A hint is a second sentence that says how to mend it. The first one that is set stays.
 */

enum { FAIL_TEXT_MAX = 1024, FAIL_HINT_MAX = 512 };

/* Sets the sentence; returns -ERR (ERR a positive errno). */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the sentence and appends what errno says; returns -errno. */
int fail_sys(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Puts "CONTEXT: " in front of the sentence of failure R and returns R; sets one from R's errno
 * where there is none. */
int fail_in(int r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a hint to the failure R unless it has one, and returns R. */
int fail_hint(int r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sentence and the hint, "" where there is none. Valid until the next fail*(). */
const char *fail_text(void);
const char *fail_hint_text(void);

void fail_forget(void);

/* Sets a failure aside while cleaning up may have others, and takes it up again. */
struct fail_saved {
	char text[FAIL_TEXT_MAX], hint[FAIL_HINT_MAX];
};

void fail_save(struct fail_saved *ret_saved);
void fail_restore(const struct fail_saved *saved);
