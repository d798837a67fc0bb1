#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh: the one list of Debian packages that sbx needs, for people and for CI.
#
#   tests/deps.sh LIST...            prints the packages, one a line
#   tests/deps.sh install [LIST...]  installs those that are missing; without LIST: build tree test
#
# The lists: build (sbx itself), tree (to make root filesystems), test, guest (the machines with other
# kernels that some tests run in), bench (its peers).

set -euo pipefail

# Recommended packages aren't installed, so everything that is used is named: gcc only recommends
# libc6-dev, and clang its sanitizers' runtime.
packages() {
    local list
    for list in "$@"; do
        case $list in
        build)
            echo gcc libc6-dev meson ninja-build pkg-config
            echo libcap-dev libseccomp-dev libjson-c-dev libslirp-dev libglib2.0-dev
            echo uidmap fuse-overlayfs diffutils
            ;;
        tree)
            echo mmdebstrap busybox-static
            ;;
        test)
            echo passwd procps python3
            echo clang libclang-rt-14-dev llvm clang-format clang-tidy shellcheck mandoc
            echo expect tmux zsh fish bash-completion
            echo acl attr iproute2 libcap2-bin strace
            # what sbx diff --patch prints is for them
            echo git patch
            # sbx bwrap is held against it; script(1)
            echo bubblewrap bsdutils
            # inside sandboxes: what uses a network, and what an adversary does to it
            echo curl nftables openssl perl
            # podman's seccomp profile
            echo golang-github-containers-common
            ;;
        guest)
            echo qemu-system-x86 busybox-static cpio e2fsprogs kmod
            ;;
        bench)
            echo bubblewrap crun podman runc
            echo iperf3 slirp4netns passt rootlesskit nftables iproute2
            ;;
        *)
            printf "deps.sh: '%s' is none of build, tree, test, guest, bench\n" "$list" >&2
            return 2
            ;;
        esac
    done | tr ' ' '\n'
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

has_lists() {
    compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null
}

install_missing() {
    local missing=() names name
    [ $# -gt 0 ] || set -- build tree test
    names=$(packages "$@")
    for name in $names; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    printf 'deps.sh: installing%s: %s\n' "$([ "$(id -u)" = 0 ] || echo ' with sudo')" "${missing[*]}" >&2
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        printf 'deps.sh: there is no sudo; as root: apt-get install %s\n' "${missing[*]}" >&2
        exit 1
    fi
    has_lists || apt update
    # Lists that are older than what the mirror still has fail here and are fetched again.
    apt install --no-install-recommends "${missing[@]}" && return
    apt update
    apt install --no-install-recommends "${missing[@]}"
}

case ${1-} in
install)
    shift
    install_missing "$@"
    ;;
build | tree | test | guest | bench)
    packages "$@"
    ;;
*)
    sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
