/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: messages to the launcher, and the sentences in them. */
#pragma once

#include "sandbox/wire.h"

#include <stdarg.h>
#include <stddef.h>

/* A bounded string that grows to the right; what doesn't fit is cut. A NUL stands behind it at
 * all times. */
struct text {
	char *at, *end;
};

struct text text_in(char *buf, size_t size);

/* Understands %s, %u and %o, and nothing between the % and the letter. A long %s is cut and
 * ends in
 * "...", so that a hostile name doesn't push the rest of the sentence out. */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_addv(struct text *t, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Adds ": " and what ERR means to somebody who wants to run a program. */
void text_add_error(struct text *t, int err);

/* Sends M to the launcher over WIRE; drops it where the launcher doesn't read. */
void report_send(int wire, const struct wire_message *m);

/* The same by write(2), which every filter lets pass; waits for room. */
void report_write(int wire, const struct wire_message *m);

/* Bytes before the NUL. */
size_t text_len(const char *s);
