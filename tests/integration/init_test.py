#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""init_test.py: sbx-init as pid 1: what it runs, forwards, reaps, says, and lets nobody have.

It plays the launcher: makes the namespaces, hands in the socket, and reads what comes. Where the
build has a hosted sbx-init too, which is the one that sanitizers see, all is done with that again.
Called with paths, it tests these programs.
"""

import collections
import contextlib
import ctypes
import errno
import fcntl
import os
import pathlib
import platform
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PYTHON = os.path.realpath(sys.executable)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 20  # seconds that anything may take before the test calls it stuck

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
PR_CAPBSET_DROP = 24
MS_NOEXEC = 8

libc = ctypes.CDLL(None, use_errno=True)


def libc_call(name, *args):
    if getattr(libc, name)(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


# ---- what is said over the socket ----------------------------------------------------------

def wire_types():
    text = (SOURCE / "src/sandbox/wire.h").read_text()
    names = re.findall(r"\bWIRE_\w+", re.search(r"enum wire_type \{(.*?)\}", text, re.S)[1])
    return {1 + i: name.removeprefix("WIRE_") for i, name in enumerate(names)}


WIRE_TYPES = wire_types()
WIRE_FD = 3
HEAD = struct.Struct("=Iii32s512s")

Message = collections.namedtuple("Message", "type status err step hint text raw")


def message_read(raw):
    number, status, err, step, hint = HEAD.unpack_from(raw)
    step, hint, text = (part.split(b"\0")[0].decode() for part in (step, hint, raw[HEAD.size:]))
    return Message(WIRE_TYPES.get(number, number), status, err, step, hint, text, raw)


def message_bytes(name, status, err=0, step=b"", hint=b"", text=b""):
    number = next(number for number, known in WIRE_TYPES.items() if known == name)
    return HEAD.pack(number, status, err, step, hint) + text + b"\0"


# ---- a sandbox -----------------------------------------------------------------------------

class Sandbox:
    """The program INIT as pid 1 of new user, pid and mount namespaces."""

    init = None
    running = set()

    def __init__(self, *command, options=(), env=None, stdio=(None, None, None), before=None,
                 hang_up=False):
        self.wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ready, announce = os.pipe()
        if hang_up:
            self.wire.close()
        self.argv = ["sbx-init", *options, "--", *command] if command else ["sbx-init", *options]
        self.env = {"PATH": DEFAULT_PATH} if env is None else env
        # The launcher's part, which has to be a process of its own: unshare(CLONE_NEWPID) is for good.
        self.parent = os.fork()
        if self.parent == 0:
            with contextlib.suppress(BaseException):
                os.close(ready)
                self.wire.close()
                self._make_namespaces()
                self.pid = os.fork()
                if self.pid == 0:
                    self._become_init(theirs, stdio, before)
                os.write(announce, b"%d" % self.pid)
                os.closerange(3, 1024)  # pipes and terminals of the test's end with their sandbox
                _, status = os.waitpid(self.pid, 0)
                os._exit(os.waitstatus_to_exitcode(status) & 0xff)
            os._exit(99)
        theirs.close()
        os.close(announce)
        self.pid = int(os.read(ready, 32) or 0)
        os.close(ready)
        self.pidfd = None
        with contextlib.suppress(ProcessLookupError):
            self.pidfd = os.pidfd_open(self.pid)
        self.running.add(self)

    @staticmethod
    def _make_namespaces():
        uid, gid = os.getuid(), os.getgid()
        libc_call("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")

    def _become_init(self, theirs, stdio, before):
        with contextlib.suppress(BaseException):
            libc_call("mount", b"proc", b"/proc", b"proc", 0, None)
            if before:
                before()
            capability = 0
            while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
                capability += 1
            program = os.memfd_create("sbx-init", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.write(program, pathlib.Path(self.init).read_bytes())
            seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
            fcntl.fcntl(program, fcntl.F_ADD_SEALS, seals)
            program = fcntl.fcntl(program, fcntl.F_DUPFD_CLOEXEC, 20)
            null = os.open("/dev/null", os.O_RDWR)
            wire = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 30)
            for i, fd in enumerate([null if fd is None else fd for fd in stdio]):
                os.dup2(fd, 10 + i)
            for i in range(3):
                os.dup2(10 + i, i)
                os.close(10 + i)
            os.dup2(wire, WIRE_FD)
            os.dup2(null, 9)  # one that must not get to the payload
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            os.execve(program, self.argv, self.env)
        os._exit(98)

    def message(self):
        """The next message; None at the end of the socket."""
        if not select.select([self.wire], [], [], PATIENCE)[0]:
            raise TimeoutError("no message came")
        raw = self.wire.recv(4096)
        return message_read(raw) if raw else None

    def kill(self, number):
        signal.pidfd_send_signal(self.pidfd, number)

    def wait(self):
        """Its exit status, as the shell would see it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.parent, os.WNOHANG)
            if pid:
                self.running.discard(self)
                if self.pidfd is not None:
                    os.close(self.pidfd)
                self.wire.close()
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        raise TimeoutError("it did not end")

    def end(self):
        """For one that a failed test has left."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.kill(self.parent, signal.SIGKILL)
        self.wait()

    def payload(self):
        """The host's number of the payload's process."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(0.002)
        raise TimeoutError("no payload appeared")


