# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what tests/try, tests/run and .ci/run need before sbx can be built and tried: packages, an
# ordinary user, open device files. To be sourced. Nothing here is said without being done, and
# nothing that changes the machine is done without being said.

set -euo pipefail
umask 022

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Whom root tests as; with another name two checkouts can be tested at once.
test_user=${SBX_TEST_USER:-sbx-test}

say() {
    printf '== %s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# quietly COMMAND ARG...: what it says is of interest only where it fails.
quietly() {
    local output status=0
    output=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" = 0 ] || printf '%s\n' "$output" >&2
    return "$status"
}

is_root() {
    [ "$(id -u)" = 0 ]
}

as_root() {
    if is_root; then
        "$@"
    else
        sudo "$@"
    fi
}

# /dev/fuse is everyone's on a Debian with udev, and root's in many containers. sbx itself works
# without it (the kernel's overlay), the tests of the fuse driver don't.
open_devices() {
    local device
    for device in /dev/fuse /dev/net/tun; do
        [ -c "$device" ] || continue
        [ "$(stat -c %a "$device")" != 666 ] || continue
        [ ! -r "$device" ] || [ ! -w "$device" ] || is_root || continue
        say "opening $device to ordinary users: chmod 666"
        as_root chmod 666 "$device"
    done
}

# $1 has ranges in /etc/subuid and /etc/subgid afterwards. useradd gives them to whom it makes; users
# that were made otherwise get what follows the last range that is given away.
ensure_subids() {
    local kind file first
    for kind in uid gid; do
        file=/etc/sub$kind
        ! grep -qs "^\($1\|$(id -u "$1")\):" "$file" || continue
        first=$(awk -F: '{ if ($2 + $3 > n) n = $2 + $3 } END { print(n > 100000 ? n : 100000) }' \
            "$file" 2>/dev/null || echo 100000)
        say "giving $1 65536 subordinate ids from $first on, in $file"
        as_root usermod "--add-sub${kind}s" "$first-$((first + 65535))" "$1"
    done
}

make_user() {
    if ! id "$test_user" >/dev/null 2>&1; then
        say "making the unprivileged user $test_user: useradd -m (userdel -r $test_user removes it)"
        touch /etc/subuid /etc/subgid
        useradd --create-home --shell /bin/bash "$test_user"
    fi
    ensure_subids "$test_user"
}

# as_user COMMAND ARG...: as the test user, with an environment of its own; exec'd by a subshell or
# the caller, so that the terminal and job control stay what they were.
as_user() {
    local keep=() name
    for name in TERM LANG CI SBX_TEST_STRICT http_proxy https_proxy no_proxy; do
        [ -z "${!name-}" ] || keep+=("$name=${!name}")
    done
    exec setpriv --reuid="$test_user" --regid="$test_user" --init-groups --inh-caps=-all --reset-env \
        env "${keep[@]}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# The same from root's and from an ordinary user's shell.
as_user_here() {
    if is_root; then
        as_user "$@"
    else
        exec "$@"
    fi
}

home_of() {
    getent passwd "$1" | cut -d: -f6
}

# A copy of this checkout in the test user's home folder: the user can often not read where root
# keeps it, and what is built there isn't root's. Times are kept, so a second build has little to do.
copy_for_user() {
    copy=$(home_of "$test_user")/sbx
    say "working as $test_user on a copy of this checkout in $copy"
    install -d -o "$test_user" -g "$test_user" "$copy"
    # All but the builds goes first: a file that the checkout no longer has must not stay.
    find "$copy" -mindepth 1 -maxdepth 1 ! -name 'build*' -exec rm -rf {} +
    tar -C "$top" --anchored --exclude=./.git --exclude='./build*' -c . |
        tar -C "$copy" -x --no-same-permissions --no-same-owner
    chown -R --no-dereference "$test_user:$test_user" "$copy"
    find "$copy" -type d -exec chmod u+rwx,go+rx {} +
}

# What stands before everything else: afterwards an ordinary user can build and test here. As root
# $copy is set, for as_user.
prepare_machine() {
    "$top/tests/deps.sh" install "$@"
    open_devices
    if is_root; then
        make_user
        copy_for_user
    else
        ensure_subids "$(id -un)"
    fi
}

# The Debian mirrors that this machine uses, as lines for apt, and how it reaches them. Other
# repositories of the machine's have no place in what is made here.
debian_sources() {
    # shellcheck disable=SC2016 # apt's variables, not the shell's
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' 'Target-Of: deb' 2>/dev/null | sort -u
}

apt_options() {
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries|Check-)[^ ]* "[^"]' || true
}

# debian_tar FILE OPTION...: makes a tar of a small Debian 12; the options are mmdebstrap's.
debian_tar() {
    local file=$1 sources=() options=() line
    shift
    mapfile -t sources < <(debian_sources)
    [ ${#sources[@]} -gt 0 ] ||
        die "apt knows no Debian mirror here: write one into /etc/apt/sources.list, then apt-get update"
    while read -r line; do
        [ -z "$line" ] || options+=("--aptopt=$line")
    done < <(apt_options)
    # It works as a subordinate id, to whom the folder of a test's own is closed.
    TMPDIR=/tmp quietly mmdebstrap --mode=unshare --variant=minbase --format=tar "${options[@]}" "$@" bookworm \
        "$file.part" "${sources[@]}"
    mv "$file.part" "$file"
}
