#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# many.sh: 200 sandboxes at once: all end well, none sees another, nothing is left.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub
count=200
mkdir "$work/out" "$work/ready"

# Ours by the folder that only this test's commands know of.
processes() {
    pgrep -f "$work/ready" || true
}

# Each writes the same names as all others, says that it is ready, waits until all are, and then tells
# what it sees: its own number, and as many processes as one sandbox has.
one() {
    "$SBX" enter --bind "$work/ready:/ready" "$root" -- sh -c '
        echo "$1" >/root/number
        echo "$1" >/tmp/number
        : >"/ready/$1"
        while [ ! -e /ready/go ]; do sleep 0.2; done
        set -- "$1" /proc/[0-9]*
        echo "$(cat /root/number) $(cat /tmp/number) $(($# - 1)) $(hostname)"' sh "$1" \
        >"$work/out/$1" 2>"$work/out/$1.err"
    echo $? >"$work/out/$1.status"
}

for ((i = 1; i <= count; i++)); do
    one "$i" &
done
for ((tries = 0; tries < 600; tries++)); do
    ready=$(find "$work/ready" -type f | wc -l)
    [ "$ready" -lt "$count" ] || break
    sleep 0.1
done
is "all sandboxes run at the same time" "$ready" "$count"
: >"$work/ready/go"
wait

wrong=0
for ((i = 1; i <= count; i++)); do
    [ "$(cat "$work/out/$i.status")" = 0 ] || {
        wrong=$((wrong + 1))
        note "sandbox $i ended with $(cat "$work/out/$i.status"): $(head -n 2 "$work/out/$i.err")"
    }
done
is "all end well" "$wrong" 0

# sbx-init, the shell, and what it runs for the substitution.
wrong=0
for ((i = 1; i <= count; i++)); do
    read -r root_number tmp_number n _ <"$work/out/$i"
    if [ "$root_number $tmp_number" != "$i $i" ] || [ "${n:-99}" -gt 4 ]; then
        wrong=$((wrong + 1))
        note "sandbox $i saw: $(cat "$work/out/$i")"
    fi
done
is "each saw its own files and processes alone" "$wrong" 0

# A process that has ended is reaped by the machine's pid 1 when that gets to it.
for ((tries = 0; tries < 50; tries++)); do
    left=$(processes)
    [ -n "$left" ] || break
    sleep 0.1
done
is "no process is left" "$left" ""
is "no mount is left" "$(grep -c "$work" /proc/self/mountinfo)" 0
is "nothing is left behind" "$(left_behind)" ""

done_testing
