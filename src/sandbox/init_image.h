/* SPDX-License-Identifier: Apache-2.0 */
/* init_image.h: the program sbx-init, as part of sbx. */
#pragma once

extern const unsigned char init_image[];
extern const unsigned init_image_size;

/* A copy in memory that nothing inside can write: sealed, and no file of the host's. A descriptor
 * that the caller owns. */
int init_image_copy(void);
