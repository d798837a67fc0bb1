/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: a link between two network namespaces on which everything arrives later. */

/*
 * link PID_A PID_B MS
 *
 * Makes an interface wan0 in the network namespaces of both processes, says "ready", and carries
 * what one sends to the other, MS milliseconds later; a round trip takes twice that. Addresses,
 * routes and `up` are the caller's to give. No packet is lost but where 64 MiB wait. Segments
 * cross as large as the kernel makes them, so that it isn't this program that limits the speed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A frame is at most a whole IP packet behind its Ethernet and its virtio header. */
enum { FRAME_MAX = 65535 + 64, QUEUE_MAX = 64 << 20, READS_A_TURN = 64 };

#define NS_A_MS UINT64_C(1000000)
#define NS_A_S	UINT64_C(1000000000)

struct frame {
	struct frame *next;
	uint64_t due;
	size_t len;
	char bytes[];
};

/* One way. */
struct line {
	int from, to;
	struct frame *first, **last;
	size_t waiting; /* bytes */
};

static void die(const char *what)
{
	fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int r, const char *what)
{
	if (r < 0)
		die(what);
	return r;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_A_S + (uint64_t)t.tv_nsec;
}

static void namespace_join(const char *pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
	must(setns(fd, CLONE_NEWNET), "setns");
	close(fd);
}

static int interface_make(void)
{
	struct ifreq request = {.ifr_name = "wan0",
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = must(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun");

	must(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
	must(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), "TUNSETOFFLOAD");
	return fd;
}

static void line_take(struct line *line, uint64_t delay)
{
	static char bytes[FRAME_MAX];

	for (unsigned i = 0; i < READS_A_TURN; i++) {
		ssize_t n = read(line->from, bytes, sizeof(bytes));
		struct frame *frame;

		if (n <= 0)
			return;
		if (line->waiting + (size_t)n > QUEUE_MAX)
			continue;
		frame = malloc(sizeof(*frame) + (size_t)n);
		if (!frame)
			die("memory");
		*frame = (struct frame){.due = now_ns() + delay, .len = (size_t)n};
		memcpy(frame->bytes, bytes, (size_t)n);
		*line->last = frame;
		line->last = &frame->next;
		line->waiting += frame->len;
	}
}

static void line_deliver(struct line *line)
{
	uint64_t now = now_ns();

	while (line->first && line->first->due <= now) {
		struct frame *frame = line->first;

		/* As on any wire: who isn't up doesn't get it. */
		(void)!write(line->to, frame->bytes, frame->len);
		line->first = frame->next;
		if (!line->first)
			line->last = &line->first;
		line->waiting -= frame->len;
		free(frame);
	}
}

/* Until the first frame is due; false where nothing waits. */
static bool pause_until_due(const struct line lines[2], struct timespec *ret)
{
	uint64_t now = now_ns(), due = UINT64_MAX, left;

	for (int i = 0; i < 2; i++)
		if (lines[i].first && lines[i].first->due < due)
			due = lines[i].first->due;
	if (due == UINT64_MAX)
		return false;
	left = due > now ? due - now : 0;
	*ret = (struct timespec){.tv_sec = (time_t)(left / NS_A_S),
				 .tv_nsec = (long)(left % NS_A_S)};
	return true;
}

int main(int argc, char **argv)
{
	struct line lines[2];
	int fds[2];
	unsigned ms;

	if (argc != 4 || sscanf(argv[3], "%u", &ms) != 1) {
		fprintf(stderr, "usage: link PID_A PID_B MS\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		namespace_join(argv[1 + i]);
		fds[i] = interface_make();
	}
	for (int i = 0; i < 2; i++)
		lines[i] =
			(struct line){.from = fds[i], .to = fds[!i], .last = &lines[i].first};
	printf("ready\n");
	(void)fflush(stdout);

	for (;;) {
		struct pollfd polled[] = {{.fd = fds[0], .events = POLLIN},
					  {.fd = fds[1], .events = POLLIN}};
		struct timespec pause;
		bool waits = pause_until_due(lines, &pause);

		if (ppoll(polled, 2, waits ? &pause : NULL, NULL) < 0 && errno != EINTR)
			die("ppoll");
		for (int i = 0; i < 2; i++) {
			line_deliver(&lines[i]);
			if (polled[i].revents)
				line_take(&lines[i], ms * NS_A_MS);
		}
	}
}
