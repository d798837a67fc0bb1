/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.c: id maps laid out from /etc/subuid and /etc/subgid, whatever stands in them. */
#include "sandbox/idmap.h"
#include "namespace.h"
#include "scratch.h"
#include "tap.h"
#include "util/fail.h"

#include <errno.h>

/* The caller, and a file system of the test's own on /etc. */
enum { ME = 1000 };
static int etc;

static void files_write(const char *uids, const char *gids)
{
	scratch_text(etc, "subuid", uids);
	scratch_text(etc, "subgid", gids);
}

/* A map as "INSIDE=OUTSIDE+COUNT ...". */
static const char *layout(const struct idmap *map, char text[512])
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < map->n && used < 500; i++)
		used += (size_t)snprintf(text + used, 512 - used, "%s%u=%u+%u", i ? " " : "",
					 map->extents[i].inside, map->extents[i].outside,
					 map->extents[i].count);
	return text;
}

struct row {
	const char *ranges; /* of both files */
	bool keep;
	const char *want; /* NULL: there is no range */
};

static void check_row(const struct row *row, const char *what)
{
	char got[512], shown[128];
	struct plan_ids ids;
	int r;

	files_write(row->ranges, row->ranges);
	fail_forget();
	r = sandbox_ids(PLAN_MAP_SUBIDS, row->keep, &ids);
	if (!what)
		what = str_escape(shown, sizeof(shown), row->ranges);
	if (!row->want) {
		check_that(r == -ENOENT && strstr(fail_text(), "has no range in /etc/subuid"),
			   "no range: %s", what);
		return;
	}
	if (!check_that(r == 0, "ranges: %s%s", what, row->keep ? ", own number kept" : "")) {
		printf("# %s\n", fail_text());
		return;
	}
	check_int(ids.map, PLAN_MAP_SUBIDS);
	check_str(layout(&ids.uids, got), row->want);
	check_str(layout(&ids.gids, got), row->want);
}

