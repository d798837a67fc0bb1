/* SPDX-License-Identifier: Apache-2.0 */
/* net_load.c: a server and a client that put a load on a network, and say what was lost.
 *
 *   net_load serve PORT            TCP at PORT, UDP at PORT and those behind it, and at PORT - 1
 *                                  a listener that accepts nothing; prints "ready"
 *   net_load client ADDRESS PORT   does what each line of stdin says (see `phases`), and answers
 *                                  with a line: "WORD ok FIGURES", or "WORD WHY NOT"
 *   net_load unredirect            takes the table `inet sbx` out of the network namespace
 *
 * Static: it runs in any tree. */
#include "util/scope.h"
#include "util/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum {
	BLOCK = 256 * 1024,
	FLOWS_MAX = 500,
	CROWD_MAX = 2000,
	THREADS_MAX = 1000,
	PATIENCE_S = 30, /* of any one call */
	STACK = 64 * 1024,
	SMALL = 1000,
};

/* ---- what both say ------------------------------------------------------------------------ */

enum ask_kind {
	ASK_ANSWER, /* send the question back */
	ASK_ECHO,   /* send the next N bytes back, as they come */
	ASK_SINK,   /* after MS take N bytes, and say their hash */
	ASK_UNTIL,  /* the same, but say it behind the end */
	ASK_SLOW,   /* the same as SINK, but rest for MS after each block */
	ASK_SOURCE, /* send N bytes, and their hash */
	ASK_BOTH,   /* SINK and SOURCE at once */
	ASK_HALF,   /* end this direction, take N bytes, keep their hash for STATS */
	ASK_LEAVE,  /* end the connection */
	ASK_RESET,  /* reset the connection */
	ASK_STATS,  /* send struct stats */
};

struct ask {
	uint32_t kind, ms;
	uint64_t n;
};

struct stats {
	uint64_t ends, resets, hash;
};

static atomic_ullong ends, resets, half_hash;

static void pause_ms(unsigned ms)
{
	(void)nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* FNV-1a by words of 8 bytes, of which N is a multiple. */
static const uint64_t hash_start = 0xcbf29ce484222325;

static uint64_t hash_add(uint64_t hash, const uint64_t *data, size_t n)
{
	for (size_t i = 0; i < n / sizeof(*data); i++)
		hash = (hash ^ data[i]) * 0x100000001b3;
	return hash;
}

static uint64_t pattern[BLOCK / sizeof(uint64_t)];

static void pattern_make(void)
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

static bool send_all(int fd, const void *data, size_t n)
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

/* False with errno 0 at the end. */
static bool recv_all(int fd, void *data, size_t n)
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

static bool stream_send(int fd, uint64_t n, uint64_t *ret_hash)
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

static bool stream_recv_slowly(int fd, uint64_t n, uint64_t *ret_hash, unsigned rest_ms)
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

static bool stream_recv(int fd, uint64_t n, uint64_t *ret_hash)
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

static bool thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t small;

	return pthread_attr_init(&small) == 0 &&
	       pthread_attr_setstacksize(&small, STACK) == 0 &&
	       pthread_create(thread, &small, run, arg) == 0;
}

static bool stream_both(int fd, uint64_t n, uint64_t *ret_sent, uint64_t *ret_got)
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

static void socket_tune(int fd)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void fd_reset(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
			 sizeof(struct linger));
	(void)fd_close(fd);
}

/* ---- the server ---------------------------------------------------------------------------- */

static bool echo(int fd, uint64_t n)
{
	uint8_t data[4096];

	while (n > 0) {
		ssize_t got = recv(fd, data, n < sizeof(data) ? n : sizeof(data), 0);

		if (got <= 0 || !send_all(fd, data, (size_t)got))
			return false;
		n -= (uint64_t)got;
	}
	return true;
}

static bool sink(int fd, const struct ask *a)
{
	bool is_slow = a->kind == ASK_SLOW;
	uint64_t hash;
	char more;

	if (!is_slow)
		pause_ms(a->ms);
	return stream_recv_slowly(fd, a->n, &hash, is_slow ? a->ms : 0) &&
	       (a->kind != ASK_UNTIL || recv(fd, &more, 1, 0) == 0) &&
	       send_all(fd, &hash, sizeof(hash));
}

