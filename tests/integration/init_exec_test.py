#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""init_exec_test.py: how sbx-init finds a command, and what it says where it can't execute it."""

import errno
import os
import pathlib
import platform
import shutil
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # the source folder stays as it is

from init_sandbox import (DEFAULT_PATH, MS_NOEXEC, libc_call, message_bytes, raws, run, run_tests, tap)


class Refusals:
    """A folder full of files that can't be executed, each for a reason of its own."""

    def __init__(self, folder):
        self.folder = folder

    def file(self, name, data=b"", mode=0o755):
        path = os.path.join(self.folder, name)
        pathlib.Path(path).write_bytes(data)
        os.chmod(path, mode)
        return path

    @staticmethod
    def refused(what, command, status, err, text, hint="", **how):
        ended = run(command, "arg", **how)
        tap.same(f"{what}, to the byte", raws(ended.messages),
                 [message_bytes("EXEC_FAILED", status, getattr(errno, err), hint=hint.encode(),
                                text=os.fsencode(text)), message_bytes("EXITED", status << 8)])
        tap.same(f"{what}: its status", ended.status, status)


ELF_HERE = {"x86_64": 62, "aarch64": 183, "riscv64": 243}


def elf(interpreter=b"", wide=True, machine=None, kind=2, **fields):
    """An ELF file with one program header; FIELDS replaces what a sound one would say."""
    machine = ELF_HERE.get(platform.machine(), 62) if machine is None else machine
    ehdr_size, phdr_size = (64, 56) if wide else (52, 32)
    at = {"phoff": ehdr_size, "phentsize": phdr_size, "phnum": 1, "type": 3,
          "offset": ehdr_size + phdr_size, "filesz": len(interpreter) + 1, "data": 1} | fields
    ident = b"\x7fELF" + bytes([2 if wide else 1, at["data"], 1]) + bytes(9)
    order = "<" if at["data"] == 1 else ">"
    ehdr = struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), kind, machine, 1, 0x400000,
                       at["phoff"], 0, 0, ehdr_size, at["phentsize"], at["phnum"], 0, 0, 0)
    if wide:
        phdr = struct.pack(order + "IIQQQQQQ", at["type"], 4, at["offset"], 0x400000, 0, at["filesz"], 0, 1)
    else:
        phdr = struct.pack(order + "IIIIIIII", at["type"], at["offset"], 0x400000, 0, at["filesz"], 0, 4, 1)
    return ident + ehdr + phdr + interpreter + b"\0"


def test_refusals_by_name(files):
    refused = files.refused
    refused("a name that is nowhere", "nowhere", 127, "ENOENT",
            "'nowhere' is not in PATH (/usr/bin:/bin)", env={"PATH": "/usr/bin:/bin"})
    refused("without PATH", "nowhere", 127, "ENOENT", f"'nowhere' is not in PATH ({DEFAULT_PATH})", env={})
    refused("a path that is nowhere", "/nowhere/at/all", 127, "ENOENT", "no file '/nowhere/at/all'")
    refused("a path through a file", "/etc/passwd/x", 127, "ENOTDIR", "no file '/etc/passwd/x'")
    refused("a folder", files.folder, 126, "EACCES", f"'{files.folder}' is a folder, not a program")
    refused("a device", "/dev/null", 126, "EACCES", "'/dev/null' is a special file, not a program")
    refused("the empty string", "", 127, "ENOENT", "the command is an empty string")
    refused("a name of 5,000 bytes", "n" * 5000, 126, "ENAMETOOLONG",
            f"the command's name is too long: '{'n' * 256}...'")
    refused("a path of 5,000 bytes", "/" + "n" * 5000, 126, "ENAMETOOLONG",
            f"the command's name is too long: '/{'n' * 255}...'")
    refused("a part of 256 bytes", "/" + "n" * 256, 126, "ENAMETOOLONG",
            f"cannot reach '/{'n' * 255}...': the name is too long")
    refused("a name with control bytes", "/\x1b[2J\xff", 127, "ENOENT", "no file '/\x1b[2J\xff'")

    os.mkdir(os.path.join(files.folder, "locked"), 0o000)
    if os.getuid() != 0:
        path = os.path.join(files.folder, "locked/x")
        refused("a folder that can't be entered", path, 126, "EACCES",
                f"no permission to enter a folder on the way to '{path}'")
    fifo = os.path.join(files.folder, "fifo")
    os.mkfifo(fifo, 0o755)
    refused("a FIFO", fifo, 126, "EACCES", f"'{fifo}' is a special file, not a program")
    link = os.path.join(files.folder, "link")
    os.symlink("/nowhere", link)
    refused("a dangling link", link, 127, "ENOENT", f"'{link}' is a symbolic link to a file that does not exist")
    loop = os.path.join(files.folder, "loop")
    os.symlink("loop", loop)
    refused("a link to itself", loop, 126, "ELOOP",
            f"cannot reach '{loop}': too many symbolic links or #! lines in a row")


