#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh: makes the root filesystems that sbx is tried and tested on.
#
#   tests/setup.sh FOLDER TREE...   makes those that FOLDER lacks; prints nothing when all goes well
#   tests/setup.sh FOLDER clean     removes FOLDER
#
# The trees: a Debian 12 of some 10,000 files, owned in the three ways that trees come in, and the
# smallest root filesystem there is.
#
#   sub      root's files are the caller's, the others' belong to the caller's subordinate ids
#   own      every file is the caller's, as tar leaves it
#   real     made by real root: its owners are mapped in no user's sandbox. Wants root or sudo
#   busybox  one static busybox and its links

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# One tar serves a week: making it is most of the work, and its packages grow old.
need_tar() {
    [ -z "$(find "$tar" -mtime -7 2>/dev/null)" ] || return 0
    say "making a Debian 12 root filesystem with mmdebstrap"
    debian_tar "$tar"
}

# The map in which the trees' ids are the caller's subordinate ones.
in_map() {
    unshare --map-auto --map-root-user "$@"
}

# unpack FOLDER HOW...: device nodes are left out: only real root could make them, and a sandbox has
# its own.
unpack() {
    local path=$1
    shift
    "$@" tar -C "$path" --exclude='./dev/*' -x -p <"$tar"
}

make_tree() {
    local name=$1 path=$folder/$1
    [ ! -e "$path" ] || return 0
    [ "$name" = busybox ] || need_tar
    # A tree that isn't whole must not be taken for one: it gets its name last.
    remove "$path.part"
    mkdir "$path.part"
    case $name in
    sub)
        unpack "$path.part" in_map
        ;;
    own)
        unpack "$path.part"
        ;;
    real)
        say "unpacking a root filesystem as root$(is_root || echo ', with sudo')"
        as_root chown 0:0 "$path.part"
        unpack "$path.part" as_root
        ;;
    busybox)
        mkdir "$path.part/bin" "$path.part/etc"
        cp /bin/busybox "$path.part/bin/busybox"
        (cd "$path.part/bin" && ./busybox --list | grep -vx busybox | xargs -n1 ln -s busybox)
        ;;
    *)
        die "no such tree: '$name'"
        ;;
    esac
    mv -T "$path.part" "$path"
}

remove() {
    local path
    for path in "$@"; do
        [ -e "$path" ] || continue
        if is_root || [ "$(stat -c %u "$path")" = 0 ]; then
            as_root rm -rf -- "$path"
        else
            in_map rm -rf -- "$path"
        fi
    done
}

[ $# -ge 2 ] || {
    sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
folder=$1
tar=$folder/bookworm.tar
shift

if [ "$1" = clean ]; then
    remove "$folder"/*
    rmdir "$folder"
    exit
fi
mkdir -p "$folder"
for name in "$@"; do
    make_tree "$name"
done
