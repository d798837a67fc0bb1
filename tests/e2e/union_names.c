/* SPDX-License-Identifier: Apache-2.0 */
/* union_names.c: rows of union.c about names: what they are opened, changed, removed and listed by. */
#include "union.h"

#include <dirent.h>
#include <sys/wait.h>

enum { MANY = 1000 };

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

static void many_make(void)
{
	char name[32];

	need(mkdir("many", 0755), "many");
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		need(file_write(name, O_CREAT, ""), name);
	}
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

/* ---- the table ------------------------------------------------------------------------------ */

/* clang-format off */
const struct row name_rows[] = {
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
	{"of 1000 names, half of them removed", readdir_many, "500 names", many_make},
	{"a folder can be emptied while it is read", readdir_while_removing, "ok", many_make},
	{"rewinddir shows a new file", readdir_rewind, "yes"},

	{"link count of a hard link of the tree", hard_count, "2"},
	{"hard links of the tree have one inode", hard_inode, "yes"},
	{"hard links of the tree stay one file", hard_write, "yes"},
	{"link count of one that was written", hard_write_count, "2"},
	{"link count when the other is removed", hard_remove_count, "1"},
	{"a new hard link and its file are one", hard_new, "yes"},
	{"a new hard link has its file's inode", hard_new_inode, "yes"},
	{"a hard link to a symbolic link", hard_symlink, "yes"},

	{"a new name of 255 bytes", name_long, "ok"},
	{"a name of 256 bytes", name_too_long, "ENAMETOOLONG"},
	{"a name with ends of lines and invalid UTF-8", name_odd, "yes"},
	{"a new name that begins with .wh.", name_whiteout, "yes"},
	{"a file stays when .wh. and its name is made", name_whiteout_hides, "yes"},
	{"a name of the tree that begins with .wh.", name_whiteout_lower, "yes"},
	{"a file beside one of .wh. and its name", name_whiteout_lower_hides, "yes"},
	{"a symbolic link of 2000 bytes", link_long, "yes"},

	/* The last one: it ends fuse-overlayfs. */
	{"changing and removing a 255-byte name", name_long_lower, "yes"},
	{NULL},
};
/* clang-format on */
