/* SPDX-License-Identifier: Apache-2.0 */
/* unreadable.c: what of a tree an ordinary user can't read. */
#include "unreadable.h"

#include "util/scope.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 500000, DEPTH_MAX = 64 };

struct walk {
	struct unreadable *found;
	dev_t device;
	size_t entries;
	int depth;
	char path[PATH_MAX];
};

static void found_add(struct walk *w)
{
	if (w->found->n++ == 0)
		(void)str_escape(w->found->example, sizeof(w->found->example), w->path + 1);
}

static void walk_folder(struct walk *w, int fd);

static void walk_entry(struct walk *w, int dir, const struct dirent *e)
{
	size_t len = strlen(w->path), name = strlen(e->d_name);
	struct stat st;

	if (++w->entries > ENTRIES_MAX || len + 1 + name >= sizeof(w->path)) {
		w->found->is_capped = true;
		return;
	}
	w->path[len] = '/';
	memcpy(w->path + len + 1, e->d_name, name + 1);
	if (e->d_type == DT_DIR) {
		autoclose int fd =
			openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno == EACCES)
			found_add(w);
		else if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == w->device)
			walk_folder(w, take_fd(&fd));
	} else if (e->d_type == DT_REG &&
		   faccessat(dir, e->d_name, R_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		   errno == EACCES) {
		found_add(w);
	}
	w->path[len] = '\0';
}

/* Owns FD. */
static void walk_folder(struct walk *w, int fd)
{
	autodir DIR *stream = fdopendir(fd);

	if (!stream) {
		(void)fd_close(fd);
		return;
	}
	if (++w->depth > DEPTH_MAX)
		w->found->is_capped = true;
	else
		for (struct dirent *e; (e = readdir(stream)) && !(w->entries > ENTRIES_MAX);)
			if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
				walk_entry(w, dirfd(stream), e);
	w->depth--;
}

void unreadable_count(int root, struct unreadable *ret_found)
{
	struct walk w = {.found = ret_found};
	struct stat st;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_found = (struct unreadable){0};
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0) {
		(void)fd_close(fd);
		return;
	}
	w.device = st.st_dev;
	walk_folder(&w, fd);
}

const char *unreadable_mend(struct plan *p)
{
	if (p->ids.map == PLAN_MAP_SELF)
		return "to have them: --map subids, where they are in your ranges";
	return arena_printf(
		&p->arena,
		"to make the tree your own: mkdir NEW; sudo tar -C '%s' --numeric-owner -c . | "
		"unshare --map-auto --map-root-user tar -C NEW --numeric-owner -x",
		p->root.path);
}
