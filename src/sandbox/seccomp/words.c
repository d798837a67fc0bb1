/* SPDX-License-Identifier: Apache-2.0 */
/* words.c: the words of seccomp profiles, and what they mean to libseccomp. */
#include "words.h"

#include "util/scope.h"
#include "util/str.h"

/* Architectures that came with libseccomp 2.5.5 and 2.6. */
#ifndef SCMP_ARCH_LOONGARCH64
#define SCMP_ARCH_LOONGARCH64 0
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K 0
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH   0
#define SCMP_ARCH_SHEB 0
#endif

/* The kernel cuts errno to 4095 (MAX_ERRNO), and a tracer's message is 16 bits wide. */
enum { ERRNO_MAX = 4095, MESSAGE_MAX = 0xffff, ERRNO_NAMED_MAX = 133 };

/* clang-format off */
static const struct word_action actions[] = {
	{"SCMP_ACT_KILL",         SCMP_ACT_KILL_THREAD,  0},
	{"SCMP_ACT_KILL_THREAD",  SCMP_ACT_KILL_THREAD,  0},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, 0},
	{"SCMP_ACT_TRAP",         SCMP_ACT_TRAP,         0},
	{"SCMP_ACT_ERRNO",        SCMP_ACT_ERRNO(0),     ERRNO_MAX},
	{"SCMP_ACT_TRACE",        SCMP_ACT_TRACE(0),     MESSAGE_MAX},
	{"SCMP_ACT_LOG",          SCMP_ACT_LOG,          0},
	{"SCMP_ACT_ALLOW",        SCMP_ACT_ALLOW,        0},
	{"SCMP_ACT_NOTIFY",       SCMP_ACT_NOTIFY,       0},
};

static const struct word_op ops[] = {
	{"SCMP_CMP_NE",        SCMP_CMP_NE},
	{"SCMP_CMP_LT",        SCMP_CMP_LT},
	{"SCMP_CMP_LE",        SCMP_CMP_LE},
	{"SCMP_CMP_EQ",        SCMP_CMP_EQ},
	{"SCMP_CMP_GE",        SCMP_CMP_GE},
	{"SCMP_CMP_GT",        SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static const struct word_arch arches[] = {
	{"SCMP_ARCH_X86",         "x86",         SCMP_ARCH_X86},
	{"SCMP_ARCH_X86_64",      "amd64",       SCMP_ARCH_X86_64},
	{"SCMP_ARCH_X32",         "x32",         SCMP_ARCH_X32},
	{"SCMP_ARCH_ARM",         "arm",         SCMP_ARCH_ARM},
	{"SCMP_ARCH_AARCH64",     "arm64",       SCMP_ARCH_AARCH64},
	{"SCMP_ARCH_LOONGARCH64", "loong64",     SCMP_ARCH_LOONGARCH64},
	{"SCMP_ARCH_M68K",        "m68k",        SCMP_ARCH_M68K},
	{"SCMP_ARCH_MIPS",        "mips",        SCMP_ARCH_MIPS},
	{"SCMP_ARCH_MIPS64",      "mips64",      SCMP_ARCH_MIPS64},
	{"SCMP_ARCH_MIPS64N32",   "mips64n32",   SCMP_ARCH_MIPS64N32},
	{"SCMP_ARCH_MIPSEL",      "mipsel",      SCMP_ARCH_MIPSEL},
	{"SCMP_ARCH_MIPSEL64",    "mipsel64",    SCMP_ARCH_MIPSEL64},
	{"SCMP_ARCH_MIPSEL64N32", "mipsel64n32", SCMP_ARCH_MIPSEL64N32},
	{"SCMP_ARCH_PARISC",      "parisc",      SCMP_ARCH_PARISC},
	{"SCMP_ARCH_PARISC64",    "parisc64",    SCMP_ARCH_PARISC64},
	{"SCMP_ARCH_PPC",         "ppc",         SCMP_ARCH_PPC},
	{"SCMP_ARCH_PPC64",       "ppc64",       SCMP_ARCH_PPC64},
	{"SCMP_ARCH_PPC64LE",     "ppc64le",     SCMP_ARCH_PPC64LE},
	{"SCMP_ARCH_RISCV64",     "riscv64",     SCMP_ARCH_RISCV64},
	{"SCMP_ARCH_S390",        "s390",        SCMP_ARCH_S390},
	{"SCMP_ARCH_S390X",       "s390x",       SCMP_ARCH_S390X},
	{"SCMP_ARCH_SH",          "sh",          SCMP_ARCH_SH},
	{"SCMP_ARCH_SHEB",        "sheb",        SCMP_ARCH_SHEB},
};
/* clang-format on */

const struct word_action *word_action(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (streq(actions[i].name, name))
			return &actions[i];
	return NULL;
}

const struct word_op *word_op(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (streq(ops[i].name, name))
			return &ops[i];
	return NULL;
}

const struct word_arch *word_arch(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (streq(arches[i].name, name))
			return &arches[i];
	return NULL;
}

const struct word_arch *word_arch_go(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (streq(arches[i].go_name, name))
			return &arches[i];
	return NULL;
}

int word_errno(const char *name)
{
	for (int err = 1; err <= ERRNO_NAMED_MAX; err++) {
		const char *known = strerrorname_np(err);

		if (known && streq(known, name))
			return err;
	}
	return -EINVAL;
}
