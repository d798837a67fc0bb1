#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# trees.sh OVERLAY: trees whose owner means harm, before and while they are entered.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

overlay=${1:-kernel}
mkdir "$work/source"

enter() {
    run timeout 20 "$SBX" enter --overlay "$overlay" "$@"
}

# answers WHAT: the tree was refused or entered, in time, and no canary has changed.
answers() {
    check "$1: an answer" [ "$status" = 0 -o "$status" = 125 -o "$status" = 127 ] || note "$status: $err"
    says_nothing_raw "$1: printable"
    [ "$(canary_state)" = "$canary_was" ] || untouched "$1"
}

# refused WHAT
refused() {
    is "$1: refused" "$status" 125 || note "$err"
    [ "$(canary_state)" = "$canary_was" ] || untouched "$1"
}

# ---- links at every name that sbx mounts on or writes: CVE-2021-30465, CVE-2026-87766 ----
# Where they lead: the host's folder by all ways that a path has, the host's root, a file, nowhere, itself.
up=../../../../../../../../../..
leads=("$canaries" "$up$canaries" / "$up" /proc/self/root /proc/1/root "/proc/self/root$canaries" /proc/self/cwd
    "/proc/self/fd/3$canaries" "$canaries/file" "$canaries/new" /nowhere loop)
# Those that have been enough for a hole somewhere; the others are about what is looked at first.
some_leads=("$canaries" "$up$canaries" "/proc/self/root$canaries" "$canaries/file" "$canaries/new" loop)
for name in proc sys dev run tmp; do
    for lead in "${leads[@]}"; do
        hostile
        [ "$lead" != loop ] || lead=$name
        ln -s "$lead" "$work/tree/$name"
        enter "$work/tree" -- /busybox true
        refused "CVE-2021-30465: /$name -> $lead"
    done
    hostile
    : >"$work/tree/$name"
    enter "$work/tree" -- /busybox true
    refused "/$name is a file"
    hostile
    mkfifo "$work/tree/$name"
    enter "$work/tree" -- /busybox true
    refused "/$name is a FIFO"
done
for name in etc etc/hosts etc/hostname etc/resolv.conf etc/passwd etc/group dev/pts dev/shm dev/null run/sbx root; do
    for lead in "${some_leads[@]}"; do
        hostile
        [ "$lead" != loop ] || lead=${name##*/}
        mkdir -p "$work/tree/$(dirname "$name")"
        ln -s "$lead" "$work/tree/$name"
        enter --net host "$work/tree" -- /busybox true
        answers "CVE-2026-87766: /$name -> $lead"
    done
done

# ---- other kinds of files than are expected ----
for name in etc etc/hosts etc/hostname etc/resolv.conf etc/passwd etc/group; do
    for kind in folder fifo socket; do
        hostile
        mkdir -p "$work/tree/$(dirname "$name")"
        case $kind in
        folder) mkdir -p "$work/tree/$name" ;;
        fifo) mkfifo "$work/tree/$name" ;;
        socket) python3 -c 'import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind(sys.argv[2])' \
            "$work/tree" "$name" ;;
        esac
        enter "$work/tree" -- /busybox true
        answers "/$name is a $kind"
    done
done

