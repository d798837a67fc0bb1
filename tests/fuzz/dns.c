/* SPDX-License-Identifier: Apache-2.0 */
/* dns.c: what the name service of a sandbox hears from both sides, and in which order. */
#include "dns.h"

#include "choke.h"
#include "fuzz.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The input is a list of steps, each a letter, a byte that says to whom, a byte that is the length, and so many
 * bytes of data:
 *
 *   q  the sandbox asks by datagram        s  it opens a connection
 *   c  it sends by connection              C  it ends that, one way or (an odd length) both
 *   a  a server answers or sends: by datagram with the right id in front
 *   A  it ends its connection, likewise    x  the next connection to a server fails (odd), or works again
 *   e  what is ready is seen to            t  time passes
 */

enum { PEERS_MAX = 512, WATCHES_MAX = 512, CLIENTS_MAX = 32, TURNS_MAX = 3000 };

static struct loop_watch *watches[WATCHES_MAX];
static uint32_t wanted[WATCHES_MAX];
static int peers[PEERS_MAX], clients[CLIENTS_MAX];
static size_t n_watches, n_peers, n_clients;
static int64_t now;
static bool is_refusing;

/* ---- what dns.c calls -------------------------------------------------------------------- */

int64_t loop_now(void)
{
	return now;
}

void loop_forget(int fd)
{
}

void loop_unwatch(struct loop_watch *w)
{
	for (size_t i = 0; i < n_watches; i++)
		if (watches[i] == w) {
			watches[i] = watches[--n_watches];
			wanted[i] = wanted[n_watches];
			return;
		}
}

int loop_watch(struct loop_watch *w, uint32_t events)
{
	must(fcntl(w->fd, F_GETFD) >= 0);
	loop_unwatch(w);
	must(n_watches < WATCHES_MAX);
	wanted[n_watches] = events;
	watches[n_watches++] = w;
	return 0;
}

void loop_send(uint8_t *frame, unsigned len)
{
	struct frame_datagram d;

	must(len <= FRAME_ANSWER_ROOM);
	must(frame_admit(frame, len, &d) != FRAME_DNS);
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

/* What was ready in the beginning is seen to, though it may have gone meanwhile: as the loop does it. */
static bool turn(void)
{
	struct pollfd fds[WATCHES_MAX];
	struct loop_watch *seen[WATCHES_MAX];
	size_t n = n_watches;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		seen[i] = watches[i];
		fds[i] = (struct pollfd){.fd = watches[i]->fd, .events = (short)wanted[i]};
	}
	if (poll(fds, n, 0) < 0) {
		must(errno == EINTR); /* libFuzzer looks at its clock */
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (fds[i].revents) {
			seen[i]->ready(seen[i], (uint32_t)fds[i].revents);
			any = true;
		}
	dns_expire();
	return any;
}

static void ask(const uint8_t *data, size_t len, bool is_ipv6)
{
	autofree char *copy = fuzz_room(len);
	struct frame_datagram d = {
		.payload = (uint8_t *)copy, .len = len, .is_ipv6 = is_ipv6, .port = 1000};

	memcpy(copy, data, len);
	dns_ask(&d);
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

static void answer(int fd, const uint8_t *data, size_t len)
{
	uint8_t said[2048], message[256];
	ssize_t n = recv(fd, said, sizeof(said), MSG_DONTWAIT);
	size_t id = n < 2 ? 0 : 2;
	int type;
	socklen_t size = sizeof(type);

	/* Nothing but questions gets here. */
	if (n > 2 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	    type == SOCK_DGRAM)
		must((said[2] & 0xf8) == 0);
	memcpy(message, said, id);
	memcpy(message + id, data, len < sizeof(message) - id ? len : sizeof(message) - id);
	(void)send(fd, message, len < sizeof(message) - id ? len + id : sizeof(message),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end(int *fd, bool whole)
{
	if (whole)
		*fd = fd_close(*fd);
	else
		(void)shutdown(*fd, SHUT_WR);
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

	config.servers.n = size ? data[0] % 4 : 0;
	for (unsigned i = 0; i < 3; i++)
		config.servers.address[i] = (struct in6_addr){
			.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1}};
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
