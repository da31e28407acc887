"""Bodies in both directions: framing, trailers, streaming without storing, ends that are none."""

import hashlib
import threading
import zlib

import pytest

from harness import http1
from harness.client import chunked_bytes, request_bytes
from harness.deadline import PATIENCE, poll_until, wait_for
from harness.origin import answering, response_bytes
from harness.weir import is_sanitized

MIB = 1024 * 1024


# Framing

def test_a_counted_request_stays_counted(start_origin, start_proxy, connect):
    origin = start_origin()
    connect(start_proxy(origin)).ask("POST", body=b"x" * 100000)
    assert origin.requests[0].value("Content-Length") == "100000"
    assert origin.requests[0].body == b"x" * 100000


def test_a_chunked_request_stays_chunked(start_origin, start_proxy, connect):
    origin = start_origin()
    connect(start_proxy(origin)).ask("POST", body=[b"one ", b"two ", b"three" * 5000])
    assert origin.requests[0].framing == "chunked"
    assert origin.requests[0].body == b"one two " + b"three" * 5000


def test_an_empty_post_says_so(start_origin, start_proxy, connect):
    origin = start_origin()
    connect(start_proxy(origin)).ask("POST", body=b"")
    assert origin.requests[0].value("Content-Length") == "0"


def test_a_get_without_body_has_no_framing(start_origin, start_proxy, connect):
    origin = start_origin()
    connect(start_proxy(origin)).ask("GET")
    assert origin.requests[0].framing == "none"


def test_a_chunked_response_stays_chunked(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(answering([b"one ", b"two"]))))
    for _ in range(2):
        response = client.ask()
        assert response.framing == "chunked"
        assert response.body == b"one two"


def test_an_empty_chunked_response_ends(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(answering([]))))
    for _ in range(2):
        assert client.ask().body == b""


def test_a_response_until_close_does_not_cost_the_client_its_connection(start_origin, start_proxy,
                                                                       connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello")

    client = connect(start_proxy(start_origin(behaviour)))
    for _ in range(2):
        response = client.ask()
        assert response.body == b"hello"
        assert response.framing == "chunked"


def test_a_1_0_server_gets_1_1_clients(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    client = connect(start_proxy(start_origin(behaviour)))
    for _ in range(2):
        response = client.ask()
        assert (response.version, response.body) == ("1.1", b"hello")


@pytest.mark.parametrize("status, reason", [(204, "No Content"), (304, "Not Modified")])
def test_statuses_without_body(start_origin, start_proxy, connect, status, reason):
    origin = start_origin(answering(b"", status=status, reason=reason, fields=[("ETag", '"a"')]))
    client = connect(start_proxy(origin))
    for _ in range(2):
        response = client.ask()
        assert (response.status, response.reason, response.value("ETag")) == (status, reason, '"a"')


def test_head_gets_the_length_and_no_body(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(answering(b"x" * 1000))))
    response = client.ask("HEAD")
    assert response.value("Content-Length") == "1000"
    assert client.ask("GET").body == b"x" * 1000


def test_head_of_a_chunked_resource_ends(start_origin, start_proxy, connect):
    def behaviour(connection):
        while True:
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    client = connect(start_proxy(start_origin(behaviour)))
    for _ in range(2):
        assert client.ask("HEAD").status == 200


def test_ranges_pass_through(start_origin, start_proxy, connect):
    origin = start_origin(answering(b"ell", status=206, reason="Partial Content",
                                    fields=[("Content-Range", "bytes 1-3/5")]))
    response = connect(start_proxy(origin)).ask(fields=[("Range", "bytes=1-3"),
                                                        ("If-Range", '"a"')])
    assert (response.status, response.body) == (206, b"ell")
    assert response.value("Content-Range") == "bytes 1-3/5"
    assert origin.requests[0].value("Range") == "bytes=1-3"
    assert origin.requests[0].value("If-Range") == '"a"'


def test_fields_keep_order_case_and_number(start_origin, start_proxy, connect):
    fields = [("X-b", "1"), ("Set-Cookie", "a=b"), ("x-A", "2"), ("Set-Cookie", "c=d"),
              ("X-B", "3")]
    origin = start_origin(answering(b"", fields=fields))
    response = connect(start_proxy(origin)).ask(fields=[("X-b", "1"), ("Accept", "a"), ("x-A", "2"),
                                                        ("Accept", "b")])
    assert [each for each in response.fields if each in fields] == fields
    kept = [each for each in origin.requests[0].fields if each[0].lower() in ("x-b", "accept",
                                                                              "x-a")]
    assert kept == [("X-b", "1"), ("Accept", "a"), ("x-A", "2"), ("Accept", "b")]


# Trailers

def test_trailers_of_a_request_go_on(start_origin, start_proxy, connect):
    origin = start_origin()
    connect(start_proxy(origin)).ask("POST", body=[b"hello"], fields=[("Trailer", "X-Sum")],
                                     trailers=[("X-Sum", "5"), ("X-Other", "a b")])
    assert origin.requests[0].trailers == [("X-Sum", "5"), ("X-Other", "a b")]


def test_trailers_of_a_response_go_on(start_origin, start_proxy, connect):
    origin = start_origin(answering([b"hello"], trailers=[("X-Sum", "5")],
                                    fields=[("Trailer", "X-Sum")]))
    client = connect(start_proxy(origin))
    for _ in range(2):
        response = client.ask(fields=[("TE", "trailers"), ("Connection", "TE")])
        assert response.trailers == [("X-Sum", "5")]
        assert response.value("Trailer") == "X-Sum"


def test_trailers_never_reach_a_1_0_client(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(answering([b"hello"], trailers=[("X-Sum", "5")]))))
    response = client.ask(version="1.0")
    assert response.body == b"hello"
    assert b"X-Sum" not in client.received


