#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kills.py [ROUNDS [SEED]]: sbx and what belongs to it, killed at any moment.

Each round starts a short session that writes numbered files, and ends one of its processes at a moment by
chance: launcher, pid 1, newuidmap, fuse-overlayfs or the command. Whatever it hits, sbx ends soon and says
why, and nothing is left: no process, no mount, no folder that the next command doesn't remove, no change of
the tree. A sandbox with a name can be entered again, and has what was written.
"""

import ctypes
import os
import pathlib
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

SBX = os.environ["SBX"]
PATIENCE = 10  # seconds that an end may take
SESSION = 0.03  # seconds that a session takes, about
FILES = 40
WRITES = f"""
i=0
mkdir /data
while [ $i -lt {FILES} ]; do echo "number $i" >/data/$i; i=$((i + 1)); done
"""
READS = f"""
i=0
while [ $i -lt {FILES} ] && [ -e /data/$i ]; do echo "$i $(cat /data/$i)"; i=$((i + 1)); done
"""
PR_SET_CHILD_SUBREAPER = 36

checks = failures = 0


def check(what, problems):
    global checks, failures
    checks += 1
    failures += bool(problems)
    print(f"{'not ' if problems else ''}ok {checks} - {what}", flush=True)
    for problem in problems[:20]:
        print(f"# {problem}", flush=True)


# ---- processes -----------------------------------------------------------------------------


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def victim_find(launcher, victim):
    """The process that VICTIM names, if it runs now."""
    children = children_of(launcher)
    if victim == "launcher":
        return launcher
    if victim == "command":
        children = [grandchild for child in children for grandchild in children_of(child)]
        return children[0] if children else None
    names = {"pid 1": ("sbx", "sbx-init"), "newuidmap": ("newuidmap", "newgidmap"),
             "fuse-overlayfs": ("fuse-overlayfs",)}[victim]
    return next((child for child in children if name_of(child) in names), None)


def orphans_end():
    """What is left has become ours, since we are its subreaper; the names of those that don't end."""
    end = time.monotonic() + PATIENCE
    while children := children_of(os.getpid()):
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        if time.monotonic() > end:
            for child in children:
                os.kill(child, signal.SIGKILL)
            return [name_of(child) for child in children]
        time.sleep(0.002)
    return []


# ---- a session -----------------------------------------------------------------------------


class Session:
    """One sbx, with a terminal or without one."""

    def __init__(self, place, options, terminal, command=WRITES, before=None):
        # No file: ulimit -f is one of the troubles.
        self.stderr, stderr = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(stderr, True)
        self.master = None
        argv = [SBX, "enter", *options, "--", "/bin/sh", "-c", command]
        if terminal:
            self.master, slave = os.openpty()
            self.modes = termios.tcgetattr(slave)
            self.process = subprocess.Popen(["setsid", "-c", *argv], stdin=slave, stdout=slave, stderr=stderr,
                                            env=place.env, preexec_fn=before)
            os.close(slave)
        else:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=stderr, env=place.env, preexec_fn=before)
        os.close(stderr)

    def strike(self, victim, number, delay):
        """Sends the signal NUMBER to VICTIM, DELAY seconds from now or as soon as it is there; its number, or None."""
        time.sleep(delay)
        while self.process.poll() is None:
            pid = victim_find(self.process.pid, victim)
            if pid:
                try:
                    os.kill(pid, number)
                    return pid
                except (ProcessLookupError, PermissionError):
                    return None
        return None

    def end(self):
        """The exit status, or None where it doesn't end; and what it said."""
        end = time.monotonic() + PATIENCE
        while (status := self.process.poll()) is None and time.monotonic() < end:
            # Nobody waits for a reader.
            if self.master is not None and select.select([self.master], [], [], 0.005)[0]:
                try:
                    os.read(self.master, 65536)
                except OSError:
                    time.sleep(0.002)
            elif self.master is None:
                time.sleep(0.002)
        if status is None:
            self.process.kill()
            self.process.wait()
        try:
            said = os.read(self.stderr, 65536).decode(errors="replace")
        except BlockingIOError:
            said = ""  # something that sbx has left could still write
        os.close(self.stderr)
        return status, said

    def terminal_is_changed(self):
        return self.master is not None and termios.tcgetattr(self.master) != self.modes

    def done(self):
        if self.master is not None:
            os.close(self.master)


# ---- where it happens ----------------------------------------------------------------------


