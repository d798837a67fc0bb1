/* SPDX-License-Identifier: Apache-2.0 */
/* choke.h: the one place where it is decided what a sandbox may reach. */
#pragma once

#include <netinet/in.h>
#include <slirp/libslirp.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * Theory of operation
 *
 * libslirp calls connect(), sendto(), recvfrom(), recvmsg() and listen() by their names, and the names of the executable
 * go before those of libc. So these calls come here, with the address that the kernel is about to
 * get; nothing that libslirp reads out of a frame gets past that. choke_check() makes libslirp open a
 * connection and looks whether it came here; a helper for which that doesn't hold ends.
 *
 * What it decides by is policy.h, and here what only a socket can tell: whether an address is this host's own. Each
 * decision is told before it is acted upon; of datagrams and echoes, the first to an address in a while.
 */

struct choke_policy {
	bool relays; /* TCP is the relay's, where a rule has a name */
	/* Turns the socket FD, which libslirp wants connected to the name service, into a connection
	 * to our own: 0 or a negative errno. */
	int (*connect_resolver)(int fd);
};

void choke_set(const struct choke_policy *policy);

/* connect(2) for the helper itself, which isn't asked. */
int choke_connect(int fd, const struct sockaddr *to, socklen_t len);

/* Whether ADDRESS is this host's own: one that a socket can be bound to, or to which the way leads over the loopback
 * interface. What can't be told is. */
bool choke_is_own(const struct in6_addr *address);

/* FD is a new socket of libslirp's for datagrams: it blocks nobody, and says by which interface they come. */
void choke_open(int fd);

/* Whether the next datagram of FD, a socket of libslirp's, is from somebody whom it may send to, and has sent something within an
 * hour. Those in front of it that aren't are gone: its port is open to everybody, this host's users too, who can bind any
 * address of IPv6 (IP_FREEBIND). An error that waits on FD is taken. */
bool choke_hears(int fd);

/* Whether an echo request to TARGET, of IPv4, can be one: where this host lets nobody send any (ping_group_range), which is told,
 * libslirp sends a datagram to the port 7 instead. */
bool choke_echoes(const uint8_t target[4]);

/* FD is closed: what was decided on it doesn't hold for another file of its number. */
void choke_forget(int fd);

/* Whether calls of SLIRP's come here; a negative errno where they don't. It knows the sandbox's addresses then. */
int choke_check(Slirp *slirp);

/* While it looks, what SLIRP sends is no frame of the sandbox's. */
bool choke_is_checking(void);
