#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inside.sh: in the guest machine: runs tests, one after the other, each between two lines of its own
# that guest.sh looks for. A test is one argument: its path, and what it is given.

for test in "$@"; do
    read -ra words <<<"$test"
    printf '== test %s\n' "$test"
    SECONDS=0
    timeout 400 "${words[@]}" 2>&1
    printf '== ended %d after %d s\n' $? "$SECONDS"
done
