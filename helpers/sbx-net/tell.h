/* SPDX-License-Identifier: Apache-2.0 */
/* tell.h: what sbx-net tells the launcher: what it decided, and what is wrong. */
#pragma once

#include "policy.h"

/*
 * Theory of operation
 *
 * One message an event (struct net_event), over the control socket. Refusals are told always, all else where the
 * launcher keeps a log. With a log a message waits for its reader: nothing is left out, and a reader that stops stops
 * the network. Without one it is dropped where there is no room.
 *
 * It is told before the sandbox is answered: whoever ends because of a refusal is told of it.
 */

/* FD is the control socket. */
void tell_start(int fd, bool logs);

/* What was decided on a connection, a flow of datagrams or an echo. */
void tell_decision(const struct policy_query *q, const struct policy_verdict *v);

/* On a name that was asked for, and an address that it has. */
void tell_name(const char *name, const struct policy_verdict *v);
void tell_answer(const char *name, const struct in6_addr *address,
		 const struct policy_verdict *v);

/* A question is to be asked outside, NOW as loop_now() counts. True where the launcher will say of whom
 * (dns_set_servers()); it isn't told of each in a flood. */
bool tell_question(int64_t now);

/* Any other. */
void tell_event(const struct net_event *e);
