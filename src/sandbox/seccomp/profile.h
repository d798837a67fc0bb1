/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h: seccomp profiles in the OCI runtime-spec's and in Docker's JSON. */
#pragma once

#include "program.h"

/*
 * Understood are the runtime specification's linux.seccomp object and what Docker and podman
 * add to it: `archMap`, `name` beside `names`, `errno` beside `errnoRet`, and `includes` and
 * `excludes` by capability, architecture and kernel. As they do: names of calls that libseccomp
 * doesn't know are left out, and counted; an argument that is compared more than once in one
 * entry makes each of its comparisons a rule of its own. Beyond what they check: an unknown
 * member anywhere is an error, since a misspelt "args" would turn a narrow rule into a wide
 * one.
 *
 * A custom profile is taken as it is: the default one's guards (terminal injection, nested user
 * namespaces) are not added to it, nor to "unconfined". The caller's terminal never goes
 * inside, and the limit on user namespaces is set elsewhere.
 */

enum { PROFILE_SIZE_MAX = 1 << 20 };

/* DATA, of LEN bytes with a NUL behind, for TARGET. On success *RET_UNKNOWN is how many names
 * were left out. With a sentence on failure, that names the place in the profile. */
int seccomp_profile_compile(const char *data, size_t len, const struct program_target *target,
			    struct arena *a, struct plan_filter *ret_filter,
			    uint32_t *ret_unknown);

/* "6.1" out of a version that starts so, as major << 16 | minor; -EINVAL. */
int profile_kernel_parse(const char *version, uint32_t *ret_kernel);
