/* SPDX-License-Identifier: Apache-2.0 */
/* store.c: the store itself: opening it, and removing what killed launchers left. */
#include "store.h"

#include "container.h"
#include "util/fail.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void container_store_done(struct container_store *s)
{
	s->dir = fd_close(s->dir);
	s->containers = fd_close(s->containers);
	s->tmp = fd_close(s->tmp);
}

const char *container_store_path(struct arena *a)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	/* The specification has relative paths ignored. */
	if (data && *data == '/')
		return arena_printf(a, "%s/sbx", data);
	/* Below root's home nobody mapped could reach an upper, not even to mount it. */
	if (sys_is_host_root())
		return "/var/lib/sbx";
	if (!home || *home != '/') {
		const struct passwd *pw = getpwuid(getuid());

		home = pw ? pw->pw_dir : NULL;
	}
	return home ? arena_printf(a, "%s/.local/share/sbx", home) : NULL;
}

/* The caller's alone; what real root's sandboxes have is in folders of their own
 * (container_give()). */
static mode_t folder_mode(void)
{
	return sys_is_host_root() ? 0711 : 0700;
}

/* Opens PATH, making the folders on the way to it. PATH is the caller's own, and may have
 * links. */
static int folder_make(const char *path)
{
	char part[4096];
	int fd, first_error = 0;

	if (strlen(path) >= sizeof(part))
		return fail(ENAMETOOLONG, "the store's path is too long");
	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST && !first_error)
			first_error = errno;
	}
	if (mkdir(path, folder_mode()) < 0 && errno != EEXIST) {
		if (errno == ENOENT && first_error)
			errno = first_error;
		return fail_hint(fail_sys("make the store '%s'", path),
				 "name a folder of your own with XDG_DATA_HOME");
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_hint(fail_sys("open the store '%s'", path),
				 "name a folder of your own with XDG_DATA_HOME");
	return fd;
}

static int subfolder(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dir, name, folder_mode()) < 0 && errno != EEXIST)
			return fail_sys("make '%s' in the store", name);
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? fail_sys("open '%s' in the store", name) : fd;
}

int container_store_open(struct arena *a, bool create, struct container_store *ret_store)
{
	const char *path = container_store_path(a);
	struct container_store s = {path, -EBADF, -EBADF, -EBADF};
	struct stat st;

	if (!path)
		return fail_hint(fail(ENOENT, "no place for the store: HOME is not set"),
				 "export HOME=/home/you");
	s.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.dir < 0 && errno == ENOENT && !create)
		return -ENOENT;
	if (s.dir < 0)
		s.dir = folder_make(path);
	if (s.dir < 0)
		return s.dir;
	if (fstat(s.dir, &st) < 0) {
		int r = fail_sys("look at the store '%s'", path);

		container_store_done(&s);
		return r;
	}
	if (st.st_uid != getuid()) {
		container_store_done(&s);
		return fail_hint(fail(EPERM, "the store '%s' is another user's", path),
				 "name a folder of your own with XDG_DATA_HOME");
	}
	s.containers = subfolder(s.dir, "containers");
	s.tmp = s.containers < 0 ? s.containers : subfolder(s.dir, "tmp");
	if (s.tmp < 0) {
		int r = s.tmp;

		container_store_done(&s);
		return r;
	}
	*ret_store = s;
	return 0;
}

/* ---- sweeping ---------------------------------------------------------------------------- */

bool store_is_id(const char *name)
{
	return strlen(name) == CONTAINER_ID_LEN &&
	       strspn(name, "0123456789abcdef") == CONTAINER_ID_LEN;
}

/* A folder that nobody uses any more: of tmp/ any, of containers/ one whose removal was cut
 * short. */
static void sweep_folder(int parent, const char *id, bool is_kept)
{
	autoclose int dir = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct plan_ids ids;

	/* Not even locked, which somebody might just want to do. */
	if (dir < 0 || (is_kept && faccessat(dir, "config.json", F_OK, 0) == 0))
		return;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return;
	if (path_remove_tree(parent, id) == 0)
		return;
	if (sandbox_ids(PLAN_MAP_SUBIDS, false, &ids) == 0)
		(void)sandbox_remove_tree(&ids, parent, id);
}

static void sweep(int parent, bool is_kept)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; stream && (e = readdir(stream));)
		if (store_is_id(e->d_name))
			sweep_folder(parent, e->d_name, is_kept);
	fail_forget();
}

void store_sweep_scraps(int dir, int age)
{
	static const char *const scraps[] = {".new.", ".probe."};
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	for (struct dirent *e; stream && (e = readdir(stream));)
		for (size_t i = 0; i < ARRAY_SIZE(scraps); i++)
			if (str_after(e->d_name, scraps[i]) &&
			    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    st.st_mtime <= time(NULL) - age)
				(void)path_remove_tree(dir, e->d_name);
}

void container_sweep(struct container_store *s)
{
	enum { INSTANT = 60 }; /* seconds; it takes milliseconds */

	store_sweep_scraps(s->dir, INSTANT);
	sweep(s->tmp, false);
	sweep(s->containers, true);
}
