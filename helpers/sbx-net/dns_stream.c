/* SPDX-License-Identifier: Apache-2.0 */
/* dns_stream.c: connections of the sandbox's to the name service. */
#include "dns_stream.h"

#include "dns_exchange.h"
#include "loop.h"
#include "tell.h"
#include "util/scope.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	STREAMS_MAX = 16,
	IDLE_MS = 10000,
	ROUNDS = 1,
	LENGTH = 2, /* before each message */
};

enum stream_state { STREAM_FREE, STREAM_READING, STREAM_ASKING, STREAM_WRITING };

struct side {
	struct loop_watch watch; /* first: what is watched is the side */
	struct stream *stream;
};

struct stream {
	struct side inside, outside;
	enum stream_state state;
	int64_t due;
	struct dns_exchange exchange;
	size_t sent; /* of the question, to the server; of the answer, to the client */
	size_t len;  /* of what is in DATA, of the message that comes in or goes out */
	uint8_t data[LENGTH + DNS_MESSAGE_MAX];
};

static struct stream streams[STREAMS_MAX];

static void side_close(struct side *side)
{
	loop_unwatch(&side->watch);
	side->watch.fd = fd_close(side->watch.fd);
}

static void stream_close(struct stream *s)
{
	side_close(&s->inside);
	side_close(&s->outside);
	s->state = STREAM_FREE;
}

/* ---- messages ---------------------------------------------------------------------------- */

enum progress { MORE, DONE, FAILED };

static enum progress progress_of_error(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? MORE : FAILED;
}

/* Reads no further than the message goes. */
static enum progress message_read(struct stream *s, int fd, size_t max)
{
	for (;;) {
		size_t wanted = LENGTH;
		ssize_t n;

		if (s->len >= LENGTH)
			wanted += (size_t)(s->data[0] << 8 | s->data[1]);
		if (wanted > LENGTH + max || (s->len == LENGTH && wanted < LENGTH + DNS_HEAD))
			return FAILED;
		if (s->len >= LENGTH && s->len == wanted)
			return DONE;
		n = recv(fd, s->data + s->len, wanted - s->len, 0);
		if (n < 0)
			return progress_of_error();
		if (n == 0)
			return FAILED;
		s->len += (size_t)n;
	}
}

static enum progress bytes_write(struct stream *s, int fd, const uint8_t *data, size_t len)
{
	ssize_t n = send(fd, data + s->sent, len - s->sent, MSG_NOSIGNAL);

	if (n < 0)
		return progress_of_error();
	s->sent += (size_t)n;
	return s->sent == len ? DONE : MORE;
}

static void length_put(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(len >> 8);
	p[1] = (uint8_t)len;
}

/* ---- the client -------------------------------------------------------------------------- */

static void stream_read(struct stream *s)
{
	s->state = STREAM_READING;
	s->len = 0;
	s->due = loop_now() + IDLE_MS;
	if (loop_watch(&s->inside.watch, EPOLLIN) < 0)
		stream_close(s);
}

static void on_written(struct stream *s)
{
	switch (bytes_write(s, s->inside.watch.fd, s->data, s->len)) {
	case MORE:
		if (loop_watch(&s->inside.watch, EPOLLOUT) < 0)
			stream_close(s);
		break;
	case DONE:
		stream_read(s);
		break;
	case FAILED:
		stream_close(s);
		break;
	}
}

/* The answer, of LEN bytes, is in the message's place. */
static void stream_write(struct stream *s, size_t len)
{
	side_close(&s->outside);
	s->state = STREAM_WRITING;
	s->sent = 0;
	s->len = LENGTH + len;
	s->due = loop_now() + IDLE_MS;
	length_put(s->data, len);
	on_written(s);
}

/* ---- the servers ------------------------------------------------------------------------- */

static void on_outside(struct loop_watch *w, uint32_t events);

/* Asks the next server. */
static void stream_try(struct stream *s)
{
	int fd;

	side_close(&s->outside);
	s->state = STREAM_ASKING;
	s->sent = s->len = 0;
	while ((fd = dns_exchange_connect(&s->exchange, SOCK_STREAM, ROUNDS)) != -ENOENT) {
		s->due = loop_now() + DNS_PATIENCE_MS;
		s->outside = (struct side){{on_outside, fd}, s};
		if (fd >= 0 && loop_watch(&s->outside.watch, EPOLLOUT) == 0)
			return;
		s->outside.watch.fd = fd_close(fd);
	}
	stream_write(s, dns_exchange_say(&s->exchange, s->data + LENGTH));
}

