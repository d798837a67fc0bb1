/* SPDX-License-Identifier: Apache-2.0 */
/* str.c: numbers, sizes, durations and text for a terminal. */
#include "util/str.h"
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>

/* What was read as VALUE is read as VALUE when it is written again. */
static void number_check(const char *s)
{
	char again[32];
	uint64_t value, second;
	uint32_t narrow;
	int r = str_to_u64(s, UINT64_MAX, &value);

	must(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0)
		return;
	must(s[strspn(s, "0123456789")] == '\0');
	(void)snprintf(again, sizeof(again), "%" PRIu64, value);
	must(str_to_u64(again, UINT64_MAX, &second) == 0 && second == value);
	must(value == 0 || str_to_u64(s, value - 1, &second) == -ERANGE);
	r = str_to_u32(s, UINT32_MAX, &narrow);
	must((r == 0) == (value <= UINT32_MAX));
	must(r < 0 || narrow == value);
}

static void octal_check(const char *s)
{
	char again[32];
	uint32_t value, second;

	if (str_octal(s, 07777, &value) < 0)
		return;
	must(value <= 07777 && s[strspn(s, "01234567")] == '\0');
	(void)snprintf(again, sizeof(again), "%o", value);
	must(str_octal(again, 07777, &second) == 0 && second == value);
}

static void units_check(const char *s)
{
	char again[32];
	uint64_t value, second;

	if (str_to_size(s, &value) == 0) {
		(void)snprintf(again, sizeof(again), "%" PRIu64 "b", value);
		must(str_to_size(again, &second) == 0 && second == value);
	}
	if (str_to_duration(s, &value) == 0) {
		must(value > 0 && value <= UINT64_C(10) * 366 * 86400 * 1000);
		(void)snprintf(again, sizeof(again), "%" PRIu64 "ms", value);
		must(str_to_duration(again, &second) == 0 && second == value);
	}
}

/* However short the room, what is shown has no control byte and no half character: escaped once
 * more it is the same. */
static void escape_check(const char *s)
{
	char whole[512], part[512], again[512];

	for (size_t room = 1; room <= sizeof(part); room += room < 16 ? 1 : 99) {
		memset(part, 'x', sizeof(part));
		must(str_escape(part, room, s) == part);
		must(strlen(part) < room);
		must(streq(str_escape(again, sizeof(again), part), part));
		must(str_after(str_escape(whole, sizeof(whole), s), part));
		for (const char *c = part; *c; c++)
			must((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *s = fuzz_string(data, size);

	number_check(s);
	octal_check(s);
	units_check(s);
	escape_check(s);
	return 0;
}
