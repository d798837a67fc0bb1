/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h: the door of this room: a plan, and a sandbox that runs it. */
#pragma once

#include "util/str.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <termios.h>

/*
 * Theory of operation
 *
 * A caller fills a struct plan, in any order, with the plan_* functions; plan_freeze() decides
 * everything that is still open (ids, the user inside, capabilities, the seccomp program, the
 * overlay driver), and from then on the plan is const. sandbox_run() makes one child with
 * clone3(NEWUSER|NEWNS|NEWPID|NEWTIME): it is pid 1 of the sandbox from its first instruction.
 * Both sides share one SEQPACKET socket, and a pipe that sbx-init speaks through (wire.h):
 *
 *   launcher (host, caller's ids)              child (in the new user namespace)
 *   -------------------------------------      ------------------------------------------------
 *   newuidmap | newgidmap, side by side        mounts private; net, ipc, uts, cgroup namespaces;
 *                                              opens what a network is made by (WIRE_NETWORK)
 *   WIRE_GO  ------------------------------->  gate "ids": becomes its root
 *   makes the network                          overlay; for the fuse driver it opens /dev/fuse,
 *   fuse-overlayfs on that descriptor <------  mounts it and sends it home (WIRE_FUSE)
 *                                              mounts, pivot_root, terminal (WIRE_TERMINAL)
 *   WIRE_GO, after the network  ------------>  gate "network-made"
 *                                              limits, user, capabilities, seccomp
 *                                              execs sbx-init from a sealed memfd
 *   attach_run(): terminal, signals   <------  sbx-init: WIRE_STOPPED, WIRE_EXITED or FAILED
 *
 * The child decides nothing: between clone and exec it doesn't allocate, parse, look up names
 * or read the environment. What it does is the table setup_steps[] (setup.c). A step that fails
 * sends WIRE_FAILED with its name, errno and sentence, and the child ends.
 *
 * Who may outlive whom: pid 1 dies with the launcher (PR_SET_PDEATHSIG), fuse-overlayfs with
 * the launcher; every process inside dies with pid 1, by the kernel.
 */

/* ---- the plan --------------------------------------------------------------------------- */

struct id_extent {
	uint32_t inside, outside, count;
};

enum { IDMAP_EXTENTS_MAX = 32 };

struct idmap {
	struct id_extent extents[IDMAP_EXTENTS_MAX];
	size_t n;
};

enum plan_map { PLAN_MAP_AUTO, PLAN_MAP_SUBIDS, PLAN_MAP_SELF };

struct plan_ids {
	enum plan_map map; /* as asked; after plan_freeze() SUBIDS or SELF */
	bool keep;	   /* the caller keeps their own number inside */
	bool strict; /* a chown or setuid that one id can't do fails, as the kernel has it */
	struct idmap uids, gids;
};

enum plan_overlay {
	PLAN_OVERLAY_AUTO,
	PLAN_OVERLAY_KERNEL,
	PLAN_OVERLAY_FUSE,
	PLAN_OVERLAY_NONE
};

/* AUTO is for who fills a plan: OWN where that can be had. No plan is frozen with it. */
enum plan_net { PLAN_NET_AUTO, PLAN_NET_NONE, PLAN_NET_HOST, PLAN_NET_OWN };

/* How Ctrl-C came that ended the command: the terminal has sent SIGINT to the caller's process
 * group, or its key went inside, and the group doesn't know. */
enum plan_interrupt { PLAN_INTERRUPT_NONE, PLAN_INTERRUPT_SIGNAL, PLAN_INTERRUPT_KEY };

