/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c: the launcher's side of a sandbox, from clone to the end of pid 1. */
#include "launch.h"

#include "config.h"
#include "gate.h"
#include "hint.h"
#include "idmap.h"
#include "init_image.h"
#include "overlay.h"
#include "overlay_files.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static void launch_init(struct launch *l, struct plan *p, const struct sandbox_options *options)
{
	*l = (struct launch){
		.plan = p,
		.options = options,
		.setup = {.plan = p,
			  .wire = -EBADF,
			  .reports = -EBADF,
			  .init = -EBADF,
			  .tree = -EBADF,
			  .skeleton = -EBADF,
			  .state = -EBADF,
			  .memory = -EBADF,
			  .root = -EBADF,
			  .staging = SETUP_STAGING,
			  .proc = -EBADF,
			  .sys = -EBADF,
			  .dev = -EBADF,
			  .run = -EBADF,
			  .terminal = -EBADF,
			  .network = options->network,
			  .debug = options->debug},
		.wire = -EBADF,
		.reports = -EBADF,
		.pidfd = -EBADF,
		.userns = -EBADF,
		.fuse_errors = -EBADF,
	};
}

static void launch_done(struct launch *l)
{
	attach_done(&l->attach);
	(void)fd_close(l->setup.wire);
	(void)fd_close(l->setup.reports);
	(void)fd_close(l->setup.init);
	(void)fd_close(l->wire);
	(void)fd_close(l->reports);
	(void)fd_close(l->pidfd);
	(void)fd_close(l->userns);
	(void)fd_close(l->fuse_errors);
}

int init_image_copy(void)
{
	enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
	autoclose int fd = sys_memfd_exec("sbx-init");
	int r = fd < 0 ? fd : io_write_all(fd, init_image, init_image_size);

	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r == -EFBIG)
		(void)fail(EFBIG, "copy sbx-init into memory: over the limit of a file's size");
	else if (r < 0)
		(void)fail(-r, "copy sbx-init into memory: %s", strerrordesc_np(-r));
	return r < 0 ? hint_add(r, "init-copy") : take_fd(&fd);
}

