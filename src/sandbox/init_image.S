/* SPDX-License-Identifier: Apache-2.0 */
/* init_image.S: the program sbx-init as constant data of sbx, so that it needn't be looked for. */
	.section .rodata
	.globl init_image, init_image_end
	.balign 16
init_image:
	.incbin SBX_INIT_PATH
init_image_end:
	.section .note.GNU-stack, "", %progbits
