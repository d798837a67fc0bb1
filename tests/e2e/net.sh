#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net.sh: a sandbox with a network of its own, on a small Internet that the test makes: a host, which is a
# network namespace, and behind a link a server with names, services and addresses of its own.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

if [ "${1-}" != inside ]; then
    need_tree own
    # shellcheck disable=SC2016
    exec unshare --map-root-user --net --mount "$0" inside "$root"
fi
root=$2

# ---- the small Internet ----
mount -t tmpfs tmpfs /run
ip link set lo up
unshare --net sleep 600 &
server=$!
at_server() {
    nsenter --target "$server" --net "$@"
}
for _ in $(seq 50); do
    [ "$(readlink /proc/$server/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break
    sleep 0.1
done
ip link add up0 type veth peer name down0 netns "$server"
ip address add 192.0.2.1/24 dev up0
ip address add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
# A router has its networks' first addresses, too, and a whole network here.
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip -6 route add local 2001:db8:7::/64 dev lo
ip route add default via 192.0.2.9
ip route add default via 2001:db8::9
at_server ip link set lo up
at_server ip address add 192.0.2.9/24 dev down0
clouds=(169.254.169.254 100.100.100.200 168.63.129.16 fd00:ec2::254 fd20:ce::254 fd00:c1::a9fe:a9fe)
for address in "${clouds[@]}"; do
    at_server ip address add "$address" dev down0
done
at_server ip address add 2001:db8::9/64 dev down0 nodad
at_server ip link set down0 up
echo 'nameserver 192.0.2.8
nameserver 192.0.2.9
search example.org' >"$work/resolv.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf
at_server python3 "$SBX_SOURCE/tests/e2e/net_server.py" "$work/ready" &
services=$!
python3 "$SBX_SOURCE/tests/e2e/net_server.py" "$work/ready.host" &
host_services=$!
trap 'kill $server $services $host_services; remove_tree "$work"' EXIT
for _ in $(seq 50); do
    [ ! -e "$work/ready" ] || [ ! -e "$work/ready.host" ] || break
    sleep 0.1
done

inside() {
    run "$SBX" enter --map self --net slirp -v "$SBX_SOURCE/tests/e2e/net_client.pl:/client.pl:ro" "$@"
}

client() {
    inside "$root" -- perl /client.pl "$@"
    printf '%s' "$out"
    [ -z "$err" ] || printf ' (%s)' "$err"
}

# ---- what works ----
is "TCP" "$(client tcp 192.0.2.9 7000)" "hello from 192.0.2.1"
is "TCP over IPv6" "$(client tcp 2001:db8::9 7000)" "hello from 2001:db8::1"
is "UDP" "$(client udp 192.0.2.9 7000)" "hello from 192.0.2.1"
is "UDP over IPv6" "$(client udp 2001:db8::9 7000)" "hello from 2001:db8::1"
is "a name, though the first name server is dead" "$(client tcp www.example.org 7000)" "hello from 192.0.2.1"
inside "$root" -- getent hosts www
like "the search list" "$out" '192\.0\.2\.9 +www'
inside "$root" -- perl /client.pl dns-tcp www.example.org
is "an answer that fits no datagram comes by TCP" "$out" "192.0.2.9"
inside "$root" -- perl /client.pl dns-udp www.example.org
is "a question by hand" "$out" "192.0.2.9"
for what in dns-update-tcp dns-update-udp; do
    like "the host's name server gets questions alone ($what)" "$(client $what www.example.org)" '^(no answer|silence)'
done
inside "$root" -- getent hosts missing.example.org
check "a name that doesn't exist" [ "$status" = 2 ]
for size in 1 100000 3000000; do
    is "$size bytes there and back are the same" "$(client echo 192.0.2.9 7001 $size)" "$size same"
    is "$size bytes over IPv6" "$(client echo 2001:db8::9 7001 $size)" "$size same"
done
is "a half-closed connection still answers" "$(client half 192.0.2.9 7002)" "5 bytes"
is "200 connections at once" "$(client many 192.0.2.9 7000 200)" "200"
inside "$root" -- cat /etc/resolv.conf
is "resolv.conf names our name service, and the host's search list" "$out" "nameserver 10.0.2.3
search example.org"
is "the loopback interface is up" "$(client loop)" "looped"
is "nobody listens: refused at once" "$(client tcp 192.0.2.9 9)" "Connection refused"

# ---- what is out of reach, though somebody listens there ----
like "the host's services are there" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 127.0.0.1 7000)" hello
like "link-local ones too" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 169.254.169.254 7000)" 'hello|unreach'
like "and a network of the host's" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 2001:db8:7::5 7000)" hello
like "and a cloud's" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp fd00:ec2::254 7000)" hello
for address in "${clouds[@]}" 127.0.0.1 192.0.2.1 2001:db8::1 2001:db8:7::5 ::1 10.0.2.2 fd00::2 10.0.2.3 0.0.0.0 ::ffff:127.0.0.1 64:ff9b::7f00:1; do
    like "$address by TCP" "$(client tcp "$address" 7000)" 'refused|unreachable|Invalid|denied|assign'
    like "$address by UDP" "$(client udp "$address" 7000)" 'refused|unreachable|Invalid|silence|denied|assign'
