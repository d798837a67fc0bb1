/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c: words to a bare plan. */
#include "parse.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum {
	WORDS_MAX = 9000,	   /* bubblewrap's own limit */
	ARGS_BYTES_MAX = 64 << 20, /* --args */
	FILTER_BYTES_MAX = 65535 * (int)sizeof(struct sock_filter),
};

void parse_init(struct parse *p, struct plan *plan)
{
	struct bare *b = arena_alloc(&plan->arena, sizeof(*b));

	*p = (struct parse){.plan = plan, .perms = -1};
	*b = (struct bare){
		.userns = -EBADF,
		.userns2 = -EBADF,
		.pidns = -EBADF,
		.sync = -EBADF,
		.block = -EBADF,
		.userns_block = -EBADF,
		.info = -EBADF,
		.status = -EBADF,
	};
	plan->bare = b;
}

void parse_say(const struct parse *p, int level, const char *text, const char *hint)
{
	static char shown[4 * FAIL_TEXT_MAX], shown_hint[4 * FAIL_HINT_MAX];
	static char line[sizeof(shown) + sizeof(shown_hint) + 64];
	char prefix[8] = "";
	int len;

	if (p->has_prefix)
		(void)snprintf(prefix, sizeof(prefix), "<%d>", level);
	str_escape(shown, sizeof(shown), text);
	str_escape(shown_hint, sizeof(shown_hint), hint);
	len = snprintf(line, sizeof(line), "%sbwrap: %s\n%s%s%s%s", prefix, shown,
		       *hint ? prefix : "", *hint ? "hint: " : "", shown_hint,
		       *hint ? "\n" : "");
	(void)io_write_all(STDERR_FILENO, line, (size_t)len);
}

static void warn_last(const struct parse *p, const struct bwrap_option *o)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "Only the last --%s option will take effect",
		       o->name);
	parse_say(p, 4, text, "");
}

/* ---- values ------------------------------------------------------------------------------ */

static int to_number(const char *what, const char *value, int *ret_number)
{
	uint32_t number;

	if (str_to_u32(value, INT_MAX, &number) < 0)
		return fail(EINVAL, "Invalid %s: %s", what, value);
	*ret_number = (int)number;
	return 0;
}

static int to_mode(const struct bwrap_option *o, const char *value, int *ret_mode)
{
	uint32_t mode;

	if (str_octal(value, 07777, &mode) < 0)
		return fail(EINVAL, "--%s takes an octal argument <= 07777", o->name);
	*ret_mode = (int)mode;
	return 0;
}

/* All that FD gives, up to MAX bytes, with a NUL behind; FD is closed. */
static int fd_read(struct arena *a, int fd, size_t max, const char *what, char **ret_data,
		   size_t *ret_len)
{
	size_t room = 4096, used = 0;
	char *data = arena_alloc(a, room);
	ssize_t n;

	while ((n = io_read_all(fd, data + used, room - 1 - used)) > 0) {
		used += (size_t)n;
		if (used > max)
			return fail(EFBIG, "%s: more than %zu bytes", what, max);
		if (used < room - 1)
			continue;
		data = memcpy(arena_alloc(a, 2 * room), data, used);
		room *= 2;
	}
	if (n < 0)
		return fail((int)-n, "%s: %s", what, strerrordesc_np((int)-n));
	(void)fd_close(fd);
	data[used] = '\0';
	*ret_data = data;
	*ret_len = used;
	return 0;
}

static int perms_or(struct parse *p, int otherwise)
{
	int perms = p->perms >= 0 ? p->perms : otherwise;

	p->perms = -1;
	return perms;
}

/* ---- options ----------------------------------------------------------------------------- */

int take_help(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	p->asks_help = true;
	return 0;
}

int take_version(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	p->asks_version = true;
	return 0;
}

