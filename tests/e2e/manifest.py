#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manifest.py: one line for everything in a folder, so that two states of it can be compared.

Usage: manifest.py FOLDER

A line holds type and mode, owner, group, links, size or device, time of the last change of the
contents, extended attributes, a hash of the contents or the target of a link, and the path. What can't
be read says so in the place of its contents. Access and inode change times are left out: looking at a
file changes them.
"""

import hashlib
import os
import stat
import sys


def digest(data):
    return hashlib.sha256(data).hexdigest()[:32]


def attributes(path):
    """All extended attributes as one short string, "-" where there is none."""
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        parts = [os.fsencode(n) + b"=" + os.getxattr(path, n, follow_symlinks=False) for n in names]
    except PermissionError:
        return "unreadable"
    except OSError as error:
        return f"error-{error.errno}"
    return digest(b"\0".join(parts)) if parts else "-"


def contents(path, info):
    try:
        if stat.S_ISLNK(info.st_mode):
            return "->" + digest(os.readlink(path))
        if stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except PermissionError:
        return "unreadable"
    return "-"


def size_of(info):
    """A folder's own size depends on its past, and a device has a number in its place."""
    if stat.S_ISDIR(info.st_mode):
        return "-"
    if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
        return f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
    return str(info.st_size)


def line_of(path, name):
    info = os.lstat(path)
    return " ".join([
        stat.filemode(info.st_mode), f"{info.st_uid}:{info.st_gid}", str(info.st_nlink), size_of(info),
        str(info.st_mtime_ns), attributes(path), contents(path, info), ascii(name)[2:-1],
    ])


def walk(path, name):
    """Every entry below PATH, itself first, in the order of their bytes."""
    yield line_of(path, name)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        return
    try:
        entries = sorted(os.listdir(path))
    except PermissionError:
        yield f"unreadable folder {ascii(name)[2:-1]}"
        return
    for entry in entries:
        yield from walk(os.path.join(path, entry), os.path.join(name, entry))


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for line in walk(os.fsencode(sys.argv[1]), b"."):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