static bool both(int fd, const struct ask *a)
{
	uint64_t hashes[2];

	return stream_both(fd, a->n, &hashes[0], &hashes[1]) &&
	       send_all(fd, hashes, sizeof(hashes));
}

static bool half(int fd, const struct ask *a)
{
	uint64_t hash;

	if (shutdown(fd, SHUT_WR) < 0 || !stream_recv(fd, a->n, &hash))
		return false;
	half_hash = hash;
	return true;
}

static bool source(int fd, const struct ask *a)
{
	uint64_t hash;

	return stream_send(fd, a->n, &hash) && send_all(fd, &hash, sizeof(hash));
}

/* True: another question may come. */
static bool ask_serve(int fd, const struct ask *a)
{
	struct stats stats = {ends, resets, half_hash};

	errno = 0;
	switch (a->kind) {
	case ASK_ANSWER:
		return send_all(fd, a, sizeof(*a));
	case ASK_ECHO:
		return echo(fd, a->n);
	case ASK_SINK:
	case ASK_UNTIL:
	case ASK_SLOW:
		return sink(fd, a);
	case ASK_SOURCE:
		return source(fd, a);
	case ASK_BOTH:
		return both(fd, a);
	case ASK_HALF:
		return half(fd, a);
	case ASK_STATS:
		return send_all(fd, &stats, sizeof(stats));
	default:
		return false;
	}
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct ask a = {0};

	while (recv_all(fd, &a, sizeof(a)) && ask_serve(fd, &a))
		;
	if (errno == ECONNRESET || errno == EPIPE)
		resets++;
	else
		ends++;
	if (a.kind == ASK_RESET)
		fd_reset(fd);
	else
		(void)fd_close(fd);
	return NULL;
}

static int open_at(int type, uint16_t port, int backlog)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), size = 4 << 20;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const void *)&at, sizeof(at)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, backlog) == 0))
		return fd;
	perror("net_load: open a port");
	exit(1);
}

static void *serve_datagrams(void *arg)
{
	static uint8_t data[65536]; /* one thread has it */
	int *fds = arg;

	for (;;) {
		fd_set ready;

		/* All are below FD_SETSIZE: they were opened first. */
		FD_ZERO(&ready);
		for (int i = 0; i < FLOWS_MAX; i++)
			FD_SET(fds[i], &ready);
		if (select(fds[FLOWS_MAX - 1] + 1, &ready, NULL, NULL, NULL) <= 0)
			continue;
		for (int i = 0; i < FLOWS_MAX; i++) {
			struct sockaddr_storage from;
			socklen_t len = sizeof(from);
			ssize_t n;

			if (!FD_ISSET(fds[i], &ready))
				continue;
			n = recvfrom(fds[i], data, sizeof(data), MSG_DONTWAIT, (void *)&from,
				     &len);
			if (n >= 0)
				(void)sendto(fds[i], data, (size_t)n, 0, (void *)&from, len);
		}
	}
	return NULL;
}

static void serve(uint16_t port)
{
	static int datagrams[FLOWS_MAX];
	pthread_t thread;
	int fd = open_at(SOCK_STREAM, port, 4096);

	for (int i = 0; i < FLOWS_MAX; i++)
		datagrams[i] = open_at(SOCK_DGRAM, (uint16_t)(port + i), 0);
	(void)open_at(SOCK_STREAM, port - 1, 0);
	if (!thread_start(&thread, serve_datagrams, datagrams))
		exit(1);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (one < 0)
			continue;
		socket_tune(one);
		if (thread_start(&thread, serve_one, (void *)(intptr_t)one))
			(void)pthread_detach(thread);
		else
			(void)fd_close(one);
	}
}

/* ---- the client ---------------------------------------------------------------------------- */

static struct sockaddr_storage server;
static socklen_t server_len;
static uint16_t server_port;
static char figures[128], why_not[256];
static pthread_mutex_t why_lock = PTHREAD_MUTEX_INITIALIZER;

