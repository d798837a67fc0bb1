#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-load.sh: a network under load, by each of its three ways: the relay, the tap, and a published
# port. Nothing is lost, and the helper has no more descriptors and memory afterwards than before.
#
# NET_LOAD_BYTES is what goes through one connection, each way, with hashes at both ends: 1 GiB, unless
# it is said. The long run: NET_LOAD_BYTES=$((64 << 30)) tests/run e2e/net-load (with a longer timeout in
# meson.build, ten minutes for each 64 GiB and way).

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

if [ "${1-}" != inside ]; then
    need_tree own
    remove_tree "$work"
    # As root of a user namespace: the helper's descriptors are closed to the user itself.
    # shellcheck disable=SC2016
    exec unshare --map-root-user --net --mount "$0" inside "$root"
fi
root=$2
started=$SECONDS
bytes=${NET_LOAD_BYTES:-$((1 << 30))}
program=$SBX_BUILD/tests/e2e/net_load
ip link set lo up
# The only way out: it leads nowhere, and says so.
ip route add unreachable default
ulimit -n "$(ulimit -Hn)"

ours=()
trap 'kill "${ours[@]}" 2>/dev/null; wait; remove_tree "$work"' EXIT

# start NAME COMMAND ARG...: in the background, $client. "$work/NAME.in" and .out are its stdin and stdout.
start() {
    local name=$1
    shift
    mkfifo "$work/$name.in"
    : >"$work/$name.out"
    "$@" <"$work/$name.in" >>"$work/$name.out" 2>"$work/$name.err" &
    client=$!
    ours+=("$client")
}

wait_for() {
    for _ in $(seq 200); do # what waits in TIME_WAIT by the tap takes ten seconds
        "$@" && return
        sleep 0.1
    done
    return 1
}

is_ready() {
    grep -qs ready "$work/$1.out"
}

has_helper() {
    helper=$(pgrep -P "$1" -x sbx-net)
}

# sandbox NAME OPTION... -- COMMAND ARG...: starts one, $client.
sandbox() {
    note "after $((SECONDS - started)) s: $1"
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    start "$name" "${prefix[@]}" "$SBX" enter --map self --net slirp --host-loopback \
        -v "$program:/net_load:ro" "${options[@]}" "$root" "$@"
}
prefix=()

status_of() {
    sed -n "s/^$1:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$helper/status"
}

descriptors() {
    find "/proc/$helper/fd" -mindepth 1 | wc -l
}

# In hundredths of a second.
cpu() {
    awk '{ print $14 + $15 }' "/proc/$helper/stat"
}

# Connections end a moment after their programs have.
has_descriptors() {
    [ "$(descriptors)" -le "$1" ]
}

# phase WORD N [WHAT]: what the client says of it.
phase() {
    local said=
    printf '%s %s\n' "$1" "$2" >&"$say"
    IFS= read -r -t 240 said <&"$hear"
    like "$path: ${3:-$1 $2}" "$said" "^$1 ok" || return
    [ "$said" = "$1 ok" ] || note "$said"
}

# client NAME: the one that is called so is spoken to.
client() {
    path=$1
    # In this order: who listens mustn't keep the other from ending.
    exec {hear}< <(exec tail -n +1 -f --pid="$client" "$work/$1.out")
    exec {say}>"$work/$1.in"
}

idle() {
    local before
    before=$(status_of voluntary_ctxt_switches)
    sleep 5
    is "$path: $1: not woken in 5 s" "$(($(status_of voluntary_ctxt_switches) - before))" 0
}

# grown WHAT KIB: what the helper has more than when $resident was set, at most KIB.
grown() {
    local more=$(($(status_of VmRSS) - resident))
    check "$path: $1: grown by less than $2 KiB" [ "$more" -lt "$2" ] || note "by $more KiB"
}

# The same for all ways.
load() {
    before=$(descriptors)
    phase churn 500 "it is warm"
    closed
    resident=$(status_of VmRSS)
    phase churn 10000
    phase crowd 1000
    phase half 4194304
    phase reset-out 50
    phase reset-in 50
    phase stall 67108864
    phase stalls 200
    phase slow 134217728
    phase up "$bytes"
    phase down "$bytes"
    phase both "$((bytes / 4))"
    phase tiny 20000
    closed
}

# scarce N: the helper has N descriptors from now on, and more is asked of it than it can do at once.
scarce() {
    local used
    check "$path: its limit is lowered" prlimit --pid "$helper" --nofile="$1:$1"
    used=$(cpu)
    phase scarce 300 "300 at once, with $1 descriptors"
    used=$(($(cpu) - used))
    check "$path: it doesn't spin for want of one" [ "$used" -lt 100 ] || note "it used $used/100 s"
    closed
}

closed() {
    check "$path: all descriptors are closed" wait_for has_descriptors "$before" ||
        note "$before before, $(descriptors) after"
}

# leave: the client ends, and its sandbox.
leave() {
    exec {say}>&-
    wait_for eval '! kill -0 "$client" 2>/dev/null'
    exec {hear}<&-
}

# serve NAME: the server that is started as NAME stays until "$work/NAME.in" is closed.
serve() {
    exec {serving}>"$work/$1.in"
    wait_for is_ready "$1"
}

start server "$program" serve 7000
serve server

# ---- the relay ----
sandbox relay -- /net_load client 10.0.2.2 7000
client relay
phase churn 1
check "the helper is there" has_helper "$client"
check "its descriptors can be counted" [ "$(descriptors)" -gt 5 ]
check "$path: less than 4 MiB resident" [ "$(status_of VmRSS)" -lt 4096 ] || note "$(status_of VmRSS) KiB"
idle "no connection"
phase stay 100
idle "100 connections"
phase leave 0
phase full 268435456
idle "what nobody reads"
phase drop 0
load
phase unaccepted 20
phase refused 20
phase unreachable 20
closed
grown "at last" 1024
check "$path: less than 4 MiB resident, at most" [ "$(status_of VmHWM)" -lt 4096 ] || note "$(status_of VmHWM) KiB"
idle "no connection any more"
scarce 40
leave

# ---- datagrams ----
sandbox datagrams -- /net_load client 10.0.2.2 7000
client datagrams
phase churn 1
has_helper "$client"
before=$(descriptors)
phase datagrams 10000
phase large-datagrams 500
check "$path: a descriptor for a port that sends, at most" [ "$(descriptors)" -le $((before + 520)) ] || note "$(descriptors)"
leave

# ---- the tap ----
sandbox tap --cap-add NET_ADMIN -- sh -c '/net_load unredirect && exec /net_load client 10.0.2.2 7000'
client tap
phase churn 1
has_helper "$client"
load
phase refused 20
phase unreachable 20
closed
# Each of libslirp's stacks keeps some of the buffers that it has used.
grown "at last" 16384
# Nobody says when a connection that isn't made yet is given up: libslirp tries on for two minutes.
phase unaccepted 20
leave

# ---- a published port ----
sandbox inbound -p 127.0.0.1:8000:7000 -- /net_load serve 7000
sandboxed=$client
serve inbound
start outside "$program" client 127.0.0.1 8000
client outside
phase churn 1
has_helper "$sandboxed"
idle "no connection"
load
grown "at last" 1024
scarce $(($(descriptors) + 40))
leave
exec {serving}>&-

# ---- few descriptors from the start ----
prefix=(prlimit --nofile=64:64)
sandbox few -- /net_load client 10.0.2.2 7000
client few
phase churn 100 "a helper that is started with 64 descriptors"
leave

done_testing
