#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attach_test.py: the launcher's terminal, signals and pipes, through real ptys and a real bash.

With arguments only the functions of these names are run.
"""

import errno
import fcntl
import hashlib
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

FAKE = os.path.join(os.environ["SBX_BUILD"], "tests/integration/attach_fake")
PATIENCE = 20  # seconds, on a machine that is busy
checks = failures = 0


def check(ok, what, note=""):
    global checks, failures
    checks += 1
    failures += not ok
    print(f"{'' if ok else 'not '}ok {checks} - {what}", flush=True)
    if not ok and note != "":
        print(f"# {note!r}"[:2000], flush=True)


def until(condition, patience=PATIENCE):
    """Whether CONDITION comes true in time."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def read_some(fd):
    """What comes next from FD; nothing where nothing comes in time."""
    return os.read(fd, 4096) if select.select([fd], [], [], PATIENCE)[0] else b""


def is_alive(pid):
    """Whether the process PID is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [int(child) for child in children.read().split()]
    except OSError:
        return []


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0]


class Terminal:
    """A terminal with a process on it, which leads its session."""

    def __init__(self, argv, stdin=None, stdout=None, stderr=None, before=None, rows=30, cols=100):
        self.master, slave = os.openpty()
        self.slave = slave
        self.resize(rows, cols)
        self.modes = termios.tcgetattr(slave)
        self.seen = b""
        self.status = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                for fd, given in enumerate((stdin, stdout, stderr)):
                    os.dup2(slave if given is None else given, fd)
                os.closerange(3, 256)
                if before:
                    before()
                os.execvp(argv[0], argv)
            finally:
                os._exit(99)

    def resize(self, rows, cols):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, patience):
        """Reads what comes within PATIENCE seconds, once."""
        if not select.select([self.master], [], [], patience)[0]:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""
        self.seen += data
        return data

    def expect(self, pattern, patience=PATIENCE):
        """Waits for PATTERN; what came up to its end, or None."""
        end = time.monotonic() + patience
        while not (match := re.search(pattern, self.seen, re.DOTALL)):
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.read(min(left, 0.1))
        got, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return got

    def type(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        while data:
            data = data[os.write(self.master, data) :]

    def quiet(self, seconds):
        """What comes within SECONDS."""
        self.seen = b""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)
        return self.seen

    def now(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.now()[3] & (termios.ICANON | termios.ISIG | termios.ECHO)

    def wait(self, patience=PATIENCE):
        """The shell's number for how the process ended; reads on meanwhile. None: it didn't."""
        end = time.monotonic() + patience
        while self.status is None and time.monotonic() < end:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.status = code if code >= 0 else 128 - code
        while self.read(0.05):
            pass
        return self.status

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.slave = self.master = -1

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.master >= 0:
            self.hang_up()


def fake(*words, options=()):
    return [FAKE, *options, "--", *words]


def shell(script, options=()):
    return fake("sh", "-c", script, options=options)


# ---- pipes ----


def pipes_stay_pipes():
    source = "seq 1 30000000 | head -c 200000000"
    want = subprocess.run(f"{source} | sha256sum", shell=True, capture_output=True, check=True).stdout
    got = subprocess.run(f"{source} | '{FAKE}' -- cat | sha256sum", shell=True, capture_output=True,
                         check=True).stdout
    check(got == want, "200 MB through pipes arrive untouched", (got, want))
    ends = os.pipe()
    links = subprocess.run(shell("exec 3>&1; readlink /proc/self/fd/0 /proc/self/fd/3 >&2"), stdin=ends[0], stdout=ends[1],
                           stderr=subprocess.PIPE, check=True).stderr.decode().split()
    check(links == [os.readlink(f"/proc/self/fd/{end}") for end in ends],
          "the payload gets the caller's own pipes", links)
    for end in ends:
        os.close(end)
    done = subprocess.run(shell("exit 7"), stdin=subprocess.DEVNULL, check=False)
    check(done.returncode == 7, "the status is the command's", done)


def folder_is_refused():
    folder = os.open("/", os.O_RDONLY)
    done = subprocess.run(shell("ls /proc/self/fd/0/"), stdin=folder, capture_output=True, text=True, check=False)
    os.close(folder)
    check(done.returncode == 125 and "stdin is a folder" in done.stderr, "a folder isn't handed in", done)
    done = subprocess.run(shell("true", options=["keys=ctrl-P"]), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    check(done.returncode == 125 and "'ctrl-P'" in done.stderr, "bad detach keys are named", done)


def relays_keep_order():
    given = os.open("/dev/null", os.O_RDONLY)
    t = Terminal(shell("for i in 1 2 3 4 5 6 7 8; do echo out$i; echo err$i >&2; done;"
                       " test -t 0 || test -t 1 || test -t 2 || echo no terminal; kill -TERM $$"), stdin=given)
    status = t.wait()
    want = "".join(f"out{i}\r\nerr{i}\r\n" for i in range(1, 9)) + "no terminal\r\n"
    check(t.seen == want.encode(), "without a pty both outputs reach the terminal, in order", t.seen)
    check(status == 143, "a signal's status is 128 + N", status)
    t.close()
    t = Terminal(shell("seq 1 200000"), stdin=given)
    t.wait()
    want = "".join(f"{i}\r\n" for i in range(1, 200001)).encode()
    check(hashlib.sha256(t.seen).digest() == hashlib.sha256(want).digest(), "a relay loses nothing at the end",
          t.seen[-100:])
    t.close()
    t = Terminal(shell("echo ready; exec sleep 100"), stdin=given)
    t.expect(b"ready")
    t.type("\x03")
    check(t.wait() == 130, "without a pty Ctrl-C is forwarded as SIGINT", t.status)
    t.close()
    t = Terminal(shell("exec 1>&- 2>&-; sleep 0.3; exit 3"), stdin=given)
    check(t.wait() == 3, "a payload that closes its outputs runs on", t.status)
    t.close()
    os.close(given)


def tty_no_relays_input():
    t = Terminal(shell("test -t 0 || echo piped; cat; echo end; cat", options=["no"]))
    check(t.expect(b"piped\r\n") is not None and not t.is_raw(), "--tty=false: the terminal keeps its modes", t.seen)
    t.type("one\n")
    check(t.expect(b"one\r\none\r\n") is not None, "--tty=false: lines are passed on", t.seen)
    t.type("\x04")
    check(t.expect(b"end\r\n") is not None and t.wait() == 0, "--tty=false: Ctrl-D is the end of file", t.seen)
    t.close()


def tty_yes_on_pipes():
    words = shell("tty; stty size; cat -n", options=["yes", "interactive"])
    done = subprocess.run(words, input=b"hello\nhalf", capture_output=True, check=False)
    lines = done.stdout.replace(b"\r", b"").split(b"\n")
    check(b"/dev/pts/" in done.stdout and b"24 80" in done.stdout, "--tty: a pty on pipes, of 24 by 80", done)
    check(b"     1\thello" in lines and any(b"     2\thalf" in line for line in lines),
          "--tty: the end of a piped stdin ends the pty's input", done)
    done = subprocess.run(shell("sleep 0.3; read x; echo got $x", options=["yes", "timeout=1500"]), input=b"hello\n",
                          capture_output=True, check=False)
    check(done.returncode == 124 and b"got" not in done.stdout, "--tty without --interactive reads no stdin", done)


def tty_yes_keeps_the_end():
    """A file at its end stays there, also where the payload misses the first sign of it."""
    def run(*words, stdin=b""):
        return subprocess.run(fake(*words, options=["yes", "interactive", "timeout=15000"]), input=stdin,
                              capture_output=True, check=False)

    done = run("sh", "-c", "cat; cat; cat -n; echo end", stdin=b"one\n")
    check(done.returncode == 0 and done.stdout.endswith(b"end\r\n"), "--tty: the end of stdin is read again and again",
          done)
    done = run(sys.executable, "-c", "import sys, termios, time; time.sleep(0.5); termios.tcflush(0, termios.TCIFLUSH);"
               "print('left', repr(sys.stdin.read()))", stdin=b"flushed\n")
    check(done.returncode == 0 and b"left ''" in done.stdout, "--tty: the end of stdin outlasts a flush", done)
    for stdin, want in ((b"", b""), (b"echo ra''n\n", b"ran\r\n")):
        done = run("bash", "--noprofile", "--norc", "-i", stdin=stdin)
        check(done.returncode == 0 and want in done.stdout, f"--tty: bash ends with its stdin, {stdin!r}", done)
    done = run("sh", "-c", "stty -icanon -echo min 1 time 0; sleep 3.5; dd bs=100 count=1 status=none | wc -c")
    check(done.stdout.split()[-1:] == [b"1"], "--tty: a payload that doesn't read isn't told of the end twice", done)


# ---- a terminal ----


def sizes_follow():
    t = Terminal(shell("stty size; trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"))
    check(t.expect(b"30 100\r\n") is not None, "the pty starts with the terminal's size", t.seen)
    t.expect(b"ready")
    t.resize(41, 111)
    check(t.expect(b"41 111\r\n") is not None, "a resize arrives inside", t.seen)
    t.type("\x03")
    check(t.wait() == 130, "Ctrl-C is the pty's", t.status)
    t.close()


def terminal_is_another():
    t = Terminal(["sh", "-c", f"stty erase '^H' iutf8; exec '{FAKE}' -- sh -c 'tty; stty -a; exit 9'"])
    status = t.wait()
    inner = re.search(rb"/dev/pts/\d+", t.seen)
    check(inner and inner[0] != os.ttyname(t.slave).encode(), "the payload's terminal isn't the caller's", t.seen)
    check(b"erase = ^H" in t.seen and b"iutf8" in t.seen.split(), "its keys and UTF-8 are the caller's", t.seen)
    check(status == 9, "the status is the command's, with a pty too", status)
    t.close()


def last_output_arrives():
    want = b"".join(b"%d\r\n" % i for i in range(1, 100001))
    for script in ("seq 1 100000", "seq 1 100000 & exec cat /dev/null & wait"):
        t = Terminal(shell(script))
        t.wait()
        check(t.seen == want, f"all output arrives before the end: {script}", (len(t.seen), t.seen[-50:]))
        t.close()
    t = Terminal(shell("yes | head -c 3000 & sleep 0.1; exec 0<&- 1>&- 2>&-; sleep 0.5; exit 5"))
    check(t.wait() == 5 and len(t.seen) >= 3000, "a payload may close its terminal and run on", len(t.seen))
    t.close()


def flood_lets_keys_through():
    t = Terminal(fake("yes"))
    t.quiet(1)
    start = time.monotonic()
    t.type("\x03")
    check(t.wait() == 130, "Ctrl-C passes a flood of output", t.status)
    check(time.monotonic() - start < 2, "and promptly", time.monotonic() - start)
    t.close()


def nobody_reads():
    """A terminal that takes no output must not make the launcher deaf."""
    t = Terminal(fake("yes"))
    time.sleep(1)
    os.kill(t.pid, signal.SIGTERM)
    init = children_of(t.pid)
    check(until(lambda: not any(map(is_alive, init)), 5), "SIGTERM ends the payload though nobody reads")
    time.sleep(0.3)
    check(is_alive(t.pid), "the launcher still has output to deliver")
    os.kill(t.pid, signal.SIGTERM)
    check(until(lambda: not is_alive(t.pid), 5), "another SIGTERM makes it give up")
    t.wait()
    check(t.now() == t.modes, "and the modes are restored")
    t.close()


def modes_are_restored():
    def ends(what, options=(), act=None, script="echo ready; exec sleep 100", status=None):
        t = Terminal(shell(script, options=options))
        ready = t.expect(b"ready") is not None
        # The payload may be faster than the launcher is with the terminal.
        raw = until(t.is_raw)
        if act:
            act(t)
        got = t.wait()
        check(ready and raw and got == status and t.now() == t.modes,
              f"modes are restored after {what}, status {status}", (ready, raw, got, t.now() == t.modes))
        t.close()

    ends("exit", script="echo ready; sleep 1; exit 6", status=6)
    ends("a key", act=lambda t: t.type("\x1c"), status=131)
    ends("a timeout", options=["timeout=700"], status=124)
    ends("the end of pid 1", act=lambda t: os.kill(children_of(t.pid)[0], signal.SIGKILL), status=137)
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "ABRT", "RTMIN", "XCPU", "PWR", "IO"):
        number = signal.Signals[f"SIG{name}"]
        ends(f"SIG{name}", act=lambda t, number=number: os.kill(t.pid, number), status=128 + number)


def signals_are_forwarded():
    names = "HUP INT QUIT TERM USR1 USR2 ALRM"
    script = "".join(f"trap 'echo got {name}' {name};" for name in names.split())
    t = Terminal(shell(script + "echo ready; while :; do sleep 0.05; done"))
    t.expect(b"ready")
    for name in names.split():
        os.kill(t.pid, signal.Signals[f"SIG{name}"])
        check(t.expect(f"got {name}\r\n".encode()) is not None, f"SIG{name} arrives inside", t.seen)
    os.kill(t.pid, signal.SIGPIPE)
    os.kill(t.pid, signal.SIGURG)
    check(t.quiet(0.3) == b"" and is_alive(t.pid), "SIGPIPE and SIGURG change nothing", t.seen)
    t.close()
    t = Terminal(shell("trap 'echo hung up' HUP; echo ready; while :; do sleep 0.05; done"),
                 before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    t.expect(b"ready")
    os.kill(t.pid, signal.SIGHUP)
    check(t.quiet(0.4) == b"" and is_alive(t.pid), "a signal that the caller ignores stays ignored", t.seen)
    t.close()


def hang_up_ends_all():
    for what, script in (("", "echo ready; exec sleep 100"),
                         (" that ignores SIGHUP", "trap '' HUP; echo ready; exec sleep 100")):
        t = Terminal(shell(script))
        t.expect(b"ready")
        until(t.is_raw)
        init = children_of(t.pid)
        inside = [pid for child in init for pid in children_of(child)]
        t.hang_up()
        gone = until(lambda: os.waitpid(t.pid, os.WNOHANG)[0], 8)
        check(gone, f"hang-up ends a sandbox{what}")
        check(init and inside and not any(map(is_alive, init + inside)), "and nothing is left", (init, inside))
        t.status = 0 if gone else None
        t.close()
    # Not by the session's SIGHUP alone: here the launcher is no longer in the foreground's session.
    t = Terminal(["setsid", "-w", *shell("echo ready; exec sleep 100")])
    t.expect(b"ready")
    until(t.is_raw)
    launcher = children_of(t.pid) or [t.pid]
    t.hang_up()
    check(until(lambda: not is_alive(launcher[0]), 8), "hang-up ends a sandbox in another session")
    t.close()


# ---- beside a pipe ----


def line_mode():
    read, write = os.pipe()
    t = Terminal(shell("stty -a >&2; cat; echo left >&2"), stdout=write)
    os.close(write)
    got = t.expect(rb"extproc\s*\n") or b""
    check(b"-echo" in got.split(), "stdout is a pipe: the pty doesn't echo", got)
    check(t.now() == t.modes, "stdout is a pipe: the terminal keeps its modes")
    t.quiet(0.3)
    t.type("typed\n")
    check(t.expect(b"typed\r\n") is not None and t.quiet(0.3) == b"", "a line is echoed once", t.seen)
    check(read_some(read) == b"typed\n", "and passed on")
    t.type("half\x04")
    check(read_some(read) == b"half", "half a line, ended by Ctrl-D, too")
    t.type("\x04")
    check(t.expect(b"left\r\n") is not None and t.wait() == 0, "Ctrl-D on an empty line is the end of file", t.seen)
    t.close()
    os.close(read)


def keys_of_others():
    """What less does: it reads the keys of the terminal that it shares with us, in its own modes."""
    read, write = os.pipe()
    t = Terminal(shell("cat"), stdout=write)
    time.sleep(0.3)
    modes = t.now()
    modes[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(t.slave, termios.TCSANOW, modes)
    time.sleep(0.3)
    t.type("q")
    time.sleep(0.5)
    got = read_some(t.slave)
    check(got == b"q", "while another program has the terminal raw, keys are its", got)
    termios.tcsetattr(t.slave, termios.TCSANOW, t.modes)
    t.type("ours\n")
    got = read_some(read)
    check(got == b"ours\n", "and afterwards ours", got)
    os.kill(t.pid, signal.SIGTERM)
    t.wait()
    os.close(read)
    os.close(write)
    t.close()


# ---- job control ----

PROMPT = rb"PS1> "


def is_cooked(stty):
    """Whether the output of stty -a tells of modes in which a shell starts its commands."""
    return {b"icanon", b"echo", b"isig", b"opost", b"icrnl"} <= set(stty.split())


def bash(*setup):
    t = Terminal(["bash", "--noprofile", "--norc", "-i"], before=lambda: os.environ.update(PS1="PS1> ", TERM="dumb"))
    t.expect(PROMPT)
    for line in ("unset HISTFILE; bind 'set enable-bracketed-paste off' 2>/dev/null; set -o notify", *setup):
        t.type(line + "\n")
        t.expect(rb"\n" + PROMPT)
    return t


def launcher_of(t):
    found = []
    until(lambda: found.extend(pid for pid in children_of(t.pid)
                               if os.readlink(f"/proc/{pid}/exe") == FAKE) or found)
    return found[0] if found else 0


def bash_ends(t):
    t.type("exit\n")
    t.wait(5)
    t.close()


def stop_and_continue():
    t = bash()
    t.type(f"'{FAKE}' -- cat\n")
    check(until(t.is_raw), "bash: a sandbox's terminal is raw")
    launcher = launcher_of(t)
    t.type("one\n")
    check(t.expect(b"one\r\none\r\n") is not None, "bash: input arrives", t.seen)
    t.type("\x1a")
    check(t.expect(rb"Stopped.*" + PROMPT) is not None, "bash: Ctrl-Z stops the job", t.seen)
    check(until(lambda: state_of(launcher) == "T"), "bash: the launcher is stopped")
    t.type("stty -a; echo ma''rk\n")
    got = t.expect(b"mark\r\n") or b""
    check(is_cooked(got), "bash: the shell has its modes", got)
    t.resize(22, 77)
    t.type("fg\n")
    check(until(t.is_raw), "bash: fg makes the terminal raw again")
    t.type("two\n")
    check(t.expect(b"two\r\ntwo\r\n") is not None, "bash: and input arrives again", t.seen)
    t.type("\x1a")
    t.expect(rb"Stopped.*" + PROMPT)
    t.type("bg\n")
    t.expect(PROMPT)
    check(until(lambda: state_of(launcher) != "T"), "bash: bg continues the launcher")
    t.type("echo st''ill mine\n")
    check(t.expect(b"still mine\r\n") is not None, "bash: in the background it reads nothing", t.seen)
    t.type("fg\n")
    check(until(t.is_raw), "bash: fg of a running job makes the terminal raw", t.seen)
    t.type("three\n\x04")
    check(t.expect(rb"three\r\nthree\r\n.*" + PROMPT) is not None, "bash: and the sandbox ends there", t.seen)
    check(until(lambda: not is_alive(launcher)), "bash: the launcher is gone")
    bash_ends(t)


def stop_from_outside():
    t = bash()
    t.type(f"'{FAKE}' -- sh -c 'trap \"echo co''ntinued\" CONT; echo re''ady; while :; do sleep 0.05; done'\n")
    t.expect(b"ready")
    until(t.is_raw)
    launcher = launcher_of(t)
    os.kill(launcher, signal.SIGTSTP)
    check(t.expect(rb"Stopped.*" + PROMPT) is not None, "bash: SIGTSTP to the launcher stops the job", t.seen)
    t.type("fg\n")
    check(t.expect(b"continued") is not None and until(t.is_raw), "bash: fg continues inside too", t.seen)
    os.kill(launcher, signal.SIGSTOP)
    check(t.expect(rb"Stopped.*" + PROMPT) is not None, "bash: SIGSTOP to the launcher stops the job", t.seen)
    t.type("fg\n")
    check(t.expect(b"continued") is not None and until(t.is_raw), "bash: which fg continues", t.seen)
    t.type("\x03")
    check(t.expect(PROMPT) is not None, "bash: Ctrl-C ends it", t.seen)
    t.type("echo $?; stty -a\n")
    got = t.expect(rb"echonl.*" + PROMPT) or b""
    check(b"130" in got and is_cooked(got), "bash: with 130, and the shell's modes", got)
    bash_ends(t)


def stop_that_is_ignored():
    t = bash()
    t.type(f"'{FAKE}' -- sh -c 'trap \"\" TSTP; echo re''ady >&2; cat' | cat -n\n")
    t.expect(b"ready")
    t.type("\x1a")
    check(t.expect(rb"Stopped.*" + PROMPT) is not None, "bash: Ctrl-Z stops a job whose payload ignores it", t.seen)
    t.type("kill %1; fg\n")
    t.expect(rb"fg\r.*" + PROMPT)
    bash_ends(t)


def pipeline_stops():
    """No raw mode: Ctrl-Z is the kernel's, for the whole pipeline."""
    t = bash()
    t.type(f"'{FAKE}' -- sh -c 'echo re''ady >&2; cat' | cat -n\n")
    t.expect(b"ready")
    t.type("\x1a")
    check(t.expect(rb"Stopped.*" + PROMPT) is not None, "bash: Ctrl-Z stops a pipeline", t.seen)
    t.type("fg\n")
    time.sleep(0.5)
    t.type("one\n")
    check(t.expect(rb"     1\tone\r\n") is not None, "bash: and fg continues it", t.seen)
    t.type("\x03")
    check(t.expect(PROMPT) is not None, "bash: Ctrl-C ends a pipeline", t.seen)
    bash_ends(t)


