#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-names.sh: names in a sandbox: whom it asks, /etc/hosts, names that change, and rules of names on what others have
# chosen to put into the name service.

# shellcheck source=tests/e2e/net-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/net-lib.sh"

hello='^hello from'
no='^(refused|reset|closed|unreachable: .*)$'
nameless='^(no such name|no name: .*)$'
page='^HTTP/1.[01] 200'

# ---- whom it asks ----
host_resolv 'nameserver 192.0.2.8' 'search example.net'
tries --dns 192.0.2.9 --dns-search example.org --dns-option ndots:2 <<END
resolve www | ^192.0.2.9\$ | --dns and --dns-search in place of the host's
shell cat /etc/resolv.conf | ^nameserver 10.0.2.3 search example.org options ndots:2 status 0\$ | resolv.conf says so
END
tries --dns 2001:db8::9 --dns-search . <<END
resolve www.example.org | ^192.0.2.9\$ | a name server of IPv6
resolve www | $nameless | no search list
END
host_resolv 'nameserver 2001:db8::9'
tries <<END
resolve www.example.org | ^192.0.2.9\$ | the host has a name server of IPv6 alone
dns-tcp large.example.org | ^192.0.2.9\$ | by a connection too
END
host_resolv 'nameserver 127.0.0.53' 'search example.org'
tries <<END
resolve www | ^192.0.2.9\$ | the host's name server is on its loopback
dns www.example.org 1 127.0.0.53 | $no | which the sandbox can't ask itself
END
host_resolv 'nameserver 192.0.2.9' 'search example.org'

# ---- it changes while the sandbox runs ----
# asking starts a sandbox that looks a name up for each line that it gets by descriptor 8.
asking() {
    rm -f "$work/ask"
    mkfifo "$work/ask"
    : >"$work/asked"
    "${on_host[@]}" / -- python3 -c '
import socket, sys
def look():
    try: return socket.gethostbyname("www.example.org")
    except OSError: return "none"
for line in sys.stdin:
    print(look(), flush=True)' <"$work/ask" >"$work/asked" 2>"$work/err" &
    ours+=($!)
    exec 8>"$work/ask"
}
asked_is() {
    local lines
    lines=$(wc -l <"$work/asked")
    echo >&8
    eventually eval "[ \$(wc -l <'$work/asked') -gt $lines ]"
    [ "$(tail -n 1 "$work/asked")" = "$1" ]
}
asking
check "a name is found" asked_is 192.0.2.9
forget_log
host_resolv 'nameserver 192.0.2.1'
sleep 0.2
check "a resolv.conf that is a mount of its own is written" asked_is 192.0.2.9
like "and the other server is asked" "$(cat "$share/host.log")" 'name www.example.org'
exec 8>&-

# In a folder that this test may write to.
umount /etc/resolv.conf
mkdir "$work/etc"
cp -a /etc/. "$work/etc" 2>/dev/null
mount --bind "$work/etc" /etc
resolv=/etc/resolv.conf
rm -f /etc/resolv.conf
host_resolv 'nameserver 192.0.2.9'
asking
check "a name is found" asked_is 192.0.2.9
forget_log
host_resolv 'nameserver 192.0.2.1'
sleep 0.2
check "the host's resolv.conf is written, and a running sandbox asks the server that it names now" asked_is 192.0.2.9
like "which is the other one" "$(cat "$share/host.log")" 'name www.example.org'
is "and not the first" "$(cat "$share/server.log")" ""
forget_log
echo 'nameserver 192.0.2.9' >/etc/resolv.conf.new
mv /etc/resolv.conf.new /etc/resolv.conf
sleep 0.2
check "it is replaced" asked_is 192.0.2.9
like "and the first is asked" "$(cat "$share/server.log")" 'name www.example.org'
forget_log
mkdir /run/vpn
echo 'nameserver 192.0.2.1' >/run/vpn/resolv.conf
ln -sf /run/vpn/resolv.conf /etc/resolv.conf
sleep 0.2
check "it becomes a link" asked_is 192.0.2.9
like "and the other one is asked" "$(cat "$share/host.log")" 'name www.example.org'
forget_log
echo 'nameserver 192.0.2.9' >/run/vpn/resolv.conf
sleep 0.2
check "what it leads to is written" asked_is 192.0.2.9
like "and the first is asked" "$(cat "$share/server.log")" 'name www.example.org'
rm /etc/resolv.conf
host_resolv 'nameserver 192.0.2.9' 'search example.org'
exec 8>&-

# ---- /etc/hosts ----
tries --add-host db:192.0.2.9 --add-host six:2001:db8::9 --add-host gate:host-gateway --host-loopback <<END
tcp db 7000 | $hello | --add-host
tcp six 7000 | $hello | --add-host of IPv6
tcp gate 7000 | ^hello from 127.0.0.1\$ | host-gateway is the host
END
tries --add-host db:10.7.7.7 --allow-net db:7000 --add-host gate:host-gateway <<END
tcp db 7000 | $hello | a rule of such a name, though it is private
tcp ten.example.org 7000 | $nameless | the address by another name that isn't allowed
tcp db 7002 | $no | another port of it
tcp gate 7000 | $no | a name for the host opens nothing
END

