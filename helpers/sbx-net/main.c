/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: sbx-net, the helper that is a sandbox's network: a router on the other side of its tap. */
#include "choke.h"
#include "dns.h"
#include "loop.h"
#include "wall.h"

#include "net/net.h"
#include "net/wire.h"
#include "util/fail.h"
#include "util/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static int run(void)
{
	static struct net_config config;
	struct choke_policy policy = {.connect_resolver = dns_connect};
	int r;

	if (io_read_all(NET_CONFIG_FD, &config, sizeof(config)) != (ssize_t)sizeof(config) ||
	    config.servers.n > NET_SERVERS_MAX)
		return fail(EINVAL, "sbx-net is started by sbx alone");
	(void)close(NET_CONFIG_FD);
	policy.host_loopback = config.host_loopback != 0;
	choke_set(&policy);
	dns_start(&config);
	r = loop_prepare(NET_TAP_FD, policy.host_loopback);
	if (r == 0)
		r = wall_raise();
	return r < 0 ? r : loop_run();
}

int main(void)
{
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	/* What was executed by a descriptor has its number for a name. */
	(void)prctl(PR_SET_NAME, "sbx-net");
	if (run() == 0)
		return 0;
	(void)dprintf(STDERR_FILENO, "%s\n", fail_text());
	return 1;
}
