#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bwrap.sh: bubblewrap's command line means what it means to bubblewrap, which is asked wherever it knows
# the option; and what is to be different is.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

mkdir "$work/bin" "$work/src" "$work/src/folder" "$work/here"
ln -s "$SBX" "$work/bin/bwrap"
printf 'hello\n' >"$work/src/file"
printf 'child\n' >"$work/src/folder/child"
ln -s folder "$work/src/link"
printf '#!/bin/sh\necho script "$@"\n' >"$work/src/script"
chmod 755 "$work/src/script"
cd "$work/here" || exit 1
# shellcheck disable=SC2034 # for the lines of the table
src=$work/src
ours=$work/bin/bwrap
theirs=/usr/bin/bwrap
# shellcheck disable=SC2034
host='--ro-bind / / --dev /dev --proc /proc'

# Numbers that differ from run to run.
plain() {
    sed -E 's/(child-pid": )[0-9]+/\1N/; s/(-namespace": )[0-9]+/\1N/g'
}

# answer PROGRAM LINE: what LINE, with $bwrap for the program, does.
answer() {
    local bwrap=$1 status
    PATH=/usr/bin:/bin eval "$2" >"$work/said" 2>"$work/complained" </dev/null
    status=$?
    printf 'status %s\n' "$status"
    plain <"$work/said"
    # The first line is the contract, a hint may follow.
    head -n 1 "$work/complained" | sed "s,$bwrap,BWRAP,"
}

# same LINE: both do the same.
same() {
    is "as bubblewrap: $1" "$(answer "$ours" "$1")" "$(answer "$theirs" "$1")"
}

if [ -x "$theirs" ]; then
    while read -r line; do
        [ -n "$line" ] && [ "${line:0:1}" != '#' ] && same "$line"
    done <<'END'
