/* SPDX-License-Identifier: Apache-2.0 */
/* net_report.c: what is told of refusals at the end, and what the log of a network has in it. */
#include "cli/net_report.h"
#include "tap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/term.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct arena arena;
static const char *said;
static struct net_config config;

static void say(const char *note)
{
	said = arena_printf(&arena, "%s%s\n", said, note);
}

static void rule_add(struct net_report *r, const char *text, struct net_rule rule)
{
	strv_push(&arena, &r->rules, text);
	config.rules[config.n_rules++] = rule;
}

static void begin(struct net_report *r)
{
	config = (struct net_config){0};
	said = "";
	net_report_init(r, &config, say);
}

static struct net_event event(uint8_t kind, uint8_t reason, const char *address, uint16_t port,
			      const char *name)
{
	struct net_event e = {
		.kind = kind, .reason = reason, .protocol = NET_TCP, .port = port, .rule = -1};

	(void)inet_pton(AF_INET6, address, &e.address);
	(void)snprintf(e.name, sizeof(e.name), "%s", name);
	return e;
}

/* What is told of E alone. */
static const char *told(struct net_report *r, const struct net_event *e)
{
	said = "";
	net_report_event(r, e);
	net_report_done(r);
	return said;
}

/* ---- the end ----------------------------------------------------------------------------- */

struct row {
	uint8_t kind, reason;
	const char *address;
	uint16_t port;
	const char *name, *open, *closed;
};

/* OPEN: what is told where nothing was allowed by a rule; CLOSED: where example.org was. */
static const struct row rows[] = {
	{NET_EVENT_CONNECT, NET_BY_DEFAULT, "::ffff:192.0.2.7", 443, "evil.example", NULL,
	 "refused: evil.example:443/tcp: no --allow-net is about it; --allow-net "
	 "evil.example:443 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_DEFAULT, "2001:db8::7", 443, "", NULL,
	 "refused: [2001:db8::7]:443/tcp: no --allow-net is about it; --allow-net "
	 "[2001:db8::7]:443 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_HOST, "::ffff:10.0.2.2", 8080, "",
	 "refused: 10.0.2.2:8080/tcp: it is this host's; --host-loopback allows all of it, "
	 "--allow-net any --allow-net host:8080 this alone\n",
	 "refused: 10.0.2.2:8080/tcp: it is this host's; --allow-net host:8080 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_METADATA, "::ffff:169.254.169.254", 80, "",
	 "refused: 169.254.169.254:80/tcp: it is a cloud's metadata service; --allow-net any "
	 "--allow-net 169.254.169.254:80 allows it\n",
	 "refused: 169.254.169.254:80/tcp: it is a cloud's metadata service; --allow-net "
	 "169.254.169.254:80 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_LINK_LOCAL, "fe80::1", 80, "",
	 "refused: [fe80::1]:80/tcp: it is link-local; --allow-net any --allow-net "
	 "[fe80::1]:80 allows it\n",
	 NULL},
	{NET_EVENT_CONNECT, NET_BY_SPECIAL, "::ffff:224.0.0.251", 5353, "", "", ""},
	{NET_EVENT_NAME, NET_BY_DEFAULT, "::", 0, "evil.example", NULL,
	 "refused: the name evil.example: no --allow-net is about it; --allow-net evil.example "
	 "allows it\n"},
	{NET_EVENT_NAME, NET_BY_DEFAULT, "::", 0, "any", NULL,
	 "refused: the name any: no --allow-net is about it; --allow-net any. allows it\n"},
	{NET_EVENT_ANSWER, NET_BY_PRIVATE, "::ffff:10.1.2.3", 0, "example.org", NULL,
	 "refused: the address 10.1.2.3 of example.org: it is private; --allow-net 10.1.2.3 "
	 "allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_NO_NAME, "::ffff:192.0.2.7", 22, "example.org", NULL,
	 "refused: example.org:22/tcp: only names are allowed there, and the connection says "
	 "none; --allow-net 192.0.2.7:22 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_OTHER_NAME, "::ffff:192.0.2.7", 443, "evil.example", NULL,
	 "refused: 192.0.2.7:443/tcp: the connection says a name that isn't allowed there "
	 "(evil.example); --allow-net evil.example:443 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_OTHER_NAME, "::ffff:192.0.2.7", 443, "example.org", NULL,
	 "refused: 192.0.2.7:443/tcp: the connection says a name that isn't allowed there "
	 "(example.org); --allow-net 192.0.2.7:443 allows it\n"},
	{NET_EVENT_CONNECT, NET_BY_PATH, "::ffff:192.0.2.7", 443, "", NULL,
	 "refused: 192.0.2.7:443/tcp: where rules have names, TCP can't go by a way of its "
	 "own\n"},
	{NET_EVENT_NAME, NET_BY_HOST, "::", 0, "host.docker.internal",
	 "refused: the name host.docker.internal: it is this host's; --host-loopback allows all "
	 "of it, --allow-net any --allow-net host this alone\n",
	 "refused: the name host.docker.internal: it is this host's; --allow-net host allows "
	 "it\n"},
	{NET_EVENT_CONNECT, NET_BY_NO_ECHO, "::ffff:192.0.2.7", 0, "", NULL,
	 "refused: 192.0.2.7/tcp: this host lets nobody send echo requests; sudo sysctl -w "
	 "net.ipv4.ping_group_range='0 2147483647' lets all\n"},
	{NET_EVENT_UNANSWERED, 0, "::", 0, "",
	 "no name server answered, 1 times (there is none); --dns ADDRESS names one that does, "
	 "sbx doctor tries them\n",
	 NULL},
	/* What a hostile sandbox asks for gets neither to the terminal nor into a command. */
	{NET_EVENT_NAME, NET_BY_DEFAULT, "::", 0, "\033[2J$(reboot)", NULL,
	 "refused: the name \\x1b[2J$(reboot): no --allow-net is about it\n"},
};

