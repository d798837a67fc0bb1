/* SPDX-License-Identifier: Apache-2.0 */
/* hint.c: how to mend what this machine lacks: one table, for the set-up and for sbx doctor. */
#include "hint.h"

#include "config.h"
#include "machine.h"
#include "sandbox.h"
#include "subid.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/str.h"

#include <errno.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each says how to mend one thing, after a look at what is wrong with it; NULL: it can't tell. */
typedef const char *hint_maker(struct arena *a);

/* ---- user namespaces --------------------------------------------------------------------- */

#define FORBIDDEN                                                                                  \
	"a container or a sandbox around this forbids it: start that one with --nested (sbx), or " \
	"with --security-opt seccomp=unconfined --security-opt unmask=ALL (podman)"

/* Letters that neither a shell nor AppArmor gives a meaning. */
static bool is_plain(const char *path)
{
	return path[strspn(path, "/._-+ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789")] == '\0';
}

/* A profile that names the program gives user namespaces their rights back. The one that is installed
 * names the installed program; another one, such as a build's, gets its own. */
static const char *apparmor_hint(struct arena *a)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = '\0';
	if (streq(program, SBX_PROGRAM) && access(SBX_APPARMOR_PROFILE, F_OK) == 0)
		return "sudo apparmor_parser -r " SBX_APPARMOR_PROFILE;
	if (!*program || !is_plain(program) || strlen(program) > 160)
		return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
	return arena_printf(
		a,
		"printf 'abi <abi/4.0>,\\nprofile sbx-here %s flags=(unconfined) { userns, }\\n' | "
		"sudo tee /etc/apparmor.d/sbx-here && sudo apparmor_parser -r "
		"/etc/apparmor.d/sbx-here",
		program);
}

static const char *clone_refused(struct arena *a)
{
	char profile[MACHINE_PROFILE_MAX];

	if (machine_sysctl("kernel/unprivileged_userns_clone") == 0)
		return "sudo sysctl -w kernel.unprivileged_userns_clone=1";
	if (!machine_is_host() || machine_is_filtered())
		return FORBIDDEN;
	if (machine_has_apparmor_restriction())
		return apparmor_hint(a);
	if (machine_apparmor_profile(profile))
		return arena_printf(a, "allow 'userns' in the AppArmor profile '%s'", profile);
	return "run sbx from outside of a chroot: the kernel makes no user namespace in one";
}

static const char *clone_used_up(struct arena *a)
{
	if (!machine_is_host())
		return FORBIDDEN;
	return "sudo sysctl -w user.max_user_namespaces=65536";
}

/* The namespace was made, and has no rights. */
static const char *powerless(struct arena *a)
{
	char profile[MACHINE_PROFILE_MAX];

	if (machine_has_apparmor_restriction())
		return apparmor_hint(a);
	if (machine_apparmor_profile(profile))
		return arena_printf(
			a,
			"allow 'mount' and 'capability' in the AppArmor profile '%s', or "
			"start that container with --security-opt apparmor=unconfined",
			profile);
	if (!machine_is_host() || machine_is_filtered())
		return FORBIDDEN;
	return "a security module refuses it: 'sudo dmesg' names it";
}

/* ---- ids --------------------------------------------------------------------------------- */

const char *hint_caller(struct arena *a)
{
	const char *name = subid_caller(a, getuid(), NULL);

	return name ? name : arena_printf(a, "%u", getuid());
}

static bool has_range(struct arena *a, enum subid_kind kind, const char *name)
{
	struct subid_list list;

	if (subid_read(a, kind, &list) < 0)
		fail_forget();
	for (size_t i = 0; i < list.n; i++)
		if (subid_is_of(&list.v[i], name, getuid()))
			return true;
	return false;
}

/* What usermod can't do, for want of it or since the user comes from elsewhere than /etc/passwd, is a
 * line in a file. */
static const char *range_give(struct arena *a, const char *name, bool by_usermod,
			      enum subid_kind kind)
{
	uint32_t first = subid_first_free(a, kind);

