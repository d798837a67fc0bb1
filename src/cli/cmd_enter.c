/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_enter.c: sbx enter. */
#include "cli.h"
#include "conf_files.h"
#include "enter_net.h"
#include "keep.h"
#include "kept.h"
#include "options.h"
#include "plan_json.h"
#include "spec.h"

#include "container/container.h"
#include "sandbox/sandbox.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/term.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one `sbx enter` holds. */
struct enter {
	const struct enter_options *o;
	const struct conf_enter *conf; /* where .o is from */
	struct plan plan;
	struct enter_net net;
	struct container_store store;
	const char *operand;	    /* ROOTFS or NAME, as it was said */
	struct container container; /* where the upper is; dir -EBADF with --direct */
	bool is_kept, is_new;
};

/* A note is no failure: one line, as it comes. The terminal may be raw. */
static void say(const char *note)
{
	char shown[FAIL_TEXT_MAX];

	(void)fprintf(stderr, "sbx: enter: note: %s%s", str_escape(shown, sizeof(shown), note),
		      term_line_end(STDERR_FILENO));
}

static void enter_init(struct enter *e, const struct conf_enter *conf)
{
	*e = (struct enter){
		.o = &conf->options,
		.conf = conf,
		.net = {.say = say},
		.store = CONTAINER_STORE_NONE,
		.container = {.dir = -EBADF},
	};
	plan_init(&e->plan);
}

static void enter_done(struct enter *e)
{
	enter_net_done(&e->net);
	container_done(&e->container);
	container_store_done(&e->store);
	plan_done(&e->plan);
}

/* ---- the tree and its upper -------------------------------------------------------------- */

/* What the overlay needs to know of the store before it is chosen. */
static int store_say(struct enter *e)
{
	struct plan *p = &e->plan;

	if (e->o->name && e->o->keep_on_exit)
		return fail_hint(
			fail(EINVAL, "--name gives a name now, and --keep-on-exit asks for one "
				     "at the end"),
			"leave one of them out");
	if ((e->o->name || e->o->keep_on_exit) && p->root.overlay == PLAN_OVERLAY_NONE)
		return fail_hint(
			fail(EINVAL,
			     "%s keeps what is written, and --direct writes to the tree",
			     e->o->name ? "--name" : "--keep-on-exit"),
			"leave one of them out");
	if (e->is_kept && e->o->keep_on_exit)
		return fail_hint(fail(EINVAL, "what is written in '%s' is kept already",
				      e->container.name),
				 "leave --keep-on-exit out");
	p->root.is_kept = e->is_kept || e->o->name || e->o->keep_on_exit;
	if (e->store.dir < 0)
		return 0;
	p->root.store_path = e->store.path;
	p->root.store_fd = fcntl(e->store.dir, F_DUPFD_CLOEXEC, 0);
	return p->root.store_fd < 0 ? fail_sys("copy a descriptor") : 0;
}

/* The folder of the upper becomes the plan's. */
static int upper_say(struct enter *e)
{
	struct plan *p = &e->plan;

	p->root.state_path = container_path(&e->store, &p->arena, &e->container);
	if (p->root.state_fd < 0)
		p->root.state_fd = fcntl(e->container.dir, F_DUPFD_CLOEXEC, 0);
	return p->root.state_fd < 0 ? fail_sys("copy a descriptor") : 0;
}

static bool is_path(const char *operand)
{
	return strchr(operand, '/') || streq(operand, ".") || streq(operand, "..");
}

/* What a kept sandbox was made with can't change: its files have those ids and that driver's
 * marks. What [enter] says of that is for new ones. */
static int kept_check(const struct enter *e)
{
	const struct container *c = &e->container;
	const struct enter_options *o = &e->conf->asked;
	const char *option = NULL;

	if (o->overlay != PLAN_OVERLAY_AUTO && o->overlay != c->overlay)
		option = o->overlay == PLAN_OVERLAY_NONE ? "--direct" : "--overlay";
	else if (o->map != PLAN_MAP_AUTO && o->map != c->map)
		option = "--map";
	else if (o->keep_id && !c->keep_id)
		option = "--keep-id";
	if (!option)
		return 0;
	return fail_hint(fail(EINVAL, "the sandbox '%s' was made without this %s", c->name,
			      option),
			 "leave it out, or make another sandbox with another --name");
}

/* An apply that was cut short is ended before anything else is written. */
static int apply_end(const struct enter *e)
{
	SCOPE_END(kept_done) struct kept kept = KEPT_NONE;
	int r;

	if (!changes_are_pending(e->container.dir))
		return 0;
	r = kept_take(&kept, &e->container);
	return r < 0 ? r : kept_hold(&kept, "enter");
}

