/* SPDX-License-Identifier: Apache-2.0 */
/* payload.c: the command that the sandbox is for. */
#include "payload.h"

#include "explain.h"
#include "program.h"
#include "report.h"
#include "search.h"
#include "sys.h"

#include <errno.h>

/* execve() with execvp()'s habit: a text without #! is the shell's. Returns a positive errno.
 */
static int payload_exec_file(const struct payload *p, char *path)
{
	int err = -sys_execve(path, p->argv, p->envp);
	struct program program;
	char **shell = p->argv - 1;

	if (err != ENOEXEC)
		return err;
	program_read(path, &program);
	if (program.kind != PROGRAM_TEXT)
		return err;
	shell[0] = (char *)EXPLAIN_SHELL;
	shell[1] = path;
	sys_execve(shell[0], shell, p->envp);
	return ENOEXEC;
}

/* Returns a positive errno; EACCES of any place counts for more than that a later one has
 * nothing. */
static int payload_exec(const struct payload *p)
{
	struct search search = search_for(p->command, p->envp);
	int err = text_len(p->command) < PATH_MAX ? ENOENT : ENAMETOOLONG;
	bool is_denied = false;
	char path[PATH_MAX];

	while (search_next(&search, path)) {
		err = payload_exec_file(p, path);
		if (!search_goes_on(err))
			return err;
		is_denied |= err == EACCES;
	}
	return is_denied ? EACCES : err;
}

static noreturn void payload_run(const struct payload *p)
{
	const struct sys_sigset none = SYS_SIGSET_NONE;
	struct wire_message m = {.type = WIRE_EXEC_FAILED};
	int err;

	sys_setpgid(0, 0);
	if (p->terminal >= 0) {
		pid_t self = sys_getpid();

		/* From the background this asks for SIGTTOU, which is still blocked. */
		sys_ioctl(p->terminal, TIOCSPGRP, &self);
	}
	sys_sigmask(&none);
	err = payload_exec(p);
	explain_exec(&m, p->command, p->envp, err);
	report_send(&m);
	sys_exit(m.status);
}

pid_t payload_start(const struct payload *p)
{
	pid_t pid = sys_fork();

	if (pid == 0)
		payload_run(p);
	return pid;
}
