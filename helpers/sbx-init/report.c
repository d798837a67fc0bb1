/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: messages to the launcher, and the sentences in them. */
#include "report.h"

#include "sys.h"

#include <errno.h>

enum { TEXT_OBJECT_MAX = 256 };

size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

struct text text_in(char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct text){.at = buf, .end = buf + size - 1};
}

static void text_add_char(struct text *t, char c)
{
	if (t->at == t->end)
		return;
	*t->at++ = c;
	*t->at = '\0';
}

static void text_add_object(struct text *t, const char *s)
{
	for (int n = 0; *s; n++) {
		if (n == TEXT_OBJECT_MAX) {
			s = "...";
			n -= 4;
		}
		text_add_char(t, *s++);
	}
}

static void text_add_number(struct text *t, unsigned value, unsigned base)
{
	if (value >= base)
		text_add_number(t, value / base, base);
	text_add_char(t, (char)('0' + value % base));
}

void text_addv(struct text *t, const char *fmt, va_list args)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			text_add_char(t, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == 's')
			text_add_object(t, va_arg(args, const char *));
		else
			text_add_number(t, va_arg(args, unsigned), *fmt == 'o' ? 8 : 10);
	}
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_addv(t, fmt, args);
	va_end(args);
}

/* Not a table: its pointers would want a relocation each, or fixed addresses. */
static const char *error_words(int err)
{
	switch (err) {
	case E2BIG:
		return "its arguments and environment are longer than the kernel takes";
	case EACCES:
		return "permission denied";
	case EAGAIN:
		return "the limit on processes (nproc, pids) is reached";
	case EINVAL:
		return "invalid argument";
	case EIO:
		return "reading it failed";
	case ELIBBAD:
		return "its ELF interpreter is damaged";
	case ELOOP:
		return "too many symbolic links or #! lines in a row";
	case EMFILE:
	case ENFILE:
		return "the limit on open files is reached";
	case ENAMETOOLONG:
		return "the name is too long";
	case ENOENT:
		return "no such file";
	case ENOMEM:
		return "out of memory";
	case ENOTTY:
		return "not a terminal";
	case EPERM:
		return "not permitted";
	case ETXTBSY:
		return "a process has it open for writing";
	default:
		return NULL;
	}
}

void text_add_error(struct text *t, int err)
{
	const char *words = error_words(err);

	if (words)
		text_add(t, ": %s", words);
	else
		text_add(t, ": error %u", (unsigned)err);
}

static size_t message_size(const struct wire_message *m)
{
	return offsetof(struct wire_message, text) + text_len(m->text) + 1;
}

void report_send(int wire, const struct wire_message *m)
{
	/* A SIGPIPE would be forwarded to the payload. */
	if (sys_poll_errors(wire) == 0)
		(void)sys_write(wire, m, message_size(m));
}

void report_write(int wire, const struct wire_message *m)
{
	(void)sys_write(wire, m, message_size(m));
}
