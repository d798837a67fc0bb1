#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""faults.py WALK: every system call of sbx's own, made to fail in turn.

A good run under the tracer (inject.c) lists the calls, and --debug's lines say to which step of the
set-up they belong. Then there is one run for each of them in which it fails. Such a run either ends
with 125 and one sentence that names its step, or shows its payload (probe.c) the same walls as the good
run. It never hangs, and nothing is left of it: processes, mounts, files, terminal modes.
"""

import errno
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import termios

SBX = os.environ["SBX"]
PROGRAMS = pathlib.Path(os.environ["SBX_BUILD"], "tests/faults")

# What calls can plausibly answer, by name or by role and name; anything else answers the first two.
ANY = (errno.EPERM, errno.ENOMEM)
ERRORS = {
    "openat": (errno.EMFILE, errno.EACCES),
    "openat2": (errno.EMFILE, errno.EACCES),
    "clone": (errno.EAGAIN, errno.ENOMEM),
    "clone3": (errno.EAGAIN, errno.ENOSPC),
    "dup2": (errno.EMFILE,),
    "dup3": (errno.EMFILE,),
    "fcntl": (errno.EMFILE,),
    "fsconfig": (errno.EINVAL,),
    "fsmount": (errno.EMFILE, errno.EPERM),
    "fsopen": (errno.EMFILE, errno.EPERM),
    "fsync": (errno.EIO,),
    "ftruncate": (errno.EFBIG,),
    "getdents64": (errno.EIO,),
    "init wait4": (),  # it never waits
    "launcher kill": (),  # they are its own children
    "ioctl": (errno.EPERM,),
    "memfd_create": (errno.EMFILE, errno.ENOMEM),
    "mkdir": (errno.ENOSPC, errno.EACCES),
    "mkdirat": (errno.ENOSPC, errno.EACCES),
    "mmap": (errno.ENOMEM,),
    "mount": (errno.EPERM, errno.ENOSPC),
    "move_mount": (errno.EPERM, errno.ENOSPC),
    "open_tree": (errno.EMFILE, errno.EPERM),
    "pipe2": (errno.EMFILE,),
    "poll": (errno.EINTR, errno.ENOMEM),
    "pread64": (errno.EIO,),
    "read": (errno.EIO,),
    "readlink": (errno.ENOENT,),
    "recvfrom": (errno.ENOMEM,),
    "recvmsg": (errno.EMFILE, errno.ENOMEM),
    "rt_sigaction": (errno.EINVAL,),
    "rt_sigtimedwait": (errno.EINTR,),
    "seccomp": (errno.EINVAL, errno.ENOMEM),
    "sendmsg": (errno.ENOBUFS,),
    "sendto": (errno.EAGAIN,),
    "signalfd4": (errno.EMFILE,),
    "socket": (errno.EMFILE, errno.EAFNOSUPPORT),
    "socketpair": (errno.EMFILE,),
    "syncfs": (errno.EIO,),
    "unshare": (errno.ENOSPC, errno.EPERM),
    "wait4": (errno.EINTR,),
    "write": (errno.ENOSPC, errno.EIO),
}
# Those that can't fail, or do their work whatever they answer.
NEVER_FAIL = {
    "brk", "close", "exit_group", "getegid", "geteuid", "getgid", "getpgrp", "getpid", "getuid", "munmap", "rseq",
    "rt_sigreturn", "set_robust_list", "umask", "uname",
}
# What may look different inside, and in the payload's terminal, after a fault that the run copes with: what it says
# then (None: nothing needs to be said), and the lines.
COPES = [
    # A new sysfs is refused, as in a container: the host's, read-only.
    (r"/sys is the host's, read-only", r"mount \S+ \S+ /sys\b.* ro,"),
    (r"can't be read .*the home folder and groups of the user are unknown", r"environment (SHELL|HOME|LOGNAME|USER)="),
    (r"can't be read .*the user is in no groups but the first", r"/proc/self/status: Groups:"),
    (r"no Landlock", r"rules can be added"),
    (r"'/etc/hosts'.*its names are unknown inside", r"/etc/hosts: "),
    (r"'/etc/resolv.conf'.*names don't resolve inside", r"/etc/resolv.conf: "),
    # The upper is on the disk, where memory is found to take none: then /run and /tmp are file systems of their own.
    (None, r"mount tmpfs (/ /run|/ /tmp|/run /run|/tmp /tmp) "),
    # Bound instead of being a layer of the root.
    (None, r"(mount tmpfs (/run)?/sbx/|/run/sbx )"),
]
# Of many alike in one step (rt_sigaction, prctl) one of so many is enough, and the last.
ALIKE, STRIDE = 12, 9

# Problems that are none: role, call (None: any), and what is seen of it. RUNNING is the launcher once it does no more
# than to wait for the sandbox, and to carry its output.
RUNNING = "launcher, running"
EXCUSED = [
    # No file answers EPERM when asked whether it is a terminal; one that did would be taken for one.
    ("launcher", "ioctl", r"a wall is lacking.*'descriptor 2 type|read the modes of the terminal"),
    # The overlay was tried once more without user xattrs, and that can't do it.
    ("helper", None, r"change the overlay: Input/output error"),
    # A mount point is made where sbx knows that it may; where it can't tell, that is refused.
    ("pid1", "newfstatat", r"making it would change the host's files"),
    # A place that can't be allowed to fuse-overlayfs is what it then complains about.
    ("driver", "openat", r"fuse-overlayfs: fuse-overlayfs: can't open"),
    # The caller's own terminal can't be written, or the sandbox's read: what the command says is lost, and modes can't
    # be restored.
    (RUNNING, "read", r"a wall is lacking, and it says \[\]"),
    (RUNNING, "write", r"a wall is lacking, and it says \[\]|status 129, \[\]|the terminal's modes"),
]

checks = failures = 0


def check(what, problems):
    global checks, failures
    checks += 1
    failures += bool(problems)
    print(f"{'not ' if problems else ''}ok {checks} - {what}", flush=True)
    for problem in problems[:20]:
        print(f"# {problem}", flush=True)


# ---- one run -------------------------------------------------------------------------------


class Run:
    """What is seen of one run of sbx under the tracer."""

    def __init__(self, walk, fault=()):
        report, said = walk.work / "report", walk.work / "stderr"
        self.terminal_changed = False
        command = [PROGRAMS / "inject", report, *map(str, fault), "--", SBX, "enter", "--debug", *walk.options,
                   *walk.operands]
        with open(said, "wb") as stderr:
            if walk.terminal:
                self.status, output = self.run_on_terminal(command, stderr, walk.env)
            else:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                                      env=walk.env, cwd=walk.work, check=False)
                self.status, output = done.returncode, done.stdout
        self.walls = walls_of(output.decode(errors="replace"))
        self.report = [line.split() for line in report.read_text().splitlines()]
        # json-c's own complaint, without a newline.
        lines = re.sub(r"error from getrandom\(\): [\w ]+?(?=sbx:|$)", "", said.read_text(errors="replace")).splitlines()
        self.steps = [line.split()[2] for line in lines if line.startswith("sbx: debug: ")]
        self.notes = [line for line in lines if line.startswith("sbx: enter: note: ")]
        self.said = [line for line in lines if line not in self.notes and not line.startswith("sbx: debug: ")]

    def run_on_terminal(self, command, stderr, env):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        with subprocess.Popen(["setsid", "-c", *command], stdin=slave, stdout=slave, stderr=stderr, env=env) as process:
            os.close(slave)
            output = b""
            try:
                while data := os.read(master, 65536):
                    output += data
            except OSError:
                pass  # the last of them has closed it
        self.terminal_changed = before != termios.tcgetattr(master)
        os.close(master)
        return process.returncode, output.replace(b"\r\n", b"\n")

    def passes(self, table):
        """Whether its steps are those of TABLE, as far as --debug has a stderr to say them on."""
        return [step for step in self.steps if step in table] == table[:table.index("descriptors")]

    def lines(self, word):
        return [line[1:] for line in self.report if line[0] == word]


def walls_of(output):
    """What the probe has seen, without numbers that differ from run to run."""
    lines = []
    for line in output.splitlines():
        if match := re.fullmatch(r"namespace (\w+):(\[\d+\])", line):
            own = os.readlink(f"/proc/self/ns/{match[1]}") != f"{match[1]}:{match[2]}"
            line = f"namespace {match[1]} {'own' if own else 'of the host'}"
        lines.append(line)
    return lines


# ---- a walk --------------------------------------------------------------------------------


class Walk:
    """A sandbox with OPTIONS, and all that is to stay as it is."""

    def __init__(self, name, options, terminal=False, cold=False, kept=None, whole=True, errors=1):
        self.name, self.options, self.terminal, self.cold, self.kept = name, options, terminal, cold, kept
        self.errors = errors  # how many answers of each call are tried
        self.whole = whole  # the tree has the folders that sbx mounts on

    def make(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="faults."))
        self.home = self.work / "home"
        self.home.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm"}
        self.store = self.home / ".local/share/sbx"
        self.tree = self.make_tree()
        self.bound = self.work / "bound"
        self.bound.mkdir()
        self.operands = [str(self.tree), "/probe"]
        self.options = [option.replace("BOUND", str(self.bound)) for option in self.options]

    def make_tree(self):
        tree = self.work / "tree"
        for folder in ("etc", "mnt/bound", "home/one", *(("proc", "sys", "dev", "run", "tmp") if self.whole else ())):
            (tree / folder).mkdir(parents=True)
        shutil.copy(PROGRAMS / "probe", tree)
        (tree / "etc/passwd").write_text("root:x:0:0::/:/probe\none:x:1:1::/home/one:/probe\n")
        (tree / "etc/group").write_text("root:x:0:\none:x:1:\nmany:x:4:one\n")
        for name in ("hosts", "hostname", "resolv.conf"):
            (tree / "etc" / name).write_text("the tree's\n")
        return tree

    def sbx(self, *arguments):
        return subprocess.run([SBX, *arguments], stdin=subprocess.DEVNULL, capture_output=True, env=self.env,
                              text=True, errors="replace", check=False)

    def prepare(self):
        """What is there before each run."""
        if self.cold:
            remove(self.home)
            self.home.mkdir()
        if self.kept == "new":
            self.sbx("rm", "kept")
        elif self.kept == "old" and not (self.store / "containers").exists():
            self.sbx("enter", *self.options, "--name", "kept", str(self.tree), "/probe")
            self.operands = ["kept", "/probe"]

    def run(self, fault=()):
        self.prepare()
        return Run(self, fault)

    def manifest(self):
        """The tree and what is bound, with the times of their last change. With --direct the probe makes and
        removes a file in the tree's top folder."""
        tops = [self.bound] if "--direct" in self.options else [self.tree, self.bound]
        return [(path, *os.lstat(path)[:6], os.lstat(path).st_mtime_ns, os.lstat(path).st_ctime_ns)
                for path in (*tops, *sorted(self.tree.rglob("*")), *sorted(self.bound.rglob("*")))]

    def folders(self, name):
        return sorted(os.listdir(self.store / name)) if (self.store / name).exists() else []

    def done(self):
        remove(self.work)


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", "--", path], check=False)


