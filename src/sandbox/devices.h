/* SPDX-License-Identifier: Apache-2.0 */
/* devices.h: device files that are bound, and who may open them. */
#pragma once

#include "sandbox.h"

/* Notes each device among P's mounts that nobody inside can open. Needs: p->ids decided. */
void devices_note(struct plan *p);
