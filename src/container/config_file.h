/* SPDX-License-Identifier: Apache-2.0 */
/* config_file.h: config.json of a kept sandbox. */
#pragma once

#include "container.h"

/* Writes what *C says into its folder. */
int config_write(const struct container *c);

/* Fills *C from its folder, strings in ARENA. -EINVAL where a key is missing or of another
 * kind. */
int config_read(struct container *c, struct arena *a);
