#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net.py: the network of sbx beside loopback and its peers, all in one run.

tests/bench/net calls it, as root of namespaces of its own: user, mount, net and pid. That network
namespace is the host here, and what is started here ends with this process, which is pid 1 and ends
with its stdin.

A guest talks to the loopback interface of that host, so that the bare one is what all are held
against. In a third namespace, behind a link with delay, is a server. In each round each subject is
started anew, so that what else the machine does meets all of them alike; medians are taken over the
rounds. What asks and answers in a guest is in its network namespace alone, so that a sandbox's filter
of system calls is no part of what is compared. Nothing here passes or fails: speeds say something
about one machine at one time.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

MTU = 1500
# iperf3 and the echo server, where they listen and where they are published.
IPERF, ECHO, IPERF_PUBLISHED, ECHO_PUBLISHED = 5201, 7001, 5301, 7301
LOOPBACK, HOST, GATEWAY, SERVER, PREFIX = "127.0.0.1", "192.0.2.1", "192.0.2.9", "192.0.2.7", 24
ONE_WAY_MS = 25
IDLE, BURST = 900, 100
SCRATCH = pathlib.Path("/run/bench")
# Who asks and who answers, one after the other, shares one processor with what lies between: where the
# kernel puts them otherwise changes from run to run, and the times tenfold.
CPU = max(os.sched_getaffinity(0))
ON_CPU = ["taskset", "--cpu-list", CPU]
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement, or the start of a subject, that came to nothing."""


# What may come of a tool that ends when it shouldn't, or says what nobody expects.
TROUBLE = Failed, OSError, ValueError


def first_line(text):
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"


def run(argv, timeout=30):
    """What ARGV prints; it has to end well."""
    try:
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"'{argv[0]}' took over {timeout} s") from late
    except FileNotFoundError as missing:
        raise Failed("not installed") from missing
    if done.returncode != 0:
        raise Failed(first_line(done.stderr or done.stdout))
    return done.stdout


def wait_until(what, is_so, seconds=5):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.01)


# ---- processes ----

def start(argv, **streams):
    with_nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.Popen([str(a) for a in argv], **{**with_nothing, **streams})
    except FileNotFoundError as missing:
        raise Failed("not installed") from missing


def first_words(process, seconds=20):
    """The next line of what PROCESS prints; it must not be silent for ever."""
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        line = process.stdout.readline()
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
    if not line:
        raise Failed(f"'{process.args[0]}' ended early")
    return line


def read(path):
    """A file of /proc; nothing where the process has ended."""
    try:
        return pathlib.Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def below(pid):
    """The processes that PID has started, and they."""
    files = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in files for child in read(file).split()]
    return children + [each for child in children for each in below(child)]


def name_of(pid):
    return read(f"/proc/{pid}/comm").strip()


def network_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except FileNotFoundError:
        return ""


def field(text, name):
    """The number behind NAME in a status file."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)


def cpu_seconds(pids):
    # Behind the name, which may have spaces: utime and stime are the fields 14 and 15 of proc(5).
    fields = [read(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields if f) / TICKS


@contextlib.contextmanager
def on_one_cpu(pids):
    """All threads of these processes, for a while."""
    def bind(cpus):
        for pid in pids:
            for thread in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), cpus)

    bind({CPU})
    try:
        yield
    finally:
        bind(os.sched_getaffinity(0))


def resident_kib(pids):
    return sum(field(read(f"/proc/{pid}/status"), "VmRSS") for pid in pids)


def wakes(pids):
    return sum(field(read(file), "voluntary_ctxt_switches")
               for pid in pids for file in pathlib.Path(f"/proc/{pid}/task").glob("*/status"))


# ---- commands, where they run ----

def on_host(*argv):
    return list(argv)


def listens(inside, port):
    return run(inside("ss", "--no-header", "--listening", "--numeric", "--tcp", f"sport = :{port}")) != ""


# ---- the subjects ----

