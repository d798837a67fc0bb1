/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c: what an apply is about to do, so that another process can end it. */
#include "journal.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char file[] = "apply";
static const char magic[] = "sbx-apply 1";

enum { JOURNAL_MAX = 1 << 30 };

bool journal_exists(int state)
{
	return faccessat(state, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int journal_remove(int state)
{
	return unlinkat(state, file, 0) < 0 ? fail_sys("remove the journal of sbx apply") : 0;
}

/* Times before 1970 are large numbers. */
static void time_print(FILE *out, struct timespec t)
{
	(void)fprintf(out, "%llu %ld ", (unsigned long long)t.tv_sec, t.tv_nsec);
}

static void op_print(FILE *out, const struct op *op)
{
	const struct stat *st = &op->before;

	(void)fprintf(out, "%c %u %llu %llu %llu %llu ", op->kind, st->st_mode,
		      (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		      (unsigned long long)st->st_nlink, (unsigned long long)st->st_size);
	time_print(out, st->st_mtim);
	time_print(out, st->st_ctim);
	(void)fprintf(out, "%s%c", op->path, '\0');
}

int journal_write(int state, const struct journal *j)
{
	autofree char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return fail_sys("write the journal of sbx apply");
	(void)fprintf(out, "%s %s %s %llu %llu%c", magic, j->is_dropping ? "drop" : "write",
		      j->temporary, (unsigned long long)j->dev, (unsigned long long)j->ino,
		      '\0');
	for (size_t i = 0; i < j->n; i++)
		if (!j->is_dropping || j->v[i].is_done)
			op_print(out, &j->v[i]);
	if (fclose(out) != 0)
		return fail_sys("write the journal of sbx apply");
	/* One that is cut short couldn't be ended. */
	if (len > JOURNAL_MAX)
		return fail_hint(fail(E2BIG,
				      "there are too many changes to be taken over at once"),
				 "name some of them: sbx apply NAME PATH");
	return io_replace_file(state, file, text, len);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Cuts N numbers off *REST. */
static bool numbers_cut(char **rest, uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *word = strsep(rest, " ");

		if (!word || str_to_u64(word, UINT64_MAX, &numbers[i]) < 0)
			return false;
	}
	return true;
}

static bool head_read(char *record, struct journal *j)
{
	char *rest = (char *)str_after(record, magic);
	uint64_t tree[2];
	const char *state, *temporary;

	if (!rest || *rest != ' ')
		return false;
	rest++;
	state = strsep(&rest, " ");
	temporary = strsep(&rest, " ");
	if (!temporary || strlen(temporary) >= sizeof(j->temporary) || strchr(temporary, '/') ||
	    !numbers_cut(&rest, tree, 2))
		return false;
	memcpy(j->temporary, temporary, strlen(temporary) + 1);
	j->is_dropping = streq(state, "drop");
	j->dev = (dev_t)tree[0];
	j->ino = (ino_t)tree[1];
	return true;
}

static bool op_read(char *record, struct op *op)
{
	enum { MODE, DEV, INO, LINKS, SIZE, MTIME, MTIME_NS, CTIME, CTIME_NS, NUMBERS };
	char *rest = record;
	const char *kind = strsep(&rest, " ");
	uint64_t n[NUMBERS];

	if (!kind[0] || kind[1] || !numbers_cut(&rest, n, NUMBERS) || !rest || *rest != '/')
		return false;
	*op = (struct op){
		.kind = kind[0],
		.path = rest,
		.before =
			{
				.st_mode = (mode_t)n[MODE],
				.st_dev = (dev_t)n[DEV],
				.st_ino = (ino_t)n[INO],
				.st_nlink = (nlink_t)n[LINKS],
				.st_size = (off_t)n[SIZE],
				.st_mtim = {(time_t)n[MTIME], (long)n[MTIME_NS]},
				.st_ctim = {(time_t)n[CTIME], (long)n[CTIME_NS]},
			},
	};
	return true;
}

int journal_read(int state, struct arena *a, struct journal *ret_journal)
{
	struct journal j = {0};
	char *text, *end;
	size_t len, records = 0;
	int r = path_read_in(state, file, a, JOURNAL_MAX, &text, &len);

	if (r < 0)
		return fail(-r, "read the journal of sbx apply: %s", strerrordesc_np(-r));
	end = text + len;
	for (size_t i = 0; i < len; i++)
		records += text[i] == '\0';
	j.v = arena_alloc(a, records * sizeof(*j.v));
	for (char *record = text, *next; record < end; record = next) {
		next = record + strlen(record) + 1;
		if (record == text ? !head_read(record, &j) : !op_read(record, &j.v[j.n]))
			return fail(EINVAL, "the journal of sbx apply is damaged");
		j.n += record != text;
		if (j.is_dropping && record != text)
			j.v[j.n - 1].is_done = true;
	}
	if (!j.temporary[0])
		return fail(EINVAL, "the journal of sbx apply is damaged");
	*ret_journal = j;
	return 0;
}