	if (!first)
		return NULL;
	if (by_usermod)
		return arena_printf(a, " --add-sub%cids %u-%u", kind == SUBID_UID ? 'u' : 'g',
				    first, first + SUBID_COUNT - 1);
	return arena_printf(a, "echo %s:%u:%d | sudo tee -a %s", name, first, SUBID_COUNT,
			    subid_file(kind));
}

static const char *subids_hint(struct arena *a)
{
	bool is_local;
	const char *name = subid_caller(a, getuid(), &is_local);
	bool by_usermod = is_local && (access("/usr/sbin/usermod", X_OK) == 0 ||
				       access("/sbin/usermod", X_OK) == 0);
	const char *shown = hint_caller(a), *parts[SUBID_KINDS] = {"", ""};
	size_t missing = 0;

	for (enum subid_kind kind = SUBID_UID; kind < SUBID_KINDS; kind++) {
		if (has_range(a, kind, name))
			continue;
		missing++;
		parts[kind] = range_give(a, shown, by_usermod, kind);
		if (!parts[kind])
			return "no range is free: shorten another user's in /etc/subuid and /etc/subgid";
	}
	if (missing == 0)
		return NULL;
	if (by_usermod)
		return arena_printf(a, "sudo usermod%s%s %s", parts[SUBID_UID],
				    parts[SUBID_GID], shown);
	return arena_printf(a, "%s%s%s", parts[SUBID_UID], missing == SUBID_KINDS ? "; " : "",
			    parts[SUBID_GID]);
}

/* Whether PROGRAM can act as root: by its setuid bit or capabilities, where its mount lets them count. */
static bool is_privileged(const char *program)
{
	struct stat st;

	if (stat(program, &st) < 0)
		return false;
	return ((st.st_mode & S_ISUID) && st.st_uid == 0) ||
	       getxattr(program, "security.capability", NULL, 0) > 0;
}

/* Whether its owner is somebody outside of the namespace that this is. */
static bool is_foreign(const char *program)
{
	struct stat st;

	return !machine_is_host() && stat(program, &st) == 0 && st.st_uid != 0;
}

static const char *newuidmap_hint(struct arena *a)
{
	struct statvfs fs;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "start sbx from where no_new_privs isn't set, or use --map self";
	if (access(SBX_NEWIDMAP_DIR "/newuidmap", F_OK) < 0 ||
	    access(SBX_NEWIDMAP_DIR "/newgidmap", F_OK) < 0)
		return "install newuidmap: sudo apt-get install uidmap (Debian, Ubuntu), sudo dnf "
		       "install shadow-utils (Fedora), or the package shadow";
	if (!is_privileged(SBX_NEWIDMAP_DIR "/newuidmap") ||
	    !is_privileged(SBX_NEWIDMAP_DIR "/newgidmap")) {
		if (is_foreign(SBX_NEWIDMAP_DIR "/newuidmap"))
			return "use --map self: newuidmap has no rights in the container or sandbox "
			       "around this";
		return "sudo chown root " SBX_NEWIDMAP_DIR "/newuidmap " SBX_NEWIDMAP_DIR
		       "/newgidmap && sudo chmod 4755 " SBX_NEWIDMAP_DIR
		       "/newuidmap " SBX_NEWIDMAP_DIR "/newgidmap";
	}
	if (statvfs(SBX_NEWIDMAP_DIR "/newuidmap", &fs) == 0 && (fs.f_flag & ST_NOSUID))
		return arena_printf(
			a, "sudo mount -o remount,suid \"$(findmnt -n -o TARGET -T %s)\"",
			SBX_NEWIDMAP_DIR);
	return NULL;
}

/* newuidmap ran and refused, or the kernel did. */
static const char *map_refused(struct arena *a)
{
	const char *hint = newuidmap_hint(a);

	if (!hint)
		hint = subids_hint(a);
	if (hint)
		return hint;
	if (machine_has_apparmor_restriction())
		return apparmor_hint(a);
	if (!machine_is_host())
		return "use --map self: the container or sandbox around this has not all ids of your "
		       "ranges";
	return "use --map self, which needs no helper";
}

