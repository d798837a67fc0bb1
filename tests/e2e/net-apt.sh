#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net-apt.sh: apt with a network of its own, with all the world and with the one host that it needs.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub
log=$work/log

# The mirror that the tree names.
mirror=$(sed -nE 's|^deb .*https?://([^/ ]+).*|\1|p' "$root/etc/apt/sources.list" | sort -u)
is "the tree's packages come from one host" "$(wc -w <<<"$mirror")" 1
install="export DEBIAN_FRONTEND=noninteractive
    $apt_update
    apt-get -q -y --no-install-recommends install hello
    hello"

succeeds "apt with all the world" "$SBX" enter --net slirp "$root" -- sh -ec "$install"
like "it has installed a package" "$out" 'Hello, world!'
is "and nothing was refused" "$(grep refused <<<"$err")" ""

succeeds "apt with the mirror alone" "$SBX" enter --net slirp --allow-net "$mirror" --net-log "$log" "$root" -- sh -ec "$install
    perl -MSocket -e '
        (\$e) = Socket::getaddrinfo(\"www.example.org\", 80);
        print \$e ? \"no name\n\" : \"a name\n\";
        socket(S, PF_INET, SOCK_STREAM, 0);
        \$SIG{ALRM} = sub { print \"silence\n\"; exit };
        alarm 5;
        print connect(S, sockaddr_in(80, inet_aton(\"192.0.2.55\"))) && defined(sysread(S, \$d, 1)) ? \"connected\n\" : \"refused\n\"'"
like "it has installed a package" "$out" 'Hello, world!'
like "another name is refused" "$out" 'no name'
like "and another address" "$out" 'refused$'
check "the log has what was allowed" grep -qF "\"verdict\":\"allow\",\"protocol\":\"tcp\"" "$log"
check "by the rule" grep -qF -- "\"rule\":\"--allow-net $mirror\"" "$log"
check "and the name that was refused" grep -qE '"event":"name","verdict":"deny".*"name":"www\.example\.org"' "$log"
check "and the address" grep -qE '"event":"connect","verdict":"deny".*"address":"192\.0\.2\.55"' "$log"
is "no other connection was allowed" "$(grep '"event":"connect","verdict":"allow"' "$log" | grep -vcF "\"name\":\"$mirror\"")" 0
like "both are told at the end" "$err" '192\.0\.2\.55:80/tcp'

done_testing
