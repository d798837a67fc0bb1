/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_net.h: the checks of sbx doctor that are about networks. */
#pragma once

#include "sandbox/sandbox.h"

enum { DOCTOR_NET_CHECKS = 3 };

extern const struct doctor_check doctor_net_checks[DOCTOR_NET_CHECKS];
