#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# launcher.sh: attacks on sbx itself: raised rights, its helpers, its memory, what it reads, what it says.

# shellcheck source=tests/attacks/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/attacks/lib.sh"

need_tree busybox
escape=$(printf 'e\033]0;owned\007v\233il')

enter() {
    run "$SBX" enter "$@"
}

# ---- CVE-2016-8659, CVE-2020-5291: never with raised rights ----
in_map() {
    unshare --map-auto --map-root-user "$@"
}
chmod 755 "$work"
# Owned by a subordinate id, with the bit: executed out here it would be that id's.
for bit in u+s g+s u+s,g+s; do
    cp "$SBX" "$work/raised"
    in_map sh -c "chown 1:1 '$work/raised' && chmod '$bit' '$work/raised'"
    run "$work/raised" enter "$root" -- true
    is "CVE-2016-8659: sbx with $bit: refused" "$status" 125
    like "and it says how to mend it" "$err" 'refuses to run setuid.*chmod u-s,g-s'
    run "$work/raised" ls
    is "CVE-2016-8659: with $bit also without a sandbox" "$status" 125
    in_map rm -f "$work/raised"
done
# File capabilities count in the namespace whose root gave them.
cp "$SBX" "$work/raised"
in_map sh -c "chown 0:0 '$work/raised' && setcap cap_chown+ep '$work/raised'"
run in_map setpriv --reuid 1 --regid 1 --clear-groups "$work/raised" ls
is "CVE-2020-5291: sbx with file capabilities: refused" "$status" 125
like "and it says how to mend it" "$err" 'setcap -r'
in_map rm -f "$work/raised"

# ---- helpers: by absolute path, with an empty environment ----
mkdir "$work/poison"
for name in newuidmap newgidmap fuse-overlayfs sbx-init sh mount; do
    printf '#!/bin/sh\necho taken >>%q\nexit 0\n' "$work/taken" >"$work/poison/$name"
    chmod +x "$work/poison/$name"
done
for overlay in kernel fuse; do
    run env PATH="$work/poison" "$SBX" enter --overlay "$overlay" "$root" -- echo fine
    is "PATH chooses no helper, $overlay" "$out" fine
done
check "none of them ran" [ ! -e "$work/taken" ]
# Traced, what is setuid gets no rights, and sbx ends there. fuse-overlayfs comes further down: its start
# is in memory that strace can't read.
for name in newuidmap newgidmap; do
    run strace -f -v -s 200 -e trace=execve -o "$work/trace" env LD_PRELOAD= SECRET=token "$SBX" enter "$root" -- true
    line=$(grep -E "execve\(\"[^\"]*/$name\"" "$work/trace" | head -n 1)
    like "$name is executed by absolute path" "$line" "execve\\(\"/[^\"]*/$name\""
    like "$name gets an empty environment" "$line" '\], \[\]|\], NULL|0 vars'
done

# ---- the environment ----
run env SECRET=token LD_PRELOAD= BASH_ENV=/x SBX_STORE=/x XDG_CONFIG_HOME=/nonexistent IFS=x "$SBX" enter "$root" -- env
is "CVE-2021-21261: the environment is built" "$(grep -c 'SECRET\|LD_PRELOAD\|BASH_ENV\|SBX_STORE\|XDG\|IFS' <<<"$out")" 0
run env -i "$SBX" enter "$root" -- echo fine
is "with no environment at all it works" "$out" fine

# ---- CVE-2018-7169: setgroups ----
enter --map self "$root" -- cat /proc/self/setgroups
is "CVE-2018-7169: without a range setgroups is denied" "$out" deny
enter --map subids "$root" -- cat /proc/self/setgroups
is "with a range it is allowed" "$out" allow

