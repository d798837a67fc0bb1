/* SPDX-License-Identifier: Apache-2.0 */
/* container.c: folders of kept and of throw-away sandboxes: making, finding, removing. */
#include "container.h"

#include "config_file.h"
#include "launcher.h"
#include "store.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- one folder -------------------------------------------------------------------------- */

void container_done(struct container *c)
{
	c->dir = fd_close(c->dir);
}

static int full_hint(int r)
{
	if (r != -ENOSPC && r != -EDQUOT)
		return r;
	return fail_hint(r, "remove what isn't needed (sbx ls, sbx rm NAME), or name a folder "
			    "on another disk: export XDG_DATA_HOME=FOLDER");
}

static int id_make(char id[CONTAINER_ID_LEN + 1])
{
	unsigned char random[CONTAINER_ID_LEN / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return fail_sys("get random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* Whether NAME in PARENT is still the folder that FD is open on. */
static bool is_still(int parent, const char *name, int fd)
{
	struct stat named, open;

	return fstat(fd, &open) == 0 &&
	       fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

/* A new folder with upper/ and work/ in PARENT, locked; c->id is its name. -EAGAIN where
 * somebody has swept it away before it was locked. */
static int folder_new(int parent, mode_t mode, struct container *c)
{
	int r = id_make(c->id);

	if (r < 0)
		return r;
	if (mkdirat(parent, c->id, 0700) < 0)
		return fail_sys("make a folder in the store");
	autoclose int dir =
		openat(parent, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return -EAGAIN;
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		return fail_sys("lock a folder of the store");
	if (!is_still(parent, c->id, dir))
		return -EAGAIN;
	if (mkdirat(dir, "upper", 0755) < 0 || fchmodat(dir, "upper", mode, 0) < 0 ||
	    mkdirat(dir, "work", 0700) < 0)
		return fail_sys("make a folder in the store");
	c->dir = take_fd(&dir);
	return 0;
}

int container_new(struct container_store *s, mode_t mode, struct container *ret_container)
{
	int r;

	*ret_container = (struct container){.dir = -EBADF};
	do
		r = folder_new(s->tmp, mode, ret_container);
	while (r == -EAGAIN);
	if (r < 0)
		(void)path_remove_tree(s->tmp, ret_container->id);
	return full_hint(r);
}

/* ---- kept sandboxes ---------------------------------------------------------------------- */

int container_give(const struct container *c, const struct plan_ids *ids)
{
	static const char *const folders[] = {".", "work", "upper"};
	uid_t uid = ids->uids.extents[0].outside;
	gid_t gid = ids->gids.extents[0].outside;

	if (!sys_is_host_root())
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (fchownat(c->dir, folders[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_sys("give the upper to the sandbox's root");
	return 0;
}

const char *container_path(const struct container_store *s, struct arena *a,
			   const struct container *c)
{
	return arena_printf(a, "%s/%s/%s", s->path, *c->name ? "containers" : "tmp", c->id);
}

/* Locks the names, of which two can't take one then; the descriptor holds the lock. */
static int name_reserve(struct container_store *s, const char *name)
{
	SCOPE_END(arena_done) struct arena a = {0};
	SCOPE_END(container_done) struct container other = {.dir = -EBADF};
	autoclose int lock = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return fail_sys("lock the store");
	if (container_find(s, &a, name, &other) == 0)
		return fail_hint(fail(EEXIST, "there is a sandbox '%s' already", name),
				 "sbx enter %s enters it again; sbx rm %s removes it", name,
				 name);
	return take_fd(&lock);
}

int container_rename(struct container_store *s, struct container *c, const char *name)
{
	struct container renamed = *c;
	autoclose int lock = name_reserve(s, name);
	int r;

	if (lock < 0)
		return lock;
	(void)snprintf(renamed.name, sizeof(renamed.name), "%s", name);
	r = config_write(&renamed);
	if (r == 0)
		*c = renamed;
	return r;
}

int container_keep(struct container_store *s, struct container *c)
{
	autoclose int lock = name_reserve(s, c->name);
	int r;

	if (lock < 0)
		return lock;
	c->created = time(NULL);
	r = config_write(c);
	if (r == 0)
		r = launcher_write(c);
	if (r == 0 && renameat(s->tmp, c->id, s->containers, c->id) < 0)
		r = fail_sys("keep the sandbox '%s'", c->name);
	return full_hint(r);
}

static bool is_locked(int dir)
{
	if (flock(dir, LOCK_SH | LOCK_NB) < 0)
		return true;
	(void)flock(dir, LOCK_UN);
	return false;
}

/* Who lists sandboxes looks at each one's lock for an instant; that is not worth a refusal. */
static int folder_lock(int dir)
{
	enum { TRIES = 20, PAUSE_MS = 5 };

	for (int i = 0; i < TRIES; i++) {
		if (flock(dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		(void)poll(NULL, 0, PAUSE_MS);
	}
	return -EBUSY;
}

/* Reads the kept sandbox ID; false where it is half made or half removed. */
static bool container_load(struct container_store *s, struct arena *a, const char *id,
			   struct container *ret_container)
{
	struct container c = {.dir = -EBADF};

	if (!store_is_id(id))
		return false;
	memcpy(c.id, id, sizeof(c.id));
	c.dir = openat(s->containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c.dir < 0 || faccessat(c.dir, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		container_done(&c);
		return false;
	}
	c.is_damaged = config_read(&c, a) < 0;
	if (c.is_damaged)
		fail_forget();
	c.is_running = is_locked(c.dir);
	*ret_container = c;
	return true;
}

static bool has_name(const struct container *c, const char *name)
{
	return !c->is_damaged && streq(c->name, name);
}

static bool has_id(const struct container *c, const char *id)
{
	return c->is_damaged && strlen(id) >= CONTAINER_ID_SHOWN && str_after(c->id, id);
}

static int find(struct container_store *s, struct arena *a, const char *what,
		bool (*is_it)(const struct container *c, const char *what),
		struct container *ret_container)
{
	int fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; stream && (e = readdir(stream));) {
		struct container c;

		if (!container_load(s, a, e->d_name, &c))
			continue;
		if (is_it(&c, what)) {
			*ret_container = c;
			return 0;
		}
		container_done(&c);
	}
	return -ENOENT;
}

int container_find(struct container_store *s, struct arena *a, const char *name,
		   struct container *ret_container)
{
	return find(s, a, name, has_name, ret_container);
}

int container_find_damaged(struct container_store *s, struct arena *a, const char *id,
			   struct container *ret_container)
{
	return find(s, a, id, has_id, ret_container);
}

static int lock_take(const struct container *c)
{
	if (folder_lock(c->dir) == 0)
		return 0;
	return fail_hint(fail(EBUSY, "the sandbox '%s' is running", c->name),
			 "end it first, or: sbx rm --force %s", c->name);
}

int container_hold(struct container *c)
{
	if (folder_lock(c->dir) == 0)
		return 0;
	return fail_hint(fail(EBUSY, "the sandbox '%s' is running", c->name),
			 "end it first; sbx diff shows its changes meanwhile");
}

void container_let_go(struct container *c)
{
	(void)flock(c->dir, LOCK_UN);
}

int container_lock(struct container *c, bool *ret_was_cut)
{
	struct plan_ids ids;
	bool was_cut;
	int r = lock_take(c);

	if (r == 0)
		r = sandbox_ids(c->map, c->keep_id, &ids);
	if (r < 0)
		return r;
	store_sweep_scraps(c->dir, 0);
	was_cut = faccessat(c->dir, launcher_file, F_OK, 0) == 0;
	/* The kernel refuses a volatile upper with the work folder of its last use, some of
	 * which may belong to a subordinate id. */
	r = sandbox_remove_tree(&ids, c->dir, "work");
	if (r < 0)
		return r;
	if (mkdirat(c->dir, "work", 0700) < 0)
		return fail_sys("make the overlay's work folder of '%s'", c->name);
	r = container_give(c, &ids);
	if (r < 0)
		return r;
	*ret_was_cut = was_cut;
	return launcher_write(c);
}

int container_settle(struct container *c)
{
	if (syncfs(c->dir) < 0)
		return fail_sys("write the sandbox '%s' to the disk", c->name);
	if (unlinkat(c->dir, launcher_file, 0) < 0)
		return fail_sys("mark the sandbox '%s' as whole", c->name);
	return 0;
}

/* Damaged ones, which have no name, come first. */
static int by_name(const void *a, const void *b)
{
	const struct container *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : strcmp(one->id, other->id);
}

int container_list(struct container_store *s, struct arena *a, struct container **ret_list,
		   size_t *ret_n)
{
	int fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct container *list = NULL;
	size_t n = 0, room = 0;

	if (!stream)
		return fail_sys("read the store");
	for (struct dirent *e; (e = readdir(stream));) {
		struct container c;

		if (!container_load(s, a, e->d_name, &c))
			continue;
		container_done(&c);
		if (n == room) {
			struct container *larger;

			room = room ? 2 * room : 16;
			larger = arena_alloc(a, room * sizeof(*larger));
			if (n)
				memcpy(larger, list, n * sizeof(*larger));
			list = larger;
		}
		list[n++] = c;
	}
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	*ret_list = list;
	*ret_n = n;
	return 0;
}

/* ---- removal ----------------------------------------------------------------------------- */

static int launcher_end(struct container *c)
{
	autoclose int pidfd = launcher_open(c);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	if (pidfd >= 0) {
		if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0)
			return fail_sys("end the sandbox '%s'", c->name);
		(void)poll(&ended, 1, 5000);
	}
	/* What the launcher leaves ends with it, but not in the same instant. */
	for (int i = 0; i < 500; i++) {
		if (flock(c->dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		(void)poll(NULL, 0, 10);
	}
	return fail(EBUSY, "the sandbox '%s' doesn't end", c->name);
}

int container_remove(struct container_store *s, struct container *c, bool force)
{
	struct plan_ids ids;
	int r;

	if (folder_lock(c->dir) < 0) {
		if (!force)
			return fail_hint(fail(EBUSY, "the sandbox '%s' is running", c->name),
					 "sbx rm --force %s ends it first", c->name);
		r = launcher_end(c);
		if (r < 0)
			return r;
	}
	/* First what makes it a sandbox: a removal that is cut leaves nothing that could be
	 * entered. */
	r = sandbox_ids(c->map, c->keep_id, &ids);
	if (r == 0 && (r = path_remove_tree(c->dir, "config.json")) < 0)
		r = fail(-r, "remove the sandbox '%s': %s", c->name, strerrordesc_np(-r));
	return r < 0 ? r : sandbox_remove_tree(&ids, s->containers, c->id);
}

int container_drop_temporary(struct container_store *s, const struct container *c,
			     const struct plan_ids *ids)
{
	return sandbox_remove_tree(ids, s->tmp, c->id);
}
