/* SPDX-License-Identifier: Apache-2.0 */
/* attach_keys.c: the detach keys: their names, and a matcher that loses no byte. */
#include "attach_keys.h"

#include "util/fail.h"
#include "util/str.h"

#include <errno.h>

/* The byte of the key that is written S, LEN long; negative where there is none. */
static int key_parse(const char *s, size_t len)
{
	const char *name = str_after(s, "ctrl-");

	if (len == 1)
		return (unsigned char)s[0];
	if (!name || len != strlen("ctrl-") + 1)
		return -EINVAL;
	if (name[0] >= 'a' && name[0] <= 'z')
		return name[0] - 'a' + 1;
	if (name[0] == '@' || (name[0] >= '[' && name[0] <= '_'))
		return name[0] - '@';
	return -EINVAL;
}

int keys_parse(struct keys *k, const char *text)
{
	struct keys parsed = {.n = 0};
	char shown[128];

	for (const char *p = text; *text; p++) {
		size_t len = strcspn(p, ",");
		int key = key_parse(p, len);

		if (key < 0)
			return fail_hint(
				fail(EINVAL, "key %zu of the detach keys '%s' is no key",
				     parsed.n + 1, str_escape(shown, sizeof(shown), text)),
				"write them like 'ctrl-p,ctrl-q' or 'ctrl-],x'");
		if (parsed.n == KEYS_MAX)
			return fail(EINVAL, "there are more than %d detach keys", KEYS_MAX);
		parsed.sequence[parsed.n++] = (unsigned char)key;
		p += len;
		if (!*p)
			break;
	}
	*k = parsed;
	return 0;
}

/* How much of the sequence is matched still, once the byte behind the matched ones was wrong:
 * the longest proper end of what is withheld that is a beginning too. */
static size_t matched_still(const struct keys *k)
{
	for (size_t n = k->matched - 1; n > 0; n--)
		if (memcmp(k->sequence, k->sequence + k->matched - n, n) == 0)
			return n;
	return 0;
}

size_t keys_pass(struct keys *k, const char *in, size_t len, char *out, size_t *ret_out,
		 bool *ret_found)
{
	size_t used = 0, made = 0;
	bool found = false;

	while (used < len && !found) {
		unsigned char byte = (unsigned char)in[used++];

		while (k->matched > 0 && k->sequence[k->matched] != byte) {
			size_t still = matched_still(k);

			memcpy(out + made, k->sequence, k->matched - still);
			made += k->matched - still;
			k->matched = still;
		}
		if (k->n == 0 || k->sequence[k->matched] != byte)
			out[made++] = (char)byte;
		else if (++k->matched == k->n)
			found = true;
	}
	if (found)
		k->matched = 0;
	*ret_out = made;
	*ret_found = found;
	return used;
}