class Subject:
    """A way to have a network, how to start it, and after the rounds its numbers by their names."""

    # As its guest sees the host's loopback interface, and as the host sees its guest's ports.
    host, iperf, echo = "10.0.2.2", IPERF_PUBLISHED, ECHO_PUBLISHED
    # Where a tool goes out by another one, the ways out are not its own.
    has_own_way_out = True
    # The guest's kernel does it as the host's.
    controls_congestion = True

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.skipped, self.numbers = None, {}
        self.process, self.guest, self.started = None, None, []

    def start(self):
        raise NotImplementedError

    def helpers(self):
        """The processes that carry its bytes."""
        return [self.process.pid]

    def stop(self):
        for process in reversed(self.started):
            process.kill()
            process.wait()
        self.process, self.guest, self.started = None, None, []

    def keep(self, *argv, **streams):
        """Starts what ends with the subject."""
        self.started.append(start(argv, **streams))
        return self.started[-1]

    def inside(self, *argv):
        """ARGV as it is run in the guest."""
        return ["nsenter", f"--target={self.guest}", "--net", *argv] if self.guest else list(argv)

    def serve(self):
        """What the guest offers."""
        self.keep(*self.inside(*self.bench.echo("0.0.0.0")))
        wait_until("a server in the guest", lambda: listens(self.inside, ECHO))

    def make_guest(self):
        """For tools that are handed a guest; its loopback interface is up."""
        sleeper = self.keep("unshare", "--map-root-user", "--net", "sleep", "infinity")
        wait_until("a guest's namespace", lambda: network_of(sleeper.pid) not in ("", network_of("self"))
                   and name_of(sleeper.pid) == "sleep")
        self.guest = sleeper.pid
        run(self.inside("ip", "link", "set", "lo", "up"))

    def start_for_guest(self, *argv):
        """Starts the tool for a guest that tries without pause to reach its host."""
        client = self.keep(*self.inside(self.bench.latency, "ready", self.host, ECHO), stdout=subprocess.PIPE)
        first_words(client)
        began = time.monotonic()
        self.process = self.keep(*argv)
        self.add("ready", 1000 * (float(first_words(client)) - began))

    def add_ready(self, with_network, without):
        """What the network adds to the time until a command inside has an answer from the host. Both
        commands print a time."""
        def after(argv):
            began = time.monotonic()
            return 1000 * (float(run(argv).split()[-1]) - began)

        pairs = [(after(with_network), after(without)) for _ in range(5)]
        self.add("ready", statistics.median(p[0] for p in pairs) - statistics.median(p[1] for p in pairs))

    def add(self, key, value):
        self.numbers.setdefault(key, []).append(value)

    def median(self, key):
        return statistics.median(self.numbers[key])


class Loopback(Subject):
    host, iperf, echo = LOOPBACK, IPERF, ECHO

    def start(self):
        pass

    def serve(self):
        pass

    def helpers(self):
        return []


class Sbx(Subject):
    """TCP by its relay, or where its redirection is taken away, over its tap as all else."""

    controls_congestion = False

    def __init__(self, bench, name, is_tap=False):
        super().__init__(bench, name)
        self.is_tap = is_tap
        self.skipped = self.why_not()

    def enter(self, network, *command, options=()):
        return [self.bench.sbx, "enter", "--map", "self", "--overlay", "none", "--net", network,
                *options, self.bench.tree, "--", *command]

    def options(self):
        return ["--host-loopback", "-p", f"{IPERF_PUBLISHED}:{IPERF}", "-p", f"{ECHO_PUBLISHED}:{ECHO}"]

    def why_not(self):
        try:
            run(self.enter("slirp", "true", options=self.options()))
        except Failed as why:
            return str(why)
        return None

    def start(self):
        if not self.is_tap:
            program = ["-v", f"{self.bench.latency}:/run/latency:ro"]
            self.add_ready(self.enter("slirp", "/run/latency", "ready", self.host, ECHO,
                                      options=["--host-loopback", *program]),
                           self.enter("none", "/run/latency", "now", options=program))
        self.process = self.keep(*self.enter("slirp", "sleep", "infinity", options=self.options()))
        wait_until("a sandbox", lambda: self.of_name("sleep"))
        self.guest = self.of_name("sleep")[0]
        if self.is_tap:
            run(self.inside("nft", "delete", "table", "inet", "sbx"))
        # Its helper is started by the first that happens.
        run(self.inside(self.bench.latency, "request", self.host, ECHO, 1))
        if not self.helpers():
            raise Failed("no process sbx-net")

    def of_name(self, name):
        return [pid for pid in below(self.process.pid) if name_of(pid) == name]

    def helpers(self):
        return self.of_name("sbx-net")

    def stop(self):
        # Its guest ends with it, and is gone before its ports are wanted again.
        super().stop()
        wait_until("a sandbox's end", lambda: not listens(on_host, IPERF_PUBLISHED))


