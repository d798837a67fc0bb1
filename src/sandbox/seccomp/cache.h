/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h: compiled seccomp programs, kept between runs. */
#pragma once

#include "program.h"

/*
 * Theory of operation
 *
 * A program is kept in a file of its own in $XDG_CACHE_HOME/sbx/seccomp, or
 * ~/.cache/sbx/seccomp, named by a 64-bit hash of its key. The key is all that the program
 * depends on: the profile's bytes and the struct program_target, libseccomp's version and this
 * format's. The file holds the key too, and a program counts only where the keys are equal byte
 * for byte; so the hash need not be a strong one.
 *
 * The cache decides what a sandbox may do, so nothing in it is taken on trust: the folders and
 * the file must belong to the caller and be writable by nobody else, and the file must have the
 * right length and checksum. What isn't so is ignored, and replaced where that can be done. A
 * sandbox that has ~/.cache bound could write it as its owner, so such a bind gets it covered
 * (plan_hide()). A cache that can't be read or written is no error: it costs time, nothing
 * else.
 */

struct cache_key {
	const char *data;
	size_t len;
};

/* What is kept. */
struct cache_entry {
	struct plan_filter filter;
	uint32_t unknown; /* names in the profile that libseccomp doesn't know */
};

/* The key of what is made for TARGET out of SOURCE. */
struct cache_key cache_key_make(struct arena *a, const struct program_target *target,
				const void *source, size_t len);

/* Whether KEY's program was there; it is then in ARENA. Sets no sentence. */
bool cache_load(const struct cache_key *key, struct arena *a, struct cache_entry *ret_entry);

/* Replaces the program of KEY, where that can be done. Sets no sentence. */
void cache_store(const struct cache_key *key, struct arena *a, const struct cache_entry *entry);
