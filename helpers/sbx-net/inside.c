/* SPDX-License-Identifier: Apache-2.0 */
/* inside.c: sockets of the sandbox's network namespace. */
#include "inside.h"

#include "address.h"
#include "choke.h"
#include "relay.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	POOL_MAX = 128,
	POOL6_MAX = 32,
	MADE_MAX = 4, /* at a time */
};

struct pool {
	int listener, seed;
	struct sockaddr_storage to; /* the listener's address */
	socklen_t to_len;
	int sockets[POOL_MAX];
	size_t n, most;
	bool is_failing;
};

static struct pool pools[2]; /* IPv4, IPv6 */
static bool is_expecting;

static void pool_start(struct pool *p, int listener, int seed, size_t most)
{
	struct rlimit files;

	*p = (struct pool){
		.listener = listener, .seed = seed, .to_len = sizeof(p->to), .most = most};
	if (getsockname(listener, (struct sockaddr *)&p->to, &p->to_len) < 0)
		p->seed = -EBADF;
	/* What is kept for later mustn't be what is needed now. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max / 16 < most)
		p->most = files.rlim_max / 16;
}

void inside_start(const int fds[NETWORK_FDS])
{
	pool_start(&pools[0], fds[NETWORK_RELAY], fds[NETWORK_SEED], POOL_MAX);
	pool_start(&pools[1], fds[NETWORK_RELAY6], fds[NETWORK_SEED6], POOL6_MAX);
}

void inside_expect(void)
{
	is_expecting = true;
}

static int disconnect(int fd)
{
	return choke_connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC},
			     sizeof(struct sockaddr));
}

static bool is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct in6_addr one, other;

	return address_get(a, &one) == address_get(b, &other) &&
	       memcmp(&one, &other, sizeof(one)) == 0;
}

/* The seed's connection; others that came before it are the relay's. */
static int seed_accept(const struct pool *p)
{
	enum { PATIENCE_MS = 10, OTHERS_MAX = 64 };
	struct pollfd ready = {.fd = p->listener, .events = POLLIN};
	struct sockaddr_storage seed, peer, own;
	socklen_t len = sizeof(seed);

	if (getsockname(p->seed, (struct sockaddr *)&seed, &len) < 0)
		return -errno;
	for (int i = 0; i < OTHERS_MAX; i++) {
		int fd;

		len = sizeof(peer);
		fd = accept4(p->listener, (struct sockaddr *)&peer, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* The kernel may be busy with other packets first. */
		if (fd < 0 && errno == EAGAIN && poll(&ready, 1, PATIENCE_MS) > 0)
			continue;
		if (fd < 0)
			return -errno;
		/* A connection elsewhere may come from the same port. */
		len = sizeof(own);
		if (is_same(&peer, &seed) &&
		    getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
		    is_same(&own, &p->to))
			return fd;
		relay_accepted(fd);
	}
	return -EAGAIN;
}

static int socket_make(struct pool *p)
{
	int fd;

	if (p->seed < 0)
		return -EAFNOSUPPORT;
	if (choke_connect(p->seed, (const struct sockaddr *)&p->to, p->to_len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	fd = seed_accept(p);
	if (fd >= 0 && disconnect(fd) < 0)
		fd = fd_close(fd);
	(void)disconnect(p->seed);
	return fd;
}

static bool pool_wants(const struct pool *p)
{
	return is_expecting && p->seed >= 0 && p->n < p->most;
}

void inside_refill(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
		for (int made = 0; pool_wants(&pools[i]) && made < MADE_MAX; made++) {
			int fd = socket_make(&pools[i]);

			pools[i].is_failing = fd < 0;
			if (fd < 0)
				break;
			pools[i].sockets[pools[i].n++] = fd;
		}
}

bool inside_wants(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
		if (pool_wants(&pools[i]) && !pools[i].is_failing)
			return true;
	return false;
}

/* What could be taken for the sandbox itself, or has a meaning on its link alone, comes from the router: a service
 * that trusts its own host mustn't trust everybody (CVE-2021-20199). */
static bool is_presentable(const struct in6_addr *a)
{
	const uint8_t *p = a->s6_addr;

	if (IN6_IS_ADDR_V4MAPPED(a))
		return p[12] != 0 && p[12] != 127 && p[12] < 224 &&
		       !(p[12] == 169 && p[13] == 254) && !address_is(a, NET_ADDRESS) &&
		       !address_is(a, NET_RESOLVER);
	return !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_UNSPECIFIED(a) &&
	       !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_MULTICAST(a) &&
	       !address_is(a, NET_ADDRESS6) && !address_is(a, NET_RESOLVER6);
}

struct in6_addr inside_source(const struct in6_addr *peer)
{
	if (is_presentable(peer))
		return *peer;
	return address_of(IN6_IS_ADDR_V4MAPPED(peer) ? NET_ROUTER : NET_ROUTER6);
}

static int source_bind(int fd, int family, const struct in6_addr *peer, uint16_t port)
{
	struct in6_addr from =
		address_family(peer) == family ? inside_source(peer) : address_of(NET_ROUTER);
	struct sockaddr_storage at;
	socklen_t len;

	len = address_put(&from, port, &at);
	if (bind(fd, (const struct sockaddr *)&at, len) == 0)
		return 0;
	/* Several clients are one there, and may have the same port. */
	len = address_put(&from, 0, &at);
	return bind(fd, (const struct sockaddr *)&at, len) < 0 ? -errno : 0;
}

int inside_connect(int family, const struct in6_addr *peer, uint16_t peer_port, uint16_t port)
{
	struct pool *p = &pools[family == AF_INET6];
	autoclose int fd = p->n > 0 ? p->sockets[--p->n] : socket_make(p);
	struct in6_addr target = address_of(family == AF_INET ? NET_ADDRESS : NET_ADDRESS6);
	struct sockaddr_storage to;
	socklen_t len = address_put(&target, port, &to);
	int r = fd < 0 ? fd : source_bind(fd, family, peer, peer_port);

	if (r < 0)
		return r;
	if (choke_connect(fd, (const struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}
