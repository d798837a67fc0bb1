#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# guest.sh MACHINE: the tests that another kernel may answer differently, on that kernel: in a guest
# machine, whose TAP becomes this test's.

set -euo pipefail
here=$SBX_SOURCE/tests/guest
folder=${SBX_TEST_TREES:-/nonexistent}/guest

tests=(
    build/tests/unit/unit-{caps,idmap,init_program,io,path,path_tree,seccomp}
    build/tests/integration/integration-{mount_attrs,store,store_shared}
    source/tests/integration/{container.sh,init_exec_test.py}
    source/tests/e2e/status.sh
)
append=
overlays="kernel fuse" # what container.sh finds on the machine
case $1 in
linux-6.1)
    kernel=bookworm
    tests+=('source/tests/guest/kernel.sh 6.1' 'source/tests/guest/net.sh tproxy' 'source/tests/attacks/inside.sh kernel')
    ;;
linux-5.10)
    kernel=bullseye
    overlays=fuse
    tests+=('source/tests/guest/kernel.sh 5.10' 'source/tests/guest/net.sh nat')
    ;;
apparmor)
    kernel=bookworm
    # The one that isn't an ordinary user's: it loads profiles.
    append=guest.root
    tests=(source/tests/guest/apparmor.sh)
    ;;
esac

command -v qemu-system-x86_64 >/dev/null || {
    echo "1..0 # SKIP no QEMU here: tests/deps.sh install guest"
    exit 0
}
[ -d "${SBX_TEST_TREES:-/nonexistent}/sub" ] || {
    echo "1..0 # SKIP no root filesystems: run tests/run, which makes them"
    exit 0
}
"$here/make.sh" "$folder" disk "$kernel"

# ---- what the machine gets: the sources, and what was built ----
job=$(mktemp -d "${TMPDIR:-/tmp}/sbx-job.XXXXXX")
trap 'rm -rf "$job"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$job"
mkdir "$job/source" "$job/build"
tar -C "$SBX_SOURCE" --exclude=./.git --exclude='./build*' -c . | tar -C "$job/source" -x
(cd "$SBX_BUILD" && find . -type f -executable ! -path '*.p/*' -print0 | tar --null -T - -c) |
    tar -C "$job/build" -x

# ---- its TAP: every check gets a number of ours, and its test's name before what it says ----
"$here/run-vm" --time 900 --append "$append" "$folder/$kernel" "$folder/disk/disk" "$job" \
    env SBX=/job/build/src/cli/sbx SBX_SOURCE=/job/source SBX_BUILD=/job/build SBX_TEST_TREES=/trees \
    SBX_TEST_OVERLAYS="$overlays" \
    source/tests/guest/inside.sh "${tests[@]}" |
    awk '
        /^== test / {
            name = substr($0, 9)
            sub(".*/", "", name)
            checks = 0
            plan = -1
            next
        }
        /^== ended / {
            print "# " name ": status " $3 ", " $5 " s"
            failed_here = $3 != 0 && !failures[name]
            if (plan != checks || failed_here)
                print "not ok " ++n " - " name ": it planned " plan " checks, made " checks ", and ended with " $3
            ended++
            next
        }
        /^1\.\.[0-9]+/ {
            plan = substr($1, 4) + 0
            if (plan == 0)
                print "ok " ++n " - " name " # " substr($0, index($0, "SKIP"))
            next
        }
        /^(not )?ok / {
            checks++
            what = $0
            sub(/^(not )?ok [0-9]+( - )?/, "", what)
            if (/^not/)
                failures[name]++
            print (/^not/ ? "not ok " : "ok ") ++n " - " name ": " what
            next
        }
        { print "# " $0 }
        END {
            if (ended != '"${#tests[@]}"')
                print "not ok " ++n " - " ended + 0 " of '"${#tests[@]}"' tests ended"
            print "1.." n
        }'
