"""What breaks around a Weir that serves: its processes stand still or die, its disk is full, it may
open nothing any more. Clients ask without pause meanwhile; what they lose is counted, and it is
nothing, or at most what was under way."""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

import pytest

from harness.client import Client
from harness.deadline import PATIENCE, poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.process import descriptors, limit_descriptors
from harness.weir import binary, write_configuration

CLIENTS = 8
READY = "weir: ready"

# Who sets limits for the worker has to be of the same user.
STAYS_ITSELF = "user: root\n" if os.geteuid() == 0 else ""


def behaviour(connection):
    while True:
        connection.answer(200, connection.read_request().target.encode() * 100)


@pytest.fixture
def start_busy(start_weir, start_origin, directory):
    """start_busy(settings) gives a supervised Weir in front of an origin, with `.path` of its file,
    `.text` in it, and `.metrics()`."""
    def start(settings=""):
        admin = str(directory / "admin.sock")
        text = (f"threads: 2\nadmin: unix:{admin}\n{STAYS_ITSELF}{settings}"
                f"sites: [{{proxy: '{start_origin(behaviour).url}'}}]\n")
        weir = start_weir(text, supervised=True)
        weir.path, weir.text = pathlib.Path(weir.arguments[2]), text
        weir.metrics = lambda: read_metrics(admin)
        return weir
    return start


def stands_still(process):
    """All its threads are stopped."""
    return all("State:\tT" in (task / "status").read_text()
               for task in pathlib.Path(f"/proc/{process}/task").iterdir())


class Stopped:
    """A process that stands still for as long as the context."""

    def __init__(self, process):
        self.process = process

    def __enter__(self):
        os.kill(self.process, signal.SIGSTOP)
        poll_until(lambda: stands_still(self.process), what="all threads standing still")

    def __exit__(self, *_):
        os.kill(self.process, signal.SIGCONT)


def check_that_nothing_was_lost(load):
    assert set(load.statuses) == {200} and load.cuts == 0, load.tell()


def take_what_was_under_way(load, deaths=1):
    """A death cuts the request that a client has under way, and no connection is refused."""
    closed = [text for text in load.wrong if "closed without an answer" in text]  # are among the cuts
    reset = [text for text in load.wrong if "ConnectionReset" in text or "BrokenPipe" in text]
    assert len(closed) + len(reset) == len(load.wrong), load.tell()
    assert load.cuts + len(reset) <= CLIENTS * deaths, load.tell()
    assert set(load.statuses) == {200}, load.tell()
    load.wrong.clear()


# ---- processes

def test_a_worker_that_stands_still_for_a_moment_loses_nothing(start_busy):
    weir = start_busy()
    with Load(weir, CLIENTS) as load:
        load.wait_for(100)
        with Stopped(weir.worker()):
            late = [Client(weir.address) for _ in range(50)]  # the system takes them
            for number, client in enumerate(late):
                client.send_request(target=f"/{number}")
        for number, client in enumerate(late):
            assert client.read_response().body == b"/%d" % number * 100
            client.close()
        load.wait_for(100)
    check_that_nothing_was_lost(load)


def test_service_goes_on_while_the_supervisor_stands_still(start_busy):
    """And a worker that dies meanwhile is replaced when it goes on."""
    weir = start_busy()
    with Load(weir, CLIENTS) as load:
        load.wait_for(100)
        seen, worker = weir.log.count("\n"), weir.worker()
        with Stopped(weir.process.pid):
            load.wait_for(200)
            check_that_nothing_was_lost(load)
            os.kill(worker, signal.SIGKILL)
        weir.wait_for_log(READY, start=seen)
        load.wait_for(100)
        take_what_was_under_way(load)


@pytest.mark.soak
def test_workers_are_killed_over_and_over(start_busy):
    """Each a little later than the one before, for they keep dying; nobody is refused."""
    weir, deaths = start_busy(), 7
    with Load(weir, CLIENTS) as load:
        for _ in range(deaths):
            load.wait_for(500)
            seen = weir.log.count("\n")
            os.kill(weir.worker(), signal.SIGKILL)
            weir.wait_for_log(READY, start=seen)
        load.wait_for(500)
        print(f"{deaths} workers killed: {load.tell()}")
        take_what_was_under_way(load, deaths)


# ---- the disk

