"""The circuit breaker of an upstream: left alone where too many of its calls fail, and never given
more at once than it may have."""

import json
import pathlib
import socket
import threading

import pytest

from harness.deadline import Late, poll_until
from harness.h2_client import REFUSED_STREAM
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.weir import run_weir_command, write_configuration

BY_RATE = "{failure_rate: 50%, window: 1h, calls: 4, time: 1h}"


def configuration(*servers, breaker=BY_RATE, upstream="", more="", threads=1):
    listed = ", ".join(f'"{server}"' for server in servers)
    return (f"threads: {threads}\n{more}upstreams: {{app: {{servers: [{listed}], "
            f"ejection: {{failures: 0}}, circuit_breaker: {breaker}, {upstream}}}}}\n"
            "sites: [{proxy: app}]\n")


def resets(connection):
    connection.read_request()
    connection.reset()


def wait_for_errors(directory, error, count):
    """What is counted behind the answer."""
    poll_until(lambda: read_metrics(f"{directory}/admin")(
        "weir_errors_total", error=error, side="upstream") == count, what=f"{count} of {error}")


def circuit_of(weir):
    status = json.loads(run_weir_command("status", "-c", weir.arguments[2]).stdout)
    return status["upstreams"][0]["circuit"]


@pytest.mark.parametrize("behaviour, status", [
    (answering(b"no", status=503), 503), (answering(b"no", status=502), 502), (resets, 502),
], ids=["503", "502", "reset"])
def test_too_many_failures_open_it(start_origin, start_weir, connect, directory, behaviour, status):
    origin = start_origin(behaviour)
    weir = start_weir(configuration(origin.server, more=f"admin: unix:{directory}/admin\n"
                                    "log: {access: {format: \"$status $error\", to: stderr}}\n"))
    client = connect(weir)
    answers = [client.ask() for _ in range(10)]
    assert [answer.status for answer in answers] == [status] * 4 + [503] * 6
    assert len(origin.requests) == 4
    assert 3590 <= int(answers[-1].value("Retry-After")) <= 3600
    assert answers[0].value("Retry-After") is None
    weir.wait_for_log("too many calls to an upstream fail; its requests are answered with 503.*"
                      "upstream=app failed_percent=100 seconds=3600")
    wait_for_errors(directory, "circuit_open", 6)
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_circuit_open", upstream="app") == 1
    assert metrics("weir_circuit_openings_total", upstream="app") == 1
    assert metrics("weir_circuit_refusals_total", upstream="app") == 6
    weir.wait_for_log("503 circuit_open")
    told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert "too many calls to the upstream failed" in told


def test_servers_that_cannot_be_reached_open_it(start_weir, connect, ports):
    client = connect(start_weir(configuration(f"127.0.0.1:{ports.take()}")))
    assert [client.ask().status for _ in range(8)] == [502] * 4 + [503] * 4


def test_other_answers_keep_it_closed(start_origin, start_weir, connect):
    origin = start_origin(answering(b"odd", status=500))
    client = connect(start_weir(configuration(origin.server)))
    assert [client.ask().status for _ in range(10)] == [500] * 10


