/* SPDX-License-Identifier: Apache-2.0 */
/* nosys.c: nosys CALL,CALL... -- COMMAND: runs it on a kernel that doesn't know these calls. */
#include "nosys.h"
#include "util/scope.h"

#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int calls_find(char *names, unsigned calls[NOSYS_CALLS_MAX], size_t *ret_n)
{
	size_t n = 0;

	for (char *name; (name = strsep(&names, ","));) {
		int call = seccomp_syscall_resolve_name(name);

		if (call < 0 || n == NOSYS_CALLS_MAX) {
			fprintf(stderr, "nosys: '%s' is no system call\n", name);
			return -1;
		}
		calls[n++] = (unsigned)call;
	}
	*ret_n = n;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned calls[NOSYS_CALLS_MAX];
	size_t n;
	int r;

	if (argc < 4 || strcmp(argv[2], "--") != 0) {
		fprintf(stderr, "Usage: nosys CALL,CALL... -- COMMAND ARG...\n");
		return 125;
	}
	if (calls_find(argv[1], calls, &n) < 0)
		return 125;
	r = nosys_load(calls, n);
	if (r < 0) {
		fprintf(stderr, "nosys: load the filter: %s\n", strerror(-r));
		return 125;
	}
	(void)execvp(argv[3], argv + 3);
	fprintf(stderr, "nosys: run '%s': %s\n", argv[3], strerror(errno));
	return 127;
}
