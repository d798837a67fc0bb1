/* SPDX-License-Identifier: Apache-2.0 */
/* probe_descriptors.c: descriptors, working folders and links of /proc that could lead out. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *no_more_than_three(void)
{
	for (int fd = 3; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return through("descriptor %d is open", fd);
	return NULL;
}

static const char *no_way_out_by_ours(void)
{
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && way_out(fd, "a descriptor"))
			return through("descriptor %d leads out", fd);
	return NULL;
}

/* PATH/ of every process that is to be seen, as a folder. */
static const char *no_way_out_by(const char *link)
{
	DIR *proc = opendir("/proc");
	const char *failure = NULL;
	char path[512];

	for (struct dirent *e; proc && !failure && (e = readdir(proc));) {
		int fd;

		if (atoi(e->d_name) == 0 && strcmp(e->d_name, "self") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name, link);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			failure = way_out(fd, path);
		(void)close(fd);
	}
	return failure;
}

static const char *no_way_out_by_cwd(void)
{
	return no_way_out_by("cwd");
}

static const char *no_way_out_by_root(void)
{
	return no_way_out_by("root");
}

static const char *no_way_out_by_fds(void)
{
	const char *failure = NULL;
	char link[32];

	for (int fd = 0; fd < 64 && !failure; fd++) {
		(void)snprintf(link, sizeof(link), "fd/%d", fd);
		failure = no_way_out_by(link);
	}
	return failure;
}

/* A link of /proc that is a file's: opened anew, and written. */
static const char *exe_is_safe(void)
{
	char text[256] = "";
	int fd = open("/proc/1/exe", O_RDONLY | O_CLOEXEC);
	char again[64];

	if (readlink("/proc/1/exe", text, sizeof(text) - 1) >= 0 &&
	    strcmp(text, "/memfd:sbx-init (deleted)") != 0)
		return through("/proc/1/exe is %s", text);
	if (open("/proc/1/exe", O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0)
		return through("/proc/1/exe can be written");
	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	if (fd >= 0 && truncate(again, 0) == 0)
		return through("/proc/1/exe can be cut");
	fd = open(again, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && write(fd, "x", 1) == 1)
		return through("/proc/1/exe can be written by its descriptor");
	if (fd >= 0 && (fcntl(fd, F_ADD_SEALS, 0) == 0 || fchmod(fd, 0777) == 0) &&
	    write(fd, "x", 1) == 1)
		return through("/proc/1/exe can be unsealed");
	return NULL;
}

/* What is mapped into somebody is a file too. */
static const char *maps_are_inside(void)
{
	FILE *maps = fopen("/proc/1/maps", "re");
	char line[1024];

	while (maps && fgets(line, sizeof(line), maps)) {
		char *path = strchr(line, '/');

		if (path && strncmp(path, "/memfd:sbx-init", 15) != 0)
			return through("pid 1 maps %s", path);
	}
	return NULL;
}

static const char *cwd_is_inside(void)
{
	char cwd[4096];
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		return through("the working folder is '%s'", cwd);
	return way_out(here, "the working folder");
}

/* Chroot allows what podman's default allows; it must not be a way up. */
static const char *chroot_leads_nowhere(void)
{
	int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)mkdir("/tmp/jail", 0700);
	if (chroot("/tmp/jail") < 0)
		return NULL;
	return way_out(here, "a folder above the root");
}

const struct attack descriptor_attacks[] = {
	{"CVE-2024-21626: the payload has descriptors 0 to 2 and no other", no_more_than_three},
	{"CVE-2024-21626: none of them leads out", no_way_out_by_ours},
	{"CVE-2024-21626: nor does any descriptor of any process, pid 1 included",
	 no_way_out_by_fds},
	{"CVE-2024-21626: the working folder is inside", cwd_is_inside},
	{"CVE-2024-21626: so is that of every process", no_way_out_by_cwd},
	{"/proc/PID/root of every process is inside", no_way_out_by_root},
	{"CVE-2019-5736: the program file of pid 1 is sealed", exe_is_safe},
	{"CVE-2019-5736: pid 1 maps no file of the host's", maps_are_inside},
	{"chroot, and up from a descriptor above it, stays inside", chroot_leads_nowhere},
	{NULL},
};
