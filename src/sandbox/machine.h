/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h: what this machine says of itself in /proc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number in /proc/sys/NAME, or -1 where there is none that can be read. */
int64_t machine_sysctl(const char *name);

/* Whether this is the host's own user namespace, and not one of a container or a sandbox. */
bool machine_is_host(void);

/* Whether a seccomp filter is on this process. */
bool machine_is_filtered(void);

/* Whether AppArmor takes the rights away that an unprivileged user namespace brings (Ubuntu). */
bool machine_has_apparmor_restriction(void);

/* The AppArmor profile that confines this process, as text for a terminal; false: none does. */
enum { MACHINE_PROFILE_MAX = 128 };
bool machine_apparmor_profile(char ret_name[MACHINE_PROFILE_MAX]);
