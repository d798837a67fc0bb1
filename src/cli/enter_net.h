/* SPDX-License-Identifier: Apache-2.0 */
/* enter_net.h: what the options of sbx enter say of the network. */
#pragma once

#include "conf_files.h"

#include "net/net.h"
#include "sandbox/sandbox.h"

struct net_report;

/* The network of one sandbox: .say is set by its owner, all else is zero. Memory is the plan's. */
struct enter_net {
	void (*say)(const char *note);
	const struct conf_enter *conf;
	struct network *network; /* NULL: the sandbox has none of its own */
	struct sandbox_network gates;
	struct net_report *report;
	struct net_port_spec *specs; /* one for each --publish */
};

/* Decides which network P gets and what of it stands in its /etc, and reads all that is asked of
 * it. Descriptors that were handed in are taken here, before others can have their numbers. */
int enter_net_plan(struct enter_net *n, const struct conf_enter *conf, struct plan *p);

/* Opens the ports and the log, and says which ports sbx has chosen. FOLDER is the kept sandbox's
 * and stays the caller's; -EBADF: it isn't kept. */
int enter_net_open(struct enter_net *n, int folder);

/* What the sandbox is run with; NULL: it has no network of its own. */
const struct sandbox_network *enter_net_gates(struct enter_net *n);

/* Afterwards, when the terminal is as it was: what was refused is told. Once, however often it
 * is called. */
void enter_net_done(struct enter_net *n);

/* ---- for the files of enter_net.h alone -------------------------------------------------- */

/* Calls READ for each of VALUES, number by number, and says where the one stands that fails. */
static inline int enter_net_each(struct enter_net *n, struct plan *p, const struct strv *values,
				 const char *option,
				 int (*read)(struct enter_net *n, struct plan *p, size_t i,
					     const char *value))
{
	int r = 0;

	for (size_t i = 0; i < values->n && r == 0; i++) {
		r = read(n, p, i, values->v[i]);
		if (r < 0)
			r = conf_value_failed(&n->conf->choice, r, values->v[i], option);
	}
	return r;
}

/* /etc/resolv.conf, and the name servers, of a network of its own; /etc/hosts of any. */
int enter_names_resolv(struct enter_net *n, struct plan *p);
int enter_names_hosts(struct enter_net *n, struct plan *p);
