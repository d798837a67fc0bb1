/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c: seccomp profiles in the OCI runtime-spec's and in Docker's JSON. */
#include "profile.h"

#include "members.h"
#include "util/fail.h"
#include "util/scope.h"
#include "words.h"

enum {
	ARGS_MAX = 32, /* of one entry; the kernel has six */
	INDEX_MAX = 5,
	RULES_MAX = 4096, /* each needs an instruction, and the kernel takes no more */
	/* What joins one comparison to another, of all rules of one call: libseccomp's time and
	 * memory grow exponentially with it, and 60 can take seconds. podman's profile has one. */
	JOINED_MAX = 32,
	JOINED_CALLS_MAX = 512 /* more than there are */
};

/* A call that has rules of more than one comparison. */
struct joined {
	int nr;
	unsigned n;
};

/* A profile on its way into a filter. */
struct profile {
	const struct program_target *target;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	uint32_t n_rules, unknown;
	struct joined joined[JOINED_CALLS_MAX];
	unsigned n_joined;
};

/* The names of the three members that say an action. */
struct action_members {
	const char *action, *number, *name;
};

struct rule {
	uint32_t action;
	struct scmp_arg_cmp args[ARGS_MAX];
	unsigned n_args;
	bool is_any; /* an argument is compared twice: each comparison stands alone */
};

/* `includes` or `excludes`. */
struct condition {
	uint64_t caps;
	bool has_arches, is_our_arch;
	uint32_t kernel;
};

/* clang-format off */
static const struct member profile_members[] = {
	{"defaultAction",    json_type_string, true},
	{"defaultErrnoRet",  json_type_int,    false},
	{"defaultErrno",     json_type_string, false},
	{"architectures",    json_type_array,  false},
	{"archMap",          json_type_array,  false},
	{"flags",            json_type_array,  false},
	{"listenerPath",     json_type_string, false},
	{"listenerMetadata", json_type_string, false},
	{"syscalls",         json_type_array,  false},
	{"comment",          json_type_string, false},
};

static const struct member entry_members[] = {
	{"names",    json_type_array,  false},
	{"name",     json_type_string, false},
	{"action",   json_type_string, true},
	{"errnoRet", json_type_int,    false},
	{"errno",    json_type_string, false},
	{"args",     json_type_array,  false},
	{"includes", json_type_object, false},
	{"excludes", json_type_object, false},
	{"comment",  json_type_string, false},
};

static const struct member arg_members[] = {
	{"index",    json_type_int,    true},
	{"value",    json_type_int,    true},
	{"valueTwo", json_type_int,    false},
	{"op",       json_type_string, true},
};

static const struct member condition_members[] = {
	{"caps",      json_type_array,  false},
	{"arches",    json_type_array,  false},
	{"minKernel", json_type_string, false},
};

static const struct member arch_map_members[] = {
	{"architecture",     json_type_string, true},
	{"subArchitectures", json_type_array,  false},
};
/* clang-format on */

static const struct action_members default_words = {"defaultAction", "defaultErrnoRet",
						    "defaultErrno"};
static const struct action_members entry_words = {"action", "errnoRet", "errno"};

static int action_read(json_object *o, const struct action_members *words, uint32_t *ret_action)
{
	const char *text = "", *err_name = NULL;
	const struct word_action *word;
	uint64_t data = EPERM;
	int r = member_text(o, words->action, &text);

	if (r < 0)
		return r;
	word = word_action(text);
	if (!word)
		return fail_in(fail_word(text, "an action"), "%s", words->action);
	if (word->action == SCMP_ACT_NOTIFY) {
		r = fail(ENOTSUP, "%s: %s needs an agent that answers, and sbx has none",
			 words->action, word->name);
		return fail_hint(r, "use SCMP_ACT_ERRNO there, or SCMP_ACT_LOG to watch only");
	}
	*ret_action = word->action;
	if (word->data_max == 0)
		return 0;
	r = member_u64(o, words->number, word->data_max, &data);
	if (r == 0)
		r = member_text(o, words->name, &err_name);
	if (r < 0)
		return r;
	if (err_name) {
		r = word_errno(err_name);
		if (r < 0)
			return fail_in(fail_word(err_name, "an errno"), "%s", words->name);
		data = (uint64_t)r;
	}
	*ret_action |= (uint32_t)data;
	return 0;
}