class Slirp4netns(Subject):
    def __init__(self, bench, name, mtu):
        super().__init__(bench, name)
        self.mtu = mtu

    def start(self):
        api = SCRATCH / "slirp4netns"
        api.unlink(missing_ok=True)
        self.make_guest()
        self.start_for_guest("slirp4netns", "--configure", f"--mtu={self.mtu}", f"--api-socket={api}",
                             self.guest, "tap0")
        for outside, inside in (IPERF_PUBLISHED, IPERF), (ECHO_PUBLISHED, ECHO):
            self.ask(api, {"execute": "add_hostfwd", "arguments": {
                "proto": "tcp", "host_addr": LOOPBACK, "host_port": outside, "guest_port": inside}})

    @staticmethod
    def ask(api, request):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(api))
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
            answer = json.loads(connection.recv(4096))
        if "error" in answer:
            raise Failed(f"slirp4netns: {answer['error']}")


class Pasta(Subject):
    # It takes connections to the host's gateway for such to the host's loopback interface.
    host = GATEWAY

    def __init__(self, bench, name, mtu):
        super().__init__(bench, name)
        self.mtu = mtu

    def start(self):
        self.make_guest()
        self.start_for_guest("pasta", "--foreground", "--config-net", "-m", self.mtu,
                             "-t", f"{IPERF_PUBLISHED}:{IPERF},{ECHO_PUBLISHED}:{ECHO}",
                             "-u", "none", "-T", "none", "-U", "none", "--log-file", SCRATCH / "pasta.log",
                             self.guest)


