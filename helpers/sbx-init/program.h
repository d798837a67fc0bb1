/* SPDX-License-Identifier: Apache-2.0 */
/* program.h: what kind of program a file is, and which other file it needs to run. */
#pragma once

#include <linux/limits.h>
#include <stdbool.h>
#include <stdint.h>

enum program_kind {
	PROGRAM_UNKNOWN, /* it can't be read */
	PROGRAM_ELF,
	PROGRAM_SCRIPT, /* starts with #! */
	PROGRAM_TEXT,	/* neither, and no NUL at its start: execvp() gives it to /bin/sh */
	PROGRAM_DATA,
};

struct program {
	enum program_kind kind;
	char interpreter[PATH_MAX]; /* of its ELF header or its #! line; "": none */
	bool is_cut;		    /* the #! line is longer than the kernel reads */
	/* Of an ELF file: */
	bool is_foreign; /* for another architecture than this program */
	bool is_wide;	 /* 64 bits */
	uint16_t type, machine;
};

/* Looks into the file at PATH, which may hold anything. Never blocks on a FIFO or a device. */
void program_read(const char *path, struct program *ret_program);
