#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-lossy.sh: a wire between a sandbox and its helper that loses frames, doubles them, and brings them in another
# order: what comes through is what was sent, and the helper serves on.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

if [ "${1-}" != inside ]; then
    remove_tree "$work"
    exec unshare --map-root-user --net --mount "$0" inside
fi
program=$SBX_BUILD/tests/e2e/net_load
helper=$SBX_BUILD/helpers/sbx-net/sbx-net
ip link set lo up
"$program" serve 7000 >"$work/ready" &
server=$!
trap 'kill $server; remove_tree "$work"' EXIT
until [ -s "$work/ready" ]; do sleep 0.1; done

# lossy SEED whole|cut ADDRESS LINE...: what the client says of each line.
lossy() {
    local seed=$1 how=$2 address=$3
    shift 3
    # shellcheck disable=SC2016
    printf '%s\n' "$@" | timeout 100 "$SBX_BUILD/tests/e2e/net_lossy" "$helper" "$seed" "$how" \
        sh -c '"$0" unredirect && exec "$0" client "$1" 7000' "$program" "$address" 2>"$work/err" |
        sed 's/ ok .*/ ok/'
    note "$(cat "$work/err")" >&2
}

for how in whole cut; do
    is "$how frames" "$(lossy 1 "$how" 10.0.2.2 'churn 100' 'up 1048576' 'down 1048576' 'both 262144' 'half 262144')" \
        'churn ok
up ok
down ok
both ok
half ok'
done
is "IPv6" "$(lossy 2 whole fd00::2 'churn 50' 'up 262144' 'down 262144')" 'churn ok
up ok
down ok'
done_testing
