/* SPDX-License-Identifier: Apache-2.0 */
/* account.c: the value of --user, a line "%%", a tree's /etc/passwd, a line "%%", its /etc/group. */
#include "sandbox/account.h"
#include "fuzz.h"
#include "sandbox/idmap.h"
#include "scratch.h"

#include <ctype.h>

enum { MAPPED = 65536 };

static struct scratch s;
static int etc;

static void tree_make(void)
{
	if (etc)
		return;
	scratch_make(&s);
	etc = scratch_folder(s.dir, "etc");
}

static void tree_remove(void) __attribute__((destructor));
static void tree_remove(void)
{
	if (etc)
		scratch_remove(&s);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return true;
	return false;
}

static void found_check(const struct plan *p)
{
	must(p->uid < MAPPED && p->gid < MAPPED);
	must(p->home[0] == '/' && !has_control(p->home) && strlen(p->home) < PATH_MAX);
	must(p->shell[0] == '/' && !has_control(p->shell) && strlen(p->shell) < PATH_MAX);
	must(*p->user_name && !has_control(p->user_name) && !strchr(p->user_name, ' '));
	must(p->n_groups <= ACCOUNT_GROUPS_MAX);
	for (size_t i = 0; i < p->n_groups; i++) {
		must(p->groups[i] < MAPPED && p->groups[i] != p->gid);
		for (size_t k = 0; k < i; k++)
			must(p->groups[k] != p->groups[i]);
	}
	for (size_t i = 0; i < p->notes.n; i++)
		must(fuzz_is_clean(p->notes.v[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = fuzz_bytes(data, size);
	char *end = text + size, *rest = text;
	const char *user = fuzz_cut(&rest, "\n%%\n");
	const char *passwd = rest ? fuzz_cut(&rest, "\n%%\n") : "";
	const char *group = rest ? rest : end;
	struct plan p;
	int r;

	tree_make();
	scratch_text(etc, "passwd", passwd);
	/* The last part may hold NULs. */
	scratch_file(etc, "group", group, (size_t)(end - group));
	plan_init(&p);
	p.root.path = "TREE";
	p.root.fd = fcntl(s.dir, F_DUPFD_CLOEXEC, 0);
	p.ids.map = PLAN_MAP_SUBIDS;
	p.ids.uids = p.ids.gids = (struct idmap){{{0, 100000, MAPPED}}, 1};
	p.user = *user ? user : NULL;
	fail_forget();
	r = account_resolve(&p, -EBADF);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(!p.home && !p.groups);
	} else {
		found_check(&p);
	}
	plan_done(&p);
	return 0;
}
