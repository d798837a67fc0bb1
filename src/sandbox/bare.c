/* SPDX-License-Identifier: Apache-2.0 */
/* bare.c: a bare sandbox's set-up, from clone to exec. */
#include "bare.h"

#include "caps.h"
#include "gate.h"
#include "idmap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPARE_FILES = 128 }; /* descriptors of our own beside the sources, and the payload's */

/* ---- ids --------------------------------------------------------------------------------- */

static int step_gate(struct setup *s)
{
	return gate_wait(s->wire, "the launcher");
}

/* In a user namespace that was joined, which may have more ids than the caller's. */
static int become(const struct bare *b)
{
	struct sys_caps caps;
	int r = 0;

	/* They would go with the change of user, and the set-up needs them. */
	(void)prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (b->sets_gid)
		r = sys_setresgid(b->gid);
	if (r < 0)
		return fail(-r, "unable to switch to gid %u: %s", b->gid, strerrordesc_np(-r));
	if (b->sets_uid)
		r = sys_setresuid(b->uid);
	if (r < 0)
		return fail(-r, "unable to switch to uid %u: %s", b->uid, strerrordesc_np(-r));
	r = sys_capget(&caps);
	caps.effective = caps.permitted;
	if (r == 0)
		r = sys_capset(&caps);
	return r < 0 ? fail(-r, "capset failed: %s", strerrordesc_np(-r)) : 0;
}

static int step_ids(struct setup *s)
{
	const struct bare *b = s->plan->bare;

	/* Modes are what was asked for, until the payload has its own again. */
	(void)umask(0);
	if (b->sets_uid || b->sets_gid)
		return become(b);
	if (!(b->namespaces & CLONE_NEWUSER) || b->userns_block >= 0)
		return 0;
	return idmap_write_self(&s->plan->ids);
}

/* ---- mounts ------------------------------------------------------------------------------ */

/* What is mounted outside from now on appears in what is bound, nothing goes the other way. */
static int step_propagation(struct setup *s)
{
	if (mount(NULL, "/", NULL, MS_SILENT | MS_SLAVE | MS_REC, NULL) < 0)
		return fail_sys("Failed to make / slave");
	return 0;
}

/* Each source is a descriptor. */
static int files_raise(struct bare_setup *b, size_t n)
{
	struct rlimit more;

	if (getrlimit(RLIMIT_NOFILE, &b->files) < 0)
		return fail_sys("getrlimit");
	if (b->files.rlim_cur >= n)
		return 0;
	more = b->files;
	more.rlim_cur = more.rlim_max;
	b->has_raised_files = setrlimit(RLIMIT_NOFILE, &more) == 0;
	return 0;
}

static int source_open(const struct bare_source *source, int *ret_fd)
{
	autoclose int fd = open(source->path, O_PATH | O_CLOEXEC);
	struct stat found, meant;

	if (fd < 0 && errno == ENOENT && source->may_lack)
		return 0;
	if (fd < 0)
		return fail_sys("Can't find source path %s", source->path);
	if (source->fd >= 0 && (fstat(fd, &found) < 0 || fstat(source->fd, &meant) < 0 ||
				found.st_dev != meant.st_dev || found.st_ino != meant.st_ino))
		return fail(ESTALE, "Race condition binding dirfd");
	*ret_fd = take_fd(&fd);
	return 0;
}

static int step_sources(struct setup *s)
{
	struct bare_setup *b = (struct bare_setup *)s;
	const struct bare *bare = s->plan->bare;
	int r = files_raise(b, (size_t)b->first_own + bare->n_sources + SPARE_FILES);

	for (size_t i = 0; i < bare->n_sources && r == 0; i++) {
		s->sources[i] = -EBADF;
		r = source_open(&bare->sources[i], &s->sources[i]);
	}
	return r;
}

