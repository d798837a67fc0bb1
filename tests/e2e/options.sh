#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# options.sh: options in odd combinations, as a first user tried them.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub
mkdir "$work/data"
echo mine >"$work/file"

# ---- files of the sandbox's own, and the user's on top of them ----
for name in hosts hostname resolv.conf; do
    run "$SBX" enter -v "$work/file:/etc/$name" "$root" -- cat "/etc/$name"
    is "-v FILE:/etc/$name wins" "$out" mine
done
run "$SBX" enter --hostname box "$root" -- sh -c 'cat /etc/hostname; grep -c box /etc/hosts; hostname'
is "the host name is everywhere the same" "$(tr '\n' ' ' <<<"$out")" "box 2 box "
succeeds "its first part is one too" "$SBX" enter --hostname box.example.org "$root" -- grep 'box.example.org box$' /etc/hosts
run "$SBX" enter --net host "$root" -- getent hosts host.containers.internal host.docker.internal
is "with the host's network its loopback has the names of podman and Docker" "$(tr -s ' \n' ' ' <<<"$out")" \
    "127.0.0.1 host.containers.internal host.docker.internal 127.0.0.1 host.containers.internal host.docker.internal "
run "$SBX" enter --net none "$root" -- cut -f 1 /proc/sys/net/ipv4/ping_group_range
is "ping works on the loopback interface, as with a network" "$out" 0

# ---- mount points are never made on the host ----
run "$SBX" enter -v "$work/data:/data" -v "$work/file:/data/made/file" "$root" -- true
is "a mount point in a bound folder: refused" "$status" 125
mkdir "$work/tmp"
run "$SBX" enter -v "$work/tmp:/tmp" -v "$work/data:/data" -v "$work/file:/data/made/file" "$root" -- true
is "also where the host's folder is /tmp inside" "$status" 125
run "$SBX" enter -v "$work/data:/data" --tmpfs /data/tmp "$root" -- true
is "a tmpfs too" "$status" 125
is "and nothing was made" "$(ls -A "$work/data")" ""
run "$SBX" enter --tmpfs /data -v "$work/file:/data/made/file" "$root" -- cat /data/made/file
is "in a tmpfs of the sandbox's own it is made, whatever the order" "$out" mine

# ---- modes and limits ----
run bash -c 'umask 077; exec "$@"' - "$SBX" enter --user 1000 "$root" -- sh -c 'umask; stat -c %a / /etc/hosts'
is "the caller's umask stays outside" "$(tr '\n' ' ' <<<"$out")" "0022 755 644 "
run "$SBX" enter --ulimit nofile=5 "$root" -- sh -c 'ulimit -n'
is "a limit of five descriptors" "$out" 5
run setpriv --no-new-privs "$SBX" enter "$root" -- id -u
is "where no_new_privs is set there is one id" "$out" 0
like "and that is said" "$err" "no_new_privs"
run "$SBX" enter --new-privs "$root" -- grep NoNewPrivs /proc/self/status
like "--new-privs" "$out" "0$"

# ---- kept sandboxes stay what they are ----
for ids in "" --keep-id "--map self"; do
    # shellcheck disable=SC2086 # words of options
    succeeds "made with ${ids:-no option}" "$SBX" enter $ids --name kept "$root" -- touch /tmp/x
    succeeds "entered again" "$SBX" enter kept -- true
    check "without a word of a crash" [ "${err/cut short/}" = "$err" ]
    for other in "--overlay fuse" --direct "--map $([ "$ids" = "--map self" ] && echo subids || echo self)"; do
        # shellcheck disable=SC2086
        run "$SBX" enter $other kept -- true
        is "but not with $other" "$status" 125
    done
    succeeds "and a refusal leaves no mark" "$SBX" enter kept -- true
    check "no word of a crash" [ "${err/cut short/}" = "$err" ]
    succeeds "removed" "$SBX" rm kept
done
succeeds "an upper whose root is given away" "$SBX" enter --name given "$root" -- chown 5:5 /
run "$SBX" enter given -- stat -c %u /
is "can be entered again" "$out" 5
succeeds "and removed" "$SBX" rm given

# ---- what can't be executed ----
# shellcheck disable=SC2016
succeeds "a program with capabilities of its own" "$SBX" enter --name capable "$root" -- perl -e '
    system("cp /bin/true /own; chmod 755 /own; cp /bin/true /plain; chmod 644 /plain");
    my ($path, $name, $value) = ("/own", "security.capability", pack("V5", 0x02000001, 1 << 13, 0, 0, 0));
    chomp(my $machine = `uname -m`);
    exit(syscall($machine eq "x86_64" ? 188 : 5, $path, $name, $value, length($value), 0) == 0 ? 0 : 1)'
run "$SBX" enter capable -- /own
is "is refused with what it needs" "$status $err" "126 sbx: enter: cannot execute '/own': not permitted
hint: a file that has capabilities (getcap) needs them in the sandbox: --cap-add NET_RAW, for ping"
succeeds "which it can have" "$SBX" enter --cap-add NET_RAW capable -- /own
run "$SBX" enter capable -- /plain
is "one that isn't executable says so" "$status $err" "126 sbx: enter: no permission to execute '/plain' (mode 0644, owner 0:0)
hint: chmod +x makes a file executable"
succeeds "removed" "$SBX" rm capable

