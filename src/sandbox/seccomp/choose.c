/* SPDX-License-Identifier: Apache-2.0 */
/* choose.c: the programs of one sandbox. */
#include "builtin.h"
#include "cache.h"
#include "profile.h"
#include "sandbox/seccomp.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <assert.h>
#include <sys/utsname.h>

static void filter_add(struct plan *p, struct plan_filter filter)
{
	p->filters[p->n_filters++] = filter;
}

/* Copies what was compiled in an arena of its own. */
static void filter_keep(struct plan *p, struct plan_filter filter)
{
	size_t len = filter.n * sizeof(*filter.code);
	struct sock_filter *code = arena_alloc(&p->arena, len);

	assert(filter.code);
	memcpy(code, filter.code, len);
	filter_add(p, (struct plan_filter){.code = code, .n = filter.n});
}

static int target_init(const struct plan *p, struct program_target *ret_target)
{
	struct utsname name;
	uint32_t kernel;

	if (uname(&name) < 0 || profile_kernel_parse(name.release, &kernel) < 0)
		return fail(EINVAL, "the kernel doesn't say its version");
	*ret_target = (struct program_target){
		.arch = seccomp_arch_native(),
		.kernel = kernel,
		.caps = p->caps.bounding,
		.nested = p->nested,
	};
	return 0;
}

static int profile_compile(struct plan *p, struct arena *scratch,
			   const struct program_target *target, struct cache_entry *ret_entry)
{
	struct cache_key key;
	char *data;
	size_t len;
	int r = io_read_path(p->seccomp, scratch, PROFILE_SIZE_MAX, &data, &len);

	if (r < 0)
		return fail_in(r, "profile");
	key = cache_key_make(scratch, target, data, len);
	if (cache_load(&key, scratch, ret_entry))
		return 0;
	r = seccomp_profile_compile(data, len, target, scratch, &ret_entry->filter,
				    &ret_entry->unknown);
	if (r < 0)
		return fail_in(r, "profile '%s'", p->seccomp);
	cache_store(&key, scratch, ret_entry);
	return 0;
}

static int profile_choose(struct plan *p, struct arena *scratch)
{
	const struct scmp_version *version = seccomp_version();
	struct program_target target = {0};
	struct cache_entry entry = {0};
	int r = target_init(p, &target);

	if (r == 0)
		r = profile_compile(p, scratch, &target, &entry);
	if (r < 0)
		return r;
	filter_keep(p, entry.filter);
	if (entry.unknown)
		plan_note(
			p,
			"seccomp profile '%s': names of system calls that libseccomp %u.%u.%u doesn't know, left out: %u",
			p->seccomp, version->major, version->minor, version->micro,
			entry.unknown);
	return 0;
}

/* A capability that was taken away needs no program of its own: what its row allows is then
 * refused by the kernel. One that was added does. */
static bool builtin_serves(const struct plan *p)
{
	return !(p->caps.bounding & table_caps(&table_default) & ~TABLE_BUILTIN_CAPS);
}

static int default_choose(struct plan *p, struct arena *scratch)
{
	struct program_target target = {0};
	struct cache_entry entry = {0};
	struct cache_key key;
	char *source = NULL;
	size_t len = 0;
	int r;

	if (builtin_serves(p)) {
		filter_add(p, builtin_filters[p->nested ? BUILTIN_NESTED : BUILTIN_DEFAULT]);
		return 0;
	}
	r = target_init(p, &target);
	if (r == 0)
		r = table_text(&table_default, scratch, &source, &len);
	if (r < 0)
		return r;
	/* Only what rows ask for counts, so that more sandboxes share a program. */
	target.caps &= table_caps(&table_default);
	key = cache_key_make(scratch, &target, source, len);
	if (!cache_load(&key, scratch, &entry)) {
		r = program_from_table(&table_default, &target, scratch, &entry.filter);
		if (r < 0)
			return fail_in(r, "default profile");
		cache_store(&key, scratch, &entry);
	}
	filter_keep(p, entry.filter);
	return 0;
}

int seccomp_choose(struct plan *p)
{
	struct arena scratch = {0};
	int r = 0;

	p->n_filters = 0;
	/* First, because a custom profile may refuse the loading of another. The kernel runs
	 * all and takes the strictest answer; an error number, even 0, is stricter than to
	 * allow. It helps programs rather than hold them in, so "unconfined" leaves it on. */
	if (p->ids.map == PLAN_MAP_SELF && !p->ids.strict)
		filter_add(p, builtin_filters[BUILTIN_SINGLE_ID]);
	if (!p->seccomp)
		r = default_choose(p, &scratch);
	else if (!streq(p->seccomp, "unconfined"))
		r = profile_choose(p, &scratch);
	arena_done(&scratch);
	return r;
}
