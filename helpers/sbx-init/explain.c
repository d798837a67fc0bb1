/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c: why a command could not be executed. */
#include "explain.h"

#include "program.h"
#include "report.h"
#include "search.h"
#include "sys.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * Theory of operation
 *
 * execve() has one number for many causes: ENOENT is a missing file, a missing ELF interpreter
 * or a missing program of a #! line; EACCES is a folder, a mode, a mount option. So the file is
 * looked at the way the kernel does: how to reach it, its type and permissions, what it
 * contains, and where it names another file, that one. The first thing that is wrong is the
 * cause. It is told in a sentence and nothing else depends on it, so a file that changes in
 * between can make the sentence wrong, no more. Each function returns whether it found the
 * cause; the text of one that didn't is unused.
 */

/* The kernel follows this many #! lines. */
enum { SCRIPTS_MAX = 5 };

struct explanation {
	struct wire_message *m;
	struct text text;
	int err; /* what execve() said */
};

static bool is_absent(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

/* The cause is found: errno ERR, and the rest of the sentence. */
static __attribute__((format(printf, 3, 4))) bool explained(struct explanation *e, int err,
							    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_addv(&e->text, fmt, args);
	va_end(args);
	e->m->err = err;
	e->m->status = is_absent(err) ? 127 : 126;
	return true;
}

static void hint(struct explanation *e, const char *sentence)
{
	struct text t = text_in(e->m->hint, sizeof(e->m->hint));

	text_add(&t, "%s", sentence);
}

/* PATH can't be looked at: ERR. */
static bool explain_unreachable(struct explanation *e, const char *path, int err)
{
	struct statx st;

	if (err == ENOENT && sys_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st) == 0)
		return explained(e, err,
				 "'%s' is a symbolic link to a file that does not exist", path);
	if (is_absent(err))
		return explained(e, err, "no file '%s'", path);
	if (err == EACCES)
		return explained(e, err, "no permission to enter a folder on the way to '%s'",
				 path);
	explained(e, err, "cannot reach '%s'", path);
	text_add_error(&e->text, err);
	return true;
}

static bool explain_denied(struct explanation *e, const char *path, const struct statx *st)
{
	unsigned mode = st->stx_mode & 07777;
	struct statfs fs;

	if (sys_statfs(path, &fs) == 0 && (fs.f_flags & ST_NOEXEC))
		return explained(e, EACCES,
				 "cannot execute '%s': its file system is mounted noexec",
				 path);
	if (!(mode & 0111))
		hint(e, "chmod +x makes a file executable");
	return explained(e, EACCES, "no permission to execute '%s' (mode 0%o, owner %u:%u)",
			 path, mode, st->stx_uid, st->stx_gid);
}

static bool explain_access(struct explanation *e, const char *path)
{
	struct statx st;
	int r = sys_stat(AT_FDCWD, path, 0, &st);

	if (r < 0)
		return explain_unreachable(e, path, -r);
	if (S_ISDIR(st.stx_mode))
		return explained(e, EACCES, "'%s' is a folder, not a program", path);
	if (!S_ISREG(st.stx_mode))
		return explained(e, EACCES, "'%s' is a special file, not a program", path);
	if (sys_access(path, X_OK) == -EACCES)
		return explain_denied(e, path, &st);
	return false;
}

static bool is_missing(const char *path)
{
	return is_absent(-sys_access(path, F_OK));
}

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	case EM_MIPS:
		return "mips";
	default:
		return "unknown";
	}
}

/* The kernel doesn't take PATH for a program of its own. */
static bool explain_bad_elf(struct explanation *e, const char *path, const struct program *p)
{
	if (p->is_foreign)
		return explained(
			e, ENOEXEC,
			"'%s' is for another architecture (%s, %u bits, ELF machine %u)", path,
			machine_name(p->machine), p->is_wide ? 64U : 32U, p->machine);
	if (p->type != ET_EXEC && p->type != ET_DYN)
		return explained(e, ENOEXEC,
				 "'%s' is an ELF file, but no program (ELF type %u)", path,
				 p->type);
	return explained(e, ENOEXEC, "'%s' has a damaged ELF header", path);
}

