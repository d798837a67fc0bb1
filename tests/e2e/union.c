/* SPDX-License-Identifier: Apache-2.0 */
/* union.c: does to a root filesystem what programs do to a disk, and says what came of it.
 *
 *   union make FOLDER   makes what the tree is to have, before it is entered
 *   union run FOLDER    inside: a line "WHAT<tab>IN A PLAIN FOLDER<tab>HERE" for each row
 *
 * Static: it runs in any tree. Each row has a folder of its own, and a process of its own, which may
 * leave everything open. What the columns have to be is for union.sh to say. */
#include "util/scope.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

enum { ROW_SECONDS = 20, RESULT_MAX = 64, LARGE = 3 << 20, MANY = 1000 };

static const char lower[] = "lower\n";
static char name255[256];

/* ---- what rows are written with ----------------------------------------------------------- */

static const char *error_name(void)
{
	const char *name = strerrorname_np(errno);

	return name ? name : "?";
}

static const char *said(int r)
{
	return r < 0 ? error_name() : "ok";
}

static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

static const char *number(const char *format, unsigned long n)
{
	static char text[RESULT_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), format, n);
#pragma GCC diagnostic pop
	return text;
}

/* What isn't the row's subject has to work. */
#define must(call)                           \
	do {                                 \
		if ((call) < 0)              \
			return error_name(); \
	} while (0)

static int file_write(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | flags, 0644);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : close(fd);
}

/* The start of a file, for comparing; "" where it can't be read. */
static const char *file_text(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)fd_close(fd);
	return text;
}

static bool is_there(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct stat stat_of(const char *path)
{
	struct stat st = {0};

	(void)lstat(path, &st);
	return st;
}

/* How many names a folder has, and whether NAME is among them, each once. */
static int folder_count(const char *path, const char *name, int *ret_seen)
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

/* What open() says, without what it opened. */
static const char *open_said(const char *path, int flags)
{
	return said(open(path, flags, 0644));
}

/* ---- open ---------------------------------------------------------------------------------- */

static const char *open_excl_file(void)
{
	return open_said("file", O_CREAT | O_EXCL | O_WRONLY);
}

static const char *open_excl_folder(void)
{
	return open_said("folder", O_CREAT | O_EXCL | O_WRONLY);
}

static const char *open_excl_link(void)
{
	return open_said("dangling", O_CREAT | O_EXCL | O_WRONLY);
}

static const char *open_excl_removed(void)
{
	must(unlink("file"));
	return open_said("file", O_CREAT | O_EXCL | O_WRONLY);
}

static const char *open_creat_dangling(void)
{
	must(file_write("dangling", O_CREAT, "new"));
	return yes(streq(file_text("nowhere"), "new"));
}

static const char *open_creat_folder(void)
{
	return open_said("folder", O_CREAT | O_RDONLY);
}

static const char *open_write_folder(void)
{
	return open_said("folder", O_RDWR);
}

static const char *open_folder_file(void)
{
	return open_said("file", O_RDONLY | O_DIRECTORY);
}

static const char *open_nofollow(void)
{
	return open_said("link", O_RDONLY | O_NOFOLLOW);
}

static const char *open_trunc(void)
{
	must(file_write("file", O_TRUNC, "n"));
	return yes(streq(file_text("file"), "n"));
}

static const char *open_trunc_link(void)
{
	must(file_write("link", O_TRUNC, "n"));
	return yes(streq(file_text("file"), "n") && S_ISLNK(stat_of("link").st_mode));
}

static const char *open_trunc_read(void)
{
	must(open("file", O_RDONLY | O_TRUNC));
	return number("%lu bytes", (unsigned long)stat_of("file").st_size);
}

static const char *open_append(void)
{
	must(file_write("file", O_APPEND, "more"));
	return yes(streq(file_text("file"), "lower\nmore"));
}

static const char *open_tmpfile(void)
{
	int fd = open("folder", O_TMPFILE | O_RDWR, 0644);
	char link[32];

	must(fd);
	must(write(fd, "t", 1));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	must(linkat(AT_FDCWD, link, AT_FDCWD, "folder/named", AT_SYMLINK_FOLLOW));
	return yes(streq(file_text("folder/named"), "t"));
}

static const char *open_direct(void)
{
	return open_said("file", O_RDWR | O_DIRECT);
}

static const char *open_race(void)
{
	int winners = 0, status;

	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			_exit(open("raced", O_CREAT | O_EXCL | O_WRONLY, 0644) >= 0);
	while (wait(&status) > 0)
		winners += WEXITSTATUS(status);
	return number("%lu", (unsigned long)winners);
}

/* ---- descriptors from before the first change ------------------------------------------------ */

static const char *before_read(void)
{
	char text[8] = "";
	int fd = open("file", O_RDONLY);

	must(fd);
	must(file_write("file", 0, "upper"));
	must(pread(fd, text, 5, 0));
	return yes(streq(text, "upper"));
}

static const char *before_map(void)
{
	int fd = open("file", O_RDONLY);
	const char *map;

	must(fd);
	map = mmap(NULL, 6, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return error_name();
	(void)*(const volatile char *)map;
	must(file_write("file", 0, "upper"));
	return yes(memcmp(map, "upper", 5) == 0);
}

static const char *before_stat(void)
{
	int fd = open("file", O_RDONLY);
	struct stat st;

	must(fd);
	must(file_write("file", O_APPEND, "more"));
	must(fstat(fd, &st));
	return yes(st.st_size == 10);
}

static const char *before_inode(void)
{
	int fd = open("file", O_RDONLY);
	struct stat st;

	must(fd);
	must(file_write("file", 0, "upper"));
	must(fstat(fd, &st));
	return yes(st.st_ino == stat_of("file").st_ino);
}

static const char *before_flock(void)
{
	int first = open("file", O_RDONLY), second;

	must(first);
	must(flock(first, LOCK_EX));
	second = open("file", O_RDWR);
	must(second);
	must(write(second, "u", 1));
	return said(flock(second, LOCK_EX | LOCK_NB));
}

static const char *before_fcntl(void)
{
	struct flock lock = {.l_type = F_RDLCK};
	int fd = open("file", O_RDONLY), status;

	must(fd);
	must(fcntl(fd, F_SETLK, &lock));
	if (fork() == 0) {
		fd = open("file", O_RDWR);
		lock.l_type = F_WRLCK;
		_exit(fcntl(fd, F_SETLK, &lock) < 0 ? errno : 0);
	}
	(void)wait(&status);
	errno = WEXITSTATUS(status);
	return said(errno ? -1 : 0);
}

static const char *before_inotify(void)
{
	int watch = inotify_init1(IN_NONBLOCK);
	char events[512];

	must(watch);
	must(inotify_add_watch(watch, "file", IN_MODIFY));
	must(file_write("file", 0, "upper"));
	return yes(read(watch, events, sizeof(events)) > 0);
}

static const char *before_inotify_folder(void)
{
	int watch = inotify_init1(IN_NONBLOCK);
	char events[512];

	must(watch);
	must(inotify_add_watch(watch, "folder", IN_CREATE));
	must(file_write("folder/new", O_CREAT, ""));
	return yes(read(watch, events, sizeof(events)) > 0);
}

static const char *map_write(void)
{
	int fd = open("file", O_RDWR);
	char *map;

	must(fd);
	map = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return error_name();
	memcpy(map, "upper", 5);
	return yes(streq(file_text("file"), "upper\n"));
}

/* A program that is the row's own, and waits; its pid. */
static pid_t program_start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("program", "program", "wait", NULL);
		_exit(1);
	}
	(void)poll(NULL, 0, 300);
	return pid;
}

