"""The admin side, and the commands that ask a running Weir through it."""

import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.http1 import Malformed
from harness.stream import Ended
from harness.weir import is_sanitized, run_weir_command, write_configuration

TOKEN = "0123456789abcdef-secret"
SITE = "sites: [{respond: {body: hello}}]\n"


def status_when(ask, weir, is_so):
    """The status as soon as it is so."""
    def status():
        found = json.loads(ask(weir.admin, "/status").body)
        return found if is_so(found) else None
    return poll_until(status, what="the status")


def file_of(weir):
    return weir.arguments[2]


def command(name, weir):
    return run_weir_command(name, "-c", file_of(weir))


@pytest.fixture
def start_with_admin(start_weir, directory):
    """start_with_admin(rest) runs a Weir whose admin side is on a Unix socket of this test;
    `.admin` is its path."""
    def start(text=SITE):
        path = str(directory / "admin.sock")
        weir = start_weir(f"admin: unix:{path}\n{text}")
        weir.admin = path
        return weir
    return start


@pytest.fixture
def ask(connect):
    """ask(address, path) gives the answer of the admin side there."""
    def ask(address, path="/", method="GET", host="localhost", **parts):
        return connect(address).ask(method, path, host=host, **parts)
    return ask


@pytest.fixture
def over_tcp(start_weir, ports):
    """over_tcp(rest of the mapping) runs a Weir with its admin side on TCP; gives its address."""
    def start(rest=""):
        address = ("127.0.0.1", ports.take())
        start_weir(f'admin: {{address: "127.0.0.1:{address[1]}"{rest}}}\n{SITE}')
        return address
    return start


# ---- what it tells

def test_health(start_with_admin, ask):
    weir = start_with_admin()
    answer = ask(weir.admin, "/healthz")
    assert (answer.status, answer.body) == (200, b"good\n")


def test_the_index_names_what_there_is(start_with_admin, ask):
    weir = start_with_admin()
    lines = ask(weir.admin).body.decode().splitlines()
    for method, path in (line.split()[:2] for line in lines):
        if method == "GET":
            expected = {"/explain": 400, "/upgrade/outcome": 404}.get(path, 200)
            assert ask(weir.admin, path).status == expected
    assert len(lines) >= 6
    assert ask(weir.admin, "/nothing").status == 404


def test_status_tells_how_it_is(start_with_admin, start_origin, connect, ask):
    origin = start_origin()
    weir = start_with_admin(f"upstreams: {{shop: [{{address: '{origin.server}', weight: 3}}]}}\n"
                            "sites: [{proxy: shop}]\nthreads: 1\n")
    client = connect(weir)
    client.ask()
    status = status_when(ask, weir, lambda status:
                         status["upstreams"][0]["servers"][0]["idle"] == 1)
    assert status["process"] == weir.process.pid and status["state"] == "serving"
    assert status["supervisor"] is None
    assert status["threads"] == 1 and status["connections"] == 1
    assert status["listeners"] == ["%s:%d" % weir.address]
    assert status["configuration"] == file_of(weir)
    assert status["upstreams"][0]["servers"][0].pop("latency_ms") > 0
    assert status["upstreams"] == [{
        "upstream": "shop", "balance": "round_robin", "panics": False, "circuit": None, "waiting": 0,
        "servers": [
            {"server": origin.server, "weight": 3, "priority": 1, "backup": False, "max_connections": 0,
             "state": "up", "reason": None, "changed_live": False, "added_live": False,
             "active": 0, "idle": 1, "check_ms": None, "chosen": None}]}]
    assert status["reloads"] == {"done": 0, "refused": 0, "last": None}


def test_status_tells_of_a_server_that_rests(start_with_admin, connect, ports, ask):
    dead = ports.take()
    weir = start_with_admin(f"sites: [{{proxy: '127.0.0.1:{dead}'}}]\n")
    assert connect(weir).ask().status == 502
    status = json.loads(ask(weir.admin, "/status").body)
    server = status["upstreams"][0]["servers"][0]
    assert server["state"] == "rests" and server["reason"].startswith("it failed, and is passed over")


