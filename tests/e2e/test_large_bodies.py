"""Large bodies take a shorter way through Weir (splice) than small ones: all that holds for bodies
holds for them, too. Their bytes are a pattern of their own for each, so that a mix-up shows."""

import signal
import threading
import zlib

import pytest

from harness import http1
from harness.client import request_bytes
from harness.deadline import wait_for
from harness.origin import answering, in_turn, response_bytes

KIB = 1024
MIB = 1024 * KIB
# Around the place where the way changes, and far above it.
SIZES = [64 * KIB, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, 256 * KIB, 3 * MIB]


def pattern(name, size):
    """Bytes that depend on the name and never repeat in step with a buffer."""
    unit = b"".join(b"%s-%d;" % (name.encode(), number) for number in range(997))
    return (unit * (size // len(unit) + 1))[:size]


def serve_sizes(connection):
    """GET /SIZE gives as many bytes of its pattern, PUT /NAME the checksum of what came."""
    while True:
        request = connection.read_request()
        if request.method == "PUT":
            connection.answer(200, b"%d" % zlib.adler32(request.body))
        else:
            size = int(request.target.split("/")[1])
            connection.answer(200, pattern(request.target, size))


@pytest.mark.parametrize("size", SIZES)
def test_responses_are_whole_and_the_connection_stays(start_origin, start_proxy, connect, size):
    origin = start_origin(serve_sizes)
    client = connect(start_proxy(origin))
    for number in range(3):
        target = f"/{size}/{number}"
        assert client.ask("GET", target).body == pattern(target, size)
    assert len(origin.connections) == 1


@pytest.mark.parametrize("size", SIZES)
def test_requests_are_whole_and_the_connection_stays(start_origin, start_proxy, connect, size):
    origin = start_origin(serve_sizes)
    client = connect(start_proxy(origin))
    for number in range(3):
        body = pattern(f"/{number}", size)
        assert client.ask("PUT", f"/{number}", body=body).body == b"%d" % zlib.adler32(body)
    assert len(origin.connections) == 1


@pytest.mark.parametrize("size", SIZES)
def test_what_lies_behind_a_request_is_the_next_one(start_origin, start_proxy, connect, size):
    client = connect(start_proxy(start_origin(serve_sizes)))
    bodies = [pattern(f"/{number}", size) for number in range(3)]
    stream = b"".join(request_bytes("PUT", f"/{number}", body=body) + request_bytes("GET",
                                                                                    f"/10/{number}")
                      for number, body in enumerate(bodies))
    sender = threading.Thread(target=client.send, args=(stream,))
    sender.start()
    for number, body in enumerate(bodies):
        assert client.read_response().body == b"%d" % zlib.adler32(body)
        assert client.read_response().body == pattern(f"/10/{number}", 10)
    sender.join()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("extra", [b"leak", response_bytes(body=b"leak")],
                         ids=["bytes", "response"])
def test_what_lies_behind_a_response_reaches_nobody(start_origin, start_proxy, connect, size,
                                                    extra):
    body, sent = pattern("first", size), threading.Event()

    def talks_too_much(connection):
        connection.read_request()
        connection.send(response_bytes(body=body) + extra)
        sent.set()
        connection.read_to_end()

    origin = start_origin(in_turn(talks_too_much, answering(b"second")))
    client = connect(start_proxy(origin))
    client.send_request()
    assert client.read_response().body == body
    wait_for(sent)
    origin.wait_until(origin.connections[0].finished.is_set, "the poisoned connection is closed")
    assert client.ask().body == b"second"


@pytest.mark.parametrize("size", SIZES)
def test_both_directions_at_once(start_origin, start_proxy, connect, size):
    """The server sends back what it gets, while it gets it. Whether the connection outlives that is
    told in the head: the rest of a long request might never be wanted."""
    def echo(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        left = size
        while left:
            data = connection.read_some()
            connection.send(data)
            left -= len(data)
        answering(b"next")(connection)

    client = connect(start_proxy(start_origin(in_turn(echo, answering(b"next")))))
    body = pattern("echo", size)
    sender = threading.Thread(target=client.send, args=(request_bytes("PUT", body=body),))
    sender.start()
    response = client.read_response()
    assert response.body == body
    sender.join()
    check_that_it_goes_on(client, response)


def check_that_it_goes_on(client, response):
    """Where the answer comes long before the end of the request, closing is right, too; but it is
    said before."""
    if "close" in response.list_of("Connection"):
        client.expect_end()
    else:
        assert client.ask().body == b"next"


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_response_is_cut(start_origin, start_proxy, connect, end, share):
    body = pattern("cut", 2 * MIB)
    part = body[:int(len(body) * share)]

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + part)
        if end == "reset":
            connection.wait_until_read()
        getattr(connection, end)()

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    with pytest.raises(http1.Cut) as cut:
        client.read_response()
    got = cut.value.partial.body
    assert body.startswith(got)
    assert end == "reset" or got == part


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_cut_request_is_cut(start_origin, start_proxy, connect, end):
    origin = start_origin()
    client = connect(start_proxy(origin))
    client.send(request_bytes("PUT", body=pattern("cut", 2 * MIB))[:-1 * MIB])
    if end == "reset":
        client.wait_until_read()
    getattr(client, end)()
    origin.wait_until(lambda: origin.connections and origin.connections[0].finished.is_set(),
                      "the server sees the end")
    assert origin.connections[0].cut
    assert origin.requests == []


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_leaves_lets_the_server_go(start_origin, start_proxy, connect, end):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(bytes(64 * KIB))

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    client.send_request()
    client.read_exactly(MIB)
    getattr(client, end)()
    origin.wait_until(origin.connections[0].finished.is_set, "the server is let go")


def test_a_response_that_stops_is_given_up(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(MIB))
        connection.hold()

    client = connect(start_proxy(start_origin(behaviour),
                                 settings="timeouts: {between_bytes: 300ms}"))
    client.send_request()
    with pytest.raises(http1.Cut):
        client.read_response()


def test_a_request_that_stops_is_given_up(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin, settings="timeouts: {request_body: 300ms}"))
    client.send(request_bytes("PUT", body=bytes(2 * MIB))[:-1 * MIB])
    assert client.read_response().status == 408
    client.expect_end()
    origin.wait_until(lambda: not origin.open_connections(), "the server sees the cut")
    assert origin.requests == []


def test_a_body_above_its_limit_does_not_take_the_short_way(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(serve_sizes), settings="limits: {body_size: 1MiB}")
    body = pattern("a", MIB)
    assert connect(weir).ask("PUT", "/a", body=body).body == b"%d" % zlib.adler32(body)
    client = connect(weir)
    client.send(b"PUT / HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n" % (MIB + 1))
    assert client.read_response().status == 413


def test_an_early_answer_to_a_large_request(start_origin, start_proxy, connect):
    """The server has seen enough and answers, but takes the rest."""
    def answers_early(connection):
        connection.keep_received = False
        connection.read_request_head()
        connection.read_exactly(MIB)
        connection.answer(200, b"enough")
        connection.read_exactly(2 * MIB)
        answering(b"next")(connection)

    client = connect(start_proxy(start_origin(in_turn(answers_early, answering(b"next")))))
    sender = threading.Thread(target=send_all, args=(client, bytes(3 * MIB)))
    sender.start()
    response = client.read_response()
    assert response.body == b"enough"
    sender.join()
    check_that_it_goes_on(client, response)


def send_all(client, body):
    try:
        client.send(request_bytes("PUT", body=body))
    except OSError:
        pass  # closed meanwhile: the rest is not wanted


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix sockets"])
def test_many_at_once_some_of_which_break_off(start_origin, start_proxy, connect, directory, unix):
    """What a pipe still held of one body must never appear in another."""
    size = 2 * MIB
    origin = start_origin(serve_sizes, address=str(directory / "app") if unix else None)
    weir = start_proxy(origin, address=str(directory / "weir") if unix else None)
    for turn in range(3):
        leaving = [connect(weir) for _ in range(8)]
        staying = [connect(weir) for _ in range(8)]
        for number, (left, stayed) in enumerate(zip(leaving, staying)):
            left.send_request("GET", f"/{size}/{turn}-left-{number}")
            stayed.send_request("GET", f"/{size}/{turn}-stayed-{number}")
        for number, left in enumerate(leaving):
            left.read_exactly(100 * KIB + number)
            left.reset()
        for number, stayed in enumerate(staying):
            target = f"/{size}/{turn}-stayed-{number}"
            assert stayed.read_response().body == pattern(target, size)


def test_term_waits_for_a_large_response(start_origin, start_proxy, connect):
    size, begun = 8 * MIB, threading.Event()

    def behaviour(connection):
        request = connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        begun.set()
        connection.send(pattern(request.target, size))

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir)
    client.send_request("GET", "/a")
    wait_for(begun)
    client.read_response_head()
    weir.signal(signal.SIGTERM)
    assert client.read_exactly(size) == pattern("/a", size)
    client.expect_end()
    weir.wait_for_end()


def test_a_refusal_reaches_a_client_that_is_still_sending(start_origin, start_proxy, connect):
    """Closed at once, the bytes under way would reset the connection and take the answer along
    (RFC 9112 9.6)."""
    client = connect(start_proxy(start_origin()))
    client.send(b"PUT / HTTP/1.1\r\nHost: example.com\r\nContent-Length: nonsense\r\n\r\n")
    for _ in range(8):
        client.send(bytes(64 * KIB))
    assert client.read_response().status == 400
    assert not client.peer_reset
    client.expect_end()
    assert not client.peer_reset


def test_a_413_reaches_a_client_that_is_still_sending(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(), settings="limits: {body_size: 1KiB}"))
    client.send(request_bytes("PUT", body=bytes(512 * KIB)))
    assert client.read_response().status == 413
    client.expect_end()
    assert not client.peer_reset
