/* SPDX-License-Identifier: Apache-2.0 */
/* nosys.h: makes the kernel look like one that doesn't know some system calls yet. */
#pragma once

#include "util/sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

enum { NOSYS_CALLS_MAX = 64 };

/* From here on CALLS, N numbers of this machine's own architecture, answer ENOSYS to this
 * process and to all that it starts. Whoever may load a filter without giving up setuid
 * programs keeps them: newuidmap is one. */
static inline int nosys_load(const unsigned *calls, size_t n)
{
	struct sock_filter code[2 * NOSYS_CALLS_MAX + 2];
	unsigned short used = 0;
	int r;

	if (n > NOSYS_CALLS_MAX)
		return -E2BIG;
	code[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		code[used++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							    SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	r = sys_seccomp_load(code, used);
	if (r != -EACCES)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return sys_seccomp_load(code, used);
}
