"""RFC 9113, sections 3 to 8, and RFC 7541, requirement by requirement, as a server that breaks each
of them: one line for one of them, of which the first word is the section. Clients that do so are in
test_h2_conformance.py."""

import struct

import pytest

from harness.deadline import poll_until
from harness.h2_client import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS,
                               END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
                               INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, PADDED, PING, PRIORITY,
                               PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED,
                               WINDOW_UPDATE, WITH_PRIORITY, settings_payload)
from harness.h2_origin import answering_h2
from harness.http1 import Cut

pytestmark = pytest.mark.one_thread  # what is sent differs for the codec only

STATUS_200 = b"\x88"


def number(value):
    return struct.pack(">L", value)


def start(start_weir, origin):
    return start_weir(f'threads: 1\nsites: [{{proxy: "{origin.url}"}}]')


# What breaks the connection: name, what is sent in the place of an answer, the error.

def raw(*arguments):
    return lambda connection, request: connection.send_frame(*arguments)


def behind_answer(*arguments):
    def send(connection, request):
        connection.answer(request, body=b"hello")
        connection.send_frame(*arguments)
    return send


def settled(settings):
    return raw(SETTINGS, 0, 0, settings_payload(settings))


def several(*frames):
    def send(connection, _):
        for frame in frames:
            connection.send_frame(*frame)
    return send


BLOCK_BEGINS = (HEADERS, 0, 1, STATUS_200)
FIVE = number(0) + b"\x10"

