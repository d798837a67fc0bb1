/* SPDX-License-Identifier: Apache-2.0 */
/* store.c: the store of kept sandboxes: names, locks, what is damaged, what is swept. */
#include "container/container.h"
#include "sandbox/idmap.h"
#include "scratch.h"
#include "tap.h"
#include "util/fail.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

static struct scratch s;
static struct arena a;

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

/* A store of its own at NAME below the test's folder, for as long as STORE lives. */
static int store_open(const char *name, bool create, struct container_store *store)
{
	(void)setenv("XDG_DATA_HOME", arena_printf(&a, "%s/%s", s.path, name), 1);
	return container_store_open(&a, create, store);
}

/* A kept sandbox NAME, locked. */
static int keep(struct container_store *store, const char *name, struct container *c)
{
	int r = container_new(store, 0755, c);

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	c->tree = "/a/tree";
	c->overlay = PLAN_OVERLAY_KERNEL;
	c->map = PLAN_MAP_SELF;
	return r < 0 ? r : container_keep(store, c);
}

static int remove_named(struct container_store *store, const char *name, bool force)
{
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	int r = container_find(store, &a, name, &c);

	return r < 0 ? r : container_remove(store, &c, force);
}

static size_t count(struct container_store *store)
{
	struct container *list;
	size_t n = 4711;

	check_int(container_list(store, &a, &list, &n), 0);
	return n;
}

/* ---- the store --------------------------------------------------------------------------- */

