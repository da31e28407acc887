"""Clients of HTTP/1.1 that take a response slowly, or not at all. Who takes something all the time
gets everything, however late the system tells Weir that there is room again; who does not has an
end and a counter, and makes Weir hold no more than documented. Those of HTTP/2 are in
test_h2_slow_clients.py."""

import time

import pytest

from harness.certificates import a_site
from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.weir import is_sanitized

MIB = 1024 * 1024
BODY = bytes(range(256)) * (3 * MIB // 256)
WAYS = ["counted", "chunked", "TLS"]  # the first one goes through a pipe


def sending(body, how):
    def behaviour(connection):
        connection.read_request()
        if how == "chunked":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
                            % len(body) + body + b"\r\n0\r\n\r\n", 60)
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body, 60)
        connection.read_to_end()
    return behaviour


@pytest.fixture(params=WAYS)
def ask(request, authority, start_origin, start_tls, tls, connect, directory):
    """ask(patience, body) gives a client that has asked for the body and takes nothing yet."""
    def start(patience, body=BODY, **parts):
        authority.make("site", ["example.com"])
        admin, origin = str(directory / "admin.sock"), start_origin(sending(body, request.param))
        weir = start_tls(a_site(rest=f"proxy: {origin.url}\n    plain_http: serve"),
                         f"admin: unix:{admin}\nthreads: 1\ntimeouts: {{request_body: {patience}}}",
                         supervised=request.param == "chunked")  # with the walls around a worker
        weir.metrics = lambda: read_metrics(admin)
        client = (tls(weir, **parts) if request.param == "TLS" else connect(weir.plain, **parts))
        client.weir, client.before = weir, weir.resident_kib()
        client.send_request()
        return client

    return start


def test_who_takes_it_steadily_gets_all(ask):
    """For many times as long as a client may pause. The system takes over a megabyte for him, and
    tells of room when a third of that is gone."""
    client = ask("400ms")
    client.slow_down(12 * 1024, 0.01)
    assert client.read_response().body == BODY
    assert client.weir.metrics()("weir_errors_total") == 0


@pytest.mark.parametrize("taken", [0, MIB])
def test_who_takes_nothing_any_more_is_cut_and_counted(ask, taken):
    """However much is still to come: what Weir holds of it is bounded."""
    client = ask("200ms", body=BODY * 10)
    client.read_response_head()
    client.skim(taken)
    most = 0
    while not client.was_reset():
        most = max(most, client.weir.resident_kib())
        time.sleep(0.01)
    assert is_sanitized() or most - client.before < 400 + 1024  # documented; and the rest of Weir
    poll_until(lambda: client.weir.metrics()("weir_errors_total", error="client_stalled") == 1,
               what="the error")
    assert client.weir.metrics()("weir_errors_total") == 1


def test_who_takes_less_than_a_few_bytes_a_second_is_cut(ask):
    """A byte now and then is no progress, which would make him wait for ever."""
    client = ask("400ms", body=BODY * 3, receive_buffer=4096, segment=536)
    client.read_response_head()
    client.slow_down(1, 0.2)
    while not client.was_reset():
        client.read_some()
    poll_until(lambda: client.weir.metrics()("weir_errors_total", error="client_stalled") == 1,
               what="the error")
