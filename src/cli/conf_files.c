/* SPDX-License-Identifier: Apache-2.0 */
/* conf_files.c: where the configuration is, and reading it. */
#include "conf_files.h"

#include "config.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char conf_system_path[] = SBX_SYSCONFDIR "/sbx/sbx.conf";

/* ---- where ------------------------------------------------------------------------------ */

static const char *home_of_caller(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && *home == '/')
		return home;
	pw = getpwuid(getuid());
	return pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
}

void conf_user_folders(struct arena *a, struct strv *folders)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = home_of_caller();

	/* The specification has relative paths ignored. */
	if (config && *config == '/')
		strv_push(a, folders, arena_printf(a, "%s/sbx", config));
	if (home)
		strv_push(a, folders, arena_printf(a, "%s/.config/sbx", home));
}

const char *conf_user_path(struct arena *a)
{
	struct strv folders = {0};

	conf_user_folders(a, &folders);
	return folders.n > 0 ? arena_printf(a, "%s/sbx.conf", folders.v[0]) : NULL;
}

/* ---- one file --------------------------------------------------------------------------- */

/* The system's file is root's: one of the caller's could be written by their sandboxes. Where
 * the caller is in a user namespace without root, root's files are somebody's, as "/" is. */
static bool is_owner_trusted(const char *path, uid_t owner)
{
	struct stat top;

	if (path != conf_system_path)
		return owner == 0 || owner == getuid();
	return owner == 0 || (stat("/", &top) == 0 && top.st_uid == owner);
}

/* FD is open on PATH; messages name what a link leads to. */
static int file_check(int fd, const char *path)
{
	char real[PATH_MAX], shown[PATH_MAX];
	struct stat st = {0};

	if (fstat(fd, &st) < 0)
		return fail_sys("look at it");
	str_escape(shown, sizeof(shown), realpath(path, real) ? real : path);
	if (!S_ISREG(st.st_mode))
		return fail(EINVAL, "it is not a regular file");
	if (!is_owner_trusted(path, st.st_uid))
		return fail_hint(
			fail(EPERM, "it belongs to user %u, who has no say in it", st.st_uid),
			"sudo chown %u '%s'", path == conf_system_path ? 0 : getuid(), shown);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fail_hint(fail(EPERM, "others than its owner can write it"),
				 "chmod go-w '%s'", shown);
	return 0;
}

/* *RET_TEXT stays NULL where there is no file. */
static int file_read(struct arena *a, const char *path, char **ret_text, size_t *ret_len)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	r = fd < 0 ? fail_hint(fail_sys("read it"),
			       "let it be read by you, or see that HOME and XDG_CONFIG_HOME "
			       "are yours")
		   : file_check(fd, path);
	if (r < 0)
		return r;
	r = io_read_file(fd, a, CONF_FILE_MAX, ret_text, ret_len);
	if (r == -EFBIG)
		return fail(EFBIG, "it is larger than %d KiB", CONF_FILE_MAX >> 10);
	return r < 0 ? fail(-r, "read it: %s", strerrordesc_np(-r)) : 0;
}

/* ---- all of them ------------------------------------------------------------------------ */

struct source {
	const char *path, *shown;
	char *text;
	size_t len;
};

static int source_read(struct arena *a, struct source *s)
{
	char *shown = arena_alloc(a, PATH_MAX);
	int r;

	if (!s->path)
		return 0;
	s->shown = str_escape(shown, PATH_MAX, s->path);
	r = file_read(a, s->path, &s->text, &s->len);
	return r < 0 ? fail_in(r, "%s", s->shown) : 0;
}

static int built_in_parse(struct conf *c)
{
	size_t len = strlen(conf_built_in);

	return conf_parse(c, "built-in", arena_strndup(c->arena, conf_built_in, len), len);
}

int conf_load(struct arena *a, bool needs_built_in, struct conf *c)
{
	struct source files[] = {{.path = conf_system_path}, {.path = conf_user_path(a)}};
	int r = 0;

	conf_init(c, a, enter_opts, sizeof(struct enter_options));
	c->home = home_of_caller();
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++) {
		r = source_read(a, &files[i]);
		needs_built_in |= files[i].text != NULL;
	}
	if (r == 0 && needs_built_in)
		r = built_in_parse(c);
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		if (files[i].text)
			r = conf_parse(c, files[i].shown, files[i].text, files[i].len);
	return r < 0 ? r : conf_check(c);
}

/* The command line LINE on top of the settings of *CHOICE. */
static int options_stack(const struct conf *c, const struct conf_choice *choice, bool asked,
			 const struct invocation *inv, struct enter_options *options)
{
	int operands, r = conf_apply(c, choice, asked, options);

	return r < 0 ? r
		     : opt_parse(enter_opts, inv->arena, inv->line_argc, inv->line, options,
				 &operands);
}

int conf_enter_options(const struct invocation *inv, struct conf_enter *ret_enter)
{
	const struct enter_options *typed = inv->options;
	const struct conf_choice none = {0};
	struct enter_options wish = {0};
	struct conf_enter e = {0};
	struct conf c;
	int r = conf_load(inv->arena, typed->profiles.n > 0, &c);

	if (r < 0)
		return r;
	/* What is typed can empty the list of profiles, too. */
	conf_default_profiles(&c, &wish.profiles);
	r = options_stack(&c, &none, false, inv, &wish);
	if (r == 0)
		r = conf_choose(&c, &wish.profiles, &e.choice);
	if (r == 0)
		r = options_stack(&c, &e.choice, false, inv, &e.options);
	if (r == 0)
		r = options_stack(&c, &e.choice, true, inv, &e.asked);
	if (r == 0)
		*ret_enter = e;
	return r;
}
