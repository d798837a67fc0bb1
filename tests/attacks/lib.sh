# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what the attacks share. To be sourced.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

# shellcheck disable=SC2034 # for the scripts that source this
probe=${SBX_BUILD:?}/tests/attacks/probe

# What a sandbox can be given, by the names that probe.h has for it.
# shellcheck disable=SC2034
declare -A way_options=(
    [root]=''
    [user]='--user 1000:1000'
    [all]='--cap-add ALL'
    [bare]='--cap-add ALL --security-opt seccomp=unconfined --new-privs'
)

# relay LABEL: counts the lines that probe printed, from stdin, as checks of our own.
relay() {
    local label=$1 line
    while IFS= read -r line; do
        line=${line%$'\r'}
        case $line in
        'ok - '*) tap_ok "$label, ${line#ok - }" ;;
        'not ok - '*) tap_not_ok "$label, ${line#not ok - }" ;;
        *) note "$line" ;;
        esac
    done
}

# A host's folder that nobody inside may change; the canary of every test here.
canaries=$work/canaries
mkdir "$canaries"
echo untouched >"$canaries/file"
canary_state() {
    find "$canaries" -printf '%P %y %m %u %s %T@ %l\n' | sort
    cat "$canaries/file"
}
canary_was=$(canary_state)

# untouched WHAT: ok where the canaries are what they were.
untouched() {
    is "$1" "$(canary_state)" "$canary_was"
}

# hostile: a tree in $work/tree with nothing in it but a busybox.
hostile() {
    remove_tree "$work/tree"
    mkdir "$work/tree"
    [ -e "$work/busybox" ] || cp "$(tree busybox)/bin/busybox" "$work/"
    ln "$work/busybox" "$work/tree/"
}

# says_nothing_raw WHAT: what the last `run` said has no control bytes, so none of a terminal's sequences.
says_nothing_raw() {
    is "$1" "$(tr -d '\n' <"$work/stderr" | LC_ALL=C tr -dc '\000-\037\177\200-\237' | od -An -c)" ""
}
