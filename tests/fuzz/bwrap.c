/* SPDX-License-Identifier: Apache-2.0 */
/* bwrap.c: words of bubblewrap's, each with a NUL behind, as --args reads them. */
#include "bwrap/parse.h"
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What reads or looks at a descriptor would do so with the harness's own. */
static bool reads_descriptors(const uint8_t *data, size_t size)
{
	return memmem(data, size, "seccomp", 7) || memmem(data, size, "bind-fd", 7);
}

static void plan_check(const struct plan *plan)
{
	const struct bare *b = plan->bare;

	for (size_t i = 0; i < b->n_ops; i++) {
		const struct bare_op *op = &b->ops[i];

		must(op->target && op->mode >= -1 && op->mode <= 07777);
		must(op->first_source + op->n_sources <= b->n_sources);
		must((op->kind == BARE_SYMLINK) == (op->text != NULL));
	}
	for (size_t i = 0; i < b->n_sources; i++)
		must(b->sources[i].path);
	must(!plan->env.v || !plan->env.v[plan->env.n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("words", MFD_CLOEXEC), command = -1, r;
	const char *words[] = {"--args", NULL, "command", NULL};
	struct plan plan;
	struct parse p;
	char number[16];

	if (fd < 0 || reads_descriptors(data, size) || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) < 0) {
		(void)close(fd);
		return 0;
	}
	(void)snprintf(number, sizeof(number), "%d", fd);
	words[1] = number;
	plan_init(&plan);
	parse_init(&p, &plan);
	r = parse_words(&p, 3, words, &command);
	if (r == 0)
		must(command == 2 && !p.is_in_file);
	plan_check(&plan);
	plan_done(&plan);
	return 0;
}
