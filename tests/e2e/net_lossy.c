/* SPDX-License-Identifier: Apache-2.0 */
/* net_lossy.c: a network whose wire loses frames, doubles them, and brings them in another order.
 *
 *   net_lossy HELPER SEED whole|cut COMMAND ARG...
 *
 * In a user namespace as its root: COMMAND runs in a network namespace as a sandbox's is, and HELPER, which is
 * sbx-net, serves its tap, but gets what passes through here. With `cut` the frames from inside are no longer than the
 * link's MTU. What was done to them goes to stderr. */
#include "net/net.h"
#include "net/wire.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	FRAME = 65536 + 128,
	HOLD_MS = 5,
	/* Of a thousand. */
	LOST = 10,
	DOUBLED = 20,
	HELD = 100,
};

/* One direction; a frame that is held goes behind the next one, or after HOLD_MS. */
struct way {
	int from, to;
	size_t held;
	unsigned frames, lost, doubled, moved;
	uint8_t frame[FRAME], hold[FRAME];
};

static uint64_t state;

static unsigned dice(void)
{
	enum { SIDES = 1000 };

	state ^= state << 13; /* xorshift64 */
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % SIDES);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* One that finds no room is lost, too. */
static void held_release(struct way *w)
{
	if (w->held > 0)
		(void)!write(w->to, w->hold, w->held);
	w->held = 0;
}

static void frame_pass(struct way *w, size_t len)
{
	unsigned fate = dice();

	w->frames++;
	if (fate < LOST) {
		w->lost++;
		return;
	}
	if (fate < LOST + HELD && w->held == 0) {
		memcpy(w->hold, w->frame, len);
		w->held = len;
		w->moved++;
		return;
	}
	(void)!write(w->to, w->frame, len);
	if (fate >= LOST + HELD && fate < LOST + HELD + DOUBLED) {
		(void)!write(w->to, w->frame, len);
		w->doubled++;
	}
	held_release(w);
}

static void way_turn(struct way *w)
{
	ssize_t n;

	while ((n = read(w->from, w->frame, sizeof(w->frame))) > 0)
		frame_pass(w, (size_t)n);
}

static void way_tell(const struct way *w, const char *name)
{
	(void)fprintf(stderr, "%s: %u frames, %u lost, %u doubled, %u moved\n", name, w->frames,
		      w->lost, w->doubled, w->moved);
}

/* Until CHILD ends: its status. */
static int forward(int tap, int helper, pid_t child)
{
	static struct way out, in;
	struct pollfd ready[] = {{.fd = tap, .events = POLLIN},
				 {.fd = helper, .events = POLLIN}};
	int status;

	out = (struct way){.from = tap, .to = helper};
	in = (struct way){.from = helper, .to = tap};
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (poll(ready, ARRAY_SIZE(ready), HOLD_MS) == 0) {
			held_release(&out);
			held_release(&in);
		}
		way_turn(&out);
		way_turn(&in);
	}
	way_tell(&out, "out");
	way_tell(&in, "in");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The sandbox: its tap goes to HOME. */
static void inside(int home, char *argv[])
{
	static struct network n;
	int fds[NETWORK_SENT];

	network_init(&n);
	n.has_ipv4 = n.has_ipv6 = true;
	if (unshare(CLONE_NEWNET) < 0)
		die("unshare");
	if (network_doors(&n, fds) < 0 || network_make(&n, fds) < 0) {
		(void)fprintf(stderr, "%s\n", fail_text());
		_exit(1);
	}
	if (io_send(home, "", 1, fds[NETWORK_TAP]) < 0)
		die("send");
	for (size_t i = 0; i < NETWORK_SENT; i++)
		(void)fd_close(fds[i]);
	(void)execvp(argv[0], argv);
	die(argv[0]);
}

static void place(int fd, int number)
{
	if (dup2(fd, number) < 0)
		die("dup2");
}

/* As src/net/start.c does it. */
static void helper_exec(const char *helper, int tap)
{
	enum { PARKED = 100 };
	static struct net_start start = {.config.host_loopback = true,
					 .fds = 1U << NETWORK_TAP};
	int config = memfd_create("net_lossy", MFD_CLOEXEC), pair[2];

	if (config < 0 || io_write_all(config, &start, sizeof(start)) < 0 ||
	    lseek(config, 0, SEEK_SET) < 0 || io_socketpair(pair) < 0)
		die("start the helper");
	tap = fcntl(tap, F_DUPFD_CLOEXEC, PARKED);
	config = fcntl(config, F_DUPFD_CLOEXEC, PARKED);
	/* The launcher's end stays open, and so does this one. */
	pair[0] = fcntl(pair[0], F_DUPFD, PARKED);
	pair[1] = fcntl(pair[1], F_DUPFD_CLOEXEC, PARKED);
	place(config, NET_CONFIG_FD);
	place(pair[1], NET_CONTROL_FD);
	place(tap, NET_FIRST_FD + NETWORK_TAP);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execl(helper, "sbx-net", NULL);
	die(helper);
}

int main(int argc, char *argv[])
{
	uint32_t seed;
	int gate[2], wire[2], tap = -EBADF, room = 4 << 20;
	char byte;
	pid_t child, helper;

	if (argc < 5 || str_to_u32(argv[2], UINT32_MAX, &seed) < 0)
		return 2;
	state = 88172645463325252 + seed;
	if (io_socketpair(gate) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, wire) < 0)
		die("socketpair");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(wire[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	child = fork();
	if (child == 0)
		inside(gate[1], argv + 4);
	(void)fd_close(gate[1]);
	if (io_receive(gate[0], &byte, 1, &tap) <= 0 || tap < 0)
		return 1;
	if (streq(argv[3], "cut") && ioctl(tap, TUNSETOFFLOAD, 0) < 0)
		die("TUNSETOFFLOAD");
	helper = fork();
	if (helper == 0)
		helper_exec(argv[1], wire[1]);
	(void)fd_close(wire[1]);
	return forward(tap, wire[0], child);
}
