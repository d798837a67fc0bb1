/* SPDX-License-Identifier: Apache-2.0 */
/* init_image.h: the program sbx-init, as part of sbx. */
#pragma once

extern const unsigned char init_image[];
extern const unsigned init_image_size;