/* ---- what the root filesystem needs ------------------------------------------------------- */

static const char *fuse_device_hint(struct arena *a)
{
	struct stat st;

	if (!machine_is_host())
		return "give the container or sandbox around this the device: --device /dev/fuse";
	if (stat("/dev/fuse", &st) < 0)
		return "sudo modprobe fuse; sudo chmod 666 /dev/fuse";
	return "sudo chmod 666 /dev/fuse";
}

static const char *tun_device_hint(struct arena *a)
{
	struct stat st;

	if (!machine_is_host())
		return "give the container or sandbox around this the device: --device /dev/net/tun";
	if (stat("/dev/net/tun", &st) < 0)
		return "sudo modprobe tun; sudo chmod 666 /dev/net/tun";
	return "sudo chmod 666 /dev/net/tun";
}

static const char *call_missing(struct arena *a)
{
	return machine_is_filtered() ? FORBIDDEN
				     : "this kernel is too old: sbx needs Linux 5.10";
}

static const char *mounts_used_up(struct arena *a)
{
	return arena_printf(a, "sudo sysctl -w fs.mount-max=%lld",
			    2 * (long long)machine_sysctl("fs/mount-max"));
}

static const char *memfd_refused(struct arena *a)
{
	if (machine_sysctl("vm/memfd_noexec") > 1)
		return "sudo sysctl -w vm.memfd_noexec=1";
	return powerless(a);
}

/* ---- the table --------------------------------------------------------------------------- */

enum { MORE = true, ALONE = false };

#define UNHIDE_PROC                                                                                     \
	"/proc is partly hidden here, as in a container, and the kernel then refuses a new one: start " \
	"that container with --security-opt unmask=ALL, or the sandbox around this with --nested"

