/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: a program file, as sbx-init looks into it to say why it can't be run. */
#include "program.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclose int fd = memfd_create("program", MFD_CLOEXEC);
	struct program p;
	char path[32];

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(&p, 0x55, sizeof(p));
	program_read(path, &p);
	must(p.kind > PROGRAM_UNKNOWN && p.kind <= PROGRAM_DATA);
	must(memchr(p.interpreter, '\0', sizeof(p.interpreter)) != NULL);
	must(p.kind == PROGRAM_ELF || p.kind == PROGRAM_SCRIPT || !*p.interpreter);
	must(!p.is_cut || p.kind == PROGRAM_SCRIPT);
	must((p.kind == PROGRAM_SCRIPT) == (size >= 2 && data[0] == '#' && data[1] == '!'));
	if (p.kind == PROGRAM_SCRIPT)
		must(!p.interpreter[strcspn(p.interpreter, " \t\n")]);
	if (p.kind == PROGRAM_TEXT)
		must(!memchr(data, '\0', size < 256 ? size : 256));
	return 0;
}
