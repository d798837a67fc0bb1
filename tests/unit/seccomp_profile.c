/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_profile.c: custom profiles, good and bad, and the cache of what they compile to. */
#include "sandbox/seccomp/profile.h"

#include "bpf.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp/cache.h"
#include "tap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

#define ALLOW	   SCMP_ACT_ALLOW
#define KILL	   SCMP_ACT_KILL_PROCESS
#define ERRNO(err) SCMP_ACT_ERRNO(err)

#define PODMAN_PROFILE "/usr/share/containers/seccomp.json"

/* As Docker writes them: all that this project reads stands here somewhere. */
static const char docker_profile[] =
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"archMap\": [\n"
	"  {\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\"]},\n"
	"  {\"architecture\": \"SCMP_ARCH_LOONGARCH64\", \"subArchitectures\": null}],\n"
	" \"syscalls\": [\n"
	"  {\"names\": [\"read\", \"write\", \"getpid\", \"frobnicate\"],"
	"   \"action\": \"SCMP_ACT_ALLOW\", \"args\": null, \"comment\": \"\","
	"   \"includes\": {}, \"excludes\": {}},\n"
	"  {\"name\": \"personality\", \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
	"   {\"index\": 0, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_EQ\"}]},\n"
	"  {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
	"   {\"index\": 0, \"value\": 2114060288, \"valueTwo\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\"}],"
	"   \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"arches\": [\"s390\", \"s390x\"]}},\n"
	"  {\"names\": [\"mount\", \"clone\"], \"action\": \"SCMP_ACT_ALLOW\","
	"   \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},\n"
	"  {\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\","
	"   \"includes\": {\"minKernel\": \"4.8\"}},\n"
	"  {\"names\": [\"kcmp\"], \"action\": \"SCMP_ACT_ALLOW\","
	"   \"includes\": {\"minKernel\": \"99.0\"}},\n"
	"  {\"names\": [\"modify_ldt\"], \"action\": \"SCMP_ACT_ALLOW\","
	"   \"includes\": {\"arches\": [\"amd64\"]}},\n"
	"  {\"names\": [\"getppid\"], \"action\": \"SCMP_ACT_ALLOW\","
	"   \"includes\": {\"arches\": [\"s390\"]}},\n"
	"  {\"names\": [\"swapon\"], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EACCES\"},\n"
	"  {\"names\": [\"swapoff\"], \"action\": \"SCMP_ACT_ERRNO\"},\n"
	"  {\"names\": [\"acct\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},\n"
	"  {\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 77}\n"
	" ]}\n";

/* Two comparisons of one argument in one entry: either is enough. */
static const char either_profile[] =
	"{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"syscalls\": [{\"names\": [\"socket\"],"
	" \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
	"  {\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"},"
	"  {\"index\": 0, \"value\": 16, \"op\": \"SCMP_CMP_EQ\"}]}]}";

#define ONE_ENTRY(members) \
	"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{" members "}]}"
#define ONE_ARG(arg) \
	ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_KILL\", \"args\": [{" arg "}]")

static struct program_target target;

static int compile(const char *text, struct arena *a, struct plan_filter *ret_filter,
		   uint32_t *ret_unknown)
{
	fail_forget();
	return seccomp_profile_compile(text, strlen(text), &target, a, ret_filter, ret_unknown);
}

static uint32_t answer(const struct plan_filter *filter, uint32_t arch, int nr, uint64_t arg0)
{
	const struct seccomp_data data = {.nr = nr, .arch = arch, .args = {arg0}};

	return bpf_answer(filter, &data);
}

/* ---- good profiles ---------------------------------------------------------------------- */

