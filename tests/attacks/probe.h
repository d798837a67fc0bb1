/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h: attacks from inside a sandbox, a line of a table each. */
#pragma once

/*
 * Theory of operation
 *
 * probe is one static program, so that it runs in any tree. It has two halves:
 *
 *   probe outside FOLDER COMMAND...  on the host: sets out canaries (a process, a file in FOLDER, shared
 *                                    memory, sockets, a key...), tells of them in CANARY_* variables,
 *                                    runs COMMAND, and looks whether they live and are what they were
 *   probe inside WAY [LIST]...       in the sandbox: makes every attack of the lists
 *
 * Both print TAP without numbers; lib.sh counts. WAY says what the sandbox was given:
 *
 *   root   the default
 *   user   an ordinary user inside
 *   all    --cap-add ALL: every capability, and what the filter of system calls lets pass for those
 *   bare   the same without the filter and with --new-privs: what namespaces alone hold
 *
 * Each attack runs in a process of its own, so it may wreck, hang (twenty seconds) or die by a signal
 * as it likes. To add one: a row in the table of its file, whose `what` starts with the rule it is
 * about. Where something is allowed by design, the row says so and why.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ROOT = 1,
	USER = 2,
	ALL = 4,
	BARE = 8,
	FILTERED = ROOT | USER | ALL,
	DEFAULT = ROOT | USER
};

struct attack {
	const char *what;
	/* What got through, by through(); NULL where the wall held. */
	const char *(*attempt)(void);
	unsigned ways; /* those that it is made in; 0: all */
};

struct list {
	const char *name;
	const struct attack *attacks; /* ends with an empty row */
	void (*more)(void); /* makes those that have tables of their own, by attack_one() */
};

extern const struct list lists[];
extern unsigned way; /* that we run in */

/* A sentence about what got through. */
const char *through(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* NULL where a call has failed; else a sentence. */
#define REFUSED(call) ((call) < 0 ? NULL : through("%s", #call))

/* The same where it must have failed with the errno E. */
#define REFUSED_BY(e, call) \
	(((call) < 0 && errno == (e)) ? NULL : through("%s: %s", #call, strerrorname_np(errno)))

/* Makes one attack in a process of its own, and prints its line. */
void attack_one(const char *what, const char *(*attempt)(const void *), const void *arg);

/* CANARY_NAME of the environment; ends the program where it is missing. */
const char *canary(const char *name);

/* Whether PATH is the canary's file. */
bool is_canary(const char *path);

/* A sentence where the canary's file can be reached from the folder DIR, by its name or upwards. */
const char *way_out(int dir, const char *what);

/* A sentence where a file below FOLDER, of procfs, sysfs and the like, can be opened for writing. */
const char *file_below_is_written(const char *folder);

/* Those that a sandbox has of its own; NULL at the end. */
extern const char *const namespaces[];

int outside_main(char **argv);

extern const struct attack descriptor_attacks[], file_attacks[], id_attacks[], ipc_attacks[],
	mount_attacks[], process_attacks[], terminal_attacks[];
void calls_more(void);
void files_more(void);
void mounts_more(void);
