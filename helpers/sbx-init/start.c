/* SPDX-License-Identifier: Apache-2.0 */
/* start.c: from the kernel to init_main(), and what the compiler expects of a libc. */
#include "init.h"
#include "sys.h"

#if __STDC_HOSTED__

int main(int argc, char **argv, char **envp)
{
	/* Not by return: the kernel ends the sandbox with pid 1, there is nothing to clean up.
	 */
	sys_exit(init_main(argv, envp));
}

#else

noreturn void start(long *stack);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memset(void *dst, int byte, size_t n);

/* The stack holds argc, argv, NULL, envp, NULL. */
#if defined(__x86_64__)
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	mov x0, sp\n"
	"	bl start\n");
#elif defined(__riscv)
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	".option push\n"
	".option norelax\n"
	"	lla gp, __global_pointer$\n"
	".option pop\n"
	"	li fp, 0\n"
	"	mv a0, sp\n"
	"	andi sp, sp, -16\n"
	"	call start\n");
#endif

__attribute__((used)) noreturn void start(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);

	sys_exit(init_main(argv, argv + argc + 1));
}

/* GCC calls these two for assignments of structures and for initialisers, freestanding or not.
 */

__attribute__((used)) void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *to = dst;
	const char *from = src;

	while (n--) {
		*to++ = *from++;
		__asm__ volatile("");
	}
	return dst;
}

__attribute__((used)) void *memset(void *dst, int byte, size_t n)
{
	unsigned char *to = dst;

	while (n--) {
		*to++ = (unsigned char)byte;
		__asm__ volatile("");
	}
	return dst;
}

#endif