Ended = collections.namedtuple("Ended", "status messages out")


def run(*command, **how):
    """Runs COMMAND to its end; both outputs together."""
    with tempfile.TemporaryFile() as log:
        sandbox = Sandbox(*command, stdio=(None, log.fileno(), log.fileno()), **how)
        messages = []
        while message := sandbox.message():
            messages.append(message)
        status = sandbox.wait()
        log.seek(0)
        return Ended(status, messages, log.read().decode(errors="replace"))


def run_python(code, **how):
    return run(PYTHON, "-I", "-c", code, **how)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


# ---- TAP -----------------------------------------------------------------------------------

class Tap:
    def __init__(self):
        self.checks = self.failures = 0
        self.prefix = ""

    def check(self, ok, what, *notes):
        self.checks += 1
        self.failures += not ok
        print(f"{'' if ok else 'not '}ok {self.checks} - {self.prefix}{what}")
        for note in () if ok else notes:
            print("# " + str(note).replace("\n", "\n# "))
        sys.stdout.flush()
        return ok

    def same(self, what, got, want):
        return self.check(got == want, what, f"got  {got!r}", f"want {want!r}")

    def skip(self, what, why):
        self.checks += 1
        print(f"ok {self.checks} - {self.prefix}{what} # SKIP {why}")


tap = Tap()


# ---- life and end --------------------------------------------------------------------------

