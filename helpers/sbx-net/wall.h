/* SPDX-License-Identifier: Apache-2.0 */
/* wall.h: what sbx-net gives away before it reads the first byte of a stranger's. */
#pragma once

/* Needs: every file that will be used is open. Leaves: no file system, no capability, none of the
 * system calls that aren't the work's, not dumpable. A negative errno where part of it can't be had. */
int wall_raise(void);