TICKS = "i=0; while :; do i=$((i+1)); echo ti''ck $i; sleep 0.1; done"


def detach_and_return(wrapper=""):
    t = bash()
    t.type(f"{wrapper}'{FAKE}' -- sh -c 'trap \"echo redr''awn\" WINCH; {TICKS}'\n")
    t.expect(b"tick 3\r\n")
    t.type("\x10\x11")
    check(t.expect(PROMPT, 5) is not None, f"{wrapper}detach: the shell has the terminal", t.seen)
    time.sleep(0.3)
    t.type("jobs\n")
    check(t.expect(rb"Running.*" + PROMPT) is not None, f"{wrapper}detach: the job runs", t.seen)
    check(b"tick" not in t.quiet(0.7), f"{wrapper}detach: and is quiet", t.seen)
    t.type("stty -a\n")
    got = t.expect(rb"echonl.*" + PROMPT) or b""
    check(is_cooked(got), f"{wrapper}detach: the shell has its modes", got)
    t.type("fg\n")
    check(t.expect(rb"tick.*redrawn") is not None and until(t.is_raw), f"{wrapper}detach: fg brings it back", t.seen)
    ticks = [int(n) for n in re.findall(rb"tick (\d+)", t.quiet(0.5))]
    check(len(ticks) > 1 and ticks == list(range(ticks[0], ticks[0] + len(ticks))), f"{wrapper}detach: all of it", ticks)
    t.type("\x10\x11")
    check(t.expect(PROMPT, 5) is not None, f"{wrapper}detach: a second time", t.seen)
    t.type("kill %1; wait\n")
    check(t.expect(rb"Exit 143|Terminated|Done") is not None, f"{wrapper}detach: kill ends it", t.seen)
    bash_ends(t)


