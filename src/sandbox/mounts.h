/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.h: the steps of the set-up that mount. In pid 1, before anybody else is inside. */
#pragma once

#include "setup.h"

/* Binds what SOURCE (O_PATH) is open on, with all that is mounted below, on TARGET, and sets
 * ATTRS (SYS_ATTR_*) on each of these mounts. */
int mounts_bind(int source, const char *target, unsigned attrs);

/* Steps: each Needs: s->root open on the new root filesystem. */
int mounts_proc(struct setup *s);
int mounts_sys(struct setup *s);
int mounts_dev(struct setup *s);
int mounts_run_and_tmp(struct setup *s);
int mounts_files(struct setup *s);
int mounts_user(struct setup *s);
int mounts_mask(struct setup *s);
int mounts_readonly_root(struct setup *s);
