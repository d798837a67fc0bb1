/* SPDX-License-Identifier: Apache-2.0 */
/* command.c: sbx bwrap. */
#include "parse.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <unistd.h>

/* What programs are told that ask which bubblewrap this is: the version whose options it has. */
#define BWRAP_VERSION "0.11.1"

enum { EXIT_BWRAP = 1 };

bool bwrap_is_called(int argc, char *const argv[])
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (argc == 0)
		return false;
	name = name ? name + 1 : argv[0];
	if (streq(name, "bwrap"))
		return true;
	/* None of sbx's own options are that long, or mean anything else there. */
	return streq(argv[0], "/proc/self/exe") && argc > 1 && str_after(argv[1], "--") &&
	       bwrap_option_find(argv[1] + 2);
}

/* ---- what fits together ------------------------------------------------------------------ */

struct rule {
	bool is_broken;
	const char *sentence;
};

static int rules_check(const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].is_broken)
			return fail(EINVAL, "%s", rules[i].sentence);
	return 0;
}

static int asked_check(const struct parse *p)
{
	const struct bare *b = p->plan->bare;
	/* clang-format off */
	const struct rule rules[] = {
		{b->userns_block >= 0 && !p->user, "--userns-block-fd requires --unshare-user"},
		{b->userns_block >= 0 && b->info < 0, "--userns-block-fd requires --info-fd"},
		{b->userns >= 0 && p->user, "--userns not compatible --unshare-user"},
		{b->userns >= 0 && p->user_try, "--userns not compatible --unshare-user-try"},
		{b->forbids_userns && !p->user, "--disable-userns requires --unshare-user"},
		{b->forbids_userns && b->userns_block >= 0, "--disable-userns is not compatible with  --userns-block-fd"},
	};
	/* clang-format on */

	return rules_check(rules, ARRAY_SIZE(rules));
}

static int decided_check(const struct parse *p)
{
	const struct bare *b = p->plan->bare;
	bool is_user = (b->namespaces & CLONE_NEWUSER) || b->userns >= 0;
	/* clang-format off */
	const struct rule rules[] = {
		{!is_user && b->uid != getuid(), "Specifying --uid requires --unshare-user or --userns"},
		{!is_user && b->gid != getgid(), "Specifying --gid requires --unshare-user or --userns"},
		{!p->uts && p->plan->hostname, "Specifying --hostname requires --unshare-uts"},
		{p->as_pid_1 && !p->pid, "Specifying --as-pid-1 requires --unshare-pid"},
		{p->as_pid_1 && b->locks.n, "Specifying --as-pid-1 and --lock-file is not permitted"},
	};
	/* clang-format on */

	return rules_check(rules, ARRAY_SIZE(rules));
}

/* ---- decisions --------------------------------------------------------------------------- */

static uint64_t namespaces_decide(const struct parse *p)
{
	bool has_cgroup =
		p->cgroup || (p->cgroup_try && access("/proc/self/ns/cgroup", F_OK) == 0);
	/* An ordinary user can make no other without it. */
	bool has_user = p->user || p->user_try || (getuid() != 0 && p->plan->bare->userns < 0);

	return CLONE_NEWNS | (has_user ? CLONE_NEWUSER : 0U) | (p->pid ? CLONE_NEWPID : 0U) |
	       (p->net ? CLONE_NEWNET : 0U) | (p->ipc ? CLONE_NEWIPC : 0U) |
	       (p->uts ? CLONE_NEWUTS : 0U) | (has_cgroup ? CLONE_NEWCGROUP : 0U);
}

/* One id, the caller's. */
static void ids_decide(struct parse *p)
{
	struct plan_ids *ids = &p->plan->ids;
	struct bare *b = p->plan->bare;

	if (!p->has_uid)
		b->uid = getuid();
	if (!p->has_gid)
		b->gid = getgid();
	ids->map = PLAN_MAP_SELF;
	ids->uids.n = ids->gids.n = 1;
	ids->uids.extents[0] = (struct id_extent){b->uid, getuid(), 1};
	ids->gids.extents[0] = (struct id_extent){b->gid, getgid(), 1};
	b->sets_uid = b->userns >= 0 && b->uid != getuid();
	b->sets_gid = b->userns >= 0 && b->gid != getgid();
}

