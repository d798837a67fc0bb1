#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-publish.sh: published ports: every spelling, both protocols and families, who the sandbox sees, sockets that are
# handed in, sbx port, and --publish-all.

# shellcheck source=tests/e2e/net-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/net-lib.sh"

# What listens inside: each says who asks.
cat >"$work/inside.py" <<'END'
import select, socket, sys
sockets = []
for spec in sys.argv[1:]:
    port, _, protocol = spec.partition("/")
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        s = socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((address, int(port)))
        if protocol != "udp":
            s.listen(64)
        sockets.append((s, port, protocol == "udp"))
print("up", flush=True)
while True:
    for s in select.select([s for s, _, _ in sockets], [], [])[0]:
        _, port, is_udp = next(entry for entry in sockets if entry[0] is s)
        if is_udp:
            data, peer = s.recvfrom(2000)
            s.sendto((str(peer[1]) if data == b"port" else f"{port}/udp sees {peer[0]}").encode(), peer)
        else:
            connection, peer = s.accept()
            connection.sendall(f"{port} sees {peer[0]}".encode())
            connection.close()
END
cat >"$work/ask.py" <<'END'
import socket, sys
host, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if protocol else socket.SOCK_STREAM)
s.settimeout(5)
try:
    s.connect((host, port))
    if protocol:
        s.send(b"x")
    data = b""
    while more := s.recv(2000):
        data += more
        if protocol:
            break
    print(data.decode() or "closed")
except ConnectionRefusedError:
    print("refused")
except OSError as e:
    print(e)
END
ask() {
    python3 "$work/ask.py" "$@"
}
ask_server() {
    "${at_server[@]}" python3 "$work/ask.py" "$@"
}

# serving 'LISTENER...' OPTION...: a sandbox with these listeners; $sandbox is its launcher. stop ends it.
serving() {
    local listeners=$1
    shift
    : >"$work/out"
    # shellcheck disable=SC2086 # they are words
    "${on_host[@]}" -v "$work/inside.py:/inside.py:ro" "$@" / -- python3 /inside.py $listeners >"$work/out" 2>"$work/err" </dev/null &
    sandbox=$!
    ours+=("$sandbox")
    eventually grep -q up "$work/out" || note "$(cat "$work/err")"
}
stop() {
    kill "$sandbox"
    wait "$sandbox" 2>/dev/null
}

# ---- spellings ----
serving "8000 8001 8002 8003 8004 8005 8006 8007/udp 8008/udp 8009 8010/udp 8011/udp" -p 9000:8000 -p 127.0.0.2:9001:8001 -p '[::1]:9002:8002' \
    -p 9003-9005:8003-8005 -p 0.0.0.0:9006:8006/tcp -p 9007:8007/udp -p '[::]:9008:8008/udp' -p '[::]:9006:8006' -p 0.0.0.0:9008:8008/udp -p 8009 \
    -p 0.0.0.0:9010-9011:8010-8011/udp
is "HOSTPORT:PORT is of the loopback" "$(ask 127.0.0.1 9000)" "8000 sees 10.0.2.2"
is "and of no other address" "$(ask 192.0.2.1 9000)" refused
is "ADDRESS:HOSTPORT:PORT" "$(ask 127.0.0.2 9001)" "8001 sees 10.0.2.2"
is "and not another address" "$(ask 127.0.0.1 9001)" refused
is "[ADDRESS]:HOSTPORT:PORT" "$(ask ::1 9002)" "8002 sees fd00::2"
for i in 3 4 5; do
    is "a range of ports: 900$i" "$(ask 127.0.0.1 900$i)" "800$i sees 10.0.2.2"
done
is "/udp" "$(ask 127.0.0.1 9007 udp)" "8007/udp sees 10.0.2.2"
is "/udp of IPv6" "$(ask ::1 9008 udp)" "8008/udp sees fd00::2"
chosen=$(sed -nE 's/.*127\.0\.0\.1:([0-9]+) -> 8009\/tcp.*/\1/p' "$work/err")
check "PORT alone takes a free one of the host's, and says which" [ -n "$chosen" ]
is "which leads there" "$(ask 127.0.0.1 "${chosen:-1}")" "8009 sees 10.0.2.2"

# ---- who it was ----
is "the client's address is kept" "$(ask_server 192.0.2.1 9006)" "8006 sees 192.0.2.9"
is "that of IPv6 too" "$(ask_server 2001:db8::1 9006)" "8006 sees 2001:db8::9"
is "that of datagrams too" "$(ask_server 192.0.2.1 9008 udp)" "8008/udp sees 192.0.2.9"
is "and of IPv6" "$(ask_server 2001:db8::1 9008 udp)" "8008/udp sees 2001:db8::9"
is "one of the host's own" "$(ask 192.0.2.1 9006)" "8006 sees 192.0.2.1"
# One socket asks two published ports: both see the port that it has.
is "the port that datagrams come from is kept" "$("${at_server[@]}" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.9", 9999))
s.settimeout(5)
for port in 9010, 9011, 9010:
    s.sendto(b"port", ("192.0.2.1", port))
    print(s.recv(100).decode())')" "$(printf '%s\n' 9999 9999 9999)"
