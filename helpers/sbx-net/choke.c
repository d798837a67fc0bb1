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
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Seen by libslirp before libc's. */
#define PREEMPTS __attribute__((visibility("default")))

enum { DNS_PORT = 53, DISCARD_PORT = 9, LISTEN_BACKLOG = 4096, CHOKE_FDS = 65536 };

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
 * MTU is larger than any packet (of IPv4 the kernel says the largest). A router is addressed by its networks' own
 * addresses (prefix::) too, and whole networks can be local, by whichever table; IPv4 lets a socket be bound to those
 * of the table `local`. */
static bool leads_back(int fd, const struct sockaddr *to, socklen_t len)
{
	bool is_ipv6 = to->sa_family == AF_INET6;
	int mtu = 0, most = is_ipv6 ? UINT16_MAX : UINT16_MAX - 1;
	socklen_t size = sizeof(mtu);

	if (choke_connect(fd, to, len) < 0)
		return false;
	return getsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_MTU : IP_MTU,
			  &mtu, &size) < 0 ||
	       mtu > most;
}

static int probe_make(const struct in6_addr *address)
{
	return socket(address_family(address), SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* FD stays as it is where it can't be bound. */
static bool is_bindable(int fd, const struct in6_addr *address)
{
	struct sockaddr_storage own;
	socklen_t len = address_put(address, 0, &own);

	return bind(fd, (const struct sockaddr *)&own, len) == 0 || errno != EADDRNOTAVAIL;
}

/* Where sockets can be bound to addresses of nobody's (ip_nonlocal_bind), that says nothing. */
static bool binding_tells(bool is_ipv6)
{
	static const char *const nobody[] = {"240.0.0.1", "100::1"}; /* RFC 1112, RFC 6666 */
	static enum { UNKNOWN, TELLS, TELLS_NOT } known[2];
	struct in6_addr address = address_of(nobody[is_ipv6]);

	if (known[is_ipv6] == UNKNOWN) {
		autoclose int fd = probe_make(&address);

		if (fd < 0)
			return true;
		known[is_ipv6] = is_bindable(fd, &address) ? TELLS_NOT : TELLS;
	}
	return known[is_ipv6] == TELLS;
}

bool choke_is_own(const struct in6_addr *address)
{
	struct sockaddr_storage to;
	socklen_t len = address_put(address, DISCARD_PORT, &to);
	autoclose int fd = probe_make(address);

	return fd < 0 ||
	       (binding_tells(to.ss_family == AF_INET6) && is_bindable(fd, address)) ||
	       leads_back(fd, (const struct sockaddr *)&to, len);
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

static int64_t seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

/* What was decided lately on datagrams: each has its own decision, and most are to whom the last ones were. */
struct recent {
	struct sockaddr_storage to;
	int fd;
	int64_t when; /* seconds */
	bool is_allowed, is_nowhere;
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

/* Datagrams go where no socket can be connected to: to a network that is this host's by a table other than `local`, though no
 * address of it is. */
static bool is_nowhere(const struct sockaddr *peer, socklen_t len)
{
	autoclose int fd = socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return choke_connect(fd, peer, len) < 0 && errno == ENETUNREACH;
}

/* Whether FD, a socket for datagrams, may send to PEER, or HEARS him: who may be sent to may answer. */
static bool may_meet(int fd, const struct sockaddr *peer, socklen_t len, bool hears)
{
	struct recent *r = recent_at(fd, peer, len);
	struct policy_query q;
	struct policy_verdict v;
	int64_t now = seconds();
	bool is_known;

	if (len > sizeof(r->to) || (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
		return false;
	is_known = r->fd == fd && memcmp(&r->to, peer, len) == 0;
	if (is_known && now == r->when)
		return r->is_allowed && !r->is_nowhere;
	query_make(peer, protocol_of(fd), &q);
	v = decide(&q);
	/* What strangers send is told to nobody and takes nobody's place. */
	if (hears && (!is_known || v.is_allowed != r->is_allowed))
		return v.is_allowed;
	/* A flow is told of once, unless it is decided otherwise later. */
	if (!is_known || v.is_allowed != r->is_allowed)
		tell_decision(&q, &v);
	*r = (struct recent){.fd = fd,
			     .when = now,
			     .is_allowed = v.is_allowed,
			     .is_nowhere = v.is_allowed && is_nowhere(peer, len)};
	memcpy(&r->to, peer, len);
	return r->is_allowed && !r->is_nowhere;
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
	v = decide(&q);
	if (v.is_allowed)
		v = (struct policy_verdict){.reason = NET_BY_NO_ECHO,
					    .rule = -1,
					    .name = v.name};
	tell_decision(&q, &v);
	return false;
}

/* ---- datagrams from outside ---------------------------------------------------------------- */

static int64_t sent_at[CHOKE_FDS]; /* by descriptor: seconds */

static void sent_note(int fd)
{
	if (fd >= 0 && fd < CHOKE_FDS)
		sent_at[fd] = seconds();
}

/* Who only listens is somebody for a while: what comes keeps libslirp's flow for ever. */
static bool has_sent(int fd)
{
	enum { HEARD_S = 3600 };

	return fd >= 0 && fd < CHOKE_FDS && seconds() - sent_at[fd] <= HEARD_S;
}

void choke_open(int fd)
{
	int one = 1, flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	sent_note(fd);
}

static ssize_t choke_receive(int fd, struct msghdr *m, int flags)
{
	static ssize_t (*real)(int, struct msghdr *, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "recvmsg");
	return real(fd, m, flags);
}

/* What comes by the loopback interface comes from this host, whatever it says. */
static bool is_forged(struct msghdr *m, const struct sockaddr_storage *from)
{
	enum { LOOPBACK_INDEX = 1 };
	struct in6_addr address;
	bool is_local = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			is_local = ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex ==
				   LOOPBACK_INDEX;
	(void)address_get(from, &address);
	return is_local && !IN6_IS_ADDR_LOOPBACK(&address) && !choke_is_own(&address);
}

/* 1: it is; 0: a stranger's; a negative errno: there is none. */
static int next_is_heard(int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} control;
	struct sockaddr_storage from;
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};

	if (choke_receive(fd, &m, MSG_PEEK | MSG_DONTWAIT) < 0)
		return -errno;
	return has_sent(fd) && !is_forged(&m, &from) &&
	       may_meet(fd, (const struct sockaddr *)&from, m.msg_namelen, true);
}

bool choke_hears(int fd)
{
	enum { STRANGERS_MAX = 64 }; /* in one turn */
	int r = 0;

	for (int i = 0; i < STRANGERS_MAX && r == 0; i++) {
		r = next_is_heard(fd);
		if (r == 0)
			(void)recv(fd, NULL, 0, MSG_DONTWAIT);
	}
	return r > 0;
}

/* libslirp 4.7 ends the program at an error of ICMPv6 that is none of RFC 4443, which anybody can send to its socket. */
static void errors_mend(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct sock_extended_err *e = (struct sock_extended_err *)CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR &&
		    (e->ee_type < ICMP6_DST_UNREACH || e->ee_type > ICMP6_PARAM_PROB))
			e->ee_origin = SO_EE_ORIGIN_NONE;
	}
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
	ssize_t sent;

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
	sent_note(fd);
	sent = real(fd, data, n, flags | MSG_DONTWAIT, to, len);
	/* Where there is no room for it, as while neighbours are looked for, it is lost as on any wire. */
	return sent < 0 && (errno == EAGAIN || errno == ENOBUFS) ? (ssize_t)n : sent;
}

/* The last word on what choke_hears() has looked at: between the two another datagram may have come. */
PREEMPTS ssize_t recvfrom(int fd, void *data, size_t n, int flags, struct sockaddr *from,
			  socklen_t *len)
{
	static ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t got;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "recvfrom");
	got = real(fd, data, n, flags, from, len);
	if (got < 0 || !from || (from->sa_family != AF_INET && from->sa_family != AF_INET6) ||
	    may_meet(fd, from, *len, true))
		return got;
	errno = EAGAIN;
	return -1;
}

PREEMPTS ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t got = choke_receive(fd, m, flags);

	if (got >= 0 && (flags & MSG_ERRQUEUE))
		errors_mend(m);
	return got;
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
