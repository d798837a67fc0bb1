/* SPDX-License-Identifier: Apache-2.0 */
/* spec.h: what the values of options mean, spelled as podman and Docker spell them. */
#pragma once

#include "sandbox/sandbox.h"

/*
 * Each of these reads one value and puts what it asks for into the plan. 0, or a negative errno
 * with a sentence that names the value (not the option: callers put that in front) and a hint
 * that shows a right one. What the two tools know and a sandbox can't grant is refused by name;
 * what asks for nothing but what happens anyway is accepted. VALUE is borrowed for as long as
 * the plan lives.
 */

/* SRC:DST[:OPTION,...]. SRC begins with "/", "./" or "../": a bare word would be a named
 * volume. Mounts are nosuid and nodev unless `suid` and `dev` are asked for. */
int spec_volume(struct plan *p, const char *value);

/* SRC[:DST[:OPTION,...]], as systemd-nspawn has it: any relative SRC, and DST is where SRC
 * really is unless it is said. */
int spec_bind(struct plan *p, const char *value);

/* type=bind|tmpfs,src=SRC,dst=DST,... as one line of CSV (RFC 4180). */
int spec_mount(struct plan *p, const char *value);

/* DST[:OPTION,...], mode 1777, nosuid and nodev by default. */
int spec_tmpfs(struct plan *p, const char *value);

/* HOST[:INSIDE][:PERMISSIONS]. A folder stands for every device file below it. */
int spec_device(struct plan *p, const char *value);

/* The environment, from the weakest to the strongest: a caller applies them in this order.
 *
 * spec_env_host() passes all on but what tells of the caller's user, folder and host, which
 * inside are others: HOME, USER, LOGNAME, SHELL, MAIL, PWD, OLDPWD, HOSTNAME and "_".
 * spec_env_file() takes each line as it stands: no quotes, no escapes; "#" in front is a
 * comment. spec_env() takes NAME=VALUE, NAME (the caller's, if they have it) and NAME* (all
 * that begin so). */
int spec_env_host(struct plan *p);
int spec_env_file(struct plan *p, const char *path);
int spec_env(struct plan *p, const char *value);

/* NAME=SOFT[:HARD], -1 or "unlimited"; NAME<=SOFT[:HARD] is the caller's own where that is lower;
 * "host" is all of the caller's own. */
int spec_ulimit(struct plan *p, const char *value);

/* seccomp=FILE|unconfined, no-new-privileges[=BOOL]; ":" stands for "=" as in older Dockers. */
int spec_security_opt(struct plan *p, const char *value);

/* An absolute path is one inside; a relative one is a folder of the host's, and what it is called
 * inside once it is bound under its own path. */
int spec_workdir(struct plan *p, const char *value);
int spec_hostname(struct plan *p, const char *value);
int spec_name(struct plan *p, const char *value);

/* For the files of spec.h alone: puts VALUE in front of the failure R and adds the hint. */
int spec_failed(int r, const char *value, const char *hint);