def steps_of(walk):
    """The names of the steps, in their order, as sbx itself says them; without those that the walk doesn't take."""
    said = walk.sbx("enter", "--explain", *walk.options, *walk.operands).stdout
    steps = [(line.split()[1], line.endswith("(not for this plan)")) for line in said.splitlines()]
    # The plan takes a terminal only when it runs.
    return [name for name, is_skipped in steps if not is_skipped or (name == "terminal" and walk.terminal)]


def calls_of(run, table):
    """(role, call, nth, step) of each call in RUN that can be made to fail."""
    calls, pending, begun = [], {"launcher": [], "pid1": []}, False
    passed = {"pid1": iter([s for s in run.steps if s in table]),
              "launcher": iter([s for s in run.steps if s not in table])}
    for kind, role, *rest in run.report:
        if kind == "said" and role in passed:
            step = next(passed[role], None)
            calls += [(*call, step) for call in pending[role]]
            pending[role] = []
        elif kind == "call":
            call, nth = rest
            # Before that it is the dynamic linker.
            begun |= role == "launcher" and call == "close_range"
            if begun and call not in NEVER_FAIL:
                pending.setdefault(role, []).append((role, call, nth))
    return calls + [(*call, None) for role in pending.values() for call in role]


def chosen(calls):
    """All, but for many that are alike."""
    alike = {}
    for role, call, nth, step in calls:
        alike.setdefault((role, step, call), []).append((role, call, nth, step))
    for group in alike.values():
        yield from group if len(group) <= ALIKE else [*group[:-1:STRIDE], group[-1]]


