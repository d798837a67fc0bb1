# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# net-lib.sh: the small Internet that the tests of the network run on. To be sourced.
#
# The host is a network namespace, and behind a link stands a server with names, services and addresses of its own
# (net_server.py), which the host's resolv.conf names; nobody has 192.0.2.8:
#
#   up0    192.0.2.1, 2001:db8::1, the host, which has a whole network too: 2001:db8:7::/64
#   down0  192.0.2.9 to 11, 2001:db8::9, the server; the metadata services of the clouds; private ones
#
# The script that sources this runs anew in these namespaces. $share is a folder where the services' logs are.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

if [ "${1-}" != inside ]; then
    need_tree own
    # shellcheck disable=SC2016
    exec unshare --map-root-user --net --mount "$0" inside "$root" "$work"
fi
# The folder made above, by the shell that has become this one, is empty.
remove_tree "$3"
root=$2
share=$work/share
mkdir "$share"

# ---- processes ----

# background COMMAND...: its pid is $!; it ends with the script.
ours=()
background() {
    "$@" &
    ours+=($!)
}

net_end() {
    [ ${#ours[@]} = 0 ] || kill "${ours[@]}" 2>/dev/null
    remove_tree "$work"
}
trap net_end EXIT

# eventually COMMAND...: it succeeds within ten seconds.
eventually() {
    local i
    for i in $(seq 200); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

# ---- the small Internet ----

mount -t tmpfs tmpfs /run
ip link set lo up
background unshare --net sleep 600
server=$!
has_namespace() {
    [ "$(readlink "/proc/$server/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
eventually has_namespace
at_server=(nsenter --target "$server" --net)

ip link add up0 type veth peer name down0 netns "$server"
ip address add 192.0.2.1/24 dev up0
ip address add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
# As most distributions have it: echoes are anybody's to send.
echo 0 0 >/proc/sys/net/ipv4/ping_group_range
# A router has its networks' first addresses, too, and a whole network here.
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip -6 route add local 2001:db8:7::/64 dev lo
ip route add default via 192.0.2.9
ip route add default via 2001:db8::9
clouds=(169.254.169.254 100.100.100.200 168.63.129.16 fd00:ec2::254 fd20:ce::254 fd00:c1::a9fe:a9fe)
"${at_server[@]}" bash -c '
    ip link set lo up
    for address in 192.0.2.9/24 192.0.2.10/24 192.0.2.11/24 192.168.7.7/32 10.7.7.7/32 172.16.7.7/32 100.64.7.7/32 "$@"; do
        ip address add "$address" dev down0
    done
    ip address add 2001:db8::9/64 dev down0 nodad
    ip address add fd77::7/128 dev down0 nodad
    ip link set down0 up' - "${clouds[@]}"

# host_resolv LINE...: writes the host's resolv.conf, which is a mount of its own.
resolv=$work/resolv.conf
host_resolv() {
    printf '%s\n' "$@" >"$resolv"
}
host_resolv 'nameserver 192.0.2.9' 'search example.org'
mount --bind "$resolv" /etc/resolv.conf

mkdir "$share/www"
echo "a page" >"$share/www/index.html"
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=example.org \
        -keyout "$work/key" -out "$work/certificate" 2>/dev/null
    cat "$work/key" "$work/certificate" >"$share/key.pem"
fi
background "${at_server[@]}" python3 "$SBX_SOURCE/tests/e2e/net_server.py" "$share" server
background python3 "$SBX_SOURCE/tests/e2e/net_server.py" "$share" host
eventually [ -e "$share/server.ready" ]
eventually [ -e "$share/host.ready" ]

# forget_log: what was asked so far doesn't count.
forget_log() {
    : >"$share/host.log"
    : >"$share/server.log"
}

# ---- sandboxes ----

# On the host's own tree, which has Python.
on_host=("$SBX" enter --map self --net slirp -v "$SBX_SOURCE/tests/e2e:/net:ro" -w /)

# tries [OPTION...] <<<'CLIENT-COMMAND | PATTERN | WHAT': has one sandbox do these, each a line of net_client.py's, and
# checks what it says of each. What sbx says is in $err then.
tries() {
    local line command pattern what i=0 said=()
    cat >"$work/tries"
    run "${on_host[@]}" -v "$work/tries:/tries:ro" "$@" / -- python3 /net/net_client.py /tries
    mapfile -t said <<<"$out"
    while IFS= read -r line; do
        [[ $line == *' | '* ]] || continue
        command=${line%%' | '*}
        what=${line##*' | '}
        pattern=${line#*' | '}
        pattern=${pattern%' | '*}
        like "$what ($command)" "${said[i]-nothing, and $err}" "$pattern" || note "$err"
        i=$((i + 1))
    done <"$work/tries"
}

# log_has FILE KEY=VALUE...: a line of --net-log's is like that.
log_has() {
    python3 - "$@" <<'END'
import json, sys
wanted = dict(pair.split("=", 1) for pair in sys.argv[2:])
lines = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not any(all(str(line.get(k)) == v for k, v in wanted.items()) for line in lines))
END
}

# The helper of the launcher $1.
helper_of() {
    pgrep -P "$1" -x sbx-net
}