class Place:
    """A tree and a home folder of the test's own."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="kills."))
        self.tree = self.work / "tree"
        for folder in ("bin", "etc", "proc", "sys", "dev", "run", "tmp"):
            (self.tree / folder).mkdir(parents=True)
        shutil.copy("/bin/busybox", self.tree / "bin")
        for name in ("sh", "cat", "mkdir", "sleep"):
            (self.tree / "bin" / name).symlink_to("busybox")
        (self.work / "home").mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.work / "home"), "TERM": "xterm"}
        self.store = self.work / "home/.local/share/sbx"
        self.before = self.manifest()

    def sbx(self, *arguments):
        return subprocess.run([SBX, *arguments], stdin=subprocess.DEVNULL, capture_output=True, env=self.env,
                              text=True, errors="replace", timeout=PATIENCE, check=False)

    def manifest(self):
        return [(path, *os.lstat(path)[:7], os.lstat(path).st_mtime_ns, os.lstat(path).st_ctime_ns)
                for path in (self.tree, *sorted(self.tree.rglob("*")))]

    def leftovers(self):
        """What is still there after the next command, and must not be."""
        yield from (f"the process '{name}' is left" for name in orphans_end())
        if str(self.work) in pathlib.Path("/proc/self/mountinfo").read_text():
            yield "a mount is left"
        if self.manifest() != self.before:
            yield "the tree has changed"
        # What is made for an instant is removed once it is older.
        for path in [*self.store.glob(".new.*"), *self.store.glob(".probe.*")]:
            os.utime(path, (0, 0))
        listed = self.sbx("ls")
        if listed.returncode != 0 or listed.stderr:
            yield f"sbx ls: {listed.returncode} {listed.stderr!r}"
        if left := os.listdir(self.store / "tmp") if (self.store / "tmp").exists() else []:
            yield f"left in the store: {left}"
        known = re.compile(r"\.(overlay-in-|told-)|(containers|tmp|skeleton)$")
        if (self.store).exists():
            yield from (f"left in the store: '{name}'" for name in os.listdir(self.store) if not known.match(name))

    def done(self):
        shutil.rmtree(self.work, ignore_errors=True)
        if self.work.exists():
            subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", "--", self.work], check=False)


def kept_problems(place, victim, strikes):
    """What is wrong with the sandbox 'kept' after a session in it was cut; then it is removed."""
    if place.sbx("ls", "-q").stdout.split() != ["kept"]:
        return []
    problems = []
    again = place.sbx("enter", "kept", "--", "/bin/sh", "-c", READS)
    if again.returncode != 0:
        problems.append(f"it can't be entered again: {again.stderr!r}")
    files = again.stdout.splitlines()
    # A launcher that was hit on its last steps had made all of it whole. Else the last may have been about to be
    # written, and with the driver go those that it had in memory only.
    is_whole = victim == "launcher" and strikes and "cut short" not in again.stderr
    if is_whole and len(files) != FILES:
        problems.append(f"that it was cut short isn't said: {again.stderr!r}, {len(files)} files")
    if victim != "fuse-overlayfs":
        problems += [f"a file has '{line}'" for line in (files if is_whole else files[:-1])
                     if not re.fullmatch(r"(\d+) number \1", line)]
    removed = place.sbx("rm", "kept")
    if removed.returncode != 0:
        problems.append(f"it can't be removed: {removed.stderr!r}")
    return problems


def end_problems(session, victim, number):
    status, said = session.end()
    words = [line for line in said.splitlines() if not line.startswith(("sbx: enter: note: ", "hint: "))]
    if status is None:
        yield "sbx doesn't end"
    elif status == 125 and not any(re.match(r"sbx: enter: \S", line) for line in words):
        yield f"status 125, and it says {said!r}"
    elif status != 125 and status != 0 and victim == "launcher" and status not in (-number, 128 + number):
        yield f"status {status}, and it says {said!r}"
    # SIGKILL gives the launcher no time for that.
    if session.terminal_is_changed() and not (victim == "launcher" and number == signal.SIGKILL):
        yield "the terminal's modes are changed"
    session.done()


def round_play(place, chance, overlay, kept, terminal):
    victims = ["launcher", "launcher", "pid 1", "command", "newuidmap"]
    victim = chance.choice(victims + ["fuse-overlayfs"] * 2 * (overlay == "fuse"))
    number = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]) \
        if victim == "launcher" else signal.SIGKILL
    delay = 0 if victim == "newuidmap" else chance.uniform(0, SESSION * (3 if overlay == "fuse" else 1))
    options = ["--overlay", overlay, *(["--name", "kept"] if kept else []), str(place.tree)]
    session = Session(place, options, terminal)
    pid = session.strike(victim, number, delay)
    problems = [*end_problems(session, victim, number), *place.leftovers()]
    if kept:
        problems += kept_problems(place, victim, pid is not None and number == signal.SIGKILL)
    what = f"{number.name} to {victim} after {delay * 1000:.1f} ms"
    return bool(pid), [f"{what}: {problem}" for problem in problems]


def rounds_play(place, rounds, seed):
    chance = random.Random(seed)
    ways = [(overlay, kept, terminal) for overlay in ("kernel", "fuse") for kept in (False, True)
            for terminal in (False, True)]
    for overlay, kept, terminal in ways:
        problems, hits = [], 0
        for _ in range(rounds // len(ways)):
            hit, found = round_play(place, chance, overlay, kept, terminal)
            problems += found
            hits += hit
        what = f"{overlay}, {'named' if kept else 'thrown away'}, {'with' if terminal else 'without'} a terminal"
        check(f"{what}: {hits} of {rounds // len(ways)} killed, and nothing is left", problems)


# ---- other troubles ------------------------------------------------------------------------


def driver_stopped(place):
    """fuse-overlayfs that stands still for a while only takes longer."""
    session = Session(place, ["--overlay", "fuse", str(place.tree)], False, WRITES + "sleep 0.2")
    pid = session.strike("fuse-overlayfs", signal.SIGSTOP, 0.01)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    status, said = session.end()
    check("fuse-overlayfs stopped and continued", [*([] if status == 0 else [f"status {status}, {said!r}"]),
                                                   *place.leftovers()])
    session = Session(place, ["--overlay", "fuse", str(place.tree)], False, WRITES)
    pid = session.strike("fuse-overlayfs", signal.SIGSTOP, 0.005)
    session.strike("launcher", signal.SIGKILL, 0.1)
    session.end()
    check("fuse-overlayfs stopped, and the launcher killed", list(place.leftovers()))


def full_disk(place):
    """A store on a file system of few blocks: sbx says so, or the command does."""
    script = ("mount -t tmpfs -o size=$1,nr_inodes=$2 none \"$3\" && shift 3 && \"$@\"; status=$?; "
              "ls -A \"$XDG_DATA_HOME/sbx/tmp\"; exit $status")
    disk = place.work / "disk"
    disk.mkdir()
    problems = []
    for overlay in ("kernel", "fuse"):
        for size, inodes in (("4k", 1000), ("8k", 1000), ("16k", 1000), ("1m", 3), ("1m", 6), ("1m", 9), ("1m", 12)):
            done = subprocess.run(
                ["unshare", "-Urm", "--propagation", "private", "sh", "-c", script, "sh", size, str(inodes), disk, SBX,
                 "enter", "--map", "self", "--overlay", overlay, "--name", "kept", place.tree, "/bin/sh", "-c", WRITES],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                env={**place.env, "XDG_DATA_HOME": str(disk)}, timeout=PATIENCE, check=False)
            what = f"{overlay}, {size}, {inodes} files: status {done.returncode}, {done.stderr!r}"
            if done.returncode == 125 and not re.search(r"^sbx: enter: \S.*", done.stderr, re.MULTILINE):
                problems.append(what)
            if done.stdout:
                problems.append(f"{what}: left in the store: {done.stdout}")
    check("a full disk", [*problems, *place.leftovers()])


def small_files(place):
    """ulimit -f: sbx isn't ended by SIGXFSZ, and what it can't write it says."""
    import resource

    problems = []
    for limit in (0, 64, 1024, 4096, 16384):
        for overlay in ("kernel", "fuse"):
            session = Session(place, ["--overlay", overlay, "--name", "kept", str(place.tree)], False,
                              before=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            status, said = session.end()
            if status == 125 and not re.search(r"^sbx: enter: \S", said, re.MULTILINE) or (status or 0) < 0:
                problems.append(f"{limit} bytes, {overlay}: status {status}, {said!r}")
            problems += kept_problems(place, None, False)
    check("ulimit -f", [*problems, *place.leftovers()])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"# kills.py {rounds} {seed}", flush=True)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    place = Place()
    rounds_play(place, rounds, seed)
    driver_stopped(place)
    full_disk(place)
    small_files(place)
    place.done()
    print(f"1..{checks}")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
