/* SPDX-License-Identifier: Apache-2.0 */
/* start.c: starting sbx-net, and what it is told. */
#include "net.h"

#include "config.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- the program ------------------------------------------------------------------------- */

/* Where it was installed, or beside the program that runs from a build folder. */
static int helper_open(void)
{
	char own[PATH_MAX], path[PATH_MAX + sizeof("/../../helpers/sbx-net/sbx-net")];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	int fd = open(SBX_HELPERS "/sbx-net", O_PATH | O_CLOEXEC);

	if (fd >= 0 || n <= 0)
		return fd;
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	(void)snprintf(path, sizeof(path), "%s/../../helpers/sbx-net/sbx-net", own);
	return open(path, O_PATH | O_CLOEXEC);
}

/* Out of the way of the numbers that sbx-net gets. */
static int fd_park(int fd)
{
	enum { PARKED = 16 };

	return fcntl(fd, F_DUPFD_CLOEXEC, PARKED);
}

/* Returns with errno where it can't be started whole. */
static void helper_exec(int helper, int config, int tap, int errors)
{
	char name[] = "sbx-net", *const argv[] = {name, NULL}, *const envp[] = {NULL};
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int tap_copy = fd_park(tap), config_copy = fd_park(config);
	int helper_copy = fd_park(helper);
	sigset_t none;

	/* In a session of its own, since a Ctrl-C is the payload's. */
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || tap_copy < 0 ||
	    config_copy < 0 || helper_copy < 0 || dup2(errors, STDERR_FILENO) < 0 ||
	    dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(tap_copy, NET_TAP_FD) < 0 || dup2(config_copy, NET_CONFIG_FD) < 0 ||
	    sys_cloexec_from(NET_CONFIG_FD + 1) < 0)
		return;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	errno = -sys_exec_fd(helper_copy, argv, envp);
}

int net_start(const struct net_config *config, int tap, int errors, pid_t *ret_pid)
{
	autoclose int helper = helper_open();
	autoclose int file = memfd_create("sbx-net", MFD_CLOEXEC);
	pid_t pid;
	int r;

	if (helper < 0)
		return fail_hint(fail_sys("find '%s/sbx-net'", SBX_HELPERS),
				 "install sbx whole");
	r = file < 0 ? -errno : io_write_all(file, config, sizeof(*config));
	if (r == 0 && lseek(file, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return fail(-r, "tell sbx-net what to do: %s", strerrordesc_np(-r));
	pid = fork();
	if (pid < 0)
		return fail_sys("start sbx-net");
	if (pid == 0) {
		helper_exec(helper, file, tap, errors);
		(void)dprintf(errors, "start sbx-net: %s\n", strerrordesc_np(errno));
		_exit(127);
	}
	*ret_pid = pid;
	return 0;
}