def limit_files(process, size):
    """From now on no file of the process grows beyond that, as if the disk were full."""
    hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_costs_the_lines_and_no_request(start_busy, directory):
    log = directory / "access.log"
    weir = start_busy(f"log: {{access: {{to: {log}, format: $path whole}}}}\n")
    with Load(weir, CLIENTS) as load:
        load.wait_for(100)
        poll_until(lambda: log.stat().st_size > 0, what="the first lines")
        limit_files(weir.worker(), log.stat().st_size + 1000)
        weir.wait_for_log(f"weir: cannot write to {log}: File too large; its lines are lost")
        load.wait_for(300)
        limit_files(weir.worker(), resource.RLIM_INFINITY)
        told = weir.wait_for_log("warning a log can be written again; lines were lost")
        load.wait_for(100)
    check_that_nothing_was_lost(load)
    lost = int(re.search(r" lines=(\d+)\n", told)[1])
    assert lost > 0 and weir.metrics()("weir_log_lines_lost_total") == lost
    weir.stop()
    lines = re.findall(r"^/\d+-\d+ whole$", log.read_text(), re.MULTILINE)
    assert len(lines) == len(set(lines)) == len(load.statuses) - lost
    assert weir.log.count("cannot write to") == 1


def test_a_disk_that_was_always_full(start_busy):
    """No log can be written at all; that is told once of each place, where it can be told."""
    weir = start_busy("log: {access: {to: /dev/full}, error: {to: /dev/full, level: debug}}\n")
    with Load(weir, CLIENTS) as load:
        load.wait_for(300)
    check_that_nothing_was_lost(load)
    poll_until(lambda: weir.metrics()("weir_log_lines_lost_total") >= len(load.statuses),
               what="all lines counted as lost")
    weir.wait_for_log("weir: cannot write to /dev/full: No space left on device")
    assert weir.log.count("weir: cannot write to /dev/full: No space left on device") == 1


def test_a_limit_on_files_ends_nobody(directory, ports):
    """Not even who writes on standard error, which is a file here, and as large as one may be."""
    size = 64 * 1024
    address = ("127.0.0.1", ports.take())
    path = write_configuration(directory, "sites: [{respond: 204}]\n", address)
    with open(directory / "errors", "ab") as errors:
        errors.write(b"x" * size)
        process = subprocess.Popen(
            [binary(), "run", "-c", path], stderr=errors, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    try:
        poll_until(lambda: process.poll() is not None or can_connect(address), what="service")
        client = Client(address)
        assert client.ask().status == 204
        client.close()
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def can_connect(address):
    try:
        socket.create_connection(address, PATIENCE).close()
        return True
    except ConnectionRefusedError:
        return False


# ---- descriptors

def test_a_reload_that_may_open_nothing_changes_nothing(start_busy, ports):
    weir, other = start_busy(), ports.take()
    wanted = f"listen: ['%s:%d', '127.0.0.1:{other}']\n" % weir.address + weir.text

    def reload():
        seen = weir.log.count("\n")
        weir.signal(signal.SIGHUP)
        return weir.wait_for_log("the configuration was (not )?loaded", start=seen)

    worker = weir.worker()
    with Load(weir, CLIENTS) as load:
        load.wait_for(1000)  # loops have as many connections to the server as they will need
        write_configuration(weir.path.parent, wanted, weir.address)
        before = limit_descriptors(worker, descriptors(worker))
        assert "not loaded; the one before stays" in (told := reload())
        assert "Too many open files" in weir.log, told
        load.wait_for(100)
        limit_descriptors(worker, before)
        assert "1 added" in reload()
        load.wait_for(100)
    check_that_nothing_was_lost(load)
    client = Client(("127.0.0.1", other))
    assert client.ask().status == 200
    client.close()


def test_a_lack_of_descriptors_is_not_the_servers_fault(start_origin, start_weir, connect, directory):
    origins = [start_origin() for _ in range(2)]
    weir = start_weir(f"""
        threads: 1
        admin: unix:{directory}/admin
        sites:
          - proxy: ["{origins[0].server}", "{origins[1].server}"]
            routes: [{{path: /here, respond: 200}}]
    """)
    client = connect(weir)
    assert client.ask(target="/here").status == 200
    process = weir.processes()[-1]
    before = limit_descriptors(process, 3)
    assert [client.ask().status for _ in range(3)] == [503] * 3
    limit_descriptors(process, before)
    assert [client.ask().status for _ in range(4)] == [200] * 4
    assert [len(origin.requests) for origin in origins] == [2, 2]
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_errors_total", error="out_of_descriptors", side="self") == 3
    assert metrics("weir_server_failures_total") == 0
