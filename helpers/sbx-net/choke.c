/* SPDX-License-Identifier: Apache-2.0 */
/* choke.c: the one place where it is decided what a sandbox may reach. */
#include "choke.h"

#include "net/net.h"
#include "util/fail.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Seen by libslirp before libc's. */
#define PREEMPTS __attribute__((visibility("default")))

enum { DNS_PORT = 53, LISTEN_BACKLOG = 4096 };

static struct choke_policy policy;
static bool is_checking;
static unsigned n_checked;

void choke_set(const struct choke_policy *p)
{
	policy = *p;
}

/* ---- addresses --------------------------------------------------------------------------- */

struct range {
	const char *address;
	unsigned prefix;
};

/* Services of a cloud's that answer to the host because of where it stands, with its secrets: most have a
 * link-local address, and Alibaba's, Azure's, Amazon's, Google's and Oracle's have these too. */
static const struct range refused_ipv4[] = {
	{"0.0.0.0", 8},		  {"127.0.0.0", 8}, {"169.254.0.0", 16},
	{NET_ROUTER, NET_PREFIX}, {"224.0.0.0", 3}, {"100.100.100.200", 32},
	{"168.63.129.16", 32},
};

/* 64:ff9b:: would lead a translator to any of the above. */
static const struct range refused_ipv6[] = {
	{"::", 8},
	{"64:ff9b::", 16},
	{NET_ROUTER6, NET_PREFIX6},
	{"fe80::", 9},
	{"ff00::", 8},
	{"fd00:ec2::254", 128},
	{"fd20:ce::254", 128},
	{"fd00:c1::a9fe:a9fe", 128},
};

static bool is_in(int family, const unsigned char *address, const struct range *range)
{
	unsigned char want[16];
	unsigned bytes = range->prefix / 8, bits = range->prefix % 8;

	(void)inet_pton(family, range->address, want);
	return memcmp(address, want, bytes) == 0 &&
	       (bits == 0 || (address[bytes] ^ want[bytes]) >> (8 - bits) == 0);
}

static bool is_refused(int family, const void *address)
{
	const struct range *ranges = family == AF_INET ? refused_ipv4 : refused_ipv6;
	size_t n = family == AF_INET ? ARRAY_SIZE(refused_ipv4) : ARRAY_SIZE(refused_ipv6);

	for (size_t i = 0; i < n; i++)
		if (is_in(family, address, &ranges[i]))
			return true;
	return false;
}

int choke_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	static int (*real)(int, const struct sockaddr *, socklen_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "connect");
	return real(fd, to, len);
}

/* Whether what FD, a socket for datagrams, sends to TO comes back by the loopback interface: the only one whose
 * MTU is larger than any packet of IPv6. A router is addressed by its networks' own addresses (prefix::) too, and
 * whole networks can be local; IPv4 lets a socket be bound to such ones. */
static bool leads_back(int fd, const struct sockaddr *to, socklen_t len)
{
	int mtu = 0;
	socklen_t size = sizeof(mtu);

	if (to->sa_family != AF_INET6 || choke_connect(fd, to, len) < 0)
		return false;
	return getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &size) < 0 || mtu > UINT16_MAX;
}

/* Else a socket can be bound to the host's own addresses alone. */
static bool is_of_host(const struct sockaddr *to)
{
	struct sockaddr_storage own = {.ss_family = to->sa_family};
	socklen_t len = to->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						 : sizeof(struct sockaddr_in6);
	autoclose int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&own, to, len);
	if (to->sa_family == AF_INET)
		((struct sockaddr_in *)&own)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&own)->sin6_port = 0;
	/* What can't be told is the host's. */
	return fd < 0 || bind(fd, (const struct sockaddr *)&own, len) == 0 ||
	       errno != EADDRNOTAVAIL || leads_back(fd, to, len);
}

static bool is_loopback(int family, const void *address)
{
	static const struct range four = {"127.0.0.1", 32}, six = {"::1", 128};

	return is_in(family, address, family == AF_INET ? &four : &six);
}

static bool may_reach(const struct sockaddr *to)
{
	const void *address;

	if (to->sa_family == AF_INET)
		address = &((const struct sockaddr_in *)to)->sin_addr;
	else if (to->sa_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)to)->sin6_addr;
	else
		return false;
	if (policy.host_loopback && is_loopback(to->sa_family, address))
		return true;
	return !is_refused(to->sa_family, address) && !is_of_host(to);
}