static const char *busy_write(void)
{
	pid_t pid = program_start();
	int fd = open("program", O_WRONLY);
	const char *r = said(fd);

	(void)kill(pid, SIGKILL);
	return r;
}

static const char *busy_run(void)
{
	must(open("program", O_WRONLY));
	must(execl("program", "program", NULL));
	return "ok";
}

/* ---- rename -------------------------------------------------------------------------------- */

static const char *rename_file(void)
{
	must(rename("file", "moved"));
	return yes(streq(file_text("moved"), lower) && !is_there("file"));
}

static const char *rename_over(void)
{
	must(rename("file", "other"));
	return yes(streq(file_text("other"), lower) && !is_there("file"));
}

static const char *rename_across(void)
{
	must(rename("file", "folder/moved"));
	return yes(streq(file_text("folder/moved"), lower) && !is_there("file"));
}

static const char *rename_folder(void)
{
	return said(rename("folder", "moved"));
}

static const char *rename_folder_empty(void)
{
	return said(rename("empty", "moved"));
}

static const char *rename_folder_new(void)
{
	must(mkdir("new", 0755));
	must(file_write("new/in", O_CREAT, lower));
	must(rename("new", "moved"));
	return yes(streq(file_text("moved/in"), lower) && !is_there("new"));
}

static const char *rename_folder_over_empty(void)
{
	must(mkdir("new", 0755));
	must(file_write("new/in", O_CREAT, "n"));
	must(rename("new", "empty"));
	return yes(streq(file_text("empty/in"), "n"));
}

static const char *rename_folder_over_full(void)
{
	must(mkdir("new", 0755));
	return said(rename("new", "folder"));
}

static const char *rename_folder_over_emptied(void)
{
	int seen;

	must(mkdir("new", 0755));
	must(unlink("folder/in"));
	must(rename("new", "folder"));
	return number("%lu names", (unsigned long)folder_count("folder", NULL, &seen));
}

static const char *rename_file_over_folder(void)
{
	return said(rename("file", "empty"));
}

static const char *rename_folder_over_file(void)
{
	must(mkdir("new", 0755));
	return said(rename("new", "file"));
}

static const char *rename_link(void)
{
	must(rename("link", "moved"));
	return yes(S_ISLNK(stat_of("moved").st_mode) && !is_there("link"));
}

static const char *rename_noreplace(void)
{
	return said(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_NOREPLACE));
}

static const char *rename_noreplace_removed(void)
{
	must(unlink("other"));
	return said(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_NOREPLACE));
}

