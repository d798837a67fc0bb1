/* SPDX-License-Identifier: Apache-2.0 */
/* net_load.h: what the server and the client of net_load.c say to each other, and what both do it with. */
#pragma once

#include "util/scope.h"
#include "util/str.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	BLOCK = 256 * 1024,
	FLOWS_MAX = 500, /* of datagrams, each with a port of its own */
};

enum ask_kind {
	ASK_ANSWER, /* send the question back */
	ASK_ECHO,   /* send the next N bytes back, as they come */
	ASK_SINK,   /* after MS take N bytes, and say their hash */
	ASK_UNTIL,  /* the same, but say it behind the end */
	ASK_SLOW,   /* the same as SINK, but rest for MS after each block */
	ASK_SOURCE, /* send N bytes, and their hash */
	ASK_BOTH,   /* SINK and SOURCE at once */
	ASK_HALF,   /* end this direction, take N bytes, keep their hash for STATS */
	ASK_LEAVE,  /* end the connection */
	ASK_RESET,  /* reset the connection */
	ASK_STATS,  /* send struct stats */
};

struct ask {
	uint32_t kind, ms;
	uint64_t n;
};

struct stats {
	uint64_t ends, resets, hash;
};

/* Does what each line of stdin says with the server at ADDRESS and PORT. */
void client(const char *address, uint16_t port);

/* ---- net_load_streams.c --------------------------------------------------------------------- */

void pause_ms(unsigned ms);

/* Seconds. */
double now(void);

/* FNV-1a by words of 8 bytes, of which N is a multiple. */
static const uint64_t hash_start = 0xcbf29ce484222325;
uint64_t hash_add(uint64_t hash, const uint64_t *data, size_t n);

/* Bytes to send, once they are made. */
extern uint64_t pattern[BLOCK / sizeof(uint64_t)];
void pattern_make(void);

bool thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

/* Of any one call on FD that waits, no more than half a minute. */
void socket_tune(int fd);
void fd_reset(int fd);

/* False with errno 0 at the end. */
bool send_all(int fd, const void *data, size_t n);
bool recv_all(int fd, void *data, size_t n);

/* N bytes, and their hash. */
bool stream_send(int fd, uint64_t n, uint64_t *ret_hash);
bool stream_recv(int fd, uint64_t n, uint64_t *ret_hash);
bool stream_both(int fd, uint64_t n, uint64_t *ret_sent, uint64_t *ret_got);

/* The same, but with a rest of REST_MS after each block. */
bool stream_recv_slowly(int fd, uint64_t n, uint64_t *ret_hash, unsigned rest_ms);
