/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c: a sequence of frames, each behind its length (2 bytes) and the milliseconds that pass before it (1). */
#include "fragment.h"
#include "fuzz.h"

#include <string.h>

enum { ETH = 14, HEAD = 3 };

static void whole_check(const uint8_t *p, size_t len)
{
	const uint8_t *ip = p + ETH;

	if (p[12] == 0x08) {
		must(len == ETH + (size_t)(ip[2] << 8 | ip[3]));
		must(ip[0] == 0x45 && ip[6] == 0 && ip[7] == 0 && ip[9] == 17);
		return;
	}
	must(len == ETH + 40 + (size_t)(ip[4] << 8 | ip[5]));
	must(ip[6] == 17);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int64_t now;

	while (size > HEAD) {
		size_t len = (size_t)(data[0] << 8 | data[1]), whole_len;
		autofree char *frame = NULL;
		uint8_t *whole;

		now += data[2] * 16;
		data += HEAD;
		size -= HEAD;
		len = len < size ? len : size;
		frame = fuzz_room(len);
		memcpy(frame, data, len);
		if (fragment_take((const uint8_t *)frame, len, now, &whole, &whole_len) ==
		    FRAGMENT_WHOLE)
			whole_check(whole, whole_len);
		data += len;
		size -= len;
	}
	/* What is left is gone with the next input. */
	now += 10000;
	return 0;
}
