/* SPDX-License-Identifier: Apache-2.0 */
/* caps.c: capabilities: their names, what is decided, and what is left in the kernel's sets. */
#include "sandbox/caps.h"
#include "sandbox/idmap.h"
#include "tap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/wait.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* podman's, as `podman run --rm IMAGE grep CapBnd /proc/self/status` has them. */
static const uint64_t usual = UINT64_C(0x800405fb);

/* ---- names ------------------------------------------------------------------------------ */

static void test_names(void)
{
	static const char *const wrong[] = {"",		 "CAP_",       "cap_cap_kill", "42",
					    "cap_42",	 "chown,kill", "chown ",       "kill\n",
					    "NOSUCHCAP", "-kill"};
	char name[CAPS_NAME_MAX], *longest;
	uint64_t caps = 0, all = 0;

	check(caps_parse("chown", &caps) == 0 && caps == BIT(CAP_CHOWN));
	check(caps_parse("CAP_NET_ADMIN", &caps) == 0 && caps == BIT(CAP_NET_ADMIN));
	check(caps_parse("Cap_Sys_Admin", &caps) == 0 && caps == BIT(CAP_SYS_ADMIN));
	check(caps_parse("all", &all) == 0 && (all & BIT(CAP_SYS_ADMIN)));

	caps = 7;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char shown[64];

		check_that(caps_parse(wrong[i], &caps) == -EINVAL && caps == 7,
			   "'%s' is no capability", str_escape(shown, sizeof(shown), wrong[i]));
		check(strstr(fail_text(), "not the name") && *fail_hint_text());
	}
	longest = malloc(65537);
	memset(longest, 'a', 65536);
	longest[65536] = '\0';
	check_int(caps_parse(longest, &caps), -EINVAL);
	free(longest);

	check_str(caps_name(CAP_CHOWN, name), "CAP_CHOWN");
	check_str(caps_name(CAP_DAC_READ_SEARCH, name), "CAP_DAC_READ_SEARCH");
	check_str(caps_name(63, name), "63");
	check_str(caps_name(1000, name), "1000");
	for (unsigned cap = 0; BIT(cap) & all; cap++) {
		caps = 0;
		check_that(caps_parse(caps_name(cap, name), &caps) < 0 || caps == BIT(cap),
			   "%s is parsed as what it is the name of", name);
	}
}

/* ---- what is decided -------------------------------------------------------------------- */

/* Names with spaces between as a set. */
static uint64_t set_of(const char *names)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *rest = arena_strdup(&a, names);
	uint64_t one, set = 0;

	for (char *name; (name = strsep(&rest, " "));)
		if (*name && caps_parse(name, &one) == 0)
			set |= one;
	return set;
}

struct decision {
	const char *add, *drop;
	uid_t uid;
	const char *bounding, *others; /* NULL: the usual; others: permitted and so on */
};

