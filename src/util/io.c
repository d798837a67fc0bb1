/* SPDX-License-Identifier: Apache-2.0 */
/* io.c: whole reads and writes, and descriptors over sockets. */
#include "io.h"

#include "fail.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t io_read_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)data + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int io_read_file(int fd, struct arena *a, size_t max, char **ret_data, size_t *ret_len)
{
	enum { FIRST = 65536 };
	size_t room, got = 0;
	char *data = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	/* Files of /proc and /sys say that they are empty: how long they are shows at the end.
	 */
	for (room = st.st_size > 0 ? (size_t)st.st_size : FIRST;; room *= 2) {
		char *larger = arena_alloc(a, room + 1);
		ssize_t n;

		if (got)
			memcpy(larger, data, got);
		data = larger;
		n = io_read_all(fd, data + got, room - got);
		if (n < 0)
			return (int)n;
		got += (size_t)n;
		if (got > max)
			return -EFBIG;
		if (st.st_size > 0 || got < room)
			break;
	}
	data[got] = '\0';
	*ret_data = data;
	*ret_len = got;
	return 0;
}

int io_read_path(const char *path, struct arena *a, size_t max, char **ret_data,
		 size_t *ret_len)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int saved = errno, r;
	char shown[256];

	str_escape(shown, sizeof(shown), path);
	path = shown;
	errno = saved;
	if (fd < 0)
		return fail_sys("open '%s'", path);
	r = io_read_file(fd, a, max, ret_data, ret_len);
	if (r == -EINVAL)
		return fail(EINVAL, "'%s' is not a regular file", path);
	if (r == -EFBIG)
		return fail(EFBIG, "'%s' is larger than %zu bytes", path, max);
	return r < 0 ? fail(-r, "read '%s': %s", path, strerrordesc_np(-r)) : 0;
}

int io_replace_file(int dir, const char *name, const void *data, size_t len)
{
	char temporary[64];
	autoclose int fd = -EBADF;
	uint64_t random;
	int r;

	/* Not a name that somebody could have put something at. */
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return fail_sys("get random bytes");
	(void)snprintf(temporary, sizeof(temporary), ".new.%016llx",
		       (unsigned long long)random);
	fd = openat(dir, temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_sys("create '%s'", name);
	r = io_write_all(fd, data, len);
	if (r == 0 && (fsync(fd) < 0 || renameat(dir, temporary, dir, name) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, temporary, 0);
		return fail(-r, "write '%s': %s", name, strerrordesc_np(-r));
	}
	return 0;
}

/* A control message that holds one descriptor, aligned as the kernel wants it. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

int io_send(int fd, const void *data, size_t len, int pass)
{
	union control control = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (pass >= 0) {
		struct cmsghdr *head;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &pass, sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The first descriptor of the control message HEAD. The room for one is the room for two, once
 * it is aligned: what else there is was never asked for. */
static int control_take(struct cmsghdr *head)
{
	size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int first = -EBADF;

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
		if (i == 0)
			first = fd;
		else
			(void)fd_close(fd);
	}
	return first;
}

ssize_t io_receive(int fd, void *data, size_t len, int *ret_passed)
{
	union control control;
	struct iovec part = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	int passed = -EBADF;
	ssize_t n;

	/* ECONNRESET says, once, that the other side has ended with something unread; what it has
	 * sent before is still to be had. */
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head; head = CMSG_NXTHDR(&msg, head))
		if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
			passed = control_take(head);
	if ((msg.msg_flags & MSG_CTRUNC) && passed < 0)
		return -EMFILE; /* the limit on open files has dropped it */
	if (ret_passed)
		*ret_passed = passed;
	else
		(void)fd_close(passed);
	return n;
}

int io_socketpair(int ret_pair[2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_sys("make a socket pair");
	ret_pair[0] = pair[0];
	ret_pair[1] = pair[1];
	return 0;
}
