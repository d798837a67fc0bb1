/* SPDX-License-Identifier: Apache-2.0 */
/* net_load_streams.c: streams of bytes of which none may be lost. */
#include "net_load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

enum { PATIENCE_S = 30, STACK = 64 * 1024 };

void pause_ms(unsigned ms)
{
	(void)nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t hash_add(uint64_t hash, const uint64_t *data, size_t n)
{
	for (size_t i = 0; i < n / sizeof(*data); i++)
		hash = (hash ^ data[i]) * 0x100000001b3;
	return hash;
}

uint64_t pattern[BLOCK / sizeof(uint64_t)];

void pattern_make(void)
{
	uint64_t x = 88172645463325252; /* xorshift64 */

	for (size_t i = 0; i < ARRAY_SIZE(pattern); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pattern[i] = x;
	}
}

/* No two pages of a stream are alike. */
static void block_stamp(uint64_t *block, uint64_t at)
{
	enum { PAGE = 512 };

	for (size_t i = 0; i < BLOCK / sizeof(*block); i += PAGE)
		block[i] = at + i;
}

/* ---- whole messages ------------------------------------------------------------------------ */

bool send_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool recv_all(int fd, void *data, size_t n)
{
	uint8_t *p = data;

	while (n > 0) {
		ssize_t got = recv(fd, p, n, MSG_WAITALL);

		if (got == 0)
			errno = 0;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

bool stream_send(int fd, uint64_t n, uint64_t *ret_hash)
{
	uint64_t *block = malloc(BLOCK), hash = hash_start;
	bool ok = block;

	if (block)
		memcpy(block, pattern, BLOCK);
	for (uint64_t at = 0; at < n && ok; at += BLOCK) {
		size_t len = n - at < BLOCK ? n - at : BLOCK;

		block_stamp(block, at);
		hash = hash_add(hash, block, len);
		ok = send_all(fd, block, len);
	}
	free(block);
	*ret_hash = hash;
	return ok;
}

bool stream_recv_slowly(int fd, uint64_t n, uint64_t *ret_hash, unsigned rest_ms)
{
	uint64_t *block = malloc(BLOCK), hash = hash_start;
	bool ok = block;

	for (uint64_t at = 0; at < n && ok; at += BLOCK) {
		size_t len = n - at < BLOCK ? n - at : BLOCK;

		ok = recv_all(fd, block, len);
		hash = hash_add(hash, block, len);
		if (rest_ms)
			pause_ms(rest_ms);
	}
	free(block);
	*ret_hash = hash;
	return ok;
}

bool stream_recv(int fd, uint64_t n, uint64_t *ret_hash)
{
	return stream_recv_slowly(fd, n, ret_hash, 0);
}

/* Sending, while the caller receives. */
struct sender {
	pthread_t thread;
	int fd;
	bool done;
	uint64_t n, hash;
};

static void *sender_run(void *arg)
{
	struct sender *s = arg;

	s->done = stream_send(s->fd, s->n, &s->hash);
	return NULL;
}

bool thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t small;

	return pthread_attr_init(&small) == 0 &&
	       pthread_attr_setstacksize(&small, STACK) == 0 &&
	       pthread_create(thread, &small, run, arg) == 0;
}

bool stream_both(int fd, uint64_t n, uint64_t *ret_sent, uint64_t *ret_got)
{
	struct sender s = {.fd = fd, .n = n};
	bool got;

	if (!thread_start(&s.thread, sender_run, &s))
		return false;
	got = stream_recv(fd, n, ret_got);
	(void)pthread_join(s.thread, NULL);
	*ret_sent = s.hash;
	return got && s.done;
}

void socket_tune(int fd)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void fd_reset(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
			 sizeof(struct linger));
	(void)fd_close(fd);
}
