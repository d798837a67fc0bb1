/* SPDX-License-Identifier: Apache-2.0 */
/* dns.c: the name service that a sandbox sees. */
#include "dns.h"

#include "dns_exchange.h"
#include "dns_stream.h"
#include "loop.h"
#include "stacks.h"
#include "tell.h"
#include "util/scope.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { QUESTIONS_MAX = 128, ROUNDS = 2, SERVERS_MS = 100 };

struct question {
	struct loop_watch watch; /* first: what is watched is the question */
	bool is_open;
	bool is_waiting; /* to hear of whom it is to be asked, SERVERS_MS at most */
	struct frame_datagram from;
	struct dns_exchange exchange;
	int64_t due;
};

static struct question questions[QUESTIONS_MAX];
static bool follows_host;

void dns_start(const struct net_config *config)
{
	follows_host = config->follows_host;
	(void)dns_servers_set(&config->servers);
	dns_exchange_prepare(config);
}

/* ---- questions --------------------------------------------------------------------------- */

static void question_close(struct question *q)
{
	loop_unwatch(&q->watch);
	q->watch.fd = fd_close(q->watch.fd);
	q->is_open = false;
}

static void question_answer(struct question *q, const uint8_t *answer, size_t len)
{
	uint8_t frame[FRAME_ANSWER_ROOM];

	loop_send(frame, (unsigned)frame_answer(&q->from, answer, len, frame));
	question_close(q);
}

static void question_say(struct question *q)
{
	uint8_t answer[FRAME_ANSWER_MAX];

	question_answer(q, answer, dns_exchange_say(&q->exchange, answer));
}

static void on_answer(struct loop_watch *w, uint32_t events)
{
	struct question *q = (struct question *)w;
	static uint8_t data[65536];
	uint8_t answer[FRAME_ANSWER_MAX];
	ssize_t n = recv(w->fd, data, sizeof(data), 0);
	enum dns_reply reply = DNS_NO_ANSWER;
	size_t len;

	if (n < 0 && errno != EAGAIN)
		q->due = 0; /* nobody listens there: the next one */
	if (n > 0)
		reply = dns_exchange_reply(&q->exchange, data, (size_t)n, answer, &len);
	if (reply == DNS_FAILURE && dns_tries_has_other(&q->exchange.tries))
		q->due = 0;
	else if (reply != DNS_NO_ANSWER) {
		dns_tries_done(&q->exchange.tries);
		question_answer(q, answer, len);
	}
}

/* Asks the next server. */
static void question_try(struct question *q)
{
	const struct dns_exchange *e = &q->exchange;
	int fd;

	q->is_waiting = false;
	loop_unwatch(&q->watch);
	q->watch.fd = fd_close(q->watch.fd);
	while ((fd = dns_exchange_connect(&q->exchange, SOCK_DGRAM, ROUNDS)) != -ENOENT) {
		q->watch = (struct loop_watch){on_answer, fd};
		q->due = loop_now() + DNS_PATIENCE_MS;
		if (fd >= 0 && loop_watch(&q->watch, EPOLLIN) == 0 &&
		    send(fd, e->data, e->len, 0) >= 0)
			return;
		loop_unwatch(&q->watch);
		q->watch.fd = fd_close(fd);
	}
	tell_event(&(struct net_event){.kind = NET_EVENT_UNANSWERED, .rule = -1});
	question_say(q);
}

void dns_ask(const struct frame_datagram *d)
{
	struct question *q = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX && !q; i++)
		if (!questions[i].is_open)
			q = &questions[i];
	if (!q)
		return; /* as on a busy wire: it will be asked again */
	q->watch.fd = -EBADF;
	q->from = *d;
	q->from.payload = NULL;
	q->due = INT64_MAX;
	switch (dns_exchange_start(&q->exchange, d->payload, d->len, SOCK_DGRAM)) {
	case DNS_IGNORE:
		break;
	case DNS_SAY:
		question_say(q);
		break;
	case DNS_ASK:
		q->is_open = true;
		q->is_waiting = follows_host && tell_question(loop_now());
		q->due = loop_now() + SERVERS_MS;
		if (!q->is_waiting)
			question_try(q);
		break;
	}
}

/* ---- connections ------------------------------------------------------------------------- */

int dns_serve(int fd)
{
	return dns_stream_serve(fd);
}

int dns_connect(int fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -ECONNREFUSED;
	autoclose int theirs = pair[0];
	autoclose int ours = pair[1];

	stacks_forget(fd);
	if (dup3(theirs, fd, O_CLOEXEC) < 0)
		return -ECONNREFUSED;
	return dns_stream_serve(take_fd(&ours));
}

/* ---- the servers, and the time ----------------------------------------------------------- */

void dns_set_servers(const struct net_servers *servers)
{
	bool are_new = dns_servers_set(servers);

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open && (are_new || questions[i].is_waiting)) {
			questions[i].exchange.tries = dns_tries_start();
			question_try(&questions[i]);
		}
	if (are_new)
		dns_stream_restart();
}

int64_t dns_due(void)
{
	int64_t due = dns_stream_due();

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open && (due < 0 || questions[i].due < due))
			due = questions[i].due;
	return due;
}

void dns_expire(void)
{
	int64_t now = loop_now();

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open && questions[i].due <= now)
			question_try(&questions[i]);
	dns_stream_expire();
}
