/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c: the table of sbx doctor's checks, and what runs it. */
#include "doctor.h"

#include "hint.h"
#include "idmap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECK_SECONDS = 10 };

/* Whether a check makes a user namespace. */
enum { LOOKS = false, TRIES = true };

/* clang-format off */
static const struct doctor_check doctor_checks[] = {
	/* What the set-up needs, in the order in which it does. */
	{"user-namespaces", "everything: sbx has no rights of its own", DOCTOR_NEEDED, LOOKS, doctor_user_namespaces},
	{"id-maps",         "more than one user inside", DOCTOR_NEEDED, LOOKS, doctor_id_maps},
	{"mounts",          "a root filesystem of the sandbox's own", DOCTOR_NEEDED, TRIES, doctor_mounts},
	{"namespaces",      "processes, network and names of the sandbox's own", DOCTOR_NEEDED, TRIES, doctor_namespaces},
	{"proc",            "/proc inside", DOCTOR_NEEDED, TRIES, doctor_proc},
	{"pivot-root",      "letting go of the host's files", DOCTOR_NEEDED, TRIES, doctor_pivot},
	{"seccomp",         "refusing system calls", DOCTOR_NEEDED, LOOKS, doctor_seccomp},
	{"memfd",           "starting pid 1 of the sandbox", DOCTOR_NEEDED, LOOKS, doctor_memfd},
	{"limits",          "room for the set-up in the caller's resource limits", DOCTOR_NEEDED, LOOKS, doctor_limits},
	{"store",           "what is written inside", DOCTOR_NEEDED, LOOKS, doctor_store},
	{"overlay",         "leaving the tree as it is", DOCTOR_NEEDED, TRIES, doctor_overlay},
	{"set-up",          "all of it together: a sandbox is made of '/', and runs nothing", DOCTOR_NEEDED, TRIES, doctor_setup},

	{"id-ranges",       "users inside, from /etc/subuid and /etc/subgid", DOCTOR_BETTER, LOOKS, doctor_id_ranges},
	{"overlay-kept",    "speed of sandboxes that are kept (--name)", DOCTOR_BETTER, TRIES, doctor_overlay_kept},
	{"fuse-device",     "trees whose owners aren't mapped, and '/'", DOCTOR_BETTER, TRIES, doctor_fuse_device},
	{"fuse-overlayfs",  "the same", DOCTOR_BETTER, LOOKS, doctor_fuse_overlayfs},
	{"sys",             "a /sys of the sandbox's own", DOCTOR_BETTER, TRIES, doctor_sys},
	{"landlock",        "a second wall around what runs inside", DOCTOR_BETTER, LOOKS, doctor_landlock},
	{"cgroups",         "limits of memory and processors, which are still to come", DOCTOR_BETTER, LOOKS, doctor_cgroups},
	{"tun",             "a network of the sandbox's own (--net slirp)", DOCTOR_BETTER, TRIES, doctor_tun},
};

static const struct doctor_check tree_checks[] = {
	{"tree-owners",     "reading and changing all of the tree", DOCTOR_TREE, LOOKS, doctor_tree_owners},
	{"tree-overlay",    "leaving this tree as it is", DOCTOR_TREE, TRIES, doctor_tree_overlay},
};
/* clang-format on */

/* ---- what a check says ------------------------------------------------------------------- */

void doctor_find(struct doctor_finding *f, enum doctor_status status, const char *fmt, ...)
{
	va_list args;

	f->status = status;
	va_start(args, fmt);
	(void)vsnprintf(f->found, sizeof(f->found), fmt, args);
	va_end(args);
}

void doctor_mend(struct doctor_finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->mend, sizeof(f->mend), fmt, args);
	va_end(args);
}

void doctor_find_failure(struct doctor_finding *f, enum doctor_status status, int r,
			 const char *step)
{
	char *more;

	(void)hint_add(r, step);
	doctor_find(f, status, "%s", *fail_text() ? fail_text() : strerrordesc_np(-r));
	doctor_mend(f, "%s", fail_hint_text());
	more = strstr(f->mend, HINT_MORE);
	if (more)
		*more = '\0';
}

/* ---- trying in namespaces ---------------------------------------------------------------- */

struct trial {
	int (*work)(void *);
	void *arg;
};

static int trial_work(void *arg)
{
	const struct trial *trial = arg;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_sys("make every mount private");
	return trial->work(trial->arg);
}

