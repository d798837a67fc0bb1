#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# races.sh: names that are exchanged while a sandbox is made, thousands of times a second. Whoever can
# write in a folder of the tree, or in one that is bound, can do that: another sandbox, for one.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

need_tree busybox
rounds=${SBX_TEST_ROUNDS:-40}
mkdir -p "$work/source/c/d" "$work/alt"

# race WHAT RACER-ARGUMENTS -- SBX-ARGUMENTS: as many sandboxes as there are rounds; $said is all that they
# said, $entered and $refused count them. Nothing hangs, nothing ends otherwise.
race() {
    local what=$1 names=() round
    shift
    while [ "$1" != -- ]; do
        names+=("$1")
        shift
    done
    shift
    entered=0 refused=0 other=0 said=
    "$SBX_BUILD/tests/attacks/racer" "${names[@]}" &
    racer=$!
    for ((round = 0; round < rounds; round++)); do
        run timeout 20 "$SBX" enter "$@"
        said+=$out$'\n'
        case $status in
        0) entered=$((entered + 1)) ;;
        1 | 125 | 126 | 127) refused=$((refused + 1)) ;;
        *) other=$((other + 1)) ;;
        esac
    done
    kill "$racer"
    wait "$racer" 2>/dev/null
    is "$what: each of $rounds has an answer" "$other" 0
    note "$entered entered, $refused did not"
    untouched "$what: the host's files are what they were"
}

for overlay in kernel fuse none; do
    # ---- targets: CVE-2021-30465 ----
    hostile
    mkdir -p "$work/tree"/{proc,sys,dev,run,tmp,etc,a/b/c}
    ln -s "$canaries" "$work/tree/x"
    race "CVE-2021-30465: a target's parent, $overlay" "$work/tree/a" "$work/tree/x" -- --overlay "$overlay" \
        -v "$work/source:/a/b" --tmpfs /a/b/c/d "$work/tree" -- /busybox touch /a/b/new
    hostile
    mkdir -p "$work/tree"/{proc,sys,dev,run,tmp,etc,a/b/c}
    ln -s "$canaries" "$work/tree/x"
    race "CVE-2021-30465: a target, $overlay" "$work/tree/a/b" "$work/tree/x" -- --overlay "$overlay" \
        -v "$work/source:/a/b" "$work/tree" -- /busybox touch /a/b/new

    # ---- what sbx mounts and writes itself ----
    for name in proc dev run etc; do
        hostile
        mkdir -p "$work/tree"/{proc,sys,dev,run,tmp,etc}
        ln -s "$canaries" "$work/tree/x"
        rounds=20 race "CVE-2025-31133: /$name, $overlay" "$work/tree/$name" "$work/tree/x" -- --overlay "$overlay" \
            "$work/tree" -- /busybox sh -c "/busybox touch /$name/new; true"
    done
done

# ---- sources: CVE-2024-42472 ----
# What is bound is what was looked at, so the store can't slip in.
hostile
"$SBX" enter --name kept "$work/tree" -- /busybox true
mkdir "$work/project"
for hidden in "$HOME/.local/share/sbx" "$HOME/.local/share/sbx/containers"; do
    ln -sfn "$hidden" "$work/alt/link"
    race "CVE-2024-42472: a source becomes a link to ${hidden##*/}" "$work/project" "$work/alt/link" -- \
        -v "$work/project:/mnt" "$work/tree" -- /busybox find /mnt -name kept -o -name containers -o -name upper
    is "the store is never seen" "$(grep -c /mnt <<<"$said")" 0
    rm -rf "$work/project" "$work/alt/link"
    mkdir "$work/project"
done

# ---- the store's own folders, by somebody who may write above them ----
mkdir -p "$work/folder/inner" "$work/other"
race "a source's folder becomes another" "$work/folder" "$work/other" -- -v "$work/folder:/mnt" "$work/tree" -- \
    /busybox touch /mnt/new
done_testing
