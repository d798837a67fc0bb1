/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c: reach SOCKET FIFO: says "reached" where somebody is at the other end of either. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 3)
		return 2;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	/* Without a reader a FIFO isn't opened for writing (ENXIO). */
	if (connect(fd, (void *)&address, sizeof(address)) == 0 ||
	    open(argv[2], O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
		(void)puts("reached");
	else
		(void)puts("refused");
	return 0;
}
