/* SPDX-License-Identifier: Apache-2.0 */
/* union.c: does to a root filesystem what programs do to a disk, and says what came of it.
 *
 *   union make FOLDER   makes what the tree is to have, before it is entered
 *   union run FOLDER    inside: a line "WHAT<tab>IN A PLAIN FOLDER<tab>HERE" for each row
 *
 * Static: it runs in any tree. Each row has a folder of its own, and a process of its own, which may
 * leave everything open. What the columns have to be is for union.sh to say. */
#include "union.h"

#include <dirent.h>
#include <poll.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum { ROW_SECONDS = 20, RESULT_MAX = 64 };

char name255[256];

/* ---- what rows are written with ----------------------------------------------------------- */

const char *error_name(void)
{
	const char *name = strerrorname_np(errno);

	return name ? name : "?";
}

const char *said(int r)
{
	return r < 0 ? error_name() : "ok";
}

const char *yes(bool is)
{
	return is ? "yes" : "no";
}

const char *number(const char *format, unsigned long n)
{
	static char text[RESULT_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), format, n);
#pragma GCC diagnostic pop
	return text;
}

int file_write(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | flags, 0644);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : close(fd);
}

const char *file_text(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)fd_close(fd);
	return text;
}

bool is_there(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct stat stat_of(const char *path)
{
	struct stat st = {0};

	(void)lstat(path, &st);
	return st;
}

int folder_count(const char *path, const char *name, int *ret_seen)
{
	DIR *dir = opendir(path);
	int n = 0;

	*ret_seen = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
		*ret_seen += name && streq(e->d_name, name);
	}
	return dir ? n : -1;
}

void need(int r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	exit(2);
}

/* ---- the tree, and its rows --------------------------------------------------------------- */

/* In the working folder, for any row. */
static void folder_make(void)
{
	need(file_write("file", O_CREAT, lower), "file");
	need(file_write("other", O_CREAT, "other\n"), "other");
	need(mkdir("folder", 0755), "folder");
	need(file_write("folder/in", O_CREAT, lower), "folder/in");
	need(mkdir("empty", 0755), "empty");
	need(symlink("file", "link"), "link");
	need(symlink("nowhere", "dangling"), "dangling");
	need(symlink("folder", "folderlink"), "folderlink");
	need(file_write("hard1", O_CREAT, lower), "hard1");
	need(link("hard1", "hard2"), "hard2");
	need(file_write(name255, O_CREAT, lower), "a name of 255 bytes");
	need(file_write("suid", O_CREAT, lower), "suid");
	need(chmod("suid", 04755), "suid");
	need(mkfifo("fifo", 0644), "fifo");
	need(file_write("marked", O_CREAT, lower), "marked");
	need(setxattr("marked", "user.tree", "lower", 5, 0), "marked");
	need(mkdir("whiteouts", 0755), "whiteouts");
	need(file_write("whiteouts/a", O_CREAT, lower), "whiteouts/a");
	need(file_write("whiteouts/.wh.a", O_CREAT, lower), "whiteouts/.wh.a");
	need(file_write("old", O_CREAT, lower), "old");
	need(utimensat(AT_FDCWD, "old", then, 0), "old");
	need(mkdir("oldfolder", 0755), "oldfolder");
	need(file_write("oldfolder/in", O_CREAT, lower), "oldfolder/in");
	need(utimensat(AT_FDCWD, "oldfolder", then, 0), "oldfolder");
}

/* Enters the folder of row I, below TOP. */
static void row_enter(int top, size_t i)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%zu", i);
	need(fchdir(top), "FOLDER");
	need(chdir(name), name);
}

static void row_make(int top, size_t i, const struct row *row)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%zu", i);
	need(mkdirat(top, name, 0755), name);
	row_enter(top, i);
	folder_make();
	if (row->make)
		row->make();
}

static void row_run(int top, size_t i, const struct row *row)
{
	const char *result;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(ROW_SECONDS);
		row_enter(top, i);
		result = row->run();
		(void)printf("%s\t%s\t%s\n", row->what, row->plain, result);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	if (status)
		(void)printf("%s\t%s\tstatus %d\n", row->what, row->plain, status);
	(void)fflush(stdout);
}

static void each_row(int top, void (*one)(int top, size_t i, const struct row *row))
{
	size_t i = 0;

	/* In this order: the last name's row ends fuse-overlayfs. */
	for (const struct row *row = file_rows; row->what; row++)
		one(top, i++, row);
	for (const struct row *row = name_rows; row->what; row++)
		one(top, i++, row);
}

int main(int argc, char *argv[])
{
	bool is_make = argc == 3 && streq(argv[1], "make");
	int top;

	memset(name255, 'x', 255);
	if (argc == 2 && streq(argv[1], "wait"))
		return poll(NULL, 0, 1000 * ROW_SECONDS);
	if (argc != 3 || !(is_make || streq(argv[1], "run")))
		return 2;
	top = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need(top, argv[2]);
	if (is_make)
		(void)umask(022);
	each_row(top, is_make ? row_make : row_run);
	return 0;
}
