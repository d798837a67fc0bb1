/* SPDX-License-Identifier: Apache-2.0 */
/* start.h: for the files of this room alone: starting sbx-net. */
#pragma once

#include "net.h"

/* The program: where it was installed, or beside the one that runs from a build folder. A descriptor (O_PATH), the
 * caller's. */
int helper_find(void);

/* Starts sbx-net, n->program, on N's descriptors, which stay open here. It dies with this process; n->helper is to be reaped, and
 * what it complains of goes to n->errors. */
int helper_start(struct network *n);

/* Ends it if it hasn't ended, and reaps it. The sentence that it ended with, in SAID; NULL: in order. */
enum { HELPER_SAID_MAX = 512 };
const char *helper_reap(struct network *n, char said[HELPER_SAID_MAX]);