def detach_a_group():
    """Behind a wrapper that stays, the whole process group stops and runs on."""
    detach_and_return(wrapper="timeout --foreground 100 ")


def detached_ends():
    t = bash()
    t.type(f"'{FAKE}' -- sh -c 'echo re''ady; sleep 1; echo la''st words; exit 3'\n")
    t.expect(b"ready")
    until(t.is_raw)
    t.type("\x10\x11")
    t.expect(PROMPT)
    check(t.expect(rb"last words.*Exit 3") is not None, "detached: the end is told, with the last output", t.seen)
    t.type(f"'{FAKE}' -- sleep 100\n")
    until(t.is_raw)
    launcher = launcher_of(t)
    t.type("\x10\x11")
    t.expect(PROMPT)
    t.type("disown -a\n")
    t.expect(rb"\n" + PROMPT)
    os.kill(t.pid, signal.SIGKILL)
    os.waitpid(t.pid, 0)
    t.status = 137
    t.hang_up()
    check(until(lambda: not is_alive(launcher), 8), "detached: hang-up ends it, though no shell sends SIGHUP")
    t.close()


def detach_needs_a_shell():
    t = Terminal(fake("cat", "-v", options=["keys=ctrl-p,ctrl-e"]))
    until(t.is_raw)
    t.type("a\x10b\x10\x05\n")
    check(t.expect(rb"a\^Pb\^P\^E\r\na\^Pb\^P\^E\r\n") is not None,
          "no job control: the keys are the payload's", t.seen)
    check(is_alive(t.pid) and t.is_raw(), "no job control: and nothing stops")
    t.type("\x03")
    t.wait()
    t.close()


