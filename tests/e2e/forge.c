/* SPDX-License-Identifier: Apache-2.0 */
/* forge.c: a payload that may trace pid 1 takes its socket and speaks for it. Static: it runs
 * in any tree. */
#include "sandbox/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int say(int wire, const struct wire_message *m, size_t len, int pass)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)m, .iov_len = len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	int fds[2] = {pass, pass};

	if (pass >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(head), fds, sizeof(fds));
	}
	return sendmsg(wire, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int main(void)
{
	static const int types[] = {WIRE_USERNS, WIRE_FUSE, WIRE_TERMINAL, WIRE_NOTE,
				    WIRE_READY,	 WIRE_GO,   WIRE_EXITED,   99};
	struct wire_message m = {.err = 1};
	int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
	int wire = (int)syscall(SYS_pidfd_getfd, pidfd, WIRE_FD, 0);
	int userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	int pair[2];

	if (wire < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) {
		perror("take the socket of pid 1");
		return 2;
	}
	memset(m.text, 'A', sizeof(m.text));
	memset(m.step, 'A', sizeof(m.step));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		m.type = (unsigned)types[i];
		(void)say(wire, &m, sizeof(m), types[i] == WIRE_USERNS ? userns : pair[0]);
		(void)say(wire, &m, sizeof(m.type), -1);
		(void)say(wire, &m, 1, pair[0]);
	}
	for (int i = 0; i < 200; i++)
		(void)say(wire, &m, sizeof(m), pair[0]);
	puts("spoken");
	return 42;
}
