/* SPDX-License-Identifier: Apache-2.0 */
/* probe_terminal.c: the way to the caller's terminal; to be run on one. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static long ioctl_raw(int fd, unsigned long request, void *arg)
{
	return syscall(SYS_ioctl, fd, request, arg);
}

/* Refused, or kept to the sandbox's own pty: the test outside looks what its terminal was sent. */
static const char *push(unsigned long request)
{
	char byte = '!';

	if (ioctl_raw(0, request, &byte) < 0)
		return NULL;
	return way == BARE ? NULL : through("a byte was pushed");
}

static const char *push_plain(void)
{
	return push(TIOCSTI);
}

static const char *push_high(void)
{
	return push(TIOCSTI + (1UL << 32));
}

static const char *paste(void)
{
	char selection[] = {3};

	return REFUSED(ioctl_raw(0, TIOCLINUX, selection));
}

static const char *paste_high(void)
{
	char selection[] = {3};

	return REFUSED(ioctl_raw(0, TIOCLINUX + (1UL << 32), selection));
}

static bool is_own(int fd)
{
	struct stat terminal, pts;

	return fstat(fd, &terminal) == 0 && stat("/dev/pts", &pts) == 0 &&
	       terminal.st_dev == pts.st_dev;
}

static const char *descriptors_are_own(void)
{
	for (int fd = 0; fd < 1024; fd++)
		if (isatty(fd) && !is_own(fd))
			return through("descriptor %d is a terminal of the host's", fd);
	return isatty(0) ? NULL : through("there is no terminal to try it on");
}

/* What /dev/tty and /dev/console stand for tells only the number that TIOCGPTN's peer has. */
static const char *tty_is_own(void)
{
	unsigned ours = 0, theirs = 0;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	char name[64];

	if (fd < 0)
		return NULL;
	(void)ioctl(0, TIOCGPTN, &ours);
	if (ioctl(fd, TIOCGPTN, &theirs) == 0)
		return through("/dev/tty is a master");
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return getpgrp() != tcgetpgrp(fd) && tcgetpgrp(fd) < 0
		       ? through("/dev/tty is no terminal of ours")
		       : NULL;
}

static const char *console_is_own(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && !is_own(fd) ? through("it is the host's") : NULL;
}

static const char *pts_is_own(void)
{
	DIR *pts = opendir("/dev/pts");

	for (struct dirent *e; pts && (e = readdir(pts));)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "0") != 0 &&
		    strcmp(e->d_name, "ptmx") != 0)
			return through("/dev/pts/%s", e->d_name);
	return pts ? NULL : through("there is no /dev/pts");
}

static const char *console_output(void)
{
	return REFUSED(ioctl_raw(0, TIOCCONS, NULL));
}

static const char *locks(void)
{
	struct termios modes = {0};

	return REFUSED(ioctl_raw(0, TIOCSLCKTRMIOS, &modes));
}

static const char *peer(void)
{
	return REFUSED(ioctl_raw(0, TIOCGPTPEER, (void *)(long)O_RDWR));
}

/* Modes, size, flow: the sandbox's own to spoil. */
static const char *spoil(void)
{
	struct winsize size = {1, 1, 0, 0};
	struct termios modes;

	(void)tcgetattr(0, &modes);
	cfmakeraw(&modes);
	modes.c_cc[VMIN] = 255;
	(void)tcsetattr(0, TCSANOW, &modes);
	(void)ioctl(0, TIOCSWINSZ, &size);
	(void)ioctl(0, TIOCEXCL);
	(void)tcflow(0, TCIOFF);
	return NULL;
}

static const char *repair(void)
{
	struct termios modes;

	(void)tcflow(0, TCOON);
	(void)ioctl(0, TIOCNXCL);
	(void)tcgetattr(0, &modes);
	modes.c_oflag |= OPOST | ONLCR;
	(void)tcsetattr(0, TCSANOW, &modes);
	return NULL;
}

/* clang-format off */
const struct attack terminal_attacks[] = {
	{"CVE-2017-5226: TIOCSTI pushes nothing to the caller", push_plain},
	{"CVE-2019-10063: TIOCSTI + 2^32 pushes nothing", push_high},
	{"TIOCLINUX is refused", paste},
	{"TIOCLINUX + 2^32 is refused", paste_high},
	{"every terminal on a descriptor is of the sandbox's devpts", descriptors_are_own},
	{"/dev/tty is the sandbox's", tty_is_own},
	{"CVE-2025-52565: /dev/console is the sandbox's", console_is_own},
	{"/dev/pts holds the sandbox's terminal alone", pts_is_own},
	{"TIOCCONS takes no output of the host's console", console_output},
	{"TIOCSLCKTRMIOS locks no modes", locks},
	{"TIOCGPTPEER opens no other side", peer},
	{"modes, size and flow are spoilt", spoil},
	{"and mended, for this test's own output", repair},
	{NULL},
};
/* clang-format on */