#ifdef __x86_64__
/* clang-format off */
static const struct expected {
	int nr;
	uint64_t arg0;
	uint32_t want, with_admin;
} docker_answers[] = {
	{__NR_read,        0,           ALLOW,         ALLOW},
	{__NR_open,        0,           ERRNO(ENOSYS), ERRNO(ENOSYS)},
	{__NR_personality, UINT64_MAX,  ALLOW,         ALLOW},
	{__NR_personality, UINT32_MAX,  ERRNO(ENOSYS), ERRNO(ENOSYS)},
	{__NR_clone,       0x11,        ALLOW,         ALLOW},
	{__NR_clone,       0x10000011,  ERRNO(ENOSYS), ALLOW},
	{__NR_mount,       0,           ERRNO(ENOSYS), ALLOW},
	{__NR_ptrace,      0,           ALLOW,         ALLOW},
	{__NR_kcmp,        0,           ERRNO(ENOSYS), ERRNO(ENOSYS)},
	{__NR_modify_ldt,  0,           ALLOW,         ALLOW},
	{__NR_getppid,     0,           ERRNO(ENOSYS), ERRNO(ENOSYS)},
	{__NR_swapon,      0,           ERRNO(EACCES), ERRNO(EACCES)},
	{__NR_swapoff,     0,           ERRNO(EPERM),  ERRNO(EPERM)},
	{__NR_acct,        0,           KILL,          KILL},
	{__NR_bpf,         0,           SCMP_ACT_TRACE(77), SCMP_ACT_TRACE(77)},
	{0x40000000,       0,           KILL,          KILL},
};
/* clang-format on */

static void docker_test(void)
{
	struct plan_filter plain, admin;
	struct arena a = {0};
	uint32_t unknown = 0;

	check_int(compile(docker_profile, &a, &plain, &unknown), 0);
	check_int(unknown, 1);
	check_str(fail_text(), "");
	target.caps = CAP(SYS_ADMIN);
	check_int(compile(docker_profile, &a, &admin, &unknown), 0);
	target.caps = 0;
	for (size_t i = 0; i < ARRAY_SIZE(docker_answers); i++) {
		const struct expected *e = &docker_answers[i];

		check_that(answer(&plain, SCMP_ARCH_X86_64, e->nr, e->arg0) == e->want &&
				   answer(&admin, SCMP_ARCH_X86_64, e->nr, e->arg0) ==
					   e->with_admin,
			   "Docker's format: call %d with %#llx", e->nr,
			   (unsigned long long)e->arg0);
	}
	check_int(answer(&plain, SCMP_ARCH_X86, 20 /* getpid */, 0), ALLOW);
	check_int(answer(&plain, SCMP_ARCH_X86, 5 /* open */, 0), ERRNO(ENOSYS));
	check_int(answer(&plain, SCMP_ARCH_ARM, 20, 0), KILL);
	arena_done(&a);
}
#else
static void docker_test(void)
{
	tap_skip("Docker's format", "its answers are written down for x86_64");
}
#endif

static void comparisons_test(void)
{
	/* What an argument of 4, 5, 6 and 2^32 + 5 gets when it is compared with 5. */
	static const struct {
		const char *op;
		bool holds[4];
	} cases[] = {
		{"SCMP_CMP_NE", {true, false, true, true}},
		{"SCMP_CMP_LT", {true, false, false, false}},
		{"SCMP_CMP_LE", {true, true, false, false}},
		{"SCMP_CMP_EQ", {false, true, false, false}},
		{"SCMP_CMP_GE", {false, true, true, true}},
		{"SCMP_CMP_GT", {false, false, true, true}},
	};
	static const uint64_t values[] = {4, 5, 6, (UINT64_C(1) << 32) + 5};
	struct plan_filter filter;
	struct arena a = {0};
	uint32_t unknown;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text =
			arena_printf(&a, ONE_ARG("\"index\": 0, \"value\": 5, \"op\": \"%s\""),
				     cases[i].op);
		bool ok = compile(text, &a, &filter, &unknown) == 0;

		for (size_t k = 0; ok && k < ARRAY_SIZE(values); k++)
			ok = answer(&filter, target.arch, __NR_dup, values[k]) ==
			     (cases[i].holds[k] ? SCMP_ACT_KILL_THREAD : ALLOW);
		check_that(ok, "%s compares as its name says", cases[i].op);
	}
	arena_done(&a);
}

