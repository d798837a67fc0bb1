/* SPDX-License-Identifier: Apache-2.0 */
/* net_load_client.c: what the client of net_load.c does, each a word of `phases`. */
#include "net_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { CROWD_MAX = 2000, THREADS_MAX = 1000, SMALL = 1000 };

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

enum { STALL_MS = 1000 };

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

/* Nobody reads what is sent either way, until `drop`. */
static bool phase_full(uint64_t n)
{
	enum { UNREAD_MS = 10000, TRIES = 10 };
	static const uint8_t data[1 << 16];

	if (!crowd_come(2) || !ask(crowd[0], ASK_SOURCE, n, 0) ||
	    !ask(crowd[1], ASK_SINK, n, UNREAD_MS))
		return wrong("ask");
	for (int i = 0; i < TRIES; i++, pause_ms(STALL_MS / TRIES))
		while (n > 0 &&
		       send(crowd[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			n -= n < sizeof(data) ? n : sizeof(data);
	return n > 0 || wrong("all has been taken");
}

static bool phase_drop(uint64_t n)
{
	return crowd_leave();
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
	{"full", phase_full},
	{"drop", phase_drop},
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

void client(const char *address, uint16_t port)
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
