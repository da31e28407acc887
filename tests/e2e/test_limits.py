"""Everything that a peer can make grow or wait has a limit, each with its status."""

import resource
import threading

import pytest

from harness import http1
from harness.client import request_bytes
from harness.deadline import PATIENCE, Deadline, poll_until

QUICK = "timeouts: {request_header: 300ms, request_body: 300ms, keep_alive: 300ms}"


def refused(client, status):
    """Asserts one response with that status that says close, then the end."""
    response = client.read_response()
    assert response.status == status
    assert "close" in response.list_of("Connection")
    client.expect_end()
    return response


# Sizes

def test_a_head_at_its_limit_passes_and_one_above_is_refused(start_origin, start_proxy, connect):
    origin = start_origin()
    weir = start_proxy(origin, settings="limits: {header_size: 1KiB}")

    def head(size):
        bare = len(request_bytes(fields=[("X-A", "")]))
        return request_bytes(fields=[("X-A", "a" * (size - bare))])

    assert len(head(1024)) == 1024
    client = connect(weir)
    client.send(head(1024))
    assert client.read_response().status == 200
    client = connect(weir)
    client.send(head(1025))
    refused(client, 431)
    assert len(origin.requests) == 1


def test_a_head_without_end_is_refused_before_it_ends(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings="limits: {header_size: 4KiB}"))
    client.send(b"GET / HTTP/1.1\r\nHost: example.com\r\nX-A: " + b"a" * 8000)
    refused(client, 431)


def test_a_target_without_end_is_refused_before_it_ends(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings="limits: {target_length: 1KiB}"))
    client.send(b"GET /" + b"a" * 3000)
    refused(client, 414)


def test_fields_are_counted(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {header_count: 10}")
    fields = [(f"X-{number}", "a") for number in range(9)]
    assert connect(weir).ask(fields=fields).status == 200
    client = connect(weir)
    client.send_request(fields=fields + [("X-9", "a")])
    refused(client, 431)


def test_targets_are_measured(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {target_length: 100}")
    assert connect(weir).ask("GET", "/" + "a" * 99).status == 200
    client = connect(weir)
    client.send_request("GET", "/" + "a" * 100)
    refused(client, 414)


def test_a_counted_body_above_its_limit_is_refused_unread(start_origin, start_proxy, connect):
    origin = start_origin()
    weir = start_proxy(origin, settings="limits: {body_size: 10}")
    assert connect(weir).ask("POST", body=b"x" * 10).status == 200
    client = connect(weir)
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 11\r\n\r\n")
    assert client.read_response().status == 413
    assert len(origin.requests) == 1
    assert len(origin.received.split(b"POST /")) == 2


def test_a_refused_body_is_not_read_as_the_next_request(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin, settings="limits: {body_size: 10}"))
    client.send_request("POST", body=request_bytes("GET", "/smuggled"))
    assert client.read_response().status == 413
    assert client.read_to_end() == b""
    assert origin.requests == []


def test_a_chunked_body_above_its_limit_is_cut(start_origin, start_proxy, connect):
    origin = start_origin()
    weir = start_proxy(origin, settings="limits: {body_size: 10}")
    assert connect(weir).ask("POST", body=[b"12345", b"67890"]).status == 200
    client = connect(weir)
    client.send_request("POST", body=[b"12345", b"67890", b"1"])
    refused(client, 413)
    assert len(origin.requests) == 1


def test_large_bodies_pass_where_nothing_else_is_said(start_origin, start_proxy, connect):
    assert connect(start_proxy(start_origin())).ask("POST", body=b"x" * 3000000).status == 200


# Times, of the client

def test_a_head_that_does_not_come_is_given_up(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings=QUICK))
    client.send(b"GET / HTTP/1.1\r\nHost: exam")
    refused(client, 408)


def test_a_head_that_drips_is_given_up_as_well(start_origin, start_proxy, connect):
    """The time counts for the whole head, however often something comes."""
    client = connect(start_proxy(start_origin(), settings=QUICK))
    client.send(b"GET / HTTP/1.1\r\n")
    drip(client, b"X-A: b\r\n")
    assert http1.read_response(client).status == 408


