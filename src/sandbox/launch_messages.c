/* SPDX-License-Identifier: Apache-2.0 */
/* launch_messages.c: what the launcher does with what pid 1 says. */
#include "launch.h"

#include "gate.h"
#include "hint.h"
#include "overlay.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* The sentence of a set-up that failed inside, with the hint for its step. */
static int on_failed(const struct wire_message *m)
{
	int err = m->err > 0 && m->err < 4096 ? m->err : EPROTO;
	int r = fail_in(fail(err, "%s", m->text), "%s", m->step);

	if (m->hint[0])
		r = fail_hint(r, "%s", m->hint);
	return hint_add(r, m->step);
}

static int on_fuse(struct launch *l, int fuse)
{
	struct stat st;

	if (fstat(fuse, &st) < 0)
		return fail_sys("look at what the set-up sent");
	if (l->fuse > 0 || l->userns < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(10, 229))
		return fail(EPROTO, "the set-up sent something else than /dev/fuse");
	/* A memfd rather than a pipe: nobody reads it unless the driver has failed. */
	l->fuse_errors = memfd_create("fuse-overlayfs", MFD_CLOEXEC);
	if (l->fuse_errors < 0)
		return fail_sys("make a file for what fuse-overlayfs says");
	return overlay_fuse_start(l->plan, l->userns, fuse, l->fuse_errors, &l->fuse);
}

static int on_network(struct launch *l, size_t which, int *passed)
{
	const struct sandbox_network *n = l->options->network;
	int r;

	if (!n || which >= SANDBOX_NETWORK_FDS || *passed < 0 || (l->network & 1U << which))
		return fail(EPROTO, "the set-up sent a network that was not asked for");
	l->network |= 1U << which;
	r = n->take(n->context, which, take_fd(passed));
	if (r < 0)
		return hint_add(fail_in(r, "network"), "network");
	return which == 0 ? gate_open(l->wire) : 0;
}

/* While pid 1 is still our own code. */
static int on_setup(struct launch *l, const struct wire_message *m, int *passed)
{
	switch (m->type) {
	case WIRE_USERNS:
		(void)fd_close(l->userns);
		l->userns = take_fd(passed);
		return 0;
	case WIRE_FUSE:
		return on_fuse(l, *passed);
	case WIRE_NETWORK:
		return on_network(l, (size_t)m->status, passed);
	case WIRE_MEMORY:
		(void)fd_close(l->plan->root.memory_fd);
		l->plan->root.memory_fd = take_fd(passed);
		return 0;
	case WIRE_NOTE:
		l->options->say(m->text);
		return 0;
	case WIRE_READY:
		l->plan->root.is_started = true;
		return l->options->network
			       ? l->options->network->ready(l->options->network->context)
			       : 0;
	case WIRE_FAILED:
		l->plan->root.is_refused = streq(m->step, "root");
		return on_failed(m);
	default:
		return fail(EPROTO, "the set-up sent message %u", m->type);
	}
}

static void on_exec_failed(const struct wire_message *m)
{
	int r = fail(m->err > 0 && m->err < 4096 ? m->err : EPROTO, "%s", m->text);

	if (m->hint[0])
		(void)fail_hint(r, "%s", m->hint);
}

/* From sbx-init, or a payload that traces it: nothing of this can do more than end the sandbox.
 * How the command ended is told by pid 1's own exit status, which it takes over. */
int launch_on_message(void *context, const struct wire_message *m, int passed)
{
	struct launch *l = context;
	autoclose int owned = passed;

	if (!l->plan->root.is_started)
		return on_setup(l, m, &owned);
	if (m->type == WIRE_EXITED && l->options->network)
		l->options->network->wind_up(l->options->network->context);
	if (m->type == WIRE_EXITED)
		l->ended_by = WIFSIGNALED(m->status) ? WTERMSIG(m->status) : 0;
	if (m->type == WIRE_EXEC_FAILED)
		on_exec_failed(m);
	return m->type == WIRE_FAILED ? on_failed(m) : 0;
}
