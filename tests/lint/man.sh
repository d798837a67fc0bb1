#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# man.sh: the man pages are sound mdoc, and name exactly the options that the commands have.

# shellcheck source=tests/lint/lib.sh
. "$SBX_SOURCE/tests/lint/lib.sh"

while read -r page; do
    # Style remarks included; what mandoc says goes to stdout.
    clean "$page under mandoc" mandoc -T lint -W style "$page"
done < <(sources '*.[1-8]')

# The long options of a command, one a line, as its --help lists them.
help_options() {
    "$SBX" "$1" --help | sed -nE 's/^ +(-., )?(--[a-z][a-z0-9-]*)( .*)?$/\2/p' | LC_ALL=C sort -u
}

# The options that a page describes: the heads of its list items.
page_options() {
    grep -E '^\.It .*Fl Fl ' "$1" | grep -Eo 'Fl Fl [a-z][a-z0-9-]*' | sed 's/Fl Fl /--/' | LC_ALL=C sort -u
}

commands=$("$SBX" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z][a-z-]*) .*/\1/p')
check "sbx --help lists its commands" [ -n "$commands" ]
for command in $commands; do
    options=$(help_options "$command")
    page=man/sbx-$command.1
    # help and version have nothing to tell.
    [ -f "$page" ] || [ "${options:---help}" != --help ] || continue
    check "$page is there" [ -f "$page" ] || continue
    is "$page has the options of sbx $command" "$(page_options "$page")" "$options"
done

done_testing
