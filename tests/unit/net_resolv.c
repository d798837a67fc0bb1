/* SPDX-License-Identifier: Apache-2.0 */
/* net_resolv.c: name servers, the host's and others, and the resolv.conf of a sandbox. */
#include "net/net.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static const char *address_shown(const struct net_servers *s, unsigned i)
{
	static char text[INET6_ADDRSTRLEN + 16];
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(AF_INET6, &s->address[i], address, sizeof(address));
	(void)snprintf(text, sizeof(text), "%s %u", address, s->scope[i]);
	return text;
}

static void test_add(void)
{
	struct net_servers s = {0};

	check_int(net_server_add(&s, "9.9.9.9"), 0);
	check_int(net_server_add(&s, "2620:fe::fe"), 0);
	check_int(net_server_add(&s, "fe80::1%lo"), 0);
	check_int(net_server_add(&s, "127.0.0.53"), 0);
	check_int(s.n, 4);
	check_str(address_shown(&s, 0), "::ffff:9.9.9.9 0");
	check_str(address_shown(&s, 1), "2620:fe::fe 0");
	check_str(address_shown(&s, 2), "fe80::1 1");
	s.n = NET_SERVERS_MAX;
	fail_forget();
	check_int(net_server_add(&s, "9.9.9.9"), -E2BIG);
	check(*fail_hint_text());
}

static void test_wrong(void)
{
	static const struct {
		const char *text;
		int r;
		const char *why;
	} rows[] = {
		{"", -EINVAL, "not the address"},
		{"dns.example.org", -EINVAL, "not the address"},
		{"9.9.9", -EINVAL, "not the address"},
		{"9.9.9.9:53", -EINVAL, "not the address"},
		{"[2620:fe::fe]", -EINVAL, "not the address"},
		{"0.0.0.0", -EINVAL, "not the address"},
		{"::", -EINVAL, "not the address"},
		{"224.0.0.251", -EINVAL, "not the address"},
		{"255.255.255.255", -EINVAL, "not the address"},
		{"ff02::fb", -EINVAL, "not the address"},
		{"fe80::1", -EINVAL, "without its interface"},
		{"fe80::1%nosuch", -ENODEV, "no such interface"},
		{"9.9.9.9\033[0m", -EINVAL, "'9.9.9.9\\x1b[0m'"},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", -EINVAL,
		 "not an address"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_servers s = {0};
		int r;

		fail_forget();
		r = net_server_add(&s, rows[i].text);
		if (!check_that(r == rows[i].r && strstr(fail_text(), rows[i].why) &&
					*fail_hint_text() && s.n == 0,
				"row %zu is refused", i))
			printf("# want %d '%s'\n# got  %d '%s'\n", rows[i].r, rows[i].why, r,
			       fail_text());
	}
}

/* ---- with a resolv.conf of the test's own ------------------------------------------------- */

static const char resolv_conf[] = "# a comment\n"
				  "nameserver 192.0.2.1\n"
				  "nameserver\tnonsense\n"
				  "nameserver 2001:db8::1\n"
				  "nameserver fe80::1%lo\n"
				  "nameserver fe80::2%nosuch\n"
				  "search  example.org example.com\n"
				  "sortlist 192.0.2.0\n"
				  "options ndots:2 edns0\n"
				  "nameserver 192.0.2.2";

static int differs(const char *got, const char *want)
{
	if (streq(got, want))
		return 0;
	printf("# got  '%s'\n# want '%s'\n", got, want);
	return 1;
}

static int hosts_own(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	static const char *const names[] = {"a.example", "b.example", "."};
	struct net_servers s = {0};
	struct strv search = {.v = (const char **)names};
	int failed = 0;

	net_servers_read(&s);
	failed += s.n != 4 || s.scope[2] != 1;
	failed += differs(address_shown(&s, 3), "::ffff:192.0.2.2 0");
	failed += differs(net_resolv_conf(&a, NULL),
			  "nameserver 10.0.2.3\nsearch  example.org example.com\n"
			  "options ndots:2 edns0\n");
	failed += differs(net_resolv_conf(&a, &search), net_resolv_conf(&a, NULL));
	search.n = 2;
	failed += differs(net_resolv_conf(&a, &search),
			  "nameserver 10.0.2.3\nsearch a.example b.example\n"
			  "options ndots:2 edns0\n");
	search.n = 3;
	failed += differs(net_resolv_conf(&a, &search),
			  "nameserver 10.0.2.3\noptions ndots:2 edns0\n");
	return failed;
}

static int with_resolv_conf(void)
{
	char path[] = "/tmp/resolv.XXXXXX";
	int fd = mkstemp(path), failed;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || fd < 0 ||
	    write(fd, resolv_conf, strlen(resolv_conf)) < 0 ||
	    mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0) {
		(void)unlink(path);
		return 77;
	}
	failed = hosts_own();
	(void)umount("/etc/resolv.conf");
	/* None that can be read is an empty one. */
	if (mount("/dev/null", "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0) {
		SCOPE_END(arena_done) struct arena a = {0};
		struct net_servers s = {0};

		net_servers_read(&s);
		failed += s.n != 0 || *fail_text();
		failed += differs(net_resolv_conf(&a, NULL), "nameserver 10.0.2.3\n");
	}
	(void)unlink(path);
	return failed;
}

int main(void)
{
	int status = 0;
	pid_t pid;

	test_add();
	test_wrong();
	pid = fork();
	if (pid == 0)
		_exit(with_resolv_conf());
	check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		tap_skip("the host's resolv.conf", "nothing can be mounted here");
	else
		check_int(WEXITSTATUS(status), 0);
	return tap_done();
}
