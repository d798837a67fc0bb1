/* SPDX-License-Identifier: Apache-2.0 */
/* changes_print.h: a list of changes, for people and scripts. */
#pragma once

#include "changes/changes.h"
#include "cli.h"

/* Lines "A /path", escaped. What a folder that is gone has held is said by that folder. */
void changes_print(const struct changes *c, FILE *out);
void changes_print_line(const struct change *change, FILE *out);
int changes_print_json(const struct changes *c, FILE *out);
int changes_print_stat(const struct changes *c, struct arena *a, FILE *out);

/* Names on stderr, for COMMAND, what would run with more rights than its caller's. */
void changes_note_rights(const struct changes_place *p, const struct changes *c,
			 const char *command);

/* The PATH operands behind NAME, absolute and clean. */
void changes_paths(const struct invocation *inv, struct strv *paths);
