/* SPDX-License-Identifier: Apache-2.0 */
/* no_nat.c: no_nat COMMAND ARG...: runs it on a kernel that has no netfilter. */
#include <errno.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Needs: CAP_SYS_ADMIN, since setuid programs stay what they are. */
static int netfilter_hide(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) : -ENOMEM;

	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket),
				     2, SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK),
				     SCMP_A2_32(SCMP_CMP_EQ, NETLINK_NETFILTER));
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int main(int argc, char **argv)
{
	int r = netfilter_hide();

	if (argc < 2 || r < 0) {
		fprintf(stderr, "no_nat: %s\n", argc < 2 ? "no command" : strerror(-r));
		return 125;
	}
	(void)execvp(argv[1], argv + 1);
	fprintf(stderr, "no_nat: run '%s': %s\n", argv[1], strerror(errno));
	return 127;
}
