/* SPDX-License-Identifier: Apache-2.0 */
/* patch.h: a list of changes as a unified diff. */
#pragma once

#include "changes/changes.h"

/* Prints what `git apply` and `patch -p1` take: text files and symbolic links whole, of others
 * that they differ. Exact, but on a terminal, where control characters are escaped. */
int patch_print(const struct changes_place *p, const struct changes *c, FILE *out);
