/* SPDX-License-Identifier: Apache-2.0 */
/* setup.c: what pid 1 does between clone and exec, as a table. */
#include "setup.h"

#include "caps.h"
#include "gate.h"
#include "idmap.h"
#include "landlock.h"
#include "mount.h"
#include "mounts.h"
#include "overlay.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Of M what is before its text. */
static int message_send(const struct setup *s, const struct wire_message *m, int pass)
{
	int r = io_send(s->wire, m, offsetof(struct wire_message, text) + 1, pass);

	return r < 0 ? fail(-r, "tell the launcher: %s", strerrordesc_np(-r)) : 0;
}

static int word_send(const struct setup *s, enum wire_type type, int pass)
{
	return message_send(s, &(struct wire_message){.type = type}, pass);
}

void setup_note(const struct setup *s, const char *fmt, ...)
{
	struct wire_message m = {.type = WIRE_NOTE};
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(m.text, sizeof(m.text), fmt, args);
	va_end(args);
	(void)io_send(s->wire, &m, sizeof(m), -EBADF);
}

/* ---- steps ------------------------------------------------------------------------------- */

static int step_propagation(struct setup *s)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_sys("make every mount private");
	return 0;
}

/* What was opened outside belongs to mounts of the host's namespace, which the kernel takes
 * neither as the source of a bind mount nor as a layer. The copies of those mounts in our
 * namespace are found by path, once more; what is found must be what was opened. */
