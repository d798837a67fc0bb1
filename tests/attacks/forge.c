/* SPDX-License-Identifier: Apache-2.0 */
/* forge.c: a payload that may trace pid 1 takes its end of the pipe and speaks for it.
 *
 *   forge            all kinds of messages, whole, cut and overlong; ends with 42
 *   forge flood      without end
 *   forge linger     tries to send a descriptor that takes a minute to close */
#include "sandbox/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct wire_message m = {.err = 1};

static int wire_take(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
	int wire = (int)syscall(SYS_pidfd_getfd, pidfd, WIRE_FD, 0);

	if (wire < 0)
		perror("take the pipe of pid 1");
	return wire;
}

static void say(int wire, size_t len)
{
	(void)!write(wire, &m, len);
}

static void speak(int wire)
{
	static const size_t lengths[] = {
		0, 1, 4, sizeof(m) - WIRE_TEXT_MAX, sizeof(m) - 1, sizeof(m)};

	for (unsigned type = 0; type < 16; type++) {
		/* How a stop is taken is a terminal's matter, and an end that is told is one. */
		if (type == WIRE_FAILED || type == WIRE_STOPPED || type == WIRE_EXEC_FAILED)
			continue;
		m.type = type;
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			say(wire, lengths[i]);
	}
	m.type = WIRE_EXITED;
	for (int i = 0; i < 200; i++)
		say(wire, sizeof(m));
	/* No packets any more: messages run into each other. */
	(void)fcntl(wire, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 200; i++)
		say(wire, sizeof(m) - 7);
}

static void flood(int wire)
{
	(void)fcntl(wire, F_SETPIPE_SZ, 1 << 20);
	(void)fcntl(wire, F_SETFL, 0);
	for (;;) {
		m.type = WIRE_NOTE + m.type % 2 * (WIRE_EXITED - WIRE_NOTE);
		say(wire, sizeof(m));
	}
}

/* A TCP socket with data that its peer never reads, whose close waits. */
static int slow_to_close(void)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 60};
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	static const char data[1 << 20];

	if (bind(listener, (void *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (void *)&address, &len) < 0 ||
	    connect(fd, (void *)&address, len) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return fd;
}

static int pass(int wire, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.align = {.cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS,
			       .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec part = {.iov_base = &m, .iov_len = sizeof(m)};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	return (int)sendmsg(wire, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int main(int argc, char *argv[])
{
	int wire = wire_take();

	if (wire < 0)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	memset(m.text, 'A', sizeof(m.text));
	memset(m.step, 'A', sizeof(m.step));
	if (argc > 1 && strcmp(argv[1], "flood") == 0)
		flood(wire);
	if (argc > 1 && strcmp(argv[1], "linger") == 0) {
		(void)puts(pass(wire, slow_to_close()) < 0 && errno == ENOTSOCK ? "no socket"
										: "passed");
		return 0;
	}
	speak(wire);
	(void)puts("spoken");
	return 42;
}