static int step_pivot(struct setup *s)
{
	int r;

	if (fchdir(s->root) < 0)
		return fail_sys("chdir /newroot");
	r = sys_pivot_root(".", ".");
	if (r < 0)
		return fail(-r, "pivot_root(/newroot): %s", strerrordesc_np(-r));
	/* The base, with all of the host's below it. */
	if (umount2(".", MNT_DETACH) < 0)
		return fail_sys("umount old root");
	return chdir("/") < 0 ? fail_sys("chdir /") : 0;
}

/* ---- namespaces -------------------------------------------------------------------------- */

static int step_network(struct setup *s)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fail_sys("loopback: Failed to bring the interface up");
	return 0;
}

static int step_hostname(struct setup *s)
{
	const char *name = s->plan->hostname;

	return sethostname(name, strlen(name)) < 0 ? fail_sys("Can't set hostname to %s", name)
						   : 0;
}

static int step_userns2(struct setup *s)
{
	return setns(s->plan->bare->userns2, CLONE_NEWUSER) < 0
		       ? fail_sys("Setting userns2 failed")
		       : 0;
}

static int proc_write(const struct bare_setup *b, const char *path, const char *text)
{
	autoclose int fd = openat(b->host_proc, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return fail_sys("write /proc/%s", path);
	return 0;
}

/* A second user namespace below the first, for a payload that has rights in its own: the mounts, and
 * the limit that forbids a third, stay the first's, where it has none. */
static int step_inner_userns(struct setup *s)
{
	const struct bare_setup *b = (const struct bare_setup *)s;
	const struct bare *bare = s->plan->bare;
	char map[64];
	int r = 0;

	if (bare->forbids_userns)
		r = proc_write(b, "sys/user/max_user_namespaces", "1");
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWUSER) < 0)
		return fail_sys("unshare user ns");
	(void)snprintf(map, sizeof(map), "%u %u 1\n", bare->uid, bare->uid);
	r = proc_write(b, "self/uid_map", map);
	(void)snprintf(map, sizeof(map), "%u %u 1\n", bare->gid, bare->gid);
	return r < 0 ? r : proc_write(b, "self/gid_map", map);
}

static int step_no_userns(struct setup *s)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return fail(EPERM,
			    "creation of new user namespaces was not disabled as requested");
	return 0;
}

/* ---- the payload ------------------------------------------------------------------------- */

static int step_capabilities(struct setup *s)
{
	const struct bare *b = s->plan->bare;
	int r = 0;

	/* In a namespace that somebody else has made the bounding set was cut before. */
	if ((b->namespaces & CLONE_NEWUSER) || b->userns >= 0)
		r = caps_apply_before_user(&s->plan->caps);
	return r < 0 ? r : caps_apply_after_user(&s->plan->caps);
}

static int step_block(struct setup *s)
{
	char byte;

	while (read(s->plan->bare->block, &byte, 1) < 0 && errno == EINTR)
		;
	return 0;
}

static int folder_enter(const char *path)
{
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Not chdir(): a link of /proc would lead out by one of our own descriptors. */
	autoclose int fd = path_open_in(root, path, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	return fchdir(fd) < 0 ? -errno : 0;
}

static int step_workdir(struct setup *s)
{
	struct bare_setup *b = (struct bare_setup *)s;
	const struct bare *bare = s->plan->bare;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bare->workdirs) && bare->workdirs[i]; i++) {
		int r = folder_enter(bare->workdirs[i]);

		if (r == 0) {
			*b->pwd = b->pwds[i];
			return 0;
		}
		if (bare->needs_workdir)
			return fail_hint(fail(-r, "Can't chdir to %s: %s", bare->workdirs[i],
					      strerrordesc_np(-r)),
					 "name a folder that is inside, or bind one there");
	}
	*b->pwd = "PWD=/";
	return 0;
}

static int step_session(struct setup *s)
{
	return setsid() < 0 ? fail_sys("setsid") : 0;
}

