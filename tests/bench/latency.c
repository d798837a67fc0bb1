/* SPDX-License-Identifier: Apache-2.0 */
/* latency.c: how long connections and answers take, and many connections that do nothing. */

/*
 * latency serve ADDRESS PORT          echoes what comes by TCP and UDP
 * latency now                         prints the time: CLOCK_MONOTONIC, in seconds
 * latency ready ADDRESS PORT          says that it has begun, tries until it gets an answer, and
 *                                     prints the time of that
 * latency connect ADDRESS PORT N      connects N times, one after the other
 * latency request ADDRESS PORT N      connects, sends a byte and waits for it, N times
 * latency ping-pong ADDRESS PORT N    a byte there and back N times, on one connection
 * latency datagrams ADDRESS PORT N    40 bytes there and back N times, by UDP
 * latency burst ADDRESS PORT N TIMES  N connections at once, and a byte there and back on each
 * latency idle ADDRESS PORT N         opens N connections, says that it has, holds them until
 *                                     stdin ends
 *
 * Addresses are IPv4. A result is one line of names and numbers, in microseconds: "p50 31.2 p99
 * 80.5 failed 0". What fails or lasts over three seconds counts as failed, and with its time; after
 * five seconds it is enough, however many of the N were done. Of bursts it is the median time until
 * all are connected and until all are answered, five seconds where that doesn't happen; one of over a
 * second is the last.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, DATAGRAM = 40, EVENTS = 64, TIMEOUT_S = 3, SAMPLES_S = 5, BURST_S = 5 };
enum { PAUSE_NS = 100000000 }; /* between bursts */

#define US_A_S 1e6

struct target {
	struct sockaddr_in address;
	unsigned n, times;
};

static void die(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int r, const char *what)
{
	if (r < 0)
		die(what);
	return r;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * US_A_S + (double)t.tv_nsec / 1e3;
}

static double *times_new(size_t n)
{
	double *times = calloc(n, sizeof(*times));

	if (!times)
		die("memory");
	return times;
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double *times, unsigned n, unsigned percent)
{
	qsort(times, n, sizeof(*times), double_compare);
	return times[(size_t)n * percent / 100];
}

static void print_now(void)
{
	printf("%.6f\n", now_us() / US_A_S);
}

/* ---- sockets ----------------------------------------------------------------------------- */

static int socket_new(int type)
{
	return must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
}

static void socket_set(int fd, int level, int option)
{
	const int one = 1;

	must(setsockopt(fd, level, option, &one, sizeof(one)), "setsockopt");
}

static int socket_connect(int fd, const struct target *target)
{
	return connect(fd, (const struct sockaddr *)&target->address, sizeof(target->address));
}

/* One that gives up after TIMEOUT_S, in connect() too. */
static int socket_patient(int type)
{
	const struct timeval limit = {.tv_sec = TIMEOUT_S};
	int fd = socket_new(type);

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), "SO_RCVTIMEO");
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), "SO_SNDTIMEO");
	if (type == SOCK_STREAM)
		socket_set(fd, IPPROTO_TCP, TCP_NODELAY);
	return fd;
}

static bool has_echo(int fd, size_t len)
{
	char bytes[DATAGRAM] = {0};

	return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len &&
	       recv(fd, bytes, len, 0) == (ssize_t)len;
}

/* ---- the server -------------------------------------------------------------------------- */

static void epoll_add(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

static int bound(const struct target *target, int type)
{
	int fd = socket_new(type | SOCK_NONBLOCK);

	socket_set(fd, SOL_SOCKET, SO_REUSEADDR);
	must(bind(fd, (const struct sockaddr *)&target->address, sizeof(target->address)),
	     "bind");
	return fd;
}

static void serve_accept(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		socket_set(fd, IPPROTO_TCP, TCP_NODELAY);
		epoll_add(epoll, fd, EPOLLIN);
	}
}

static void serve_datagrams(int fd)
{
	char bytes[2048];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size)) >=
	       0) {
		(void)sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, size);
		size = sizeof(from);
	}
}

static void serve_stream(int fd)
{
	char bytes[2048];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n <= 0 || send(fd, bytes, (size_t)n, MSG_NOSIGNAL) < 0)
		close(fd);
}

