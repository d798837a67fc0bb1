/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c: runs lists of attacks; probe.h has the theory. */
#include "probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 20 };

/* clang-format off */
const struct list lists[] = {
	{"calls",       NULL, calls_more},
	{"descriptors", descriptor_attacks},
	{"files",       file_attacks, files_more},
	{"mounts",      mount_attacks, mounts_more},
	{"processes",   process_attacks},
	{"ids",         id_attacks},
	{"ipc",         ipc_attacks},
	{"terminal",    terminal_attacks},
	{NULL},
};
/* clang-format on */

unsigned way;
static char *said; /* shared with the process that makes the attack */
enum { SAID_MAX = 4096 };

const char *through(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(said, SAID_MAX, fmt, args);
	va_end(args);
	return said;
}

const char *canary(const char *name)
{
	char variable[64];
	const char *value;

	(void)snprintf(variable, sizeof(variable), "CANARY_%s", name);
	value = getenv(variable);
	if (!value) {
		(void)printf("Bail out! %s is not set: start this by `probe outside`\n",
			     variable);
		exit(2);
	}
	return value;
}

/* By what is in it: no number of an inode is sure to be seen inside. */
bool is_canary(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	(void)close(fd);
	return n > 0 && strcmp(text, canary("TEXT")) == 0;
}

const char *way_out(int dir, const char *what)
{
	char path[4096] = "";

	if (fchdir(dir) < 0)
		return NULL;
	for (int up = 0; up < 40; up++) {
		(void)snprintf(path + 3L * up, sizeof(path) - 3UL * (unsigned)up, "..%s",
			       canary("FILE"));
		if (is_canary(path))
			return through("%s leads to the host's %s", what, canary("FILE"));
		(void)snprintf(path + 3L * up, sizeof(path) - 3UL * (unsigned)up, "../");
	}
	return is_canary("./canary") ? through("%s is the canary's folder", what) : NULL;
}

/* Names hold what attackers put there; TAP wants one line, and '#' is its own. */
static void print_line(const char *word, const char *what)
{
	(void)printf("%s - ", word);
	for (; *what; what++)
		(void)putchar((unsigned char)*what < ' ' || *what == '#' ? '?' : *what);
	(void)putchar('\n');
}

void attack_one(const char *what, const char *(*attempt)(const void *), const void *arg)
{
	const char *failure = NULL;
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	said[0] = '\0';
	pid = fork();
	if (pid == 0) {
		(void)alarm(PATIENCE);
		/* What it mounts is its own, if it may mount. */
		if (way & (ALL | BARE))
			(void)unshare(CLONE_NEWNS);
		_exit(attempt(arg) != NULL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		failure = "it could not be tried";
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		failure = "it hangs";
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		failure = said;
	/* Any other signal was the kernel's answer. */
	print_line(failure ? "not ok" : "ok", what);
	if (failure)
		print_line("#", failure);
}

static const char *attempt_plain(const void *arg)
{
	return ((const struct attack *)arg)->attempt();
}

static void list_run(const struct list *list)
{
	for (const struct attack *a = list->attacks; a && a->what; a++)
		if (!a->ways || (a->ways & way))
			attack_one(a->what, attempt_plain, a);
	if (list->more)
		list->more();
}

static bool is_wanted(const char *name, char **wanted)
{
	/* A terminal has to be there. */
	if (!*wanted)
		return strcmp(name, "terminal") != 0;
	for (; *wanted; wanted++)
		if (strcmp(name, *wanted) == 0)
			return true;
	return false;
}

static unsigned way_find(const char *name)
{
	static const char *const names[] = {"root", "user", "all", "bare"};

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return 1U << i;
	return 0;
}

/* We are a copy of this program that user 1000 has executed; see probe_ids.c. */
static bool is_raised(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}};

	(void)syscall(SYS_capget, &head, caps);
	return geteuid() != 1000 || getegid() != 1000 || caps[0].permitted || caps[1].permitted;
}

int main(int argc, char *argv[])
{
	said = mmap(NULL, SAID_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc > 1 && strcmp(argv[1], "am-i-raised") == 0)
		return is_raised() ? 7 : 0;
	if (argc > 3 && strcmp(argv[1], "outside") == 0)
		return outside_main(argv + 2);
	if (argc > 2 && strcmp(argv[1], "inside") == 0)
		way = way_find(argv[2]);
	if (!way || said == MAP_FAILED) {
		(void)fprintf(
			stderr,
			"probe outside FOLDER COMMAND... | inside root|user|all|bare [LIST]...\n");
		return 2;
	}
	for (const struct list *l = lists; l->name; l++)
		if (is_wanted(l->name, argv + 3))
			list_run(l);
	return 0;
}
