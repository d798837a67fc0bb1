/* SPDX-License-Identifier: Apache-2.0 */
/* dns.c: what the name service of a sandbox hears from both sides, and in which order. */
#include "dns.h"

#include "choke.h"
#include "dns_message.h"
#include "fuzz.h"
#include "net_loop.h"
#include "tell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The first byte is how many servers there are, and whether names are looked at (128). Then
 * comes a list of steps, each a letter, a byte that says to whom, a byte that is the length,
 * and so many bytes of data:
 *
 *   q  the sandbox asks by datagram        s  it opens a connection (S: a socket)
 *   c  it sends by connection              C  it ends that, one way or (an odd length) both
 *   a  a server answers or sends: by datagram with the right id in front
 *   r  it answers what it was asked: 10 bytes of data come before the question, all others behind
 *   A  it ends its connection, likewise    x  connecting to a server fails (odd), or works again
 *   e  what is ready is seen to            t  time passes
 *   n  the servers are others, as many as the length says
 */

enum { PEERS_MAX = 512, CLIENTS_MAX = 32, TURNS_MAX = 3000 };

static int peers[PEERS_MAX], clients[CLIENTS_MAX];
static size_t n_peers, n_clients;
static bool is_refusing, has_rules;

/* ---- rules: names in "www" are allowed, and addresses but 10.0.0.0/8 and fc00::/7 -------- */

static bool is_allowed_name(const char *name)
{
	return strncmp(name, "www.", 4) == 0;
}

static bool is_allowed_address(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) ? a->s6_addr[12] != 10 : (a->s6_addr[0] & 0xfe) != 0xfc;
}

bool policy_is_closed(void)
{
	return has_rules;
}

bool policy_has_names(void)
{
	return has_rules;
}

struct policy_verdict policy_decide_name(const char *name)
{
	return (struct policy_verdict){.is_allowed = is_allowed_name(name), .rule = -1};
}

struct policy_verdict policy_answer(const char *name, const struct in6_addr *address,
				    uint32_t ttl)
{
	must(is_allowed_name(name) && ttl <= INT32_MAX);
	return (struct policy_verdict){.is_allowed = is_allowed_address(address), .rule = -1};
}

bool tell_question(int64_t when)
{
	return false;
}

void tell_event(const struct net_event *e)
{
}

void tell_name(const char *name, const struct policy_verdict *v)
{
	must(v->is_allowed == is_allowed_name(name));
}

void tell_answer(const char *name, const struct in6_addr *address,
		 const struct policy_verdict *v)
{
	must(is_allowed_name(name) && !is_allowed_address(address) && !v->is_allowed);
}

/* What is asked outside is one question about an allowed name, and nothing besides. */
static void asked_check(const uint8_t *data, size_t len)
{
	struct dns_query q;

	must(dns_is_question(data, len));
	if (!has_rules)
		return;
	must(dns_query_read(data, len, &q) == DNS_NOERROR);
	must(is_allowed_name(q.name) && q.class == DNS_IN && q.size <= DNS_SIZE_OWN);
	must(q.type != DNS_HTTPS && q.type != DNS_SVCB && q.type != 255);
	must(len <= DNS_QUERY_ROOM);
}

/* What the sandbox is told is well-formed, and shows no address that isn't allowed. */
static void told_check(const uint8_t *data, size_t len)
{
	uint8_t question[DNS_QUERY_ROOM] = {0};
	struct dns_answer a;
	struct dns_query q;
	size_t n = DNS_HEAD;

	if (!has_rules)
		return;
	must(dns_is_answer(data, len));
	if (data[5] == 0)
		return;
	for (; data[n]; n += 1U + data[n])
		must(data[n] < 64 && n < len);
	n += 5;
	must(n <= len && n <= sizeof(question));
	memcpy(question, data, n);
	question[2] = 0;
	memset(question + 6, 0, 6);
	(void)dns_query_read(question, n, &q);
	must(q.has_question && dns_answer_read(&q, data, len, &a));
	for (unsigned i = 0; i < a.n_addresses; i++)
		must(is_allowed_address(&a.addresses[i]));
	if (a.n_names > 1 || a.n_addresses > 0)
		must(is_allowed_name(q.name));
}

/* ---- what dns.c calls -------------------------------------------------------------------- */

void loop_send(uint8_t *frame, unsigned len)
{
	struct frame_datagram d;

	size_t head = frame[12] == 8 ? 14 + 20 + 8 : 14 + 40 + 8;

	must(len <= FRAME_ANSWER_ROOM);
	must(frame_admit(frame, len, &d) != FRAME_DNS);
	told_check(frame + head, len - head);
}

/* A server: the other end of a pair of sockets in place of FD. */
int choke_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int type, pair[2];
	socklen_t size = sizeof(type);

	errno = ECONNREFUSED;
	if (is_refusing || n_peers == PEERS_MAX)
		return -1;
	must(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0);
	must(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	must(dup3(pair[0], fd, O_CLOEXEC) == fd && close(pair[0]) == 0);
	peers[n_peers++] = pair[1];
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------- */

static void ask(const uint8_t *data, size_t len, bool is_ipv6)
{
	autofree char *copy = fuzz_room(len);
	struct frame_datagram d = {
		.payload = (uint8_t *)copy, .len = len, .is_ipv6 = is_ipv6, .port = 1000};

	memcpy(copy, data, len);
	dns_ask(&d);
}

static void connection_add(void)
{
	int pair[2];

	if (n_clients == CLIENTS_MAX)
		return;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	clients[n_clients++] = pair[0];
	(void)dns_serve(pair[1]);
}

static void connection_open(void)
{
	int fd = n_clients < CLIENTS_MAX ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)
					 : -EBADF;

	if (fd < 0)
		return;
	if (dns_connect(fd) < 0)
		(void)close(fd);
	else
		clients[n_clients++] = fd;
}

