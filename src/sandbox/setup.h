/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h: what pid 1 does between clone and exec, as a table. */
#pragma once

#include "sandbox.h"

#include <sys/types.h>
#include <time.h>

/* Where the new root filesystem is mounted until pivot_root; every system has it. */
#define SETUP_STAGING "/tmp"

/* File systems of the sandbox's own beside those that were asked for: root, upper, dev, run,
 * tmp. */
enum { SETUP_OWN = 5 };

/* What pid 1 knows beside the plan. */
struct setup {
	const struct plan *plan;
	int wire;    /* to the launcher */
	int reports; /* the pipe that sbx-init gets */
	int init;    /* sbx-init, in a sealed memfd */
	char *const *init_argv;
	int tree, skeleton, state; /* as in p->root, as mounts of our own namespace */
	int *sources;		   /* so too p->mounts[].source_fd */
	int memory;		   /* the tmpfs that holds a throw-away upper; -EBADF: none */
	int root;		   /* the new root filesystem, once it is mounted */
	const char *staging;	   /* where it is mounted until pivot_root */
	int proc, sys, dev, run;   /* the roots of these mounts, whatever their names lead to */
	dev_t *own; /* the file systems of the sandbox's own, where a mount point may be made */
	size_t n_own;
	const struct sandbox_network *network;
	int terminal; /* the pty's other side, the payload's terminal */
	bool debug;
};

struct setup_step {
	const char *name;
	int (*run)(struct setup *s);
	bool (*is_needed)(const struct plan *p); /* NULL: always */
	const char *what;			 /* for --explain */
};

extern const struct setup_step setup_steps[];
extern const size_t setup_steps_n;

/* Tells the user of something that is left out. */
void setup_note(const struct setup *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* One line on stderr: what STEP took since START. */
void setup_debug(const char *step, const struct timespec *start);

/* Runs the N steps; ends the process where one fails, and never returns. */
void setup_run(struct setup *s, const struct setup_step *steps, size_t n)
	__attribute__((noreturn));
