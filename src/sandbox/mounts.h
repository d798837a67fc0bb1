/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.h: the steps of the set-up that mount. In pid 1, before anybody else is inside. */
#pragma once

#include "setup.h"

/* Steps: each Needs: s->root open on the new root filesystem. */
int mounts_proc(struct setup *s);
int mounts_sys(struct setup *s);
int mounts_dev(struct setup *s);
int mounts_run_and_tmp(struct setup *s);
int mounts_files(struct setup *s);
int mounts_user(struct setup *s);
int mounts_mask(struct setup *s);
int mounts_readonly_root(struct setup *s);

/* Devices, links and pts in the empty folder DEV, which becomes the working folder. */
int mounts_dev_nodes(const struct setup *s, int dev);
