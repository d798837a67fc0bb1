/* SPDX-License-Identifier: Apache-2.0 */
/* choke.c: the one place where it is decided what a sandbox may reach. */
#include "choke.h"

#include "address.h"
#include "frame.h"
#include "policy.h"
#include "tell.h"
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

enum { DNS_PORT = 53, DISCARD_PORT = 9, LISTEN_BACKLOG = 4096 };

static struct choke_policy policy;
static bool is_checking;
static unsigned n_checked;

void choke_set(const struct choke_policy *p)
{
	policy = *p;
}

/* ---- addresses --------------------------------------------------------------------------- */

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

bool choke_is_own(const struct in6_addr *address)
{
	struct sockaddr_storage own, to;
	socklen_t len = address_put(address, 0, &own);
	autoclose int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)address_put(address, DISCARD_PORT, &to);
	return fd < 0 || bind(fd, (const struct sockaddr *)&own, len) == 0 ||
	       errno != EADDRNOTAVAIL || leads_back(fd, (const struct sockaddr *)&to, len);
}

/* ---- decisions --------------------------------------------------------------------------- */

static bool is_resolver(const struct policy_query *q)
{
	return q->port == DNS_PORT && (address_is(&q->address, NET_RESOLVER) ||
				       address_is(&q->address, NET_RESOLVER6));
}

/* By libslirp's translation the router's address has become the loopback's already. */
static void query_make(const struct sockaddr *to, uint8_t protocol, struct policy_query *q)
{
	*q = (struct policy_query){.protocol = protocol};
	q->port = address_get((const struct sockaddr_storage *)to, &q->address);
	if (protocol == NET_ICMP)
		q->port = 0;
	if (address_is(&q->address, "127.0.0.1"))
		q->address = address_of(NET_ROUTER);
	else if (address_is(&q->address, "::1"))
		q->address = address_of(NET_ROUTER6);
	else
		q->is_own = choke_is_own(&q->address);
}

/* Where a rule has a name, who speaks to whom must be seen: QUIC hides it, and TCP is seen by the relay alone. */
static bool is_unseen(const struct policy_query *q, const struct policy_verdict *v)
{
	enum { HTTPS_PORT = 443 };

	if (q->protocol == NET_TCP)
		return policy.relays && policy_has_names();
	return q->protocol == NET_UDP && q->port == HTTPS_PORT &&
	       (v->needs_name || v->hears_name);
}

static struct policy_verdict decide(const struct policy_query *q)
{
	struct policy_verdict v = policy_decide(q);

	if (v.is_allowed && is_unseen(q, &v))
		v = (struct policy_verdict){.reason = NET_BY_PATH, .rule = -1, .name = v.name};
	return v;
}

static bool decide_and_tell(const struct policy_query *q)
{
	struct policy_verdict v = decide(q);

	tell_decision(q, &v);
	return v.is_allowed;
}

/* What was decided lately on datagrams: each has its own decision, and most are to whom the last ones were. */
struct recent {
	struct sockaddr_storage to;
	int fd;
	time_t when;
	bool is_allowed;
};

enum { RECENT_MAX = 64 };

static struct recent recents[RECENT_MAX];

void choke_forget(int fd)
{
	for (size_t i = 0; i < RECENT_MAX; i++)
		if (recents[i].fd == fd)
			recents[i] = (struct recent){.fd = -EBADF};
}

static struct recent *recent_at(int fd, const struct sockaddr *to, socklen_t len)
{
	const uint8_t *p = (const uint8_t *)to;
	uint32_t sum = (uint32_t)fd;

	for (socklen_t i = 0; i < len; i++)
		sum = sum * 31 + p[i];
	return &recents[sum % RECENT_MAX];
}

static uint8_t protocol_of(int fd)
{
	int protocol = IPPROTO_UDP;
	socklen_t len = sizeof(protocol);

	(void)getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	return protocol == IPPROTO_UDP ? NET_UDP : NET_ICMP;
}