# ---- the verdict ---------------------------------------------------------------------------


def judge_sentence(run, role, step, table, error):
    said = "\n".join(run.said)
    # Before sbx knows its command it can't name it.
    if not re.fullmatch(r"sbx: (enter: )?\S[^\n]*(\nhint: \S[^\n]*)?", said):
        yield f"not one sentence: {said!r}"
        return
    if re.search(r"[Ss]uccess|unknown error|\(null\)", said):
        yield f"no reason: {said!r}"
    if role == "pid1":
        # Behind the step "descriptors" --debug is silent.
        places = [step] if step else table[table.index("descriptors"):]
        if not any(said.startswith(f"sbx: enter: {place}: ") for place in places):
            yield f"step {step}, but it says {said!r}"
    if role == "init" and not said.startswith("sbx: enter: init: "):
        yield f"in sbx-init, but it says {said!r}"
    # sbx-init has words of its own.
    if role not in ("init", "payload") and os.strerror(error) not in said:
        yield f"not '{os.strerror(error)}': {said!r}"


def copes(run, line):
    return any(re.match(lines, line) and (note is None or any(re.search(note, said) for said in run.notes))
               for note, lines in COPES)


def judge(walk, run, good, fault, step, table):
    role, call, _, error = fault
    # What the launcher and fuse-overlayfs do depends on who is faster.
    if not run.lines("injected") and role in ("pid1", "init"):
        yield "the call wasn't made"
    for name in run.lines("hung"):
        yield f"hangs: {' '.join(name)}"
    for name in run.lines("left"):
        yield f"a process outlives it: {' '.join(name)}"
    if run.status == 125 or (role == "payload" and run.status in (126, 127)):
        # Its own end has come only where it hadn't begun.
        if run.walls and role in ("pid1", "helper", "driver"):
            yield f"it fails, but the payload ran ({run.said})"
        yield from judge_sentence(run, role, step, table, error)
    elif run.status != 0:
        yield f"status {run.status}, {run.said}"
    elif changes := [line for line in sorted(set(run.walls) ^ set(good.walls)) if not copes(run, line)]:
        yield f"a wall is lacking, and it says {run.said + run.notes}: {changes[:6]}"
    elif run.said:
        yield f"status 0, and it says {run.said}"
    if run.terminal_changed:
        yield "the terminal's modes are changed"