static void test_decisions(void)
{
	static const struct decision decisions[] = {
		{"", "", 0, NULL, NULL},
		{"NET_RAW", "", 0, "USUAL NET_RAW", "USUAL NET_RAW"},
		{"", "ALL", 0, "", ""},
		{"KILL", "ALL", 0, "KILL", "KILL"},
		{"KILL", "ALL", 1000, "KILL", "KILL"},
		{"", "", 1000, NULL, ""},
		{"", "ALL", 1000, "", ""},
		{"NET_RAW", "", 1000, "USUAL NET_RAW", "NET_RAW"},
		{"ALL", "", 0, "ALL", "ALL"},
		{"ALL KILL", "", 1000, "ALL", "ALL"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		const struct decision *d = &decisions[i];
		const char *bounding = d->bounding ? d->bounding : "USUAL";
		const char *others = d->others ? d->others : "USUAL";
		uint64_t want = set_of(bounding) | (strstr(bounding, "USUAL") ? usual : 0);
		uint64_t rest = set_of(others) | (strstr(others, "USUAL") ? usual : 0);
		struct plan p = {.uid = d->uid};

		p.caps_add = set_of(d->add);
		p.caps_drop = set_of(d->drop);
		check_int(caps_decide(&p), 0);
		check_that(p.caps.bounding == want && p.caps.permitted == rest &&
				   p.caps.effective == rest &&
				   p.caps.inheritable == (d->uid ? rest : 0) &&
				   p.caps.ambient == (d->uid ? rest : 0),
			   "add '%s', drop '%s' for user %u", d->add, d->drop, d->uid);
	}
}

static void test_contradictions(void)
{
	struct plan p = {0};

	p.caps_add = set_of("ALL");
	p.caps_drop = set_of("SYS_ADMIN");
	check(caps_decide(&p) == 0 && p.caps.bounding == (set_of("ALL") & ~BIT(CAP_SYS_ADMIN)));

	p.caps_add = set_of("KILL NET_RAW");
	p.caps_drop = set_of("NET_RAW CHOWN");
	check_int(caps_decide(&p), -EINVAL);
	check_str(fail_text(), "capability CAP_NET_RAW is both added and dropped");
	check(*fail_hint_text());

	p.caps_add = p.caps_drop = set_of("ALL");
	check_int(caps_decide(&p), -EINVAL);

	p.caps_add = BIT(63);
	p.caps_drop = 0;
	check_int(caps_decide(&p), -EINVAL);
	check_str(fail_text(), "this kernel has no capability 63");
}

/* ---- what is left ----------------------------------------------------------------------- */

struct sets {
	uint64_t inheritable, permitted, effective, bounding, ambient;
};

/* A child in a user namespace: the user that it becomes, and where it prints its sets. */
struct wearer {
	struct plan plan;
	int out;
};

/* Becomes the user with its capabilities, and looks at them from behind an exec, as a payload.
 */
static int wear(void *arg)
{
	const struct wearer *w = arg;
	int r = caps_apply_before_user(&w->plan.caps);

	if (r == 0)
		r = sys_setresgid(w->plan.gid);
	if (r == 0)
		r = sys_setresuid(w->plan.uid);
	if (r == 0)
		r = caps_apply_after_user(&w->plan.caps);
	if (r < 0)
		return r;
	(void)dup2(w->out, STDOUT_FILENO);
	execl("/bin/cat", "cat", "/proc/self/status", (char *)NULL);
	return fail_sys("run cat");
}

static uint64_t status_row(const char *status, const char *key)
{
	const char *row = strstr(status, key);

	return row ? strtoull(row + strlen(key), NULL, 16) : 0xbad;
}

static struct sets sets_read(int fd)
{
	static char status[16384];
	ssize_t n = io_read_all(fd, status, sizeof(status) - 1);

	status[n > 0 ? n : 0] = '\0';
	return (struct sets){
		.inheritable = status_row(status, "\nCapInh:\t"),
		.permitted = status_row(status, "\nCapPrm:\t"),
		.effective = status_row(status, "\nCapEff:\t"),
		.bounding = status_row(status, "\nCapBnd:\t"),
		.ambient = status_row(status, "\nCapAmb:\t"),
	};
}

static bool proc_write(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && io_write_all(fd, text, strlen(text)) == 0;
}

/* The same with one id, which the kernel lets everybody map without help. */
static int run_with_one_id(struct wearer *w)
{
	char uids[64], gids[64];
	int status;
	pid_t pid;

	(void)snprintf(uids, sizeof(uids), "%u %u 1", w->plan.uid, geteuid());
	(void)snprintf(gids, sizeof(gids), "%u %u 1", w->plan.gid, getegid());
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || !proc_write("/proc/self/uid_map", uids) ||
		    !proc_write("/proc/self/setgroups", "deny") ||
		    !proc_write("/proc/self/gid_map", gids))
			_exit(1);
		_exit(wear(w) < 0 ? 2 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return status == 0 ? 0 : -ECHILD;
}

static void check_sets(struct sets got, const struct plan_caps *want, const char *what)
{
	bool ok = got.bounding == want->bounding && got.permitted == want->permitted &&
		  got.effective == want->effective && got.inheritable == want->inheritable &&
		  got.ambient == want->ambient;

	if (!check_that(ok, "%s: behind exec the sets are those of the plan", what))
		printf("# inh %" PRIx64 " prm %" PRIx64 " eff %" PRIx64 " bnd %" PRIx64
		       " amb %" PRIx64 "\n",
		       got.inheritable, got.permitted, got.effective, got.bounding,
		       got.ambient);
}

/* IDS is NULL for a map of one id. */
static void try_on(const struct plan_ids *ids, const char *add, const char *drop, uid_t uid)
{
	struct wearer w = {.plan = {.uid = uid, .gid = uid}};
	int pipes[2], r;
	char what[128];

	(void)snprintf(what, sizeof(what), "user %u of %s, added '%s', dropped '%s'", uid,
		       ids ? "many" : "one", add, drop);
	w.plan.caps_add = set_of(add);
	w.plan.caps_drop = set_of(drop);
	if (!check_int(caps_decide(&w.plan), 0) || pipe2(pipes, O_CLOEXEC) < 0)
		return;
	autoclose int in = pipes[0];
	w.out = pipes[1];
	r = ids ? idmap_run(ids, wear, &w) : run_with_one_id(&w);
	w.out = fd_close(w.out);
	if (check_that(r == 0, "%s: can be had", what))
		check_sets(sets_read(in), &w.plan.caps, what);
	else
		printf("# %s\n", fail_text());
}

static void test_wearing(const struct plan_ids *ids)
{
	try_on(ids, "", "", 0);
	try_on(ids, "", "ALL", 0);
	try_on(ids, "ALL", "", 0);
	try_on(ids, "KILL", "ALL", 0);
	try_on(ids, "", "ALL", 1000);
	try_on(ids, "", "", 1000);
	try_on(ids, "NET_BIND_SERVICE NET_RAW", "", 1000);
	try_on(ids, "NET_BIND_SERVICE", "ALL", 1000);
	try_on(ids, "ALL", "", 1000);
}

int main(void)
{
	struct plan p;
	int pid_ok;

	test_names();
	test_decisions();
	test_contradictions();

	pid_ok = run_with_one_id(
		&(struct wearer){.out = open("/dev/null", O_WRONLY | O_CLOEXEC)});
	if (pid_ok < 0)
		tap_skip("sets with one id", "no user namespace can be made here");
	else
		test_wearing(NULL);

	plan_init(&p);
	p.ids.map = PLAN_MAP_SUBIDS;
	if (idmap_decide(&p) < 0)
		tap_skip("sets with many ids", fail_text());
	else
		test_wearing(&p.ids);
	plan_done(&p);
	return tap_done();
}
