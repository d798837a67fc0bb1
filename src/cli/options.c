/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: the option tables of the commands. */
#include "options.h"

#include "util/fail.h"

#include <assert.h>
#include <errno.h>

/* opt_choice() stores the place of a word in the metavar. */
static_assert(PLAN_OVERLAY_AUTO == 0 && PLAN_OVERLAY_KERNEL == 1 && PLAN_OVERLAY_FUSE == 2 &&
		      PLAN_OVERLAY_NONE == 3,
	      "auto|kernel|fuse|none");
static_assert(PLAN_MAP_AUTO == 0 && PLAN_MAP_SUBIDS == 1 && PLAN_MAP_SELF == 2,
	      "auto|subids|self");
static_assert(PLAN_NET_AUTO == 0 && PLAN_NET_NONE == 1 && PLAN_NET_HOST == 2 &&
		      PLAN_NET_OWN == 3,
	      "auto|none|host|slirp");

/* VALUE is one capability, or several with commas between them. */
static int set_caps(const struct opt *o, struct arena *a, const char *value, void *field)
{
	uint64_t *caps = field, one;

	for (;;) {
		size_t len = strcspn(value, ",");
		const char *name = arena_strndup(a, value, len);
		int r = caps_parse(name, &one);

		if (r < 0)
			return r;
		*caps |= one;
		if (!value[len])
			return 0;
		value += len + 1;
	}
}

/* --direct is --overlay none; taken back, what was the default is the default again. */
static int set_direct(const struct opt *o, struct arena *a, const char *value, void *field)
{
	enum plan_overlay *overlay = field;
	bool direct;
	int r = opt_to_bool(value, &direct);

	if (r < 0)
		return r;
	if (direct)
		*overlay = PLAN_OVERLAY_NONE;
	else if (*overlay == PLAN_OVERLAY_NONE)
		*overlay = PLAN_OVERLAY_AUTO;
	return 0;
}

static int set_terminal(const struct opt *o, struct arena *a, const char *value, void *field)
{
	bool wanted;
	int r = opt_to_bool(value, &wanted);

	if (r == 0)
		*(enum terminal_wish *)field = wanted ? TERMINAL_YES : TERMINAL_NO;
	return r;
}

/* Networks of podman's and Docker's, by how their names begin. */
/* clang-format off */
static const struct opt_foreign foreign_nets[] = {
{"slirp4netns", "--net slirp; its options are --host-loopback, --publish and --dns"},
{"pasta", "--net slirp, and --publish for its ports"},
{"bridge", "sandboxes share no network; --net slirp is one of the sandbox's own"},
{"private", "--net slirp is a network of the sandbox's own"},
{"default", "leave it out, or --net auto"},
{"container:", "a sandbox can't join the network of another; --publish makes a port of its own known"},
{"ns:", "a sandbox can't join a network that is there; --net slirp is one of its own"},
{NULL},
};
/* clang-format on */

static int set_net(const struct opt *o, struct arena *a, const char *value, void *field)
{
	int r = opt_choice(o, a, value, field);

	for (const struct opt_foreign *f = foreign_nets; r < 0 && f->name; f++)
		if (str_after(value, f->name))
			return fail_hint(r, "%s", f->hint);
	return r;
}