static bool explain_elf(struct explanation *e, const char *path, const struct program *p)
{
	if (e->err == ENOEXEC)
		return explain_bad_elf(e, path, p);
	if (!p->interpreter[0])
		return false;
	if (is_missing(p->interpreter)) {
		hint(e, "the tree lacks the C library that this program was built for");
		return explained(
			e, ENOENT,
			"'%s' exists but its interpreter '%s' does not (named by the ELF header)",
			path, p->interpreter);
	}
	text_add(&e->text, "the ELF header of '%s' names '%s': ", path, p->interpreter);
	return explain_access(e, p->interpreter);
}

static bool ends_in_return(const char *s)
{
	return *s && s[text_len(s) - 1] == '\r';
}

/* The #! line itself; where nothing is wrong with it, the sentence goes on about what it names.
 */
static bool explain_script(struct explanation *e, const char *path, const struct program *p)
{
	if (p->is_cut)
		return explained(e, ENOEXEC,
				 "the #! line of '%s' is longer than the kernel reads", path);
	if (!p->interpreter[0])
		return explained(e, ENOEXEC, "the #! line of '%s' names no program", path);
	if (is_missing(p->interpreter)) {
		if (ends_in_return(p->interpreter))
			hint(e, "its lines end as on Windows, in a carriage return too; "
				"dos2unix mends it");
		return explained(e, ENOENT,
				 "'%s' exists, but the program '%s' of its #! line does not",
				 path, p->interpreter);
	}
	text_add(&e->text, "the #! line of '%s' names '%s': ", path, p->interpreter);
	return false;
}

static bool explain_other(struct explanation *e, const char *path, bool is_shells)
{
	if (e->err != ENOEXEC)
		return false;
	if (is_shells)
		return explained(
			e, ENOEXEC,
			"'%s' has no #! line, and '%s', which would read it then, cannot be "
			"executed",
			path, EXPLAIN_SHELL);
	return explained(e, ENOEXEC, "'%s' is neither an ELF program nor a script", path);
}

/* SCRIPTS: how many #! lines led to PATH. */
static bool explain_file(struct explanation *e, const char *path, unsigned scripts)
{
	struct program p;

	if (explain_access(e, path))
		return true;
	program_read(path, &p);
	switch (p.kind) {
	case PROGRAM_ELF:
		return explain_elf(e, path, &p);
	case PROGRAM_SCRIPT:
		return explain_script(e, path, &p) ||
		       (scripts < SCRIPTS_MAX && explain_file(e, p.interpreter, scripts + 1));
	case PROGRAM_TEXT:
	case PROGRAM_DATA:
		return explain_other(e, path, p.kind == PROGRAM_TEXT && scripts == 0);
	case PROGRAM_UNKNOWN:
		break;
	}
	return false;
}

/* Where a bare name is in PATH. What is no file doesn't count, as in a shell. */
static bool find_by_path(struct search s, char ret_path[PATH_MAX])
{
	struct statx st;

	while (search_next(&s, ret_path))
		if (sys_stat(AT_FDCWD, ret_path, 0, &st) == 0 && S_ISREG(st.stx_mode))
			return true;
	return false;
}

static bool explain_command(struct explanation *e, const char *command, const struct search *s)
{
	char path[PATH_MAX];

	if (!*command)
		return explained(e, ENOENT, "the command is an empty string");
	if (text_len(command) >= PATH_MAX)
		return explained(e, ENAMETOOLONG, "the command's name is too long: '%s'",
				 command);
	if (!s->by_path)
		return explain_file(e, command, 0);
	if (!find_by_path(*s, path))
		return explained(e, ENOENT, "'%s' is not in PATH (%s)", command, s->rest);
	return explain_file(e, path, 0);
}

void explain_exec(struct wire_message *m, const char *command, char *const envp[], int err)
{
	struct explanation e = {.m = m, .text = text_in(m->text, sizeof(m->text)), .err = err};
	const struct search search = search_for(command, envp);

	if (explain_command(&e, command, &search))
		return;
	e.text = text_in(m->text, sizeof(m->text));
	if (err == EPERM)
		hint(&e, "a file that has capabilities (getcap) needs them in the sandbox: "
			 "--cap-add NET_RAW, for ping");
	explained(&e, err, "cannot execute '%s'", command);
	text_add_error(&e.text, err);
}
