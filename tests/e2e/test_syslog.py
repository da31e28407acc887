"""Logs that go to a syslog, over a Unix socket and over UDP."""

import re
import signal
import socket

import pytest

from harness.certificates import a_site
from harness.weir import run_weir_command, write_configuration

MESSAGE = re.compile(
    rb"<(?P<priority>\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z - weir \d+ - - (?P<text>[^\n]*)")
INFORMATION, ERROR, WARNING, NOTICE = 30, 27, 28, 29  # of daemons


class Receiver:
    """A syslog: receives datagrams."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def next(self):
        """(priority, text) of the next message."""
        found = MESSAGE.fullmatch(self.socket.recv(65536))
        assert found
        return int(found["priority"]), found["text"].decode()

    def close(self):
        self.socket.close()


@pytest.fixture(name="receive")
def make_receivers():
    receivers = []

    def start(address):
        receivers.append(Receiver(address))
        return receivers[-1]

    yield start
    for receiver in receivers:
        receiver.close()


def configuration(to, level="error"):
    return (f"log: {{access: {{to: '{to}', format: $target}}, error: {{to: '{to}', level: {level}}}}}\n"
            "sites: [{respond: 204, routes: [{path: /broken, respond: 503}]}]\n")


@pytest.mark.parametrize("supervised", [False, True])
def test_over_a_unix_socket(start_weir, connect, directory, receive, supervised):
    syslog = receive(f"{directory}/log")
    weir = start_weir(configuration(f"syslog:unix:{directory}/log"), supervised=supervised)
    connect(weir).ask(target="/a%20b")
    assert syslog.next() == (INFORMATION, "/a%20b")
    connect(weir).ask(target="/broken")
    assert syslog.next() == (WARNING, "/broken")


def test_over_udp(start_weir, connect, receive):
    syslog = receive(("127.0.0.1", 0))
    port = syslog.socket.getsockname()[1]
    weir = start_weir(configuration(f"syslog:127.0.0.1:{port}"))
    connect(weir).ask(target="/one")
    assert syslog.next() == (INFORMATION, "/one")


def test_over_udp_nobody_need_be_there(start_weir, connect, receive):
    gone = receive(("127.0.0.1", 0))
    address = gone.socket.getsockname()
    gone.close()
    weir = start_weir(configuration(f"syslog:127.0.0.1:{address[1]}"))
    client = connect(weir)
    for number in range(20):
        assert client.ask(target=f"/lost/{number}").status == 204
    syslog = receive(address)
    client.ask(target="/found")
    while syslog.next() != (INFORMATION, "/found"):
        pass
    assert "cannot write" not in weir.log


def test_the_error_log_has_the_severity_of_its_levels(start_weir, directory, receive):
    syslog = receive(f"{directory}/log")
    weir = start_weir(configuration(f"syslog:unix:{directory}/log", "notice"))
    weir.signal(signal.SIGHUP)
    priority, text = syslog.next()
    assert priority == NOTICE and " notice the configuration was loaded" in text


def test_it_starts_without_a_syslog_and_finds_the_one_that_comes(start_weir, connect, directory,
                                                              receive):
    path = directory / "log"
    weir = start_weir(configuration(f"syslog:unix:{path}"))
    connect(weir).ask(target="/lost")
    weir.wait_for_log(f"cannot write to syslog:unix:{path}: No such file or directory")
    first = receive(str(path))
    connect(weir).ask(target="/first")
    assert first.next() == (INFORMATION, "/first")
    first.close()
    path.unlink()
    second = receive(str(path))
    connect(weir).ask(target="/second")
    assert second.next() == (INFORMATION, "/second")


@pytest.mark.parametrize("to", ["syslog:514", "syslog:localhost:514", "syslog:"])
def test_what_is_no_address_is_told(directory, to):
    path = write_configuration(
        directory, f"log: {{access: {{to: '{to}'}}}}\nsites: [{{respond: 204}}]\n", ("127.0.0.1", 1))
    said = run_weir_command("check", "-c", path)
    assert said.returncode == 1
    assert f'"{to}" is no address of a syslog' in said.stderr and "127.0.0.1:514" in said.stderr


def test_bad_certificates_are_told_there(authority, start_tls, directory, receive):
    authority.make("site", ["example.com"], begins=-20, ends=-1)
    syslog = receive(f"{directory}/log")
    start_tls(a_site(), f"log: {{error: {{to: 'syslog:unix:{directory}/log'}}}}")
    priority, text = syslog.next()
    assert priority == ERROR
    assert " a certificate has expired and clients refuse it; get a new one file=" in text