/* clang-format off */
static const struct opt_foreign enter_foreign[] = {
/* podman and Docker */
{"rm", "what no --name keeps is thrown away: leave it out"},
{"detach", "sbx runs in the foreground; the detach keys or '&' put it in the background"},
{"d", "sbx runs in the foreground; the detach keys or '&' put it in the background"},
{"expose", "--publish PORT makes it known outside, --publish-all whatever listens inside"},
{"link", "sandboxes share no network; what one publishes another reaches by --host-loopback"},
{"network-alias", "sandboxes share no network; --add-host NAME:ADDRESS gives a name inside"},
{"ip", "the address is always 10.0.2.100, seen by nobody outside; --publish ADDRESS:PORT:PORT is the host's"},
{"ip6", "the address is always fd00::100, seen by nobody outside; --publish [ADDRESS]:PORT:PORT is the host's"},
{"mac-address", "nobody outside sees it: leave it out"},
{"no-hosts", "bind a file over it: --volume ./hosts:/etc/hosts:ro"},
{"dns-opt", "--dns-option OPTION"},
{"memory", "there are no cgroup limits; --ulimit data=BYTES limits each process"},
{"m", "there are no cgroup limits; --ulimit data=BYTES limits each process"},
{"cpus", "there are no cgroup limits; --ulimit cpu=SECONDS limits each process"},
{"pids-limit", "--ulimit nproc=NUMBER limits the processes of the user inside"},
{"shm-size", "--tmpfs /dev/shm:size=SIZE"},
{"entrypoint", "the command stands behind ROOTFS: sbx enter ROOTFS -- COMMAND"},
{"privileged", "no right on the host can be given; --cap-add ALL --nested is all that there is inside"},
{"userns", "--map auto|subids|self, and --keep-id"},
{"init", "every sandbox has an init: leave it out"},
{"rootfs", "the root filesystem is the first operand: sbx enter ROOTFS"},
{"pid", "every sandbox has processes of its own"},
{"ipc", "every sandbox has an IPC namespace of its own"},
{"uts", "every sandbox has a host name of its own; see --hostname"},
/* bubblewrap */
{"ro-bind", "--bind SRC:DST:ro, or 'sbx bwrap', which takes bubblewrap's command line as it is"},
{"bind-try", "--bind SRC:DST, where SRC exists"},
{"ro-bind-try", "--bind SRC:DST:ro, where SRC exists"},
{"dev-bind", "--device SRC:DST for devices, --bind SRC:DST for the rest"},
{"dev", "every sandbox has a /dev of its own: leave it out"},
{"proc", "every sandbox has a /proc of its own: leave it out"},
{"unshare-all", "every namespace is the sandbox's own anyway: leave it out"},
{"unshare-user", "every namespace is the sandbox's own anyway: leave it out"},
{"unshare-pid", "every namespace is the sandbox's own anyway: leave it out"},
{"unshare-ipc", "every namespace is the sandbox's own anyway: leave it out"},
{"unshare-uts", "every namespace is the sandbox's own anyway: leave it out"},
{"unshare-net", "--net none; --net slirp is a network of its own"},
{"share-net", "--net host, or --net slirp for a network of its own"},
{"chdir", "--workdir FOLDER"},
{"setenv", "--env NAME=VALUE"},
{"unsetenv", "the environment is built, not inherited; --env adds to it"},
{"clearenv", "the environment is built, not inherited: leave it out"},
{"die-with-parent", "everything inside ends with sbx; for sbx itself: setpriv --pdeathsig KILL"},
{"new-session", "the caller's terminal never goes inside: leave it out"},
{"uid", "--user USER[:GROUP]"},
{"gid", "--user USER:GROUP"},
/* systemd-nspawn and others */
{"bind-ro", "--bind SRC:DST:ro"},
{"directory", "the root filesystem is the first operand: sbx enter ROOTFS"},
{"ephemeral", "what no --name keeps is thrown away: leave it out"},
{"private-network", "--net none; --net slirp is a network of its own"},
{"port", "--publish HOSTPORT:PORT[/tcp|/udp]"},
{"cwd", "--workdir FOLDER"},
{"userspec", "--user USER[:GROUP]"},
{NULL},
};

#define AT(field) offsetof(struct enter_options, field)