static void oci_test(void)
{
	struct plan_filter filter;
	struct arena a = {0};
	uint32_t unknown;

	check_int(compile("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", &a, &filter, &unknown), 0);
	check_int(answer(&filter, target.arch, __NR_mount, 0), ALLOW);
	check_int(compile("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EIO\","
			  " \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"]}",
			  &a, &filter, &unknown),
		  0);
	check_int(answer(&filter, target.arch, __NR_mount, 0), ERRNO(EIO));
	check_int(compile(either_profile, &a, &filter, &unknown), 0);
	check_int(answer(&filter, target.arch, __NR_socket, 1), ALLOW);
	check_int(answer(&filter, target.arch, __NR_socket, 16), ALLOW);
	check_int(answer(&filter, target.arch, __NR_socket, 2), KILL);
	/* An action that is the default's says nothing new. */
	check_int(compile(ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_ALLOW\""), &a,
			  &filter, &unknown),
		  0);
	check_int(answer(&filter, target.arch, __NR_dup, 0), ALLOW);
	arena_done(&a);
}

static void podman_test(void)
{
	struct plan_filter filter;
	struct arena a = {0};
	uint32_t unknown;
	char *data;
	size_t len;

	if (access(PODMAN_PROFILE, R_OK) < 0) {
		tap_skip(PODMAN_PROFILE, "podman's profile is not installed");
		arena_done(&a);
		return;
	}
	check_int(io_read_path(PODMAN_PROFILE, &a, PROFILE_SIZE_MAX, &data, &len), 0);
	check_int(compile(data, &a, &filter, &unknown), 0);
	check_int(answer(&filter, target.arch, __NR_read, 0), ALLOW);
	check_int(answer(&filter, target.arch, __NR_kexec_load, 0), ERRNO(EPERM));
	check_int(answer(&filter, target.arch, 5000, 0), ERRNO(ENOSYS));
	arena_done(&a);
}

/* ---- bad profiles ----------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *text, *says;
} bad_profiles[] = {
	{"", "ends too early"},
	{"null", "not an object"},
	{"[]", "not an object"},
	{"{}", "defaultAction: missing"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\"} {}", "not JSON"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\n'x'}", "line 3"},
	{"{\"defaultAction\": \"\xff\"}", "not JSON"},
	{"{\"defaultAction\": 7}", "defaultAction: not of type string"},
	{"{\"defaultAction\": \"ALLOW\"}", "defaultAction: 'ALLOW' is not an action"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\\u0000X\"}", "NUL byte"},
	{"{\"defaultAction\": \"\\u001b[31m\"}", "'\\x1b[31m' is not an action"},
	{"{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "needs an agent"},
	{"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}", "defaultErrnoRet: 4096"},
	{"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": -1}", "defaultErrnoRet: -1"},
	{"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EFOO\"}", "'EFOO' is not an errno"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscals\": []}", "'syscals' is not a member"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": {}}", "syscalls: not of type array"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [7]}", "syscalls[0]: not an object"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [null]}", "syscalls[0]: not an object"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_VAX\"]}", "architectures[0]: 'SCMP_ARCH_VAX'"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_S390X\"]}", "architectures[0]: SCMP_ARCH_S390X can't"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"], \"archMap\": [{\"architecture\": \"SCMP_ARCH_ARM\"}]}", "both architectures and archMap"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{\"architecture\": \"x\"}]}", "archMap[0]: architecture: 'x'"},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]}", "flags[0]: "},
	{ONE_ENTRY("\"names\": [\"dup\"]"), "syscalls[0]: action: missing"},
	{ONE_ENTRY("\"action\": \"SCMP_ACT_KILL\""), "needs one of names and name"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"name\": \"dup\", \"action\": \"SCMP_ACT_KILL\""), "needs one of names and name"},
	{ONE_ENTRY("\"names\": [\"dup\", 7], \"action\": \"SCMP_ACT_KILL\""), "syscalls[0]: names[1]: not of type string"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_NOTIFY\""), "syscalls[0]: action: SCMP_ACT_NOTIFY needs an agent"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_KILL\", \"arg\": []"), "syscalls[0]: 'arg' is not a member"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_KILL\", \"includes\": {\"caps\": [\"CAP_FLY\"]}"), "syscalls[0]: includes: caps[0]: 'CAP_FLY'"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_KILL\", \"excludes\": {\"arches\": [\"vax\"]}"), "excludes: arches[0]: 'vax'"},
	{ONE_ENTRY("\"names\": [\"dup\"], \"action\": \"SCMP_ACT_KILL\", \"includes\": {\"minKernel\": \"new\"}"), "includes: minKernel: 'new'"},
	{ONE_ARG("\"value\": 0, \"op\": \"SCMP_CMP_EQ\""), "syscalls[0]: args[0]: index: missing"},
	{ONE_ARG("\"index\": 6, \"value\": 0, \"op\": \"SCMP_CMP_EQ\""), "args[0]: index: 6"},
	{ONE_ARG("\"index\": 0, \"value\": 0, \"op\": \"==\""), "args[0]: op: '==' is not a comparison"},
	{ONE_ARG("\"index\": 0, \"value\": -1, \"op\": \"SCMP_CMP_EQ\""), "args[0]: value: -1"},
	{ONE_ARG("\"index\": 0, \"value\": 1e400, \"op\": \"SCMP_CMP_EQ\""), "value: not of type int"},
	{ONE_ARG("\"index\": 0, \"value\": 0.5, \"op\": \"SCMP_CMP_EQ\""), "value: not of type int"},
	{ONE_ARG("\"index\": 0, \"value\": \"0\", \"op\": \"SCMP_CMP_EQ\""), "value: not of type int"},
	{ONE_ARG("\"index\": 0, \"value\": 18446744073709551616, \"op\": \"SCMP_CMP_EQ\""), "line 1: a number is larger"},
	{ONE_ARG("\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}, {\"name\": \"dup\", \"action\": \"SCMP_ACT_TRAP\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\""), "syscalls[1]: name: contradicts an earlier entry"},
};
/* clang-format on */

