/* SPDX-License-Identifier: Apache-2.0 */
/* spec.c: values of options: environment, limits, security, names. */
#include "spec.h"

#include "opt.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ENV_FILE_MAX = 1 << 20,
	ENV_MAX = 32 * 4096, /* the kernel's MAX_ARG_STRLEN, NUL included */
	HOSTNAME_BYTES_MAX = 64,
	NAME_BYTES_MAX = 64,
};

int spec_failed(int r, const char *value, const char *hint)
{
	char shown[OPT_SHOWN_MAX];

	if (r >= 0)
		return r;
	(void)fail_in(r, "'%s'", opt_shown(shown, value));
	return fail_hint(r, "%s", hint);
}

/* ---- environment ------------------------------------------------------------------------ */

/* Passes the caller's variables on whose names begin with PREFIX, LEN bytes long. */
static void env_pass(struct plan *p, const char *prefix, size_t len)
{
	for (char **e = environ; *e; e++)
		if (strncmp(*e, prefix, len) == 0 && **e != '=' && strchr(*e, '='))
			plan_set_env(p, *e);
}

static int env_take(struct plan *p, const char *value)
{
	size_t name = strcspn(value, "=");
	const char *own;

	if (name == 0)
		return fail(EINVAL, "a variable has a name");
	if (strlen(value) >= ENV_MAX)
		return fail(E2BIG, "the kernel takes no variable of 128 KiB or more");
	if (value[name] == '=') {
		plan_set_env(p, value);
	} else if (value[name - 1] == '*') {
		env_pass(p, value, name - 1);
	} else {
		own = getenv(value);
		if (own)
			plan_set_env(p, arena_printf(&p->arena, "%s=%s", value, own));
	}
	return 0;
}

int spec_env(struct plan *p, const char *value)
{
	return spec_failed(env_take(p, value), value,
			   "NAME=VALUE sets it; NAME alone passes your own on");
}

/* LINE of an env file, without its end. */
static int env_line(struct plan *p, const char *line)
{
	size_t name;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	name = strcspn(line, "=");
	if (strcspn(line, " \t") < name)
		return fail(EINVAL, "there is white space in the name of a variable");
	return env_take(p, line);
}

/* Cuts the next line off *REST, an end of CR LF too. NULL where it holds a NUL byte. */
static char *line_next(char **rest, char *end)
{
	char *line = *rest;
	char *stop = memchr(line, '\n', (size_t)(end - line));

	*rest = stop ? stop + 1 : end;
	if (!stop)
		stop = end; /* io_read_file() has put a NUL there */
	*stop = '\0';
	if (strlen(line) != (size_t)(stop - line))
		return NULL;
	if (stop > line && stop[-1] == '\r')
		stop[-1] = '\0';
	return line;
}

/* A pipe is what <(COMMAND) gives; its end is waited for. */
static int pipe_read(const char *path, struct arena *a, size_t max, char **ret_data,
		     size_t *ret_len)
{
	autoclose int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	char *data = arena_alloc(a, max + 2);
	ssize_t n = fd < 0 ? -errno : io_read_all(fd, data, max + 1);

	if (n < 0)
		return (int)n;
	if ((size_t)n > max)
		return -EFBIG;
	*ret_data = data;
	*ret_len = (size_t)n;
	return 0;
}

static int env_file_read(const char *path, struct arena *a, char **ret_data, size_t *ret_len)
{
	struct stat st = {0};
	int r = stat(path, &st) < 0 ? -errno : 0;

	if (r == 0 && S_ISFIFO(st.st_mode)) {
		r = pipe_read(path, a, ENV_FILE_MAX, ret_data, ret_len);
	} else if (r == 0) {
		autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		r = fd < 0 ? -errno : io_read_file(fd, a, ENV_FILE_MAX, ret_data, ret_len);
	}
	if (r == -EINVAL)
		return fail(EINVAL, "it is neither a regular file nor a pipe");
	if (r == -EFBIG)
		return fail(EFBIG, "it is larger than 1 MiB");
	return r < 0 ? fail(-r, "read it: %s", strerrordesc_np(-r)) : 0;
}

static int env_file_take(struct plan *p, const char *path)
{
	SCOPE_END(arena_done) struct arena file = {0};
	char *rest = NULL, *line, *end;
	size_t len = 0;
	int r = env_file_read(path, &file, &rest, &len);

	if (r < 0)
		return r;
	end = rest + len;
	for (int number = 1; r == 0 && rest < end; number++) {
		line = line_next(&rest, end);
		r = line ? env_line(p, line) : fail(EINVAL, "there is a NUL byte in it");
		if (r < 0)
			r = fail_in(r, "line %d", number);
	}
	return r;
}