/* The first reason stays. */
__attribute__((format(printf, 1, 2))) static bool wrong(const char *format, ...)
{
	const char *name = errno ? strerrorname_np(errno) : "the end";
	va_list args;

	(void)pthread_mutex_lock(&why_lock);
	if (!*why_not) {
		int n;

		va_start(args, format);
		n = vsnprintf(why_not, sizeof(why_not), format, args);
		va_end(args);
		(void)snprintf(why_not + n, sizeof(why_not) - (size_t)n, " (%s)",
			       name ? name : "?");
	}
	(void)pthread_mutex_unlock(&why_lock);
	return false;
}

__attribute__((format(printf, 1, 2))) static bool fine(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(figures, sizeof(figures), format, args);
	va_end(args);
	return true;
}

static int dial_at(int type, int offset)
{
	struct sockaddr_storage to = server;
	int fd = socket(to.ss_family, type | SOCK_CLOEXEC, 0);

	/* In both families it is at the same place. */
	((struct sockaddr_in *)&to)->sin_port = htons((uint16_t)(server_port + offset));
	if (fd < 0)
		return -EBADF;
	socket_tune(fd);
	if (connect(fd, (const void *)&to, server_len) < 0)
		return fd_close(fd);
	return fd;
}

static bool ask(int fd, enum ask_kind kind, uint64_t n, uint32_t ms)
{
	struct ask a = {.kind = kind, .n = n, .ms = ms};

	return send_all(fd, &a, sizeof(a));
}

static bool answer(int fd)
{
	struct ask a = {.kind = ASK_ANSWER, .n = (uint64_t)fd}, back;

	return send_all(fd, &a, sizeof(a)) && recv_all(fd, &back, sizeof(back)) &&
	       memcmp(&a, &back, sizeof(a)) == 0;
}

/* What the server is asked must be its last answer's. */
static bool hash_check(int fd, uint64_t want)
{
	uint64_t theirs;

	if (!recv_all(fd, &theirs, sizeof(theirs)))
		return wrong("no hash came");
	errno = 0;
	return theirs == want || wrong("the hashes differ");
}

static bool stats_get(struct stats *ret_stats)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);

	return fd >= 0 && ask(fd, ASK_STATS, 0, 0) &&
	       recv_all(fd, ret_stats, sizeof(*ret_stats));
}

/* ---- threads, which share a number of things to do ----------------------------------------- */

struct crew {
	bool (*one)(uint64_t i);
	atomic_ullong next;
	uint64_t n;
	atomic_bool fails;
};

static void *crew_run(void *arg)
{
	struct crew *c = arg;

	for (uint64_t i = c->next++; i < c->n && !c->fails; i = c->next++)
		if (!c->one(i))
			c->fails = true;
	return NULL;
}

static bool crew_do(uint64_t n, unsigned n_threads, bool (*one)(uint64_t i))
{
	static pthread_t threads[THREADS_MAX];
	struct crew c = {.one = one, .n = n};
	unsigned started = 0;

	while (started < n_threads && thread_start(&threads[started], crew_run, &c))
		started++;
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return (started == n_threads || wrong("start threads")) && !c.fails;
}

/* ---- phases --------------------------------------------------------------------------------- */

/* Every second one is ended by the server first. */
static bool churn_one(uint64_t i)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	char end;

	if (fd < 0)
		return wrong("connection %llu: connect", (unsigned long long)i);
	if (!answer(fd))
		return wrong("connection %llu: no answer", (unsigned long long)i);
	if (i % 2 == 0)
		return true;
	return (ask(fd, ASK_LEAVE, 0, 0) && recv(fd, &end, 1, 0) == 0) ||
	       wrong("connection %llu: no end", (unsigned long long)i);
}

static bool churn(uint64_t n)
{
	double start = now();

	return crew_do(n, 8, churn_one) &&
	       fine("%.0f in a second", (double)n / (now() - start));
}

static int crowd[CROWD_MAX];
static uint64_t n_crowd;

static bool crowd_leave(void)
{
	while (n_crowd > 0)
		(void)fd_close(crowd[--n_crowd]);
	return true;
}

static bool crowd_come(uint64_t n)
{
	for (n_crowd = 0; n_crowd < n; n_crowd++) {
		crowd[n_crowd] = dial_at(SOCK_STREAM, 0);
		if (crowd[n_crowd] < 0)
			return wrong("connection %d: connect", (int)n_crowd);
		if (!answer(crowd[n_crowd]))
			return wrong("connection %d: no answer", (int)n_crowd);
	}
	return true;
}