/* Takes over the kept sandbox that is in e->container. */
static int kept_resume(struct enter *e)
{
	struct plan *p = &e->plan;
	bool was_cut = false;
	int r = kept_check(e);

	if (r == 0)
		r = container_lock(&e->container, &was_cut);
	if (r == 0)
		r = apply_end(e);
	if (r < 0)
		return r;
	e->is_kept = true;
	if (was_cut)
		plan_note(
			p,
			"the last use of '%s' was cut short: files that were written then may be "
			"incomplete",
			e->container.name);
	p->name = e->container.name;
	p->root.overlay = e->container.overlay;
	p->ids.map = e->container.map;
	p->ids.keep = e->container.keep_id;
	return 0;
}

/* OPERAND is neither a path nor a folder right here, nor, unless there is a --name, a kept sandbox. */
static int tree_missing(struct enter *e, const char *operand)
{
	SCOPE_END(container_done) struct container c = {.dir = -EBADF};
	char shown[OPT_SHOWN_MAX];

	if (e->o->name && e->store.dir >= 0 &&
	    container_find(&e->store, &e->plan.arena, operand, &c) == 0)
		return fail_hint(fail(EINVAL,
				      "'%s' is a kept sandbox, and --name %s is for a new one "
				      "of a folder",
				      c.name, e->o->name),
				 "to go on with '%s' leave --name out; for another one of its "
				 "tree: sbx enter --name %s %s",
				 c.name, e->o->name, c.tree);
	opt_shown(shown, operand);
	return fail_hint(
		fail(ENOENT, "there is no kept sandbox %s, and no folder of that name here",
		     shown),
		"sbx ls lists the sandboxes; to have a tree: mmdebstrap --variant=minbase "
		"bookworm ./rootfs");
}

/* Whether OPERAND is what the kept sandbox of --name was made from, or that one itself. */
static int tree_compare(struct enter *e, const char *operand)
{
	const struct container *c = &e->container;
	char real[PATH_MAX];
	bool is_there = realpath(operand, real) != NULL;

	if ((is_there && streq(real, c->tree)) || streq(operand, c->name))
		return 0;
	if (!is_there && !is_path(operand))
		return tree_missing(e, operand);
	return fail_hint(fail(EEXIST, "the sandbox '%s' is one of another tree, '%s'", c->name,
			      c->tree),
			 "choose another --name, or: sbx rm %s", c->name);
}

/* OPERAND is a path, or the name of a kept sandbox, or else a folder right here. */
static int tree_open(struct enter *e, const char *operand)
{
	struct plan *p = &e->plan;
	const char *name = e->o->name ? e->o->name : is_path(operand) ? NULL : operand;
	struct container *c = &e->container;
	int r;

	if (!name || e->store.dir < 0 || container_find(&e->store, &p->arena, name, c) < 0)
		return is_path(operand) || access(operand, F_OK) == 0
			       ? plan_set_root(p, operand)
			       : tree_missing(e, operand);
	r = e->o->name ? tree_compare(e, operand) : 0;
	if (r < 0)
		return r;
	if (streq(operand, c->name) && access(operand, F_OK) == 0)
		plan_note(p, "'%s' is the kept sandbox; the folder is './%s'", operand,
			  operand);
	r = kept_resume(e);
	if (r == 0)
		r = upper_say(e);
	if (r < 0)
		return r;
	r = plan_set_root(p, c->tree);
	if (r < 0)
		return fail_hint(fail(-r, "the tree of the sandbox '%s', '%s': %s", c->name,
				      c->tree, strerrordesc_np(-r)),
				 "put it back, or: sbx rm %s", c->name);
	return 0;
}

/* Makes the folder of the upper, where it isn't in memory, and a kept sandbox of it where it
 * has a name. Only now is it known what that sandbox is. */
static int upper_open(struct enter *e)
{
	struct container *c = &e->container;
	struct plan *p = &e->plan;
	char real[PATH_MAX];
	int r;

	if (e->is_kept || !plan_wants_state(p))
		return 0;
	r = container_new(&e->store, p->root.mode, c);
	if (r == 0)
		r = container_give(c, &p->ids);
	if (r == 0 && (e->o->name || e->o->keep_on_exit)) {
		if (!realpath(e->operand, real))
			return fail_sys("find the whole path of '%s'", p->root.path);
		if (e->o->name)
			(void)snprintf(c->name, sizeof(c->name), "%s", e->o->name);
		else
			keep_name(c, real);
		c->tree = arena_strdup(&p->arena, real);
		c->overlay = p->root.overlay;
		c->map = p->ids.map;
		c->keep_id = p->ids.keep;
		r = container_keep(&e->store, c);
		e->is_kept = e->is_new = r == 0;
	}
	return r < 0 ? r : upper_say(e);
}

