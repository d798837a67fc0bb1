#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net.sh: a sandbox with a network of its own: what works, what is out of reach, and its helper.

# shellcheck source=tests/e2e/net-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/net-lib.sh"

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
host_resolv 'nameserver 192.0.2.8' 'nameserver 192.0.2.9' 'search example.org'
is "a name, though the first name server is dead" "$(client tcp www.example.org 7000)" "hello from 192.0.2.1"
host_resolv 'nameserver 192.0.2.9' 'search example.org'
inside "$root" -- getent hosts www
like "the search list" "$out" '192\.0\.2\.9 +www'
host_resolv $'nameserver 192.0.2.9\r' $'search example.org\r'
inside "$root" -- getent hosts www
like "lines that end as those of another system" "$out" '192\.0\.2\.9 +www'
host_resolv 'nameserver 192.0.2.9' 'search example.org'
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
is "the other side's urgent data stays where it is in the stream" "$(client tcp 192.0.2.9 7004)" "one ! two"
like "a small write goes out at once, whatever the one before it is waiting for" "$(client pace 192.0.2.9 7005)" \
    '^[12]?[0-9] ms$'
is "200 connections at once" "$(client many 192.0.2.9 7000 200)" "200"
inside "$root" -- cat /etc/resolv.conf
is "resolv.conf names our name service, and the host's search list" "$out" "nameserver 10.0.2.3
search example.org"
inside "$root" -- cat /proc/sys/net/ipv4/tcp_congestion_control
is "congestion is left to the host's connections" "$out" reno
is "the loopback interface is up" "$(client loop)" "looped"
# By the redirection a connection inside is made before the one outside.
tries <<'END'
tcp 192.0.2.9 9 | ^(refused|reset)$ | nobody listens: refused at once
tcp 2001:db8::9 9 | ^(refused|reset)$ | nobody listens: refused at once
END

# ---- git and curl ----
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@localhost
git init -q "$work/one" && echo first >"$work/one/file" && git -C "$work/one" add file && git -C "$work/one" commit -qm first
git clone -q --bare "$work/one" "$share/www/one.git" && git -C "$share/www/one.git" update-server-info
head -c 3000000 /dev/urandom >"$share/www/large"
sum=$(sha256sum <"$share/www/large" | cut -d' ' -f1)
for rules in "" "--allow-net=www.example.org:80 --allow-net=www.example.org:443"; do
    # shellcheck disable=SC2086 # they are words
    tries $rules <<END
shell cd /tmp && git clone -q http://www.example.org/one.git && cat one/file | ^first status 0\$ | git clone
shell curl -sS http://www.example.org/index.html | ^a page status 0\$ | curl
shell curl -sSk https://www.example.org/index.html | ^a page status 0\$ | curl by TLS
shell curl -sS http://www.example.org/large >/tmp/large; sha256sum /tmp/large | ^$sum | a large file
END
done
tries --allow-net www.example.org:80 <<'END'
shell curl -sSk -m 5 https://www.example.org/ 2>&1; true | [Rr]eset by peer|refused|Failed to connect | curl to what isn't allowed ends at once
shell cd /tmp && timeout 5 git clone -q http://evil.example.net/one.git; echo $? | resolve host: evil.example.net 128 status 0$ | so does git
END

# ---- what is out of reach, though somebody listens there ----
like "the host's services are there" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 127.0.0.1 7000)" hello
like "link-local ones too" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 169.254.169.254 7000)" 'hello|unreach'
like "and a network of the host's" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 2001:db8:7::5 7000)" hello
like "and a cloud's" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp fd00:ec2::254 7000)" hello
forget_log
for address in "${clouds[@]}" 127.0.0.1 192.0.2.1 2001:db8::1 2001:db8:7::5 ::1 10.0.2.2 fd00::2 10.0.2.3 0.0.0.0 ::ffff:127.0.0.1 64:ff9b::7f00:1; do
    printf '%s | ^(refused|reset|unreachable: .*|silence)$ | out of reach\n' "tcp $address 7000" "udp $address 7000 0.5"
done >"$work/unreachable"
tries <"$work/unreachable"
check "none of it has come to the host" [ ! -s "$share/host.log" ]

