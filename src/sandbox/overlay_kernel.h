/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_kernel.h: the mount of the kernel's overlay. */
#pragma once

/* The folder files/ of FILES over TREE over SKELETON, without those that are negative, as the
 * drivers want their lower layers named. */
enum { OVERLAY_LOWERS_MAX = 96 };
void overlay_lowers(char text[OVERLAY_LOWERS_MAX], int files, int tree, int skeleton);

/* The kernel's driver on TARGET: LOWERS, and upper/ and work/ of the folder STATE; MORE is
 * further options, each with a comma in front. A negative errno without a sentence. */
int overlay_kernel_mount(const char *target, const char *lowers, int state, const char *more);
