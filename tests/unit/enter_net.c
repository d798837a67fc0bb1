/* SPDX-License-Identifier: Apache-2.0 */
/* enter_net.c: options of the network: what the plan and the network get, and what is refused. */
#include "cli/enter_net.h"
#include "tap.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { WORDS_MAX = 32 };

static struct plan plan;
static struct conf_enter conf;
static struct enter_net net;
static const char *said;

static void say(const char *note)
{
	said = arena_printf(&plan.arena, "%s%s\n", said, note);
}

static void end(void)
{
	enter_net_done(&net);
	plan_done(&plan);
}

/* WORDS have blanks between; those in front of a "|" stand in [enter]. */
static int begin(const char *words)
{
	char *argv[WORDS_MAX + 1], *text, *typed;
	int argc = 0, at, r;

	plan_init(&plan);
	conf = (struct conf_enter){0};
	net = (struct enter_net){.say = say};
	said = "";
	fail_forget();
	text = arena_strdup(&plan.arena, words);
	typed = strchr(text, '|');
	for (char *w = strsep(&text, " "); w; w = strsep(&text, " "))
		if (*w && *w != '|')
			argv[argc++] = w;
	argv[argc] = NULL;
	r = opt_parse(enter_opts, &plan.arena, argc, argv, &conf.options, &at);
	if (r < 0)
		return r;
	/* The words that were typed follow. */
	for (at = 0; typed && at < argc && argv[at] < typed; at++)
		;
	r = opt_parse(enter_opts, &plan.arena, argc - at, argv + at, &conf.asked, &at);
	return r < 0 ? r : enter_net_plan(&net, &conf, &plan);
}

static bool has(const char *text, const char *line)
{
	return text && strstr(text, line);
}

/* ---- which network ----------------------------------------------------------------------- */

static void test_refused(void)
{
	static const struct {
		const char *words, *why, *hint;
	} rows[] = {
		{"--net none -p 80",
		 "--publish: it needs a network of the sandbox's own, which "
		 "--net none is not",
		 "--net slirp is one; or leave --publish out"},
		{"--net host -P", "--publish-all: it needs", "leave --publish-all out"},
		{"--net none --allow-net any", "--allow-net: it needs", "--net slirp"},
		{"--net host --allow-net any", "--allow-net: it needs", "--net slirp"},
		{"--net host --deny-net any", "--deny-net: it needs", "--net slirp"},
		{"--net host --dns 9.9.9.9", "--dns: it needs", "--net slirp"},
		{"--net host --dns-search .", "--dns-search: it needs", "--net slirp"},
		{"--net none --dns-option edns0", "--dns-option: it needs", "--net slirp"},
		{"--net none --net-log -", "--net-log: it needs", "--net slirp"},
		{"--net none --host-loopback", "--host-loopback: it needs", "--net slirp"},
		{"--net none -p 80 |", "--publish: it needs", "--net slirp"},
		{"--deny-net any | --net host", "--deny-net: it needs", "--net slirp"},
		{"--allow-net any | --net host", "--allow-net: it needs", "--net slirp"},
		{"--net slirp -p 80:", "--publish: '80:'", "HOSTPORT"},
		{"--net slirp --allow-net !", "--allow-net: ", ""},
		{"--net slirp --dns localhost", "--dns: 'localhost'", "9.9.9.9"},
		{"--net slirp --dns-search a/b", "--dns-search: 'a/b'", "example.org"},
		{"--net slirp --dns-option a;b", "--dns-option: 'a;b'", "ndots:1"},
		{"--net slirp --dns-option ndots:1,debug", "--dns-option: 'ndots:1,debug'",
		 "its own"},
		{"--add-host a", "--add-host: 'a': there is no address", "192.0.2.7"},
		{"--add-host :1.2.3.4", "--add-host: ':1.2.3.4': it has no name", "192.0.2.7"},
		{"--add-host a:b", "--add-host: 'a:b': 'b' is not an address", "192.0.2.7"},
		{"--add-host a:1.2.3.4:5", "is not an address", "192.0.2.7"},
		{"--net none --add-host a:host-gateway", "can't be reached", "--net slirp"},
		{"--net pasta:-T,80", "option '--net': 'pasta:-T,80' is none of", "--publish"},
		{"--network bridge", "'bridge' is none of", "--net slirp"},
		{"--network container:web", "none of auto|none|host|slirp", "of another"},
		{"--link db", "unknown option '--link'", "--host-loopback"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!check_that(begin(rows[i].words) < 0 && has(fail_text(), rows[i].why) &&
					has(fail_hint_text(), rows[i].hint),
				"'%s' is refused", rows[i].words))
			printf("# got '%s'\n# hint '%s'\n", fail_text(), fail_hint_text());
		end();
	}
}

