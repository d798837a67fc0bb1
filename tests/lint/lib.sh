# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: which files the lint tests look at. To be sourced.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"
cd "$SBX_SOURCE" || exit 1

# sources NAME-PATTERN...: the project's files of these names, without what a build made.
sources() {
    local patterns=() name
    for name in "$@"; do
        patterns+=(-o -name "$name")
    done
    find . -path './build*' -prune -o -path ./.git -prune -o \
        -type f \( "${patterns[@]:1}" \) -print | sed 's,^\./,,' | LC_ALL=C sort
}

# scripts FIRST-LINE: files that begin so, whatever they are called. A corpus has some that are none.
scripts() {
    find . -path './build*' -prune -o -path ./.git -prune -o -path ./tests/fuzz/corpus -prune -o -type f -print | sed 's,^\./,,' |
        while IFS= read -r file; do
            [[ $(head -c 64 "$file" | head -n 1 | tr -d '\0') =~ $1 ]] && printf '%s\n' "$file"
        done | LC_ALL=C sort
}

# clean WHAT COMMAND ARG...: ok where the command succeeds; else all that it said.
clean() {
    local what=$1
    shift
    run "$@"
    is "$what" "$status" 0 || note "$out" "$err"
}