def stop_needs_a_shell():
    """Nobody could continue a launcher that leads its session: what stops inside is continued."""
    t = Terminal(fake("cat"))
    until(t.is_raw)
    t.type("\x1a")
    time.sleep(0.3)
    t.type("on\n")
    check(t.expect(b"on\r\non\r\n") is not None, "no job control: Ctrl-Z doesn't wedge the sandbox", t.seen)
    t.type("\x04")
    check(t.wait() == 0, "no job control: and it ends well", t.status)
    t.close()


def background_from_the_start():
    t = bash()
    t.type(f"'{FAKE}' -- sh -c 'echo fr''om behind; read x; echo \"<$x>\"' &\n")
    check(t.expect(rb"from behind") is not None, "&: output is written", t.seen)
    t.type("echo st''ill mine\n")
    check(t.expect(b"still mine\r\n") is not None, "&: nothing is read", t.seen)
    t.type("fg\n")
    until(t.is_raw)
    t.type("hello\n")
    check(t.expect(b"<hello>") is not None, "&: fg gives it the terminal", t.seen)
    t.expect(PROMPT)
    t.type(f"stty tostop; '{FAKE}' -- sh -c 'echo fr''om behind; sleep 1; echo la''ter' &\n")
    check(b"from behind" not in t.quiet(0.7), "stty tostop: output waits", t.seen)
    t.type("\nfg\n")
    check(t.expect(rb"from behind.*later.*" + PROMPT) is not None, "stty tostop: until fg", t.seen)
    bash_ends(t)


