/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c: requests of netlink(7), several in one message. */
#include "netlink.h"

#include "util/scope.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static struct nlmsghdr *current(struct netlink *q)
{
	return (struct nlmsghdr *)(void *)(q->data + q->start);
}

/* The requests are this room's own, so there is always room for them. */
static void append(struct netlink *q, const void *data, size_t len)
{
	assert(q->len + NLMSG_ALIGN(len) <= sizeof(q->data));
	memcpy(q->data + q->len, data, len);
	q->len += NLMSG_ALIGN(len);
	current(q)->nlmsg_len = (uint32_t)(q->len - q->start);
}

void netlink_request(struct netlink *q, uint16_t type, uint16_t flags, const void *body,
		     size_t len)
{
	struct nlmsghdr head = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = ++q->n,
	};

	q->start = q->len;
	append(q, &head, sizeof(head));
	append(q, body, len);
}

void netlink_attribute(struct netlink *q, uint16_t type, const void *data, size_t len)
{
	struct nlattr head = {.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len)};

	append(q, &head, sizeof(head));
	append(q, data, len);
}

void netlink_be32(struct netlink *q, uint16_t type, uint32_t value)
{
	uint32_t swapped = htonl(value);

	netlink_attribute(q, type, &swapped, sizeof(swapped));
}

size_t netlink_nest(struct netlink *q, uint16_t type)
{
	struct nlattr head = {.nla_type = (uint16_t)(type | NLA_F_NESTED)};
	size_t at = q->len;

	append(q, &head, sizeof(head));
	return at;
}

void netlink_end(struct netlink *q, size_t nest)
{
	((struct nlattr *)(void *)(q->data + nest))->nla_len = (uint16_t)(q->len - nest);
}

void netlink_must(struct netlink *q)
{
	current(q)->nlmsg_flags |= NLM_F_ACK;
}

/* The first answer in what has come. */
static int answer_find(unsigned char *data, size_t len, unsigned *ret_refused)
{
	unsigned left = (unsigned)len;

	for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)data; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_type != NLMSG_ERROR)
			continue;
		*ret_refused = h->nlmsg_seq;
		return e->error;
	}
	return -EAGAIN;
}

int netlink_open(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : fd;
}

/* The kernel has answered all when it has taken the message. What isn't read now, of requests that may fail, mustn't be
 * there the next time. */
int netlink_send(const struct netlink *q, int fd, unsigned *ret_refused)
{
	unsigned char data[4096];
	int r = -EAGAIN;
	ssize_t n;

	*ret_refused = 0;
	if (send(fd, q->data, q->len, 0) != (ssize_t)q->len)
		return -errno;
	while ((n = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		if (r == -EAGAIN)
			r = answer_find(data, (size_t)n, ret_refused);
	if (r == -EAGAIN)
		return n < 0 && errno != EAGAIN ? -errno : -EPROTO;
	return r;
}
