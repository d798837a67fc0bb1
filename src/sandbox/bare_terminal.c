/* SPDX-License-Identifier: Apache-2.0 */
/* bare_terminal.c: no typing on the caller's terminal. */
#include "bare.h"

#include "util/scope.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* A kernel runs programs of two architectures; ioctl's number is each's own. */
/* clang-format off */
#if defined(__x86_64__)
#define NATIVE      AUDIT_ARCH_X86_64
#define OTHER       AUDIT_ARCH_I386
#define OTHER_IOCTL 54
#define X32_IOCTL   0x40000202
#elif defined(__aarch64__)
#define NATIVE      AUDIT_ARCH_AARCH64
#define OTHER       AUDIT_ARCH_ARM
#define OTHER_IOCTL 54
#define X32_IOCTL   -1
#elif defined(__riscv)
#define NATIVE      AUDIT_ARCH_RISCV64
#define OTHER       AUDIT_ARCH_RISCV32
#define OTHER_IOCTL 29
#define X32_IOCTL   -1
#else
#error "which numbers has ioctl on this architecture?"
#endif
/* clang-format on */

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { LOW_HALF = 4 };
#else
enum { LOW_HALF = 0 };
#endif

/* clang-format off */
#define LOAD(field)           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(k, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(k), yes, no)

/* The kernel looks at the low half of the request alone, and so do we (CVE-2019-10063). */
static const struct sock_filter no_typing[] = {
	LOAD(arch),
	IF_EQUAL(NATIVE, 0, 3),
	LOAD(nr),
	IF_EQUAL(SYS_ioctl, 4, 0),
	IF_EQUAL(X32_IOCTL, 3, 6),
	IF_EQUAL(OTHER, 0, 5),
	LOAD(nr),
	IF_EQUAL(OTHER_IOCTL, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + LOW_HALF),
	IF_EQUAL(TIOCSTI, 2, 0),
	IF_EQUAL(TIOCLINUX, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};
/* clang-format on */

void bare_terminal_filter(struct plan *p)
{
	struct bare *b = p->bare;
	struct plan_filter last;

	bare_add_filter(p, no_typing, ARRAY_SIZE(no_typing));
	/* Before the caller's, which may forbid to load another. */
	last = b->filters[b->n_filters - 1];
	memmove(b->filters + 1, b->filters, (b->n_filters - 1) * sizeof(last));
	b->filters[0] = last;
}