static void bad_test(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_profiles); i++) {
		struct plan_filter filter;
		struct arena a = {0};
		uint32_t unknown;
		int r = compile(bad_profiles[i].text, &a, &filter, &unknown);

		if (!check_that(r < 0 && strstr(fail_text(), bad_profiles[i].says),
				"refused: %s", bad_profiles[i].says))
			printf("# got %d, '%s'\n", r, fail_text());
		arena_done(&a);
	}
}

static void truncated_test(void)
{
	size_t len = strrchr(docker_profile, '}') - docker_profile, accepted = 0;

	for (size_t n = 0; n <= len; n++) {
		struct plan_filter filter;
		struct arena a = {0};
		uint32_t unknown;
		char *text = arena_strndup(&a, docker_profile, n);

		accepted +=
			seccomp_profile_compile(text, n, &target, &a, &filter, &unknown) >= 0;
		arena_done(&a);
	}
	check_that(accepted == 0, "a profile cut off anywhere is refused");
}

/* COUNT times PART between HEAD and TAIL. */
static char *repeat(struct arena *a, const char *head, const char *part, size_t count,
		    const char *tail)
{
	size_t head_len = strlen(head), part_len = strlen(part), tail_len = strlen(tail);
	char *text = arena_alloc(a, head_len + count * part_len + tail_len + 1), *p = text;

	memcpy(p, head, head_len);
	p += head_len;
	for (size_t i = 0; i < count; i++, p += part_len)
		memcpy(p, part, part_len);
	memcpy(p, tail, tail_len);
	return text;
}

static void big_test(void)
{
	struct plan_filter filter;
	struct arena a = {0};
	uint32_t unknown = 0;
	char *text;

	text = repeat(&a, "{\"defaultAction\": ", "[", 100000, "");
	check_that(compile(text, &a, &filter, &unknown) < 0 && strstr(fail_text(), "not JSON"),
		   "100,000 brackets are refused");
	text = repeat(&a, "{\"defaultAction\": \"", "A", 65536, "\"}");
	check_that(compile(text, &a, &filter, &unknown) < 0 && strlen(fail_text()) < 200,
		   "a word of 64 KiB is refused in a short sentence");
	text = repeat(&a,
		      "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"action\": "
		      "\"SCMP_ACT_KILL\", \"name\": \"",
		      "a", 65536, "\"}]}");
	check_int(compile(text, &a, &filter, &unknown), 0);
	check_int(unknown, 1);
	text = repeat(&a,
		      "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"action\": "
		      "\"SCMP_ACT_KILL\", \"names\": [\"dup\"",
		      ",\"dup\"", 100000, "]}]}");
	check_that(compile(text, &a, &filter, &unknown) == -E2BIG, "100,000 rules are refused");
	arena_done(&a);
}

