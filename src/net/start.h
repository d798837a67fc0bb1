/* SPDX-License-Identifier: Apache-2.0 */
/* start.h: for the files of this room alone: starting sbx-net. */
#pragma once

#include "net.h"

/* Starts sbx-net on N's descriptors, which stay open here. It dies with this process; n->helper is to be reaped, and
 * what it complains of goes to n->errors. */
int helper_start(struct network *n);

/* The sentence that it ended with, into SAID or of it; NULL: it ended in order. */
enum { HELPER_SAID_MAX = 512 };
const char *helper_reap(struct network *n, char said[HELPER_SAID_MAX]);
