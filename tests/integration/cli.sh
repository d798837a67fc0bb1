#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cli.sh: what sbx says before any command runs.

# shellcheck source=tests/tap.sh
. "$SBX_SOURCE/tests/tap.sh"

# says WHAT STATUS TEXT ARG...: what goes to stderr, to the letter.
says() {
    local what=$1 want=$2 text=$3
    shift 3
    run "$SBX" "$@"
    is "$what: status" "$status" "$want"
    is "$what: text" "$err" "$text"
    is "$what: nothing on stdout" "$out" ""
}

lists="hint: 'sbx enter --help' lists the options"

says "an unknown command" 125 "sbx: 'frobnicate' is not a command
hint: 'sbx --help' lists the commands" frobnicate
says "a mistyped command" 125 "sbx: 'entre' is not a command
hint: did you mean 'enter'?" entre
says "podman's command" 125 "sbx: 'run' is not a command
hint: sbx enter ROOTFS -- COMMAND" run .
says "a mistyped option" 125 "sbx: enter: unknown option '--tmpsf'
hint: did you mean '--tmpfs'?" enter --tmpsf /x .
says "an abbreviated option" 125 "sbx: enter: unknown option '--vol'
hint: did you mean '--volume'?" enter --vol .:/x .
says "a missing value" 125 "sbx: enter: option '--name' needs a value: NAME
$lists" enter --name
says "an escape sequence" 125 "sbx: enter: unknown option '--\\x1b[31m'
$lists" enter $'--\e[31m'
says "a missing operand" 125 "sbx: enter: ROOTFS is missing: the folder or the kept sandbox to enter
$lists" enter
says "an operand too many" 125 "sbx: ls: 'x' is one operand too many
hint: 'sbx ls --help' lists the options" ls x
says "an option behind ROOTFS" 125 "sbx: enter: '--net' stands where the command should begin
hint: options go before ROOTFS; '--' goes before a command that begins with '-'" enter . --net host

says "podman's option" 125 "sbx: enter: unknown option '--rm'
hint: what no --name keeps is thrown away: leave it out" enter --rm .
says "podman's letter" 125 "sbx: enter: unknown option '-m'
hint: there are no cgroup limits; --ulimit data=BYTES limits each process" enter -m 1g .
says "podman's network" 125 "sbx: enter: option '--network': 'slirp4netns:allow_host_loopback=true' is none of auto|none|host|slirp
hint: --net slirp; its options are --host-loopback, --publish and --dns" enter --network slirp4netns:allow_host_loopback=true .
says "a port that is none" 125 "sbx: enter: --publish: '80:http': 'http' is not a port
hint: [HOSTIP:][HOSTPORT]:PORT[/tcp|/udp] as 8080:80 or [::1]:8080:80, or PORT for a free one of the host's" enter --net slirp -p 80:http .
says "a port without a network" 125 "sbx: enter: --publish: it needs a network of the sandbox's own, which --net none is not
hint: --net slirp is one; or leave --publish out" enter --net none -p 80 .
says "ports of no sandbox" 125 "sbx: port: there is no kept sandbox 'nosuch'
hint: sbx ls lists those that there are; one has to have a --name" port nosuch
says "ports to list and to change" 125 "sbx: port: '80' is to be listed, and other ports changed
hint: two calls of sbx port do both" port -p 81 nosuch 80
says "an option behind an operand" 125 "sbx: port: '80' is to be listed, and other ports changed
hint: two calls of sbx port do both" port nosuch 80 -p 81
says "an option behind operands that is none" 125 "sbx: rm: unknown option '--fore'
hint: did you mean '--force'?" rm nosuch --fore
says "operands that begin with a dash" 125 "sbx: rm: there is no kept sandbox --force
hint: sbx ls lists those that there are" rm -- --force
says "an operand too many for doctor" 125 "sbx: doctor: '/usr' is one operand too many
hint: 'sbx doctor --help' lists the options" doctor / --json /usr
says "bubblewrap's option" 125 "sbx: enter: unknown option '--ro-bind'
hint: --bind SRC:DST:ro, or 'sbx bwrap', which takes bubblewrap's command line as it is" enter --ro-bind /usr /usr .
says "a mistyped verb" 125 "sbx: config: there is no 'sbx config profile'
hint: did you mean 'sbx config profiles'?" config profile
says "an operand too many behind a verb" 125 "sbx: config: 'x' is one operand too many
hint: 'sbx config --help' lists the options" config show --json x

run "$SBX"
is "without a command: status" "$status" 125
like "without a command: the help on stderr" "$err" '^Usage: sbx COMMAND'
is "without a command: nothing on stdout" "$out" ""

succeeds "sbx --help" "$SBX" --help
help=$out
succeeds "sbx help" "$SBX" help
is "sbx help is sbx --help" "$out" "$help"
for command in enter ls port diff apply rm config help version; do
    succeeds "sbx $command --help" "$SBX" "$command" --help
    like "it begins with the usage" "$out" "^Usage: sbx $command"
    help=$out
    succeeds "sbx help $command" "$SBX" help "$command"
    is "sbx help $command is sbx $command --help" "$out" "$help"
done
succeeds "sbx --version" "$SBX" --version
like "it is a version" "$out" '^sbx [0-9]+\.[0-9]+\.[0-9]+$'

# What can't be printed is a failure. bash says nothing of its own where it has no stdout.
for line in '"$SBX" --help >/dev/full' '"$SBX" --help >&-' '"$SBX" version >/dev/full'; do
    run bash -c "$line"
    is "$line: status" "$status" 125
    like "$line: text" "$err" '^sbx: (version: )?write to standard output: '
done

# Over a socket that keeps messages apart, one write is one message.
message=$(python3 - "$SBX" <<'END'
import socket, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
subprocess.run([sys.argv[1], "entre"], stderr=theirs, check=False)
print(ours.recv(65536).decode())
END
)
is "sentence and hint are one write" "$message" "sbx: 'entre' is not a command
hint: did you mean 'enter'?"

# An ordinary user can make a setuid program of another user's among their subordinate ids. Under the
# sanitizers it is their runtime that refuses, before sbx can.
cp "$SBX" "$work/sbx"
chmod 755 "$work" "$work/sbx"
if is_sanitized; then
    note "setuid: not with a sanitizer"
elif unshare --map-auto --map-root-user true 2>/dev/null; then
    run unshare --map-auto --map-root-user sh -c 'chown 1:1 "$1" && chmod 4755 "$1" && "$1" version' - "$work/sbx"
    is "setuid: status" "$status" 125
    like "setuid: text" "$err" '^sbx: refuses to run setuid'
    run unshare --map-auto --map-root-user sh -c 'chown 1:1 "$1" && chmod 2755 "$1" && "$1" version' - "$work/sbx"
    is "setgid: status" "$status" 125
else
    skip "setuid" "no subordinate ids, or unshare can't map them"
fi

done_testing
