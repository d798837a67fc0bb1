/* SPDX-License-Identifier: Apache-2.0 */
/* io.h: whole reads and writes, and descriptors over sockets. */
#pragma once

#include "str.h"

#include <stddef.h>
#include <sys/types.h>

/* Writes all LEN bytes, over short writes and EINTR. 0, or a negative errno without a sentence.
 */
int io_write_all(int fd, const void *data, size_t len);

/* Reads until the end of file or LEN bytes: how many, or a negative errno. */
ssize_t io_read_all(int fd, void *data, size_t len);

/* Reads the regular file FD of at most MAX bytes into ARENA with a NUL behind. -EINVAL where FD
 * is no regular file, -EFBIG above MAX. */
int io_read_file(int fd, struct arena *a, size_t max, char **ret_data, size_t *ret_len);

/* The same for a file of the host's, by path; with a sentence. */
int io_read_path(const char *path, struct arena *a, size_t max, char **ret_data,
		 size_t *ret_len);

/* Replaces NAME in the folder DIR in one step: a new file, fsync, rename. With a sentence. */
int io_replace_file(int dir, const char *name, const void *data, size_t len);

/* Sends DATA as one message over the SEQPACKET socket FD, with the descriptor PASS unless it is
 * negative. Never raises SIGPIPE. */
int io_send(int fd, const void *data, size_t len, int pass);

/* Receives one message of at most LEN bytes: its length (0: the other end is closed), and in
 * *RET_PASSED, unless NULL, the descriptor that came with it (owned by the caller) or -EBADF.
 */
ssize_t io_receive(int fd, void *data, size_t len, int *ret_passed);

/* A pair of connected SEQPACKET sockets, close-on-exec. */
int io_socketpair(int ret_pair[2]);
