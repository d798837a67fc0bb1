/* SPDX-License-Identifier: Apache-2.0 */
/* bwrap.c: bubblewrap's words as a bare plan, and what is wrong with them. */
#include "tap.h"

#include "bwrap/parse.h"
#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct plan plan;
static struct parse got;
static int command;

/* Parses WORDS, up to the first NULL. */
#define parse(...) parse_list((const char *[]){__VA_ARGS__, NULL})

static int parse_list(const char **words)
{
	int n = 0;

	while (words[n])
		n++;
	fail_forget();
	plan_done(&plan);
	plan_init(&plan);
	parse_init(&got, &plan);
	command = -1;
	return parse_words(&got, n, words, &command);
}

/* A descriptor that gives TEXT, LEN bytes. */
static int gives(const char *text, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
		printf("Bail out! no file for a test\n");
	return fd;
}

static const char *number(int n)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "%d", n);
	return text;
}

static const struct bare_op *op(size_t i)
{
	static const struct bare_op none = {.target = "none", .mode = -2};

	return i < plan.bare->n_ops ? &plan.bare->ops[i] : &none;
}

static void test_where_the_command_begins(void)
{
	check_int(parse("--dir", "/a", "ls", "--dir"), 0);
	check_int(command, 2);
	check_int(parse("--dir", "/a", "--", "--dir"), 0);
	check_int(command, 3);
	check_int(parse("ls"), 0);
	check_int(command, 0);
	check_int(parse("--dir", "--"), 0);
	check_str(op(0)->target, "--");
	check_int(parse(""), 0);
	check_int(command, 0);
}

static void test_order_is_kept(void)
{
	check_int(parse("--ro-bind", "/", "/", "--tmpfs", "/tmp", "--bind-try", "/a", "/b",
			"--symlink", "x", "/y"),
		  0);
	check_int(plan.bare->n_ops, 4);
	check_int(op(0)->kind, BARE_BIND);
	check_int(op(0)->attrs, SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV);
	check_int(op(1)->kind, BARE_TMPFS);
	check_int(op(1)->mode, 0755);
	check_str(plan.bare->sources[op(2)->first_source].path, "/a");
	check(plan.bare->sources[op(2)->first_source].may_lack);
	check_str(op(2)->target, "/b");
	check_str(op(3)->text, "x");
	check_int(parse("--dev-bind", "/dev", "/dev"), 0);
	check_int(op(0)->attrs, SYS_ATTR_NOSUID);
}

static void test_modifiers(void)
{
	check_int(parse("--perms", "0700", "--size", "4096", "--tmpfs", "/a", "--tmpfs", "/b"),
		  0);
	check_int(op(0)->mode, 0700);
	check_int(op(0)->size, 4096);
	check_int(op(1)->mode, 0755);
	check_int(op(1)->size, 0);
	check_int(parse("--perms", "0700", "--bind", "/", "/"), -EINVAL);
	check_str(fail_text(), "--perms must be followed by an option that creates a file");
	check_int(parse("--size", "1", "--dir", "/"), -EINVAL);
	check_str(fail_text(), "--size must be followed by --tmpfs");
	check_int(parse("--perms", "1", "--perms", "1"), -EINVAL);
	check_str(fail_text(), "--perms given twice for the same action");
	check_int(parse("--perms", "10000"), -EINVAL);
	check_int(parse("--perms", "8"), -EINVAL);
	check_int(parse("--perms", ""), -EINVAL);
	check_int(parse("--size", "0"), -EINVAL);
	check_int(parse("--size", "-1"), -EINVAL);
	check_int(parse("--size", "18446744073709551616"), -EINVAL);
	check_int(parse("--size", "9223372036854775809"), -ERANGE);
}

static void test_overlays(void)
{
	check_int(parse("--overlay-src", "/1", "--overlay-src", "/2", "--overlay", "/up",
			"/work", "/at", "--overlay-src", "/3", "--tmp-overlay", "/b"),
		  0);
	check_int(op(0)->n_sources, 4);
	check_str(plan.bare->sources[0].path, "/1");
	check_str(plan.bare->sources[2].path, "/up");
	check_str(plan.bare->sources[3].path, "/work");
	check_str(op(0)->target, "/at");
	check_int(op(0)->upper, BARE_UPPER_SOURCES);
	check_int(op(1)->first_source, 4);
	check_int(op(1)->n_sources, 1);
	check_int(parse("--tmp-overlay", "/b"), -EINVAL);
	check_str(fail_text(), "--tmp-overlay requires at least one --overlay-src");
	check_int(parse("--overlay-src", "/1", "true"), -EINVAL);
	check_int(parse("--overlay-src", "/1", "--dir", "/a"), -EINVAL);
}

