#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""init_test.py: sbx-init as pid 1: what it runs, forwards, reaps, says, and lets nobody have."""

import collections
import contextlib
import errno
import fcntl
import os
import pathlib
import re
import resource
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.dont_write_bytecode = True  # the source folder stays as it is

from init_sandbox import (PATIENCE, PYTHON, Lines, Sandbox, is_freestanding, is_running, message_bytes,
                          raws, run, run_tests, state, tap, wait_for)

# ---- life and end --------------------------------------------------------------------------

def test_exit_status():
    for status in (0, 7, 255):
        ended = run("/bin/sh", "-c", f"exit {status}")
        tap.same(f"exit {status} is its own status", ended.status, status)
        tap.same(f"exit {status} is one message, to the byte", raws(ended.messages),
                 [message_bytes("EXITED", status << 8)])
    ended = run("/bin/sh", "-c", "kill -9 $$")
    tap.same("a payload that signal 9 ends is 128+9", ended.status, 137)
    tap.same("and its wait status says the signal", raws(ended.messages),
             [message_bytes("EXITED", 9)])


def test_arguments():
    bad = {
        "no arguments": (),
        "no command": ("--",),
        "-t without a descriptor": ("-t",),
        "-t 3": ("-t", "3", "--", "true"),
        "-t 11": ("-t", "11", "--", "true"),
        "-x": ("-x", "--", "true"),
        "a command without --": ("true",),
    }
    for what, options in bad.items():
        ended = run(options=options)
        tap.same(f"{what} is refused", (ended.status, [(m.type, m.step, m.err) for m in ended.messages]),
                 (125, [("FAILED", "init", errno.EINVAL)]))
    ended = run("true", options=("-t", "0"))
    tap.same("a terminal that is none is refused", raws(ended.messages),
             [message_bytes("FAILED", 125, errno.ENOTTY, b"init",
                            text=b"make the pty the controlling terminal: not a terminal")])


def test_no_fork():
    what = "where no process can be made, that is told"
    if os.getuid() == 0:
        tap.skip(what, "the limit on processes doesn't hold for root")
        return
    ended = run("true", before=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
    tap.same(what, raws(ended.messages),
             [message_bytes("FAILED", 125, errno.EAGAIN, b"init",
                            text=b"fork: the limit on processes (nproc, pids) is reached")])


def test_launcher_ends():
    with tempfile.TemporaryDirectory() as folder:
        mark = pathlib.Path(folder, "mark")
        sandbox = Sandbox("touch", str(mark), hang_up=True)
        tap.same("with the launcher gone from the start, it ends", sandbox.wait(), 125)
        tap.check(not mark.exists(), "and runs nothing")
    sandbox = Sandbox("sleep", "60")
    payload = os.pidfd_open(sandbox.payload())
    os.kill(sandbox.parent, signal.SIGKILL)
    ended, _, _ = select.select([payload], [], [], PATIENCE)
    tap.check(bool(ended), "when the launcher is killed, the sandbox ends")
    os.close(payload)
    sandbox.wait()


def fill_pipe():
    """In pid 1 to be: its end, the only pipe that it has with these flags, takes no more."""
    wire = next(fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}")
                and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(wire, b"x" * 512)


def test_pipe_never_blocks():
    sandbox = Sandbox("/bin/sh", "-c", "exit 3", before=fill_pipe)
    tap.same("a launcher that doesn't read holds nothing up", sandbox.wait(), 3)
    sandbox = Sandbox("sleep", "60")
    payload = sandbox.payload()
    sandbox.hang_up()
    wait_for(lambda: is_running(payload, "sleep"))
    sandbox.kill(signal.SIGTSTP)
    wait_for(lambda: state(payload) == "T")
    sandbox.kill(signal.SIGCONT)
    wait_for(lambda: state(payload) == "S")
    tap.same("a pipe that is closed brings no SIGPIPE", state(payload), "S")
    sandbox.kill(signal.SIGTERM)
    tap.same("and changes no exit status", sandbox.wait(), 143)


# ---- what the payload gets, and what it doesn't --------------------------------------------

def test_payload_inherits():
    ended = run("ls", "/proc/self/fd")
    tap.same("the payload has descriptors 0 to 2 and no other", ended.out.split(), ["0", "1", "2", "3"])
    tap.same("pid 1 is named sbx-init", run("cat", "/proc/1/comm").out, "sbx-init\n")

    def ignore():
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, 40):
            signal.signal(number, signal.SIG_IGN)

    ended = run("cat", "/proc/self/status", before=ignore)
    tap.same("no signal is blocked, ignored or caught",
             re.findall(r"^Sig(?:Blk|Ign|Cgt):\t(\w+)", ended.out, re.M), ["0" * 16] * 3)
    tap.same("and its status comes home though the caller ignored SIGCHLD", ended.status, 0)
    pid, group, session, terminal = map(int, re.search(
        r"^(\d+) \(cat\) \S+ \d+ (\d+) (\d+) (\d+)", run("cat", "/proc/self/stat").out).groups())
    tap.same("it leads a group of its own in pid 1's session", (group, session), (pid, 1))
    tap.same("it has no controlling terminal", terminal, 0)
    tap.same("its environment is what was handed in", run("env", env={"PATH": "/usr/bin", "A": "b c"}).out,
             "PATH=/usr/bin\nA=b c\n")
    tap.same("its arguments are too", run("printf", "%s|", "", "a b", "--", "-t").out, "|a b|--|-t|")