/* What libseccomp would think about for hours is refused, what any real profile has is not. */
static void joined_test(void)
{
	static const char head[] =
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"read\"], "
		"\"action\": \"SCMP_ACT_ALLOW\"}";
	static const char two[] =
		", {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
		"{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_GE\"}, "
		"{\"index\": 1, \"value\": 2, \"op\": \"SCMP_CMP_NE\"}]}";
	struct plan_filter filter;
	struct arena a = {0};
	uint32_t unknown = 0;

	check_int(compile(repeat(&a, head, two, 32, "]}"), &a, &filter, &unknown), 0);
	check_int(compile(repeat(&a, head, two, 33, "]}"), &a, &filter, &unknown), -E2BIG);
	check_that(strstr(fail_text(), "syscalls[33]: names[0]: too many comparisons") &&
			   *fail_hint_text(),
		   "with '%s'", fail_text());
	arena_done(&a);
}

/* ---- files and the cache ---------------------------------------------------------------- */

struct place {
	char folder[32]; /* holds the profile and, in "cache", the cache */
	char *profile;
	struct arena arena;
};

static void file_write(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		printf("# can't write %s\n", path);
}

static void plan_start(struct plan *p, const char *profile)
{
	plan_init(p);
	p->ids.map = PLAN_MAP_SUBIDS;
	p->seccomp = profile;
	p->caps.bounding = target.caps;
}

/* How many instructions seccomp_choose() comes to, or its error. */
static int chosen_length(const char *profile)
{
	struct plan p;
	int r;

	fail_forget();
	plan_start(&p, profile);
	r = seccomp_choose(&p);
	if (r == 0)
		r = p.filters[0].n;
	plan_done(&p);
	return r;
}

static void files_test(struct place *place)
{
	char *fifo = arena_printf(&place->arena, "%s/fifo", place->folder);
	char *large = arena_printf(&place->arena, "%s/large", place->folder);
	struct plan p;

	check_int(chosen_length("/nowhere/profile.json"), -ENOENT);
	check_that(strstr(fail_text(), "/nowhere/profile.json") != NULL, "and named");
	check_int(chosen_length(place->folder), -EINVAL);
	check_int(mkfifo(fifo, 0600), 0);
	check_int(chosen_length(fifo), -EINVAL);
	file_write(large, "");
	check_int(truncate(large, PROFILE_SIZE_MAX + 1), 0);
	check_int(chosen_length(large), -EFBIG);
	check_int(truncate(large, 10), 0);
	check_int(chosen_length(large), -EINVAL);
	check_that(strstr(fail_text(), large) != NULL, "a bad profile is named: %s",
		   fail_text());

	for (int i = 0; i < 2; i++) {
		plan_start(&p, place->profile);
		check_int(seccomp_choose(&p), 0);
		check_that(p.notes.n == 1 && strstr(p.notes.v[0], "left out: 1"),
			   "the unknown name is noted, %s", i ? "from the cache" : "compiled");
		plan_done(&p);
	}
}

/* The key of PLACE's profile, and the path of its file in the cache. */
static struct cache_key place_key(struct place *place, char **ret_path)
{
	char *folder = arena_printf(&place->arena, "%s/cache/sbx/seccomp", place->folder);
	struct cache_key key =
		cache_key_make(&place->arena, &target, docker_profile, strlen(docker_profile));
	autodir DIR *dir = opendir(folder);

	*ret_path = NULL;
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (e->d_name[0] != '.')
			*ret_path = arena_printf(&place->arena, "%s/%s", folder, e->d_name);
	return key;
}

static bool is_cached(const struct cache_key *key)
{
	struct cache_entry entry;
	struct arena a = {0};
	bool is = cache_load(key, &a, &entry);

	arena_done(&a);
	return is;
}

static void hit_test(struct place *place, const struct cache_key *key)
{
	static const struct sock_filter one[] = {BPF_STMT(BPF_RET | BPF_K, ALLOW)};
	const struct cache_entry planted = {.filter = {one, 1}};
	int compiled = chosen_length(place->profile);

	check_that(compiled > 20, "the profile compiles");
	check_that(is_cached(key), "its program is in the cache");
	cache_store(key, &place->arena, &planted);
	check_that(chosen_length(place->profile) == 1, "what is in the cache is taken");
	file_write(place->profile, docker_profile);
	check_that(chosen_length(place->profile) == 1, "by the profile's bytes, not its date");
}