# ---- --direct, on a copy ----
mkdir -p "$work"/tree/{proc,sys,dev,run,tmp,etc}
cp "$(tree busybox)/bin/busybox" "$work/tree/"
run env HOME=/nonexistent "$SBX" enter --direct "$work/tree" -- /busybox touch /etc/written
check "--direct writes to the tree, and needs no store" [ -e "$work/tree/etc/written" ]
mkdir -p "$work/tree/usr"
echo precious >"$work/tree/usr/file"
ln -s ../run/../usr/file "$work/tree/etc/resolv.conf"
run "$SBX" enter --direct "$work/tree" -- /busybox true
is "a link that goes through /run and out again writes nothing" "$(cat "$work/tree/usr/file")" precious
rm "$work/tree/etc/resolv.conf"
# A mount below the tree, in a user namespace of the test's own, where the caller is not the host's root.
mkdir "$work/tree/sub"
# shellcheck disable=SC2016
run unshare --map-root-user --mount sh -c \
    'mount -t tmpfs none "$1/sub" && exec "$2" enter --direct --read-only "$1" -- /busybox touch /sub/x' - "$work/tree" "$SBX"
check "--direct --read-only: what is mounted below is read-only too" [ "$status" = 1 ]
like "and says so" "$err" "Read-only file system"

# ---- a tree that the kernel's overlay refuses: two overlays lie below it already ----
mkdir "$work"/{one,two,stack}
# shellcheck disable=SC2016
stacked='mount -t tmpfs none "$1/one" && mount -t tmpfs none "$1/two" && cd "$1" &&
    mkdir one/upper one/work two/upper two/work one/merged &&
    mount -t overlay none -o lowerdir=tree,upperdir=one/upper,workdir=one/work,userxattr one/merged &&
    mount -t overlay none -o lowerdir=one/merged,upperdir=two/upper,workdir=two/work,userxattr stack &&
    "$2" enter --map self "$3" -- /busybox head -n 1 /proc/mounts && ls -A two/upper'
run unshare --map-root-user --mount sh -c "$stacked" - "$work" "$SBX" one/merged
like "a tree on an overlay: the kernel's driver" "$out" "^overlay /"
run unshare --map-root-user --mount sh -c "$stacked" - "$work" "$SBX" stack
like "on two of them: fuse takes over" "$out" "^fuse-overlayfs /"
is "and that is all there is to see" "$(wc -l <<<"$out") $status" "1 0"

# ---- devices that are closed ----
device=$(find /dev -maxdepth 1 -type c ! -readable ! -writable -print -quit)
if [ "$device" ]; then
    run "$SBX" enter --device "$device" "$root" -- true
    is "--device of one that the caller can't open: status" "$status" 0
    like "is said to be of no use" "$err" "note: device '$device' can't be opened inside, nor by you outside; to mend it: sudo setfacl -m u:$(id -un):rw '$device'"
else
    skip "--device of one that the caller can't open" "this user can open every device here"
fi
run "$SBX" enter --device /dev/zero:/dev/other "$root" -- true
is "nothing is said of one that all may open" "$err" ""

# ---- a kernel whose tmpfs takes no upper, as before Linux 6.6 ----
store=$HOME/.local/share/sbx
sed -i 's/.$/n/' "$store/.overlay-in-memory"
run "$SBX" enter "$root" -- sh -c 'echo x >/etc/motd; head -n 1 /proc/mounts'
like "the upper is on the disk then, still with the kernel's driver" "$out" "^overlay / .*volatile"
run unshare --map-root-user --mount sh -c "$stacked" - "$work" "$SBX" stack
like "and where that is refused, fuse takes over" "$out" "^fuse-overlayfs /"
is "without a word" "$(wc -l <<<"$out") $status $err" "1 0 "
is "nothing is left of either" "$(ls -A "$store/tmp")" ""
rm "$store/.overlay-in-memory"

# ---- a sandbox in a sandbox ----
cp "$SBX" "$work/sbx"
run "$SBX" enter --nested -v "$work/sbx:/mnt/sbx" -v "$work/tree:/tree" "$root" -- /mnt/sbx enter --map self /tree -- /busybox echo inner
is "--nested: sbx in sbx" "$out" inner
run "$SBX" enter -v "$work:/mnt" "$root" -- /mnt/sbx enter /mnt/tree -- true
like "without it: the hint is --nested" "$err" "nested"

# ---- what is sbx's own stays out of sight ----
mkdir -p "$HOME/.cache"
run "$SBX" enter -v "$HOME:/home/me" "$root" -- sh -c 'ls -A /home/me/.local/share/sbx /home/me/.cache/sbx; touch /home/me/.cache/sbx/x'
is "the store and the cache are covered in a bound home folder" "$(tr -d '\n' <<<"$out" | sed 's/.home.me[^:]*://g')" ""
like "and can't be written" "$err" "Read-only"
run "$SBX" enter -v "$HOME/.local/share/sbx/tmp:/x" "$root" -- true
is "a bind from within the store is refused" "$status" 125

# ---- in a container that hides parts of /proc ----
# shellcheck disable=SC2016
run unshare --map-root-user --mount sh -c \
    'mount --bind /dev/null /proc/keys && exec "$2" enter "$1" -- /busybox true' - "$work/tree" "$SBX"
is "no new /proc is to be had: refused, and not replaced by the outer one" "$status" 125
like "with what mends it" "$err" "hint: .*unmask"

# ---- a command that stops itself stops no clock ----
cat >"$work/stop.py" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
try:
    while os.read(fd, 1000):
        pass
except OSError:
    pass
print(os.waitpid(pid, 0)[1] >> 8)
END
# shellcheck disable=SC2016
run timeout 20 python3 "$work/stop.py" "$SBX" enter --timeout 1s "$root" -- sh -c 'kill -STOP $$; sleep 60'
is "--timeout ends a stopped command" "$out" 137
done_testing