struct plan_root {
	const char *path;   /* as the user said it, escaped for messages */
	const char *source; /* the same, to open it by once more */
	int fd;		    /* O_PATH | O_DIRECTORY on the tree */
	bool is_host;	    /* the tree is "/" */
	mode_t mode;	    /* of its top folder, and so of the upper */
	bool has_foreign;   /* some of it belongs to ids that are not mapped */
	bool readonly;
	enum plan_overlay overlay; /* as asked; after plan_freeze() never AUTO */
	bool may_fall_back; /* KERNEL was chosen by sbx: fuse where it refuses this tree */
	bool is_started; /* sandbox_run(): the set-up was over, and the command's time had come
			  */
	bool is_refused; /* sandbox_run(): it did */
	bool in_memory;	 /* the upper is a tmpfs inside */
	int memory_fd;	 /* sandbox_run(): that tmpfs, O_PATH, where there was a terminal */
	int store_fd;	 /* folder of the store, where the overlay probe is remembered */
	const char *store_path;
	bool has_files;	 /* /etc/hosts and the like are a layer, not bound */
	int skeleton_fd; /* the layer below the tree; -EBADF: none */
	const char *skeleton_path;
	int state_fd; /* folder that holds upper/ and work/; -EBADF with NONE, in_memory */
	const char *state_path; /* the same, absolute */
	bool is_kept;		/* the upper stays: its driver must end in order */
	bool squash;		/* the owners aren't mapped: all is shown as root's */
	bool userxattr;		/* the kernel driver keeps its marks in user.* */
};

enum plan_mount_kind { PLAN_MOUNT_BIND, PLAN_MOUNT_TMPFS };

struct plan_mount {
	enum plan_mount_kind kind;
	const char *source; /* escaped for messages */
	const char *path;   /* the same, to open it by once more */
	int source_fd;	    /* O_PATH; -EBADF for a tmpfs */
	bool source_is_folder;
	const char *target;  /* absolute and clean, inside */
	const char *options; /* of the tmpfs */
	unsigned attrs;	     /* SYS_ATTR_* */
};

/* A folder of sbx's own (the store, its caches, the configuration) that a mount would show: it
 * is covered. What leads to it, a folder or a symbolic link, is pinned: mounted on itself, so
 * that nobody inside can put something else at its name. A file of sbx's own that is elsewhere,
 * behind a link, is pinned too, read-only. */
enum plan_cover_kind { PLAN_COVER_HIDE, PLAN_COVER_PIN, PLAN_COVER_READONLY };
enum { PLAN_COVER_ROOT = 1U << 31 }; /* the mount is the tree itself */
struct plan_cover {
	size_t mount;	  /* index in mounts */
	const char *path; /* relative to the mount's root */
	enum plan_cover_kind kind;
	dev_t dev; /* what is there, */
	ino_t ino; /* and must be when it is covered */
};

/* A file of the sandbox's own that hides the tree's, such as /etc/hosts. */
struct plan_file {
	const char *target;
	const char *data;
	size_t len;
};

struct plan_limit {
	int resource; /* RLIMIT_* */
	struct rlimit limit;
};

struct plan_caps {
	uint64_t bounding, permitted, effective, inheritable, ambient; /* a bit per CAP_* */
};

/* A seccomp program, owned by the plan's arena or constant. */
struct plan_filter {
	const struct sock_filter *code;
	unsigned short n;
};

/* ---- a bare plan ------------------------------------------------------------------------ */

/*
 * What bubblewrap makes: an empty tmpfs as the root, what is put there one by one in the order
 * in which it was asked for, and of namespaces only those that were asked for. Nothing of a
 * sandbox's own is added: no files, no masks, no system call filter, no Landlock, no terminal. Of
 * a plan, such a one has argv, env (all of it), hostname, caps and ids; plan_freeze() has nothing
 * to decide, and bare_run() runs it.
 */

enum bare_kind {
	BARE_BIND,
	BARE_PROC, /* a new one where the pid namespace is, else the host's */
	BARE_DEV,
	BARE_TMPFS,
	BARE_MQUEUE,
	BARE_FOLDER,
	BARE_FILE, /* a file with what can be read from .fd */
	BARE_DATA, /* so too, but a mount that nothing else leads to */
	BARE_SYMLINK,
	BARE_CHMOD,
	BARE_READONLY, /* the mount that is there, without those below */
	BARE_OVERLAY,
};

/* Where an overlay's writes go. */
enum bare_upper { BARE_UPPER_NONE, BARE_UPPER_MEMORY, BARE_UPPER_SOURCES };

struct bare_op {
	enum bare_kind kind;
	const char *target; /* inside, from "/" */
	const char *text;   /* BARE_SYMLINK: what it says */
	/* Of p->bare->sources: one for BARE_BIND; for BARE_OVERLAY its layers, the lowest first, and
	 * for BARE_UPPER_SOURCES behind them the upper and the work folder. */
	size_t first_source, n_sources;
	enum bare_upper upper;
	int fd;		/* BARE_FILE, BARE_DATA */
	unsigned attrs; /* BARE_BIND, BARE_DATA: SYS_ATTR_* */
	int mode;	/* -1: none was asked for */
	uint64_t size;	/* BARE_TMPFS: 0: the kernel's choice */
};

