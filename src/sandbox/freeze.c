/* SPDX-License-Identifier: Apache-2.0 */
/* freeze.c: deciding all that a plan leaves open. */
#include "account.h"
#include "caps.h"
#include "covers.h"
#include "devices.h"
#include "idmap.h"
#include "landlock.h"
#include "overlay.h"
#include "sandbox.h"
#include "seccomp.h"
#include "unreadable.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESOLV_CONF_MAX = 1 << 16, HOSTNAME_MAX = 64 };

/* The host's own programs run as the caller, by whose right they can read what they read; for
 * that one id is enough. */
static void ids_default(struct plan *p)
{
	if (p->root.is_host && p->ids.map == PLAN_MAP_AUTO && !p->user && getuid() != 0) {
		p->ids.map = PLAN_MAP_SELF;
		p->ids.keep = true;
	}
}

static int account_decide(struct plan *p)
{
	autoclose int upper = -EBADF;

	if (p->root.state_fd >= 0)
		upper = openat(p->root.state_fd, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return account_resolve(p, upper);
}

/* ---- the environment --------------------------------------------------------------------- */

static bool env_has(const struct plan *p, const char *assignment)
{
	size_t name = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < p->env.n; i++)
		if (strncmp(p->env.v[i], assignment, name) == 0)
			return true;
	return false;
}

static void env_default(struct plan *p, const char *name, const char *value)
{
	const char *assignment = arena_printf(&p->arena, "%s=%s", name, value);

	if (!env_has(p, assignment))
		plan_set_env(p, assignment);
}

/* TERM names a file below terminfo's folders: a plain word or nothing. */
static const char *caller_term(void)
{
	const char *term = getenv("TERM");

	for (const char *c = term ? term : ""; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("+-._", *c))
			return "xterm";
	return term && *term ? term : "xterm";
}

