#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# doctor.sh: sbx doctor where all is well, and where things are broken on purpose, one by one; what it
# says to mend them is what a failing sbx enter says.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"

nosys=${SBX_BUILD:?}/tests/integration/nosys
no_nat=$SBX_BUILD/tests/integration/no_nat
mkdir "$work/tree"

# of NAME FIELD: what the JSON in $out says of that check.
of() {
    python3 -c '
import json, sys
for check in json.load(sys.stdin)["checks"]:
    if check["name"] == sys.argv[1]:
        print(check[sys.argv[2]] or "")' "$@" <<<"$out"
}

# finds WHAT STATUS NAME WORD FOUND MEND: runs doctor as $broken breaks things; its status, and what it
# has to say of the check NAME: the word, and patterns of the sentence and the remedy.
finds() {
    run "${broken[@]}" "$SBX" doctor --json
    is "$1: status" "$status" "$2"
    is "$1: $3 is" "$(of "$3" status)" "$4"
    like "$1: what was found" "$(of "$3" found)" "$5"
    like "$1: what mends it" "$(of "$3" mend)" "$6"
}

# fails_alike WHAT NAME ARG...: sbx enter fails there, with the remedy of the check NAME for a hint.
fails_alike() {
    local what=$1 mend
    mend=$(of "$2" mend)
    shift 2
    run "${broken[@]}" "$SBX" enter "$@" "$work/tree" -- true
    is "$what: sbx enter fails" "$status" 125
    is "$what: with the same remedy" \
        "$(sed -n 's/^hint: //p' <<<"$err" | sed 's/ (sbx doctor tells more)$//')" "$mend"
}

# ---- a machine on which all is well ----
broken=()
run "$SBX" doctor
is "the status is 0" "$status" 0
like "the verdict is the last line" "$(tail -n 1 <<<"$out")" '^sbx enter works here'
check "no colours, as stdout is no terminal" [ "$out" = "$(tr -d '\033' <<<"$out")" ]
is "nothing is said on stderr" "$err" ""
check "nothing needed is limited or broken" \
    [ "$(sed '/^Makes it better/,$d' <<<"$out" | grep -c '^[~!]')" = 0 ] || note "$out"
check "no store is made" [ -z "$(ls -A "$HOME")" ]
run env -u HOME "$SBX" doctor
is "without HOME" "$status" 0
run script --quiet --return --command "TERM=xterm '$SBX' doctor" /dev/null
like "colours on a terminal" "$out" $'\033'
run script --quiet --return --command "TERM=xterm NO_COLOR=1 '$SBX' doctor" /dev/null
check "none with NO_COLOR" [ "$out" = "$(tr -d '\033' <<<"$out")" ]

run "$SBX" doctor --json
is "--json: status" "$status" 0
is "--json: every check has all its members, under a name of its own" "$(python3 -c '
import json, sys
report = json.load(sys.stdin)
names = [c["name"] for c in report["checks"]]
assert report["ok"] is True and set(report) == {"ok", "checks"}
assert len(names) == len(set(names)) > 15
for c in report["checks"]:
    assert set(c) == {"name", "group", "purpose", "status", "found", "mend"}, c
    assert c["status"] in ("ok", "limited", "broken") and c["found"] and c["purpose"]
    assert c["status"] != "ok" or c["mend"] is None
print("yes")' <<<"$out" 2>&1)" yes

# With a store, all of it stays as it is.
"$SBX" ls >/dev/null
find "$HOME" | LC_ALL=C sort >"$work/before"
run "$SBX" doctor --json
is "with a store: status" "$status" 0
like "it is tried" "$(of overlay-kept found)" "works|doesn't work"
check "and nothing is left in it" cmp -s "$work/before" <(find "$HOME" | LC_ALL=C sort)