# Statuses.
$bwrap $host true
$bwrap $host false
$bwrap $host sh -c 'exit 42'
$bwrap $host sh -c 'kill -9 $$'
$bwrap $host --unshare-pid sh -c 'kill -9 $$'
$bwrap $host --unshare-all sh -c 'exit 42'
$bwrap $host --unshare-pid --as-pid-1 sh -c 'echo $$; exit 3'
$bwrap $host no-such-command
$bwrap $host --unshare-pid no-such-command
$bwrap $host /etc
$bwrap $host /etc/passwd
$bwrap $host --unshare-pid /etc/passwd
$bwrap $host $src/script one 'two three'
$bwrap $host --unshare-pid $src/script one 'two three'
$bwrap true
$bwrap
$bwrap --bind / /
# Messages.
$bwrap --no-such-option
$bwrap -x
$bwrap --bind
$bwrap --bind /etc
$bwrap $host --bind /no/such/source /mnt true
$bwrap $host --bind-try /no/such/source /mnt true
$bwrap $host --chdir /no/such true
$bwrap $host --perms 0700 --bind / /mnt true
$bwrap $host --perms 8 --dir /mnt true
$bwrap $host --size 1 --dir /mnt true
$bwrap $host --size 0 --tmpfs /mnt true
$bwrap --hostname x true
$bwrap --as-pid-1 true
$bwrap --unshare-pid --as-pid-1 --lock-file /x true
$bwrap --disable-userns true
$bwrap --userns-block-fd 5 true
$bwrap --cap-add CAP_NO_SUCH true
$bwrap --seccomp x true
$bwrap --file x /y true
$bwrap $host --seccomp 5 true 5</etc/hostname
$bwrap $host --exec-label x true
$bwrap $host --dir /mnt/x true
$bwrap $host --remount-ro /etc true
$bwrap $host --chmod 0700 /no/such true
$bwrap $host --unshare-user --disable-userns unshare -U true
$bwrap --assert-userns-disabled $host true
$bwrap --chdir / --chdir /etc $host pwd
# What is there.
$bwrap --tmpfs / --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 ls -l / | awk '{print $1, $3, $9, $10, $11}'
$bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev ls -A / /dev
$bwrap $host ls -A / /dev /dev/shm
$bwrap $host --tmpfs /mnt --bind $src /mnt/a/b/c find /mnt
$bwrap $host --tmpfs /mnt --bind $src /mnt/a/b/c stat -c '%a %n' /mnt /mnt/a /mnt/a/b
$bwrap $host --tmpfs /mnt --bind $src/file /mnt/a/file sh -c 'cat /mnt/a/file; stat -c "%a %n" /mnt/a'
$bwrap $host --tmpfs /mnt --ro-bind $src/link /mnt/x ls /mnt/x
$bwrap $host --tmpfs /mnt --ro-bind $src /mnt/x sh -c 'echo x >/mnt/x/new'
$bwrap $host --tmpfs /mnt --bind $src /mnt/x --remount-ro /mnt/x sh -c 'echo x >/mnt/x/new'
$bwrap $host --tmpfs /mnt --perms 0700 --dir /mnt/a/b --perms 1777 --tmpfs /mnt/t stat -c '%a %n' /mnt/a /mnt/a/b /mnt/t
$bwrap $host --tmpfs /mnt --file 5 /mnt/f --perms 0640 --file 6 /mnt/g sh -c 'cat /mnt/f /mnt/g; stat -c "%a %n" /mnt/f /mnt/g' 5<$src/file 6<$src/folder/child
$bwrap $host --tmpfs /mnt --bind-data 5 /mnt/f --ro-bind-data 6 /mnt/g sh -c 'cat /mnt/f /mnt/g; stat -c "%a %n" /mnt/f /mnt/g; echo x >/mnt/f && cat /mnt/f; echo x >/mnt/g' 5<$src/file 6<$src/folder/child
$bwrap $host --tmpfs /mnt --dir /mnt/d --chmod 0711 /mnt/d stat -c '%a' /mnt/d
$bwrap $host --tmpfs /mnt --dir /mnt/dir --symlink dir /mnt/link --bind $src /mnt/link ls /mnt/dir /mnt/link
$bwrap $host --tmpfs /mnt --dir /mnt/dir --symlink dir /mnt/link --bind $src/file /mnt/link/file cat /mnt/dir/file
$bwrap $host --size 1048576 --tmpfs /mnt df --output=size -k /mnt
$bwrap $host --tmpfs /tmp --tmpfs /var ls -A /tmp /var
$bwrap --ro-bind / / ls -A /tmp/..
$bwrap $host --mqueue /dev/mqueue stat -f -c %T /dev/mqueue
$bwrap --tmpfs /x --bind / / ls -A /
$bwrap --bind / / --tmpfs / --ro-bind /usr /usr --ro-bind /usr/bin /bin --ro-bind /usr/lib /lib --ro-bind /usr/lib64 /lib64 ls -A /
$bwrap $host sh -c 'for d in sys sysrq-trigger irq bus; do test -w /proc/$d || echo $d; done'
$bwrap --bind / / --unshare-pid --proc /proc ls -d /proc/1 /proc/2
$bwrap $host awk '{print $5, $6}' /proc/self/mountinfo | sed -E 's/,(relatime|noatime)//' | grep -v "^/dev"
$bwrap --dev-bind / / --tmpfs /mnt awk '$5 == "/mnt" {print $6}' /proc/self/mountinfo
# Who it is.
$bwrap $host id -u
$bwrap $host --unshare-user --uid 7 --gid 8 sh -c 'id -u; id -g; grep -E "^(Uid|Gid)" /proc/self/status'
$bwrap $host --uid 0 --gid 0 stat -c '%u %g' $src/file
$bwrap $host grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
$bwrap $host --cap-add CAP_NET_ADMIN grep -E '^Cap' /proc/self/status
$bwrap $host --cap-add ALL --cap-drop CAP_SYS_ADMIN grep -E '^Cap(Eff|Amb|Inh)' /proc/self/status
$bwrap $host --uid 0 --cap-add cap_chown grep -E '^Cap' /proc/self/status
$bwrap $host --unshare-pid grep -E '^(Cap|NoNewPrivs)' /proc/self/status
$bwrap $host --unshare-uts --hostname sandboxed hostname
# Namespaces.
$bwrap $host sh -c 'for n in ipc net pid uts cgroup; do [ "$(readlink /proc/self/ns/$n)" = "'"$(readlink /proc/self/ns/uts)"'" ] && echo $n; done; true'
$bwrap $host --unshare-net sh -c 'grep -c : /proc/net/dev; ip -o addr show lo 2>/dev/null | grep -c 127.0.0.1'
$bwrap $host --unshare-all --share-net sh -c 'grep -c : /proc/net/dev'
$bwrap $host --unshare-pid sh -c 'echo $$; ps -A -o pid= | wc -l'
# Environment, working folder, descriptors.
FOO=1 $bwrap $host --setenv BAR 2 --unsetenv FOO env | grep -E '^(FOO|BAR|PWD)='
$bwrap $host --clearenv --setenv A b /usr/bin/env
$bwrap $host --clearenv --setenv A b --unshare-pid /usr/bin/env
$bwrap $host --setenv PATH $src script x
$bwrap $host --unshare-pid --setenv PATH $src script x
$bwrap $host pwd
$bwrap --ro-bind /usr /usr --ro-bind /bin /bin --ro-bind /lib /lib --ro-bind /lib64 /lib64 sh -c 'pwd; echo $PWD'
HOME=/usr $bwrap --ro-bind /usr /usr --ro-bind /bin /bin --ro-bind /lib /lib --ro-bind /lib64 /lib64 sh -c 'pwd; echo $PWD'
$bwrap $host --chdir / sh -c 'pwd; echo $PWD'
$bwrap $host --chdir etc pwd
(umask 027; $bwrap $host --bind $work $work sh -c 'umask; rm -f $0; : >$0; stat -c %a $0' $work/masked)
$bwrap $host sh -c 'ls /proc/self/fd | grep -v "^3$"' 7</dev/null 9</dev/null
$bwrap $host --unshare-pid sh -c 'ls /proc/self/fd | grep -v "^3$"' 7</dev/null 9</dev/null
$bwrap $host --unshare-pid sh -c 'cat <&7' 7<$src/file
$bwrap $host --sync-fd 7 sh -c 'test -e /proc/self/fd/7 || echo gone' 7</dev/null
$bwrap $host --args 7 sh -c 'echo $X; test -e /proc/self/fd/7 || echo gone' 7< <(printf '%s\0' --setenv X 'a  b')
$bwrap $host --args 7 true 7< <(printf '%s\0' --args 8)
$bwrap $host --args 7 echo after 7< <(printf '%s\0' --dir /mnt/x -- ignored)
seq 9001 | sed s/.*/--new-session/ | tr '\n' '\0' | $bwrap $host --args 0 true
(trap '' USR1; $bwrap $host grep SigIgn /proc/self/status)
(trap '' USR1; $bwrap $host --unshare-pid grep -E 'Sig(Ign|Blk)' /proc/self/status)
$bwrap $host sh -c 'echo $$ $(ps -o pgid=,sid= $$)' | awk '{print ($1 == $2), ($2 == $3)}'
$bwrap $host --new-session sh -c 'echo $$ $(ps -o pgid=,sid= $$)' | awk '{print ($1 == $2), ($2 == $3)}'
# What is said on descriptors.
$bwrap $host --unshare-all --info-fd 5 true 5>$work/info; cat $work/info
$bwrap $host --info-fd 5 true 5>$work/info; cat $work/info
$bwrap $host --unshare-pid --json-status-fd 5 sh -c 'exit 3' 5>$work/info; cat $work/info
$bwrap $host --json-status-fd 5 sh -c 'kill -9 $$' 5>$work/info; cat $work/info
$bwrap $host --json-status-fd 5 no-such-command 5>$work/info; cat $work/info
$bwrap $host --unshare-pid --json-status-fd 5 no-such-command 5>$work/info; cat $work/info
$bwrap $host --block-fd 5 echo ran 5< <(sleep 0.2; echo go)
# What goes on afterwards.
$bwrap --dev-bind / / --unshare-pid sh -c '(sleep 0.3; echo late >$work/late) >/dev/null 2>&1 &'; cat $work/late 2>&1 | wc -l; sleep 1; cat $work/late; rm $work/late
$bwrap --dev-bind / / --unshare-pid --die-with-parent sh -c '(sleep 0.3; echo late >$work/late) >/dev/null 2>&1 &'; sleep 1; ls $work/late
END
else
    skip "as bubblewrap" "there is no $theirs to ask: tests/deps.sh install test"
