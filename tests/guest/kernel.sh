#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kernel.sh RELEASE: what sbx makes of a kernel that lacks something: it goes another way, and shows it.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"
need_tree sub
release=$1
store=$HOME/.local/share/sbx

like "this is Linux $release" "$(uname -r)" "^$release\."

# plan KEY ARG...: the number or word that --json has for KEY.
plan() {
    local key=$1
    shift
    "$SBX" enter --json "$@" "$root" | sed -n "s/^ *\"$key\":\"\{0,1\}\([^\",]*\).*/\1/p"
}

# mounted ARG...: what is mounted on /, and how, in a sandbox.
mounted() {
    run "$SBX" enter "$@" "$root" -- head -n 1 /proc/mounts
    is "${*:-by default}: nothing is said" "$status $err" "0 "
}

case $release in
5.10)
    driver=fuse
    is "auto is fuse-overlayfs: Linux 5.11 was the first to let a user mount an overlay" "$(plan overlay)" fuse
    mounted
    like "and that is what is mounted" "$out" "^fuse-overlayfs / "
    run "$SBX" enter --overlay kernel "$root" -- true
    is "--overlay kernel: status" "$status" 125
    is "--overlay kernel: text" "$err" "sbx: enter: overlay: the kernel's overlay doesn't work here: Operation not supported
hint: leave --overlay out, or use --overlay fuse"
    is "there is no Landlock, which is left out" "$(plan landlock)" 0
    ;;
6.1)
    driver=kernel
    is "auto is the kernel's overlay" "$(plan overlay)" kernel
    mounted
    like "with an upper on the disk: a tmpfs has no user xattrs yet" "$out" \
        "^overlay / .*upperdir=/proc/self/fd/[0-9]*/upper,.*volatile,userxattr"
    mounted --overlay kernel
    like "--overlay kernel: the same" "$out" "^overlay / .*volatile,userxattr"
    like "sbx doctor finds that" "$("$SBX" doctor --json)" "the kernel's driver works with an upper in '$store', not with one in memory"
    is "Landlock is its second version" "$(plan landlock)" 2
    ;;
esac
is "nothing is left of what was thrown away" "$(ls -A "$store/tmp")" ""

# ---- the tree stays as it was, with each driver that this kernel has ----
remember "$root"
for overlay in $driver fuse; do
    # shellcheck disable=SC2016 # the shell's inside
    succeeds "$overlay: change and remove" "$SBX" enter --overlay "$overlay" "$root" -- sh -ec '
        chmod go= /etc/passwd /usr/bin/dpkg /var/lib/dpkg/status
        mv /etc/debian_version /etc/moved
        rm -r /etc/apt /usr/share/perl5
        mkdir /etc/apt
        touch /etc/apt/mine
        chown 1:1 /etc/apt/mine
        ls /etc/apt
        stat -c %a:%u /etc/passwd /etc/apt/mine
        [ ! -e /usr/share/perl5 ]'
    is "$overlay: it shows inside, and a new folder is an empty one" "$out" $'mine\n600:0\n644:1'
    succeeds "$overlay: kept" "$SBX" enter --overlay "$overlay" --name "kept" "$root" -- sh -c 'rm -r /etc/apt; mkdir /etc/apt; echo x >/etc/kept'
    run "$SBX" enter kept -- sh -c 'cat /etc/kept; ls /etc/apt'
    is "$overlay: entered again" "$status $out$err" "0 x"
    succeeds "$overlay: removed" "$SBX" rm kept
    [ "$driver" != fuse ] || break
done
unchanged "all of it" "$root"

# ---- read-only volumes, with mounts below them, of which one is hidden ----
mkdir -p "$work/source"
cat >"$work/mounts.sh" <<'END'
cd "$1/source"
mount -t tmpfs none . && cd . && cd "$1/source" && mkdir plain 'a blank' hidden
for name in plain 'a blank' hidden; do mount -t tmpfs none "$name"; done
mkdir hidden/below plain/nested && mount -t tmpfs none hidden/below && mount -t tmpfs none plain/nested
mount -t tmpfs none hidden
shift
exec "$@"
END
for option in ro rw; do
    run unshare --map-root-user --mount sh "$work/mounts.sh" "$work" \
        "$SBX" enter --map self -v "$work/source:/mnt:$option" "$root" -- \
        sh -c 'cd /mnt; for d in . plain plain/nested "a blank" hidden; do (: >"$d/x") 2>/dev/null && echo "$d"; done; true'
    is "-v ...:$option, with submounts: what can be written" "$out" \
        "$([ $option = ro ] || printf '%s\n' . plain plain/nested 'a blank' hidden)"
done

# ---- the rest of what newer calls are for ----
run bash -c 'exec 7</ 9<"$HOME"; exec "$@"' - "$SBX" enter "$root" -- ls /proc/self/fd
is "no descriptor of the caller's comes in" "$(tr '\n' ' ' <<<"$out")" "0 1 2 3 "
run "$SBX" enter --cap-add ALL "$root" -- grep CapEff /proc/self/status
is "ALL is every capability that this kernel knows" "$out" \
    "CapEff:	$(printf '%016x' $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))"
run "$SBX" enter --read-only "$root" -- sh -c 'echo x >/tmp/x; cat /tmp/x; touch /x'
like "--read-only" "$out $err" "^x .*Read-only"
run "$SBX" enter --direct "$(tree busybox)" -- true
is "--direct names the mount point that the tree lacks" "$status" 125

done_testing