# ---- targets of mounts ----
for where in target parent grandparent; do
    for lead in "${some_leads[@]}"; do
        hostile
        mkdir -p "$work/tree/a/b"
        case $where in
        target) link=a/b/c ;;
        parent) rmdir "$work/tree/a/b" && link=a/b ;;
        grandparent) rm -r "$work/tree/a" && link=a ;;
        esac
        [ "$lead" != loop ] || lead=${link##*/}
        ln -s "$lead" "$work/tree/$link"
        for mount in "-v $work/source:/a/b/c" "--tmpfs /a/b/c" "-v $work/source:/a/b/c/d/e"; do
            # shellcheck disable=SC2086 # an option and its value
            enter $mount "$work/tree" -- /busybox true
            answers "CVE-2021-30465: $mount, $where -> $lead"
        done
    done
done
for target in /proc /proc/1 /proc/self/fd /proc/sys /proc/keys /proc/self/root/x /sys /sys/fs/cgroup /dev /dev/pts \
    /dev/null / /.. /../../x /run/sbx /etc /etc/passwd; do
    hostile
    enter -v "$work/source:$target" "$work/tree" -- /busybox true
    answers "a bind on $target"
done
hostile
enter -v "$work/source:/proc/keys/x" --tmpfs /proc/sys "$work/tree" -- /busybox sh -c 'echo x >/proc/sys/kernel/core_pattern'
check "a mount on /proc/sys leads to no sysctl" [ "$status" != 0 -o "$(cat /proc/sys/kernel/core_pattern)" != x ]

# ---- no side effects: srt #85 ----
hostile
mkdir -p "$work/shared"
enter -v "$work/shared:/mnt" -v "$work/source:/mnt/inner" "$work/tree" -- /busybox true
refused "a mount point in a bind is not made on the host"
is "and the bind is as empty as it was" "$(ls -A "$work/shared")" ""
is "the tree too" "$(ls -A "$work/tree")" busybox
run timeout 20 "$SBX" enter --direct --tmpfs /new/point "$work/tree" -- /busybox true
refused "with --direct none is made in the tree"
is "the tree is what it was" "$(ls -A "$work/tree")" busybox
ln -s "$work/nothing-yet" "$work/dangling"
enter -v "$work/dangling:/mnt" "$work/tree" -- /busybox true
refused "a source that doesn't exist is not made"
check "nor what it would lead to" [ ! -e "$work/nothing-yet" ]

# ---- sizes ----
mkdir -p "$work/etc"
passwd() {
    hostile
    mkdir "$work/tree/etc"
    cat >"$work/tree/etc/passwd"
    cp "$work/tree/etc/passwd" "$work/tree/etc/group"
    enter --user "${user:-0}" "$work/tree" -- /busybox id -u
    answers "$1"
}
hostile
mkdir "$work/tree/etc"
truncate -s 100M "$work/tree/etc/passwd" "$work/tree/etc/group"
enter "$work/tree" -- /busybox true
answers "/etc/passwd of 100 MB"
{ printf 'root:x:0:0:'; head -c 10M /dev/zero | tr '\0' x; printf ':/root:/bin/sh\n'; } >"$work/large"
passwd "/etc/passwd with a line of 10 MB" <"$work/large"
head -c 7M "$work/large" >"$work/large.7" && mv "$work/large.7" "$work/large"
passwd "/etc/passwd with one line of 7 MB and no end" <"$work/large"
seq -f 'u%.0f:x:%.0f:1::/:/bin/sh' 300000 2>/dev/null >"$work/large" || seq 300000 | sed 's/.*/u&:x:&:1::\/:\/bin\/sh/' >"$work/large"
passwd "/etc/passwd of 300,000 users" <"$work/large"
head -c 1M /dev/urandom >"$work/large"
passwd "/etc/passwd of random bytes" <"$work/large"
rm "$work/large"
passwd "/etc/passwd with NULs" < <(printf 'root\0evil:x:0:0::/\0:/bin/sh\0\nroot:x:0:0::/:/bin/sh\n')
for id in 4294967295 4294967296 -1 18446744073709551616 0x0 ' 0' 1e3 00; do
    user=root passwd "a user with the number '$id'" <<<"root:x:$id:$id::/:/bin/sh"
    if [ "$status" = 0 ]; then like "'$id' is no other user's number" "$out" '^0$'; fi
done
user=evil passwd "a user of many groups" < <(seq 70000 | sed 's/.*/g&:x:&:evil/')
user=root passwd "a home that is no path" < <(printf 'root:x:0:0::../../%s:/bin/sh\n' "$canaries")
user=root passwd "a home with escape sequences" < <(printf 'root:x:0:0::/\033]0;owned\007:/\033[2J\n')
user=root passwd "a home that is a link of /proc" <<<'root:x:0:0::/proc/self/fd/3:/bin/sh'
hostile
mkdir -p "$work/tree/deep"
python3 - "$work/tree" <<'PY'
import os, sys
os.chdir(sys.argv[1])
for i in range(1000):
    os.symlink(f"l{i + 1}" if i < 999 else "deep", f"l{i}")
os.chdir("deep")
for _ in range(5000):
    os.mkdir("d")
    os.chdir("d")
PY
enter "$work/tree" -- /busybox true
answers "folders 5000 deep"
enter -v "$work/source:/l0/x" -w /l0 "$work/tree" -- /busybox true
refused "a chain of 1000 links"
enter --tmpfs "/$(printf 'n/%.0s' $(seq 300))x" "$work/tree" -- /busybox true
answers "a mount point 300 deep"
enter --tmpfs "/$(printf 'd/%.0s' $(seq 2100))x" "$work/tree" -- /busybox true
refused "a mount point longer than a path can be"
enter --tmpfs "/$(printf 'x%.0s' $(seq 256))" "$work/tree" -- /busybox true
refused "a mount point of 256 bytes"
# ---- xattrs that mean something to a driver ----
hostile
mkdir "$work/tree/d" "$work/tree/e"
echo plain >"$work/tree/e/f"
for name in user.overlay.redirect user.fuseoverlayfs.redirect user.overlay.origin user.fuseoverlayfs.origin; do
    setfattr -n "$name" -v "$up$canaries" "$work/tree/d" "$work/tree/e/f" 2>/dev/null
done
setfattr -n user.overlay.metacopy -v "" "$work/tree/e/f" 2>/dev/null
setfattr -n user.containers.override_stat -v 0:0:0104755 "$work/tree/e/f" 2>/dev/null
enter "$work/tree" -- /busybox sh -c '/busybox cat /d/file; /busybox cat /e/f'
check "marks of an overlay in the tree lead to no file of the host's" [ "$(grep -c untouched <<<"$out")" = 0 ]
[ "$(canary_state)" = "$canary_was" ] || untouched "marks of an overlay"

# ---- sockets and FIFOs of the host's in the tree ----
hostile
mkfifo "$work/tree/fifo"
python3 - "$work/tree" <<'PY' &
import os, socket, sys
os.chdir(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind("socket")
s.listen(1)
s.settimeout(20)
try:
    s.accept()
    open("reached", "w").close()
except OSError:
    pass
PY
listener=$!
cat "$work/tree/fifo" >"$work/from-fifo" &
reader=$!
until [ -S "$work/tree/socket" ]; do sleep 0.02; done
cp "$SBX_BUILD/tests/attacks/reach" "$work/tree/reach"
enter "$work/tree" -- /reach /socket /fifo
is "docker.sock: a socket in the tree is not reached" "$out" "refused"
check "nor a FIFO's reader" [ ! -s "$work/from-fifo" ]
kill "$listener" "$reader" 2>/dev/null
wait "$listener" "$reader" 2>/dev/null

# ---- a tree that changes while it is in use ----
hostile
mkdir "$work/tree/d"
echo before >"$work/tree/d/file"
mkfifo "$work/go" "$work/ready"
timeout 20 "$SBX" enter --overlay "$overlay" "$work/tree" -- /busybox sh -c \
    '/busybox cat /d/file; echo; read x; /busybox cat /d/file /d/../d/file; /busybox ls /d; echo owned >/d/new; echo owned >/d/file' \
    <"$work/go" >"$work/ready" 2>/dev/null &
exec 7>"$work/go" 8<"$work/ready"
read -r said <&8
is "the tree's folder is seen" "$said" before
mv "$work/tree/d" "$work/tree/was"
ln -s "$canaries" "$work/tree/d"
echo >&7
exec 7>&-
said=$(timeout 20 cat <&8)
exec 8<&-
wait
check "a folder that becomes a link to the host's: none of it is read" [ "$(grep -c untouched <<<"$said")" = 0 ]
untouched "and nothing is written there"

# ---- what a kept sandbox has left for the next ----
# A script for each; then it is entered again, as whom its passwd says, and removed.
left=(
    "rm -rf /etc; ln -s $canaries /etc"
    "rm -rf /etc; mkfifo /etc"
    "rm -rf /etc; echo >/etc"
    "mkdir -p /etc; ln -sfn $canaries/file /etc/passwd; ln -sfn /dev/zero /etc/group"
    "mkdir -p /etc; rm -f /etc/passwd /etc/group /etc/hosts; mkfifo /etc/passwd /etc/group /etc/hosts"
    "mkdir -p /etc/passwd /etc/group; chmod 0 /etc"
    "mkdir -p /etc; echo 'root:x:0:0::$canaries:/bin/sh' >/etc/passwd"
    "mkdir -p /a; ln -s $canaries /a/link; chmod 0 /a"
    "mkdir /a; cd /a; ln $canaries/file hard; for i in 1 2 3 4 5 6 7 8 9; do mkdir -p d/d/d/d/d/d/d/d/d/d; cd d/d/d/d/d/d/d/d/d/d; done"
    "ln -s $canaries '\$(id)'; touch -- -rf --help '\`id\`'; mkdir '*'"
    "rm -f /busybox; ln -s $canaries/file /busybox"
)
for script in "${left[@]}"; do
    hostile
    enter --name left "$work/tree" -- /busybox sh -c "/busybox --install -s /tmp; PATH=/tmp; $script"
    run timeout 20 "$SBX" enter --user root left -- /busybox true
    check "left behind: $script: an answer" [ "$status" != 124 ]
    says_nothing_raw "and printable"
    succeeds "and removed" timeout 20 "$SBX" rm left
    [ "$(canary_state)" = "$canary_was" ] || untouched "$script"
done

# ---- the names of sandboxes and trees ----
hostile
for name in "$(printf 'a\nb')" "$(printf '\033[31m')" "$(printf '\377\376')" "$(printf '%0254d' 0)" ' ' '$(id)' '%s%n' '-v' "'" '"'; do
    mv "$work/tree" "$work/x$name"
    enter "$work/x$name" -- /busybox true
    answers "a tree called x$(printf %q "$name")"
    mv "$work/x$name" "$work/tree"
done
untouched "the host's files are what they were"
done_testing
