/* SPDX-License-Identifier: Apache-2.0 */
/* fake_name.c: net_name_read() for tests that aren't linked with what it is in. */
#include "net/net.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_known(char c)
{
	return c && strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", c);
}

bool net_name_read(const char *text, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	char name[NET_NAME_MAX + 1];
	struct in_addr unused;
	size_t label = 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > NET_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];

		if (!is_known(c) || (c == '.' && label == 0) || (c != '.' && label == 63))
			return false;
		label = c == '.' ? 0 : label + 1;
		name[i] = c;
	}
	name[len] = '\0';
	if (label == 0 || inet_pton(AF_INET, name, &unused) == 1)
		return false;
	memcpy(ret_name, name, len + 1);
	return true;
}
