/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.h: who uses a kept sandbox: the file `launcher` in its folder. */
#pragma once

#include "container.h"

extern const char launcher_file[];

/* Writes that it is this process. */
int launcher_write(const struct container *c);

/* A pidfd of the process that is written there, if that is still the same one; else -ESRCH. */
int launcher_open(const struct container *c);

/* Field 22 of STAT, a /proc/PID/stat (proc(5)), which is cut: when the process was started, in ticks
 * since boot. 0 where it is none. */
uint64_t launcher_parse_start(char *stat);