CONNECTION_ERRORS = [
    ("4.2 a frame above the maximum", raw(DATA, 0, 1, bytes(16385)), FRAME_SIZE_ERROR),
    ("4.2 a head above the maximum", raw(HEADERS, END_HEADERS, 1, bytes(16385)), FRAME_SIZE_ERROR),
    ("4.3 a block that cannot be unpacked", raw(HEADERS, END_HEADERS, 1, b"\x40"),
     COMPRESSION_ERROR),
    ("4.3 another frame inside a block", several(BLOCK_BEGINS, (PING, 0, 0, bytes(8))),
     PROTOCOL_ERROR),
    ("4.3 a block of another stream inside", several(BLOCK_BEGINS, (HEADERS, 4, 3, STATUS_200)),
     PROTOCOL_ERROR),
    ("5.1 idle: DATA", raw(DATA, 0, 3, b"x"), PROTOCOL_ERROR),
    ("5.1 idle: HEADERS", raw(HEADERS, END_HEADERS, 3, STATUS_200), PROTOCOL_ERROR),
    ("5.1 idle: RST_STREAM", raw(RST_STREAM, 0, 3, number(CANCEL)), PROTOCOL_ERROR),
    ("5.1 idle: WINDOW_UPDATE", raw(WINDOW_UPDATE, 0, 3, number(1)), PROTOCOL_ERROR),
    ("5.1 idle: CONTINUATION", raw(CONTINUATION, END_HEADERS, 3, STATUS_200), PROTOCOL_ERROR),
    ("5.1 closed: DATA", behind_answer(DATA, 0, 1, b"x"), STREAM_CLOSED),
    ("5.1 closed: HEADERS", behind_answer(HEADERS, END_HEADERS, 1, STATUS_200), STREAM_CLOSED),
    ("5.1 closed: CONTINUATION", behind_answer(CONTINUATION, END_HEADERS, 1, STATUS_200),
     PROTOCOL_ERROR),
    ("5.1.1 a stream that the server begins", raw(HEADERS, END_HEADERS, 2, STATUS_200),
     PROTOCOL_ERROR),
    ("5.5 an unknown frame inside a block", several(BLOCK_BEGINS, (0x16, 0, 0, b"")),
     PROTOCOL_ERROR),
    ("6.1 DATA on stream 0", raw(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    ("6.1 padding longer than DATA", raw(DATA, PADDED, 1, b"\x05abc"), PROTOCOL_ERROR),
    ("6.2 HEADERS on stream 0", raw(HEADERS, END_HEADERS, 0, STATUS_200), PROTOCOL_ERROR),
    ("6.2 padding longer than HEADERS", raw(HEADERS, END_HEADERS | PADDED, 1, b"\xff\x88"),
     PROTOCOL_ERROR),
    ("6.3 PRIORITY on stream 0", raw(PRIORITY, 0, 0, FIVE), PROTOCOL_ERROR),
    ("6.3 PRIORITY of 4 bytes", raw(PRIORITY, 0, 1, number(0)), FRAME_SIZE_ERROR),
    ("6.4 RST_STREAM on stream 0", raw(RST_STREAM, 0, 0, number(CANCEL)), PROTOCOL_ERROR),
    ("6.4 RST_STREAM of 3 bytes", raw(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
    ("6.5 SETTINGS with ACK and content", raw(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    ("6.5 SETTINGS on a stream", raw(SETTINGS, 0, 1), PROTOCOL_ERROR),
    ("6.5 SETTINGS of 3 bytes", raw(SETTINGS, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("6.5.2 ENABLE_PUSH of a server", settled({2: 1}), PROTOCOL_ERROR),
    ("6.5.2 INITIAL_WINDOW_SIZE too large", settled({INITIAL_WINDOW_SIZE: 1 << 31}),
     FLOW_CONTROL_ERROR),
    ("6.5.2 MAX_FRAME_SIZE too small", settled({MAX_FRAME_SIZE: 16383}), PROTOCOL_ERROR),
    ("6.5.2 MAX_FRAME_SIZE too large", settled({MAX_FRAME_SIZE: 1 << 24}), PROTOCOL_ERROR),
    ("6.6 PUSH_PROMISE, which was declined", raw(PUSH_PROMISE, END_HEADERS, 1, number(2) + b"\x82"),
     PROTOCOL_ERROR),
    ("6.7 PING on a stream", raw(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("6.7 PING of 6 bytes", raw(PING, 0, 0, bytes(6)), FRAME_SIZE_ERROR),
    ("6.8 GOAWAY on a stream", raw(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("6.8 GOAWAY of 7 bytes", raw(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ("6.8 GOAWAY that takes up more than one before", several(
        (GOAWAY, 0, 0, number(1) + number(0)), (GOAWAY, 0, 0, number(3) + number(0))),
     PROTOCOL_ERROR),
    ("6.9 an increment of 0 for all", raw(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL_ERROR),
    ("6.9 an increment of 0 for a stream, which may end the connection (5.4.2)",
     raw(WINDOW_UPDATE, 0, 1, number(0)), PROTOCOL_ERROR),
    ("6.9 WINDOW_UPDATE of 3 bytes", raw(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("6.9.1 a window of the connection above 2^31-1", raw(WINDOW_UPDATE, 0, 0, number(0x7fffffff)),
     FLOW_CONTROL_ERROR),
    ("6.10 CONTINUATION behind a whole block", several(
        (HEADERS, END_HEADERS, 1, STATUS_200), (CONTINUATION, END_HEADERS, 1, b"")),
     PROTOCOL_ERROR),
    ("6.10 CONTINUATION on stream 0", several(BLOCK_BEGINS, (CONTINUATION, END_HEADERS, 0, b"")),
     PROTOCOL_ERROR),
    ("6.10 CONTINUATION of another stream",
     several(BLOCK_BEGINS, (CONTINUATION, END_HEADERS, 3, b"")), PROTOCOL_ERROR),
    ("6.10 DATA inside a block", several(BLOCK_BEGINS, (DATA, 0, 1, b"x")), PROTOCOL_ERROR),
    ("RFC 8441 3 ENABLE_CONNECT_PROTOCOL of 2", settled({8: 2}), PROTOCOL_ERROR),
    ("RFC 8441 3 ENABLE_CONNECT_PROTOCOL taken back", several(
        (SETTINGS, 0, 0, settings_payload({8: 1})), (SETTINGS, 0, 0, settings_payload({8: 0}))),
     PROTOCOL_ERROR),
    ("RFC 9218 2.1 NO_RFC7540_PRIORITIES of 2", settled({9: 2}), PROTOCOL_ERROR),
    ("RFC 7541 2.3.3 an index of nothing", raw(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\x03"),
     COMPRESSION_ERROR),
    ("RFC 7541 4.2 a table larger than we said", raw(HEADERS, END_HEADERS, 1, b"\x3f\xe2\x1f\x88"),
     COMPRESSION_ERROR),
    ("RFC 7541 4.2 a change of the table behind fields", raw(HEADERS, END_HEADERS, 1, b"\x88\x20"),
     COMPRESSION_ERROR),
    ("RFC 7541 5.1 an integer without end", raw(HEADERS, END_HEADERS, 1, b"\x7f" + b"\xff" * 12),
     COMPRESSION_ERROR),
    ("RFC 7541 5.2 padding of zeroes", raw(HEADERS, END_HEADERS, 1, b"\x00\x81\x18\x00"),
     COMPRESSION_ERROR),
    ("RFC 7541 6.1 an index of 0", raw(HEADERS, END_HEADERS, 1, b"\x80"), COMPRESSION_ERROR),
]


@pytest.mark.parametrize("send, error", [pytest.param(send, error, id=name)
                                         for name, send, error in CONNECTION_ERRORS])
def test_what_breaks_the_connection(start_h2_origin, start_weir, connect, send, error):
    def behaviour(connection):
        try:
            send(connection, connection.read_request())
            connection.read_to_end()
        except OSError:
            pass

    origin = start_h2_origin(behaviour)
    client = connect(start(start_weir, origin))
    client.send_request()
    try:
        assert client.read_response().status in (502, 200)  # a whole answer may be there already
    except Cut:
        pass
    poll_until(lambda: origin.connections[0].finished.is_set())
    goaway = origin.connections[0].goaway
    assert goaway, "the connection ended without a word"
    assert goaway.error == error


@pytest.mark.parametrize("frame", [(PING, 0, 0, bytes(8)), (SETTINGS, ACK), (GOAWAY, 0, 0, bytes(8))],
                         ids=["3.4 PING before SETTINGS", "3.4 ACK before SETTINGS",
                              "3.4 GOAWAY before SETTINGS"])
def test_settings_come_first(start_h2_origin, start_weir, connect, frame):
    def behaviour(connection):
        connection.read_head()
        connection.send_frame(*frame)
        connection.read_to_end()

    origin = start_h2_origin(behaviour, settings=None)
    assert connect(start(start_weir, origin)).ask().status == 502
    poll_until(lambda: origin.connections[0].finished.is_set())
    assert origin.connections[0].goaway.error == PROTOCOL_ERROR


# What breaks one answer, and no other.

OK = (":status", "200")


def head(*fields, end=False):
    return lambda connection, request: connection.send_head(request, list(fields), end)


def answer(*fields, body=b"hello", trailers=()):
    return lambda connection, request: connection.answer(request, body=body, fields=list(fields),
                                                         trailers=list(trailers))


def trailers_that_go_on(connection, request):
    connection.send_head(request, [OK])
    connection.send_head(request, [("x", "y")])


STREAM_ERRORS = [
    ("6.9.1 a window above 2^31-1", raw(WINDOW_UPDATE, 0, 1, number(0x7fffffff)),
     FLOW_CONTROL_ERROR),
    ("8.1 DATA before a head", raw(DATA, 0, 1, b"x"), PROTOCOL_ERROR),
    ("8.1 an interim head that ends the stream", head((":status", "103"), end=True), PROTOCOL_ERROR),
    ("8.1 trailers without END_STREAM", trailers_that_go_on, PROTOCOL_ERROR),
    ("8.1 pseudo-header fields among trailers", answer(trailers=[OK]), PROTOCOL_ERROR),
    ("8.1.1 a length above the body", answer(("content-length", "6")), PROTOCOL_ERROR),
    ("8.1.1 a length below the body", answer(("content-length", "4")), PROTOCOL_ERROR),
    ("8.1.1 a length without a body", answer(("content-length", "4"), body=b""), PROTOCOL_ERROR),
    ("8.1.1 two lengths", answer(("content-length", "5"), ("content-length", "6")), PROTOCOL_ERROR),
    ("8.1.1 a length that is none", answer(("content-length", "+5")), PROTOCOL_ERROR),
    ("8.2.1 capitals in a name", answer(("X-Test", "a")), PROTOCOL_ERROR),
    ("8.2.1 a space in a name", answer(("x test", "a")), PROTOCOL_ERROR),
    ("8.2.1 a colon in a name", answer(("x:test", "a")), PROTOCOL_ERROR),
    ("8.2.1 no name", answer(("", "a")), PROTOCOL_ERROR),
    ("8.2.1 CR in a value", answer(("x", "a\rb")), PROTOCOL_ERROR),
    ("8.2.1 LF in a value", answer(("x", "a\nset-cookie: b")), PROTOCOL_ERROR),
    ("8.2.1 NUL in a value", answer(("x", "a\0b")), PROTOCOL_ERROR),
    ("8.2.1 a space before a value", answer(("x", " a")), PROTOCOL_ERROR),
    ("8.2.1 LF in a value among trailers", answer(trailers=[("x", "a\nb")]), PROTOCOL_ERROR),
    ("8.2.2 Connection", answer(("connection", "close")), PROTOCOL_ERROR),
    ("8.2.2 Keep-Alive", answer(("keep-alive", "5")), PROTOCOL_ERROR),
    ("8.2.2 Proxy-Connection", answer(("proxy-connection", "x")), PROTOCOL_ERROR),
    ("8.2.2 Transfer-Encoding", answer(("transfer-encoding", "chunked")), PROTOCOL_ERROR),
    ("8.2.2 Upgrade", answer(("upgrade", "websocket")), PROTOCOL_ERROR),
    ("8.3 an unknown pseudo-header field", answer((":x", "y")), PROTOCOL_ERROR),
    ("8.3 one of a request", answer((":path", "/")), PROTOCOL_ERROR),
    ("8.3 one behind a field", head(("x", "y"), OK, end=True), PROTOCOL_ERROR),
    ("8.3.2 no :status", head(("x", "y"), end=True), PROTOCOL_ERROR),
    ("8.3.2 :status twice", head(OK, OK, end=True), PROTOCOL_ERROR),
    ("8.3.2 :status of two digits", head((":status", "20"), end=True), PROTOCOL_ERROR),
    ("8.3.2 :status that is no number", head((":status", "2x0"), end=True), PROTOCOL_ERROR),
    ("8.6 101", head((":status", "101")), PROTOCOL_ERROR),
]


@pytest.mark.parametrize("send, error", [pytest.param(send, error, id=name)
                                         for name, send, error in STREAM_ERRORS])
def test_what_breaks_one_answer(start_h2_origin, start_weir, connect, send, error):
    def behaviour(connection):
        request = connection.read_request()
        send(connection, request)
        answering_h2(connection)

    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin)
    client = connect(weir)
    client.send_request()
    try:
        assert client.read_response().status == 502
    except Cut:
        pass  # the head had gone
    assert connect(weir).ask().body == b"hello"
    assert len(origin.connections) == 1
    resets = [request.reset for request in origin.connections[0].streams.values()]
    assert error in resets or resets.count(None) == len(resets)  # what had ended is not reset


# What has to be borne.

def padded(connection, request):
    connection.send_frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 1,
                          b"\x04" + FIVE + STATUS_200 + bytes(4))
    connection.send_frame(DATA, END_STREAM | PADDED, 1, b"\x03hello" + bytes(3))


def in_continuations(connection, request):
    block = connection.encoder.encode([OK, ("x", "y" * 100)])
    connection.send_frame(HEADERS, 0, 1, block[:10])
    connection.send_frame(CONTINUATION, 0, 1, block[10:20])
    connection.send_frame(CONTINUATION, END_HEADERS, 1, block[20:])
    connection.send_data(request, b"hello", end=True)


def before(*frames):
    def send(connection, request):
        for frame in frames:
            connection.send_frame(*frame)
        connection.answer(request, body=b"hello")
    return send


def block_of(block):
    def send(connection, request):
        connection.send_frame(HEADERS, END_HEADERS, 1, block)
        connection.send_data(request, b"hello", end=True)
    return send


BORNE = [
    ("4.1 a reserved bit", before((PING, 0, 1 << 31, bytes(8)))),
    ("4.1 undefined flags", before((PING, 0x16, 0, bytes(8)))),
    ("5.1 closed: WINDOW_UPDATE", behind_answer(WINDOW_UPDATE, 0, 1, number(1))),
    ("5.1 closed: RST_STREAM", behind_answer(RST_STREAM, 0, 1, number(0))),
    ("5.1 closed: PRIORITY", behind_answer(PRIORITY, 0, 1, FIVE)),
    ("5.5 an unknown frame", before((0x16, 0, 0, bytes(8)), (0x77, 0xff, 1, b"x"))),
    ("6.1, 6.2 padding", padded),
    ("6.3 PRIORITY", before((PRIORITY, 0, 1, FIVE), (PRIORITY, 0, 99, FIVE))),
    ("6.5.2 an unknown setting", before((SETTINGS, 0, 0, settings_payload({0xff: 1})))),
    ("6.5.2 the largest frames", before((SETTINGS, 0, 0,
                                         settings_payload({MAX_FRAME_SIZE: (1 << 24) - 1})))),
    ("6.5.3 a setting twice", before((SETTINGS, 0, 0, settings_payload({4: 1}) * 2))),
    ("6.7 PING that nobody asked for", before((PING, ACK, 0, bytes(8)))),
    ("6.8 an unknown error in GOAWAY", before((GOAWAY, 0, 0, number(1) + number(0xff) + b"why"))),
    ("6.10 CONTINUATION", in_continuations),
    ("8.1 an interim head", lambda c, r: (head((":status", "103"))(c, r), answer()(c, r))),
    ("8.1.1 a length that fits", answer(("content-length", "5"))),
    ("8.2.1 a tab in a value", answer(("x", "a\tb"))),
    ("8.3.2 a status that nobody knows", lambda c, r: c.answer(r, 299, body=b"hello")),
    ("RFC 7541 4.2 a smaller table", block_of(b"\x20\x88")),
    ("RFC 7541 4.2 two changes of the table", block_of(b"\x20\x3f\xe1\x1f\x88")),
    ("RFC 7541 6.2.3 a field that is never indexed", block_of(STATUS_200 + b"\x10\x01x\x01y")),
]


@pytest.mark.parametrize("send", [pytest.param(send, id=name) for name, send in BORNE])
def test_what_has_to_be_borne(start_h2_origin, start_weir, connect, send):
    def behaviour(connection):
        send(connection, connection.read_request())
        answering_h2(connection)

    assert connect(start(start_weir, start_h2_origin(behaviour))).ask().body == b"hello"


def test_the_number_of_cases_does_not_shrink():
    assert len(CONNECTION_ERRORS) + len(STREAM_ERRORS) + len(BORNE) > 100
