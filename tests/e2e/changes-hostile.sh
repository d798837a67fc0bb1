#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# changes-hostile.sh DRIVER: neither what a sandbox wrote nor what others do to the tree meanwhile
# leads sbx diff and sbx apply out of the tree, blocks them, or reaches the terminal.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

driver=$1
need_tree busybox
tree=$work/tree
outside=$work/outside
mkdir "$outside"

sandbox() {
    "$SBX" rm --force "$1" >/dev/null
    run "$SBX" enter --overlay "$driver" --name "$1" "$tree" -- sh -ec "$2"
    [ "$status" = 0 ] || note "$err"
}

is_untouched() {
    is "$1: nothing outside was written" "$(ls -A "$outside")" ""
}

# ---- symbolic links ----
small_tree "$tree"
sandbox links "rm -r /etc; ln -s $outside /etc; ln -s $outside /d/out; rm -r /d/sub; ln -s ../../../../../../../..$outside /d/sub"
succeeds "a folder that has become a link to the host: apply" "$SBX" apply links
is "it is that link" "$(readlink "$tree/etc" "$tree/d/out")" "$outside"$'\n'"$outside"
is_untouched "links in the sandbox"
sandbox below 'echo 1 >/etc/new' 2>/dev/null
is_untouched "a write through a link inside"

small_tree "$tree"
sandbox swapped 'echo in >/d/new; rm /d/a; rm -r /gone; chmod 700 /d'
mv "$tree/d" "$work/d.away"
ln -s "$outside" "$tree/d"
echo mine >"$outside/a"
run "$SBX" apply swapped
is "the tree's folder has become a link: refused" "$status" 125
like "and named" "$err" "'/d' changed in the tree since"
run "$SBX" apply --force swapped
is "by force it becomes a folder again" "$status $(stat -c %F "$tree/d")" "0 directory"
is "what the link leads to stays" "$(ls -A "$outside") $(cat "$outside/a")" "a mine"
rm "$outside/a"

# What is to be removed is a folder outside the tree by now.
small_tree "$tree"
mkdir "$outside/in"
echo keep >"$outside/in/x"
sandbox removed 'rm -r /gone'
remove_tree "$tree/gone"
ln -s "$outside" "$tree/gone"
run "$SBX" apply --force removed
is "a removal takes the link, not what it leads to" "$status $(cat "$outside/in/x")" "0 keep"
check "the link is gone" [ ! -L "$tree/gone" ]
rm -r "$outside/in"

# ---- a folder that is swapped all the time ----
for round in 1 2 3; do
    small_tree "$tree"
    sandbox race 'cd /d; i=0; while [ $i -lt 150 ]; do echo $i >f$i; i=$((i + 1)); done; rm a b'
    (
        while true; do
            mv -T "$tree/d" "$work/d.real" 2>/dev/null && ln -s "$outside" "$tree/d"
            rm -f "$tree/d" 2>/dev/null
            mv -T "$work/d.real" "$tree/d" 2>/dev/null
        done
    ) 2>/dev/null &
    swapper=$!
    run "$SBX" apply --force race
    kill "$swapper"
    wait "$swapper" 2>/dev/null
    rm -f "$tree/d" 2>/dev/null
    [ ! -d "$work/d.real" ] || mv -T "$work/d.real" "$tree/d" 2>/dev/null || remove_tree "$work/d.real"
    is_untouched "swapped during apply, round $round"
    is "no temporary file is left, round $round" "$(temporaries "$tree")" ""
done

# ---- names ----
small_tree "$tree"
sandbox names 'printf x >"$(printf "/e\033[31mred")"; printf x >"$(printf "/line\nfeed")"; printf x >"$(printf "/bad\377byte")"
    n=$(head -c 200 /dev/zero | tr "\0" n); echo >/$n
    printf "\033]0;title\007text\n" >/seq'