static bool crowd_echo(unsigned round)
{
	uint8_t data[SMALL], back[SMALL];

	for (uint64_t i = 0; i < n_crowd; i++) {
		memset(data, (int)(i + round), sizeof(data));
		if (!ask(crowd[i], ASK_ECHO, sizeof(data), 0) ||
		    !send_all(crowd[i], data, sizeof(data)))
			return wrong("connection %d: send", (int)i);
	}
	for (uint64_t i = 0; i < n_crowd; i++) {
		memset(data, (int)(i + round), sizeof(data));
		if (!recv_all(crowd[i], back, sizeof(back)))
			return wrong("connection %d: receive", (int)i);
		errno = 0;
		if (memcmp(data, back, sizeof(data)) != 0)
			return wrong("connection %d: other bytes", (int)i);
	}
	return true;
}

static bool phase_crowd(uint64_t n)
{
	bool ok = crowd_come(n);

	for (unsigned round = 0; round < 3 && ok; round++)
		ok = crowd_echo(round);
	return crowd_leave() && ok;
}

/* They stay until `leave`. */
static bool phase_stay(uint64_t n)
{
	return crowd_come(n);
}

static bool phase_leave(uint64_t n)
{
	bool ok = crowd_echo(0);

	return crowd_leave() && ok;
}

static bool phase_half(uint64_t n)
{
	autoclose int out = dial_at(SOCK_STREAM, 0), in = dial_at(SOCK_STREAM, 0);
	struct stats stats = {0};
	uint64_t hash;
	char end;

	if (out < 0 || in < 0 || !ask(out, ASK_UNTIL, n, 0) || !stream_send(out, n, &hash) ||
	    shutdown(out, SHUT_WR) < 0)
		return wrong("send, and end it");
	if (!hash_check(out, hash) || recv(out, &end, 1, 0) != 0)
		return wrong("an answer behind the end");
	if (!ask(in, ASK_HALF, n, 0) || recv(in, &end, 1, 0) != 0)
		return wrong("the server's end");
	if (!stream_send(in, n, &hash))
		return wrong("send behind the server's end");
	for (int i = 0; i < 100 && stats.hash != hash; i++, pause_ms(50))
		if (!stats_get(&stats))
			return wrong("ask for what came");
	errno = 0;
	return stats.hash == hash || wrong("what was sent behind the server's end differs");
}

static bool phase_reset_out(uint64_t n)
{
	struct stats before, after = {0};

	if (!stats_get(&before))
		return wrong("ask what was seen");
	for (uint64_t i = 0; i < n; i++) {
		int fd = dial_at(SOCK_STREAM, 0);

		if (fd < 0 || !answer(fd))
			return wrong("connection %d", (int)i);
		fd_reset(fd);
	}
	for (int i = 0; i < 100 && after.resets != before.resets + n; i++, pause_ms(50))
		if (!stats_get(&after))
			return wrong("ask what was seen");
	errno = 0;
	return after.resets == before.resets + n ||
	       wrong("the server saw %d resets", (int)(after.resets - before.resets));
}

static bool phase_reset_in(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		autoclose int fd = dial_at(SOCK_STREAM, 0);
		char end;

		if (fd < 0 || !ask(fd, ASK_RESET, 0, 0))
			return wrong("connection %d", (int)i);
		errno = 0;
		if (recv(fd, &end, 1, 0) >= 0 || errno != ECONNRESET)
			return wrong("connection %d: not reset", (int)i);
	}
	return true;
}

enum { STALL_MS = 1000 };

/* The reader stops at first, once at either end. */
static bool phase_stall(uint64_t n)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	uint64_t hash;

	if (fd < 0 || !ask(fd, ASK_SINK, n, STALL_MS) || !stream_send(fd, n, &hash))
		return wrong("send");
	if (!hash_check(fd, hash))
		return false;
	if (!ask(fd, ASK_SOURCE, n, 0))
		return wrong("ask");
	pause_ms(STALL_MS);
	return (stream_recv(fd, n, &hash) || wrong("receive")) && hash_check(fd, hash);
}

