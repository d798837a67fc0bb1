#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ids.sh: users inside: many with subordinate ids, and one that passes for many without.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub

succeeds "useradd, chown, su" "$SBX" enter --map subids "$root" -- sh -ec '
    useradd --create-home --shell /bin/sh worker
    echo mine >/home/worker/file
    chown worker:worker /home/worker/file
    chmod 600 /home/worker/file
    su worker -c "id -un; cat ~/file; stat -c %U:%G ~/file; ! cat /etc/shadow 2>/dev/null"'
is "the user is who it was made to be" "$out" $'worker\nmine\nworker:worker'

succeeds "--user by name" "$SBX" enter --map subids --user daemon "$root" -- sh -c 'id -un; id -gn; id -u'
is "runs as that user" "$out" $'daemon\ndaemon\n1'

succeeds "files of others keep their owners" "$SBX" enter --map subids "$root" -- \
    stat -c %U:%G:%a /etc/shadow /etc/passwd /var/mail
is "as the tree has them" "$out" $'root:shadow:640\nroot:root:644\nroot:mail:2775'

# One id: a tree that is the caller's own, and a package whose scripts make users and change owners.
need_tree own
remember "$root"
succeeds "apt-get install with a single id" "$SBX" enter --map self --net host "$root" -- sh -ec "
    export DEBIAN_FRONTEND=noninteractive
    $apt_update
    apt-get -q -y --no-install-recommends install dbus
    dpkg-query -W -f '\${db:Status-Status}\n' dbus
    getent passwd messagebus | cut -d: -f1
    dpkg --audit" || note "$err"
like "the package is installed, its user made, and dpkg has no complaint" "$out" \
    $'\ninstalled\nmessagebus$'
unchanged "apt-get install with a single id" "$root"

# Without the filter that answers for the kernel the refusal is the kernel's own.
run "$SBX" enter --map self --strict-ids "$root" -- chown daemon /root
is "--strict-ids: chown to an id that isn't mapped fails" "$status" 1
like "as the kernel has it" "$err" "Invalid argument"

done_testing
