/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.c: which ids of the host stand for which ids inside. */
#include "idmap.h"

#include "config.h"
#include "gate.h"
#include "hint.h"
#include "subid.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEWUIDMAP SBX_NEWIDMAP_DIR "/newuidmap"
#define NEWGIDMAP SBX_NEWIDMAP_DIR "/newgidmap"

int64_t idmap_inside(const struct idmap *map, uint32_t outside)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *e = &map->extents[i];

		if (outside >= e->outside && outside - e->outside < e->count)
			return (int64_t)e->inside + (outside - e->outside);
	}
	return -1;
}

int64_t idmap_outside(const struct idmap *map, uint32_t inside)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *e = &map->extents[i];

		if (inside >= e->inside && inside - e->inside < e->count)
			return (int64_t)e->outside + (inside - e->inside);
	}
	return -1;
}

/* Some files list a range twice; the kernel refuses a map that does. */
static bool range_overlaps(const struct idmap *ranges, const struct id_extent *e)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct id_extent *other = &ranges->extents[i];

		if (e->outside < other->outside + (uint64_t)other->count &&
		    other->outside < e->outside + (uint64_t)e->count)
			return true;
	}
	return false;
}

static void range_add(struct idmap *ranges, uint32_t outside, uint32_t count)
{
	struct id_extent e = {.outside = outside, .count = count};

	if (count > 0 && ranges->n < IDMAP_EXTENTS_MAX - 2 && !range_overlaps(ranges, &e))
		ranges->extents[ranges->n++] = e;
}

/* Without host root, which is never mapped, and without OWN, which has a place of its own. */
static void range_add_parts(struct idmap *ranges, uint32_t outside, uint32_t count,
			    uint32_t own)
{
	if (outside == 0) {
		outside++;
		count--;
	}
	if (own >= outside && own - outside < count) {
		range_add(ranges, outside, own - outside);
		count -= own - outside + 1;
		outside = own + 1;
	}
	range_add(ranges, outside, count);
}

void idmap_take_ranges(const struct subid_list *list, const char *name, uid_t uid, uint32_t own,
		       struct idmap *ret_ranges)
{
	ret_ranges->n = 0;
	for (size_t i = 0; i < list->n; i++)
		if (subid_is_of(&list->v[i], name, uid))
			range_add_parts(ret_ranges, list->v[i].first, list->v[i].count, own);
}

static int ranges_read(struct arena *a, enum subid_kind kind, const char *name, uid_t uid,
		       uint32_t own, struct idmap *ret_ranges)
{
	struct subid_list list;
	int r = subid_read(a, kind, &list);

	idmap_take_ranges(&list, name, uid, own, ret_ranges);
	return r;
}

static void map_add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count)
{
	if (count > 0)
		map->extents[map->n++] = (struct id_extent){inside, outside, count};
}

void idmap_lay_out(struct idmap *map, const struct idmap *ranges, int64_t own_inside,
		   uint32_t own)
{
	uint32_t next = 0;

	map->n = 0;
	for (size_t i = 0; i < ranges->n; i++) {
		const struct id_extent *e = &ranges->extents[i];
		uint32_t before = e->count;

		if (own_inside >= next && own_inside - next < e->count)
			before = (uint32_t)own_inside - next;
		map_add(map, next, e->outside, before);
		next += before;
		if (next != own_inside)
			continue;
		map_add(map, next++, own, 1);
		map_add(map, next, e->outside + before, e->count - before);
		next += e->count - before;
		own_inside = -1;
	}
	/* The ranges end below the number that the caller keeps. */
	if (own_inside >= 0)
		map_add(map, (uint32_t)own_inside, own, 1);
}

