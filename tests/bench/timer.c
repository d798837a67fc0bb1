/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c: runs commands in turn, many times, and prints how long each run took. */

/*
 * timer RUNS <COMMANDS
 *
 * Each line on stdin is one command: its arguments, separated by tabs. They run round-robin, so
 * that what else the machine does meets all of them alike, with /dev/null as stdin, stdout and
 * stderr. One line of output for each command: the microseconds of its runs, or "status N" as
 * soon as a run ends with one that isn't 0. Two rounds go first and don't count. Nothing is
 * measured but the time from posix_spawn to the end of wait.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 64, ARGS_MAX = 64, WARM_UP = 2 };

struct command {
	char *argv[ARGS_MAX + 1];
	double *times;
	int status;
};

static void die(const char *what)
{
	fprintf(stderr, "timer: %s: %s\n", what, strerror(errno));
	exit(125);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Its exit status, 128+N where signal N ended it. */
static int run(char **argv, const posix_spawn_file_actions_t *to_null)
{
	pid_t pid;
	int status;

	errno = posix_spawnp(&pid, argv[0], to_null, NULL, argv, environ);
	if (errno)
		die(argv[0]);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static size_t read_commands(struct command *commands, unsigned runs)
{
	char *line = NULL, *word, *rest;
	size_t n = 0, room = 0;

	while (getline(&line, &room, stdin) > 0 && n < COMMANDS_MAX) {
		struct command *c = &commands[n++];
		size_t args = 0;

		line[strcspn(line, "\n")] = '\0';
		rest = line;
		while ((word = strsep(&rest, "\t")) && args < ARGS_MAX)
			if (!(c->argv[args++] = strdup(word)))
				die("memory");
		if (!(c->times = calloc(runs, sizeof(double))))
			die("memory");
	}
	free(line);
	return n;
}

static void print_times(const struct command *c, unsigned runs)
{
	if (c->status != 0) {
		printf("status %d\n", c->status);
		return;
	}
	for (unsigned i = 0; i < runs; i++)
		printf("%.1f%c", c->times[i], i + 1 < runs ? ' ' : '\n');
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	posix_spawn_file_actions_t to_null;
	unsigned runs;
	size_t n;

	if (argc != 2 || sscanf(argv[1], "%u", &runs) != 1 || runs == 0) {
		fprintf(stderr, "usage: timer RUNS <COMMANDS\n");
		return 125;
	}
	posix_spawn_file_actions_init(&to_null);
	posix_spawn_file_actions_addopen(&to_null, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&to_null, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&to_null, STDOUT_FILENO, STDERR_FILENO);
	n = read_commands(commands, runs);
	for (unsigned round = 0; round < runs + WARM_UP; round++)
		for (size_t i = 0; i < n; i++) {
			struct command *c = &commands[i];
			double started = now_us();

			if (c->status != 0)
				continue;
			c->status = run(c->argv, &to_null);
			if (round >= WARM_UP)
				c->times[round - WARM_UP] = now_us() - started;
		}
	for (size_t i = 0; i < n; i++)
		print_times(&commands[i], runs);
	return 0;
}
