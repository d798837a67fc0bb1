#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# old-kernel.sh: without the system calls that came after Linux 5.1 everything goes as it does with them.

# A filter that leaves newuidmap its rights takes a right that only root has: so this is root of a
# user namespace, and the caller of sbx one of its users.
if [ -z "${OLD_KERNEL_IN_NAMESPACE-}" ]; then
    unshare --map-auto --map-root-user --mount true 2>/dev/null || {
        echo "1..0 # SKIP no subordinate ids, or unshare can't map them"
        exit 0
    }
    OLD_KERNEL_IN_NAMESPACE=1 exec unshare --map-auto --map-root-user --mount "$0" "$@"
fi

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"
need_tree busybox

# pidfd_open and pidfd_send_signal aren't here: clone's CLONE_PIDFD isn't older than they are.
calls=clone3,openat2,faccessat2,close_range,mount_setattr
calls+=,open_tree,move_mount,fsopen,fsconfig,fsmount,fspick

# ---- a user with ranges of their own, in places that they can reach ----
trap 'umount --recursive --lazy /mnt; remove_tree "$work"' EXIT
mount --bind "$work" /mnt
chmod 755 "$work"
cp "$SBX" "$SBX_BUILD/tests/integration/nosys" /usr/bin/newuidmap /usr/bin/newgidmap /mnt
for name in newuidmap newgidmap; do
    chmod 4755 "/mnt/$name"
    mount --bind "/mnt/$name" "/usr/bin/$name"
done
printf 'root:x:0:0::/root:/bin/sh\ncaller:x:1000:1000::/mnt/home:/bin/sh\n' >/mnt/passwd
echo caller:20000:30000 >/mnt/ranges
mount --bind /mnt/passwd /etc/passwd
mount --bind /mnt/ranges /etc/subuid
mount --bind /mnt/ranges /etc/subgid

cp -a "$root" /mnt/tree
mkdir -p /mnt/tree/{usr/folder,var,data,root,proc,sys,dev,run,tmp}
ln -s /usr/folder /mnt/tree/to-folder
ln -s ../run /mnt/tree/var/run
ln -s ../../../../etc /mnt/tree/usr/up
printf 'root:x:0:0::/root:/bin/sh\nbob:x:500:500::/usr/folder:/bin/sh\n' >/mnt/tree/etc/passwd
printf 'root:x:0:\nbob:x:500:\n' >/mnt/tree/etc/group
echo of the tree >/mnt/tree/etc/motd
# The program is alone here, without sbx-net.
mkdir -p /mnt/home/.config/sbx
printf '[enter]\nnet = none\n' >/mnt/home/.config/sbx/sbx.conf
chown -R 1000:1000 /mnt/tree /mnt/home

# A folder with mounts below it, some with names that mountinfo has to escape.
mkdir /mnt/source
submounts=(plain plain/nested 'a blank' 'back\slash' $'new\nline')
mount -t tmpfs tmpfs /mnt/source
for name in "${submounts[@]}"; do
    mkdir "/mnt/source/$name"
    mount -t tmpfs -o nosuid tmpfs "/mnt/source/$name"
    echo "$name" >"/mnt/source/$name/file"
done
chown -R 1000:1000 /mnt/source

as_caller() {
    setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env HOME=/mnt/home "$@"
}

# ---- every command twice ----
missing="sbx: enter: note: no time namespace: clone3 is refused here"

# same WHAT STATUS OUT ARG...: sbx ARG... ends and says so with all system calls, and without; what is
# on stderr differs by the one line that says what is left out.
same() {
    local what=$1 want_status=$2 want=$3 said
    shift 3
    run as_caller /mnt/sbx "$@"
    is "$what: status" "$status" "$want_status" || note "$err"
    is "$what: output" "$out" "$want"
    said=$err
    run /mnt/nosys "$calls" -- setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
        env HOME=/mnt/home /mnt/sbx "$@"
    is "$what, on an old kernel: status" "$status" "$want_status"
    is "$what, on an old kernel: output" "$out" "$want"
    if [ "$1" = enter ] && [[ " $* " != *' --json '* ]] && [ "$want_status" != 125 ]; then
        is "$what, on an old kernel: one note" "$(grep -cxF "$missing" <<<"$err")" 1
    fi
    is "$what, on an old kernel: nothing else is said" "$(grep -vxF "$missing" <<<"$err")" "$said"
}

# What a shell inside does in the folder with the submounts.
# shellcheck disable=SC2016 # the shell's inside
look='
    cd /mnt
    for d in . plain plain/nested "a blank" "back\slash" new*; do
        cat "$d/file" 2>/dev/null
        touch "$d/written" 2>/dev/null && echo "writable: $d" && rm "$d/written"
    done
    while read -r _ _ _ _ point flags _; do
        case $point in /mnt*) echo "$point $flags" ;; esac
    done </proc/self/mountinfo'
files=$(printf '%s\n' "${submounts[@]}")
run as_caller /mnt/sbx enter --map self --overlay kernel -v /mnt/source:/mnt:ro /mnt/tree -- sh -c "$look"
readonly_look=$out
like "a read-only volume has its files" "$out" "^plain"
check "and its submounts are read-only too" \
    [ "$(grep -c '^/mnt[^ ]* ro,' <<<"$out") $(grep -c writable <<<"$out")" = "6 0" ] || note "$out"
is "files of all submounts are seen" "$(grep -v '^/mnt' <<<"$out" | LC_ALL=C sort)" "$(LC_ALL=C sort <<<"$files")"
run as_caller /mnt/sbx enter --map self --overlay kernel -v /mnt/source:/mnt /mnt/tree -- sh -c "$look"
writable_look=$out
check "and a volume that isn't read-only can be written all over" \
    [ "$(grep -c '^/mnt[^ ]* rw,' <<<"$out") $(grep -c writable <<<"$out")" = "6 6" ] || note "$out"