fi
export work

# does WHAT WANT LINE: newer than the bubblewrap that is here.
does() {
    is "$1" "$(answer "$ours" "$3")" "$(printf '%b' "$2")"
}

like "--version is a bubblewrap's" "$("$ours" --version)" '^bubblewrap 0\.11\.[0-9]+$'
like "--help names the program" "$("$ours" --help | head -n 1)" "^usage: $ours "
like "sbx bwrap is the same" "$("$SBX" bwrap --help | head -n 1)" '^usage: sbx bwrap '
does "sbx bwrap runs a command" 'status 3\nran\n' "\"\$SBX\" bwrap $host sh -c 'echo ran; exit 3'"
does "--argv0" 'status 0\nme\n' "\$bwrap $host --argv0 me sh -c 'echo \$0'"
does "--argv0, with a pid namespace" 'status 0\nme\n' "\$bwrap $host --unshare-pid --argv0 me sh -c 'echo \$0'"
does "--level-prefix" "status 1\n<3>bwrap: Can't find source path /no/such: No such file or directory\n" \
    "\$bwrap --level-prefix --bind /no/such / true"
does "--symlink isn't put over another" "status 1\nbwrap: Can't make symlink at /mnt/l: existing destination is /a\n" \
    "\$bwrap $host --tmpfs /mnt --symlink /a /mnt/l --symlink /b /mnt/l true"
