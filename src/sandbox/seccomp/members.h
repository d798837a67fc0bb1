/* SPDX-License-Identifier: Apache-2.0 */
/* members.h: JSON objects whose members are checked against a list. */
#pragma once

#include "util/scope.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of these set a sentence on failure. A member that is null counts as absent. */

struct member {
	const char *name;
	enum json_type type;
	bool is_required;
};

static inline void scope_json_put(json_object **o)
{
	(void)json_object_put(*o);
}

#define autojson SCOPE_END(scope_json_put)

/* DATA, with a NUL behind its LEN bytes, as strict JSON. The caller puts *RET_VALUE. */
int json_read(const char *data, size_t len, json_object **ret_value);

/* Whether O is an object with all members that LIST requires, none that it doesn't name, and
 * each of its type. */
int members_check(json_object *o, const struct member *list, size_t n);

/* The member NAME of O, NULL where there is none. */
json_object *member_get(json_object *o, const char *name);

/* *RET_VALUE stays as it is where there is no such member. */
int member_u64(json_object *o, const char *name, uint64_t max, uint64_t *ret_value);
int member_text(json_object *o, const char *name, const char **ret_text);

/* How many items the array A has (0 for NULL), and the one at I as a string. */
size_t items_count(json_object *a);
int item_text(json_object *a, size_t i, const char **ret_text);

/* "'WORD' is not WHAT", the word made fit for a terminal. Returns -EINVAL. */
int fail_word(const char *word, const char *what);
