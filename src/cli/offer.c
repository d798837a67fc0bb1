/* SPDX-License-Identifier: Apache-2.0 */
/* offer.c: what completion offers, by the kind of a value or an operand. */
#include "complete.h"
#include "options.h"
#include "tree.h"

#include "bwrap/bwrap.h"
#include "util/scope.h"

#include <fcntl.h>
#include <stdlib.h>

static void offer(struct answer *s, const char *text, const char *help)
{
	if (!str_after(text, s->value) || !tree_is_printable(text))
		return;
	strv_push(s->arena, &s->candidates,
		  help ? arena_printf(s->arena, "%s\t%s", text, help) : text);
}

static void offer_list(struct answer *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		offer(s, list[i], NULL);
}

/* The root filesystem that the line names, as an O_PATH descriptor. */
static int tree_open(const struct answer *s)
{
	const char *path = s->rootfs, *rest, *home;
	int fd;

	if (!path)
		return -ENOENT;
	if (!strchr(path, '/')) {
		fd = complete_sandbox_tree(path);
		if (fd >= 0)
			return fd;
	}
	/* The shell hasn't replaced the ~ yet. */
	rest = str_after(path, "~");
	home = getenv("HOME");
	if (rest && home && (!*rest || *rest == '/'))
		path = arena_printf(s->arena, "%s%s", home, rest);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void offer_accounts(struct answer *s, const char *file)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0)
		tree_add_accounts(tree, s->arena, file, s->value, &s->candidates);
}

static void offer_inside(struct answer *s, bool only_folders)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0)
		tree_add_paths(tree, s->arena, s->value, only_folders, &s->candidates);
}

static void offer_programs(struct answer *s)
{
	autoclose int tree = tree_open(s);

	if (tree >= 0 && strchr(s->value, '/'))
		tree_add_paths(tree, s->arena, s->value, false, &s->candidates);
	else if (tree >= 0)
		tree_add_programs(tree, s->arena, s->value, &s->candidates);
}

static void offer_sandboxes(struct answer *s, bool only_running)
{
	struct strv names = {0};

	if (complete_sandboxes(s->arena, only_running, &names) == 0)
		offer_list(s, names.v, names.n);
}

static void offer_profiles(struct answer *s)
{
	struct strv names = {0};

	if (complete_profiles(s->arena, &names) == 0)
		offer_list(s, names.v, names.n);
}

static void offer_verb(void *context, const char *name, const char *help)
{
	offer(context, name, help);
}

void offer_commands(struct answer *s)
{
	for (const struct command *c = commands; c->name; c++)
		if (c->summary)
			offer(s, c->name, c->summary);
}

void offer_options(struct answer *s, const struct opt *opts)
{
	for (const struct opt *o = opts; o->help; o++) {
		if (!o->name)
			continue;
		offer(s, arena_printf(s->arena, "--%s", o->name), o->help);
		/* Who has typed the letter already sees what it means. */
		if (o->letter && s->value[1] == o->letter)
			offer(s, arena_printf(s->arena, "-%c", o->letter), o->help);
	}
}

void offer_bwrap_options(struct answer *s)
{
	for (const struct bwrap_option *o = bwrap_options; o->name; o++)
		offer(s, arena_printf(s->arena, "--%s", o->name), o->help);
}

static void offer_choices(struct answer *s, const char *words)
{
	for (;;) {
		size_t len = strcspn(words, "|");

		offer(s, arena_strndup(s->arena, words, len), NULL);
		if (!words[len])
			return;
		words += len + 1;
	}
}

static void offer_capabilities(struct answer *s)
{
	const char *comma = strrchr(s->value, ',');
	char name[CAPS_NAME_MAX];
	uint64_t all;

	if (comma)
		s->value = comma + 1;
	offer(s, "ALL", NULL);
	if (caps_parse("ALL", &all) < 0)
		return;
	for (unsigned cap = 0; cap < 64; cap++) {
		const char *bare = str_after(caps_name(cap, name), "CAP_");

		if (!(all >> cap & 1) || !bare)
			continue;
		/* The prefix only for who has begun with it. */
		offer(s, arena_strdup(s->arena, str_after(s->value, "CAP_") ? name : bare),
		      NULL);
	}
}

static void offer_environment(struct answer *s)
{
	for (char **e = environ; *e; e++)
		offer(s, arena_strndup(s->arena, *e, strcspn(*e, "=")), NULL);
}

/* SRC:DST:OPTIONS */
static void offer_bind(struct answer *s)
{
	const char *colon = strchr(s->value, ':');

	if (!colon) {
		s->kind = "files";
	} else if (!strchr(colon + 1, ':')) {
		s->value = colon + 1;
		offer_inside(s, false);
	}
}

/* USER:GROUP */
static void offer_user(struct answer *s)
{
	const char *colon = strchr(s->value, ':');

	if (colon)
		s->value = colon + 1;
	offer_accounts(s, colon ? "/etc/group" : "/etc/passwd");
}

static void offer_limits(struct answer *s)
{
	static const char *const names[] = {
		"as=",	    "core=",	 "cpu=",	"data=",   "fsize=", "locks=",
		"memlock=", "msgqueue=", "nice=",	"nofile=", "nproc=", "rss=",
		"rtprio=",  "rttime=",	 "sigpending=", "stack=",  "host",
	};

	offer_list(s, names, ARRAY_SIZE(names));
}