# ---- trees ----
run "$SBX" doctor --json "$work/tree"
is "a tree of one's own: status" "$status" 0
is "its owners are mapped" "$(of tree-owners status)" ok
like "it gets the kernel's driver" "$(of tree-overlay found)" "^the kernel's driver, on "
run "$SBX" doctor --json /etc
is "a tree of root's: status" "$status" 0
is "its owners are not" "$(of tree-owners status)" limited
like "with what is out of reach" "$(of tree-owners found)" "can't be read, such as '.+'"
like "and how to have it" "$(of tree-owners mend)" "sudo tar -C '/etc'"
like "it gets fuse-overlayfs" "$(of tree-overlay found)" "^fuse-overlayfs, on "
run "$SBX" doctor "$work/"$'no\e[31mthing'
is "no tree: status" "$status" 1
like "no tree: the verdict" "$(tail -n 1 <<<"$out")" "^sbx enter doesn't work on this tree: tree-owners"
check "and its name is escaped" [ "$out" = "$(tr -d '\033' <<<"$out")" ]
run "$SBX" doctor a b
is "one tree at most" "$status" 125

# ---- limits ----
# limited ULIMIT...: what runs a command so.
limited() {
    # shellcheck disable=SC2016 # the shell's inside
    broken=(bash -c 'ulimit $1 && shift && exec "$@"' - "$*")
}
limited -n 16
finds "16 open files" 1 limits broken "limit is 16 open files" "^ulimit -n 1024$"
like "and the set-up tried it" "$(of set-up found)" "Too many open files"
fails_alike "16 open files" set-up
limited -n 8
finds "8 open files" 1 set-up broken "Too many open files" "ulimit -n 1024"
fails_alike "8 open files" set-up
limited -n 100
finds "100 open files" 0 limits limited "limit is 100 open files" "^ulimit -n 1024$"
limited -f 8
finds "small files" 1 memfd broken "over the limit of a file's size" "ulimit -f unlimited"
fails_alike "small files" memfd
broken=(prlimit --nproc=1)
finds "no process" 1 limits broken "Resource temporarily unavailable" "ulimit -u"
fails_alike "no process" limits

# ---- calls that are refused ----
for call in pivot_root memfd_create seccomp; do
    # shellcheck disable=SC2016
    broken=(unshare --map-root-user "$nosys" "$call" --)
    name=${call/_/-}
    finds "no $call" 1 "${name/memfd-create/memfd}" broken "Function not implemented" "container or a sandbox"
    fails_alike "no $call" "${name/memfd-create/memfd}"
done

# ---- namespaces ----
# in_namespace COMMANDS: a shell that is root of a namespace runs them, and then the rest.
in_namespace() {
    # shellcheck disable=SC2016
    broken=(unshare --map-root-user --mount sh -ec "$1"'; exec "$@"' -)
}
in_namespace 'echo 0 >/proc/sys/user/max_user_namespaces'
finds "no user namespaces" 1 user-namespaces broken "No space left on device" "start that one with --nested"
fails_alike "no user namespaces" user-namespaces
run "${broken[@]}" "$SBX" doctor --json
like "what needs one isn't tried" "$(of proc found)" "^not tried"
in_namespace 'echo 7 >/proc/sys/user/max_user_namespaces'
finds "seven user namespaces" 0 user-namespaces limited "limit for each user is 7" "^sudo sysctl -w user.max_user_namespaces="
in_namespace 'echo 0 >/proc/sys/user/max_net_namespaces'
finds "no net namespaces" 1 namespaces broken "make a net namespace" "user.max_net_namespaces=65536"
fails_alike "no net namespaces" namespaces
in_namespace 'mount --bind /dev/null /proc/keys'
finds "parts of /proc are hidden" 1 proc broken "mount a new /proc" "unmask=ALL"
fails_alike "parts of /proc are hidden" proc
in_namespace 'mount -t tmpfs tmpfs /sys'
finds "/sys is not sysfs" 0 sys limited "mount a new /sys" "unmask=ALL"

