/* SPDX-License-Identifier: Apache-2.0 */
/* bare.h: a bare sandbox's set-up, as a table; and what its launcher needs of it. */
#pragma once

#include "setup.h"

#include <sys/resource.h>

/*
 * Theory of operation
 *
 *   launcher (in the namespaces that are joined)   child (in those that are new)
 *   --------------------------------------------   -------------------------------------------
 *   says who the child is (info, status)
 *   waits for userns_block
 *   WIRE_GO  ----------------------------------->  writes the id map: one id, its own work
 *                                                  opens all sources
 *                                                  the base: a tmpfs, and pivot_root into it
 *                                                  the ops, one after the other
 *                                                  pivot_root again, into the base's folder root/
 *                                                  capabilities, working folder, descriptors
 *   waits for the end                <-----------  executes the payload, or sbx-init as reaper
 *
 * The base is never seen inside: in it are the folder that becomes the root, the old root in old/,
 * what overlays write to memory, and for a moment the files that BARE_DATA mounts. Once we are
 * in it, the links proc and dev in it lead to the host's; all else of the host's is only reached
 * through what was opened before. A mount of "/" is one over root/ and not of the base, so a bound
 * host root shows all that it has, /tmp too.
 *
 * Targets are resolved with the new root as "/", component by component in the kernel, magic
 * links refused. What is missing is made, on whatever file system it falls: bubblewrap makes mount
 * points in what is bound. A symbolic link as the last component is followed only where the link is
 * on a file system of the sandbox's own, which holds but what the caller asked for: one that lies in
 * something bound may have been planted, and is refused.
 *
 * Without a reaper the child becomes the payload, and its exit status is the launcher's to reap.
 * With one the payload's comes over the wire, the launcher ends, and the reaper stays as long as
 * somebody runs inside. Nobody dies with the launcher, unless that was asked for.
 *
 * The child stays dumpable: who reads its pid from info or status opens its namespaces in /proc, or
 * writes its id map, while it waits. Where it joined a namespace with others in it the kernel has
 * made it non-dumpable.
 */

struct bare_setup {
	struct setup s; /* first: a step gets its address */
	int host_proc;	/* the host's /proc, for the time after the last pivot_root */
	int base;
	unsigned n_uppers; /* of overlays, in the base */
	struct rlimit files;
	bool has_raised_files;
	int first_own; /* with a reaper: what it owns begins here; above all that the payload gets */
	int filters; /* for the reaper */
	mode_t umask;
	const char **pwd; /* the entry of the environment that says where the payload starts */
	const char *const *pwds; /* what it can say, one for each workdir, and for "/" */
	const char *console;	 /* the caller's terminal, by name; NULL: stdout is none */
};

extern const struct setup_step bare_steps[];
extern const size_t bare_steps_n;

/* Whether the child waits for WIRE_GO. */
bool bare_has_gate(const struct plan *p);

/* Steps. */
int bare_base(struct setup *s);
int bare_ops(struct setup *s);

/* Refuses TIOCSTI and TIOCLINUX, by which what runs on a terminal can type on it. */
void bare_terminal_filter(struct plan *p);
