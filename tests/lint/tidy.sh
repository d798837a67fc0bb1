#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tidy.sh: clang-tidy finds nothing in what the build compiles.

# shellcheck source=tests/lint/lib.sh
. "$SBX_SOURCE/tests/lint/lib.sh"

# compiled: the project's own C files in the build's compilation database, once each.
compiled() {
    python3 - "$SBX_BUILD/compile_commands.json" "$SBX_SOURCE" <<'END'
import json, os, sys
database, source = sys.argv[1:]
files = {os.path.normpath(os.path.join(e["directory"], e["file"])) for e in json.load(open(database))}
names = (os.path.relpath(f, source) for f in files)
print("\n".join(sorted(n for n in names if n.endswith(".c") and not n.startswith(("..", "build")))))
END
}

# One file a process: clang-tidy uses one core. It doesn't know all of gcc's options.
tidy() {
    local args=(-Wno-unknown-warning-option -Wno-ignored-optimization-argument)
    # Not where fail() itself is, and not where it isn't known.
    [[ $1 == src/util/fail.c || $1 != src/* ]] ||
        args+=("-include$SBX_SOURCE/tests/lint/analyser.h" -Wno-unused-value)
    clang-tidy --quiet -p "$SBX_BUILD" "${args[@]/#/--extra-arg=}" "$1"
}

n=0
while read -r file; do
    n=$((n + 1))
    files[n]=$file
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n
    done
    { tidy "$file" >"$work/$n.log" 2>&1; echo $? >"$work/$n.status"; } &
done < <(compiled)
wait

for ((i = 1; i <= n; i++)); do
    is "${files[i]} under clang-tidy" "$(cat "$work/$i.status")" 0 || note "$(grep -E '(^|: )(error|warning): ' "$work/$i.log")"
done

done_testing
