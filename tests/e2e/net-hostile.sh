#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-hostile.sh: an adversary who owns the sandbox's network namespace tries all ways to this host, past the rules,
# and into the helper. None leads anywhere, and after each the helper serves on, the same one.

# shellcheck source=tests/e2e/net-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/net-lib.sh"

if ! command -v nft >/dev/null || ! command -v openssl >/dev/null; then
    printf '1..0 # SKIP nft and openssl are what the adversary uses (nftables, openssl)\n'
    exit 0
fi
admin=(--cap-add NET_ADMIN --cap-add NET_RAW --security-opt seccomp=unconfined)
hello='^hello from'
no='^(refused|reset|closed|unreachable: .*|silence)$'
gone='^ ?status 0$'

# host_untouched WHAT: nothing has come to a service of the host's.
host_untouched() {
    is "$1: the host was asked for nothing" "$(cat "$share/host.log")" ""
    forget_log
}

like "the host's services are there" "$(perl "$SBX_SOURCE/tests/e2e/net_client.pl" tcp 127.0.0.1 7000)" hello
forget_log

# ---- addresses and routes ----
tries "${admin[@]}" <<END
shell nft flush ruleset | $gone | the adversary takes the redirection away
tcp 192.0.2.9 7000 | $hello | without it there is the tap
shell ip addr flush dev lo; ip route del table local 127.0.0.0/8 dev lo; ip route del table local 127.0.0.1 dev lo; ip route add 127.0.0.0/8 via 10.0.2.2 src 10.0.2.100; ip -6 route del table local ::1 dev lo; ip -6 route add ::1 via fd00::2; ip route get 127.0.0.1 | via 10.0.2.2 | and leads the loopback to the router
tcp-from 127.0.0.1 7000 10.0.2.100 1 | $no | the loopback by a route
tcp-from 127.0.0.53 53 10.0.2.100 1 | $no | the loopback by a route
tcp ::1 7000 1 | $no | the loopback by a route
udp 127.0.0.1 7000 1 | $no | the loopback by a route
udp ::1 7000 1 | $no | the loopback by a route
tcp 0.0.0.0 7000 1 | $no | what no host has
tcp ::ffff:127.0.0.1 7000 1 | $no | a mapped address
tcp ::ffff:192.0.2.1 7000 1 | $no | a mapped address
tcp 10.0.2.2 7000 | $no | the router
tcp 192.0.2.1 7000 | $no | an address of the host's
tcp 2001:db8:7::5 7000 | $no | a network of the host's
tcp 64:ff9b::7f00:1 7000 1 | $no | a translator
tcp 2002:7f00:1::1 7000 1 | $no | a tunnel
tcp 169.254.169.254 7000 | $no | a metadata service
tcp 192.0.2.9 7000 | $hello | the helper serves on
END
host_untouched routes

tries "${admin[@]}" <<END
shell ip addr add 192.0.2.77/24 dev eth0; ip addr add 127.0.0.5/8 dev eth0; ip addr add 10.0.2.3/24 dev eth0 | $gone | the adversary takes other addresses
tcp-from 192.0.2.9 7000 192.0.2.77 | ^hello from 192.0.2.1\$ | one that isn't its own goes out as the host's
tcp 192.0.2.1 7000 | $no | an address of the host's
shell ip link set eth0 address 02:00:00:00:00:01; ip link set eth0 mtu 65521; ip link set eth0 promisc on | $gone | and another card
udp 192.0.2.9 7000 2 | .* | whatever comes of it
END
host_untouched "other addresses"
tries "${admin[@]}" <<END
shell ip link set eth0 down; ip link set eth0 name eth7; ip link set eth7 up; ip link set eth7 name eth0; ip addr add 10.0.2.100/24 dev eth0; ip route add default via 10.0.2.2; ip neigh replace 10.0.2.2 lladdr 52:55:0a:00:02:02 dev eth0 | status 0\$ | the interface goes down, up, and by another name
udp 192.0.2.9 7000 | $hello | the helper serves on
END

# ---- frames ----
frames=(special fragments overlaps options extensions spoofed neighbours lengths offload)
for which in "${frames[@]}"; do
    forget_log
    tries "${admin[@]}" <<END