static const char *rename_exchange(void)
{
	must(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
	return yes(streq(file_text("other"), lower) && streq(file_text("file"), "other\n"));
}

static const char *rename_exchange_folder(void)
{
	must(mkdir("new", 0755));
	return said(renameat2(AT_FDCWD, "new", AT_FDCWD, "file", RENAME_EXCHANGE));
}

static const char *rename_hard(void)
{
	must(rename("hard1", "hard2"));
	return yes(is_there("hard1") && is_there("hard2"));
}

static const char *rename_inode(void)
{
	ino_t inode = stat_of("file").st_ino;

	must(rename("file", "moved"));
	return yes(stat_of("moved").st_ino == inode);
}

/* ---- removing ------------------------------------------------------------------------------- */

static const char *remove_file(void)
{
	int seen, n;

	must(unlink("file"));
	n = folder_count(".", "file", &seen);
	return yes(!is_there("file") && !seen && n > 5);
}

static const char *remove_again(void)
{
	must(unlink("file"));
	return said(unlink("file"));
}

static const char *remove_recreate(void)
{
	int seen;

	must(unlink("file"));
	must(file_write("file", O_CREAT | O_EXCL, "new"));
	must(folder_count(".", "file", &seen));
	return yes(streq(file_text("file"), "new") && seen == 1);
}

static const char *remove_folder_recreate(void)
{
	int seen;

	must(unlink("folder/in"));
	must(rmdir("folder"));
	must(mkdir("folder", 0755));
	return number("%lu names", (unsigned long)folder_count("folder", NULL, &seen));
}

static const char *remove_folder_by_file(void)
{
	must(rmdir("empty"));
	must(file_write("empty", O_CREAT | O_EXCL, "new"));
	return yes(streq(file_text("empty"), "new"));
}

static const char *remove_file_by_folder(void)
{
	must(unlink("file"));
	must(mkdir("file", 0755));
	must(file_write("file/in", O_CREAT, "new"));
	return yes(streq(file_text("file/in"), "new"));
}

static const char *remove_full(void)
{
	return said(rmdir("folder"));
}

static const char *remove_folder_as_file(void)
{
	return said(unlink("folder"));
}

static const char *remove_file_as_folder(void)
{
	return said(rmdir("file"));
}

static const char *remove_link(void)
{
	must(unlink("folderlink"));
	return yes(!is_there("folderlink") && is_there("folder/in"));
}

static const char *remove_open(void)
{
	int fd = open("file", O_RDONLY);
	char text[8] = "";

	must(fd);
	must(unlink("file"));
	must(read(fd, text, 6));
	return yes(streq(text, lower));
}

static const char *remove_working_folder(void)
{
	must(chdir("empty"));
	must(rmdir("../empty"));
	return open_said("new", O_CREAT | O_WRONLY);
}

/* ---- reading folders ------------------------------------------------------------------------ */

static const char *readdir_changes(void)
{
	int seen, n = folder_count(".", NULL, &seen);

	must(n);
	must(unlink("file"));
	must(rename("other", "renamed"));
	must(file_write("one-more", O_CREAT, ""));
	must(file_write("hard1", 0, "upper"));
	return yes(folder_count(".", "renamed", &seen) == n && seen == 1);
}

static const char *readdir_types(void)
{
	DIR *dir = opendir(".");
	bool same = true;

	for (struct dirent *e; dir && (e = readdir(dir));)
		same &= e->d_type == DT_UNKNOWN ||
			(mode_t)DTTOIF(e->d_type) == (stat_of(e->d_name).st_mode & S_IFMT);
	return yes(dir && same);
}

static const char *readdir_inodes(void)
{
	DIR *dir = opendir(".");
	bool same = true;

	for (struct dirent *e; dir && (e = readdir(dir));)
		same &= streq(e->d_name, "..") || e->d_ino == stat_of(e->d_name).st_ino;
	return yes(dir && same);
}

static const char *readdir_many(void)
{
	char name[32];
	int seen;

	for (int i = 0; i < MANY; i += 2) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		must(unlink(name));
	}
	return number("%lu names", (unsigned long)folder_count("many", NULL, &seen));
}

static const char *readdir_while_removing(void)
{
	DIR *dir = opendir("many");

	for (struct dirent *e; dir && (e = readdir(dir));)
		if (e->d_name[0] != '.' && unlinkat(dirfd(dir), e->d_name, 0) < 0)
			return error_name();
	return said(rmdir("many"));
}

static const char *readdir_rewind(void)
{
	DIR *dir = opendir("empty");

	must(dir ? 0 : -1);
	while (readdir(dir))
		;
	must(file_write("empty/new", O_CREAT, ""));
	rewinddir(dir);
	for (struct dirent *e; (e = readdir(dir));)
		if (streq(e->d_name, "new"))
			return "yes";
	return "no";
}

/* ---- hard links ----------------------------------------------------------------------------- */

static const char *hard_count(void)
{
	return number("%lu", stat_of("hard1").st_nlink);
}

static const char *hard_inode(void)
{
	return yes(stat_of("hard1").st_ino == stat_of("hard2").st_ino);
}

