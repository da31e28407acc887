"""Weir as a service of systemd: what it tells, what it is given, and its unit."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from harness.client import Client
from harness.deadline import Deadline
from harness.supervised import body, site
from harness.weir import ROOT, binary, run_weir_command


class Manager:
    """The end of systemd: a socket for datagrams. `seen` is what came, each as a mapping."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(address.replace("@", "\0", 1))
        self.seen, self.senders = [], []

    def _receive(self, deadline):
        self.socket.settimeout(deadline.left())
        data, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        assert data.endswith(b"\n")
        self.senders.append(struct.unpack("3i", extra[0][2])[0])
        self.seen.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def wait_for(self, key, value=None, start=0):
        """The number behind the first message from `start` on that has the key."""
        deadline = Deadline(None, f"a message with {key}")
        while True:
            for number, message in enumerate(self.seen[start:], start):
                if key in message and value in (None, message[key]):
                    return number + 1
            self._receive(deadline)


@pytest.fixture(params=["path", "abstract"])
def manager(request, directory):
    path = directory / "notify"
    made = Manager(str(path) if request.param == "path" else f"@{path}")
    yield made
    made.socket.close()


@pytest.fixture
def start_service(start_supervised, manager):
    def start(*arguments, environment=None, **named):
        return start_supervised(*arguments, environment={
            "NOTIFY_SOCKET": manager.address, **(environment or {})}, **named)
    return start


# ---- what it tells

def test_ready_and_stopping(start_service, manager):
    weir = start_service(site("one"))
    manager.wait_for("READY", "1")
    assert manager.seen == [{"READY": "1", "STATUS": "serving"}]
    assert body(weir.weir.address) == b"one"
    weir.weir.stop()
    manager.wait_for("STOPPING", "1")
    assert set(manager.senders) == {weir.weir.process.pid}


def test_a_start_that_fails_is_never_ready(directory, manager):
    path = directory / "weir.yaml"
    path.write_text("nonsense: 1\n")
    said = run_weir_command("run", "-c", path, environment={"NOTIFY_SOCKET": manager.address})
    assert said.returncode == 1
    manager.wait_for("STOPPING")
    assert not any("READY" in message for message in manager.seen)


@pytest.mark.parametrize("text, told", [
    (site("two"), "was loaded"), ("nonsense: 1\n", "not loaded"),
    ('listen: "127.0.0.1:1"\n' + site("two"), "")])
def test_a_reload_begins_and_ends(start_service, manager, text, told):
    weir = start_service(site("one"))
    seen = manager.wait_for("READY")
    before = time.monotonic_ns() // 1000
    assert told in weir.reload(text)
    reloading = manager.wait_for("RELOADING", "1", start=seen)
    assert before <= int(manager.seen[reloading - 1]["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    manager.wait_for("READY", "1", start=reloading)


def test_a_worker_that_dies_in_between(start_service, manager):
    weir = start_service(site("one"))
    seen = manager.wait_for("READY")
    weir.kill_worker()
    seen = manager.wait_for("STATUS", "the worker has died; another one is started", start=seen)
    manager.wait_for("STATUS", "serving", start=seen)


def test_weir_stop_is_told(start_service, manager):
    weir = start_service(site("one"))
    assert run_weir_command("stop", "-c", weir.path).returncode == 0
    weir.weir.wait_for_end()
    manager.wait_for("STOPPING")
    assert sum("STOPPING" in message for message in manager.seen) == 1


def test_signs_of_life(start_service, manager):
    weir = start_service(site("one"), environment={"WATCHDOG_USEC": "200000"})
    seen = manager.wait_for("READY")
    for _ in range(3):
        seen = manager.wait_for("WATCHDOG", "1", start=seen)
    assert "READY" not in manager.seen[-1]
    assert body(weir.weir.address) == b"one"


def test_the_next_version_goes_on_with_it(start_service, manager):
    weir = start_service(site("one"), environment={"WATCHDOG_USEC": "200000"})
    seen = manager.wait_for("READY")
    assert run_weir_command("upgrade", "-c", weir.path, seconds=60).returncode == 0
    seen = manager.wait_for("READY", start=seen)
    manager.wait_for("WATCHDOG", start=seen)
    weir.weir.stop()
    manager.wait_for("STOPPING")
    assert set(manager.senders) == {weir.weir.process.pid}
    assert not any("MAINPID" in message for message in manager.seen)


def test_nobody_else_finds_the_manager(start_service, manager):
    weir = start_service(site('"${env.NOTIFY_SOCKET:-none} ${env.WATCHDOG_USEC:-none}"'),
                         environment={"WATCHDOG_USEC": "9000000"})
    assert body(weir.weir.address) == b"none none"


def test_a_manager_that_is_gone_does_no_harm(start_service, manager):
    manager.socket.close()
    pathlib.Path(manager.address).unlink(missing_ok=True)
    weir = start_service(site("one"))
    weir.weir.wait_for_log("the service manager could not be told problem=")
    assert body(weir.weir.address) == b"one"


# ---- the sockets that it is given

PASSES_ON = """#!/usr/bin/python3
import fcntl, os, sys
given = [fcntl.fcntl(int(text), fcntl.F_DUPFD, 100) for text in os.environ.pop("GIVEN").split()]
for number, descriptor in enumerate(given):
    os.dup2(descriptor, 3 + number, inheritable=True)
os.closerange(3 + len(given), 4096)
os.environ.update(LISTEN_PID=os.environ.get("LISTEN_PID") or str(os.getpid()),
                  LISTEN_FDS=str(len(given)), LISTEN_FDNAMES="a:b")
os.execv("{program}", ["{program}", *sys.argv[1:]])
"""


@pytest.fixture
def start_given(start_supervised, directory):
    """start_given(sockets, text): starts Weir as systemd does for a socket unit."""
    def start(given, text, environment=None, **named):
        program = directory / "passes-on"
        program.write_text(PASSES_ON.format(program=binary()))
        program.chmod(0o755)
        descriptors = [one.fileno() for one in given]
        return start_supervised(text, program=program, descriptors=descriptors, environment={
            "GIVEN": " ".join(map(str, descriptors)), **(environment or {})}, **named)
    return start


def listening(address, share=False):
    """A socket as systemd makes it: others cannot listen beside it unless it is to be shared."""
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_STREAM)
    if kind == socket.AF_INET:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
    made.bind(address)
    made.listen(64)
    return made


def inodes(process):
    """Those of all sockets that the process has open; others may be closed meanwhile."""
    found = set()
    for path in pathlib.Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(path))
    return found