shell nft flush ruleset | $gone | by the tap
udp 192.0.2.9 7000 | $hello | it works
$which | ^(silence|[0-9]+ frames)\$ | frames of the kind '$which' bring nothing
$which | ^(silence|[0-9]+ frames)\$ | nor once more
tcp 192.0.2.9 7000 | $hello | the helper serves on
udp 2001:db8::9 7000 | $hello | the helper serves on
END
    is "$which: nothing went wrong with the helper" "$(grep -c 'ended early' <<<"$err")" 0
    is "$which: nothing but the three greetings has come to the server" "$(wc -l <"$share/server.log")" 3
    host_untouched "$which"
done
tries "${admin[@]}" <<END
special 53 | ^silence\$ | the host's own name service
special 443 | ^silence\$ | the host's own web service
END
host_untouched "other ports"

# ---- urgent data (CVE-2026-9539) ----
quiet='nft flush ruleset; nft add table inet t; nft add chain inet t out "{ type filter hook output priority 0; }"; nft add rule inet t out tcp flags \& rst == rst drop'
tries "${admin[@]}" <<END
shell $quiet | $gone | the kernel's own resets are kept
urgent | ^160 bytes, the same\$ | urgent data past the kernel comes back as it is
urgent | ^160 bytes, the same\$ | and once more
shell perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0);connect(S,sockaddr_in(7001,inet_aton("192.0.2.9")))||die;for(1..160){send(S,"u",MSG_OOB)}shutdown(S,1);\$n=0;while(sysread(S,\$d,65536)){\$n+=length(\$d);\$d=~/[^u]/&&print("other")}print(\$n)' | ^1[0-9][0-9] status 0\$ | a program's urgent data by the tap
END
tries "${admin[@]}" <<END
shell perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0);connect(S,sockaddr_in(7001,inet_aton("192.0.2.9")))||die;for(1..160){send(S,"u",MSG_OOB)}shutdown(S,1);\$n=0;while(sysread(S,\$d,65536)){\$n+=length(\$d);\$d=~/[^u]/&&print("other")}print(\$n)' | ^1[0-9][0-9] status 0\$ | a program's urgent data by the redirection
END

# ---- what is seen of the redirection ----
led='tproxy to :1'
case $("$SBX" doctor --json) in *'connections, by nat'*) led='redirect to :1' ;; esac
tries "${admin[@]}" <<END
shell nft list ruleset | $led | by the best way that this kernel has
shell perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0);connect(S,sockaddr_in(7000,inet_aton("192.0.2.9")))||die;socket(L,PF_INET,SOCK_STREAM,0);setsockopt(L,SOL_SOCKET,SO_REUSEADDR,1);bind(L,sockaddr_in(7000,INADDR_ANY))&&listen(L,1)&&print("both")' | ^both status 0\$ | a server may have the port that a connection goes to
END
forget_log

# ---- past the rules ----
tries "${admin[@]}" --allow-net 192.0.2.9:7000 <<END
udp 192.0.2.9 7000 | $hello | what is allowed
echoes 192.0.2.9 2001:db8::9 10.0.2.2 203.0.113.1 | ^silence\$ | no echo carries data
ping 192.0.2.9 | $no | no echo carries data
dns www.example.org 1 192.0.2.9 | $no | another name service
dns-tcp www.example.org 1 192.0.2.9 | $no | another name service, by a connection
dns www.example.org 1 127.0.0.53 | $no | the host's own name service
dns-tcp www.example.org 1 10.0.2.2 | $no | the host's own name service
dns secret-data.example.org | ^REFUSED\$ | a name that carries data
dns-tcp secret-data.example.org 16 | ^REFUSED\$ | a name that carries data
dns secret-data.example.org 1 fd00::3 | ^REFUSED\$ | a name that carries data
shell nft flush ruleset | $gone | the redirection is taken away
tcp 192.0.2.9 7000 | $hello | what is allowed, by the tap
tcp 192.0.2.9 7002 | $no | the rules hold on the tap
tcp 192.0.2.10 7000 | $no | the rules hold on the tap
tcp 2001:db8::9 7000 | $no | the rules hold on the tap
udp 192.0.2.9 443 1 | $no | the rules hold on the tap
dns-tcp secret-data.example.org 16 | ^REFUSED\$ | the name service by the tap
fragments | ^silence\$ | fragments
spoofed | ^silence\$ | other sources
END
is "no name has reached the server" "$(grep -E '^(name|udp 443|tcp 7002)' "$share/server.log")" ""
host_untouched "rules of addresses"

