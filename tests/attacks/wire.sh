#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# wire.sh OVERLAY: who may trace pid 1 speaks in its place, and gains nothing outside. And what can be used
# up, is used up.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

overlay=${1:-kernel}
need_tree busybox
forge=$SBX_BUILD/tests/attacks/forge

forge() {
    run timeout 30 "$SBX" enter --overlay "$overlay" --cap-add SYS_PTRACE -v "$forge:/forge" "$@"
}

forge --name forged "$root" -- /forge
is "forged messages: the status is the payload's" "$status" 42
is "it ran once" "$out" spoken
is "and printed nothing on sbx's behalf" "$err" ""
succeeds "the sandbox is sound" "$SBX" enter forged -- true
succeeds "and goes" "$SBX" rm forged
forge "$root" -- /forge linger
is "no descriptor can be passed to the launcher" "$out" "no socket"

# Room and time of the launcher while it is told a million things.
"$SBX" enter --overlay "$overlay" --cap-add SYS_PTRACE --timeout 3 -v "$forge:/forge" "$root" -- /forge flood 2>"$work/stderr" &
launcher=$!
sleep 1
early=$(awk '/^VmRSS/ {print $2}' "/proc/$launcher/status")
sleep 1
late=$(awk '/^VmRSS/ {print $2}' "/proc/$launcher/status")
wait "$launcher"
is "a flood of messages: --timeout ends it" "$?" 137
check "and the launcher didn't grow ($early KiB, then $late)" [ "${early:-0}" -gt 0 -a "${late:-99999999}" -le $((${early:-0} + 256)) ]
like "it says why it ended" "$(cat "$work/stderr")" 'the time that --timeout gives is over'
forge "$root" -- sh -c '/forge flood & sleep 0.3; exit 7'
is "a flood of messages: the command's end is one" "$status" 7

# ---- what can be used up ----
run timeout 30 "$SBX" enter --overlay "$overlay" --user 1234 --ulimit nproc=20 --timeout 3 "$root" -- \
    sh -c 'bomb() { bomb | bomb & }; bomb; while :; do :; done'
check "a fork bomb: ended by --timeout, or by itself" [ "$status" != 124 ]
run timeout 30 "$SBX" enter --overlay "$overlay" "$root" -- sh -c 'for i in 1 2 3 4; do sleep 1000 & done; kill -9 -1; echo lives'
is "kill -1 reaches all inside, and neither pid 1 nor the host" "$out" lives
run timeout 30 "$SBX" enter --overlay "$overlay" --timeout 1 "$root" -- sh -c 'trap "" HUP INT TERM QUIT; kill -STOP 1 $$'
is "who stops itself is ended by --timeout all the same" "$status" 137
run timeout 30 "$SBX" enter --overlay "$overlay" "$root" -- sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & exit 3'
is "who leaves a daemon behind doesn't hold sbx up" "$status" 3
run timeout 30 bash -c '"$@" | head -c 10' - "$SBX" enter --overlay "$overlay" "$root" -- yes
is "a flood of output ends with its reader" "$status" 0
run timeout 30 "$SBX" enter --overlay "$overlay" --tmpfs /small:size=64k,nr_inodes=10 "$root" -- \
    sh -c 'head -c 1000000 /dev/zero >/small/file; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do true >/small/$i; done; ls /small | wc -l'
check "a tmpfs with limits is no larger" [ "${out:-99}" -lt 10 ]
run timeout 30 "$SBX" enter --overlay "$overlay" "$root" -- sh -c 'head -c 1000000 /dev/zero >/dev/fill; ls -l /dev/fill | awk "{print \$5}"'
check "/dev is small" [ "${out:-0}" -le 65536 ]

# ---- nothing stays ----
sleep 0.2
is "no driver stays" "$(pgrep -c -P 1 -r D,R,S -u "$(id -u)" fuse-overlayfs)" 0
is "nor anything in the store" "$(find "$HOME/.local/share/sbx/tmp" -mindepth 1 2>/dev/null)" ""
done_testing
