#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""profiles.py FILE: FILE as a constant string of C, so that it needn't be looked for at run time."""
import json
import sys

print("/* Made from profiles.conf by profiles.py. */")
print('#include "cli/conf_files.h"')
print("const char conf_built_in[] =")
for line in open(sys.argv[1], encoding="ascii"):
    print("\t" + json.dumps(line))
print(";")
