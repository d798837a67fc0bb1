/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c: prints which walls it sees around it, one a line. Static, to run in any tree. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

/* The lines of FILE that begin with one of PREFIXES; all where there are none. */
static void file_print(const char *file, const char *const prefixes[])
{
	char line[4096];
	FILE *f = fopen(file, "re");

	if (!f)
		printf("%s: %s\n", file, strerrorname_np(errno));
	while (f && fgets(line, sizeof(line), f)) {
		bool wanted = !prefixes;

		for (size_t i = 0; prefixes && prefixes[i]; i++)
			wanted |= strncmp(line, prefixes[i], strlen(prefixes[i])) == 0;
		if (wanted)
			printf("%s: %s", file, line);
	}
	if (f)
		(void)fclose(f);
}

/* Without the numbers that differ from run to run. */
static void mounts_print(void)
{
	char line[4096], root[1024], point[1024], flags[256], type[64];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		const char *dash = strstr(line, " - ");

		if (sscanf(line, "%*d %*d %*s %1023s %1023s %255s", root, point, flags) == 3 &&
		    dash && sscanf(dash, " - %63s", type) == 1)
			printf("mount %s %s %s %s%s\n", type, root, point, flags,
			       strstr(line, " master:") || strstr(line, " shared:") ? " shared"
										    : "");
	}
	if (f)
		(void)fclose(f);
}

static void namespaces_print(void)
{
	static const char *const names[] = {"user", "mnt", "pid",    "net",
					    "ipc",  "uts", "cgroup", "time"};
	char path[64], link[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		printf("namespace %s\n", link);
	}
}

static void limits_print(void)
{
	struct rlimit limit;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit(i, &limit) == 0)
			printf("limit %d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
			       (unsigned long long)limit.rlim_max);
}

static void descriptors_print(void)
{
	struct termios modes;
	struct stat st;

	for (int fd = 0; fd < 256; fd++) {
		if (fstat(fd, &st) < 0)
			continue;
		printf("descriptor %d type %o", fd, st.st_mode & S_IFMT);
		if (S_ISCHR(st.st_mode))
			printf(" device %u:%u", major(st.st_rdev), minor(st.st_rdev));
		if (tcgetattr(fd, &modes) == 0)
			printf(" %s modes %o %o %o %o", ttyname(fd), modes.c_iflag,
			       modes.c_oflag, modes.c_cflag, modes.c_lflag);
		putchar('\n');
	}
	printf("session %d group %d parent %d foreground %d\n", getsid(0), getpgrp(), getppid(),
	       tcgetpgrp(0));
}

static void folder_print(const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort);
	char path[512];
	struct stat st;

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (strcmp(names[i]->d_name, "..") != 0 && lstat(path, &st) == 0)
			printf("%s %o %u:%u %u:%u\n", path, st.st_mode, st.st_uid, st.st_gid,
			       major(st.st_rdev), minor(st.st_rdev));
	}
}

static void loopback_print(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		printf("loopback is %s\n", request.ifr_flags & IFF_UP ? "up" : "down");
	(void)close(fd);
}

static void answer_print(const char *what, int r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "done");
}

/* What a payload may not. */
static void attempts_print(void)
{
	answer_print("make a user namespace", unshare(CLONE_NEWUSER));
	answer_print("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
	answer_print("push input", ioctl(0, TIOCSTI, "x"));
	answer_print("write to the root", open("/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	(void)unlink("/new");
	answer_print("open what is bound",
		     open("/mnt/bound/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	answer_print("open pid 1's environment", open("/proc/1/environ", O_RDONLY | O_CLOEXEC));
	answer_print("become another", setresuid(7, 7, 7));
}

/* The kernel takes sixteen sets of Landlock's rules on a process: those that are there already are as
 * many fewer. */
static void landlock_print(void)
{
	const struct {
		uint64_t fs;
	} handled = {1};
	int n = 0;

	for (;;) {
		int rules = (int)syscall(444 /* landlock_create_ruleset */, &handled,
					 sizeof(handled), 0);

		if (rules < 0 || syscall(446 /* landlock_restrict_self */, rules, 0) < 0)
			break;
		n++;
	}
	printf("rules can be added %d times: %s\n", n, strerrorname_np(errno));
}

int main(void)
{
	static const char *const status[] = {"Uid:",	"Gid:",	   "Groups:", "SigBlk:",
					     "SigIgn:", "CapInh:", "CapPrm:", "CapEff:",
					     "CapBnd:", "CapAmb:", "Umask:",  "NoNewPrivs:",
					     "NSpid:",	"Seccomp", NULL};
	char folder[4096];
	struct utsname names;

	file_print("/proc/self/status", status);
	file_print("/proc/self/uid_map", NULL);
	file_print("/proc/self/gid_map", NULL);
	file_print("/proc/self/setgroups", NULL);
	file_print("/proc/self/timerslack_ns", NULL);
	file_print("/proc/self/oom_score_adj", NULL);
	file_print("/proc/sys/user/max_user_namespaces", NULL);
	file_print("/etc/hosts", NULL);
	file_print("/etc/hostname", NULL);
	file_print("/etc/resolv.conf", NULL);
	mounts_print();
	namespaces_print();
	limits_print();
	descriptors_print();
	loopback_print();
	folder_print("/");
	folder_print("/dev");
	folder_print("/dev/pts");
	folder_print("/run");
	folder_print("/tmp");
	(void)uname(&names);
	printf("host %s domain %s\n", names.nodename, names.domainname);
	printf("folder %s\n", getcwd(folder, sizeof(folder)));
	for (char **e = environ; *e; e++)
		printf("environment %s\n", *e);
	attempts_print();
	landlock_print();
	return 0;
}
