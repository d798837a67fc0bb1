#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples.sh: the examples of the man pages, as they stand there.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub

# The lines behind "$ " in a page's examples.
examples() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/s/^\$ //p' "$1"
}

mkdir "$work/bin" "$HOME/here"
ln -s "$SBX" "$work/bin/sbx"
PATH=$work/bin:$PATH
ln -s "$root" "$HOME/here/debian"
cd "$HOME/here" || exit

for page in "$SBX_SOURCE"/man/*.1; do
    name=$(basename "$page")
    lines=$(examples "$page")
    check "$name has examples" [ -n "$lines" ]
    while IFS= read -r line; do
        # A shell that is started by one ends at once.
        succeeds "$name: $line" timeout 60 bash -o pipefail -c "$line" </dev/null
    done <<<"$lines"
done
is "the kept sandboxes of the examples are gone" "$(sbx ls --quiet)" ""

done_testing
