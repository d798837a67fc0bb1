#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# banned.sh: no function that has a better one, and none where it has no business.

# shellcheck source=tests/lint/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/lint/lib.sh"

product() {
    sources '*.c' '*.h' | grep -E '^(src|helpers)/'
}

# The product without its comments and strings, once for all checks.
mkdir "$work/bare"
while read -r file; do
    mkdir -p "$work/bare/$(dirname "$file")"
    gcc -fpreprocessed -dD -E -P -w - <"$file" | sed -E 's/"([^"\\]|\\.)*"/""/g' >"$work/bare/$file"
done < <(product)

# calls FOLDERS NAME...: the files below these folders (a pattern) that call one of these functions.
calls() {
    local folders=$1 names
    shift
    names=$(IFS='|' && printf '%s' "$*")
    (cd "$work/bare" && grep -rElE "(^|[^[:alnum:]_>.])($names)[[:space:]]*\(" . | sed 's,^\./,,' |
        grep -E "^($folders)/" | LC_ALL=C sort)
}

# name, and what to use in its place
while read -r name better; do
    is "nothing calls $name ($better)" "$(calls '.*' "$name")" ""
done <<'END'
atoi str_to_u32
atol str_to_u64
atoll str_to_u64
strtol str_to_u64
strtoul str_to_u64
strtoll str_to_u64
strtoull str_to_u64
sprintf arena_printf or snprintf
vsprintf vsnprintf
strcpy arena_strdup or snprintf
strncpy snprintf
strcat arena_printf
strtok strchr
system fork and execve
popen fork and execve
alloca an arena
gets io_read_all
signal sigaction or signalfd
getopt_long the option tables
END

# Raw system calls stay in one file. sbx-init has no libc to call, and the generator of the seccomp
# table only names them.
is "syscall() is called in src/util/sys.c alone" \
    "$(calls 'src|helpers/sbx-[^i].*' syscall)" "src/util/sys.c"

# What libraries have to say goes through fail(), and main decides where it is printed. What has a main
# of its own is a program of the build's.
is "no room but cli prints" \
    "$(calls 'src/util|src/sandbox|src/changes|src/container' printf puts putchar perror vprintf |
        grep -vxF "$(calls src main)")" ""

done_testing
