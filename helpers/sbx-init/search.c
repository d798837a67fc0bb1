/* SPDX-License-Identifier: Apache-2.0 */
/* search.c: the places where a command may be. */
#include "search.h"

#include "report.h"

#include <errno.h>

static const char *path_of(char *const envp[])
{
	for (; *envp; envp++) {
		const char *s = *envp, *key = "PATH=";

		while (*key && *s == *key)
			s++, key++;
		if (!*key)
			return s;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static bool has_slash(const char *s)
{
	while (*s && *s != '/')
		s++;
	return *s == '/';
}

struct search search_for(const char *name, char *const envp[])
{
	bool by_path = !has_slash(name) && *name;

	/* A single empty folder gives the name alone. */
	return (struct search){.name = name,
			       .rest = by_path ? path_of(envp) : "",
			       .by_path = by_path};
}

bool search_next(struct search *s, char ret_path[PATH_MAX])
{
	while (s->rest) {
		char *at = ret_path, *const end = ret_path + PATH_MAX - 1;
		const char *in = s->rest;

		while (*in && *in != ':' && at < end)
			*at++ = *in++;
		if (at > ret_path && at < end)
			*at++ = '/';
		for (const char *name = s->name; *name && at < end; name++)
			*at++ = *name;
		*at = '\0';

		while (*in && *in != ':')
			in++;
		s->rest = *in ? in + 1 : NULL;
		/* One that fills the buffer may have been cut; as long as that, none can be
		 * opened. */
		if (at < end)
			return true;
	}
	return false;
}

bool search_goes_on(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EACCES || err == ESTALE ||
	       err == ENODEV || err == ETIMEDOUT;
}
