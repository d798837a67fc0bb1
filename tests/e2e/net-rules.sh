#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-rules.sh: what a sandbox may reach: --allow-net and --deny-net, the host, private networks, the log and what is
# said at the end.

# shellcheck source=tests/e2e/net-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/net-lib.sh"

log=$work/log
hello='^hello from'
no='^(refused|reset|closed|unreachable: .*)$'
no_udp='^(refused|unreachable: .*|silence)$'

# ---- without rules ----
tries --net-log "$log" <<END
tcp 192.0.2.9 7000 | $hello | without rules all is reached
udp 192.0.2.9 7000 | $hello | without rules all is reached
resolve www.example.org | ^192.0.2.9\$ | without rules all is reached
tcp private.example.org 7000 | $hello | private networks too, by a name
tcp 100.64.7.7 7000 | $hello | private networks too
END
is "and nothing is said at the end" "$err" ""
check "the log has the connection" log_has "$log" event=connect verdict=allow protocol=tcp address=192.0.2.9 port=7000 reason=default
check "the datagram" log_has "$log" event=connect verdict=allow protocol=udp address=192.0.2.9 port=7000
check "and the name" log_has "$log" event=name verdict=allow name=www.example.org
like "each line has its time, in UTC" "$(head -n 1 "$log")" '"time":"20[0-9-]+T[0-9:.]+Z"'
is "the log is the caller's alone" "$(stat -c %a "$log")" 600

# ---- what is allowed ----
rm "$log"
forget_log
tries --allow-net 192.0.2.9:7000 --net-log "$log" <<END
tcp 192.0.2.9 7000 | $hello | what is allowed
udp 192.0.2.9 7000 | $hello | what is allowed, by both protocols
tcp 192.0.2.9 7002 | $no | another port is refused at once
tcp 192.0.2.10 7000 | $no | another address is refused at once
tcp 2001:db8::9 7000 | $no | the other family is refused at once
tcp 203.0.113.1 80 | $no | an address without anybody is refused at once
udp 192.0.2.9 7001 1 | $no_udp | datagrams to another port
ping 192.0.2.9 | silence | a rule with a port has no echoes
resolve www.example.org | ^no name | names that no rule is about aren't asked for
dns www.example.org | ^REFUSED\$ | names that no rule is about aren't asked for
dns-tcp www.example.org | ^REFUSED\$ | names that no rule is about aren't asked for
END
like "the summary names what was refused, why, and what would allow it" "$err" \
    '192\.0\.2\.9:7002/tcp: no --allow-net is about it; --allow-net 192\.0\.2\.9:7002 allows it'
like "of datagrams too" "$err" '192\.0\.2\.9:7001/udp: .*; --allow-net 192\.0\.2\.9:7001/udp allows it'
like "of IPv6 too" "$err" '--allow-net \[2001:db8::9\]:7000 allows it'
like "of names too" "$err" 'the name www\.example\.org \([0-9]+ times\): .*--allow-net www\.example\.org allows it'
check "the log has the rule" log_has "$log" verdict=allow address=192.0.2.9 reason=rule "rule=--allow-net 192.0.2.9:7000"
check "and the refusal" log_has "$log" verdict=deny address=192.0.2.10 port=7000 reason=default
check "and the name" log_has "$log" event=name verdict=deny name=www.example.org
check "no such name was asked for outside" eval '! grep -q "name www" "$share/server.log"' || note "$(cat "$share/server.log")"

tries --allow-net 192.0.2.9 --net-log - <<END
tcp 192.0.2.9 7000 | $hello | all of an address
ping 192.0.2.9 | ^an answer\$ | a rule without a port has echoes
END
like "the log on standard error" "$err" '\{"time":"[^"]*","event":"connect","verdict":"allow"'

# ---- which rule counts ----
tries --allow-net 192.0.2.0/24 --deny-net 192.0.2.10 --allow-net 192.0.2.10:7002 --deny-net 192.0.2.9:7000/tcp \
    --allow-net 2001:db8::/32 --deny-net '[2001:db8::9]:7002' <<END