does "--symlink isn't put over a folder" \
    "status 1\nbwrap: Can't make symlink at /mnt/d: destination exists and is not a symlink\n" \
    "\$bwrap $host --tmpfs /mnt --dir /mnt/d --symlink /b /mnt/d true"
does "--bind-fd" 'status 0\nchild\n' "\$bwrap $host --tmpfs /mnt --bind-fd 5 /mnt/x ls /mnt/x 5<\$src/folder"
does "--ro-bind-fd can't be written" 'status 0\nro\n' \
    "\$bwrap $host --tmpfs /mnt --ro-bind-fd 5 /mnt/x sh -c 'test -w /mnt/x || echo ro' 5<\$src/folder"
does "its descriptor isn't handed in" 'status 0\ngone\n' \
    "\$bwrap $host --tmpfs /mnt --bind-fd 5 /mnt/x sh -c 'test -e /proc/self/fd/5 || echo gone' 5<\$src/folder"
does "--size is in bytes" 'status 0\n64\n' \
    "\$bwrap $host --size 65536 --tmpfs /mnt df --output=size -k /mnt | tail -n 1 | tr -d ' '"
mkdir -p low1 low2 up wo
echo 1 >low1/a && echo 2 >low2/a && echo 2 >low2/b
does "--tmp-overlay" 'status 0\n2\n2\nnew\n1\n' \
    "\$bwrap $host --overlay-src low1 --overlay-src low2 --tmp-overlay /mnt sh -c 'cat /mnt/a /mnt/b; echo new >/mnt/a; cat /mnt/a'; cat low1/a"
does "--ro-overlay" 'status 0\n2\nro\n' \
    "\$bwrap $host --overlay-src low1 --overlay-src low2 --ro-overlay /mnt sh -c 'cat /mnt/a; test -w /mnt || echo ro'"
does "--overlay keeps what is written" 'status 0\nkept\n' \
    "\$bwrap $host --overlay-src low1 --overlay up wo /mnt sh -c 'echo kept >/mnt/a'; cat up/a"
does "an overlay can't be without layers" 'status 1\nbwrap: --ro-overlay requires at least two --overlay-src\n' \
    "\$bwrap --overlay-src low1 --ro-overlay /mnt true"

# Where the reaper is, the sentence comes with its reason.
run "$ours" --ro-bind / / --unshare-pid /etc/passwd
like "why a command can't be executed is a hint" "$err" \
    $'^bwrap: execvp /etc/passwd: Permission denied\nhint: no permission to execute '
run "$ours" --bind=/ / true
like "an option with '=' is unknown, and the hint says why" "$err" "^bwrap: Unknown option --bind=/.hint: "
run "$ours" --ro-bind /no/$'a\nb\e' / true
check "control bytes are escaped" eval '[ "$(wc -l <<<"$err")" = 1 ] && ! grep -q $'"'\\e'"' <<<"$err"'

# ---- namespaces that are joined --------------------------------------------------------------
mkfifo go
"$ours" --ro-bind / / --unshare-user --unshare-pid --proc /proc --info-fd 5 sh -c 'cat go' 5>info >/dev/null &
keeper=$!
for _ in $(seq 50); do
    [ -s info ] && break
    sleep 0.1