static int arch_add(struct profile *p, json_object *list, size_t i)
{
	const char *name;
	const struct word_arch *word;
	int r = item_text(list, i, &name);

	if (r < 0)
		return r;
	word = word_arch(name);
	if (!word)
		return fail_word(name, "an architecture");
	if (!word->token)
		return fail(ENOTSUP, "%s is not known to this machine's libseccomp", name);
	r = seccomp_arch_add(p->ctx, word->token);
	/* It has no word for two byte orders but an argument out of its domain. */
	if (r == -EDOM || r == -EINVAL)
		return fail(EINVAL, "%s can't stand in one program with this machine's own",
			    name);
	return r < 0 && r != -EEXIST ? fail(-r, "%s: %s", name, strerrordesc_np(-r)) : 0;
}

static int arches_add(struct profile *p, json_object *list, const char *place)
{
	for (size_t i = 0; i < items_count(list); i++) {
		int r = arch_add(p, list, i);

		if (r < 0)
			return fail_in(r, "%s[%zu]", place, i);
	}
	return 0;
}

/* An entry of archMap: counts where its architecture is this machine's. */
static int arch_map_entry_add(struct profile *p, json_object *entry)
{
	const struct word_arch *word;
	const char *name = "";
	int r = members_check(entry, arch_map_members, ARRAY_SIZE(arch_map_members));

	if (r == 0)
		r = member_text(entry, "architecture", &name);
	if (r < 0)
		return r;
	word = word_arch(name);
	if (!word)
		return fail_in(fail_word(name, "an architecture"), "architecture");
	if (word->token != p->target->arch)
		return 0;
	return arches_add(p, member_get(entry, "subArchitectures"), "subArchitectures");
}

static int arches_read(struct profile *p, json_object *o)
{
	json_object *list = member_get(o, "architectures");
	json_object *map = member_get(o, "archMap");

	if (items_count(list) && items_count(map))
		return fail(EINVAL, "both architectures and archMap: one of them must go");
	for (size_t i = 0; i < items_count(map); i++) {
		int r = arch_map_entry_add(p, json_object_array_get_idx(map, i));

		if (r < 0)
			return fail_in(r, "archMap[%zu]", i);
	}
	return arches_add(p, list, "architectures");
}

/* TSYNC means threads, and the set-up has a single one. Others would change what the filter
 * does. */
static int flags_check(json_object *flags)
{
	for (size_t i = 0; i < items_count(flags); i++) {
		const char *flag;
		int r = item_text(flags, i, &flag);

		if (r == 0 && !streq(flag, "SECCOMP_FILTER_FLAG_TSYNC"))
			r = fail_hint(fail_word(flag, "a flag that sbx can set"),
				      "take it out of the profile's flags");
		if (r < 0)
			return fail_in(r, "flags[%zu]", i);
	}
	return 0;
}

int profile_kernel_parse(const char *version, uint32_t *ret_kernel)
{
	uint32_t part[2] = {0};
	const char *s = version;

	for (int i = 0; i < 2; i++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		for (; *s >= '0' && *s <= '9'; s++) {
			part[i] = part[i] * 10 + (uint32_t)(*s - '0');
			if (part[i] > UINT16_MAX)
				return -EINVAL;
		}
		if (i == 0 && *s++ != '.')
			return -EINVAL;
	}
	*ret_kernel = part[0] << 16 | part[1];
	return 0;
}

static int caps_read(json_object *list, uint64_t *ret_caps)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < items_count(list); i++) {
		const char *name;
		uint64_t some = 0;
		int r = item_text(list, i, &name);

		if (r == 0)
			r = caps_parse(name, &some);
		if (r < 0)
			return fail_in(r, "caps[%zu]", i);
		caps |= some;
	}
	*ret_caps = caps;
	return 0;
}

