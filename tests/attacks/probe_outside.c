/* SPDX-License-Identifier: Apache-2.0 */
/* probe_outside.c: the host's side: what attacks inside must not reach. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

struct host {
	const char *folder;
	char text[64], file[4096], mq[64];
	pid_t sleeper;
	int shm;
	struct stat st;
	struct utsname names;
};

static void tell(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(const char *name, const char *fmt, ...)
{
	char variable[64], value[4096];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	(void)snprintf(variable, sizeof(variable), "CANARY_%s", name);
	(void)setenv(variable, value, 1);
}

static void file_make(struct host *h)
{
	int fd;

	(void)snprintf(h->text, sizeof(h->text), "canary of %d", (int)getpid());
	(void)snprintf(h->file, sizeof(h->file), "%s/canary", h->folder);
	fd = open(h->file, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, h->text, strlen(h->text)) < 0 || fstat(fd, &h->st) < 0)
		exit(2);
	(void)close(fd);
	tell("TEXT", "%s", h->text);
	tell("FILE", "%s", h->file);
}

/* For open_by_handle_at(): number of the type, bytes in hex. */
static void handle_tell(const struct host *h)
{
	struct {
		struct file_handle head;
		unsigned char room[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	char hex[2 * MAX_HANDLE_SZ + 1] = "";
	int mount;

	if (name_to_handle_at(AT_FDCWD, h->file, &handle.head, &mount, 0) < 0)
		handle.head.handle_bytes = 0;
	for (unsigned i = 0; i < handle.head.handle_bytes; i++)
		(void)snprintf(hex + 2UL * i, 3, "%02x", handle.room[i]);
	tell("HANDLE", "%d %s", handle.head.handle_type, hex);
}

static void process_make(struct host *h)
{
	h->sleeper = fork();
	if (h->sleeper == 0) {
		(void)prctl(PR_SET_NAME, "sbx-canary");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	tell("PID", "%d", (int)h->sleeper);
}

/* Both stay open in us, who wait. */
static void sockets_make(void)
{
	struct sockaddr_un abstract = {.sun_family = AF_UNIX};
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(loopback);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "sbx-canary-%d",
			 (int)getpid());

	if (bind(fd, (void *)&abstract,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0 ||
	    listen(fd, 5) < 0)
		exit(2);
	tell("SOCKET", "%s", abstract.sun_path + 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (void *)&loopback, sizeof(loopback)) < 0 || listen(fd, 5) < 0 ||
	    getsockname(fd, (void *)&loopback, &len) < 0)
		exit(2);
	tell("PORT", "%d", ntohs(loopback.sin_port));
}

static void ipc_make(struct host *h)
{
	key_t key = 0x5b000000 + (getpid() & 0xffffff);

	h->shm = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	tell("SHM", "%d", (int)key);
	(void)snprintf(h->mq, sizeof(h->mq), "/sbx-canary-%d", (int)getpid());
	(void)mq_open(h->mq, O_CREAT | O_RDWR | O_CLOEXEC, 0666, NULL);
	tell("MQ", "%s", h->mq);
}

/* In a session keyring of our own, which COMMAND has too. */
static void key_make(void)
{
	enum { JOIN_SESSION = 1, SESSION = -3 };
	long key = syscall(SYS_keyctl, JOIN_SESSION, NULL);

	if (key >= 0)
		key = syscall(SYS_add_key, "user", "sbx-canary", "sesame", 6, SESSION);
	tell("KEY", "%ld", key);
}

static void namespaces_tell(void)
{
	char path[64], name[64], link[64];

	for (size_t i = 0; namespaces[i]; i++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", namespaces[i]);
		(void)snprintf(name, sizeof(name), "NS_%s", namespaces[i]);
		n = readlink(path, link, sizeof(link) - 1);
		tell(name, "%.*s", n > 0 ? (int)n : 0, link);
	}
}

static bool ended_well;

static void check(bool good, const char *what)
{
	(void)printf("%sok - %s\n", good ? "" : "not ", what);
	ended_well &= good;
}

static bool file_is_same(const struct host *h)
{
	struct stat now;

	return is_canary(h->file) && stat(h->file, &now) == 0 && now.st_mode == h->st.st_mode &&
	       now.st_uid == h->st.st_uid && now.st_mtim.tv_sec == h->st.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == h->st.st_mtim.tv_nsec;
}

static bool process_is_same(const struct host *h)
{
	char path[64], state = '?';
	FILE *stat;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)h->sleeper);
	stat = fopen(path, "re");
	if (!stat)
		return false;
	if (fscanf(stat, "%*d (sbx-canary) %c", &state) != 1)
		state = '?';
	(void)fclose(stat);
	return state == 'S' && getpriority(PRIO_PROCESS, (id_t)h->sleeper) == 0;
}

static void look(struct host *h)
{
	struct utsname names;
	struct shmid_ds segment = {0};

	check(file_is_same(h), "outside: the canary's file is what it was");
	check(process_is_same(h), "outside: the canary lives, neither stopped nor niced");
	check(shmctl(h->shm, IPC_STAT, &segment) == 0 && segment.shm_nattch == 0,
	      "outside: nobody took the shared memory");
	check(uname(&names) == 0 && strcmp(names.nodename, h->names.nodename) == 0,
	      "outside: the host has its name");
}

static void clean(struct host *h)
{
	(void)kill(h->sleeper, SIGKILL);
	(void)shmctl(h->shm, IPC_RMID, NULL);
	(void)mq_unlink(h->mq);
}

int outside_main(char **argv)
{
	struct host h = {.folder = argv[0]};
	int status = 1;
	pid_t pid;

	file_make(&h);
	handle_tell(&h);
	process_make(&h);
	sockets_make();
	ipc_make(&h);
	key_make();
	namespaces_tell();
	(void)uname(&h.names);
	(void)setenv("PASSWORD", "sesame", 1);
	pid = fork();
	if (pid == 0) {
		(void)execv(argv[1], argv + 1);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	ended_well = true;
	look(&h);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "outside: the sandbox ended as it should");
	clean(&h);
	return ended_well ? 0 : 1;
}