done
child=$(sed -n 's/.*child-pid": \([0-9]*\).*/\1/p' info)
# The leak checker's helper process would be in the pid namespace that was joined, and waits for ever.
! is_sanitized || export LSAN_OPTIONS=detect_leaks=0
for kinds in "user pid" "user"; do
    exec 6<"/proc/$child/ns/user" 7<"/proc/$child/ns/pid"
    options="--userns 6"
    [ "$kinds" = user ] || options="$options --pidns 7"
    # shellcheck disable=SC2086
    got=$("$ours" $options --ro-bind / / --proc /proc sh -c 'readlink /proc/self/ns/user /proc/self/ns/pid')
    want=$(readlink "/proc/$child/ns/user")
    is "$options joins the user namespace" "$(head -n 1 <<<"$got")" "$want"
    [ "$kinds" = user ] ||
        is "$options joins the pid namespace" "$(tail -n 1 <<<"$got")" "$(readlink "/proc/$child/ns/pid")"
done
run "$ours" --userns 6 --pidns 7 --unshare-pid --info-fd 5 --ro-bind / / --proc /proc sh -c 'echo $$; exit 4' 5>info2
is "--pidns with --unshare-pid is one below it" "$status $out" "4 2"
like "and its number is the host's" "$(cat info2)" 'child-pid": [0-9]+'
# The keeper's ids are the caller's here; where they are others, nobody has to become them.
is "--userns has its ids" "$("$ours" --userns 6 --ro-bind / / id -u)" "$(id -u)"
exec 9< <("$ours" --unshare-user --uid 0 --gid 0 --ro-bind / / --info-fd 5 sleep 3 5>info4)
for _ in $(seq 50); do
    grep -q '}' info4 2>/dev/null && break
    sleep 0.1
done
rooted=$(sed -n 's/.*child-pid": \([0-9]*\).*/\1/p' info4)
sleep 0.3 # the map comes after the number
is "--userns has its ids, other than the caller's" \
    "$("$ours" --userns 5 --ro-bind / / id -u 5<"/proc/$rooted/ns/user")" 0
is "--uid of --userns is one of its ids" \
    "$("$ours" --userns 5 --uid 0 --gid 0 --ro-bind / / id -u 5<"/proc/$rooted/ns/user")" 0
run "$ours" --userns 5 --uid 77 --ro-bind / / id -u 5<"/proc/$rooted/ns/user"
is "another one is refused" "$status $err" "1 bwrap: unable to switch to uid 77: Invalid argument"
exec 6<&- 7<&- 9<&-
unset LSAN_OPTIONS
timeout 10 sh -c 'echo >go'
wait "$keeper"

# ---- the id map is somebody else's ------------------------------------------------------------
mkfifo ready
"$ours" --ro-bind / / --proc /proc --unshare-user --info-fd 5 --userns-block-fd 6 cat /proc/self/uid_map \
    5>info3 6<>ready >map &
for _ in $(seq 50); do
    grep -q '}' info3 2>/dev/null && break
    sleep 0.1
done
child=$(sed -n 's/.*child-pid": \([0-9]*\).*/\1/p' info3)
first=$(awk -F: -v me="$(id -un)" '$1 == me {print $2; exit}' /etc/subuid)
if newuidmap "$child" 0 "$(id -u)" 1 1 "$first" 10 && newgidmap "$child" 0 "$(id -g)" 1; then
    echo >ready
    wait $!
    is "--userns-block-fd waits for the map" "$(awk '{print $1, $3}' map | tr '\n' ,)" "0 1,1 10,"
else
    echo >ready
    wait $!
    skip "--userns-block-fd waits for the map" "newuidmap refuses"
fi

# A launcher that is killed opens no gate.
mkfifo never
"$ours" --ro-bind / / --unshare-user --info-fd 5 --userns-block-fd 6 sleep 60 5>info4 6<>never &
launcher=$!
for _ in $(seq 50); do
    grep -q '}' info4 2>/dev/null && break
    sleep 0.1
done
child=$(sed -n 's/.*child-pid": \([0-9]*\).*/\1/p' info4)
kill -KILL "$launcher"
wait "$launcher" 2>/dev/null
for _ in $(seq 50); do
    # Ended, whether or not somebody has reaped it.
    grep -q '^State:.[^ZX]' "/proc/$child/status" 2>/dev/null || break
    sleep 0.1
