#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# format.sh: C files look as clang-format prints them, and every file says what it is for.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

# wrong COMMAND: those of the files on stdin for which it fails.
wrong() {
    while read -r file; do
        "$@" "$file" || printf '%s\n' "$file"
    done
}

is_formatted() {
    clang-format --dry-run -Werror "$1" 2>/dev/null
}

# "name.c: what it is for", behind the license, and the name is the file's own.
has_head() {
    local lines
    mapfile -t -n 2 lines <"$1"
    [ "${lines[0]}" = '/* SPDX-License-Identifier: Apache-2.0 */' ] &&
        [[ ${lines[1]} == "/* $(basename "$1"): "* ]]
}

has_license() {
    head -n 3 "$1" | grep -q '^# SPDX-License-Identifier: Apache-2\.0$'
}

is "C files look as clang-format -i leaves them" "$(sources '*.c' '*.h' | wrong is_formatted)" ""
is "C files have a head" "$(sources '*.c' '*.h' | wrong has_head)" ""
is "scripts and build files have a license" \
    "$({ sources '*.sh' '*.py' meson.build; scripts '^#!'; } | LC_ALL=C sort -u | wrong has_license)" ""

done_testing
