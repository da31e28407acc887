"""Starts a peer, lets the load work on it, and reads what that cost.

The figure to trust is CPU time: what the scheduler has counted for all threads of the peer, user
and system, between the first and the last request, in nanoseconds (/proc/PID/task/TID/schedstat).
"""
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import certificates
from peers import Setup

START_LIMIT_S = 60
RUN_LIMIT_S = 120
STOP_LIMIT_S = 5
SETTLE_LIMIT_S = 3
WARM_UP = ["-c", 64, "-n", 2_000]


class Failure(Exception):
    """A run that gave no figure; the others go on."""


@dataclass
class Bench:
    tools: Path  # where relay, origin and load were built
    origin_port: int
    peer_cpu: int
    load_cpu: int
    quick: bool


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def start(command, cpu=None, **options):
    """Starts a command in the foreground, on one CPU or on any."""
    pin = ["taskset", "-c", cpu] if cpu is not None else []
    return subprocess.Popen([str(word) for word in [*pin, *command]], **options)


def stop(process):
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        for pid in reversed(family(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def family(pid):
    """The process and all that it started."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def cpu_ns(pids):
    files = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in files)


def memory_kib(pids):
    """Proportional set size: shared pages count once for all who share them; nothing for who has
    ended, as a child that its peer only needs to start does."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total


def settled_memory_kib(pids):
    """Memory when it has stopped changing, for what is given back a moment later."""
    deadline = time.monotonic() + SETTLE_LIMIT_S
    last = memory_kib(pids)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = memory_kib(pids)
        if abs(now - last) <= 4:
            return now
        last = now
    return last


def opened(port, host, tls):
    client = socket.create_connection(("127.0.0.1", port), timeout=1)
    if not tls:
        return client
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(client, server_hostname=host)


def answers(port, host, tls):
    """Whether one request is answered with 200."""
    try:
        with opened(port, host, tls) as client:
            client.sendall(f"GET /route0/1 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return client.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def await_answer(process, port, host, log, tls=False):
    deadline = time.monotonic() + START_LIMIT_S
    while not answers(port, host, tls):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"does not answer: {tail(log)}")
        time.sleep(0.001)


def tail(log):
    return log.read_text(errors="replace")[-500:].strip() or "(it said nothing)"


@dataclass
class Running:
    port: int
    pids: list
    start_ms: float
    directory: Path
    log: Path


@contextmanager
def running_peer(bench, peer, scenario, plain):
    """The peer, answering; ended when the block is left."""
    directory = Path(tempfile.mkdtemp(prefix="weir-bench-"))
    sites = 0 if plain else scenario.sites
    setup = Setup(directory, free_port(), bench.origin_port, scenario.threads, sites,
                  scenario.logs and not plain, scenario.balance,
                  max(min(scenario.servers, 2) if plain else scenario.servers, 1),
                  certificates.of(bench.tools, scenario.tls, sites), scenario.h2)
    command = peer.command(setup)
    cpu = bench.peer_cpu if scenario.threads == 1 else None
    log = directory / "log"
    began = time.monotonic()
    with log.open("w") as output:
        process = start(command, cpu, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        host = "site0.example.com" if sites else "bench.example.com"
        await_answer(process, setup.port, host, log, scenario.tls)
        start_ms = (time.monotonic() - began) * 1000
        yield Running(setup.port, family(process.pid), start_ms, directory, log)
    finally:
        stop(process)
        shutil.rmtree(directory)


def read_line(process, limit_s):
    ready, _, _ = select.select([process.stdout], [], [], limit_s)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise Failure("the load got no further" if not ready else "the load gave up")
    return line


@contextmanager
def running_load(bench, scenario, options, port):
    """The load with its connections open and warm (see bench/load.c)."""
    cpu = bench.load_cpu if scenario.threads == 1 else None
    command = [bench.tools / "load", *options, port]
    process = start(command, cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        read_line(process, RUN_LIMIT_S)
        yield process
    finally:
        process.stdin.close()
        stop(process)
        process.stdout.close()


def make_requests(load, running):
    """Lets the load make its requests. Returns the figures of the run."""
    before = cpu_ns(running.pids)
    load.stdin.write("\n")
    load.stdin.flush()
    result = json.loads(read_line(load, RUN_LIMIT_S))
    used_ns = cpu_ns(running.pids) - before
    if result["errors"]:
        raise Failure(f"{result['errors']} of {result['requests']} requests failed")
    return {
        "cpu_us": used_ns / 1000 / result["requests"],
        "rate": result["requests"] / result["seconds"],
        "busy": used_ns / 1e9 / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    }


def make_h2_requests(bench, scenario, running):
    """Lets h2load make them; its handshakes, one for each connection, are in the figures."""
    *options, target = [*scenario.load_options(bench.quick), "/128"]
    options[options.index("-n") + 1] //= scenario.turns
    if "-t" in options:
        at = options.index("-t")
        target = options[at + 1]
        del options[at:at + 2]
    command = ["h2load", "-t", 1, *options, "--connect-to", f"127.0.0.1:{running.port}",
               f"https://bench.example.com{target}"]
    before = cpu_ns(running.pids)
    load = start(command, bench.load_cpu, stdout=subprocess.PIPE, text=True)
    said, _ = load.communicate(timeout=RUN_LIMIT_S)
    used_ns = cpu_ns(running.pids) - before
    seconds, unit = re.search(r"finished in ([\d.]+)(ms|s)", said).groups()
    seconds = float(seconds) / (1000 if unit == "ms" else 1)
    total, done = (int(re.search(rf"(\d+) {word}", said)[1]) for word in ("started", "2xx"))
    if total != done or "h2" not in said:
        raise Failure(f"{total - done} of {total} requests failed:\n{said}")
    return {"cpu_us": used_ns / 1000 / total, "rate": total / seconds,
            "busy": used_ns / 1e9 / seconds}


class Side:
    """A peer that runs, with its load ready, and what its turns have given."""

    def __init__(self, bench, peer, plain, scenario, stack):
        self.bench, self.scenario = bench, scenario
        self.turns = []
        self.running = stack.enter_context(running_peer(bench, peer, scenario, plain))
        if not scenario.h2:
            options = scenario.load_options(bench.quick)
            options[options.index("-n") + 1] //= scenario.turns
            self.load = stack.enter_context(running_load(bench, scenario, options, self.running.port))

    def take_turn(self):
        if self.scenario.h2:
            self.turns.append(make_h2_requests(self.bench, self.scenario, self.running))
        else:
            self.turns.append(make_requests(self.load, self.running))

    def figures(self):
        return {
            **{name: statistics.median(turn[name] for turn in self.turns) for name in self.turns[0]},
            "cpu_us": statistics.fmean(turn["cpu_us"] for turn in self.turns),
            "start_ms": self.running.start_ms,
            "memory_mib": memory_kib(self.running.pids) / 1024,
        }


def measure_together(bench, sides, scenario):
    """One run of several peers, each (peer, plain) where plain is without what the scenario is about.
    They run at once and are asked in turns of a fraction of a second: whatever slows the machine down
    meanwhile slows down all of them. Returns the figures of each by name, or its Failure."""
    if not scenario.requests:
        return [attempt(measure_held, bench, peer, scenario) for peer, _ in sides]
    with ExitStack() as stack:
        running = [attempt(Side, bench, *side, scenario, stack) for side in sides]
        for turn in range(scenario.turns):
            first = turn % len(running)
            for at in [*range(first, len(running)), *range(first)]:
                if isinstance(running[at], Side):
                    failure = attempt(running[at].take_turn)
                    running[at] = failure or running[at]
        return [side.figures() if isinstance(side, Side) else side for side in running]


def attempt(work, *arguments):
    """What the work returns, or the Failure that it ended with."""
    try:
        return work(*arguments)
    except Failure as failure:
        return failure


def measure_held(bench, peer, scenario):
    """Memory of each connection that is held, beyond what serving some others has cost."""
    warm_up = [*WARM_UP, *(["-T"] if scenario.tls else [])]
    with running_peer(bench, peer, scenario, plain=False) as running:
        with running_load(bench, scenario, warm_up, running.port) as load:
            make_requests(load, running)
        before = settled_memory_kib(running.pids)
        options = scenario.load_options(bench.quick)
        with running_load(bench, scenario, options, running.port):
            held = settled_memory_kib(running.pids)
        return {"kib_each": (held - before) / scenario.connections, "memory_mib": before / 1024}


def measure_pair(bench, peer, scenario):
    """The scenario beside the same requests without what it is about: the figures, or a Failure."""
    runs = measure_together(bench, [(peer, False), (peer, True)], scenario)
    for run in runs:
        if isinstance(run, Failure):
            return run
    figures, beside = runs[0], runs[1]["cpu_us"]
    return {**figures, "plain_us": beside, "pair_ratio": figures["cpu_us"] / beside}


@contextmanager
def running_origin(tools, cpu, *options):
    port = free_port()
    process = start([tools / "origin", port, *options], cpu)
    try:
        await_answer(process, port, "origin", Path("/dev/null"))
        yield port
    finally:
        stop(process)
