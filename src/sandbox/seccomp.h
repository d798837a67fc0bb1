/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.h: which system calls a sandbox may make. */
#pragma once

#include "sandbox.h"

/* Fills p->filters for p->seccomp, p->caps, p->nested and p->ids (their final values). The
 * default program is a constant of the build; another one comes from a profile in the OCI or
 * Docker JSON format, compiled once and cached. With a sentence on failure. */
int seccomp_choose(struct plan *p);