# Streaming

def test_pieces_of_a_response_go_on_at_once(start_origin, start_proxy, connect):
    """The server sends the next piece when the client has got the one before."""
    arrived = threading.Semaphore(0)

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.send(b"2\r\n%d,\r\n" % number)
            assert arrived.acquire(timeout=PATIENCE)
        connection.send(b"0\r\n\r\n")

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    client.read_response_head()
    got = b""
    for number in range(5):
        while b"%d," % number not in got:
            got += client.read_some()
        arrived.release()
    client.read_until(b"0\r\n\r\n")


@pytest.mark.parametrize("framing", ["counted", "chunked"])
def test_pieces_of_a_request_go_on_at_once(start_origin, start_proxy, connect, framing):
    arrived = threading.Semaphore(0)

    def behaviour(connection):
        connection.read_request_head()
        for number in range(5):
            connection.read_until(b"%d," % number)
            arrived.release()
        if framing == "chunked":
            connection.read_until(b"0\r\n\r\n")
        connection.answer(200, b"done")

    client = connect(start_proxy(start_origin(behaviour)))
    length = "Content-Length: 10" if framing == "counted" else "Transfer-Encoding: chunked"
    client.send(f"POST / HTTP/1.1\r\nHost: example.com\r\n{length}\r\n\r\n".encode())
    for number in range(5):
        client.send(b"%d," % number if framing == "counted" else b"2\r\n%d,\r\n" % number)
        assert arrived.acquire(timeout=PATIENCE)
    if framing == "chunked":
        client.send(b"0\r\n\r\n")
    assert client.read_response().body == b"done"


def test_the_head_of_a_response_goes_on_before_its_body(start_origin, start_proxy, connect):
    head_arrived = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        connection.wait(head_arrived)
        connection.send(b"hello")

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    assert client.read_response_head().status == 200
    head_arrived.set()
    assert client.read_exactly(5) == b"hello"