# ---- words that a stranger chose: CVE-2024-32462, CVE-2020-17367 ----
mkdir -p "$work/trees/--direct" "$work/trees/-v"
cp -a "$root/bin" "$work/trees/--direct/"
cd "$work/trees" || exit 1
enter -- --direct /bin/sh -c 'echo fine'
is "CVE-2024-32462: behind -- a tree may be called --direct" "$out" fine
check "and it was no option: nothing was written to it" [ ! -e "$work/trees/--direct/proc" ]
enter "$root" -x
is "CVE-2020-17367: a word with a dash behind the tree is refused" "$status" 125
enter "$root" -- -x
is "behind -- it is a command" "$status" 127
cd / || exit 1
for option in --nothing --dir --overlay=bad --net=bad --map=bad --cap-add=NONE --cap-drop= --security-opt=none \
    --security-opt=seccomp --ulimit=x=1 --volume=x --tmpfs=x --user=a:b:c --timeout=soon --name=../up --name=. --name= \
    --name=a/b "--name=$escape" --hostname=a/b; do
    enter "$option" "$root" -- true
    is "an error, no guess: $option" "$status" 125
    says_nothing_raw "and no control byte is said"
done
for name in ../up . .. '' a/b -- "$escape" /; do
    run "$SBX" rm -- "$name"
    is "sbx rm '$name' removes nothing" "$status" 125
done

# ---- CVE-2025-66479: an empty list of what is allowed allows nothing ----
echo '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}' >"$work/empty.json"
enter --security-opt "seccomp=$work/empty.json" "$root" -- true
check "CVE-2025-66479: an empty seccomp profile lets nothing run" [ "$status" != 0 ]
echo '{"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}' >"$work/empty.json"
enter --security-opt "seccomp=$work/empty.json" "$root" -- true
check "a profile without a default action lets nothing run" [ "$status" != 0 ]
enter --cap-drop ALL "$root" -- grep -c 'Cap...:.0000000000000000$' /proc/self/status
is "--cap-drop ALL leaves no capability in any set" "$out" 5
mkdir -p "$work/empty"
enter "$work/empty" -- true
is "an empty tree: said, not run" "$status" 127

# ---- what of ours can be traced from outside, by the same user ----
cat >"$work/trace.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
found = []
if libc.ptrace(16, pid, 0, 0) == 0:  # PTRACE_ATTACH
    found.append("ptrace")
buffer = ctypes.create_string_buffer(8)
iov = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
if libc.process_vm_readv(pid, iov, 1, iov, 1, 0) >= 0 or ctypes.get_errno() == 14:
    found.append("process_vm_readv")
for name in ("mem", "environ", "maps", "fd/0", "exe", "cwd"):
    try:
        (os.readlink if name in ("exe", "cwd") else open)(f"/proc/{pid}/{name}")
        found.append(name)
    except OSError:
        pass
print(*found)
PY
# The first question starts sbx-net.
"$SBX" enter --overlay fuse --net slirp "$root" -- sh -c 'nslookup -timeout=1 localhost.invalid; sleep 4343' &
launcher=$!
for _ in $(seq 400); do
    pgrep -P "$launcher" fuse-overlayfs >/dev/null && pgrep -P "$launcher" sbx-net >/dev/null &&
        pgrep -f '^sleep 4343' >/dev/null && break
    sleep 0.05
done
run python3 "$work/trace.py" "$launcher"
is "CVE-2026-41163: the launcher can't be traced, read or looked into" "$out$err" ""
run python3 "$work/trace.py" "$(pgrep -P "$launcher" sbx-net)"
is "nor can sbx-net" "$out$err" ""
driver=$(pgrep -P "$launcher" fuse-overlayfs)
like "fuse-overlayfs is executed by absolute path" "$(readlink "/proc/$driver/exe")" '^/usr/'
is "fuse-overlayfs has no environment" "$(tr '\0' ' ' <"/proc/$driver/environ" 2>/dev/null)" ""
# It may not be reached by who is inside: it is in no pid namespace of theirs (probe_processes.c), and
# by its own rules can open nothing but the tree and the upper.
is "and can gain no rights" "$(sed -n 's/^NoNewPrivs:.//p' "/proc/$driver/status")" 1
kill "$launcher"
wait "$launcher" 2>/dev/null

