#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# walls.sh OVERLAY: attacks on the launcher, on files and on the kernel's surface, from inside, as
# root there with every right that it can be given.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

overlay=${1:-kernel}
need_tree sub
strongest=(--overlay "$overlay" --cap-add ALL --security-opt seccomp=unconfined --new-privs)

inside() {
    run "$SBX" enter "$@"
}

# ---- /proc and /sys: nothing of the host's can be written ----
cat >"$work/writable.pl" <<'END'
use Fcntl;
my @todo = ("/proc", "/sys");
while (defined(my $dir = shift @todo)) {
    opendir(my $d, $dir) or next;
    for my $name (readdir $d) {
        my $path = "$dir/$name";
        next if $name =~ /^\.\.?$/ || $path =~ m{^/proc/(\d+|self|thread-self)$} || -l $path;
        if (-d _) { push @todo, $path }
        # A mask is the null device; anybody may ask for an alarm of /proc/pressure.
        elsif (-c _ || $path =~ m{^/proc/pressure/}) { }
        elsif (sysopen(my $f, $path, O_WRONLY | O_NONBLOCK)) { print "$path\n" }
    }
}
END
inside "${strongest[@]}" -v "$work/writable.pl:/mnt/writable.pl:ro" "$root" -- perl /mnt/writable.pl
is "no file of /proc and /sys can be opened for writing" "$out$err" ""
inside --overlay "$overlay" -v "$work/writable.pl:/mnt/writable.pl:ro" "$root" -- perl /mnt/writable.pl
is "nor by default" "$out$err" ""

# ---- the masks hide ----
inside "${strongest[@]}" "$root" -- sh -c 'cat /proc/keys /proc/key-users; ls -A /proc/scsi /sys/firmware'
is "masked files are empty, masked folders too" "$(tr -d '\n' <<<"$out" | sed 's/.proc.scsi:\|.sys.firmware://g')" ""

# ---- pid 1 and our own program file ----
inside --overlay "$overlay" "$root" -- sh -c 'cat /proc/1/environ; : >/proc/1/exe; ls /proc/1/fd; readlink /proc/1/exe'
is "pid 1 shows neither environment nor descriptors nor its file" "$out" ""
inside "${strongest[@]}" "$root" -- sh -c 'readlink /proc/1/exe; echo x >>/proc/1/exe && echo written'
like "with every capability, pid 1's file is a sealed copy" "$out" '^(/memfd:sbx-init \(deleted\))?$'
inside "${strongest[@]}" "$root" -- sh -c 'kill -9 1; kill -STOP 1; echo alive'
is "pid 1 takes no SIGKILL from inside" "$out" alive

# ---- descriptors and the working folder ----
inside --overlay "$overlay" "$root" -- sh -c 'ls /proc/self/fd'
is "the payload has descriptors 0 to 2, and ls its folder" "$(tr '\n' ' ' <<<"$out")" "0 1 2 3 "
run bash -c 'exec 7</ 9<"$HOME"; exec "$@"' - "$SBX" enter --overlay "$overlay" "$root" -- ls /proc/self/fd
is "no descriptor of the caller's comes in" "$(tr '\n' ' ' <<<"$out")" "0 1 2 3 "
for folder in /proc/self/fd/7 /proc/self/fd/8 /proc/1/cwd /proc/self/root; do
    inside --overlay "$overlay" --workdir "$folder" "$root" -- pwd
    check "--workdir $folder leads nowhere" [ "$status" = 125 ]
done

# ---- the environment is built ----
run env SECRET=token LD_PRELOAD=/nonexistent.so BASH_ENV=/x "$SBX" enter --overlay "$overlay" "$root" -- env
check "nothing of the caller's environment comes in" [ "$(grep -c 'SECRET\|BASH_ENV\|LD_PRELOAD' <<<"$out")" = 0 ]

# ---- namespaces ----
for ns in user mnt pid net ipc uts cgroup time; do
    inside --overlay "$overlay" "$root" -- readlink "/proc/self/ns/$ns"
    check "$ns namespace of its own" [ "$out" != "$(readlink "/proc/self/ns/$ns")" ]