/* The first row that fits; a row whose maker can't tell is passed over. */
/* clang-format off */
static const struct {
	const char *step; /* NULL: any */
	int err;          /* 0: any */
	bool more;        /* a look at the whole machine is of use */
	const char *hint;
	hint_maker *make; /* where there is no HINT */
} hints[] = {
	{NULL, EMFILE,    ALONE, "raise the limit of open files: ulimit -n 1024"},
	{NULL, ENFILE,    ALONE, "the machine has too many open files: sudo sysctl -w fs.file-max=1000000"},
	{NULL, ENOSYS,    MORE,  NULL, call_missing},
	{NULL, ENOMEM,    ALONE, "out of memory: end some processes, or raise the limit with ulimit -v"},

	{"clone", EPERM,  MORE,  NULL, clone_refused},
	{"clone", EACCES, MORE,  NULL, clone_refused},
	{"clone", ENOSPC, MORE,  NULL, clone_used_up},
	{"clone", EUSERS, ALONE, "user namespaces are nested 32 deep at most: leave some of them"},
	{"clone", EINVAL, MORE,  "this kernel lacks a namespace that sbx needs (user, pid, mount, time)"},
	{"clone", EAGAIN, ALONE, "too many processes: end some, or raise the limit with ulimit -u"},
	{"clone", 0,      MORE,  "see user_namespaces(7) for what the kernel wants"},

	{"subids", 0,     ALONE, NULL, subids_hint},
	{"newuidmap", 0,  ALONE, NULL, newuidmap_hint},
	{"ids", 0,        MORE,  NULL, map_refused},
	{"propagation", EPERM,  MORE, NULL, powerless},
	{"propagation", EACCES, MORE, NULL, powerless},
	{"namespaces", EPERM,   MORE, NULL, powerless},
	{"namespaces", EACCES,  MORE, NULL, powerless},
	{"namespaces", ENOSPC,  MORE,
	 "sudo sysctl -w user.max_mnt_namespaces=65536 user.max_pid_namespaces=65536 user.max_net_namespaces=65536 "
	 "user.max_ipc_namespaces=65536 user.max_uts_namespaces=65536 user.max_cgroup_namespaces=65536 "
	 "user.max_time_namespaces=65536"},
	{"namespaces", EINVAL,  MORE, "this kernel lacks a namespace that sbx needs (net, ipc, uts, cgroup)"},

	{"root", EINVAL,  MORE,  "the kernel's overlay can't take this tree: use --overlay fuse"},
	{"root", ELOOP,   MORE,  "the tree is on an overlay already: use --overlay fuse"},
	{"root", ENODEV,  MORE,  "the kernel has no such file system: sudo modprobe -a overlay fuse"},
	{"root", EACCES,  MORE,  NULL, fuse_device_hint},
	{"root", EPERM,   MORE,  NULL, powerless},
	{"root", ENOSPC,  MORE,  NULL, mounts_used_up},
	{"fuse-device", 0,      ALONE, NULL, fuse_device_hint},
	{"fuse-overlayfs", 0,   ALONE,
	 "install fuse-overlayfs: sudo apt-get install fuse-overlayfs (Debian, Ubuntu), sudo dnf install fuse-overlayfs (Fedora)"},
	{"tun", 0,        ALONE, NULL, tun_device_hint},
	{"network", ENOENT, ALONE, NULL, tun_device_hint},
	{"network", ENODEV, ALONE, NULL, tun_device_hint},
	{"network", EACCES, ALONE, NULL, tun_device_hint},
	{"network", EPERM,  MORE,  NULL, powerless},

	{"proc", EPERM,   MORE,  UNHIDE_PROC},
	{"sys", EPERM,    MORE,  "/sys is partly hidden here, as in a container: start that one with --security-opt unmask=ALL"},
	{"dev", ENOSPC,   MORE,  NULL, mounts_used_up},
	{"mounts", ENOSPC, MORE, NULL, mounts_used_up},
	{"pivot", EINVAL, MORE,  "this machine runs on its initramfs, which can't be left by pivot_root: boot it into a real root with switch_root(8)"},
	{"init-copy", EFBIG,  ALONE, "raise the limit of a file's size: ulimit -f unlimited"},
	{"init-copy", 0,      MORE,  NULL, memfd_refused},
	{"exec", EACCES,  MORE,  NULL, memfd_refused},
	{"exec", EPERM,   MORE,  NULL, memfd_refused},
	{"early-seccomp", EINVAL, MORE, "the kernel takes no seccomp filter: use --security-opt seccomp=unconfined"},
	{"seccomp", EINVAL, MORE, "the kernel takes no seccomp filter: use --security-opt seccomp=unconfined"},
	{"keys", EDQUOT,  ALONE, "too many keyrings: end some sandboxes, or sudo sysctl -w kernel.keys.maxkeys=2000"},
	{"limits", EPERM, ALONE, "ask for no more than ulimit -H shows"},
	{"user", EINVAL,  ALONE, "that user isn't mapped: give more subordinate ids, or use --map subids"},
	{"user", EPERM,   MORE,  NULL, powerless},
	{"capabilities", EPERM, MORE, NULL, powerless},
};
/* clang-format on */

int hint_add(int r, const char *step)
{
	SCOPE_END(arena_done) struct arena a = {0};

	if (r >= 0 || *fail_hint_text())
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		const char *hint;
		struct fail_saved saved;

		if ((hints[i].step && !streq(hints[i].step, step)) ||
		    (hints[i].err && hints[i].err != -r))
			continue;
		/* What it looks at may be missing too. */
		fail_save(&saved);
		hint = hints[i].hint ? hints[i].hint : hints[i].make(&a);
		fail_restore(&saved);
		if (hint)
			return fail_hint(r, "%s%s", hint, hints[i].more ? HINT_MORE : "");
	}
	return r;
}

int sandbox_hint(int r)
{
	return hint_add(r, "");
}

int sandbox_tun_hint(int r)
{
	return hint_add(r, "tun");
}
