/* SPDX-License-Identifier: Apache-2.0 */
/* str.h: strings, lists of strings, checked numbers, and an arena to keep them in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Where S starts with PREFIX: what follows it; else NULL. */
const char *str_after(const char *s, const char *prefix);

/* A whole string as a number: digits only (no sign, no space, no prefix), not above MAX.
 * -EINVAL or -ERANGE, without a sentence: the caller knows what the number is for. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret_value);
int str_to_u32(const char *s, uint32_t max, uint32_t *ret_value);
int str_octal(const char *s, uint32_t max, uint32_t *ret_value);

/* A size in bytes with an optional suffix b, k, m, g (powers of 1024, either case), as Docker
 * reads it. */
int str_to_size(const char *s, uint64_t *ret_bytes);

/* A duration: numbers with h, m, s, ms behind, each unit at most once and in this order
 * (1h30m), or a bare number of seconds. At least 1 ms. */
int str_to_duration(const char *s, uint64_t *ret_ms);

/* Copies S for a terminal: control bytes and invalid UTF-8 as \xNN. Cuts at SIZE - 1. Returns
 * DST. */
char *str_escape(char *dst, size_t size, const char *s);

/* How much of S, from its front, is UTF-8 without control characters other than tabs. */
size_t str_text_length(const char *s);

/* An arena: memory that is freed all at once. Zero-initialised is empty. */
struct arena {
	struct arena_chunk *chunks;
};

/* Never NULL: a process that can't have a few bytes ends with 125 and says so. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull, malloc));
char *arena_strndup(struct arena *a, const char *s, size_t len)
	__attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
void arena_done(struct arena *a);

/* ARRAY, of N members of SIZE bytes in A, with room for one more: the same or a longer copy. */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
	__attribute__((returns_nonnull));

/* A growing list of strings, NULL-terminated at all times once it has a member; the list lives
 * in an arena, the strings belong to whoever made them. */
struct strv {
	const char **v;
	size_t n, room;
};

void strv_push(struct arena *a, struct strv *list, const char *s);
bool strv_has(const struct strv *list, const char *s);
