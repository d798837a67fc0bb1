/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.h: what a seccomp program answers to a call, without making it. */
#pragma once

#include "sandbox/sandbox.h"

#include <linux/seccomp.h>
#include <string.h>

/* Those instructions of classic BPF that seccomp programs are made of. What would be wrong in
 * the kernel too (a jump behind the end, an unknown instruction) ends in UINT32_MAX. */
static inline uint32_t bpf_answer(const struct plan_filter *filter,
				  const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < filter->n; i++) {
		const struct sock_filter *f = &filter->code[i];
		bool is_true;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k > sizeof(*data) - sizeof(a))
				return UINT32_MAX;
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_JMP | BPF_JA:
			i += f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			is_true = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			is_true = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			is_true = a >= f->k;
			break;
		default:
			return UINT32_MAX;
		}
		i += is_true ? f->jt : f->jf;
	}
	return UINT32_MAX;
}