tcp 192.0.2.11 7000 | $hello | the prefix
tcp 192.0.2.10 7000 | $no | an address is closer than a prefix
say 192.0.2.10 7002 abc | ^3 bytes\$ | a port is closer than none
tcp 192.0.2.9 7000 | $no | one port is denied
udp 192.0.2.9 7000 | $hello | but by the other protocol it isn't
tcp 2001:db8::9 7000 | $hello | the prefix of IPv6
tcp 2001:db8::9 7002 | $no | a port of it that is denied
END
like "the summary names the rule" "$err" '192\.0\.2\.9:7000/tcp: by --deny-net 192\.0\.2\.9:7000/tcp'
tries --allow-net 192.0.2.9:7000 --deny-net 192.0.2.9:7000 <<END
tcp 192.0.2.9 7000 | $no | of two that are equally close the one that denies counts
END
tries --deny-net 192.0.2.9 --deny-net '*.example.net' <<END
tcp 192.0.2.9 7000 | $no | what is denied
tcp 192.0.2.10 7000 | $hello | what is denied only leaves the rest
resolve www.example.net | ^no name | a name that is denied isn't asked for
resolve www.example.org | ^192.0.2.9\$ | others are
END
tries --deny-net any <<END
tcp 192.0.2.9 7000 | $no | any is all
udp 192.0.2.9 7000 1 | $no_udp | any is all
dns www.example.org | ^REFUSED\$ | any is all
END

# ---- names ----
rm "$log"
tries --allow-net www.example.org:7000 --allow-net '*.example.net:80' --net-log "$log" <<END
tcp 192.0.2.9 7000 | $no | the address of a name that wasn't asked for
tcp WWW.Example.ORG. 7000 | $hello | a name, written otherwise, whose server speaks first
tcp www.example.org 7002 | $no | another port of it
resolve one.example.org | ^no name | another name
resolve example.net | ^no name | *.NAME is not NAME
http www.example.net 80 www.example.net | ^HTTP/1.1 200 | *.NAME is what ends so
http www.example.net 80 www.example.org | $no | another name on its connection
END
check "the log has the name of the connection" log_has "$log" event=connect verdict=allow name=www.example.net port=80
like "the summary says that the name was another one" "$err" "the connection says a name that isn't allowed there \(www\.example\.org\)"

# ---- this host ----
forget_log
tries <<END
tcp 127.0.0.1 7000 | $no | the host's loopback
tcp 10.0.2.2 7000 | $no | the host's loopback by the router
tcp fd00::2 7000 | $no | the host's loopback by the router
tcp 192.0.2.1 7000 | $no | an address of the host's
tcp 2001:db8:7::5 7000 | $no | a network of the host's
udp 10.0.2.2 7000 1 | $no_udp | the host's loopback
tcp host.example.org 7000 | $no | a name that leads there
udp 192.0.2.1 7000 1 | $no_udp | an address of the host's
resolve host.containers.internal | ^no such name | it has no name
END
check "which was asked of nobody" eval '! grep -q "name host.containers.internal [0-9]" "$share/server.log"' || note "$(cat "$share/server.log")"
like "and the summary says whose that is, too" "$err" \
    'the name host\.containers\.internal( \([0-9]+ times\))?: it is this host.s; --host-loopback allows all of it, --allow-net any --allow-net host this alone'
check "the host was asked for nothing" [ ! -s "$share/host.log" ] || note "$(cat "$share/host.log")"
like "the summary says whose it is, and both remedies" "$err" \
    "192\.0\.2\.1:7000/tcp \(2 times\): it is this host's; --host-loopback allows all of it, --allow-net any --allow-net host:7000 this alone"
for rule in host.containers.internal:7000 10.0.2.2:7000 127.0.0.1:7000/tcp; do
    tries --allow-net "$rule" <<END
