#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rooms.sh: includes point down the list of rooms, and through each room's door.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

# room: what it may include besides its own files: other rooms' doors, "room/room.h". util is a toolbox,
# whose headers all are doors.
declare -A below=(
    [util]=""
    [sandbox]="util"
    [net]="util"
    [container]="sandbox util"
    [changes]="sandbox util"
    [bwrap]="sandbox util"
    [cli]="bwrap changes container sandbox net util"
)

# What a file of $1 includes in "", as "file: header".
includes() {
    grep -EHno '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' src/"$1"/*.[ch] src/"$1"/*/*.[ch] 2>/dev/null |
        sed -E 's/^([^:]+:[0-9]+):.*"([^"]+)"$/\1 \2/'
}

# is_allowed ROOM HEADER
is_allowed() {
    local other=${2%%/*}
    case $2 in
    config.h) return 0 ;;
    ../*) return 1 ;;
    */*) ;;
    *) return 0 ;;
    esac
    [ "$other" != "$1" ] && [ ! -d "src/$1/$other" ] || return 0
    [[ " ${below[$1]} " == *" $other "* ]] || return 1
    [ "$other" = util ] || [ "$2" = "$other/$other.h" ]
}

for path in src/*/; do
    room=$(basename "$path")
    check "src/$room is a room of this test's table" [ -n "${below[$room]+known}" ] || continue
    wrong=$(includes "$room" | while read -r where header; do
        is_allowed "$room" "$header" || printf '%s includes "%s"\n' "$where" "$header"
    done)
    is "what src/$room includes lies below it, by the door" "$wrong" ""
done

done_testing