int take_args(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct strv words = {0};
	char *data, *end;
	size_t len;
	int fd = -EBADF, command, r;

	if (p->is_in_file)
		return fail(EINVAL, "--args not supported in arguments file");
	r = to_number("fd", values[0], &fd);
	if (r == 0)
		r = fd_read(&p->plan->arena, fd, ARGS_BYTES_MAX, "Can't read --args data",
			    &data, &len);
	if (r < 0)
		return r;
	end = data + len;
	for (const char *word = data; word < end; word += strlen(word) + 1) {
		if (++p->n_words > WORDS_MAX)
			return fail(E2BIG, "Exceeded maximum number of arguments %d",
				    WORDS_MAX);
		strv_push(&p->plan->arena, &words, word);
	}
	p->is_in_file = true;
	r = parse_words(p, (int)words.n, words.v, &command);
	p->is_in_file = false;
	return r;
}

int take_argv0(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->plan->bare->name)
		return fail(EINVAL, "--argv0 used multiple times");
	p->plan->bare->name = values[0];
	return 0;
}

int take_prefix(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	p->has_prefix = true;
	return 0;
}

int take_flag(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	*(bool *)((char *)p + o->how) = true;
	return 0;
}

int take_unshare_all(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	p->user_try = p->ipc = p->pid = p->net = p->uts = p->cgroup_try = true;
	return 0;
}

int take_share_net(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	p->net = false;
	return 0;
}

int take_bare_flag(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	*(bool *)((char *)p->plan->bare + o->how) = true;
	return 0;
}

int take_descriptor(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	int *field = (int *)((char *)p->plan->bare + o->how);

	if (*field >= 0)
		warn_last(p, o);
	return to_number("fd", values[0], field);
}

int take_id(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	bool is_user = streq(o->name, "uid");
	bool *has = is_user ? &p->has_uid : &p->has_gid;
	int id = 0, r = to_number(o->name, values[0], &id);

	if (r < 0)
		return r;
	if (*has)
		warn_last(p, o);
	*has = true;
	*(is_user ? &p->plan->bare->uid : &p->plan->bare->gid) = (unsigned)id;
	return 0;
}

int take_hostname(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->plan->hostname)
		warn_last(p, o);
	p->plan->hostname = values[0];
	return 0;
}

int take_workdir(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->workdir)
		warn_last(p, o);
	p->workdir = values[0];
	return 0;
}

/* The first N variables stay. */
static void env_cut(struct strv *env, size_t n)
{
	env->n = n;
	if (env->v)
		env->v[n] = NULL;
}

int take_clearenv(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	env_cut(&p->plan->env, 0);
	return 0;
}

int take_setenv(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (!*values[0] || strchr(values[0], '='))
		return fail(EINVAL, "setenv failed: '%s' is not the name of a variable",
			    values[0]);
	plan_set_env(p->plan, arena_printf(&p->plan->arena, "%s=%s", values[0], values[1]));
	return 0;
}

int take_unsetenv(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct strv *env = &p->plan->env;
	size_t len = strlen(values[0]), kept = 0;

	if (!len || strchr(values[0], '='))
		return fail(EINVAL, "unsetenv failed: '%s' is not the name of a variable",
			    values[0]);
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], values[0], len) != 0 || env->v[i][len] != '=')
			env->v[kept++] = env->v[i];
	env_cut(env, kept);
	return 0;
}

int take_lock(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	strv_push(&p->plan->arena, &p->plan->bare->locks, values[0]);
	return 0;
}

/* What FD is open on, by the name that it has. */
static int fd_source(struct parse *p, const char *value, const char **ret_path, int *ret_fd)
{
	char link[64], path[PATH_MAX];
	int r = to_number("fd", value, ret_fd);
	ssize_t n;

	if (r < 0)
		return r;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", *ret_fd);
	n = readlink(link, path, sizeof(path));
	if (n < 0 || n == (ssize_t)sizeof(path))
		return fail_sys("Can't find source path %s", link);
	*ret_path = arena_strndup(&p->plan->arena, path, (size_t)n);
	return 0;
}

