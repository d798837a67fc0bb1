#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inside.sh OVERLAY: every attack of probe.h's lists, as root inside, with every capability, without a
# filter, and as an ordinary user.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

overlay=${1:-kernel}
need_tree busybox
mkdir -p "$work/shared" "$work/readonly" "$work/host"
chmod 777 "$work/shared"

for way in root user all bare; do
    # shellcheck disable=SC2086 # options are words
    "$probe" outside "$work/host" "$SBX" enter --overlay "$overlay" ${way_options[$way]} -e 'CANARY_*' \
        -v "$probe:/probe:ro" -v "$work/shared:/shared" -v "$work/readonly:/readonly:ro" \
        "$root" -- /probe inside "$way" >"$work/lines" 2>&1
    relay "$way" <"$work/lines"
    is "$way, nothing was mounted on the host" "$(find "$work/shared" -name propagated)" ""
    remove_tree "$work/shared"/*
done
done_testing