class Rootlesskit(Subject):
    """Its ports are its own; out it goes by slirp4netns."""

    has_own_way_out = False

    def start(self):
        state = SCRATCH / "rootlesskit"
        shutil.rmtree(state, ignore_errors=True)
        own = ["rootlesskit", "--net=slirp4netns", f"--mtu={MTU}"]
        self.add_ready([*own, self.bench.latency, "ready", self.host, ECHO],
                       ["rootlesskit", "--net=host", self.bench.latency, "now"])
        self.process = self.keep(
            *own, "--port-driver=builtin", f"--state-dir={state}",
            "-p", f"{LOOPBACK}:{IPERF_PUBLISHED}:{IPERF}/tcp", "-p", f"{LOOPBACK}:{ECHO_PUBLISHED}:{ECHO}/tcp",
            "sleep", "infinity")
        wait_until("rootlesskit", lambda: self.payload(), 10)
        self.guest = self.payload()[0]

    def payload(self):
        return [pid for pid in below(self.process.pid) if name_of(pid) == "sleep"]

    def helpers(self):
        return [self.process.pid, *(pid for pid in below(self.process.pid) if pid not in self.payload())]

    def stop(self):
        # Killed, it would leave those that it has started.
        if self.process:
            for pid in below(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        super().stop()


# ---- the small Internet ----

class Bench:
    """The host, the server behind the link, and what is measured with."""

    def __init__(self, args):
        self.seconds = args.seconds
        # Of connections, and five times as many of what is shorter.
        self.samples = 200 if args.quick else 1000
        tools = args.build / "tests/bench"
        self.sbx, self.latency = args.build / "src/cli/sbx", tools / "latency"
        self.link, self.timer = tools / "link", tools / "timer"
        self.tree = args.trees / "own"
        self.congestion = args.congestion
        self.control_congestion(on_host)
        self.make_host()
        self.make_server()

    def echo(self, address):
        return [*ON_CPU, self.latency, "serve", address, ECHO]

    def control_congestion(self, inside):
        if self.congestion:
            run(inside("sysctl", "--write", f"net.ipv4.tcp_congestion_control={self.congestion}"))

    def make_host(self):
        run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
        SCRATCH.mkdir()
        # rootlesskit wants to be told which ids root has here.
        ids = SCRATCH / "ids"
        ids.write_text("root:1:65535\n")
        for file in "/etc/subuid", "/etc/subgid":
            run(["mount", "--bind", ids, file])
        run(["ip", "link", "set", "lo", "up"])
        # Nothing that is measured may be short of descriptors.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        start(self.echo(LOOPBACK))
        wait_until("a server on the host", lambda: listens(on_host, ECHO))

    def make_server(self):
        server = start(["unshare", "--net", "sleep", "infinity"]).pid
        wait_until("a server's namespace", lambda: network_of(server) not in ("", network_of("self")))
        self.at_server = lambda *argv: ["nsenter", f"--target={server}", "--net", *argv]
        self.control_congestion(self.at_server)
        link = start([self.link, os.getpid(), server, ONE_WAY_MS], stdout=subprocess.PIPE)
        first_words(link)
        for prefix, addresses in (on_host, [HOST]), (self.at_server, [GATEWAY, SERVER]):
            run(prefix("ip", "link", "set", "lo", "up"))
            for address in addresses:
                run(prefix("ip", "address", "add", f"{address}/{PREFIX}", "dev", "wan0"))
            run(prefix("ip", "link", "set", "wan0", "txqueuelen", 10000, "mtu", MTU, "up"))
        run(["ip", "route", "add", "default", "via", GATEWAY])

    def transfer(self, client, server, to, seconds, *options):
        """Bits in a second, as the receiver counts them, and bytes. CLIENT and SERVER make of a command one
        in their namespaces; TO is what the client calls the server: address and port."""
        # One server for each: after a transfer that stalled it would be busy with that.
        serving = start(server("iperf3", "--server", "--one-off", "--port", IPERF))
        try:
            wait_until("iperf3", lambda: listens(server, IPERF))
            result = json.loads(run(client("iperf3", "--client", to[0], "--port", to[1], "--time", seconds, "--json",
                                           "--connect-timeout", 3000, *options), seconds + 10))
        finally:
            serving.kill()
            serving.wait()
        received = result.get("end", {}).get("sum_received")
        if not received:
            raise Failed(result.get("error", "iperf3 has no result"))
        return received["bits_per_second"], received["bytes"]

    def measure_latency(self, argv, *command):
        words = run(argv(*command), 120).split()
        return {name: float(value) for name, value in zip(words[::2], words[1::2])}


# ---- what is measured: the names are in the table below, and each adds its numbers to a subject ----

def add_transfer(subject, key, client, server, to, *options):
    before = cpu_seconds(subject.helpers())
    bits, size = subject.bench.transfer(client, server, to, subject.bench.seconds, *options)
    subject.add(key, bits / 1e9)
    if subject.helpers():
        subject.add(f"{key}_cpu", (cpu_seconds(subject.helpers()) - before) / (size / 1e9))


def measure_up(subject):
    add_transfer(subject, "up", subject.inside, on_host, (subject.host, IPERF))


def measure_down(subject):
    add_transfer(subject, "down", subject.inside, on_host, (subject.host, IPERF), "--reverse")


def measure_published(subject):
    add_transfer(subject, "in", on_host, subject.inside, (LOOPBACK, subject.iperf))
    add_transfer(subject, "out", on_host, subject.inside, (LOOPBACK, subject.iperf), "--reverse")


def add_latency(subject, key, argv, *command):
    with on_one_cpu(subject.helpers()):
        numbers = subject.bench.measure_latency(argv, *ON_CPU, subject.bench.latency, *command)
    if numbers["failed"]:
        raise Failed(f"{key}: {numbers['failed']:.0f} failed")
    for name in "p50", "p99":
        subject.add(f"{key}_{name}", numbers[name])


def measure_latencies(subject):
    n = subject.bench.samples
    for key in "connect", "request":
        add_latency(subject, key, subject.inside, key, subject.host, ECHO, n)
    for key in "ping-pong", "datagrams":
        add_latency(subject, key, subject.inside, key, subject.host, ECHO, 5 * n)


def measure_published_latencies(subject):
    n = subject.bench.samples
    for key in "connect", "request":
        add_latency(subject, f"in_{key}", on_host, key, LOOPBACK, subject.echo, n)


def measure_burst(subject):
    numbers = subject.bench.measure_latency(on_host, subject.bench.latency, "burst", LOOPBACK, subject.echo, BURST, 5)
    for name in "connected", "answered":
        subject.add(f"burst_{name}", numbers[name] / 1000)


def measure_link(subject):
    # Two seconds of it are the window's growth.
    bits, _ = subject.bench.transfer(subject.inside, subject.bench.at_server, (SERVER, IPERF),
                                     max(subject.bench.seconds, 4), "--omit", 2)
    subject.add("link", bits / 1e6)


def measure_idle(subject):
    """Ping-pong and upload beside connections that do nothing."""
    bench = subject.bench
    holder = start(subject.inside(bench.latency, "idle", subject.host, ECHO, IDLE),
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        first_words(holder, 60)
        add_latency(subject, "idle_ping-pong", subject.inside, "ping-pong", subject.host, ECHO, 5 * bench.samples)
        subject.add("idle_up", bench.transfer(subject.inside, on_host, (subject.host, IPERF), bench.seconds)[0] / 1e9)
        if subject.helpers():
            subject.add("idle_memory", resident_kib(subject.helpers()))
    finally:
        holder.kill()
        holder.wait()


def measure_rest(subject):
    """How often it wakes with nothing to do. What has just ended may still want some seconds, so the
    first time without a wake counts, else the last one. No noise is in that: one round is enough."""
    if not subject.helpers() or "wakes" in subject.numbers:
        return
    for _ in range(5):
        before = wakes(subject.helpers())
        time.sleep(3)
        woke = wakes(subject.helpers()) - before
        if woke == 0:
            break
    subject.add("wakes", woke)
    subject.add("used_memory", resident_kib(subject.helpers()))


def measure_memory(subject):
    """Of a helper that is new, and of one that has served all the rest (measure_rest())."""
    if subject.helpers():
        subject.add("memory", resident_kib(subject.helpers()))


MEASURES = [
    ("memory", measure_memory, False),
    ("upload", measure_up, True),
    ("download", measure_down, True),
    ("published port", measure_published, False),
    ("latencies", measure_latencies, True),
    ("latencies of the published port", measure_published_latencies, False),
    ("burst", measure_burst, False),
    ("link", measure_link, True),
    ("idle connections", measure_idle, True),
    ("rest", measure_rest, False),
]


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def measure(subject):
    try:
        subject.start()
        if subject.guest and subject.controls_congestion:
            subject.bench.control_congestion(subject.inside)
        subject.serve()
        for name, add, is_way_out in MEASURES:
            if is_way_out and not subject.has_own_way_out:
                continue
            try:
                add(subject)
            except TROUBLE as why:
                say(f"{subject.name}: {name}: {why}")
    except TROUBLE as why:
        say(f"{subject.name}: {why}")
        if not subject.numbers:
            subject.skipped = str(why)
    finally:
        try:
            subject.stop()
        except Failed as why:
            say(f"{subject.name}: {why}")


def measure_startup(bench, sbx, runs):
    """`true` with its own network and with none, in turn."""
    lines = [list(map(str, sbx.enter(network, "true"))) for network in ("none", "slirp")]
    done = subprocess.run([bench.timer, str(runs)], input="".join("\t".join(argv) + "\n" for argv in lines),
                          stdout=subprocess.PIPE, text=True, check=True)
    for key, line in zip(("startup_none", "startup_slirp"), done.stdout.splitlines()):
        if line.startswith("status"):
            say(f"{key}: ended with {line}")
        else:
            sbx.add(key, statistics.median(float(us) for us in line.split()) / 1000)


# ---- what is printed ----

class Table:
    """The subjects that were measured, by the names that the bars know them by."""

    def __init__(self, subjects):
        self.subjects = subjects

    def has(self, name, key):
        return name in self.subjects and key in self.subjects[name].numbers

    def number(self, name, key):
        return self.subjects[name].median(key)

    def cell(self, name, key, digits):
        return f"{self.number(name, key):.{digits}f}" if self.has(name, key) else "-"

    def ratio(self, name, key, base, base_key=None):
        base_key = base_key or key
        if not self.has(name, key) or not self.has(base, base_key):
            return "-"
        return f"{self.number(name, key) / self.number(base, base_key):.2f}"

    def print(self, title, *columns):
        """A column is its heading, a key and the digits behind the point, or for a ratio the subject that
        it is to; None is the subject itself, with the key that it is to behind that."""
        rows = [name for name in self.subjects if any(self.has(name, key) for _, key, *_ in columns)]
        if not rows:
            return
        print(f"\n{title:24}", *(f"{column[0]:>11}" for column in columns))
        for name in rows:
            cells = [self.cell(name, key, rest[0]) if isinstance(rest[0], int)
                     else self.ratio(name, key, rest[0] or name, *rest[1:]) for _, key, *rest in columns]
            print(f"{name:24}", *(f"{cell:>11}" for cell in cells))


def print_tables(table):
    for name, subject in table.subjects.items():
        if subject.skipped:
            print(f"{name:24} skipped: {subject.skipped}")
    for title, key in (("Guest to host", "up"), ("Host to guest", "down"),
                       ("Published: to guest", "in"), ("Published: from guest", "out")):
        table.print(title, ("Gbit/s", key, 2), ("/ loopback", key, "loopback"),
                    ("/ slirp4n.", key, "slirp4netns"), ("CPU s/GB", f"{key}_cpu", 2))
    ways = [("connect", "connect"), ("request", "request"), ("ping", "ping-pong"), ("UDP", "datagrams")]
    for title, prefix, n in ("To the host, us", "", 4), ("Published port, us", "in_", 2):
        table.print(title, *((f"{short} {p}", f"{prefix}{key}_{p}", 0) for short, key in ways[:n] for p in ("p50", "p99")))
    table.print(f"{BURST} connections at once", ("ms conn.", "burst_connected", 2), ("answered", "burst_answered", 2))
    table.print(f"Beside {IDLE} idle ones", ("Gbit/s", "idle_up", 2), ("/ none", "idle_up", None, "up"),
                ("ping, us", "idle_ping-pong_p50", 0), ("/ none", "idle_ping-pong_p50", None, "ping-pong_p50"),
                ("KiB", "idle_memory", 0))
    table.print(f"Up a link of {2 * ONE_WAY_MS} ms", ("Mbit/s", "link", 0), ("/ direct", "link", "loopback"))
    table.print("At rest", ("ready, ms", "ready", 1), ("KiB, new", "memory", 0), ("KiB, used", "used_memory", 0),
                ("wakes/3 s", "wakes", 0))
    table.print("Start-up, ms", ("no network", "startup_none", 3), ("slirp", "startup_slirp", 3))


def print_bars(table):
    """What the project asks of itself, each as a sentence of two numbers."""
    def bar(what, needs, got, least=None, most=None, unit=""):
        missing = [f"{name} {key}" for name, key in needs if not table.has(name, key)]
        if missing:
            print(f"{'n/a':5} {what}: not measured: {', '.join(missing)}")
            return
        value = got(*(table.number(name, key) for name, key in needs))
        is_met = value >= least if most is None else value <= most
        limit = f"at least {least:.2f}" if most is None else f"at most {most:.2f}"
        print(f"{'PASS' if is_met else 'MISS':5} {what}: {value:.2f}{unit}, {limit}{unit}")

    def times(value, *others):
        return value / max(others)

    print()
    for way, key in ("to the host", "up"), ("to the guest", "down"):
        bar(f"relay {way} / loopback", [("sbx", key), ("loopback", key)], times, least=0.6)
        bar(f"relay {way} / slirp4netns at its best",
            [("sbx", key), ("slirp4netns", key), ("slirp4netns-65520", key)], times, least=2)
    for way, key, least in ("to the host", "up", 4), ("to the guest", "down", 1.5):
        bar(f"tap {way} / slirp4netns", [("sbx-tap", key), ("slirp4netns", key)], times, least=least)
    for way, key in ("to the guest", "in"), ("from the guest", "out"):
        bar(f"published port {way} / loopback", [("sbx", key), ("loopback", key)], times, least=0.65)
    bar(f"{BURST} connections to the published port", [("sbx", "burst_answered")], lambda ms: ms, most=5, unit=" ms")
    for name in "sbx", "sbx-tap":
        bar(f"{name}: {IDLE} idle connections cost the upload", [(name, "idle_up"), (name, "up")],
            lambda idle, none: 100 * (1 - idle / none), most=20, unit=" %")
        bar(f"{name}: and the ping-pong", [(name, "idle_ping-pong_p50"), (name, "ping-pong_p50")],
            lambda idle, none: 100 * (idle / none - 1), most=20, unit=" %")
    for name in "sbx", "sbx-tap":
        bar(f"{name}: upload over {2 * ONE_WAY_MS} ms / direct", [(name, "link"), ("loopback", "link")], times,
            least=0.95)
    bar("start-up: slirp adds to none", [("sbx", "startup_slirp"), ("sbx", "startup_none")],
        lambda slirp, none: slirp - none, most=0.5, unit=" ms")
    for name in "sbx", "sbx-tap":
        bar(f"{name}: an idle helper wakes", [(name, "wakes")], lambda n: n, most=0, unit=" times")
        bar(f"{name}: and has resident", [(name, "memory")], lambda kib: kib / 1024, most=4, unit=" MiB")


SUBJECTS = {
    "loopback": Loopback,
    "sbx": Sbx,
    "sbx-tap": lambda bench, name: Sbx(bench, name, is_tap=True),
    "slirp4netns": lambda bench, name: Slirp4netns(bench, name, MTU),
    "slirp4netns-65520": lambda bench, name: Slirp4netns(bench, name, 65520),
    "pasta": lambda bench, name: Pasta(bench, name, MTU),
    "pasta-65520": lambda bench, name: Pasta(bench, name, 65520),
    "rootlesskit": Rootlesskit,
}


def read_arguments():
    def positive(text):
        if int(text) < 1:
            raise ValueError
        return int(text)

    parser = argparse.ArgumentParser(prog="tests/bench/net", allow_abbrev=False)
    parser.add_argument("--rounds", type=positive, help="medians of so many rounds (default: 5)")
    parser.add_argument("--seconds", type=positive, help="of each transfer (default: 3)")
    parser.add_argument("--congestion", metavar="NAME", help="how TCP controls congestion, where it is another way "
                        "than this host's")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it work?")
    parser.add_argument("--only", action="append", choices=SUBJECTS, metavar="NAME",
                        help=f"measure this one, can be repeated: {', '.join(SUBJECTS)}")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--trees", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 5)
    args.seconds = args.seconds or (1 if args.quick else 3)
    return args


def give_up(number, _frame):
    raise Failed("no answer") if number == signal.SIGALRM else SystemExit(128 + number)


def end_with_caller():
    """A first process is deaf to most signals, so who calls has one end of a pipe and never writes."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(128 + signal.SIGTERM)


def main():
    args = read_arguments()
    if os.getpid() != 1:
        sys.exit("net.py: is to be the first process of a pid namespace; tests/bench/net starts it so")
    for number in signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, give_up)
    threading.Thread(target=end_with_caller, daemon=True).start()
    bench = Bench(args)
    names = [name for name in SUBJECTS if not args.only or name in args.only]
    subjects = {name: SUBJECTS[name](bench, name) for name in names}
    control = read("/proc/sys/net/ipv4/tcp_congestion_control").strip()
    print(f"Linux {platform.release()}, {os.cpu_count()} cores, TCP's control: {control}, MTU {MTU} where no other is named\n"
          f"Rounds: {args.rounds}, of {args.seconds} s a transfer", flush=True)
    if "sbx" in subjects:
        measure_startup(bench, subjects["sbx"], 20 if args.quick else 200)
    for n in range(args.rounds):
        for subject in subjects.values():
            if not subject.skipped:
                say(f"round {n + 1} of {args.rounds}: {subject.name}")
                measure(subject)
    table = Table(subjects)
    print_tables(table)
    print_bars(table)


if __name__ == "__main__":
    main()