/* Something of the host's; opened once, in the sandbox's own mount namespace. */
struct bare_source {
	const char *path;
	int fd;	       /* what PATH must lead to, if not -EBADF */
	bool may_lack; /* the op is left out where there is nothing */
};

/* Descriptors are the caller's, -EBADF where there is none. */
struct bare {
	struct bare_op *ops;
	size_t n_ops;
	struct bare_source *sources;
	size_t n_sources;
	struct plan_filter *filters;
	size_t n_filters;
	struct strv locks; /* files inside that are locked while it runs */

	uint64_t namespaces; /* CLONE_NEW* */
	uid_t uid;	     /* inside, for the caller's; other ids aren't mapped */
	gid_t gid;
	bool sets_uid, sets_gid; /* in a namespace that is joined: become them */
	bool keeps_caps;	 /* all that the caller has, untouched */
	bool forbids_userns, wants_no_userns;
	bool has_init; /* a reaper, which is pid 1 of a new pid namespace */
	bool is_tied;  /* dies with the caller's parent */
	bool is_session;

	const char *name; /* argv[0], where it isn't argv[0] */
	/* The working folder, the first that there is. Where it was asked for there is but one. */
	const char *workdirs[2];
	bool needs_workdir;

	int userns, userns2, pidns; /* namespaces to join */
	int sync;		    /* held by the reaper */
	int block, userns_block;    /* waited for: at the end, and before the id maps */
	int info, status;	    /* written to: info once, status as it comes */
};

struct plan {
	struct arena arena; /* owns every string and array below */
	const char *name;   /* for messages and the host name; NULL: none */
	struct bare *bare;  /* NULL: a sandbox of sbx's own kind, as all below */
	struct plan_root root;
	struct plan_ids ids;
	enum plan_net net;
	const char *resolv_conf; /* of PLAN_NET_OWN */
	const char *hosts;	 /* lines of /etc/hosts before all others; NULL: none */
	struct strv addresses;	 /* of the host name; empty: 127.0.1.1 */

	struct plan_mount *mounts;
	size_t n_mounts;
	struct strv hidden; /* folders of the host's that no sandbox may see, */
	struct strv locked; /* and files that none may write */
	struct plan_cover *covers;
	size_t n_covers;
	struct plan_file *files;
	size_t n_files;

	const char *hostname;
	const char *user; /* as asked: NAME|UID[:GROUP|GID]; NULL: the default */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	const char *user_name, *home, *shell; /* of that user, from the tree's /etc/passwd */
	const char *workdir;		      /* NULL: the home folder, else "/" */

	struct strv argv; /* empty until plan_freeze(): the login shell */
	struct strv env;  /* NAME=VALUE, complete */

	uint64_t caps_add, caps_drop; /* as asked */
	struct plan_caps caps;
	bool new_privs;	     /* execve may raise rights: no_new_privs stays off */
	bool nested;	     /* user namespaces inside are allowed */
	bool no_landlock;    /* as asked */
	int landlock;	     /* after plan_freeze() the version that is used; 0: none */
	const char *seccomp; /* NULL: the default, "unconfined", or a profile's path */
	struct plan_filter filters[3];
	size_t n_filters;
	struct plan_limit *limits;
	size_t n_limits;

	bool terminal;			 /* the payload gets a pty of the sandbox's own */
	const struct termios *pty_modes; /* of that pty; NULL: the kernel's */
	struct winsize pty_size;
	int stdio[3];	     /* what the payload gets where it gets no pty; -EBADF: /dev/null */
	uint64_t timeout_ms; /* 0: none */
	enum plan_interrupt interrupt; /* sandbox_run(): of the command that has ended */

	/* Said once on stderr, and part of --json: what is left out because the machine can't.
	 */
	struct strv notes;
};

/* Zero, with every descriptor -EBADF and podman's defaults. */
void plan_init(struct plan *p);
void plan_done(struct plan *p);

