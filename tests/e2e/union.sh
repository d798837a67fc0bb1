#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# union.sh: what union.c does comes out as in a plain folder, but for what sbx-overlay(7) says: the table
# of that page is this test's, too.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

page=$SBX_SOURCE/man/sbx-overlay.7
busybox=$(tree busybox)/bin/busybox

# make TREE: a small tree with what the rows want.
make() {
    mkdir -p "$work/$1"/{bin,etc,proc,sys,dev,run,tmp,rows}
    cp "$busybox" "$work/$1/bin/"
    cp "$SBX_BUILD/tests/e2e/union" "$work/$1/bin/"
    "$work/$1/bin/union" make "$work/$1/rows"
}

# The rows of the page: WHAT, and the columns, with tabs between.
documented() {
    sed -nE '/^\.Sh DIFFERENCES/,/^\.Sh EXAMPLES/s/^\.It (.* Ta .*)/\1/p' "$page" |
        sed '/^Sy /d; s/ Ta /\t/g'
}

# expected COLUMN: WHAT and its result for each row, from what union.c says of a plain folder, and, where
# the page has the row, from that.
expected() {
    awk -F'\t' -v OFS='\t' -v column="$1" '
        NR == FNR { page[$1] = $column; next }
        { print $1, ($1 in page) ? page[$1] : $2 }' <(documented) "$rows"
}

# compare WHAT COLUMN [LEFT-OUT]: each row of $out, but those whose name matches.
compare() {
    local what row want got but=${3-^$}
    while IFS=$'\t' read -r row want; do
        IFS=$'\t' read -r -u 3 what _ got || what=nothing
        is "$1: $row" "$what: $got" "$row: $want"
    done < <(expected "$2" | grep -vE "$but") 3< <(grep -vE "$but" <<<"$out")
}

# A tmpfs has user attributes from Linux 6.6 on.
but='^$'
[ "$(printf '6.6\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.6 ] || but=$'^[^\t]*attribute'

# same WHAT COLUMN OPTION... TREE: as the page has it in that column.
same() {
    local what=$1 column=$2
    shift 2
    run "$SBX" enter "$@" -- /bin/union run /rows
    is "$what: it runs" "$status" 0
    if [ "$column" = 3 ]; then
        compare "$what" 3 "$but"
    else
        compare "$what" "$column"
    fi
}

# ---- the page ----
make plain
run "$SBX" enter --direct "$work/plain" -- /bin/union run /rows
is "it runs in a plain folder" "$status" 0
rows=$work/rows
cp "$work/stdout" "$rows"
check "union.c has rows" [ "$(wc -l <"$rows")" -gt 100 ]
is "no row stands there twice" "$(cut -f 1 "$rows" | sort | uniq -d)" ""
is "each row of the page is one of union.c's" \
    "$(documented | cut -f 1 | grep -vxFf <(cut -f 1 "$rows"))" ""
is "and tells what a plain folder does, and a difference" \
    "$(documented | awk -F'\t' 'NF != 5 || ($2 == $3 && $2 == $4 && $2 == $5)')" ""
compare "a plain folder" 2

# ---- the drivers, on the caller's own files and on subordinate ids' ----
make own
make sub
# A change of owner takes the bit away.
unshare --map-auto --map-root-user sh -c \
    'chown -R --no-dereference 1:1 "$1" && chmod 4755 "$1"/rows/*/suid' - "$work/sub"
both_manifests() {
    manifest "$work/own"
    manifest "$work/sub"
}
both_manifests >"$work/before"
same "kernel, in memory" 3 --overlay kernel "$work/own"
same "kernel, in memory, files of subordinate ids" 3 --overlay kernel "$work/sub"
same "kernel, with a name" 4 --overlay kernel --name disk "$work/own"
same "fuse" 5 --overlay fuse "$work/own"
like "that fuse-overlayfs has ended is said" "$err" "fuse-overlayfs was ended by signal"
same "fuse, files of subordinate ids" 5 --overlay fuse "$work/sub"

# ---- owners that aren't mapped, and with that a single id ----
# What changes owners, and makes devices, does nothing then, and says that it did.
faked=$'^[^\t]*(chown|device node)'
run "$SBX" enter --map self --overlay fuse "$work/sub" -- /bin/union run /rows
compare "owners that aren't mapped" 5 "$faked"
is "owners that aren't mapped: what changes one does nothing" \
    "$(grep -E "$faked" <<<"$out" | cut -f 3 | tr '\n' ' ')" "4755 no no no ok "

check "the trees are what they were" cmp -s "$work/before" <(both_manifests)
succeeds "the kept sandbox goes" "$SBX" rm disk

done_testing
