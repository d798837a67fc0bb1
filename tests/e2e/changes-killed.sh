#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# changes-killed.sh DRIVER: an apply that is killed at any moment is ended by the next command that
# opens the sandbox, and leaves nothing in the tree.

# shellcheck source=tests/e2e/changes-lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/changes-lib.sh"

driver=$1
rounds=${2:-24}
need_tree busybox
tree=$work/tree

# A tree, and a sandbox with some hundred changes of each kind.
make_both() {
    "$SBX" rm --force --all >/dev/null 2>&1
    small_tree "$tree"
    for i in $(seq 80); do
        echo "$i" >"$tree/d/old$i"
        echo "$i" >"$tree/gone/in/$i"
    done
    "$SBX" enter --overlay "$driver" --name killed "$tree" -- sh -ec '
        i=0
        while [ $i -lt 80 ]; do
            i=$((i + 1))
            echo new $i >/d/new$i
            echo changed >>/d/old$i
        done
        mkdir -p /more/below
        i=0
        while [ $i -lt 60 ]; do i=$((i + 1)); echo $i >/more/$i; ln /more/$i /more/below/$i; done
        chown 5:5 /more/7; rm -r /gone /again; mkdir /again; echo n >/again/n; rm /empty; mkdir /empty
        echo e >/empty/e; chmod 700 /more/below; touch -d @1000 /d/old1' 2>/dev/null
}

# What can be compared from one round to the next: not the times.
columns() {
    state "$1" | sed -E 's/^(.*0o10[0-7]{4} [0-9]+ [0-9]+ [0-9]+) [0-9]+/\1/'
}

make_both
columns "$tree" >"$work/before"
start=$(date +%s%N)
succeeds "an apply that is not killed" "$SBX" apply killed
span=$((($(date +%s%N) - start) / 1000))
columns "$tree" >"$work/after"
note "it takes $span us"

# What each of them does on the way; afterwards nothing may be pending.
finish() {
    case $1 in
    diff) "$SBX" diff killed >/dev/null ;;
    enter) "$SBX" enter killed -- true ;;
    apply) "$SBX" apply killed >/dev/null ;;
    rm) "$SBX" rm killed >/dev/null ;;
    esac
}

commands=(diff enter apply rm)
pending=0
bad=0
for ((round = 0; round < rounds; round++)); do
    make_both
    command=${commands[round % 4]}
    setsid "$SBX" apply killed >/dev/null 2>&1 &
    pid=$!
    # The first moments are those of starting; what is of interest is spread over the rest.
    sleep "$(printf '0.%06d' $(((RANDOM * 32768 + RANDOM) % (span * 11 / 10))))"
    kill -KILL "$pid" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    journal=$(find "$HOME/.local/share/sbx/containers" -mindepth 2 -maxdepth 2 -name apply | wc -l)
    pending=$((pending + journal))
    # Whoever is killed while it waits for the disk holds the sandbox until that has answered.
    for _ in $(seq 100); do
        finish "$command" >"$work/finish" 2>&1 && break
        sleep 0.1
    done
    left=$(temporaries "$tree")
    if [ "$command" = rm ]; then
        columns "$tree" >"$work/now"
        cmp -s "$work/now" "$work/before" || cmp -s "$work/now" "$work/after" ||
            left="$left half: $(cat "$work/finish")"
    else
        finish apply >"$work/finish" 2>&1 || left="$left $(cat "$work/finish")"
        columns "$tree" >"$work/now"
        cmp -s "$work/now" "$work/after" || left="$left $(diff "$work/now" "$work/after" | head -n 5)"
        left="$left$("$SBX" diff killed)"
    fi
    if [ -n "$left" ]; then
        bad=$((bad + 1))
        note "round $round, $command: $left"
    fi
done
is "$rounds rounds: the tree is what it shall be" "$bad" 0
check "some of them were cut short in the midst of it" [ "$pending" -gt 0 ]
note "$pending were"

# What somebody writes between the kill and the next command stays. It has to be cut short before the tree
# has all: after that nothing is left to refuse.
for ((round = 0; round < 50; round++)); do
    make_both
    setsid "$SBX" apply killed >/dev/null 2>&1 &
    pid=$!
    sleep "$(printf '0.%06d' $((span / 6 + RANDOM * 3 % (span / 2))))"
    kill -KILL "$pid" 2>/dev/null
    # One that was done already is faster than the first was, on a machine that had more to do.
    { wait "$pid"; } 2>/dev/null && span=$((span * 3 / 4 + 1000))
    [ ! -e "$(dirname "$(ls -d "$HOME"/.local/share/sbx/containers/*/upper)")/apply" ] || [ -e "$tree/more/60" ] || break
done
check "an apply is cut short" [ "$round" -lt 50 ]
for i in $(seq 80); do echo mine >"$tree/d/old$i"; done
echo mine >"$tree/d/new80"
run "$SBX" diff killed
is "the next command ends it" "$status" 0
like "and says so" "$err" "an apply of 'killed' was cut short, and is ended now"
is "what was written meanwhile stays" "$(cat "$tree"/d/old* "$tree/d/new80" | sort | uniq -c | tr -s ' ')" " 81 mine"
like "and is refused by the next apply" "$("$SBX" apply killed 2>&1)" "changed in the tree since the sandbox took it"

done_testing
