/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.c: who uses a kept sandbox. */
#include "launcher.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <sys/pidfd.h>
#include <unistd.h>

const char launcher_file[] = "launcher";

uint64_t launcher_parse_start(char *stat)
{
	/* The name in field 2 may hold anything, ")" too. */
	char *rest = strrchr(stat, ')'), *field;
	uint64_t ticks = 0;

	for (int i = 2; rest && i <= 22; i++) {
		field = strsep(&rest, " ");
		if (i == 22 && field)
			(void)str_to_u64(field, UINT64_MAX, &ticks);
	}
	return ticks;
}

/* When the process PID was started, in ticks since boot; 0 where there is none. */
static uint64_t process_start(pid_t pid)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char path[32], *stat;
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_path(path, &a, 4096, &stat, &len) < 0) {
		fail_forget();
		return 0;
	}
	return launcher_parse_start(stat);
}

int launcher_write(const struct container *c)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%d %llu\n", getpid(),
			 (unsigned long long)process_start(getpid()));

	return io_replace_file(c->dir, launcher_file, line, (size_t)n);
}

int launcher_open(const struct container *c)
{
	SCOPE_END(arena_done) struct arena a = {0};
	autoclose int pidfd = -EBADF;
	char *line, *rest;
	uint64_t start;
	uint32_t pid;
	size_t len;

	if (path_read_in(c->dir, launcher_file, &a, 64, &line, &len) < 0)
		return -ESRCH;
	rest = line;
	line = strsep(&rest, " ");
	if (!rest || str_to_u32(line, INT32_MAX, &pid) < 0)
		return -ESRCH;
	rest[strcspn(rest, "\n")] = '\0';
	if (str_to_u64(rest, UINT64_MAX, &start) < 0)
		return -ESRCH;
	pidfd = pidfd_open((pid_t)pid, 0);
	if (pidfd < 0 || process_start((pid_t)pid) != start)
		return -ESRCH;
	return take_fd(&pidfd);
}
