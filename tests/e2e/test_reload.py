"""HUP loads the configuration anew, and nobody notices but who asks for what has changed."""

import os
import pathlib
import signal
import socket
import threading
import time

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering
from harness.weir import is_sanitized, write_configuration


class Reloading:
    """A Weir whose configuration can be replaced."""

    def __init__(self, weir):
        self.weir, self.path = weir, pathlib.Path(weir.arguments[2])

    def reload(self, text):
        """The line of the error log that tells the outcome."""
        write_configuration(self.path.parent, text, self.weir.address)
        return self.send_signal()

    def send_signal(self):
        seen = self.weir.log.count("\n")
        self.weir.signal(signal.SIGHUP)
        return self.weir.wait_for_log(r"the configuration was (not )?loaded", start=seen)


@pytest.fixture
def start_reloading(start_weir):
    return lambda *arguments, **named: Reloading(start_weir(*arguments, **named))


def site(body, rest=""):
    return f"sites:\n  - respond: {{body: {body}}}\n{rest}"


def test_the_next_request_sees_the_new_configuration(start_reloading, connect):
    weir = start_reloading(site("one"))
    client = connect(weir.weir)
    assert client.ask().body == b"one"
    assert "sites: 1 altered (*)" in weir.reload(site("two"))
    assert client.ask().body == b"two"  # on the same connection
    assert connect(weir.weir).ask().body == b"two"


def test_a_wrong_file_changes_nothing(start_reloading, connect):
    weir = start_reloading(site("one"))
    client = connect(weir.weir)
    assert client.ask().body == b"one"
    told = weir.reload("sites:\n  - respnd: 200\n")
    assert "not loaded" in told and "the one before stays" in told
    assert 'weir.yaml:3:5: error: unknown key "respnd"' in weir.weir.log
    assert client.ask().body == b"one"
    assert "not loaded" not in weir.reload(site("three"))
    assert client.ask().body == b"three"


def test_a_file_that_is_gone_changes_nothing(start_reloading, connect):
    weir = start_reloading(site("one"))
    weir.path.unlink()
    assert "the one before stays" in weir.send_signal()
    assert connect(weir.weir).ask().body == b"one"


