#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# container.sh: kept sandboxes that are running, and launchers that are killed.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"
need_tree busybox
store=$HOME/.local/share/sbx

# waits_for COMMAND ARG...: until it succeeds, for five seconds.
waits_for() {
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        "$@" && return
        sleep 0.02
    done
    return 1
}

folders() {
    find "$store/$1" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

# The shells inside the sandbox $1: what they run names it, and this test's folder. Until it executes
# something, a process that sbx makes has the command line of sbx.
inside() {
    pgrep -f "^sh -c : $work $1;" || true
}

runs() {
    [ -n "$(inside "$1")" ]
}

ended() {
    ! runs "$1"
}

# start NAME ARG...: sbx enter ARG... in the background, until its command runs; sets $pid.
start() {
    local name=$1
    shift
    "$SBX" enter "$@" "$root" -- sh -c ": $work $name; while true; do sleep 0.1; done" \
        >"$work/$name.out" 2>"$work/$name.err" </dev/null &
    pid=$!
    waits_for runs "$name"
}


# ---- rm of one that runs ----
check "a kept sandbox runs" start first --name first
run "$SBX" ls
like "ls says so" "$out" "first .* running "
run "$SBX" rm first
is "rm: status" "$status" 125
is "rm: text" "$err" "sbx: rm: the sandbox 'first' is running
hint: sbx rm --force first ends it first"
succeeds "another one" "$SBX" enter --name zero "$root" -- true
run "$SBX" enter --name other zero -- true
is "another name for a kept one: status and text" "$status $err" "125 sbx: enter: 'zero' is a kept sandbox, and --name other is for a new one of a folder
hint: to go on with 'zero' leave --name out; for another one of its tree: sbx enter --name other $(realpath "$root")"
run "$SBX" enter --name zero first -- true
like "and for one that is kept under that name" "$status $err" "^125 sbx: enter: 'first' is a kept sandbox, and --name zero"
run "$SBX" enter --name zero nosuch -- true
like "or for nothing" "$status $err" "^125 sbx: enter: there is no kept sandbox nosuch, and no folder"
mkdir "$work/other"
run env -C "$(dirname "$root")" "$SBX" enter --name zero busybox -- true
is "but for its own folder it goes on" "$status $err" "0 "
(cd "$work" && ! "$SBX" enter --name zero other -- true 2>other.err)
like "or for another folder" "$(cat "$work/other.err")" "^sbx: enter: the sandbox 'zero' is one of another tree"
succeeds "and by its own name it goes on" "$SBX" enter --name zero zero -- true
for others in first nosuch; do
    run "$SBX" rm zero "$others"
    is "rm of two, and $others can't: nothing goes" "$status $out $("$SBX" ls -q)" "125  first
zero"
done
run "$SBX" rm zero nosuch --force
is "rm, and an option behind: status and text" "$status $out$err" "0 zero"
run "$SBX" enter first -- true
is "entering it again: status" "$status" 125
is "entering it again: text" "$err" "sbx: enter: the sandbox 'first' is running
hint: end it first, or: sbx rm --force first"
check "it goes on" runs first
succeeds "another one" "$SBX" enter --name second "$root" -- true
run "$SBX" rm --all
is "rm --all: status" "$status" 125
is "rm --all: what runs stays, the rest goes" "$out" second
is "rm --all: text" "$err" "sbx: rm: running, and so not removed: first
hint: sbx rm --all --force ends them first"
check "it still goes on" runs first
run "$SBX" rm --force first
is "rm --force: status and text" "$status $out$err" "0 first"
check "every process of it ends" waits_for ended first
wait "$pid"
is "its launcher was killed" "$?" 137
is "nothing of it is left" "$(folders containers) $(folders tmp) $("$SBX" ls -q)" "0 0 "

# ---- a launcher that is killed ----
for overlay in ${SBX_TEST_OVERLAYS:-kernel fuse}; do
    check "$overlay: a sandbox runs" start "$overlay" --overlay "$overlay"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    check "$overlay: everything inside ends with its launcher" waits_for ended "$overlay"
    # A fuse-overlayfs that is about to end still has the folder.
    waits_for eval '"$SBX" ls >/dev/null; [ "$(folders tmp)" = 0 ]'
    is "$overlay: the next commands remove what it left" "$(folders tmp)" 0
done
check "a kept sandbox runs" start kept --name kept
kill -KILL "$pid"
wait "$pid" 2>/dev/null
check "everything inside ends with its launcher" waits_for ended kept
run "$SBX" ls -q
is "a kept sandbox stays when its launcher is killed" "$out" kept
succeeds "and can be entered" "$SBX" enter kept -- true
succeeds "and removed" "$SBX" rm kept

# ---- one name, twice at the same time ----
for i in 1 2 3 4; do
    { "$SBX" enter --name same "$root" -- sh -c 'echo won; sleep 0.5' >"$work/same.$i" 2>&1 </dev/null; echo $? >>"$work/same.$i"; } &
done
wait
is "one of four gets the name" "$(cat "$work"/same.? | grep -cx won)" 1
is "the others are refused" "$(cat "$work"/same.? | grep -cx 125)" 3
check "and told why" [ "$(grep -lE "there is a sandbox 'same' already|'same' is running" "$work"/same.? | wc -l)" = 3 ]
is "there is one" "$("$SBX" ls -q)" same
is "nothing of the others is left" "$(folders containers) $(folders tmp)" "1 0"
succeeds "it can be removed" "$SBX" rm same

# ---- a full disk ----
mkdir "$work/small"
# shellcheck disable=SC2016
run unshare --user --map-root-user --mount sh -c '
    mount -t tmpfs -o size=64k none "$1" && XDG_DATA_HOME=$1 "$SBX" ls >/dev/null
    cat /dev/zero >"$1/fill" 2>/dev/null
    XDG_DATA_HOME=$1 exec "$SBX" enter --map self --name full "$2" -- true' - "$work/small" "$root"
is "a full store: status" "$status" 125
like "a full store: text" "$err" "No space left on device
hint: remove what isn't needed \\(sbx ls, sbx rm NAME\\), or name a folder on another disk: export XDG_DATA_HOME=FOLDER\$"

# ---- a store that isn't the caller's ----
mkdir "$work/foreign"
ln -s /usr "$work/foreign/sbx"
if [ "$(id -u)" = 0 ]; then
    skip "another user's store" "root has no other"
else
    run env XDG_DATA_HOME="$work/foreign" "$SBX" enter "$root" -- true
    is "another user's store: status" "$status" 125
    is "another user's store: text" "$err" "sbx: enter: the store '$work/foreign/sbx' is another user's
hint: name a folder of your own with XDG_DATA_HOME"
fi

# ---- what is remembered of the kernel's overlay ----
run unshare --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' - \
    env XDG_DATA_HOME="$work/data" "$SBX" enter "$root" -- true
is "where no user namespace can be made: status" "$status" 125
check "nothing is remembered" [ ! -e "$work/data/sbx/.overlay-in-memory" ]
run env XDG_DATA_HOME="$work/data" "$SBX" enter --json "$root"
overlays=${SBX_TEST_OVERLAYS:-kernel fuse}
like "and where one can be, it is the overlay of this kernel" "$out" "\"overlay\": ?\"${overlays%% *}\""

# ---- the plan ----
plan=$("$SBX" enter --json --net slirp --dns 192.0.2.8 --dns 192.0.2.9 --dns-search example.org --dns-option ndots:2 \
    --add-host db:192.0.2.7 --net-log "$work/log" -p 8080:80 --deny-net private "$root")
keys=(net publish publish_all allow_net deny_net host_loopback net_log dns dns_search dns_option add_host)
is "what was said of the network is in the plan" \
    "$(python3 -c 'import json, sys; o = json.load(sys.stdin); print([o[k] for k in sys.argv[1:]])' "${keys[@]}" <<<"$plan")" \
    "['slirp', ['8080:80'], False, [], ['private'], False, '$work/log', ['192.0.2.8', '192.0.2.9'], ['example.org'], ['ndots:2'], ['db:192.0.2.7']]"

done_testing
