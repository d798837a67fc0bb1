#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shell.sh: every shell script is clean under shellcheck, and compiles as Python where it is that.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

while read -r file; do
    clean "$file under shellcheck" shellcheck "$file"
done < <({ sources '*.sh' '*.bash'; scripts '^#!.*/(env )?(ba)?sh$'; } | LC_ALL=C sort -u)

while read -r file; do
    clean "$file is Python" python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
done < <({ sources '*.py'; scripts '^#!.*python3$'; } | LC_ALL=C sort -u)

done_testing
