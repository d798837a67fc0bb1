/* SPDX-License-Identifier: Apache-2.0 */
/* devices.c: device files that are bound, and who may open them. */
#include "devices.h"

#include "hint.h"
#include "idmap.h"
#include "util/fail.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Inside the caller has no groups but their own, so what a group like kvm or audio may open can be out
 * of reach there. Asked as root of such a namespace, and not by opening it: that does things. */
static int access_work(void *arg)
{
	const char *path = arg;

	return access(path, R_OK) < 0 && access(path, W_OK) < 0 ? -EACCES : 0;
}

static void device_note(struct plan *p, const struct plan_mount *m)
{
	struct stat st;

	if (m->kind != PLAN_MOUNT_BIND || fstat(m->source_fd, &st) < 0 ||
	    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) || (st.st_mode & 0006))
		return;
	if (idmap_run(&p->ids, access_work, (void *)m->path) != -EACCES) {
		fail_forget();
		return;
	}
	fail_forget();
	plan_note(
		p,
		"device '%s' can't be opened inside%s; to mend it: sudo setfacl -m u:%s:rw '%s'",
		m->source,
		access_work((void *)m->path) < 0
			? ", nor by you outside"
			: ": you may by a group, and groups stay outside",
		hint_caller(&p->arena), m->source);
}

void devices_note(struct plan *p)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		device_note(p, &p->mounts[i]);
}
