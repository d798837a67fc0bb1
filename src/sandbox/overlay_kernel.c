/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_kernel.c: the mount of the kernel's overlay. */
#include "overlay_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>

void overlay_lowers(char text[OVERLAY_LOWERS_MAX], int files, int tree, int skeleton)
{
	int used = 0;

	if (files >= 0)
		used = snprintf(text, OVERLAY_LOWERS_MAX, "/proc/self/fd/%d/files:", files);
	used += snprintf(text + used, OVERLAY_LOWERS_MAX - (size_t)used, "/proc/self/fd/%d",
			 tree);

	if (skeleton >= 0)
		(void)snprintf(text + used, OVERLAY_LOWERS_MAX - (size_t)used,
			       ":/proc/self/fd/%d", skeleton);
}

int overlay_kernel_mount(const char *target, const char *lowers, int state, const char *more)
{
	char options[256];

	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s,upperdir=/proc/self/fd/%d/upper,"
		       "workdir=/proc/self/fd/%d/work%s",
		       lowers, state, state, more);
	return mount("overlay", target, "overlay", 0, options) < 0 ? -errno : 0;
}
