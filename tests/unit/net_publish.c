/* SPDX-License-Identifier: Apache-2.0 */
/* net_publish.c: what --publish takes, and the sockets that it opens. */
#include "net/net.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- reading ----------------------------------------------------------------------------- */

static const char *shown(const struct net_port_spec *s)
{
	static char text[160];
	char address[NET_ADDRESS_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s%s %u %u+%u", s->has_address ? "" : "default ",
		       net_address_text(&s->address, s->host, address), s->inside, s->n,
		       s->protocol);
	return text;
}

static void test_right(void)
{
	/* ADDRESS:HOST INSIDE N+PROTOCOL */
	static const char *const rows[][2] = {
		{"80", "default 127.0.0.1:0 80 1+1"},
		{":80", "default 127.0.0.1:0 80 1+1"},
		{"0:80", "default 127.0.0.1:0 80 1+1"},
		{"80/tcp", "default 127.0.0.1:0 80 1+1"},
		{"80-82", "default 127.0.0.1:0 80 3+1"},
		{":80-82/udp", "default 127.0.0.1:0 80 3+2"},
		{"8080:80", "default 127.0.0.1:8080 80 1+1"},
		{"53:53/UDP", "default 127.0.0.1:53 53 1+2"},
		{"8080-8082:80-82", "default 127.0.0.1:8080 80 3+1"},
		{"8080-8080:80", "default 127.0.0.1:8080 80 1+1"},
		{"127.0.0.1::80", "127.0.0.1:0 80 1+1"},
		{"127.0.0.1:8080:80", "127.0.0.1:8080 80 1+1"},
		{"0.0.0.0:8080:80", "0.0.0.0:8080 80 1+1"},
		{"192.0.2.1:1-65535:1-65535", "192.0.2.1:1 1 65535+1"},
		{"[::1]:8080:80", "[::1]:8080 80 1+1"},
		/* As the tests of podman's write all addresses. */
		{"[127.0.0.1]:8080:80/udp", "127.0.0.1:8080 80 1+2"},
		{"[::]::80-81/udp", "[::]:0 80 2+2"},
		{"[::ffff:127.0.0.2]:1:2", "127.0.0.2:1 2 1+1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_port_spec spec;

		if (check_that(net_port_spec_parse(rows[i][0], &spec) == 0, "'%s' is taken",
			       rows[i][0]))
			check_str(shown(&spec), rows[i][1]);
		else
			printf("# %s\n", fail_text());
	}
}

static void test_wrong(void)
{
	static const struct {
		const char *text;
		int r;
		const char *why, *hint; /* NULL: the one about all of it */
	} rows[] = {
		{"", -EINVAL, "'' is not a port"},
		{":", -EINVAL, "'' is not a port"},
		{"8080:", -EINVAL, "'' is not a port"},
		{"0", -EINVAL, "port 0"},
		{"8080:0", -EINVAL, "port 0"},
		{"65536", -EINVAL, "'65536' is not a port"},
		{"-1", -EINVAL, "'-1' is not a port"},
		{"80-", -EINVAL, "'80-' is not a port"},
		{"80-79", -EINVAL, "not a range"},
		{"0-2:80-82", -EINVAL, "not a range"},
		{"http", -EINVAL, "'http' is not a port"},
		{"8080:80:90", -EINVAL, "'8080' is not an address", "127.0.0.1 is the default"},
		{"127.0.0.1:80", -EINVAL, "behind an address stand", "127.0.0.1::80 for"},
		{"localhost:8080:80", -EINVAL, "'localhost' is not an address",
		 "127.0.0.1 is the default"},
		{"127.1:8080:80", -EINVAL, "'127.1' is not an address",
		 "127.0.0.1 is the default"},
		{"::80", -EINVAL, "'' is not an address", "127.0.0.1 is the default"},
		{"::1:8080:80", -EINVAL, "'' is not an address", "127.0.0.1 is the default"},
		{"1.2.3.4:1:2:3", -EINVAL, "'1:2' is not a port"},
		{"[::1]", -EINVAL, "not closed"},
		{"[::1:8080:80", -EINVAL, "not closed"},
		{"[::1]80", -EINVAL, "not closed"},
		{"[::1]:80", -EINVAL, "behind an address stand", "[::1]::80 for"},
		{"[127.1]:8080:80", -EINVAL, "not an address", "127.0.0.1 is the default"},
		{"[fe80::1]:8080:80", -EAFNOSUPPORT, "link-local"},
		{"[fe80::1%lo]:8080:80", -EINVAL, "not an address", "127.0.0.1 is the default"},
		{"[ff02::1]:8080:80", -EINVAL, "of a group"},
		{"8080-8081:80", -EINVAL, "differ in length", "8080-8081:80-81 has"},
		{"8080:80-81", -EINVAL, "differ in length", "8080-8081:80-81 has"},
		{"8090-8100:80-82", -EINVAL, "differ in length", "8090-8100:80-90 has"},
		{"8090-8100:65534", -EINVAL, "differ in length"},
		{"*:8080:80", -EINVAL, "'*' is not an address", "0.0.0.0 is all of IPv4"},
		{"localhost:80", -EINVAL, "'localhost' is not an address",
		 "127.0.0.1 is the default"},
		{"127.0.0.1:80-82/udp", -EINVAL, "behind an address", "127.0.0.1::80-82 for"},
		{"127.0.0.1:", -EINVAL, "'' is not a port"},
		{"127.0.0.1:http", -EINVAL, "'http' is not a port"},
		{"8080:80,8081:81", -EINVAL, "one port or range",
		 "8080:80, and the option again"},
		{"80,81/udp", -EINVAL, "one port or range", "80, and the option again"},
		{",80", -EINVAL, "',80' is not a port"},
		{"80/", -EPROTONOSUPPORT, "'' is neither"},
		{"80/sctp", -EPROTONOSUPPORT, "'sctp' is neither"},
		{"80/tcp/udp", -EPROTONOSUPPORT, "'tcp/udp' is neither"},
		{"8\033[0m", -EINVAL, "'8\\x1b[0m' is not a port"},
		{"0000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000080",
		 -E2BIG, "too long"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_port_spec spec = {.n = 7};
		int r;

		fail_forget();
		r = net_port_spec_parse(rows[i].text, &spec);
		if (!check_that(r == rows[i].r && strstr(fail_text(), rows[i].why) &&
					strstr(fail_hint_text(),
					       rows[i].hint ? rows[i].hint : "[HOSTIP:]") &&
					spec.n == 7,
				"row %zu is refused", i))
			printf("# want %d '%s'\n# got  %d '%s'\n# hint: %s\n", rows[i].r,
			       rows[i].why, r, fail_text(), fail_hint_text());
	}
}

static void test_address_text(void)
{
	char text[NET_ADDRESS_TEXT_MAX];
	struct in6_addr a;

	check(inet_pton(AF_INET6, "::ffff:192.0.2.7", &a) == 1);
	check_str(net_address_text(&a, 80, text), "192.0.2.7:80");
	check(inet_pton(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", &a) == 1);
	check_str(net_address_text(&a, 65535, text),
		  "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

/* ---- opening ----------------------------------------------------------------------------- */

static struct net_port ports[NET_PORTS_MAX];
static size_t n_ports;

static int publish(const char *text)
{
	struct net_port_spec spec;
	int r = net_port_spec_parse(text, &spec);

	return r < 0 ? r : net_ports_open(&spec, ports, &n_ports);
}

static void ports_forget(void)
{
	net_ports_close(ports, n_ports);
	n_ports = 0;
}

/* Connects to, or sends a datagram to, what P is bound to. */
static int reach(const struct net_port *p)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
				  .sin6_addr = p->address,
				  .sin6_port = htons(p->host_port)};
	autoclose int fd =
		socket(AF_INET6, p->protocol == NET_TCP ? SOCK_STREAM : SOCK_DGRAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return p->protocol == NET_UDP && send(fd, "x", 1, 0) != 1 ? -errno : 0;
}

static void test_open(void)
{
	const struct net_port *p = ports;
	char text[NET_ADDRESS_TEXT_MAX], again[64];
	char byte;

	check_int(publish("80"), 0);
	check(n_ports == 1 && p->inside == 80 && p->host_port > 0 && p->fd >= 0);
	check(fcntl(p->fd, F_GETFD) == FD_CLOEXEC && fcntl(p->fd, F_GETFL) & O_NONBLOCK);
	check_int(reach(p), 0);
	check(strncmp(net_address_text(&p->address, p->host_port, text), "127.0.0.1:", 10) ==
	      0);

	(void)snprintf(again, sizeof(again), "0.0.0.0:%u:81", p->host_port);
	fail_forget();
	check_int(publish(again), -EADDRINUSE);
	/* Who looks for it by ss(8) finds nobody: it was this very call. */
	check(n_ports == 1 && strstr(fail_text(), " leads to port 80 inside already") &&
	      strstr(fail_hint_text(), "another port of the host's for 81"));
	(void)snprintf(again, sizeof(again), "0.0.0.0:%u:80", p->host_port);
	fail_forget();
	check_int(publish(again), -EADDRINUSE);
	check(n_ports == 1 && strstr(fail_text(), "127.0.0.1:") &&
	      strstr(fail_hint_text(), "leave that one out: 0.0.0.0:"));
	(void)snprintf(again, sizeof(again), "%u:81", p->host_port);
	fail_forget();
	check_int(publish(again), -EADDRINUSE);
	check(n_ports == 1 && strstr(fail_text(), " leads to port 80 inside already") &&
	      strstr(fail_hint_text(), "another port of the host's for 81"));
	/* The same twice, as by a profile and by an option, is once. */
	(void)snprintf(again, sizeof(again), "127.0.0.1:%u:80", p->host_port);
	check_int(publish(again), 0);
	check_int(n_ports, 1);
	(void)snprintf(again, sizeof(again), "127.0.0.2:%u:81", p->host_port);
	check_int(publish(again), 0);
	check_int(n_ports, 2);

	check_int(publish("53-55/udp"), 0);
	check_int(n_ports, 5);
	check(ports[4].inside == 55 && ports[4].protocol == NET_UDP);
	check(ports[3].host_port != ports[4].host_port);
	check_int(reach(&ports[4]), 0);
	check_int(recv(ports[4].fd, &byte, 1, 0), 1);
	ports_forget();
	check_int(ports[4].fd, -EBADF);

	fail_forget();
	check_int(publish("192.0.2.1::80"), -EADDRNOTAVAIL);
	check(strstr(fail_hint_text(), "ip address"));
	fail_forget();
	check_int(publish("1-257"), -E2BIG);
	check(*fail_hint_text());
	check_int(n_ports, 0);
	check_int(publish("1-256"), 0);
	check_int(n_ports, NET_PORTS_MAX);
	ports_forget();
}

/* One address is part of all of them, whichever comes first. */
static void test_all_addresses(void)
{
	char text[64];

	check_int(publish("0.0.0.0::80"), 0);
	(void)snprintf(text, sizeof(text), "%u:80", ports[0].host_port);
	check_int(publish(text), 0);
	check_int(n_ports, 1);
	(void)snprintf(text, sizeof(text), "%u:80/udp", ports[0].host_port);
	check_int(publish(text), 0);
	check_int(n_ports, 2);
	(void)snprintf(text, sizeof(text), "%u:81", ports[0].host_port);
	fail_forget();
	check_int(publish(text), -EADDRINUSE);
	check(strstr(fail_text(), "0.0.0.0:") && strstr(fail_text(), "to port 80 inside"));
	ports_forget();
}

/* Who has the port is somebody else. */
static void test_in_use(void)
{
	char text[64];

	check_int(publish("80"), 0);
	(void)snprintf(text, sizeof(text), "0.0.0.0:%u:81", ports[0].host_port);
	n_ports = 0;
	fail_forget();
	check_int(publish(text), -EADDRINUSE);
	check(strstr(fail_text(), "publish 0.0.0.0:") &&
	      strstr(fail_hint_text(), "ss -lntp 'sport = :"));
	n_ports = 1;
	ports_forget();
}

/* Half of a range is none. */
static void test_range(void)
{
	char range[64];
	uint16_t taken;

	check_int(publish("80"), 0);
	taken = ports[0].host_port;
	(void)snprintf(range, sizeof(range), "127.0.0.1:%u-%u:10-13", taken - 2, taken + 1);
	check_int(publish(range), -EADDRINUSE);
	check_int(n_ports, 1);
	check(fcntl(ports[1].fd, F_GETFD) < 0);
	ports_forget();
}

/* [::] leaves 0.0.0.0 to another. */
static void test_both_families(void)
{
	char four[64];

	if (publish("[::]::80") < 0) {
		tap_skip("[::] beside 0.0.0.0", "there is no IPv6 here");
		return;
	}
	(void)snprintf(four, sizeof(four), "0.0.0.0:%u:80", ports[0].host_port);
	check_int(publish(four), 0);
	check_int(n_ports, 2);
	(void)snprintf(four, sizeof(four), "[::1]:%u:81", ports[0].host_port);
	fail_forget();
	check_int(publish(four), -EADDRINUSE);
	check(strstr(fail_text(), "[::]:") && strstr(fail_hint_text(), "another port"));
	ports_forget();
}

/* In a network namespace of its own, without CAP_NET_BIND_SERVICE over it. */
static int privileged(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return 77;
	fail_forget();
	return !(publish("7:80") == -EACCES && strstr(fail_hint_text(), "port_start=7;"));
}

/* ---- handed in --------------------------------------------------------------------------- */

static int listener(int type, const char *address)
{
	int fd = socket(AF_INET, type, 0);
	struct sockaddr_in to = {.sin_family = AF_INET};

	(void)inet_pton(AF_INET, address, &to.sin_addr);
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1) < 0))
		return -errno;
	return fd;
}

/* FDS become descriptors 3 and on, as systemd hands them in. */
static void hand_in(const int *fds, int n, pid_t pid)
{
	char text[16];
	int high[4];

	for (int i = 0; i < n; i++)
		high[i] = fcntl(fds[i], F_DUPFD, 20);
	for (int i = 0; i < n; i++)
		(void)dup2(high[i], 3 + i);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	(void)setenv("LISTEN_PID", text, 1);
	(void)snprintf(text, sizeof(text), "%d", n);
	(void)setenv("LISTEN_FDS", text, 1);
	(void)setenv("LISTEN_FDNAMES", "a:b", 1);
}

static int inherits(void)
{
	const int fds[] = {listener(SOCK_STREAM, "127.0.0.1"),
			   listener(SOCK_DGRAM, "127.0.0.1")};
	char text[64];
	int n, failed = 0;

	hand_in(fds, 2, getpid());
	n = net_ports_inherited(ports);
	failed += n != 2 || getenv("LISTEN_PID") || getenv("LISTEN_FDS") ||
		  getenv("LISTEN_FDNAMES");
	n_ports = 2;
	failed += ports[0].fd != 3 || ports[0].protocol != NET_TCP || ports[0].inside ||
		  ports[1].fd != 4 || ports[1].protocol != NET_UDP;
	failed += fcntl(3, F_GETFD) != FD_CLOEXEC || !(fcntl(4, F_GETFL) & O_NONBLOCK);

	/* Of another protocol, another address: not this one. */
	(void)snprintf(text, sizeof(text), "127.0.0.2:%u:80", ports[0].host_port);
	failed += publish(text) != 0 || n_ports != 3 || ports[0].inside;
	(void)snprintf(text, sizeof(text), "%u:53/udp", ports[1].host_port);
	failed += publish(text) != 0 || n_ports != 3 || ports[1].inside != 53;
	/* What SPEC had taken before it failed is free again. */
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u-%u:80-335", ports[0].host_port,
		       ports[0].host_port + 255);
	failed += publish(text) >= 0 || n_ports != 3 || ports[0].inside;
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u:80", ports[0].host_port);
	failed += publish(text) != 0 || n_ports != 3 || ports[0].inside != 80;
	return failed;
}

static int inherits_nothing(void)
{
	const int fds[] = {listener(SOCK_STREAM, "127.0.0.1")};

	hand_in(fds, 1, getpid() + 1);
	return net_ports_inherited(ports) != 0;
}

static int inherits_wrong(int fd)
{
	hand_in(&fd, 1, getpid());
	fail_forget();
	return !(net_ports_inherited(ports) == -ENOTSUP && *fail_hint_text() &&
		 strstr(fail_text(), "descriptor 3 of LISTEN_FDS: "));
}

static int inherits_file(void)
{
	return inherits_wrong(open("/dev/null", O_RDONLY));
}

static int inherits_unix(void)
{
	return inherits_wrong(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int inherits_unbound(void)
{
	return inherits_wrong(socket(AF_INET, SOCK_STREAM, 0));
}

/* In a child, whose descriptors and environment are its own. */
static void in_child(const char *what, int (*test)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(test());
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 77)
		tap_skip(what, "no user namespace can be made here");
	else
		check_that(pid > 0 && status == 0, "%s", what);
}

int main(void)
{
	test_right();
	test_wrong();
	test_address_text();
	test_open();
	test_all_addresses();
	test_in_use();
	test_range();
	test_both_families();
	in_child("a port of root's comes with what mends it", privileged);
	in_child("sockets that are handed in are taken", inherits);
	in_child("those of another process aren't", inherits_nothing);
	in_child("a file is refused", inherits_file);
	in_child("a socket of the host's own is refused", inherits_unix);
	in_child("a socket that doesn't listen is refused", inherits_unbound);
	return tap_done();
}
