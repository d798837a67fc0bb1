/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c: messages to the launcher, as it takes them from its socket. A line is one of them:
 *
 *   TYPE STATUS ERR PASS LENGTH STEP|HINT|TEXT
 *
 * PASS is the kind of descriptor that comes along, '-' for none; LENGTH cuts the message short, 0
 * doesn't. A field that is as long as its room has no NUL at its end.
 */
#include "fuzz.h"
#include "sandbox/attach_parts.h"
#include "sandbox/launch.h"
#include "scratch.h"
#include "util/io.h"

#include <sys/mman.h>
#include <sys/socket.h>

enum { LINES_MAX = 64 };

static size_t notes;

static void say(const char *note)
{
	must(strlen(note) < WIRE_TEXT_MAX);
	notes++;
}

static int pass_open(char kind)
{
	switch (kind) {
	case 'd':
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 'm':
		return memfd_create("memory", MFD_CLOEXEC);
	case 'n':
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 'p':
		return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	case 'u':
		return open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	default:
		return -EBADF;
	}
}

static void field_take(char *field, size_t room, char **rest, const char *separator)
{
	const char *text = fuzz_cut(rest, separator);
	size_t len = strlen(text);

	memcpy(field, text, len < room ? len + 1 : room);
}

static void line_send(int to, char *line)
{
	struct wire_message m = {0};
	unsigned type, len;
	int read = 0;
	char kind;

	if (sscanf(line, "%u %d %d %c %u %n", &type, &m.status, &m.err, &kind, &len, &read) < 5)
		return;
	m.type = type;
	line += read;
	field_take(m.step, sizeof(m.step), &line, "|");
	field_take(m.hint, sizeof(m.hint), &line, "|");
	field_take(m.text, sizeof(m.text), &line, "\n");
	autoclose int pass = pass_open(kind);
	(void)io_send(to, &m, len && len < sizeof(m) ? len : sizeof(m), pass);
}

/* What was true of the set-up stays so, whatever is said once it is over. */
static void message_check(struct launch *l, char *line, int to)
{
	const struct launch before = *l;
	bool was_started = l->plan->root.is_started;
	size_t notes_before = notes;

	line_send(to, line);
	attach_forget_stops(&l->attach);
	if (l->attach.result < 0) {
		char shown[4 * FAIL_TEXT_MAX];

		must(l->attach.result > -4096 && *fail_text());
		must(fuzz_is_clean(str_escape(shown, sizeof(shown), fail_text())));
	}
	if (!was_started)
		return;
	must(l->plan->root.is_started && notes == notes_before);
	must(l->userns == before.userns && l->fuse == 0 && l->fuse_errors == -EBADF);
	must(l->attach.flow[ATTACH_OUTPUT].from == before.attach.flow[ATTACH_OUTPUT].from);
	must(l->plan->root.is_refused == before.plan->root.is_refused);
}

static void launch_make(struct launch *l, struct plan *p, int wire)
{
	static const struct sandbox_options options = {.say = say};

	plan_init(p);
	*l = (struct launch){
		.plan = p,
		.options = &options,
		.userns = -EBADF,
		.fuse_errors = -EBADF,
		.attach = {.wire = wire,
			   .pidfd = -EBADF,
			   .tty = -EBADF,
			   .sized = -EBADF,
			   .signal_fd = -EBADF,
			   .given = {-EBADF, -EBADF, -EBADF},
			   .on_message = launch_on_message,
			   .context = l},
	};
	for (size_t i = 0; i < ATTACH_FLOWS; i++)
		l->attach.flow[i].from = l->attach.flow[i].to = -EBADF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = fuzz_string(data, size);
	int pair[2], before = scratch_descriptors();
	char *rest = text;
	struct launch l;
	struct plan p;

	must(io_socketpair(pair) == 0);
	launch_make(&l, &p, pair[0]);
	fail_forget();
	for (int i = 0; rest && i < LINES_MAX; i++)
		message_check(&l, strsep(&rest, "\n"), pair[1]);
	attach_done(&l.attach);
	(void)fd_close(l.userns);
	(void)fd_close(l.attach.flow[ATTACH_OUTPUT].from);
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
	plan_done(&p);
	must(scratch_descriptors() == before);
	return 0;
}
