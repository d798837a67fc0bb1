/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h: the command that the sandbox is for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct payload {
	const char *command;
	char **argv; /* argv[-1] exists and may be overwritten */
	char **envp;
	int terminal;	     /* its controlling terminal, 0 to 2; negative: none */
	int wire;	     /* to the launcher */
	bool is_bare;	     /* neither a session, a process group nor signals of its own */
	bool is_tied;	     /* bare: it dies with sbx-init */
	const char *filters; /* bare: seccomp programs, as wire.h has them */
	size_t filters_size;
	int gate[2]; /* bare, with filters: a pipe by which it is let go */
};

/* Starts P in a process group of its own, in the foreground of its terminal. Returns its
 * process, or a negative errno where none could be made. A command that can't be executed is
 * told to the launcher by that process, which then ends with 126 or 127. Needs: all signals
 * blocked, their dispositions default; but for a bare one, which gets them as they are. */
pid_t payload_start(const struct payload *p);

/* Loads a bare payload's seccomp programs into the calling process. A negative errno. */
int payload_filter(const struct payload *p);