static int subids_decide(struct plan *p, uid_t uid, gid_t gid)
{
	struct idmap uid_ranges, gid_ranges;
	const char *name;
	int r;

	/* It is setuid, and execve then doesn't give it that user. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return hint_add(fail(EPERM, "newuidmap can't work where no_new_privs is set"),
				"newuidmap");
	name = subid_caller(&p->arena, uid, NULL);
	r = ranges_read(&p->arena, SUBID_UID, name, uid, uid, &uid_ranges);
	if (r == 0)
		r = ranges_read(&p->arena, SUBID_GID, name, uid, gid, &gid_ranges);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || uid_ranges.n == 0 || gid_ranges.n == 0) {
		const char *which = uid_ranges.n == 0 ? "uid" : "gid";

		if (!name)
			name = arena_printf(&p->arena, "%u", uid);
		r = fail(ENOENT, "'%s' has no range in /etc/sub%s", name, which);
		return hint_add(r, "subids");
	}
	if (access(NEWUIDMAP, X_OK) < 0 || access(NEWGIDMAP, X_OK) < 0)
		return hint_add(fail_sys("find '%s'",
					 access(NEWUIDMAP, X_OK) < 0 ? NEWUIDMAP : NEWGIDMAP),
				"newuidmap");
	if (sys_is_host_root()) {
		idmap_lay_out(&p->ids.uids, &uid_ranges, -1, 0);
		idmap_lay_out(&p->ids.gids, &gid_ranges, -1, 0);
	} else {
		idmap_lay_out(&p->ids.uids, &uid_ranges, p->ids.keep ? uid : 0, uid);
		idmap_lay_out(&p->ids.gids, &gid_ranges, p->ids.keep ? gid : 0, gid);
	}
	p->ids.map = PLAN_MAP_SUBIDS;
	return 0;
}

static void self_decide(struct plan *p, uid_t uid, gid_t gid)
{
	p->ids.uids.n = p->ids.gids.n = 0;
	map_add(&p->ids.uids, p->ids.keep ? uid : 0, uid, 1);
	map_add(&p->ids.gids, p->ids.keep ? gid : 0, gid, 1);
	p->ids.map = PLAN_MAP_SELF;
}

int idmap_decide(struct plan *p)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	int r;

	bool is_host_root = sys_is_host_root();

	if (is_host_root && p->ids.map == PLAN_MAP_SELF)
		return fail_hint(
			fail(EPERM,
			     "the id map 'self' would make root of the host root inside"),
			"run sbx as an ordinary user, or leave --map out");
	if (p->ids.map == PLAN_MAP_SELF) {
		self_decide(p, uid, gid);
		return 0;
	}
	r = subids_decide(p, uid, gid);
	if (r == 0 || p->ids.map == PLAN_MAP_SUBIDS || is_host_root)
		return r;
	plan_note(p, "%s: only one id is there inside; to have more: %s", fail_text(),
		  fail_hint_text());
	fail_forget();
	self_decide(p, uid, gid);
	return 0;
}

enum { MAP_ARGS_MAX = 2 + 3 * IDMAP_EXTENTS_MAX + 1 };

static const char *number(struct arena *a, uint32_t n)
{
	return arena_printf(a, "%u", n);
}

/* Starts the setuid helper PROGRAM, which says what it dislikes on ERRORS. */
static int helper_start(struct arena *a, const char *program, pid_t pid,
			const struct idmap *map, int errors, pid_t *ret_helper)
{
	static char *const no_environment[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	struct strv argv = {0};
	sigset_t none;
	int r;

	strv_push(a, &argv, program);
	strv_push(a, &argv, number(a, (uint32_t)pid));
	for (size_t i = 0; i < map->n; i++) {
		strv_push(a, &argv, number(a, map->extents[i].inside));
		strv_push(a, &argv, number(a, map->extents[i].outside));
		strv_push(a, &argv, number(a, map->extents[i].count));
	}
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
	r = posix_spawn(ret_helper, program, &files, &attr, (char *const *)argv.v,
			no_environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return r ? fail(r, "run '%s': %s", program, strerrordesc_np(r)) : 0;
}

/* Waits for a helper; a sentence from what it said where it failed. */
static int helper_wait(pid_t helper, const char *program, int errors)
{
	char said[256] = "";
	int status;
	ssize_t n;

	while (waitpid(helper, &status, 0) < 0)
		if (errno != EINTR)
			return fail_sys("wait for '%s'", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	n = read(errors, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (said[0])
		return fail(EPERM, "%s", said);
	return fail(EPERM, "'%s' failed with status %d", program, WEXITSTATUS(status));
}

int idmap_write_child(const struct plan_ids *ids, pid_t pid)
{
	SCOPE_END(arena_done) struct arena a = {0};
	pid_t uid_helper = -1, gid_helper = -1;
	int errors[2], r, r_gid = 0;

	if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_sys("make a pipe");
	autoclose int read_end = errors[0];
	autoclose int write_end = errors[1];

	r = helper_start(&a, NEWUIDMAP, pid, &ids->uids, write_end, &uid_helper);
	if (r == 0)
		r = helper_start(&a, NEWGIDMAP, pid, &ids->gids, write_end, &gid_helper);
	if (uid_helper > 0 && r == 0)
		r = helper_wait(uid_helper, NEWUIDMAP, read_end);
	if (gid_helper > 0)
		r_gid = helper_wait(gid_helper, NEWGIDMAP, read_end);
	return r < 0 ? r : r_gid;
}

static int proc_write(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_sys("open '%s'", path);
	if (write(fd, text, strlen(text)) < 0)
		return fail_sys("write '%s'", path);
	return 0;
}

int idmap_write_self(const struct plan_ids *ids)
{
	const struct id_extent *u = &ids->uids.extents[0], *g = &ids->gids.extents[0];
	char text[64];
	int r;

	(void)snprintf(text, sizeof(text), "%u %u 1\n", u->inside, u->outside);
	r = proc_write("/proc/self/uid_map", text);
	/* Linux 3.19: a gid can be mapped without help only once setgroups is given up. */
	if (r == 0)
		r = proc_write("/proc/self/setgroups", "deny\n");
	(void)snprintf(text, sizeof(text), "%u %u 1\n", g->inside, g->outside);
	if (r == 0)
		r = proc_write("/proc/self/gid_map", text);
	return r;
}

uint32_t idmap_root(const struct idmap *map)
{
	return idmap_outside(map, 0) < 0 ? map->extents[0].inside : 0;
}

int idmap_become_root(const struct plan_ids *ids)
{
	uint32_t uid = idmap_root(&ids->uids), gid = idmap_root(&ids->gids);
	int r = 0;

	/* With one id setgroups is denied and the caller's groups stay; they show as nobody's.
	 */
	if (ids->map == PLAN_MAP_SUBIDS)
		r = sys_setgroups(0, NULL);
	if (r == 0)
		r = sys_setresgid(gid);
	if (r == 0)
		r = sys_setresuid(uid);
	return r < 0 ? fail(-r, "become root inside: %s", strerrordesc_np(-r)) : 0;
}

static void report(int wire, const char *step, int r)
{
	struct wire_message m = {.type = WIRE_FAILED, .err = -r};

	(void)snprintf(m.step, sizeof(m.step), "%s", step);
	(void)snprintf(m.text, sizeof(m.text), "%s", fail_text());
	(void)snprintf(m.hint, sizeof(m.hint), "%s", fail_hint_text());
	(void)io_send(wire, &m, sizeof(m), -EBADF);
}

static void run_child(const struct plan_ids *ids, int wire, int (*work)(void *), void *arg)
{
	int r = ids->map == PLAN_MAP_SELF ? idmap_write_self(ids)
					  : gate_wait(wire, "the id maps");

	if (r == 0)
		r = idmap_become_root(ids);
	/* After the change of ids, which clears it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (r < 0)
		report(wire, "ids", r);
	else if ((r = work(arg)) < 0)
		report(wire, "", r);
	_exit(r < 0 ? 125 : 0);
}

int idmap_run(const struct plan_ids *ids, int (*work)(void *arg), void *arg)
{
	struct sys_clone how = {.flags = CLONE_NEWUSER | CLONE_NEWNS};
	struct wire_message m;
	uint64_t dropped;
	int pair[2], status, dumpable, r;
	ssize_t n;
	pid_t pid;

	r = io_socketpair(pair);
	if (r < 0)
		return r;
	autoclose int here = pair[0];
	autoclose int there = pair[1];

	/* newuidmap refuses a process that can't be dumped, as a launcher's child would be. */
	dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	pid = sys_clone(&how, &dropped);
	if (pid != 0)
		(void)prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
	if (pid < 0)
		return hint_add(fail(-pid, "make a user namespace: %s", strerrordesc_np(-pid)),
				"clone");
	if (pid == 0) {
		(void)fd_close(here);
		run_child(ids, there, work, arg);
	}
	(void)fd_close(take_fd(&there));
	if (ids->map == PLAN_MAP_SUBIDS)
		r = hint_add(idmap_write_child(ids, pid), "ids");
	/* Who needs no gate doesn't read it. */
	if (r == 0 && ids->map == PLAN_MAP_SUBIDS)
		r = gate_open(here);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	n = r < 0 ? 0 : io_receive(here, &m, sizeof(m), NULL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (n == (ssize_t)sizeof(m) && m.type == WIRE_FAILED && m.err > 0) {
		m.text[sizeof(m.text) - 1] = m.hint[sizeof(m.hint) - 1] = '\0';
		r = fail(m.err, "%s", m.text);
		if (m.hint[0])
			r = fail_hint(r, "%s", m.hint);
		m.step[sizeof(m.step) - 1] = '\0';
		return hint_add(r, m.step);
	}
	/* It wrote to a pipe that nobody reads: "sbx diff NAME | head" ends as any program does. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		(void)raise(SIGPIPE);
	return status == 0 ? 0 : fail(ECHILD, "a process of the set-up ended early");
}