def test_an_early_response_while_the_request_still_comes(start_origin, start_proxy, connect):
    """Both directions at once, the response ahead of the request; then the connection stays."""
    def behaviour(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            piece = connection.read_exactly(4)
            connection.send(b"4\r\n%s\r\n" % piece.upper())
        connection.send(b"0\r\n\r\n")
        answering(b"next")(connection)

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 12\r\n\r\n")
    assert client.read_response_head().framing == "none"
    for piece in (b"abcd", b"efgh", b"ijkl"):
        client.send(piece)
        client.read_until(piece.upper() + b"\r\n")
    client.read_until(b"0\r\n\r\n")
    assert client.ask().body == b"next"


def test_a_complete_early_response_reaches_a_client_that_still_sends(start_origin, start_proxy,
                                                                     connect):
    def behaviour(connection):
        connection.read_request_head()
        connection.answer(403, b"no", reason="Forbidden")
        connection.read_to_end()

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000000\r\n\r\nhello")
    response = client.read_response()
    assert (response.status, response.body) == (403, b"no")


def test_an_early_response_with_close_reaches_a_client_that_sends_all(start_origin, start_proxy,
                                                                      connect):
    """The server answers, closes, and would reset what comes later; the client first sends
    everything, then reads."""
    def behaviour(connection):
        connection.read_request_head()
        connection.answer(413, b"too much", fields=[("Connection", "close")])
        connection.end_sending()
        connection.read_exactly(1000)

    client = connect(start_proxy(start_origin(behaviour)))
    try:
        client.send(request_bytes("POST", body=b"x" * 2 * MIB))
    except OSError:
        pass
    response = client.read_response()
    assert (response.status, response.body) == (413, b"too much")


# Large bodies

def pattern(size):
    return hashlib.shake_256(b"weir").digest(64 * 1024) * (size // (64 * 1024))


def growth(weir, before):
    return weir.resident_kib() - before


@pytest.mark.parametrize("framing", ["counted", "chunked", "close"])
def test_a_large_response_is_streamed(start_origin, start_proxy, connect, framing):
    block, blocks = pattern(MIB), 50
    heads = {"counted": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (blocks * MIB),
             "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             "close": b"HTTP/1.0 200 OK\r\n\r\n"}

    def behaviour(connection):
        connection.read_request()
        connection.send(heads[framing])
        for _ in range(blocks):
            connection.send(chunked_bytes([block])[:-5] if framing == "chunked" else block, 60)
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir)
    client.keep_received = False
    before = weir.resident_kib()
    client.send_request(version="1.1" if framing == "counted" else "1.0")
    client.read_response_head()
    assert client.skim(blocks * MIB) == adler(block, blocks)
    assert is_sanitized() or growth(weir, before) < 8 * 1024


def adler(block, blocks):
    checksum = 1
    for _ in range(blocks):
        checksum = zlib.adler32(block, checksum)
    return checksum


def test_a_large_request_is_streamed(start_origin, start_proxy, connect):
    block, blocks = pattern(MIB), 50
    checksums = []

    def behaviour(connection):
        connection.keep_received = False
        connection.read_request_head()
        checksums.append(connection.skim(blocks * MIB))
        connection.answer(200, b"got it")

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir)
    before = weir.resident_kib()
    client.send(b"PUT / HTTP/1.1\r\nHost: example.com\r\n"
                b"Content-Length: %d\r\n\r\n" % (blocks * MIB))
    for _ in range(blocks):
        client.send(block, 60)
    assert client.read_response().body == b"got it"
    assert checksums == [adler(block, blocks)]
    assert is_sanitized() or growth(weir, before) < 8 * 1024


def test_a_large_chunked_request_is_streamed(start_origin, start_proxy, connect):
    piece, pieces = pattern(64 * 1024), 320

    def behaviour(connection):
        connection.keep_received = False
        request = connection.read_request()
        connection.answer(200, b"%d" % len(request.body))

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(b"PUT / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(pieces):
        client.send(chunked_bytes([piece])[:-5], 60)
    client.send(b"0\r\n\r\n")
    assert client.read_response().body == b"%d" % (len(piece) * pieces)


@pytest.mark.parametrize("framing", ["counted", "chunked"])
def test_a_client_that_reads_slowly_holds_the_server_back(start_origin, start_proxy, connect,
                                                          framing):
    """Buffers are bounded: the server is stopped long before all is out, Weir does not grow, and
    in the end everything arrives."""
    total, blocked = 64 * MIB, threading.Event()
    sent = []

    def behaviour(connection):
        connection.read_request()
        if framing == "counted":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % total)
        sent.append(connection.send_until_blocked(b"x" * 65536, total))
        blocked.set()
        connection.send(b"x" * (total - sent[0]), 60)
        connection.send(b"\r\n0\r\n\r\n" if framing == "chunked" else b"")

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir, receive_buffer=65536)
    client.keep_received = False
    before = weir.resident_kib()
    client.send_request()
    wait_for(blocked)
    assert sent[0] < total, "the server was never stopped"
    assert is_sanitized() or growth(weir, before) < 4 * 1024
    client.read_response_head()
    if framing == "counted":
        client.skim(total)
    else:
        assert client.read_until(b"\r\n0\r\n\r\n", 60).count(b"x") == total


