/* SPDX-License-Identifier: Apache-2.0 */
/* dns.c: the name service that a sandbox sees. */
#include "dns.h"

#include "choke.h"
#include "loop.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	QUESTIONS_MAX = 128,
	STREAMS_MAX = 16,
	HEAD_LEN = 12, /* RFC 1035, 4.1.1 */
	PATIENCE_MS = 2000,
	ROUNDS = 2,
	DNS_PORT = 53,
	FLAG_RESPONSE = 0x80, /* of byte 2 */
	OPCODE = 0x78,	      /* 0: a question */
	FLAG_TRUNCATED = 0x02,
	SERVFAIL = 2,
};

struct question {
	struct loop_watch watch; /* first: what is watched is the question */
	bool is_open;
	struct frame_datagram from;
	uint8_t data[FRAME_ANSWER_MAX];
	size_t len;
	uint8_t id[2], own_id[2];
	unsigned tries;
	int64_t due;
};

/* One direction of a stream: what was read from one side and not written to the other yet. */
struct flow {
	uint8_t data[4096];
	size_t start, end;
	bool is_over; /* the side that is read has ended */
	bool is_asking;
	unsigned at,
		len; /* of the message that is being read, where it is asking; its length goes before it */
};

struct side {
	struct loop_watch watch; /* first, as above */
	struct stream *stream;
};

struct stream {
	struct side inside, outside;
	struct flow in, out; /* to the sandbox, to the server */
	bool is_open, is_connected;
	unsigned tries;
	int64_t due; /* while it isn't connected */
};

static struct net_servers servers;
static unsigned first; /* the server that answered last: the others may be dead */
static struct question questions[QUESTIONS_MAX];
static struct stream streams[STREAMS_MAX];

void dns_start(const struct net_config *config)
{
	servers = config->servers;
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		questions[i].watch.fd = -EBADF;
}

/* ---- the host's servers ------------------------------------------------------------------ */

