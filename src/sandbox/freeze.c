/* SPDX-License-Identifier: Apache-2.0 */
/* freeze.c: deciding all that a plan leaves open. */
#include "account.h"
#include "caps.h"
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

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
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

/* With the host's network its names hold too. */
static void hosts_decide(struct plan *p)
{
	const char *text = arena_printf(&p->arena,
					"127.0.0.1\tlocalhost\n"
					"127.0.1.1\t%s\n"
					"::1\tlocalhost ip6-localhost ip6-loopback\n",
					p->hostname);
	char *host;
	size_t len;

	if (p->net == PLAN_NET_HOST) {
		int r = io_read_path("/etc/hosts", &p->arena, RESOLV_CONF_MAX, &host, &len);

		if (r == 0)
			text = arena_printf(&p->arena, "%s\n%s", host, text);
		else if (r != -ENOENT)
			plan_note(p, "%s: its names are unknown inside", fail_text());
		fail_forget();
	}
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

/* ---- what no sandbox may see or replace ---------------------------------------------------- */

static void cover_add(struct plan *p, size_t mount, const char *path, enum plan_cover_kind kind)
{
	struct plan_cover *covers;

	for (size_t i = 0; i < p->n_covers; i++)
		if (p->covers[i].mount == mount && streq(p->covers[i].path, path))
			return;
	covers = arena_alloc(&p->arena, (p->n_covers + 1) * sizeof(*covers));
	if (p->n_covers)
		memcpy(covers, p->covers, p->n_covers * sizeof(*covers));
	covers[p->n_covers++] = (struct plan_cover){mount, arena_strdup(&p->arena, path), kind};
	p->covers = covers;
}

/* The way to a path, as the kernel walks it. */
struct way {
	struct strv
		steps;	 /* each name that is looked up, absolute, its parents without links */
	const char *end; /* where the way leads, or ends too early */
	bool is_whole;
};

enum { LINKS_MAX = 40 }; /* as the kernel has it */

static const char *link_read(struct arena *a, const char *path)
{
	char *target = arena_alloc(a, PATH_MAX);
	ssize_t n = readlink(path, target, PATH_MAX - 1);

	return n > 0 ? target : NULL;
}

static const char *parent_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_strndup(a, path, slash ? (size_t)(slash - path) : 0);
}

static struct way way_find(struct arena *a, const char *path)
{
	struct way w = {.end = "", .is_whole = true};
	char *rest = arena_strdup(a, path), *name;
	const char *step, *target;
	int links = 0;

	while (rest && (name = strsep(&rest, "/"))) {
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			w.end = parent_of(a, w.end);
			continue;
		}
		step = arena_printf(a, "%s/%s", w.end, name);
		if (faccessat(AT_FDCWD, step, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
			w.is_whole = false;
			break;
		}
		strv_push(a, &w.steps, step);
		target = link_read(a, step);
		if (!target) {
			w.end = step;
		} else if (links++ < LINKS_MAX) {
			rest = arena_printf(a, "%s/%s", target, rest ? rest : "");
			w.end = *target == '/' ? "" : w.end;
		} else {
			w.is_whole = false;
			break;
		}
	}
	w.end = *w.end ? w.end : "/";
	return w;
}

/* Makes the folders that PATH lacks; whoever can't, can't inside either. */
static void folders_make(struct arena *a, const char *path)
{
	char *part = arena_strdup(a, path);

	for (char *slash = part; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(part, 0700);
		*slash = '/';
	}
	(void)mkdir(path, 0700);
}

/* The mounts that show something of the host's: number I, or the tree itself behind them. NULL
 * for a tmpfs. */
static const char *shown_by(const struct plan *p, size_t i)
{
	if (i < p->n_mounts)
		return p->mounts[i].kind == PLAN_MOUNT_BIND ? p->mounts[i].path : NULL;
	return p->root.overlay == PLAN_OVERLAY_NONE ? p->root.source : NULL;
}

