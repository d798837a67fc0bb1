/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: seccomp programs out of tables, through libseccomp. */
#include "program.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <linux/bpf_common.h>
#include <sys/mman.h>

enum { CALLS_MAX = 1024, CALL_NAME_MAX = 40 };

/* A table on its way into a filter. */
struct compilation {
	const struct table *table;
	const struct program_target *target;
	scmp_filter_ctx ctx;
	bool has_rules;
	/* By the call's number: */
	int rule_number[CALLS_MAX];  /* what libseccomp wants to be told */
	bool is_named[CALLS_MAX];    /* a row names it */
	bool is_compared[CALLS_MAX]; /* a row that compares arguments holds */
	bool is_decided[CALLS_MAX]; /* a row that compares none holds: later rows don't count */
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
		return fail(E2BIG,
			    "the seccomp program is longer than the %d instructions that "
			    "the kernel takes",
			    BPF_MAXINSNS);
	if (r < 0)
		return fail(-r, "read a memory file: %s", strerrordesc_np(-r));
	ret_filter->code = (const struct sock_filter *)(const void *)code;
	ret_filter->n = (unsigned short)(len / sizeof(struct sock_filter));
	return 0;
}

static int rule_add(struct compilation *c, uint32_t action, int nr, unsigned n,
		    const struct scmp_arg_cmp *args)
{
	int r = seccomp_rule_add_array(c->ctx, action, c->rule_number[nr], n, args);

	if (r < 0) {
		autofree char *name = seccomp_syscall_resolve_num_arch(c->target->arch, nr);

		return fail(-r, "add a seccomp rule for %s: %s", name ? name : "?",
			    strerrordesc_np(-r));
	}
	c->has_rules = true;
	return 0;
}

/* What is answered where no argument compared true. libseccomp drops the comparisons when a
 * rule without any comes after them, so this rule has one that is always true, on the last
 * argument, since libseccomp compares the arguments in their order. */
static int call_decide(struct compilation *c, int nr, uint32_t action)
{
	const struct scmp_arg_cmp always = SCMP_A5(SCMP_CMP_GE, 0);

	c->is_decided[nr] = true;
	if (action == c->table->unnamed)
		return 0;
	return rule_add(c, action, nr, c->is_compared[nr] ? 1 : 0, &always);
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
	c->is_named[nr] = true;
	c->rule_number[nr] = seccomp_syscall_resolve_name(name);
	if (c->is_decided[nr] || !row_holds(row, c->target))
		return 0;
	if (row->n_args == 0)
		return call_decide(c, nr, row->action);
	c->is_compared[nr] = true;
	return rule_add(c, row->action, nr, row->n_args, row->args);
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

int program_from_table(const struct table *table, const struct program_target *target,
		       struct arena *a, struct plan_filter *ret_filter)
{
	autofilter scmp_filter_ctx ctx = program_begin(target->arch, table->unnamed);
	struct compilation c = {.table = table, .target = target, .ctx = ctx};
	int r;

	if (!ctx)
		return fail(ENOMEM, "make a seccomp filter: out of memory");
	for (size_t i = 0; i < table->n; i++) {
		r = row_add(&c, &table->rows[i]);
		if (r < 0)
			return r;
	}
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		if (!c.is_named[nr] || c.is_decided[nr])
			continue;
		r = call_decide(&c, nr, table->unheld);
		if (r < 0)
			return r;
	}
	return program_export(ctx, c.has_rules, a, ret_filter);
}
