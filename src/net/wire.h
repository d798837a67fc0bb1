/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h: how the launcher starts sbx-net. */
#pragma once

/* Descriptors 0 and 1 are /dev/null, 2 takes complaints; then the tap, and a file that holds a struct
 * net_config. There are no arguments and no environment. */
enum { NET_TAP_FD = 3, NET_CONFIG_FD = 4 };
