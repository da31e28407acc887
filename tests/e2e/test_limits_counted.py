"""Connections that a limit or a timeout refuses or ends where no exchange tells of it: each has its
counter, and nothing else is counted."""

import pytest

from harness import http1
from harness.certificates import a_site
from harness.deadline import poll_until
from harness.h2_client import connect_h2
from harness.metrics import read_metrics
from harness.tls_client import TlsClient, trusting

REFUSED, CLOSED = "weir_client_connections_refused_total", "weir_client_connections_closed_total"
SITE = "sites: [{respond: {body: hello}}]\n"
LIMITS = {REFUSED: ["connections", "connections_per_client"],
          CLOSED: ["request_header", "keep_alive", "requests_per_connection"]}


@pytest.fixture
def start(start_weir, directory, ports):
    """Listens on one address; `listener` is what its entry has beside it."""
    admin = str(directory / "admin.sock")

    def run(settings, listener="", site=SITE):
        port = ports.take()
        weir = start_weir(f'admin: unix:{admin}\nthreads: 1\n{settings}\n'
                          f'listen: [{{address: "127.0.0.1:{port}"{listener}}}]\n{site}',
                          address=("127.0.0.1", port))
        weir.metrics = lambda: read_metrics(admin)
        return weir

    return run


def expect_counts(weir, **wanted):
    """These limits were met so often, and no others."""
    def counted():
        metrics = weir.metrics()
        return {limit: value for metric, limits in LIMITS.items() for limit in limits
                if (value := metrics(metric, limit=limit))}

    poll_until(lambda: sum(counted().values()) >= sum(wanted.values()), what=f"that {wanted}")
    assert counted() == wanted


def expect_refusal(client):
    try:
        assert client.read_response().status == 503
    except (http1.Ended, http1.Cut):
        pass


def test_all_are_there_from_the_start(start):
    metrics = start("").metrics()
    for name, limits in LIMITS.items():
        assert [labels["limit"] for each, labels, _ in metrics.samples if each == name] == limits
    assert metrics("weir_tunnels_silent_total") == 0


def test_connections_in_all(start, connect):
    weir = start("limits: {connections: 1, connections_per_client: 1}")
    assert connect(weir).ask().status == 200
    for address in ["127.0.0.1", "127.0.0.2"]:
        expect_refusal(connect(weir, source=address))
    expect_counts(weir, connections=2)


def test_connections_of_one_client(start, connect):
    weir = start("limits: {connections: 2, connections_per_client: 1}")
    assert connect(weir).ask().status == 200
    expect_refusal(connect(weir))
    expect_counts(weir, connections_per_client=1)
    assert connect(weir, source="127.0.0.2").ask().status == 200
    expect_refusal(connect(weir, source="127.0.0.3"))
    expect_counts(weir, connections_per_client=1, connections=1)


def test_connections_of_one_client_that_a_header_names(start, connect):
    weir = start("limits: {connections_per_client: 1}", ", proxy_protocol: on")
    header = b"PROXY TCP4 192.0.2.%d 192.0.2.9 1 2\r\n"
    first, second, third = (connect(weir) for _ in range(3))
    first.send(header % 1)
    assert first.ask().status == 200
    second.send(header % 2)
    assert second.ask().status == 200
    third.send(header % 1)
    expect_refusal(third)
    expect_counts(weir, connections_per_client=1)


@pytest.mark.parametrize("listener, said", [
    ("", b""), (", h2c: on", b""), (", h2c: on", b"PRI * HT"),
    (", h2c: on", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (", proxy_protocol: on", b""),
    (", proxy_protocol: on", b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n")])
def test_clients_that_come_and_ask_nothing(start, connect, listener, said):
    weir = start("timeouts: {request_header: 100ms}", listener)
    client = connect(weir)
    client.send(said)
    client.read_to_end()
    expect_counts(weir, request_header=1)
    assert weir.metrics()("weir_errors_total") == 0


def test_clients_that_only_shake_hands(start_tls, authority, directory):
    authority.make("site", ["example.com"])
    admin = directory / "admin.sock"
    weir = start_tls(a_site(), f"admin: unix:{admin}\ntimeouts: {{request_header: 100ms}}\nthreads: 1")
    weir.metrics = lambda: read_metrics(str(admin))
    client = TlsClient(weir.address, trusting(authority))
    client.expect_end()
    client.close()
    expect_counts(weir, request_header=1)


def test_a_head_that_has_begun_is_an_error_of_its_exchange(start, connect):
    weir = start("timeouts: {request_header: 100ms}")
    client = connect(weir)
    client.send(b"GET / HT")
    assert client.read_response().status == 408
    poll_until(lambda: weir.metrics()("weir_errors_total", error="request_timeout") == 1,
               what="the error")
    client.expect_end()
    expect_counts(weir)


def test_idle_clients(start, connect):
    weir = start("timeouts: {keep_alive: 100ms}", ", h2c: on")
    client = connect(weir)
    assert client.ask().status == 200
    client.expect_end()
    expect_counts(weir, keep_alive=1)
    other = connect_h2(weir.address)
    assert other.ask().status == 200
    other.read_goaway()
    other.close()
    expect_counts(weir, keep_alive=2)


def test_as_many_requests_as_a_connection_may_have(start, connect):
    weir = start("limits: {requests_per_connection: 2}", ", h2c: on")
    client = connect(weir)
    assert [client.ask().list_of("Connection") for _ in range(2)] == [[], ["close"]]
    client.expect_end()
    expect_counts(weir, requests_per_connection=1)
    other = connect_h2(weir.address)
    assert [other.ask().status for _ in range(2)] == [200, 200]
    other.read_goaway()
    other.close()
    expect_counts(weir, requests_per_connection=2)


def test_who_ends_by_himself_is_not_counted(start, connect):
    weir = start("limits: {requests_per_connection: 1}")
    client = connect(weir)
    assert client.ask(fields=[("Connection", "close")]).status == 200
    client.expect_end()
    connect(weir).close()
    poll_until(lambda: weir.metrics()("weir_client_connections") == 0, what="that both are gone")
    expect_counts(weir)


def switching(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    connection.read_to_end()


def test_silent_tunnels(start, start_origin, connect):
    """Those of a stream of HTTP/2 are in test_h2_websocket.py."""
    weir = start("timeouts: {tunnel: 100ms}",
                 site=f"sites: [{{proxy: '{start_origin(switching).url}'}}]\n")
    client = connect(weir)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert client.read_response_head().status == 101
    client.expect_end()
    poll_until(lambda: weir.metrics()("weir_tunnels_silent_total") == 1, what="that it is counted")


@pytest.mark.parametrize("end", ["close", "reset"])
def test_tunnels_that_end_by_themselves_are_not_silent(start, start_origin, connect, end):
    weir = start("", site=f"sites: [{{proxy: '{start_origin(switching).url}'}}]\n")
    client = connect(weir)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert client.read_response_head().status == 101
    getattr(client, end)()
    poll_until(lambda: weir.metrics()("weir_tunnels") == 0, what="the end of the tunnel")
    assert weir.metrics()("weir_tunnels_silent_total") == 0
