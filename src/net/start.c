/* SPDX-License-Identifier: Apache-2.0 */
/* start.c: starting sbx-net, and what it is told. */
#include "start.h"

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
#include <sys/wait.h>
#include <unistd.h>

int helper_find(void)
{
	char own[PATH_MAX], path[PATH_MAX + sizeof("/../../helpers/sbx-net/sbx-net")];
	int fd = open(SBX_HELPERS "/sbx-net", O_PATH | O_CLOEXEC);
	ssize_t n = fd < 0 ? readlink("/proc/self/exe", own, sizeof(own) - 1) : 0;

	if (n > 0) {
		own[n] = '\0';
		*strrchr(own, '/') = '\0';
		(void)snprintf(path, sizeof(path), "%s/../../helpers/sbx-net/sbx-net", own);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_hint(fail_sys("find '%s/sbx-net'", SBX_HELPERS),
				 "install sbx whole; --net none does without it");
	return fd;
}

/* Out of the way of the END numbers that sbx-net gets. */
static int fd_park(int fd, int end)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, end);
}

/* FD becomes NUMBER, or that is closed where there is none. */
static int fd_place(int fd, int number)
{
	if (fd < 0)
		(void)close(number);
	return fd < 0 || dup2(fd, number) == number ? 0 : -errno;
}

/* All that it has, parked, and then each in its place. */
static int fds_place(const struct network *n, int config, int control)
{
	int from[NET_PORT_FD + NET_PORTS_MAX], r = 0;
	int end = NET_PORT_FD + (int)n->n_ports;

	from[STDIN_FILENO] = from[STDOUT_FILENO] = open("/dev/null", O_RDWR | O_CLOEXEC);
	from[STDERR_FILENO] = n->errors;
	from[NET_CONFIG_FD] = config;
	from[NET_CONTROL_FD] = control;
	for (int i = 0; i < NETWORK_FDS; i++)
		from[NET_FIRST_FD + i] = n->fds[i];
	for (size_t i = 0; i < n->n_ports; i++)
		from[NET_PORT_FD + i] = n->ports[i].fd;
	for (int i = 0; i < end && r >= 0; i++)
		if (from[i] >= 0)
			r = from[i] = fd_park(from[i], end);
	for (int i = 0; i < end && r >= 0; i++)
		r = fd_place(from[i], i);
	return r < 0 ? r : sys_cloexec_from((unsigned)end);
}

/* Returns with errno where it can't be started whole. */
static void helper_exec(const struct network *n, int config, int control)
{
	char name[] = "sbx-net", *const argv[] = {name, NULL}, *const envp[] = {NULL};
	int copy = fcntl(n->program, F_DUPFD_CLOEXEC, 2 * (NET_PORT_FD + (int)n->n_ports));
	sigset_t none;
	int r;

	/* In a session of its own, since a Ctrl-C is the payload's. */
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || copy < 0)
		return;
	r = fds_place(n, config, control);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	errno = r < 0 ? -r : -sys_exec_fd(copy, argv, envp);
}

/* A file that holds what the helper is told. */
static int config_write(const struct network *n)
{
	static struct net_start start;
	autoclose int file = memfd_create("sbx-net", MFD_CLOEXEC);
	int r;

	start = (struct net_start){.config = n->config, .n_ports = (uint32_t)n->n_ports};
	for (int i = 0; i < NETWORK_FDS; i++)
		if (n->fds[i] >= 0)
			start.fds |= 1U << i;
	memcpy(start.ports, n->ports, n->n_ports * sizeof(n->ports[0]));
	r = file < 0 ? -errno : io_write_all(file, &start, sizeof(start));
	if (r == 0 && lseek(file, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? fail(-r, "tell sbx-net what to do: %s", strerrordesc_np(-r))
		     : take_fd(&file);
}

int helper_start(struct network *n)
{
	autoclose int config = config_write(n), theirs = -EBADF;
	int pair[2], r;
	pid_t pid;

	if (config < 0)
		return config;
	(void)fd_close(n->errors);
	n->errors = memfd_create("sbx-net", MFD_CLOEXEC);
	if (n->errors < 0)
		return fail_sys("make a file for what sbx-net says");
	r = io_socketpair(pair);
	if (r < 0)
		return r;
	n->control = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return fail_sys("start sbx-net");
	if (pid == 0) {
		helper_exec(n, config, theirs);
		(void)dprintf(n->errors, "start sbx-net: %s\n", strerrordesc_np(errno));
		_exit(127);
	}
	n->helper = pid;
	return 0;
}

const char *helper_reap(struct network *n, char said[HELPER_SAID_MAX])
{
	int status = 0;
	ssize_t len;
	char *line;

	if (n->helper <= 0)
		return NULL;
	/* Who has closed its end of the socket may still be there, if it has been taken over. */
	(void)kill(n->helper, SIGKILL);
	while (waitpid(n->helper, &status, 0) < 0 && errno == EINTR)
		;
	n->helper = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	len = pread(n->errors, said, HELPER_SAID_MAX - 1, 0);
	said[len > 0 ? len : 0] = '\0';
	while (len > 0 && said[len - 1] == '\n')
		said[--len] = '\0';
	line = strrchr(said, '\n');
	if (!*said)
		(void)snprintf(said, HELPER_SAID_MAX, "%s",
			       WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status))
						   : "without a word");
	return line ? line + 1 : said;
}
