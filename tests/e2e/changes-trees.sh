#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# changes-trees.sh: sbx diff and sbx apply on trees of each owner.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

change='echo new >/etc/new; echo more >>/etc/debian_version; rm /etc/issue; mkdir /srv/folder'
want="C /
C /etc
C /etc/debian_version
D /etc/issue
A /etc/new
C /srv
A /srv/folder"

# Where apply writes, it writes to a copy.
for name in own sub; do
    root=$(tree "$name") || { skip "$name" "no such tree"; continue; }
    mkdir "$work/$name"
    tar -C "$root" --exclude './usr/lib/*' --exclude './var/*/*' -c . 2>/dev/null | tar -C "$work/$name" -x -p >/dev/null 2>&1
    unshare --map-auto --map-root-user tar -C "$root" -c bin sbin lib lib64 usr etc srv root |
        unshare --map-auto --map-root-user tar -C "$work/$name" -x -p
    for driver in kernel fuse; do
        succeeds "$name, $driver: change it" "$SBX" enter --overlay "$driver" --name "$name-$driver" "$work/$name" -- sh -ec "$change"
        is "$name, $driver: diff" "$("$SBX" diff "$name-$driver")" "$want"
    done
    succeeds "$name: apply" "$SBX" apply "$name-kernel"
    is "$name: it is there" "$(cat "$work/$name/etc/new") $(tail -n 1 "$work/$name/etc/debian_version")" "new more"
    run "$SBX" apply "$name-fuse"
    is "$name: the other sandbox is refused then" "$status" 125
    succeeds "$name: unless forced" "$SBX" apply --force "$name-fuse"
    is "$name: nothing is left" "$("$SBX" diff "$name-fuse")" ""
done

if root=$(tree real); then
    succeeds "real root's: change it" "$SBX" enter --name real "$root" -- sh -ec "$change; chmod -R go-w /usr/share/doc 2>/dev/null || true"
    is "real root's: owners are no changes" "$("$SBX" diff real)" "$want"
    run "$SBX" apply real
    is "real root's: apply can't: status" "$status" 125
    like "real root's: and says what can be done" "$err" "^sbx: apply: write beside '/etc/debian_version' in the tree '$root': Permission denied
hint: that folder belongs to an id that isn't yours"
    is "real root's: it is still there" "$("$SBX" diff real)" "$want"
    check "real root's: nothing was written" [ ! -e "$root/etc/new" ]
else
    skip "real root's tree" "no such tree"
fi

# The host itself: what is the caller's can be taken over.
mkdir "$work/mine"
echo old >"$work/mine/old"
succeeds "/: change it" "$SBX" enter --name host / -- sh -ec "echo new >$work/mine/new; echo more >>$work/mine/old"
run "$SBX" diff host "$work"
is "/: diff" "$out" "C $work
C $work/mine
A $work/mine/new
C $work/mine/old"
succeeds "/: apply" "$SBX" apply host "$work/mine"
is "/: it is there" "$(cat "$work/mine/new" "$work/mine/old")" $'new\nold\nmore'

done_testing