/* Nobody keeps any but who asks; and root, as in a container, all that it has. */
static void caps_decide(struct parse *p)
{
	struct bare *b = p->plan->bare;

	b->keeps_caps = getuid() == 0 && !p->changes_caps && !(b->namespaces & CLONE_NEWUSER) &&
			b->userns < 0;
	p->plan->caps = (struct plan_caps){
		.bounding = p->caps,
		.permitted = p->caps,
		.effective = p->caps,
		.inheritable = p->caps,
		.ambient = p->caps,
	};
}

static void workdir_decide(struct parse *p)
{
	struct bare *b = p->plan->bare;
	struct arena *a = &p->plan->arena;
	char cwd[PATH_MAX];
	size_t n = 0;

	b->needs_workdir = p->workdir != NULL;
	if (p->workdir) {
		b->workdirs[0] = p->workdir;
		return;
	}
	if (getcwd(cwd, sizeof(cwd)))
		b->workdirs[n++] = arena_strdup(a, cwd);
	for (size_t i = 0; i < p->plan->env.n; i++) {
		const char *home = str_after(p->plan->env.v[i], "HOME=");

		if (home)
			b->workdirs[n] = home;
	}
}

/* As everywhere in sbx, the host's root is nobody's inside. */
static int root_refuse(void)
{
	if (!sys_is_host_root())
		return 0;
	return fail_hint(fail(EPERM, "real root can't run this"),
			 "run it as an ordinary user, or call bubblewrap's own /usr/bin/bwrap");
}

static int decide(struct parse *p)
{
	struct bare *b = p->plan->bare;
	int r = asked_check(p);

	if (r < 0)
		return r;
	b->namespaces = namespaces_decide(p);
	ids_decide(p);
	r = decided_check(p);
	if (r == 0)
		r = root_refuse();
	if (r < 0)
		return r;
	b->has_init = !p->as_pid_1 && (p->pid || b->locks.n || b->sync >= 0);
	caps_decide(p);
	workdir_decide(p);
	return 0;
}

/* ---- running ----------------------------------------------------------------------------- */

static int run(struct parse *p, const char *called, int argc, char *const argv[])
{
	const char *const *words = (const char *const *)argv;
	struct sys_caps held;
	int command, r;

	for (char **env = environ; *env; env++)
		strv_push(&p->plan->arena, &p->plan->env, *env);
	if (getuid() == 0 && sys_capget(&held) == 0)
		p->caps = held.effective;
	r = parse_words(p, argc, words, &command);
	if (r < 0)
		return r;
	if (p->asks_version) {
		(void)puts("bubblewrap " BWRAP_VERSION);
		return 0;
	}
	if (p->asks_help || argc == 0 || command == argc) {
		r = p->asks_help ? 0 : decide(p);
		if (r == 0)
			bwrap_help(p->asks_help ? stdout : stderr, called);
		return r < 0 ? r : p->asks_help ? 0 : EXIT_BWRAP;
	}
	r = decide(p);
	for (int i = command; i < argc; i++)
		strv_push(&p->plan->arena, &p->plan->argv, words[i]);
	return r < 0 ? r : bare_run(p->plan);
}

int bwrap_main(const char *called, int argc, char *const argv[])
{
	SCOPE_END(plan_done) struct plan plan;
	struct parse p;
	int r;

	plan_init(&plan);
	parse_init(&p, &plan);
	r = run(&p, called, argc, argv);
	if (r >= 0 && fflush(stdout) != 0)
		r = fail_sys("write to standard output");
	if (r < 0)
		parse_say(&p, 3, *fail_text() ? fail_text() : strerrordesc_np(-r),
			  fail_hint_text());
	return r < 0 ? EXIT_BWRAP : r;
}
