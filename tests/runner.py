#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""runner.py: builds sbx in one or more ways and runs the tests that meson knows of.

tests/run calls it, once the machine is ready. Every test prints TAP; each of its lines counts.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SUITES = ["lint", "unit", "fuzz", "integration", "e2e", "attacks", "faults", "guest"]
# Left out by --quick: they take minutes.
SLOW = {"e2e", "attacks", "faults", "guest"}

PLAIN = ["--werror"]
# gcc says itself that its warnings aren't reliable together with the sanitizers.
SANITIZERS = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
# name: compiler, options of meson's, the suites that are worth their time in this build. What lint,
# e2e, attacks and faults see doesn't depend on the compiler, and whole commands under the sanitizers are
# tested by integration.
BUILDS = {
    "gcc": ("gcc", PLAIN, SUITES),
    "clang": ("clang", PLAIN, ["unit", "fuzz", "integration"]),
    "gcc-sanitizers": ("gcc", SANITIZERS, ["unit", "fuzz", "integration"]),
    "clang-sanitizers": ("clang", SANITIZERS, ["unit", "fuzz", "integration"]),
}

# LeakSanitizer stops the process with ptrace to look at it. It can't do that to sbx, which isn't
# dumpable, nor in a child that has no /proc yet; so leaks are looked for in the unit tests and harnesses.
FINDS_LEAKS = {"unit", "fuzz"}

TAP_LINE = re.compile(r"^(not )?ok\b(?P<rest>.*)$")
TAP_PLAN = re.compile(r"^1\.\.(?P<n>\d+)(?:\s*#\s*SKIP\b\s*(?P<why>.*))?$", re.IGNORECASE)
TAP_SKIP = re.compile(r"#\s*SKIP\b\s*(?P<why>.*)$", re.IGNORECASE)


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclasses.dataclass
class Result:
    label: str
    count: Count
    seconds: float
    problems: list
    skips: list
    output: str


def read_tap(output, strict):
    """Counts the lines of OUTPUT; returns the count, what is wrong, and the reasons of skips."""
    count, problems, skips = Count(), [], []
    lines, plan = 0, None
    for line in output.splitlines():
        if match := TAP_PLAN.match(line):
            plan = int(match["n"])
            if plan == 0:
                count.skipped += 1
                skips.append(match["why"] or "no reason given")
        elif match := TAP_LINE.match(line):
            lines += 1
            skip = TAP_SKIP.search(match["rest"])
            if line.startswith("not ok"):
                count.failed += 1
            elif skip:
                count.skipped += 1
                skips.append(skip["why"] or "no reason given")
            else:
                count.passed += 1
    if plan is None:
        problems.append("it ended without a plan")
    elif plan != lines:
        problems.append(f"it planned {plan} checks and made {lines}")
    if strict and count.skipped:
        count.failed += count.skipped
        problems += [f"skipped, which counts as failed here: {why}" for why in skips]
        count.skipped, skips = 0, []
    return count, problems, skips