def test_refusals_by_mode(files):
    owner = "owner 0:0"
    path = files.file("plain", b"#!/bin/sh\n", 0o644)
    files.refused("a file without x", path, 126, "EACCES",
                  f"no permission to execute '{path}' (mode 0644, {owner})", "chmod +x makes a file executable")
    files.refused("the same by PATH", "plain", 126, "EACCES",
                  f"no permission to execute '{path}' (mode 0644, {owner})", "chmod +x makes a file executable",
                  env={"PATH": f"/usr/bin:{files.folder}:/bin"})
    path = files.file("others", b"#!/bin/sh\n", 0o655)
    if os.getuid() != 0:
        files.refused("a file that others may execute", path, 126, "EACCES",
                      f"no permission to execute '{path}' (mode 0655, {owner})")

    target = os.path.join(files.folder, "noexec")
    os.mkdir(target)

    def mount():
        libc_call("mount", b"none", target.encode(), b"tmpfs", MS_NOEXEC, None)
        shutil.copy("/bin/true", target)

    files.refused("a file system without exec", f"{target}/true", 126, "EACCES",
                  f"cannot execute '{target}/true': its file system is mounted noexec", before=mount)


def test_refusals_by_script(files):
    script = files.file("missing", b"#!/usr/bin/pythom -x\n")
    files.refused("a #! line that names nothing", script, 127, "ENOENT",
                  f"'{script}' exists, but the program '/usr/bin/pythom' of its #! line does not")
    script = files.file("windows", b"#!/bin/sh\r\necho\r\n")
    files.refused("a script from Windows", script, 127, "ENOENT",
                  f"'{script}' exists, but the program '/bin/sh\r' of its #! line does not",
                  "its lines end as on Windows, in a carriage return too; dos2unix mends it")
    script = files.file("noname", b"#! \t\n")
    files.refused("a #! line without a name", script, 126, "ENOEXEC", f"the #! line of '{script}' names no program")
    script = files.file("long", b"#!/" + b"a" * 10_000_000)
    files.refused("a #! line of 10 MB", script, 126, "ENOEXEC",
                  f"the #! line of '{script}' is longer than the kernel reads")
    script = files.file("tofolder", b"#!/usr\n")
    files.refused("a #! line that names a folder", script, 126, "EACCES",
                  f"the #! line of '{script}' names '/usr': '/usr' is a folder, not a program")
    inner = os.path.join(files.folder, "missing")
    script = files.file("chain", b"#!" + inner.encode())
    files.refused("a script of a script", script, 127, "ENOENT",
                  f"the #! line of '{script}' names '{inner}': "
                  f"'{inner}' exists, but the program '/usr/bin/pythom' of its #! line does not")
    script = os.path.join(files.folder, "itself")
    files.file("itself", b"#!" + script.encode())
    files.refused("a script of itself", script, 126, "ELOOP",
                  f"cannot execute '{script}': too many symbolic links or #! lines in a row")
    script = files.file("binary", b"ab\0cd")
    files.refused("bytes that are no program", script, 126, "ENOEXEC",
                  f"'{script}' is neither an ELF program nor a script")


def test_refusals_by_elf(files):
    machine = ELF_HERE.get(platform.machine())
    if machine is None:
        tap.skip("ELF files that can't be executed", f"the test has none for {platform.machine()}")
        return
    lacks = "the tree lacks the C library that this program was built for"
    path = files.file("musl", elf(b"/lib/ld-nowhere.so.1"))
    files.refused("an ELF interpreter that is missing", path, 127, "ENOENT",
                  f"'{path}' exists but its interpreter '/lib/ld-nowhere.so.1' does not (named by the ELF header)",
                  lacks)
    script = files.file("of-musl", b"#!" + path.encode() + b" x\n")
    files.refused("that of a script's program", script, 127, "ENOENT",
                  f"the #! line of '{script}' names '{path}': '{path}' exists but its interpreter "
                  "'/lib/ld-nowhere.so.1' does not (named by the ELF header)", lacks)
    path = files.file("infolder", elf(b"/usr"))
    files.refused("an ELF interpreter that is a folder", path, 126, "EACCES",
                  f"the ELF header of '{path}' names '/usr': '/usr' is a folder, not a program")
    other, name = (183, "aarch64") if machine != 183 else (62, "x86-64")
    path = files.file("foreign", elf(machine=other))
    files.refused("another architecture", path, 126, "ENOEXEC",
                  f"'{path}' is for another architecture ({name}, 64 bits, ELF machine {other})")
    path = files.file("s390", elf(machine=22, data=2))
    files.refused("another byte order", path, 126, "ENOEXEC",
                  f"'{path}' is for another architecture (s390, 64 bits, ELF machine 22)")
    path = files.file("object", elf(kind=1))
    files.refused("an object file", path, 126, "ENOEXEC", f"'{path}' is an ELF file, but no program (ELF type 1)")
    damage = {"phentsize": 55, "phnum": 0, "phoff": 2**63 + 5, "data": 1}
    for field in ("phentsize", "phnum"):
        path = files.file(f"bad-{field}", elf(b"/lib/ld.so", **{field: damage[field]}))
        files.refused(f"a damaged {field}", path, 126, "ENOEXEC", f"'{path}' has a damaged ELF header")
    path = files.file("short", elf()[:20])
    ended = run(path)
    tap.check(ended.status == 126 and ended.messages[0].type == "EXEC_FAILED", "an ELF file of 20 bytes", ended)


