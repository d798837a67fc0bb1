#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# changes.sh DRIVER: sbx diff lists what a sandbox changed, and sbx apply takes it over.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

driver=$1
need_tree busybox
tree=$work/tree

# sandbox NAME SCRIPT: a kept one of $tree in which SCRIPT has run.
sandbox() {
    "$SBX" rm --force "$1" >/dev/null
    run "$SBX" enter --overlay "$driver" --name "$1" "$tree" -- sh -ec "$2"
    [ "$status" = 0 ] || note "$err"
}

# ---- the list ----
small_tree "$tree"
unshare --map-auto --map-root-user setfacl -m u:3:r "$tree/d/b"
sandbox one '
    echo new >/new; ln /new /new2; chown 5:6 /new; chmod 4755 /new
    rm /d/a; rm -r /d/sub; mv /d/link /d/moved; echo more >>/d/b
    rm -r /gone
    rm -r /again; mkdir /again; echo 2 >/again/2
    mkdir -p /dir/below; echo f >"/dir/a file"; touch "/dir/tab	name"; chmod 700 /dir/below
    mkfifo /fifo; ln -s /etc/passwd /link
    chmod 644 /etc/motd; : >>/etc/motd; echo own >>/etc/hosts
    mkdir /old; touch -d @1000000000 /old'
want="C /again
A /again/2
D /again/old
D /again/z
C /d
D /d/a
C /d/b
D /d/link
A /d/moved
D /d/sub
A /dir
A /dir/a file
A /dir/below
A /dir/tab\\x09name
A /fifo
D /gone
A /link
A /new
A /new2
A /old"
run "$SBX" diff one
is "diff: status" "$status" 0
is "diff: the list" "$out" "$want"
is "diff: setuid files are named" "$err" \
    "sbx: diff: note: 2 files are setuid, setgid or with capabilities, and would run with more rights than its caller has, such as '/new'"
run "$SBX" diff one /d/b again/2 /nothing
is "diff: parts, by paths" "$out" $'A /again/2\nC /d/b'
run "$SBX" diff --stat one
is "diff --stat" "$out" "11 added, 1 changed, 10 deleted; 19 bytes"
run bash -c '"$SBX" diff --json one 2>/dev/null | python3 -c "
import json, sys
for c in json.load(sys.stdin):
    if c[\"path\"] in (\"/new\", \"/gone\", \"/dir/tab\tname\", \"/d\"):
        print(c[\"kind\"], repr(c[\"path\"]), c[\"type\"], c[\"mode\"], c[\"uid\"], c[\"only_below\"])"'
is "diff --json" "$out" "changed '/d' folder 0755 0 True
added '/dir/tab\\tname' file 0644 0 False
deleted '/gone' folder 0755 0 False
added '/new' file 4755 5 False"
run "$SBX" diff --json --stat one
is "diff: one form at a time" "$status $err" "125 sbx: diff: --json, --stat and --patch exclude each other
hint: leave all but one of them out"

for command in 'diff one' 'diff -p one' 'apply --dry-run one'; do
    # shellcheck disable=SC2086
    run python3 -c '
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sbx = subprocess.run(sys.argv[1:], stdout=w, stderr=subprocess.PIPE, text=True)
print(sbx.returncode, "".join(line for line in sbx.stderr.splitlines() if ": note: " not in line))' \
        "$SBX" $command
    is "$command: nobody reads it, and it says nothing" "$out" "-13 "
done

run "$SBX" __complete -- diff one /aga
is "completion offers paths of changes" "$out" $':none \n/again/'
run "$SBX" __complete -- apply on
is "and sandboxes" "$out" $':none \none'

# ---- a patch ----
for tool in 'git apply' 'patch -p1 -s'; do
    small_tree "$work/patched"
    rm "$work/patched/bin" -r
    "$SBX" diff -p one 2>/dev/null >"$work/patch"
    (cd "$work/patched" && $tool) <"$work/patch" >"$work/patch.said" 2>&1
    is "$tool takes the patch: status" "$?" 0 || note "$(cat "$work/patch.said")"
    is "$tool: a text" "$(cat "$work/patched/d/b")" $'b\nmore'
    is "$tool: a new file with a blank" "$(cat "$work/patched/dir/a file")" f
    is "$tool: an empty one with a tab" "$(stat -c %s "$work/patched/dir/tab	name")" 0
    is "$tool: a link" "$(readlink "$work/patched/link")" /etc/passwd
    check "$tool: what is gone" [ ! -e "$work/patched/d/a" ] && [ ! -e "$work/patched/gone/in/x" ]
done

sandbox modes 'chmod 4640 /gone/in/x'
run "$SBX" diff -p modes
is "a patch tells of a mode, with all its bits" "$out" "diff --git a/gone/in/x b/gone/in/x
old mode 100644
new mode 104640"
"$SBX" rm modes >/dev/null

# What is all new or all gone is written without diff(1), as that would write it.
sandbox whole 'printf "1\n2\nno end" >/new; printf one >/one; : >/nothing; ln -s to /sym; rm /d/a; rm -r /gone'
"$SBX" diff -p whole >"$work/patch"
for name in new one nothing sym d/a gone/in/x; do
    case $name in
    new) printf '1\n2\nno end' ;;
    one) printf one ;;
    sym) printf to ;;
    d/a) echo a ;;
    gone/in/x) echo x ;;
    esac >"$work/side"
    case $name in
    d/a | gone/in/x) diff -u --label "a/$name" --label /dev/null "$work/side" /dev/null ;;
    *) diff -u --label /dev/null --label "b/$name" /dev/null "$work/side" ;;
    esac >"$work/hunk"
    sed "\\|^diff --git a/$name |,/^diff --git /!d; /^diff --git /d; /^\(new\|deleted\) file mode/d" \
        <"$work/patch" >"$work/got"
    is "a patch of a whole file: $name" "$(cat "$work/got")" "$(cat "$work/hunk")"