def halves(go_on):
    """A behaviour: half a response, and the rest after the event."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
        connection.wait(go_on)
        connection.send(b"56789")
        connection.hold()
    return behaviour


def test_what_runs_ends_as_it_began(start_reloading, start_origin, connect):
    """A response in its middle, a request in its middle, and a head in its middle."""
    go_on = threading.Event()
    slow, quick = start_origin(halves(go_on)), start_origin(answering(b"old"))
    weir = start_reloading("sites:\n  - routes: [{path: /down, proxy: '%s'}]\n    proxy: '%s'\n"
                           % (slow.url, quick.url))
    down, up, half = connect(weir.weir), connect(weir.weir), connect(weir.weir)
    down.send_request(target="/down")
    assert down.read_exactly(15) == b"HTTP/1.1 200 OK"
    up.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
    half.send(b"GET /half HTTP/1.1\r\nHo")
    quick.wait_for_connections()
    weir.reload(site("new"))
    go_on.set()
    assert down.read_until(b"0123456789").endswith(b"0123456789")
    up.send(b"56789")
    assert up.read_response().body == b"old"
    half.send(b"st: a\r\n\r\n")
    for client in (half, up, down):
        if client is not half:
            client.send_request()
        assert client.read_response().body == b"new"


def test_a_listener_comes_and_another_goes(start_reloading, connect, ports):
    first, second = ports.take(), ports.take()
    weir = start_reloading(site("x", f"listen: [127.0.0.1:{first}]\n"), address=("127.0.0.1", first))
    kept = connect(weir.weir)
    assert kept.ask().body == b"x"
    told = weir.reload(site("y", f"listen: [127.0.0.1:{first}, 127.0.0.1:{second}]\n"))
    assert f"listeners: 1 added (127.0.0.1:{second})" in told
    other = connect(("127.0.0.1", second))
    assert other.ask().body == b"y" and kept.ask().body == b"y"
    told = weir.reload(site("z", f"listen: [127.0.0.1:{second}]\n"))
    assert f"listeners: 1 removed (127.0.0.1:{first})" in told
    kept.expect_end()  # it was idle
    assert other.ask().body == b"z"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", first), timeout=5).recv(1)


def test_who_is_served_at_a_listener_that_goes_is_served_to_the_end(start_reloading, start_origin,
                                                                    connect, ports):
    first, second = ports.take(), ports.take()
    go_on = threading.Event()
    origin = start_origin(halves(go_on))
    site = f"sites: [{{proxy: '{origin.url}'}}]\n"
    weir = start_reloading(f"listen: [127.0.0.1:{first}]\n" + site, address=("127.0.0.1", first))
    client = connect(weir.weir)
    client.send_request()
    origin.wait_for_requests()
    weir.reload(f"listen: [127.0.0.1:{second}]\n" + site)
    go_on.set()
    response = client.read_response()
    assert response.body == b"0123456789"
    client.expect_end()


def test_an_address_in_use_changes_nothing(start_reloading, connect, ports):
    weir = start_reloading(site("one"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = weir.reload(site("two", "listen: [\"%s:%d\", 127.0.0.1:%d]\n"
                                % (*weir.weir.address, port)))
    assert "not loaded" in told and f"cannot listen on 127.0.0.1:{port}" in told
    assert connect(weir.weir).ask().body == b"one"


def test_connections_to_servers_are_kept(start_reloading, start_origin, connect):
    origin = start_origin(answering())
    settings = f"threads: 1\nsites: [{{proxy: '{origin.url}', headers: {{request: {{set: {{X: N}}}}}}}}]\n"
    weir = start_reloading(settings.replace("N", "a"))
    client = connect(weir.weir)
    for value in "abcd":
        weir.reload(settings.replace("N", value))
        assert client.ask().status == 200
        assert origin.requests[-1].values("X") == [value]
    assert len(origin.wait_for_connections(1)) == 1


def test_limits_of_connections_hold_over_a_reload(start_reloading, connect):
    limit = "limits: {connections_per_client: 2}\n"
    weir = start_reloading(site("one", limit))
    first, second = connect(weir.weir), connect(weir.weir)
    assert first.ask().status == second.ask().status == 200
    weir.reload(site("two", limit))
    assert connect(weir.weir).ask().status == 503
    first.close()
    deadline = time.monotonic() + 10
    while connect(weir.weir).ask().status == 503:
        assert time.monotonic() < deadline


def test_a_log_changes_its_place(start_reloading, connect):
    weir = start_reloading(site("one", "log: {access: {to: one.log}}\n"))
    client = connect(weir.weir)
    assert client.ask(target="/before").status == 200
    weir.reload(site("two", "log: {access: {to: two.log}}\n"))
    assert client.ask(target="/after").status == 200
    weir.weir.stop()
    lines = [(weir.path.parent / name).read_text() for name in ("one.log", "two.log")]
    assert "/before" in lines[0] and "/after" not in lines[0]
    assert "/after" in lines[1] and "/before" not in lines[1]


def test_another_number_of_threads_takes_a_restart(start_reloading, connect):
    weir = start_reloading(site("one", "threads: 1\n"))
    assert "settings: 1 altered (threads)" in weir.reload(site("one", "threads: 2\n"))
    weir.weir.wait_for_log("another number of threads takes a restart")
    assert connect(weir.weir).ask().body == b"one"


# Under load, and with tunnels

def serve(connection):
    """The target a hundred times; a tunnel echoes."""
    while True:
        request = connection.read_request()
        if request.has("Upgrade"):
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                            b"Upgrade: websocket\r\n\r\n")
            while data := connection.read_some():
                connection.send(data)
            return
        connection.answer(200, request.target.encode() * 100)


class Tunnels:
    """WebSockets, as far as a proxy sees them."""

    def __init__(self, weir):
        self.weir, self.clients = weir, []

    def open(self, count):
        for _ in range(count):
            client = Client(self.weir.address)
            self.clients.append(client)
            client.send_request(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            assert client.read_response().status == 101

    def echo(self):
        """Each of them; all are under way at once."""
        for number, client in enumerate(self.clients):
            client.send(b"%09d" % number)
        for number, client in enumerate(self.clients):
            assert client.read_exactly(9) == b"%09d" % number

    def close(self):
        for client in self.clients:
            client.close()


def proxying(directory):
    """What a configuration is made with from servers."""
    def make(*servers):
        listed = ", ".join(f'"{origin.server}"' for origin in servers)
        return (f"admin: unix:{directory}/admin.sock\nthreads: 3\n"
                f"sites: [{{proxy: [{listed}]}}]\n")
    return make


def await_servers(directory, count):
    poll_until(lambda: read_metrics(f"{directory}/admin.sock")("weir_servers") == count,
               what=f"{count} servers")


def test_servers_that_are_replaced_are_forgotten(start_reloading, start_origin, connect, directory):
    """The places of those that are gone are taken by others; one with a tunnel is not gone."""
    origins = [start_origin(serve) for _ in range(4)]
    to = proxying(directory)
    weir = start_reloading(to(origins[0]))
    tunnels = Tunnels(weir.weir)
    tunnels.open(1)
    clients = [connect(weir.weir) for _ in range(6)]
    for turn in range(6):
        weir.reload(to(origins[1 + turn % 3], origins[1 + (turn + 1) % 3]))
        assert [client.ask().status for client in clients] == [200] * len(clients)
        tunnels.echo()
    await_servers(directory, 3)
    tunnels.close()
    await_servers(directory, 2)


def test_servers_of_all_kinds_change_under_load(start_reloading, start_origin, start_h2_origin,
                                                start_tls_origin, authority, directory):
    origins = [start_origin().server, start_h2_origin().url, start_tls_origin().url]

    def to(server):
        return (f"admin: unix:{directory}/admin.sock\nthreads: 3\n"
                f"upstreams: {{app: {{servers: \"{server}\", "
                f"tls: {{ca: {authority.directory}/authority.pem}}}}}}\n"
                "sites: [{proxy: app}]\n")

    weir = start_reloading(to(origins[0]))
    with Load(weir.weir, clients=4, bodies=[b"hello"]) as load:
        for turn in range(1, 9):
            load.wait_for(20)
            weir.reload(to(origins[turn % 3]))
        load.wait_for(20)
    assert set(load.statuses) == {200}
    await_servers(directory, 1)


class Footprint:
    """What all processes of a Weir have of the system, beside what its tunnels need."""

    def __init__(self, weir, tunnels):
        self.processes = weir.processes()
        self.threads = [len(os.listdir(f"/proc/{process}/task")) for process in self.processes]
        self.descriptors = weir.descriptors() - 2 * len(tunnels.clients)
        self.kib = weir.resident_kib()

    def __repr__(self):
        return (f"{len(self.processes)} processes, {sum(self.threads)} threads, {self.descriptors} "
                f"descriptors beside tunnels, {self.kib} KiB")

    def is_no_more_than(self, before, kib):
        return (self.processes == before.processes and self.threads == before.threads
                and self.descriptors <= before.descriptors + DESCRIPTORS_OF_LOAD
                and self.kib <= before.kib + kib)


DESCRIPTORS_OF_LOAD = 8  # that come and go with four clients


@pytest.mark.parametrize("times, count", [(10, 20), pytest.param(100, 200, marks=pytest.mark.soak)])
def test_reloads_under_load_lose_nothing(start_reloading, start_origin, ports, times, count):
    """Clients that ask without pause, tunnels from before the reloads and from between them. None
    is cut, and what Weir has of the system does not grow."""
    origin, extra, own = start_origin(serve), ports.take(), ("127.0.0.1", ports.take())

    def configuration(number):
        listen = "listen: ['%s:%d'%s]\n" % (*own, f", '127.0.0.1:{extra}'" * (number % 2))
        return (f"{listen}threads: 2\nupstreams:\n  busy: ['{origin.url}']\nsites:\n"
                f"  - {{host: other.example, respond: {200 + number % 10}}}\n  - proxy: busy\n")

    weir = start_reloading(configuration(0), address=own, supervised=True)
    tunnels, first, kept = Tunnels(weir.weir), None, count // 2
    tunnels.open(kept)
    with Load(weir.weir, clients=4) as load:
        load.wait_for(20)
        for number in range(1, times + 1):
            assert "not loaded" not in weir.reload(configuration(number))
            tunnels.open(kept * number // times + kept - len(tunnels.clients))
            tunnels.echo()
            if number == 4:
                first = Footprint(weir.weir, tunnels)
        load.wait_for(20)
        last = Footprint(weir.weir, tunnels)
    print(f"{len(load.statuses)} requests, {len(tunnels.clients)} tunnels, {times} reloads: "
          f"{first} after the fourth, {last} after the last")
    assert set(load.statuses) == {200} and load.cuts == 0
    room = float("inf") if is_sanitized() else 1024  # sanitizers keep what was freed
    assert last.is_no_more_than(first, room), (first, last)
    tunnels.close()
