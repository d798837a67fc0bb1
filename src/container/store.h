/* SPDX-License-Identifier: Apache-2.0 */
/* store.h: what the files of this room share about the store. */
#pragma once

#include <stdbool.h>

/* Whether NAME is that of a folder of ours: other names in the store are nobody's to remove. */
bool store_is_id(const char *name);

/* Removes from DIR what is there for an instant only, and is AGE seconds old: the new text of a file,
 * the folder in which the overlay is tried. Who made it was killed. */
void store_sweep_scraps(int dir, int age);
