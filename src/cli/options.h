/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: the options of each command. */
#pragma once

#include "opt.h"

#include "sandbox/sandbox.h"

/* Lists and texts are as the user wrote them; spec.h reads what is in them. */
struct enter_options {
	struct strv profiles;

	const char *name;
	bool keep_on_exit;
	enum plan_overlay overlay;
	bool read_only;

	struct strv binds, volumes, mounts, tmpfs, devices;

	const char *workdir, *user, *hostname;
	struct strv env, env_files;
	bool env_host;

	enum plan_map map;
	bool keep_id, strict_ids;
	uint64_t caps_add, caps_drop;
	struct strv security;
	bool new_privs, nested;

	struct strv ulimits;
	uint64_t timeout_ms;

	enum plan_net net;
	struct strv publish, add_hosts, dns, dns_search, dns_options, allow_net, deny_net;
	bool publish_all, host_loopback;
	const char *net_log;

	enum terminal_wish terminal;
	bool interactive;
	const char *detach_keys;

	bool explain, debug, json;
};

struct port_options {
	struct strv publish, remove;
	bool json;
};

struct ls_options {
	bool quiet, no_trunc, json;
};

struct doctor_options {
	bool json;
};

struct config_options {
	struct strv profiles;
	bool json;
};

struct rm_options {
	bool force, all;
};

struct diff_options {
	bool patch, stat, json;
};

struct apply_options {
	bool dry_run, force;
};

extern const struct opt enter_opts[];
extern const struct opt port_opts[];
extern const struct opt ls_opts[];
extern const struct opt config_opts[];
extern const struct opt rm_opts[];
extern const struct opt doctor_opts[];
extern const struct opt diff_opts[];
extern const struct opt apply_opts[];