run "$SBX" diff names
is "names are escaped" "$(cut -c 1-20 <<<"$out")" 'A /bad\xffbyte
A /e\x1b[31mred
A /line\x0afeed
A /nnnnnnnnnnnnnnnnn
A /seq'
succeeds "JSON holds them" bash -c '"$SBX" diff --json names | python3 -c "
import json, sys
names = [bytes.fromhex(c[\"path_hex\"]) if \"path_hex\" in c else c[\"path\"].encode() for c in json.load(sys.stdin)]
assert b\"/bad\\xffbyte\" in names and b\"/line\\nfeed\" in names and b\"/e\\x1b[31mred\" in names, names"'
mkdir "$work/names"
(cd "$work/names" && "$SBX" diff -p names | git apply) 2>"$work/said"
is "git apply takes a patch with such names" "$?" 0 || note "$(cat "$work/said")"
is "and what is in them" "$(cat "$work/names/"$'line\nfeed')$(cat "$work/names/seq")" $'x\e]0;title\atext'
script -qec "$SBX diff -p names /seq" /dev/null </dev/null >"$work/typescript"
check "on a terminal a patch is escaped" [ "$(grep -c $'\e\|\a' "$work/typescript")" = 0 ]
like "and readable" "$(cat "$work/typescript")" '\+\\x1b\]0;title\\x07text'
succeeds "apply takes such names" "$SBX" apply names
is "they are there" "$(cat "$tree/"$'line\nfeed' "$tree/"$'bad\xffbyte' "$tree/"$'e\e[31mred')" xxx

# ---- what must not be opened, or read to its end ----
small_tree "$tree"
mkfifo "$tree/pipe" "$tree/d/pipe"
if [ "$driver" = kernel ]; then
    truncate -s 1T "$tree/huge"
    sandbox types 'chmod 600 /huge; touch -d @5 /huge; truncate -s 900G /new; mkfifo /fifo; rm /etc/motd; mkfifo /etc/motd; rm /pipe; echo f >/pipe'
    succeeds "FIFOs and files of a terabyte: diff" timeout 60 "$SBX" diff types
    like "they are listed" "$out" $'C /etc/motd\nA /fifo\nC /huge\nA /new\nC /pipe'
    succeeds "a patch leaves them out" timeout 60 "$SBX" diff -p types
    like "and says so" "$out" 'Too large files /dev/null and b/new differ'
    succeeds "apply takes them" timeout 120 "$SBX" apply types
    is "as they are" "$(stat -c '%F %s' "$tree/new" "$tree/fifo" "$tree/etc/motd" "$tree/pipe")" "regular file 966367641600
fifo 0
fifo 0
regular file 2"
else
    # fuse-overlayfs would copy the terabyte up byte by byte.
    sandbox types 'truncate -s 900G /new; mkfifo /fifo; rm /etc/motd; mkfifo /etc/motd; rm /pipe; echo f >/pipe'
    succeeds "FIFOs and a file of a terabyte: diff" timeout 60 "$SBX" diff types
    like "they are listed" "$out" $'C /etc/motd\nA /fifo\nA /new\nC /pipe'
    succeeds "apply takes them" timeout 120 "$SBX" apply types
fi

# ---- depth ----
small_tree "$tree"
sandbox deep 'cd /; i=0; while [ $i -lt 400 ]; do mkdir n; cd n; i=$((i + 1)); done; echo >/other'
run "$SBX" diff deep
is "too deep a nesting: status" "$status" 125
like "the rest is listed" "$out" 'A /other'
like "and it is said" "$err" "1 folders are nested too deeply to be looked into, such as '/n/n/"
run "$SBX" apply deep
is "apply refuses" "$status" 125
check "and has written nothing" [ ! -e "$tree/other" ]
succeeds "rm removes it" "$SBX" rm deep

# ---- marks that are names ----
small_tree "$tree"
sandbox marks 'echo 1 >/d/.wh.b || true; echo 2 >/d/.wh..wh..opq || true'
run "$SBX" diff marks
if [ "$driver" = kernel ]; then
    is "names that fuse-overlayfs would read as marks are names" "$out" $'C /d\nA /d/.wh..wh..opq\nA /d/.wh.b'
else
    is "names that are marks can't be made" "$out" ""
fi
remove_tree "$tree"

done_testing