done

# Its answer would come from another address, and be none to the client.
heard() {
    python3 -c 'import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 7009)); s.settimeout(6); print("up", flush=True)
try: print(s.recvfrom(9)[0])
except TimeoutError: print("nothing")' >"$work/heard" &
    local listener=$!
    until grep -q up "$work/heard"; do sleep 0.1; done
    "$@" >/dev/null
    wait "$listener"
    tail -n 1 "$work/heard"
}
is "the host hears a datagram to its network's address" "$(heard perl "$SBX_SOURCE/tests/e2e/net_client.pl" udp 2001:db8:: 7009)" "b'x'"
is "and none from a sandbox" "$(heard client udp 2001:db8:: 7009)" nothing

# The owner of the namespace changes routes and addresses, and sends what frames it likes.
admin=(--cap-add NET_ADMIN --cap-add NET_RAW)
inside "${admin[@]}" "$root" -- perl /client.pl frames
like "frames to addresses of the host bring no answer" "$out" '^no answer to [0-9]+ frames$'
is "a helper that saw them serves on" "$(client tcp 192.0.2.9 7000)" "hello from 192.0.2.1"

# ---- the helper ----
# $helper becomes the one of the launcher $sandbox.
helper_wait() {
    for _ in $(seq 50); do
        helper=$(pgrep -P "$sandbox" -x sbx-net) && return
        sleep 0.1
    done
}

"$SBX" enter --map self --net slirp "${admin[@]}" -v "$SBX_SOURCE/tests/e2e/net_client.pl:/client.pl:ro" "$root" -- \
    sh -c 'sleep 1; perl /client.pl unplug; sleep 4' >"$work/out" 2>"$work/err" </dev/null &
sandbox=$!
helper_wait
for _ in $(seq 40); do
    grep -qs '^State:.[^Z]' "/proc/$helper/status" || break
    sleep 0.1
done
check "a sandbox without its interface has no helper that waits in vain" [ -d "/proc/$sandbox" ]
like "it has ended" "$(grep '^State:' "/proc/$helper/status")" 'Z|^$'
wait "$sandbox"
is "the interface was removed, and nothing is complained of" "$(cat "$work/out" "$work/err")" unplugged

"$SBX" enter --map self --net slirp "$root" -- sleep 5 &
sandbox=$!
helper_wait
sleep 0.5
like "it has no capabilities, no new ones, and a filter" "$(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$helper/status" | tr -d '\n\t ')" \
    '^CapEff:0+CapBnd:0+NoNewPrivs:1Seccomp:2$'
like "what it can say is limited" "$(grep '^Max file size' "/proc/$helper/limits")" ' 4096 +4096 '
run setpriv --bounding-set=-all cat "/proc/$helper/maps"
like "it can't be traced by who has no more rights than its user" "$err" 'denied|permitted'
kill -KILL "$sandbox"
for _ in $(seq 50); do
    [ -d "/proc/$helper" ] || break
    sleep 0.1
done
check "it ends with the launcher" [ ! -d "/proc/$helper" ]
"$SBX" enter --map self --net slirp "$root" -- sh -c 'sleep 1; perl -e "use Socket; socket(my \$s, PF_INET, SOCK_STREAM, 0); print connect(\$s, sockaddr_in(7000, inet_aton(q(192.0.2.9)))) ? 1 : 0"' >"$work/out" 2>"$work/err" &
sandbox=$!
helper_wait
kill -KILL "$helper"
wait "$sandbox"
like "a helper that dies takes the network with it, and that is told" "$(cat "$work/err")" 'note: the network ended early'

done_testing