is "a hundred in a burst" "$(for _ in $(seq 100); do ask 127.0.0.1 9000 & done | sort | uniq -c | tr -s ' ')" " 100 8000 sees 10.0.2.2"
stop
is "with the sandbox the ports are closed" "$(ask 127.0.0.1 9000)" refused

serving "8001" -p 9000:8000 -p 9001:8001 --deny-net any
is "nobody listens inside" "$(ask 127.0.0.1 9000 | sed 's/.*reset by peer/refused/; s/closed/refused/')" refused
is "rules are of the way out alone" "$(ask 127.0.0.1 9001)" "8001 sees 10.0.2.2"
stop

# ---- what can't be had ----
wrong() {
    local what=$1 pattern=$2
    shift 2
    run "$SBX" enter --map self --net slirp "$@" "$root" -- true
    like "$what" "$status $err" "^125 .*$pattern"
}
wrong "a port that is in use" '127\.0\.0\.1:7001: .*in use.*hint: ss -lntp' -p 7001:80
wrong "nothing is left of a range of which one is in use" 'in use' -p 6999-7001:80-82
is "the first of it" "$(ask 127.0.0.1 6999)" refused
# Whoever made the namespace may have any port, so without its rights.
run setpriv --bounding-set=-net_bind_service --inh-caps=-all "$SBX" enter --map self --net slirp -p 81:80 "$root" -- true
if [ "$status" = 0 ]; then
    skip "a port under 1024" "root of a user namespace may have it"
else
    like "a port under 1024" "$status $err" '^125 .*127\.0\.0\.1:81: .*ermission.*hint: take a port from 1024 on'
fi
wrong "an address that the host hasn't" '198\.51\.100\.1:9000.*hint' -p 198.51.100.1:9000:80
wrong "no port" "'x' is not a port" -p x
wrong "a port of 0" "port 0" -p 9000:0
wrong "a number that is too large" "65536" -p 65536
wrong "ranges that differ" "differ in length" -p 9000-9002:80-81
wrong "another protocol" "sctp" -p 80/sctp
wrong "a bracket that isn't closed" "bracket" -p '[::1:9000:80'
wrong "an address that is none" "not an address" -p 1.2.3:9000:80
run "$SBX" enter --net host -p 80 "$root" -- true
is "the host's network has no ports to publish" "$status" 125

# ---- sockets that are handed in ----
cat >"$work/activate.py" <<'END'
import os, socket, sys
addresses, command = sys.argv[1].split(","), sys.argv[2:]
sockets = []
for address in addresses:
    host, port, kind = address.rsplit(":", 2)
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.bind((host, int(port)))
    if kind == "tcp":
        s.listen(5)
    sockets.append(os.dup(s.fileno()) if s.fileno() < 20 else s.fileno())
