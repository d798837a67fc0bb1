/* SPDX-License-Identifier: Apache-2.0 */
/* plan_json.h: a plan as JSON, for scripts. */
#pragma once

#include "options.h"

#include <stdio.h>

/* Prints the frozen plan P, to which PROFILES and OPTIONS have led, on OUT. */
int plan_json(const struct plan *p, const struct strv *profiles,
	      const struct enter_options *options, FILE *out);
