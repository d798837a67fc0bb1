/* SPDX-License-Identifier: Apache-2.0 */
/* net_report.c: what a sandbox's network has to tell. */
#include "net_report.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/term.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <time.h>

enum {
	NAME_SHOWN_MAX = 4 * NET_NAME_MAX + 1,
	PLACE_MAX = NAME_SHOWN_MAX + NET_ADDRESS_TEXT_MAX,
	RULE_MAX = NET_NAME_MAX + sizeof(".:65535/udp"), /* longer than any address */
	NOTE_MAX = 1024,
};

/* ---- words ------------------------------------------------------------------------------- */

static const char *const event_words[] = {
	[NET_EVENT_CONNECT] = "connect",       [NET_EVENT_NAME] = "name",
	[NET_EVENT_ANSWER] = "answer",	       [NET_EVENT_PUBLISHED] = "published",
	[NET_EVENT_UNANSWERED] = "unanswered",
};

static const char *const reason_words[] = {
	[NET_BY_RULE] = "rule",
	[NET_BY_DEFAULT] = "default",
	[NET_BY_HOST] = "host",
	[NET_BY_LINK_LOCAL] = "link-local",
	[NET_BY_METADATA] = "metadata",
	[NET_BY_SPECIAL] = "special",
	[NET_BY_PRIVATE] = "private",
	[NET_BY_NO_NAME] = "no-name",
	[NET_BY_OTHER_NAME] = "other-name",
	[NET_BY_PATH] = "path",
	[NET_BY_UNREAD] = "unread",
	[NET_BY_NO_ECHO] = "no-echo",
};

/* NULL: there is no such one. */
static const char *word_of(const char *const *words, size_t n, unsigned i)
{
	return i < n ? words[i] : NULL;
}

#define WORD_OF(words, i) word_of(words, ARRAY_SIZE(words), i)

static const char *protocol_word(const struct net_event *e)
{
	switch (e->protocol) {
	case NET_TCP:
		return "tcp";
	case NET_UDP:
		return "udp";
	case NET_ICMP:
		return "icmp";
	}
	return NULL;
}

static bool has_address(const struct net_event *e)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&e->address);
}

/* The rule that E was decided by. */
static const struct net_rule *rule_of(const struct net_report *r, const struct net_event *e)
{
	if (e->rule < 0 || (size_t)e->rule >= r->rules.n ||
	    (uint32_t)e->rule >= r->config->n_rules)
		return NULL;
	return &r->config->rules[e->rule];
}

/* "--deny-net private" */
static const char *rule_text(const struct net_report *r, const struct net_event *e,
			     char text[NOTE_MAX])
{
	const struct net_rule *rule = rule_of(r, e);

	if (!rule)
		return NULL;
	(void)snprintf(text, NOTE_MAX, "--%s-net %s", rule->is_allowed ? "allow" : "deny",
		       r->rules.v[e->rule]);
	return text;
}

/* ---- the log ----------------------------------------------------------------------------- */