static const char *hard_write(void)
{
	must(file_write("hard1", 0, "upper"));
	return yes(streq(file_text("hard2"), "upper\n"));
}

static const char *hard_write_count(void)
{
	must(file_write("hard1", 0, "upper"));
	return number("%lu", stat_of("hard1").st_nlink);
}

static const char *hard_remove_count(void)
{
	must(unlink("hard1"));
	return number("%lu", stat_of("hard2").st_nlink);
}

static const char *hard_new(void)
{
	must(link("file", "linked"));
	must(file_write("linked", 0, "upper"));
	return yes(streq(file_text("file"), "upper\n") && stat_of("file").st_nlink == 2);
}

static const char *hard_new_inode(void)
{
	must(link("file", "linked"));
	return yes(stat_of("file").st_ino == stat_of("linked").st_ino);
}

static const char *hard_symlink(void)
{
	must(linkat(AT_FDCWD, "link", AT_FDCWD, "linked", 0));
	return yes(S_ISLNK(stat_of("linked").st_mode));
}

/* ---- inodes --------------------------------------------------------------------------------- */

static const char *inode_stays(void)
{
	ino_t inode = stat_of("file").st_ino;

	must(file_write("file", 0, "upper"));
	return yes(stat_of("file").st_ino == inode);
}

static const char *inode_folder_stays(void)
{
	ino_t inode = stat_of("folder").st_ino;

	must(chmod("folder", 0700));
	return yes(stat_of("folder").st_ino == inode);
}

static const char *device_is_folders(void)
{
	return yes(stat_of("file").st_dev == stat_of(".").st_dev);
}

static const char *device_stays(void)
{
	dev_t device = stat_of("file").st_dev;

	must(file_write("file", 0, "upper"));
	return yes(stat_of("file").st_dev == device);
}

/* ---- attributes ----------------------------------------------------------------------------- */

static const char *xattr_set(const char *path, const char *name)
{
	char value[8] = "";

	must(setxattr(path, name, "value", 5, 0));
	must(getxattr(path, name, value, sizeof(value)));
	return yes(streq(value, "value"));
}

static const char *xattr_file(void)
{
	return xattr_set("file", "user.test");
}

static const char *xattr_folder(void)
{
	return xattr_set("folder", "user.test");
}

static const char *xattr_link(void)
{
	return said(lsetxattr("link", "user.test", "v", 1, 0));
}

static const char *xattr_list(void)
{
	char list[256];
	ssize_t n;

	must(setxattr("file", "user.test", "v", 1, 0));
	n = listxattr("file", list, sizeof(list));
	must(n);
	return yes(n == 10 && streq(list, "user.test"));
}

static const char *xattr_lower(void)
{
	char value[8] = "";

	must(file_write("marked", 0, "upper"));
	must(getxattr("marked", "user.tree", value, sizeof(value)));
	return yes(streq(value, "lower"));
}

static const char *xattr_remove(void)
{
	must(removexattr("marked", "user.tree"));
	return said((int)getxattr("marked", "user.tree", NULL, 0));
}

static const char *xattr_overlay(void)
{
	return xattr_set("folder", "user.overlay.opaque");
}

static const char *xattr_fuse_overlayfs(void)
{
	return xattr_set("folder", "user.fuseoverlayfs.opaque");
}

static const char *xattr_trusted(void)
{
	return said(setxattr("file", "trusted.test", "v", 1, 0));
}

/* Version 2, with CAP_NET_BIND_SERVICE permitted. */
static const char capability[20] = {0, 0, 0, 2, 0, 4};

static const char *xattr_capability(void)
{
	char value[32];

	must(setxattr("file", "security.capability", capability, sizeof(capability), 0));
	must(getxattr("file", "security.capability", value, sizeof(value)));
	return yes(memcmp(value + 4, capability + 4, 8) == 0);
}

static const char *xattr_capability_write(void)
{
	must(setxattr("file", "security.capability", capability, sizeof(capability), 0));
	must(file_write("file", 0, "upper"));
	return said((int)getxattr("file", "security.capability", NULL, 0));
}

/* user::rw-,user:0:r--,group::r--,mask::r--,other::--- */
static const unsigned char acl[] = {2,	 0,   0,   0,	1,   0,	  6,  0,   255, 255, 255,
				    255, 2,   0,   4,	0,   0,	  0,  0,   0,	4,   0,
				    4,	 0,   255, 255, 255, 255, 16, 0,   4,	0,   255,
				    255, 255, 255, 32,	0,   0,	  0,  255, 255, 255, 255};

static const char *acl_set(void)
{
	unsigned char value[64];
	ssize_t n;

	must(setxattr("file", "system.posix_acl_access", acl, sizeof(acl), 0));
	n = getxattr("file", "system.posix_acl_access", value, sizeof(value));
	must(n);
	return yes(n == sizeof(acl) && memcmp(value, acl, sizeof(acl)) == 0 &&
		   (stat_of("file").st_mode & 0777) == 0640);
}

static const char *acl_default(void)
{
	must(setxattr("empty", "system.posix_acl_default", acl, sizeof(acl), 0));
	must(file_write("empty/new", O_CREAT, ""));
	return yes(getxattr("empty/new", "system.posix_acl_access", NULL, 0) > 0);
}

