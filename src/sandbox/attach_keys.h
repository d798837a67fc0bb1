/* SPDX-License-Identifier: Apache-2.0 */
/* attach_keys.h: finds the detach keys in what is typed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { KEYS_MAX = 16 };

#define KEYS_DEFAULT "ctrl-p,ctrl-q"

struct keys {
	unsigned char sequence[KEYS_MAX];
	size_t n;	/* 0: no keys */
	size_t matched; /* so many bytes of the sequence are withheld */
};

/* Reads podman's format: a comma between keys, a key is one character or ctrl-X with X one of
 * a-z @ [ \ ] ^ _. "" is no keys. With a sentence. */
int keys_parse(struct keys *k, const char *text);

/* Moves bytes from IN to OUT up to the end of the detach keys, and holds back what may yet
 * become them. OUT needs room for LEN + KEYS_MAX bytes. Returns how many bytes of IN are used,
 * which is less than LEN only where the keys were found: *RET_FOUND. */
size_t keys_pass(struct keys *k, const char *in, size_t len, char *out, size_t *ret_out,
		 bool *ret_found);