/* The reaper's: with it they go. */
static int lock_take(const char *path, int fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = file < 0 ? -errno : dup2(file, fd);

	if (r < 0)
		return fail_sys("Unable to open lock file %s", path);
	/* Before the lock, which a close of any descriptor of that file would let go of. */
	if (file != fd)
		(void)fd_close(file);
	if (fcntl(fd, F_SETFD, 0) < 0 || fcntl(fd, F_SETLK, &lock) < 0)
		return fail_sys("Unable to lock file %s", path);
	return 0;
}

/* Puts FD at *NEXT in the reaper's row. */
static int own_place(int fd, int *next)
{
	return dup2(fd, (*next)++) < 0 ? fail_sys("arrange descriptors") : 0;
}

/* What the reaper owns, in a row above all that is the payload's. Whatever of ours stood there is
 * done with: before it, what is still needed goes out of the way. */
static int step_reaper_descriptors(struct setup *s)
{
	struct bare_setup *b = (struct bare_setup *)s;
	const struct bare *bare = s->plan->bare;
	int next = b->first_own, parked = next + 3 + (int)bare->locks.n;
	int wire = fcntl(s->wire, F_DUPFD_CLOEXEC, parked);
	int filters = fcntl(b->filters, F_DUPFD_CLOEXEC, parked);
	int sync = bare->sync < 0 ? -EBADF : fcntl(bare->sync, F_DUPFD_CLOEXEC, parked);
	int r = 0;

	s->init = fcntl(s->init, F_DUPFD_CLOEXEC, parked);
	if (wire < 0 || filters < 0 || s->init < 0)
		return fail_sys("arrange descriptors");
	s->wire = next;
	r = own_place(wire, &next);
	if (r == 0)
		r = own_place(filters, &next);
	if (r == 0 && sync >= 0)
		r = own_place(sync, &next);
	for (size_t i = 0; i < bare->locks.n && r == 0; i++)
		r = lock_take(bare->locks.v[i], next++);
	return r;
}

/* The caller's that were for the set-up. All of our own end with exec. */
static int step_descriptors(struct setup *s)
{
	const struct bare *b = s->plan->bare;
	const int done[] = {b->userns, b->userns2, b->pidns,	   b->block,
			    b->info,   b->status,  b->userns_block};

	for (size_t i = 0; i < ARRAY_SIZE(done); i++)
		(void)fd_close(done[i]);
	for (size_t i = 0; i < b->n_ops; i++)
		(void)fd_close(b->ops[i].fd);
	for (size_t i = 0; i < b->n_sources; i++)
		(void)fd_close(b->sources[i].fd);
	if (b->has_init)
		(void)fd_close(b->sync);
	return 0;
}

