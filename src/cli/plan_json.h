/* SPDX-License-Identifier: Apache-2.0 */
/* plan_json.h: a plan as JSON, for scripts. */
#pragma once

#include "sandbox/sandbox.h"

#include <stdio.h>

/* Prints the frozen plan P, to which PROFILES have led, on OUT. */
int plan_json(const struct plan *p, const struct strv *profiles, FILE *out);