def test_the_configuration_is_shown_without_the_token(over_tcp, ask):
    address = over_tcp(f", token: {TOKEN}")
    shown = ask(address, "/config").body.decode()
    assert "token: [hidden]" in shown and "respond: {body: hello}" in shown and TOKEN not in shown


def test_a_token_of_the_environment_is_not_shown(start_weir, ports, ask):
    address = ("127.0.0.1", ports.take())
    start_weir(f"admin: {{address: '127.0.0.1:{address[1]}', token: '${{env.WEIR_TEST_TOKEN}}'}}\n"
               + SITE, environment={"WEIR_TEST_TOKEN": TOKEN})
    shown = ask(address, "/config").body.decode()
    assert "${env.WEIR_TEST_TOKEN}" in shown and TOKEN not in shown
    fields = [("Authorization", f"Bearer {TOKEN}")]
    assert ask(address, "/reload", "POST", fields=fields).status == 200


# ---- where it is

def test_the_default_socket_is_the_owners_alone_and_goes_with_weir(start_weir):
    weir = start_weir(SITE)
    assert command("status", weir).returncode == 0
    sockets = [line.split()[-1] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()
               if f"/weir-{os.geteuid()}-" in line]
    assert sockets
    for path in set(sockets):
        if os.path.exists(path):  # those of others may go meanwhile
            assert os.stat(path).st_mode & 0o777 == 0o600
    weir.stop()
    assert command("status", weir).returncode == 1


def test_two_files_have_two_admin_sides(start_weir):
    first, second = start_weir(SITE), start_weir(SITE)
    for weir in (first, second):
        assert json.loads(command("status", weir).stdout)["process"] == weir.process.pid


def test_it_can_be_off(start_weir):
    weir = start_weir("admin: off\n" + SITE)
    said = command("status", weir)
    assert said.returncode == 1 and "off" in said.stderr


def test_an_address_that_is_taken_ends_the_start(directory, ports):
    with socket.create_server(("127.0.0.1", ports.take())) as taken:
        port = taken.getsockname()[1]
        path = write_configuration(directory, f"admin: 127.0.0.1:{port}\n" + SITE,
                                   ("127.0.0.1", ports.take()))
        said = run_weir_command("run", "-c", path)
    assert said.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port} for the admin side" in said.stderr


def test_a_reload_moves_it(start_with_admin, ask, directory):
    weir = start_with_admin()
    other = str(directory / "other.sock")
    write_configuration(pathlib.Path(file_of(weir)).parent, f"admin: unix:{other}\n" + SITE,
                        weir.address)
    assert ask(weir.admin, "/reload", "POST").status == 200
    assert ask(other, "/healthz").status == 200
    assert not os.path.exists(weir.admin)


def test_a_reload_that_was_asked_before_it_was_accepted_moves_it(start_with_admin, connect,
                                                                 directory):
    weir = start_with_admin()
    other = str(directory / "other.sock")
    write_configuration(pathlib.Path(file_of(weir)).parent, f"admin: unix:{other}\n" + SITE,
                        weir.address)
    os.kill(weir.process.pid, signal.SIGSTOP)
    client = connect(weir.admin)
    client.send_request("POST", "/reload", host="localhost")
    os.kill(weir.process.pid, signal.SIGCONT)
    assert client.read_response().status == 200
    assert connect(other).ask(target="/healthz", host="localhost").status == 200


def test_a_reload_to_an_address_that_is_taken_changes_nothing(start_with_admin, connect, ask):
    weir = start_with_admin()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_configuration(pathlib.Path(file_of(weir)).parent,
                            f"admin: 127.0.0.1:{port}\nsites: [{{respond: {{body: new}}}}]\n",
                            weir.address)
        answer = ask(weir.admin, "/reload", "POST")
    assert answer.status == 422 and b"for the admin side" in answer.body
    assert ask(weir.admin, "/healthz").status == 200
    assert connect(weir).ask().body == b"hello"


