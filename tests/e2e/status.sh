#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# status.sh: the exit status is the command's, or says what went wrong.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub

# ends STATUS COMMAND ARG...: run inside the tree.
ends() {
    local want=$1
    shift
    run "$SBX" enter "$root" -- "$@"
    is "status $want of: $*" "$status" "$want"
}

for n in 0 1 7 124 200 255; do
    ends "$n" sh -c "exit $n"
    is "sbx itself says nothing" "$err" ""
done
for signal in 1 9 11 15; do
    ends $((128 + signal)) sh -c "kill -$signal \$\$"
done

ends 127 no-such-command
like "it says where it was looked for" "$err" "^sbx: .*'no-such-command' is not in PATH"
ends 127 /no/such/path
ends 127 ""
like "an empty name is said to be one" "$err" "^sbx: .*empty"
ends 126 /etc/passwd
like "it says that it may not be executed" "$err" "^sbx: .*no permission to execute '/etc/passwd'"
ends 126 /etc
like "a folder is no command" "$err" "^sbx: .*'/etc'"

# "not found" is about the interpreter where the file itself is there.
mkdir "$work/bin"
printf '#!/opt/missing/perl -w\n' >"$work/bin/script"
printf '#!/bin/sh\nexit 9\n' >"$work/bin/good"
cp /bin/true "$work/bin/program"
python3 - "$work/bin/program" <<'END'
import re, sys
path = sys.argv[1]
data = open(path, "rb").read()
start = data.index(b"/lib64/ld-linux")
end = data.index(b"\0", start)
open(path, "wb").write(data[:start] + b"/lib64/ld-missing".ljust(end - start, b"x")[:end - start] + data[end:])
END
chmod +x "$work"/bin/*
run "$SBX" enter --bind "$work/bin:/opt/bin" "$root" -- /opt/bin/good
is "a script runs" "$status" 9
run "$SBX" enter --bind "$work/bin:/opt/bin" "$root" -- /opt/bin/script
is "status of a script without its interpreter" "$status" 127
like "names the #! line's interpreter" "$err" "/opt/missing/perl"
run "$SBX" enter --bind "$work/bin:/opt/bin" "$root" -- /opt/bin/program
is "status of a program without its interpreter" "$status" 127
like "names the ELF interpreter" "$err" "/lib64/ld-missing"

run "$SBX" enter --timeout 1s "$root" -- sleep 60
is "status after a timeout: killed" "$status" 137
like "it says that the time was up" "$err" "^sbx: .*--timeout"

# Pipes stay pipes.
is "bytes go through untouched" \
    "$(head -c 50000000 /dev/urandom | tee >(sha256sum >"$work/sum") | "$SBX" enter "$root" -- cat | sha256sum)" \
    "$(sleep 1; cat "$work/sum")"

# A signal to sbx reaches the command, whose end is sbx's.
"$SBX" enter "$root" -- sh -c 'trap "exit 42" TERM; echo up; while :; do sleep 0.1; done' >"$work/up" &
launcher=$!
for ((tries = 0; tries < 100; tries++)); do
    [ ! -s "$work/up" ] || break
    sleep 0.1
done
kill -TERM "$launcher"
wait "$launcher"
is "SIGTERM is the command's to handle" "$?" 42

done_testing