static void env_decide(struct plan *p)
{
	const char *lang = p->root.is_host ? getenv("LANG") : NULL;

	env_default(p, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env_default(p, "HOME", p->home);
	env_default(p, "USER", p->user_name);
	env_default(p, "LOGNAME", p->user_name);
	env_default(p, "SHELL", p->shell);
	env_default(p, "LANG", lang ? lang : "C.UTF-8");
	env_default(p, "TERM", caller_term());
	env_default(p, "HOSTNAME", p->hostname);
	env_default(p, "container", "sbx");
}

/* ---- names and files of the sandbox's own ------------------------------------------------ */

/* The last part of the tree's path, as far as it makes a host name. */
static const char *hostname_of(struct plan *p)
{
	const char *slash, *path = path_clean(&p->arena, p->root.path);
	char *name = arena_alloc(&p->arena, HOSTNAME_MAX);
	size_t n = 0;

	if (p->name)
		return p->name;
	slash = strrchr(path, '/');
	for (const char *c = slash ? slash + 1 : path; *c && n < HOSTNAME_MAX - 1; c++)
		if (isalnum((unsigned char)*c) || (n > 0 && (*c == '-' || *c == '.')))
			name[n++] = *c;
		else if (n > 0 && name[n - 1] != '-')
			name[n++] = '-';
	while (n > 0 && !isalnum((unsigned char)name[n - 1]))
		name[--n] = '\0';
	return n > 0 ? name : "sbx";
}

static void resolv_conf_decide(struct plan *p)
{
	static const char none[] = "# no network\n";
	char *data;
	size_t len;

	if (p->net == PLAN_NET_OWN) {
		plan_add_file(p, "/etc/resolv.conf", p->resolv_conf, strlen(p->resolv_conf));
		return;
	}
	if (p->net == PLAN_NET_HOST &&
	    io_read_path("/etc/resolv.conf", &p->arena, RESOLV_CONF_MAX, &data, &len) == 0) {
		plan_add_file(p, "/etc/resolv.conf", data, len);
		return;
	}
	if (p->net == PLAN_NET_HOST) {
		plan_note(p, "%s: names don't resolve inside", fail_text());
		fail_forget();
	}
	plan_add_file(p, "/etc/resolv.conf", none, sizeof(none) - 1);
}

/* The lines of the sandbox's own name, and of its first part where it has several (hosts(5)). */
static const char *own_name(struct plan *p)
{
	const char *text = "", *names = p->hostname;
	size_t first = strcspn(names, ".");

	if (names[first])
		names = arena_printf(&p->arena, "%s %.*s", names, (int)first, names);
	if (p->addresses.n == 0)
		return arena_printf(&p->arena, "127.0.1.1\t%s\n", names);
	for (size_t i = 0; i < p->addresses.n; i++)
		text = arena_printf(&p->arena, "%s%s\t%s\n", text, p->addresses.v[i], names);
	return text;
}

/* With the host's network its names hold too. What was asked for comes first: of one family a
 * resolver takes the first line. */
static void hosts_decide(struct plan *p)
{
	const char *text = arena_printf(&p->arena,
					"127.0.0.1\tlocalhost\n"
					"%s"
					"::1\tlocalhost ip6-localhost ip6-loopback\n",
					own_name(p));
	char *host;
	size_t len;

	if (p->net == PLAN_NET_HOST) {
		int r = io_read_path("/etc/hosts", &p->arena, RESOLV_CONF_MAX, &host, &len);

		text = arena_printf(
			&p->arena,
			"127.0.0.1\thost.containers.internal host.docker.internal\n%s", text);
		if (r == 0)
			text = arena_printf(&p->arena, "%s\n%s", host, text);
		else if (r != -ENOENT)
			plan_note(p, "%s: its names are unknown inside", fail_text());
		fail_forget();
	}
	if (p->hosts)
		text = arena_printf(&p->arena, "%s%s", p->hosts, text);
	plan_add_file(p, "/etc/hosts", text, strlen(text));
}

/* apt becomes another user before it downloads and checks that it did; with one id nobody can.
 * It is told so its own way. */
static void apt_decide(struct plan *p)
{
	static const char conf[] = "APT::Sandbox::User \"root\";\n";

	if (p->ids.map != PLAN_MAP_SELF || p->ids.strict ||
	    faccessat(p->root.fd, "etc/apt", F_OK, 0) < 0)
		return;
	plan_add_file(p, "/run/sbx/apt.conf", conf, sizeof(conf) - 1);
	env_default(p, "APT_CONFIG", "/run/sbx/apt.conf");
}

static void files_decide(struct plan *p)
{
	const char *line = arena_printf(&p->arena, "%s\n", p->hostname);

	plan_add_file(p, "/etc/hostname", line, strlen(line));
	hosts_decide(p);
	resolv_conf_decide(p);
	apt_decide(p);
}

/* Whether the user was told of this tree with this map before; if not, they are now. The walk
 * that it takes is for once too. */
static bool was_told(const struct plan *p)
{
	struct stat st = {0};
	char name[64];
	int fd;

	if (p->root.store_fd < 0)
		return false;
	(void)fstat(p->root.fd, &st);
	(void)snprintf(name, sizeof(name), ".told-%llx-%llx-%d", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino, (int)p->ids.map);
	fd = openat(p->root.store_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	(void)fd_close(fd);
	return fd < 0 && errno == EEXIST;
}

/* What nobody but its owner can read stays out of reach under every driver: it is counted, and
 * said with what mends it. */
static void unreadable_note(struct plan *p)
{
	struct unreadable found;

	if (!p->root.has_foreign || was_told(p))
		return;
	unreadable_count(p->root.fd, &found);
	if (found.n == 0)
		return;
	plan_note(
		p,
		"%zu%s names of '%s' belong to ids that aren't mapped and can't be read, such as '%s' "
		"(said once)",
		found.n, found.is_capped ? " or more" : "", p->root.path, found.example);
	plan_note(p, "%s", unreadable_mend(p));
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A mount on a folder comes before those below it, whatever the order of the options; what is
 * equally deep keeps its order. An insertion sort, since there are few. */
static void mounts_sort(struct plan *p)
{
	for (size_t i = 1; i < p->n_mounts; i++)
		for (size_t j = i; j > 0; j--) {
			struct plan_mount *above = &p->mounts[j - 1], *below = &p->mounts[j];
			struct plan_mount moved = *below;

			if (depth(above->target) <= depth(below->target))
				break;
			*below = *above;
			*above = moved;
		}
}

int plan_freeze(struct plan *p)
{
	int r;

	assert(p->net != PLAN_NET_AUTO);
	mounts_sort(p);
	r = covers_decide(p);
	if (r < 0)
		return fail_in(r, "mounts");
	ids_default(p);
	r = idmap_decide(p);
	if (r < 0)
		return fail_in(r, "map ids");
	r = overlay_decide(p);
	if (r < 0)
		return fail_in(r, "overlay");
	r = account_decide(p);
	if (r < 0)
		return fail_in(r, "user");
	/* What calls itself root without being it wants chown to "work"; anybody else knows
	 * better. */
	if (p->uid != 0)
		p->ids.strict = true;
	r = caps_decide(p);
	if (r < 0)
		return fail_in(r, "capabilities");
	r = covers_check(p);
	if (r < 0)
		return fail_in(r, "mounts");
	r = seccomp_choose(p);
	if (r < 0)
		return fail_in(r, "seccomp");
	landlock_decide(p);

	if (!p->hostname)
		p->hostname = hostname_of(p);
	if (p->argv.n == 0)
		strv_push(&p->arena, &p->argv, p->shell);
	env_decide(p);
	files_decide(p);
	unreadable_note(p);
	devices_note(p);
	return 0;
}