const struct opt enter_opts[] = {
OPT_HEADING("The root filesystem"),
{0,   "profile", "NAME", opt_list, AT(profiles), COMPLETE_PROFILE,
      "apply a profile of sbx.conf(5): build, strict, or one of your own"},
{0,   "name", "NAME", opt_text, AT(name), COMPLETE_SANDBOX,
      "keep what is written as the sandbox NAME, or go on with the one of that name"},
{0,   "keep-on-exit", NULL, opt_flag, AT(keep_on_exit), COMPLETE_NONE,
      "ask at the end for a name to keep what is written under"},
{0,   "overlay", "auto|kernel|fuse|none", opt_choice, AT(overlay), COMPLETE_CHOICE,
      "what keeps the tree unchanged; none writes to the tree itself"},
{0,   "direct", NULL, set_direct, AT(overlay), COMPLETE_NONE,
      "write to the tree itself: the same as --overlay none"},
{0,   "read-only", NULL, opt_flag, AT(read_only), COMPLETE_NONE,
      "nothing in the root filesystem can be written; mounts and /tmp can"},

OPT_HEADING("Mounts"),
{'v', "volume", "SRC:DST[:OPTIONS]", opt_list, AT(volumes), COMPLETE_BIND,
      "show the host's file or folder SRC as DST; OPTIONS: ro, rw, exec, noexec, ..."},
{0,   "bind", "SRC[:DST[:ro]]", opt_list, AT(binds), COMPLETE_BIND,
      "the same, under its own path where DST is left out"},
{0,   "mount", "type=TYPE,KEY=VALUE...", opt_list, AT(mounts), COMPLETE_MOUNT,
      "a mount in the long spelling: type=bind,src=SRC,dst=DST,ro or type=tmpfs,dst=DST"},
{0,   "tmpfs", "DST[:OPTIONS]", opt_list, AT(tmpfs), COMPLETE_INSIDE,
      "an empty file system in memory as DST; OPTIONS: size=SIZE, mode=MODE, ro, ..."},
{0,   "device", "SRC[:DST[:PERMISSIONS]]", opt_list, AT(devices), COMPLETE_FILE,
      "the host's device file SRC works inside"},

OPT_HEADING("The command"),
{'w', "workdir", "FOLDER", opt_text, AT(workdir), COMPLETE_INSIDE,
      "start in this folder inside, instead of the user's home folder; a relative one is the host's"},
{'u', "user", "USER[:GROUP]", opt_text, AT(user), COMPLETE_USER,
      "run as this user inside, by name or number"},
{'h', "hostname", "HOSTNAME", opt_text, AT(hostname), COMPLETE_NONE,
      "the host name inside"},
{'e', "env", "NAME[=VALUE]", opt_list, AT(env), COMPLETE_ENV,
      "set a variable; NAME or NAME* alone pass the caller's on"},
{0,   "env-file", "FILE", opt_list, AT(env_files), COMPLETE_FILE,
      "set the variables of a file with a NAME=VALUE in each line"},
{0,   "env-host", NULL, opt_flag, AT(env_host), COMPLETE_NONE,
      "pass the caller's whole environment on"},
{0,   "timeout", "DURATION", opt_duration, AT(timeout_ms), COMPLETE_NONE,
      "kill the sandbox after this time: 90, 90s, 5m, 1h30m"},

OPT_HEADING("Users"),
{0,   "map", "auto|subids|self", opt_choice, AT(map), COMPLETE_CHOICE,
      "the users inside: the caller's ranges of /etc/subuid and /etc/subgid, or root alone"},
{0,   "keep-id", NULL, opt_flag, AT(keep_id), COMPLETE_NONE,
      "the caller has the same user and group id inside as outside"},
{0,   "strict-ids", NULL, opt_flag, AT(strict_ids), COMPLETE_NONE,
      "with a single id, let chown and setuid to others fail as the kernel has it"},

OPT_HEADING("Rights"),
{0,   "cap-add", "CAPABILITY", set_caps, AT(caps_add), COMPLETE_CAPABILITY,
      "add a capability, several with commas between, or ALL", OPT_ADDS},
{0,   "cap-drop", "CAPABILITY", set_caps, AT(caps_drop), COMPLETE_CAPABILITY,
      "drop a capability, several with commas between, or ALL", OPT_ADDS},
{0,   "security-opt", "OPTION", opt_list, AT(security), COMPLETE_SECURITY,
      "seccomp=FILE|unconfined, no-new-privileges[=false] or landlock=disable"},
{0,   "new-privs", NULL, opt_flag, AT(new_privs), COMPLETE_NONE,
      "programs such as sudo may raise their rights inside"},
{0,   "nested", NULL, opt_flag, AT(nested), COMPLETE_NONE,
      "user namespaces, and so sandboxes, can be made inside"},
{0,   "ulimit", "NAME=SOFT[:HARD]", opt_list, AT(ulimits), COMPLETE_LIMIT,
      "set a resource limit, such as nofile=1024; host takes all of the caller's"},

OPT_HEADING("Network"),
{0,   "net", "auto|none|host|slirp", set_net, AT(net), COMPLETE_CHOICE,
      "no network, the host's, or one of its own: slirp, or auto, which is slirp where it can be had"},
{0,   "network", "auto|none|host|slirp", set_net, AT(net), COMPLETE_CHOICE,
      "the same as --net"},
{'p', "publish", "[[HOSTIP:][HOSTPORT]:]PORT[/tcp|/udp]", opt_list, AT(publish), COMPLETE_NONE,
      "let a port of the host's, of 127.0.0.1 by default, lead to PORT inside"},
{'P', "publish-all", NULL, opt_flag, AT(publish_all), COMPLETE_NONE,
      "publish whatever listens inside, under the same port of 127.0.0.1 where that is free"},
{0,   "allow-net", "RULE", opt_list, AT(allow_net), COMPLETE_RULE,
      "reach this and nothing else: NAME, *.NAME, ADDRESS[/BITS], private, host, dns or any; :PORT[/tcp|/udp]"},
{0,   "deny-net", "RULE", opt_list, AT(deny_net), COMPLETE_RULE,
      "don't reach this; of two rules that fit the closer one counts"},
{0,   "host-loopback", NULL, opt_flag, AT(host_loopback), COMPLETE_NONE,
      "reach the host too, its loopback as host.containers.internal (10.0.2.2)"},
{0,   "net-log", "FILE|-", opt_text, AT(net_log), COMPLETE_FILE,
      "write each connection and name that is asked for to FILE, a line of JSON each"},
{0,   "dns", "ADDRESS", opt_list, AT(dns), COMPLETE_NONE,
      "ask this name server instead of the host's"},
{0,   "dns-search", "NAME", opt_list, AT(dns_search), COMPLETE_NONE,
      "look names up in this domain instead of the host's; . is none"},
{0,   "dns-option", "OPTION", opt_list, AT(dns_options), COMPLETE_RESOLV,
      "add an option to resolv.conf(5), such as ndots:1"},
{0,   "add-host", "NAME:ADDRESS", opt_list, AT(add_hosts), COMPLETE_HOST,
      "add a name to /etc/hosts; host-gateway as ADDRESS is the host"},

OPT_HEADING("Terminal"),
{'t', "tty", NULL, set_terminal, AT(terminal), COMPLETE_NONE,
      "give the command a terminal; by default it gets one if stdin is one"},
{'i', "interactive", NULL, opt_flag, AT(interactive), COMPLETE_NONE,
      "hand stdin in even where it would not be"},
{0,   "detach-keys", "KEYS", opt_text_or_empty, AT(detach_keys), COMPLETE_NONE,
      "the keys that put sbx in the background: ctrl-p,ctrl-q; an empty value is none"},

OPT_HEADING("Other"),
{0,   "explain", NULL, opt_flag, AT(explain), COMPLETE_NONE,
      "print the steps of the set-up and run nothing", OPT_LINE_ONLY},
{0,   "debug", NULL, opt_flag, AT(debug), COMPLETE_NONE,
      "print each step of the set-up with its time on stderr", OPT_LINE_ONLY},
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print what the sandbox is made of as JSON, and run nothing", OPT_LINE_ONLY},
{0,   "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help", OPT_LINE_ONLY},
OPT_END_FOREIGN(enter_foreign),
};