int doctor_try(int (*work)(void *), void *arg)
{
	struct plan_ids ids = {.map = PLAN_MAP_SELF};
	struct trial trial = {work, arg};

	ids.uids = (struct idmap){.extents = {{0, getuid(), 1}}, .n = 1};
	ids.gids = (struct idmap){.extents = {{0, getgid(), 1}}, .n = 1};
	return idmap_run(&ids, trial_work, &trial);
}

/* ---- the runner -------------------------------------------------------------------------- */

/* Nothing that a check starts may use the caller's terminal, or write to it. */
static void output_close(void)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

static void __attribute__((noreturn))
check_child(const struct doctor_check *check, const struct doctor_request *q, int wire)
{
	/* Sentences have rests that nobody reads: all of it goes over the socket. */
	struct doctor_finding f = {0};
	sigset_t size;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A group that can be killed with all that the check has started. */
	(void)setpgid(0, 0);
	/* A write over the limit of a file's size then fails. */
	sigemptyset(&size);
	sigaddset(&size, SIGXFSZ);
	(void)sigprocmask(SIG_BLOCK, &size, NULL);
	output_close();
	fail_forget();
	check->run(q, &f);
	(void)io_send(wire, &f, sizeof(f), -EBADF);
	_exit(0);
}

static enum doctor_status worst_of(const struct doctor_check *check)
{
	return check->group == DOCTOR_BETTER ? DOCTOR_LIMITED : DOCTOR_BROKEN;
}

/* What a check that said nothing came to. */
static void silence_explain(const struct doctor_check *check, pid_t pid,
			    struct doctor_finding *f)
{
	enum doctor_status status = worst_of(check);
	int how = 0;

	if (waitpid(pid, &how, WNOHANG) != pid)
		doctor_find(f, status, "no answer within %d seconds", CHECK_SECONDS);
	else if (WIFSIGNALED(how))
		doctor_find(f, status, "the check was ended by signal %d (%s)", WTERMSIG(how),
			    sigdescr_np(WTERMSIG(how)));
	else
		doctor_find(f, status, "the check ended with status %d", WEXITSTATUS(how));
}

/* A process that can't be killed, such as one in a dead file system, isn't waited for. */
static void check_end(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	for (int i = 0; i < 100; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		(void)poll(NULL, 0, 10);
	}
}

static int finding_receive(int wire, struct doctor_finding *f)
{
	struct pollfd answer = {.fd = wire, .events = POLLIN};
	int n;

	do
		n = poll(&answer, 1, CHECK_SECONDS * 1000);
	while (n < 0 && errno == EINTR);
	return n == 1 && io_receive(wire, f, sizeof(*f), NULL) == (ssize_t)sizeof(*f) ? 0
										      : -EPIPE;
}

static void check_run(const struct doctor_check *check, const struct doctor_request *q,
		      struct doctor_finding *f)
{
	int pair[2];
	pid_t pid;

	if (io_socketpair(pair) < 0) {
		doctor_find_failure(f, worst_of(check), -errno, "");
		return;
	}
	autoclose int here = pair[0];
	autoclose int there = pair[1];
	pid = fork();
	if (pid == 0)
		check_child(check, q, there);
	if (pid < 0) {
		doctor_find_failure(f, worst_of(check), fail_sys("start a process"), "clone");
		return;
	}
	(void)fd_close(take_fd(&there));
	if (finding_receive(here, f) < 0)
		silence_explain(check, pid, f);
	check_end(pid);
}

/* What all checks of a run share. */
struct round {
	const struct doctor_request *request;
	doctor_listener *listener;
	void *context;
	bool has_namespaces;
};

static void checks_run(struct round *round, const struct doctor_check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct doctor_check *check = &checks[i];
		struct doctor_finding f = {0};

		/* One reason is told once. */
		if (check->in_namespace && !round->has_namespaces)
			doctor_find(&f, worst_of(check),
				    "not tried: it needs a user namespace");
		else
			check_run(check, round->request, &f);
		fail_forget();
		if (check->run == doctor_user_namespaces)
			round->has_namespaces = f.status != DOCTOR_BROKEN;
		round->listener(round->context, check, &f);
	}
}

void doctor_run(const struct doctor_request *request, doctor_listener *listener, void *context)
{
	struct round round = {request, listener, context, true};

	checks_run(&round, doctor_checks, ARRAY_SIZE(doctor_checks));
	checks_run(&round, request->more, request->n_more);
	if (request->tree)
		checks_run(&round, tree_checks, ARRAY_SIZE(tree_checks));
}
