/* SPDX-License-Identifier: Apache-2.0 */
/* room.c: when to write again to who hasn't taken all. */
#include "room.h"

#include <linux/sock_diag.h>
#include <stdint.h>
#include <sys/socket.h>

bool room_is(int fd)
{
	enum { PART = 16 };
	uint32_t of[SK_MEMINFO_VARS];
	socklen_t len = sizeof(of);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, of, &len) == 0 &&
	       of[SK_MEMINFO_WMEM_QUEUED] <
		       of[SK_MEMINFO_SNDBUF] - of[SK_MEMINFO_SNDBUF] / PART;
}