static void test_told(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct net_event e =
			event(row->kind, row->reason, row->address, row->port, row->name);
		struct net_report r;

		if (row->open) {
			begin(&r);
			check_str(told(&r, &e), row->open);
		}
		begin(&r);
		rule_add(&r, "example.org",
			 (struct net_rule){.target = NET_TARGET_NAME,
					   .is_allowed = true,
					   .name = "example.org"});
		if (row->closed)
			check_str(told(&r, &e), row->closed);
	}
}

/* Where all is denied already, one that allows something closes nothing. */
static void test_closed(void)
{
	struct net_event e =
		event(NET_EVENT_CONNECT, NET_BY_RULE, "::ffff:192.0.2.7", 443, "example.org");
	struct net_rule any = {.target = NET_TARGET_ANY, .protocols = NET_ALL};
	struct net_report r;

	e.rule = 0;
	begin(&r);
	rule_add(&r, "any", any);
	check_str(told(&r, &e), "refused: example.org:443/tcp: by --deny-net any; --allow-net "
				"example.org:443 allows it\n");
	any.protocols = NET_TCP | NET_UDP;
	begin(&r);
	rule_add(&r, "any:443", any);
	check_str(told(&r, &e), "refused: example.org:443/tcp: by --deny-net any:443; "
				"--allow-net any --allow-net example.org:443 allows it\n");
}

/* By a rule that denies, the closer one that would allow it, if there is one. */
static void test_denied(void)
{
	struct net_event e = event(NET_EVENT_CONNECT, NET_BY_RULE, "::ffff:10.1.2.3", 53, "");
	struct net_report r;

	begin(&r);
	rule_add(&r, "private", (struct net_rule){.target = NET_TARGET_PRIVATE});
	e.rule = 0;
	e.protocol = NET_UDP;
	check_str(told(&r, &e), "refused: 10.1.2.3:53/udp: by --deny-net private; --allow-net "
				"any --allow-net 10.1.2.3:53/udp allows it\n");
	e.rule = 1;
	check_str(told(&r, &e), "refused: 10.1.2.3:53/udp: it is not allowed\n");
	e.rule = 0;
	e.protocol = NET_ICMP;
	e.port = 0;
	check_str(told(&r, &e), "refused: 10.1.2.3/icmp: by --deny-net private; --allow-net "
				"any --allow-net 10.1.2.3 allows it\n");
	config.rules[0].target = NET_TARGET_HOST;
	check_str(told(&r, &e), "refused: 10.1.2.3/icmp: by --deny-net private\n");
	/* An address of the loopback is no closer than all of it. */
	(void)net_rule_parse("127.0.0.0/8", false, &config.rules[0]);
	check_str(told(&r, &e), "refused: 10.1.2.3/icmp: by --deny-net private\n");
}

static void test_counts(void)
{
	struct net_event e = event(NET_EVENT_CONNECT, NET_BY_PATH, "::ffff:192.0.2.7", 1, "");
	struct net_report r;

	begin(&r);
	for (unsigned i = 0; i < 3; i++)
		net_report_event(&r, &e);
	e.is_allowed = true;
	net_report_event(&r, &e);
	e.is_allowed = false;
	for (e.port = 2; e.port < 15; e.port++)
		net_report_event(&r, &e);
	check_str(said, "");
	net_report_done(&r);
	check(strstr(said, "refused: 192.0.2.7:1/tcp (3 times): "));
	check(strstr(said, "refused: 192.0.2.7:10/tcp: ") && !strstr(said, ":11/tcp"));
	check(strstr(said, "refused: others, 4 times; --net-log FILE has them all\n"));
	said = "";
	net_report_done(&r);
	check_str(said, "");
}

/* What can't be is not told. */
static void test_nonsense(void)
{
	struct net_event e = event(99, NET_BY_DEFAULT, "::1", 1, "");
	struct net_report r;

	begin(&r);
	check_str(told(&r, &e), "");
	e.kind = NET_EVENT_CONNECT;
	e.reason = 99;
	check_str(told(&r, &e), "");
	e.reason = NET_BY_DEFAULT;
	memset(e.name, 'x', sizeof(e.name));
	check_str(told(&r, &e), "");
}

