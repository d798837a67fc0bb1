/* SPDX-License-Identifier: Apache-2.0 */
/* store_shared.c: several processes in one store: names, locks, what is swept, who is ended. */
#include "sandbox/idmap.h"
#include "store.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void sleep_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

/* Whether the child PID ends before it has to be ended. */
static bool ended_within(pid_t pid, int ms)
{
	for (int i = 0; i < ms / 10; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		sleep_ms(10);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return false;
}

/* ---- names ------------------------------------------------------------------------------- */

/* Many at once want one name: one gets it, the others are told so. */
static void test_same_name(void)
{
	enum { RIVALS = 8 };
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	int start[2], won = 0, lost = 0;
	pid_t pids[RIVALS];
	struct container c;
	char byte;

	scratch_must(store_open("rivals", true, &store), fail_text());
	scratch_must(pipe2(start, O_CLOEXEC), "pipe");
	for (int i = 0; i < RIVALS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int r;

			(void)close(start[1]);
			(void)!read(start[0], &byte, 1);
			r = keep(&store, "same", &c);
			_exit(r == 0 ? 0 : r == -EEXIST ? 1 : 2);
		}
	}
	(void)close(start[1]);
	for (int i = 0; i < RIVALS; i++) {
		int status;

		(void)waitpid(pids[i], &status, 0);
		won += status == 0;
		lost += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	(void)close(start[0]);
	check_int(won, 1);
	check_int(lost, RIVALS - 1);
	check_int((long long)count(&store), 1);

	check_int(keep(&store, "same", &c), -EEXIST);
	check_str(fail_text(), "there is a sandbox 'same' already");
	check_str(fail_hint_text(), "sbx enter same enters it again; sbx rm same removes it");
	container_done(&c);
}

/* ---- what is left ------------------------------------------------------------------------ */

/* A child that makes a folder, and keeps it if it has a name, and then waits to be ended. */
static pid_t user_start(struct container_store *store, const char *name)
{
	int ready[2];
	pid_t pid;
	char byte;

	scratch_must(pipe2(ready, O_CLOEXEC), "pipe");
	pid = fork();
	if (pid == 0) {
		struct container c;
		int r = name ? keep(store, name, &c) : container_new(store, 0755, &c);

		(void)!write(ready[1], r == 0 ? "+" : "-", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	byte = '-';
	(void)!read(ready[0], &byte, 1);
	(void)close(ready[0]);
	check(byte == '+');
	return pid;
}

static void user_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void test_sweep(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container half;
	pid_t alive, killed, kept;

	scratch_must(store_open("sweep", true, &store), fail_text());
	alive = user_start(&store, NULL);
	killed = user_start(&store, NULL);
	kept = user_start(&store, "kept");
	check_int(keep(&store, "half-removed", &half), 0);
	check(unlinkat(half.dir, "config.json", 0) == 0);
	(void)mkdirat(store.tmp, "no-id", 0755);
	check_int(count_folders(store.tmp), 3);

	container_sweep(&store);
	check_int(count_folders(store.tmp), 3);
	check_int(count_folders(store.containers), 2);
	user_end(killed);
	user_end(kept);
	container_done(&half);
	container_sweep(&store);
	/* Now what only the killed one used is gone, and what nobody may enter any more. */
	check_int(count_folders(store.tmp), 2);
	check(scratch_has(store.tmp, "no-id"));
	check_int(count_folders(store.containers), 1);
	check_int((long long)count(&store), 1);
	user_end(alive);
	container_sweep(&store);
	check_int(count_folders(store.tmp), 1);
	check_str(fail_text(), "");
}

/* As root of a sandbox with many ids: files that the caller can't remove. */
static int give_away(void *arg)
{
	int upper = *(const int *)arg;

	(void)mkdirat(upper, "folder", 0700);
	scratch_text(upper, "folder/file", "");
	if (fchownat(upper, "folder/file", 1, 1, 0) < 0 ||
	    fchownat(upper, "folder", 1, 1, 0) < 0)
		return fail_sys("chown");
	return 0;
}

static void test_sweep_of_others_files(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container c;
	struct plan_ids ids;

	if (sandbox_ids(PLAN_MAP_SUBIDS, false, &ids) < 0) {
		tap_skip("files of subordinate ids", fail_text());
		return;
	}
	scratch_must(store_open("others", true, &store), fail_text());
	check_int(container_new(&store, 0755, &c), 0);
	autoclose int upper = openat(c.dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_int(idmap_run(&ids, give_away, &upper), 0);
	container_done(&c);
	container_sweep(&store);
	check_int(count_folders(store.tmp), 0);
}

/* ---- the launcher ------------------------------------------------------------------------ */

static void test_force(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	int status;
	pid_t pid;

	scratch_must(store_open("force", true, &store), fail_text());
	pid = user_start(&store, "running");
	check_int(remove_named(&store, "running", false), -EBUSY);
	check_str(fail_text(), "the sandbox 'running' is running");
	check_str(fail_hint_text(), "sbx rm --force running ends it first");
	check_int(waitpid(pid, &status, WNOHANG), 0);
	check_int(remove_named(&store, "running", true), 0);
	check(ended_within(pid, 2000));
	check_int(count_folders(store.containers), 0);
}

/* The start time of PID, as proc(5) has it in field 22. */
static unsigned long long start_of(pid_t pid)
{
	char *text, *field = NULL;
	uint64_t ticks = 0;
	size_t len;

	if (io_read_path(arena_printf(&a, "/proc/%d/stat", pid), &a, 4096, &text, &len) < 0)
		return 0;
	text = strrchr(text, ')');
	for (int i = 2; i <= 22; i++)
		field = strsep(&text, " ");
	(void)str_to_u64(field, UINT64_MAX, &ticks);
	return ticks;
}

/* Longer than a removal waits for whoever only looks. */
enum { HOLD_MS = 300 };

/* Removes by force what another process holds for a moment, whose `launcher` says TEXT. */
static void check_launcher(struct container_store *store, const char *text, const char *what)
{
	struct container c;
	pid_t holder;

	check_int(keep(store, "held", &c), 0);
	if (text)
		scratch_text(c.dir, "launcher", text);
	holder = fork();
	if (holder == 0) {
		sleep_ms(HOLD_MS);
		_exit(0);
	}
	container_done(&c); /* the lock is the child's now */
	check_that(remove_named(store, "held", true) == 0, "removed by force: %s", what);
	check_that(ended_well(holder), "the holder has ended by itself: %s", what);
}

static void test_launcher_file(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	unsigned long long start;
	pid_t innocent;

	scratch_must(store_open("launcher", true, &store), fail_text());
	innocent = fork();
	if (innocent == 0)
		for (;;)
			(void)pause();
	start = start_of(innocent);
	check(start > 0);
	check_launcher(&store, arena_printf(&a, "%d %llu\n", innocent, start + 1),
		       "another start time");
	check_launcher(&store, arena_printf(&a, "%d 0\n", innocent), "no start time");
	check_launcher(&store, arena_printf(&a, "%d\n", innocent), "a number missing");
	check_launcher(&store, arena_printf(&a, "%d %llu x\n", innocent, start),
		       "one too many");
	check_launcher(&store, arena_printf(&a, "+%d %llu\n", innocent, start), "a sign");
	check_launcher(&store, arena_printf(&a, "-1 %llu\n", start), "every process");
	check_launcher(&store, "0 0\n", "a group");
	check_launcher(&store, "4194305 5\n", "no process");
	check_launcher(&store, "99999999999 5\n", "no number");
	check_launcher(&store, "", "nothing");
	check_int(waitpid(innocent, NULL, WNOHANG), 0);
	/* And this is how it would have been ended. */
	check_launcher(&store, arena_printf(&a, "%d %llu\n", innocent, start), "the right one");
	check(ended_within(innocent, 2000));
}

static void test_cut(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container c;
	bool was_cut = true;

	scratch_must(store_open("cut", true, &store), fail_text());
	check_int(keep(&store, "box", &c), 0);
	scratch_text(c.dir, "work/left", "");
	check_int(container_settle(&c), 0);
	container_done(&c);

	check_int(container_find(&store, &a, "box", &c), 0);
	check_int(container_lock(&c, &was_cut), 0);
	check(!was_cut && !scratch_has(c.dir, "work/left") && scratch_has(c.dir, "launcher"));
	container_done(&c);
	/* Not settled: as after a crash. */
	check_int(container_find(&store, &a, "box", &c), 0);
	check_int(container_lock(&c, &was_cut), 0);
	check(was_cut);
	autoclose int again =
		openat(store.containers, c.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct container second = c;
	second.dir = again;
	check_int(container_lock(&second, &was_cut), -EBUSY);
	check_str(fail_text(), "the sandbox 'box' is running");
	container_done(&c);
}

/* ---- at the same time -------------------------------------------------------------------- */

/* Whoever only looks is in nobody's way. */
static void test_lookers(void)
{
	enum { LOOKERS = 2, TIMES = 300 };
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	int new_failed = 0, lock_failed = 0;
	pid_t pids[LOOKERS];
	struct container c;
	bool was_cut;

	scratch_must(store_open("lookers", true, &store), fail_text());
	check_int(keep(&store, "box", &c), 0);
	container_done(&c);
	for (int i = 0; i < LOOKERS; i++) {
		pids[i] = fork();
		while (pids[i] == 0) {
			struct container *list;
			struct arena own = {0};
			size_t n;

			container_sweep(&store);
			(void)container_list(&store, &own, &list, &n);
			arena_done(&own);
		}
	}
	for (int i = 0; i < TIMES; i++) {
		if (container_new(&store, 0755, &c) < 0) {
			new_failed++;
			continue;
		}
		(void)path_remove_tree(store.tmp, c.id);
		container_done(&c);
	}
	if (new_failed)
		printf("# %s\n", fail_text());
	for (int i = 0; i < TIMES; i++) {
		if (container_find(&store, &a, "box", &c) < 0 ||
		    container_lock(&c, &was_cut) < 0)
			lock_failed++;
		container_done(&c);
	}
	if (lock_failed)
		printf("# %s\n", fail_text());
	for (int i = 0; i < LOOKERS; i++)
		user_end(pids[i]);
	check_int(new_failed, 0);
	check_int(lock_failed, 0);
}

int main(void)
{
	scratch_make(&s);
	test_same_name();
	test_sweep();
	test_sweep_of_others_files();
	test_force();
	test_launcher_file();
	test_cut();
	test_lookers();
	scratch_remove(&s);
	arena_done(&a);
	return tap_done();
}
