/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_setup.c: checks that make a sandbox, or as much of one as a tree wants. */
#include "doctor.h"

#include "idmap.h"
#include "overlay.h"
#include "overlay_kernel.h"
#include "unreadable.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- a whole sandbox --------------------------------------------------------------------- */

/* Nobody reads a check's stderr, so it is where notes are collected. */
static void on_note(const char *note)
{
	(void)dprintf(STDERR_FILENO, "%s\n", note);
}

/* What sandbox_run() has left out: the first note, "" for none. */
static void note_read(int notes, char *text, size_t size)
{
	ssize_t n = pread(notes, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* "/" has every mount point, so without an overlay nothing is written, and the command doesn't exist:
 * that this is what comes to light shows that all before it went well. */
void doctor_setup(const struct doctor_request *q, struct doctor_finding *f)
{
	enum { NOT_FOUND = 127 };
	autoclose int notes = memfd_create("notes", MFD_CLOEXEC);
	SCOPE_END(plan_done) struct plan p;
	char left_out[FAIL_TEXT_MAX];
	struct sandbox_options options = {.terminal = TERMINAL_YES, .say = on_note};
	int r;

	plan_init(&p);
	(void)dup2(notes, STDERR_FILENO);
	p.root.overlay = PLAN_OVERLAY_NONE;
	p.root.readonly = true;
	p.user = "0";
	strv_push(&p.arena, &p.argv, "/proc/no-such-command");
	r = plan_set_root(&p, "/");
	if (r == 0)
		r = plan_freeze(&p);
	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "");
		return;
	}
	fail_forget();
	r = sandbox_run(&p, &options);
	note_read(notes, left_out, sizeof(left_out));
	if (r == NOT_FOUND && *left_out)
		doctor_find(f, DOCTOR_LIMITED, "it went well, but: %s", left_out);
	else if (r == NOT_FOUND)
		doctor_find(f, DOCTOR_OK, "every step went well");
	else if (r >= 0)
		doctor_find(f, DOCTOR_BROKEN, "the sandbox ended with status %d", r);
	else if (r == -ENOENT)
		doctor_find(f, DOCTOR_LIMITED, "'/' of this machine isn't whole: %s",
			    fail_text());
	else
		doctor_find_failure(f, DOCTOR_BROKEN, r, "");
}

/* ---- this very tree ---------------------------------------------------------------------- */

static int tree_plan(const struct doctor_request *q, struct plan *p)
{
	int r;

	plan_init(p);
	r = plan_set_root(p, q->tree);
	return r < 0 ? r : idmap_decide(p);
}

void doctor_tree_owners(const struct doctor_request *q, struct doctor_finding *f)
{
	SCOPE_END(plan_done) struct plan p;
	struct unreadable found;
	int r = tree_plan(q, &p);

	if (r == 0)
		r = overlay_choose(&p);
	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "");
		return;
	}
	if (!p.root.has_foreign) {
		doctor_find(f, DOCTOR_OK, "its owners are mapped");
		return;
	}
	unreadable_count(p.root.fd, &found);
	if (found.n == 0) {
		doctor_find(
			f, DOCTOR_LIMITED,
			"some of it belongs to ids that aren't mapped; all of it can be read");
	} else {
		doctor_find(
			f, DOCTOR_LIMITED,
			"%zu%s of its names belong to ids that aren't mapped and can't be read, such as "
			"'%s'",
			found.n, found.is_capped ? " or more" : "", found.example);
	}
	doctor_mend(f, "%s", unreadable_mend(&p));
}

static const char *file_system(int fd)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} kinds[] = {
		{EXT4_SUPER_MAGIC, "ext4"},
		{0x58465342, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"},
		{NFS_SUPER_MAGIC, "NFS"},
		{0x65735546, "FUSE"},
		{0x2FC12FC1, "zfs"},
		{0x0BD00BD0, "Lustre"},
	};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return "an unknown file system";
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((uint32_t)st.f_type == kinds[i].magic)
			return kinds[i].name;
	return "another file system";
}

/* The tree below the kernel's overlay, with an upper in memory. */
static int tree_mount(void *arg)
{
	const struct plan *p = arg;
	autoclose int tree = open(p->root.source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int memory = -EBADF;
	char lowers[OVERLAY_LOWERS_MAX];
	int r;

	if (tree < 0)
		return fail_sys("open '%s'", p->root.path);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", SETUP_STAGING, "tmpfs", 0, NULL) < 0)
		return fail_sys("mount a tmpfs");
	memory = open(SETUP_STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (memory < 0 || mkdirat(memory, "upper", 0755) < 0 ||
	    mkdirat(memory, "work", 0700) < 0)
		return fail_sys("make the folders of the upper");
	overlay_lowers(lowers, -EBADF, tree, -EBADF);
	r = overlay_kernel_mount(SETUP_STAGING, lowers, memory,
				 p->root.userxattr ? ",userxattr" : "");
	return r < 0 ? fail(-r, "%s", strerrordesc_np(-r)) : 0;
}

void doctor_tree_overlay(const struct doctor_request *q, struct doctor_finding *f)
{
	SCOPE_END(plan_done) struct plan p;
	const char *kind;
	int r = tree_plan(q, &p);

	if (r == 0)
		r = overlay_choose(&p);
	if (r < 0) {
		doctor_find_failure(f, DOCTOR_BROKEN, r, "");
		return;
	}
	kind = file_system(p.root.fd);
	if (p.root.overlay == PLAN_OVERLAY_FUSE) {
		const char *why = p.root.is_host  ? "the kernel's driver can't take '/'"
				  : p.root.squash ? "its owners aren't mapped"
						  : "the kernel's driver doesn't work here";

		doctor_find(f, p.root.is_host ? DOCTOR_OK : DOCTOR_LIMITED,
			    "fuse-overlayfs, on %s: %s", kind, why);
		if (p.root.squash && !p.root.is_host)
			doctor_mend(f, "%s", unreadable_mend(&p));
		return;
	}
	r = idmap_run(&p.ids, tree_mount, &p);
	if (r == 0)
		doctor_find(f, DOCTOR_OK, "the kernel's driver, on %s", kind);
	else
		doctor_find(f, DOCTOR_LIMITED,
			    "fuse-overlayfs, on %s: the kernel's driver refuses this tree: %s",
			    kind, fail_text());
}