forget_log
tries "${admin[@]}" --allow-net one.example.org --allow-net www.example.org:7000 <<END
tls one.example.org 443 one.example.org | ^HTTP/1.1 200|^HTTP/1.0 200 | a name that is allowed
shell nft flush ruleset | $gone | the redirection is taken away
tcp one.example.org 7000 | $no | that leaves no connection
tls one.example.org 443 one.example.org | $no | that leaves no connection
tls 192.0.2.11 443 two.example.org | $no | that leaves no connection
udp one.example.org 443 1 | $no | nor QUIC
udp 192.0.2.10 7000 1 | $no | nor another address
shell nft add table inet t; nft add chain inet t out "{ type nat hook output priority -100; }"; nft add rule inet t out oif eth0 ip daddr 192.0.2.11 tcp dport 1234 redirect to :1 | $gone | a redirection of the adversary's own
tcp 192.0.2.11 1234 | $no | leads through the rules
shell nft flush ruleset; nft add table inet t; nft add chain inet t out "{ type nat hook output priority -100; }"; nft add rule inet t out ip daddr 192.0.2.10 tcp dport 7000 dnat ip to 127.0.0.1:1 | $gone | one to the helper's listener
tcp 192.0.2.10 7000 | $no | leads through the rules
tcp 127.0.0.1 1 | $no | the listener itself leads nowhere
tcp ::1 1 | $no | the listener itself leads nowhere
END
is "the server was asked for the allowed name alone" "$(grep -E '^(tls|http|tcp|udp)' "$share/server.log" | sort -u | tr '\n' ' ')" \
    "http one.example.org tls one.example.org "
host_untouched "rules of names"

# ---- datagrams, by whoever may send none but these ----
tries <<END
udp 2001:db8::9 7007 1 | ^(silence|refused|unreachable: .*)\$ | an error from outside that no RFC has
udp 2001:db8::9 7000 | $hello | the helper serves on
scan 192.0.2 192.0.2.9 7001 | ^quick\$ | datagrams to neighbours that aren't there hold nobody up
dns www.example.org | ^192.0.2.9\$ | nor do they later
END
# As many descriptors as a shell has.
on_host=(prlimit --nofile=1024:1024 "${on_host[@]}")
tries <<END
many-ports 192.0.2.9 7000 900 | ^256 of 900\$ | datagrams from all ports take a quarter of the descriptors
tcp 192.0.2.9 7000 | $hello | and leave connections
dns www.example.org | ^192.0.2.9\$ | and names
udp 192.0.2.9 7000 1 | ^silence\$ | but no more datagrams
END
is "nothing is said of that which isn't so" "$err" ""
on_host=("${on_host[@]:2}")
# Whole networks of a host's needn't stand in its table of local ones.
ip rule add to 203.0.113.0/24 lookup 100
ip route add local 203.0.113.0/24 dev lo table 100
forget_log
tries <<END
tcp 203.0.113.5 7000 | $no | a network of the host's by a table of its own
udp 203.0.113.5 7000 1 | $no | a network of the host's by a table of its own
END
host_untouched "a table of its own"
echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind
echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
tries <<END
tcp 192.0.2.9 7000 | $hello | on a host whose sockets can have any address
udp 2001:db8::9 7000 | $hello | on a host whose sockets can have any address
tcp 192.0.2.1 7000 | $no | its own are known nevertheless
tcp 2001:db8:7::5 7000 | $no | its own are known nevertheless
udp 203.0.113.5 7000 1 | $no | its own are known nevertheless
END
host_untouched "any address"
echo 0 >/proc/sys/net/ipv4/ip_nonlocal_bind
echo 0 >/proc/sys/net/ipv6/ip_nonlocal_bind
tries <<END
shell python3 -c 'import socket,time;s=[socket.create_connection(("10.0.2.3",53))for(i)in(range(16))];[c.send(b"x")for(c)in(s)];time.sleep(6)' >/dev/null 2>&1 & sleep 1; echo begun | ^begun status 0\$ | the name service's connections are all begun
dns-tcp www.example.org | ^192.0.2.9\$ | who begins one doesn't keep others out
END
forget_log

# ---- the sandbox's own side of the listener ----
tries "${admin[@]}" <<END
shell python3 -c 'import socket;s=[socket.create_connection(("127.0.0.1",1))for(i)in(range(200))];s[0].recv(9)' | status [01]\$ | connections to the listener that were not redirected
tcp 192.0.2.9 7000 | $hello | the helper serves on
shell ip link del eth0 | $gone | the interface is removed
tcp 192.0.2.9 7000 | $no | and with it the network
END
host_untouched "the listener"

done_testing
