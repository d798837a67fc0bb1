#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lower.sh DRIVER: whatever is done inside, the tree stays as it was, to the last time stamp.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

driver=$1
need_tree sub

inside() {
    local what=$1
    shift
    succeeds "$what" "$SBX" enter --overlay "$driver" "$@"
}

remember "$root"

inside "install a compiler, and compile" --net host "$root" -- sh -ec "
    export DEBIAN_FRONTEND=noninteractive
    $apt_update
    apt-get -q -y --no-install-recommends install gcc libc6-dev
    cd /root
    printf '%s\n' '#include <stdio.h>' 'int main(void) { return puts(\"compiled inside\") < 0; }' >a.c
    gcc -O2 -o a a.c
    ./a"
like "what was compiled inside runs" "$out" "compiled inside"
unchanged "install and compile" "$root"

# The shell goes on when its own file is gone; /proc and the like stay, as mounts.
inside "remove everything" "$root" -- sh -c '
    rm -rf --no-preserve-root / 2>/dev/null
    for path in /bin/sh /usr/bin/dpkg /etc/passwd /var/lib/dpkg/status; do
        if [ -e "$path" ]; then echo "$path is still there"; fi
    done
    set -- /usr/bin/*
    [ "$*" = "/usr/bin/*" ] || echo "left: $*"'
is "everything is gone inside" "$out" ""
unchanged "remove everything" "$root"

inside "chmod everything" "$root" -- sh -ec '
    chmod -R go= /usr /etc /var /home
    stat -c %a /etc/passwd /usr/bin/dpkg /var/lib/dpkg/status'
is "chmod shows inside" "$out" $'600\n700\n600'
unchanged "chmod everything" "$root"

inside "make and remove 8,000 files" "$root" -- sh -ec '
    mkdir /usr/many
    cd /usr/many
    i=0
    while [ $i -lt 8000 ]; do : >file$i; i=$((i + 1)); done
    ls | wc -l
    rm -rf /usr/many
    [ ! -e /usr/many ]'
is "8,000 files were there" "$out" 8000
unchanged "make and remove 8,000 files" "$root"

is "nothing is left behind" "$(left_behind)" ""

done_testing