# Its answer would come from another address, and be none to the client.
heard() {
    python3 -c 'import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 7009)); s.settimeout(3); print("up", flush=True)
try: print(s.recvfrom(9)[0])
except TimeoutError: print("nothing")' >"$work/heard" &
    local listener=$!
    until grep -qs up "$work/heard"; do sleep 0.1; done
    "$@" >/dev/null
    wait "$listener"
    tail -n 1 "$work/heard"
}
is "the host hears a datagram to its network's address" "$(heard perl "$SBX_SOURCE/tests/e2e/net_client.pl" udp 2001:db8:: 7009)" "b'x'"
is "and none from a sandbox" "$(heard client udp 2001:db8:: 7009)" nothing

# ---- the helper ----

# started OPTION... SCRIPT: a sandbox in which SCRIPT runs; $sandbox is its launcher. $uses has a helper started.
started() {
    local script=${!#}
    "$SBX" enter --map self --net slirp -v "$SBX_SOURCE/tests/e2e/net_client.pl:/client.pl:ro" "${@:1:$#-1}" "$root" -- \
        sh -c "$script" >"$work/out" 2>"$work/err" </dev/null &
    sandbox=$!
}
uses='perl /client.pl tcp 192.0.2.9 7000 >/dev/null; '
has_helper() {
    helper=$(helper_of "$sandbox")
}
is_gone() {
    ! grep -qs '^State:.[^Z]' "/proc/$1/status"
}

started 'echo up; sleep 30'
eventually grep -q up "$work/out"
sleep 0.3
check "a sandbox that doesn't use its network has no helper" eval '! has_helper'
kill -KILL "$sandbox"
wait "$sandbox" 2>/dev/null

started --cap-add NET_ADMIN "$uses sleep 1; perl /client.pl unplug; sleep 4"
check "one that does has one" eventually has_helper
check "and without its interface none that waits in vain" eventually is_gone "$helper"
wait "$sandbox"
is "the interface was removed, and nothing is complained of" "$(cat "$work/out" "$work/err")" unplugged

started "$uses echo up; sleep 30"
eventually grep -q up "$work/out"
has_helper
like "it has no capabilities, no new ones, and a filter" "$(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$helper/status" | tr -d '\n\t ')" \
    '^CapEff:0+CapBnd:0+NoNewPrivs:1Seccomp:2$'
like "what it can say is limited" "$(grep '^Max file size' "/proc/$helper/limits")" ' 4096 +4096 '
run setpriv --bounding-set=-all cat "/proc/$helper/maps"
like "it can't be traced by who has no more rights than its user" "$err" 'denied|permitted'
kill -KILL "$sandbox"
wait "$sandbox" 2>/dev/null
check "it ends with the launcher" eventually is_gone "$helper"

started "$uses echo up; sleep 2; $uses"
eventually grep -q up "$work/out"
has_helper
kill -KILL "$helper"
wait "$sandbox"
like "a helper that dies takes the network with it, and that is told" "$(cat "$work/err")" 'the network: it ended early, and the sandbox has none until it is entered anew: Killed'

"${on_host[@]}" --cap-add NET_ADMIN / -- bash -c "(: >/dev/tcp/192.0.2.9/7000); ss -K -l 'sport = :1' | grep -c LISTEN; echo up; sleep 3" \
    >"$work/out" 2>"$work/err" </dev/null &
sandbox=$!
eventually grep -q up "$work/out"
is "the redirection's listeners are destroyed" "$(head -n 1 "$work/out")" 2
has_helper
check "and the helper sleeps on" eval '
    before=$(awk "{ print \$14 + \$15 }" "/proc/$helper/stat"); sleep 2
    [ $(($(awk "{ print \$14 + \$15 }" "/proc/$helper/stat") - before)) -lt 50 ]'
wait "$sandbox"

# ---- what is sent last, by a sandbox that ends with it ----
forget_log
run "${on_host[@]}" / -- bash -c 'echo last >/dev/udp/192.0.2.9/7000'
check "a datagram arrives" eventually grep -q '^udp 7000 ' "$share/server.log"
run "${on_host[@]}" / -- bash -c 'printf "GET / HTTP/1.0\r\nHost: last.example.org\r\n\r\n" >/dev/tcp/192.0.2.9/80'
check "what a connection has sent, too" eventually grep -q '^http last.example.org' "$share/server.log"

done_testing