done
is "nobody waits for a launcher that is dead" "$(grep '^State:.[^ZX]' "/proc/$child/status" 2>/dev/null)" ""
check "which was there" [ -n "$child" ]
kill -KILL "$child" 2>/dev/null

# ---- locks, and what dies with whom -----------------------------------------------------------
: >lock
"$ours" --dev-bind / / --lock-file "$PWD/lock" sleep 2 &
locker=$!
sleep 0.5
check "--lock-file holds a lock" python3 - <<'END'
import fcntl, sys
with open("lock", "w") as f:
    try:
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(0)
sys.exit(1)
END
wait "$locker"
bash -c "$ours --dev-bind / / --die-with-parent sh -c 'echo \$\$ >pid; sleep 60' & wait" &
starter=$!
for _ in $(seq 50); do
    [ -s pid ] && break
    sleep 0.1
done
kill -9 "$starter"
wait "$starter" 2>/dev/null
sleep 0.5
check "--die-with-parent: the command has died with the caller" eval '! grep -q "^State:.[^Z]" "/proc/$(cat pid)/status" 2>/dev/null'

# ---- filters that know nothing of how we start -------------------------------------------------
# Allows all but what the payload needs not: execveat, seccomp, memfd_create, close_range, prctl by default.
python3 - >deny <<'END'
import struct, sys
NR = {"execveat": 322, "seccomp": 317, "memfd_create": 319, "close_range": 436, "sendto": 44, "sendmsg": 46}
KILL, ALLOW = 0x80000000, 0x7fff0000
code = [(0x20, 0, 0, 0)]
names = list(NR.values())
for i, nr in enumerate(names):
    code.append((0x15, len(names) - i, 0, nr))
code += [(0x06, 0, 0, ALLOW), (0x06, 0, 0, KILL)]
sys.stdout.buffer.write(b"".join(struct.pack("=HBBI", *c) for c in code))
END
if [ "$(uname -m)" = x86_64 ] && ! is_sanitized; then
    does "a filter may forbid what sbx-init's start needs" 'status 5\nran\n' \
        "\$bwrap $host --unshare-pid --seccomp 5 sh -c 'echo ran; exit 5' 5<deny"
    does "without a pid namespace too" 'status 5\nran\n' \
        "\$bwrap $host --add-seccomp-fd 5 --add-seccomp-fd 6 sh -c 'echo ran; exit 5' 5<deny 6<deny"
    does "the reaper has the filter too" 'status 0\n2\n' \
        "\$bwrap $host --unshare-pid --seccomp 5 sed -n 's/^Seccomp:\t//p' /proc/1/status 5<deny"
fi

# ---- many of them --------------------------------------------------------------------------------
many=$(for i in $(seq 1200); do printf -- '--ro-bind %s /mnt/%s ' "$src/file" "$i"; done)
# shellcheck disable=SC2086
is "more binds than descriptors" \
    "$(ulimit -S -n 256; "$ours" $host --tmpfs /mnt $many sh -c 'ls /mnt | wc -l; ulimit -n' | tr '\n' ' ')" "1200 256 "

# ---- the caller's terminal ---------------------------------------------------------------------
cat >type.py <<'END'
import errno, fcntl, sys, termios
for request in termios.TIOCSTI, termios.TIOCSTI + (1 << 32):
    try:
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        r = libc.ioctl(0, ctypes.c_ulong(request), b"x")
        print("typed" if r == 0 else errno.errorcode[ctypes.get_errno()])
    except OSError as e:
        print(errno.errorcode[e.errno])
END
got=$(script -qec "$ours $host sh -c 'python3 type.py </dev/tty' </dev/null 2>&1 | cat" /dev/null </dev/null | tr -d '\r' | tr '\n' ' ')
is "nor where only the session has it" "$got" "EPERM EPERM "
for more in "" "--unshare-pid"; do
    got=$(script -qec "$ours $host $more python3 type.py" /dev/null </dev/null | tr -d '\r' | tr '\n' ' ')
    is "no typing on the caller's terminal $more" "$got" "EPERM EPERM "
done

