"""Where all servers of an upstream are full, calls wait in the order in which they came."""

import collections
import pathlib
import threading

import pytest

from harness.deadline import poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering
from harness.weir import run_weir_command, write_configuration


def configuration(*servers, queue="{size: 100, timeout: 1m}", limit=1, more="", upstream="", threads=1,
                  admin=None):
    listed = ", ".join(f'{{address: "{server}", max_connections: {limit}}}' for server in servers)
    admin = f"admin: unix:{admin}\n" if admin else ""
    return (f"threads: {threads}\n{admin}{more}"
            f"upstreams: {{app: {{servers: [{listed}], queue: {queue}, {upstream}}}}}\n"
            "sites: [{proxy: app}]\n")


class Gate:
    """A behaviour: one answer for each release, with the target that was asked for."""

    def __init__(self, times=1):
        self.times = times
        self.places = threading.Semaphore(0)
        self.busy = self.peak = 0
        self.lock = threading.Lock()

    def __call__(self, connection):
        while True:
            target = connection.read_request().target
            with self.lock:
                self.busy += 1
                self.peak = max(self.peak, self.busy)
            while not self.places.acquire(timeout=0.02):
                if connection.origin.stopping.is_set():
                    return
            with self.lock:
                self.busy -= 1
            connection.answer(200, target.encode() * self.times)

    def release(self, count=1):
        self.places.release(count)


@pytest.fixture
def wait_for_length(directory):
    def wait(length):
        poll_until(lambda: read_metrics(f"{directory}/admin")("weir_queue_length") == length,
                   what=f"{length} in the queue")
    return wait


def ask_in_turn(connect, weir, origin, count, wait_for_length, busy=1):
    """Clients with a request each, the first `busy` of which are at the servers."""
    clients = []
    for number in range(count):
        clients.append(connect(weir))
        clients[-1].send_request(target=f"/{number}")
        if number < busy:
            origin.wait_for_requests(number + 1)
        else:
            wait_for_length(number + 1 - busy)
    return clients