/* The same for another driver, with a new folder: what the first one left in it is in doubt. */
static int upper_renew(struct enter *e)
{
	int r = 0;

	if (e->container.dir >= 0)
		r = container_drop_temporary(&e->store, &e->container, &e->plan.ids);
	container_done(&e->container);
	e->plan.root.state_fd = fd_close(e->plan.root.state_fd);
	return r < 0 ? r : upper_open(e);
}

/* ---- options to plan --------------------------------------------------------------------- */

static int one(struct enter *e, const char *value, const char *option,
	       int (*spec)(struct plan *p, const char *value))
{
	int r = value ? spec(&e->plan, value) : 0;

	return r < 0 ? conf_value_failed(&e->conf->choice, r, value, option) : 0;
}

static int each(struct enter *e, const struct strv *values, const char *option,
		int (*spec)(struct plan *p, const char *value))
{
	int r = 0;

	for (size_t i = 0; i < values->n && r == 0; i++)
		r = one(e, values->v[i], option, spec);
	return r;
}

static int env_apply(struct enter *e)
{
	const struct enter_options *o = e->o;
	int r = o->env_host ? spec_env_host(&e->plan) : 0;

	if (r == 0)
		r = each(e, &o->env_files, "env-file", spec_env_file);
	if (r == 0)
		r = each(e, &o->env, "env", spec_env);
	return r;
}

static int mounts_apply(struct enter *e)
{
	const struct enter_options *o = e->o;
	int r = each(e, &o->tmpfs, "tmpfs", spec_tmpfs);

	if (r == 0)
		r = each(e, &o->binds, "bind", spec_bind);
	if (r == 0)
		r = each(e, &o->volumes, "volume", spec_volume);
	if (r == 0)
		r = each(e, &o->mounts, "mount", spec_mount);
	if (r == 0)
		r = each(e, &o->devices, "device", spec_device);
	return r;
}

static int options_apply(struct enter *e)
{
	const struct enter_options *o = e->o;
	struct plan *p = &e->plan;
	int r;

	p->root.overlay = o->overlay;
	p->root.readonly = o->read_only;
	p->ids.map = o->map;
	p->ids.keep = o->keep_id;
	p->ids.strict = o->strict_ids;
	p->user = o->user;
	p->caps_add = o->caps_add;
	p->caps_drop = o->caps_drop;
	p->new_privs = o->new_privs;
	p->nested = o->nested;
	p->timeout_ms = o->timeout_ms;

	r = one(e, o->name, "name", spec_name);
	if (r == 0)
		r = enter_net_plan(&e->net, e->conf, p);
	if (r == 0)
		r = one(e, o->hostname, "hostname", spec_hostname);
	if (r == 0)
		r = one(e, o->workdir, "workdir", spec_workdir);
	if (r == 0)
		r = mounts_apply(e);
	if (r == 0)
		r = env_apply(e);
	if (r == 0)
		r = each(e, &o->ulimits, "ulimit", spec_ulimit);
	if (r == 0)
		r = each(e, &o->security, "security-opt", spec_security_opt);
	return r;
}

/* ---- running ----------------------------------------------------------------------------- */

static int run(struct enter *e)
{
	struct plan *p = &e->plan;
	struct sandbox_options options = {
		.terminal = e->o->terminal,
		.interactive = e->o->interactive,
		.detach_keys = e->o->detach_keys,
		.network = enter_net_gates(&e->net),
		.debug = e->o->debug,
		.say = say,
	};
	int r;

	for (size_t i = 0; i < p->notes.n; i++)
		say(p->notes.v[i]);
	fail_forget();
	r = sandbox_run(p, &options);
	if (r >= 0 || !p->root.is_refused || !p->root.may_fall_back || e->is_kept)
		return r;
	/* The kernel's overlay works here, but not on this tree. */
	fail_forget();
	p->root.overlay = PLAN_OVERLAY_FUSE;
	p->root.in_memory = p->root.may_fall_back = false;
	r = upper_renew(e);
	return r < 0 ? r : sandbox_run(p, &options);
}

/* What was changed, as far as it can be known. */
static struct changes_place place_of(const struct enter *e)
{
	const struct plan_root *root = &e->plan.root;

	return (struct changes_place){
		.state = root->in_memory ? root->memory_fd : e->container.dir,
		.tree = root->fd,
		.tree_path = root->path,
		.overlay = root->overlay,
		.ids = &e->plan.ids,
		.squash = root->squash,
	};
}