# ---- who may

def test_over_tcp_everybody_may_read_and_nobody_change(over_tcp, ask):
    address = over_tcp()
    assert ask(address, "/status").status == 200
    assert ask(address, "/reload", "POST").status == 403
    assert ask(address, "/stop", "POST").status == 403


@pytest.mark.parametrize("sent", [None, "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
                                  f"Basic {TOKEN}", TOKEN, "Bearer " + TOKEN.upper()])
def test_a_wrong_token_changes_nothing(over_tcp, ask, sent):
    address = over_tcp(f", token: {TOKEN}")
    fields = [("Authorization", sent)] if sent else []
    answer = ask(address, "/stop", "POST", fields=fields)
    assert answer.status == 401 and ask(address, "/healthz").status == 200


def test_whoever_has_the_token_may_change(over_tcp, ask):
    address = over_tcp(f", token: {TOKEN}")
    fields = [("Authorization", f"bearer {TOKEN}")]
    assert ask(address, "/reload", "POST", fields=fields).status == 200


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("127.0.0.1:9900", 200), ("[::1]:9900", 200), ("LocalHost", 200),
    ("admin.example.com", 200), ("evil.example.com", 421), ("127.0.0.1.evil.example.com", 421),
])
def test_over_tcp_it_answers_to_its_own_names_alone(over_tcp, ask, host, status):
    address = over_tcp(", hosts: [admin.example.com]")
    assert ask(address, "/status", host=host).status == status


@pytest.mark.parametrize("method, path", [("GET", "/reload"), ("GET", "/stop"), ("POST", "/status"),
                                          ("DELETE", "/status"), ("HEAD", "/stop")])
def test_what_reads_does_not_change_and_the_other_way_round(start_with_admin, ask, method, path):
    weir = start_with_admin()
    assert ask(weir.admin, path, method).status == 405
    assert weir.is_running()


# ---- who plays with it costs only himself