# What AppArmor does on Ubuntu: the namespace is made, the first mount in it refused.
restricted='mount -t tmpfs tmpfs /proc/sys/kernel; echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns'
in_namespace "$restricted"
broken+=(strace -f -qq -o /dev/null -e trace=mount -e inject=mount:error=EACCES)
if is_sanitized; then
    note "AppArmor: strace and LeakSanitizer can't both trace"
else
    finds "AppArmor's restriction" 1 user-namespaces broken "Permission denied" "apparmor_parser -r /etc/apparmor.d/sbx-here$"
    like "with a profile for this very program" "$(of user-namespaces mend)" "profile sbx-here $SBX flags=\(unconfined\) \{ userns, \}"
    fails_alike "AppArmor's restriction" user-namespaces --map self
fi

# In a sandbox seccomp refuses them.
cp "$SBX" "$work/sbx"
run "$SBX" enter -v "$work/sbx:/opt/sbx" / -- /opt/sbx doctor --json
is "in a sandbox: status" "$status" 1
like "in a sandbox: what mends it" "$(of user-namespaces mend)" "start that one with --nested"
run "$SBX" enter --nested -v "$work/sbx:/opt/sbx" / -- /opt/sbx doctor
is "in one with --nested: status" "$status" 0

# ---- ids ----
in_namespace ': >$HOME/ranges; mount --bind $HOME/ranges /etc/subuid; mount --bind $HOME/ranges /etc/subgid'
finds "no ranges" 0 id-ranges limited "'root' has no range in /etc/subuid" \
    "^sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 root$"
mend=$(of id-ranges mend)
fails_alike "no ranges" id-ranges --map subids
run "${broken[@]}" "$SBX" enter "$work/tree" -- /none
like "by default that is a note" "$err" "note: 'root' has no range"
check "with the same remedy" grep -qF "$mend" <<<"$err"

ranges='printf "root:300000:65536\nother:300100:10\n" >$HOME/ranges
    mount --bind $HOME/ranges /etc/subuid; mount --bind $HOME/ranges /etc/subgid'
in_namespace "$ranges"
finds "a range that is another's too" 1 id-ranges limited "in common with a range of 'other'" \
    "^sudo usermod --del-subuids 300000-365535 --add-subuids 100000-165535 root$"
in_namespace "$ranges; "'
    for n in newuidmap newgidmap; do cp /usr/bin/$n $HOME/$n; chmod 755 $HOME/$n; mount --bind $HOME/$n /usr/bin/$n; done'
finds "newuidmap isn't setuid" 1 id-maps broken "new[ug]idmap" "sudo chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap"
fails_alike "newuidmap isn't setuid" id-maps
in_namespace "$ranges; mount --bind /dev/null /usr/bin/newuidmap"
finds "newuidmap can't be run" 0 id-maps limited "find '/usr/bin/newuidmap'" "newuidmap|--map self"
fails_alike "newuidmap can't be run" id-maps --map subids
broken=(setpriv --no-new-privs)
finds "no_new_privs" 0 id-maps limited "no_new_privs" "--map self"
fails_alike "no_new_privs" id-maps --map subids

# ---- devices and drivers ----
in_namespace 'mount --bind /etc/passwd /dev/fuse'
finds "no /dev/fuse" 0 fuse-device limited "open '/dev/fuse'" "--device /dev/fuse"
fails_alike "no /dev/fuse" fuse-device --overlay fuse
in_namespace 'mount --bind /etc/passwd /usr/bin/fuse-overlayfs'
finds "no fuse-overlayfs" 0 fuse-overlayfs limited "find '/usr/bin/fuse-overlayfs'" "install fuse-overlayfs"
fails_alike "no fuse-overlayfs" fuse-overlayfs --overlay fuse
in_namespace 'mount --bind /etc/passwd /dev/net/tun'
finds "no /dev/net/tun" 0 tun limited "open '/dev/net/tun'" "--device /dev/net/tun"
fails_alike "no /dev/net/tun" tun --net slirp

