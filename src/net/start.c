/* SPDX-License-Identifier: Apache-2.0 */
/* start.c: starting sbx-net, and what it is told. */
#include "net.h"

#include "config.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- the host's name servers ------------------------------------------------------------- */

static void server_add(struct net_servers *servers, char *text)
{
	char *scope = strchr(text, '%');
	struct in6_addr *to = &servers->address[servers->n];
	struct in_addr four;

	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		*to = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(to->s6_addr + 12, &four, sizeof(four));
	} else if (inet_pton(AF_INET6, text, to) != 1) {
		return;
	}
	servers->scope[servers->n++] = scope ? if_nametoindex(scope) : 0;
}

/* The lines of /etc/resolv.conf, one by one; what stands there is the administrator's. */
static void resolv_conf_read(void (*take)(void *context, const char *key, char *values),
			     void *context)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *text, *line, *save;
	size_t len;

	if (io_read_path("/etc/resolv.conf", &a, 1 << 16, &text, &len) < 0) {
		fail_forget();
		return;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *values, *key = strtok_r(line, " \t", &values);

		if (key)
			take(context, key, values);
	}
}

static void take_server(void *context, const char *key, char *values)
{
	struct net_servers *servers = context;
	char *save, *address = strtok_r(values, " \t", &save);

	if (streq(key, "nameserver") && address && servers->n < NET_SERVERS_MAX)
		server_add(servers, address);
}

void net_servers_read(struct net_servers *servers)
{
	resolv_conf_read(take_server, servers);
}

struct resolv_conf {
	struct arena *arena;
	char *text;
};

static void take_rest(void *context, const char *key, char *values)
{
	struct resolv_conf *c = context;

	if (streq(key, "search") || streq(key, "options") || streq(key, "domain"))
		c->text = arena_printf(c->arena, "%s%s %s\n", c->text, key, values);
}

char *net_resolv_conf(struct arena *a, const struct strv *search)
{
	struct resolv_conf c = {a, arena_strdup(a, "nameserver " NET_RESOLVER "\n")};

	resolv_conf_read(take_rest, &c);
	return c.text;
}

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