# ---- CVE-2019-5736: the program file ----
hostile
printf '#!/proc/self/exe\n' >"$work/tree/script"
chmod +x "$work/tree/script"
was=$(sha256sum <"$SBX")
for overlay in kernel fuse; do
    enter --overlay "$overlay" "$work/tree" -- /script
    check "CVE-2019-5736: #!/proc/self/exe runs nothing of the host's, $overlay" [ "$status" = 125 -o "$status" = 126 -o "$status" = 127 ]
    enter --overlay "$overlay" --cap-add ALL --security-opt seccomp=unconfined "$work/tree" -- /busybox sh -c '
        for pid in 1 self; do true >/proc/$pid/exe; /busybox cp /busybox /proc/$pid/exe; done 2>/dev/null
        /busybox readlink /proc/1/exe'
    like "CVE-2019-5736: pid 1 is a memfd, $overlay" "$out" '^/memfd:'
done
is "CVE-2019-5736: sbx is what it was" "$(sha256sum <"$SBX")" "$was"

# ---- CVE-2024-21626: descriptors and folders that the caller left ----
for overlay in kernel fuse; do
    run bash -c 'cd "$1" && exec 7</ 8<"$1" 9<>"$1/file" 200</etc; shift; exec "$@"' - "$canaries" \
        "$SBX" enter --overlay "$overlay" --cap-add ALL "$root" -- \
        sh -c 'for fd in /proc/self/fd/* /proc/1/fd/*; do case ${fd##*/} in [0-3]) ;; *) echo "$fd" ;; esac; done'
    is "CVE-2024-21626: no descriptor of the caller's comes in, $overlay" "$out$err" ""
    for folder in /proc/self/fd/7 /proc/self/fd/8 /proc/1/cwd /proc/self/root /proc/thread-self/root \
        /dev/fd/8 /proc/self/task/1/cwd; do
        enter --overlay "$overlay" --workdir "$folder" "$root" -- pwd
        is "CVE-2024-21626: --workdir $folder leads nowhere, $overlay" "$status" 125
    done
    run bash -c '"$@" <"$0"' "$canaries" "$SBX" enter --overlay "$overlay" "$root" -- true
    is "a folder as stdin is refused, $overlay" "$status" 125
    run bash -c 'mkdir "$0"; cd "$0"; rmdir "$0"; exec "$@"' "$work/gone" "$SBX" enter --overlay "$overlay" "$root" -- pwd
    is "a working folder that is gone does no harm, $overlay" "$out" /
done
run bash -c '"$@" <&- >&-' - "$SBX" enter "$root" -- sh -c 'echo x; cat; ls -l /proc/self/fd >&2'
check "closed descriptors become no file of sbx's" [ "$(grep -c memfd "$work/stderr")" = 0 ]

# ---- the store and the caches are never seen ----
XDG_CACHE_HOME=$HOME/.cache "$SBX" enter --name kept "$root" -- true
mkdir -p "$HOME/.config/sbx"
store=$HOME/.local/share/sbx
ln -s "$HOME/.local" "$work/link"
for overlay in kernel fuse; do
    for bind in "$HOME:/mnt" "/:/mnt" "$work:/mnt" "$work/link/:/mnt" "$HOME/.local/../.local/share/:/mnt"; do
        enter --overlay "$overlay" -v "$bind" "$root" -- find /mnt -path '*/sbx/*' -name containers
        is "what shows the store hides it: ${bind%%:*}, $overlay" "$out" ""
    done
    for bind in "$store" "$store/containers" "$work/link/share/sbx"; do
        enter --overlay "$overlay" -v "$bind:/mnt" "$root" -- true
        is "the store itself is refused: $bind, $overlay" "$status" 125
    done
