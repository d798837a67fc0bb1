#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tidy.sh: clang-tidy finds nothing in what the build compiles.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

# The build's compilation database without gcc's own options goes to $work, and on stdout the project's
# own C files, once each.
compiled() {
    python3 - "$SBX_BUILD/compile_commands.json" "$SBX_SOURCE" "$work/compile_commands.json" <<'END'
import json, os, sys
database, source, copy = sys.argv[1:]
entries = json.load(open(database))
for e in entries:
    e["command"] = e["command"].replace(" -fno-tree-loop-distribute-patterns ", " ")
json.dump(entries, open(copy, "w"))
files = {os.path.normpath(os.path.join(e["directory"], e["file"])) for e in entries}
names = (os.path.relpath(f, source) for f in files)
print("\n".join(sorted(n for n in names if n.endswith(".c") and not n.startswith(("..", "build")))))
END
}

# One file a process: clang-tidy uses one core.
tidy() {
    local args=(-Wno-unknown-warning-option)
    # Not where fail() itself is, and not where it isn't known.
    [[ $1 == src/util/fail.c || $1 != src/* ]] ||
        args+=("-include$SBX_SOURCE/tests/lint/analyser.h" -Wno-unused-value)
    clang-tidy --quiet -p "$work" "${args[@]/#/--extra-arg=}" "$1"
}

compiled >"$work/files"
n=0
while read -r file; do
    n=$((n + 1))
    files[n]=$file
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n
    done
    { tidy "$file" >"$work/$n.log" 2>&1; echo $? >"$work/$n.status"; } &
done <"$work/files"
wait

for ((i = 1; i <= n; i++)); do
    is "${files[i]} under clang-tidy" "$(cat "$work/$i.status")" 0 || note "$(grep -E '(^|: )(error|warning): ' "$work/$i.log")"
done

done_testing
