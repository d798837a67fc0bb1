/* SPDX-License-Identifier: Apache-2.0 */
/* hint.c: how to mend what went wrong in the set-up. */
#include "hint.h"

#include "util/scope.h"
#include "util/str.h"

#include <errno.h>
#include <stddef.h>

/* clang-format off */
static const struct {
	const char *step;
	int err; /* 0: any */
	const char *hint;
} hints[] = {
	{"clone", EPERM,  "inside a sandbox: start that one with --nested; else allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1 "
			  "(Debian), or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"},
	{"clone", ENOSPC, "inside a sandbox: start that one with --nested; else raise the limit: sudo sysctl -w user.max_user_namespaces=65536"},
	{"clone", EUSERS, "user namespaces are nested 32 deep at most: leave some of them"},
	{"clone", EINVAL, "this kernel lacks a namespace that sbx needs (user, pid, mount, time)"},
	{"clone", EAGAIN, "too many processes: end some, or raise the limit with ulimit -u"},
	{"clone", ENOMEM, "out of memory: end some processes"},
	{"clone", 0,      "see user_namespaces(7) for what the kernel wants"},
	{"ids", EPERM,    "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER, "
			  "and newuidmap must be setuid root: or use --map self"},
	{"ids", EACCES,   "allow user namespaces to this program: sudo sysctl -w "
			  "kernel.apparmor_restrict_unprivileged_userns=0"},
	{"ids", 0,        "use --map self, which needs no helper"},
	{"propagation", EPERM,  "allow user namespaces to this program: sudo sysctl -w "
				"kernel.apparmor_restrict_unprivileged_userns=0"},
	{"propagation", EACCES, "allow user namespaces to this program: sudo sysctl -w "
				"kernel.apparmor_restrict_unprivileged_userns=0"},
	{"namespaces", ENOSPC,  "raise the limits: sudo sysctl -w user.max_net_namespaces=65536 "
				"user.max_ipc_namespaces=65536 user.max_uts_namespaces=65536 "
				"user.max_cgroup_namespaces=65536"},
	{"root", EINVAL,  "the kernel's overlay can't take this tree: use --overlay fuse"},
	{"root", ELOOP,   "the tree is on an overlay already: use --overlay fuse"},
	{"root", ENODEV,  "the kernel has no such file system: sudo modprobe overlay fuse"},
	{"root", EACCES,  "make /dev/fuse usable: sudo chmod 666 /dev/fuse"},
	{"root", ENOSPC,  "too many mounts or no room: see df, and the sysctl fs.mount-max"},
	{"proc", EPERM,   "/proc is partly hidden here, as in a container: the kernel then refuses a new one; "
			  "run that container with --security-opt unmask=ALL"},
	{"pivot", EINVAL, "the root folder is not a mount point here (a chroot or an initramfs): "
			  "sudo mount --bind / / first"},
	{"seccomp", EINVAL, "the kernel takes no seccomp filter: use --security-opt seccomp=unconfined"},
	{"limits", EPERM, "ask for no more than ulimit -H shows"},
	{"user", EINVAL,  "that user isn't mapped: give more subordinate ids, or use --map subids"},
	{"user", EPERM,   "supplementary groups need a range in /etc/subgid"},
};
/* clang-format on */

const char *hint_for(const char *step, int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (streq(hints[i].step, step) && (hints[i].err == 0 || hints[i].err == err))
			return hints[i].hint;
	return NULL;
}