def judge_leftovers(walk, run, before, begins):
    if walk.manifest() != before:
        yield "the tree has changed"
    if str(walk.work) in pathlib.Path("/proc/self/mountinfo").read_text():
        yield "a mount is left"
    left = walk.folders("tmp")
    if left and begins:
        # It may be the removal itself that has failed. The next command makes up for it.
        walk.sbx("ls")
        left = walk.folders("tmp")
    if left:
        yield f"left in the store: {left}"
    for name in left:
        remove(walk.store / "tmp" / name)
    if walk.kept is None and walk.folders("containers"):
        yield f"left in the store: {walk.folders('containers')}"
    if walk.kept == "new" and run.status == 125 and not begins and walk.folders("containers"):
        yield f"a sandbox that was never used is left: {walk.folders('containers')}"


def is_excused(role, call, step, problem):
    if role == "launcher" and step is None:
        role = RUNNING
    return any(role == its_role and its_call in (call, None) and re.search(seen, problem)
               for its_role, its_call, seen in EXCUSED)


def walk_through(walk):
    walk.make()
    table = steps_of(walk)
    walk.run()
    good = walk.run()
    before = walk.manifest()
    listed = calls_of(good, table)
    check(f"{walk.name}: a good run", [
        *([] if good.status == 0 else [f"status {good.status}, {good.said}"]),
        *([] if good.passes(table) else [f"steps {good.steps} of {table}"]),
    ])
    found = {}
    for role, call, nth, step in chosen(listed):
        problems = found.setdefault((role, step), [])
        # From here on the command may have run, and what it has written is kept.
        begins = role in ("init", "payload") or call == "execveat" or (role == "launcher" and step is None)
        for error in ERRORS.get(f"{role} {call}", ERRORS.get(call, ANY))[:walk.errors]:
            fault = (role, call, nth, error)
            run = walk.run(fault)
            problems += [f"{call} {nth} {errno.errorcode[error]}: {problem}"
                         for problem in (*judge(walk, run, good, fault, step, table),
                                         *judge_leftovers(walk, run, before, begins))
                         if not is_excused(role, call, step, problem)]
    for (role, step), problems in found.items():
        check(f"{walk.name}: {role}{', ' + step if step else ''}", problems)
    walk.done()


WALKS = {
    "kernel": [
        Walk("kernel, subids", ["--overlay", "kernel", "--map", "subids"], whole=False, errors=2),
        Walk("kernel, self, terminal", ["--overlay", "kernel", "--map", "self"], terminal=True),
    ],
    "fuse": [
        Walk("fuse, subids, terminal", ["--overlay", "fuse", "--map", "subids"], terminal=True),
        Walk("fuse, self", ["--overlay", "fuse", "--map", "self"], whole=False, errors=2),
    ],
    "kept": [
        Walk("kept, kernel, subids", ["--overlay", "kernel", "--map", "subids", "--name", "kept"], kept="new"),
        Walk("kept before, fuse, self", ["--overlay", "fuse", "--map", "self"], kept="old"),
    ],
    "direct": [
        Walk("direct, self", ["--direct", "--map", "self"]),
        Walk("direct, subids, terminal", ["--direct", "--map", "subids", "--read-only"], terminal=True, errors=2),
    ],
    "options": [
        Walk("options", ["--overlay", "kernel", "--map", "subids", "--read-only", "--user", "one",
                         "--ulimit", "nofile=100", "--tmpfs", "/scratch:size=1m", "--bind", "BOUND:/mnt/bound:ro",
                         "--cap-add", "SYS_PTRACE", "--hostname", "inner", "--workdir", "/mnt", "--new-privs"],
             errors=2),
        Walk("slirp", ["--overlay", "kernel", "--map", "self", "--net", "slirp"]),
        Walk("cold", ["--overlay", "kernel", "--map", "self", "--net", "host"], cold=True, errors=2),
    ],
}


def main():
    for walk in WALKS[sys.argv[1]]:
        walk_through(walk)
    print(f"1..{checks}")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
