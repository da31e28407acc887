"""Connections that stay: towards the client, in its order; towards servers, shared, and never used
when their state is not known."""

import threading

import pytest

from harness import http1
from harness.client import request_bytes
from harness.deadline import wait_for
from harness.origin import answering, in_turn, response_bytes
from harness.weir import is_sanitized

OLD = {"version": "1.0"}


# Towards the client

def test_two_requests_share_both_connections(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin))
    assert client.ask("GET", "/1").body == b"hello"
    assert client.ask("GET", "/2").body == b"hello"
    assert [request.target for request in origin.requests] == ["/1", "/2"]
    assert len(origin.connections) == 1


def test_a_client_that_says_close_is_closed(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin()))
    response = client.ask(fields=[("Connection", "close")])
    assert response.list_of("Connection") == ["close"]
    client.expect_end()


def test_the_servers_connection_outlives_a_client_that_says_close(start_origin, start_proxy,
                                                                  connect):
    origin = start_origin()
    weir = start_proxy(origin)
    for _ in range(3):
        assert connect(weir).ask(fields=[("Connection", "close")]).status == 200
    assert len(origin.connections) == 1


def test_http_1_0_is_closed_behind_its_answer(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin()))
    response = client.ask(**OLD)
    assert response.status == 200 and response.body == b"hello"
    assert "keep-alive" not in response.list_of("Connection")
    client.expect_end()


def test_http_1_0_is_kept_where_it_asks(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin()))
    for _ in range(3):
        response = client.ask(fields=[("Connection", "keep-alive")], **OLD)
        assert response.body == b"hello"
        assert response.list_of("Connection") == ["keep-alive"]


def test_http_1_0_without_host_reaches_the_default_site(start_origin, start_proxy, connect):
    origin = start_origin()
    assert connect(start_proxy(origin)).ask(host=None, **OLD).status == 200
    assert len(origin.requests[0].values("Host")) == 1


def test_an_answer_to_1_0_is_not_in_chunks(start_origin, start_proxy, connect):
    origin = start_origin(answering([b"one ", b"two"]))
    client = connect(start_proxy(origin))
    response = client.ask(**OLD)
    assert not response.has("Transfer-Encoding")
    assert response.body == b"one two"
    client.expect_end()


def test_an_answer_of_unknown_length_to_1_0_that_asks_to_stay_is_closed(start_origin, start_proxy,
                                                                        connect):
    client = connect(start_proxy(start_origin(answering([b"one ", b"two"]))))
    response = client.ask(fields=[("Connection", "keep-alive")], **OLD)
    assert response.body == b"one two"
    assert "keep-alive" not in response.list_of("Connection")
    client.expect_end()


def echo_target(connection):
    while True:
        request = connection.read_request()
        connection.answer(200, f"{request.target} {len(request.body)}".encode())


@pytest.mark.parametrize("count", [2, 10, 200])
def test_pipelined_requests_are_answered_in_their_order(start_origin, start_proxy, connect, count):
    client = connect(start_proxy(start_origin(echo_target)))
    client.send(b"".join(request_bytes("GET", f"/{number}") for number in range(count)))
    for number in range(count):
        assert client.read_response().body == f"/{number} 0".encode()


def test_pipelined_bodies_stay_with_their_requests(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(echo_target)))
    client.send(request_bytes("POST", "/counted", body=b"x" * 1000)
                + request_bytes("POST", "/chunked", body=[b"y" * 100, b"z"])
                + request_bytes("GET", "/none")
                + request_bytes("POST", "/empty"))
    bodies = [client.read_response().body for _ in range(4)]
    assert bodies == [b"/counted 1000", b"/chunked 101", b"/none 0", b"/empty 0"]


def test_a_pipelined_request_waits_for_the_slow_one_before_it(start_origin, start_proxy, connect):
    first_is_asked, may_answer = threading.Event(), threading.Event()

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.target == "/slow":
                first_is_asked.set()
                connection.wait(may_answer)
            connection.answer(200, request.target.encode())

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(request_bytes("GET", "/slow") + request_bytes("GET", "/fast"))
    wait_for(first_is_asked)
    client.expect_silence()
    may_answer.set()
    assert [client.read_response().body for _ in range(2)] == [b"/slow", b"/fast"]


