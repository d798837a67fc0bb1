/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_net.c: the checks of sbx doctor that are about networks, which the sandbox's room knows nothing of. */
#include "doctor_net.h"

#include "net/net.h"
#include "util/scope.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void doctor_nat(const struct doctor_request *q, struct doctor_finding *f)
{
	int r = net_try_nat();

	if (r < 0)
		doctor_find_failure(f, DOCTOR_LIMITED, r, "");
	else if (r == 0)
		doctor_find(f, DOCTOR_OK, "nftables redirects connections");
	else
		doctor_find(
			f, DOCTOR_OK,
			"nftables redirects connections, by nat: with nft_tproxy it is faster");
}

/* ---- name servers ------------------------------------------------------------------------ */

struct servers {
	struct net_server_try tried[NET_SERVERS_MAX];
	size_t n;
};

enum { SERVERS_SHOWN_MAX = NET_SERVERS_MAX * (NET_ADDRESS_TEXT_MAX + 8) };

/* Those that answer, or don't, with BETWEEN them; how many they are. */
static size_t servers_show(const struct servers *s, bool answers, const char *between,
			   char text[SERVERS_SHOWN_MAX])
{
	size_t n = 0, used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		if (s->tried[i].answers != answers)
			continue;
		used += (size_t)snprintf(text + used, SERVERS_SHOWN_MAX - used, "%s%s",
					 n ? between : "", s->tried[i].text);
		n++;
	}
	return n;
}

static void doctor_resolvers(const struct doctor_request *q, struct doctor_finding *f)
{
	struct servers s;
	char alive[SERVERS_SHOWN_MAX], dead[SERVERS_SHOWN_MAX];

	s.n = net_try_servers(s.tried);
	(void)servers_show(&s, true, ", ", alive);
	if (servers_show(&s, false, ", ", dead) == 0 && s.n > 0) {
		doctor_find(f, DOCTOR_OK, "answered: %s", alive);
	} else if (*alive) {
		doctor_find(f, DOCTOR_LIMITED, "answered: %s; not within a second: %s", alive,
			    dead);
		(void)servers_show(&s, true, " --dns ", alive);
		doctor_mend(f, "sbx enter --dns %s", alive);
	} else {
		if (s.n > 0)
			doctor_find(f, DOCTOR_LIMITED, "none answered within a second: %s",
				    dead);
		else
			doctor_find(f, DOCTOR_LIMITED, "/etc/resolv.conf has no name server");
		doctor_mend(f, "sbx enter --dns ADDRESS, which is one that answers");
	}
}

/* ---- echo requests ----------------------------------------------------------------------- */

static void doctor_echo(const struct doctor_request *q, struct doctor_finding *f)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0) {
		doctor_find(f, DOCTOR_OK, "a socket for echo requests was made");
		return;
	}
	doctor_find(f, DOCTOR_LIMITED, "make a socket for echo requests: %s",
		    strerrordesc_np(errno));
	doctor_mend(f, NET_ECHO_REMEDY);
}

/* clang-format off */
const struct doctor_check doctor_net_checks[DOCTOR_NET_CHECKS] = {
	{"nat",       "TCP at full speed, and rules with names (--allow-net, --deny-net)", DOCTOR_BETTER, true, doctor_nat},
	{"echo",      "ping, with a network of the sandbox's own", DOCTOR_BETTER, false, doctor_echo},
	{"resolvers", "names inside, with a network of the sandbox's own", DOCTOR_BETTER, false, doctor_resolvers},
};
/* clang-format on */