done
"$SBX" rm whole >/dev/null

# ---- dry run, and parts ----
state "$tree" >"$work/before"
run "$SBX" apply --dry-run one
is "apply --dry-run prints the list of diff" "$status $out" "0 $want"
state "$tree" >"$work/now"
check "and writes nothing" cmp "$work/before" "$work/now"
run "$SBX" apply one /dir/below
is "apply of a part: and the folder that it is in" "$status $out" $'0 A /dir\nA /dir/below'
run "$SBX" diff one /dir
is "the rest is still there" "$out" "C /dir
A /dir/a file
A /dir/tab\\x09name"
is "a part of what is gone" "$("$SBX" diff one /gone/in)" "D /gone/in"
succeeds "apply takes it alone" "$SBX" apply one /gone/in
check "and leaves what it was in" [ ! -e "$tree/gone/in" ] && [ -d "$tree/gone" ]
run "$SBX" apply one /etc
is "apply: nothing there: status and text" "$status $err" "125 sbx: apply: nothing is changed at or below /etc
hint: sbx diff one lists what is"

# ---- all of it ----
# The view of inside: the upper and the tree as the sandbox sees them.
mkdir "$work/view"
"$SBX" enter one -- sh -c 'cd /; tar -c $(ls -A / | grep -vxE "proc|sys|dev|run|tmp")' |
    unshare --map-auto --map-root-user tar -C "$work/view" -x -p
succeeds "apply" "$SBX" apply one
is "the tree has no temporary files" "$(temporaries "$tree")" ""
columns() {
    state "$1" | cut -d' ' -f 1-5
}
is "the tree is what the sandbox saw" "$(columns "$tree")" "$(columns "$work/view")"
is "both names are one file" "$(stat -c '%h %a' "$tree/new")" "2 4755"
is "a new folder's time is kept" "$(stat -c %Y "$tree/old")" 1000000000
is "the tree's own /etc/hosts stays" "$(cat "$tree/etc/hosts")" host
run "$SBX" diff one
is "nothing is left to take over" "$status$out" 0
run "$SBX" apply one
is "a second apply does nothing" "$status$out" 0
succeeds "the sandbox goes on" "$SBX" enter one -- sh -ec 'cat /again/2; echo again >>/d/b; rmdir /old; echo x >/dir/below/x'
run "$SBX" diff one
is "with new changes" "$out" "C /d
C /d/b
C /dir
C /dir/below
A /dir/below/x
D /old"
succeeds "which apply takes" "$SBX" apply one
is "they are there" "$(tail -n1 "$tree/d/b") $(cat "$tree/dir/below/x")" "again x"

