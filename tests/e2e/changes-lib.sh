# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# changes-lib.sh: what the tests of sbx diff and sbx apply share. To be sourced.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

# small_tree FOLDER: a tree of the test's own, with something of each kind in it.
small_tree() {
    local tree=$1
    remove_tree "$tree"
    cp -a "$(tree busybox)" "$tree"
    mkdir -p "$tree"/{d/sub,gone/in,again/old,etc}
    echo a >"$tree/d/a"
    echo b >"$tree/d/b"
    echo c >"$tree/d/sub/c"
    echo x >"$tree/gone/in/x"
    echo y >"$tree/again/old/y"
    echo z >"$tree/again/z"
    echo motd >"$tree/etc/motd"
    echo host >"$tree/etc/hosts"
    ln -s a "$tree/d/link"
    : >"$tree/empty"
}

# state FOLDER: each name below it with type, mode, owner, size, time and content; of folders no time.
# What a sandbox has of its own and what can't be in a change is left out.
state() {
    unshare --map-auto --map-root-user python3 - "$1" <<'END'
import hashlib, os, stat, sys
top = os.fsencode(sys.argv[1])
skip = {b"proc", b"sys", b"dev", b"run", b"tmp", b"bin"}
for folder, names, files in os.walk(top):
    if folder == top:
        names[:] = [n for n in names if n not in skip]
    names.sort()
    for name in sorted(names + files):
        path = os.path.join(folder, name)
        shown = os.path.relpath(path, top)
        if shown in (b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"):
            continue
        st = os.lstat(path)
        what = [repr(shown), oct(st.st_mode), st.st_uid, st.st_gid]
        if stat.S_ISLNK(st.st_mode):
            what.append(os.readlink(path))
        elif not stat.S_ISDIR(st.st_mode):
            what += [st.st_size, st.st_mtime_ns, st.st_nlink]
        if stat.S_ISREG(st.st_mode) and st.st_size < 1 << 20:
            what.append(hashlib.sha256(open(path, "rb").read()).hexdigest()[:16])
        if not stat.S_ISLNK(st.st_mode):
            what.append(sorted((n, os.getxattr(path, n)) for n in os.listxattr(path)))
        print(*what)
END
}

# temporaries FOLDER: what an apply had in the making.
temporaries() {
    unshare --map-auto --map-root-user find "$1" -name '.sbx-*'
}
