/* SPDX-License-Identifier: Apache-2.0 */
/* init.h: what start.c calls. */
#pragma once

enum { INIT_FAILED = 125 };

/* Does all of sbx-init's work; returns its exit status. ARGV is changed. */
int init_main(char **argv, char **envp);