static int source_open(const char *path, int seen, int *ret_fd)
{
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat now, then;

	if (fd < 0 || fstat(fd, &now) < 0 || fstat(seen, &then) < 0)
		return fail_sys("open '%s' once more", path);
	if (now.st_dev != then.st_dev || now.st_ino != then.st_ino)
		return fail(ESTALE, "'%s' was replaced by another file just now", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int step_sources(struct setup *s)
{
	const struct plan *p = s->plan;
	int r = source_open(p->root.source, p->root.fd, &s->tree);

	if (r == 0 && p->root.skeleton_fd >= 0)
		r = source_open(p->root.skeleton_path, p->root.skeleton_fd, &s->skeleton);
	if (r == 0 && plan_wants_state(p))
		r = source_open(p->root.state_path, p->root.state_fd, &s->state);
	for (size_t i = 0; i < p->n_mounts && r == 0; i++)
		if (p->mounts[i].kind == PLAN_MOUNT_BIND)
			r = source_open(p->mounts[i].path, p->mounts[i].source_fd,
					&s->sources[i]);
	return r;
}

static int step_namespaces(struct setup *s)
{
	int flags = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (s->plan->net != PLAN_NET_HOST)
		flags |= CLONE_NEWNET;
	return unshare(flags) < 0 ? fail_sys("make namespaces") : 0;
}

static int step_ids(struct setup *s)
{
	int r = s->plan->ids.map == PLAN_MAP_SELF ? idmap_write_self(&s->plan->ids)
						  : gate_wait(s->wire, "the id maps");

	if (r == 0)
		r = idmap_become_root(&s->plan->ids);
	if (r < 0)
		return r;
	/* Not before: the maps of a process that can't be dumped are real root's to write. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fail_sys("shut others out of this process");
	return 0;
}

/* The launcher starts the driver; what we ask for is answered by the file system itself. */
static int ask_for_fuse(const struct setup *s, int userns, int fuse)
{
	int r = word_send(s, WIRE_USERNS, userns);

	return r < 0 ? r : word_send(s, WIRE_FUSE, fuse);
}

static int step_root(struct setup *s)
{
	int r = overlay_mount(s, ask_for_fuse);

	if (r < 0)
		return r;
	s->root = open(SETUP_STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return fail_sys("open the new root filesystem");
	if (s->plan->root.overlay != PLAN_OVERLAY_NONE)
		r = mount_own(s, s->root);
	if (r == 0 && s->memory >= 0)
		r = mount_own(s, s->memory);
	return r;
}

static int step_pivot(struct setup *s)
{
	int r;

	if (fchdir(s->root) < 0)
		return fail_sys("enter the new root filesystem");
	/* Both on one place: the old root lies over the new one and is taken off, so that no
	 * folder for it is needed in the tree. */
	r = sys_pivot_root(".", ".");
	if (r < 0)
		return fail(-r, "pivot_root: %s", strerrordesc_np(-r));
	if (umount2(".", MNT_DETACH) < 0)
		return fail_sys("detach the old root filesystem");
	return chdir("/") < 0 ? fail_sys("enter '/'") : 0;
}

static int step_loopback(struct setup *s)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fail_sys("bring the loopback interface up");
	return 0;
}

static int step_doors(struct setup *s)
{
	const struct sandbox_network *n = s->network;
	int fds[SANDBOX_NETWORK_FDS], r = n->doors(n->context, fds);

	/* With the first one, which comes last, all have come. */
	for (size_t i = ARRAY_SIZE(fds); i-- > 0 && r == 0;) {
		struct wire_message m = {.type = WIRE_NETWORK, .status = (int32_t)i};

		if (fds[i] >= 0)
			r = message_send(s, &m, fds[i]);
	}
	/* Pid 1 keeps none: "descriptors" closes them. */
	return r;
}

static int step_network(struct setup *s)
{
	return gate_wait(s->wire, "the network");
}

/* NAME is below /proc/sys/net. */
static int net_sysctl_set(const struct setup *s, const char *name, const char *value)
{
	char path[64];
	autoclose int fd = -EBADF;
	int r;

	(void)snprintf(path, sizeof(path), "sys/net/%s", name);
	fd = openat(s->proc, path, O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : io_write_all(fd, value, strlen(value));
	return r < 0 ? fail(-r, "set '/proc/%s': %s", path, strerrordesc_np(-r)) : 0;
}

static int step_net_sysctls(struct setup *s)
{
	const struct idmap *gids = &s->plan->ids.gids;
	char groups[32];
	uint32_t last = 0;

	/* The range is refused where an end of it isn't mapped. */
	for (size_t i = 0; i < gids->n; i++)
		if (gids->extents[i].inside + gids->extents[i].count - 1 > last)
			last = gids->extents[i].inside + gids->extents[i].count - 1;
	(void)snprintf(groups, sizeof(groups), "0 %u", last);
	/* Comforts, which can be missing. */
	if (net_sysctl_set(s, "ipv4/ping_group_range", groups) < 0 ||
	    net_sysctl_set(s, "ipv4/ip_unprivileged_port_start", "0") < 0)
		fail_forget();
	for (const struct sandbox_sysctl *c = s->network ? s->network->sysctls : NULL;
	     c && c->name; c++) {
		int r = net_sysctl_set(s, c->name, c->value);

		if (r < 0 && (r != -ENOENT || !c->may_lack))
			return r;
		fail_forget();
	}
	return 0;
}

static int step_hostname(struct setup *s)
{
	const char *name = s->plan->hostname;

	return sethostname(name, strlen(name)) < 0 ? fail_sys("set the host name") : 0;
}

/* The payload's terminal, of the sandbox's own devpts; the other side goes to the launcher. By
 * descriptors, since the user may have mounted something else on /dev. */
static int step_terminal(struct setup *s)
{
	autoclose int master = openat(s->dev, "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	autoclose int console = -EBADF;
	int unlock = 0, r;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fail_sys("make a terminal");
	s->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->terminal < 0)
		return fail_sys("open the terminal");
	if ((s->plan->pty_modes && tcsetattr(master, TCSANOW, s->plan->pty_modes) < 0) ||
	    ioctl(master, TIOCSWINSZ, &s->plan->pty_size) < 0)
		return fail_sys("set the modes of the terminal");
	if (fchown(s->terminal, s->plan->uid, (gid_t)-1) < 0)
		return fail_sys("give the terminal to the user");
	console = openat(s->dev, "console", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);
	r = console < 0 ? -errno : mount_cover(s->terminal, console);
	if (r < 0)
		return fail(-r, "make '/dev/console': %s", strerrordesc_np(-r));
	r = word_send(s, WIRE_TERMINAL, master);
	/* Somebody will read there how much goes with it. */
	if (r == 0 && s->memory >= 0)
		r = word_send(s, WIRE_MEMORY, s->memory);
	return r;
}

static int step_workdir(struct setup *s)
{
	const char *workdir = s->plan->workdir ? s->plan->workdir : s->plan->home;
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Not chdir(): a link of /proc would lead out by one of our own descriptors. */
	autoclose int fd =
		root < 0 ? -errno : path_open_in(root, workdir, O_PATH | O_DIRECTORY);

	if (fd >= 0 && fchdir(fd) == 0)
		return 0;
	if (!s->plan->workdir)
		return 0; /* no home folder: the working folder is "/" */
	return fail_hint(fail(fd < 0 ? -fd : errno, "enter the working folder '%s': %s",
			      workdir, strerrordesc_np(fd < 0 ? -fd : errno)),
			 "name a folder that is in the tree, or bind one there");
}

/* No namespace holds the keys of the caller's session (Kerberos, fscrypt), whoever asks. */
static int step_keys(struct setup *s)
{
	int r = sys_keyring_new();

	/* A kernel without keys; and who may not call this here has no one inside who may. */
	if (r == -ENOSYS || r == -EPERM)
		return 0;
	return r < 0 ? fail(-r, "make a session keyring: %s", strerrordesc_np(-r)) : 0;
}

static int step_limits(struct setup *s)
{
	for (size_t i = 0; i < s->plan->n_limits; i++) {
		const struct plan_limit *l = &s->plan->limits[i];

		if (setrlimit((__rlimit_resource_t)l->resource, &l->limit) < 0)
			return fail_sys("set resource limit %d", l->resource);
	}
	return 0;
}

static int step_user(struct setup *s)
{
	const struct plan *p = s->plan;
	int r = caps_apply_before_user(&p->caps);

	if (r < 0)
		return r;
	if (p->ids.map == PLAN_MAP_SUBIDS)
		r = sys_setgroups(p->n_groups, p->groups);
	if (r == 0)
		r = sys_setresgid(p->gid);
	if (r == 0)
		r = sys_setresuid(p->uid);
	return r < 0 ? fail(-r, "become user %u:%u: %s", p->uid, p->gid, strerrordesc_np(-r))
		     : 0;
}

static int step_capabilities(struct setup *s)
{
	return caps_apply_after_user(&s->plan->caps);
}

static int step_no_new_privs(struct setup *s)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_sys("set no_new_privs");
	return 0;
}

/* Out of the way of the numbers that sbx-init gets, so that no dup2() below closes what is still to
 * be copied. */
static int fd_park(int fd)
{
	enum { PARKED = 16 };
	int parked = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, PARKED);

	return parked < 0 ? fail_sys("arrange descriptors") : parked;
}

/* What becomes the payload's descriptor I. */
static int stdio_source(const struct setup *s, int i)
{
	if (s->plan->stdio[i] >= 0)
		return s->plan->stdio[i];
	return s->plan->terminal ? s->terminal : open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* Descriptors as sbx-init gets them: 0 to 2 are the payload's, WIRE_FD is the pipe. Two more are ours
 * until it starts. */
static int step_descriptors(struct setup *s)
{
	enum { INIT_FD = WIRE_FD + 1, SOCKET_FD };
	const int given[] = {stdio_source(s, 0),
			     stdio_source(s, 1),
			     stdio_source(s, 2),
			     s->reports,
			     s->init,
			     s->wire};
	int from[ARRAY_SIZE(given)], r;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		from[i] = fd_park(given[i]);
		if (from[i] < 0)
			return from[i];
	}
	s->wire = from[SOCKET_FD];
	s->debug = false; /* the caller's stderr may be gone */
	for (int i = 0; i <= WIRE_FD; i++)
		if (dup2(from[i], i) < 0)
			return fail_sys("arrange descriptors");
	s->init = dup3(from[INIT_FD], INIT_FD, O_CLOEXEC);
	if (s->init < 0 || dup3(from[SOCKET_FD], SOCKET_FD, O_CLOEXEC) < 0)
		return fail_sys("arrange descriptors");
	s->wire = SOCKET_FD;
	r = sys_close_range(SOCKET_FD + 1, ~0U);
	return r < 0 ? fail(-r, "close descriptors: %s", strerrordesc_np(-r)) : 0;
}

static int step_seccomp(struct setup *s)
{
	for (size_t i = 0; i < s->plan->n_filters; i++) {
		const struct plan_filter *f = &s->plan->filters[i];
		int r = sys_seccomp_load(f->code, f->n);

		if (r < 0)
			return fail(-r, "load the seccomp filter: %s", strerrordesc_np(-r));
	}
	return 0;
}

static int step_exec(struct setup *s)
{
	int r = word_send(s, WIRE_READY, -EBADF);

	if (r < 0)
		return r;
	r = sys_exec_fd(s->init, s->init_argv, (char *const *)s->plan->env.v);
	return fail(-r, "run sbx-init: %s", strerrordesc_np(-r));
}

/* ---- the table --------------------------------------------------------------------------- */

static bool has_loopback(const struct plan *p)
{
	return p->net == PLAN_NET_NONE;
}

static bool has_own_network(const struct plan *p)
{
	return p->net == PLAN_NET_OWN;
}

static bool has_net_namespace(const struct plan *p)
{
	return p->net != PLAN_NET_HOST;
}

static bool is_not_nested(const struct plan *p)
{
	return !p->nested;
}

static bool has_terminal(const struct plan *p)
{
	return p->terminal;
}

static bool is_readonly(const struct plan *p)
{
	return p->root.readonly;
}

static bool has_mounts(const struct plan *p)
{
	return p->n_mounts + p->n_covers > 0;
}

static bool has_limits(const struct plan *p)
{
	return p->n_limits > 0;
}

static bool has_no_new_privs(const struct plan *p)
{
	return !p->new_privs;
}

static bool has_filters(const struct plan *p)
{
	return p->n_filters > 0 && !p->new_privs;
}

/* The default one refuses every call that reaches keys. */
static bool has_other_filter(const struct plan *p)
{
	return p->seccomp != NULL;
}

static bool has_landlock(const struct plan *p)
{
	return p->landlock > 0;
}

static bool has_early_filters(const struct plan *p)
{
	return p->n_filters > 0 && p->new_privs;
}

/* clang-format off */
const struct setup_step setup_steps[] = {
	/* First: nothing that is mounted from here on may be seen by the host. */
	{"propagation", step_propagation, NULL, "make every mount private"},
	/* While we are the caller still, with all their groups, and before a mount hides a path. */
	{"sources", step_sources, NULL, "open the tree, the upper and what is bound"},
	/* Before the ids, since they need none: they run while newuidmap does. */
	{"namespaces", step_namespaces, NULL, "enter new ipc, uts, cgroup and net namespaces"},
	{"loopback", step_loopback, has_loopback, "bring the loopback interface up"},
	/* As early as can be: the launcher makes the network meanwhile. */
	{"network", step_doors, has_own_network, "open what the network is made by, send it home"},
	{"hostname", step_hostname, NULL, "set the host name"},
	/* The gate. After it files can be made; before it they would belong to nobody. */
	{"ids", step_ids, NULL, "wait for the id maps, become their root"},
	/* All mounts below go onto it. */
	{"root", step_root, NULL, "mount the root filesystem"},
	/* Before whatever writes below /proc; checked to be procfs. */
	{"proc", mounts_proc, NULL, "mount /proc, forbid user namespaces inside"},
	/* After "ids", whose groups are in one of them, and through our own /proc, before "masks" closes it. */
	{"net-sysctls", step_net_sysctls, has_net_namespace, "let ping and low ports be used"},
	/* After the net namespace, which decides what is in it. */
	{"sys", mounts_sys, NULL, "mount /sys read-only"},
	/* Before "files" and "masks", which take /dev's tmpfs and /dev/null from it. */
	{"dev", mounts_dev, NULL, "mount /dev with its nodes, pts, shm and mqueue"},
	/* Before "files": resolv.conf is a link into /run in many trees. */
	{"tmp", mounts_run_and_tmp, NULL, "mount /run and /tmp"},
	{"files", mounts_files, NULL, "put /etc/hosts, hostname and resolv.conf in place"},
	/* After all of ours, so that the user's may lie over or in them. */
	{"mounts", mounts_user, has_mounts, "mount what was asked for"},
	/* After the user's mounts: none of them can take a mask off. A sandbox inside could mount no /proc of
	 * its own where parts of ours are hidden: the kernel wants all of it seen. */
	{"masks", mounts_mask, is_not_nested, "hide and protect parts of /proc and /sys"},
	/* After the last mount point was made. */
	{"read-only", mounts_readonly_root, is_readonly, "make the root filesystem read-only"},
	/* After the last look at the host's files. */
	{"pivot", step_pivot, NULL, "make it the root, let go of the host's"},
	/* After "pivot", by its name inside; before "user", while a chown is allowed. */
	{"terminal", step_terminal, has_terminal, "make a terminal, send its other side home"},
	/* While root: the user's own folder may be closed to what they are now. */
	{"workdir", step_workdir, NULL, "enter the working folder"},
	/* After "ids": the keyring is charged to the sandbox's root. Before the filter that may refuse it. */
	{"keys", step_keys, has_other_filter, "leave the caller's keys behind"},
	/* After the last mount, which it forbids; while root, who needs no no_new_privs for it. */
	{"landlock", landlock_payload, has_landlock, "let nothing be opened outside the new root"},
	/* The second gate. Before any filter, which may refuse to hear of it. */
	{"network-made", step_network, has_own_network, "wait until the network is made"},
	/* Without no_new_privs only CAP_SYS_ADMIN can load a filter; so it comes first, and must let the
	 * steps below pass. */
	{"early-seccomp", step_seccomp, has_early_filters, "load the seccomp filter"},
	/* From here on every step gives a right away that those before it needed. */
	{"user", step_user, NULL, "become the user"},
	{"capabilities", step_capabilities, NULL, "drop capabilities"},
	/* Before "seccomp", which needs it. */
	{"no-new-privs", step_no_new_privs, has_no_new_privs, "set no_new_privs"},
	/* Before "seccomp", whose program may refuse its calls. */
	{"descriptors", step_descriptors, NULL, "close every descriptor that isn't the payload's"},
	/* After all that wants memory and descriptors of its own. */
	{"limits", step_limits, has_limits, "set resource limits"},
	/* Last: it refuses what the steps above do. */
	{"seccomp", step_seccomp, has_filters, "load the seccomp filter"},
	{"exec", step_exec, NULL, "run sbx-init, which runs the command"},
};
/* clang-format on */

const size_t setup_steps_n = ARRAY_SIZE(setup_steps);

/* ---- the runner -------------------------------------------------------------------------- */

static void __attribute__((noreturn)) give_up(const struct setup *s, const char *step, int r)
{
	struct wire_message m = {.type = WIRE_FAILED, .err = -r};

	(void)snprintf(m.step, sizeof(m.step), "%s", step);
	(void)snprintf(m.text, sizeof(m.text), "%s", fail_text());
	(void)snprintf(m.hint, sizeof(m.hint), "%s", fail_hint_text());
	(void)io_send(s->wire, &m, sizeof(m), -EBADF);
	_exit(125);
}

void setup_debug(const char *step, const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)dprintf(STDERR_FILENO, "sbx: debug: %s %lld us\n", step,
		      (long long)(now.tv_sec - start->tv_sec) * 1000000 +
			      (now.tv_nsec - start->tv_nsec) / 1000);
}

void setup_run(struct setup *s, const struct setup_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct setup_step *step = &steps[i];
		struct timespec start;
		int r;

		if (step->is_needed && !step->is_needed(s->plan))
			continue;
		if (s->debug)
			(void)clock_gettime(CLOCK_MONOTONIC, &start);
		r = step->run(s);
		if (r < 0)
			give_up(s, step->name, r);
		if (s->debug)
			setup_debug(step->name, &start);
	}
	_exit(125);
}

void plan_explain(const struct plan *p, FILE *out)
{
	for (size_t i = 0; i < setup_steps_n; i++) {
		const struct setup_step *step = &setup_steps[i];
		bool skipped = step->is_needed && !step->is_needed(p);

		(void)fprintf(out, "%2zu %-12s %s%s\n", i + 1, step->name, step->what,
			      skipped ? " (not for this plan)" : "");
	}
}