/* What was asked last, into SAID; its length, or 0. */
static size_t question_take(int fd, uint8_t *said, size_t room, bool *ret_is_datagram)
{
	ssize_t n = recv(fd, said, room, MSG_DONTWAIT);
	int type = 0;
	socklen_t size = sizeof(type);

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	*ret_is_datagram = type == SOCK_DGRAM;
	if (n <= 2)
		return n < 0 ? 0 : (size_t)n;
	/* Nothing but questions gets here. */
	if (*ret_is_datagram)
		asked_check(said, (size_t)n);
	else if ((said[0] << 8 | said[1]) + 2 == n)
		asked_check(said + 2, (size_t)n - 2);
	return (size_t)n;
}

static void answer(int fd, const uint8_t *data, size_t len)
{
	uint8_t said[2048], message[256];
	bool is_datagram;
	size_t id = question_take(fd, said, sizeof(said), &is_datagram) < 2 ? 0 : 2;

	memcpy(message, said, id);
	memcpy(message + id, data, len < sizeof(message) - id ? len : sizeof(message) - id);
	(void)send(fd, message, len < sizeof(message) - id ? len + id : sizeof(message),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The question is what it was asked, as it stands between its head and its OPT record. */
static void reply(int fd, const uint8_t *data, size_t len)
{
	enum { FLAGS_AND_COUNTS = 10, ID = 2 };
	uint8_t said[2048] = {0}, message[4096];
	bool is_datagram;
	size_t n = question_take(fd, said, sizeof(said), &is_datagram);
	size_t at = is_datagram ? 0 : 2, question = 0, total;

	if (n < at + DNS_HEAD || len < FLAGS_AND_COUNTS)
		return;
	while (at + DNS_HEAD + question < n && said[at + DNS_HEAD + question])
		question += 1U + said[at + DNS_HEAD + question];
	question += 5;
	if (at + DNS_HEAD + question > n)
		return;
	total = ID + question + len;
	message[0] = (uint8_t)(total >> 8);
	message[1] = (uint8_t)total;
	memcpy(message + at, said + at, ID);
	memcpy(message + at + ID, data, FLAGS_AND_COUNTS);
	memcpy(message + at + DNS_HEAD, said + at + DNS_HEAD, question);
	memcpy(message + at + DNS_HEAD + question, data + FLAGS_AND_COUNTS,
	       len - FLAGS_AND_COUNTS);
	(void)send(fd, message, at + total, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end(int *fd, bool whole)
{
	if (whole)
		*fd = fd_close(*fd);
	else
		(void)shutdown(*fd, SHUT_WR);
}

static struct net_servers servers_of(size_t n)
{
	struct net_servers s = {.n = n % 4};

	for (unsigned i = 0; i < 3; i++)
		s.address[i] = (struct in6_addr){
			.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1}};
	return s;
}

static void servers_change(size_t n)
{
	struct net_servers s = servers_of(n);

	dns_set_servers(&s);
}

static void step(char what, uint8_t whom, const uint8_t *data, size_t len)
{
	int none = -EBADF, *client = n_clients ? &clients[whom % n_clients] : &none;
	int *peer = n_peers ? &peers[whom % n_peers] : &none;

	switch (what) {
	case 'q':
		ask(data, len, whom & 1);
		break;
	case 's':
		connection_open();
		break;
	case 'S':
		connection_add();
		break;
	case 'n':
		servers_change(len);
		break;
	case 'r':
		reply(*peer, data, len);
		break;
	case 'c':
		(void)send(*client, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 'C':
		end(client, len & 1);
		break;
	case 'a':
		answer(*peer, data, len);
		break;
	case 'A':
		end(peer, len & 1);
		break;
	case 'x':
		is_refusing = len & 1;
		break;
	case 't':
		now += 1000;
		dns_expire();
		break;
	default:
		(void)turn();
	}
}

/* While nobody says anything more, it falls asleep. */
static void settle(void)
{
	unsigned turns = 0;

	while (turn())
		must(++turns < TURNS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct net_config config;

	config.servers = servers_of(size ? data[0] : 0);
	has_rules = size && data[0] & 128;
	dns_start(&config);
	is_refusing = false;
	for (size_t at = 1; at + 3 <= size;) {
		size_t len = data[at + 2];

		len = at + 3 + len <= size ? len : size - at - 3;
		step((char)data[at], data[at + 1], data + at + 3, len);
		at += 3 + len;
	}
	settle();
	while (n_clients)
		(void)fd_close(clients[--n_clients]);
	settle();
	for (unsigned tries = 0; dns_due() >= 0; tries++) {
		must(tries < 1000);
		now += 1000;
		settle();
	}
	/* With nobody left inside nothing is left of it. */
	while (n_peers)
		(void)fd_close(peers[--n_peers]);
	settle();
	must(n_watches == 0);
	return 0;
}