/* Afterwards: a kept upper is made durable, another one goes, and so does a kept one that could
 * not be used even once. What went wrong before, R, is what is told. */
static int upper_close(struct enter *e, int r)
{
	struct fail_saved saved;
	int closed;

	struct changes_place place = place_of(e);

	if (!e->is_kept && e->plan.root.is_started)
		keep_say_lost(&place);
	if (e->container.dir < 0)
		return r;
	fail_save(&saved);
	if (!e->is_kept)
		closed = container_drop_temporary(&e->store, &e->container, &e->plan.ids);
	else if (e->is_new && r < 0 && !e->plan.root.is_started)
		closed = container_remove(&e->store, &e->container, false);
	else
		closed = container_settle(&e->container);
	if (closed == 0 && e->is_new && e->o->keep_on_exit && e->plan.root.is_started)
		closed = keep_decide(&e->store, &e->container, &place);
	if (closed < 0 && r == 0)
		return closed;
	container_sweep(&e->store);
	fail_restore(&saved);
	return r;
}

/* The user's sbx.conf is often a link to where they keep all such files. */
static void config_hide(struct plan *p)
{
	struct strv folders = {0};
	struct stat st;

	conf_user_folders(&p->arena, &folders);
	for (size_t i = 0; i < folders.n; i++) {
		const char *file = arena_printf(&p->arena, "%s/sbx.conf", folders.v[i]);

		plan_hide(p, folders.v[i]);
		if (lstat(file, &st) == 0 && S_ISLNK(st.st_mode))
			plan_lock(p, file);
	}
}

/* What is ours is made before a sandbox could make it in its place. */
static void own_hide(struct enter *e)
{
	struct plan *p = &e->plan;
	const char *cache;

	if (p->n_mounts == 0 && p->root.overlay != PLAN_OVERLAY_NONE)
		return;
	if (e->store.dir < 0 && container_store_open(&p->arena, true, &e->store) < 0)
		fail_forget(); /* --direct, and nothing that could be written */
	else
		plan_hide(p, e->store.path);
	cache = sandbox_cache_folder(&p->arena);
	if (cache)
		plan_hide(p, cache);
	config_hide(p);
}

static int plan_make(struct enter *e, const struct invocation *inv)
{
	struct plan *p = &e->plan;
	int r = options_apply(e);

	/* Writing to the tree itself needs no place of our own. */
	if (r == 0 && e->conf->asked.overlay != PLAN_OVERLAY_NONE)
		r = container_store_open(&e->plan.arena, true, &e->store);
	if (r == 0)
		r = tree_open(e, e->operand);
	if (r == 0)
		r = store_say(e);
	for (int i = 1; i < inv->argc; i++)
		strv_push(&p->arena, &p->argv, inv->argv[i]);
	if (r < 0)
		return r;
	own_hide(e);
	return plan_freeze(p);
}

/* A shell's loop ends by Ctrl-C where it sees that the command has ended by it; an exit status
 * says nothing to it. So sbx ends as the command did, and sees to it, as the terminal's driver
 * would have, that the rest of its process group is told. */
static void interrupt_pass(const struct plan *p)
{
	struct sigaction action;
	sigset_t set;

	if (p->interrupt == PLAN_INTERRUPT_NONE || sigaction(SIGINT, NULL, &action) < 0 ||
	    action.sa_handler == SIG_IGN)
		return;
	(void)fflush(stdout);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)kill(p->interrupt == PLAN_INTERRUPT_KEY ? 0 : getpid(), SIGINT);
}

int cmd_enter(const struct invocation *inv)
{
	struct conf_enter conf = {0};
	SCOPE_END(enter_done) struct enter e;
	int r = conf_enter_options(inv, &conf);

	enter_init(&e, &conf);
	e.operand = inv->argv[0];
	if (r == 0)
		r = plan_make(&e, inv);
	if (r == 0 && (e.o->explain || e.o->json)) {
		if (e.o->json)
			r = plan_json(&e.plan, &conf.choice.profiles, e.o, stdout);
		else
			plan_explain(&e.plan, stdout);
		return upper_close(&e, r);
	}
	if (r == 0)
		r = upper_open(&e);
	if (r == 0)
		r = enter_net_open(&e.net, e.is_kept ? e.container.dir : -EBADF);
	if (r == 0)
		r = run(&e);
	enter_net_done(&e.net);
	r = upper_close(&e, sandbox_hint(r));
	interrupt_pass(&e.plan);
	return r;
}
