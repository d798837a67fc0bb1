/* SPDX-License-Identifier: Apache-2.0 */
/* union.h: what the rows of union.c are written with. */
#pragma once

#include "util/scope.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* One thing to do, in a folder of its own. WHAT is also how sbx-overlay(7) calls it. */
struct row {
	const char *what;
	const char *(*run)(void);
	const char *plain;  /* what comes of it in a plain folder */
	void (*make)(void); /* what is costly, beside what every row has; NULL: nothing */
};

/* The rows, up to one of NULL. */
extern const struct row file_rows[], name_rows[];

/* In each row's folder: what files of the tree hold, how one is called, and from when some are. */
static const char lower[] = "lower\n";
extern char name255[256];
static const struct timespec then[2] = {{1000000000, 123456789}, {1000000001, 987654321}};

/* What a row says: the name of errno, "ok" or that, "yes" or "no", a number. */
const char *error_name(void);
const char *said(int r);
const char *yes(bool is);
const char *number(const char *format, unsigned long n);

/* What isn't the row's subject has to work. */
#define must(call)                           \
	do {                                 \
		if ((call) < 0)              \
			return error_name(); \
	} while (0)

/* The same while the tree is made: the end. */
void need(int r, const char *what);

int file_write(const char *path, int flags, const char *text);

/* The start of a file, for comparing; "" where it can't be read. */
const char *file_text(const char *path);

bool is_there(const char *path);
struct stat stat_of(const char *path);

/* How many names a folder has, and whether NAME is among them, each once. */
int folder_count(const char *path, const char *name, int *ret_seen);
