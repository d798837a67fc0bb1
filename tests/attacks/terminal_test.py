#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal_test.py: attacks on the caller's terminal, through a real pty.

What a terminal was sent by a TIOCSTI that got through would be read by the shell behind it: so after
each sandbox the terminal's own input must be empty, its modes and its size what they were.
"""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

SBX = os.environ["SBX"]
TREE = os.path.join(os.environ.get("SBX_TEST_TREES", "/nonexistent"), "busybox")
PROBE = os.path.join(os.environ["SBX_BUILD"], "tests/attacks/probe")
PATIENCE = 30
checks = failures = 0


def check(ok, what, note=""):
    global checks, failures
    checks += 1
    failures += not ok
    print(f"{'' if ok else 'not '}ok {checks} - {what}", flush=True)
    if not ok and note != "":
        print(f"# {note!r}"[:2000], flush=True)


class Terminal:
    """A pty of the caller's with COMMAND on it."""

    def __init__(self, *command):
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.modes = termios.tcgetattr(self.slave)
        self.said = b""
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def read(self, until=None):
        """What is printed, until the process ends or UNTIL is seen; False where neither comes in time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.said += os.read(self.master, 65536)
            elif self.process.poll() is not None:
                return True
            if until and until in self.said:
                return True
        self.process.kill()
        return False

    def pushed(self):
        """What waits to be read from it, in any mode."""
        modes = termios.tcgetattr(self.slave)
        modes[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        found = b""
        while select.select([self.slave], [], [], 0.1)[0]:
            found += os.read(self.slave, 100)
        return found

    def check_same(self, what):
        check(termios.tcgetattr(self.slave) == self.modes, f"{what}: the modes are the caller's")
        size = struct.unpack("HHHH", fcntl.ioctl(self.slave, termios.TIOCGWINSZ, b"\0" * 8))
        check(size[:2] == (30, 100), f"{what}: the size is the caller's", size)
        check(self.pushed() == b"", f"{what}: nothing was typed in the caller's place")

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def enter(*args):
    return [SBX, "enter", *args]


def probe_on_terminal(overlay, way, options):
    """probe.h's list of attacks on the terminal, with the canaries."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(PROBE, "outside", folder, *enter(
            "--overlay", overlay, *options, "-e", "CANARY_*", "-v", f"{PROBE}:/probe:ro", TREE, "--",
            "/probe", "inside", way, "terminal"))
        what = f"{overlay}, {way}"
        check(terminal.read(), f"{what}: it ends", terminal.said)
        lines = terminal.said.decode(errors="replace").splitlines()
        made = [line for line in lines if line.startswith(("ok - ", "not ok - "))]
        check(len(made) > 10, f"{what}: the attacks were made", terminal.said)
        for line in made:
            check(line.startswith("ok"), f"{what}: {line.partition(' - ')[2]}", terminal.said)
        terminal.check_same(what)
        terminal.close()


def spoil(what, script, *options, key=b"", after=b"ready"):
    """SCRIPT does its worst, and ends, or is ended by KEY."""
    terminal = Terminal(*enter(*options, TREE, "--", "sh", "-c", script))
    if key:
        check(terminal.read(after), f"{what}: it runs", terminal.said)
        os.write(terminal.master, key)
    check(terminal.read(), f"{what}: sbx ends", terminal.said[-200:])
    terminal.check_same(what)
    terminal.close()
    return terminal


def stops_nobody():
    """A payload that stops itself and all it can: the caller's shell goes on, sbx is a stopped job."""
    terminal = Terminal("bash", "-c", 'set -m; "$@"; echo "shell lives"; kill %%; wait', "-", *enter(
        TREE, "--", "sh", "-c", "kill -STOP -1; kill -STOP $$; sleep 100"))
    check(terminal.read(b"shell lives"), "a payload that stops itself stops no shell", terminal.said)
    os.killpg(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()
    subprocess.run(["pkill", "-KILL", "-s", str(terminal.process.pid)], check=False)
    terminal.close()


def flood():
    """Who never reads what the payload prints is not the payload's to hold up."""
    terminal = Terminal(*enter("--timeout", "2", TREE, "--", "yes"))
    time.sleep(3)
    started = time.monotonic()
    check(terminal.read(), "a flood that nobody reads: --timeout ends it")
    check(time.monotonic() - started < 10, "a flood that nobody reads: at once")
    terminal.check_same("a flood")
    terminal.close()


def raw_bytes_are_escaped():
    """A message of sbx's own on a terminal: nothing that the terminal would obey."""
    with tempfile.TemporaryDirectory() as folder:
        tree = os.path.join(folder, "e\x1b]0;owned\x07v\x9bil")
        os.mkdir(tree)
        terminal = Terminal(*enter(tree, "--", "/e\x1b[2Jvil"))
        terminal.read()
        check(b"vil" in terminal.said, "a message tells of names", terminal.said)
        check(not any(byte < 32 and byte not in b"\r\n" for byte in terminal.said),
              "and escapes what is in them", terminal.said)
        terminal.close()


def main():
    if not os.path.isdir(TREE):
        print("1..0 # SKIP no root filesystem busybox: run tests/run, which makes it")
        return 0
    os.environ["HOME"] = home = tempfile.mkdtemp()
    everything = ["--cap-add", "ALL"]
    for overlay in ("kernel", "fuse"):
        probe_on_terminal(overlay, "root", [])
        probe_on_terminal(overlay, "user", ["--user", "1000:1000"])
        probe_on_terminal(overlay, "all", everything)
        probe_on_terminal(overlay, "bare", [*everything, "--security-opt", "seccomp=unconfined", "--new-privs"])
    spoil("raw modes, killed", "stty raw -echo -opost; echo ready; kill -9 $$")
    spoil("raw modes, pid 1 killed by --timeout", "stty raw -echo; sleep 100", "--timeout", "1")
    spoil("no flow", "stty -ixon; printf '\\023ready\\n'; sleep 100", key=b"\x03")
    spoil("another size", "stty rows 1 cols 1; echo ready; exit 1")
    spoil("another control key", "stty intr x eof y susp z; echo ready; sleep 100", key=b"x")
    spoil("hung up", "exec 0<&- 1>&- 2>&-; sleep 0.5")
    spoil("every descriptor of the pty closed, and opened again", "exec 0<&- 1>&- 2>&-; sleep 0.2; echo x >/dev/pts/0; sleep 0.2")
    stops_nobody()
    flood()
    raw_bytes_are_escaped()
    subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", home], check=False)
    print(f"1..{checks}")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
