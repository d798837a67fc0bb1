#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# keep.sh: what becomes of a session's changes at its end.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

need_tree busybox
tree=$work/tree
small_tree "$tree"
store=$HOME/.local/share/sbx

# on_terminal ARG...: sbx ARG... on a terminal that nobody types at; sets $out.
on_terminal() {
    local line
    printf -v line '%q ' "$SBX" "$@"
    out=$(script -qec "$line" /dev/null </dev/null | tr -d '\r\0\004' | sed 's/\^[@D]//g')
}

# asked SCRIPT...: sbx enter --keep-on-exit whose questions get the answers SCRIPT, for expect; sets $out.
asked() {
    local change=$1 answer
    shift
    {
        echo 'set timeout 20'
        printf 'spawn -noecho %s enter --keep-on-exit %s -- sh -c {%s}\n' "$SBX" "$tree" "$change"
        for answer in "$@"; do
            printf 'expect {\n "throw it away: " { send "%s" }\n timeout { exit 9 }\n eof { exit 8 }\n}\n' "$answer"
        done
        echo 'expect { eof {} timeout { exit 9 } }'
        echo 'exit [lindex [wait] 3]'
    } >"$work/script.exp"
    out=$(expect "$work/script.exp")
    status=$?
    out=${out//$'\r'/}
}

# ---- a throw-away session says how much goes ----
for driver in kernel fuse; do
    on_terminal enter --overlay "$driver" "$tree" -- sh -c 'echo x >/new; chown 7:7 /new; mkdir -m 700 /dir; echo >/dir/in; chown 9 /dir; echo own >>/etc/hosts'
    is "$driver: said once" "$out" "sbx: enter: note: threw away 3 files, 3 bytes; --name NAME or --keep-on-exit keeps them"
    on_terminal enter --overlay "$driver" "$tree" -- sh -c 'head -c 3600000 /dev/zero >/big'
    is "$driver: with its size" "$out" "sbx: enter: note: threw away 1 file, 3.4 MiB; --name NAME or --keep-on-exit keeps them"
    on_terminal enter --overlay "$driver" "$tree" -- sh -c 'echo tmp >/tmp/x; chmod u+x /d/a; chmod u-x /d/a'
    is "$driver: nothing where nothing was changed" "$out" ""
    run "$SBX" enter --overlay "$driver" "$tree" -- sh -c 'echo x >/new'
    is "$driver: nothing without a terminal" "$status$out$err" 0
done
is "nothing is left" "$(find "$store"/{tmp,containers} -mindepth 1 2>/dev/null)" ""

# ---- without a terminal it is kept ----
run "$SBX" enter --keep-on-exit "$tree" -- sh -c 'echo x >/new; exit 3'
is "the status is the command's" "$status" 3
name=$("$SBX" ls -q)
like "it has a name after the tree" "$name" '^tree-[0-9a-f]{6}$'
is "which is said" "$err" "sbx: enter: note: kept 1 file, 2 bytes as '$name': sbx enter $name goes on, sbx diff $name shows what changed, sbx rm $name removes it"
is "the change is in it" "$("$SBX" diff "$name")" $'A /new'
succeeds "it can be entered" "$SBX" enter "$name" -- cat /new
"$SBX" rm "$name" >/dev/null
run "$SBX" enter --keep-on-exit "$tree" -- true
is "nothing where nothing was changed" "$status$err$("$SBX" ls -q)" 0

# ---- on a terminal it is asked for ----
asked 'echo x >/new; exit 4' 'good\r'
is "a name: status" "$status" 4
is "a name: kept" "$("$SBX" ls -q)" good
like "a name: said" "$out" "changed: 1 file, 2 bytes.*kept 1 file, 2 bytes as 'good'"
asked 'echo x >/new' 'no good\r' 'good\r' 'better\r'
like "another one is asked for where it is none" "$out" "'no good': it is not a name for a sandbox"
like "and where it is taken" "$out" "there is a sandbox 'good' already"
is "until there is one" "$("$SBX" ls -q)" $'better\ngood'
asked 'echo x >/new' '\r'
is "an empty answer throws it away" "$("$SBX" ls -q)" $'better\ngood'
asked 'echo x >/new' '\003'
like "Ctrl-C keeps it" "$out" "kept 1 file, 2 bytes as 'tree-"
asked 'echo x >/new' '\004'
like "an end of file keeps it" "$out" "kept 1 file, 2 bytes as 'tree-"
is "both are there" "$("$SBX" ls -q | grep -c '^tree-')" 2
asked 'true'
is "nothing is asked where nothing was changed" "$out" ""
"$SBX" rm --all >/dev/null

# ---- a launcher that is killed ----
"$SBX" enter --keep-on-exit "$tree" -- sh -c 'echo x >/new; echo up; while true; do sleep 0.1; done' >"$work/up" 2>&1 </dev/null &
pid=$!
for _ in $(seq 100); do grep -qs up "$work/up" && break; sleep 0.05; done
kill -KILL "$pid"
wait "$pid" 2>/dev/null
like "a session that is killed is kept" "$("$SBX" ls -q)" '^tree-'
"$SBX" rm --force --all >/dev/null

# ---- what can't be ----
run "$SBX" enter --keep-on-exit --name x "$tree"
is "with --name" "$status $err" "125 sbx: enter: --name gives a name now, and --keep-on-exit asks for one at the end
hint: leave one of them out"
run "$SBX" enter --keep-on-exit --direct "$tree"
is "with --direct" "$status $err" "125 sbx: enter: --keep-on-exit keeps what is written, and --direct writes to the tree
hint: leave one of them out"
"$SBX" enter --name kept "$tree" -- true
run "$SBX" enter --keep-on-exit kept
is "of a kept sandbox" "$status $err" "125 sbx: enter: what is written in 'kept' is kept already
hint: leave --keep-on-exit out"

done_testing