/* The tree at PATH becomes the root filesystem. Fails where it is no folder or can't be
 * entered. */
int plan_set_root(struct plan *p, const char *path);

/* TARGET is absolute; SOURCE is opened here, once, and bound by that descriptor. */
int plan_add_bind(struct plan *p, const char *source, const char *target, unsigned attrs);
int plan_add_tmpfs(struct plan *p, const char *target, const char *options, unsigned attrs);
int plan_add_device(struct plan *p, const char *source, const char *target, bool readonly);

/* Nothing that is bound may show the folder PATH of the host's, or let it be replaced by
 * another. Where it is missing and could be made inside, it is made outside. */
void plan_hide(struct plan *p, const char *path);

/* The same for the file PATH, which is a link from a hidden folder to elsewhere, and which no
 * sandbox may write. */
void plan_lock(struct plan *p, const char *path);

/* The folder of what this room caches. */
const char *sandbox_cache_folder(struct arena *a);

/* DATA is copied. A later file of the same target replaces the earlier one. */
void plan_add_file(struct plan *p, const char *target, const char *data, size_t len);

/* "NAME=VALUE" replaces an earlier NAME. */
void plan_set_env(struct plan *p, const char *assignment);

/* A limit of the same resource replaces the earlier one. */
void plan_add_limit(struct plan *p, int resource, struct rlimit limit);

/* Adds OP, which is copied with what it points to borrowed. */
void bare_add(struct plan *p, const struct bare_op *op);

/* Its number. */
size_t bare_add_source(struct plan *p, const char *path, int fd, bool may_lack);

void bare_add_filter(struct plan *p, const struct sock_filter *code, unsigned short n);