static void test_notes(void)
{
	struct net_event e = event(NET_EVENT_PUBLISHED, 0, "::1", 80, "");
	struct net_report r;

	begin(&r);
	e.host_port = 8080;
	e.is_allowed = 1;
	check_str(told(&r, &e), "[::1]:8080 -> 80/tcp\n");
	e.is_allowed = 0; /* it is closed */
	check_str(told(&r, &e), "");
}

/* ---- the log ----------------------------------------------------------------------------- */

static char file[4096];

static void file_read(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = io_read_all(fd, file, sizeof(file) - 1);

	file[n < 0 ? 0 : n] = '\0';
}

/* A line but for its time, which is looked at by its form alone. */
static const char *line_shown(char *line)
{
	static const char form[] = "{\"time\":\"dddd-dd-ddTdd:dd:dd.dddZ\"";
	size_t i = 0;

	for (; form[i]; i++)
		if (form[i] == 'd' ? !strchr("0123456789d", line[i]) : line[i] != form[i])
			return line;
	return line + i;
}

static void test_log(const char *folder)
{
	const char *path = arena_printf(&arena, "%s/log", folder);
	const char *link = arena_printf(&arena, "%s/link", folder);
	struct net_event e =
		event(NET_EVENT_CONNECT, NET_BY_RULE, "::ffff:192.0.2.7", 443, "a\033\"\xff");
	struct net_report r;
	struct stat st = {0};
	char *second;

	begin(&r);
	rule_add(&r, "*.example/tcp", (struct net_rule){.target = NET_TARGET_SUFFIX});
	check_int(net_report_log(&r, path), 0);
	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	e.rule = 0;
	net_report_event(&r, &e);
	net_report_done(&r);
	check_int(net_report_log(&r, path), 0);
	e = event(NET_EVENT_NAME, NET_BY_DEFAULT, "::", 0, "example.org");
	e.is_allowed = true;
	e.protocol = 0;
	net_report_event(&r, &e);
	net_report_done(&r);
	file_read(path);
	second = strchr(file, '\n');
	check(second != NULL);
	*second++ = '\0';
	check_str(line_shown(file),
		  ",\"event\":\"connect\",\"verdict\":\"deny\",\"protocol\":\"tcp\","
		  "\"address\":\"192.0.2.7\",\"port\":443,\"name\":\"a\\\\x1b\\\"\\\\xff\","
		  "\"reason\":\"rule\",\"rule\":\"--deny-net *.example/tcp\"}");
	check_str(line_shown(second), ",\"event\":\"name\",\"verdict\":\"allow\","
				      "\"name\":\"example.org\",\"reason\":\"default\"}\n");

	fail_forget();
	check(symlink("log", link) == 0);
	check_int(net_report_log(&r, link), -ELOOP);
	check(*fail_hint_text());
	fail_forget();
	check_int(net_report_log(&r, folder), -EISDIR);
	check_int(net_report_log(&r, arena_printf(&arena, "%s/no/log", folder)), -ENOENT);
	check(*fail_hint_text());
	check(unlink(path) == 0 && unlink(link) == 0);
	fail_forget();
	check(mkfifo(path, 0600) == 0);
	check_int(net_report_log(&r, path), -ENXIO);
	check(strstr(fail_text(), "nobody reads this pipe") && strstr(fail_hint_text(), path));
	check(unlink(path) == 0);
	fail_forget();
	check_int(net_report_log(&r, "/dev/stderr"), -ELOOP);
	check(strstr(fail_hint_text(), "or - for standard error") != NULL);
	fail_forget();
}

static void test_full(void)
{
	struct net_event e = event(NET_EVENT_CONNECT, NET_BY_SPECIAL, "::1", 1, "");
	struct net_report r;

	begin(&r);
	check_int(net_report_log(&r, "/dev/full"), 0);
	net_report_event(&r, &e);
	net_report_event(&r, &e);
	net_report_done(&r);
	check_str(said, "--net-log: write to '/dev/full': No space left on device; no more is "
			"written\n");
}

/* A line on a terminal ends in one "\r\n", whoever adds the "\r". */
static void test_terminal(bool is_raw)
{
	struct net_event e = event(NET_EVENT_CONNECT, NET_BY_SPECIAL, "::1", 1, "");
	autoclose int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -EBADF;
	struct termios modes = {0};
	struct net_report r;
	char line[512];
	ssize_t n;

	if (!check(grantpt(master) == 0 && unlockpt(master) == 0))
		return;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	check(tcgetattr(slave, &modes) == 0);
	check_int(is_raw ? term_set_raw(slave, &modes) : 0, 0);
	begin(&r);
	check_int(net_report_log(&r, ptsname(master)), 0);
	net_report_event(&r, &e);
	net_report_done(&r);
	n = read(master, line, sizeof(line));
	check(n > 3 && memcmp(line + n - 3, "}\r\n", 3) == 0);
}

int main(void)
{
	char folder[] = "/tmp/net-report.XXXXXX";

	test_told();
	test_closed();
	test_denied();
	test_counts();
	test_nonsense();
	test_notes();
	if (check(mkdtemp(folder) != NULL))
		test_log(folder);
	(void)rmdir(folder);
	test_full();
	test_terminal(false);
	test_terminal(true);
	arena_done(&arena);
	return tap_done();
}