def drip(client, data, pause=0.02):
    """Sends byte after byte, with a pause in seconds behind each, until the peer answers."""
    deadline, answered = Deadline(None, "an answer to dripping bytes"), threading.Event()
    while not client.has_unread():
        for byte in data:
            deadline.left()
            if client.has_unread():
                return
            try:
                client.send(bytes([byte]))
            except OSError:
                return
            answered.wait(pause)


def test_a_connection_without_a_request_is_closed(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings=QUICK))
    data = client.read_to_end()
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


def test_a_second_head_has_its_own_time(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings="timeouts: {request_header: 300ms}"))
    assert client.ask().status == 200
    client.send(b"GET / HT")
    refused(client, 408)


@pytest.mark.parametrize("framing, part", [("Content-Length: 10", b"hello"),
                                           ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
                                           ("Transfer-Encoding: chunked", b"5\r\nhel"),
                                           ("Transfer-Encoding: chunked", b"")])
def test_a_body_that_stops_is_given_up_and_cut(start_origin, start_proxy, connect, framing, part):
    origin = start_origin()
    client = connect(start_proxy(origin, settings=QUICK))
    client.send(f"POST / HTTP/1.1\r\nHost: example.com\r\n{framing}\r\n\r\n".encode() + part)
    refused(client, 408)
    origin.wait_until(lambda: not origin.open_connections(), "the server sees the cut")
    assert origin.requests == []


def test_a_body_that_drips_is_given_up_and_cut(start_origin, start_proxy, connect):
    """A byte now and then is no progress: otherwise it would hold its exchange for ever."""
    origin = start_origin()
    client = connect(start_proxy(origin, settings="timeouts: {request_body: 1s}"))
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000000\r\n\r\n")
    drip(client, b"x", pause=0.3)
    assert http1.read_response(client).status == 408
    origin.wait_until(lambda: not origin.open_connections(), "the server sees the cut")
    assert origin.requests == []