static void offer_security(struct answer *s)
{
	static const char *const words[] = {"landlock=disable", "no-new-privileges",
					    "seccomp="};
	const char *profile = str_after(s->value, "seccomp=");

	if (!profile) {
		offer_list(s, words, ARRAY_SIZE(words));
		return;
	}
	s->value = profile;
	s->kind = "files";
	offer(s, "unconfined", NULL);
}

/* KEY=VALUE, with commas between. */
static void offer_mount(struct answer *s)
{
	static const char *const words[] = {"type=bind", "type=tmpfs", "src=", "dst=", "ro"};
	const char *comma = strrchr(s->value, ',');
	const char *value;

	if (comma)
		s->value = comma + 1;
	if ((value = str_after(s->value, "src=")) || (value = str_after(s->value, "source="))) {
		s->value = value;
		s->kind = "files";
	} else if ((value = str_after(s->value, "dst=")) ||
		   (value = str_after(s->value, "target=")) ||
		   (value = str_after(s->value, "destination="))) {
		s->value = value;
		offer_inside(s, true);
	} else {
		offer_list(s, words, ARRAY_SIZE(words));
	}
}

static void offer_rules(struct answer *s)
{
	static const char *const words[] = {"any", "dns", "host", "private"};

	offer_list(s, words, ARRAY_SIZE(words));
}

static void offer_resolv(struct answer *s)
{
	static const char *const words[] = {
		"attempts:",
		"edns0",
		"ndots:",
		"no-aaaa",
		"no-reload",
		"no-tld-query",
		"rotate",
		"single-request",
		"timeout:",
		"trust-ad",
		"single-request-reopen",
		"use-vc",
	};

	offer_list(s, words, ARRAY_SIZE(words));
}

/* NAME:ADDRESS */
static void offer_host(struct answer *s)
{
	const char *end = s->value + strcspn(s->value, ":=");

	if (!*end)
		return;
	s->value = end + 1;
	offer(s, "host-gateway", NULL);
}

static void offer_ports(struct answer *s, bool of_host)
{
	struct strv words = {0};

	if (s->rootfs && complete_ports(s->arena, s->rootfs, of_host, &words) == 0)
		offer_list(s, words.v, words.n);
}

void offer_value(struct answer *s, const struct opt *o)
{
	static const char *const flag[] = {"true", "false"};

	if (!o->metavar) {
		offer_list(s, flag, ARRAY_SIZE(flag));
		return;
	}
	switch (o->complete) {
	case COMPLETE_NONE:
		return;
	case COMPLETE_CHOICE:
		return offer_choices(s, o->metavar);
	case COMPLETE_FILE:
		s->kind = "files";
		return;
	case COMPLETE_BIND:
		return offer_bind(s);
	case COMPLETE_INSIDE:
		return offer_inside(s, true);
	case COMPLETE_USER:
		return offer_user(s);
	case COMPLETE_SANDBOX:
		return offer_sandboxes(s, false);
	case COMPLETE_CAPABILITY:
		return offer_capabilities(s);
	case COMPLETE_ENV:
		return offer_environment(s);
	case COMPLETE_LIMIT:
		return offer_limits(s);
	case COMPLETE_SECURITY:
		return offer_security(s);
	case COMPLETE_MOUNT:
		return offer_mount(s);
	case COMPLETE_PROFILE:
		return offer_profiles(s);
	case COMPLETE_RULE:
		return offer_rules(s);
	case COMPLETE_RESOLV:
		return offer_resolv(s);
	case COMPLETE_HOST:
		return offer_host(s);
	case COMPLETE_PUBLISHED:
		return offer_ports(s, true);
	}
}

/* ROOTFS|NAME [--] [COMMAND [ARG]...] */
static void offer_rootfs(struct answer *s, const struct place *p)
{
	size_t command = 1;

	if (p->operand == 0) {
		s->kind = "folders";
		offer_sandboxes(s, false);
		return;
	}
	if (p->operand > 1 && streq(s->line->words.v[p->first_operand + 1], "--"))
		command = 2;
	if (p->operand == command)
		offer_programs(s);
	else if (*s->value == '/')
		offer_inside(s, false);
}

/* NAME [PATH]... Marks of what was removed have its name, so all but a few of fuse-overlayfs'
 * are paths of changes. */
static void offer_changes(struct answer *s, const struct place *p)
{
	autoclose int upper = -EBADF;

	if (p->operand == 0) {
		offer_sandboxes(s, false);
		return;
	}
	upper = s->rootfs ? complete_sandbox_upper(s->rootfs) : -ENOENT;
	if (upper >= 0)
		tree_add_paths(upper, s->arena, s->value, false, &s->candidates);
}

void offer_operand(struct answer *s, enum operands operands, const struct place *p)
{
	switch (operands) {
	case OPERANDS_NONE:
	case OPERANDS_ANY:
		return;
	case OPERANDS_COMMAND:
		if (p->operand == 0)
			offer_commands(s);
		return;
	case OPERANDS_TREE:
		if (p->operand == 0)
			s->kind = "folders";
		return;
	case OPERANDS_SANDBOXES:
		return offer_sandboxes(s, false);
	case OPERANDS_RUNNING:
		if (p->operand == 0)
			offer_sandboxes(s, true);
		else if (p->operand == 1)
			offer_ports(s, false);
		return;
	case OPERANDS_CHANGES:
		return offer_changes(s, p);
	case OPERANDS_ROOTFS:
		return offer_rootfs(s, p);
	case OPERANDS_VERB:
		if (p->operand == 0)
			config_verbs(offer_verb, s);
		return;
	case OPERANDS_BWRAP:
		s->kind = "files";
		return;
	}
}
