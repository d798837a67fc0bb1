/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h: a folder of the test's own, and what is quickly made in it. */
#pragma once

#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct scratch {
	char path[128];
	int dir;
};

/* Ends the test where something that it needs can't be made: nothing could be checked. */
static inline int scratch_must(int r, const char *what)
{
	if (r < 0) {
		printf("Bail out! %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return r;
}

static inline void scratch_make(struct scratch *s)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(s->path, sizeof(s->path), "%s/sbx-unit-XXXXXX", tmp ? tmp : "/tmp");
	scratch_must(mkdtemp(s->path) ? 0 : -1, s->path);
	s->dir = scratch_must(open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), s->path);
}

static inline void scratch_remove(struct scratch *s)
{
	s->dir = fd_close(s->dir);
	(void)path_remove_tree(AT_FDCWD, s->path);
}

static inline int scratch_folder(int dir, const char *name)
{
	(void)mkdirat(dir, name, 0755);
	return scratch_must(openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), name);
}

static inline void scratch_file(int dir, const char *name, const void *data, size_t len)
{
	autoclose int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	scratch_must(fd, name);
	scratch_must(io_write_all(fd, data, len), name);
}

static inline void scratch_text(int dir, const char *name, const char *text)
{
	scratch_file(dir, name, text, strlen(text));
}

static inline void scratch_link(int dir, const char *target, const char *name)
{
	scratch_must(symlinkat(target, dir, name), name);
}

static inline bool scratch_has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How many descriptors this process has open. */
static inline int scratch_descriptors(void)
{
	autodir DIR *stream = opendir("/proc/self/fd");
	int n = 0;

	while (stream && readdir(stream))
		n++;
	return n;
}