def test_exit_status():
    for status in (0, 7, 255):
        ended = run("/bin/sh", "-c", f"exit {status}")
        tap.same(f"exit {status} is its own status", ended.status, status)
        tap.same(f"exit {status} is one message, to the byte", [m.raw for m in ended.messages],
                 [message_bytes("EXITED", status << 8)])
    ended = run("/bin/sh", "-c", "kill -9 $$")
    tap.same("a payload that signal 9 ends is 128+9", ended.status, 137)
    tap.same("and its wait status says the signal", [m.raw for m in ended.messages],
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
    tap.same("a terminal that is none is refused", [m.raw for m in ended.messages],
             [message_bytes("FAILED", 125, errno.ENOTTY, b"init",
                            text=b"make the pty the controlling terminal: not a terminal")])


def test_no_fork():
    what = "where no process can be made, that is told"
    if os.getuid() == 0:
        tap.skip(what, "the limit on processes doesn't hold for root")
        return
    ended = run("true", before=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
    tap.same(what, [m.raw for m in ended.messages],
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


def test_socket_never_blocks():
    def fill():
        with socket.socket(fileno=os.dup(self_wire)) as theirs:
            theirs.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    theirs.send(b"x" * 512)

    # In the child the launcher's end is closed, so the one that is left of the pair is its own.
    def find_and_fill():
        nonlocal self_wire
        for fd in range(3, 64):
            with contextlib.suppress(OSError):
                if os.path.realpath(f"/proc/self/fd/{fd}").rpartition("/")[2].startswith("socket:"):
                    self_wire = fd
        fill()

    self_wire = -1
    sandbox = Sandbox("/bin/sh", "-c", "exit 3", before=find_and_fill)
    tap.same("a launcher that doesn't read holds nothing up", sandbox.wait(), 3)
    sandbox = Sandbox("sleep", "60")
    sandbox.payload()
    sandbox.wire.close()
    sandbox.kill(signal.SIGTERM)
    tap.same("a socket that is closed changes no exit status", sandbox.wait(), 143)


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
    with os.fdopen(reader, "rb") as pipe:
        got = pipe.read() if select.select([pipe], [], [], PATIENCE)[0] else None
    tap.same("a pipe that the payload closes is closed", got, b"x\n")
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


class Lines:
    """What is written into a pipe, by lines."""

    def __init__(self, fd):
        self.fd, self.rest = fd, b""

    def next(self):
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], PATIENCE)[0]:
                raise TimeoutError("no line came")
            got = os.read(self.fd, 65536)
            if not got:
                raise EOFError("no line will come")
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()


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


def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_stop_and_continue():
    sandbox = Sandbox("sleep", "60")
    payload = sandbox.payload()
    wait_for(lambda: pathlib.Path(f"/proc/{payload}/comm").read_text() == "sleep\n")
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
    tap.same("the stop of an orphan is not taken for the payload's", [m.raw for m in ended.messages],
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
    tap.same("none of them is taken for the payload", [m.raw for m in ended.messages],
             [message_bytes("EXITED", 0)])
    ended = run("/bin/sh", "-c", "setsid sleep 60 & exit 6")
    tap.same("what still runs ends with the payload", ended.status, 6)


def switches(pid):
    return re.findall(r"ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())


def test_cost():
    sandbox = Sandbox("sleep", "60")
    payload = sandbox.payload()
    wait_for(lambda: pathlib.Path(f"/proc/{payload}/comm").read_text() == "sleep\n")
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


def is_freestanding(path):
    return b"libc.so" not in pathlib.Path(path).read_bytes()


# ---- commands that can't be executed -------------------------------------------------------

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
        tap.same(f"{what}, to the byte", [m.raw for m in ended.messages],
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
        ran = [m.raw for m in ended.messages] in ([message_bytes("EXITED", n)] for n in (9, 11, 0x8b))
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


TESTS = [test_exit_status, test_arguments, test_no_fork, test_launcher_ends, test_socket_never_blocks,
         test_payload_inherits, test_closed_to_the_payload, test_stdio_is_let_go, test_forwarding,
         test_many_signals, test_stop_and_continue, test_terminal, test_orphans, test_cost, test_file,
         test_refusals]


def programs():
    folder = pathlib.Path(os.environ.get("SBX_BUILD", SOURCE / "build"), "helpers/sbx-init")
    return sys.argv[1:] or [str(path) for path in (folder / "sbx-init", folder / "sbx-init-hosted") if path.exists()]


def main():
    for program in programs():
        Sandbox.init = os.path.abspath(program)
        tap.prefix = "" if is_freestanding(program) else "hosted: "
        for test in TESTS:
            try:
                test()
            except Exception as error:  # the others are still worth running
                tap.check(False, f"{test.__name__} came to its end", repr(error))
            for sandbox in list(Sandbox.running):
                sandbox.end()
    tap.check(tap.checks > 0, "there is an sbx-init to test")
    print(f"1..{tap.checks}")
    return 1 if tap.failures else 0


if __name__ == "__main__":
    sys.exit(main())