/* A server that takes the question in pieces, or fails, is a server that doesn't answer. */
static enum progress question_send(struct stream *s, int fd)
{
	uint8_t data[LENGTH + FRAME_ANSWER_MAX];
	enum progress p;

	length_put(data, s->exchange.len);
	memcpy(data + LENGTH, s->exchange.data, s->exchange.len);
	p = bytes_write(s, fd, data, LENGTH + s->exchange.len);
	if (p == DONE && loop_watch(&s->outside.watch, EPOLLIN) < 0)
		return FAILED;
	return p;
}

static void stream_answer(struct stream *s)
{
	static uint8_t answer[DNS_MESSAGE_MAX];
	size_t len;
	enum dns_reply reply = dns_exchange_reply(&s->exchange, s->data + LENGTH,
						  s->len - LENGTH, answer, &len);

	if (reply == DNS_NO_ANSWER ||
	    (reply == DNS_FAILURE && dns_tries_has_other(&s->exchange.tries))) {
		stream_try(s);
		return;
	}
	dns_tries_done(&s->exchange.tries);
	memcpy(s->data + LENGTH, answer, len);
	stream_write(s, len);
}

static void on_outside(struct loop_watch *w, uint32_t events)
{
	struct stream *s = ((struct side *)w)->stream;
	enum progress p;

	if (!s || s->state != STREAM_ASKING || w->fd < 0)
		return;
	if (s->sent < LENGTH + s->exchange.len) {
		if (question_send(s, w->fd) == FAILED)
			stream_try(s);
		return;
	}
	p = message_read(s, w->fd, DNS_MESSAGE_MAX);
	if (p == DONE)
		stream_answer(s);
	else if (p == FAILED)
		stream_try(s);
}

/* ---- the client's questions -------------------------------------------------------------- */

static void stream_decide(struct stream *s)
{
	/* Until it is answered the client isn't heard, nor its end, which would wake us for ever. */
	loop_unwatch(&s->inside.watch);
	/* It starts anew with others, where the host has these by now. */
	(void)tell_question(loop_now());
	switch (dns_exchange_start(&s->exchange, s->data + LENGTH, s->len - LENGTH,
				   SOCK_STREAM)) {
	case DNS_IGNORE:
		stream_close(s);
		break;
	case DNS_SAY:
		stream_write(s, dns_exchange_say(&s->exchange, s->data + LENGTH));
		break;
	case DNS_ASK:
		stream_try(s);
		break;
	}
}

static void on_inside(struct loop_watch *w, uint32_t events)
{
	struct stream *s = ((struct side *)w)->stream;
	enum progress p;

	if (s->state == STREAM_WRITING) {
		on_written(s);
		return;
	}
	if (s->state != STREAM_READING)
		return;
	p = message_read(s, w->fd, FRAME_ANSWER_MAX);
	if (p == DONE)
		stream_decide(s);
	else if (p == FAILED)
		stream_close(s);
}

/* A free one, or that of the client that is still to say something for the longest. */
static struct stream *stream_new(void)
{
	struct stream *idle = NULL;

	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[i];

		if (s->state == STREAM_FREE)
			return s;
		if (s->state == STREAM_READING && (!idle || s->due < idle->due))
			idle = s;
	}
	if (idle)
		stream_close(idle);
	return idle;
}

int dns_stream_serve(int fd)
{
	autoclose int client = fd;
	int flags = fcntl(fd, F_GETFL);
	struct stream *s;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	s = stream_new();
	if (!s)
		return -ECONNREFUSED;
	s->inside = (struct side){{on_inside, take_fd(&client)}, s};
	s->outside = (struct side){{on_outside, -EBADF}, s};
	stream_read(s);
	return s->state == STREAM_FREE ? -ECONNREFUSED : 0;
}

/* ---- the time ---------------------------------------------------------------------------- */

void dns_stream_restart(void)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (streams[i].state == STREAM_ASKING) {
			streams[i].exchange.tries = dns_tries_start();
			stream_try(&streams[i]);
		}
}

int64_t dns_stream_due(void)
{
	int64_t due = -1;

	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (streams[i].state != STREAM_FREE && (due < 0 || streams[i].due < due))
			due = streams[i].due;
	return due;
}

void dns_stream_expire(void)
{
	int64_t now = loop_now();

	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[i];

		if (s->state == STREAM_FREE || s->due > now)
			continue;
		if (s->state == STREAM_ASKING)
			stream_try(s);
		else
			stream_close(s);
	}
}
