/* SPDX-License-Identifier: Apache-2.0 */
/* covers.h: what is sbx's own, which no sandbox may see or replace. */
#pragma once

#include "sandbox.h"

/* Decides p->covers for p->hidden and p->locked in all that is bound; refuses what is bound from
 * within them. Needs: the mounts in their order. */
int covers_decide(struct plan *p);

/* Refuses what could take them off. Needs: the capabilities. */
int covers_check(const struct plan *p);