def test_a_flood_of_pipelined_requests_is_held_back(start_origin, start_proxy, connect):
    """A client that only asks and never reads is stopped; Weir does not pile up its requests."""
    weir = start_proxy(start_origin(answering(b"x" * 10000)))
    client = connect(weir, receive_buffer=65536)
    before, most = weir.resident_kib(), 64 * 1024 * 1024
    request = request_bytes(fields=[("X-A", "a" * 1000)])
    assert client.send_until_blocked(request * 60, most) < most
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024
    assert connect(weir).ask().status == 200


def test_pipelined_requests_behind_close_are_not_served(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin))
    client.send(request_bytes(fields=[("Connection", "close")]) + request_bytes("GET", "/never"))
    assert client.read_response().status == 200
    client.expect_end()
    assert [request.target for request in origin.requests] == ["/"]


def test_a_connection_carries_as_many_requests_as_its_limit(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="limits: {requests_per_connection: 3}")
    client = connect(weir)
    said = [client.ask().list_of("Connection") for _ in range(3)]
    assert said == [[], [], ["close"]]
    client.expect_end()


def test_an_idle_client_is_closed_without_a_word(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(), settings="timeouts: {keep_alive: 100ms}")
    client = connect(weir)
    assert client.ask().status == 200
    client.expect_end()


def test_empty_lines_between_requests_are_passed_over(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin()))
    assert client.ask().status == 200
    client.send(b"\r\n" + request_bytes())
    assert client.read_response().status == 200


# Towards servers

def test_clients_share_the_connections_of_a_server(start_origin, start_proxy, connect):
    origin = start_origin()
    weir = start_proxy(origin)
    for _ in range(5):
        assert connect(weir).ask().status == 200
    assert len(origin.connections) == 1


@pytest.mark.parametrize("size", [2048, 4096, 8192, 16384, 32768, 65536, 131072])
def test_a_response_that_just_fills_a_buffer_keeps_its_connection(start_origin, start_proxy,
                                                                  connect,
                                                                  size):
    head = len(response_bytes(body=b"x" * (size - 100))) - (size - 100)
    body = b"x" * (size - head)
    assert len(response_bytes(body=body)) == size
    origin = start_origin(answering(body))
    client = connect(start_proxy(origin))
    for _ in range(3):
        assert client.ask().body == body
    assert len(origin.connections) == 1


def test_requests_at_once_have_connections_of_their_own(start_origin, start_proxy, connect):
    may_answer = threading.Event()

    def behaviour(connection):
        while True:
            connection.read_request()
            connection.wait(may_answer)
            connection.answer(200, b"ok")

    origin = start_origin(behaviour)
    weir = start_proxy(origin)
    clients = [connect(weir) for _ in range(4)]
    for client in clients:
        client.send_request()
    origin.wait_for_requests(4)
    assert len(origin.connections) == 4
    may_answer.set()
    for client in clients:
        assert client.read_response().body == b"ok"


@pytest.mark.parametrize("fields, version", [([("Connection", "close")], "1.1"), ([], "1.0")])
def test_a_server_that_does_not_keep_its_connection_is_connected_anew(
        start_origin, start_proxy, connect, fields, version):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, b"ok", fields=fields, version=version)
        connection.read_to_end()  # that Weir closes it, too, and does not wait for the server

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    for _ in range(3):
        response = client.ask()
        assert response.body == b"ok"
        assert "close" not in response.list_of("Connection"), "that was between Weir and the server"
    assert len(origin.connections) == 3
    origin.wait_until(lambda: not origin.open_connections(), "Weir closes all of them")
    assert len(origin.requests) == 3


def test_a_server_of_1_0_that_keeps_its_connection_is_asked_again_over_it(start_origin, start_proxy,
                                                                          connect):
    origin = start_origin(answering(fields=[("Connection", "keep-alive")], **OLD))
    client = connect(start_proxy(origin))
    for _ in range(3):
        assert client.ask().body == b"hello"
    assert len(origin.connections) == 1