static int step_last(struct setup *s)
{
	const struct bare_setup *b = (const struct bare_setup *)s;

	(void)umask(b->umask);
	if (b->has_raised_files && setrlimit(RLIMIT_NOFILE, &b->files) < 0)
		return fail_sys("setrlimit");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_sys("prctl(PR_SET_NO_NEW_PRIVS) failed");
	if (s->plan->bare->is_tied)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

static int step_filters(struct setup *s)
{
	const struct bare *b = s->plan->bare;

	for (size_t i = 0; i < b->n_filters; i++) {
		const struct sock_fprog program = {
			.len = b->filters[i].n,
			.filter = (struct sock_filter *)b->filters[i].code,
		};

		/* Not by seccomp(2): the one before may know only this. */
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
			return fail_sys("prctl(PR_SET_SECCOMP)");
	}
	return 0;
}

static int step_exec(struct setup *s)
{
	const struct plan *p = s->plan;
	const char *command = p->argv.v[0];
	const char **argv = p->argv.v;
	int r;

	if (p->bare->has_init) {
		r = sys_exec_fd(s->init, s->init_argv, (char *const *)p->env.v);
		return fail(-r, "run sbx-init: %s", strerrordesc_np(-r));
	}
	if (p->bare->name)
		argv[0] = p->bare->name;
	/* By execvp() for its search of PATH, which is the payload's own. */
	environ = (char **)p->env.v;
	(void)execvp(command, (char *const *)argv);
	return fail_sys("execvp %s", command);
}

/* ---- the table --------------------------------------------------------------------------- */

bool bare_has_gate(const struct plan *p)
{
	return p->bare->info >= 0 || p->bare->status >= 0 || p->bare->userns_block >= 0;
}

static bool has_net(const struct plan *p)
{
	return p->bare->namespaces & CLONE_NEWNET;
}

static bool has_hostname(const struct plan *p)
{
	return p->hostname;
}

static bool has_userns2(const struct plan *p)
{
	return p->bare->userns2 >= 0;
}

static bool makes_dev(const struct bare *b)
{
	for (size_t i = 0; i < b->n_ops; i++)
		if (b->ops[i].kind == BARE_DEV)
			return true;
	return false;
}

/* As bubblewrap has it, for which /dev takes one namespace with root in it and another with the user:
 * rights that the payload was given don't reach the mounts then. */
static bool has_inner_userns(const struct plan *p)
{
	const struct bare *b = p->bare;

	if (!(b->namespaces & CLONE_NEWUSER) || b->userns_block >= 0)
		return false;
	return b->forbids_userns ||
	       (p->caps.permitted && makes_dev(b) && (b->uid != 0 || b->gid != 0));
}

static bool wants_no_userns(const struct plan *p)
{
	return p->bare->forbids_userns || p->bare->wants_no_userns;
}

static bool has_capabilities(const struct plan *p)
{
	return !p->bare->keeps_caps;
}

static bool has_block(const struct plan *p)
{
	return p->bare->block >= 0;
}

static bool has_session(const struct plan *p)
{
	return p->bare->is_session;
}

static bool has_init(const struct plan *p)
{
	return p->bare->has_init;
}

/* With a reaper they are its own to load. */
static bool has_filters(const struct plan *p)
{
	return p->bare->n_filters > 0 && !p->bare->has_init;
}

/* clang-format off */
const struct setup_step bare_steps[] = {
	/* First: until it opens, somebody outside may have to look at us, or to write our id map. */
	{"gate", step_gate, bare_has_gate, "wait for the launcher"},
	/* Before whatever makes a file. */
	{"ids", step_ids, NULL, "write the id map"},
	{"propagation", step_propagation, NULL, "let no mount out"},
	/* Before a mount hides a path. */
	{"sources", step_sources, NULL, "open all that is bound"},
	{"network", step_network, has_net, "bring the loopback interface up"},
	{"base", bare_base, NULL, "an empty root, off the host's"},
	{"ops", bare_ops, NULL, "what was asked for, in its order"},
	{"hostname", step_hostname, has_hostname, "set the host name"},
	/* After the last look at the host's files. */
	{"pivot", step_pivot, NULL, "make it the root, let go of the host's"},
	/* After all that needs rights in the first. */
	{"userns2", step_userns2, has_userns2, "join the second user namespace"},
	{"inner-userns", step_inner_userns, has_inner_userns, "a user namespace without power over the mounts"},
	{"no-userns", step_no_userns, wants_no_userns, "see that there can be no other"},
	{"capabilities", step_capabilities, has_capabilities, "drop capabilities"},
	/* As late as something can be waited for: but for files inside all is there. */
	{"block", step_block, has_block, "wait for the caller"},
	{"workdir", step_workdir, NULL, "enter the working folder"},
	{"session", step_session, has_session, "start a session"},
	/* Before "descriptors", which closes what is copied here. */
	{"reaper", step_reaper_descriptors, has_init, "arrange the reaper's descriptors"},
	{"descriptors", step_descriptors, NULL, "close what was for the set-up"},
	{"last", step_last, NULL, "file mode mask, limits, no_new_privs"},
	/* Last: they may forbid all but exec. */
	{"filters", step_filters, has_filters, "load the seccomp filters"},
	{"exec", step_exec, NULL, "run the command"},
};
/* clang-format on */

const size_t bare_steps_n = ARRAY_SIZE(bare_steps);