/* ---- modes, owners, times -------------------------------------------------------------------- */

static const char *mode_of(const char *path)
{
	return number("%04lo", stat_of(path).st_mode & 07777);
}

static const char *mode_suid(void)
{
	return mode_of("suid");
}

static const char *mode_suid_write(void)
{
	must(file_write("suid", 0, "upper"));
	return mode_of("suid");
}

static const char *mode_suid_chown(void)
{
	must(chown("suid", 0, 0));
	return mode_of("suid");
}

static const char *mode_suid_chmod(void)
{
	must(chmod("file", 06755));
	return mode_of("file");
}

static const char *mode_folder(void)
{
	must(chmod("folder", 01777));
	return mode_of("folder");
}

static const char *mode_sgid_inherits(void)
{
	must(chmod("folder", 02755));
	must(mkdir("folder/new", 0755));
	return mode_of("folder/new");
}

static const char *mode_umask(void)
{
	(void)umask(027);
	must(mkdir("new", 0777));
	return mode_of("new");
}

static const char *owner_file(void)
{
	must(chown("file", 5, 6));
	return yes(stat_of("file").st_uid == 5 && stat_of("file").st_gid == 6);
}

static const char *owner_folder(void)
{
	must(chown("folder", 5, 6));
	return yes(stat_of("folder").st_uid == 5 && stat_of("folder").st_gid == 6);
}

static const char *owner_link(void)
{
	must(lchown("link", 5, 6));
	return yes(stat_of("link").st_uid == 5 && stat_of("file").st_uid != 5);
}

static const struct timespec then[2] = {{1000000000, 123456789}, {1000000001, 987654321}};

static bool is_then(const char *path)
{
	struct stat st = stat_of(path);

	return st.st_mtim.tv_sec == then[1].tv_sec && st.st_mtim.tv_nsec == then[1].tv_nsec;
}

static const char *time_file(void)
{
	must(utimensat(AT_FDCWD, "file", then, 0));
	return yes(is_then("file"));
}

static const char *time_folder(void)
{
	must(utimensat(AT_FDCWD, "folder", then, 0));
	return yes(is_then("folder"));
}

static const char *time_link(void)
{
	must(utimensat(AT_FDCWD, "link", then, AT_SYMLINK_NOFOLLOW));
	return yes(is_then("link") && !is_then("file"));
}

/* The tree's file has that time. */
static const char *time_chmod(void)
{
	must(chmod("old", 0600));
	return yes(is_then("old"));
}

static const char *time_write(void)
{
	must(file_write("old", 0, "upper"));
	return yes(!is_then("old"));
}

static const char *time_rename(void)
{
	must(rename("old", "moved"));
	return yes(is_then("moved"));
}

static const char *time_folder_unlink(void)
{
	must(unlink("oldfolder/in"));
	return yes(!is_then("oldfolder"));
}

static const char *time_folder_within(void)
{
	must(file_write("oldfolder/in", 0, "upper"));
	return yes(is_then("oldfolder"));
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static const char *size_truncate(void)
{
	must(truncate("file", 3));
	return yes(streq(file_text("file"), "low"));
}

static const char *size_extend(void)
{
	must(truncate("file", 100000));
	return yes(stat_of("file").st_size == 100000 && streq(file_text("file"), lower));
}

static const char *size_fallocate(void)
{
	int fd = open("file", O_RDWR);

	must(fd);
	must(fallocate(fd, 0, 0, 100000));
	return yes(stat_of("file").st_size == 100000);
}

static const char *size_punch(void)
{
	int fd = open("large", O_RDWR);
	char byte = 'x';

	must(fd);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536));
	must(pread(fd, &byte, 1, 100));
	return yes(byte == 0);
}

static const char *size_sparse(void)
{
	must(chmod("sparse", 0600));
	/* The kernel's overlay copies pieces of 1 MiB that aren't all hole. */
	return yes(stat_of("sparse").st_size == LARGE &&
		   stat_of("sparse").st_blocks < LARGE / 512);
}

static const char *size_large(void)
{
	static char text[LARGE];
	int fd = open("large", O_RDWR);
	bool same = true;

	must(fd);
	must(pwrite(fd, "u", 1, 0));
	if (read(fd, text, LARGE) != LARGE)
		return error_name();
	for (int i = 1; i < LARGE; i++)
		same &= text[i] == (char)('a' + i % 23);
	return yes(same && text[0] == 'u');
}

static const char *size_copy_range(void)
{
	int from = open("large", O_RDONLY), to = open("copy", O_CREAT | O_WRONLY, 0644);
	ssize_t n = copy_file_range(from, NULL, to, NULL, 1000, 0);

	must(n);
	return yes(n == 1000);
}

static const char *size_room(void)
{
	struct statvfs st;

	must(statvfs(".", &st));
	return yes(st.f_bavail > 0 && st.f_favail > 0);
}

