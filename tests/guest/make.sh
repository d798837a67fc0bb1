#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make.sh: makes what the guest machines are made of: a disk, and kernels of several ages.
#
#   tests/guest/make.sh FOLDER THING...   makes those that FOLDER lacks; prints nothing when all goes well
#
# The things:
#
#   disk       a Debian 12 with what sbx and its tests call, the user "tester", and in /trees the trees
#              that tests/setup.sh has made in FOLDER's parent
#   bookworm   the kernel of Debian 12, Linux 6.1: a folder with vmlinuz and config, and in modules/ what
#              is to be loaded, as modules/order has it
#   bullseye   that of Debian 11, Linux 5.10

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin:/sbin

packages=uidmap,fuse-overlayfs,libslirp0,python3,procps,iproute2,libcap2-bin,attr,acl,apparmor
trees=(sub busybox)
modules=(virtio_pci virtio_blk crc32c_generic ext4 overlay fuse tun nf_tables nft_chain_nat nft_redir)
# Only on the newer one: the older one shows what a kernel does that has to redirect by nat.
tproxy=(nft_tproxy)

# Root of the caller's subordinate ids, who can make files of any owner.
in_map() {
    unshare --map-auto --map-root-user "$@"
}

# ---- kernels ----

# apt_here COMMAND ARG...: one of apt's commands, with sources and lists of its own in the working folder.
apt_here() {
    local command=$1
    shift
    "$command" -q -o "Dir::Etc::SourceList=$PWD/sources" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" "$@"
}

# The package of the kernel of Debian $1, whichever Debian this machine is.
download_kernel() {
    local package
    mkdir -p lists/partial cache/archives/partial
    # A release's updates have a dash in their name; other releases' needn't be called the same.
    debian_sources | awk -v release="$1" '$3 !~ /-/ { $3 = release; print }' | sort -u >sources
    [ -s sources ] || die "apt knows no Debian mirror here"
    quietly apt_here apt-get update
    package=$(apt_here apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
    quietly apt_here apt-get download "$package"
    rm -r lists cache
}

make_kernel() {
    local version module path wanted=("${modules[@]}")
    [ "$2" = bullseye ] || wanted+=("${tproxy[@]}")
    cd "$1"
    download_kernel "$2"
    dpkg-deb --extract linux-image-*.deb package
    version=$(ls package/lib/modules)
    depmod --basedir="$PWD/package" "$version"
    mkdir modules
    for module in "${wanted[@]}"; do
        modprobe --dirname="$PWD/package" --set-version="$version" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r path; do
        cp "$path" modules/
        basename "$path"
    done >modules/order
    mv package/boot/vmlinuz-* vmlinuz
    mv package/boot/config-* config
    rm -r package ./*.deb sources
}

# ---- the disk ----

# tester's ids: what is the caller's own and their subordinate ids' becomes tester's and tester's.
make_users() {
    in_map chroot root useradd --create-home --shell /bin/bash --uid 1000 tester
    echo tester:2000:60000 | in_map tee root/etc/subuid root/etc/subgid >/dev/null
    seq 0 60000 | awk '{ print "+" $1, "+" ($1 == 0 ? 1000 : 1999 + $1) }' >ids
}

make_disk() {
    cd "$1"
    debian_tar debian.tar --include="$packages"
    mkdir root
    in_map tar -C root --exclude='./dev/*' -x -p <debian.tar
    make_users
    in_map mkdir root/trees
    in_map tar -C "$folder/.." --owner-map="$PWD/ids" --group-map="$PWD/ids" --numeric-owner -c "${trees[@]}" |
        in_map tar -C root/trees -x -p
    in_map mke2fs -q -t ext4 -O ^has_journal -d root disk 2G
    in_map rm -rf root
    rm debian.tar ids
}

# ---- which ----

[ $# -ge 2 ] || {
    sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
# They grow old as the trees do.
for thing in "$@"; do
    [ -z "$(find "$folder/$thing" -maxdepth 0 -mtime -7 2>/dev/null)" ] || continue
    [ ! -e "$folder/$thing.part" ] || in_map rm -rf "$folder/$thing.part"
    mkdir "$folder/$thing.part"
    case $thing in
    disk)
        say "making the disk of the guest machines"
        (make_disk "$folder/$thing.part")
        ;;
    bookworm | bullseye)
        (make_kernel "$folder/$thing.part" "$thing")
        ;;
    *)
        die "no such thing: '$thing'"
        ;;
    esac
    rm -rf "${folder:?}/$thing"
    mv -T "$folder/$thing.part" "$folder/$thing"
done
