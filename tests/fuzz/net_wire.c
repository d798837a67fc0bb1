/* SPDX-License-Identifier: Apache-2.0 */
/* net_wire.c: what the launcher hears of a network: from the helper, which a sandbox may have taken over, and at the socket of
 * `sbx port`. A sequence of messages, each behind a letter (e: of the helper, r: a request, R: one with a
 * descriptor) and its length (2 bytes). */
#include "net/net.h"
#include "net/wire.h"

#include "fuzz.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD = 3 };

static void on_event(void *context, const struct net_event *e)
{
	must(memchr(e->name, '\0', sizeof(e->name)));
}

static void on_note(void *context, const char *note)
{
	must(note);
}

/* The ports are few enough, and each has a descriptor of its own or none. */
static void network_check(const struct network *n)
{
	must(n->n_ports <= NET_PORTS_MAX);
	for (size_t i = 0; i < n->n_ports; i++)
		must(n->ports[i].fd < 0 || fcntl(n->ports[i].fd, F_GETFD) >= 0);
}

static void request_send(struct network *n, int folder, const uint8_t *data, size_t len,
			 bool passes)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), pass = -EBADF;
	static struct net_reply reply;
	ssize_t got;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/net", folder);
	must(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
	pass = passes ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -EBADF;
	must(io_send(fd, data, len, pass) == 0);
	/* Its connection, then its message. */
	for (int i = 0; i < 2; i++)
		must(network_turn(n) == 0);
	got = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
	must(got == 0 || got == (ssize_t)sizeof(reply));
	must(got == 0 || (reply.n <= NET_PORTS_MAX && reply.err >= 0));
}

/* The helper says it, and ends. */
static void event_send(struct network *n, const uint8_t *data, size_t len)
{
	int pair[2];

	must(io_socketpair(pair) == 0);
	n->control = pair[0];
	(void)send(pair[1], data, len, MSG_NOSIGNAL);
	(void)close(pair[1]);
	network_end(n);
	must(n->control < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/sbx-fuzz.XXXXXX";
	static struct network n;
	int folder;

	must(mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = (struct network){0};
	network_init(&n);
	n.on_event = on_event;
	n.on_note = on_note;
	n.folder = folder;
	must(network_open(&n) == 0);
	while (size > HEAD) {
		size_t len = (size_t)(data[1] << 8 | data[2]);
		uint8_t what = data[0];

		data += HEAD;
		size -= HEAD;
		len = len < size ? len : size;
		if (what == 'e')
			event_send(&n, data, len);
		else if (len > 0)
			request_send(&n, folder, data, len, what == 'R');
		network_check(&n);
		data += len;
		size -= len;
	}
	network_done(&n);
	(void)close(folder);
	(void)rmdir(path);
	return 0;
}