def test_a_server_that_reads_slowly_holds_the_client_back(start_origin, start_proxy, connect):
    total, may_read = 64 * MIB, threading.Event()

    def behaviour(connection):
        connection.keep_received = False
        connection.read_request_head()
        connection.wait(may_read, 60)
        connection.skim(total)
        connection.answer(200, b"got it")

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir)
    before = weir.resident_kib()
    client.send(b"PUT / HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n" % total)
    sent = client.send_until_blocked(b"x" * 65536, total)
    assert sent < total, "the client was never stopped"
    assert is_sanitized() or growth(weir, before) < 4 * 1024
    may_read.set()
    client.send(b"x" * (total - sent), 60)
    assert client.read_response().body == b"got it"


# Ends

def test_a_client_that_shuts_its_sending_side_gets_its_answer(start_origin, start_proxy, connect):
    asked, may_answer = threading.Event(), threading.Event()

    def behaviour(connection):
        connection.read_request()
        asked.set()
        connection.wait(may_answer)
        connection.answer(200, b"late but here")

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request("POST", body=b"hello")
    client.end_sending()
    wait_for(asked)
    may_answer.set()
    assert client.read_response().body == b"late but here"
    client.expect_end()


def test_pipelined_requests_of_a_half_closed_client_are_all_answered(start_origin, start_proxy,
                                                                    connect):
    client = connect(start_proxy(start_origin()))
    client.send(request_bytes() * 3)
    client.end_sending()
    for _ in range(3):
        assert client.read_response().body == b"hello"
    client.expect_end()


