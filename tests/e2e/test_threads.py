"""Several loops at once: clients and servers come and go, connections wander from loop to loop, and
every answer still belongs to its request."""

import contextlib
import os
import socket
import threading

import pytest

from harness import http1
from harness.deadline import Deadline, poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering, response_bytes
from harness.socket_queue import waiting_to_be_accepted
from harness.stream import Stream, connect_to


def serve(connection):
    """The target a hundred times, in chunks."""
    while True:
        target = connection.read_request().target.encode()
        connection.answer(200, [target * 50, target * 50])


def several_loops(*origins, settings=""):
    servers = ", ".join(f'"{origin.server}"' for origin in origins)
    return f"threads: 4\nsites: [{{proxy: [{servers}]}}]\n{settings}"


def test_a_load_over_several_loops(start_origin, start_weir):
    weir = start_weir(several_loops(start_origin(serve), start_origin(serve)))
    with Load(weir, clients=12) as load:
        load.wait_for(1000)
    assert set(load.statuses) == {200}


@contextlib.contextmanager
def on_cpus(cpus):
    """What this thread starts meanwhile may use these CPUs alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("threads", ["", "threads: auto\n"], ids=["nothing", "auto"])
def test_there_is_a_loop_for_each_cpu_that_may_be_used(start_weir, directory, threads):
    cpus = sorted(os.sched_getaffinity(0))
    for number, some in enumerate([cpus, cpus[:1]]):
        with on_cpus(some):
            start_weir(f"admin: unix:{directory}/admin{number}\n{threads}"
                       "sites: [{respond: 204}]\n")
        loops = {labels["loop"] for name, labels, _
                 in read_metrics(f"{directory}/admin{number}").samples
                 if name == "weir_loop_turn_seconds_count"}
        assert loops == {str(loop) for loop in range(len(some))}


@pytest.fixture
def server_of_one_connection(ports):
    """Its address. It takes one connection, and serves it; every other one neither succeeds nor
    fails, for then its queue is full."""
    crowd, accepted = [], []

    def serve_one():
        with contextlib.suppress(OSError):  # the end of the test
            accepted.append(listener.accept()[0])
            crowd.append(connect_to(listener.getsockname()))
            poll_until(lambda: waiting_to_be_accepted(listener) == 1, what="the queue is full")
            stream = Stream(accepted[0])
            while True:
                stream.wait_for_bytes(600)
                stream.send(response_bytes(body=http1.read_request(stream).target.encode()))

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", ports.take()))
        listener.listen(0)
        thread = threading.Thread(target=serve_one)
        thread.start()
        yield "%s:%d" % listener.getsockname()
        for connection in (listener, *accepted):
            with contextlib.suppress(OSError):  # closed by its peer before
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted + crowd:
            connection.close()


def test_loops_lend_each_other_idle_connections(server_of_one_connection, start_weir, connect,
                                                directory):
    """Whichever loop a client comes to, it is served over the one connection that there is."""
    weir = start_weir(f"""
        threads: 4
        admin: unix:{directory}/admin
        timeouts: {{connect: 1m, first_byte: 1m, pool_idle: 10m}}
        sites: [{{proxy: "http://{server_of_one_connection}"}}]
    """)

    def count(name):
        return read_metrics(f"{directory}/admin")(name)

    for number in range(30):
        assert connect(weir).ask("GET", f"/{number}").body == f"/{number}".encode()
        poll_until(lambda: count("weir_server_idle") == 1, what="the connection is idle")
    assert count("weir_server_connections_total") > 1  # asked for in vain, by loops that had none


def test_servers_come_and_go_under_several_loops(start_origin, start_weir):
    origins = [start_origin(serve) for _ in range(3)]
    weir = start_weir(several_loops(*origins, settings="timeouts: {first_byte: 5s}"))
    with Load(weir, clients=8) as load:
        for turn in range(6):
            load.wait_for(50)
            origins[turn % 2].stop()
            load.wait_for(50)
            origins[turn % 2].start()


def test_short_lived_connections_over_several_loops(start_origin, start_weir):
    weir = start_weir(several_loops(start_origin(serve)))
    with Load(weir, clients=8, fields=[("Connection", "close")]) as load:
        load.wait_for(500)
    assert set(load.statuses) == {200}


def test_idle_times_race_with_requests(start_origin, start_weir):
    """Connections are given up on both sides just while they are taken up again."""
    def short_of_breath(connection):
        for _ in range(5):
            target = connection.read_request().target.encode()
            connection.answer(200, [target * 100])

    weir = start_weir(several_loops(start_origin(short_of_breath),
                                    settings="timeouts: {pool_idle: 5ms}"))
    with Load(weir, clients=8) as load:
        load.wait_for(500)
    assert load.statuses.count(200) > 0.9 * len(load.statuses)


def test_limits_hold_over_all_loops(start_origin, start_weir, connect):
    weir = start_weir(several_loops(start_origin(), settings="limits: {connections: 8}"))
    kept = [connect(weir) for _ in range(8)]
    for client in kept:
        assert client.ask().status == 200
    for _ in range(8):
        refused = connect(weir)
        assert refused.read_response().status == 503
        refused.close()
    for client in kept:
        client.close()
    poll_until(lambda: ask_once(connect(weir)) == 200, what="a place becomes free")


def ask_once(client):
    client.send_request()
    status = client.read_response().status
    client.close()
    return status


@pytest.mark.parametrize("kind", ["close", "reset"])
def test_many_clients_leave_at_once(start_origin, start_weir, connect, kind):
    may_answer = threading.Event()

    def slow(connection):
        connection.read_request()
        connection.wait(may_answer)
        connection.answer(200, b"late")

    weir = start_weir(several_loops(start_origin(slow), start_origin(answering(b"x"))))
    clients = [connect(weir) for _ in range(60)]
    for client in clients:
        client.send_request()
    for client in clients:
        getattr(client, kind)()
    may_answer.set()
    deadline = Deadline(None, "an answer of either server")
    while deadline.left() and connect(weir).ask().body != b"x":
        pass


def test_failures_are_judged_and_requests_copied_on_several_loops(start_origin, start_weir, directory):
    """Loops count for one breaker, eject the same servers, and have one limit of copies."""
    def flaps(connection):
        for number in range(1000):
            target = connection.read_request().target.encode()
            connection.answer(503 if number % 2 else 200, target * 100)

    flapping, copies = [start_origin(flaps) for _ in range(2)], start_origin(serve)
    weir = start_weir(f"""
        threads: 4
        admin: unix:{directory}/admin
        upstreams:
          app:
            servers: ["{flapping[0].server}", {{address: "{flapping[1].server}", priority: 2}}]
            ejection: {{failure_rate: 40%, calls: 10, time: 1s}}
            circuit_breaker: {{failure_rate: 30%, calls: 20, time: 1s, max_calls: 6}}
          copy: {{servers: ["{copies.server}"], circuit_breaker: {{max_calls: 3}}}}
        sites: [{{proxy: app, mirror: {{to: copy, calls: 4}}}}]
    """)

    def count(name, **labels):
        return read_metrics(f"{directory}/admin")(name, **labels)

    with Load(weir, clients=8) as load:
        poll_until(lambda: count("weir_circuit_openings_total", upstream="app") > 1 and
                   count("weir_server_ejections_total", server=flapping[0].server) > 0, seconds=60,
                   what="the circuit opens twice, and a server is ejected")
    assert set(load.statuses) == {200, 503}
    assert count("weir_mirrors_answered_total", upstream="copy") > 0