static bool phase_stalls(uint64_t n)
{
	enum { EACH = 1 << 20 };
	bool ok = crowd_come(n);
	uint64_t hash;

	for (uint64_t i = 0; i < n && ok; i++)
		ok = ask(crowd[i], ASK_SOURCE, EACH, 0) || wrong("ask");
	pause_ms(STALL_MS);
	for (uint64_t i = 0; i < n && ok; i++)
		ok = (stream_recv(crowd[i], EACH, &hash) || wrong("stream %d", (int)i)) &&
		     hash_check(crowd[i], hash);
	return crowd_leave() && ok;
}

/* How often this network namespace has asked whether there is room again: it hadn't been told. */
static uint64_t window_probes(void)
{
	char names[8192], values[8192], *name, *value, *rest, *rest2;
	FILE *f = fopen("/proc/net/netstat", "re");
	uint64_t n = 0;

	if (f && fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		name = strtok_r(names, " \n", &rest);
		value = strtok_r(values, " \n", &rest2);
		while (name && value && !streq(name, "TCPWinProbe")) {
			name = strtok_r(NULL, " \n", &rest);
			value = strtok_r(NULL, " \n", &rest2);
		}
		n = value ? strtoull(value, NULL, 10) : 0;
	}
	if (f)
		(void)fclose(f);
	return n;
}

/* To a reader that is slower than we are, who says when there is room again. */
static bool phase_slow(uint64_t n)
{
	enum { REST_MS = 3, A_PROBE = 64 << 20 };
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	uint64_t before = window_probes(), probes, hash = 0;

	if (fd < 0 || !ask(fd, ASK_SLOW, n, REST_MS) || !stream_send(fd, n, &hash))
		return wrong("send");
	if (!hash_check(fd, hash))
		return false;
	probes = window_probes() - before;
	return (probes <= n / A_PROBE || wrong("%d probes", (int)probes)) &&
	       fine("%d probes", (int)probes);
}

static bool speed(uint64_t n, double start)
{
	return fine("%.2f Gbit/s", (double)n * 8e-9 / (now() - start));
}

static bool phase_up(uint64_t n)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	double start = now();
	uint64_t hash = 0;

	return ((fd >= 0 && ask(fd, ASK_SINK, n, 0) && stream_send(fd, n, &hash)) ||
		wrong("send")) &&
	       hash_check(fd, hash) && speed(n, start);
}

static bool phase_down(uint64_t n)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	double start = now();
	uint64_t hash = 0;

	return ((fd >= 0 && ask(fd, ASK_SOURCE, n, 0) && stream_recv(fd, n, &hash)) ||
		wrong("receive")) &&
	       hash_check(fd, hash) && speed(n, start);
}

static bool phase_both(uint64_t n)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	double start = now();
	uint64_t sent = 0, got = 0;

	return ((fd >= 0 && ask(fd, ASK_BOTH, n, 0) && stream_both(fd, n, &sent, &got)) ||
		wrong("send and receive")) &&
	       hash_check(fd, got) && hash_check(fd, sent) && speed(2 * n, start);
}

/* Many bytes, one at a time. */
static bool phase_tiny(uint64_t n)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);
	uint64_t hash = hash_add(hash_start, pattern, n);

	if (n > BLOCK || fd < 0 || !ask(fd, ASK_SINK, n, 0))
		return wrong("connect");
	for (uint64_t i = 0; i < n; i++)
		if (!send_all(fd, (const uint8_t *)pattern + i, 1))
			return wrong("byte %d", (int)i);
	return hash_check(fd, hash);
}

/* Nothing is accepted there, and the queue is short: all that is wanted is that it does no harm. */
static bool phase_unaccepted(uint64_t n)
{
	for (n_crowd = 0; n_crowd < n && n_crowd < CROWD_MAX; n_crowd++) {
		struct timeval brief = {.tv_usec = 20000};
		struct sockaddr_storage to = server;
		int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		((struct sockaddr_in *)&to)->sin_port = htons((uint16_t)(server_port - 1));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief));
		if (connect(fd, (const void *)&to, server_len) == 0)
			(void)send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		crowd[n_crowd] = fd;
	}
	pause_ms(STALL_MS / 2);
	while (n_crowd > 0)
		fd_reset(crowd[--n_crowd]);
	return true;
}

