#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# real-root.sh: a tree that real root made, whose owners are mapped in no user's sandbox.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree real
manifest "$root" >"$work/manifest"

succeeds "a command in it" "$SBX" enter "$root" -- sh -ec '
    stat -c %u:%g /etc /usr/bin/dpkg
    dpkg-query -W -f "\${Package}\n" bash
    echo changed >/etc/motd
    rm /usr/bin/dpkg
    cat /etc/motd'
is "its files are root's, and can be changed and removed" "$out" $'0:0\n0:0\nbash\nchanged'
# What an ordinary user can't read is counted, and there is a way out.
like "it says how many names are out of reach" "$err" "^sbx: .*[0-9]+ "
like "and how to make the tree one's own" "$err" "tar "
unchanged "a tree of root's" "$root"

succeeds "what everyone may read" "$SBX" enter "$root" -- cat /etc/debian_version
like "reads as it is" "$out" '^12\.'

done_testing
