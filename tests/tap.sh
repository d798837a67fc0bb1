# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# tap.sh: what a test script says, as TAP ("ok 1 - ..."), and how it calls sbx. To be sourced.
#
#   check WHAT COMMAND ARG...     ok where the command succeeds
#   is WHAT GOT WANT              ok where both strings are equal
#   like WHAT GOT PATTERN         ok where GOT matches the extended regular expression
#   skip WHAT WHY                 a check that this machine can't make
#   run COMMAND ARG...            runs it; sets $status, $out (stdout) and $err (stderr)
#   succeeds WHAT COMMAND ARG...  runs it; ok where its status is 0, else shows what it said
#   done_testing                  the plan; the last line of a script
#
# $work is a folder of the test's own, and the home folder, of which nothing stays.

set -u

: "${SBX:?is the path of the sbx to be tested}"
tap_checks=0
tap_failures=0
status=0
out=
err=

work=$(mktemp -d "${TMPDIR:-/tmp}/sbx-test.XXXXXX") || exit 1
export HOME=$work/home
mkdir "$HOME"
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR

# Files that the sandboxes made can belong to the caller's subordinate ids.
remove_tree() {
    rm -rf -- "$@" 2>/dev/null && return
    unshare --map-auto --map-root-user rm -rf -- "$@"
}

trap 'remove_tree "$work"' EXIT
# A signal ends the script through the trap above.
trap 'exit 1' HUP INT TERM

tap_ok() {
    tap_checks=$((tap_checks + 1))
    printf 'ok %d - %s\n' "$tap_checks" "$1"
}

tap_not_ok() {
    tap_checks=$((tap_checks + 1))
    tap_failures=$((tap_failures + 1))
    printf 'not ok %d - %s\n' "$tap_checks" "$1"
    printf '# failed at %s:%s\n' "${BASH_SOURCE[2]}" "${BASH_LINENO[1]}"
}

note() {
    printf '%s\n' "$@" | sed 's/^/# /'
}

check() {
    local what=$1
    shift
    if "$@"; then
        tap_ok "$what"
    else
        tap_not_ok "$what"
        return 1
    fi
}

is() {
    if [ "$2" = "$3" ]; then
        tap_ok "$1"
    else
        tap_not_ok "$1"
        note "got  '${2:0:2000}'" "want '${3:0:2000}'"
        return 1
    fi
}

like() {
    if [[ $2 =~ $3 ]]; then
        tap_ok "$1"
    else
        tap_not_ok "$1"
        note "got '${2:0:2000}'" "want a match of '$3'"
        return 1
    fi
}

skip() {
    tap_checks=$((tap_checks + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_checks" "$1" "$2"
}

run() {
    # A substitution can't hold a NUL, and bash would say so on the test's own stderr.
    "$@" >"$work/stdout" 2>"$work/stderr"
    status=$?
    out=$(tr -d '\0' <"$work/stdout")
    err=$(tr -d '\0' <"$work/stderr")
}

succeeds() {
    local what=$1
    shift
    run "$@"
    is "$what" "$status" 0 || {
        note "stdout:" "$(tail -n 20 <<<"$out")" "stderr:" "$(tail -n 20 <<<"$err")"
        return 1
    }
}

is_sanitized() {
    grep -q __asan_init "$SBX"
}

# tree NAME: prints the path of a prepared root filesystem; fails where it is missing.
tree() {
    local path=${SBX_TEST_TREES:-/nonexistent}/$1
    [ -d "$path" ] || return 1
    printf '%s\n' "$path"
}

# need_tree NAME: sets $root, or ends the script: there is nothing to test on.
need_tree() {
    # shellcheck disable=SC2034 # for the script that sources this
    root=$(tree "$1") || {
        printf '1..0 # SKIP no root filesystem %s: run tests/run, which makes it\n' "$1"
        exit 0
    }
}

done_testing() {
    printf '1..%d\n' "$tap_checks"
    exit $((tap_failures != 0))
}
