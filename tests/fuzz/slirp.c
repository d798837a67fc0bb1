/* SPDX-License-Identifier: Apache-2.0 */
/* slirp.c: what a sandbox sends over its tap, as it comes to libslirp: a sequence of frames, each behind its length
 * (2 bytes). The calls by which libslirp reaches out come here, as in sbx-net they come to choke.c: none goes where no
 * frame may lead. */
#include "fragment.h"
#include "frame.h"
#include "fuzz.h"
#include "slirp_make.h"

#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PREEMPTS __attribute__((visibility("default")))

enum { LEN = 2 };

static Slirp *slirp;
static bool is_checking;

/* ---- what libslirp calls ------------------------------------------------------------------ */

/* The router's address has become the loopback's; whether that may be is the policy's. */
static void target_check(const struct sockaddr *to)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)to;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)to;

	if (to->sa_family == AF_INET) {
		unsigned first = ntohl(four->sin_addr.s_addr) >> 24;

		must(first != 0 && first < 224);
		must(first != 127 || four->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
		return;
	}
	must(to->sa_family == AF_INET6);
	must(!IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) &&
	     !IN6_IS_ADDR_MULTICAST(&six->sin6_addr) && !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr));
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
PREEMPTS int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	target_check(to);
	errno = ECONNREFUSED;
	return -1;
}

PREEMPTS ssize_t sendto(int fd, const void *data, size_t n, int flags,
			const struct sockaddr *to, socklen_t len)
{
	if (to)
		target_check(to);
	errno = EACCES;
	return -1;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* What it makes is whole, and can be cut by the kernel. */
static ssize_t on_send(const void *data, size_t len, void *unused)
{
	struct virtio_net_hdr head;

	must(is_checking && len <= FRAME_MAX);
	frame_outgoing((uint8_t *)data, len, &head);
	must(head.gso_type == VIRTIO_NET_HDR_GSO_NONE || head.hdr_len <= len);
	return (ssize_t)len;
}

static void on_text(const char *text, void *unused)
{
}

static int64_t on_clock(void *unused)
{
	return 1000000000;
}

static void *on_timer_new(SlirpTimerCb call, void *context, void *unused)
{
	return &slirp;
}

static void on_timer_free(void *timer, void *unused)
{
}

static void on_timer_mod(void *timer, int64_t when, void *unused)
{
}

static void on_fd(int fd, void *unused)
{
}

static void on_notify(void *unused)
{
}

static void frame_take(uint8_t *frame, size_t len)
{
	struct frame_datagram d;

	if (fragment_take(frame, len, 0, &frame, &len) == FRAGMENT_TAKEN)
		return;
	switch (frame_admit(frame, len, &d)) {
	case FRAME_PASS:
	case FRAME_ECHO:
		slirp_input(slirp, frame, (int)len);
		break;
	case FRAME_DNS:
	case FRAME_DROP:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const SlirpCb callbacks = {
		.send_packet = on_send,
		.guest_error = on_text,
		.clock_get_ns = on_clock,
		.timer_new = on_timer_new,
		.timer_free = on_timer_free,
		.timer_mod = on_timer_mod,
		.register_poll_fd = on_fd,
		.unregister_poll_fd = on_fd,
		.notify = on_notify,
	};

	is_checking = true;
	slirp = slirp_make(&callbacks, NULL);
	must(slirp);
	while (size > LEN) {
		size_t len = (size_t)(data[0] << 8 | data[1]);
		autofree char *frame = NULL;

		data += LEN;
		size -= LEN;
		len = len < size ? len : size;
		frame = fuzz_room(len);
		memcpy(frame, data, len);
		frame_take((uint8_t *)frame, len);
		data += len;
		size -= len;
	}
	slirp_pollfds_poll(slirp, 1, NULL, NULL);
	slirp_cleanup(slirp);
	is_checking = false;
	return 0;
}
