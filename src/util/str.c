/* SPDX-License-Identifier: Apache-2.0 */
/* str.c: strings, lists of strings, checked numbers, and an arena. */
#include "str.h"

#include "scope.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *str_after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

/* Digits of BASE from S up to the first other byte; *RET_END is that byte. */
static int number_parse(const char *s, unsigned base, uint64_t max, uint64_t *ret_value,
			const char **ret_end)
{
	uint64_t value = 0;
	const char *p;

	for (p = s; *p >= '0' && *p < (char)('0' + base); p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value) || value > max)
			return -ERANGE;
	}
	if (p == s)
		return -EINVAL;
	*ret_value = value;
	*ret_end = p;
	return 0;
}

static int number_whole(const char *s, unsigned base, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	const char *end;
	int r = number_parse(s, base, max, &value, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret_value)
{
	return number_whole(s, 10, max, ret_value);
}

int str_to_u32(const char *s, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int r = number_whole(s, 10, max, &value);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}

int str_octal(const char *s, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int r = number_whole(s, 8, max, &value);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

static int number_with_unit(const char *s, const struct unit *units, uint64_t *ret_value)
{
	uint64_t value;
	const char *end;
	int r = number_parse(s, 10, UINT64_MAX, &value, &end);

	if (r < 0)
		return r;
	for (const struct unit *u = units; u->suffix; u++) {
		if (strcasecmp(end, u->suffix) != 0)
			continue;
		if (__builtin_mul_overflow(value, u->factor, &value))
			return -ERANGE;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int str_to_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1},	   {"b", 1},	       {"k", 1ULL << 10}, {"kb", 1ULL << 10},
		{"m", 1ULL << 20}, {"mb", 1ULL << 20}, {"g", 1ULL << 30}, {"gb", 1ULL << 30},
		{NULL, 0},
	};

	return number_with_unit(s, units, ret_bytes);
}

static int duration_bare(const char *s, uint64_t *ret_ms)
{
	uint64_t seconds;
	int r = number_whole(s, 10, UINT64_MAX / 1000, &seconds);

	if (r == 0)
		*ret_ms = seconds * 1000;
	return r;
}

/* 1h30m15s500ms, or some of these parts. */
static int duration_parts(const char *s, uint64_t *ret_ms)
{
	static const struct unit units[] = {
		{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
	uint64_t ms = 0, part;
	size_t unit = 0;

	do {
		const char *end;
		size_t len;
		int r = number_parse(s, 10, UINT64_MAX, &part, &end);

		if (r < 0)
			return r;
		len = strspn(end, "hmsHMS");
		while (unit < ARRAY_SIZE(units) &&
		       (strlen(units[unit].suffix) != len ||
			strncasecmp(units[unit].suffix, end, len) != 0))
			unit++;
		if (unit == ARRAY_SIZE(units))
			return -EINVAL;
		if (__builtin_mul_overflow(part, units[unit++].factor, &part) ||
		    __builtin_add_overflow(ms, part, &ms))
			return -ERANGE;
		s = end + len;
	} while (*s);
	*ret_ms = ms;
	return 0;
}

int str_to_duration(const char *s, uint64_t *ret_ms)
{
	uint64_t ms = 0;
	int r = duration_bare(s, &ms);

	if (r == -EINVAL)
		r = duration_parts(s, &ms);
	if (r < 0)
		return r;
	/* What fits a timer without overflow: ten years are enough. */
	if (ms == 0 || ms > 10ULL * 366 * 86400 * 1000)
		return -ERANGE;
	*ret_ms = ms;
	return 0;
}

/* Length of the valid, printable UTF-8 sequence at S, 0 where there is none. C1 controls are
 * control bytes too: some terminals obey them. */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return (s[1] & 0xc0) == 0x80 && !(s[0] == 0xc2 && s[1] < 0xa0) ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] <= 0xef) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

size_t str_text_length(const char *s)
{
	const unsigned char *in = (const unsigned char *)s;
	size_t len;

	while (*in && ((len = utf8_length(in)) > 0 || *in == '\t'))
		in += len ? len : 1;
	return (size_t)(in - (const unsigned char *)s);
}

char *str_escape(char *dst, size_t size, const char *s)
{
	const unsigned char *in = (const unsigned char *)s;
	size_t used = 0;

	while (*in) {
		size_t len = utf8_length(in);

		if (used + (len ? len : 4) >= size)
			break;
		if (len) {
			memcpy(dst + used, in, len);
			used += len;
			in += len;
		} else {
			used += (size_t)snprintf(dst + used, size - used, "\\x%02x", *in++);
		}
	}
	dst[used] = '\0';
	return dst;
}

enum { ARENA_CHUNK = 4096 - 64 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, room;
	char data[] __attribute__((aligned(16)));
};

static void out_of_memory(void)
{
	static const char line[] = "sbx: out of memory\n";

	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(125);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = a->chunks;
	size_t need = (size + 15) & ~(size_t)15;
	void *ptr;

	if (need < size)
		out_of_memory();
	if (!chunk || chunk->room - chunk->used < need) {
		size_t room = need > ARENA_CHUNK ? need : ARENA_CHUNK;

		/* Zeroed by the kernel where it is large: what isn't used is never touched. */
		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			out_of_memory();
		chunk->next = a->chunks;
		chunk->room = room;
		a->chunks = chunk;
	}
	ptr = chunk->data + chunk->used;
	chunk->used += need;
	return ptr;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *out;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		out_of_memory();
	out = arena_alloc(a, (size_t)len + 1);
	va_start(args, fmt);
	(void)vsnprintf(out, (size_t)len + 1, fmt, args);
	va_end(args);
	return out;
}

/* Grows at powers of two. */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
	void *larger;

	if (n & (n - 1))
		return array;
	larger = arena_alloc(a, (n ? 2 * n : 1) * size);
	return n ? memcpy(larger, array, n * size) : larger;
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}

void strv_push(struct arena *a, struct strv *list, const char *s)
{
	if (list->n + 1 >= list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		const char **v = arena_alloc(a, room * sizeof(*v));

		if (list->n)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
		list->room = room;
	}
	list->v[list->n++] = s;
	list->v[list->n] = NULL;
}

bool strv_has(const struct strv *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->v[i], s))
			return true;
	return false;
}