int take_bind(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct bare_op op = {
		.kind = BARE_BIND,
		.target = values[1],
		.n_sources = 1,
		.fd = -EBADF,
		.mode = -1,
		.attrs = SYS_ATTR_NOSUID,
	};
	const char *path = values[0];
	int fd = -EBADF, r = 0;

	if (o->how & BIND_RO)
		op.attrs |= SYS_ATTR_RDONLY;
	if (!(o->how & BIND_DEV))
		op.attrs |= SYS_ATTR_NODEV;
	if (o->how & BIND_FD)
		r = fd_source(p, values[0], &path, &fd);
	if (r < 0)
		return r;
	op.first_source = bare_add_source(p->plan, path, fd, o->how & BIND_TRY);
	bare_add(p->plan, &op);
	return 0;
}

int take_readonly(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	bare_add(p->plan,
		 &(struct bare_op){
			 .kind = BARE_READONLY, .target = values[0], .fd = -EBADF, .mode = -1});
	return 0;
}

int take_layer(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	strv_push(&p->plan->arena, &p->layers, values[0]);
	return 0;
}

int take_overlay(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	bool is_kept = o->how == BARE_UPPER_SOURCES;
	size_t least = o->how == BARE_UPPER_NONE ? 2 : 1;
	struct bare_op op = {
		.kind = BARE_OVERLAY,
		.target = values[is_kept ? 2 : 0],
		.first_source = p->plan->bare->n_sources,
		.upper = (enum bare_upper)o->how,
		.fd = -EBADF,
		.mode = -1,
	};

	if (p->layers.n < least)
		return fail(EINVAL, "--%s requires at least %s --overlay-src", o->name,
			    least == 2 ? "two" : "one");
	for (size_t i = 0; i < p->layers.n; i++)
		(void)bare_add_source(p->plan, p->layers.v[i], -EBADF, false);
	for (int i = 0; is_kept && i < 2; i++)
		(void)bare_add_source(p->plan, values[i], -EBADF, false);
	op.n_sources = p->plan->bare->n_sources - op.first_source;
	p->layers.n = 0;
	bare_add(p->plan, &op);
	return 0;
}

int take_label(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	return fail(ENOTSUP, "labeling not supported on this system");
}

int take_new(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct bare_op op = {
		.kind = (enum bare_kind)o->how,
		.target = values[0],
		.fd = -EBADF,
		.mode = -1,
	};

	if (op.kind == BARE_TMPFS || op.kind == BARE_FOLDER)
		op.mode = perms_or(p, 0755);
	if (op.kind == BARE_TMPFS) {
		op.size = p->size;
		p->size = 0;
	}
	bare_add(p->plan, &op);
	return 0;
}

int take_data(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct bare_op op = {
		.kind = (enum bare_kind)(o->how & 0xff),
		.target = values[1],
		.attrs = SYS_ATTR_NOSUID | SYS_ATTR_NODEV |
			 (o->how >> 8 & BIND_RO ? SYS_ATTR_RDONLY : 0U),
	};
	int r = to_number("fd", values[0], &op.fd);

	if (r < 0)
		return r;
	op.mode = perms_or(p, op.kind == BARE_FILE ? 0666 : 0600);
	bare_add(p->plan, &op);
	return 0;
}

int take_symlink(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	bare_add(p->plan, &(struct bare_op){.kind = BARE_SYMLINK,
					    .text = values[0],
					    .target = values[1],
					    .fd = -EBADF,
					    .mode = -1});
	return 0;
}

int take_chmod(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	struct bare_op op = {.kind = BARE_CHMOD, .target = values[1], .fd = -EBADF};
	int r = to_mode(o, values[0], &op.mode);

	if (r == 0)
		bare_add(p->plan, &op);
	return r;
}

static int filter_read(struct parse *p, const char *value)
{
	char *data;
	size_t len;
	int fd = -EBADF, r = to_number("fd", value, &fd);

	if (r == 0)
		r = fd_read(&p->plan->arena, fd, FILTER_BYTES_MAX, "Can't read seccomp data",
			    &data, &len);
	if (r < 0)
		return r;
	if (len % sizeof(struct sock_filter))
		return fail(EINVAL, "Invalid seccomp data, must be multiple of 8");
	bare_add_filter(p->plan, (const struct sock_filter *)data,
			(unsigned short)(len / sizeof(struct sock_filter)));
	return 0;
}