/* Connects to the server of the attempt TRIES. */
static int server_connect(unsigned tries, int type)
{
	unsigned which = (first + tries) % servers.n;
	const struct in6_addr *a = &servers.address[which];
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(DNS_PORT),
				   .sin6_addr = *a,
				   .sin6_scope_id = servers.scope[which]};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	bool is_four = IN6_IS_ADDR_V4MAPPED(a);
	autoclose int fd =
		socket(is_four ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(&four.sin_addr, a->s6_addr + 12, sizeof(four.sin_addr));
	if (fd < 0)
		return -errno;
	/* Ours, not the sandbox's: the host's loopback is a good place for a name server. */
	if (choke_connect(fd, is_four ? (const void *)&four : (const void *)&six,
			  is_four ? sizeof(four) : sizeof(six)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}

/* ---- questions --------------------------------------------------------------------------- */

/* By byte 2 of a message. To a server that trusts its host an update or a notice would come from that. */
static bool is_question(uint8_t flags)
{
	return !(flags & (FLAG_RESPONSE | OPCODE));
}

static void question_close(struct question *q)
{
	loop_unwatch(&q->watch);
	q->watch.fd = fd_close(q->watch.fd);
	q->is_open = false;
}

static void question_answer(struct question *q, const uint8_t *data, size_t len)
{
	uint8_t frame[FRAME_ANSWER_ROOM], answer[FRAME_ANSWER_MAX];

	/* Whoever asked comes again by a connection. */
	if (len > FRAME_ANSWER_MAX) {
		len = HEAD_LEN;
		memcpy(answer, data, len);
		answer[2] |= FLAG_TRUNCATED;
		memset(answer + 4, 0, 8); /* no records of any kind */
	} else {
		memcpy(answer, data, len);
	}
	memcpy(answer, q->id, sizeof(q->id));
	loop_send(frame, (unsigned)frame_answer(&q->from, answer, len, frame));
	question_close(q);
}

static void question_refuse(struct question *q)
{
	uint8_t answer[FRAME_ANSWER_MAX];

	memcpy(answer, q->data, q->len);
	answer[2] |= FLAG_RESPONSE;
	answer[3] = SERVFAIL;
	question_answer(q, answer, q->len);
}

static void on_answer(struct loop_watch *w, uint32_t events)
{
	struct question *q = (struct question *)w;
	static uint8_t data[65536];
	ssize_t n = recv(w->fd, data, sizeof(data), 0);

	if (n < 0 && errno != EAGAIN)
		q->due = 0; /* nobody listens there: the next one */
	if (n < HEAD_LEN || memcmp(data, q->own_id, sizeof(q->own_id)) != 0 ||
	    !(data[2] & FLAG_RESPONSE))
		return;
	first = (first + q->tries - 1) % servers.n;
	question_answer(q, data, (size_t)n);
}

/* Asks the next server. */
static void question_try(struct question *q)
{
	uint8_t data[FRAME_ANSWER_MAX];

	while (q->tries < ROUNDS * servers.n) {
		int fd = server_connect(q->tries++, SOCK_DGRAM);

		if (q->watch.fd >= 0)
			loop_unwatch(&q->watch);
		(void)fd_close(q->watch.fd);
		q->watch = (struct loop_watch){on_answer, fd};
		if (fd < 0 || getrandom(q->own_id, sizeof(q->own_id), 0) < 0)
			continue;
		memcpy(data, q->data, q->len);
		memcpy(data, q->own_id, sizeof(q->own_id));
		q->due = loop_now() + PATIENCE_MS;
		if (loop_watch(&q->watch, EPOLLIN) == 0 && send(fd, data, q->len, 0) >= 0)
			return;
	}
	question_refuse(q);
}

void dns_ask(const struct frame_datagram *d)
{
	struct question *q = NULL;

	if (d->len < HEAD_LEN || d->len > FRAME_ANSWER_MAX || !is_question(d->payload[2]))
		return;
	for (size_t i = 0; i < QUESTIONS_MAX && !q; i++)
		if (!questions[i].is_open)
			q = &questions[i];
	if (!q)
		return; /* as on a busy wire: it will be asked again */
	q->is_open = true;
	q->from = *d;
	q->from.payload = NULL;
	q->len = d->len;
	q->tries = 0;
	memcpy(q->data, d->payload, d->len);
	memcpy(q->id, d->payload, sizeof(q->id));
	question_try(q);
}

/* ---- connections ------------------------------------------------------------------------- */

static void stream_close(struct stream *s)
{
	loop_unwatch(&s->inside.watch);
	loop_unwatch(&s->outside.watch);
	s->inside.watch.fd = fd_close(s->inside.watch.fd);
	s->outside.watch.fd = fd_close(s->outside.watch.fd);
	s->is_open = false;
}

/* Whether what was read is nothing but questions (RFC 1035, 4.2.2). */
static bool flow_asks(struct flow *f)
{
	enum { LENGTH = 2, FLAGS = LENGTH + 2 };

	for (size_t i = f->start; i < f->end; i++) {
		uint8_t byte = f->data[i];

		if (f->at < LENGTH)
			f->len = f->len << 8 | byte;
		else if (f->at == FLAGS && !is_question(byte))
			return false;
		f->at++;
		if (f->at == LENGTH && f->len < HEAD_LEN)
			return false;
		if (f->at > LENGTH && f->at == LENGTH + f->len)
			f->at = f->len = 0;
	}
	return true;
}

/* False where the connection has failed. */
static bool flow_move(struct flow *f, int from, int to)
{
	ssize_t n;

	if (f->start == f->end && !f->is_over) {
		n = recv(from, f->data, sizeof(f->data), 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
		f->start = 0;
		f->end = (size_t)n;
		f->is_over = n == 0;
		if (f->is_over)
			(void)shutdown(to, SHUT_WR);
		if (f->is_asking && !flow_asks(f))
			return false;
	}
	if (f->start == f->end)
		return true;
	n = send(to, f->data + f->start, f->end - f->start, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	f->start += (size_t)n;
	return true;
}

static uint32_t side_wants(const struct flow *read, const struct flow *written)
{
	return (read->start == read->end && !read->is_over ? EPOLLIN : 0U) |
	       (written->start < written->end ? EPOLLOUT : 0U);
}

static void on_stream(struct loop_watch *w, uint32_t events);

/* Connects to the next server; false where there is none left. */
static bool stream_try(struct stream *s)
{
	loop_unwatch(&s->outside.watch);
	s->outside.watch.fd = fd_close(s->outside.watch.fd);
	while (s->tries < servers.n) {
		s->due = loop_now() + PATIENCE_MS;
		s->outside =
			(struct side){{on_stream, server_connect(s->tries++, SOCK_STREAM)}, s};
		if (s->outside.watch.fd >= 0 && loop_watch(&s->outside.watch, EPOLLOUT) == 0)
			return true;
		s->outside.watch.fd = fd_close(s->outside.watch.fd);
	}
	return false;
}

/* Whether the outside is connected, once it has said something; false where it failed for good. */
static bool stream_connected(struct stream *s)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(s->outside.watch.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err)
		return stream_try(s);
	s->is_connected = true;
	return true;
}

/* A side of which nothing is wanted is out of the set: its end would wake us for ever. */
static bool side_watch(struct side *side, uint32_t wanted)
{
	if (wanted)
		return loop_watch(&side->watch, wanted) == 0;
	loop_unwatch(&side->watch);
	return true;
}

static bool stream_move(struct stream *s, uint32_t events)
{
	int inside = s->inside.watch.fd, outside = s->outside.watch.fd;
	bool is_empty;

	if (!flow_move(&s->out, inside, outside) || !flow_move(&s->in, outside, inside))
		return false;
	is_empty = s->in.start == s->in.end;
	if (is_empty && (s->in.is_over || (events & (EPOLLERR | EPOLLHUP))))
		return false;
	return side_watch(&s->inside, side_wants(&s->out, &s->in)) &&
	       side_watch(&s->outside, side_wants(&s->in, &s->out));
}

static void on_stream(struct loop_watch *w, uint32_t events)
{
	struct stream *s = ((struct side *)w)->stream;

	if (!s->is_open)
		return;
	if (!s->is_connected && w == &s->outside.watch && !stream_connected(s))
		stream_close(s);
	else if (s->is_connected && !stream_move(s, events))
		stream_close(s);
}

/* Nothing is read from the sandbox before there is somebody to tell. */
int dns_connect(int fd)
{
	struct stream *s = NULL;
	int pair[2];

	for (size_t i = 0; i < STREAMS_MAX && !s; i++)
		if (!streams[i].is_open)
			s = &streams[i];
	if (!s || servers.n == 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -ECONNREFUSED;
	autoclose int theirs = pair[0];
	*s = (struct stream){.is_open = true, .out.is_asking = true};
	s->inside = (struct side){{on_stream, pair[1]}, s};
	s->outside = (struct side){{on_stream, -EBADF}, s};
	loop_forget(fd);
	if (dup3(theirs, fd, O_CLOEXEC) < 0 || !stream_try(s)) {
		stream_close(s);
		return -ECONNREFUSED;
	}
	return 0;
}

/* ---- the time ---------------------------------------------------------------------------- */

static bool is_waiting(const struct stream *s)
{
	return s->is_open && !s->is_connected;
}

int64_t dns_due(void)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open && questions[i].due < due)
			due = questions[i].due;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (is_waiting(&streams[i]) && streams[i].due < due)
			due = streams[i].due;
	return due == INT64_MAX ? -1 : due;
}

void dns_expire(void)
{
	int64_t now = loop_now();

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open && questions[i].due <= now)
			question_try(&questions[i]);
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (is_waiting(&streams[i]) && streams[i].due <= now &&
		    !stream_try(&streams[i]))
			stream_close(&streams[i]);
}
