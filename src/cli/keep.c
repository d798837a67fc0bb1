/* SPDX-License-Identifier: Apache-2.0 */
/* keep.c: what becomes of a session's changes at its end. */
#include "keep.h"

#include "kept.h"
#include "spec.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static bool is_interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

void keep_name(struct container *c, const char *tree)
{
	enum { ID = 6, ROOM = CONTAINER_NAME_MAX - ID - 1 };
	const char *slash = strrchr(tree, '/');
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : tree; *p && n < ROOM; p++)
		if (isalnum((unsigned char)*p) || (n > 0 && strchr("_.-", *p)))
			c->name[n++] = *p;
	if (n == 0)
		n = (size_t)snprintf(c->name, ROOM, "sandbox");
	(void)snprintf(c->name + n, sizeof(c->name) - n, "-%.*s", (int)ID, c->id);
}

/* "12 files, 3.4 MiB" */
static const char *total_shown(struct arena *a, const struct changes_total *t)
{
	size_t n = t->added + t->changed + t->deleted;

	return arena_printf(a, "%zu file%s, %s", n, n == 1 ? "" : "s", kept_size(a, t->bytes));
}

static bool is_empty(const struct changes_total *t)
{
	return t->added + t->changed + t->deleted == 0;
}

/* Most sessions write nothing, which shows without a user namespace. */
static bool has_upper(const struct changes_place *place)
{
	int fd = place->state < 0 ? -EBADF
				  : openat(place->state, "upper",
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autodir DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (stream && (e = readdir(stream)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			return true;
	return false;
}

void keep_say_lost(const struct changes_place *place)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct changes_total total;
	struct fail_saved saved;

	if (!is_interactive() || !has_upper(place))
		return;
	fail_save(&saved);
	if (changes_count(place, &total) == 0 && !is_empty(&total))
		kept_note("enter", "threw away %s; --name NAME or --keep-on-exit keeps them",
			  total_shown(&a, &total));
	fail_restore(&saved);
}

/* ---- asking ------------------------------------------------------------------------------ */

static void interrupted(int sig)
{
}

/* SIGINT is blocked but for here, so that one since the question isn't missed. */
static bool byte_read(char *ret_byte)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	sigset_t mask;

	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	return ppoll(&in, 1, NULL, &mask) == 1 && read(STDIN_FILENO, ret_byte, 1) == 1;
}

/* A line of the terminal's; false at its end and at Ctrl-C. What is too long is cut, and no
 * name. */
static bool line_read(char *line, size_t room)
{
	size_t n = 0;
	char c;

	while (byte_read(&c)) {
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		if (n + 1 < room)
			line[n++] = c;
	}
	return false;
}

static void complain(void)
{
	char text[4 * FAIL_TEXT_MAX], hint[4 * FAIL_HINT_MAX];

	(void)dprintf(STDERR_FILENO, "sbx: enter: %s\n",
		      str_escape(text, sizeof(text), fail_text()));
	if (*fail_hint_text())
		(void)dprintf(STDERR_FILENO, "hint: %s\n",
			      str_escape(hint, sizeof(hint), fail_hint_text()));
	fail_forget();
}

static int name_take(struct container_store *s, struct container *c, const char *name)
{
	struct plan scratch;
	int r;

	if (streq(name, c->name))
		return 0;
	plan_init(&scratch);
	r = spec_name(&scratch, name);
	plan_done(&scratch);
	return r < 0 ? r : container_rename(s, c, name);
}

/* Asks until there is an answer. false: throw it away. */
static bool name_ask(struct container_store *s, struct container *c,
		     const struct changes_total *total)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char line[256];

	for (;;) {
		(void)dprintf(
			STDERR_FILENO,
			"sbx: enter: changed: %s. A name to keep that under, or nothing to "
			"throw it away: ",
			total_shown(&a, total));
		if (!line_read(line, sizeof(line))) {
			(void)dprintf(STDERR_FILENO, "\n");
			return true;
		}
		if (!*line)
			return false;
		if (name_take(s, c, line) == 0)
			return true;
		complain();
	}
}

static bool is_wanted(struct container_store *s, struct container *c,
		      const struct changes_total *total)
{
	struct sigaction wake = {.sa_handler = interrupted}, before;
	sigset_t interrupt, mask;
	bool wanted;

	if (!is_interactive())
		return true;
	/* What was typed before the question, or what the terminal says to the last of the
	 * sandbox's output, is no answer. */
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &interrupt, &mask);
	/* Ctrl-C ends the reading. */
	(void)sigaction(SIGINT, &wake, &before);
	wanted = name_ask(s, c, total);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)sigaction(SIGINT, &before, NULL);
	return wanted;
}

int keep_decide(struct container_store *s, struct container *c,
		const struct changes_place *place)
{
	SCOPE_END(arena_done) struct arena a = {0};
	struct changes_total total;
	int r = changes_count(place, &total);

	if (r < 0)
		return fail_hint(r, "it is kept as '%s'", c->name);
	if (is_empty(&total) || !is_wanted(s, c, &total))
		return container_remove(s, c, false);
	kept_note("enter",
		  "kept %s as '%s': sbx enter %s goes on, sbx diff %s shows what changed, "
		  "sbx rm %s removes it",
		  total_shown(&a, &total), c->name, c->name, c->name, c->name);
	return 0;
}