def test_a_client_that_takes_nothing_is_given_up(start_origin, start_proxy, connect):
    """request_body holds for a response that is not taken, too; the server is not held for ever, nor
    what the kernel has for the client."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(b"x" * 65536, 60)

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin, settings=QUICK), receive_buffer=4096)
    client.send_request()
    origin.wait_until(lambda: origin.connections and origin.connections[0].finished.is_set(),
                      "the server is let go", PATIENCE)
    poll_until(client.was_reset)


# Times, of the server

def test_a_server_that_says_nothing_is_a_504(start_origin, start_proxy, connect):
    origin = start_origin(lambda connection: (connection.read_request(), connection.hold()))
    client = connect(start_proxy(origin, settings="timeouts: {first_byte: 200ms}"))
    assert client.ask().status == 504


def test_a_server_that_stops_in_its_head_is_a_504(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nX-A: ")
        connection.hold()

    client = connect(start_proxy(start_origin(behaviour), settings="timeouts: "
                                 "{first_byte: 200ms, between_bytes: 200ms}"))
    assert client.ask().status == 504


def test_a_server_whose_head_drips_is_a_504(start_origin, start_proxy, connect):
    """first_byte counts for the whole head: a byte now and then would otherwise hold the exchange
    for as long as the server likes."""
    pause = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nX-A: ")
        while True:
            connection.send(b"a")
            pause.wait(0.02)

    weir = start_proxy(start_origin(behaviour), settings="timeouts: {first_byte: 300ms}")
    assert connect(weir).ask().status == 504


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
                                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   b"5\r\nhello\r\n",
                                   b"HTTP/1.1 200 OK\r\n\r\nhello"])
def test_a_server_that_stops_in_its_body_is_cut(start_origin, start_proxy, connect, begin):
    def behaviour(connection):
        connection.read_request()
        connection.send(begin)
        connection.hold()

    client = connect(start_proxy(start_origin(behaviour),
                                 settings="timeouts: {between_bytes: 200ms}"))
    client.send_request()
    with pytest.raises(http1.Cut):
        client.read_response()


def test_a_server_that_does_not_take_the_request_is_given_up(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request_head()
        connection.hold()

    client = connect(start_proxy(start_origin(behaviour), settings="timeouts: "
                                 "{between_bytes: 200ms, first_byte: 200ms}"))
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100000000\r\n\r\n")
    try:
        client.send_until_blocked(b"x" * 65536, 100000000)
    except OSError:
        pass
    assert client.read_response().status == 504


def test_a_server_that_does_not_accept_is_a_504(frozen_listener, start_weir, connect):
    weir = start_weir(f"sites: [{{proxy: \"http://{frozen_listener}\"}}]\n"
                      "timeouts: {connect: 200ms}")
    assert connect(weir).ask().status == 504


def test_an_exchange_has_a_time_in_all(start_origin, start_proxy, connect):
    origin = start_origin(lambda connection: (connection.read_request(), connection.hold()))
    client = connect(start_proxy(origin, settings="timeouts: {request: 200ms}"))
    assert client.ask().status == 504


def test_an_exchange_that_is_too_long_is_cut_in_its_body(start_origin, start_proxy, connect):
    pause = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.send(b"1\r\nx\r\n")
            pause.wait(0.02)

    client = connect(start_proxy(start_origin(behaviour), settings="timeouts: {request: 1s}"))
    client.send_request()
    with pytest.raises(http1.Cut):
        client.read_response()


def test_a_server_that_is_slow_but_alive_is_waited_for(start_origin, start_proxy, connect):
    """between_bytes starts anew with each byte."""
    pause = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            connection.send(b"x")
            pause.wait(0.12)

    weir = start_proxy(start_origin(behaviour), settings="timeouts: {between_bytes: 2s}")
    assert connect(weir).ask().body == b"x" * 20


# Numbers

def test_connections_are_limited(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {connections: 2}")
    kept = [connect(weir) for _ in range(2)]
    for client in kept:
        assert client.ask().status == 200
    refused(connect(weir), 503)
    kept[0].close()
    await_admission(weir, connect)
    assert kept[1].ask().status == 200


def await_admission(weir, connect):
    """A closed connection gives its place to another, as soon as Weir has seen the close."""
    deadline = Deadline(None, "a place becomes free")
    while True:
        deadline.left()
        client = connect(weir)
        client.send_request()
        try:
            status = client.read_response().status
        except (http1.Ended, http1.Cut):
            status = None
        client.close()
        if status == 200:
            return


def test_connections_of_one_client_are_limited(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {connections_per_client: 1}")
    first = connect(weir)
    assert first.ask().status == 200
    refused(connect(weir), 503)
    assert connect(weir, source="127.0.0.2").ask().status == 200
    first.close()
    await_admission(weir, connect)


def test_a_refused_connection_costs_no_place(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {connections: 1}")
    first = connect(weir)
    assert first.ask().status == 200
    for _ in range(20):
        refused(connect(weir), 503)
    first.close()
    await_admission(weir, connect)


def test_running_out_of_descriptors_is_survived(start_origin, start_proxy, connect):
    """Who is connected gets answers, who comes waits or is refused, and it passes."""
    weir = start_proxy(start_origin())
    first = connect(weir)
    assert first.ask().status == 200
    limit = weir.descriptors() + 10
    resource.prlimit(weir.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    crowd = [connect(weir) for _ in range(40)]
    for client in crowd:
        client.send_request()
    for _ in range(5):
        assert first.ask().status in (200, 502, 503)  # a server's connection needs one, too
    for client in crowd:
        client.close()
    await_admission(weir, connect)
    assert first.ask().status == 200


def test_many_idle_connections_stay_usable(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin())
    clients = [connect(weir) for _ in range(200)]
    for client in clients:
        assert client.ask().status == 200
    for client in clients:
        client.expect_silence()
        assert client.ask().status == 200


def test_a_server_is_not_blamed_for_a_client_that_takes_its_time(start_origin, start_proxy,
                                                                 connect):
    """The server waits until its answer is taken before it reads on, as we do."""
    body = b"x" * (32 * 1024 * 1024)

    def behaviour(connection):
        connection.read_request_head()
        connection.answer(200, body)
        connection.hold()

    weir = start_proxy(start_origin(behaviour), settings="timeouts: {between_bytes: 3s}")
    client = connect(weir)
    client.keep_received = False
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    client.send_until_blocked(piece, 256 * 1024 * 1024, quiet=4)
    assert client.read_response().body == body
