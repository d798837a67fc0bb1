#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inside.sh OVERLAY: every attack of probe.h's lists, as root inside, with every capability, without a
# filter, and as an ordinary user; and those lists that an option has a say in with that.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

overlay=${1:-kernel}
need_tree busybox
if [ "$overlay" = none ]; then
    cp -a "$root" "$work/tree"
    root=$work/tree
    mkdir "$root"/{probe,proc,sys,dev,run,tmp,shared,readonly,hostdev} && rmdir "$root/probe" && : >"$root/probe"
fi
mkdir -p "$work/shared" "$work/readonly" "$work/host"

# attack WAY OPTIONS [LIST]...: as probe.h has it.
attack() {
    local way=$1 options=$2 label="$1${2:+ $2}"
    shift 2
    chmod 777 "$work/shared"
    # shellcheck disable=SC2086 # options are words
    "$probe" outside "$work/host" "$SBX" enter --overlay "$overlay" ${way_options[$way]} $options -e 'CANARY_*' \
        -v "$probe:/probe:ro" -v "$work/shared:/shared" -v "$work/readonly:/readonly:ro" -v /dev:/hostdev \
        "$root" -- /probe inside "$way" "$@" >"$work/lines" 2>&1
    relay "$label" <"$work/lines"
    is "$label, nothing was mounted on the host" "$(find "$work/shared" -name propagated)" ""
    remove_tree "$work/shared"/*
}

for way in root user all bare; do
    attack "$way" ''
done
attack root '--map self' calls descriptors files mounts processes ipc
attack root '--nested' descriptors processes ipc
attack root '--net host' calls descriptors files mounts
attack bare '--net host' files mounts
# The guest machines have no tap.
[ ! -w /dev/net/tun ] || attack root '--net slirp' descriptors mounts processes
attack root '--read-only' descriptors files mounts
done_testing