tcp host.containers.internal 7000 | ^hello from 127.0.0.1\$ | --allow-net $rule: the loopback has its name
tcp host.docker.internal 7001 | $no | and no other port
END
done
tries --host-loopback <<END
tcp 10.0.2.2 7000 | ^hello from 127.0.0.1\$ | --host-loopback: the loopback
tcp fd00::2 7000 | ^hello from ::1\$ | --host-loopback: the loopback
udp 10.0.2.2 7000 | ^hello from 127.0.0.1\$ | --host-loopback: the loopback
tcp 192.0.2.1 7000 | $hello | --host-loopback: an address of the host's
tcp host.containers.internal 7000 | ^hello from 127.0.0.1\$ | --host-loopback: a name
tcp host.docker.internal 7000 | ^hello from 127.0.0.1\$ | --host-loopback: Docker's name
tcp 192.0.2.9 7000 | $hello | --host-loopback: all else as ever
tcp 169.254.169.254 7000 | $no | but no metadata service
tcp 127.0.0.1 7000 | ^refused\$ | and the sandbox's own loopback stays its own
END
tries --allow-net host:7000/tcp <<END
tcp 10.0.2.2 7000 | $hello | the rule host: a port of it
tcp 192.0.2.1 7000 | $hello | the rule host: a port of it
udp 10.0.2.2 7000 1 | $no_udp | but not another protocol
tcp 10.0.2.2 7001 | $no | nor another port
tcp 192.0.2.9 7000 | $no | and nothing else
END
tries --allow-net 192.0.2.0/24 <<END
tcp 192.0.2.9 7000 | $hello | a network that the host is in
tcp 192.0.2.1 7000 | $no | doesn't have the host in it
END
tries --allow-net 192.0.2.1:7000 <<END
tcp 192.0.2.1 7000 | $hello | a rule about the very address
tcp 10.0.2.2 7000 | $no | is none about the loopback
END
tries --host-loopback --deny-net host:7000 <<END
tcp 10.0.2.2 7000 | $no | a rule that denies a port of it
tcp 192.0.2.1 7000 | $no | a rule that denies a port of it
say 10.0.2.2 7002 ab | ^2 bytes\$ | leaves the others
END

