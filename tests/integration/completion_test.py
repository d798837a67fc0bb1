#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# completion_test.py: a real Tab in the three real shells, on terminals of their own.

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

SOURCE = os.environ["SBX_SOURCE"]
SBX = os.environ["SBX"]
BUSYBOX = "/bin/busybox"

checks = failures = 0


def check(ok, what, *notes):
    global checks, failures
    checks += 1
    print(f"{'ok' if ok else 'not ok'} {checks} - {what}", flush=True)
    if not ok:
        failures += 1
        for note in notes:
            for line in str(note).splitlines() or [""]:
                print(f"#   {line}", flush=True)


def skip(what, why):
    global checks
    checks += 1
    print(f"ok {checks} - {what} # SKIP {why}", flush=True)


class Shell:
    """A shell on a terminal. Ctrl-G prints the command line as the shell holds it."""

    def __init__(self, name, argv, setup, home):
        self.name = name
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        self.send(setup + "\n")
        self.wait(r"set[u]p done")

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern, seconds=15):
        """What came up to PATTERN, without escape sequences, and the match."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.seen, re.DOTALL)
            if match:
                before = self.seen[: match.start()]
                self.seen = self.seen[match.end() :]
                return before, match
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError(f"{self.name}: no {pattern!r} in {self.seen!r}")
            text = os.read(self.fd, 65536).decode(errors="replace")
            text = re.sub(r"\x1b\[[0-9;?>=]*[A-Za-z]|\x1b[()][A-B0]|\x1b[=>]|[\x07\x0f]", "", text)
            self.seen += text

    def tab(self, line, back=0):
        """Types LINE, goes BACK characters, Tab. The line then, and what was printed till then."""
        self.send(line + "\x02" * back + "\t\x07")
        before, match = self.wait(r"<<(.*?)>>")
        self.clear()
        return re.sub(r"[\r\n]", "", match.group(1)), before

    def clear(self):
        """Ends a menu of choices, and empties the line; what is typed too early is lost."""
        self.send("\x03")
        for _ in range(20):
            time.sleep(0.05)
            self.send("\x05\x15\x07")
            try:
                if self.wait(r"<<(.*?)>>", 1)[1].group(1) == "":
                    return
            except TimeoutError:
                pass
        raise TimeoutError(f"{self.name}: the line stays")

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def bash(home):
    return Shell(
        "bash",
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off';"
        "bind 'set completion-query-items 0'; bind 'set page-completions off';"
        """bind -x '"\\C-g": printf "<<%s>>" "$READLINE_LINE"';"""
        f"source {SOURCE}/completions/sbx.bash; PS1='$ '; echo setup' done'",
        home,
    )


def zsh(home):
    return Shell(
        "zsh",
        ["zsh", "-f", "-i"],
        f"fpath=({SOURCE}/completions $fpath); autoload -U compinit; compinit -u -D;"
        "unsetopt prompt_sp zle_bracketed_paste; unset zle_bracketed_paste;"
        """dump() { print -rn -- "<<$BUFFER>>" }; zle -N dump; bindkey '^G' dump;"""
        "bindkey '^B' backward-char; PS1='$ '; echo setup' done'",
        home,
    )


def fish(home):
    return Shell(
        "fish",
        ["fish", "--no-config", "--private"],
        "function fish_greeting; end; function fish_prompt; echo '$ '; end;"
        "function dump; printf '<<%s>>' (commandline); end; bind \\cg dump;"
        f"bind \\cb backward-char; source {SOURCE}/completions/sbx.fish; echo setup' done'",
        home,
    )


# What is typed, how far back the cursor goes, and the line after Tab.
LINES = [
    ("sbx ent", 0, "sbx enter "),
    ("sbx help r", 0, "sbx help rm "),
    ("sbx enter --profile st", 0, "sbx enter --profile strict "),
    ("sbx config pa", 0, "sbx config path "),
    ("sbx config show --profile bu", 0, "sbx config show --profile build "),
    ("sbx config --profile=bu", 0, "sbx config --profile=build "),
    ("sbx enter --overl", 0, "sbx enter --overlay "),
    ("sbx enter --net h", 0, "sbx enter --net host "),
    ("sbx enter --net=h", 0, "sbx enter --net=host "),
    ("sbx enter --allow-net pri", 0, "sbx enter --allow-net private "),
    ("sbx enter --net-log ./set", 0, "sbx enter --net-log ./settings\\ file "),
    ("sbx port --rem", 0, "sbx port --remove "),
    ("sbx enter --dns-option nd", 0, "sbx enter --dns-option ndots:"),
    ("sbx enter --add-host foo:ho", 0, "sbx enter --add-host foo:host-gateway "),
    ("sbx rm some --fo", 0, "sbx rm some --force "),
    ("sbx rm -- --fo", 0, "sbx rm -- --fo"),
    ("sbx config show --js", 0, "sbx config show --json "),
    ("true && sbx enter --net=h", 0, "true && sbx enter --net=host "),
    ("A=1 sbx enter --overl", 0, "A=1 sbx enter --overlay "),
    ("sbx enter --cap-add NET_A", 0, "sbx enter --cap-add NET_ADMIN "),
    ("sbx enter --cap-add=KILL,NET_A", 0, "sbx enter --cap-add=KILL,NET_ADMIN "),
    ("sbx enter ./my", 0, "sbx enter ./my\\ tree/"),
    ("sbx enter ~/my", 0, "sbx enter ~/my\\ tree/"),
    ("sbx enter ~/my\\ tree -- hel", 0, "sbx enter ~/my\\ tree -- hello "),
    ("sbx enter './my tree' hel", 0, "sbx enter './my tree' hello "),
    ("sbx enter ./my\\ tree with", 0, "sbx enter ./my\\ tree with\\ space "),
    ("sbx enter ./my\\ tree hello /etc/ap", 0, "sbx enter ./my\\ tree hello /etc/app\\ dir/"),
    ("sbx enter --env-file ./set", 0, "sbx enter --env-file ./settings\\ file "),
    ("sbx enter --env-file=./set", 0, "sbx enter --env-file=./settings\\ file "),
    ("sbx enter -v ./set", 0, "sbx enter -v ./settings\\ file "),
    ("sbx enter --user bo ./my\\ tree", 11, "sbx enter --user bob ./my\\ tree"),
    ("sbx enter -v ./x:/et ./my\\ tree", 11, "sbx enter -v ./x:/etc/ ./my\\ tree"),
    ("sbx enter ./my\\ tree hello --na", 0, "sbx enter ./my\\ tree hello --na"),
    ("sbx enter -- --na", 0, "sbx enter -- --na"),
]


def tree_make(home):
    tree = os.path.join(home, "my tree")
    os.makedirs(os.path.join(tree, "usr/bin"))
    os.makedirs(os.path.join(tree, "etc/app dir"))
    os.symlink("usr/bin", os.path.join(tree, "bin"))
    for name in ["hello", "with space", "pwn$(touch pwned);`touch pwned`", "esc\x1b[31m", "esc\nb"]:
        path = os.path.join(tree, "usr/bin", name)
        open(path, "w").close()
        os.chmod(path, 0o755)
    with open(os.path.join(tree, "etc/passwd"), "w") as f:
        f.write("root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n")
    open(os.path.join(home, "settings file"), "w").close()
    return tree


def sandbox_make(home):
    """Keeps a sandbox called webserver; why not, where that fails."""
    if not os.access(BUSYBOX, os.X_OK):
        return f"no {BUSYBOX}"
    tree = os.path.join(home, "box")
    os.makedirs(os.path.join(tree, "bin"))
    shutil.copy(BUSYBOX, os.path.join(tree, "bin"))
    result = subprocess.run(
        ["sbx", "enter", "--name", "webserver", tree, "/bin/busybox", "true"],
        capture_output=True, text=True, check=False,
    )
    return None if result.returncode == 0 else result.stderr.strip().replace("\n", "; ")


def blanks(line):
    return re.sub(r" +", " ", line)


def shell_test(shell, home, no_sandbox):
    name = shell.name
    for line, back, want in LINES:
        # fish shows a completion nothing of what stands behind the cursor.
        if back and name == "fish":
            continue
        got, seen = shell.tab(line, back)
        # In the middle of a line some shells add a blank in front of the one that is there.
        same = blanks(got) == want if back else got == want
        check(same, f"{name}: {line!r} becomes {want!r}", f"got {got!r}", f"saw {seen!r}")

    _, seen = shell.tab("sbx enter --t")
    names = [option in seen for option in ("--timeout", "--tmpfs", "--tty")]
    check(all(names), f"{name}: an ambiguous option lists the choices", repr(seen))
    if name != "bash":
        check("kill the sandbox after" in seen, f"{name}: with what they mean", repr(seen))

    got, seen = shell.tab("sbx enter ./my\\ tree pw")
    check("\\$\\(" in got or "'$(" in got, f"{name}: a hostile name arrives quoted", repr(got))
    _, seen = shell.tab("sbx enter ./my\\ tree es")
    check("31m" not in seen, f"{name}: a name with an escape sequence is not shown", repr(seen))
    check(not os.path.exists(os.path.join(home, "pwned")), f"{name}: nothing of it ran")

    what = f"{name}: the name of a kept sandbox"
    if no_sandbox:
        skip(what, no_sandbox)
        return
    for line in ("sbx enter webs", "sbx diff webs", "sbx apply webs", "sbx rm webs"):
        got, seen = shell.tab(line)
        check(got == line + "erver ", f"{what}: {line!r}", f"got {got!r}", f"saw {seen!r}")
    got, seen = shell.tab("sbx port webs")
    check(got == "sbx port webs", f"{name}: sbx port has those alone that run", f"got {got!r}", f"saw {seen!r}")


def main():
    home = os.path.realpath(tempfile.mkdtemp(prefix="sbx-test."))
    try:
        os.mkdir(os.path.join(home, "bin"))
        os.symlink(SBX, os.path.join(home, "bin/sbx"))
        for variable in list(os.environ):
            if variable.startswith("XDG_"):
                del os.environ[variable]
        os.environ.update(
            HOME=home, PATH=f"{home}/bin:{os.environ['PATH']}", TERM="xterm", LC_ALL="C.UTF-8"
        )
        tree_make(home)
        no_sandbox = sandbox_make(home)
        for start in (bash, zsh, fish):
            if not shutil.which(start.__name__):
                skip(start.__name__, "not installed")
                continue
            shell = start(home)
            try:
                shell_test(shell, home, no_sandbox)
            except (TimeoutError, OSError) as error:
                check(False, f"{start.__name__}: answers", error)
            finally:
                shell.end()
    finally:
        # The upper of a sandbox has folders that only sbx can remove.
        subprocess.run([SBX, "rm", "--all", "--force"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
    check(not os.path.exists(home), "nothing is left behind")
    print(f"1..{checks}")
    return failures != 0


sys.exit(main())