def test_a_client_that_half_closes_in_the_answer_gets_the_rest(start_origin, start_proxy, connect):
    may_go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        connection.wait(may_go_on)
        connection.send(b"later")

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    client.read_until(b"first")
    client.end_sending()
    may_go_on.set()
    assert client.read_exactly(5) == b"later"
    client.expect_end()


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_request_cut_by_the_client_is_cut_at_the_server(start_origin, start_proxy, connect,
                                                          framing,
                                                          end):
    def behaviour(connection):
        head = connection.read_request_head()
        begun.set()
        connection.read_request_body(head)

    begun = threading.Event()
    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    client.send(f"POST / HTTP/1.1\r\nHost: example.com\r\n{framing}\r\n\r\n5\r\nhel".encode())
    wait_for(begun)
    getattr(client, end)()
    origin.wait_until(lambda: origin.connections[0].finished.is_set(), "the server sees the end")
    assert origin.connections[0].cut, "the server saw no cut"
    assert origin.requests == []


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_goes_away_ends_the_call(start_origin, start_proxy, connect, end):
    """Nobody is there for the answer: the server's connection is not kept in the middle of it."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.send(b"5\r\nhello\r\n")

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    client.send_request()
    client.read_until(b"hello")
    getattr(client, end)()
    origin.wait_until(lambda: origin.connections[0].finished.is_set(), "the server is told")


def test_a_client_that_resets_while_its_server_thinks_ends_the_call(start_origin, start_proxy,
                                                                    connect):
    def behaviour(connection):
        connection.read_request()
        connection.expect_end()

    origin = start_origin(behaviour)
    client = connect(start_proxy(origin))
    client.send_request()
    origin.wait_for_requests(1)
    client.reset()
    origin.wait_until(lambda: origin.connections[0].finished.is_set(), "the server is told")


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_leaves_before_its_answer_harms_nobody(start_origin, start_proxy, connect, end):
    may_answer = threading.Event()

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.target == "/slow":
                connection.wait(may_answer)
            connection.answer(200, b"x" * 300000)

    origin = start_origin(behaviour)
    weir = start_proxy(origin)
    leaving = [connect(weir) for _ in range(5)]
    for client in leaving:
        client.send_request("GET", "/slow")
    origin.wait_for_requests(5)
    for client in leaving:
        getattr(client, end)()
    may_answer.set()
    for _ in range(10):
        assert connect(weir).ask("GET", "/fast").body == b"x" * 300000


COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"


def read_cut_response(start_origin, start_proxy, connect, begin, end, version="1.1"):
    """The server says `begin` and, once that has come to the client, ends with `end`. Gives the
    client, the head, and what came behind "hello"."""
    arrived = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(begin)
        connection.wait(arrived)
        getattr(connection, end)()

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request(version=version)
    head = client.read_response_head()
    client.read_until(b"hello")
    arrived.set()
    return client, head, client.read_to_end()


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("begin", [COUNTED, CHUNKED])
def test_a_response_cut_by_the_server_is_cut_at_the_client(start_origin, start_proxy, connect,
                                                           begin, end):
    _, head, rest = read_cut_response(start_origin, start_proxy, connect, begin, end)
    assert b"0\r\n\r\n" not in rest
    assert head.status == 200


@pytest.mark.parametrize("begin, end", [
    (COUNTED, "close"), (COUNTED, "reset"), (CHUNKED, "close"), (CHUNKED, "reset"),
    (UNTIL_CLOSE, "reset"),
])
def test_a_1_0_client_sees_that_a_response_was_cut(start_origin, start_proxy, connect, begin, end):
    """By the length that it was told; else its body is whole when the connection closes in order,
    so a reset has to say that it is not."""
    client, head, rest = read_cut_response(start_origin, start_proxy, connect, begin, end, "1.0")
    assert head.status == 200 and not head.has("Transfer-Encoding") and rest == b""
    assert head.value("Content-Length") == ("10" if begin == COUNTED else None)
    assert client.peer_reset or begin == COUNTED


@pytest.mark.parametrize("begin, rest", [(COUNTED, b"world"), (CHUNKED, b"0\r\n\r\n"),
                                         (UNTIL_CLOSE, b"")])
def test_a_1_0_client_sees_that_a_response_is_whole(start_origin, start_proxy, connect, begin,
                                                    rest):
    def behaviour(connection):
        connection.read_request()
        connection.send(begin + rest)

    client = connect(start_proxy(start_origin(behaviour)))
    response = client.ask(version="1.0")
    assert response.body == b"hello" + (rest if begin == COUNTED else b"")
    client.expect_end()
    assert not client.peer_reset


def test_a_reset_of_a_response_until_close_is_a_cut(start_origin, start_proxy, connect):
    arrived = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        connection.wait(arrived)
        connection.reset()

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request()
    head = client.read_response_head()
    client.read_until(b"hello")
    arrived.set()
    assert b"0\r\n\r\n" not in client.read_to_end()
    assert head.list_of("Transfer-Encoding") == ["chunked"]


def test_memory_comes_back_after_large_bodies(start_origin, start_proxy, connect):
    weir = start_proxy(start_origin(answering(b"x" * MIB)))
    connect(weir).ask()
    before = weir.resident_kib()
    for _ in range(30):
        client = connect(weir)
        client.keep_received = False
        assert len(client.ask().body) == MIB
        client.close()
    poll_until(lambda: is_sanitized() or growth(weir, before) < 2 * 1024, what="memory comes back")


def test_a_response_head_and_body_in_one_packet(start_origin, start_proxy, connect):
    origin = start_origin(lambda connection: (connection.read_request(),
                                              connection.send(response_bytes(body=b"x" * 20000))))
    assert connect(start_proxy(origin)).ask().body == b"x" * 20000


def test_a_cut_is_no_end_to_our_own_reading():
    """The harness tells a cut from an end; else the tests above prove nothing."""
    from harness.memory import parse_responses
    with pytest.raises(http1.Cut):
        parse_responses(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")


def test_a_response_until_the_end_from_a_unix_socket_is_whole(start_origin, start_proxy, connect,
                                                              directory):
    """The system tells the end of a Unix socket and its break-down with the same event."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000)

    origin = start_origin(behaviour, address=str(directory / "app"))
    weir = start_proxy(origin)
    for _ in range(3):
        response = connect(weir).ask()
        assert response.status == 200
        assert response.body == b"x" * 1000