# ---- another type ----
small_tree "$tree"
sandbox types 'rm /empty; mkdir /empty; touch /empty/now; rm -r /gone; echo f >/gone; rm /d/link; mkfifo /d/link; rm /d/b; ln -s a /d/b'
run "$SBX" diff types
is "another type is a change" "$out" "C /d
C /d/b
C /d/link
C /empty
A /empty/now
C /gone"
succeeds "apply takes it" "$SBX" apply types
is "it is of that type" "$(stat -c %F "$tree"/{empty,gone,d/link,d/b})" "directory
regular file
fifo
symbolic link"
is "nothing is left" "$("$SBX" diff types)" ""

# ---- attributes ----
small_tree "$tree"
printf 'data' >"$tree/caps"
chmod 755 "$tree/caps"
sandbox two '
    chmod 600 /d/a; chown 7:8 /d/b; touch -d @1234567890 /etc/motd; chmod 2775 /d
    dd if=/dev/zero of=/sparse bs=1 count=1 seek=10000000 2>/dev/null'
run "$SBX" diff two
is "modes, owners and times are changes" "$out" "C /d
C /d/a
C /d/b
C /etc
C /etc/motd
A /sparse"
succeeds "apply" "$SBX" apply two
is "mode" "$(stat -c %a "$tree/d/a" "$tree/d")" $'600\n2775'
is "owner" "$(unshare --map-auto --map-root-user stat -c %u:%g "$tree/d/b")" 7:8
is "time" "$(stat -c %Y "$tree/etc/motd")" 1234567890
check "a sparse file stays sparse" [ "$(stat -c %b "$tree/sparse")" -lt 100 ]
is "nothing is left" "$("$SBX" diff two)" ""

# ---- copied up, and equal ----
sandbox three 'for f in /d/a /d/b /etc/motd /caps; do chmod u+x $f; chmod u-x $f; done; chmod u+x /caps
    cp -p /etc/motd /save; echo xxxx >/etc/motd; cat /save >/etc/motd; touch -r /save /etc/motd; rm /save'
is "what is equal again is no change" "$("$SBX" diff three)" ""
sandbox three 'cp -p /etc/motd /save; echo xotd >/etc/motd; touch -r /save /etc/motd; rm /save'
is "another content of the same size and time is one" "$("$SBX" diff three)" $'C /etc\nC /etc/motd'

# ---- changed below ----
small_tree "$tree"
sleep 0.05
sandbox four 'echo in >>/d/a; rm /d/b; rm -r /gone; echo n >/n; rm -r /again; mkdir /again'
echo out >>"$tree/d/a"
echo out >>"$tree/d/b"
echo out >"$tree/gone/in/x"
echo out >"$tree/n"
echo out >"$tree/again/z"
state "$tree" >"$work/before"
run "$SBX" apply four
is "changed below: status" "$status" 125
is "changed below: the paths" "$err" "sbx: apply: '/again/z' changed in the tree since the sandbox took it
sbx: apply: '/d/a' changed in the tree since the sandbox took it
sbx: apply: '/d/b' changed in the tree since the sandbox took it
sbx: apply: '/gone/in/x' changed in the tree since the sandbox took it
sbx: apply: '/n' changed in the tree since the sandbox took it
sbx: apply: 5 paths have changed in the tree meanwhile: nothing is written
hint: sbx diff -p four PATH shows both; --force takes what the sandbox has"
state "$tree" >"$work/now"
check "nothing is written" cmp "$work/before" "$work/now"
run "$SBX" apply --dry-run four
is "a dry run says so too" "$status" 125
like "with the list" "$out" 'C /d/a'
succeeds "apply --force" "$SBX" apply --force four
is "it takes the sandbox's" "$(cat "$tree/d/a" "$tree/n")" $'a\nin\nn'
check "deletions too" [ ! -e "$tree/d/b" ] && [ ! -e "$tree/gone" ] && [ -z "$(ls -A "$tree/again")" ]
is "nothing is left" "$("$SBX" diff four)" ""
small_tree "$tree"
sandbox five 'echo in >>/d/a; echo n >/n'
echo other >"$tree/d/b"
echo another >"$tree/d/c"
succeeds "what else changed below doesn't matter" "$SBX" apply five
is "and stays" "$(cat "$tree/d/b" "$tree/d/c")" $'other\nanother'

