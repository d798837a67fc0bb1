/* SPDX-License-Identifier: Apache-2.0 */
/* union_files.c: rows of union.c about files: what is in them, what is known of them, and what isn't one. */
#include "union.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum { LARGE = 3 << 20 };

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

/* clang-format off */
const struct row file_rows[] = {
	{"an earlier reader sees the first write", before_read, "yes"},
	{"an earlier mapping sees the first write", before_map, "yes"},
	{"fstat of a reader from before sees the new size", before_stat, "yes"},
	{"fstat of a reader from before has the file's inode", before_inode, "yes"},
	{"flock by a reader from before holds off a writer", before_flock, "EAGAIN"},
	{"fcntl lock by a reader from before holds off a writer", before_fcntl, "EAGAIN"},
	{"inotify of a file tells of its first write", before_inotify, "yes"},
	{"inotify of a folder tells of a new file", before_inotify_folder, "yes"},
	{"a shared mapping can be written", map_write, "yes"},
	{"writing to a program that runs", busy_write, "ETXTBSY", program_make},
	{"running a program that is open for writing", busy_run, "ETXTBSY", program_make},

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
	{"fallocate of a hole", size_punch, "yes", large_make},
	{"a sparse file stays sparse when changed", size_sparse, "yes", large_make},
	{"3 MiB are whole after the first write", size_large, "yes", large_make},
	{"copy_file_range", size_copy_range, "yes", large_make},
	{"statvfs tells of room", size_room, "yes"},
	{"bytes of a name by statvfs", size_name, "255"},

	{"a FIFO of the tree", fifo_lower, "yes"},
	{"chmod of a FIFO of the tree", fifo_chmod, "yes"},
	{"a new FIFO", fifo_new, "yes"},
	{"a new socket", socket_new, "ok"},
	{"a new device node", device_new, "EPERM"},
	{"a new character device 0, 0", device_whiteout, "yes"},
	{"fsync of a file and its folder", sync_file, "ok"},
	{NULL},
};
/* clang-format on */
