/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h: what completion offers of a root filesystem. */
#pragma once

#include "util/str.h"

/*
 * The owner of the tree ROOT may be hostile: it is read through path.h only, and a name that a
 * terminal or one line can't hold is left out. What can't be read adds nothing. All add the
 * names that begin with PREFIX.
 */

/* Whether the line protocol of completion and a terminal can hold NAME. */
bool tree_is_printable(const char *name);

/* Programs in the folders that the default PATH names, each once. */
void tree_add_programs(int root, struct arena *a, const char *prefix, struct strv *names);

/* The first fields of FILE, a passwd or group file. */
void tree_add_accounts(int root, struct arena *a, const char *file, const char *prefix,
		       struct strv *names);

/* Absolute paths one step further than PREFIX; those of folders end in "/". */
void tree_add_paths(int root, struct arena *a, const char *prefix, bool only_folders,
		    struct strv *names);
