/* SPDX-License-Identifier: Apache-2.0 */
/* gen.c: writes the default seccomp programs as C, at build time. */
#include "builtin.h"
#include "program.h"
#include "util/fail.h"
#include "util/scope.h"

#include <stdio.h>

/*
 * gen ARCH, with an architecture's name as libseccomp has it, prints builtin.c for that
 * architecture. It runs on the machine that builds, so a cross build gets its programs from
 * here too, as long as both machines have the same byte order: a program is exported in its
 * target's.
 */

struct job {
	const char *name;
	const struct table *table;
	uint64_t caps;
	bool nested;
};

/* clang-format off */
static const struct job jobs[BUILTIN_MAX] = {
	[BUILTIN_DEFAULT]   = {"BUILTIN_DEFAULT",   &table_default,   TABLE_BUILTIN_CAPS, false},
	[BUILTIN_NESTED]    = {"BUILTIN_NESTED",    &table_default,   TABLE_BUILTIN_CAPS, true},
	[BUILTIN_SINGLE_ID] = {"BUILTIN_SINGLE_ID", &table_single_id, 0,                  false},
};
/* clang-format on */

static void code_print(enum builtin which, const struct plan_filter *filter)
{
	printf("\nstatic const struct sock_filter code_%d[] = {\n", which);
	for (size_t i = 0; i < filter->n; i++) {
		const struct sock_filter *f = &filter->code[i];

		printf("\t{0x%02x, %u, %u, 0x%08x},\n", f->code, f->jt, f->jf, f->k);
	}
	printf("};\n");
}

static int jobs_run(uint32_t arch, struct arena *a)
{
	struct plan_filter filters[BUILTIN_MAX];

	for (int i = 0; i < BUILTIN_MAX; i++) {
		const struct program_target target = {
			.arch = arch,
			.caps = jobs[i].caps,
			.nested = jobs[i].nested,
		};
		int r = program_from_table(jobs[i].table, &target, a, &filters[i]);

		if (r < 0)
			return fail_in(r, "%s", jobs[i].name);
	}
	printf("/* SPDX-License-Identifier: Apache-2.0 */\n"
	       "/* builtin.c: made by gen.c out of table.c; changes belong there. */\n"
	       "#include \"sandbox/seccomp/builtin.h\"\n");
	for (int i = 0; i < BUILTIN_MAX; i++)
		code_print((enum builtin)i, &filters[i]);
	printf("\nconst struct plan_filter builtin_filters[BUILTIN_MAX] = {\n");
	for (int i = 0; i < BUILTIN_MAX; i++)
		printf("\t[%s] = {code_%d, %u},\n", jobs[i].name, i, filters[i].n);
	printf("};\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct arena arena = {0};
	uint32_t arch = argc == 2 ? seccomp_arch_resolve_name(argv[1]) : 0;
	int r;

	if (!arch) {
		fprintf(stderr, "usage: %s ARCH (x86_64, aarch64, ...)\n", argv[0]);
		return 2;
	}
	r = jobs_run(arch, &arena);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[0], fail_text());
	arena_done(&arena);
	return r < 0 || fflush(stdout) != 0;
}