def test_closed_to_the_payload():
    ended = run("cat", "/proc/1/environ")
    tap.check(ended.status != 0 and "Permission denied" in ended.out, "/proc/1/environ can't be read",
              ended)
    for name in ("maps", "mem", "exe"):
        ended = run("head", "-c", "1", f"/proc/1/{name}")
        tap.check(ended.status != 0 and "Permission denied" in ended.out, f"nor /proc/1/{name}", ended)
    ended = run("readlink", "/proc/1/fd/3", "/proc/1/cwd")
    tap.same("nor what its descriptors lead to", (ended.status, ended.out), (1, ""))


def test_stdio_is_let_go():
    reader, writer = os.pipe()
    sandbox = Sandbox("/bin/sh", "-c", "echo x; exec >&-; sleep 60", stdio=(None, writer, None))
    os.close(writer)
    lines = Lines(reader)
    tap.same("a pipe that the payload closes is closed", (lines.next(), lines.next()), ("x", None))
    tap.check(pathlib.Path(f"/proc/{sandbox.payload()}").exists(), "while the payload still runs")
    sandbox.kill(signal.SIGTERM)
    sandbox.wait()


# ---- signals -------------------------------------------------------------------------------

LISTENER = r"""
import os, signal, sys
numbers = signal.valid_signals() - {9, 19}
if sys.argv[1:] == ["join"]:
    os.setpgid(0, os.getpgid(1))
child = os.fork() if sys.argv[1:] == ["fork"] else -1
name = "child" if child == 0 else "payload"
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.write(1, b"ready\n")
while True:
    os.write(1, b"%s %d\n" % (name.encode(), signal.sigwait(numbers)))
"""


def listener(mode):
    reader, writer = os.pipe()
    sandbox = Sandbox(PYTHON, "-I", "-c", LISTENER, mode, stdio=(None, writer, None))
    os.close(writer)
    lines = Lines(reader)
    for _ in range(2 if mode == "fork" else 1):
        lines.next()
    return sandbox, lines