static const char *size_name(void)
{
	struct statvfs st;

	must(statvfs(".", &st));
	return number("%lu", st.f_namemax);
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char *name_long(void)
{
	char name[256];

	memset(name, 'y', 255);
	name[255] = '\0';
	must(file_write(name, O_CREAT, "new"));
	must(unlink(name));
	return "ok";
}

static const char *name_long_lower(void)
{
	must(file_write(name255, 0, "upper"));
	must(unlink(name255));
	return yes(!is_there(name255));
}

static const char *name_too_long(void)
{
	char name[257];

	memset(name, 'y', 256);
	name[256] = '\0';
	return open_said(name, O_CREAT | O_WRONLY);
}

static const char *name_odd(void)
{
	static const char name[] = "new\nline \xff\x01:,\\";
	int seen;

	must(file_write(name, O_CREAT, "new"));
	must(folder_count(".", name, &seen));
	must(unlink(name));
	return yes(seen == 1 && !is_there(name));
}

static const char *name_whiteout(void)
{
	must(file_write(".wh.new", O_CREAT, "new"));
	return yes(streq(file_text(".wh.new"), "new"));
}

static const char *name_whiteout_hides(void)
{
	(void)file_write(".wh.file", O_CREAT, "new");
	return yes(is_there("file"));
}

static const char *name_whiteout_lower(void)
{
	return yes(is_there("whiteouts/.wh.a"));
}

static const char *name_whiteout_lower_hides(void)
{
	return yes(is_there("whiteouts/a"));
}

static const char *link_long(void)
{
	char target[2001], read[2001] = "";

	memset(target, 't', 2000);
	target[2000] = '\0';
	must(symlink(target, "long"));
	must(readlink("long", read, 2000));
	return yes(streq(target, read));
}

/* ---- files that are none --------------------------------------------------------------------- */

static const char *fifo_lower(void)
{
	int fd = open("fifo", O_RDWR | O_NONBLOCK);
	char byte = 0;

	must(fd);
	must(write(fd, "f", 1));
	must(read(fd, &byte, 1));
	return yes(byte == 'f');
}

static const char *fifo_chmod(void)
{
	must(chmod("fifo", 0600));
	return yes(S_ISFIFO(stat_of("fifo").st_mode));
}

static const char *fifo_new(void)
{
	must(mkfifo("new", 0600));
	return yes(S_ISFIFO(stat_of("new").st_mode));
}

static const char *socket_new(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	must(bind(server, (struct sockaddr *)&address, sizeof(address)));
	must(listen(server, 1));
	return said(connect(client, (struct sockaddr *)&address, sizeof(address)));
}

static const char *device_new(void)
{
	return said(mknod("null", S_IFCHR | 0600, makedev(1, 3)));
}

static const char *device_whiteout(void)
{
	must(mknod("whiteout", S_IFCHR | 0600, makedev(0, 0)));
	return yes(is_there("whiteout"));
}

static const char *sync_file(void)
{
	int fd = open("file", O_RDWR);

	must(fd);
	must(write(fd, "u", 1));
	must(fsync(fd));
	return said(fsync(open(".", O_RDONLY)));
}

/* ---- the table ------------------------------------------------------------------------------ */

/* WHAT is also how sbx-overlay(7) calls it. */
struct row {
	const char *what;
	const char *(*run)(void);
	const char *plain; /* what comes of it in a plain folder */
};

/* clang-format off */
static const struct row rows[] = {
	{"O_CREAT and O_EXCL of a file that is there", open_excl_file, "EEXIST"},
	{"O_CREAT and O_EXCL of a folder", open_excl_folder, "EEXIST"},
	{"O_CREAT and O_EXCL of a dangling link", open_excl_link, "EEXIST"},
	{"O_CREAT and O_EXCL of a removed file", open_excl_removed, "ok"},
	{"O_CREAT through a dangling link makes its target", open_creat_dangling, "yes"},
	{"O_CREAT of a folder", open_creat_folder, "EISDIR"},
	{"O_RDWR of a folder", open_write_folder, "EISDIR"},
	{"O_DIRECTORY of a file", open_folder_file, "ENOTDIR"},
	{"O_NOFOLLOW of a link", open_nofollow, "ELOOP"},
	{"O_TRUNC empties a file", open_trunc, "yes"},
	{"O_TRUNC through a link", open_trunc_link, "yes"},
	{"O_TRUNC with O_RDONLY", open_trunc_read, "0 bytes"},
	{"O_APPEND keeps what is there", open_append, "yes"},
	{"O_TMPFILE, and a name for it", open_tmpfile, "yes"},
	{"O_DIRECT", open_direct, "ok"},
	{"of eight that make a file with O_EXCL win", open_race, "1"},

	{"an earlier reader sees the first write", before_read, "yes"},
	{"an earlier mapping sees the first write", before_map, "yes"},
	{"fstat of a reader from before sees the new size", before_stat, "yes"},
	{"fstat of a reader from before has the file's inode", before_inode, "yes"},
	{"flock by a reader from before holds off a writer", before_flock, "EAGAIN"},
	{"fcntl lock by a reader from before holds off a writer", before_fcntl, "EAGAIN"},
	{"inotify of a file tells of its first write", before_inotify, "yes"},
	{"inotify of a folder tells of a new file", before_inotify_folder, "yes"},
	{"a shared mapping can be written", map_write, "yes"},
	{"writing to a program that runs", busy_write, "ETXTBSY"},
	{"running a program that is open for writing", busy_run, "ETXTBSY"},

	{"rename of a file", rename_file, "yes"},
	{"rename of a file over another", rename_over, "yes"},
	{"rename of a file into another folder", rename_across, "yes"},
	{"rename of a folder of the tree", rename_folder, "ok"},
	{"rename of an empty folder of the tree", rename_folder_empty, "ok"},
	{"rename of a new folder", rename_folder_new, "yes"},
	{"rename of a folder over an empty one", rename_folder_over_empty, "yes"},
	{"rename of a folder over a full one", rename_folder_over_full, "ENOTEMPTY"},
	{"rename of a folder over an emptied one", rename_folder_over_emptied, "0 names"},
	{"rename of a file over a folder", rename_file_over_folder, "EISDIR"},
	{"rename of a folder over a file", rename_folder_over_file, "ENOTDIR"},
	{"rename of a symbolic link", rename_link, "yes"},
	{"RENAME_NOREPLACE over a file", rename_noreplace, "EEXIST"},
	{"RENAME_NOREPLACE over a removed file", rename_noreplace_removed, "ok"},
	{"RENAME_EXCHANGE of two files", rename_exchange, "yes"},
	{"RENAME_EXCHANGE of new folder and file", rename_exchange_folder, "ok"},
	{"rename of one hard link over the other", rename_hard, "yes"},
	{"a renamed file keeps its inode", rename_inode, "yes"},

	{"a removed file is gone", remove_file, "yes"},
	{"removing a file twice", remove_again, "ENOENT"},
	{"a file in a removed one's place is new", remove_recreate, "yes"},
	{"a folder in a removed one's place", remove_folder_recreate, "0 names"},
	{"a file in a removed folder's place", remove_folder_by_file, "yes"},
	{"a folder in a removed file's place", remove_file_by_folder, "yes"},
	{"rmdir of a full folder", remove_full, "ENOTEMPTY"},
	{"unlink of a folder", remove_folder_as_file, "EISDIR"},
	{"rmdir of a file", remove_file_as_folder, "ENOTDIR"},
	{"a removed link's target stays", remove_link, "yes"},
	{"a removed file can be read by who has it open", remove_open, "yes"},
	{"a new file in a removed working folder", remove_working_folder, "ENOENT"},

	{"a folder lists each name once after changes", readdir_changes, "yes"},
	{"a folder lists the right types", readdir_types, "yes"},
	{"inodes of a listing are those of stat", readdir_inodes, "yes"},
	{"of 1000 names, half of them removed", readdir_many, "500 names"},
	{"a folder can be emptied while it is read", readdir_while_removing, "ok"},
	{"rewinddir shows a new file", readdir_rewind, "yes"},

	{"link count of a hard link of the tree", hard_count, "2"},
	{"hard links of the tree have one inode", hard_inode, "yes"},
	{"hard links of the tree stay one file", hard_write, "yes"},
	{"link count of one that was written", hard_write_count, "2"},
	{"link count when the other is removed", hard_remove_count, "1"},
	{"a new hard link and its file are one", hard_new, "yes"},
	{"a new hard link has its file's inode", hard_new_inode, "yes"},
	{"a hard link to a symbolic link", hard_symlink, "yes"},

	{"a file keeps its inode at the first write", inode_stays, "yes"},
	{"a folder keeps its inode at the first change", inode_folder_stays, "yes"},
	{"a file's device number is its folder's", device_is_folders, "yes"},
	{"a file keeps its device number at the first write", device_stays, "yes"},

	{"user attributes of a file", xattr_file, "yes"},
	{"user attributes of a folder", xattr_folder, "yes"},
	{"user attributes of a link", xattr_link, "EPERM"},
	{"a list of attributes has what was set and nothing else", xattr_list, "yes"},
	{"attributes of the tree stay at the first write", xattr_lower, "yes"},
	{"a removed attribute of the tree is gone", xattr_remove, "ENODATA"},
	{"attributes user.overlay.*", xattr_overlay, "yes"},
	{"attributes user.fuseoverlayfs.*", xattr_fuse_overlayfs, "yes"},
	{"attributes trusted.*", xattr_trusted, "EPERM"},
	{"file capabilities", xattr_capability, "yes"},
	{"file capabilities after a write", xattr_capability_write, "ENODATA"},
	{"access control lists", acl_set, "yes"},
	{"default access control lists are inherited", acl_default, "yes"},

	{"a set-user-ID bit of the tree", mode_suid, "4755"},
	{"a set-user-ID bit after a write by root", mode_suid_write, "0755"},
	{"a set-user-ID bit after chown", mode_suid_chown, "0755"},
	{"chmod of a file", mode_suid_chmod, "6755"},
	{"chmod of a folder", mode_folder, "1777"},
	{"a new folder in one with set-group-ID", mode_sgid_inherits, "2755"},
	{"a new folder under umask 027", mode_umask, "0750"},
	{"chown of a file", owner_file, "yes"},
	{"chown of a folder", owner_folder, "yes"},
	{"chown of a link", owner_link, "yes"},
	{"times of a file can be set to the nanosecond", time_file, "yes"},
	{"times of a folder can be set", time_folder, "yes"},
	{"times of a link can be set", time_link, "yes"},
	{"chmod leaves the time of the last write", time_chmod, "yes"},
	{"a write changes that time", time_write, "yes"},
	{"rename leaves that time", time_rename, "yes"},
	{"removing a file changes its folder's time", time_folder_unlink, "yes"},
	{"writing to a file leaves its folder's time", time_folder_within, "yes"},

	{"truncate", size_truncate, "yes"},
	{"truncate to more", size_extend, "yes"},
	{"fallocate", size_fallocate, "yes"},
	{"fallocate of a hole", size_punch, "yes"},
	{"a sparse file stays sparse when changed", size_sparse, "yes"},
	{"3 MiB are whole after the first write", size_large, "yes"},
	{"copy_file_range", size_copy_range, "yes"},
	{"statvfs tells of room", size_room, "yes"},
	{"bytes of a name by statvfs", size_name, "255"},

	{"a new name of 255 bytes", name_long, "ok"},
	{"a name of 256 bytes", name_too_long, "ENAMETOOLONG"},
	{"a name with ends of lines and invalid UTF-8", name_odd, "yes"},
	{"a new name that begins with .wh.", name_whiteout, "yes"},
	{"a file stays when .wh. and its name is made", name_whiteout_hides, "yes"},
	{"a name of the tree that begins with .wh.", name_whiteout_lower, "yes"},
	{"a file beside one of .wh. and its name", name_whiteout_lower_hides, "yes"},
	{"a symbolic link of 2000 bytes", link_long, "yes"},

	{"a FIFO of the tree", fifo_lower, "yes"},
	{"chmod of a FIFO of the tree", fifo_chmod, "yes"},
	{"a new FIFO", fifo_new, "yes"},
	{"a new socket", socket_new, "ok"},
	{"a new device node", device_new, "EPERM"},
	{"a new character device 0, 0", device_whiteout, "yes"},
	{"fsync of a file and its folder", sync_file, "ok"},
	/* The last one: it ends fuse-overlayfs. */
	{"changing and removing a 255-byte name", name_long_lower, "yes"},
};
/* clang-format on */

/* ---- the program ---------------------------------------------------------------------------- */

static void fail_here(const char *what)
{
	perror(what);
	exit(2);
}

static void need(int r, const char *what)
{
	if (r < 0)
		fail_here(what);
}

static void large_make(void)
{
	static char text[LARGE];
	int fd = open("large", O_CREAT | O_WRONLY, 0644);

	for (int i = 0; i < LARGE; i++)
		text[i] = (char)('a' + i % 23);
	need(fd < 0 || write(fd, text, LARGE) != LARGE ? -1 : 0, "large");
	need(file_write("sparse", O_CREAT, "s"), "sparse");
	need(truncate("sparse", LARGE), "sparse");
}

static void many_make(void)
{
	char name[32];

	need(mkdir("many", 0755), "many");
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		need(file_write(name, O_CREAT, ""), name);
	}
}

