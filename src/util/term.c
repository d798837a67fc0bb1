/* SPDX-License-Identifier: Apache-2.0 */
/* term.c: what term.h says, over termios and /proc/self/fd. */
#include "term.h"

#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool term_is(int fd)
{
	/* A terminal that is hung up answers EIO; and one that may not be asked is still no file to
	 * hand on. Older kernels say EINVAL of some that are none. */
	return isatty(fd) || (errno != ENOTTY && errno != EINVAL && errno != EBADF);
}

const char *term_line_end(int fd)
{
	const tcflag_t adds = OPOST | ONLCR;
	struct termios modes;

	return tcgetattr(fd, &modes) == 0 && (modes.c_oflag & adds) != adds ? "\r\n" : "\n";
}

bool term_is_same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && S_ISCHR(sa.st_mode) &&
	       S_ISCHR(sb.st_mode) && sa.st_dev == sb.st_dev && sa.st_rdev == sb.st_rdev;
}

/* Every open of /dev/ptmx makes another terminal; only masters know a number. */
static bool is_master(int fd)
{
	unsigned number;

	return ioctl(fd, TIOCGPTN, &number) == 0;
}

int term_reopen(int fd, int flags)
{
	autoclose int again = -EBADF;
	struct stat want, got;
	char path[32];

	if (fstat(fd, &want) < 0)
		return -errno;
	/* A regular file would lose its offset and O_APPEND, a socket can't be opened. */
	if (!S_ISFIFO(want.st_mode) &&
	    (!S_ISCHR(want.st_mode) || !term_is(fd) || is_master(fd)))
		return -ENOTSUP;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NOCTTY | O_CLOEXEC);
	if (again < 0)
		return -errno;
	if (fstat(again, &got) < 0 || got.st_dev != want.st_dev || got.st_ino != want.st_ino)
		return -ENOTSUP;
	return take_fd(&again);
}

bool term_is_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 || group == getpgrp();
}

int term_set_modes(int fd, const struct termios *modes)
{
	int r;

	do
		r = tcsetattr(fd, TCSANOW, modes);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int term_set_raw(int fd, const struct termios *modes)
{
	struct termios raw = *modes;

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return term_set_modes(fd, &raw);
}

/* clang-format off */
static const cc_t sane_keys[NCCS] = {
	[VINTR] = CINTR,   [VQUIT] = CQUIT,	[VERASE] = CERASE,   [VKILL] = CKILL,
	[VEOF] = CEOF,	   [VSTART] = CSTART,	[VSTOP] = CSTOP,     [VSUSP] = CSUSP,
	[VEOL] = CEOL,	   [VREPRINT] = CRPRNT, [VDISCARD] = CFLUSH, [VWERASE] = CWERASE,
	[VLNEXT] = CLNEXT,
};
/* clang-format on */

void term_make_sane(struct termios *modes)
{
	modes->c_iflag = (modes->c_iflag & IUTF8) | ICRNL | IXON;
	modes->c_oflag = OPOST | ONLCR;
	modes->c_lflag = (modes->c_lflag & TOSTOP) | ISIG | ICANON | IEXTEN | ECHO | ECHOE |
			 ECHOK | ECHOCTL | ECHOKE;
	for (size_t i = 0; i < NCCS; i++)
		if (modes->c_cc[i] == _POSIX_VDISABLE)
			modes->c_cc[i] = sane_keys[i];
	modes->c_cc[VMIN] = CMIN;
	modes->c_cc[VTIME] = CTIME;
}

int term_has_unread(int master)
{
	/* The master's own ioctls tell of the other direction only, and FIONREAD here would
	 * leave out an end of file. */
	autoclose int slave = ioctl(master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct pollfd unread = {.fd = slave, .events = POLLIN};

	if (slave < 0 || poll(&unread, 1, 0) < 0)
		return -errno;
	return unread.revents != 0;
}
