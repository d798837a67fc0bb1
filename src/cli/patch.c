/* SPDX-License-Identifier: Apache-2.0 */
/* patch.c: a list of changes as a unified diff, made by diff(1). */
#include "patch.h"

#include "config.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Theory of operation
 *
 * A file that is all new or all gone needs no comparison. Else diff(1) compares two descriptors and writes to a third; it sees no name of the sandbox's but
 * in --label, quoted as git quotes, and has no environment. What it says is then copied to the
 * output, which may be a terminal. A file that isn't there is an empty one, a symbolic link is
 * a file that holds its target, as in git.
 */

enum {
	TEXT_PROBE = 8000,	  /* a NUL up to there makes a file a binary one, as for git */
	SIZE_MAX_TEXT = 16 << 20, /* above, diff(1) takes minutes */
	NAME_ROOM = 4 * PATH_MAX + 8,
};

struct patch {
	const struct changes_place *p;
	FILE *out;
	bool is_terminal;
};

/* One side of a change. */
struct side {
	bool is_there;
	mode_t mode;
	bool is_binary, is_large;
	int fd;
	char name[NAME_ROOM]; /* "a/..." or "b/...", quoted where git would */
};

static void side_done(struct side *s)
{
	s->fd = fd_close(s->fd);
}

/* "a" + PATH, in double quotes with octal escapes where a byte of it isn't plain. */
static void name_quote(char name[NAME_ROOM], char letter, const char *path)
{
	bool plain = true;
	size_t n = 0;

	for (const char *p = path; *p; p++)
		plain &= *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\';
	if (plain) {
		(void)snprintf(name, NAME_ROOM, "%c%s", letter, path);
		return;
	}
	name[n++] = '"';
	name[n++] = letter;
	for (const char *p = path; *p && n + 6 < NAME_ROOM; p++) {
		if (*p == '"' || *p == '\\')
			name[n++] = '\\';
		if (*p >= 0x20 && *p < 0x7f)
			name[n++] = *p;
		else
			n += (size_t)snprintf(name + n, NAME_ROOM - n, "\\%03o",
					      (unsigned char)*p);
	}
	name[n++] = '"';
	name[n] = '\0';
}

/* ---- the two sides ----------------------------------------------------------------------- */

static int memory_file(const char *text)
{
	autoclose int fd = memfd_create("sbx-diff", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));

	return r < 0 ? r : take_fd(&fd);
}

static bool is_in_patch(mode_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode);
}

static void file_probe(struct side *s)
{
	char start[TEXT_PROBE];
	struct stat st;
	ssize_t n = pread(s->fd, start, sizeof(start), 0);

	s->is_binary = n > 0 && memchr(start, '\0', (size_t)n);
	s->is_large = fstat(s->fd, &st) == 0 && st.st_size > SIZE_MAX_TEXT;
}

/* One side of PATH; with IS_THERE false it is empty. 0 or a negative errno. */
static int side_open(struct side *s, const struct patch *patch, const char *path, mode_t mode,
		     bool is_there, bool in_tree)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const char *target = "";
	int r = 0;

	*s = (struct side){.is_there = is_there, .mode = mode, .fd = -EBADF};
	name_quote(s->name, in_tree ? 'a' : 'b', path);
	if (is_there && S_ISREG(mode)) {
		s->fd = changes_open(patch->p, path, in_tree);
		if (s->fd >= 0)
			file_probe(s);
		return s->fd < 0 ? s->fd : 0;
	}
	if (is_there)
		r = changes_readlink(patch->p, path, in_tree, &a, &target);
	s->fd = r < 0 ? r : memory_file(target);
	return s->fd < 0 ? s->fd : 0;
}

/* ---- diff(1) ----------------------------------------------------------------------------- */

/* git ends a name that has a blank in it with a tab. */
static const char *label(struct arena *a, const struct side *s)
{
	if (!s->is_there)
		return "/dev/null";
	return arena_printf(a, "%s%s", s->name, strchr(s->name, ' ') ? "\t" : "");
}

static int diff_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_sys("wait for '%s'", SBX_DIFF);
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return 0;
	return fail(EIO, "'%s' failed", SBX_DIFF);
}