/* Where that is. By its descriptor: its name may lead elsewhere by now. */
static bool shown_where(const struct plan *p, size_t i, char real[PATH_MAX])
{
	int fd = i < p->n_mounts ? p->mounts[i].source_fd : p->root.fd;
	char link[sizeof("/proc/self/fd/") + 10];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, PATH_MAX - 1);
	real[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool is_shown(const struct plan *p, const char *path)
{
	char real[PATH_MAX];

	for (size_t i = 0; i <= p->n_mounts; i++) {
		if (shown_by(p, i) && shown_where(p, i, real) && path_is_in(path, real))
			return true;
	}
	return false;
}

/* Whether a folder that is covered holds PATH. */
static bool is_covered(const struct plan *p, size_t mount, const char *path)
{
	for (size_t i = 0; i < p->n_covers; i++)
		if (p->covers[i].mount == mount && p->covers[i].kind == PLAN_COVER_HIDE &&
		    path_is_in(path, p->covers[i].path))
			return true;
	return false;
}

/* What a sandbox could write there, the next one would be made by: a compiled filter, a kept
 * sandbox's tree, a configuration. A bind that shows the end of the way gets it covered as KIND
 * says, and the way to it pinned; one from within it is refused. */
static int cover_way(struct plan *p, const struct way *w, enum plan_cover_kind kind,
		     const char *source, size_t i)
{
	size_t mount = i < p->n_mounts ? i : PLAN_COVER_ROOT;
	char real[PATH_MAX];

	if (!shown_where(p, i, real))
		return fail_sys("find out where '%s' is", source);
	if (w->is_whole && path_is_in(real, w->end))
		return fail_hint(fail(EPERM, "'%s' is sbx's own, and no sandbox may see it",
				      source),
				 "bind a folder elsewhere");
	for (size_t s = 0; s < w->steps.n; s++) {
		const char *step = w->steps.v[s];
		bool is_end = w->is_whole && streq(step, w->end);
		const char *inside = step + strlen(real) + !streq(real, "/");

		if (path_is_in(step, real) && !streq(step, real) &&
		    !is_covered(p, mount, inside))
			cover_add(p, mount, inside, is_end ? kind : PLAN_COVER_PIN);
	}
	return 0;
}

static int cover_path(struct plan *p, const char *path, enum plan_cover_kind kind)
{
	struct way way = way_find(&p->arena, path);
	int r = 0;

	if (!way.is_whole && is_shown(p, way.end)) {
		if (kind == PLAN_COVER_READONLY)
			return fail_hint(fail(ENOENT,
					      "the link '%s' leads to nothing, which a "
					      "sandbox could put there",
					      path),
					 "rm '%s'", path);
		folders_make(&p->arena, path);
		way = way_find(&p->arena, path);
	}
	for (size_t i = 0; i <= p->n_mounts && r == 0; i++) {
		const char *source = shown_by(p, i);

		if (source)
			r = cover_way(p, &way, kind, source, i);
	}
	return r;
}

/* Folders before files: what a covered folder holds wants no more. */
static int hide_decide(struct plan *p)
{
	int r = 0;

	for (size_t i = 0; i < p->hidden.n && r == 0; i++)
		r = cover_path(p, p->hidden.v[i], PLAN_COVER_HIDE);
	for (size_t i = 0; i < p->locked.n && r == 0; i++)
		r = cover_path(p, p->locked.v[i], PLAN_COVER_READONLY);
	return r;
}

static bool is_writable(const struct plan *p, size_t mount)
{
	return mount == PLAN_COVER_ROOT ? !p->root.readonly
					: !(p->mounts[mount].attrs & SYS_ATTR_RDONLY);
}

/* Whoever may mount may also unmount what covers. In a mount namespace inside, the mounts are
 * locked; but once a process there has the whole tree detached, names that are pinned move. */
static int hide_check(const struct plan *p)
{
	const char *right = p->caps.bounding & 1ULL << CAP_SYS_ADMIN ? "SYS_ADMIN" : "--nested";

	for (size_t i = 0; i < p->n_covers; i++) {
		size_t mount = p->covers[i].mount;

		if (p->caps.bounding & 1ULL << CAP_SYS_ADMIN ||
		    (p->nested && is_writable(p, mount)))
			return fail_hint(
				fail(EPERM,
				     "a sandbox with %s could replace what is sbx's own in '%s'",
				     right,
				     mount == PLAN_COVER_ROOT ? p->root.path
							      : p->mounts[mount].source),
				"bind less than that, or leave %s out", right);
	}
	return 0;
}

int plan_freeze(struct plan *p)
{
	int r;

	mounts_sort(p);
	r = hide_decide(p);
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
	r = hide_check(p);
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
