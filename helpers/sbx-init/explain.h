/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h: why a command could not be executed. */
#pragma once

#include "sandbox/wire.h"

#define EXPLAIN_SHELL "/bin/sh"

/* Fills M's status, err, text and hint. ERR (positive) is what execve() said in the end; where
 * the file itself shows the cause, that is told instead. */
void explain_exec(struct wire_message *m, const char *command, char *const envp[], int err);
