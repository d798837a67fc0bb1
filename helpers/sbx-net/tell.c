/* SPDX-License-Identifier: Apache-2.0 */
/* tell.c: what sbx-net tells the launcher. */
#include "tell.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int control = -EBADF;
static bool is_logging;

void tell_start(int fd, bool logs)
{
	control = fd;
	is_logging = logs;
}

bool tell_question(int64_t now)
{
	enum { PAUSE_MS = 10 };
	static int64_t last = -PAUSE_MS;
	struct net_event e = {.kind = NET_EVENT_ASKS, .rule = -1};
	size_t len = offsetof(struct net_event, name) + 1;

	if (now - last < PAUSE_MS)
		return false;
	last = now;
	return send(control, &e, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

void tell_event(const struct net_event *e)
{
	size_t len = offsetof(struct net_event, name) + strlen(e->name) + 1;

	if (is_logging || !e->is_allowed || e->kind == NET_EVENT_PUBLISHED)
		(void)send(control, e, len, MSG_NOSIGNAL | (is_logging ? 0 : MSG_DONTWAIT));
}

static void verdict_tell(struct net_event *e, const char *name, const struct policy_verdict *v)
{
	e->is_allowed = v->is_allowed;
	e->reason = v->reason;
	e->rule = v->rule;
	if (name)
		(void)snprintf(e->name, sizeof(e->name), "%s", name);
	tell_event(e);
}

void tell_decision(const struct policy_query *q, const struct policy_verdict *v)
{
	struct net_event e = {.kind = NET_EVENT_CONNECT,
			      .protocol = q->protocol,
			      .port = q->port,
			      .address = q->address};

	verdict_tell(&e, v->name, v);
}

void tell_name(const char *name, const struct policy_verdict *v)
{
	struct net_event e = {.kind = NET_EVENT_NAME};

	verdict_tell(&e, name, v);
}

void tell_answer(const char *name, const struct in6_addr *address,
		 const struct policy_verdict *v)
{
	struct net_event e = {.kind = NET_EVENT_ANSWER, .address = *address};

	verdict_tell(&e, name, v);
}