def test_a_server_of_1_0_that_tells_no_length_ends_with_its_connection(start_origin, start_proxy,
                                                                       connect):
    """Whatever it says of keeping it: only the end tells where the body ends (RFC 9112 6.3)."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello")

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    for _ in range(3):
        assert client.ask().body == b"hello"
    assert len(origin.connections) == 3


def test_a_connection_that_the_server_closed_while_idle_is_not_used(start_origin, start_proxy,
                                                                   connect):
    weir_has_closed = threading.Event()

    def closes(connection):
        connection.read_request()
        connection.answer(200, b"first")
        connection.end_sending()
        connection.expect_end()
        weir_has_closed.set()

    origin = start_origin(in_turn(closes, answering(b"second")))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    wait_for(weir_has_closed)
    assert client.ask("POST", body=b"x").body == b"second"
    assert len(origin.requests) == 2


def test_bytes_on_an_idle_connection_close_it(start_origin, start_proxy, connect):
    may_send, weir_has_closed = threading.Event(), threading.Event()

    def talks(connection):
        connection.read_request()
        connection.answer(200, b"first")
        connection.wait(may_send)
        connection.send(response_bytes(body=b"unasked"))
        connection.expect_end()
        weir_has_closed.set()

    origin = start_origin(in_turn(talks, answering(b"second")))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    may_send.set()
    wait_for(weir_has_closed)
    assert client.ask().body == b"second"


def test_an_idle_connection_is_given_up_in_time(start_origin, start_proxy, connect):
    closed = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.answer()
        connection.expect_end()
        closed.set()

    weir = start_proxy(start_origin(behaviour), settings="timeouts: {pool_idle: 50ms}")
    assert connect(weir).ask().status == 200
    wait_for(closed)


def test_a_server_that_says_how_long_it_keeps_is_believed(start_origin, start_proxy, connect):
    closed = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.answer(200, fields=[("Keep-Alive", "timeout=1")])
        connection.expect_end()
        closed.set()

    assert connect(start_proxy(start_origin(behaviour))).ask().status == 200
    wait_for(closed)


def answers_once_then(end):
    """The first request of a connection is answered, the second is read and then `end` is done:
    what a server does whose idle time runs out while the request is on its way."""
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, b"first")
        connection.read_request()
        end(connection)
    return behaviour


ENDS = {"close": lambda connection: connection.close(),
        "reset": lambda connection: connection.reset()}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"])
def test_a_safe_request_is_repeated_where_an_idle_connection_dies(start_origin, start_proxy,
                                                                  connect,
                                                                 method, end):
    origin = start_origin(in_turn(answers_once_then(ENDS[end]), answering(b"again")))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    response = client.ask(method, "/repeated")
    assert response.status == 200
    assert response.body == (b"" if method == "HEAD" else b"again")
    assert [request.target for request in origin.requests] == ["/", "/repeated", "/repeated"]
    assert len(origin.connections) == 2


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("method, body", [("POST", b"x"), ("POST", b""), ("PATCH", b"x"),
                                          ("BREW", b""), ("POST", [b"x"])])
def test_what_is_not_idempotent_is_never_repeated(start_origin, start_proxy, connect, method, body,
                                                  end):
    origin = start_origin(in_turn(answers_once_then(ENDS[end]), answering(b"again")))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    response = client.ask(method, "/once", body=body)
    assert response.status == 502
    assert [request.target for request in origin.requests] == ["/", "/once"]


def test_a_request_is_not_repeated_once_its_answer_has_begun(start_origin, start_proxy, connect):
    def begins(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        connection.close()

    origin = start_origin(in_turn(answers_once_then(begins), answering(b"again")))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    assert client.ask("GET", "/once").status == 502
    assert [request.target for request in origin.requests] == ["/", "/once"]


def test_a_request_is_not_repeated_for_ever(start_origin, start_proxy, connect):
    def refuses_to_answer(connection):
        connection.read_request()

    origin = start_origin(in_turn(answers_once_then(ENDS["close"]), refuses_to_answer))
    client = connect(start_proxy(origin))
    assert client.ask().body == b"first"
    assert client.ask("GET", "/a").status == 502
    assert 2 <= len(origin.requests) <= 3


def test_a_fresh_connection_that_dies_is_no_reason_to_repeat(start_origin, start_proxy, connect):
    def refuses_to_answer(connection):
        connection.read_request()

    origin = start_origin(in_turn(refuses_to_answer, answering(b"again")))
    response = connect(start_proxy(origin)).ask("POST", "/once", body=b"x")
    assert response.status == 502
    assert len(origin.requests) == 1


def test_a_connection_with_an_unread_request_body_is_not_used_again(start_origin, start_proxy,
                                                                   connect):
    """The server answers early and never reads the rest: the rest must not become a request."""
    def answers_early(connection):
        connection.read_request_head()
        connection.answer(413, b"too much")
        try:
            connection.read_to_end()
        except http1.Cut:
            pass

    origin = start_origin(in_turn(answers_early, answering(b"second")))
    weir = start_proxy(origin)
    client = connect(weir)
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\nGET ")
    assert client.read_response().status == 413
    assert connect(weir).ask().body == b"second"
    assert len(origin.connections) == 2
