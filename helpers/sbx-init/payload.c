/* SPDX-License-Identifier: Apache-2.0 */
/* payload.c: the command that the sandbox is for. */
#include "payload.h"

#include "explain.h"
#include "init.h"
#include "program.h"
#include "report.h"
#include "search.h"
#include "sys.h"

#include <errno.h>

enum { CANNOT_RUN = 126 };

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

/* A process group of its own, in the foreground of the terminal, that takes every signal. Returns a
 * positive errno. */
static int payload_prepare(const struct payload *p)
{
	const struct sys_sigset none = SYS_SIGSET_NONE;
	pid_t self = sys_getpid();
	int r = sys_setpgid(0, 0);

	/* From the background this asks for SIGTTOU, which is still blocked. */
	if (r == 0 && p->terminal >= 0)
		r = sys_ioctl(p->terminal, TIOCSPGRP, &self);
	/* A terminal that was hung up meanwhile is the command's to find out. */
	if (r == 0 || r == -EIO || r == -ENOTTY)
		r = sys_sigmask(&none);
	return -r;
}

static void explain_prepare(struct wire_message *m, int err)
{
	struct text text = text_in(m->text, sizeof(m->text));

	m->status = CANNOT_RUN;
	m->err = err;
	text_add(&text, "make the command a job of its own");
	text_add_error(&text, err);
}

int payload_filter(const struct payload *p)
{
	const char *at = p->filters, *end = p->filters + p->filters_size;
	int r = 0;

	while (r == 0 && at < end) {
		const uint64_t *n = (const void *)at;
		struct sock_fprog program = {.len = (unsigned short)*n,
					     .filter = (void *)(n + 1)};

		r = sys_filter(&program);
		at = (const char *)(program.filter + program.len);
	}
	return r;
}

static noreturn void payload_fail(const struct payload *p, int err)
{
	struct wire_message m = {.type = WIRE_EXEC_FAILED};

	explain_exec(&m, p->command, p->envp, err);
	report_send(p->wire, &m);
	sys_exit(m.status);
}

static noreturn void payload_run_bare(const struct payload *p)
{
	struct wire_message m = {.type = WIRE_FAILED, .step = "seccomp"};
	struct text text = text_in(m.text, sizeof(m.text));
	char byte;
	int r;

	if (p->is_tied)
		sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p->filters_size > 0) {
		sys_close(p->gate[1]);
		if (sys_read(p->gate[0], &byte, 1) != 1)
			sys_exit(INIT_FAILED);
	}
	r = payload_filter(p);
	if (r == 0)
		payload_fail(p, payload_exec(p));
	text_add(&text, "prctl(PR_SET_SECCOMP)");
	text_add_error(&text, -r);
	m.err = -r;
	report_send(p->wire, &m);
	sys_exit(INIT_FAILED);
}

static noreturn void payload_run(const struct payload *p)
{
	struct wire_message m = {.type = WIRE_EXEC_FAILED};
	int err = payload_prepare(p);

	if (err == 0)
		payload_fail(p, payload_exec(p));
	explain_prepare(&m, err);
	report_send(p->wire, &m);
	sys_exit(m.status);
}

pid_t payload_start(const struct payload *p)
{
	pid_t pid = sys_fork();

	if (pid == 0 && p->is_bare)
		payload_run_bare(p);
	if (pid == 0)
		payload_run(p);
	return pid;
}
