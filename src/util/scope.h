/* SPDX-License-Identifier: Apache-2.0 */
/* scope.h: resources that end with the scope that owns them. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCOPE_END(done) __attribute__((cleanup(done)))

/* Closes FD and keeps errno; negative numbers are no descriptor and pass. Never retried: on
 * Linux the descriptor is gone whatever close() says. Returns -EBADF, to be stored over what
 * was closed. */
static inline int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

static inline void scope_close(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void scope_free(void *ptr)
{
	int saved = errno;

	free(*(void **)ptr);
	errno = saved;
}

static inline void scope_fclose(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static inline void scope_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define autofree  SCOPE_END(scope_free)
#define autoclose SCOPE_END(scope_close)
#define autofile  SCOPE_END(scope_fclose)
#define autodir	  SCOPE_END(scope_closedir)

/* Ownership leaves a scope: the variable is emptied, the value handed on. */
#define take_ptr(ptr)                                 \
	({                                            \
		__typeof__(ptr) *take_from_ = &(ptr); \
		__typeof__(ptr) taken_ = *take_from_; \
		*take_from_ = NULL;                   \
		taken_;                               \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
