/* SPDX-License-Identifier: Apache-2.0 */
/* dns_server.c: the host's name servers, one after the other. */
#include "dns_server.h"

#include "choke.h"
#include "util/scope.h"

#include <string.h>

enum { DNS_PORT = 53 };

static struct net_servers servers;
static uint32_t preferred;

bool dns_servers_set(const struct net_servers *s)
{
	if (memcmp(&servers, s, sizeof(servers)) == 0)
		return false;
	servers = *s;
	if (servers.n > NET_SERVERS_MAX)
		servers.n = NET_SERVERS_MAX;
	preferred = 0;
	return true;
}

struct dns_tries dns_tries_start(void)
{
	return (struct dns_tries){.first = preferred};
}

bool dns_tries_has_other(const struct dns_tries *t)
{
	return t->made < servers.n;
}

static int server_connect(uint32_t which, int type)
{
	const struct in6_addr *a = &servers.address[which];
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(DNS_PORT),
				   .sin6_addr = *a,
				   .sin6_scope_id = servers.scope[which]};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	bool is_four = IN6_IS_ADDR_V4MAPPED(a);
	autoclose int fd =
		socket(is_four ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(&four.sin_addr, a->s6_addr + 12, sizeof(four.sin_addr));
	if (fd < 0)
		return -errno;
	/* Ours, not the sandbox's: the host's loopback is a good place for a name server. */
	if (choke_connect(fd, is_four ? (const void *)&four : (const void *)&six,
			  is_four ? sizeof(four) : sizeof(six)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}

int dns_tries_connect(struct dns_tries *t, int type, uint32_t rounds)
{
	int fd;

	if (t->made >= rounds * servers.n)
		return -ENOENT;
	fd = server_connect((t->first + t->made++) % servers.n, type);
	return fd == -ENOENT ? -EIO : fd;
}

void dns_tries_done(const struct dns_tries *t)
{
	if (servers.n > 0 && t->made > 0)
		preferred = (t->first + t->made - 1) % servers.n;
}
