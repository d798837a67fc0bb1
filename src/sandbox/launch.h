/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h: what the files of the launcher share. */
#pragma once

#include "attach.h"
#include "setup.h"

struct launch {
	struct plan *plan;
	const struct sandbox_options *options;
	struct attach attach;
	struct setup setup; /* the child's, made before it */
	int wire, reports;
	pid_t pid;
	int pidfd;
	int userns; /* for the fuse driver */
	pid_t fuse;
	int fuse_errors;
	unsigned network; /* a bit for each of its descriptors that has come */
	int ended_by;	  /* the signal that sbx-init says has ended the command; 0: none */
};

/* What pid 1 has sent (attach.h, on_message); CONTEXT is a struct launch. Before WIRE_READY it is
 * our own code that speaks, from then on anybody. */
int launch_on_message(void *context, const struct wire_message *m, int passed);