/* Runs diff(1), which writes to the memfd OUTPUT. */
static int diff_run(const struct side *before, const struct side *now, int output)
{
	enum { PARKED = 16, BEFORE = 3, NOW = 4 };
	SCOPE_END(arena_done) struct arena a = {0};
	autoclose int parked_before = fcntl(before->fd, F_DUPFD_CLOEXEC, PARKED);
	autoclose int parked_now = fcntl(now->fd, F_DUPFD_CLOEXEC, PARKED);
	autoclose int parked_output = fcntl(output, F_DUPFD_CLOEXEC, PARKED);
	const char *const argv[] = {
		"diff",	   "--unified",	   "--text", "--label",	  label(&a, before),
		"--label", label(&a, now), "--",     "/dev/fd/3", "/dev/fd/4",
		NULL,
	};
	char *const envp[] = {NULL};
	posix_spawn_file_actions_t files;
	pid_t pid;
	int r;

	if (parked_before < 0 || parked_now < 0 || parked_output < 0)
		return fail_sys("copy a descriptor");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, parked_output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, parked_before, BEFORE);
	posix_spawn_file_actions_adddup2(&files, parked_now, NOW);
	r = posix_spawn(&pid, SBX_DIFF, &files, NULL, (char *const *)argv, envp);
	posix_spawn_file_actions_destroy(&files);
	if (r)
		return fail_hint(fail(r, "run '%s': %s", SBX_DIFF, strerrordesc_np(r)),
				 "sudo apt-get install diffutils");
	return diff_wait(pid);
}

/* ---- without diff(1) --------------------------------------------------------------------- */

/* The lines of IN, each behind SIGN, to OUT, as diff(1) has them. */
static void lines_write(FILE *in, char sign, FILE *out)
{
	autofree char *line = NULL;
	bool ends = true;
	size_t room = 0;
	ssize_t len;

	rewind(in);
	while ((len = getline(&line, &room, in)) > 0) {
		(void)fputc(sign, out);
		(void)fwrite(line, 1, (size_t)len, out);
		ends = line[len - 1] == '\n';
	}
	if (!ends)
		(void)fputs("\n\\ No newline at end of file\n", out);
}

static size_t lines_count(FILE *in)
{
	autofree char *line = NULL;
	size_t room = 0, n = 0;

	rewind(in);
	while (getline(&line, &room, in) > 0)
		n++;
	return n;
}

/* What diff(1) would say of a file that is all new or all gone: a run of it takes 2 ms, and
 * after a "make install" there are thousands of such files. */
static int whole_write(const struct side *before, const struct side *now, int output)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const struct side *side = before->is_there ? before : now;
	autofile FILE *in = fdopen(fcntl(side->fd, F_DUPFD_CLOEXEC, 0), "r");
	autofile FILE *out = fdopen(fcntl(output, F_DUPFD_CLOEXEC, 0), "w");
	size_t n = in ? lines_count(in) : 0;
	const char *range = n == 1 ? "1" : arena_printf(&a, "1,%zu", n);

	if (!in || !out)
		return fail_sys("copy a descriptor");
	if (n == 0)
		return 0;
	(void)fprintf(out, "--- %s\n+++ %s\n@@ -%s +%s @@\n", label(&a, before), label(&a, now),
		      before->is_there ? range : "0,0", now->is_there ? range : "0,0");
	lines_write(in, before->is_there ? '-' : '+', out);
	if (ferror(in))
		return fail_sys("read '%s'", side->name);
	return fflush(out) == 0 && !ferror(out) ? 0 : fail_sys("make room for a file's text");
}

/* ---- output ------------------------------------------------------------------------------ */

/* LEN bytes of a line's text, with tabs as they are. */
static void line_escape(FILE *out, const char *text, size_t len)
{
	SCOPE_END(arena_done) struct arena a = {0};
	char *shown = arena_alloc(&a, 4 * len + 1);

	for (size_t at = 0, n; at < len; at += n + 1) {
		for (n = 0; at + n < len && text[at + n] != '\t' && text[at + n]; n++)
			;
		(void)fputs(str_escape(shown, 4 * len + 1, arena_strndup(&a, text + at, n)),
			    out);
		if (at + n < len)
			(void)fputs(text[at + n] ? "\t" : "\\x00", out);
	}
}

static void output_escape(FILE *in, FILE *out)
{
	autofree char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&line, &room, in)) > 0) {
		bool ends = line[len - 1] == '\n';

		line_escape(out, line, (size_t)len - ends);
		if (ends)
			(void)fputc('\n', out);
	}
}

static int output_copy(const struct patch *patch, int output)
{
	char chunk[65536];
	ssize_t n;

	if (lseek(output, 0, SEEK_SET) < 0)
		return fail_sys("read what diff says");
	if (patch->is_terminal) {
		autofile FILE *in = fdopen(fcntl(output, F_DUPFD_CLOEXEC, 0), "r");

		if (!in)
			return fail_sys("read what diff says");
		output_escape(in, patch->out);
		return 0;
	}
	while ((n = read(output, chunk, sizeof(chunk))) > 0)
		if (fwrite(chunk, 1, (size_t)n, patch->out) != (size_t)n)
			return fail_sys("write to standard output");
	return n < 0 ? fail_sys("read what diff says") : 0;
}

