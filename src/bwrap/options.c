/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: bubblewrap's options, as a table. */
#include "parse.h"

#include "util/str.h"

#include <stddef.h>

#define PARSE(field) ((int)offsetof(struct parse, field))
#define BARE(field)  ((int)offsetof(struct bare, field))

/* clang-format off */
const struct bwrap_option bwrap_options[] = {
{"help", NULL, "Print this help", take_help, 0},
{"version", NULL, "Print the version of bubblewrap that this is like", take_version, 0},
{"args", "FD", "Read further options from FD, each with a NUL behind", take_args, 0},
{"argv0", "VALUE", "The command's name for itself", take_argv0, 0},
{"level-prefix", NULL, "Begin messages with <3> or <4>", take_prefix, 0},
{"unshare-all", NULL, "A new namespace of each kind", take_unshare_all, 0},
{"share-net", NULL, "After --unshare-all: keep the network", take_share_net, 0},
{"unshare-user", NULL, "A new user namespace; there always is one", take_flag, PARSE(user)},
{"unshare-user-try", NULL, "The same", take_flag, PARSE(user_try)},
{"unshare-ipc", NULL, "A new ipc namespace", take_flag, PARSE(ipc)},
{"unshare-pid", NULL, "A new pid namespace", take_flag, PARSE(pid)},
{"unshare-net", NULL, "A new network namespace, with nothing but loopback", take_flag, PARSE(net)},
{"unshare-uts", NULL, "A new uts namespace", take_flag, PARSE(uts)},
{"unshare-cgroup", NULL, "A new cgroup namespace", take_flag, PARSE(cgroup)},
{"unshare-cgroup-try", NULL, "The same, where there are such", take_flag, PARSE(cgroup_try)},
{"userns", "FD", "Join this user namespace instead of a new one", take_descriptor, BARE(userns)},
{"userns2", "FD", "Change to this one when all is set up", take_descriptor, BARE(userns2)},
{"disable-userns", NULL, "No further user namespaces inside", take_bare_flag, BARE(forbids_userns)},
{"assert-userns-disabled", NULL, "Fail where there could be some", take_bare_flag, BARE(wants_no_userns)},
{"pidns", "FD", "Join this pid namespace, or make one below it", take_descriptor, BARE(pidns)},
{"uid", "UID", "The user's number inside", take_id, BARE(uid)},
{"gid", "GID", "The group's number inside", take_id, BARE(gid)},
{"hostname", "NAME", "The host name inside (takes --unshare-uts)", take_hostname, 0},
{"chdir", "DIR", "The working folder inside", take_workdir, 0},
{"clearenv", NULL, "Drop all variables of the environment", take_clearenv, 0},
{"setenv", "VAR VALUE", "Set a variable", take_setenv, 0},
{"unsetenv", "VAR", "Drop a variable", take_unsetenv, 0},
{"lock-file", "DEST", "Hold a lock on the file DEST while it runs", take_lock, 0},
{"sync-fd", "FD", "Hold FD open while it runs", take_descriptor, BARE(sync)},
{"bind", "SRC DEST", "Show the host's SRC at DEST", take_bind, 0},
{"bind-try", "SRC DEST", "The same, where SRC exists", take_bind, BIND_TRY},
{"dev-bind", "SRC DEST", "So too, devices included", take_bind, BIND_DEV},
{"dev-bind-try", "SRC DEST", "The same, where SRC exists", take_bind, BIND_DEV | BIND_TRY},
{"ro-bind", "SRC DEST", "Show SRC at DEST, not to be written", take_bind, BIND_RO},
{"ro-bind-try", "SRC DEST", "The same, where SRC exists", take_bind, BIND_RO | BIND_TRY},
{"bind-fd", "FD DEST", "Show what FD is open on at DEST", take_bind, BIND_FD},
{"ro-bind-fd", "FD DEST", "The same, not to be written", take_bind, BIND_FD | BIND_RO},
{"remount-ro", "DEST", "Make the mount DEST read-only, none below it", take_readonly, 0},
{"overlay-src", "SRC", "A layer of the overlay that follows", take_layer, 0},
{"overlay", "RWSRC WORKDIR DEST", "An overlay at DEST; writes go to RWSRC", take_overlay, BARE_UPPER_SOURCES},
{"tmp-overlay", "DEST", "An overlay at DEST; writes go to memory", take_overlay, BARE_UPPER_MEMORY},
{"ro-overlay", "DEST", "An overlay at DEST that can't be written", take_overlay, BARE_UPPER_NONE},
{"exec-label", "LABEL", "Refused: there are no labels here", take_label, 0},
{"file-label", "LABEL", "Refused: there are no labels here", take_label, 0},
{"proc", "DEST", "Mount procfs at DEST", take_new, BARE_PROC},
{"dev", "DEST", "A small /dev at DEST", take_new, BARE_DEV},
{"tmpfs", "DEST", "Mount a tmpfs at DEST", take_new, BARE_TMPFS},
{"mqueue", "DEST", "Mount POSIX message queues at DEST", take_new, BARE_MQUEUE},
{"dir", "DEST", "Make the folder DEST", take_new, BARE_FOLDER},
{"file", "FD DEST", "Make the file DEST of what FD gives", take_data, BARE_FILE},
{"bind-data", "FD DEST", "The same as a mount, with nothing below changed", take_data, BARE_DATA},
{"ro-bind-data", "FD DEST", "So too, not to be written", take_data, BARE_DATA | BIND_RO << 8},
{"symlink", "SRC DEST", "Make the symbolic link DEST that says SRC", take_symlink, 0},
{"seccomp", "FD", "Load the seccomp program that FD gives", take_seccomp, 0},
{"add-seccomp-fd", "FD", "The same; several can be loaded", take_filter, 0},
{"block-fd", "FD", "Wait for FD before the command runs", take_descriptor, BARE(block)},
{"userns-block-fd", "FD", "Wait for FD before the id map is needed", take_descriptor, BARE(userns_block)},
{"info-fd", "FD", "Say on FD who runs", take_descriptor, BARE(info)},
{"json-status-fd", "FD", "Say on FD who runs, and how it ended", take_descriptor, BARE(status)},
{"new-session", NULL, "A session of its own, without the terminal", take_bare_flag, BARE(is_session)},
{"die-with-parent", NULL, "Die when the caller does", take_bare_flag, BARE(is_tied)},
{"as-pid-1", NULL, "The command itself is pid 1", take_flag, PARSE(as_pid_1)},
{"cap-add", "CAP", "Keep the capability CAP", take_cap, 1},
{"cap-drop", "CAP", "Don't keep it", take_cap, 0},
{"perms", "OCTAL", "The mode of what the next option makes", take_perms, 0},
{"size", "BYTES", "The size of what the next option (--tmpfs) makes", take_size, 0},
{"chmod", "OCTAL PATH", "Change the mode of PATH", take_chmod, 0},
{NULL},
};
/* clang-format on */

const struct bwrap_option *bwrap_option_find(const char *name)
{
	for (const struct bwrap_option *o = bwrap_options; o->name; o++)
		if (streq(o->name, name))
			return o;
	return NULL;
}

int bwrap_option_values(const struct bwrap_option *o)
{
	int n = o->values != NULL;

	for (const char *c = o->values; c && *c; c++)
		n += *c == ' ';
	return n;
}

void bwrap_help(FILE *out, const char *called)
{
	enum { COLUMN = 33 };

	(void)fprintf(out, "usage: %s [OPTIONS...] [--] COMMAND [ARGS...]\n\n", called);
	for (const struct bwrap_option *o = bwrap_options; o->name; o++) {
		int used = fprintf(out, "    --%s%s%s", o->name, o->values ? " " : "",
				   o->values ? o->values : "");

		(void)fprintf(out, "%*s%s\n", used < COLUMN ? COLUMN - used : 1, "", o->help);
	}
}
