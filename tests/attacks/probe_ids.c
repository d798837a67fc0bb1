/* SPDX-License-Identifier: Apache-2.0 */
/* probe_ids.c: other users, and rights that a file or a namespace would give. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The host's numbers are no ids here, whatever they would be there. */
enum { UNMAPPED = 3000000000U };

static const char *foreign_uid(void)
{
	return REFUSED(setresuid(UNMAPPED, UNMAPPED, UNMAPPED));
}

static const char *foreign_gid(void)
{
	return REFUSED(setresgid(UNMAPPED, UNMAPPED, UNMAPPED));
}

static const char *foreign_group(void)
{
	gid_t group = UNMAPPED;

	return REFUSED(setgroups(1, &group));
}

static const char *foreign_fsuid(void)
{
	(void)setfsuid(UNMAPPED);
	return (uid_t)setfsuid((uid_t)-1) == UNMAPPED
		       ? through("the file system's user changed")
		       : NULL;
}

static const char *foreign_owner(void)
{
	int fd = open("/tmp/owned", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd < 0 ? through("no file") : REFUSED(fchown(fd, UNMAPPED, UNMAPPED));
}

static const char *write_once(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0 ? through("%s was written", path)
							    : NULL;
}

static const char *map_is_fixed(void)
{
	const char *failure = write_once("/proc/self/uid_map", "0 0 1\n");

	return failure ? failure : write_once("/proc/self/gid_map", "0 0 1\n");
}

/* CVE-2018-7169: groups that are there to forbid may be dropped only by who has a range. */
static const char *groups_are_fixed(void)
{
	return write_once("/proc/self/setgroups", "deny\n");
}

static const char *namespace_try(int flags)
{
	return REFUSED(unshare(flags));
}

static const char *user_namespace(void)
{
	return namespace_try(CLONE_NEWUSER);
}

static const char *user_namespace_later(void)
{
	const char *failure = write_once("/proc/sys/user/max_user_namespaces", "99");

	return failure ? failure : namespace_try(CLONE_NEWUSER | CLONE_NEWNS);
}

/* ---- programs with rights ----------------------------------------------------------------- */

static int copy(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);
	char part[65536];

	for (ssize_t n; from >= 0 && to >= 0 && (n = read(from, part, sizeof(part))) > 0;)
		if (write(to, part, (size_t)n) != n)
			return -1;
	(void)close(from);
	return to < 0 ? -1 : close(to);
}

/* A copy of this program in FOLDER, executed by user 1000, tells by its status what it came to be. */
static const char *suid_try(const char *folder, bool with_caps)
{
	/* VFS_CAP_REVISION_2, effective, every capability. */
	static const unsigned caps[] = {0x02000001, ~0U, 0, ~0U, 0};
	char path[128];
	int status = 0;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/raised", folder);
	if (copy(path) < 0)
		return through("%s can't be made", path);
	if (with_caps)
		(void)setxattr(path, "security.capability", caps, sizeof(caps), 0);
	else
		(void)chmod(path, 06755);
	pid = fork();
	if (pid == 0) {
		(void)(setresgid(1000, 1000, 1000) | setresuid(1000, 1000, 1000));
		(void)execl(path, path, "am-i-raised", NULL);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	(void)unlink(path);
	return WIFEXITED(status) && WEXITSTATUS(status) == 7
		       ? through("%s ran with rights", path)
		       : NULL;
}

static const char *suid_of_tree(void)
{
	return suid_try("/", false);
}

static const char *caps_of_tree(void)
{
	return suid_try("/", true);
}

static const char *suid_of_bind(void)
{
	return suid_try("/shared", false);
}

static const char *suid_of_tmp(void)
{
	return suid_try("/tmp", false);
}

static const char *bounding_is_kept(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};

	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
		return through("CAP_SYS_ADMIN is in the bounding set");
	return REFUSED(syscall(SYS_capset, &head, all));
}

/* ---- keys -------------------------------------------------------------------------------- */

/* The filter refuses every call of these; what a profile lets pass must find nothing. */
static const char *key_is_unseen(void)
{
	enum { SEARCH = 10, READ = 11, SESSION = -3, USER_SESSION = -5 };
	long key = atol(canary("KEY"));
	char text[16];

	if (key > 0 && syscall(SYS_keyctl, READ, key, text, sizeof(text)) >= 0)
		return through("the caller's key %ld can be read", key);
	if (syscall(SYS_keyctl, SEARCH, SESSION, "user", "sbx-canary", 0) >= 0)
		return through("the caller's session keyring is ours");
	if (syscall(SYS_request_key, "user", "sbx-canary", NULL, 0) >= 0)
		return through("a request finds the caller's key");
	return NULL;
}

/* clang-format off */
const struct attack id_attacks[] = {
	{"ids: no user beyond the map", foreign_uid},
	{"ids: no group beyond the map", foreign_gid},
	{"ids: no supplementary group beyond the map", foreign_group},
	{"ids: no file system's user beyond the map", foreign_fsuid},
	{"ids: no owner beyond the map", foreign_owner},
	{"ids: the maps are fixed", map_is_fixed},
	{"CVE-2018-7169: so is setgroups", groups_are_fixed},
	{"nested user namespaces are refused", user_namespace},
	{"nested user namespaces can't be allowed again", user_namespace_later},
	{"no_new_privs: a set-user-ID program of the tree raises nothing", suid_of_tree, FILTERED & ~USER},
	{"no_new_privs: nor do file capabilities", caps_of_tree, FILTERED & ~USER},
	{"nosuid: a set-user-ID program of a bind raises nothing", suid_of_bind, ROOT | ALL | BARE},
	{"nosuid: nor does one in /tmp", suid_of_tmp, ROOT | ALL | BARE},
	{"CVE-2016-8659: the bounding set is kept", bounding_is_kept, DEFAULT},
	{"keyrings: the caller's session keyring stays outside", key_is_unseen},
	{NULL},
};
/* clang-format on */