static int condition_arches_read(json_object *list, uint32_t arch, struct condition *c)
{
	for (size_t i = 0; i < items_count(list); i++) {
		const struct word_arch *word;
		const char *name;
		int r = item_text(list, i, &name);

		if (r < 0)
			return fail_in(r, "arches[%zu]", i);
		word = word_arch_go(name);
		if (!word)
			return fail_in(fail_word(name, "an architecture"), "arches[%zu]", i);
		c->has_arches = true;
		c->is_our_arch |= word->token == arch;
	}
	return 0;
}

static int condition_read(json_object *entry, const char *name, uint32_t arch,
			  struct condition *ret_condition)
{
	json_object *o = member_get(entry, name);
	const char *kernel = NULL;
	int r;

	if (!o)
		return 0;
	r = members_check(o, condition_members, ARRAY_SIZE(condition_members));
	if (r == 0)
		r = caps_read(member_get(o, "caps"), &ret_condition->caps);
	if (r == 0)
		r = condition_arches_read(member_get(o, "arches"), arch, ret_condition);
	if (r == 0)
		r = member_text(o, "minKernel", &kernel);
	if (r == 0 && kernel && kernel[0] &&
	    profile_kernel_parse(kernel, &ret_condition->kernel) < 0)
		r = fail_in(fail_word(kernel, "a version such as 4.8"), "minKernel");
	return r < 0 ? fail_in(r, "%s", name) : 0;
}

/* Whether the entry counts for the target: all that it includes, nothing that it excludes. */
static int entry_applies(json_object *entry, const struct program_target *t, bool *ret_applies)
{
	struct condition with = {0}, without = {0};
	int r = condition_read(entry, "includes", t->arch, &with);

	if (r == 0)
		r = condition_read(entry, "excludes", t->arch, &without);
	if (r < 0)
		return r;
	*ret_applies = !(with.caps & ~t->caps) && (!with.has_arches || with.is_our_arch) &&
		       with.kernel <= t->kernel && !(without.caps & t->caps) &&
		       !without.is_our_arch && (!without.kernel || without.kernel > t->kernel);
	return 0;
}

static int arg_read(json_object *o, struct scmp_arg_cmp *ret_arg)
{
	uint64_t index = 0, value = 0, value_two = 0;
	const struct word_op *word;
	const char *op = "";
	int r = members_check(o, arg_members, ARRAY_SIZE(arg_members));

	if (r == 0)
		r = member_u64(o, "index", INDEX_MAX, &index);
	if (r == 0)
		r = member_u64(o, "value", UINT64_MAX, &value);
	if (r == 0)
		r = member_u64(o, "valueTwo", UINT64_MAX, &value_two);
	if (r == 0)
		r = member_text(o, "op", &op);
	if (r < 0)
		return r;
	word = word_op(op);
	if (!word)
		return fail_in(fail_word(op, "a comparison"), "op");
	*ret_arg = (struct scmp_arg_cmp){(unsigned)index, word->op, value, value_two};
	return 0;
}

static int args_read(json_object *list, struct rule *rule)
{
	bool is_seen[INDEX_MAX + 1] = {0};
	size_t n = items_count(list);

	if (n > ARGS_MAX)
		return fail(E2BIG, "args: more than %d", ARGS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct scmp_arg_cmp *arg = &rule->args[i];
		int r = arg_read(json_object_array_get_idx(list, i), arg);

		if (r < 0)
			return fail_in(r, "args[%zu]", i);
		rule->is_any |= is_seen[arg->arg];
		is_seen[arg->arg] = true;
	}
	rule->n_args = (unsigned)n;
	return 0;
}

static int joined_count(struct profile *p, int nr, unsigned n)
{
	unsigned i = 0;

	while (i < p->n_joined && p->joined[i].nr != nr)
		i++;
	if (i == JOINED_CALLS_MAX)
		return fail(E2BIG, "more than %d calls with several comparisons", i);
	if (i == p->n_joined)
		p->joined[p->n_joined++] = (struct joined){.nr = nr};
	p->joined[i].n += n - 1;
	if (p->joined[i].n > JOINED_MAX)
		return fail_hint(fail(E2BIG, "too many comparisons of one call's arguments"),
				 "compare fewer arguments at once: all entries of one call "
				 "together may join %d comparisons to others",
				 JOINED_MAX);
	return 0;
}

