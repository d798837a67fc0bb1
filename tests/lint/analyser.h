/* SPDX-License-Identifier: Apache-2.0 */
/* analyser.h: what clang-tidy can't see in another file: that what fails is negative. */
#pragma once

/* tidy.sh includes this before anything else; the macros take effect behind the declarations.
 */
#include "../../src/util/fail.h"

#define fail(err, ...)	  (fail((err), __VA_ARGS__), -(err))
#define fail_sys(...)	  (fail_sys(__VA_ARGS__), -1)
#define fail_in(r, ...)	  (fail_in((r), __VA_ARGS__), (r))
#define fail_hint(r, ...) (fail_hint((r), __VA_ARGS__), (r))