/* Whether FD, a socket for datagrams, may send to PEER, or HEARS him: who may be sent to may answer. */
static bool may_meet(int fd, const struct sockaddr *peer, socklen_t len, bool hears)
{
	struct recent *r = recent_at(fd, peer, len);
	struct policy_query q;
	struct policy_verdict v;
	struct timespec now;
	bool is_known;

	if (len > sizeof(r->to) || (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	is_known = r->fd == fd && memcmp(&r->to, peer, len) == 0;
	if (is_known && now.tv_sec == r->when)
		return r->is_allowed;
	query_make(peer, protocol_of(fd), &q);
	v = decide(&q);
	/* What strangers send is told to nobody and takes nobody's place. */
	if (hears && (!is_known || v.is_allowed != r->is_allowed))
		return v.is_allowed;
	/* A flow is told of once, unless it is decided otherwise later. */
	if (!is_known || v.is_allowed != r->is_allowed)
		tell_decision(&q, &v);
	*r = (struct recent){.fd = fd, .when = now.tv_sec, .is_allowed = v.is_allowed};
	memcpy(&r->to, peer, len);
	return r->is_allowed;
}

bool choke_echoes(const uint8_t target[4])
{
	struct policy_query q = {.protocol = NET_ICMP, .address = address_mapped(target)};
	struct policy_verdict v;

	/* These libslirp answers itself. */
	if (address_is(&q.address, NET_ROUTER) || address_is(&q.address, NET_RESOLVER))
		return true;
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0)
		return true;
	q.is_own = choke_is_own(&q.address);
	v = policy_decide(&q);
	if (v.is_allowed)
		v = (struct policy_verdict){.reason = NET_BY_NO_ECHO,
					    .rule = -1,
					    .name = v.name};
	tell_decision(&q, &v);
	return false;
}

static ssize_t choke_receive(int fd, void *data, size_t n, int flags, struct sockaddr *from,
			     socklen_t *len)
{
	static ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "recvfrom");
	return real(fd, data, n, flags, from, len);
}

bool choke_hears(int fd)
{
	enum { STRANGERS_MAX = 64 }; /* in one turn */

	for (int i = 0; i < STRANGERS_MAX; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);

		if (choke_receive(fd, NULL, 0, MSG_PEEK | MSG_DONTWAIT,
				  (struct sockaddr *)&from, &len) < 0)
			return false;
		if (may_meet(fd, (const struct sockaddr *)&from, len, true))
			return true;
		(void)recv(fd, NULL, 0, MSG_DONTWAIT);
	}
	return false;
}

/* ---- what libslirp calls ----------------------------------------------------------------- */

/* libc names its parameters with names that are its own. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
PREEMPTS int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct policy_query q;
	int r;

	if (is_checking) {
		n_checked++;
		errno = ECONNREFUSED;
		return -1;
	}
	query_make(to, NET_TCP, &q);
	if (is_resolver(&q) && policy.connect_resolver)
		r = policy.connect_resolver(fd);
	else if (!decide_and_tell(&q))
		r = -EACCES;
	else
		r = choke_connect(fd, to, len) < 0 ? -errno : 0;
	if (r == 0)
		return 0;
	/* A connection that fails at once makes libslirp 4.7 free what it has freed (tcp_input(), ECONNREFUSED). One that
	 * fails later doesn't, and the sandbox sees a reset: the socket isn't connected, which it is soon told. */
	errno = r == -EAGAIN ? EAGAIN : EINPROGRESS;
	return -1;
}

PREEMPTS ssize_t sendto(int fd, const void *data, size_t n, int flags,
			const struct sockaddr *to, socklen_t len)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *,
			       socklen_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sendto");
	if (is_checking) {
		n_checked++;
		errno = EACCES;
		return -1;
	}
	if (to && !may_meet(fd, to, len, false)) {
		errno = EACCES;
		return -1;
	}
	return real(fd, data, n, flags, to, len);
}

/* The last word on what choke_hears() has looked at: between the two another datagram may have come. */
PREEMPTS ssize_t recvfrom(int fd, void *data, size_t n, int flags, struct sockaddr *from,
			  socklen_t *len)
{
	ssize_t got = choke_receive(fd, data, n, flags, from, len);

	if (got < 0 || !from || (from->sa_family != AF_INET && from->sa_family != AF_INET6) ||
	    may_meet(fd, from, *len, true))
		return got;
	errno = EAGAIN;
	return -1;
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
#define NOBODY	    192, 0, 2, 1 /* RFC 5737 */

int choke_check(Slirp *slirp)
{
	static const uint8_t datagram[] = {
		MAC_ROUTER, MAC_SANDBOX, 0x08, 0x00, /* Ethernet */
		0x45,	    0,		 0,    29,   0, 0, 0, 0, 64, 17, 0xac, 0x6b,
		SANDBOX,    NOBODY,	 0xff, 0xfe, 0, 9, 0, 9, 0,  0,	 0,
	};
	static const uint8_t syn[] = {
		MAC_ROUTER, MAC_SANDBOX, 0x08, 0x00, /* Ethernet */
		0x45,	    0,		 0,    40,   0,	   0,	 0,    0,    64, 6, 0xac, 0x6b,
		SANDBOX,    NOBODY,	 0xff, 0xfe, 0,	   9,	 0,    0,    0,	 1, 0,	  0,
		0,	    0,		 0x50, 0x02, 0xff, 0xff, 0xe1, 0x74, 0,	 0,
	};

	is_checking = true;
	slirp_input(slirp, syn, sizeof(syn));
	slirp_input(slirp, datagram, sizeof(datagram));
	is_checking = false;
	return n_checked == 2 ? 0
			      : fail(ENOTSUP,
				     "this libslirp connects without being asked: it can't be "
				     "kept from reaching this host");
}

bool choke_is_checking(void)
{
	return is_checking;
}