#undef AT
#define AT(field) offsetof(struct config_options, field)

const struct opt config_opts[] = {
OPT_HEADING("Options"),
{0,   "profile", "NAME", opt_list, AT(profiles), COMPLETE_PROFILE,
      "show what applies with this profile"},
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print JSON"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct port_options, field)

const struct opt port_opts[] = {
OPT_HEADING("Options"),
{'p', "publish", "[[HOSTIP:][HOSTPORT]:]PORT[/tcp|/udp]", opt_list, AT(publish), COMPLETE_NONE,
      "let another port of the host's, of 127.0.0.1 by default, lead to PORT inside"},
{0,   "remove", "[HOSTIP:]HOSTPORT[/tcp|/udp]", opt_list, AT(remove), COMPLETE_PUBLISHED,
      "close a port of the host's; connections that there are stay"},
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print JSON"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct ls_options, field)

const struct opt ls_opts[] = {
OPT_HEADING("Options"),
{'q', "quiet", NULL, opt_flag, AT(quiet), COMPLETE_NONE,
      "print names only"},
{0,   "no-trunc", NULL, opt_flag, AT(no_trunc), COMPLETE_NONE,
      "don't shorten what is too wide for its column"},
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print JSON"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct rm_options, field)

const struct opt rm_opts[] = {
OPT_HEADING("Options"),
{'f', "force", NULL, opt_flag, AT(force), COMPLETE_NONE,
      "no error where there is no such sandbox, and end it where it runs"},
{'a', "all", NULL, opt_flag, AT(all), COMPLETE_NONE,
      "remove every kept sandbox"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct diff_options, field)

const struct opt diff_opts[] = {
OPT_HEADING("Options"),
{'p', "patch", NULL, opt_flag, AT(patch), COMPLETE_NONE,
      "print a unified diff of the text files"},
{0,   "stat", NULL, opt_flag, AT(stat), COMPLETE_NONE,
      "print only how much was added, changed and deleted"},
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print JSON"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct apply_options, field)

const struct opt apply_opts[] = {
OPT_HEADING("Options"),
{'n', "dry-run", NULL, opt_flag, AT(dry_run), COMPLETE_NONE,
      "print what would be done, and what is refused, and write nothing"},
{'f', "force", NULL, opt_flag, AT(force), COMPLETE_NONE,
      "write over what changed in the tree meanwhile too"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};

#undef AT
#define AT(field) offsetof(struct doctor_options, field)

const struct opt doctor_opts[] = {
OPT_HEADING("Options"),
{0,   "json", NULL, opt_flag, AT(json), COMPLETE_NONE,
      "print JSON"},
{'h', "help", NULL, opt_asked_help, 0, COMPLETE_NONE,
      "print this help"},
OPT_END,
};
/* clang-format on */