def test_requests_may_follow_each_other_and_be_pipelined(start_with_admin, connect):
    client = connect(start_with_admin().admin)
    assert client.ask(target="/healthz", host="localhost").status == 200
    for _ in range(3):
        client.send_request(target="/healthz", host="localhost")
    assert [client.read_response().status for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("sent", [
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
], ids=range(8))
def test_nonsense_is_refused_and_closed(start_with_admin, connect, sent):
    weir = start_with_admin()
    client = connect(weir.admin)
    client.send(sent)
    response = client.read_response()
    assert 400 <= response.status < 500
    client.expect_end()
    assert connect(weir.admin).ask(target="/healthz", host="localhost").status == 200


def test_a_body_has_a_limit(start_with_admin, connect):
    weir = start_with_admin()
    client = connect(weir.admin)
    client.send(b"POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000)
    assert client.read_response().status == 413
    assert connect(weir.admin).ask("POST", "/reload", host="a", body=b"x" * 60000).status == 200


def test_connections_have_a_limit_and_come_free_again(start_with_admin, connect):
    weir = start_with_admin()
    clients = [connect(weir.admin) for _ in range(64)]
    for client in clients:
        assert client.ask(target="/healthz", host="localhost").status == 200
    with pytest.raises((Ended, OSError, Malformed)):
        connect(weir.admin).ask(target="/healthz", host="localhost")
    clients[0].close()
    for _ in range(1000):  # until that was seen
        try:
            assert connect(weir.admin).ask(target="/healthz", host="localhost").status == 200
            return
        except (Ended, OSError):
            continue
    raise AssertionError("no connection came free")


def test_an_answer_larger_than_the_sockets_take_goes_piece_by_piece(start_weir, directory):
    sites = "".join(f"  - {{host: site{i}.example.com, proxy: 'http://127.0.0.1:{1 + i % 60000}'}}\n"
                    for i in range(5000))
    path = str(directory / "admin.sock")
    start_weir(f"admin: unix:{path}\nsites:\n{sites}")
    client = Client(path, receive_buffer=4096)
    try:
        status = json.loads(client.ask(target="/status", host="localhost").body)
    finally:
        client.close()
    assert len(status["upstreams"]) == 5000


# ---- the commands

def test_reload_tells_what_has_changed(start_weir, connect):
    weir = start_weir(SITE)
    write_configuration(pathlib.Path(file_of(weir)).parent, "sites: [{respond: {body: new}}]\n",
                        weir.address)
    said = command("reload", weir)
    assert (said.returncode, said.stdout) == (0, "the configuration was loaded: sites: 1 altered "
                                                 "(*)\n")
    assert connect(weir).ask().body == b"new"
    reloads = json.loads(command("status", weir).stdout)["reloads"]
    assert reloads["done"] == 1 and reloads["last"]["done"] is True


def test_reload_tells_all_that_is_wrong(start_weir, connect):
    weir = start_weir(SITE)
    write_configuration(pathlib.Path(file_of(weir)).parent,
                        "threds: 1\nsites: [{respnd: 200}]\n", weir.address)
    said = command("reload", weir)
    assert said.returncode == 1 and said.stdout == ""
    assert 'error: unknown key "threds"' in said.stderr and 'did you mean "respond"?' in said.stderr
    weir.wait_for_log('unknown key "threds"')
    assert connect(weir).ask().body == b"hello"
    reloads = json.loads(command("status", weir).stdout)["reloads"]
    assert reloads["refused"] == 1 and reloads["last"]["done"] is False


def test_stop_waits_until_weir_has_gone(start_weir, start_origin, connect):
    origin = start_origin()
    weir = start_weir(f"sites: [{{proxy: '{origin.url}'}}]\n")
    assert connect(weir).ask().status == 200
    said = command("stop", weir)
    assert (said.returncode, said.stdout) == (0, "stopping\n")
    weir.wait_for_end()


@pytest.mark.parametrize("name", ["reload", "stop", "status"])
def test_who_does_not_run_cannot_be_asked(directory, name):
    path = write_configuration(directory, SITE, ("127.0.0.1", 1))
    said = run_weir_command(name, "-c", path)
    assert said.returncode == 1 and f"weir {name}: no Weir answers at unix:" in said.stderr
    missing = run_weir_command(name, "-c", directory / "missing.yaml")
    assert missing.returncode == 1 and "tells why" in missing.stderr


def test_commands_find_an_admin_side_on_tcp_and_have_its_token(start_weir, ports):
    weir = start_weir(f"admin: {{address: '127.0.0.1:{ports.take()}', token: {TOKEN}}}\n" + SITE)
    assert command("reload", weir).returncode == 0
    assert command("stop", weir).returncode == 0
    weir.wait_for_end()


YEAR_BEHIND = r"""
#include <time.h>
#include <unistd.h>

time_t time(time_t *ret_seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (access("set", F_OK) == 0)
        now.tv_sec -= 365 * 24 * 3600;
    if (ret_seconds)
        *ret_seconds = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.mark.skipif(is_sanitized(), reason="what sanitizers put in front must come first")
def test_a_clock_that_is_set_does_not_change_how_long_it_runs(start_weir, directory, ask):
    (directory / "clock.c").write_text(YEAR_BEHIND)
    library = directory / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, directory / "clock.c"], check=True)
    weir = start_weir(f"admin: unix:{directory}/admin.sock\n{SITE}",
                      environment={"LD_PRELOAD": str(library)})
    weir.admin = f"{directory}/admin.sock"

    def year():
        return int(ask(weir.address, "/").value("Date").split()[3])

    first = year()
    (weir.directory / "set").touch()
    poll_until(lambda: year() == first - 1, what="the clock being set")
    assert 0 <= status_when(ask, weir, bool)["uptime_seconds"] < 600