def test_a_cut_body_is_a_failure_though_its_head_was_none(start_origin, start_weir, connect):
    def cuts(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    weir = start_weir(configuration(start_origin(cuts).server, breaker=BY_RATE.replace("50", "100")))
    for _ in range(4):
        client = connect(weir)
        client.send_request()
        assert client.read_to_end().endswith(b"half")
    assert connect(weir).ask().status == 503


def test_a_failure_whose_body_is_cut_is_one_failure(start_origin, start_weir, connect):
    def cuts(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nhalf")

    origin = start_origin(cuts)
    weir = start_weir(configuration(origin.server))
    for _ in range(4):
        client = connect(weir)
        client.send_request()
        assert client.read_to_end().endswith(b"half")
    assert connect(weir).ask().status == 503 and len(origin.requests) == 4


def test_a_trial_closes_it_again(start_origin, start_weir, connect):
    recovers = in_turn(*[resets] * 5, answering(b"well"))
    origin = start_origin(recovers)
    weir = start_weir(configuration(origin.server,
                                    breaker=BY_RATE.replace("time: 1h", "time: 1s")))
    client = connect(weir)
    assert [client.ask().status for _ in range(4)] == [502] * 4
    poll_until(lambda: client.ask().status == 502, what="a trial")
    weir.wait_for_log("an upstream was tried again and failed; it is left alone for longer.*"
                      "upstream=app seconds=2")
    poll_until(lambda: client.ask().body == b"well", what="the trial that goes well")
    weir.wait_for_log("an upstream was tried again and answers; it gets its requests.*upstream=app")
    assert [client.ask().body for _ in range(5)] == [b"well"] * 5


def test_no_attempt_is_made_at_an_open_circuit(start_origin, start_weir, connect):
    origin = start_origin(resets)
    weir = start_weir(configuration(origin.server, upstream="retry: {attempts: 8, backoff: 1ms}"))
    assert connect(weir).ask().status == 503
    assert len(origin.requests) == 4


def test_it_stays_open_over_a_reload(start_origin, start_weir, connect):
    origin = start_origin(resets)
    weir = start_weir(configuration(origin.server))
    client = connect(weir)
    assert [client.ask().status for _ in range(5)] == [502] * 4 + [503]
    write_configuration(pathlib.Path(weir.arguments[2]).parent,
                        configuration(origin.server, breaker=BY_RATE.replace("50", "60")), weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert client.ask().status == 503 and len(origin.requests) == 4


def test_it_is_open_no_more_where_no_share_opens_it(start_origin, start_weir, connect, directory):
    admin = f"admin: unix:{directory}/admin\n"
    origin = start_origin(in_turn(*[resets] * 4, answering(b"well")))
    weir = start_weir(configuration(origin.server, more=admin))
    client = connect(weir)
    assert [client.ask().status for _ in range(5)] == [502] * 4 + [503]
    assert read_metrics(f"{directory}/admin")("weir_circuit_open", upstream="app") == 1
    assert circuit_of(weir) == "open"
    write_configuration(pathlib.Path(weir.arguments[2]).parent,
                        configuration(origin.server, breaker="{max_calls: 9}", more=admin),
                        weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert read_metrics(f"{directory}/admin")("weir_circuit_open", upstream="app") == 0
    assert circuit_of(weir) is None
    assert client.ask().body == b"well"


def test_it_has_no_more_calls_than_it_may(start_origin, start_weir, connect, directory):
    places = threading.Semaphore(0)

    def waits(connection):
        while True:
            connection.read_request()
            while not places.acquire(timeout=0.02):
                if connection.origin.stopping.is_set():
                    return
            connection.answer(200, b"x")

    origins = [start_origin(waits) for _ in range(2)]
    weir = start_weir(configuration(*[origin.server for origin in origins], threads=2,
                                    breaker="{max_calls: 3}", more=f"admin: unix:{directory}/admin\n"))
    busy = [connect(weir) for _ in range(3)]
    for client in busy:
        client.send_request()
    poll_until(lambda: sum(len(origin.requests) for origin in origins) == 3, what="three calls")
    refused = connect(weir).ask()
    assert refused.status == 503 and refused.value("Retry-After") == "1"
    wait_for_errors(directory, "upstream_full", 1)
    places.release(3)
    assert [client.read_response().status for client in busy] == [200] * 3
    places.release(8)
    assert connect(weir).ask().status == 200


def test_a_call_whose_client_leaves_is_over(start_origin, start_weir, connect):
    def holds(connection):
        connection.read_request()
        connection.hold()

    origin = start_origin(in_turn(holds, answering(b"x")))
    weir = start_weir(configuration(origin.server, breaker="{max_calls: 1}"))
    client = connect(weir)
    client.send_request()
    origin.wait_for_requests()
    assert connect(weir).ask().status == 503
    client.reset()
    poll_until(lambda: connect(weir).ask().status == 200, what="there is room for a call")


# Connections

class Counted:
    """Servers that look at each connection that comes how many there are with it. Meanwhile none
    answers, so that what is too many stays so."""

    def __init__(self, limit):
        self.limit, self.lock = limit, threading.Lock()
        self.origins, self.most, self.excess = [], 0, []

    def count(self):
        return sum(is_open(connection) for origin in self.origins
                   for connection in list(origin.connections))

    def fits(self):
        count = self.count()
        if count <= self.limit:
            self.most = max(self.most, count)
        return count <= self.limit

    def look(self):
        """An end that is on its way is waited for."""
        with self.lock:
            try:
                poll_until(self.fits, seconds=5)
            except Late:
                self.excess.append(self.count())

    def http1(self, connection):
        self.look()
        while True:
            connection.read_request()
            with self.lock:
                connection.answer(200, b"x")

    def http2(self, connection):
        self.look()
        while True:
            request = connection.read_request()
            with self.lock:
                connection.answer(request, 200, b"x")


def is_open(connection):
    """Neither of both ends has closed it: what it has sent may still wait to be read."""
    established = 1
    try:
        return connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == established
    except OSError:
        return False  # it is over


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_what_an_attempt_used_gives_way_to_the_next_one(start_origin, start_h2_origin, start_weir,
                                                        connect, kind):
    """Also where that follows in the same moment."""
    def behaviour(status, body):
        def answers(connection):
            while True:
                request = connection.read_request()
                connection.answer(*([request] if kind == "http2" else []), status, body)
        return answers

    start = start_h2_origin if kind == "http2" else start_origin
    failing, good = start(behaviour(503, b"no")), start(behaviour(200, b"yes"))
    client = connect(start_weir(configuration(
        failing.url, good.url, breaker="{max_connections: 1}",
        upstream="balance: first, retry: {attempts: 2, backoff: 0ms, budget: 100%}")))
    for _ in range(5):
        assert client.ask().body == b"yes"
    assert len(failing.requests) == 5


def test_what_was_not_taken_up_goes_on_without_room_for_a_connection(start_h2_origin, start_weir,
                                                                     connect):
    """To where there is one: a server that refuses a stream may take the next one."""
    begun, over = threading.Event(), threading.Event()

    def behaviour(connection):
        held = connection.read_request()
        begun.set()
        connection.reset_stream(connection.read_request(), REFUSED_STREAM)
        connection.answer(connection.read_request(), body=b"taken")
        connection.wait(over)
        connection.answer(held, body=b"held")
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    weir = start_weir(configuration(origin.url, breaker="{max_connections: 1}"))
    first, second = connect(weir), connect(weir)
    first.send_request()
    assert begun.wait(60)
    answer = second.ask()
    over.set()
    assert (answer.status, answer.body) == (200, b"taken")
    assert first.read_response().body == b"held"
    assert len(origin.connections) == 1


@pytest.fixture
def start_counted(start_origin, start_h2_origin, start_weir, directory):
    def start(limit, kinds, threads, more=""):
        counted = Counted(limit)
        starts = {"http1": start_origin, "http2": start_h2_origin}
        counted.origins = [starts[kind](getattr(counted, kind)) for kind in kinds]
        counted.text = configuration(*[origin.url for origin in counted.origins], threads=threads,
                                     breaker=f"{{max_connections: {limit}}}",
                                     more=f"admin: unix:{directory}/admin\n", upstream=more)
        counted.weir = start_weir(counted.text)
        counted.told = lambda: read_metrics(f"{directory}/admin")("weir_upstream_connections",
                                                                  upstream="app")
        return counted
    return start


@pytest.mark.parametrize("kinds, limit, crowd", [
    (["http1", "http1", "http1"], 4, 12), (["http2", "http2"], 2, 12), (["http1", "http2"], 3, 12),
], ids=["HTTP/1", "HTTP/2", "both"])
def test_it_has_no_more_connections_than_it_may(start_counted, connect, kinds, limit, crowd):
    counted = start_counted(limit, kinds, threads=4)
    statuses = []

    def asks():
        client = connect(counted.weir)
        for _ in range(30):
            statuses.append(client.ask().status)

    threads = [threading.Thread(target=asks) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 30 * crowd and set(statuses) <= {200, 503}
    assert statuses.count(200) >= 30
    assert not counted.excess and counted.most > 0
    # Nobody is left without: idle ones give way, on whatever thread they are.
    clients = [connect(counted.weir) for _ in range(8)]
    assert [client.ask().status for client in clients * 3] == [200] * 24
    assert not counted.excess and 0 < counted.told() <= limit


def test_an_idle_connection_of_another_server_or_thread_gives_way(start_counted, connect):
    counted = start_counted(1, ["http1", "http2", "http1"], threads=4)
    clients = [connect(counted.weir) for _ in range(8)]
    assert [client.ask().status for client in clients * 4] == [200] * 32
    assert not counted.excess and counted.most == 1 and counted.told() == 1
    assert all(origin.requests for origin in counted.origins)


def test_where_all_connections_are_in_use_the_next_is_refused(start_origin, start_weir, connect,
                                                              directory):
    def holds(connection):
        connection.read_request()
        connection.hold()

    origins = [start_origin(holds) for _ in range(2)]
    weir = start_weir(configuration(
        *[origin.server for origin in origins], breaker="{max_connections: 2}", threads=2,
        more=f"admin: unix:{directory}/admin\n",
        upstream="retry: {attempts: 3, backoff: 1ms, on: [5xx, connect]}"))
    busy = [connect(weir) for _ in range(2)]
    for client in busy:
        client.send_request()
    poll_until(lambda: sum(len(origin.requests) for origin in origins) == 2, what="two calls")
    refused = connect(weir).ask()
    assert refused.status == 503 and refused.value("Retry-After") == "1"
    wait_for_errors(directory, "connections_full", 1)
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_circuit_refusals_total", upstream="app") == 1
    assert metrics("weir_server_failures_total", server=origins[0].server) == 0
    busy[0].reset()
    poll_until(lambda: metrics_of(directory) == 1, what="its connection is closed")
    client = connect(weir)
    client.send_request()
    poll_until(lambda: sum(len(origin.requests) for origin in origins) == 3, what="the next call")


def metrics_of(directory):
    return read_metrics(f"{directory}/admin")("weir_upstream_connections", upstream="app")


def test_a_limit_that_a_reload_brings_holds_for_what_is_open(start_counted, connect):
    counted = start_counted(9, ["http1"], threads=1)
    for client in [connect(counted.weir) for _ in range(3)]:
        client.ask()
    place = pathlib.Path(counted.weir.arguments[2]).parent
    write_configuration(place, counted.text.replace("max_connections: 9", "max_connections: 1"),
                        counted.weir.address)
    assert run_weir_command("reload", "-c", counted.weir.arguments[2]).returncode == 0
    counted.limit = 1
    assert connect(counted.weir).ask(fields=[("Connection", "close")]).status == 200
    assert counted.told() <= 1 and not counted.excess


def test_settings_without_effect_are_told(start_weir, directory):
    text = configuration("127.0.0.1:9", breaker="{window: 5s}")
    path = write_configuration(directory, text, ("127.0.0.1", 9))
    told = run_weir_command("check", "-c", str(path))
    assert '"window" has no effect without "failure_rate"' in told.stdout + told.stderr