# ---- the network ----
broken=(unshare --map-root-user "$no_nat")
finds "no nat" 0 nat limited "redirect connections by nftables: Protocol not supported" \
    "^sudo modprobe -a nf_tables |: sudo modprobe -a nf_tables |CONFIG_NFT_REDIR$"
run "${broken[@]}" "$SBX" enter --net slirp --allow-net example.org "$work/tree" -- true
is "no nat: a rule with a name is refused" "$status" 125
like "no nat: which is said" "$err" "a rule can't be kept that has a name"
like "no nat: and what to do" "$err" "hint: .*write the rules with addresses"
run "${broken[@]}" "$SBX" enter --net slirp --allow-net 192.0.2.1 "$work/tree" -- /none
is "no nat: one with an address isn't" "$status" 127

# Nobody may send any in a network namespace that is new.
broken=(unshare --map-root-user --net)
finds "no echo requests" 0 echo limited "^make a socket for echo requests: Permission denied$" "ping_group_range='0 2147483647'$"
# shellcheck disable=SC2016
broken=(unshare --map-root-user --net sh -ec 'echo 0 0 >/proc/sys/net/ipv4/ping_group_range; exec "$@"' -)
finds "echo requests" 0 echo ok "was made" "^$"

# with_servers LINE...: what a shell needs to see them in /etc/resolv.conf.
with_servers() {
    printf '%s\n' "$@" >"$HOME/resolv.conf"
    # shellcheck disable=SC2016 # the shell's inside
    in_namespace 'mount --bind "$HOME/resolv.conf" /etc/resolv.conf'
}
with_servers "search example.org"
finds "no name server" 0 resolvers limited "^/etc/resolv.conf has no name server$" "--dns ADDRESS"
with_servers "nameserver 127.99.99.99"
finds "a dead name server" 0 resolvers limited "^none answered within a second: 127.99.99.99$" "--dns ADDRESS"

# with_network: all of that with a network of its own, on which servers.py runs.
with_network() {
    broken=("${broken[0]}" --net "${broken[@]:1}" python3 "$HOME/servers.py")
}

# On a loopback interface of their own: one that answers, one that is silent, and no third.
cat >"$HOME/servers.py" <<'EOF'
import fcntl, os, signal, socket, struct, sys
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(probe, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
alive, silent = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
alive.bind(("127.0.0.1", 53))
silent.bind(("127.0.0.2", 53))
if os.fork():
    os.execv(sys.argv[1], sys.argv[1:])
os.dup2(os.open(os.devnull, os.O_RDWR), 1)
os.dup2(1, 2)
signal.alarm(10)
question, asker = alive.recvfrom(512)
assert question[12:] == b"\0\0\2\0\1"
alive.sendto(question[:2] + b"\x81\x80" + question[4:], asker)
silent.recvfrom(512)
signal.pause()
EOF
with_servers "nameserver 127.0.0.2" "nameserver 127.0.0.1" "nameserver 127.0.0.3"
with_network
finds "of three name servers one lives" 0 resolvers limited \
    "^answered: 127.0.0.1; not within a second: 127.0.0.2, 127.0.0.3$" "^sbx enter --dns 127.0.0.1$"
with_servers "nameserver 127.0.0.1"
with_network
finds "the one name server lives" 0 resolvers ok "^answered: 127.0.0.1$" "^$"

# ---- the store ----
broken=(env XDG_DATA_HOME=/proc/nothing)
finds "no place for the store" 1 store broken "write in '/proc'" "XDG_DATA_HOME"

# What hangs is given up, and the rest goes on.
in_namespace 'mkdir -p $HOME/dead; exec 9<>/dev/fuse
    mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 dead $HOME/dead'
run "${broken[@]}" timeout 100 "$SBX" doctor --json "$HOME/dead/tree"
is "a tree that never answers: status" "$status" 1
like "is given up" "$(of tree-overlay found)" "no answer within"
is "and the rest is there" "$(of tun status)" ok

done_testing
