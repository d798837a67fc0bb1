#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measure.py: start-up times of sbx beside its floor and its peers, all in one run.

tests/bench/run calls it. Nothing here passes or fails: times say something about one machine at one
time, and are read, not obeyed.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import tempfile

STEP = re.compile(r"^sbx: debug: (?P<name>.+?):? (?P<us>\d+(?:\.\d+)?) us$")


class Command:
    """One thing to be timed: a name, arguments, and after the run its times in microseconds."""

    def __init__(self, name, argv, skipped=None):
        self.name, self.argv, self.skipped, self.times = name, argv, skipped, []

    @property
    def median(self):
        return statistics.median(self.times)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"


def first_that_works(name, candidates):
    """The first of the CANDIDATES that ends well; machines differ in what they let a peer do."""
    why = "not installed"
    for argv in candidates:
        if shutil.which(argv[0]) is None:
            continue
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Command(name, argv)
        why = last_line(done.stderr)
    return Command(name, candidates[0], skipped=why)


def spec(tool, folder):
    """Whether TOOL has written its template of a bundle's configuration into FOLDER."""
    # Not even this works everywhere, and what it has begun it leaves behind.
    pathlib.Path(folder, "config.json").unlink(missing_ok=True)
    return shutil.which(tool) and subprocess.run([tool, "spec", "--rootless"], cwd=folder,
                                                 capture_output=True, check=False).returncode == 0


def write_bundle(folder, tree):
    """An OCI bundle that runs `true` in TREE with one id; False where no tool can write one."""
    if not any(spec(tool, folder) for tool in ("crun", "runc")):
        return False
    path = pathlib.Path(folder, "config.json")
    config = json.loads(path.read_text())
    config["process"].update(terminal=False, args=["true"])
    config["root"].update(path=str(tree), readonly=False)
    config["linux"].pop("resources", None)
    for ids, number in ("uidMappings", os.getuid()), ("gidMappings", os.getgid()):
        config["linux"][ids] = [{"containerID": 0, "hostID": number, "size": 1}]
    # A network namespace, as all others have it.
    if not any(namespace["type"] == "network" for namespace in config["linux"]["namespaces"]):
        config["linux"]["namespaces"].append({"type": "network"})
    path.write_text(json.dumps(config))
    return True


def commands(build, trees, scratch):
    """Everything that is timed, by the key that the bars know it by."""
    sbx, floor = str(build / "src/cli/sbx"), str(build / "tests/bench/floor")
    # One id is for a tree whose files are all the caller's.
    own, sub = str(trees / "own"), str(trees / "sub")

    def enter(overlay, ids, tree, net="none"):
        return [sbx, "enter", "--overlay", overlay, "--map", ids, "--net", net, tree, "--", "true"]

    # What a driver costs by itself shows where the program isn't read through it.
    def enter_static(overlay):
        argv = enter(overlay, "subids", sub)
        return [*argv[:-3], "--bind", "/bin/busybox:/run/true", *argv[-3:-1], "/run/true"]

    state = ["--root", f"{scratch}/state"]
    run = ["run", "--bundle", scratch, "sbx-bench"]
    rootfs = ["run", "--rm", "--network", "none", "--rootfs", f"{own}:O", "true"]
    podman = ["podman", "--root", f"{scratch}/podman", "--runroot", f"{scratch}/podman-run"]
    has_bundle = write_bundle(scratch, own)
    return {
        "exec": Command("sbx --version", [sbx, "--version"]),
        "floor": Command("floor, one id", [floor, own, "true"]),
        "floor-subids": Command("floor, subordinate ids", [floor, "-s", sub, "true"]),
        "floor-kernel": Command("floor, subordinate ids, overlay", [floor, "-s", "-o", sub, "true"]),
        "self": Command("sbx, one id, no overlay", enter("none", "self", own)),
        "subids": Command("sbx, subordinate ids, no overlay", enter("none", "subids", sub)),
        "kernel": Command("sbx, subordinate ids, kernel's overlay", enter("kernel", "subids", sub)),
        "net": Command("sbx, the same with a network of its own", enter("kernel", "subids", sub, "slirp")),
        "self-net": Command("sbx, one id, no overlay, a network", enter("none", "self", own, "slirp")),
        "fuse": Command("sbx, subordinate ids, fuse-overlayfs", enter("fuse", "subids", sub)),
        "static": Command("sbx, a program from outside, no overlay", enter_static("none")),
        "static-fuse": Command("sbx, a program from outside, fuse-overlayfs", enter_static("fuse")),
        "bwrap": first_that_works("bwrap --unshare-all", [
            ["bwrap", "--unshare-all", "--bind", own, "/", "--proc", "/proc", "--dev", "/dev", "true"],
        ]),
        "crun": first_that_works("crun run, one id", [
            ["crun", *state, *run], ["crun", *state, "--cgroup-manager=disabled", *run],
        ]) if has_bundle else Command("crun run, one id", [], skipped="no bundle"),
        "runc": first_that_works("runc run, one id", [
            ["runc", *state, *run],
        ]) if has_bundle else Command("runc run, one id", [], skipped="no bundle"),
        "podman": first_that_works("podman run --rm --rootfs", [
            [*podman, *rootfs],
            [*podman, "--runtime", "runc", "--cgroup-manager", "cgroupfs", *rootfs],
        ]),
    }


