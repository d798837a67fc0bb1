/* SPDX-License-Identifier: Apache-2.0 */
/* fail.c: sentences, the context in front of them, and hints. */
#include "util/fail.h"
#include "tap.h"

#include <errno.h>

static void test_sentences(void)
{
	check_str(fail_text(), "");
	check_str(fail_hint_text(), "");
	check_int(fail(EINVAL, "'%s' is not a number", "x"), -EINVAL);
	check_str(fail_text(), "'x' is not a number");

	errno = ENOENT;
	check_int(fail_sys("open '%s'", "/a"), -ENOENT);
	check_str(fail_text(), "open '/a': No such file or directory");
	errno = 4000;
	check_int(fail_sys("try"), -4000);
	check_str(fail_text(), "try: unknown error");

	fail_forget();
	check_str(fail_text(), "");
	check_str(fail_hint_text(), "");
}

static void test_context(void)
{
	check_int(fail_in(fail(EPERM, "inner"), "middle %d", 1), -EPERM);
	check_int(fail_in(-EPERM, "outer"), -EPERM);
	check_str(fail_text(), "outer: middle 1: inner");

	/* Where nobody has said anything, the number has to do. */
	fail_forget();
	check_int(fail_in(-EACCES, "mounts"), -EACCES);
	check_str(fail_text(), "mounts: Permission denied");
	fail_forget();
	check_int(fail_in(-4000, "mounts"), -4000);
	check_str(fail_text(), "mounts: unknown error");
}

static void test_hints(void)
{
	int r = fail(ENOENT, "no range");

	check_int(fail_hint(r, "first %s", "hint"), -ENOENT);
	check_int(fail_hint(r, "second hint"), -ENOENT);
	check_str(fail_hint_text(), "first hint");
	/* Context leaves the hint, a new failure doesn't. */
	(void)fail_in(r, "map ids");
	check_str(fail_text(), "map ids: no range");
	check_str(fail_hint_text(), "first hint");
	(void)fail(EIO, "another");
	check_str(fail_hint_text(), "");
	(void)fail_hint(-EIO, "of the other");
	errno = EIO;
	(void)fail_sys("a third");
	check_str(fail_hint_text(), "");
}

static void test_truncation(void)
{
	char large[3 * FAIL_TEXT_MAX];
	int r;

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	r = fail(EINVAL, "%s", large);
	check_int(r, -EINVAL);
	check_int((long long)strlen(fail_text()), FAIL_TEXT_MAX - 1);
	r = fail_hint(r, "%s", large);
	check_int((long long)strlen(fail_hint_text()), FAIL_HINT_MAX - 1);

	/* The context comes first, what doesn't fit is the end. */
	r = fail_in(r, "context");
	check_int((long long)strlen(fail_text()), FAIL_TEXT_MAX - 1);
	check(strncmp(fail_text(), "context: xxx", 12) == 0);
	(void)fail_in(r, "%s", large);
	check_int((long long)strlen(fail_text()), FAIL_TEXT_MAX - 1);

	errno = EIO;
	(void)fail_sys("%s", large);
	check_int((long long)strlen(fail_text()), FAIL_TEXT_MAX - 1);
	errno = EIO;
	(void)fail_sys("%.*s", FAIL_TEXT_MAX - 4, large);
	check_str(fail_text() + FAIL_TEXT_MAX - 4, ": I");
}

static void test_saved(void)
{
	struct fail_saved saved, empty;

	fail_forget();
	fail_save(&empty);
	(void)fail_hint(fail(EIO, "the first"), "its hint");
	fail_save(&saved);
	(void)fail_hint(fail(EPERM, "while cleaning up"), "another");
	fail_restore(&saved);
	check_str(fail_text(), "the first");
	check_str(fail_hint_text(), "its hint");
	fail_restore(&empty);
	check_str(fail_text(), "");
	check_str(fail_hint_text(), "");
}

int main(void)
{
	test_sentences();
	test_context();
	test_hints();
	test_truncation();
	test_saved();
	return tap_done();
}
