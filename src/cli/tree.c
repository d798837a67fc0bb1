/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c: what completion offers of a root filesystem. */
#include "tree.h"

#include "util/path.h"
#include "util/scope.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { ACCOUNTS_MAX = 1 << 20 };

bool tree_is_printable(const char *name)
{
	char escaped[PATH_MAX];

	return streq(str_escape(escaped, sizeof(escaped), name), name);
}

static int folder_open(int root, const char *path, DIR **ret_dir)
{
	autoclose int fd = path_open_in(root, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir)
		return -errno;
	(void)take_fd(&fd);
	return 0;
}

/* A symbolic link counts: where it leads inside the tree is more than a Tab need find out. */
static bool is_program(int folder, const struct dirent *entry)
{
	struct stat st;

	if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISLNK(st.st_mode) || (S_ISREG(st.st_mode) && (st.st_mode & 0111));
}

static void folder_add_programs(DIR *dir, struct arena *a, const char *prefix,
				struct strv *names)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (!str_after(entry->d_name, prefix) || !tree_is_printable(entry->d_name))
			continue;
		if (is_program(dirfd(dir), entry))
			strv_push(a, names, arena_strdup(a, entry->d_name));
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(struct strv *list)
{
	size_t kept = 0;

	if (!list->n)
		return;
	qsort(list->v, list->n, sizeof(*list->v), compare);
	for (size_t i = 0; i < list->n; i++)
		if (!kept || !streq(list->v[kept - 1], list->v[i]))
			list->v[kept++] = list->v[i];
	list->n = kept;
	list->v[kept] = NULL;
}

void tree_add_programs(int root, struct arena *a, const char *prefix, struct strv *names)
{
	static const char *const folders[] = {
		"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin",
	};
	struct strv found = {0};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		autodir DIR *dir = NULL;

		if (folder_open(root, folders[i], &dir) == 0)
			folder_add_programs(dir, a, prefix, &found);
	}
	sort_unique(&found);
	for (size_t i = 0; i < found.n; i++)
		strv_push(a, names, found.v[i]);
}

void tree_add_accounts(int root, struct arena *a, const char *file, const char *prefix,
		       struct strv *names)
{
	char *line, *next;
	size_t len;

	if (path_read_in(root, file, a, ACCOUNTS_MAX, &next, &len) < 0)
		return;
	while ((line = strsep(&next, "\n"))) {
		const char *name = strsep(&line, ":");

		if (line && *name && str_after(name, prefix) && tree_is_printable(name))
			strv_push(a, names, name);
	}
}

/* PATH is FOLDER with the entry's name behind. */
static bool is_folder(int root, const struct dirent *entry, const char *path)
{
	autoclose int fd = -EBADF;

	if (entry->d_type == DT_DIR)
		return true;
	if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return false;
	fd = path_open_in(root, path, O_PATH | O_DIRECTORY);
	return fd >= 0;
}

static bool is_offered(const char *name, const char *prefix)
{
	/* As shells do: hidden names only for who asks for them. "." and ".." never. */
	if (name[0] == '.' && (prefix[0] != '.' || !name[1] || streq(name, "..")))
		return false;
	return str_after(name, prefix) && tree_is_printable(name);
}

void tree_add_paths(int root, struct arena *a, const char *prefix, bool only_folders,
		    struct strv *names)
{
	const char *slash = strrchr(prefix, '/');
	const char *folder =
		slash ? arena_strndup(a, prefix, (size_t)(slash - prefix) + 1) : "/";
	const struct dirent *entry;
	autodir DIR *dir = NULL;

	if (*prefix && *prefix != '/')
		return;
	if (folder_open(root, folder, &dir) < 0)
		return;
	while ((entry = readdir(dir))) {
		char *path;

		if (!is_offered(entry->d_name, slash ? slash + 1 : ""))
			continue;
		path = arena_printf(a, "%s%s", folder, entry->d_name);
		if (is_folder(root, entry, path))
			strv_push(a, names, arena_printf(a, "%s/", path));
		else if (!only_folders)
			strv_push(a, names, path);
	}
}