static void test_store(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct stat st;

	check_int(store_open("fresh/deep", false, &store), -ENOENT);
	check(!scratch_has(s.dir, "fresh"));
	check_int(store_open("fresh/deep", true, &store), 0);
	check_str(store.path, arena_printf(&a, "%s/fresh/deep/sbx", s.path));
	check(fstat(store.dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	check(fstat(store.tmp, &st) == 0 && (st.st_mode & 07777) == 0700);
	check_int((long long)count(&store), 0);
	container_store_done(&store);
	check_int(store_open("fresh/deep", false, &store), 0);
	container_store_done(&store);

	/* A relative path is none, says the specification. */
	(void)setenv("HOME", s.path, 1);
	(void)setenv("XDG_DATA_HOME", "relative", 1);
	check_int(container_store_open(&a, true, &store), 0);
	check_str(store.path, arena_printf(&a, "%s/.local/share/sbx", s.path));
}

static void test_foreign_store(void)
{
	struct container_store store = CONTAINER_STORE_NONE;
	int before = scratch_descriptors();

	if (geteuid() == 0) {
		tap_skip("a store of another user's", "root has no other");
		return;
	}
	(void)mkdirat(s.dir, "foreign", 0755);
	scratch_link(s.dir, "/usr", "foreign/sbx");
	check_int(store_open("foreign", true, &store), -EPERM);
	check_str(fail_text(),
		  arena_printf(&a, "the store '%s/foreign/sbx' is another user's", s.path));
	check_str(fail_hint_text(), "name a folder of your own with XDG_DATA_HOME");
	check(store.dir < 0 && store.containers < 0 && store.tmp < 0);

	(void)mkdirat(s.dir, "file", 0755);
	scratch_text(s.dir, "file/sbx", "");
	check_int(store_open("file", true, &store), -ENOTDIR);
	check(*fail_hint_text());
	(void)mkdirat(s.dir, "linked", 0755);
	(void)mkdirat(s.dir, "linked/sbx", 0755);
	scratch_link(s.dir, "/tmp", "linked/sbx/containers");
	check(store_open("linked", true, &store) < 0);
	check_int(scratch_descriptors(), before);
}

static void test_life(void)
{
	static const char tree[] = "/a \"tree\"\n\\ of \xc3\xa4\xff bytes";
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	struct container c, found;
	time_t start = time(NULL);

	scratch_must(store_open("life", true, &store), fail_text());
	check_int(container_new(&store, 0755, &c), 0);
	check(scratch_has(c.dir, "upper") && scratch_has(c.dir, "work"));
	check_int((long long)strspn(c.id, "0123456789abcdef"), CONTAINER_ID_LEN);
	check_int(container_find(&store, &a, "mine", &found), -ENOENT);
	(void)snprintf(c.name, sizeof(c.name), "mine");
	c.tree = tree;
	c.overlay = PLAN_OVERLAY_FUSE;
	c.map = PLAN_MAP_SELF;
	c.keep_id = true;
	check_int(container_keep(&store, &c), 0);
	check_str(container_path(&store, &a, &c),
		  arena_printf(&a, "%s/containers/%s", store.path, c.id));

	check_int(container_find(&store, &a, "mine", &found), 0);
	check_str(found.id, c.id);
	check_str(found.tree, tree);
	check(found.overlay == PLAN_OVERLAY_FUSE && found.map == PLAN_MAP_SELF &&
	      found.keep_id);
	check(found.created >= start && found.created <= time(NULL));
	check(found.is_running);
	container_done(&c);
	container_done(&found);
	check_int(container_find(&store, &a, "mine", &found), 0);
	check(!found.is_running);
	container_done(&found);
	check_int((long long)count(&store), 1);
	check_int(remove_named(&store, "mine", false), 0);
	check_int((long long)count(&store), 0);
	check_int(remove_named(&store, "mine", false), -ENOENT);
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

static int count_folders(int dir)
{
	autodir DIR *stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = -2;

	while (stream && readdir(stream))
		n++;
	return n;
}

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

/* ---- a damaged config.json --------------------------------------------------------------- */

#define CONFIG(version, name, tree, overlay, map, keep, created)           \
	"{\"version\": " version ", \"name\": " name ", \"tree\": " tree   \
	", \"overlay\": " overlay ", \"map\": " map ", \"keep_id\": " keep \
	", \"created\": " created "}"

static const char whole[] =
	CONFIG("1", "\"box\"", "\"/tree\"", "\"kernel\"", "\"self\"", "false", "1700000000");

/* Whether the store has the sandbox "box", whose config.json has just changed. */
static bool is_there(struct container_store *store)
{
	struct container c;

	fail_forget();
	if (container_find(store, &a, "box", &c) < 0)
		return false;
	container_done(&c);
	return true;
}

static void test_damaged_text(struct container_store *store, int dir)
{
#define DAMAGED(...) CONFIG(__VA_ARGS__)
	static const char *const rows[] = {
		"",
		"\n",
		"null",
		"true",
		"17",
		"\"box\"",
		"[]",
		"{}",
		"{\"version\": 1}",
		"{\"name\": \"box\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"\xff\xfe{",
		DAMAGED("2", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("\"1\"", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("true", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("[1]", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("null", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "[\"box\"]", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "null", "\"/t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"t\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"\"", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "5", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "null", "\"kernel\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"none\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"\"", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "1", "\"self\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"auto\"", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "{}", "false", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "\"no\"", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "1", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "null", "1"),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "\"1\""),
		DAMAGED("1", "\"box\"", "\"/t\"", "\"kernel\"", "\"self\"", "false", "null"),
	};
	char shown[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scratch_text(dir, "config.json", rows[i]);
		check_that(!is_there(store), "damaged: %s",
			   str_escape(shown, sizeof(shown), rows[i]));
	}
}

static void test_damaged(void)
{
	SCOPE_END(container_store_done) struct container_store store = CONTAINER_STORE_NONE;
	SCOPE_END(container_done) struct container c;
	int whole_ones = 0;
	char *large;

	scratch_must(store_open("damaged", true, &store), fail_text());
	check_int(keep(&store, "box", &c), 0);
	check(is_there(&store));
	test_damaged_text(&store, c.dir);
	/* Cut anywhere. */
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		scratch_file(c.dir, "config.json", whole, len);
		whole_ones += is_there(&store);
	}
	check_int(whole_ones, 0);
	scratch_text(c.dir, "config.json", whole);
	check(is_there(&store));
	scratch_file(c.dir, "config.json", "{\"name\": \"\0", 11);
	check(!is_there(&store));

	large = arena_alloc(&a, 1 << 17);
	memset(large, ' ', 1 << 17);
	memcpy(large, whole, sizeof(whole) - 1);
	scratch_file(c.dir, "config.json", large, 1 << 17);
	check(!is_there(&store));
	memset(large, '[', 60000);
	scratch_file(c.dir, "config.json", large, 60000);
	check(!is_there(&store));

	(void)unlinkat(c.dir, "config.json", 0);
	scratch_must(mkfifoat(c.dir, "config.json", 0600), "fifo");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	scratch_text(s.dir, "outside.json", whole);
	scratch_link(c.dir, arena_printf(&a, "%s/outside.json", s.path), "config.json");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	scratch_link(c.dir, "../../../../outside.json", "config.json");
	check(!is_there(&store));
	(void)unlinkat(c.dir, "config.json", 0);
	(void)mkdirat(c.dir, "config.json", 0755);
	check(!is_there(&store));
	/* The others are found all the same, and nothing of what is damaged is swept away. */
	check_int((long long)count(&store), 0);
	container_done(&c);
	container_sweep(&store);
	check_int(count_folders(store.containers), 1);
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
	test_store();
	test_foreign_store();
	test_life();
	test_same_name();
	test_sweep();
	test_sweep_of_others_files();
	test_damaged();
	test_force();
	test_launcher_file();
	test_cut();
	test_lookers();
	scratch_remove(&s);
	arena_done(&a);
	return tap_done();
}