@pytest.mark.parametrize("threads", [1, 4])
def test_who_came_first_goes_first(start_origin, start_weir, connect, directory, wait_for_length,
                                   threads):
    """Over all threads: each client's connection is at one of them."""
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(configuration(origin.server, threads=threads, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 8, wait_for_length)
    for number, client in enumerate(clients):
        gate.release()
        assert client.read_response().body == f"/{number}".encode()
    assert [request.target for request in origin.requests] == [f"/{i}" for i in range(8)]
    assert gate.peak == 1
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_queue_length") == 0
    assert metrics("weir_queue_seconds_count", upstream="app") == 7


def test_a_newcomer_does_not_overtake(start_origin, start_weir, connect, directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 3, wait_for_length)
    gate.release(1)
    assert clients[0].read_response().status == 200
    clients[0].send_request(target="/again")
    wait_for_length(2)
    gate.release(3)
    for client in (*clients[1:], clients[0]):
        assert client.read_response().status == 200
    assert [request.target for request in origin.requests] == ["/0", "/1", "/2", "/again"]


def test_it_is_explained(start_origin, start_weir, connect, directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    client = ask_in_turn(connect, weir, origin, 1, wait_for_length)[0]
    words = ("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/")
    assert "it waits in the queue of the upstream" in run_weir_command(*words).stdout
    gate.release()
    assert client.read_response().status == 200


def test_who_finds_no_room_for_a_connection_waits_for_a_server_that_is_full(
        start_origin, start_h2_origin, start_weir, connect, directory, wait_for_length):
    """Also where it could ask a server of HTTP/2, if only it might open a connection."""
    gate = Gate()
    full, other = start_origin(gate), start_h2_origin()
    weir = start_weir(configuration(
        full.url, other.url, admin=f"{directory}/admin",
        upstream="balance: first, circuit_breaker: {max_connections: 1}"))
    clients = [connect(weir) for _ in range(3)]
    clients[0].send_request("GET", "/0")
    full.wait_for_requests()
    for number in (1, 2):
        clients[number].send_request("GET", f"/{number}")
        wait_for_length(number)
    gate.release(3)
    assert [client.read_response().body for client in clients] == [b"/0", b"/1", b"/2"]
    assert read_metrics(f"{directory}/admin")("weir_circuit_refusals_total", upstream="app") == 0


@pytest.mark.parametrize("size", [0, 2])
def test_a_queue_has_its_size(start_origin, start_weir, connect, directory, wait_for_length, size):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(configuration(origin.server, queue=f"{{size: {size}, timeout: 1m}}",
                                    admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 1 + size, wait_for_length)
    assert connect(weir).ask().status == 503
    weir.wait_for_log("every server of the upstream is full, and as many wait as its queue" if size
                      else "every server of the upstream has as many calls as its max_connections")
    assert read_metrics(f"{directory}/admin")("weir_queue_overflows_total", upstream="app") == (
        1 if size else 0)
    gate.release(len(clients))
    assert [client.read_response().status for client in clients] == [200] * len(clients)


def test_who_waits_too_long_gets_a_503(start_origin, start_weir, connect, directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    log = directory / "access.log"
    weir = start_weir(configuration(
        origin.server, queue="{size: 5, timeout: 200ms}", admin=f"{directory}/admin",
        more=f'log: {{access: {{to: {log}, format: "$status $error $server $attempts $time.queue"}}}}\n'))
    first, second = ask_in_turn(connect, weir, origin, 1, wait_for_length)[0], connect(weir)
    assert second.ask().status == 503
    wait_for_length(0)
    assert read_metrics(f"{directory}/admin")("weir_queue_timeouts_total", upstream="app") == 1
    gate.release()
    assert first.read_response().status == 200
    poll_until(lambda: log.exists() and log.read_text().count("\n") == 2, what="two lines of the log")
    refused, served = log.read_text().splitlines()
    assert refused.startswith("503 queue_timeout - 0 ")
    assert float(refused.split()[-1]) >= 0.2
    assert served == f"200 - {origin.server} 1 0.000"


def test_who_leaves_leaves_the_queue(start_origin, start_weir, connect, directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 4, wait_for_length)
    clients[1].reset()
    wait_for_length(2)
    gate.release(3)
    for number in (0, 2, 3):
        assert clients[number].read_response().body == f"/{number}".encode()
    assert [request.target for request in origin.requests] == ["/0", "/2", "/3"]


def test_the_whole_deadline_holds_in_the_queue(start_origin, start_weir, connect, directory,
                                               wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(f"""
        admin: unix:{directory}/admin
        upstreams: {{app: {{servers: [{{address: "{origin.server}", max_connections: 1}}], queue: {{size: 9}}}}}}
        sites:
          - routes: [{{path: /short, timeouts: {{request: 200ms}}}}]
            proxy: app
    """)
    client = ask_in_turn(connect, weir, origin, 1, wait_for_length)[0]
    assert connect(weir).ask(target="/short").status == 504
    wait_for_length(0)
    gate.release()
    assert client.read_response().status == 200


def test_a_reload_keeps_who_waits(start_origin, start_weir, connect, directory, wait_for_length):
    """And who comes after it stands behind, though the upstream is a new one."""
    gate = Gate()
    origin = start_origin(gate)
    text = configuration(origin.server, admin=f"{directory}/admin", threads=2)
    weir = start_weir(text)
    clients = ask_in_turn(connect, weir, origin, 3, wait_for_length)
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text, weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    clients.append(connect(weir))
    clients[-1].send_request(target="/3")
    wait_for_length(3)
    for number, client in enumerate(clients):
        gate.release()
        assert client.read_response().body == f"/{number}".encode()


def test_who_comes_to_a_new_server_waits_for_nobody(start_origin, start_weir, connect, directory,
                                                    wait_for_length):
    """Those who wait do not know it."""
    gate = Gate()
    origin, fresh = start_origin(gate), start_origin(answering(b"fresh"))
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 2, wait_for_length)
    write_configuration(pathlib.Path(weir.arguments[2]).parent,
                        configuration(origin.server, fresh.server, admin=f"{directory}/admin"),
                        weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert [connect(weir).ask().body for _ in range(4)] == [b"fresh"] * 4
    gate.release(2)
    assert [client.read_response().body for client in clients] == [b"/0", b"/1"]


def test_a_place_that_another_upstream_gives_back_is_taken(start_origin, start_weir, connect,
                                                           directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(f"""
        threads: 2
        admin: unix:{directory}/admin
        upstreams:
          free: {{servers: ["{origin.server}"]}}
          app: {{servers: [{{address: "{origin.server}", max_connections: 1}}], queue: {{size: 9, timeout: 1m}}}}
        sites:
          - routes: [{{path: /free, proxy: free}}]
            proxy: app
    """)
    first, second = connect(weir), connect(weir)
    first.send_request(target="/free")
    origin.wait_for_requests(1)
    second.send_request(target="/app")
    wait_for_length(1)
    gate.release(2)
    assert first.read_response().body == b"/free"
    assert second.read_response().body == b"/app"


def test_a_server_that_dies_gives_its_place_to_the_next(start_origin, start_weir, connect, directory,
                                                        wait_for_length):
    dying = threading.Event()

    def dies(connection):
        connection.read_request()
        connection.wait(dying)
        connection.reset()

    origin = start_origin(dies)
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 4, wait_for_length)
    dying.set()
    assert [client.read_response().status for client in clients] == [502] * 4


def test_who_has_tried_all_servers_does_not_wait(start_origin, start_weir, connect, directory,
                                                 wait_for_length):
    """The first one's call ends when its server has gone; so do those of who waited for it."""
    leave = threading.Event()

    def leaves(connection):
        connection.read_request()
        connection.wait(leave)
        connection.origin.refuse()
        connection.reset()

    origin = start_origin(leaves)
    weir = start_weir(configuration(origin.server, admin=f"{directory}/admin"))
    clients = ask_in_turn(connect, weir, origin, 4, wait_for_length)
    leave.set()
    assert [client.read_response().status for client in clients] == [502] * 4
    wait_for_length(0)


def test_a_server_that_refuses_is_no_reason_to_wait(start_origin, start_weir, connect, ports):
    dead = f"127.0.0.1:{ports.take()}"
    weir = start_weir(configuration(dead))
    assert [connect(weir).ask().status for _ in range(3)] == [502] * 3


def test_streams_of_one_connection_wait_each_for_itself(start_origin, start_h2c, h2, directory,
                                                        wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_h2c("- proxy: app", f"""
admin: unix:{directory}/admin
upstreams: {{app: {{servers: [{{address: "{origin.server}", max_connections: 1}}], queue: {{size: 9, timeout: 1m}}}}}}
""")
    client = h2(weir)
    streams = []
    for number in range(4):
        streams.append(client.send_request("GET", f"/{number}"))
        origin.wait_for_requests(1)
        wait_for_length(number)
    client.reset_stream(streams[2])
    wait_for_length(2)
    gate.release(3)
    for number in (0, 1, 3):
        assert client.read_response(streams[number]).body == f"/{number}".encode()
    assert [request.target for request in origin.requests] == ["/0", "/1", "/3"]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("balance", ["round_robin", "least_connections", "random", "hash", "first"])
def test_nobody_is_forgotten(start_origin, start_weir, directory, threads, balance):
    """Many more clients than places: each gets its answer, and no server more than it may."""
    gates = [Gate(times=100), Gate(times=100)]
    for gate in gates:
        gate.release(1000000)
    origins = [start_origin(gate) for gate in gates]
    weir = start_weir(configuration(*[origin.server for origin in origins], threads=threads, limit=2,
                                    upstream=f"balance: {balance}", admin=f"{directory}/admin"))
    with Load(weir, clients=16) as load:
        load.wait_for(500)
    assert collections.Counter(load.statuses).keys() == {200}
    assert all(gate.peak <= 2 for gate in gates)
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_queue_length") == 0
    assert metrics("weir_queue_seconds_count") > 0
    poll_until(lambda: read_metrics(f"{directory}/admin")("weir_server_active") == 0,
               what="all calls have ended")


def test_another_attempt_waits_for_who_is_merely_full(start_origin, start_weir, connect, directory,
                                                      wait_for_length):
    def resets(connection):
        connection.read_request()
        connection.reset()

    gate = Gate()
    bad, full = start_origin(resets), start_origin(gate)
    weir = start_weir(f"""
        threads: 1
        admin: unix:{directory}/admin
        upstreams:
          app:
            servers: ["{bad.server}", {{address: "{full.server}", max_connections: 1}}]
            balance: first
            queue: {{size: 9, timeout: 1m}}
            retry: {{attempts: 3, backoff: 1ms}}
        sites: [{{proxy: app, routes: [{{path: /busy, proxy: "{full.server}"}}]}}]
    """)
    busy, client = connect(weir), connect(weir)
    busy.send_request(target="/busy")
    full.wait_for_requests()
    client.send_request(target="/waits")
    wait_for_length(1)
    gate.release(2)
    assert busy.read_response().body == b"/busy"
    assert client.read_response().body == b"/waits"
    assert len(bad.requests) == 1


def test_who_has_priority_goes_first(start_origin, start_weir, connect, directory, wait_for_length):
    gate = Gate()
    origin = start_origin(gate)
    weir = start_weir(f"""
        admin: unix:{directory}/admin
        upstreams:
          app: {{servers: [{{address: "{origin.server}", max_connections: 1}}], queue: {{size: 9, timeout: 1m}}}}
        sites:
          - proxy: app
            routes:
              - {{path: /late, queue_priority: 9}}
              - {{path: /first, queue_priority: 1}}
              - {{path: /told, queue_priority: $query.priority}}
    """)
    targets = ["/busy", "/late", "/normal", "/told?priority=nonsense", "/told?priority=2", "/first"]
    clients = []
    for number, target in enumerate(targets):
        clients.append(connect(weir))
        clients[-1].send_request(target=target)
        wait_for_length(number) if number else origin.wait_for_requests()
    gate.release(len(targets))
    for client, target in zip(clients, targets):
        assert client.read_response().body == target.encode()
    assert [request.target for request in origin.requests] == [
        "/busy", "/first", "/told?priority=2", "/normal", "/told?priority=nonsense", "/late"]
