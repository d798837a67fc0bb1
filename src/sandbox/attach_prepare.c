/* SPDX-License-Identifier: Apache-2.0 */
/* attach_prepare.c: what the payload gets as descriptors 0 to 2. */
#include "attach_parts.h"

#include "util/fail.h"
#include "util/scope.h"
#include "util/term.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const stdio_names[3] = {"stdin", "stdout", "stderr"};

static void attach_init(struct attach *a)
{
	*a = (struct attach){
		.wire = -EBADF,
		.reports = -EBADF,
		.pidfd = -EBADF,
		.given = {-EBADF, -EBADF, -EBADF},
		.tty = -EBADF,
		.sized = -EBADF,
		.signal_fd = -EBADF,
		.is_foreground = true,
	};
	for (int i = 0; i < ATTACH_FLOWS; i++)
		flow_init(&a->flow[i]);
}

/* A folder of the host's would be a way out of the sandbox, by openat(). */
static int stdio_check(void)
{
	struct stat st;

	for (int i = 0; i < 3; i++) {
		if (fstat(i, &st) < 0)
			return fail_sys("look at %s", stdio_names[i]);
		if (S_ISDIR(st.st_mode))
			return fail_hint(
				fail(EISDIR, "%s is a folder", stdio_names[i]),
				"a folder of the host's would lead out of the sandbox; "
				"--bind hands one in");
	}
	return 0;
}

/* A descriptor of our own for the caller's FD. *RET_WAITS tells whether writes to it may block.
 */
static int second_open(int fd, int flags, bool *ret_waits)
{
	int again = term_reopen(fd, flags | O_NONBLOCK);

	*ret_waits = again < 0;
	if (again < 0)
		again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return again < 0 ? fail_sys("open %s again", stdio_names[fd]) : again;
}

/* A pipe whose one end is for the payload, in a->given[FD], and the other, non-blocking, here.
 */
static int pipe_open(struct attach *a, int fd, int *ret_ours)
{
	autoclose int ours = -EBADF;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_sys("make a pipe for %s", stdio_names[fd]);
	a->given[fd] = ends[fd == 0 ? 0 : 1];
	ours = ends[fd == 0 ? 1 : 0];
	/* Whoever runs inside may open /dev/stdout; outside nobody else can reach it. */
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0 || fchmod(ours, 0666) < 0)
		return fail_sys("prepare a pipe for %s", stdio_names[fd]);
	*ret_ours = take_fd(&ours);
	return 0;
}

static int input_open(struct attach *a, int to)
{
	autoclose int mine = to;
	bool waits;
	int from = second_open(0, O_RDONLY, &waits);

	if (from < 0)
		return from;
	return flow_open(&a->flow[ATTACH_INPUT], from, take_fd(&mine));
}

static int output_open(struct attach *a, enum attach_flow which, int from, int fd)
{
	autoclose int mine = from;
	struct flow *f = &a->flow[which];
	int to = second_open(fd, O_WRONLY, &f->to_waits);

	if (to < 0)
		return to;
	return flow_open(f, take_fd(&mine), to);
}

/* What the pty has to know of stdin's terminal. In the background its modes are those of a line
 * editor, the shell's, or of whatever program is in front. */
static int tty_open(struct attach *a)
{
	if (tcgetattr(0, &a->modes) < 0)
		return fail_sys("read the modes of the terminal");
	if (!term_is_foreground(0))
		term_make_sane(&a->modes);
	a->tty = fcntl(0, F_DUPFD_CLOEXEC, 3);
	return a->tty < 0 ? fail_sys("open the terminal again") : 0;
}

/* The pty starts like the caller's terminal: the same keys for erase and interrupt, UTF-8 or
 * not. */
static const struct termios *pty_modes_make(struct attach *a, bool out_is_tty)
{
	a->pty_modes = a->modes;
	/* A terminal that isn't raw echoes, and ends lines with "\r\n", by itself. */
	if (!a->wants_raw)
		a->pty_modes.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (!a->wants_raw && out_is_tty)
		a->pty_modes.c_oflag &= ~(tcflag_t)OPOST;
	return &a->pty_modes;
}

/* The payload gets a pty: for all of 0 to 2 with --tty, as podman has it, else for what was a
 * terminal before. */
static int prepare_pty(struct attach *a, struct plan *p, const struct sandbox_options *options,
		       const bool is_tty[3])
{
	bool all = options->terminal == TERMINAL_YES;
	int out = all || is_tty[1] ? 1 : is_tty[2] ? 2 : 0;
	int r = 0;

	for (int i = 0; i < 3; i++)
		p->stdio[i] = all || is_tty[i] ? -EBADF : i;
	a->wants_raw = is_tty[0] && is_tty[1];
	p->pty_size = (struct winsize){.ws_row = 24, .ws_col = 80};
	a->sized = is_tty[out] ? out : is_tty[0] ? 0 : is_tty[2] ? 2 : -EBADF;
	if (a->sized >= 0)
		(void)ioctl(a->sized, TIOCGWINSZ, &p->pty_size);
	if (is_tty[0])
		p->pty_modes = pty_modes_make(a, is_tty[out]);
	if (is_tty[0] || options->interactive)
		r = input_open(a, -EBADF);
	return r < 0 ? r : output_open(a, ATTACH_OUTPUT, -EBADF, out);
}

/* The payload gets pipes for what is a terminal. */
static int prepare_pipes(struct attach *a, struct plan *p, const bool is_tty[3])
{
	bool shared = is_tty[1] && is_tty[2] && term_is_same(1, 2);
	int ours = -EBADF, r;

	for (int i = 0; i < 3; i++) {
		p->stdio[i] = i;
		if (!is_tty[i])
			continue;
		if (i == 2 && shared) {
			p->stdio[2] = p->stdio[1];
			continue;
		}
		r = pipe_open(a, i, &ours);
		if (r < 0)
			return r;
		r = i == 0 ? input_open(a, ours)
			   : output_open(a, i == 1 ? ATTACH_RELAY_OUT : ATTACH_RELAY_ERR, ours,
					 i);
		if (r < 0)
			return r;
		p->stdio[i] = a->given[i];
	}
	return 0;
}

int attach_prepare(struct attach *a, struct plan *p, const struct sandbox_options *options)
{
	bool is_tty[3];
	int r;

	attach_init(a);
	a->timeout_ms = p->timeout_ms;
	r = keys_parse(&a->keys, options->detach_keys ? options->detach_keys : KEYS_DEFAULT);
	if (r == 0)
		r = stdio_check();
	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++)
		is_tty[i] = term_is(i);
	p->terminal = options->terminal == TERMINAL_YES ||
		      (options->terminal == TERMINAL_AUTO && is_tty[0]);
	a->wants_pty = p->terminal;
	if (is_tty[0])
		r = tty_open(a);
	if (r == 0)
		r = p->terminal ? prepare_pty(a, p, options, is_tty)
				: prepare_pipes(a, p, is_tty);
	return r < 0 ? r : attach_signals_open(a);
}