# ---- a rule of a name, and where names lead ----
log=$work/log
tries --allow-net '*.example.org:7000' --allow-net '*.example.org:80' --net-log "$log" <<END
resolve www.example.org | ^192.0.2.9\$ | a name that is allowed
resolve private.example.org | $nameless | one that leads to a private network
resolve ten.example.org | $nameless | one that leads to a private network
resolve ula.example.org | $nameless | one that leads to a private network of IPv6
resolve host6.example.org | .* | an address of the host's may be shown
tcp host6.example.org 7000 | $no | but isn't reached
tcp host.example.org 7000 | $no | but isn't reached
resolve loop.example.org | $nameless | one that leads to the loopback
resolve loop6.example.org | $nameless | one that leads to the loopback
resolve mapped.example.org | $nameless | one that leads to a mapped address
resolve nat64.example.org | $nameless | one that leads to a translator
resolve zero.example.org | $nameless | one that leads to 0.0.0.0
resolve router.example.org | $nameless | one that leads to the router
resolve metadata.example.org | $nameless | one that leads to a metadata service
resolve mixed.example.org | ^192.0.2.9\$ | of two addresses the good one alone
resolve to-private.example.org | $nameless | an alias of one that is private
resolve to-net.example.org | ^192.0.2.10\$ | an alias of a name that isn't allowed: the alias is what counts
resolve www.example.net | $nameless | that name itself
tcp ten.example.org 7000 | $nameless | no such connection
tcp 10.7.7.7 7000 | $no | nor by the address
tcp 192.168.7.7 7000 | $no | nor by the address
END
check "the log has the answer that was not shown" log_has "$log" event=answer verdict=deny name=ten.example.org address=10.7.7.7 reason=private
like "the summary says it" "$err" 'the address 10\.7\.7\.7 of ten\.example\.org'
tries --allow-net '*.example.org' --allow-net 10.0.0.0/8 <<END
tcp ten.example.org 7000 | $hello | with a rule of the addresses too it is reached
tcp private.example.org 7000 | $nameless | others are not
END

# ---- rebinding ----
forget_log
tries --allow-net '*.example.org' <<END
dns rebind.example.org | ^192.0.2.9\$ | rebinding: the first answer
http 192.0.2.9 80 rebind.example.org | $page | it is reached
dns rebind.example.org | ^empty\$ | the second, which is the loopback
tcp 127.0.0.1 7000 | $no | isn't reached
tcp 10.0.2.2 7000 | $no | isn't reached
http 192.0.2.9 80 rebind.example.org | $page | the first is, as long as it lasts
dns rebind-ten.example.org | ^192.0.2.9\$ | rebinding to a private network
dns rebind-ten.example.org | ^empty\$ | rebinding to a private network
tcp 10.7.7.7 7000 | $no | rebinding to a private network
dns rebind-host.example.org | ^192.0.2.9\$ | rebinding to an address of the host's
dns rebind-host.example.org | . | rebinding to an address of the host's
tcp 192.0.2.1 7000 | $no | rebinding to an address of the host's
http 192.0.2.1 80 rebind-host.example.org | $no | rebinding to an address of the host's
END
is "the host was asked for nothing" "$(cat "$share/host.log")" ""

# ---- one address, two names ----
if command -v openssl >/dev/null; then
    forget_log
    tries --allow-net one.example.org:443 --allow-net one.example.org:80 --allow-net one.example.org:7003 <<END