/* clang-format off */
static const struct row rows[] = {
	{"me:100000:65536\n", false, "0=1000+1 1=100000+65536"},
	{"me:100000:65536", false, "0=1000+1 1=100000+65536"},
	{"1000:100000:65536\n", false, "0=1000+1 1=100000+65536"},
	{"me:100000:1\n", false, "0=1000+1 1=100000+1"},
	{"other:1:5\nme:100000:10\nme2:7:7\n", false, "0=1000+1 1=100000+10"},
	/* Several. */
	{"me:100000:10\nother:5:5\n1000:300000:5\n", false, "0=1000+1 1=100000+10 11=300000+5"},
	{"me:300000:5\nme:100000:10\n", false, "0=1000+1 1=300000+5 6=100000+10"},
	{"me:100000:10\nme:100010:10\n", false, "0=1000+1 1=100000+10 11=100010+10"},
	/* Twice, or one in another: the kernel takes no id twice. */
	{"me:100000:10\nme:100000:10\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:10\n1000:100000:10\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:10\nme:100009:10\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:10\nme:99991:10\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:10\nme:99000:5000\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:10\nme:100003:2\n", false, "0=1000+1 1=100000+10"},
	/* The caller's own id has its place already, and host root has none. */
	{"me:500:1000\n", false, "0=1000+1 1=500+500 501=1001+499"},
	{"me:1000:1\nme:100000:10\n", false, "0=1000+1 1=100000+10"},
	{"me:1000:10\n", false, "0=1000+1 1=1001+9"},
	{"me:991:10\n", false, "0=1000+1 1=991+9"},
	{"me:0:10\n", false, "0=1000+1 1=1+9"},
	{"me:0:2000\n", false, "0=1000+1 1=1+999 1000=1001+999"},
	{"me:0:1\n", false, NULL},
	{"me:1000:1\n", false, NULL},
	/* As many as there are, and more. */
	{"me:100000:4294867295\n", false, "0=1000+1 1=100000+4294867295"},
	{"me:0:4294967295\n", false, "0=1000+1 1=1+999 1000=1001+4294966294"},
	{"me:100000:4294867296\n", false, NULL},
	{"me:4294967295:1\n", false, NULL},
	{"me:4294967296:1\n", false, NULL},
	{"me:100000:4294967296\n", false, NULL},
	{"me:100000:99999999999999999999\n", false, NULL},
	{"me:100000:0\n", false, NULL},
	/* The own number kept: below the end of the ranges, at their ends, and above. */
	{"me:100000:65536\n", true, "0=100000+1000 1000=1000+1 1001=101000+64536"},
	{"me:100000:1001\n", true, "0=100000+1000 1000=1000+1 1001=101000+1"},
	{"me:100000:1000\n", true, "0=100000+1000 1000=1000+1"},
	{"me:100000:999\n", true, "0=100000+999 1000=1000+1"},
	{"me:100000:10\n", true, "0=100000+10 1000=1000+1"},
	{"me:100000:600\nme:200000:600\n", true,
	 "0=100000+600 600=200000+400 1000=1000+1 1001=200400+200"},
	{"me:100000:1000\nme:200000:10\n", true, "0=100000+1000 1000=1000+1 1001=200000+10"},
	{"me:100000:600\nme:200000:100\n", true, "0=100000+600 600=200000+100 1000=1000+1"},
	{"me:500:1000\n", true, "0=500+500 500=1001+499 1000=1000+1"},
	/* Lines that are none. */
	{"", false, NULL},
	{"\n\n\n", false, NULL},
	{"me\nme:\nme::\nme:::\n", false, NULL},
	{"me:100000\nme:100000:\nme::65536\n", false, NULL},
	{"me:a:b\nme:100000:b\nme:a:65536\n", false, NULL},
	{"me:-1:65536\nme:100000:-1\nme:+1:+1\n", false, NULL},
	{" me:100000:65536\nme :100000:65536\nme: 100000:65536\nme:100000:65536 \n", false, NULL},
	{"#me:100000:65536\nme:100000:65536:\nme:100000:65536:x\n", false, NULL},
	{"me:0x100:65536\nme:1e5:65536\n", false, NULL},
	{"me:100000:65536\r\n", false, NULL},
	{"ME:100000:65536\nm:1:1\nmee:1:1\n01001:1:1\n", false, NULL},
	{"\xff\xfe:\x01:\x02\n:::::::\nme:100000:10\n", false, "0=1000+1 1=100000+10"},
	{"me:100000:0\nme:5:x\nme:200000:10\r\nme:100000:10", false, "0=1000+1 1=100000+10"},
};
/* clang-format on */

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i], NULL);
}

/* More ranges than a map has room for, behind FIRST: those that it has room for. */
static void check_many(const char *first, bool keep)
{
	enum { MANY = 1000, LINE = 32 };
	static char text[(MANY + 1) * LINE];
	size_t used = (size_t)snprintf(text, LINE, "%s", first);
	struct plan_ids ids;

	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(text + used, LINE, "me:%d:1\n", 100000 + 2 * i);
	files_write(text, text);
	check_int(sandbox_ids(PLAN_MAP_SUBIDS, keep, &ids), 0);
	check(ids.uids.n > 20 && ids.uids.n <= IDMAP_EXTENTS_MAX);
	check_int(idmap_inside(&ids.uids, ME), keep ? ME : 0);
}

static void test_many(void)
{
	check_many("", false);
	check_many("", true);
	/* Ranges that fall in two. */
	check_many("me:500:1000\n", false);
	check_many("me:500:1000\n", true);
	check_many("me:3000:1100\n", true);
}

