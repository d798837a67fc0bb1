/* SPDX-License-Identifier: Apache-2.0 */
/* search.h: the places where a command may be. */
#pragma once

#include <linux/limits.h>
#include <stdbool.h>

/* As execvp() searches: a name with a slash is its own place; another one is looked for in each
 * folder of PATH, where an empty one is the working folder. */
struct search {
	const char *name;
	const char *rest; /* of PATH; NULL at its end */
	bool by_path;	  /* false for a name with a slash */
};

struct search search_for(const char *name, char *const envp[]);

/* Writes the next place to RET_PATH; false when there is none. */
bool search_next(struct search *s, char ret_path[PATH_MAX]);

/* Whether execvp() goes on to the next folder after this failure of execve(). */
bool search_goes_on(int err);
