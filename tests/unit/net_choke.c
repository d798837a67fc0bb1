/* SPDX-License-Identifier: Apache-2.0 */
/* net_choke.c: the calls that libslirp makes, as this program makes them: who is reached, who is heard, what is told. */
#include "choke.h"

#include "address.h"
#include "policy.h"
#include "tap.h"
#include "tell.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* All are of this host's loopback, which stands for the router, and are told apart by their ports. */
static struct {
	_Alignas(struct sockaddr_storage) struct sockaddr_in at; /* as libslirp has them */
	int fd;
	bool is_allowed;
} own, friend, stranger;

static unsigned n_decided, n_told;

struct policy_verdict policy_decide(const struct policy_query *q)
{
	n_decided++;
	return (struct policy_verdict){
		.is_allowed = address_is(&q->address, NET_ROUTER) && q->protocol == NET_UDP &&
			      ((friend.is_allowed && q->port == ntohs(friend.at.sin_port)) ||
			       (stranger.is_allowed && q->port == ntohs(stranger.at.sin_port))),
		.rule = -1,
	};
}

bool policy_has_names(void)
{
	return false;
}

void tell_decision(const struct policy_query *q, const struct policy_verdict *v)
{
	n_told++;
}

void slirp_input(Slirp *slirp, const uint8_t *pkt, int pkt_len)
{
}

static int socket_make(struct sockaddr_in *ret_at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*ret_at);

	*ret_at = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (const struct sockaddr *)ret_at, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_at, &len) < 0)
		abort();
	return fd;
}

/* As one who isn't asked. */
static void come(int fd, const char *text)
{
	struct iovec part = {(void *)text, strlen(text)};
	struct msghdr m = {.msg_name = &own.at,
			   .msg_namelen = sizeof(own.at),
			   .msg_iov = &part,
			   .msg_iovlen = 1};

	if (sendmsg(fd, &m, 0) != (ssize_t)strlen(text))
		abort();
}

static ssize_t send_to(const struct sockaddr_in *to)
{
	return sendto(own.fd, "x", 1, 0, (const struct sockaddr *)to, sizeof(*to));
}

static ssize_t hear(char data[16])
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	return recvfrom(own.fd, data, 16, 0, (struct sockaddr *)&from, &len);
}

static void test_sent(void)
{
	check_int(send_to(&friend.at), 1);
	check_that(n_told == 1, "what is sent is told");
	check_int(send_to(&friend.at), 1);
	check_that(n_told == 1 && n_decided == 1, "once");
	errno = 0;
	check_that(send_to(&stranger.at) == -1 && errno == EACCES,
		   "nothing goes to a stranger");
	check_that(n_told == 2, "which is told too");
	check_that(recv(stranger.fd, NULL, 0, 0) == -1, "and nothing has come there");
}

static void test_heard(void)
{
	unsigned told = n_told;
	char data[16];

	check_that(!choke_hears(own.fd), "where nothing has come nobody is heard");
	come(friend.fd, "one");
	check_that(choke_hears(own.fd), "who may be sent to is heard");
	check_that(choke_hears(own.fd), "and stays where he is");
	check_that(hear(data) == 3 && memcmp(data, "one", 3) == 0, "until he is read");
	for (int i = 0; i < 3; i++)
		come(stranger.fd, "no");
	come(friend.fd, "two");
	check_that(choke_hears(own.fd), "a friend behind strangers is heard");
	check_that(hear(data) == 3 && memcmp(data, "two", 3) == 0, "and they are gone");
	come(stranger.fd, "");
	check_that(!choke_hears(own.fd), "a stranger isn't");
	errno = 0;
	check_that(hear(data) == -1 && errno == EAGAIN, "nor is anything left of him");
	come(stranger.fd, "no");
	errno = 0;
	check_that(hear(data) == -1 && errno == EAGAIN,
		   "who comes after the look isn't read either");
	for (int i = 0; i < 200; i++)
		come(stranger.fd, "no");
	check_that(!choke_hears(own.fd) && recv(own.fd, NULL, 0, MSG_PEEK) == 0,
		   "many strangers aren't all heard out in one turn");
	while (recv(own.fd, NULL, 0, 0) == 0)
		;
	check_that(n_told == told, "of all that nothing is told");
}

/* What was decided holds for a second, and not for who gets its number next. */
static void test_decided_again(void)
{
	unsigned told;
	char data[16];

	friend.is_allowed = false;
	choke_forget(own.fd);
	told = n_told;
	come(friend.fd, "one");
	check_that(!choke_hears(own.fd), "who may no more be sent to is no more heard");
	friend.is_allowed = true;
	come(friend.fd, "two");
	check_that(choke_hears(own.fd) && hear(data) == 3, "and who may again, is");
	check_that(n_told == told, "unsaid");
	check_that(send_to(&friend.at) == 1 && n_told == told + 1,
		   "that he was heard first makes nothing untold");
	friend.is_allowed = false;
	(void)usleep(1100000);
	come(friend.fd, "three");
	check_that(!choke_hears(own.fd), "a decision has its time");
	check_that(send_to(&friend.at) == -1 && n_told == told + 2,
		   "another one is told when it is acted upon");
}

int main(void)
{
	own.fd = socket_make(&own.at);
	friend.fd = socket_make(&friend.at);
	stranger.fd = socket_make(&stranger.at);
	friend.is_allowed = true;
	test_sent();
	test_heard();
	test_decided_again();
	return tap_done();
}