/* Adds to p->notes. */
void plan_note(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether the frozen plan wants p->root.state_fd and .state_path before it runs. */
bool plan_wants_state(const struct plan *p);

/* Decides all that is still open, and checks that the parts fit. From here on the plan is
 * const. */
int plan_freeze(struct plan *p);

/* The steps of the set-up as this plan takes them, one line each, for --explain. */
void plan_explain(const struct plan *p, FILE *out);

/* The number of a capability by its name, with or without "CAP_", in any case; -EINVAL. NAME
 * "ALL" is CAPS_ALL: every capability that this kernel knows. */
int caps_parse(const char *name, uint64_t *ret_caps);

/* "CAP_CHOWN", or the number where there is no name, into BUFFER; returns BUFFER. */
enum { CAPS_NAME_MAX = 32 };
const char *caps_name(unsigned cap, char buffer[CAPS_NAME_MAX]);

/* ---- a sandbox -------------------------------------------------------------------------- */

/* Whether the payload gets a terminal: as the caller's stdin is one, or as asked. */
enum terminal_wish { TERMINAL_AUTO, TERMINAL_YES, TERMINAL_NO };

/* A network of the sandbox's own, for PLAN_NET_OWN: somebody else's, this room only opens the gates. Each gets
 * CONTEXT; a negative errno with a sentence ends the sandbox. */
enum { SANDBOX_NETWORK_FDS = 8 };

/* A file below /proc/sys/net, and what is written there. */
struct sandbox_sysctl {
	const char *name, *value;
	bool may_lack; /* a kernel may not have it */
};

struct sandbox_network {
	void *context;
	/* What else is set in the new network namespace; ends with a name that is NULL. */
	const struct sandbox_sysctl *sysctls;
	/* In pid 1, in the new network namespace and with all capabilities there: opens FDS, by which the network is made and served,
	 * -EBADF where one isn't needed. Mustn't allocate. */
	int (*doors)(void *context, int fds[SANDBOX_NETWORK_FDS]);
	/* In the launcher: takes over that of these which was at WHICH. The first one comes last: with it the network is
	 * made, by when the command waits for it. */
	int (*take)(void *context, size_t which, int fd);
	/* The set-up is over, and turns begin. */
	int (*ready)(void *context);
	/* A descriptor that is readable when turn() has something to do; while the sandbox runs. */
	int (*watch)(void *context);
	int (*turn)(void *context);
	/* The command has ended, and what else runs inside is about to be: what takes time by itself can be done while
	 * it is. Perhaps not called. */
	void (*wind_up)(void *context);
	/* Pid 1 has ended. */
	void (*end)(void *context);
};

struct sandbox_options {
	enum terminal_wish terminal;
	bool interactive;	 /* stdin is handed in even where it would not be */
	const char *detach_keys; /* podman's format; "" for none; NULL: ctrl-p,ctrl-q */
	const struct sandbox_network *network;
	bool debug;		       /* each step of the set-up on stderr, with its time */
	void (*say)(const char *note); /* for what is found to be left out only on the way */
};

/* Runs PLAN in a sandbox of its own until its command ends. Returns the exit status for the
 * shell (the command's own, 126 or 127 where it could not be executed, 128+N where signal N
 * ended it), or a negative errno where the sandbox could not be set up. A sentence and a hint
 * stand in fail.h's buffer where there is something to say. Of the sandbox only the upper is
 * left. */
int sandbox_run(struct plan *p, const struct sandbox_options *options);

/* The same for a bare plan, of a process that does nothing else, and as bubblewrap does it: without
 * an attachment, signals are the caller's and the payload's own. 1 where the payload can't be
 * executed, the sentence says why. */
int bare_run(struct plan *p);

/* The id maps that a plan with MAP and KEEP gets on this machine. */
int sandbox_ids(enum plan_map map, bool keep, struct plan_ids *ret_ids);

/* Removes the folder NAME below DIR, whose files may belong to any of IDS. */
int sandbox_remove_tree(const struct plan_ids *ids, int dir, const char *name);

/* Runs WORK(ARG) in a process of its own, root of a user namespace with the maps IDS, where
 * files of all these ids can be read and written: 0, or its failure with sentence and hint. It
 * ends with this process, and this one with it where SIGPIPE ends that: nobody reads any more. */
int sandbox_run_mapped(const struct plan_ids *ids, int (*work)(void *arg), void *arg);

/* Whether fuse-overlayfs shows all of the tree TREE as root's for the maps IDS, since its
 * owners aren't mapped: who owns what in the upper then means nothing. */
bool sandbox_squashes(const struct plan_ids *ids, int tree);

/* Adds to the failure R, unless it has a hint, the one for what the machine is short of: open
 * files, memory. Returns R. */
int sandbox_hint(int r);

/* The same with what mends a failure to open /dev/net/tun. */
int sandbox_tun_hint(int r);

/* ---- the machine ------------------------------------------------------------------------ */

/* LIMITED: sandboxes run, without what the check is good for. BROKEN: they don't. */
enum doctor_status { DOCTOR_OK, DOCTOR_LIMITED, DOCTOR_BROKEN };

enum doctor_group {
	DOCTOR_NEEDED, /* for any sandbox */
	DOCTOR_BETTER, /* sandboxes run without */
	DOCTOR_TREE,   /* this very tree; only where one is named */
};

/* Text as it is: escape it for a terminal. */
struct doctor_finding {
	enum doctor_status status;
	char found[1024]; /* one sentence */
	char mend[512];	  /* the command that mends it; "": none, or nothing to mend */
};

struct doctor_request {
	const char *store; /* absolute, may be missing; NULL: it has no place */
	const char *tree;  /* NULL: none */
	/* What the caller has to check beside: run behind those of this room, before the tree's. */
	const struct doctor_check *more;
	size_t n_more;
};

struct doctor_check {
	const char *name;    /* one word, the same in every version */
	const char *purpose; /* what it is good for */
	enum doctor_group group;
	bool in_namespace; /* not tried where no user namespace can be made */
	void (*run)(const struct doctor_request *request, struct doctor_finding *finding);
};

/* What a check finds: the status and the sentence, of which a later call replaces the one before; and what mends
 * it. */
void doctor_find(struct doctor_finding *f, enum doctor_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_mend(struct doctor_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The failure R of the set-up's STEP ("": of none), its sentence and its hint. */
void doctor_find_failure(struct doctor_finding *f, enum doctor_status status, int r,
			 const char *step);

typedef void doctor_listener(void *context, const struct doctor_check *check,
			     const struct doctor_finding *finding);

/* Looks at the machine as the caller, by trying, and tells each finding as it comes. Nothing that
 * is tried stays, and no check keeps the others from going on, whatever happens to it. */
void doctor_run(const struct doctor_request *request, doctor_listener *listener, void *context);