/* This very file. */
static void program_make(void)
{
	int from = open("/proc/self/exe", O_RDONLY);
	int to = open("program", O_CREAT | O_WRONLY, 0755);
	struct stat st;

	need(fstat(from, &st), "program");
	need(copy_file_range(from, NULL, to, NULL, (size_t)st.st_size, 0) == st.st_size ? 0
											: -1,
	     "program");
}

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

/* What is costly is made where a row has to do with it. */
static void row_make(const struct row *row)
{
	static const struct {
		const char *(*run)(void);
		void (*make)(void);
	} costly[] = {
		{size_large, large_make},   {size_sparse, large_make},
		{size_punch, large_make},   {size_copy_range, large_make},
		{readdir_many, many_make},  {readdir_while_removing, many_make},
		{busy_write, program_make}, {busy_run, program_make},
	};

	folder_make();
	for (size_t i = 0; i < ARRAY_SIZE(costly); i++)
		if (costly[i].run == row->run)
			costly[i].make();
}

/* Enters the folder of row I, below TOP. */
static void row_enter(int top, size_t i)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%zu", i);
	need(fchdir(top), "FOLDER");
	need(chdir(name), name);
}

static void make(int top)
{
	char name[32];

	(void)umask(022);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		need(mkdirat(top, name, 0755), name);
		row_enter(top, i);
		row_make(&rows[i]);
	}
}

static void row_run(int top, size_t i)
{
	const char *result;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(ROW_SECONDS);
		row_enter(top, i);
		result = rows[i].run();
		(void)printf("%s\t%s\t%s\n", rows[i].what, rows[i].plain, result);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	if (status)
		(void)printf("%s\t%s\tstatus %d\n", rows[i].what, rows[i].plain, status);
	(void)fflush(stdout);
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
		make(top);
	for (size_t i = 0; !is_make && i < ARRAY_SIZE(rows); i++)
		row_run(top, i);
	return 0;
}