# ---- what this host can't do ----
# Nobody may send echo requests in a network namespace that is new.
with_all=("${on_host[@]}")
# shellcheck disable=SC2016
on_host=(unshare --net sh -c 'ip link add up0 type veth peer name down0; ip address add 192.0.2.1/24 dev up0
    ip link set up0 up; ip link set down0 up; exec "$@"' - "${on_host[@]}")
log=$work/echo.log
tries --net-log "$log" <<END
ping 192.0.2.9 | ^silence\$ | where nobody may send echo requests none goes out
ping 10.0.2.2 | ^an answer\$ | the router answers by itself
END
like "which the summary says" "$err" \
    "192\.0\.2\.9/icmp: this host lets nobody send echo requests; sudo sysctl -w net\.ipv4\.ping_group_range='0 2147483647'"
check "so does the log" log_has "$log" event=connect verdict=deny protocol=icmp address=192.0.2.9 reason=no-echo
check "and nothing else goes there in its place" eval '! grep udp "$log"' || note "$(cat "$log")"
tries --allow-net 192.0.2.9:7000 <<END
ping 192.0.2.9 | ^silence\$ | one that isn't allowed
END
like "is refused for that" "$err" '192\.0\.2\.9/icmp: no --allow-net is about it; --allow-net 192\.0\.2\.9 allows it'
on_host=("${with_all[@]}")
tries --dns 192.0.2.99 <<END
dns www.example.org | ^SERVFAIL\$ | a name server that isn't there
END
like "the summary says which" "$err" 'no name server answered, 1 times \(192\.0\.2\.99\); --dns ADDRESS names one that does'

# ---- who is heard ----
# Any user of the host can send to all of its ports, and so to the helper's.
background python3 "$SBX_SOURCE/tests/e2e/net_stranger.py" '127.0.0.1|0' '192.0.2.1|0' '2001:db8::9|7006'
stranger=$!
log=$work/heard.log
tries --net-log "$log" <<END
answers 192.0.2.9 7006 | ^192\.0\.2\.10:\* 192\.0\.2\.9 192\.0\.2\.9:\*\$ | who may be sent to may answer, and the host's users may not
END
check "nothing is told of them" eval '! grep -E "192.0.2.1\"|10.0.2.2" "$log"' || note "$(cat "$log")"
tries --allow-net 192.0.2.9 <<END
answers 192.0.2.9 7006 | ^192\.0\.2\.9 192\.0\.2\.9:\*\$ | by a rule, its address alone
END
tries --allow-net 192.0.2.9:7006 <<END
answers 192.0.2.9 7006 | ^192\.0\.2\.9\$ | and its port
END
is "and nothing is said of the others" "$err" ""
tries --allow-net '[2001:db8::9]:7006' <<END
answers 2001:db8::9 7006 3 | ^2001:db8::9\$ | over IPv6 too, and nobody in its name
END
tries --allow-net 192.0.2.9 --allow-net host <<END
answers 192.0.2.9 7006 | ^192\.0\.2\.1:\* stranger 192\.0\.2\.9 192\.0\.2\.9:\*\$ | the host, where it may be sent to
END
kill "$stranger"

# ---- metadata services, link-local addresses ----
for address in "${clouds[@]}"; do
    printf 'tcp %s 7000 | %s | a metadata service\n' "$address" "$no"
done >"$work/clouds"
tries <"$work/clouds"
like "the summary says what it is" "$err" "169\.254\.169\.254:7000/tcp: it is a cloud's metadata service; --allow-net any --allow-net 169\.254\.169\.254:7000 allows it"
tries --allow-net any --allow-net private --allow-net 169.254.0.0/16 --allow-net metadata.example.org <"$work/clouds"
tries --allow-net 169.254.169.254:80 <<END
tcp 169.254.169.254 80 1 | ^silence\$ | a rule about the very address opens it
tcp 169.254.169.254 7000 | $no | but no other port of it
END

# ---- private networks ----
tries --deny-net private <<END
tcp 192.168.7.7 7000 | $no | private networks can be denied
tcp 10.7.7.7 7000 | $no | private networks can be denied
tcp 172.16.7.7 7000 | $no | private networks can be denied
tcp 100.64.7.7 7000 | $no | private networks can be denied
tcp fd77::7 7000 | $no | private networks can be denied
tcp 192.0.2.9 7000 | $hello | and what isn't private stays
END
tries --allow-net private <<END
tcp 10.7.7.7 7000 | $hello | or allowed alone
tcp fd77::7 7000 | $hello | or allowed alone
tcp 10.0.2.2 7000 | $no | which this network itself isn't
tcp 192.0.2.9 7000 | $no | and nothing else
END
for profile in build strict; do
    run "$SBX" enter --profile "$profile" --map self --user 0 --net slirp -v "$SBX_SOURCE/tests/e2e/net_client.pl:/client.pl:ro" -w / "$root" -- \
        sh -c 'for a in 10.7.7.7 192.168.7.7 fd77::7 192.0.2.9; do perl /client.pl tcp $a 7000 | sed "s/^hello.*/hello/"; echo " $a"; done' </dev/null
    is "$profile --net slirp: no private network, and all else" "$(tr -s '\n' <<<"$out")" $' 10.7.7.7\n 192.168.7.7\n fd77::7\nhello 192.0.2.9' ||
        note "$err"
done

# ---- what can't be ----
run "$SBX" enter --net host --allow-net 192.0.2.9 "$root" -- true
is "rules with the host's network are an error" "$status" 125
run "$SBX" enter --map self --net slirp --net-log "$work/none/log" "$root" -- true
like "so is a log that can't be written" "$status $err" "^125 .*$work/none/log"
ln -s "$work/elsewhere" "$work/link"
run "$SBX" enter --map self --net slirp --net-log "$work/link" "$root" -- true
like "or that is a link" "$status $err" '^125 .*link'
run "$SBX" enter --map self --net slirp --allow-net exa_mple..org "$root" -- true
like "or a rule that is none" "$status $err" '^125 .*exa_mple\.\.org'

done_testing