def end_group(process):
    """Ends PROCESS and what it started, the latter also where it has ended by itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_one(build, suite, test, strict):
    """Runs one test of meson's list in a folder of its own that is gone afterwards."""
    label = f"{build} {suite}/{test['name']}"
    scratch = tempfile.mkdtemp(prefix="sbx-run.")
    leaks = int(suite in FINDS_LEAKS)
    env = {
        **os.environ,
        **test["env"],
        "TMPDIR": scratch,
        "ASAN_OPTIONS": f"detect_leaks={leaks}:detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    started = time.monotonic()
    timed_out = False
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        with subprocess.Popen(test["cmd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                              cwd=SOURCE, start_new_session=True) as process:
            try:
                process.wait(test["timeout"])
            except subprocess.TimeoutExpired:
                timed_out = True
                # The test's own trap gets a moment to clean up.
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
            end_group(process)
        log.seek(0)
        output = log.read()
    remove_scratch(scratch)

    count, problems, skips = read_tap(output, strict)
    if timed_out:
        problems.append(f"it took longer than {test['timeout']} s")
    elif process.returncode != 0 and not count.failed:
        problems.append(f"it ended with status {process.returncode}")
    for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
        if mark in output:
            problems.append(f"a sanitizer reported '{mark}'")
    if problems and not count.failed:
        count.failed += 1
    return Result(label, count, time.monotonic() - started, problems, skips, output)


def remove_scratch(path):
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path):
        # What a sandbox made can belong to the caller's subordinate ids.
        subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", "--", path], check=False)


def compile_build(name):
    """Configures and builds; the folder, or None after having said what went wrong."""
    compiler, options, _ = BUILDS[name]
    folder = SOURCE / f"build-{name}"
    steps = [["ninja", "--quiet", "-C", str(folder)]]
    if not (folder / "build.ninja").exists():
        steps.insert(0, ["meson", "setup", *options, str(folder), str(SOURCE)])
    for step in steps:
        done = subprocess.run(step, env={**os.environ, "CC": compiler}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            print(f"FAIL {name}: {' '.join(step)}\n{done.stdout}", flush=True)
            return None
    return folder


def list_tests(folder, wanted):
    """The tests of meson's list that are WANTED (SUITE or SUITE/TEST), as (suite, test)."""
    listed = subprocess.run(["meson", "introspect", "--tests", str(folder)], check=True,
                            capture_output=True, text=True)
    found = []
    for test in json.loads(listed.stdout):
        # meson writes "project:suite".
        suite = test["suite"][0].split(":")[-1]
        if suite in wanted or f"{suite}/{test['name']}" in wanted:
            found.append((suite, test))
    return sorted(found, key=lambda item: SUITES.index(item[0]))


def report(result):
    word = "FAIL" if result.count.failed else "ok  "
    print(f"{word} {result.label}: {result.count} ({result.seconds:.1f} s)", flush=True)
    if result.count.failed:
        print(result.output.rstrip())
        for problem in result.problems:
            print(f"# {result.label}: {problem}")
    for why in result.skips:
        print(f"     skipped: {why}")
    sys.stdout.flush()


def run_build(name, wanted, strict, jobs):
    """Builds NAME and runs what is wanted of it; the count."""
    count = Count()
    folder = compile_build(name)
    if folder is None:
        return Count(failed=1)
    tests = list_tests(folder, wanted)
    # Tests that fill the machine by themselves say so to meson, and run alone, last of their build.
    together = [item for item in tests if item[1]["is_parallel"]]
    alone = [item for item in tests if not item[1]["is_parallel"]]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run_one, name, suite, test, strict) for suite, test in together]
        for future in concurrent.futures.as_completed(running):
            report(future.result())
            count.add(future.result().count)
    for suite, test in alone:
        result = run_one(name, suite, test, strict)
        report(result)
        count.add(result.count)
    return count


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/run", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--build", action="append", choices=BUILDS)
    parser.add_argument("suites", nargs="*", metavar="SUITE[/TEST]")
    args = parser.parse_args(argv)
    for wanted in args.suites:
        if wanted.split("/")[0] not in SUITES:
            parser.error(f"'{wanted}' is none of {', '.join(SUITES)}")
    return args


def main():
    args = parse(sys.argv[1:])
    # Whoever runs this in the background has it ignore signals, and the tests would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    strict = os.environ.get("SBX_TEST_STRICT") == "1"
    builds = args.build or (list(BUILDS) if args.all else ["gcc"])
    total = Count()
    for name in builds:
        wanted = args.suites or [suite for suite in BUILDS[name][2] if not (args.quick and suite in SLOW)]
        total.add(run_build(name, wanted, strict, os.cpu_count() or 1))
    if not (total.passed or total.failed or total.skipped):
        print("no test of that name")
        total.failed = 1
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