# Starts what follows once the shell waits at its prompt, with the terminal in the modes of its line editor.
LATER = "sh -c 'sleep 0.5; exec \"$@\"' -"


def background_under_an_editor():
    script = "stty -a; read x; echo \"<$x>\"; exec cat"
    t = bash("stty erase '^H' iutf8")
    t.type(f"{LATER} '{FAKE}' -- sh -c '{script}' &\n")
    got = t.expect(rb"extproc\s*\n") or b""
    check(is_cooked(got) and b"lnext = ^V" in got, "&: the pty doesn't start in the line editor's modes", got)
    check(b"erase = ^H" in got and b"iutf8" in got.split(), "&: its keys and UTF-8 are the caller's all the same", got)
    t.type("stty kill '^G'; echo se''t\n")
    t.expect(b"set\r\n")
    t.type("fg\n")
    until(t.is_raw)
    t.type("abc\r")
    check(t.expect(rb"abc\r\n<abc>\r\n") is not None, "&: after fg what is typed is echoed, and arrives", t.seen)
    t.type("\x04")
    check(t.expect(PROMPT) is not None, "&: Ctrl-D ends it", t.seen)
    t.type("stty -a\n")
    got = t.expect(rb"extproc\s*\n") or b""
    check(is_cooked(got) and b"kill = ^G" in got, "&: the restored modes are those that fg found", got)
    t.type(f"({LATER} '{FAKE}' -- cat | cat -n) &\n")
    time.sleep(1)
    t.type("fg\n")
    t.expect(rb"fg\r\n.*\n")
    t.type("abc\n")
    check(t.expect(rb"     1\tabc\r\n") is not None, "&: beside a pipe, too, fg lets input arrive", t.seen)
    t.type("\x04")
    t.expect(PROMPT)
    bash_ends(t)


