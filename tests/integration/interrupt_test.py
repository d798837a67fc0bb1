#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""interrupt_test.py: Ctrl-C ends a command in a sandbox, and the shell's loop around it."""

import os
import shutil
import subprocess
import sys
import tempfile

import attach_test
from attach_test import PROMPT, Terminal, bash, check

SBX = os.environ["SBX"]
TREE = os.path.join(os.environ.get("SBX_TEST_TREES", "/nonexistent"), "busybox")
LOOP = 'for i in 1 2 3; do "$SBX" enter "$TREE" -- sh -c "echo in $i; exec sleep 30" {}; echo "status $?"; done; echo over'


def interrupted(what, argv, loop):
    """Ctrl-C in the first round of LOOP; what is printed from then on."""
    t = Terminal([*argv, loop])
    check(t.expect(rb"in 1\r\n") is not None, f"{what}: it runs", t.seen)
    t.type("\x03")
    status = t.wait()
    printed = t.seen.decode(errors="replace").replace("^C", "").strip()
    t.close()
    return status, printed


def script_ends():
    for how, where in (("with a terminal inside", ""), ("without one", "</dev/null"), ("in a pipeline", "| cat")):
        for name in ("bash", "dash"):
            what = f"a script of {name}, {how}"
            status, printed = interrupted(what, [name, "-c"], LOOP.replace("{}", where))
            check((status, printed) == (130, ""), f"{what}: Ctrl-C ends it", (status, printed))


def interactive_loop_ends():
    for how, where in (("with a terminal inside", ""), ("without one", "</dev/null")):
        t = bash()
        t.type(LOOP.replace("{}", where) + "\n")
        check(t.expect(rb"in 1\r\n") is not None, f"interactive, {how}: it runs", t.seen)
        t.type("\x03")
        got = t.expect(PROMPT)
        check(got is not None and b"over" not in got and b"in 2" not in got,
              f"interactive, {how}: Ctrl-C ends the loop", got)
        t.type("echo status $?\n")
        check(t.expect(rb"status 130\r\n") is not None, "the status is 130", t.seen)
        t.close()


def command_goes_on():
    """One that deals with Ctrl-C itself ends as it likes, and the loop goes on."""
    loop = LOOP.replace("echo in $i; exec sleep 30", "trap 'exit 130' INT; echo in $i; sleep 1; sleep 1; exit 5")
    for how, where in (("with a terminal inside", ""), ("without one", "</dev/null")):
        t = bash()
        t.type(loop.replace("{}", where) + "\n")
        t.expect(rb"in 1\r\n")
        t.type("\x03")
        check(t.expect(rb"status 130\r\n.*in 2\r\n") is not None, f"it traps SIGINT, {how}: the loop goes on", t.seen)
        t.close()


def signal_is_no_key():
    """kill -INT ends the command, and sbx says so by its status: nobody's loop is meant."""
    script = '"$SBX" enter "$TREE" -- sh -c "echo in 1; kill -INT \\$\\$"; echo "status $?"'
    t = Terminal(["bash", "-c", script])
    check(t.expect(rb"status 130\r\n") is not None, "a command that kills itself: the script goes on", t.seen)
    t.close()
    script = "trap '' INT; " + script.replace("kill -INT", "sleep 1; kill -INT")
    t = Terminal(["bash", "-c", script])
    t.expect(rb"in 1\r\n")
    t.type("\x03")
    check(t.expect(rb"status 130\r\n") is not None, "whoever ignores SIGINT goes on", t.seen)
    t.close()


def main():
    if not os.path.isdir(TREE):
        print("1..0 # SKIP no root filesystem busybox: run tests/run, which makes it")
        return 0
    home = tempfile.mkdtemp(prefix="sbx-test.")
    os.environ.update(HOME=home, SBX=SBX, TREE=TREE)
    try:
        for test in (script_ends, interactive_loop_ends, command_goes_on, signal_is_no_key):
            test()
        left = subprocess.run(["pgrep", "-f", f"^{SBX} enter {TREE} "], capture_output=True, text=True, check=False)
        check(left.stdout == "", "no sandbox is left", left.stdout)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"1..{attach_test.checks}")
    return 1 if attach_test.failures else 0


if __name__ == "__main__":
    sys.exit(main())