static bool is_resolver(const struct sockaddr *to)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)to;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)to;
	static const struct range own = {NET_RESOLVER, 32}, own6 = {NET_RESOLVER6, 128};

	if (to->sa_family == AF_INET)
		return four->sin_port == htons(DNS_PORT) &&
		       is_in(AF_INET, (const void *)&four->sin_addr, &own);
	return to->sa_family == AF_INET6 && six->sin6_port == htons(DNS_PORT) &&
	       is_in(AF_INET6, (const void *)&six->sin6_addr, &own6);
}

/* A datagram's address is looked at each time, its being the host's once in a while. */
static bool may_send(const struct sockaddr *to, socklen_t len)
{
	static struct sockaddr_storage last;
	static time_t when;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (len <= sizeof(last) && now.tv_sec == when && memcmp(&last, to, len) == 0)
		return true;
	if (len > sizeof(last) || !may_reach(to))
		return false;
	memset(&last, 0, sizeof(last));
	memcpy(&last, to, len);
	when = now.tv_sec;
	return true;
}

/* ---- what libslirp calls ----------------------------------------------------------------- */

/* libc names its parameters with names that are its own. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
PREEMPTS int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int r;

	if (is_checking) {
		n_checked++;
		errno = ECONNREFUSED;
		return -1;
	}
	if (is_resolver(to) && policy.connect_resolver) {
		r = policy.connect_resolver(fd);
		errno = -r;
		return r < 0 ? -1 : 0;
	}
	if (!may_reach(to)) {
		errno = ECONNREFUSED; /* the sandbox sees a reset */
		return -1;
	}
	return choke_connect(fd, to, len);
}

PREEMPTS ssize_t sendto(int fd, const void *data, size_t n, int flags,
			const struct sockaddr *to, socklen_t len)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *,
			       socklen_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sendto");
	if (to && !may_send(to, len)) {
		errno = EACCES;
		return -1;
	}
	return real(fd, data, n, flags, to, len);
}

/* libslirp's own backlog of 1 makes a burst of connections take seconds. */
PREEMPTS int listen(int fd, int backlog)
{
	static int (*real)(int, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "listen");
	return real(fd, LISTEN_BACKLOG);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- does it hold? ----------------------------------------------------------------------- */

#define MAC_ROUTER  0x52, 0x55, 10, 0, 2, 2
#define MAC_SANDBOX 0x52, 0x55, 10, 0, 2, 100
#define SANDBOX	    10, 0, 2, 100
#define ROUTER	    10, 0, 2, 2
#define NOBODY	    192, 0, 2, 1 /* RFC 5737 */

int choke_check(Slirp *slirp)
{
	/* The sandbox tells its address first: an answer that waits for it makes libslirp 4.7 crash. */
	static const uint8_t arp[] = {
		0xff,	 0xff, 0xff, 0xff, 0xff, 0xff, MAC_SANDBOX, 0x08,   0x06, /* Ethernet */
		0,	 1,    8,    0,	   6,	 4,    0,	    1,	    MAC_SANDBOX,
		SANDBOX, 0,    0,    0,	   0,	 0,    0,	    ROUTER,
	};
	static const uint8_t syn[] = {
		MAC_ROUTER, MAC_SANDBOX, 0x08, 0x00, /* Ethernet */
		0x45,	    0,		 0,    40,   0,	   0,	 0,    0,    64, 6, 0xac, 0x6b,
		SANDBOX,    NOBODY,	 0xff, 0xfe, 0,	   9,	 0,    0,    0,	 1, 0,	  0,
		0,	    0,		 0x50, 0x02, 0xff, 0xff, 0xe1, 0x74, 0,	 0,
	};

	is_checking = true;
	slirp_input(slirp, arp, sizeof(arp));
	slirp_input(slirp, syn, sizeof(syn));
	is_checking = false;
	return n_checked == 1 ? 0
			      : fail(ENOTSUP,
				     "this libslirp connects without being asked: it can't be "
				     "kept from reaching this host");
}

bool choke_is_checking(void)
{
	return is_checking;
}