done
# Who may mount can take a cover off.
enter --cap-add SYS_ADMIN -v "$HOME:/mnt" "$root" -- true
is "what shows the store is refused with CAP_SYS_ADMIN" "$status" 125
like "and it says what to do" "$err" 'bind less than that, or leave SYS_ADMIN out'
enter --nested -v "$HOME:/mnt" "$root" -- unshare -Urm sh -c 'umount /mnt/.local/share/sbx; ls /mnt/.local/share/sbx'
is "a namespace inside can't take the cover off" "$out" ""
enter --direct "$work" -- /nothing
check "--direct of a tree with the store in it starts nothing there unseen" [ "$status" = 125 -o "$status" = 127 ]
is "the store is the caller's alone" "$(stat -c %a "$store/containers")" 700

# ---- allowed by design, as sbx-enter(1) has it: who may mount can take read-only off ----
mkdir "$work/readonly"
for right in '' '--cap-add SYS_ADMIN'; do
    # shellcheck disable=SC2086 # an option and its value
    enter $right -v "$work/readonly:/mnt:ro" "$root" -- sh -c 'mount -o remount,bind,rw /mnt; touch /mnt/new && echo written'
    is "a read-only bind is written with ${right:-no right more}: $([ -z "$right" ] || echo by design)" "$out" \
        "$([ -z "$right" ] || echo written)"
done

# ---- the end of the launcher ----
for overlay in kernel fuse; do
    "$SBX" enter --overlay "$overlay" --name killed "$root" -- sleep 4242 &
    launcher=$!
    until pgrep -f '^sleep 4242' >/dev/null || ! kill -0 "$launcher" 2>/dev/null; do sleep 0.05; done
    kill -9 "$launcher"
    wait "$launcher" 2>/dev/null
    for _ in $(seq 100); do
        pgrep -f '^sleep 4242' >/dev/null || break
        sleep 0.05
    done
    is "killing sbx ends its sandbox, $overlay" "$(pgrep -f '^sleep 4242')" ""
    succeeds "a kept one can be entered again, $overlay" "$SBX" enter killed -- true
    like "and that it was cut short is said" "$err" "cut short"
    succeeds "and removed" "$SBX" rm killed
done

# ---- names with escape sequences ----
hostile
mv "$work/tree" "$work/$escape"
enter "$work/$escape" -- /nothing
check "a message holds the name" [ -n "$err" ]
says_nothing_raw "a tree's name with escape sequences is escaped"
enter -v "$work/$escape:/mnt:bad" "$root" -- true
says_nothing_raw "a volume's too"
enter --workdir "/$escape" "$root" -- true
says_nothing_raw "a working folder's"
enter --user "$escape" "$root" -- true
says_nothing_raw "a user's"
enter "$root" -- "/$escape"
says_nothing_raw "a command's"
enter --security-opt "seccomp=$work/$escape" "$root" -- true
says_nothing_raw "a profile's"
"$SBX" enter --name seen "$work/$escape" -- /busybox true
run "$SBX" ls
is "sbx ls escapes it" "$(tr -d '\n' <"$work/stdout" | LC_ALL=C tr -dc '\000-\037\177\200-\237' | od -An -c)" ""
run "$SBX" ls --json
is "sbx ls --json too" "$(tr -d '\n' <"$work/stdout" | LC_ALL=C tr -dc '\000-\037\177' | od -An -c)" ""
run "$SBX" enter --explain "$work/$escape"
is "--explain too" "$(tr -d '\n' <"$work/stdout" | LC_ALL=C tr -dc '\000-\037\177\200-\237' | od -An -c)" ""
remove_tree "$work/$escape"
run "$SBX" enter seen -- true
says_nothing_raw "and where that tree is gone"
untouched "the host's files are what they were"
done_testing