static int rule_add_one(struct profile *p, uint32_t action, int nr, unsigned n,
			const struct scmp_arg_cmp *args)
{
	int r = n > 1 ? joined_count(p, nr, n) : 0;

	if (r < 0)
		return r;
	if (++p->n_rules > RULES_MAX)
		return fail(E2BIG, "more than %d rules", RULES_MAX);
	r = seccomp_rule_add_array(p->ctx, action, nr, n, args);
	if (r == -EEXIST)
		return fail(EEXIST, "contradicts an earlier entry");
	return r < 0 ? fail(-r, "add a rule: %s", strerrordesc_np(-r)) : 0;
}

static int rule_add(struct profile *p, const struct rule *rule, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);
	int r = 0;

	if (nr == __NR_SCMP_ERROR) {
		p->unknown++;
		return 0;
	}
	/* libseccomp takes no rule that says what is said without it. */
	if (rule->action == p->default_action)
		return 0;
	if (!rule->is_any)
		return rule_add_one(p, rule->action, nr, rule->n_args, rule->args);
	for (unsigned i = 0; i < rule->n_args && r == 0; i++)
		r = rule_add_one(p, rule->action, nr, 1, &rule->args[i]);
	return r;
}

/* Adds RULE for all names of the entry; with APPLIES false only reads them. */
static int names_add(struct profile *p, json_object *entry, const struct rule *rule,
		     bool applies)
{
	json_object *names = member_get(entry, "names");
	const char *name = NULL;
	int r = member_text(entry, "name", &name);

	if (r < 0)
		return r;
	if (!name == !names)
		return fail(EINVAL, "needs one of names and name");
	if (name) {
		r = applies ? rule_add(p, rule, name) : 0;
		return r < 0 ? fail_in(r, "name") : r;
	}
	for (size_t i = 0; i < items_count(names); i++) {
		r = item_text(names, i, &name);
		if (r == 0 && applies)
			r = rule_add(p, rule, name);
		if (r < 0)
			return fail_in(r, "names[%zu]", i);
	}
	return 0;
}

/* What doesn't apply is read all the same: a mistake shows on every machine. */
static int entry_add(struct profile *p, json_object *entry)
{
	struct rule rule = {0};
	bool applies = false;
	int r = members_check(entry, entry_members, ARRAY_SIZE(entry_members));

	if (r == 0)
		r = action_read(entry, &entry_words, &rule.action);
	if (r == 0)
		r = args_read(member_get(entry, "args"), &rule);
	if (r == 0)
		r = entry_applies(entry, p->target, &applies);
	return r < 0 ? r : names_add(p, entry, &rule, applies);
}

static int profile_fill(struct profile *p, json_object *o)
{
	json_object *entries = member_get(o, "syscalls");
	int r = arches_read(p, o);

	for (size_t i = 0; i < items_count(entries) && r == 0; i++) {
		r = entry_add(p, json_object_array_get_idx(entries, i));
		if (r < 0)
			return fail_in(r, "syscalls[%zu]", i);
	}
	return r;
}

int seccomp_profile_compile(const char *data, size_t len, const struct program_target *target,
			    struct arena *a, struct plan_filter *ret_filter,
			    uint32_t *ret_unknown)
{
	struct profile p = {.target = target};
	autofilter scmp_filter_ctx ctx = NULL;
	autojson json_object *o = NULL;
	int r = json_read(data, len, &o);

	if (r == 0)
		r = members_check(o, profile_members, ARRAY_SIZE(profile_members));
	if (r == 0)
		r = action_read(o, &default_words, &p.default_action);
	if (r == 0)
		r = flags_check(member_get(o, "flags"));
	if (r < 0)
		return r;
	p.ctx = ctx = program_begin(target->arch, p.default_action);
	if (!ctx)
		return fail(ENOMEM, "make a seccomp filter: out of memory");
	r = profile_fill(&p, o);
	if (r == 0)
		r = program_export(ctx, p.n_rules > 0, a, ret_filter);
	if (r == 0)
		*ret_unknown = p.unknown;
	return r;
}
