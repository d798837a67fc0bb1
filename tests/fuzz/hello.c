/* SPDX-License-Identifier: Apache-2.0 */
/* hello.c: what a client sends first; whom that is for doesn't depend on how it comes. */
#include "hello.h"
#include "fuzz.h"

static enum hello_kind look(const uint8_t *data, size_t len, char *name)
{
	autofree char *copy = fuzz_room(len ? len : 1);

	memcpy(copy, data, len);
	return hello_read((uint8_t *)copy, len, name);
}

static void name_check(const char *name)
{
	char again[NET_NAME_MAX + 1];

	if (*name)
		must(net_name_read(name, strlen(name), again) && streq(again, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { PIECES = 32 };
	static const char untouched[] = "untouched";
	size_t step = size / PIECES + 1;
	char name[NET_NAME_MAX + 1] = "untouched", early[NET_NAME_MAX + 1];
	enum hello_kind kind = look(data, size, name), before = HELLO_MORE;

	must(size < HELLO_MAX || kind != HELLO_MORE);
	if (kind == HELLO_TLS || kind == HELLO_HTTP)
		name_check(name);
	else
		must(streq(name, untouched));
	for (size_t n = 0; n < size && before == HELLO_MORE; n += step)
		before = look(data, n, early);
	/* With HTTP what comes behind doesn't change it; TLS's record must end there. */
	if (before == HELLO_HTTP)
		must(kind == HELLO_HTTP && streq(name, early));
	else if (before != HELLO_MORE)
		must(kind == before && (before != HELLO_TLS || streq(name, early)));
	return 0;
}
