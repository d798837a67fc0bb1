/* SPDX-License-Identifier: Apache-2.0 */
/* hint.h: how to mend what went wrong in the set-up. */
#pragma once

/* The hint for a failure of STEP with the positive errno ERR, or NULL. */
const char *hint_for(const char *step, int err);
