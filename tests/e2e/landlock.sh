#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# landlock.sh OVERLAY: the second wall. What is handed in can be opened again for what it is open for, and
# nothing else of the host's whoever holds a descriptor that leads there.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

overlay=${1:-kernel}
need_tree sub

inside() {
    run "$SBX" enter --overlay "$overlay" "$@"
}

inside --json "$root"
version=$(sed -n 's/.*"landlock":\([0-9]*\).*/\1/p' <<<"$out")
if [ "${version:-0}" = 0 ]; then
    skip "Landlock is a second wall" "this kernel has none, or an old one"
    done_testing
    exit
fi

# ---- descriptors 0 to 2 ----
echo canary >"$work/file"
inside "$root" -- sh -c 'cat /dev/stdin; echo x >/proc/self/fd/0; echo x >>/dev/stdin' <"$work/file"
is "a file on stdin can be opened again to read" "$out" canary
like "but not to write" "$err" 'fd/0: Permission denied.*stdin: Permission denied'
is "it stays as it was" "$(cat "$work/file")" canary
"$SBX" enter --overlay "$overlay" "$root" -- sh -c 'echo one; echo two >/dev/stdout; cat /dev/stdout >&2' \
    >"$work/out" 2>"$work/err"
is "a file on stdout can be opened again to write, as scripts do" "$(cat "$work/out")" two
like "but not to read" "$(cat "$work/err")" 'Permission denied'
is "a pipe is a pipe" "$(echo word | "$SBX" enter --overlay "$overlay" "$root" -- cat /dev/stdin)" word
inside "$root" -- sh -c 'ls /proc/self/fd/0/' <"$work/file"
check "no file on stdin leads to its folder" [ "$status" != 0 ]

# ---- what works as ever ----
inside "$root" -- sh -c 'mkdir /a /b && touch /a/1 && mv /a/1 /b && ln /b/1 /a/2 && mv /etc/motd /b && stat -c %h /a/2'
is "files move and are linked between folders" "$out$err" 2
inside "$root" -- sh -c 'echo 5 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj; : >/dev/shm/x'
is "/proc and /dev are written as ever" "$out$err" 5

# ---- a read-only root ----
mkdir "$work/rw" "$work/ro"
inside --read-only --tmpfs /mnt -v "$work/rw:/srv" -v "$work/ro:/media:ro" "$root" -- sh -c '
    for place in /dev/shm /run /tmp /mnt /srv /media /etc /proc/self; do touch $place/x 2>/dev/null && echo $place; done'
is "a read-only root leaves what is writable writable" "$(tr '\n' ' ' <<<"$out")" "/dev/shm /run /tmp /mnt /srv "

# ---- who has no rules ----
for option in --nested --cap-add=SYS_ADMIN --security-opt=landlock=disable; do
    inside "$option" --json "$root"
    like "$option leaves Landlock out" "$out" '"landlock":0'
done
inside --security-opt landlock=enable "$root" -- true
like "it can't be asked for, it is there" "$err" 'landlock=disable'

# ---- the host's abstract sockets ----
if [ "$version" -ge 6 ]; then
    name=sbx-test-$$
    python3 - "$name" <<'END' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind("\0" + sys.argv[1])
s.listen()
time.sleep(60)
END
    server=$!
    try='use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0); print connect($s, pack("Sa*", AF_UNIX, "\0'$name'")) ? "in" : "out: $!"'
    # shellcheck disable=SC2034
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q "@$name" /proc/net/unix && break
        sleep 0.1
    done
    inside --net host "$root" -- perl -e "$try"
    is "with the host's network its abstract sockets stay out of reach" "$out$err" "out: Operation not permitted"
    inside --net host --security-opt landlock=disable "$root" -- perl -e "$try"
    is "that is Landlock's doing" "$out$err" in
    kill "$server"
fi

# ---- the driver ----
if [ "$overlay" = fuse ]; then
    run strace -f -qq -e trace=landlock_restrict_self -e signal=none "$SBX" enter --map self --overlay fuse "$root" -- true
    is "fuse-overlayfs gets rules of its own" "$(grep -c 'landlock_restrict_self.*= 0$' <<<"$err")" 2
fi

done_testing
