/* SPDX-License-Identifier: Apache-2.0 */
/* tap.h: what a test program says, as TAP ("ok 1 - ...") on stdout. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_checks, tap_failures;

/* One check: its line, and a note of where it stands when it fails. Returns OK. */
__attribute__((format(printf, 4, 5))) static inline bool
tap_check(bool ok, const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("%sok %d - ", ok ? "" : "not ", ++tap_checks);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (!ok) {
		tap_failures++;
		printf("# failed at %s:%d\n", file, line);
	}
	/* A child that the test makes must not print these lines a second time. */
	fflush(stdout);
	return ok;
}

static inline bool tap_check_int(long long got, long long want, const char *what,
				 const char *file, int line)
{
	if (!tap_check(got == want, file, line, "%s is %lld", what, want))
		printf("# got %lld\n", got);
	return got == want;
}

static inline bool tap_check_str(const char *got, const char *want, const char *what,
				 const char *file, int line)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;

	if (!tap_check(ok, file, line, "%s", what))
		printf("# got  '%s'\n# want '%s'\n", got ? got : "(null)",
		       want ? want : "(null)");
	return ok;
}

/* check(x > 0)               the condition itself is the line
 * check_that(x > 0, fmt...)  with a line of one's own
 * check_int(f(), -EINVAL), check_str(s, "text") also say what came instead */
#define check(cond)	      tap_check((cond), __FILE__, __LINE__, "%s", #cond)
#define check_that(cond, ...) tap_check((cond), __FILE__, __LINE__, __VA_ARGS__)
#define check_int(got, want)  tap_check_int((got), (want), #got, __FILE__, __LINE__)
#define check_str(got, want)  tap_check_str((got), (want), #got, __FILE__, __LINE__)

/* A check that this machine can't make, and why. */
static inline void tap_skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_checks, what, why);
	fflush(stdout);
}

/* The plan; what main returns. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_checks);
	return tap_failures != 0;
}
