"""1xx responses and Expect: 100-continue (RFC 9110 10.1.1, 15.2), from end to end."""

import threading

import pytest

from harness.client import request_bytes
from harness.deadline import wait_for
from harness.origin import answering, in_turn

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = (b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n"
             b"Expect: 100-continue\r\n\r\n")


def test_early_hints_go_on_at_once(start_origin, start_proxy, connect):
    arrived = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(HINTS)
        connection.wait(arrived)
        connection.answer(200, b"done")

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    hints = client.read_response_head()
    assert (hints.status, hints.value("Link")) == (103, "</a.css>; rel=preload")
    arrived.set()
    assert client.read_response().body == b"done"


def test_several_interim_responses_keep_their_order(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS)
        connection.answer(200, b"done")

    client = connect(start_proxy(start_origin(behaviour)))
    response = client.ask()
    assert [each.status for each in response.interim] == [103, 102, 103]
    assert response.body == b"done"


def test_the_connection_stays_behind_interim_responses(start_origin, start_proxy, connect):
    def behaviour(connection):
        while True:
            connection.read_request()
            connection.send(HINTS)
            connection.answer(200, b"done")

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    for _ in range(3):
        assert client.ask().body == b"done"
    assert len(origin.connections) == 1


def test_a_1_0_client_gets_no_interim_response(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(HINTS)
        connection.answer(200, b"done")

    response = connect(start_proxy(start_origin(behaviour))).ask(version="1.0")
    assert response.interim == []
    assert response.body == b"done"


def test_the_body_waits_for_the_servers_continue(start_origin, start_proxy, connect):
    head_came, may_continue = threading.Event(), threading.Event()

    def behaviour(connection):
        request = connection.read_request_head()
        assert request.list_of("Expect") == ["100-continue"]
        head_came.set()
        connection.wait(may_continue)
        connection.send(CONTINUE)
        connection.read_request_body(request)
        connection.answer(200, request.body.upper())
        answering(b"next")(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(EXPECTING)
    wait_for(head_came)
    client.expect_silence()
    may_continue.set()
    assert client.read_response_head().status == 100
    client.send(b"hello")
    assert client.read_response().body == b"HELLO"
    assert client.ask().body == b"next"


def test_an_expectation_of_a_chunked_body(start_origin, start_proxy, connect):
    def behaviour(connection):
        request = connection.read_request_head()
        connection.send(CONTINUE)
        connection.read_request_body(request)
        connection.answer(200, request.body.upper())

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(EXPECTING.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"))
    assert client.read_response_head().status == 100
    client.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert client.read_response().body == b"HELLO"


@pytest.mark.parametrize("status, reason", [(417, "Expectation Failed"), (401, "Unauthorized"),
                                            (200, "OK")])
def test_a_server_that_answers_instead_of_continuing(start_origin, start_proxy, connect, status,
                                                     reason):
    """The client keeps its body; nothing of it may be waited for."""
    def behaviour(connection):
        connection.read_request_head()
        connection.answer(status, b"no", reason=reason)
        connection.read_to_end()

    weir = start_proxy(start_origin(in_turn(behaviour, answering(b"next"))))
    client = connect(weir)
    client.send(EXPECTING)
    response = client.read_response()
    assert (response.status, response.body) == (status, b"no")
    assert connect(weir).ask().body == b"next"


@pytest.mark.parametrize("own", [False, True], ids=["of-the-server", "of-weir"])
def test_what_follows_an_answer_instead_of_a_continue_is_no_request(start_origin, start_weir,
                                                                     connect, own):
    """Whether a body or the next request comes then, nobody can know: the connection closes."""
    def behaviour(connection):
        connection.read_request_head()
        connection.answer(401, b"no")
        connection.read_to_end()

    origin = start_origin(behaviour)
    action = "respond: 401" if own else f'proxy: "{origin.url}"'
    client = connect(start_weir(f"threads: 1\nsites: [{{{action}}}]\n"))
    client.send(EXPECTING)
    response = client.read_response()
    assert response.status == 401
    assert "close" in response.list_of("Connection")
    client.send(b"GET /next HTTP/1.1\r\nHost: example.com\r\n\r\n")
    client.expect_end()


def test_a_client_that_does_not_wait_for_its_continue(start_origin, start_proxy, connect):
    def behaviour(connection):
        request = connection.read_request_head()
        connection.send(CONTINUE)
        connection.read_request_body(request)
        connection.answer(200, request.body.upper())
        answering(b"next")(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(EXPECTING + b"hello")
    response = client.read_response()
    assert (response.status, response.body) == (200, b"HELLO")
    assert client.ask().body == b"next"


def test_a_server_that_never_says_continue_gets_the_body_of_who_sends_it(start_origin, start_proxy,
                                                                        connect):
    client = connect(start_proxy(start_origin()))
    client.send(EXPECTING)
    client.send(b"hello")
    assert client.read_response().status == 200


def test_an_expectation_of_1_0_is_ignored(start_origin, start_proxy, connect):
    """RFC 9110 10.1.1: no 100 goes to such a client."""
    origin = start_origin()
    client = connect(start_proxy(origin))
    client.send(request_bytes("POST", fields=[("Expect", "100-continue")], body=b"x",
                              version="1.0"))
    response = client.read_response()
    assert (response.status, response.interim) == (200, [])


def test_a_client_that_waits_for_its_continue_is_not_blamed(start_origin, start_proxy, connect):
    """It is the server that keeps the exchange waiting."""
    def behaviour(connection):
        connection.read_request_head()
        connection.hold()

    client = connect(start_proxy(start_origin(behaviour), settings="timeouts: "
                                 "{request_body: 100ms, first_byte: 400ms}"))
    client.send(EXPECTING)
    assert client.read_response().status == 504