tls 192.0.2.11 443 one.example.org | $no | the address before the name was asked for
dns one.example.org | ^192.0.2.11\$ | the name
tls 192.0.2.11 443 one.example.org | $page | TLS to the name
tls 192.0.2.11 443 two.example.org | $no | TLS to another name of the address
tls 192.0.2.11 443 two.example.net | $no | TLS to another name of the address
tls 192.0.2.11 443 | $no | TLS to no name
tls-in-pieces 192.0.2.11 443 one.example.org | ^an answer\$ | a greeting in pieces
tls-in-pieces 192.0.2.11 443 two.example.org | $no | a greeting in pieces
tls 192.0.2.9 443 one.example.org | $no | the name at another address
http 192.0.2.11 80 one.example.org | $page | HTTP to the name
http 192.0.2.11 80 ONE.Example.Org. | $page | HTTP to the name, written otherwise
http 192.0.2.11 80 two.example.org | $no | HTTP to another name
http 192.0.2.11 80 192.0.2.11 | $no | HTTP to the address
say 192.0.2.11 80 GET / HTTP/1.0\r\n\r\n | $no | HTTP to no name
say 192.0.2.11 80 GET / HTTP/1.1\r\nHost: one.example.org\r\nHost: two.example.org\r\n\r\n | $no | HTTP to two names
say 192.0.2.11 80 GET http://two.example.org/ HTTP/1.1\r\nHost: one.example.org\r\n\r\n | $no | HTTP with a target of another name
say 192.0.2.11 80 GET / HTTP/1.1\r\nX: y\r\n Host: one.example.org\r\nHost: two.example.org\r\n\r\n | $no | HTTP with a folded line
say 192.0.2.11 80 GET / HTTP/1.1\r\nHost : one.example.org\r\n\r\n | $no | HTTP with a space before the colon
say 192.0.2.11 80 GET / HTTP/1.1\r\nHost: one.example.org\x00two.example.org\r\n\r\n | $no | HTTP with a NUL in the name
say 192.0.2.11 80 GET / HTTP/1.1\nHost: two.example.org\n\n | $no | HTTP with bare line feeds
say 192.0.2.11 80 \r\n\r\nget / HTTP/1.1\r\nHost: two.example.org\r\n\r\n | $no | HTTP behind empty lines
say 192.0.2.11 7003 \x01\x02\x03 | ^220 ready 3 bytes\$ | a protocol that says no name, where the server speaks first
udp 192.0.2.11 443 1 | ^(refused|unreachable: .*|silence)\$ | QUIC
END
    is "no other name has come to the server" "$(grep -E '^(tls|http)' "$share/server.log" | grep -viE 'one.example.org.?$')" ""
fi

# ---- questions that only an adversary asks ----
longest=$(printf 'a%.0s' {1..63})
longest=$longest.$longest.$longest.$(printf 'b%.0s' {1..49}).example.org
check "the longest name has 253 bytes" [ ${#longest} = 253 ]
forget_log
questions() {
    cat <<END
dns WWW.eXample.ORG | ^192.0.2.9\$ | upper case
dns www.example.org. | ^192.0.2.9\$ | a dot at the end
dns $longest | ^192.0.2.9\$ | a name of 253 bytes
dns xn--bcher-kva.example.org | ^192.0.2.9\$ | punycode
dns chain3-0.example.org | CNAME CNAME CNAME 192.0.2.9\$ | a chain
dns www.example.org 1 fd00::3 | ^192.0.2.9\$ | by IPv6
dns-tcp www.example.org 1 fd00::3 | ^192.0.2.9\$ | by IPv6 and a connection
dns www.example.org 16 | ^a text\$ | a text
END
}
tries < <(questions)
tries --allow-net '*.example.org' < <(
    questions
    cat <<END
dns-256 | ^(FORMERR|REFUSED|silence)\$ | a name of 254 bytes
dns www\0.example.org | ^REFUSED\$ | a NUL in a name
dns www.example.org\0.example.net | ^REFUSED\$ | a NUL in a name, in front of another one
dns www\x2eexample.org | ^REFUSED\$ | a dot in a label
dns www\x80.example.org | ^REFUSED\$ | a byte that is none of a name's
dns a\x20b.example.org | ^REFUSED\$ | a space in a name
dns . | ^REFUSED\$ | the root
dns 192.0.2.9 | ^REFUSED\$ | an address as a name
dns wwwexample.org | ^REFUSED\$ | what ends like the rule, without its dot
dns example.org.evil.example.net | ^REFUSED\$ | what begins like the rule
dns chain40-0.example.org | ^(SERVFAIL|empty)\$ | a chain that is too long
dns-tcp loop-a.example.org | ^(SERVFAIL|empty)\$ | a chain that ends nowhere
dns www.example.org 65 | ^empty\$ | HTTPS records have keys that hide names
dns www.example.org 64 | ^empty\$ | so have SVCB records
dns www.example.org 255 | ^REFUSED\$ | ANY
dns-tcp example.org 252 | ^REFUSED\$ | a zone
dns-tcp chain40-0.example.org | ^(SERVFAIL|empty)\$ | a chain that is too long
dns-tcp www\0.example.org | ^REFUSED\$ | a NUL in a name, by a connection
dns-hex 00070100000100000000000003777777076578616d706c65036f72670000010003 | ^REFUSED\$ | another class
dns-hex 0007010000010000000000000377 | ^FORMERR\$ | a name that is cut
dns-hex 000701000001000000000000c00c00010001 | ^FORMERR\$ | a name that points at itself
dns-hex 00072800000100000000000003777777076578616d706c65036f72670000010001 | ^silence\$ | an update
dns www.example.org | ^192.0.2.9\$ | the helper serves on
END
)
is "outside nothing was asked that has no place there" "$(grep -E '^name' "$share/server.log" | grep -vE ' (1|16|28)$|example\.org [0-9]+$' )" ""
is "and nobody but example.org" "$(grep -E 'example\.net' "$share/server.log")" ""

done_testing
