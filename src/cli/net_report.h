/* SPDX-License-Identifier: Apache-2.0 */
/* net_report.h: what a sandbox's network has to tell, to a log and to who sits before it. */
#pragma once

#include "net/net.h"

/*
 * What comes is told by a helper that reads what strangers send: numbers are looked at before they
 * are used, and texts escaped before they are shown. A name gets into the command that is
 * suggested only if it is one.
 */

enum { NET_REFUSALS_MAX = 10 };

/* What was refused, once for all times. */
struct net_refusal {
	struct net_event event; /* the first of them */
	uint64_t n;
};

struct net_report {
	const struct net_config *config;
	struct strv rules; /* as they were written, in the order of config.rules */
	void (*say)(const char *note);
	int log; /* -EBADF: none */
	const char *log_path;
	struct net_refusal refused[NET_REFUSALS_MAX];
	size_t n_refused;
	unsigned n_published;  /* openings that were told */
	uint64_t n_others;     /* refusals of what is not among these */
	uint64_t n_unanswered; /* questions of names */
};

/* CONFIG is borrowed, and so are the strings of the rules, which the caller adds. */
void net_report_init(struct net_report *r, const struct net_config *config,
		     void (*say)(const char *note));

/* Tells what was refused, and closes the log. */
void net_report_done(struct net_report *r);

/* Writes every event to the file PATH, or with "-" to standard error. With a sentence. */
int net_report_log(struct net_report *r, const char *path);

/* CONTEXT is the report. */
void net_report_event(void *context, const struct net_event *e);
void net_report_note(void *context, const char *note);
