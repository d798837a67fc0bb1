/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h: words to a bare plan. */
#pragma once

#include "bwrap.h"
#include "sandbox/sandbox.h"

struct parse {
	struct plan *plan; /* with a bare one in it */
	bool has_prefix;   /* messages begin with "<3>" */

	/* For the option that follows. */
	int perms;	    /* -1: none */
	uint64_t size;	    /* 0: none */
	struct strv layers; /* of --overlay-src */

	/* What is decided when all is read. */
	bool user, user_try, ipc, pid, net, uts, cgroup, cgroup_try;
	bool as_pid_1, has_uid, has_gid;
	bool has_seccomp, has_filters;
	bool changes_caps;
	uint64_t caps;
	const char *workdir;

	bool asks_help, asks_version;
	bool is_in_file;
	size_t n_words;
};

/* P zeroed for PLAN, which gets a bare one. */
void parse_init(struct parse *p, struct plan *plan);

/* Reads the options among WORDS; *RET_COMMAND is the index of the first word behind them. Stops early
 * where help or the version is asked for. 0, or a negative errno with bubblewrap's sentence. */
int parse_words(struct parse *p, int n, const char *const *words, int *ret_command);

/* "bwrap: TEXT" on stderr at once, at level 3 (an error) or 4 (a warning); control bytes escaped. */
void parse_say(const struct parse *p, int level, const char *text, const char *hint);

/* ---- what the table's rows take -------------------------------------------------------- */

enum {
	BIND_RO = 1,
	BIND_DEV = 2,
	BIND_TRY = 4,
	BIND_FD = 8,
};

typedef int bwrap_take(struct parse *p, const struct bwrap_option *o,
		       const char *const *values);

bwrap_take take_help, take_version, take_args, take_argv0, take_prefix;
bwrap_take take_flag; /* .how: the offset of a bool in struct parse */
bwrap_take take_unshare_all, take_share_net;
bwrap_take take_bare_flag;  /* so too in struct bare */
bwrap_take take_descriptor; /* .how: the offset of an int in struct bare */
bwrap_take take_id, take_hostname, take_workdir, take_clearenv, take_setenv, take_unsetenv;
bwrap_take take_lock, take_bind, take_readonly;
bwrap_take take_layer, take_overlay; /* .how of the latter: enum bare_upper */
bwrap_take take_label;
bwrap_take take_new;  /* .how: enum bare_kind, of what has no values but a place */
bwrap_take take_data; /* .how: BARE_FILE, BARE_DATA, or BARE_DATA with BIND_RO << 8 */
bwrap_take take_symlink, take_chmod;
bwrap_take take_seccomp, take_filter;
bwrap_take take_cap; /* .how: 1 adds, 0 drops */
bwrap_take take_perms, take_size;