static void test_large_files(void)
{
	SCOPE_END(arena_done) struct arena a = {0};
	static const char range[] = "\nme:100000:10\n";
	enum { MILLION = 1000000 };
	char *text = arena_alloc(&a, 10 * MILLION + 100);
	struct row row = {text, false, "0=1000+1 1=100000+10"};
	struct plan p;

	memset(text, 'x', 3 * MILLION);
	memcpy(text + 3 * MILLION, range, sizeof(range));
	check_row(&row, "behind a line of 3 MB");
	memset(text, ':', 3 * MILLION);
	check_row(&row, "behind 3 MB of colons");
	memset(text, '\n', 3 * MILLION);
	check_row(&row, "behind 3 million lines");
	memset(text, '9', 3 * MILLION);
	memcpy(text, "me:", 3);
	check_row(&row, "behind a number of 3 MB");

	memset(text, 'x', 10 * MILLION);
	memcpy(text + 10 * MILLION, range, sizeof(range));
	files_write(text, text);
	plan_init(&p);
	p.ids.map = PLAN_MAP_SUBIDS;
	check_int(idmap_decide(&p), -EFBIG);
	check_str(fail_text(), "'/etc/subuid' is larger than 4194304 bytes");
	check(*fail_hint_text());
	/* By default one id is better than none. */
	p.ids.map = PLAN_MAP_AUTO;
	check_int(idmap_decide(&p), 0);
	check_int(p.ids.map, PLAN_MAP_SELF);
	check(p.notes.n == 1 && strstr(p.notes.v[0], "is larger than"));
	check(!streq(p.notes.v[0] + strlen(p.notes.v[0]) - 2, ": "));
	plan_done(&p);
}

/* ---- without ranges, names, files ------------------------------------------------------- */

static void check_missing(const char *sentence, const char *hint)
{
	struct plan p;

	plan_init(&p);
	p.ids.map = PLAN_MAP_SUBIDS;
	check_int(idmap_decide(&p), -ENOENT);
	check_str(fail_text(), sentence);
	check_str(fail_hint_text(), hint);
	plan_done(&p);
}

static void test_missing(void)
{
	files_write("other:1:1\n", "me:100000:10\n");
	check_missing("'me' has no range in /etc/subuid",
		      "sudo usermod --add-subuids 100000-165535 me");
	files_write("me:100000:10\n", "other:1:1\n");
	check_missing("'me' has no range in /etc/subgid",
		      "sudo usermod --add-subgids 100000-165535 me");
	(void)unlinkat(etc, "subgid", 0);
	check_missing("'me' has no range in /etc/subgid",
		      "sudo usermod --add-subgids 100000-165535 me");
	(void)unlinkat(etc, "subuid", 0);
	check_missing(
		"'me' has no range in /etc/subuid",
		"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 me");

	/* The first range that is nobody's: behind the ranges of others, in a gap that is wide
	 * enough, and not across an account. */
	files_write("a:100000:65536\nb:400000:10\nc:165536:65536\n",
		    "a:100001:1\nb:165538:100000\n");
	check_missing(
		"'me' has no range in /etc/subuid",
		"sudo usermod --add-subuids 231072-296607 --add-subgids 100002-165537 me");
	files_write("a:100000:4294867295\n", "me:100000:10\n");
	check_missing(
		"'me' has no range in /etc/subuid",
		"no range is free: shorten another user's in /etc/subuid and /etc/subgid");
	scratch_text(etc, "passwd", "me:x:1000:1000::/:/bin/sh\nfar:x:150000:1::/:/bin/sh\n");
	files_write("", "me:100000:10\n");
	check_missing("'me' has no range in /etc/subuid",
		      "sudo usermod --add-subuids 150001-215536 me");

	/* A user that nobody has heard of, by number: usermod doesn't know them either. */
	scratch_text(etc, "passwd", "root:x:0:0::/root:/bin/sh\n");
	(void)unlinkat(etc, "subuid", 0);
	check_missing("'1000' has no range in /etc/subuid",
		      "echo 1000:100000:65536 | sudo tee -a /etc/subuid; "
		      "echo 1000:100010:65536 | sudo tee -a /etc/subgid");
	check_row(&(struct row){"1000:100000:10\n", false, "0=1000+1 1=100000+10"}, NULL);
	check_row(&(struct row){"me:100000:10\n", false, NULL}, NULL);
	scratch_text(etc, "passwd", "half:x\n:::\nme:x:1000:1000::/:/bin/sh");
	check_row(&(struct row){"me:100000:10\n", false, "0=1000+1 1=100000+10"}, NULL);
}