def test_forwarding():
    group = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH}
    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
    sandbox, lines = listener("fork")
    wrong = []
    for number in numbers:
        sandbox.kill(number)
        want = {f"payload {number}"} | ({f"child {number}"} if number in group else set())
        got = {lines.next() for _ in want}
        if got != want:
            wrong.append((number, got))
    # The next line of each shows that none had one more than it should.
    sandbox.kill(signal.SIGCHLD)
    sandbox.kill(signal.SIGHUP)
    last = {lines.next(), lines.next()}
    tap.same(f"each of {len(numbers)} signals gets to the payload, a terminal's to its group", wrong, [])
    tap.same("SIGCHLD does not, and no signal came twice", last, {"payload 1", "child 1"})
    sandbox.kill(signal.SIGSTOP)  # from outside it stops pid 1 itself
    sandbox.kill(signal.SIGUSR1)
    sandbox.kill(signal.SIGCONT)
    got = {lines.next() for _ in range(3)}
    tap.same("what came while pid 1 was stopped is forwarded then", got,
             {"payload 10", "payload 18", "child 18"})
    os.kill(sandbox.payload(), signal.SIGKILL)
    sandbox.wait()

    sandbox, lines = listener("join")
    sandbox.kill(signal.SIGHUP)
    tap.same("a payload that left its group is reached by itself", lines.next(), "payload 1")
    os.kill(sandbox.payload(), signal.SIGKILL)
    sandbox.wait()


