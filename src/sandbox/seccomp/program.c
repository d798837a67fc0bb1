/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: seccomp programs out of tables, through libseccomp. */
#include "program.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <linux/bpf_common.h>
#include <sys/mman.h>

enum { CALLS_MAX = 1024, CALL_NAME_MAX = 40 };

/* See table.h. */
enum sieve { SIEVE_COMPARED, SIEVE_ALLOWED, SIEVE_REST, SIEVE_MAX };

/* What a sieve answers to a call that it leaves to the next one. No table has this action. */
#define PASS SCMP_ACT_LOG

/* A table on its way into a filter. */
struct compilation {
	const struct table *table;
	const struct program_target *target;
	scmp_filter_ctx ctx[SIEVE_MAX];
	bool has_rules[SIEVE_MAX];
	/* By the call's number: */
	int rule_number[CALLS_MAX]; /* what libseccomp wants to be told */
	bool is_named[CALLS_MAX];   /* by any row */
	bool is_allowed[CALLS_MAX]; /* with all arguments: no call gets to the last sieve */
	uint32_t
		rest_action[CALLS_MAX]; /* in the last sieve; by default the table's `unheld` */
};

void program_scope_release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

scmp_filter_ctx program_begin(uint32_t arch, uint32_t default_action)
{
	autofilter scmp_filter_ctx ctx = NULL;
	int r;

	/* libseccomp asks the running kernel what it may generate, and what is generated here
	 * may run elsewhere. Level 3 is Linux 4.14. */
	(void)seccomp_api_set(3);
	ctx = seccomp_init(default_action);
	if (!ctx)
		return NULL;
	if (arch != seccomp_arch_native()) {
		r = seccomp_arch_add(ctx, arch);
		if (r == 0)
			r = seccomp_arch_remove(ctx, seccomp_arch_native());
		if (r < 0)
			return NULL;
	}
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
		return NULL;
	return take_ptr(ctx);
}

static int fail_too_long(void)
{
	return fail(
		E2BIG,
		"the seccomp program is longer than the %d instructions that the kernel takes",
		BPF_MAXINSNS);
}

int program_export(scmp_filter_ctx ctx, bool has_rules, struct arena *a,
		   struct plan_filter *ret_filter)
{
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	const size_t max = BPF_MAXINSNS * sizeof(struct sock_filter);
	char *code;
	size_t len;
	int r;

	if (fd < 0)
		return fail_sys("make a memory file");
	/* Level 2 is a binary tree over the numbers of the calls. Without a rule libseccomp up
	 * to 2.5.4 makes a broken one. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, has_rules ? 2 : 1);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return fail(-r, "generate a seccomp program: %s", strerrordesc_np(-r));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys("rewind a memory file");
	r = io_read_file(fd, a, max, &code, &len);
	if (r == -EFBIG)
		return fail_too_long();
	if (r < 0)
		return fail(-r, "read a memory file: %s", strerrordesc_np(-r));
	ret_filter->code = (const struct sock_filter *)(const void *)code;
	ret_filter->n = (unsigned short)(len / sizeof(struct sock_filter));
	return 0;
}

static int rule_add(struct compilation *c, enum sieve sieve, int nr, uint32_t action,
		    const struct table_row *row)
{
	int r = seccomp_rule_add_array(c->ctx[sieve], action, c->rule_number[nr],
				       row ? row->n_args : 0, row ? row->args : NULL);

	if (r < 0) {
		autofree char *name = seccomp_syscall_resolve_num_arch(c->target->arch, nr);

		return fail(-r, "add a seccomp rule for %s: %s", name ? name : "?",
			    strerrordesc_np(-r));
	}
	c->has_rules[sieve] = true;
	return 0;
}

static bool row_holds(const struct table_row *row, const struct program_target *target)
{
	if (!row->caps && !row->nested)
		return true;
	return (row->caps & target->caps) || (row->nested && target->nested);
}

static int call_add(struct compilation *c, const struct table_row *row, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(c->target->arch, name);

	if (nr == __NR_SCMP_ERROR && !row->newer)
		return fail(EINVAL, "'%s' is not a system call that libseccomp knows", name);
	/* Not a call of this architecture. */
	if (nr < 0)
		return 0;
	if (nr >= CALLS_MAX)
		return fail(ERANGE, "system call %s has the number %d", name, nr);
	if (!c->is_named[nr])
		c->rest_action[nr] = c->table->unheld;
	c->is_named[nr] = true;
	c->rule_number[nr] = seccomp_syscall_resolve_name(name);
	if (!row_holds(row, c->target))
		return 0;
	if (row->action == SCMP_ACT_ALLOW) {
		c->is_allowed[nr] |= row->n_args == 0;
		return rule_add(c, SIEVE_ALLOWED, nr, row->action, row);
	}
	if (row->n_args)
		return rule_add(c, SIEVE_COMPARED, nr, row->action, row);
	c->rest_action[nr] = row->action;
	return 0;
}