int take_seccomp(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->has_filters)
		return fail(EINVAL, "--seccomp cannot be combined with --add-seccomp-fd");
	if (p->has_seccomp)
		warn_last(p, o);
	p->has_seccomp = true;
	p->plan->bare->n_filters = 0;
	return filter_read(p, values[0]);
}

int take_filter(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->has_seccomp)
		return fail(EINVAL, "--add-seccomp-fd cannot be combined with --seccomp");
	p->has_filters = true;
	return filter_read(p, values[0]);
}

int take_cap(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	uint64_t caps;

	if (caps_parse(values[0], &caps) < 0) {
		fail_forget();
		return fail(EINVAL, "unknown cap: %s", values[0]);
	}
	p->changes_caps = true;
	p->caps = o->how ? p->caps | caps : p->caps & ~caps;
	return 0;
}

int take_perms(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	if (p->perms >= 0)
		return fail(EINVAL, "--perms given twice for the same action");
	return to_mode(o, values[0], &p->perms);
}

int take_size(struct parse *p, const struct bwrap_option *o, const char *const *values)
{
	uint64_t size;
	int r;

	if (p->size)
		return fail(EINVAL, "--size given twice for the same action");
	r = str_to_u64(values[0], UINT64_MAX, &size);
	if (r < 0 || size == 0)
		return fail(EINVAL, "--size takes a non-zero number of bytes");
	if (size > SIZE_MAX >> 1)
		return fail(ERANGE, "--size (for tmpfs) is limited to %zu", SIZE_MAX >> 1);
	p->size = size;
	return 0;
}

/* ---- words ------------------------------------------------------------------------------- */

static int values_check(const struct bwrap_option *o, int there)
{
	static const char *const numbers[] = {"an argument", "two arguments",
					      "three arguments"};
	int n = bwrap_option_values(o);

	return there < n ? fail(EINVAL, "--%s takes %s", o->name, numbers[n - 1]) : 0;
}

/* What says how the next option is meant must have been for this one, O. */
static int modifiers_check(const struct parse *p, const struct bwrap_option *o)
{
	bool is_modifier = o->take == take_perms || o->take == take_size;

	if (!is_modifier && p->perms >= 0)
		return fail(EINVAL,
			    "--perms must be followed by an option that creates a file");
	if (!is_modifier && p->size)
		return fail(EINVAL, "--size must be followed by --tmpfs");
	if (o->take != take_layer && p->layers.n)
		return fail(EINVAL,
			    "--overlay-src must be followed by another --overlay-src or one of "
			    "--overlay, --tmp-overlay, or --ro-overlay");
	return 0;
}

static int unknown_option(const char *word)
{
	const char *equals = strchr(word, '=');
	int r = fail(EINVAL, "Unknown option %s", word);

	return equals ? fail_hint(r, "values are words of their own, without '='") : r;
}

int parse_words(struct parse *p, int n, const char *const *words, int *ret_command)
{
	static const struct bwrap_option command = {.name = ""};
	int i = 0;

	if (!p->is_in_file)
		p->n_words = (size_t)n;
	if (p->n_words > WORDS_MAX)
		return fail(E2BIG, "Exceeded maximum number of arguments %d", WORDS_MAX);
	while (i < n && words[i][0] == '-' && !p->asks_help && !p->asks_version) {
		const struct bwrap_option *o = NULL;
		int r;

		if (streq(words[i], "--")) {
			i++;
			break;
		}
		if (words[i][1] == '-')
			o = bwrap_option_find(words[i] + 2);
		if (!o)
			return unknown_option(words[i]);
		r = values_check(o, n - i - 1);
		if (r == 0)
			r = o->take(p, o, words + i + 1);
		if (r == 0)
			r = modifiers_check(p, o);
		if (r < 0)
			return r;
		i += 1 + bwrap_option_values(o);
	}
	*ret_command = i;
	/* bubblewrap forgives the others. */
	return p->layers.n && !p->is_in_file ? modifiers_check(p, &command) : 0;
}
