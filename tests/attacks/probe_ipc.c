/* SPDX-License-Identifier: Apache-2.0 */
/* probe_ipc.c: sockets, shared memory and names that the host has too. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *abstract_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = canary("SOCKET");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	return REFUSED(connect(fd, (void *)&address,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					   strlen(name))));
}

static const char *loopback(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(canary("PORT"))),
	};

	return REFUSED(connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (void *)&address,
			       sizeof(address)));
}

/* The one of a network of its own has an address that sbx gives it. */
static bool is_own(const char *name)
{
	static const uint8_t own[] = {0x52, 0x55, 10, 0, 2, 100};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_known;

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	is_known = ioctl(fd, SIOCGIFHWADDR, &request) == 0;
	(void)close(fd);
	return is_known && memcmp(request.ifr_hwaddr.sa_data, own, sizeof(own)) == 0;
}

static const char *interfaces(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_name; i++)
		if (strcmp(i->if_name, "lo") != 0 && !is_own(i->if_name))
			return through("there is %s", i->if_name);
	return NULL;
}

static const char *shared_memory(void)
{
	return REFUSED_BY(ENOENT, shmget(atoi(canary("SHM")), 4096, 0));
}

static const char *every_segment(void)
{
	struct shm_info info;

	if (shmctl(0, SHM_INFO, (void *)&info) < 0)
		return NULL;
	return info.used_ids ? through("%d segments are seen", info.used_ids) : NULL;
}

static const char *message_queue(void)
{
	return REFUSED_BY(ENOENT, mq_open(canary("MQ"), O_RDONLY | O_CLOEXEC));
}

/* The name is the sandbox's own, whoever may change it. The canary outside tells. */
static const char *host_name(void)
{
	(void)sethostname("owned", 5);
	(void)setdomainname("owned", 5);
	return NULL;
}

static const char *cgroup_path(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[1024] = "";

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "..") || !strstr(line, ":/\n"))
			return through("%s", line);
	return NULL;
}

/* clang-format off */
const struct attack ipc_attacks[] = {
	{"Nix CVE-2024-27297: the host's abstract sockets are out of reach", abstract_socket},
	{"the host's loopback is out of reach", loopback},
	{"no interface of the host's", interfaces},
	{"no shared memory of the host's", shared_memory},
	{"no segment is seen at all", every_segment},
	{"no message queue of the host's", message_queue},
	{"the host's name is the host's", host_name},
	{"the host's cgroup path is not seen", cgroup_path},
	{NULL},
};
/* clang-format on */