/* RFC 3339 */
static const char *time_text(char text[static 32])
{
	struct timespec now = {0};
	struct tm parts = {0};
	size_t len;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	len = strftime(text, 32, "%FT%T", &parts);
	(void)snprintf(text + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000);
	return text;
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (text && *text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_port(struct json_object *o, const char *key, uint16_t port)
{
	if (port)
		json_object_object_add(o, key, json_object_new_int(port));
}

static struct json_object *event_json(const struct net_report *r, const struct net_event *e)
{
	char now[32], address[INET6_ADDRSTRLEN], name[NAME_SHOWN_MAX], rule[NOTE_MAX];
	struct json_object *o = json_object_new_object();
	bool is_decision = e->kind <= NET_EVENT_ANSWER;

	add_text(o, "time", time_text(now));
	add_text(o, "event",
		 e->kind == NET_EVENT_PUBLISHED && !e->is_allowed
			 ? "unpublished"
			 : WORD_OF(event_words, e->kind));
	if (is_decision)
		add_text(o, "verdict", e->is_allowed ? "allow" : "deny");
	add_text(o, "protocol", protocol_word(e));
	if (has_address(e))
		add_text(o, "address", net_address_write(&e->address, address));
	add_port(o, "port", e->port);
	add_port(o, "host_port", e->host_port);
	add_text(o, "name", str_escape(name, sizeof(name), e->name));
	if (is_decision)
		add_text(o, "reason", WORD_OF(reason_words, e->reason));
	if (is_decision && e->reason == NET_BY_RULE)
		add_text(o, "rule", rule_text(r, e, rule));
	return o;
}

static void log_failed(struct net_report *r, int error)
{
	char note[NOTE_MAX];

	(void)snprintf(note, sizeof(note), "--net-log: write to '%s': %s; no more is written",
		       r->log_path, strerrordesc_np(-error));
	r->log = fd_close(r->log);
	r->say(note);
}

/* One write a line, so that those of several sandboxes don't mix. */
static void log_write(struct net_report *r, const struct net_event *e)
{
	struct json_object *o = event_json(r, e);
	SCOPE_END(arena_done) struct arena a = {0};
	const char *line = arena_printf(
		&a, "%s%s",
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE),
		term_line_end(r->log));
	int written = io_write_all(r->log, line, strlen(line));

	json_object_put(o);
	if (written < 0)
		log_failed(r, written);
}

/* The sentence for ERROR, which opening PATH ended with. */
static int log_open_failed(int error, const char *path)
{
	struct stat st;

	if (error == ENXIO && lstat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		return fail_hint(fail(ENXIO, "open '%s': nobody reads this pipe", path),
				 "start its reader first, as: cat %s &", path);
	if (error == ELOOP)
		return fail_hint(fail(ELOOP, "open '%s': no symbolic link is followed here",
				      path),
				 "name the file that it leads to, or - for standard error");
	return fail_hint(fail(error, "open '%s': %s", path, strerrordesc_np(error)),
			 "a file in a folder where you can write, or - for standard error");
}

/* What is at PATH may be a sandbox's, where that folder was bound in one: a link there could
 * lead to any file of the caller's, and a pipe without a reader would hold everything up. */
int net_report_log(struct net_report *r, const char *path)
{
	bool is_stderr = streq(path, "-");

	r->log_path = is_stderr ? "standard error" : path;
	if (is_stderr)
		r->log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		r->log = open(path,
			      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
				      O_NOCTTY | O_CLOEXEC,
			      0600);
	return r->log < 0 ? log_open_failed(errno, r->log_path) : 0;
}

/* ---- what was refused -------------------------------------------------------------------- */

static bool is_same(const struct net_event *a, const struct net_event *b)
{
	if (a->kind != b->kind || a->protocol != b->protocol || a->port != b->port ||
	    a->reason != b->reason)
		return false;
	return *a->name || *b->name ? streq(a->name, b->name)
				    : IN6_ARE_ADDR_EQUAL(&a->address, &b->address);
}

/* Nobody misses multicast, which programs send to whoever is there. */
static bool is_told(const struct net_event *e)
{
	return !e->is_allowed && e->kind <= NET_EVENT_ANSWER && e->reason != NET_BY_SPECIAL &&
	       e->reason < ARRAY_SIZE(reason_words);
}

static void refusal_count(struct net_report *r, const struct net_event *e)
{
	size_t i = 0;

	while (i < r->n_refused && !is_same(&r->refused[i].event, e))
		i++;
	if (i == NET_REFUSALS_MAX) {
		r->n_others++;
		return;
	}
	if (i == r->n_refused)
		r->refused[r->n_refused++] = (struct net_refusal){.event = *e};
	r->refused[i].n++;
}

/* ---- what would allow it ----------------------------------------------------------------- */

/* Whether what no rule is about is refused, so that another rule that allows something closes nothing. */
static bool is_closed(const struct net_config *c)
{
	for (uint32_t i = 0; i < c->n_rules; i++)
		if (c->rules[i].is_allowed || (c->rules[i].target == NET_TARGET_ANY &&
					       (c->rules[i].protocols & NET_ICMP)))
			return true;
	return false;
}

/* Whether a rule allows NAME already, at some port. */
static bool is_name_allowed(const struct net_config *c, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < c->n_rules; i++) {
		const struct net_rule *rule = &c->rules[i];
		size_t suffix = strlen(rule->name);

		if (!rule->is_allowed)
			continue;
		if (rule->target == NET_TARGET_NAME && streq(rule->name, name))
			return true;
		if (rule->target == NET_TARGET_SUFFIX && len > suffix + 1 &&
		    name[len - suffix - 1] == '.' && streq(name + len - suffix, rule->name))
			return true;
	}
	return false;
}

/* What a rule about it would be about. NONE: no rule helps. */
enum subject { SUBJECT_NONE, SUBJECT_HOST, SUBJECT_ADDRESS, SUBJECT_NAME };

static enum subject subject_of_denied(const struct net_rule *rule)
{
	switch (rule ? (enum net_target)rule->target : NET_TARGET_HOST) {
	case NET_TARGET_ANY:
	case NET_TARGET_DNS:
	case NET_TARGET_SUFFIX:
		return SUBJECT_NAME;
	case NET_TARGET_PRIVATE:
		return SUBJECT_ADDRESS;
	case NET_TARGET_PREFIX:
		return net_rule_is_single(rule) ? SUBJECT_NONE : SUBJECT_ADDRESS;
	case NET_TARGET_HOST:
	case NET_TARGET_NAME:
		return SUBJECT_NONE;
	}
	return SUBJECT_NONE;
}

static enum subject subject_of(const struct net_report *r, const struct net_event *e)
{
	switch ((enum net_reason)e->reason) {
	case NET_BY_RULE:
		return subject_of_denied(rule_of(r, e));
	case NET_BY_DEFAULT:
		return SUBJECT_NAME;
	case NET_BY_HOST:
		return SUBJECT_HOST;
	case NET_BY_LINK_LOCAL:
	case NET_BY_METADATA:
	case NET_BY_PRIVATE:
	case NET_BY_NO_NAME:
		return SUBJECT_ADDRESS;
	case NET_BY_OTHER_NAME:
		return is_name_allowed(r->config, e->name) ? SUBJECT_ADDRESS : SUBJECT_NAME;
	case NET_BY_SPECIAL:
	case NET_BY_PATH:
	case NET_BY_UNREAD:
	case NET_BY_NO_ECHO:
		return SUBJECT_NONE;
	}
	return SUBJECT_NONE;
}

/* The value of --allow-net about what SUBJECT says; false: there is none. */
static bool rule_suggest(const struct net_event *e, enum subject subject, char text[RULE_MAX])
{
	const char *udp = e->protocol == NET_UDP && e->port ? "/udp" : "", *dot = "";
	char name[NET_NAME_MAX + 1], address[NET_ADDRESS_TEXT_MAX];

	/* From the event only what is a name, written so that a rule takes it for one. */
	if (subject == SUBJECT_NAME && net_name_read(e->name, strlen(e->name), name))
		dot = net_name_is_word(name) ? "." : "";
	else if (subject == SUBJECT_HOST)
		(void)snprintf(name, sizeof(name), "host");
	else if (subject != SUBJECT_NONE && has_address(e))
		name[0] = '\0';
	else
		return false;
	if (*name && e->port)
		(void)snprintf(text, RULE_MAX, "%s%s:%u%s", name, dot, e->port, udp);
	else if (*name)
		(void)snprintf(text, RULE_MAX, "%s%s", name, dot);
	else if (e->port)
		(void)snprintf(text, RULE_MAX, "%s%s",
			       net_address_text(&e->address, e->port, address), udp);
	else
		(void)net_address_write(&e->address, text);
	return true;
}

/* "; --allow-net example.org:443 allows it", or "". The first rule that allows something refuses
 * all else: so that this comes as no surprise, "any" stands in front of it. */
static void remedy_make(const struct net_report *r, const struct net_event *e,
			char text[NOTE_MAX])
{
	enum subject subject = subject_of(r, e);
	const char *any = is_closed(r->config) ? "" : "--allow-net any ";
	char rule[RULE_MAX];

	text[0] = '\0';
	if (e->reason == NET_BY_NO_ECHO)
		(void)snprintf(text, NOTE_MAX, "; " NET_ECHO_REMEDY " lets all");
	if (!rule_suggest(e, subject, rule))
		return;
	if (subject == SUBJECT_HOST && *any)
		(void)snprintf(
			text, NOTE_MAX,
			"; --host-loopback allows all of it, %s--allow-net %s this alone", any,
			rule);
	else
		(void)snprintf(text, NOTE_MAX, "; %s--allow-net %s allows it", any, rule);
}

/* ---- the sentences ----------------------------------------------------------------------- */

/* "example.org:443/tcp", "the name example.org" */
static void place_make(const struct net_event *e, char text[PLACE_MAX])
{
	const char *protocol = protocol_word(e), *slash = protocol ? "/" : "";
	char name[NAME_SHOWN_MAX], address[NET_ADDRESS_TEXT_MAX], bare[INET6_ADDRSTRLEN];

	(void)str_escape(name, sizeof(name), e->name);
	if (e->kind == NET_EVENT_NAME)
		(void)snprintf(text, PLACE_MAX, "the name %s", name);
	else if (e->kind == NET_EVENT_ANSWER)
		(void)snprintf(text, PLACE_MAX, "the address %s of %s",
			       net_address_write(&e->address, bare), name);
	else if (!e->port)
		(void)snprintf(text, PLACE_MAX, "%s%s%s",
			       *name ? name : net_address_write(&e->address, bare), slash,
			       protocol ? protocol : "");
	else if (*name && e->reason != NET_BY_OTHER_NAME)
		(void)snprintf(text, PLACE_MAX, "%s:%u%s%s", name, e->port, slash,
			       protocol ? protocol : "");
	else
		(void)snprintf(text, PLACE_MAX, "%s%s%s",
			       net_address_text(&e->address, e->port, address), slash,
			       protocol ? protocol : "");
}

static const char *reason_sentence(const struct net_event *e)
{
	switch ((enum net_reason)e->reason) {
	case NET_BY_RULE:
	case NET_BY_SPECIAL:
		break;
	case NET_BY_DEFAULT:
		return "no --allow-net is about it";
	case NET_BY_HOST:
		return "it is this host's";
	case NET_BY_LINK_LOCAL:
		return "it is link-local";
	case NET_BY_METADATA:
		return "it is a cloud's metadata service";
	case NET_BY_PRIVATE:
		return "it is private";
	case NET_BY_NO_NAME:
		return "only names are allowed there, and the connection says none";
	case NET_BY_UNREAD:
		return "a rule denies names, and the one that the connection says can't be read";
	case NET_BY_OTHER_NAME:
		return "the connection says a name that isn't allowed there";
	case NET_BY_NO_ECHO:
		return "this host lets nobody send echo requests";
	case NET_BY_PATH:
		return e->protocol == NET_UDP
			       ? "where rules have names, QUIC can't hide which one it is for"
			       : "where rules have names, TCP can't go by a way of its own";
	}
	return "it is not allowed";
}

static void refusal_say(const struct net_report *r, const struct net_refusal *refused)
{
	const struct net_event *e = &refused->event;
	char place[PLACE_MAX], rule[NOTE_MAX], remedy[NOTE_MAX], other[NAME_SHOWN_MAX];
	SCOPE_END(arena_done) struct arena a = {0};
	const char *by = e->reason == NET_BY_RULE ? rule_text(r, e, rule) : NULL;
	const char *times = "", *name = "";

	place_make(e, place);
	remedy_make(r, e, remedy);
	if (refused->n > 1)
		times = arena_printf(&a, " (%llu times)", (unsigned long long)refused->n);
	if (e->reason == NET_BY_OTHER_NAME && *e->name)
		name = arena_printf(&a, " (%s)", str_escape(other, sizeof(other), e->name));
	r->say(arena_printf(&a, "refused: %s%s: %s%s%s%s", place, times, by ? "by " : "",
			    by ? by : reason_sentence(e), name, remedy));
}

static void others_say(const struct net_report *r)
{
	char note[NOTE_MAX];

	if (r->n_others == 0)
		return;
	(void)snprintf(note, sizeof(note), "refused: others, %llu times%s",
		       (unsigned long long)r->n_others,
		       r->log_path ? "" : "; --net-log FILE has them all");
	r->say(note);
}

/* By the servers that the sandbox started with. */
static void unanswered_say(const struct net_report *r)
{
	const struct net_servers *s = &r->config->servers;
	char address[INET6_ADDRSTRLEN];
	SCOPE_END(arena_done) struct arena a = {0};
	const char *servers = "";

	if (r->n_unanswered == 0)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		servers = arena_printf(&a, "%s%s%s", servers, i ? ", " : "",
				       net_address_write(&s->address[i], address));
	r->say(arena_printf(
		&a,
		"no name server answered, %llu times (%s); --dns ADDRESS names one that does, "
		"sbx doctor tries them",
		(unsigned long long)r->n_unanswered, *servers ? servers : "there is none"));
}

/* ---- the door ---------------------------------------------------------------------------- */

void net_report_init(struct net_report *r, const struct net_config *config,
		     void (*say)(const char *note))
{
	*r = (struct net_report){
		.config = config,
		.say = say,
		.log = -EBADF,
	};
}

void net_report_done(struct net_report *r)
{
	for (size_t i = 0; i < r->n_refused; i++)
		refusal_say(r, &r->refused[i]);
	others_say(r);
	unanswered_say(r);
	r->n_refused = r->n_others = r->n_unanswered = 0;
	r->log = fd_close(r->log);
}

/* What opens and closes all the time is told of a while. */
static void published_say(struct net_report *r, const struct net_event *e)
{
	enum { SAID_MAX = 64 };
	const char *protocol = protocol_word(e);
	char address[NET_ADDRESS_TEXT_MAX], note[NET_ADDRESS_TEXT_MAX + 32];

	if (!e->is_allowed || r->n_published++ >= SAID_MAX)
		return;
	(void)snprintf(note, sizeof(note), "%s -> %u/%s",
		       net_address_text(&e->address, e->host_port, address), e->port,
		       protocol ? protocol : "tcp");
	r->say(note);
}

void net_report_event(void *context, const struct net_event *e)
{
	struct net_report *r = context;

	if (!WORD_OF(event_words, e->kind) ||
	    strnlen(e->name, sizeof(e->name)) == sizeof(e->name))
		return;
	if (r->log >= 0)
		log_write(r, e);
	if (e->kind == NET_EVENT_PUBLISHED)
		published_say(r, e);
	else if (e->kind == NET_EVENT_UNANSWERED)
		r->n_unanswered++;
	else if (is_told(e))
		refusal_count(r, e);
}

void net_report_note(void *context, const char *note)
{
	const struct net_report *r = context;
	char text[NOTE_MAX];

	(void)snprintf(text, sizeof(text), "the network: %s", note);
	r->say(text);
}