static void serve(const struct target *target)
{
	int listener = bound(target, SOCK_STREAM), datagrams = bound(target, SOCK_DGRAM);
	int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	struct epoll_event events[EVENTS];

	must(listen(listener, BACKLOG), "listen");
	epoll_add(epoll, listener, EPOLLIN);
	epoll_add(epoll, datagrams, EPOLLIN);
	for (;;) {
		int n = must(epoll_wait(epoll, events, EVENTS, -1), "epoll_wait");

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				serve_accept(epoll, fd);
			else if (fd == datagrams)
				serve_datagrams(fd);
			else
				serve_stream(fd);
		}
	}
}

/* ---- one after the other ----------------------------------------------------------------- */

static void print_times(double *times, unsigned n, unsigned failed)
{
	printf("p50 %.1f p99 %.1f failed %u\n", percentile(times, n, 50),
	       percentile(times, n, 99), failed);
}

static void connections(const struct target *target, bool asks)
{
	double *times = times_new(target->n), end = now_us() + SAMPLES_S * US_A_S;
	unsigned failed = 0, n = 0;

	while (n < target->n && now_us() < end) {
		double started = now_us();
		int fd = socket_patient(SOCK_STREAM);

		if (socket_connect(fd, target) < 0 || (asks && !has_echo(fd, 1)))
			failed++;
		times[n++] = now_us() - started;
		close(fd);
	}
	print_times(times, n, failed);
	free(times);
}

static void connect_only(const struct target *target)
{
	connections(target, false);
}

static void request(const struct target *target)
{
	connections(target, true);
}

static void echoes(const struct target *target, int type, size_t len)
{
	double *times = times_new(target->n), end = now_us() + SAMPLES_S * US_A_S;
	unsigned failed = 0, n = 0;
	int fd = socket_patient(type);

	must(socket_connect(fd, target), "connect");
	while (n < target->n && now_us() < end) {
		double started = now_us();

		if (!has_echo(fd, len))
			failed++;
		times[n++] = now_us() - started;
	}
	close(fd);
	print_times(times, n, failed);
	free(times);
}

static void ping_pong(const struct target *target)
{
	echoes(target, SOCK_STREAM, 1);
}

static void datagrams(const struct target *target)
{
	echoes(target, SOCK_DGRAM, DATAGRAM);
}

/* ---- many at once ------------------------------------------------------------------------ */

struct burst {
	int epoll;
	unsigned connected, answered, ended;
	double started, all_connected, all_answered;
};

static void burst_start(struct burst *b, int *fds, const struct target *target)
{
	*b = (struct burst){.epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
			    .started = now_us()};
	for (unsigned i = 0; i < target->n; i++) {
		fds[i] = socket_new(SOCK_STREAM | SOCK_NONBLOCK);
		socket_set(fds[i], IPPROTO_TCP, TCP_NODELAY);
		if (socket_connect(fds[i], target) < 0 && errno != EINPROGRESS)
			b->ended++;
		else
			epoll_add(b->epoll, fds[i], EPOLLOUT);
	}
}

/* Writable is connected, and gets its byte; readable is answered. */
static void burst_event(struct burst *b, const struct epoll_event *event)
{
	struct epoll_event next = {.events = EPOLLIN, .data = event->data};
	int fd = event->data.fd;
	char byte = 0;

	if ((event->events & EPOLLOUT) && send(fd, &byte, 1, MSG_NOSIGNAL) == 1) {
		b->connected++;
		must(epoll_ctl(b->epoll, EPOLL_CTL_MOD, fd, &next), "epoll_ctl");
		return;
	}
	if ((event->events & EPOLLIN) && recv(fd, &byte, 1, 0) == 1)
		b->answered++;
	b->ended++;
	must(epoll_ctl(b->epoll, EPOLL_CTL_DEL, fd, NULL), "epoll_ctl");
}

static void burst_run(struct burst *b, unsigned n)
{
	struct epoll_event events[EVENTS];

	while (b->ended < n && now_us() - b->started < BURST_S * US_A_S) {
		int ready = must(epoll_wait(b->epoll, events, EVENTS, 1000), "epoll_wait");

		for (int i = 0; i < ready; i++)
			burst_event(b, &events[i]);
		if (b->connected == n && b->all_connected == 0)
			b->all_connected = now_us();
	}
	b->all_answered = b->answered == n ? now_us() : b->started + BURST_S * US_A_S;
	if (b->all_connected == 0)
		b->all_connected = b->all_answered;
}

