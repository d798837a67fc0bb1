# SPDX-License-Identifier: Apache-2.0
"""init_sandbox.py: runs sbx-init as a launcher does, for the tests of it.

It makes the namespaces, hands in the pipe, and reads what comes. Where the build has a hosted
sbx-init too, which is the one that sanitizers see, all is done with that again. A test that is
called with paths tests these programs.
"""

import collections
import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import select
import signal
import struct
import sys
import tempfile
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


# ---- what is said over the pipe ------------------------------------------------------------

def wire_types():
    text = (SOURCE / "src/sandbox/wire.h").read_text()
    names = re.findall(r"\bWIRE_\w+", re.search(r"enum wire_type \{(.*?)\}", text, re.S)[1])
    return {1 + i: name.removeprefix("WIRE_") for i, name in enumerate(names)}


WIRE_TYPES = wire_types()
WIRE_FD = 3
HEAD = struct.Struct("=Iii32s512s")

Message = collections.namedtuple("Message", "type status err step hint text raw")


def raws(messages):
    return [message.raw for message in messages]


def message_read(raw):
    number, status, err, step, hint = HEAD.unpack_from(raw)
    step, hint, text = (os.fsdecode(part.split(b"\0")[0]) for part in (step, hint, raw[HEAD.size:]))
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
        self.wire, theirs = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        ready, announce = os.pipe()
        if hang_up:
            self.hang_up()
        self.argv = ["sbx-init", *options, "--", *command] if command else ["sbx-init", *options]
        self.env = {"PATH": DEFAULT_PATH} if env is None else env
        # The launcher's part, which has to be a process of its own: unshare(CLONE_NEWPID) is for good.
        self.parent = os.fork()
        if self.parent == 0:
            with contextlib.suppress(BaseException):
                os.close(ready)
                self.hang_up()
                self._make_namespaces()
                self.pid = os.fork()
                if self.pid == 0:
                    self._become_init(theirs, stdio, before)
                os.write(announce, b"%d" % self.pid)
                os.closerange(3, 1024)  # pipes and terminals of the test's end with their sandbox
                _, status = os.waitpid(self.pid, 0)
                os._exit(os.waitstatus_to_exitcode(status) & 0xff)
            os._exit(99)
        os.close(theirs)
        os.close(announce)
        self.pid = int(os.read(ready, 32) or 0)
        os.close(ready)
        self.pidfd = None
        with contextlib.suppress(ProcessLookupError):
            self.pidfd = os.pidfd_open(self.pid)
        self.running.add(self)

    def hang_up(self):
        """Closes the launcher's end, once."""
        if self.wire is not None:
            os.close(self.wire)
        self.wire = None

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
            null = os.open("/dev/null", os.O_RDWR)
            # Out of the way first; then 9 is one that must not get to the payload.
            wanted = [null if fd is None else fd for fd in stdio] + [theirs, null]
            parked = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in wanted]
            program = fcntl.fcntl(program, fcntl.F_DUPFD_CLOEXEC, 100)
            for fd, number in zip(parked, (0, 1, 2, WIRE_FD, 9)):
                os.dup2(fd, number)
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            os.execve(program, self.argv, self.env)
        os._exit(98)

    def message(self):
        """The next message; None at the end of the pipe."""
        if not select.select([self.wire], [], [], PATIENCE)[0]:
            raise TimeoutError("no message came")
        raw = os.read(self.wire, 4096)
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
                self.hang_up()
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


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_running(pid, name):
    """Whether PID has become the program NAME."""
    return pathlib.Path(f"/proc/{pid}/comm").read_text() == f"{name}\n"


class Lines:
    """What is written into a pipe, by lines; None at its end."""

    def __init__(self, fd):
        self.fd, self.rest = fd, b""

    def __del__(self):
        os.close(self.fd)

    def next(self):
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], PATIENCE)[0]:
                raise TimeoutError("no line came")
            got = os.read(self.fd, 65536)
            if not got:
                return None
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()


# ---- TAP -----------------------------------------------------------------------------------

def show(value):
    """For a failure's notes: messages by their parts."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, bytes) and len(value) > HEAD.size:
        return repr(message_read(value)[:-1])
    return repr(value)


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
        return self.check(got == want, what, f"got  {show(got)}", f"want {show(want)}")

    def skip(self, what, why):
        self.checks += 1
        print(f"ok {self.checks} - {self.prefix}{what} # SKIP {why}")


tap = Tap()


# ---- a test program ------------------------------------------------------------------------

def is_freestanding(path):
    return b"libc.so" not in pathlib.Path(path).read_bytes()


def programs():
    folder = pathlib.Path(os.environ.get("SBX_BUILD", SOURCE / "build"), "helpers/sbx-init")
    return sys.argv[1:] or [str(path) for path in (folder / "sbx-init", folder / "sbx-init-hosted") if path.exists()]


def run_tests(tests):
    """All TESTS with each program; returns the exit status."""
    for program in programs():
        Sandbox.init = os.path.abspath(program)
        tap.prefix = "" if is_freestanding(program) else "hosted: "
        for test in tests:
            try:
                test()
            except Exception as error:  # the others are still worth running
                tap.check(False, f"{test.__name__} came to its end", repr(error))
            for sandbox in list(Sandbox.running):
                sandbox.end()
    tap.check(tap.checks > 0, "there is an sbx-init to test")
    print(f"1..{tap.checks}")
    return 1 if tap.failures else 0
