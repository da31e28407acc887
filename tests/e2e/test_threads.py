"""Several loops at once: clients and servers come and go, connections wander from loop to loop, and
every answer still belongs to its request."""

import contextlib
import os
import threading

import pytest

from harness.deadline import Deadline, poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering


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


def test_idle_connections_are_shared_by_the_loops(start_origin, start_weir, connect):
    """One request at a time needs few connections, whichever loop its client came to: not one for
    each client."""
    origin = start_origin(serve)
    weir = start_weir(several_loops(origin))
    for number in range(60):
        client = connect(weir)
        assert client.ask("GET", f"/{number}").body == f"/{number}".encode() * 100
        client.close()
    assert len(origin.connections) <= 20


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