int spec_env_file(struct plan *p, const char *path)
{
	return spec_failed(
		env_file_take(p, path), path,
		"a file with NAME=VALUE, NAME, or a comment behind '#' in each line");
}

/* What tells of the caller's user, folder and host. */
static bool is_of_the_host(const char *assignment)
{
	static const char *const names[] = {"HOME=", "USER=",	"LOGNAME=",  "SHELL=", "MAIL=",
					    "PWD=",  "OLDPWD=", "HOSTNAME=", "_="};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_after(assignment, names[i]))
			return true;
	return false;
}

int spec_env_host(struct plan *p)
{
	for (char **e = environ; *e; e++)
		if (**e != '=' && strchr(*e, '=') && !is_of_the_host(*e))
			plan_set_env(p, *e);
	return 0;
}

/* ---- limits ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int resource;
} ulimits[] = {
	{"as", RLIMIT_AS},
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

static int limit_read(int resource, struct rlimit *ret_limit)
{
	if (getrlimit((__rlimit_resource_t)resource, ret_limit) < 0)
		return fail_sys("read the caller's limit");
	return 0;
}

static int limits_of_the_host(struct plan *p)
{
	struct rlimit limit = {0};

	for (size_t i = 0; i < ARRAY_SIZE(ulimits); i++) {
		int r = limit_read(ulimits[i].resource, &limit);

		if (r < 0)
			return r;
		plan_add_limit(p, ulimits[i].resource, limit);
	}
	return 0;
}

static int limit_find(const char *name, size_t len, int *ret_resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(ulimits); i++) {
		if (strlen(ulimits[i].name) != len || strncmp(ulimits[i].name, name, len) != 0)
			continue;
		*ret_resource = ulimits[i].resource;
		return 0;
	}
	return fail_hint(
		fail(EINVAL, "there is no limit of that name"),
		"as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio "
		"rttime sigpending stack");
}

static int limit_number(const char *s, rlim_t *ret_limit)
{
	uint64_t value;

	if (streq(s, "-1") || streq(s, "unlimited")) {
		*ret_limit = RLIM_INFINITY;
		return 0;
	}
	if (str_to_u64(s, RLIM_INFINITY - 1, &value) < 0)
		return fail(EINVAL, "a limit is a number, -1 or unlimited");
	*ret_limit = value;
	return 0;
}

/* SOFT[:HARD]; the soft limit alone is both. */
static int limit_parse(struct arena *a, const char *value, struct rlimit *ret_limit)
{
	char *hard = arena_strdup(a, value);
	const char *soft = strsep(&hard, ":");
	struct rlimit limit = {0};
	int r = limit_number(soft, &limit.rlim_cur);

	if (r == 0)
		r = limit_number(hard ? hard : soft, &limit.rlim_max);
	if (r < 0)
		return r;
	if (limit.rlim_cur > limit.rlim_max)
		return fail(EINVAL, "the soft limit is above the hard one");
	*ret_limit = limit;
	return 0;
}

static rlim_t limit_least(rlim_t a, rlim_t b)
{
	return a < b ? a : b;
}

static int ulimit_take(struct plan *p, const char *value)
{
	size_t name = strcspn(value, "<=");
	bool at_most = value[name] == '<';
	const char *number = value + name + at_most;
	struct rlimit limit = {0}, own = {0};
	int resource = 0, r;

	if (streq(value, "host"))
		return limits_of_the_host(p);
	r = limit_find(value, name, &resource);
	if (r < 0)
		return r;
	if (*number != '=')
		return fail(EINVAL, "there is no limit in it");
	r = limit_parse(&p->arena, number + 1, &limit);
	if (r == 0)
		r = limit_read(resource, &own);
	if (r < 0)
		return r;
	if (at_most) {
		limit.rlim_max = limit_least(limit.rlim_max, own.rlim_max);
		limit.rlim_cur = limit_least(limit.rlim_cur, limit.rlim_max);
	}
	/* Only CAP_SYS_RESOURCE of the host's own user namespace raises it, and that nobody has
	 * inside. */
	if (limit.rlim_max > own.rlim_max)
		return fail_hint(
			fail(EPERM, "the caller's own hard limit is %llu, and can't be raised",
			     (unsigned long long)own.rlim_max),
			"ask for %.*s<=%s, which takes what there is, or raise it on the host "
			"(limits.conf(5))",
			(int)name, value, number + 1);
	plan_add_limit(p, resource, limit);
	return 0;
}

int spec_ulimit(struct plan *p, const char *value)
{
	return spec_failed(
		ulimit_take(p, value), value,
		"for example nofile=1024:4096, or nofile<=4096 for no more than that");
}