static void test_granted(void)
{
	static const struct {
		const char *words;
		enum plan_net net;
	} rows[] = {
		{"--net none", PLAN_NET_NONE},
		{"--net none --deny-net private", PLAN_NET_NONE},
		{"-p 80 --allow-net any --net-log x | --net none", PLAN_NET_NONE},
		{"-p 80 --dns 9.9.9.9 | --net host", PLAN_NET_HOST},
		{"--net none | --net slirp -p 80", PLAN_NET_OWN},
		{"--net none -p 80 | --net slirp", PLAN_NET_OWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!check_that(begin(rows[i].words) == 0 && plan.net == rows[i].net &&
					(net.network != NULL) == (plan.net == PLAN_NET_OWN),
				"'%s' is granted", rows[i].words))
			printf("# got '%s'\n", fail_text());
		end();
	}
}

/* In a child whose /dev/net/tun can't be opened for writing. */
static int without_tun(void)
{
	int failed = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount("/proc/version", "/dev/net/tun", NULL, MS_BIND, NULL) < 0)
		return 77;
	failed += begin("--deny-net any --add-host a:1.2.3.4") != 0 ||
		  plan.net != PLAN_NET_NONE || plan.notes.n != 1 ||
		  !has(plan.notes.v[0], "there is no network inside: open '/dev/net/tun': ") ||
		  *fail_text();
	failed += begin("--net none") != 0 || plan.notes.n != 0;
	failed += begin("-p 80") >= 0 ||
		  !has(fail_text(), "--publish: it needs a network of "
				    "the sandbox's own: open '") ||
		  !has(fail_hint_text(), "/dev/net/tun");
	failed += begin("-p 80 |") >= 0;
	failed += begin("-p 80 | --net none") != 0;
	return failed;
}

static void test_auto(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(without_tun());
	check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		tap_skip("without /dev/net/tun", "nothing can be mounted over it here");
	else
		check_int(WEXITSTATUS(status), 0);
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		tap_skip("with it", "there is none");
		return;
	}
	check_int(begin("-p 80"), 0);
	check(plan.net == PLAN_NET_OWN && plan.notes.n == 0);
	end();
}

/* ---- what it gets ------------------------------------------------------------------------ */

static void test_config(void)
{
	const struct net_config *c;

	check_int(begin("--net slirp --allow-net Example.ORG:443 --deny-net private --dns "
			"9.9.9.9 --dns 2620:fe::fe --dns-search a.example --dns-option ndots:3 "
			"--add-host DB:192.0.2.7 --add-host six=[2001:db8::7] --add-host "
			"out:host-gateway"),
		  0);
	c = &net.network->config;
	check(c->n_rules == 2 && c->rules[0].is_allowed && !c->rules[1].is_allowed);
	check_str(c->rules[0].name, "example.org");
	check(c->servers.n == 2 && !net.network->config.follows_host);
	check(c->n_hosts == 3 && !c->logs && !c->publishes_all && !c->host_loopback);
	check_str(c->hosts[0].name, "db");
	check_str(plan.hosts, "192.0.2.7\tdb\n2001:db8::7\tsix\n10.0.2.2\tout\n");
	check(has(plan.resolv_conf, "nameserver 10.0.2.3\nsearch a.example\n"));
	check(has(plan.resolv_conf, "options ndots:3\n"));
	check(plan.addresses.n == 2);
	check_str(plan.addresses.v[0], "10.0.2.100");
	end();

	check_int(begin("--net slirp --host-loopback -P --net-log -"), 0);
	c = &net.network->config;
	check(c->logs && c->publishes_all && c->host_loopback &&
	      net.network->config.follows_host);
	check_str(plan.hosts, "10.0.2.2\thost.containers.internal host.docker.internal\n");
	end();
	check_int(begin("--net slirp --allow-net host:8080"), 0);
	check(has(plan.hosts, "host.docker.internal"));
	end();
	check_int(begin("--net slirp --deny-net host"), 0);
	check(!plan.hosts);
	end();
	check_int(begin("--net host --add-host out:host-gateway"), 0);
	check_str(plan.hosts, "127.0.0.1\tout\n");
	check(!net.network && plan.addresses.n == 0);
	end();
}

static void test_open(void)
{
	check_int(begin("--net slirp -p 80 -p 127.0.0.1::53/udp"), 0);
	check_int(enter_net_open(&net, -EBADF), 0);
	check_int(net.network->n_ports, 2);
	check(has(said, "127.0.0.1:") && has(said, " -> 80/tcp\n127.0.0.1:") &&
	      has(said, " -> 53/udp\n"));
	end();

	check_int(begin("--net slirp -p 192.0.2.1:8080:80"), 0);
	check_int(enter_net_open(&net, -EBADF), -EADDRNOTAVAIL);
	check(has(fail_text(), "--publish: publish 192.0.2.1:8080: "));
	check_str(said, "");
	end();

	check_int(begin("--net slirp --net-log /nonexistent/x"), 0);
	check_int(enter_net_open(&net, -EBADF), -ENOENT);
	check(has(fail_text(), "--net-log: open '/nonexistent/x': "));
	end();

	check_int(begin("--net none"), 0);
	check_int(enter_net_open(&net, -EBADF), 0);
	end();
}

int main(void)
{
	test_refused();
	test_granted();
	test_auto();
	test_config();
	test_open();
	return tap_done();
}