done
inside --overlay "$overlay" "$root" -- unshare -U true
check "a user namespace inside is refused" [ "$status" = 1 ]
inside --overlay "$overlay" --security-opt seccomp=unconfined --cap-add ALL "$root" -- unshare -U true
check "also without seccomp" [ "$status" = 1 ]
inside --overlay "$overlay" --security-opt seccomp=unconfined --cap-add ALL "$root" -- \
    sh -c 'echo 99 >/proc/sys/user/max_user_namespaces'
check "and the limit can't be raised again" [ "$status" != 0 ]
inside --overlay "$overlay" "$root" -- perl -e 'print "caller seen" if kill 0, $ARGV[0]' "$$"
is "no process of the host's is seen" "$out" ""

# ---- hostile trees ----
hostile() {
    remove_tree "$work/tree"
    mkdir "$work/tree" "$work/outside" 2>/dev/null
    cp "$(tree busybox)/bin/busybox" "$work/tree/"
}

for name in proc sys dev run tmp; do
    for target in "$work/outside" / ../../../../../.. /proc/self/root ""; do
        hostile
        if [ -n "$target" ]; then ln -s "$target" "$work/tree/$name"; else : >"$work/tree/$name"; fi
        inside --overlay "$overlay" "$work/tree" -- /busybox true
        check "/$name as ${target:-a file}: refused" [ "$status" = 125 ]
        is "and nothing was made outside" "$(ls -A "$work/outside")" ""
    done
done
for name in hosts hostname resolv.conf passwd group; do
    for target in "$work/outside/new" /proc/1/mem /dev/zero loop; do
        hostile
        mkdir "$work/tree/etc"
        ln -s "$target" "$work/tree/etc/$name"
        [ "$target" != loop ] || ln -sfn "$name" "$work/tree/etc/$name"
        run timeout 20 "$SBX" enter --overlay "$overlay" "$work/tree" -- /busybox true
        check "/etc/$name -> $target: an answer, no hang" [ "$status" = 125 -o "$status" = 0 ]
        is "and nothing was made outside" "$(ls -A "$work/outside")" ""
    done
    hostile
    mkdir "$work/tree/etc"
    mkfifo "$work/tree/etc/$name"
    run timeout 20 "$SBX" enter --overlay "$overlay" "$work/tree" -- /busybox true
    check "/etc/$name as a FIFO: no hang" [ "$status" != 124 ]
done
hostile
mkdir "$work/tree/etc"
head -c 100M /dev/zero >"$work/tree/etc/passwd"
run timeout 20 "$SBX" enter --overlay "$overlay" "$work/tree" -- /busybox echo fine
is "/etc/passwd of 100 MB does no harm" "$out" fine
{ printf 'root:x:0:0:'; head -c 7M /dev/zero | tr '\0' x; printf ':/root:/bin/sh\n'; } >"$work/tree/etc/passwd"
run timeout 20 "$SBX" enter --overlay "$overlay" "$work/tree" -- /busybox echo fine
is "nor does a line of 7 MB" "$out" fine

# ---- escape sequences in what sbx prints ----
hostile
mv "$work/tree" "$work/$(printf 'e\033]0;owned\007vil')"
run "$SBX" enter "$work/$(printf 'e\033]0;owned\007vil')" -- /nothing
check "a message holds no control bytes" [ "$(tr -d '\n' <"$work/stderr" | LC_ALL=C grep -c '[[:cntrl:]]')" = 0 ]

# ---- the end ----
"$SBX" enter --overlay "$overlay" --name walls "$root" -- sleep 4242 &
launcher=$!
for _ in $(seq 100); do
    pgrep -f '^sleep 4242' >/dev/null && break
    sleep 0.05
done
check "the sandbox runs" [ -n "$(pgrep -f '^sleep 4242')" ]
kill -9 "$launcher"
wait "$launcher" 2>/dev/null
gone=no
for _ in $(seq 100); do
    pgrep -f '^sleep 4242' >/dev/null || { gone=yes; break; }
    sleep 0.05
done
is "killing sbx ends its sandbox" "$gone" yes
succeeds "a kept sandbox whose launcher was killed can be entered" "$SBX" enter walls -- true
like "and that it was cut short is said" "$err" "cut short"
succeeds "and removed" "$SBX" rm walls
done_testing