/* ---- security --------------------------------------------------------------------------- */

/* VALUE is "" where there is none. */
struct security {
	const char *name;
	int (*take)(struct plan *p, const char *value);
	const char *refused; /* why it can't be had */
};

static int take_seccomp(struct plan *p, const char *value)
{
	if (!*value)
		return fail(EINVAL, "a seccomp profile has a name");
	p->seccomp = streq(value, "builtin") || streq(value, "default") ? NULL : value;
	return 0;
}

static int take_no_new_privileges(struct plan *p, const char *value)
{
	bool wanted = true;
	int r = *value ? opt_to_bool(value, &wanted) : 0;

	if (r == 0)
		p->new_privs = !wanted;
	return r;
}

/* A sandbox runs under the label or profile of the caller's: nothing else is there to be set.
 */
static int take_label(struct plan *p, const char *value)
{
	return streq(value, "disable")
		       ? 0
		       : fail(ENOTSUP, "SELinux labels can't be set; the sandbox "
				       "keeps the caller's");
}

static int take_apparmor(struct plan *p, const char *value)
{
	return streq(value, "unconfined") ? 0
					  : fail(ENOTSUP, "AppArmor profiles can't be set; the "
							  "sandbox keeps the caller's");
}

static int take_landlock(struct plan *p, const char *value)
{
	p->no_landlock = streq(value, "disable");
	return p->no_landlock ? 0
			      : fail(EINVAL, "the rules of Landlock are sbx's own; they can "
					     "only be disabled: landlock=disable");
}

/* clang-format off */
static const struct security securities[] = {
	{"seccomp",           take_seccomp, NULL},
	{"no-new-privileges", take_no_new_privileges, NULL},
	{"landlock",          take_landlock, NULL},
	{"label",             take_label, NULL},
	{"apparmor",          take_apparmor, NULL},
	{"mask",        NULL, "no more of /proc and /sys can be hidden than always is; bind an empty file over it"},
	{"unmask",      NULL, "the masks of /proc and /sys stay"},
	{"systempaths", NULL, "the masks of /proc and /sys stay"},
	{"proc-opts",   NULL, "the options of /proc can't be changed"},
};
/* clang-format on */

static int security_take(struct plan *p, const char *value)
{
	size_t len = strcspn(value, "=:");

	for (size_t i = 0; i < ARRAY_SIZE(securities); i++) {
		const struct security *s = &securities[i];

		if (strlen(s->name) != len || strncmp(s->name, value, len) != 0)
			continue;
		if (s->refused)
			return fail(ENOTSUP, "%s", s->refused);
		return s->take(p, value + len + (value[len] != '\0'));
	}
	return fail(EINVAL, "there is no such security option");
}

int spec_security_opt(struct plan *p, const char *value)
{
	return spec_failed(security_take(p, value), value,
			   "seccomp=FILE, seccomp=unconfined, no-new-privileges=false or "
			   "landlock=disable");
}

/* ---- names ------------------------------------------------------------------------------ */

int spec_workdir(struct plan *p, const char *value)
{
	static const char hint[] = "a folder inside, from the root on: /work; or one that is "
				   "here, which has the same path inside";
	char real[PATH_MAX];

	if (strlen(value) >= PATH_MAX)
		return spec_failed(fail(ENAMETOOLONG, "it is too long"), value, hint);
	if (*value != '/' && !realpath(value, real))
		return spec_failed(fail_sys("find it here"), value, hint);
	p->workdir = path_clean(&p->arena, *value == '/' ? value : real);
	return 0;
}

/* Letters and digits, and from the second byte on those of MORE. */
static bool is_made_of(const char *s, const char *more)
{
	for (const char *c = s; *c; c++) {
		bool is_word = isascii((unsigned char)*c) && isalnum((unsigned char)*c);

		if (!is_word && (c == s || !strchr(more, *c)))
			return false;
	}
	return *s != '\0';
}

int spec_hostname(struct plan *p, const char *value)
{
	if (strlen(value) > HOSTNAME_BYTES_MAX || !is_made_of(value, ".-"))
		return spec_failed(
			fail(EINVAL, "it is not a host name"), value,
			"1 to 64 letters, digits, '.' and '-', with a letter or digit first");
	p->hostname = value;
	return 0;
}

int spec_name(struct plan *p, const char *value)
{
	if (strlen(value) > NAME_BYTES_MAX || !is_made_of(value, "_.-"))
		return spec_failed(
			fail(EINVAL, "it is not a name for a sandbox"), value,
			"1 to 64 letters, digits, '_', '.' and '-', with a letter or digit "
			"first");
	p->name = value;
	return 0;
}
