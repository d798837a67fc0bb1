/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.c: a seccomp profile. */
#include "fuzz.h"
#include "sandbox/seccomp/profile.h"
#include "unit/bpf.h"

#include <linux/audit.h>

enum { CALLS = 460 };

/* A program that the kernel takes: it always comes to an answer, and that is one of its actions. */
static bool is_action(uint32_t answer)
{
	switch (answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return true;
	default:
		return false;
	}
}

static void filter_check(const struct plan_filter *filter)
{
	static const uint64_t values[] = {0, 1, UINT32_MAX, UINT64_MAX, 1ULL << 32};
	struct seccomp_data call = {.arch = AUDIT_ARCH_X86_64};

	must(filter->n > 0 && filter->n <= BPF_MAXINSNS);
	for (call.nr = -1; call.nr < CALLS; call.nr++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			for (size_t k = 0; k < 6; k++)
				call.args[k] = values[i];
			must(is_action(bpf_answer(filter, &call)));
		}
	call.arch = AUDIT_ARCH_S390;
	must(is_action(bpf_answer(filter, &call)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct program_target target = {
		.arch = SCMP_ARCH_X86_64,
		.kernel = 6 << 16 | 1,
		.caps = 0xff,
	};
	SCOPE_END(arena_done) struct arena a = {0};
	autofree char *text = fuzz_bytes(data, size);
	struct plan_filter filter = {0};
	uint32_t unknown = 0;
	int r;

	fail_forget();
	r = seccomp_profile_compile(text, size, &target, &a, &filter, &unknown);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(filter.n == 0);
	} else {
		filter_check(&filter);
	}
	return 0;
}
