/* SPDX-License-Identifier: Apache-2.0 */
/* init_program.c: what sbx-init reads out of program files, which may hold anything. */
#include "program.h"
#include "tap.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES = 600, ROUNDS = 20000 };

static const char interpreter[] = "/lib/ld-nowhere.so.1";
static int fd = -1;   /* the file to be read, */
static char path[32]; /* and the name to read it by */

static void file_write(const void *data, size_t n)
{
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
		abort();
}

/* With sections of their own for the headers and the name, so that each can be moved. */
static void elf64_make(unsigned char *file)
{
	Elf64_Ehdr ehdr = {
		.e_ident = ELFMAG "\2\1\1",
		.e_type = ET_DYN,
		.e_machine = EM_AARCH64,
		.e_phoff = 128,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr phdrs[2] = {
		{.p_type = PT_PHDR, .p_offset = 128, .p_filesz = sizeof(phdrs)},
		{.p_type = PT_INTERP, .p_offset = 400, .p_filesz = sizeof(interpreter)},
	};

	memset(file, 0, FILE_BYTES);
	memcpy(file, &ehdr, sizeof(ehdr));
	memcpy(file + 128, phdrs, sizeof(phdrs));
	memcpy(file + 400, interpreter, sizeof(interpreter));
}

static void elf32_make(unsigned char *file)
{
	Elf32_Ehdr ehdr = {
		.e_ident = ELFMAG "\1\1\1",
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_phoff = 128,
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	};
	Elf32_Phdr phdr = {.p_type = PT_INTERP,
			   .p_offset = 400,
			   .p_filesz = sizeof(interpreter)};

	memset(file, 0, FILE_BYTES);
	memcpy(file, &ehdr, sizeof(ehdr));
	memcpy(file + 128, &phdr, sizeof(phdr));
	memcpy(file + 400, interpreter, sizeof(interpreter));
}

static void script_make(unsigned char *file)
{
	memset(file, 'x', FILE_BYTES);
	memcpy(file, "#! /usr/bin/env sh\n", 19);
}

static void test_sound_files(void)
{
	unsigned char file[FILE_BYTES];
	struct program p;

	elf64_make(file);
	file_write(file, sizeof(file));
	program_read(path, &p);
	check(p.kind == PROGRAM_ELF && p.is_wide);
	check_int(p.machine, EM_AARCH64);
	check_int(p.type, ET_DYN);
	check_str(p.interpreter, interpreter);

	elf32_make(file);
	file_write(file, sizeof(file));
	program_read(path, &p);
	check(p.kind == PROGRAM_ELF && !p.is_wide && p.is_foreign);
	check_str(p.interpreter, interpreter);

	script_make(file);
	file_write(file, sizeof(file));
	program_read(path, &p);
	check(p.kind == PROGRAM_SCRIPT && !p.is_cut);
	check_str(p.interpreter, "/usr/bin/env");

	file_write("#!a", 3);
	program_read(path, &p);
	check(p.kind == PROGRAM_SCRIPT && !p.is_cut);
	check_str(p.interpreter, "a");
}

/* The name may end at the last byte that the kernel reads, and not later. */
static void test_long_script(void)
{
	unsigned char file[FILE_BYTES];
	struct program p;

	memset(file, 'a', sizeof(file));
	memcpy(file, "#!", 2);
	file[255] = '\n';
	file_write(file, sizeof(file));
	program_read(path, &p);
	check(!p.is_cut);
	check_int((long long)strlen(p.interpreter), 253);
	file[255] = 'a';
	file_write(file, sizeof(file));
	program_read(path, &p);
	check(p.is_cut);
}

static void test_other_files(void)
{
	struct program p;
	const char *folder = getenv("TMPDIR");
	char fifo[PATH_MAX];

	file_write("", 0);
	program_read(path, &p);
	check_int(p.kind, PROGRAM_TEXT);
	file_write("a\0b", 3);
	program_read(path, &p);
	check_int(p.kind, PROGRAM_DATA);
	program_read("/dev/zero", &p);
	check_int(p.kind, PROGRAM_UNKNOWN);
	program_read("/", &p);
	check_int(p.kind, PROGRAM_UNKNOWN);
	program_read("/nowhere", &p);
	check_int(p.kind, PROGRAM_UNKNOWN);

	/* To open one that nobody writes to would take for ever. */
	snprintf(fifo, sizeof(fifo), "%s/sbx-fifo.%d", folder ? folder : "/tmp", (int)getpid());
	check(mkfifo(fifo, 0700) == 0);
	alarm(10);
	program_read(fifo, &p);
	unlink(fifo);
	check_that(p.kind == PROGRAM_UNKNOWN, "a FIFO is not waited for");
}

static unsigned random_below(unsigned n)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

static void file_mutate(unsigned char *file)
{
	static const unsigned char values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
	unsigned changes = random_below(4);

	while (changes--) {
		/* Mostly where the headers are. */
		unsigned at = random_below(random_below(4) ? 240 : FILE_BYTES);

		file[at] = random_below(2) ? values[random_below(sizeof(values))]
					   : (unsigned char)random_below(256);
	}
}

static void test_mutations(void)
{
	static void (*const make[])(unsigned char *) = {elf64_make, elf32_make, script_make};
	unsigned kinds[PROGRAM_DATA + 1] = {0}, named = 0, lost = 0, wrong = 0;
	unsigned char file[FILE_BYTES];
	struct program p;

	for (int i = 0; i < ROUNDS; i++) {
		make[i % 3](file);
		file_mutate(file);
		file_write(file, random_below(4) ? FILE_BYTES : random_below(FILE_BYTES));
		memset(&p, 0xff, sizeof(p));
		program_read(path, &p);
		if (p.kind > PROGRAM_DATA ||
		    !memchr(p.interpreter, '\0', sizeof(p.interpreter))) {
			wrong++;
			continue;
		}
		kinds[p.kind]++;
		if (p.kind == PROGRAM_ELF)
			*(p.interpreter[0] ? &named : &lost) += 1;
		else if (p.kind != PROGRAM_SCRIPT && p.interpreter[0])
			wrong++;
	}
	check_that(wrong == 0, "%d mutated files are read", ROUNDS);
	check_that(kinds[PROGRAM_ELF] && kinds[PROGRAM_SCRIPT] && kinds[PROGRAM_TEXT] &&
			   kinds[PROGRAM_DATA] && named && lost,
		   "and the mutations lead everywhere");
}

int main(void)
{
	fd = memfd_create("program", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	test_sound_files();
	test_long_script();
	test_mutations();
	test_other_files();
	return tap_done();
}
