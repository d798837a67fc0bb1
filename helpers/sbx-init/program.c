/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: what kind of program a file is, and which other file it needs to run. */
#include "program.h"

#include "sys.h"

#include <elf.h>
#include <stddef.h>

/*
 * Every byte that is read here, each number in it too, is the attacker's. All numbers are
 * unsigned and are used only as offsets for pread(), which refuses what is no offset; nothing
 * in memory is indexed by them.
 */

/* BINPRM_BUF_SIZE: how much of a file the kernel looks at to choose how to run it. */
enum { HEAD_MAX = 256 };

/* The kernel refuses program headers of more than 64 KiB. */
enum { PHDRS_BYTES_MAX = 65536 };

#if defined(__x86_64__)
enum { MACHINE_HERE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE_HERE = EM_AARCH64 };
#elif defined(__riscv)
enum { MACHINE_HERE = EM_RISCV };
#else
enum { MACHINE_HERE = EM_NONE };
#endif

struct head {
	unsigned char bytes[HEAD_MAX]; /* zeros behind the file's end, as in the kernel */
	size_t n;
};

/* Where the fields stand in the two classes of ELF files. */
struct elf_layout {
	unsigned char ehdr_size, phoff, phentsize, phnum;
	unsigned char phdr_size, offset, filesz;
	unsigned char word; /* bytes of an offset or a size */
};

#define ELF_LAYOUT(ehdr, phdr, word_)                                                       \
	{                                                                                   \
		.ehdr_size = sizeof(ehdr), .phoff = offsetof(ehdr, e_phoff),                \
		.phentsize = offsetof(ehdr, e_phentsize), .phnum = offsetof(ehdr, e_phnum), \
		.phdr_size = sizeof(phdr), .offset = offsetof(phdr, p_offset),              \
		.filesz = offsetof(phdr, p_filesz), .word = (word_),                        \
	}

static const struct elf_layout layout32 = ELF_LAYOUT(Elf32_Ehdr, Elf32_Phdr, 4);
static const struct elf_layout layout64 = ELF_LAYOUT(Elf64_Ehdr, Elf64_Phdr, 8);

/* The number of N bytes at S, in the byte order that the file says it has. */
static uint64_t number_at(const unsigned char *s, unsigned n, bool big_endian)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | s[big_endian ? i : n - 1 - i];
	return value;
}

/* PT_INTERP's contents. The kernel wants a NUL at its end. */
static void elf_read_interpreter(int fd, uint64_t offset, uint64_t size, struct program *p)
{
	if (size < 2 || size > sizeof(p->interpreter))
		return;
	if (sys_pread(fd, p->interpreter, size, offset) != (ssize_t)size ||
	    p->interpreter[size - 1] != '\0')
		p->interpreter[0] = '\0';
}

static void elf_read_phdrs(int fd, const struct head *h, const struct elf_layout *l,
			   struct program *p)
{
	uint64_t at = number_at(h->bytes + l->phoff, l->word, false);
	unsigned count = (unsigned)number_at(h->bytes + l->phnum, 2, false);
	unsigned char phdr[sizeof(Elf64_Phdr)];

	if (number_at(h->bytes + l->phentsize, 2, false) != l->phdr_size ||
	    count * l->phdr_size > PHDRS_BYTES_MAX)
		return;
	for (; count; count--, at += l->phdr_size) {
		if (sys_pread(fd, phdr, l->phdr_size, at) != l->phdr_size)
			return;
		if (number_at(phdr, 4, false) != PT_INTERP)
			continue;
		elf_read_interpreter(fd, number_at(phdr + l->offset, l->word, false),
				     number_at(phdr + l->filesz, l->word, false), p);
		return;
	}
}

static void elf_read(int fd, const struct head *h, struct program *p)
{
	bool big_endian = h->bytes[EI_DATA] == ELFDATA2MSB;
	const struct elf_layout *l;

	p->is_wide = h->bytes[EI_CLASS] == ELFCLASS64;
	l = p->is_wide ? &layout64 : &layout32;
	p->type = (uint16_t)number_at(h->bytes + offsetof(Elf64_Ehdr, e_type), 2, big_endian);
	p->machine =
		(uint16_t)number_at(h->bytes + offsetof(Elf64_Ehdr, e_machine), 2, big_endian);
	p->is_foreign =
		big_endian || p->is_wide != (sizeof(void *) == 8) || p->machine != MACHINE_HERE;
	if (!big_endian && h->n >= l->ehdr_size)
		elf_read_phdrs(fd, h, l, p);
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

/* As the kernel's binfmt_script reads it. */
static void script_read(const struct head *h, struct program *p)
{
	size_t at = 2, n = 0;

	while (at < HEAD_MAX && is_blank(h->bytes[at]))
		at++;
	for (; at < HEAD_MAX; at++) {
		unsigned char c = h->bytes[at];

		if (is_blank(c) || c == '\n' || c == '\0')
			break;
		p->interpreter[n++] = (char)c;
	}
	p->interpreter[n] = '\0';
	p->is_cut = at == HEAD_MAX;
}

static bool head_has_nul(const struct head *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->bytes[i])
			return true;
	return false;
}

static void head_judge(int fd, const struct head *h, struct program *p)
{
	const unsigned char *b = h->bytes;

	if (b[0] == ELFMAG0 && b[1] == ELFMAG1 && b[2] == ELFMAG2 && b[3] == ELFMAG3) {
		p->kind = PROGRAM_ELF;
		elf_read(fd, h, p);
	} else if (b[0] == '#' && b[1] == '!') {
		p->kind = PROGRAM_SCRIPT;
		script_read(h, p);
	} else {
		p->kind = head_has_nul(h) ? PROGRAM_DATA : PROGRAM_TEXT;
	}
}

static bool is_regular(int fd)
{
	struct statx st;

	return sys_stat(fd, "", AT_EMPTY_PATH, &st) == 0 && S_ISREG(st.stx_mode);
}

void program_read(const char *path, struct program *ret_program)
{
	struct head head = {.n = 0};
	int fd = sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*ret_program = (struct program){.kind = PROGRAM_UNKNOWN};
	if (fd < 0)
		return;
	if (is_regular(fd)) {
		ssize_t n = sys_pread(fd, head.bytes, sizeof(head.bytes), 0);

		if (n >= 0) {
			head.n = (size_t)n;
			head_judge(fd, &head, ret_program);
		}
	}
	sys_close(fd);
}
