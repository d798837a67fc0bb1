/* SPDX-License-Identifier: Apache-2.0 */
/* fail.c: the one buffer behind fail.h. */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[FAIL_TEXT_MAX];
static char hint[FAIL_HINT_MAX];

/* Not strerror(): that may allocate and look at the locale. */
static const char *error_word(int err)
{
	const char *word = strerrordesc_np(err);

	return word ? word : "unknown error";
}

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	hint[0] = '\0';
	return -err;
}

int fail_sys(const char *fmt, ...)
{
	int err = errno;
	va_list args;
	size_t used;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	used = strlen(text);
	(void)snprintf(text + used, sizeof(text) - used, ": %s", error_word(err));
	hint[0] = '\0';
	return -err;
}

int fail_in(int r, const char *fmt, ...)
{
	char inner[FAIL_TEXT_MAX];
	va_list args;
	size_t used;

	if (text[0])
		memcpy(inner, text, sizeof(inner));
	else
		(void)snprintf(inner, sizeof(inner), "%s", error_word(-r));

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	used = strlen(text);
	(void)snprintf(text + used, sizeof(text) - used, ": %s", inner);
	return r;
}

int fail_hint(int r, const char *fmt, ...)
{
	va_list args;

	if (hint[0])
		return r;
	va_start(args, fmt);
	(void)vsnprintf(hint, sizeof(hint), fmt, args);
	va_end(args);
	return r;
}

const char *fail_text(void)
{
	return text;
}

const char *fail_hint_text(void)
{
	return hint;
}

void fail_forget(void)
{
	text[0] = '\0';
	hint[0] = '\0';
}

void fail_save(struct fail_saved *ret_saved)
{
	memcpy(ret_saved->text, text, sizeof(text));
	memcpy(ret_saved->hint, hint, sizeof(hint));
}

void fail_restore(const struct fail_saved *saved)
{
	memcpy(text, saved->text, sizeof(text));
	memcpy(hint, saved->hint, sizeof(hint));
}
