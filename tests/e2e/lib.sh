# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what the tests with whole root filesystems share. To be sourced.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"

# manifest FOLDER: its state, read as the root of the caller's subordinate ids, who may read it all.
manifest() {
    unshare --map-auto --map-root-user python3 "$SBX_SOURCE/tests/e2e/manifest.py" "$1"
}

# remember FOLDER; later: unchanged WHAT FOLDER.
remember() {
    manifest "$1" >"$work/manifest"
    check "the manifest of $(basename "$1") holds a whole system" \
        [ "$(wc -l <"$work/manifest")" -gt 5000 ]
}

unchanged() {
    manifest "$2" >"$work/manifest.now"
    check "$1: the tree is what it was" cmp -s "$work/manifest" "$work/manifest.now" ||
        note "$(diff "$work/manifest" "$work/manifest.now" | head -n 20)"
}

# What sbx keeps for the user, apart from what it knows of the machine (probes, compiled filters).
left_behind() {
    find "$HOME" -mindepth 1 ! -type d ! -path "$HOME/.cache/*" ! -name '.overlay-in-*' ! -name '.told-*' ! -path '*/sbx/skeleton/*' -printf '%P\n'
}

# Packages inside come from the mirrors that the tree names; DNS answers change, so try twice.
# shellcheck disable=SC2034 # for the scripts that source this
apt_update='apt-get -q update || { sleep 5; apt-get -q update; }'