static void test_self(void)
{
	struct plan_ids ids;
	struct plan p;
	char got[512];

	check_int(sandbox_ids(PLAN_MAP_SELF, false, &ids), 0);
	check_str(layout(&ids.uids, got), "0=1000+1");
	check_str(layout(&ids.gids, got), "0=1000+1");
	check_int(sandbox_ids(PLAN_MAP_SELF, true, &ids), 0);
	check_str(layout(&ids.uids, got), "1000=1000+1");
	check_int(ids.map, PLAN_MAP_SELF);

	files_write("", "");
	plan_init(&p);
	check_int(idmap_decide(&p), 0);
	check_int(p.ids.map, PLAN_MAP_SELF);
	check_str(layout(&p.ids.uids, got), "0=1000+1");
	check(p.notes.n == 1 && strstr(p.notes.v[0], "usermod --add-subuids"));
	check_str(fail_text(), "");
	plan_done(&p);
}

static void test_lookups(void)
{
	struct plan_ids ids;

	files_write("me:100000:65536\n", "me:100000:65536\n");
	check_int(sandbox_ids(PLAN_MAP_SUBIDS, true, &ids), 0);
	check_int(idmap_inside(&ids.uids, ME), ME);
	check_int(idmap_outside(&ids.uids, ME), ME);
	check_int(idmap_outside(&ids.uids, 0), 100000);
	check_int(idmap_outside(&ids.uids, 1001), 101000);
	check_int(idmap_inside(&ids.uids, 101000), 1001);
	check_int(idmap_outside(&ids.uids, 65536), 165535);
	check_int(idmap_outside(&ids.uids, 65537), -1);
	check_int(idmap_inside(&ids.uids, 165536), -1);
	check_int(idmap_inside(&ids.uids, 0), -1);
	check_int(idmap_inside(&ids.uids, UINT32_MAX), -1);
	check_int(idmap_root(&ids.uids), 0);
	check_int(sandbox_ids(PLAN_MAP_SELF, true, &ids), 0);
	check_int(idmap_root(&ids.uids), ME);
}

/* ---- root -------------------------------------------------------------------------------- */

/* Root of a user namespace is a caller like any other. */
static void test_root_of_a_namespace(void)
{
	struct plan_ids ids;
	char got[512];

	scratch_text(etc, "passwd", "root:x:0:0::/root:/bin/sh\n");
	check_row(&(struct row){"root:100000:65536\n", false, "0=0+1 1=100000+65536"}, NULL);
	check_row(&(struct row){"root:0:65536\n", false, "0=0+1 1=1+65535"}, NULL);
	check_int(sandbox_ids(PLAN_MAP_SELF, false, &ids), 0);
	check_str(layout(&ids.uids, got), "0=0+1");
}

/* Real root isn't mapped. Without /proc uid 0 counts as that. */
static void test_real_root(void)
{
	static const struct row own[] = {
		{"root:100000:65536\n", false, "0=100000+65536"},
		{"0:100000:65536\n", true, "0=100000+65536"},
		{"root:0:65536\n", false, "0=1+65535"},
		{"root:0:1\n", false, NULL},
	};
	struct plan p;

	scratch_must(mount("tmpfs", "/proc", "tmpfs", 0, NULL), "/proc");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		check_row(&own[i], NULL);

	plan_init(&p);
	p.ids.map = PLAN_MAP_SELF;
	check_int(idmap_decide(&p), -EPERM);
	check_str(fail_text(), "the id map 'self' would make root of the host root inside");
	check(*fail_hint_text());
	/* Nor where there is no other. */
	files_write("", "");
	p.ids.map = PLAN_MAP_AUTO;
	check_int(idmap_decide(&p), -ENOENT);
	check_str(fail_text(), "'root' has no range in /etc/subuid");
	check_int((long long)p.notes.n, 0);
	plan_done(&p);
	(void)umount("/proc");
}

int main(void)
{
	if (namespace_enter(ME, ME) < 0 || mount("tmpfs", "/etc", "tmpfs", 0, NULL) < 0) {
		printf("1..0 # SKIP no user namespaces here\n");
		return 0;
	}
	etc = scratch_must(open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "/etc");
	scratch_text(etc, "passwd",
		     "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n");
	test_rows();
	test_many();
	test_large_files();
	test_missing();
	test_self();
	test_lookups();
	if (namespace_enter(0, 0) < 0) {
		tap_skip("root", "no user namespaces in user namespaces here");
	} else {
		test_root_of_a_namespace();
		test_real_root();
	}
	return tap_done();
}