/* ---- one change -------------------------------------------------------------------------- */

/* Type and mode, in git's digits. git itself knows 644 and 755 only, and takes the rest as one of
 * them; patch(1) takes what it is, and a reader wants to see who may read a file now. */
static unsigned shown_mode(mode_t mode)
{
	return S_ISLNK(mode) ? 0120000U : (unsigned)mode;
}

static void head_print(const struct patch *patch, const struct side *before,
		       const struct side *now)
{
	(void)fprintf(patch->out, "diff --git %s %s\n", before->name, now->name);
	if (!before->is_there)
		(void)fprintf(patch->out, "new file mode %06o\n", shown_mode(now->mode));
	else if (!now->is_there)
		(void)fprintf(patch->out, "deleted file mode %06o\n", shown_mode(before->mode));
	else if (shown_mode(before->mode) != shown_mode(now->mode))
		(void)fprintf(patch->out, "old mode %06o\nnew mode %06o\n",
			      shown_mode(before->mode), shown_mode(now->mode));
}

static bool is_same_data(const struct side *before, const struct side *now)
{
	struct stat st_before, st_now;
	char of_before[4096], of_now[4096];
	off_t at = 0;
	ssize_t n;

	if (fstat(before->fd, &st_before) < 0 || fstat(now->fd, &st_now) < 0 ||
	    st_before.st_size != st_now.st_size)
		return false;
	while ((n = pread(before->fd, of_before, sizeof(of_before), at)) > 0) {
		if (pread(now->fd, of_now, (size_t)n, at) != n ||
		    memcmp(of_before, of_now, (size_t)n) != 0)
			return false;
		at += n;
	}
	return n == 0;
}

static int sides_print(const struct patch *patch, const struct side *before,
		       const struct side *now)
{
	bool is_large = before->is_large || now->is_large;
	int r;

	if (before->is_there && now->is_there &&
	    shown_mode(before->mode) == shown_mode(now->mode) && !is_large &&
	    is_same_data(before, now))
		return 0; /* its time, owner or xattrs, of which a patch knows nothing */
	head_print(patch, before, now);
	if (is_large || before->is_binary || now->is_binary) {
		(void)fprintf(patch->out, "%s files %s and %s differ\n",
			      is_large ? "Too large" : "Binary",
			      before->is_there ? before->name : "/dev/null",
			      now->is_there ? now->name : "/dev/null");
		return 0;
	}
	autoclose int output = memfd_create("sbx-diff", MFD_CLOEXEC);
	if (output < 0)
		return fail_sys("make room for what diff says");
	r = before->is_there && now->is_there ? diff_run(before, now, output)
					      : whole_write(before, now, output);
	return r < 0 ? r : output_copy(patch, output);
}

/* The file PATH as it was and as it is; a mode of 0 is no file. */
static int file_print(const struct patch *patch, const char *path, mode_t before, mode_t now)
{
	SCOPE_END(side_done) struct side was = {.fd = -EBADF}, is = {.fd = -EBADF};
	int r = side_open(&was, patch, path, before, before != 0, true);

	if (r == 0)
		r = side_open(&is, patch, path, now, now != 0, false);
	if (r < 0) {
		char name[NAME_ROOM];

		name_quote(name, 'b', path);
		(void)fprintf(patch->out, "sbx: %s can't be read: %s\n", name,
			      strerrordesc_np(-r));
		r = 0;
	} else {
		r = sides_print(patch, &was, &is);
	}
	return r;
}

static int change_print(const struct patch *patch, const struct change *change)
{
	mode_t before = is_in_patch(change->before.st_mode) ? change->before.st_mode : 0;
	mode_t now = is_in_patch(change->now.st_mode) ? change->now.st_mode : 0;
	char name[NAME_ROOM];
	int r = 0;

	if (!change->is_own)
		return 0;
	if (change->now.st_mode && !now && !S_ISDIR(change->now.st_mode)) {
		name_quote(name, 'b', change->path);
		(void)fprintf(patch->out,
			      "sbx: %s is neither a file nor a link, and in no patch\n", name);
	}
	/* Of another type: one goes, another comes. */
	if (before && now && (before & S_IFMT) != (now & S_IFMT)) {
		r = file_print(patch, change->path, before, 0);
		before = 0;
	}
	return r == 0 && (before || now) ? file_print(patch, change->path, before, now) : r;
}

int patch_print(const struct changes_place *p, const struct changes *c, FILE *out)
{
	const struct patch patch = {.p = p,
				    .out = out,
				    .is_terminal = isatty(fileno(out)) == 1};
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++)
		r = change_print(&patch, &c->v[i]);
	return r;
}