def inode_of(one):
    return f"socket:[{os.fstat(one.fileno()).st_ino}]"


@pytest.mark.parametrize("threads", [1, 3])
def test_one_socket_is_shared_by_all_loops(start_given, ports, threads):
    address = ("127.0.0.1", ports.take())
    with listening(address) as given:
        weir = start_given([given], f"threads: {threads}\n" + site("one"), address=address)
        assert inode_of(given) in inodes(weir.weir.process.pid)
        clients = [Client(address) for _ in range(20)]
        for client in clients:
            assert client.ask().body == b"one"
            client.close()
        assert inode_of(given) in inodes(weir.weir.worker())


def test_several_sockets_of_one_address(start_given, ports):
    address = ("127.0.0.1", ports.take())
    with listening(address, share=True) as one, listening(address, share=True) as other:
        weir = start_given([one, other], "threads: 2\n" + site("one"), address=address)
        assert {inode_of(one), inode_of(other)} <= inodes(weir.weir.worker())
        one.close()
        other.close()
        for _ in range(20):
            assert body(address) == b"one"


def test_given_sockets_outlive_workers_and_versions(start_given, ports, directory):
    address, path = ("127.0.0.1", ports.take()), str(directory / "given.sock")
    with listening(address) as tcp, listening(path) as unix:
        weir = start_given([tcp, unix], f'listen: ["%s:%d", "unix:{path}"]\n' % address
                           + site("one"), address=address)
        weir.kill_worker()
        assert body(address) == body(path) == b"one"
        assert run_weir_command("upgrade", "-c", weir.path, seconds=60).returncode == 0
        assert body(address) == body(path) == b"one"
        assert "was loaded" in weir.reload(site("two"))
        assert body(address) == b"two"
        weir.weir.stop()
        assert os.path.exists(path)  # is systemd's


def test_a_socket_that_no_listener_names_is_told_and_closed(start_given, ports):
    address, other = ("127.0.0.1", ports.take()), ("127.0.0.1", ports.take())
    with listening(other) as given:
        weir = start_given([given], site("one"), address=address)
        line = weir.weir.wait_for_log("no listener has the address of a socket that Weir was")
        assert "it was closed address=%s:%d\n" % other in line
        assert inode_of(given) not in inodes(weir.weir.process.pid)
        assert body(address) == b"one"


def test_what_is_no_listening_socket_is_told_and_closed(start_given, ports):
    address = ("127.0.0.1", ports.take())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given, open("/dev/null") as file:
        weir = start_given([given, file], site("one"), address=address)
        for descriptor in (3, 4):
            weir.weir.wait_for_log("what Weir was started with is no socket to listen on; it was "
                                   f"closed descriptor={descriptor}")
        assert inode_of(given) not in inodes(weir.weir.process.pid)
        assert body(address) == b"one"


def test_sockets_for_another_process_are_not_taken(start_given, ports):
    address, other = ("127.0.0.1", ports.take()), ("127.0.0.1", ports.take())
    with listening(other) as given:
        weir = start_given([given], site("one"), environment={"LISTEN_PID": "1"}, address=address)
        assert body(address) == b"one"
        assert "was started with" not in weir.weir.log


def test_really_by_systemd(directory, ports):
    """systemd-socket-activate does what systemd does for a socket unit."""
    port = ports.take()
    (directory / "weir.yaml").write_text(f'listen: "127.0.0.1:{port}"\n' + site("one"))
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", str(binary()), "run", "-c",
         directory / "weir.yaml"], stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "Listening on" in line:
                break
        client = Client(("127.0.0.1", port))  # which has Weir started
        assert client.ask().body == b"one"
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stderr.close()


# ---- the unit

@pytest.fixture
def unit(directory):
    """The unit as it is built, with the program where it lies."""
    text = (binary().parent / "weir.service").read_text()
    assert re.search(r"^ExecStart=(\S+/bin/weir) run -c ", text, re.MULTILINE)
    path = directory / "weir.service"
    path.write_text(re.sub(r"=\S+/bin/weir ", f"={binary()} ", text))
    (directory / "weir.socket").write_text((ROOT / "packaging/weir.socket").read_text())
    return path


@pytest.mark.parametrize("name", ["weir.service", "weir.socket"])
def test_systemd_finds_no_fault_with_the_unit(unit, name):
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", unit.with_name(name)],
                          capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_systemd_finds_the_unit_well_shut_in(unit):
    said = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=30", unit],
                          capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_what_the_unit_runs_is_understood(unit):
    for line in unit.read_text().splitlines():
        if line.startswith("Exec"):
            command = line.split("=", 1)[1].split()
            help = run_weir_command(command[1], "--help").stdout
            assert command[2] in help and command[3] == "/etc/weir/weir.yaml"