def test_hostile_elf(files):
    """Numbers that lead out of the file, or past 64 bits, get a sentence and do no harm."""
    name = b"/lib/ld-nowhere.so.1"
    huge = (0, 1, 2, 4096, 4097, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 120, 2**64 - 1)
    cases = [{field: value} for field in ("phoff", "offset", "filesz") for value in huge]
    cases += [{"phnum": n, "phoff": at} for n in (2, 1170, 1171, 65535) for at in (64, 2**64 - 200)]
    wrong = []
    for i, fields in enumerate(cases):
        ended = run(files.file(f"hostile{i}", elf(name, **fields)))
        told = [m.type for m in ended.messages] == ["EXEC_FAILED", "EXITED"] and ended.messages[0].text
        # Without an interpreter the kernel may run it: there is no code, so it ends at once.
        ran = raws(ended.messages) in ([message_bytes("EXITED", n)] for n in (9, 11, 0x8b))
        if not (told and ended.status in (126, 127)) and not (ran and "offset" not in fields):
            wrong.append((fields, ended))
    tap.same(f"{len(cases)} ELF files with numbers that lead nowhere", wrong, [])


def test_search(files):
    text = files.file("text", b"echo \"$0\" \"$@\"\n")
    tap.same("a text without #! is the shell's", run(text, "a b", "c").out, f"{text} a b c\n")
    tap.same("also by PATH", run("text", "x", env={"PATH": f"{files.folder}:/bin"}).out, f"{text} x\n")
    tap.same("an empty file is an empty script", run(files.file("empty")).status, 0)
    os.mkdir(os.path.join(files.folder, "first"))
    files.file("first/true", mode=0o644)
    path = f"{files.folder}/first:/nowhere:/etc/passwd:/usr/bin:/bin"
    tap.same("the search goes on behind a file that can't be executed", run("true", env={"PATH": path}).status, 0)
    tap.same("an empty part of PATH is the working folder",
             run("text", "y", env={"PATH": "/nowhere:"}, before=lambda: os.chdir(files.folder)).out, "text y\n")
    tap.same("a part of PATH that is too long is passed over",
             run("true", env={"PATH": f"/{'d' * 5000}:/usr/bin:/bin"}).status, 0)
    folder = os.path.join(files.folder, "true")
    os.mkdir(folder)
    tap.same("so is a folder of that name", run("true", env={"PATH": f"{files.folder}:/usr/bin:/bin"}).status, 0)
    Refusals.refused("and alone it isn't found", "true", 127, "ENOENT",
                     f"'true' is not in PATH ({files.folder})", env={"PATH": files.folder})
    Refusals.refused("with no /bin/sh a text can't be run", text, 126, "ENOEXEC",
                     f"'{text}' has no #! line, and '/bin/sh', which would read it then, cannot be executed",
                     before=hide_shell)


def hide_shell():
    shell = os.path.realpath("/bin/sh").encode()
    libc_call("mount", b"/dev/null", shell, None, 4096, None)


def test_refusals():
    with tempfile.TemporaryDirectory() as folder:
        files = Refusals(folder)
        test_refusals_by_name(files)
        test_refusals_by_mode(files)
        test_refusals_by_script(files)
        test_refusals_by_elf(files)
        test_hostile_elf(files)
        os.chmod(os.path.join(folder, "locked"), 0o700)
    with tempfile.TemporaryDirectory() as folder:
        test_search(Refusals(folder))


TESTS = [test_refusals]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
