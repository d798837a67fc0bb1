/* SPDX-License-Identifier: Apache-2.0 */
/* path.h: paths below a root whose owner may be hostile. */
#pragma once

#include "str.h"

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Theory of operation
 *
 * Whoever controls a root filesystem controls every name in it. A path below such a root is
 * resolved with the root as "/" (openat2: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), so that
 * neither
 * "..", nor a symbolic link, nor /proc/self/root leads out; from then on the descriptor is
 * used. A walk does the same a component at a time: for kernels without openat2, and where that
 * gives up on ".." (-EAGAIN) since somebody renames or mounts something at the same moment.
 */

/* Opens PATH with ROOT as "/", symbolic links followed inside ROOT (the last too, unless FLAGS
 * has O_NOFOLLOW). O_CLOEXEC is implied. Returns a descriptor that the caller owns, or a
 * negative errno without a sentence. */
int path_open_in(int root, const char *path, int flags);

/* The file or folder at PATH below ROOT, created where it is missing, as an O_PATH descriptor.
 * The last component is never a symbolic link (-ELOOP); parents may be, inside ROOT. With
 * CREATE false what is missing is -ENOENT. -ENOTDIR or -EISDIR where it is of the other type.
 */
enum path_type { PATH_FOLDER, PATH_FILE };
int path_target_in(int root, const char *path, enum path_type type, bool create);

/* The same, where what is missing is made only in folders of which MAY_MAKE says so, asked with
 * a descriptor of that very folder. NULL for MAKER: nothing is made. */
struct path_maker {
	bool (*may_make)(void *context, int dir);
	void *context;
	/* Of the last component, and of the folders above it; 0: 0755, and 0644 for a file. */
	mode_t mode, parent_mode;
};
int path_target_make_in(int root, const char *path, enum path_type type,
			const struct path_maker *maker);

/* The folder PATH below ROOT (relative and clean; "" or "." is ROOT itself) as an O_PATH
 * descriptor, where no part of it is a symbolic link: -ENOTDIR or -ELOOP where one is. What is
 * reached so is what a walk that opens each name with O_NOFOLLOW reaches. */
int path_folder_beneath(int root, const char *path);

/* Turns the O_PATH descriptor FD into one with FLAGS, without looking its name up again: what
 * was checked is what is opened. */
int path_reopen(int fd, int flags);

/* "/proc/self/fd/N": what FD is open on, as a path. */
struct fd_path {
	char s[sizeof("/proc/self/fd/") + 10];
};

struct fd_path fd_path(int fd);

/* The folder in which the last component of PATH stands, made as above; and that component's name,
 * which is "", "." or ".." where PATH names a folder without saying its name. */
int path_parent_make_in(int root, const char *path, const struct path_maker *maker,
			char ret_name[NAME_MAX + 1]);

/* Reads the regular file at PATH below ROOT, of at most MAX bytes, into ARENA with a NUL
 * behind; -EFBIG above MAX, -EINVAL where it is no regular file (never blocks on a FIFO). */
int path_read_in(int root, const char *path, struct arena *a, size_t max, char **ret_data,
		 size_t *ret_len);

/* PATH absolute and clean: "/" in front, none behind, no ".", no empty component, ".." taken as
 * the name before it dropped (so only for paths that are then opened with ROOT as "/"). */
char *path_clean(struct arena *a, const char *path);

/* Whether PATH is FOLDER or below it, both clean. */
bool path_is_in(const char *path, const char *folder);

/* Removes the folder NAME below DIR with all that is in it, without following anything. -errno
 * of the first thing that would not go; the rest is removed all the same. */
int path_remove_tree(int dir, const char *name);