high = [os.dup2(fd, 50 + i) for i, fd in enumerate(sockets)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
os.execvp(command[0], command)
END
activated() {
    local addresses=$1
    shift
    : >"$work/out"
    python3 "$work/activate.py" "$addresses" "${on_host[@]}" -v "$work/inside.py:/inside.py:ro" "$@" / -- \
        sh -c 'env | grep -c ^LISTEN_ || true; exec python3 /inside.py 8000 8001/udp' >"$work/out" 2>"$work/err" </dev/null &
    sandbox=$!
    ours+=("$sandbox")
    eventually grep -q up "$work/out" || note "$(cat "$work/err")"
}
activated 127.0.0.1:9100:tcp,127.0.0.1:9101:udp -p 127.0.0.1:9100:8000 -p 9101:8001/udp
is "a listener that was handed in" "$(ask 127.0.0.1 9100)" "8000 sees 10.0.2.2"
is "a socket for datagrams" "$(ask 127.0.0.1 9101 udp)" "8001/udp sees 10.0.2.2"
is "what handed them in isn't seen inside" "$(head -n 1 "$work/out")" 0
stop
python3 "$work/activate.py" 127.0.0.1:9104:tcp,::1:9104:tcp "${on_host[@]}" -v "$work/inside.py:/inside.py:ro" \
    -p 127.0.0.1:9104:8000 -p '[::1]:9104:8000' / -- sh -c 'sleep 1; exec python3 /inside.py 8000' >"$work/out" 2>"$work/err" </dev/null &
sandbox=$!
ours+=("$sandbox")
eventually grep -q ':2390 ' /proc/net/tcp6 # 9104
is "the connection that starts a service waits for it" "$(ask 127.0.0.1 9104)" "8000 sees 10.0.2.2"
is "one by IPv6, too" "$(ask ::1 9104)" "8000 sees fd00::2"
stop
python3 "$work/activate.py" 127.0.0.1:9105:tcp "${on_host[@]}" -p 127.0.0.1:9105:8000 / -- sleep 1 </dev/null &
sandbox=$!
eventually grep -q ':2391 ' /proc/net/tcp # 9105
began=$SECONDS
like "a sandbox that ends without one lets its client go" "$(ask 127.0.0.1 9105)" 'reset by peer'
wait "$sandbox"
check "at once" [ $((SECONDS - began)) -lt 5 ]
run python3 "$work/activate.py" 127.0.0.1:9103:tcp "$SBX" enter --map self --net slirp "$root" -- true
like "one that leads nowhere is an error that says what to add" "$status $err" '^125 .*127\.0\.0\.1:9103.*LISTEN_FDS.*--publish 127\.0\.0\.1:9103:PORT'
run env LISTEN_PID=1 LISTEN_FDS=1 "$SBX" enter --map self --net slirp "$root" -- true
is "what was handed to another process isn't ours" "$status $err" "0 "

# ---- sbx port ----
serving "8000 8001 8002/udp" --name web -p 9200:8000
run "$SBX" port web
is "sbx port lists" "$out" "8000/tcp -> 127.0.0.1:9200"
succeeds "sbx port adds" "$SBX" port --publish 9201:8001 web
is "and says what" "$out" "8001/tcp -> 127.0.0.1:9201"
is "which is open" "$(ask 127.0.0.1 9201)" "8001 sees 10.0.2.2"
succeeds "it adds datagrams" "$SBX" port --publish '[::1]:9202:8002/udp' web
is "which arrive" "$(ask ::1 9202 udp)" "8002/udp sees fd00::2"
run "$SBX" port web 8002/udp
is "one alone is its address" "$out" "[::1]:9202"
run "$SBX" port --json web
is "all of it as JSON" "$(python3 -c 'import json, sys; print(*sorted(p["host_port"] for p in json.load(sys.stdin)))' <<<"$out")" "9200 9201 9202"
run "$SBX" __complete -- port web ''
is "completion has the ports inside" "$out" ":none 
8000
8001
8002/udp"
run "$SBX" __complete -- port web --remove 92
is "and those of the host's" "$out" ":none 
9200
9201
9202/udp"
run "$SBX" __complete --point 3 -- port --remove '' web
is "wherever the name stands" "$out" ":none 
9200
9201
9202/udp"
succeeds "sbx port removes" "$SBX" port web --remove 9200
is "which is closed" "$(ask 127.0.0.1 9200)" refused
is "the others stay" "$(ask 127.0.0.1 9201)" "8001 sees 10.0.2.2"
run "$SBX" port web 8000
like "what isn't published is an error" "$status $err" '^125 .*8000/tcp.*not published'
run "$SBX" port --publish 7001:80 web
like "what is in use too" "$status $err" '^125 .*in use'
run "$SBX" port --remove 9999 web
like "and what leads nowhere" "$status $err" "^125 .*9999.*leads nowhere"
kill -STOP "$sandbox"
run timeout 10 "$SBX" port web
like "one that is stopped keeps nobody waiting" "$status $err" "^125 .*'web' doesn't answer"
kill -CONT "$sandbox"
run "$SBX" port none
like "and a sandbox that isn't there" "$status $err" "^125 .*none"
stop
run "$SBX" port web
like "one that has ended has no ports" "$status $err" "^125 .*isn't running"

# ---- --publish-all ----
: >"$work/out"
"${on_host[@]}" --publish-all --name all / -- python3 -c '
import socket, sys, time
s = socket.create_server(("0.0.0.0", 9300)); own = socket.create_server(("127.0.0.1", 9301)); taken = socket.create_server(("0.0.0.0", 7001))
print("up", flush=True)
s.settimeout(30)
c, peer = s.accept()
c.sendall(b"open"); c.close(); s.close()
time.sleep(30)' >"$work/out" 2>"$work/err" </dev/null &
sandbox=$!
ours+=("$sandbox")
eventually grep -q up "$work/out"
check "--publish-all opens what is listened on, and says so" eventually grep -q '127\.0\.0\.1:9300 -> 9300/tcp' "$work/err"
check "under another number where its own is taken" eventually grep -qE '127\.0\.0\.1:[0-9]+ -> 7001/tcp' "$work/err"
run "$SBX" port all
like "sbx port has it" "$out" '9300/tcp -> 127\.0\.0\.1:9300'
is "what listens on the sandbox's loopback stays its own" "$(ask 127.0.0.1 9301)" refused
is "it leads there" "$(ask 127.0.0.1 9300)" open
is_closed() {
    [ "$(ask 127.0.0.1 9300)" = refused ]
}
check "and is closed when nobody listens any more" eventually is_closed
check "nothing listens on in its place" eval '! grep -q ":2454 00000000:0000 0A" /proc/net/tcp' # 9300
run "$SBX" port all
check "and is listed no more" eval '! grep -q 9300 <<<"$out"'
stop

done_testing
