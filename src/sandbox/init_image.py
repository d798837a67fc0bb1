#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""init_image.py FILE: FILE as constant data of C, so that it needn't be looked for at run time."""
import sys

data = open(sys.argv[1], "rb").read()
print("/* Made from sbx-init by init_image.py. */")
print('#include "sandbox/init_image.h"')
print("const unsigned char init_image[] = {")
for start in range(0, len(data), 16):
    print("\t" + ", ".join(str(byte) for byte in data[start:start + 16]) + ",")
print("};")
print("const unsigned init_image_size = sizeof(init_image);")