def terminal_of_another():
    """Where the terminal can't be opened a second time, as behind su."""
    def forbid():
        os.fchmod(0, 0)

    t = Terminal(fake("cat"), before=forbid)
    until(t.is_raw)
    t.type("one\n")
    check(t.expect(b"one\r\none\r\n") is not None, "a terminal that can't be opened: input and output", t.seen)
    t.type("\x04")
    check(t.wait() == 0 and t.now() == t.modes, "a terminal that can't be opened: modes", t.status)
    t.close()
    t = Terminal(fake("seq", "1", "50000"), before=forbid)
    t.wait()
    check(t.seen == b"".join(b"%d\r\n" % i for i in range(1, 50001)), "a terminal that can't be opened: all output",
          (len(t.seen), t.seen[-50:]))
    t.close()
    t = Terminal(fake("yes"), before=forbid)
    t.quiet(0.5)
    t.type("\x03")
    check(t.wait() == 130, "a terminal that can't be opened: Ctrl-C passes a flood", t.status)
    t.close()


def nothing_is_left():
    def mine():
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.readlink(f"/proc/{entry}/exe") == FAKE:
                    found.append(entry)
            except OSError:
                pass
        return found

    check(until(lambda: not mine(), 5), "no process is left", mine())
    zombies = [pid for pid in children_of(os.getpid()) if not is_alive(pid)]
    check(not zombies, "no zombie is left", zombies)


TESTS = [
    pipes_stay_pipes, folder_is_refused, relays_keep_order, tty_no_relays_input, tty_yes_on_pipes,
    tty_yes_keeps_the_end, sizes_follow, terminal_is_another, last_output_arrives, flood_lets_keys_through,
    nobody_reads, modes_are_restored, signals_are_forwarded, hang_up_ends_all, line_mode, keys_of_others,
    stop_and_continue, stop_from_outside, stop_that_is_ignored, pipeline_stops, detach_and_return, detach_a_group,
    detached_ends, detach_needs_a_shell, stop_needs_a_shell, background_from_the_start, background_under_an_editor,
    terminal_of_another, nothing_is_left,
]


def main():
    wanted = sys.argv[1:]
    for test in TESTS:
        if not wanted or test.__name__ in wanted:
            test()
    print(f"1..{checks}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