static void length_test(struct place *place, const struct cache_key *key, const char *path)
{
	struct stat st = {0};

	check_int(stat(path, &st), 0);
	const off_t lengths[] = {0, 10, st.st_size - 1, st.st_size + 1};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		check_int(truncate(path, lengths[i]), 0);
		check_that(!is_cached(key) && chosen_length(place->profile) > 20 &&
				   is_cached(key),
			   "a length of %ld is noticed and mended", (long)lengths[i]);
	}
}

static void damage_test(struct place *place, const struct cache_key *key, const char *path)
{
	struct stat st;
	size_t ignored = 0, mended = 0, tries = 0;

	(void)unlink(path);
	(void)chosen_length(place->profile);
	check_int(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at += 31, tries++) {
		autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
		char byte = 0;

		if (pread(fd, &byte, 1, at) == 1) {
			byte ^= 0x10;
			(void)!pwrite(fd, &byte, 1, at);
		}
		ignored += !is_cached(key);
		mended += chosen_length(place->profile) > 20 && is_cached(key);
	}
	check_that(tries > 50 && ignored == tries, "%zu damaged bytes are each noticed", tries);
	check_that(mended == tries, "and mended");
}

static void owner_test(struct place *place, const struct cache_key *key, const char *path)
{
	char *folder = arena_printf(&place->arena, "%s/cache/sbx", place->folder);

	check(is_cached(key));
	(void)chmod(path, 0666);
	check_that(!is_cached(key), "a file that others can write is ignored");
	(void)chmod(path, 0600);
	(void)chmod(folder, 0777);
	check_that(!is_cached(key), "so is one in a folder that others can write");
	(void)chmod(folder, 0700);
	check(is_cached(key));
	if (geteuid() == 0) {
		(void)!chown(path, 1, 1);
		check_that(!is_cached(key), "so is another user's");
		(void)!chown(path, 0, 0);
	}
	(void)unlink(path);
	(void)!symlink("/dev/zero", path);
	check_that(!is_cached(key), "so is a symbolic link");
	check_that(chosen_length(place->profile) > 20 && is_cached(key), "which is replaced");
}

static void nowhere_test(struct place *place)
{
	(void)setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
	check_that(chosen_length(place->profile) > 20,
		   "a cache that can't be made is no error");
	(void)setenv("XDG_CACHE_HOME", "relative", 1);
	(void)setenv("HOME", place->folder, 1);
	check_that(chosen_length(place->profile) > 20 && access("relative", F_OK) < 0,
		   "a relative folder is ignored");
	check_that(access(arena_printf(&place->arena, "%s/.cache/sbx/seccomp", place->folder),
			  F_OK) == 0,
		   "the home folder has the cache then");
}

static void place_test(void)
{
	struct place place = {.folder = "/tmp/sbx-seccomp-XXXXXX"};
	struct cache_key key;
	char *path;

	if (!check(mkdtemp(place.folder) != NULL))
		return;
	place.profile = arena_printf(&place.arena, "%s/profile.json", place.folder);
	file_write(place.profile, docker_profile);
	(void)setenv("XDG_CACHE_HOME", arena_printf(&place.arena, "%s/cache", place.folder), 1);
	files_test(&place);
	key = place_key(&place, &path);
	check(path != NULL);
	if (path) {
		hit_test(&place, &key);
		damage_test(&place, &key, path);
		length_test(&place, &key, path);
		owner_test(&place, &key, path);
	}
	nowhere_test(&place);
	check_int(path_remove_tree(AT_FDCWD, place.folder), 0);
	arena_done(&place.arena);
}

int main(void)
{
	struct utsname name;

	target.arch = seccomp_arch_native();
	check(uname(&name) == 0 && profile_kernel_parse(name.release, &target.kernel) == 0);
	docker_test();
	comparisons_test();
	oci_test();
	podman_test();
	bad_test();
	truncated_test();
	big_test();
	joined_test();
	place_test();
	return tap_done();
}
