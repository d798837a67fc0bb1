#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# man.sh: the man pages are sound mdoc, and name exactly the options that the commands have.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

# Style included; but whether another page exists is a matter of the machine's index of them.
remarks() {
    mandoc -T lint -W style "$1" 2>/dev/null | grep -v 'STYLE: referenced manual not found'
}

check "mandoc is there" [ -x "$(command -v mandoc)" ]
while read -r page; do
    is "$page is clean under mandoc" "$(remarks "$page")" ""
done < <(sources '*.[1-8]')

# The options of a command as its --help lists them, one a line: "v volume", or " name" without letter.
help_options() {
    "$SBX" "$@" --help | sed -nE 's/^ {2,6}(-(.), )?--([a-z][a-z0-9-]*).*/\2 \3/p' | LC_ALL=C sort
}

# The options that a page describes: the heads of its list items.
page_options() {
    sed -nE 's/^\.It (Fl (.) , )?Fl Fl ([a-z][a-z0-9-]*).*/\2 \3/p' "$1" | LC_ALL=C sort
}

page_matches() {
    local page=$1
    shift
    check "$page is there" [ -f "$page" ] || return
    is "$page has the options of sbx $*" "$(page_options "$page")" "$(help_options "$@")"
}

commands=$("$SBX" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z][a-z-]*) .*/\1/p')
check "sbx --help lists its commands" [ -n "$commands" ]
page_matches man/sbx.1
for command in $commands; do
    check "man/sbx.1 has the command $command" grep -q "^\.It Cm $command\b" man/sbx.1
    # These two have nothing to tell.
    case $command in
    help | version) ;;
    *) page_matches "man/sbx-$command.1" "$command" ;;
    esac
    is "sbx $command --help is 96 columns wide at most" \
        "$("$SBX" "$command" --help | awk 'length > 96')" ""
done

done_testing