static int row_add(struct compilation *c, const struct table_row *row)
{
	for (const char *p = row->calls; *p;) {
		char name[CALL_NAME_MAX];
		size_t len = strcspn(p, " ");
		int r;

		if (len >= sizeof(name))
			return fail(EINVAL, "'%s' is too long for a system call", p);
		memcpy(name, p, len);
		name[len] = '\0';
		r = call_add(c, row, name);
		if (r < 0)
			return r;
		p += len + strspn(p + len, " ");
	}
	return 0;
}

static int table_add(struct compilation *c)
{
	int r = 0;

	for (size_t i = 0; i < c->table->n && r == 0; i++)
		r = row_add(c, &c->table->rows[i]);
	for (int nr = 0; nr < CALLS_MAX && r == 0; nr++)
		if (c->is_named[nr] && !c->is_allowed[nr] &&
		    c->rest_action[nr] != c->table->unnamed)
			r = rule_add(c, SIEVE_REST, nr, c->rest_action[nr], NULL);
	return r;
}

/* Appends the program NEXT to CODE: what returns PASS in CODE jumps there instead. */
static void program_chain(struct sock_filter *code, size_t *n, const struct plan_filter *next)
{
	for (size_t i = 0; i < *n; i++)
		if (code[i].code == (BPF_RET | BPF_K) && code[i].k == PASS)
			code[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
							       (uint32_t)(*n - i - 1));
	memcpy(code + *n, next->code, next->n * sizeof(*code));
	*n += next->n;
}

static int sieves_export(struct compilation *c, struct arena *a, struct plan_filter *ret_filter)
{
	struct plan_filter parts[SIEVE_MAX] = {0};
	struct sock_filter *code;
	size_t total = 0, n = 0;

	for (int i = 0; i < SIEVE_MAX; i++) {
		int r = 0;

		/* Without a rule the first two let everything pass. */
		if (c->has_rules[i] || i == SIEVE_REST)
			r = program_export(c->ctx[i], c->has_rules[i], a, &parts[i]);
		if (r < 0)
			return r;
		total += parts[i].n;
	}
	if (total > BPF_MAXINSNS)
		return fail_too_long();
	code = arena_alloc(a, total * sizeof(*code));
	for (int i = 0; i < SIEVE_MAX; i++)
		if (parts[i].n)
			program_chain(code, &n, &parts[i]);
	*ret_filter = (struct plan_filter){.code = code, .n = (unsigned short)n};
	return 0;
}

int program_from_table(const struct table *table, const struct program_target *target,
		       struct arena *a, struct plan_filter *ret_filter)
{
	autofilter scmp_filter_ctx compared = program_begin(target->arch, PASS);
	autofilter scmp_filter_ctx allowed = program_begin(target->arch, PASS);
	autofilter scmp_filter_ctx rest = program_begin(target->arch, table->unnamed);
	struct compilation c = {
		.table = table,
		.target = target,
		.ctx = {compared, allowed, rest},
	};
	int r;

	if (!compared || !allowed || !rest)
		return fail(ENOMEM, "make a seccomp filter: out of memory");
	r = table_add(&c);
	return r < 0 ? r : sieves_export(&c, a, ret_filter);
}
