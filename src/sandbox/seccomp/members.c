/* SPDX-License-Identifier: Apache-2.0 */
/* members.c: JSON objects whose members are checked against a list. */
#include "members.h"

#include "util/fail.h"
#include "util/str.h"

#include <json-c/json_object_iterator.h>
#include <json-c/json_tokener.h>
#include <limits.h>

enum { DEPTH_MAX = 16, SHOWN_MAX = 64 };

static void scope_tokener_free(json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

int fail_word(const char *word, const char *what)
{
	char shown[SHOWN_MAX];

	return fail(EINVAL, "'%s' is not %s", str_escape(shown, sizeof(shown), word), what);
}

static size_t line_of(const char *data, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset; i++)
		line += data[i] == '\n';
	return line;
}

/* json-c quietly takes the largest number that it has for any larger one. */
static int numbers_check(const char *data, size_t len)
{
	static const char max[] = "18446744073709551615";
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		size_t digits = in_string ? 0 : strspn(data + i, "0123456789");

		if (digits > strlen(max) ||
		    (digits == strlen(max) && strncmp(data + i, max, digits) > 0))
			return fail(ERANGE, "line %zu: a number is larger than %s",
				    line_of(data, i), max);
		if (digits)
			i += digits - 1;
		else if (data[i] == '"')
			in_string = !in_string;
		else if (data[i] == '\\' && in_string)
			i++;
	}
	return 0;
}

int json_read(const char *data, size_t len, json_object **ret_value)
{
	SCOPE_END(scope_tokener_free) json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	autojson json_object *value = NULL;
	enum json_tokener_error error;
	int r;

	if (!tokener)
		return fail(ENOMEM, "make a JSON parser: out of memory");
	/* json-c takes the end of a string for the end of its input. */
	if (len >= INT_MAX || memchr(data, '\0', len))
		return fail(EINVAL, "not JSON: it has a NUL byte");
	r = numbers_check(data, len);
	if (r < 0)
		return r;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, data, (int)len + 1);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue || error == json_tokener_error_parse_eof)
		return fail(EINVAL, "not JSON: it ends too early");
	if (error != json_tokener_success)
		return fail(EINVAL, "not JSON: line %zu: %s",
			    line_of(data, json_tokener_get_parse_end(tokener)),
			    json_tokener_error_desc(error));
	*ret_value = take_ptr(value);
	return 0;
}

static const struct member *member_find(const struct member *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(list[i].name, name))
			return &list[i];
	return NULL;
}

int members_check(json_object *o, const struct member *list, size_t n)
{
	struct json_object_iterator i, end;

	if (!json_object_is_type(o, json_type_object))
		return fail(EINVAL, "not an object");
	i = json_object_iter_begin(o);
	end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		const char *name = json_object_iter_peek_name(&i);
		json_object *value = json_object_iter_peek_value(&i);
		const struct member *member = member_find(list, n, name);

		if (!member)
			return fail_word(name, "a member that a profile has here");
		if (value && !json_object_is_type(value, member->type))
			return fail(EINVAL, "%s: not of type %s", member->name,
				    json_type_to_name(member->type));
	}
	for (size_t k = 0; k < n; k++)
		if (list[k].is_required && !member_get(o, list[k].name))
			return fail(EINVAL, "%s: missing", list[k].name);
	return 0;
}

json_object *member_get(json_object *o, const char *name)
{
	return json_object_object_get(o, name);
}

int member_u64(json_object *o, const char *name, uint64_t max, uint64_t *ret_value)
{
	json_object *value = member_get(o, name);

	if (!value)
		return 0;
	if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > max)
		return fail(ERANGE, "%s: %s is not in 0 to %llu", name,
			    json_object_get_string(value), (unsigned long long)max);
	*ret_value = json_object_get_uint64(value);
	return 0;
}

static int text_read(json_object *value, const char **ret_text)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return fail(EINVAL, "not of type string");
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return fail(EINVAL, "a string with a NUL byte");
	*ret_text = text;
	return 0;
}

int member_text(json_object *o, const char *name, const char **ret_text)
{
	json_object *value = member_get(o, name);
	int r = value ? text_read(value, ret_text) : 0;

	return r < 0 ? fail_in(r, "%s", name) : 0;
}

size_t items_count(json_object *a)
{
	return a ? json_object_array_length(a) : 0;
}

int item_text(json_object *a, size_t i, const char **ret_text)
{
	return text_read(json_object_array_get_idx(a, i), ret_text);
}