static void bursts(const struct target *target)
{
	double *connected = times_new(target->times), *answered = times_new(target->times);
	int *fds = calloc(target->n, sizeof(*fds));
	unsigned failed = 0, n = 0;
	bool is_long = false;

	if (!fds)
		die("memory");
	while (n < target->times && !is_long) {
		struct burst b;

		burst_start(&b, fds, target);
		burst_run(&b, target->n);
		connected[n] = b.all_connected - b.started;
		answered[n] = b.all_answered - b.started;
		is_long = answered[n++] > US_A_S;
		failed += target->n - b.answered;
		for (unsigned k = 0; k < target->n; k++)
			close(fds[k]);
		close(b.epoll);
		/* It is one because of the quiet around it. */
		(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	printf("connected %.1f answered %.1f failed %u\n", percentile(connected, n, 50),
	       percentile(answered, n, 50), failed);
	free(connected);
	free(answered);
	free(fds);
}

/* Each is known to be through to the other end before the next one. */
static void idle(const struct target *target)
{
	char byte;

	for (unsigned i = 0; i < target->n; i++) {
		int fd = socket_patient(SOCK_STREAM);

		must(socket_connect(fd, target), "connect");
		if (!has_echo(fd, 1))
			die("answer");
	}
	printf("open\n");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

/* ---- ready ------------------------------------------------------------------------------- */

/* Where a network is being made, a first packet may be lost, and the kernel would send the next
 * one after a second. */
static void ready(const struct target *target)
{
	const struct timeval limit = {.tv_usec = 20 * 1000};
	const struct timespec pause = {.tv_nsec = 100 * 1000};
	bool is_ready = false;

	printf("begun\n");
	while (!is_ready) {
		int fd = socket_patient(SOCK_STREAM);

		must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)),
		     "SO_SNDTIMEO");
		must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
		     "SO_RCVTIMEO");
		is_ready = socket_connect(fd, target) == 0 && has_echo(fd, 1);
		close(fd);
		if (!is_ready)
			nanosleep(&pause, NULL);
	}
	print_now();
}

static void now(const struct target *target)
{
	(void)target;
	print_now();
}

/* ---- commands ---------------------------------------------------------------------------- */

/* clang-format off */
static const struct command {
	const char *name;
	int args;
	void (*run)(const struct target *target);
} commands[] = {
	{"serve",     2, serve},
	{"now",       0, now},
	{"ready",     2, ready},
	{"connect",   3, connect_only},
	{"request",   3, request},
	{"ping-pong", 3, ping_pong},
	{"datagrams", 3, datagrams},
	{"burst",     4, bursts},
	{"idle",      3, idle},
};
/* clang-format on */

static bool number_read(const char *text, unsigned max, unsigned *ret)
{
	char rest;

	return sscanf(text, "%u%c", ret, &rest) == 1 && *ret > 0 && *ret <= max;
}

static bool target_read(char **args, int n, struct target *ret)
{
	struct target target = {.address.sin_family = AF_INET};
	unsigned port;

	if (n >= 2) {
		if (inet_pton(AF_INET, args[0], &target.address.sin_addr) != 1 ||
		    !number_read(args[1], UINT16_MAX, &port))
			return false;
		target.address.sin_port = htons((uint16_t)port);
	}
	if (n >= 3 && !number_read(args[2], 1000 * 1000, &target.n))
		return false;
	if (n >= 4 && !number_read(args[3], 1000 * 1000, &target.times))
		return false;
	*ret = target;
	return true;
}

static void raise_open_files(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int main(int argc, char **argv)
{
	struct target target;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	raise_open_files();
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, argv[1]) != 0 || c->args != argc - 2 ||
		    !target_read(argv + 2, c->args, &target))
			continue;
		c->run(&target);
		return 0;
	}
	fprintf(stderr, "usage: latency COMMAND [ADDRESS PORT [N [TIMES]]]\n");
	return 2;
}