def remove_podman(scratch):
    """The process that podman keeps, and its folder, which belongs to its ids."""
    if shutil.which("podman"):
        subprocess.run(["podman", "--root", f"{scratch}/podman", "--runroot", f"{scratch}/podman-run",
                        "system", "migrate"], capture_output=True, check=False)
    subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", f"{scratch}/podman"], check=False)


def time_all(timer, timed, runs):
    text = "".join("\t".join(c.argv) + "\n" for c in timed)
    done = subprocess.run([timer, str(runs)], input=text, stdout=subprocess.PIPE, text=True, check=True)
    for command, line in zip(timed, done.stdout.splitlines()):
        if line.startswith("status"):
            command.skipped = f"ended with {line}"
        else:
            command.times = [float(us) for us in line.split()]


def print_table(table):
    floor, bwrap = table["floor"], table["bwrap"]
    print(f"{'ms':46} {'min':>8} {'median':>8} {'p90':>8} {'/ floor':>8} {'/ bwrap':>8}")
    for c in table.values():
        if c.skipped:
            print(f"{c.name:46} skipped: {c.skipped}")
            continue
        ratios = [f"{c.median / base.median:8.2f}" if base.times else f"{'-':>8}" for base in (floor, bwrap)]
        times = sorted(c.times)
        row = [times[0], c.median, times[len(times) * 9 // 10]]
        print(f"{c.name:46}", *(f"{us / 1000:8.3f}" for us in row), *ratios)


def print_bars(table):
    """What the project asks of itself, each as a sentence of two numbers."""
    def bar(what, needs, got, limit, unit=""):
        missing = [table[key].name for key in needs if not table[key].times]
        if missing:
            print(f"{'n/a':5} {what}: not measured: {', '.join(missing)}")
            return
        value, most = got(), limit()
        print(f"{'PASS' if value <= most else 'MISS':5} {what}: {value:.2f}{unit}, at most {most:.2f}{unit}")

    def ms(key):
        return table[key].median / 1000

    print()
    bar("one id: faster than bwrap", ["self", "bwrap"], lambda: ms("self"), lambda: ms("bwrap"), " ms")
    bar("one id: 1.3 x floor + sbx's own exec", ["self", "floor", "exec"],
        lambda: ms("self"), lambda: 1.3 * ms("floor") + ms("exec"), " ms")
    bar("subordinate ids: 1.3 x floor", ["subids", "floor-subids"],
        lambda: ms("subids"), lambda: 1.3 * ms("floor-subids"), " ms")
    bar("the kernel's overlay adds", ["kernel", "subids"],
        lambda: 100 * (ms("kernel") / ms("subids") - 1), lambda: 5, " %")
    bar("a network of its own adds", ["net", "kernel"], lambda: ms("net") - ms("kernel"), lambda: 0.5, " ms")
    bar("a network adds with one id", ["self-net", "self"], lambda: ms("self-net") - ms("self"), lambda: 0.5, " ms")
    bar("fuse-overlayfs adds to a program from outside", ["static-fuse", "static"],
        lambda: ms("static-fuse") - ms("static"), lambda: 3, " ms")
    slowest = max(("self", "subids", "kernel", "fuse"), key=lambda key: table[key].median if table[key].times else 0)
    for peer in ("crun", "runc"):
        bar(f"behind {peer} is none: {table[slowest].name}", [slowest, peer],
            lambda: ms(slowest), lambda peer=peer: ms(peer), " ms")


def print_shares(command, steps):
    """STEPS is name -> microseconds, some of them beside others; shares are of the whole run."""
    if not steps or not command.times:
        return
    print(f"\nWhere it goes: {command.name}")
    for name, us in steps.items():
        print(f"    {name:28} {us:8.0f} us {100 * us / command.median:5.1f} %")


def floor_steps(argv, runs):
    done = subprocess.run([argv[0], "-n", str(runs), *argv[1:]], capture_output=True, text=True, check=False)
    return {name: float(us) for name, us in (line.split("\t") for line in done.stdout.splitlines())}


def sbx_steps(argv, runs):
    """The median of each step that `--debug` tells, in their order."""
    times = {}
    debug = [*argv[:2], "--debug", *argv[2:]]
    for _ in range(runs):
        done = subprocess.run(debug, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        for line in done.stderr.splitlines():
            if match := STEP.match(line):
                times.setdefault(match["name"], []).append(float(match["us"]))
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--trees", type=pathlib.Path, required=True)
    args = parser.parse_args()

    print(f"Linux {platform.release()}, {os.cpu_count()} cores, {args.runs} runs each, in turn\n")
    with tempfile.TemporaryDirectory(prefix="sbx-bench.", dir="/var/tmp") as scratch:
        table = commands(args.build, args.trees, scratch)
        time_all(args.build / "tests/bench/timer", [c for c in table.values() if not c.skipped], args.runs)
        print_table(table)
        print_bars(table)
        steps = max(1, min(args.runs, 50))
        for key in ("floor", "floor-subids"):
            print_shares(table[key], floor_steps(table[key].argv, steps))
        # The launcher's "id-maps" and pid 1's steps up to "ids" pass at the same time.
        for key in ("self", "subids", "kernel"):
            print_shares(table[key], sbx_steps(table[key].argv, steps))
        remove_podman(scratch)


if __name__ == "__main__":
    main()
