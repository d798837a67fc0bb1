/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c: replays the corpus of a harness as a test: every file of it, and each cut short. */
#include "fuzz.h"

#include "tap.h"
#include "util/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

enum { INPUT_MAX = 1 << 20, SECONDS_MAX = 5 };

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A finding ends the process: the line before it says which input that was. */
static void replay(const char *path, const char *name)
{
	SCOPE_END(arena_done) struct arena a = {0};
	double start = now();
	char *data;
	size_t len;

	printf("# %s\n", name);
	fflush(stdout);
	if (!check_that(io_read_path(path, &a, INPUT_MAX, &data, &len) == 0, "%s is read",
			name))
		return;
	for (size_t part = 0; part <= 4; part++)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)data, len * part / 4);
	check_that(now() - start < SECONDS_MAX, "%s is done with in time", name);
}

int main(int argc, char *argv[])
{
	struct dirent **list = NULL;
	int n = argc == 2 ? scandir(argv[1], &list, is_input, alphasort) : -1;
	char path[4096];

	if (n <= 0) {
		printf("Bail out! driver.c: no corpus: fuzz-NAME FOLDER\n");
		return 1;
	}
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], list[i]->d_name);
		replay(path, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return tap_done();
}
