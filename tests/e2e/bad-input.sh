#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bad-input.sh: wrong input gets one clear line, perhaps a hint, and status 125.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree busybox
# A value that is a sound name of a file makes one (--net-log).
cd "$work" || exit

# One line from sbx, at most one hint behind it, nothing on stdout, and no control bytes in either.
is_clear() {
    [ "$status" = 125 ] && [ -z "$out" ] || return 1
    [ "$(grep -c '^sbx: ' <<<"$err")" = 1 ] && [ "$(grep -cv -e '^sbx: ' -e '^hint: ' <<<"$err")" = 0 ] || return 1
    [ "$(wc -l <<<"$err")" -le 2 ] || return 1
    ! LC_ALL=C grep -q '[[:cntrl:]]' <<<"$err"
}

refused() {
    local what=$1
    shift
    # Long enough for all that is slow, short for what hangs.
    run timeout 20 "$SBX" "$@"
    check "refused: $what" is_clear || note "status $status" "${out:0:300}" "${err:0:600}"
}

newline=$'a\nb'
long=$(head -c 65536 /dev/zero | tr '\0' x)

refused "no tree" enter
refused "a tree that isn't there" enter /no/such/tree -- true
refused "a file as the tree" enter /etc/passwd -- true
refused "an empty tree name" enter "" -- true
refused "a newline in the tree's name" enter "/no/$newline" -- true
refused "64 KiB as the tree's name" enter "/$long" -- true
mkdir -m 0 "$work/closed"
refused "a tree without permission" enter "$work/closed" -- true
refused "an unknown command of sbx" no-such-command
refused "an unknown option" enter --no-such-option "$root" -- true
refused "an abbreviated option" enter --hostnam x "$root" -- true
refused "a value for an option that takes none" enter --read-only=yes "$root" -- true

# Every option that takes a value, as --help lists them: what it makes of no value, of nothing, of a
# newline, of 64 KiB. Where such a value is sound, the command runs; there is nothing in between.
takes_value() {
    # A metavar stands one space behind, help at least two.
    "$SBX" enter --help | sed -nE 's/^ +(-., )?(--[a-z-]+) [^ ].*/\2/p'
}

is_sound() {
    [ "$status" = 0 ] && ! grep -q '^sbx: ' <<<"$err"
}

options=$(takes_value)
check "--help lists options with values" [ "$(wc -w <<<"$options")" -gt 15 ]
for option in $options; do
    refused "$option at the end" enter "$option"
    for kind in nothing newline long junk; do
        case $kind in
        nothing) value= ;;
        newline) value=$newline ;;
        long) value=$long ;;
        junk) value='::,,==//' ;;
        esac
        run timeout 20 "$SBX" enter "$option=$value" "$root" -- true
        check "$option with $kind: refused, or sound" eval 'is_clear || is_sound' ||
            note "status $status" "${out:0:300}" "${err:0:600}"
    done
done

# These are never sound.
while read -r option value; do
    refused "$option '$value'" enter "$option" "$value" "$root" -- true
done <<'END'
--name ../x
--name .
--name a/b
--hostname a_b!c
--bind /no/such/source:/mnt
--bind /etc:relative
--volume /etc:/mnt:no-such-option
--mount type=no-such-type,dst=/mnt
--mount dst=/mnt
--tmpfs relative
--tmpfs /mnt:size=x
--workdir relative
--user no-such-user
--user 4294967295
--user 99999999999999999999
--env =value
--env-file /no/such/file
--cap-add NO_SUCH_CAPABILITY
--cap-drop CAP_
--security-opt no-such-option
--security-opt seccomp=/no/such/file
--security-opt seccomp=/etc/passwd
--device /no/such/device
--device /etc/passwd
--ulimit nofile
--ulimit nofile=2:1
--ulimit no-such-limit=1
--map no-such-map
--overlay no-such-driver
--net no-such-net
--publish http
--publish 80:80:80
--publish 198.18.99.99:8080:80
--dns name.example
--add-host name
--allow-net no/rule
--net-log /no/such/log
--net none --publish 80
--timeout 0s
--timeout -1
--timeout 1e9
--timeout 99999999999999999999
--detach-keys ctrl-
END

for command in ls rm; do
    refused "$command --no-such-option" "$command" --no-such-option
done
refused "rm of a sandbox that isn't there" rm no-such-sandbox
refused "rm of a path" rm ../x

# Too much: more of an option than anyone needs is either taken or refused.
many=()
for ((i = 0; i < 5000; i++)); do
    many+=(--env "NAME$i=value")
done
run timeout 60 "$SBX" enter "${many[@]}" "$root" -- env
check "5,000 variables: all there, or refused" eval 'is_clear || [ "$(grep -c ^NAME <<<"$out")" = 5000 ]' ||
    note "status $status" "${err:0:600}"
many=()
for ((i = 0; i < 2000; i++)); do
    many+=(--tmpfs "/mnt/$i")
done
run timeout 60 "$SBX" enter "${many[@]}" "$root" -- true
check "2,000 mounts: sound, or refused" eval 'is_clear || is_sound' || note "status $status" "${err:0:600}"

is "nothing is left behind" "$(left_behind)" ""

done_testing