/* Either connect() or the first recv() fails, and soon. */
static bool is_refused(int fd, const void *to, socklen_t len)
{
	double start = now();
	char end;

	if (fd < 0)
		return wrong("a socket");
	socket_tune(fd);
	if (connect(fd, to, len) == 0 && recv(fd, &end, 1, 0) >= 0)
		return wrong("there is somebody");
	if (now() - start > 1.5)
		return wrong("it took %.1f s", now() - start);
	return errno == ECONNREFUSED || errno == ECONNRESET || errno == EHOSTUNREACH ||
	       errno == ENETUNREACH || wrong("neither refused nor reset");
}

static bool phase_refused(uint64_t n)
{
	struct sockaddr_storage to = server;

	((struct sockaddr_in *)&to)->sin_port = htons((uint16_t)(server_port - 2));
	for (uint64_t i = 0; i < n; i++) {
		autoclose int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!is_refused(fd, &to, server_len))
			return false;
	}
	return true;
}

/* The test has no way to 198.51.100.0/24 (RFC 5737). */
static bool phase_unreachable(uint64_t n)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

	(void)inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
	for (uint64_t i = 0; i < n; i++) {
		autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!is_refused(fd, &to, sizeof(to)))
			return false;
	}
	return true;
}

/* Each stands for a while: fewer at once than want to are possible. */
static bool scarce_one(uint64_t i)
{
	autoclose int fd = dial_at(SOCK_STREAM, 0);

	if (fd < 0 || !answer(fd))
		return wrong("connection %d", (int)i);
	pause_ms(20);
	return answer(fd) || wrong("connection %d: later", (int)i);
}

static bool phase_scarce(uint64_t n)
{
	return crew_do(n, (unsigned)n, scarce_one);
}

/* ---- datagrams ------------------------------------------------------------------------------ */

/* N datagrams in turn to FLOWS_MAX ports from as many. One that is lost is sent no second time. */
static bool phase_datagrams(uint64_t n)
{
	struct timeval brief = {.tv_sec = 1};
	uint64_t lost = 0;
	bool ok = true;

	for (n_crowd = 0; n_crowd < FLOWS_MAX && ok; n_crowd++) {
		crowd[n_crowd] = dial_at(SOCK_DGRAM, (int)n_crowd);
		ok = crowd[n_crowd] >= 0 || wrong("a socket");
		(void)setsockopt(crowd[n_crowd], SOL_SOCKET, SO_RCVTIMEO, &brief,
				 sizeof(brief));
	}
	for (uint64_t i = 0; i < n && ok; i += FLOWS_MAX) {
		enum { BATCH = 50 };

		for (uint64_t at = 0; at < FLOWS_MAX && ok; at += BATCH) {
			for (uint64_t j = at; j < at + BATCH; j++)
				(void)send(crowd[j], &(uint64_t){i + j}, sizeof(uint64_t), 0);
			for (uint64_t j = at; j < at + BATCH && ok; j++) {
				uint64_t back = 0;

				if (recv(crowd[j], &back, sizeof(back), 0) < 0)
					lost++;
				else
					ok = back == i + j || wrong("another's answer");
			}
		}
		ok = ok && (lost < n / 100 || wrong("%d were lost", (int)lost));
	}
	return crowd_leave() && ok && fine("%d lost", (int)lost);
}

static bool phase_large_datagrams(uint64_t n)
{
	enum { LARGEST = 65507 };
	static uint8_t back[LARGEST + 1];
	struct timeval brief = {.tv_sec = 1};
	autoclose int fd = dial_at(SOCK_DGRAM, 0);
	uint64_t lost = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
	for (uint64_t i = 0; i < n; i++) {
		size_t len = i % 2 ? LARGEST : 1 + (size_t)(pattern[i] % LARGEST);
		ssize_t got;

		if (send(fd, (const uint8_t *)pattern + i, len, 0) < 0)
			return wrong("send %d bytes", (int)len);
		got = recv(fd, back, sizeof(back), 0);
		errno = 0;
		if (got < 0)
			lost++;
		else if ((size_t)got != len ||
			 memcmp(back, (const uint8_t *)pattern + i, len) != 0)
			return wrong("%d bytes came back as others", (int)len);
	}
	return (lost <= n / 100 || wrong("%d were lost", (int)lost)) &&
	       fine("%d lost", (int)lost);
}

