/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.h: who uses a kept sandbox: the file `launcher` in its folder. */
#pragma once

#include "container.h"

extern const char launcher_file[];

/* Writes that it is this process. */
int launcher_write(const struct container *c);

/* A pidfd of the process that is written there, if that is still the same one; else -ESRCH. */
int launcher_open(const struct container *c);
