#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net.sh tproxy|nat: the network of a sandbox on this kernel: where nftables has TPROXY, or nat alone. What one does that has
# neither is shown elsewhere (integration/doctor.sh, e2e/net-load.sh).

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"
need_tree sub
way=$1
client=$SBX_SOURCE/tests/e2e/net_client.pl

python3 "$SBX_SOURCE/tests/guest/net_server.py" "$work/ready" 2>"$work/server" &
server=$!
trap 'kill $server 2>/dev/null; remove_tree "$work"' EXIT
for _ in $(seq 300); do
    [ ! -e "$work/ready" ] || break
    sleep 0.1
done

inside() {
    run "$SBX" enter --net slirp -v "$client:/client.pl:ro" "$@"
}

# is_answered WHAT ARG...: what the client, with ARG, hears from the host's loopback.
is_answered() {
    local what=$1
    shift
    inside --host-loopback "$root" -- perl /client.pl "$@"
    like "$what" "$out$err" '^hello from 127\.0\.0\.1$|^hello from ::1$'
}

is_answered "TCP" tcp 10.0.2.2 7000
is_answered "TCP over IPv6" tcp fd00::2 7000
is_answered "UDP" udp 10.0.2.2 7000
is_answered "UDP over IPv6" udp fd00::2 7000
inside --host-loopback "$root" -- perl /client.pl echo 10.0.2.2 7001 300000
is "300000 bytes there and back are the same" "$out" "300000 same"
inside "$root" -- perl /client.pl tcp 10.0.2.2 7000
like "the host is out of reach by default" "$out$err" 'refused|reset|10\.0\.2\.2:7000/tcp: it is this host'
inside --deny-net any "$root" -- perl /client.pl udp 192.0.2.9 7000
like "a rule refuses at once" "$err" 'refused: 192\.0\.2\.9:7000/udp'

# ---- what is published ----
# shellcheck disable=SC2016 # perl's variables
serve='use Socket; socket(my $l, PF_INET, SOCK_STREAM, 0); setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($l, sockaddr_in(8080, INADDR_ANY)) or die; listen($l, 9); open(my $f, ">", "/dev/stderr"); print $f "up\n"; close $f;
    my $a = accept(my $c, $l); my ($port, $host) = sockaddr_in($a); syswrite($c, "hello " . inet_ntoa($host));'
"$SBX" enter --net slirp -p 18080:8080 "$root" -- perl -e "$serve" 2>"$work/served" &
for _ in $(seq 300); do
    ! grep -qs up "$work/served" || break
    sleep 0.1
done
is "a published port leads inside" "$(python3 -c '
import socket
s = socket.create_connection(("127.0.0.1", 18080), 20)
print(s.recv(99).decode(), end="")')" "hello 10.0.2.2"
wait $!

# ---- the way ----
run "$SBX" doctor --json
case $way in
tproxy)
    like "sbx doctor finds TPROXY" "$out" '"nftables redirects connections"'
    ;;
nat)
    like "sbx doctor finds nat" "$out" '"nftables redirects connections, by nat: '
    ;;
esac
inside --allow-net example.org "$root" -- true
is "a rule may have a name" "$status $err" "0 "
inside --allow-net 10.0.2.2:7000 "$root" -- perl /client.pl tcp 10.0.2.2 7000
like "one with an address leads there" "$out$err" "^hello from"
inside --allow-net example.org "$root" -- perl /client.pl tcp 10.0.2.2 7000
like "and one with a name doesn't" "$err" "refused: 10\.0\.2\.2:7000/tcp"

done_testing