for overlay in kernel fuse; do
    for map in subids self; do
        with=(enter --overlay "$overlay" --map "$map")
        what="$overlay, $map"
        same "$what: files can be changed" 0 $'0\nof the tree\nchanged\nmade' "${with[@]}" /mnt/tree -- \
            sh -ec 'id -u; cat /etc/motd; echo changed >/etc/motd; cat /usr/up/motd; mkdir /a; echo made >/a/b; cat /a/b; rm -r /usr'
        same "$what: a read-only volume" 0 "$readonly_look" "${with[@]}" -v /mnt/source:/mnt:ro /mnt/tree -- sh -c "$look"
        same "$what: a volume" 0 "$writable_look" "${with[@]}" -v /mnt/source:/mnt /mnt/tree -- sh -c "$look"
        same "$what: a read-only root" 0 $'tmp\nno' "${with[@]}" --read-only /mnt/tree -- \
            sh -c 'echo tmp >/tmp/x; cat /tmp/x; touch /x 2>/dev/null || echo no'
        same "$what: the folder to start in, by a link" 0 /usr/folder "${with[@]}" -w /to-folder /mnt/tree -- pwd
        same "$what: a volume below a link" 0 plain "${with[@]}" -v /mnt/source/plain:/var/run/deep/er:ro /mnt/tree -- \
            cat /run/deep/er/file
    done
    same "$overlay: kept, made" 0 "" enter --overlay "$overlay" --name "box" /mnt/tree -- sh -c 'echo kept >/etc/motd'
    # The first of the two made it, the second found it there; so both may go in, and see it.
    same "$overlay: kept, entered again" 0 kept enter box -- cat /etc/motd
    run as_caller /mnt/sbx rm box
    is "$overlay: kept, removed" "$status $out" "0 box"
    run /mnt/nosys "$calls" -- setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
        env HOME=/mnt/home /mnt/sbx enter --overlay "$overlay" --name box /mnt/tree -- sh -c 'echo new >/etc/motd'
    same "$overlay: kept, made on an old kernel" 0 new enter box -- cat /etc/motd
    run /mnt/nosys "$calls" -- setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
        env HOME=/mnt/home /mnt/sbx rm box
    is "$overlay: kept, removed on an old kernel" "$status $out" "0 box"
done

# ---- ids ----
same "another user" 0 $'500 500\n/usr/folder\n500' enter --map subids --user bob /mnt/tree -- \
    sh -c 'echo "$(id -u) $(id -g)"; echo "$HOME"; : >/tmp/x; stat -c %u /tmp/x'
same "chown" 0 500:500 enter --map subids /mnt/tree -- sh -c 'chown bob:bob /etc/motd; stat -c %u:%g /etc/motd'
same "the map" 0 "$(printf '0 1000 1\n1 20000 30000')" enter --map subids /mnt/tree -- \
    sh -c 'while read -r a b c; do echo "$a $b $c"; done </proc/self/uid_map'
same "the own number" 0 1000 enter --map subids --keep-id /mnt/tree -- id -u
same "the own number alone" 0 1000 enter --map self --keep-id /mnt/tree -- id -u

# ---- mounts ----
same "a tmpfs" 0 $'tmpfs\nx' enter --tmpfs /data:size=1m /mnt/tree -- \
    sh -c 'echo x >/data/x; stat -f -c %T /data; cat /data/x'
same "a file on a file" 0 plain enter -v /mnt/source/plain/file:/etc/motd:ro /mnt/tree -- cat /etc/motd
same "a device" 0 "" enter --device /dev/null:/data/null /mnt/tree -- cat /data/null
same "the tree itself" 0 "of the tree" enter --direct /mnt/tree -- cat /etc/motd
same "the host's network" 0 "" enter --net host /mnt/tree -- true
same "what is masked" 0 "" enter /mnt/tree -- sh -c 'cat /proc/keys; ls -A /sys/firmware'
same "a target that is a link" 125 "" enter -v /mnt/source:/to-folder /mnt/tree -- true
same "a folder to start in that isn't there" 125 "" enter -w /nothing /mnt/tree -- true
same "a folder to start in that leads out" 125 "" enter -w /proc/self/root /mnt/tree -- true

# ---- processes ----
exec 7</dev/null 8<"$HOME"
same "descriptors" 0 $'0\n1\n2\n3' enter /mnt/tree -- ls /proc/self/fd
exec 7<&- 8<&-
same "a status" 7 "" enter /mnt/tree -- sh -c 'exit 7'
same "a signal" 137 "" enter /mnt/tree -- sh -c 'kill -9 $$'
same "no such command" 127 "" enter /mnt/tree -- nosuch
same "a command that can't be run" 126 "" enter /mnt/tree -- /etc/motd
same "the end of its time" 137 "" enter --timeout 300ms /mnt/tree -- sleep 20
same "capabilities" 0 "CapEff:	0000000000000000" enter --cap-drop ALL /mnt/tree -- grep CapEff /proc/self/status
run as_caller /mnt/sbx enter --json /mnt/tree
plan=$out
same "what it is made of" 0 "$plan" enter --json /mnt/tree

# ---- nothing is left ----
is "no sandbox is left" "$(as_caller /mnt/sbx ls -q)" ""
is "no folder is left" "$(ls -A /mnt/home/.local/share/sbx/tmp /mnt/home/.local/share/sbx/containers)" \
    $'/mnt/home/.local/share/sbx/containers:\n\n/mnt/home/.local/share/sbx/tmp:'

done_testing
