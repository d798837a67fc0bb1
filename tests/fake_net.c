/* SPDX-License-Identifier: Apache-2.0 */
/* fake_net.c: as much of the room net as tests of the command line need, where that isn't linked. */
#include "net/net.h"
#include "util/fail.h"

#include <ctype.h>
#include <errno.h>

bool net_name_read(const char *text, size_t len, char ret_name[NET_NAME_MAX + 1])
{
	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > NET_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
		ret_name[i] = (char)tolower((unsigned char)text[i]);
	}
	ret_name[len] = '\0';
	return true;
}

/* Words, and names; an address is none. */
int net_rule_parse(const char *text, bool is_allowed, struct net_rule *ret_rule)
{
	static const char *const words[] = {"any", "dns", "private", "host"};
	struct net_rule rule = {.target = NET_TARGET_NAME, .is_allowed = is_allowed};
	size_t len = strcspn(text, ":/");

	for (unsigned i = 0; i < 4; i++)
		if (strlen(words[i]) == len && strncmp(words[i], text, len) == 0)
			rule.target = (uint8_t)(NET_TARGET_ANY + i);
	if (rule.target == NET_TARGET_NAME && !net_name_read(text, len, rule.name))
		return fail_hint(fail(EINVAL, "it is no rule"), "example.org");
	*ret_rule = rule;
	return 0;
}

void network_init(struct network *n)
{
	*n = (struct network){.folder = -EBADF};
}

int network_open(struct network *n)
{
	return 0;
}

void network_done(struct network *n)
{
	net_ports_close(n->ports, n->n_ports);
	n->n_ports = 0;
}