/* See wire.h. A pipe that keeps messages apart, and never makes sbx-init wait. */
static int wires_make(struct launch *l)
{
	int pair[2], r = io_socketpair(pair);

	if (r < 0)
		return r;
	l->wire = pair[0];
	l->setup.wire = pair[1];
	if (pipe2(pair, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
		return fail_sys("make a pipe");
	l->reports = pair[0];
	l->setup.reports = pair[1];
	return 0;
}

/* The descriptor of 0 to 2 that is the pty, for sbx-init's -t. */
static const char *terminal_number(const struct plan *p)
{
	return p->stdio[0] < 0 ? "0" : p->stdio[1] < 0 ? "1" : "2";
}

static void init_argv_make(struct launch *l)
{
	struct plan *p = l->plan;
	struct strv argv = {0};

	strv_push(&p->arena, &argv, "sbx-init");
	if (p->terminal) {
		strv_push(&p->arena, &argv, "-t");
		strv_push(&p->arena, &argv, terminal_number(p));
	}
	strv_push(&p->arena, &argv, "--");
	for (size_t i = 0; i < p->argv.n; i++)
		strv_push(&p->arena, &argv, p->argv.v[i]);
	l->setup.init_argv = (char *const *)argv.v;
}

/* Makes pid 1 of the sandbox, which doesn't return from here. */
static int child_start(struct launch *l)
{
	struct sys_clone how = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWTIME |
			 CLONE_PIDFD,
		.ret_pidfd = &l->pidfd,
	};
	uint64_t dropped;

	l->pid = sys_clone(&how, &dropped);
	if (l->pid == 0) {
		/* With it pid 1 would wait for a launcher that is dead. */
		(void)fd_close(l->wire);
		setup_run(&l->setup, setup_steps, setup_steps_n);
	}
	l->setup.wire = fd_close(l->setup.wire);
	l->setup.reports = fd_close(l->setup.reports);
	if (l->pid < 0)
		return hint_add(fail(-l->pid, "make namespaces: %s", strerrordesc_np(-l->pid)),
				"clone");
	if (dropped)
		l->options->say("no time namespace: clone3 is refused here");
	return 0;
}

static int ids_write(struct launch *l)
{
	int r;

	if (l->plan->ids.map == PLAN_MAP_SELF)
		return 0;
	r = idmap_write_child(&l->plan->ids, l->pid);
	if (r < 0)
		return hint_add(fail_in(r, "map ids"), "ids");
	return gate_open(l->wire);
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Returns what the shell is told: sbx-init's own status is the command's. */
static int pid1_reap(struct launch *l)
{
	int status = 0;

	(void)sys_pidfd_send_signal(l->pidfd, SIGKILL);
	while (waitpid(l->pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_sys("wait for the sandbox");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

enum { SAID_MAX = 1024 };

/* The last line that a helper said to the file ERRORS. */
static const char *last_said(int errors, char said[SAID_MAX])
{
	ssize_t n = pread(errors, said, SAID_MAX - 1, 0);
	char *line;

	said[n > 0 ? n : 0] = '\0';
	while (n > 0 && said[n - 1] == '\n')
		said[--n] = '\0';
	line = strrchr(said, '\n');
	return line ? line + 1 : *said ? said : "it ended early";
}

static int fuse_complaint(const struct launch *l)
{
	char said[SAID_MAX];

	return fail_hint(
		fail(EIO, "fuse-overlayfs: %s", last_said(l->fuse_errors, said)),
		"see whether %s runs; --overlay kernel does without it where the tree's "
		"owners are mapped",
		SBX_FUSE_OVERLAYFS);
}

/* The mount namespace is gone, so the driver ends by itself; a kept upper must be whole before.
 * A driver that has failed is why the set-up has. */
static int fuse_reap(struct launch *l, int r)
{
	int status = 0;

	if (l->fuse <= 0)
		return r;
	if (!l->plan->root.is_kept && r >= 0)
		(void)kill(l->fuse, SIGKILL);
	while (waitpid(l->fuse, &status, 0) < 0 && errno == EINTR)
		;
	/* Nobody but us kills it; the command has lost its files, and may not have said so. */
	if (r >= 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		(void)fail_hint(
			fail(EIO,
			     "fuse-overlayfs was ended by signal %d (%s), and the root "
			     "filesystem with it",
			     WTERMSIG(status), sigdescr_np(WTERMSIG(status))),
			"sbx-overlay(7) has what it can't do; --overlay kernel does without "
			"it where the tree's owners are mapped");
	return r < 0 && WIFEXITED(status) && WEXITSTATUS(status) ? fuse_complaint(l) : r;
}

/* Where the set-up has failed meanwhile, that is why its ids can't be mapped: R is not. */
static int setup_complaint(struct launch *l, int r)
{
	struct pollfd said = {.fd = l->wire, .events = POLLIN};
	struct wire_message m = {0};

	if (poll(&said, 1, 0) <= 0 || io_receive(l->wire, &m, sizeof(m), NULL) <= 0 ||
	    m.type != WIRE_FAILED)
		return r;
	fail_forget();
	return launch_on_message(l, &m, -EBADF);
}

/* What pid 1's end means where it has sent no word of it. */
static int silent_end(const struct launch *l, int status)
{
	if (l->plan->root.is_started || l->attach.timed_out)
		return 0;
	if (status > 128)
		return fail(ECHILD, "the set-up was ended by signal %d", status - 128);
	return fail(ECHILD, "the set-up ended with status %d and no word", status);
}

static int run(struct launch *l)
{
	struct timespec start;
	int status, r;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	r = child_start(l);
	if (l->options->debug)
		setup_debug("clone", &start);
	if (r < 0)
		return r;
	r = ids_write(l);
	if (r < 0)
		r = setup_complaint(l, r);
	if (l->options->debug)
		setup_debug("id-maps", &start);
	/* Not before the maps: newuidmap refuses a process that can't be dumped. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = fail_sys("shut others out of this process");
	if (r == 0) {
		l->attach.wire = l->wire;
		l->attach.reports = l->reports;
		l->attach.pidfd = l->pidfd;
		l->attach.on_message = launch_on_message;
		l->attach.network = l->options->network;
		l->attach.context = l;
		r = attach_run(&l->attach);
	}
	status = pid1_reap(l);
	if (r == 0)
		r = status < 0 ? status : silent_end(l, status);
	/* Descriptors that are still on their way here could keep the driver's mount. */
	l->wire = fd_close(l->wire);
	if (l->options->network)
		l->options->network->end(l->options->network->context);
	r = fuse_reap(l, r);
	if (r < 0)
		return r;
	if (l->attach.timed_out)
		(void)fail(ETIME, "ended: the time that --timeout gives is over");
	/* A command that exits with 130 by itself has dealt with it. */
	if (status == 128 + SIGINT && l->ended_by == SIGINT)
		l->plan->interrupt = l->attach.interrupt;
	return l->attach.timed_out ? 128 + SIGKILL : status;
}

int sandbox_run(struct plan *p, const struct sandbox_options *options)
{
	SCOPE_END(launch_done) struct launch l;
	int r;

	p->root.is_started = p->root.is_refused = false;
	p->interrupt = PLAN_INTERRUPT_NONE;
	launch_init(&l, p, options);
	r = attach_prepare(&l.attach, p, options);
	if (r == 0)
		r = l.setup.init = init_image_copy();
	if (r >= 0 && p->root.has_files && plan_wants_state(p))
		r = overlay_files_make(p, p->root.state_fd, sys_is_host_root());
	if (r >= 0)
		r = wires_make(&l);
	if (r < 0)
		return r;
	init_argv_make(&l);
	l.setup.sources = arena_alloc(&p->arena, p->n_mounts * sizeof(int));
	l.setup.own = arena_alloc(&p->arena, (p->n_mounts + SETUP_OWN) * sizeof(dev_t));
	return run(&l);
}

int sandbox_ids(enum plan_map map, bool keep, struct plan_ids *ret_ids)
{
	struct plan p;
	int r;

	plan_init(&p);
	p.ids.map = map;
	p.ids.keep = keep;
	r = idmap_decide(&p);
	if (r == 0)
		*ret_ids = p.ids;
	plan_done(&p);
	return r;
}

struct removal {
	int dir;
	const char *name;
};

static int removal_work(void *arg)
{
	const struct removal *removal = arg;
	int r = path_remove_tree(removal->dir, removal->name);

	return r < 0 ? fail(-r, "remove '%s': %s", removal->name, strerrordesc_np(-r)) : 0;
}

int sandbox_remove_tree(const struct plan_ids *ids, int dir, const char *name)
{
	struct removal removal = {.dir = dir, .name = name};
	int r = path_remove_tree(dir, name);

	if (r == 0 || r == -ENOENT)
		return 0;
	if (ids->map != PLAN_MAP_SUBIDS)
		return fail(-r, "remove '%s': %s", name, strerrordesc_np(-r));
	/* Some of it belongs to subordinate ids: as root of a namespace that has them. */
	return idmap_run(ids, removal_work, &removal);
}

int sandbox_run_mapped(const struct plan_ids *ids, int (*work)(void *arg), void *arg)
{
	return idmap_run(ids, work, arg);
}