# ---- a failure in the midst of it ----
small_tree "$tree"
sandbox full 'echo 1 >/a1; head -c 200000 /dev/zero | tr "\0" x >/big; mkdir /c; echo 2 >/c/2'
run bash -c 'ulimit -f 64; exec "$SBX" apply full'
is "a limit in the midst: status and text" "$status $err" "125 sbx: apply: write '/big' in the tree: File too large
hint: raise the limit of a file's size: ulimit -f unlimited"
is "nothing of that file is there" "$(temporaries "$tree")$(ls "$tree/big" 2>/dev/null)" ""
is "what was done is done, the rest still to do" "$(cat "$tree/a1") $("$SBX" diff full)" $'1 A /big\nA /c\nA /c/2'
succeeds "the next apply does it" "$SBX" apply full
is "all is there" "$(stat -c %s "$tree/big") $(cat "$tree/c/2") $("$SBX" diff full)" "200000 2 "

# ---- refusals ----
"$SBX" enter --overlay "$driver" --name running "$tree" -- sh -c 'echo r >/r; echo up; while true; do sleep 0.1; done' >"$work/up" 2>&1 </dev/null &
launcher=$!
for _ in $(seq 100); do grep -qs up "$work/up" && break; sleep 0.05; done
run "$SBX" apply running
is "a running sandbox: status and text" "$status $err" "125 sbx: apply: the sandbox 'running' is running
hint: end it first; sbx diff shows its changes meanwhile"
run "$SBX" diff running
is "its changes can be seen" "$out" $'A /r'
"$SBX" rm --force running >/dev/null
wait "$launcher" 2>/dev/null
run "$SBX" diff nobody
is "no such sandbox" "$status $err" "125 sbx: diff: there is no kept sandbox nobody
hint: sbx ls lists those that there are"
run "$SBX" diff
is "no name" "$status $err" "125 sbx: diff: NAME is missing: the kept sandbox
hint: 'sbx diff --help' lists the options"
chmod 500 "$tree/d"
unshare --map-auto --map-root-user chown 1:1 "$tree/d"
sandbox six 'echo n >/d/n'
succeeds "a folder of a subordinate id can be written" "$SBX" apply six
is "it is" "$(unshare --map-auto --map-root-user cat "$tree/d/n")" n
sandbox seven 'echo n >/n'
mv "$tree" "$tree.away"
run "$SBX" diff seven
like "no tree" "$status $err" "^125 sbx: diff: open the tree of the sandbox 'seven', '$tree': No such file or directory"
mv "$tree.away" "$tree"

# ---- one that is damaged ----
id=$(basename "$(grep -l '"seven"' "$HOME"/.local/share/sbx/containers/*/config.json | xargs dirname)")
echo '{' >"$HOME/.local/share/sbx/containers/$id/config.json"
run "$SBX" ls
like "ls shows a sandbox whose config.json is damaged" "$out" "${id:0:12} .* damaged "
succeeds "rm removes it by its id" "$SBX" rm "${id:0:12}"
check "it is gone" [ ! -e "$HOME/.local/share/sbx/containers/$id" ]

done_testing