def test_many_signals():
    n = 3000
    sandbox, lines = listener("alone")
    for i in range(n):
        sandbox.kill(34 + i % 30)
    got = collections.Counter(lines.next() for _ in range(n))
    tap.same(f"{n} realtime signals at once all arrive", got,
             collections.Counter({f"payload {number}": n // 30 for number in range(34, 64)}))
    os.kill(sandbox.payload(), signal.SIGKILL)
    sandbox.wait()


def test_stop_and_continue():
    sandbox = Sandbox("sleep", "60")
    payload = sandbox.payload()
    wait_for(lambda: is_running(payload, "sleep"))
    for _ in range(2):
        sandbox.kill(signal.SIGTSTP)
        tap.same("TSTP stops the payload, and that is told, to the byte", sandbox.message().raw,
                 message_bytes("STOPPED", signal.SIGTSTP))
        tap.same("it is stopped", state(payload), "T")
        sandbox.kill(signal.SIGCONT)
        tap.check(wait_for(lambda: state(payload) == "S"), "CONT continues it")
    sandbox.kill(signal.SIGTERM)
    tap.same("TERM ends it", (sandbox.message().raw, sandbox.wait()), (message_bytes("EXITED", 15), 143))

    ended = run("/bin/sh", "-c", "orphan=$(sleep 60 >/dev/null & echo $!); kill -STOP $orphan; sleep 0.1; exit 5")
    tap.same("the stop of an orphan is not taken for the payload's", raws(ended.messages),
             [message_bytes("EXITED", 5 << 8)])


# ---- the terminal --------------------------------------------------------------------------

@contextlib.contextmanager
def on_pty(*command):
    master, slave = os.openpty()
    sandbox = Sandbox(*command, options=("-t", "0"), stdio=(slave, slave, slave))
    os.close(slave)
    yield sandbox, master
    os.close(master)


def read_until(master, wanted):
    got = b""
    while wanted not in got:
        if not select.select([master], [], [], PATIENCE)[0]:
            raise TimeoutError(f"no {wanted!r} in {got!r}")
        got += os.read(master, 4096)
    return got


def test_terminal():
    with on_pty("cat") as (sandbox, master):
        os.write(master, b"hello\n")
        read_until(master, b"hello\r\nhello\r\n")
        fields = pathlib.Path(f"/proc/{sandbox.payload()}/stat").read_text().rpartition(")")[2].split()
        tap.check(int(fields[4]) != 0, "-t gives it a controlling terminal")
        tap.same("whose foreground is the payload's group", fields[5], fields[2])
        os.write(master, b"\x1a")
        tap.same("Ctrl-Z stops it", sandbox.message().raw, message_bytes("STOPPED", signal.SIGTSTP))
        sandbox.kill(signal.SIGCONT)
        os.write(master, b"again\n")
        read_until(master, b"again\r\nagain\r\n")
        os.write(master, b"\x03")
        tap.same("Ctrl-C ends it", (sandbox.message().raw, sandbox.wait()),
                 (message_bytes("EXITED", signal.SIGINT), 130))

    code = "import os, signal; os.tcsetpgrp(0, os.getpgid(1)); print('away'); print('got', input())"
    with on_pty(PYTHON, "-I", "-c", code) as (sandbox, master):
        read_until(master, b"away")
        tap.same("reading in the background stops it", sandbox.message().raw,
                 message_bytes("STOPPED", signal.SIGTTIN))
        sandbox.kill(signal.SIGCONT)
        os.write(master, b"line\n")
        read_until(master, b"got line")
        tap.same("on CONT it has the terminal again", sandbox.wait(), 0)

    with on_pty("sh", "-c", "trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done"
                ) as (sandbox, master):
        read_until(master, b"ready")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        read_until(master, b"33 77")
        tap.same("a new size of the terminal gets to the payload", sandbox.wait(), 4)

    with on_pty("sleep", "60") as (sandbox, master):
        sandbox.payload()
    tap.same("a terminal that hangs up ends it", sandbox.wait(), 129)


# ---- reaping, and what it costs ------------------------------------------------------------

ORPHANS = r"""
import os, sys, time
if os.fork() == 0:
    for i in range(int(sys.argv[1])):
        if os.fork() == 0:
            os._exit(i & 0x7f)
    os._exit(0)
os.wait()
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    left = [n for n in os.listdir("/proc") if n.isdigit()]
    if len(left) == 2:
        break
    time.sleep(0.01)
ticks = sum(map(int, open("/proc/1/stat").read().rpartition(")")[2].split()[11:13]))
print(len(left), ticks * 10)
"""


def test_orphans():
    n = 5000
    ended = run(PYTHON, "-I", "-c", ORPHANS, str(n))
    left, milliseconds = map(int, ended.out.split())
    tap.same(f"{n} orphans are all reaped", left, 2)
    tap.check(milliseconds < 2000, f"which takes pid 1 little time ({milliseconds} ms)")
    tap.same("none of them is taken for the payload", raws(ended.messages),
             [message_bytes("EXITED", 0)])
    ended = run("/bin/sh", "-c", "setsid sleep 60 & exit 6")
    tap.same("what still runs ends with the payload", ended.status, 6)


def switches(pid):
    return re.findall(r"ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())


def test_cost():
    sandbox = Sandbox("sleep", "60")
    payload = sandbox.payload()
    wait_for(lambda: is_running(payload, "sleep"))
    wait_for(lambda: state(sandbox.pid) == "S")
    before = switches(sandbox.pid)
    time.sleep(0.3)
    tap.same("with nothing to do it doesn't run", switches(sandbox.pid), before)
    memory = pathlib.Path(f"/proc/{sandbox.pid}/smaps_rollup").read_text()
    private = sum(int(kib) for kib in re.findall(r"^Private_\w+:\s+(\d+) kB", memory, re.M))
    if is_freestanding(sandbox.init):
        tap.check(private < 40, f"it has {private} KiB of private memory, under 40", memory)
        size = os.path.getsize(sandbox.init)
        tap.check(size < 16384, f"its file has {size} bytes, under 16 KiB")
    sandbox.kill(signal.SIGKILL)
    sandbox.wait()


def test_file():
    headers = subprocess.run(["readelf", "-lW", Sandbox.init], check=True, capture_output=True, text=True).stdout
    if not is_freestanding(Sandbox.init):
        return
    loads = re.findall(r"^\s+LOAD\s.*0x\w+ +([RWE ]{3}) ", headers, re.M)
    tap.check(loads and not [flags for flags in loads if "W" in flags and "E" in flags],
              "no segment can be both written and executed", headers)
    tap.check(bool(re.search(r"GNU_STACK.* RW +0x", headers)), "its stack can't be executed", headers)
    tap.check("INTERP" not in headers and "DYNAMIC" not in headers, "it needs no other file", headers)


TESTS = [test_exit_status, test_arguments, test_no_fork, test_launcher_ends, test_pipe_never_blocks,
         test_payload_inherits, test_closed_to_the_payload, test_stdio_is_let_go, test_forwarding,
         test_many_signals, test_stop_and_continue, test_terminal, test_orphans, test_cost, test_file]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
