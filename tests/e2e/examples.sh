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

for page in "$SBX_SOURCE"/man/*.[1-8]; do
    name=$(basename "$page")
    lines=$(examples "$page")
    check "$name has examples" [ -n "$lines" ]
    while IFS= read -r line; do
        # A shell that is started by one ends at once.
        succeeds "$name: $line" timeout 60 bash -o pipefail -c "$line" </dev/null
    done <<<"$lines"
done
# The example of a configuration is one.
mkdir -p "$HOME/.config/sbx"
sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$SBX_SOURCE/man/sbx.conf.5" | grep -v '^\.' >"$HOME/.config/sbx/sbx.conf"
check "sbx.conf.5 has an example" grep -q '^\[profile web\]' "$HOME/.config/sbx/sbx.conf"
succeeds "sbx takes it" sbx config --profile web --profile build
like "and it says what it seems to" "$out" "volume +$HOME/.cache/ccache:/root/.cache/ccache"
rm "$HOME/.config/sbx/sbx.conf"

is "the kept sandboxes of the examples are gone" "$(sbx ls --quiet)" ""

done_testing
