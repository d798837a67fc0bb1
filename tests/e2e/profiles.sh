#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# profiles.sh: the profiles that are part of sbx, on whole trees: build builds, strict refuses.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub
remember "$root"
mkdir -p "$HOME/project" "$HOME/.config/sbx"
cd "$HOME/project" || exit
echo secret >"$HOME/secret"
# What a careless [enter] gives to every sandbox, no profile passes on.
cat >"$HOME/.config/sbx/sbx.conf" <<'END'
[enter]
volume = ~/secret:/secret
bind = ~/secret:/secret2
mount = type=bind,src=/etc,dst=/host
env-host
net = host
END

build() {
    run "$SBX" enter --profile build "$@"
}

# ---- build: the working folder, and nothing else ----
echo 'int main(void) { return 7; }' >main.c
build "$root" -- sh -c 'pwd; cat main.c; echo built >result; mkdir -p deep/er; echo other >/root/other; echo x >../beside; ls /secret* /host; ls /sys/class/net'
is "it starts in the working folder, and sees nothing else of the host's" "$out" "$HOME/project
int main(void) { return 7; }
lo"
is "what it makes there stays" "$(cat result; ls -d deep/er; stat -c %u result)" "built
deep/er
$(id -u)"
check "what it makes elsewhere doesn't" [ ! -e ../beside ]
unchanged "build" "$root"
run env SECRET=1 "$SBX" enter --profile build "$root" -- sh -c 'echo "${SECRET-none}"; ulimit -c; touch /usr/there && echo writes'
is "neither the environment comes in, nor a core dump out; and all can be written" "$out" $'none\n0\nwrites'
(cd deep/er && "$SBX" enter --profile build "$root" -- touch here)
check "in another folder it is that one" [ -e deep/er/here ]
build --name kept "$root" -- touch /root/kept
run "$SBX" enter --net none kept -- ls /root/kept
is "--name keeps all the same" "$status" 0
succeeds "removed" "$SBX" rm kept
run bash -c 'ulimit -n 500; ulimit -u 4000; exec "$@"' - "$SBX" enter --profile build "$root" -- bash -c 'ulimit -n; ulimit -u'
is "where the caller has lower limits they hold" "$out" $'500\n4000'

# The machine's own compiler, on the machine's own files.
build / -- sh -c 'cc -o main main.c && ./main'
is "with / as the tree: a program is compiled and runs" "$status" 7
check "and is there" [ -x main ]
mkdir sources
tar -C "$SBX_SOURCE" --exclude=./.git --exclude='./build*' -c . | tar -C sources -x
cd sources || exit
build / -- sh -c 'meson setup out -Dtests=false && ninja -C out && out/src/cli/sbx version'
like "sbx itself is built in it, by as many jobs as ninja likes" "$(tail -n 1 <<<"$out")" '^sbx [0-9]' ||
    note "$(tail -n 20 <<<"$out")" "$err"
cd ..

# ---- strict ----
strict() {
    run "$SBX" enter --profile strict "$@"
}

if ! unshare --map-auto --map-root-user true 2>/dev/null; then
    strict "$root" -- true
    is "without subordinate ids there is no strict sandbox" "$status" 125
    skip "strict" "no subordinate ids, or unshare can't map them"
    done_testing
fi
strict "$root" -- sh -c 'id -u; id -g; pwd; grep -cE "^Cap(Inh|Prm|Eff|Bnd|Amb):.*[1-9a-f]" /proc/self/status; grep -E "NoNewPrivs|^Seccomp:" /proc/self/status; ls /sys/class/net'
is "nobody, without a capability, in /" "$(tr -s '\t\n' '  ' <<<"$out")" "65534 65534 / 0 NoNewPrivs: 1 Seccomp: 2 lo "
strict "$root" -- sleep 2 &
sleep 0.7
owner=$(stat -c %u "/proc/$(pgrep -n -f '^sleep 2$')" 2>/dev/null)
check "outside it isn't the caller: ${owner:-none}" [ "${owner:-$(id -u)}" != "$(id -u)" ]
wait
for path in / /etc /usr/bin /root /var/tmp /run /dev /home; do
    strict "$root" -- touch "$path/x"
    is "it can't write in $path" "$status" 1
done
strict "$root" -- sh -c 'dd if=/dev/zero of=/tmp/big bs=1M count=300 2>&1; stat -c %s /tmp/big'
is "256 MiB in /tmp, and no more" "$(tail -n 1 <<<"$out")" 268435456
strict "$root" -- sh -c 'ls /secret /secret2 /host 2>/dev/null; env | grep -c HOST=; cat /root/.bashrc 2>&1'
like "nothing of [enter], nor what is root's inside" "$out" "^0
.*Permission denied"
strict "$root" -- unshare -U true
check "no user namespace" [ "$status" != 0 ]
strict "$root" -- su -c true
check "no su" [ "$status" != 0 ]
strict "$root" -- bash -c 'for i in {1..400}; do sleep 3 & done 2>&1 | head -n 1'
like "no more than 256 processes" "$out$err" "Resource temporarily unavailable"
run bash -c 'echo in | "$@"' - "$SBX" enter --profile strict "$root" -- cat
is "standard input and output pass" "$out" in
run "$SBX" enter --profile strict --map self --user 0 "$root" -- id -u
is "the command line can have it weaker" "$out" 0
run "$SBX" enter --profile strict --direct "$root" -- touch /x
is "but read-only it stays" "$status" 1
unchanged "strict" "$root"

# Trees of other owners.
for tree in own busybox; do
    strict "$(tree $tree)" -- sh -c 'echo runs'
    is "the tree '$tree'" "$out" runs
done
if tree real >/dev/null; then
    strict "$(tree real)" -- sh -c 'echo runs'
    is "a tree of real root's" "$out" runs
fi
strict / -- sh -c 'echo runs; cat '"$HOME/secret"
is "/ itself, where it can't read what is the caller's alone" "$out" runs

rm -r "$HOME/project" "$HOME/secret" "$HOME/.config"
is "nothing is left behind" "$(left_behind)" ""
done_testing