static void test_what_is_refused(void)
{
	check_int(parse("--bindd", "/", "/"), -EINVAL);
	check_str(fail_text(), "Unknown option --bindd");
	check_int(parse("--bin", "/", "/"), -EINVAL);
	check_int(parse("--bind=/", "/"), -EINVAL);
	check_int(parse("-h"), -EINVAL);
	check_int(parse("-"), -EINVAL);
	check_int(parse("--overlay-src", "/1", "--overlay", "/", "/"), -EINVAL);
	check_str(fail_text(), "--overlay takes three arguments");
	check_int(parse("--bind", "/"), -EINVAL);
	check_str(fail_text(), "--bind takes two arguments");
	check_int(parse("--tmpfs"), -EINVAL);
	check_int(parse("--info-fd", "-1"), -EINVAL);
	check_str(fail_text(), "Invalid fd: -1");
	check_int(parse("--info-fd", "1x"), -EINVAL);
	check_int(parse("--info-fd", ""), -EINVAL);
	check_int(parse("--info-fd", "99999999999"), -EINVAL);
	check_int(parse("--uid", "-5"), -EINVAL);
	check_str(fail_text(), "Invalid uid: -5");
	check_int(parse("--setenv", "", "x"), -EINVAL);
	check_int(parse("--setenv", "a=b", "x"), -EINVAL);
	check_int(parse("--unsetenv", "a=b"), -EINVAL);
	check_int(parse("--argv0", "a", "--argv0", "b"), -EINVAL);
	check_int(parse("--cap-add", "CAP_NOTHING"), -EINVAL);
	check_str(fail_text(), "unknown cap: CAP_NOTHING");
}

static void test_environment(void)
{
	check_int(parse("--setenv", "A", "1", "--setenv", "B", "2", "--unsetenv", "A",
			"--setenv", "C", "x=y"),
		  0);
	check_int(plan.env.n, 2);
	check_str(plan.env.v[0], "B=2");
	check_str(plan.env.v[1], "C=x=y");
	check(plan.env.v[2] == NULL);
	check_int(parse("--setenv", "A", "1", "--clearenv"), 0);
	check_int(plan.env.n, 0);
	check(plan.env.v[0] == NULL);
	check_int(parse("--clearenv", "--unsetenv", "A"), 0);
}

static void test_args(void)
{
	static const char words[] = "--dir\0/a\0--\0ignored", bad[] = "--args\0003";
	static const char some[] = "--overlay-src\0/1";
	static char many[9001 * 2];

	check_int(parse("--args", number(gives(words, sizeof(words) - 1)), "--dir", "/b", "x"),
		  0);
	check_int(plan.bare->n_ops, 2);
	check_str(op(0)->target, "/a");
	check_str(op(1)->target, "/b");
	check_int(command, 4);
	check_int(parse("--args", number(gives(bad, sizeof(bad)))), -EINVAL);
	check_str(fail_text(), "--args not supported in arguments file");
	check_int(parse("--args", number(gives("", 0))), 0);
	check_int(parse("--args", number(gives(some, sizeof(some))), "x"), -EINVAL);
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? '\0' : 'x';
	check_int(parse("--args", number(gives(many, sizeof(many)))), -E2BIG);
	check_str(fail_text(), "Exceeded maximum number of arguments 9000");
}

static void test_filters(void)
{
	static const char code[16];

	check_int(parse("--seccomp", number(gives(code, 16))), 0);
	check_int(plan.bare->n_filters, 1);
	check_int(plan.bare->filters[0].n, 2);
	check_int(parse("--seccomp", number(gives(code, 12))), -EINVAL);
	check_str(fail_text(), "Invalid seccomp data, must be multiple of 8");
	check_int(parse("--seccomp", number(gives(code, 8)), "--add-seccomp-fd", "9"), -EINVAL);
	check_int(parse("--add-seccomp-fd", number(gives(code, 8)), "--seccomp", "9"), -EINVAL);
	check_int(parse("--seccomp", "987"), -EBADF);
}

static void test_capabilities(void)
{
	check_int(parse("--cap-add", "ALL", "--cap-drop", "cap_chown", "--cap-drop",
			"CAP_KILL"),
		  0);
	check_int(got.caps & 0x3f, 0x3f & ~(1 | 1 << 5));
	check(got.changes_caps);
	check_int(parse("--cap-drop", "ALL"), 0);
	check_int(got.caps, 0);
}

/* Every row of the table takes what it says, and its field is its own. */
static void test_table(void)
{
	for (const struct bwrap_option *o = bwrap_options; o->name; o++) {
		int n = bwrap_option_values(o);

		check_that(n <= BWRAP_VALUES_MAX && o->take && o->help,
			   "the row of --%s is whole", o->name);
		check_that(bwrap_option_find(o->name) == o, "--%s is there once", o->name);
	}
	check_int(parse("--unshare-all", "--share-net", "--new-session", "--die-with-parent",
			"--disable-userns", "--assert-userns-disabled", "--as-pid-1"),
		  0);
	check(got.pid && got.ipc && got.uts && got.user_try && got.cgroup_try && !got.net);
	check(plan.bare->is_session && plan.bare->is_tied && got.as_pid_1);
	check(plan.bare->forbids_userns && plan.bare->wants_no_userns);
	check_int(parse("--userns", "1", "--userns2", "2", "--pidns", "3", "--sync-fd", "4",
			"--block-fd", "5", "--userns-block-fd", "6", "--info-fd", "7",
			"--json-status-fd", "8"),
		  0);
	check_int(plan.bare->userns, 1);
	check_int(plan.bare->userns2, 2);
	check_int(plan.bare->pidns, 3);
	check_int(plan.bare->sync, 4);
	check_int(plan.bare->block, 5);
	check_int(plan.bare->userns_block, 6);
	check_int(plan.bare->info, 7);
	check_int(plan.bare->status, 8);
}

int main(void)
{
	plan_init(&plan);
	test_where_the_command_begins();
	test_order_is_kept();
	test_modifiers();
	test_overlays();
	test_what_is_refused();
	test_environment();
	test_args();
	test_filters();
	test_capabilities();
	test_table();
	plan_done(&plan);
	return tap_done();
}