/* ---- commands ------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool (*run)(uint64_t n);
} phases[] = {
	{"churn", churn},
	{"crowd", phase_crowd},
	{"stay", phase_stay},
	{"leave", phase_leave},
	{"half", phase_half},
	{"reset-out", phase_reset_out},
	{"reset-in", phase_reset_in},
	{"stall", phase_stall},
	{"stalls", phase_stalls},
	{"slow", phase_slow},
	{"up", phase_up},
	{"down", phase_down},
	{"both", phase_both},
	{"tiny", phase_tiny},
	{"unaccepted", phase_unaccepted},
	{"refused", phase_refused},
	{"unreachable", phase_unreachable},
	{"scarce", phase_scarce},
	{"datagrams", phase_datagrams},
	{"large-datagrams", phase_large_datagrams},
};

static void phase_do(const char *word, uint64_t n)
{
	bool ok = false;

	*figures = *why_not = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		if (streq(word, phases[i].word))
			ok = phases[i].run(n);
	(void)printf("%s %s%s%s\n", word,
		     ok		? "ok"
		     : *why_not ? why_not
				: "is no word",
		     ok && *figures ? " " : "", ok ? figures : "");
	(void)fflush(stdout);
}

static void client(const char *address, uint16_t port)
{
	struct sockaddr_in *four = (void *)&server;
	struct sockaddr_in6 *six = (void *)&server;
	char line[128], *space;
	uint64_t n;

	server_port = port;
	server_len = sizeof(*four);
	server.ss_family = AF_INET;
	if (inet_pton(AF_INET, address, &four->sin_addr) != 1) {
		server.ss_family = AF_INET6;
		server_len = sizeof(*six);
		(void)inet_pton(AF_INET6, address, &six->sin6_addr);
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		space = strchr(line, ' ');
		if (space)
			*space++ = '\0';
		if (!space || str_to_u64(space, UINT64_MAX, &n) < 0)
			n = 0;
		phase_do(line, n);
	}
}

/* nft delete table inet sbx */
static int unredirect(void)
{
	struct part {
		struct nlmsghdr head;
		struct nfgenmsg body;
	};
	struct {
		struct part begin, table;
		struct nlattr name_head;
		char name[4];
		struct part end;
	} batch = {
		.begin = {{.nlmsg_len = sizeof(struct part),
			   .nlmsg_type = NFNL_MSG_BATCH_BEGIN,
			   .nlmsg_flags = NLM_F_REQUEST},
			  {.res_id = htons(NFNL_SUBSYS_NFTABLES)}},
		.table = {{.nlmsg_len = sizeof(struct part) + NLA_HDRLEN + sizeof("sbx"),
			   .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
			  {.nfgen_family = NFPROTO_INET}},
		.name_head = {NLA_HDRLEN + sizeof("sbx"), NFTA_TABLE_NAME},
		.name = "sbx",
		.end = {{.nlmsg_len = sizeof(struct part),
			 .nlmsg_type = NFNL_MSG_BATCH_END,
			 .nlmsg_flags = NLM_F_REQUEST},
			{.res_id = htons(NFNL_SUBSYS_NFTABLES)}},
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} said = {0};
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || send(fd, &batch, sizeof(batch), 0) < 0 ||
	    recv(fd, &said, sizeof(said), 0) < 0) {
		perror("net_load: netlink");
		return 1;
	}
	if (said.error.error == 0)
		return 0;
	(void)fprintf(stderr, "net_load: delete the table: %s\n", strerror(-said.error.error));
	return 1;
}

int main(int argc, char *argv[])
{
	struct rlimit files;
	uint32_t port = 0;

	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	pattern_make();
	if (argc == 2 && streq(argv[1], "unredirect"))
		return unredirect();
	if (argc < 3 || str_to_u32(argv[argc - 1], UINT16_MAX, &port) < 0)
		return 2;
	if (argc == 3 && streq(argv[1], "serve"))
		serve((uint16_t)port);
	if (argc != 4 || !streq(argv[1], "client"))
		return 2;
	client(argv[2], (uint16_t)port);
	return 0;
}
