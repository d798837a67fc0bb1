#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# changes-trees.sh: sbx diff and sbx apply on trees of each owner.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

need_tree busybox

# Where apply writes, it writes to a tree of the test's own; sub's owners are subordinate ids.
change='echo new >/etc/new; echo more >>/etc/motd; rm /d/a; mkdir /d/folder; echo s >>/d/b'
want="C /d
D /d/a
C /d/b
A /d/folder
C /etc
C /etc/motd
A /etc/new"
for name in own sub; do
    small_tree "$work/$name"
    [ "$name" = own ] || unshare --map-auto --map-root-user sh -c 'chown -R 3:4 "$1/d"; chmod 2770 "$1/d"; chmod 600 "$1/d/b"' - "$work/$name"
    for driver in kernel fuse; do
        succeeds "$name, $driver: change it" "$SBX" enter --overlay "$driver" --name "$name-$driver" "$work/$name" -- sh -ec "$change"
        is "$name, $driver: diff" "$("$SBX" diff "$name-$driver")" "$want"
    done
    manifest=$(unshare --map-auto --map-root-user stat -c '%u:%g %a' "$work/$name/d" "$work/$name/d/b")
    succeeds "$name: apply" "$SBX" apply "$name-kernel"
    is "$name: it is there" "$(cat "$work/$name/etc/new") $(unshare --map-auto --map-root-user tail -n 1 "$work/$name/d/b")" "new s"
    is "$name: owners and modes stay" "$(unshare --map-auto --map-root-user stat -c '%u:%g %a' "$work/$name/d" "$work/$name/d/b")" "$manifest"
    run "$SBX" apply "$name-fuse"
    is "$name: the other sandbox is refused then" "$status" 125
    succeeds "$name: unless forced" "$SBX" apply --force "$name-fuse"
    is "$name: nothing is left" "$("$SBX" diff "$name-fuse")" ""
    is "$name: owners and modes stay with fuse-overlayfs too" "$(unshare --map-auto --map-root-user stat -c '%u:%g %a' "$work/$name/d" "$work/$name/d/b")" "$manifest"
done

change='echo new >/etc/new; echo more >>/etc/debian_version; rm /etc/issue; mkdir /srv/folder'
want="C /etc
C /etc/debian_version
D /etc/issue
A /etc/new
C /srv
A /srv/folder"
if root=$(tree real); then
    succeeds "real root's: change it" "$SBX" enter --name real "$root" -- sh -ec "$change"
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
# Not below /tmp, which is the sandbox's own inside.
here=$(mktemp -d "$SBX_TEST_TREES/../sbx-test.XXXXXX")
here=$(realpath "$here")
trap 'remove_tree "$work" "$here"' EXIT
mkdir "$here/mine"
echo old >"$here/mine/old"
succeeds "/: change it" "$SBX" enter --name host / -- sh -ec "echo new >$here/mine/new; echo more >>$here/mine/old"
run "$SBX" diff host "$here"
is "/: diff" "$out" "C $here
C $here/mine
A $here/mine/new
C $here/mine/old"
succeeds "/: apply" "$SBX" apply host "$here/mine"
is "/: it is there" "$(cat "$here/mine/new" "$here/mine/old")" $'new\nold\nmore'

done_testing