# One that forbids to load filters, as many do.
python3 - >noprctl <<'END'
import struct, sys
PRCTL, DENY, ALLOW = 157, 0x00050001, 0x7fff0000
code = [(0x20, 0, 0, 0), (0x15, 0, 1, PRCTL), (0x06, 0, 0, DENY), (0x06, 0, 0, ALLOW)]
sys.stdout.buffer.write(b"".join(struct.pack("=HBBI", *c) for c in code))
END
if [ "$(uname -m)" = x86_64 ]; then
    for more in "" "--unshare-pid"; do
        got=$(script -qec "$ours $host $more --seccomp 5 python3 type.py 5<noprctl" /dev/null </dev/null | tr -d '\r' | tr '\n' ' ')
        is "nor with a filter after which no other can be loaded $more" "$got" "EPERM EPERM "
    done
fi

# ---- attacks ------------------------------------------------------------------------------------
# What a sandbox could write before is bound again, with links that somebody planted in it.
mkdir -p proj outside room
ln -s "$PWD/outside" proj/out
ln -s ../outside proj/up
ln -s /old/"$PWD"/outside proj/oldroot
ln -s /proc/self/cwd proj/magic
ln -s "$PWD/outside/file" proj/file
exec 8<outside
ln -s /proc/self/fd/8 proj/fd
jail="--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --bind proj /proj"
for way in out up oldroot magic fd; do
    # shellcheck disable=SC2086
    {
        run "$ours" $jail --dir "/proj/$way/made" true
        run "$ours" $jail --ro-bind "$src/file" "/proj/$way/bound" true
        run "$ours" $jail --file 5 "/proj/$way/file" true 5<"$src/file"
        run "$ours" $jail --ro-bind-data 5 "/proj/$way/data" true 5<"$src/file"
        run "$ours" $jail --symlink x "/proj/$way/link" true
        run "$ours" $jail --tmpfs "/proj/$way/tmpfs" true
        run "$ours" $jail --chmod 0 "/proj/$way" true
    }
    is "nothing is made or changed behind the link '$way'" "$(find outside -mindepth 1) $(stat -c %a outside)" \
        " $(stat -c %a room)"
done
# shellcheck disable=SC2086
run "$ours" $jail --ro-bind "$src/file" /proj/file true
is "a planted link is no mount point" "$status ${err%%$'\n'*}" "1 bwrap: Can't mount on symlink destination /proj/file"
# shellcheck disable=SC2086
run "$ours" $jail --file 5 /proj/file true 5<"$src/file"
check "a planted link isn't written through" [ "$status" = 1 ] && check "and nothing is there" [ ! -e outside/file ]
exec 8<&-

# The caller's environment stays out of sight, in pid 1 too.
secret=do-not-tell does "pid 1 has the environment that was asked for, no other" 'status 0\n0\n' \
    "\$bwrap $host --unshare-pid --clearenv --setenv PATH \$PATH sh -c 'cat /proc/1/environ /proc/*/environ 2>/dev/null | grep -c do-not-tell; true'"
does "pid 1's program is no file of the host's" 'status 0\nclosed\n' \
    "\$bwrap $host --unshare-pid sh -c 'test -r /proc/1/exe && echo open || echo closed'"

# ---- somebody who calls it ------------------------------------------------------------------------
# The command line of a coding agent's sandbox: all read-only but the project, secrets covered, no network.
mkdir -p agent/project/.git agent/.ssh
echo key >agent/.ssh/id
agent="--new-session --die-with-parent --unshare-net --ro-bind / / --bind $PWD/agent/project $PWD/agent/project"
agent+=" --ro-bind $PWD/agent/project/.git $PWD/agent/project/.git --tmpfs $PWD/agent/.ssh"
agent+=" --ro-bind /dev/null /etc/hostname --dev /dev --unshare-pid --proc /proc --"
does "an agent's sandbox" 'status 0\nwritten\n.git refused\nno keys\nhidden\n' \
    "\$bwrap $agent bash -c 'cd agent/project; echo written >file; cat file; (: >.git/x) 2>/dev/null || echo .git refused; [ -e ../.ssh/id ] || echo no keys; cat /etc/hostname 2>/dev/null || echo hidden'"
# Inside itself.
does "in itself" 'status 0\ninner\n' \
    "\$bwrap --unshare-user --uid 0 --gid 0 --cap-add ALL --bind / / --bind /proc /proc -- /proc/self/exe --unshare-all --bind / / --bind /proc /proc echo inner"

done_testing
