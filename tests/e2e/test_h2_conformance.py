"""RFC 9113, sections 3 to 8, and RFC 7541, requirement by requirement, as a client that breaks each
of them: one line for one of them, of which the first word is the section."""

import struct

import pytest

from harness.h2_client import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS,
                               END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
                               INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PADDED,
                               PING, PREFACE, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
                               REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE,
                               WITH_PRIORITY, frame_bytes, request_fields, settings_payload)

pytestmark = pytest.mark.one_thread  # what is sent differs for the codec only


@pytest.fixture
def client(start_h2c, start_origin, h2):
    """Of a Weir that answers `hello`, reads bodies, and has one origin behind it."""
    def behaviour(connection):
        while True:
            request = connection.read_request_head()
            if request.target == "/held":
                connection.hold()
            connection.read_request_body(request)
            connection.answer(body=b"hello")

    origin = start_origin(behaviour)
    # Who is trusted may say https without TLS.
    return h2(start_h2c(f"- proxy: {origin.url}", "trusted_proxies: 127.0.0.1"))


def section(number):
    """Of a test that is a requirement by itself: where it is made."""
    return pytest.mark.parametrize((), [pytest.param(id=number)])


def number(value):
    return struct.pack(">L", value)


def get(client, end=True, **parts):
    return client.send_headers(request_fields(**parts), end=end)


def closed(client):
    """A stream that has come to its end."""
    stream = get(client)
    assert client.read_response(stream).status == 200
    return stream


def half_closed(client):
    """A stream whose request is whole, and whose response waits for a window."""
    client.send_frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 0}))
    client.ping()
    stream = get(client)
    client.read_head(stream)
    return stream


def reset(client):
    stream = get(client, end=False)
    client.reset_stream(stream)
    return stream


# What breaks the connection: name, what is sent, the error or errors.

def raw(*arguments):
    return lambda client: client.send_frame(*arguments)


def on(make, kind, flags=0, payload=b""):
    return lambda client: client.send_frame(kind, flags, make(client), payload)


def split_block(client, *frames):
    """A block that is not at its end, and then these frames; None is its own stream."""
    stream = client.send_headers(request_fields(), flags=0)
    for kind, flags, where, payload in frames:
        client.send_frame(kind, flags, stream if where is None else where, payload)


def block_then(*frames):
    return lambda client: split_block(client, *frames)


def smaller_stream(client):
    client.next_stream = 5
    closed(client)
    client.send_headers(request_fields(), 3)


def window_of_connection_overflows(client):
    client.open_window(0, 0x7fffffff)
    client.open_window(0, 0x7fffffff)


def many_settings(settings):
    return raw(SETTINGS, 0, 0, settings_payload(settings))


FIVE = number(0) + b"\x10"

CONNECTION_ERRORS = [
    ("4.2 a frame above the maximum", raw(DATA, 0, 1, b"x" * 16385), FRAME_SIZE_ERROR),
    ("4.2 a head above the maximum", raw(HEADERS, END_HEADERS, 1, b"x" * 16385), FRAME_SIZE_ERROR),
    ("4.3 a block that cannot be unpacked", raw(HEADERS, 5, 1, b"\x40"), COMPRESSION_ERROR),
    ("4.3 another frame inside a block", block_then((PING, 0, 0, bytes(8))), PROTOCOL_ERROR),
    ("4.3 a block of another stream inside", block_then((HEADERS, 4, 3, b"\x82")), PROTOCOL_ERROR),
    ("5.1 idle: DATA", raw(DATA, END_STREAM, 1, b"x"), PROTOCOL_ERROR),
    ("5.1 idle: RST_STREAM", raw(RST_STREAM, 0, 1, number(CANCEL)), PROTOCOL_ERROR),
    ("5.1 idle: WINDOW_UPDATE", raw(WINDOW_UPDATE, 0, 1, number(1)), PROTOCOL_ERROR),
    ("5.1 idle: CONTINUATION", raw(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL_ERROR),
    ("5.1 half-closed: DATA", on(half_closed, DATA, END_STREAM, b"x"), STREAM_CLOSED),
    ("5.1 half-closed: HEADERS",
     lambda c: c.send_headers(request_fields(), half_closed(c)), STREAM_CLOSED),
    ("5.1 half-closed: CONTINUATION", on(half_closed, CONTINUATION, END_HEADERS, b"\x82"),
     (STREAM_CLOSED, PROTOCOL_ERROR)),
    ("5.1 closed: DATA", on(closed, DATA, END_STREAM, b"x"), STREAM_CLOSED),
    ("5.1 closed: HEADERS",
     lambda c: c.send_headers(request_fields(), closed(c)), STREAM_CLOSED),
    ("5.1 closed: CONTINUATION", on(closed, CONTINUATION, END_HEADERS, b"\x82"),
     (STREAM_CLOSED, PROTOCOL_ERROR)),
    ("5.1 reset: DATA", on(reset, DATA, END_STREAM, b"x"), STREAM_CLOSED),
    ("5.1 reset: HEADERS",
     lambda c: c.send_headers(request_fields(), reset(c)), STREAM_CLOSED),
    ("5.1 reset: CONTINUATION", on(reset, CONTINUATION, END_HEADERS, b"\x82"),
     (STREAM_CLOSED, PROTOCOL_ERROR)),
    ("5.1.1 an even stream", lambda c: c.send_headers(request_fields(), 2), PROTOCOL_ERROR),
    ("5.1.1 a smaller stream", smaller_stream, PROTOCOL_ERROR),
    ("5.3.1 a head that depends on itself (RFC 7540)",
     lambda c: c.send_frame(HEADERS, 5 | WITH_PRIORITY, 1, number(1) + b"\x10"
                            + c.block(request_fields())), PROTOCOL_ERROR),
    ("5.3.1 the same with padding",
     lambda c: c.send_frame(HEADERS, 5 | WITH_PRIORITY | PADDED, 1, b"\x01" + number(1) + b"\x10"
                            + c.block(request_fields()) + b"\0"), PROTOCOL_ERROR),
    ("5.3.1 a stream that depends on itself", raw(PRIORITY, 0, 1, number(1) + b"\x10"),
     PROTOCOL_ERROR),
    ("5.5 an unknown frame inside a block", block_then((0x16, 0, 0, b"")), PROTOCOL_ERROR),
    ("6.1 DATA on stream 0", raw(DATA, END_STREAM, 0, b"x"), PROTOCOL_ERROR),
    ("6.1 padding longer than DATA",
     lambda c: c.send_frame(DATA, PADDED, get(c, end=False), b"\x05abc"), PROTOCOL_ERROR),
    ("6.2 HEADERS on stream 0", lambda c: c.send_headers(request_fields(), 0), PROTOCOL_ERROR),
    ("6.1 padded DATA without its length",
     lambda c: c.send_frame(DATA, PADDED, get(c, end=False)), FRAME_SIZE_ERROR),
    ("6.2 a priority that is cut", raw(HEADERS, 5 | WITH_PRIORITY, 1, bytes(4)), FRAME_SIZE_ERROR),
    ("6.2 PRIORITY inside a block", block_then((PRIORITY, 0, 3, number(0) + b"\x10")),
     PROTOCOL_ERROR),
    ("6.2 padding longer than HEADERS",
     lambda c: c.send_frame(HEADERS, 5 | PADDED, 1, b"\xff" + c.block(request_fields())),
     PROTOCOL_ERROR),
    ("6.3 PRIORITY on stream 0", raw(PRIORITY, 0, 0, FIVE), PROTOCOL_ERROR),
    ("6.3 PRIORITY of 4 bytes", raw(PRIORITY, 0, 1, number(0)), FRAME_SIZE_ERROR),
    ("6.4 RST_STREAM on stream 0", raw(RST_STREAM, 0, 0, number(CANCEL)), PROTOCOL_ERROR),
    ("6.4 RST_STREAM of 3 bytes",
     lambda c: c.send_frame(RST_STREAM, 0, get(c, end=False), bytes(3)), FRAME_SIZE_ERROR),
    ("6.5 SETTINGS with ACK and content", raw(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    ("6.5 SETTINGS on a stream", raw(SETTINGS, 0, 1), PROTOCOL_ERROR),
    ("6.5 SETTINGS of 3 bytes", raw(SETTINGS, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("6.5.1 SETTINGS of 7 bytes", raw(SETTINGS, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ("6.5.2 ENABLE_PUSH of 2", many_settings({2: 2}), PROTOCOL_ERROR),
    ("6.5.2 INITIAL_WINDOW_SIZE too large", many_settings({4: 1 << 31}), FLOW_CONTROL_ERROR),
    ("6.5.2 MAX_FRAME_SIZE too small", many_settings({5: 16383}), PROTOCOL_ERROR),
    ("6.5.2 MAX_FRAME_SIZE too large", many_settings({5: 1 << 24}), PROTOCOL_ERROR),
    ("6.9.2 a window that becomes too large for a stream", lambda c: (
        c.open_window(get(c, end=False), 0x7fffffff - 65535),
        many_settings({INITIAL_WINDOW_SIZE: 65536})(c)), FLOW_CONTROL_ERROR),
    ("6.6 PUSH_PROMISE of a client",
     lambda c: c.send_frame(PUSH_PROMISE, END_HEADERS, get(c), number(2) + b"\x82"),
     PROTOCOL_ERROR),
    ("6.7 PING on a stream", raw(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("6.7 PING of 6 bytes", raw(PING, 0, 0, bytes(6)), FRAME_SIZE_ERROR),
    ("6.8 GOAWAY on a stream", raw(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("6.8 GOAWAY of 7 bytes", raw(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ("6.9 an increment of 0 for all", raw(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL_ERROR),
    ("6.9 an increment of 0 for a stream, which may end the connection (5.4.2)",
     lambda c: c.open_window(half_closed(c), 0), PROTOCOL_ERROR),
    ("6.9 WINDOW_UPDATE of 3 bytes", raw(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("6.9.1 a window of the connection above 2^31-1", window_of_connection_overflows,
     FLOW_CONTROL_ERROR),
    ("6.10 CONTINUATION behind a whole block",
     lambda c: c.send_frame(CONTINUATION, END_HEADERS, get(c, end=False), b"\x82"),
     PROTOCOL_ERROR),
    ("6.10 the same behind two", lambda c: (
        split_block(c, (CONTINUATION, END_HEADERS, None, b"")),
        c.send_frame(CONTINUATION, END_HEADERS, 1, b"")), PROTOCOL_ERROR),
    ("6.10 CONTINUATION behind DATA", lambda c: (lambda stream: (
        c.send_data(stream, b"x"), c.send_frame(CONTINUATION, END_HEADERS, stream, b"\x82")))(
            get(c, end=False)), PROTOCOL_ERROR),
    ("6.10 CONTINUATION on stream 0", block_then((CONTINUATION, END_HEADERS, 0, b"")),
     PROTOCOL_ERROR),
    ("6.10 CONTINUATION of another stream", block_then((CONTINUATION, END_HEADERS, 3, b"")),
     PROTOCOL_ERROR),
    ("6.10 DATA inside a block", block_then((DATA, 0, None, b"x")), PROTOCOL_ERROR),
    ("RFC 8441 3 ENABLE_CONNECT_PROTOCOL of 2", many_settings({8: 2}), PROTOCOL_ERROR),
    ("RFC 9218 2.1 NO_RFC7540_PRIORITIES of 2", many_settings({9: 2}), PROTOCOL_ERROR),
    ("RFC 9218 7.1 PRIORITY_UPDATE on a stream", raw(16, 0, 1, number(1) + b"u=1"), PROTOCOL_ERROR),
    ("RFC 9218 7.1 PRIORITY_UPDATE of stream 0", raw(16, 0, 0, number(0) + b"u=1"), PROTOCOL_ERROR),
    ("RFC 9218 7.1 PRIORITY_UPDATE of 3 bytes", raw(16, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("RFC 7541 2.3.3 a name of nothing", raw(HEADERS, 5, 1, b"\x7f\xff\x03\x01x"),
     COMPRESSION_ERROR),
    ("RFC 7541 5.1 an integer without end", raw(HEADERS, 5, 1, b"\x7f" + b"\xff" * 12),
     COMPRESSION_ERROR),
    ("RFC 7541 5.2 a text longer than its block", raw(HEADERS, 5, 1, b"\x00\x01x\x7fabc"),
     COMPRESSION_ERROR),
    ("RFC 7541 2.3.3 an index of nothing", raw(HEADERS, 5, 1, b"\xff\xff\xff\x03"),
     COMPRESSION_ERROR),
    ("RFC 7541 4.2 a table larger than we said", raw(HEADERS, 5, 1, b"\x3f\xe2\x1f\x82"),
     COMPRESSION_ERROR),
    ("RFC 7541 4.2 a change of the table behind fields", raw(HEADERS, 5, 1, b"\x82\x20"),
     COMPRESSION_ERROR),
    ("RFC 7541 5.2 Huffman with the end in it", raw(HEADERS, 5, 1, b"\x00\x84\xff\xff\xff\xff\x00"),
     COMPRESSION_ERROR),
    ("RFC 7541 5.2 padding that is too long", raw(HEADERS, 5, 1, b"\x00\x82\x1f\xff\x00"),
     COMPRESSION_ERROR),
    ("RFC 7541 5.2 padding of zeroes", raw(HEADERS, 5, 1, b"\x00\x81\x18\x00"), COMPRESSION_ERROR),
    ("RFC 7541 6.1 an index of 0", raw(HEADERS, 5, 1, b"\x80"), COMPRESSION_ERROR),
]


@pytest.mark.parametrize("send, errors", [pytest.param(send, errors, id=name)
                                          for name, send, errors in CONNECTION_ERRORS])
def test_what_breaks_the_connection(client, send, errors):
    send(client)
    goaway = client.read_goaway()
    assert goaway, "the connection ended without a word"
    assert goaway.error in (errors if isinstance(errors, tuple) else (errors,))


# What breaks the stream, and no other.

def with_fields(*more, **parts):
    return lambda client: client.send_headers(request_fields(**parts) + list(more))


def exactly(*fields):
    return lambda client: client.send_headers(list(fields))


def body(fields, *pieces):
    """In one piece of bytes: a head that says that nothing follows may be answered at once."""
    def send(client):
        stream, client.next_stream = client.next_stream, client.next_stream + 2
        head = frame_bytes(HEADERS, END_HEADERS, stream,
                           client.block(request_fields("POST", fields=fields)))
        client.send(head + b"".join(
            frame_bytes(DATA, END_STREAM if place == len(pieces) - 1 else 0, stream, piece)
            for place, piece in enumerate(pieces)))
        return stream
    return send


def trailers(*fields, end=True, head=(), data=None):
    def send(client):
        stream = client.send_headers(request_fields("POST", fields=list(head)), end=False)
        if data is not None:
            client.send_data(stream, data)
        client.send_headers(list(fields), stream, end=end)
        return stream
    return send


METHOD, SCHEME, PATH, HOST = ((":method", "GET"), (":scheme", "http"), (":path", "/"),
                              (":authority", "example.com"))


def window_overflows(client):
    stream = client.send_headers(request_fields("POST"), end=False)
    client.open_window(stream, 0x7fffffff)
    client.open_window(stream, 0x7fffffff)
    return stream


def more_than_the_window(client):
    """A window opens by what the server takes, which is far from all of this."""
    stream = client.send_headers(request_fields("POST", path="/held"), end=False)
    while client.response(stream).reset is None:  # whoever does not hear of that floods
        client.send_data(stream, bytes(16384))
        client.ping()
    return stream


STREAM_ERRORS = [
    ("6.9.1 a window above 2^31-1", window_overflows, FLOW_CONTROL_ERROR),
    ("6.9.1 more than the window", more_than_the_window, FLOW_CONTROL_ERROR),
    ("8.1 trailers without END_STREAM", trailers(("x", "y"), end=False), PROTOCOL_ERROR),
    ("8.1 pseudo-header fields among trailers", trailers((":path", "/")), PROTOCOL_ERROR),
    ("8.1.1 a length above the body", body([("content-length", "5")], b"abc"), PROTOCOL_ERROR),
    ("8.1.1 a length below the body", body([("content-length", "2")], b"abc"), PROTOCOL_ERROR),
    ("8.1.1 the same over several frames", body([("content-length", "5")], b"abc", b"def"),
     PROTOCOL_ERROR),
    ("8.1.1 a length without a body",
     lambda c: c.send_headers(request_fields("POST", fields=[("content-length", "1")])),
     PROTOCOL_ERROR),
    ("8.1.1 a body in spite of a length of 0", body([("content-length", "0")], b"abc"),
     PROTOCOL_ERROR),
    ("8.1.1 a body that has become too long, and has not ended",
     lambda c: (lambda stream: (c.send_data(stream, b"abc"), stream)[1])(c.send_headers(
         request_fields("POST", fields=[("content-length", "2")]), end=False)), PROTOCOL_ERROR),
    ("8.1.1 a length above the body, which trailers end",
     trailers(("x", "y"), head=[("content-length", "5")], data=b"abc"), PROTOCOL_ERROR),
    ("8.1.1 two lengths",
     body([("content-length", "3"), ("content-length", "3")], b"abc"), PROTOCOL_ERROR),
    ("8.1.1 a length that is none", body([("content-length", "+3")], b"abc"), PROTOCOL_ERROR),
    ("8.2.1 capitals in a name", with_fields(("X-Test", "a")), PROTOCOL_ERROR),
    ("8.2.1 a space in a name", with_fields(("x test", "a")), PROTOCOL_ERROR),
    ("8.2.1 a colon in a name", with_fields(("x:test", "a")), PROTOCOL_ERROR),
    ("8.2.1 a control byte in a name", with_fields(("x\rtest", "a")), PROTOCOL_ERROR),
    ("8.2.1 no name", with_fields(("", "a")), PROTOCOL_ERROR),
    ("8.2.1 CR in a value", with_fields(("x", "a\rb")), PROTOCOL_ERROR),
    ("8.2.1 LF in a value", with_fields(("x", "a\nhost: evil")), PROTOCOL_ERROR),
    ("8.2.1 NUL in a value", with_fields(("x", "a\0b")), PROTOCOL_ERROR),
    ("8.2.1 a space before a value", with_fields(("x", " a")), PROTOCOL_ERROR),
    ("8.2.1 a tab behind a value", with_fields(("x", "a\t")), PROTOCOL_ERROR),
    ("8.2.2 Connection", with_fields(("connection", "keep-alive")), PROTOCOL_ERROR),
    ("8.2.2 Keep-Alive", with_fields(("keep-alive", "5")), PROTOCOL_ERROR),
    ("8.2.2 Proxy-Connection", with_fields(("proxy-connection", "x")), PROTOCOL_ERROR),
    ("8.2.2 Transfer-Encoding", with_fields(("transfer-encoding", "chunked")), PROTOCOL_ERROR),
    ("8.2.2 Upgrade", with_fields(("upgrade", "websocket")), PROTOCOL_ERROR),
    ("8.2.2 TE of more than trailers", with_fields(("te", "trailers, deflate")), PROTOCOL_ERROR),
    ("8.2.1 capitals among trailers", trailers(("X-Test", "a")), PROTOCOL_ERROR),
    ("8.2.1 LF in a value among trailers", trailers(("x", "a\nb")), PROTOCOL_ERROR),
    ("8.2.2 Connection among trailers", trailers(("connection", "close")), PROTOCOL_ERROR),
    ("8.3 an unknown pseudo-header field", exactly(METHOD, SCHEME, PATH, HOST, (":x", "y")),
     PROTOCOL_ERROR),
    ("8.3 one of a response", exactly(METHOD, SCHEME, PATH, HOST, (":status", "200")),
     PROTOCOL_ERROR),
    ("8.3 one behind a field", exactly(METHOD, SCHEME, HOST, ("x", "y"), PATH), PROTOCOL_ERROR),
    ("8.3.1 no :method", exactly(SCHEME, PATH, HOST), PROTOCOL_ERROR),
    ("8.3.1 no :scheme", exactly(METHOD, PATH, HOST), PROTOCOL_ERROR),
    ("8.3.1 no :path", exactly(METHOD, SCHEME, HOST), PROTOCOL_ERROR),
    ("8.3.1 an empty :path", exactly(METHOD, SCHEME, (":path", ""), HOST), PROTOCOL_ERROR),
    ("8.3.1 a :path that is none", exactly(METHOD, SCHEME, (":path", "a"), HOST), PROTOCOL_ERROR),
    ("8.3.1 an asterisk without OPTIONS", exactly(METHOD, SCHEME, (":path", "*"), HOST),
     PROTOCOL_ERROR),
    ("8.3.1 a space in :path", exactly(METHOD, SCHEME, (":path", "/a HTTP/1.1"), HOST),
     (PROTOCOL_ERROR, 400)),
    ("8.3.1 a line end in :path", exactly(METHOD, SCHEME, (":path", "/a\r\nx: y"), HOST),
     PROTOCOL_ERROR),
    ("8.3.1 :method twice", exactly(METHOD, METHOD, SCHEME, PATH, HOST), PROTOCOL_ERROR),
    ("8.3.1 :scheme twice", exactly(METHOD, SCHEME, SCHEME, PATH, HOST), PROTOCOL_ERROR),
    ("8.3.1 :path twice", exactly(METHOD, SCHEME, PATH, PATH, HOST), PROTOCOL_ERROR),
    ("8.3.1 :authority twice", exactly(METHOD, SCHEME, PATH, HOST, HOST), PROTOCOL_ERROR),
    ("8.3.1 a :method that is no token", exactly((":method", "GE T"), SCHEME, PATH, HOST),
     PROTOCOL_ERROR),
    ("8.3.1 Host that differs", with_fields(("host", "other.example.com")), PROTOCOL_ERROR),
    ("8.3.1 Host with another port", with_fields(("host", "example.com:443")), PROTOCOL_ERROR),
    ("8.3.1 Host twice", exactly(METHOD, SCHEME, PATH, ("host", "a"), ("host", "a")),
     PROTOCOL_ERROR),
    ("8.3.1 no host at all", exactly(METHOD, SCHEME, PATH), PROTOCOL_ERROR),
    ("8.3.1 a fragment in :path", exactly(METHOD, SCHEME, (":path", "/a#b"), HOST),
     (PROTOCOL_ERROR, 400)),
    ("8.3.1 :authority of somebody", exactly(METHOD, SCHEME, PATH, (":authority", "a@example.com")),
     (PROTOCOL_ERROR, 400)),
    ("8.3.1 :authority of dots", exactly(METHOD, SCHEME, PATH, (":authority", "..")),
     (PROTOCOL_ERROR, 400)),
    ("8.3.1 :authority with an empty label",
     exactly(METHOD, SCHEME, PATH, (":authority", "a..b")), (PROTOCOL_ERROR, 400)),
    ("8.5 CONNECT with :scheme", exactly((":method", "CONNECT"), SCHEME, HOST), PROTOCOL_ERROR),
    ("8.5 CONNECT without :authority", exactly((":method", "CONNECT")), PROTOCOL_ERROR),
    ("8.5 CONNECT with :path", exactly((":method", "CONNECT"), PATH, HOST), PROTOCOL_ERROR),
    ("RFC 8441 4 :protocol without CONNECT",
     exactly(METHOD, SCHEME, PATH, HOST, (":protocol", "websocket")), PROTOCOL_ERROR),
    ("RFC 8441 4 :protocol without :path",
     exactly((":method", "CONNECT"), SCHEME, HOST, (":protocol", "websocket")), PROTOCOL_ERROR),
    ("RFC 8441 4 :protocol without :scheme",
     exactly((":method", "CONNECT"), PATH, HOST, (":protocol", "websocket")), PROTOCOL_ERROR),
    ("RFC 8441 4 :protocol without :authority",
     exactly((":method", "CONNECT"), SCHEME, PATH, (":protocol", "websocket")), PROTOCOL_ERROR),
    ("RFC 8441 4 :protocol that is no token",
     exactly((":method", "CONNECT"), SCHEME, PATH, HOST, (":protocol", "web socket")),
     PROTOCOL_ERROR),
    ("RFC 9220 3 a :protocol that is not known",
     exactly((":method", "CONNECT"), SCHEME, PATH, HOST, (":protocol", "connect-udp")), 501),
]


@pytest.mark.parametrize("send, errors", [pytest.param(send, errors, id=name)
                                          for name, send, errors in STREAM_ERRORS])
def test_what_breaks_the_stream(client, send, errors):
    stream = send(client)
    response = client.read_response(stream)
    outcome = response.reset if response.reset is not None else response.status
    assert outcome in (errors if isinstance(errors, tuple) else (errors,))
    client.send_frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 65535}))
    assert client.ask().status == 200  # the block was unpacked, and others do not notice


# What has to be borne.

def padded(client):
    block = client.block(request_fields("POST"))
    client.send_frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 1,
                      b"\x04" + number(0) + b"\x10" + block + bytes(4))
    client.send_frame(DATA, END_STREAM | PADDED, 1, b"\x03abc" + bytes(3))
    client.next_stream = 3
    return 1


def in_continuations(client):
    block = client.block(request_fields(fields=[("x", "y" * 100)]))
    client.send_frame(HEADERS, END_STREAM, 1, block[:10])
    client.send_frame(CONTINUATION, 0, 1, block[10:20])
    client.send_frame(CONTINUATION, END_HEADERS, 1, block[20:])
    client.next_stream = 3
    return 1


def before(*frames):
    def send(client):
        for frame in frames:
            client.send_frame(*frame)
        return get(client)
    return send


def behind_closed(kind, payload):
    def send(client):
        client.send_frame(kind, 0, closed(client), payload)
        return get(client)
    return send


def half_closed_then(kind, payload):
    def send(client):
        stream = half_closed(client)
        client.send_frame(kind, 0, stream, payload)
        client.send_frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 65535}))
        return stream
    return send


def largest_data(client):
    stream = client.send_headers(request_fields("POST"), end=False)
    client.send_frame(DATA, END_STREAM, stream, bytes(16384))
    return stream


def block(fields, flags=END_HEADERS | END_STREAM):
    """A request packed by hand."""
    def send(client):
        client.send_frame(HEADERS, flags, 1, fields)
        client.next_stream = 3
        return 1
    return send


def twice(fields):
    """The second request is of what the first one has left in the table."""
    def send(client):
        assert client.read_response(block(fields)(client)).status == 200
        client.send_frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x82\x86\x84\xbe")
        client.next_stream = 5
        return 3
    return send


START = b"\x82\x86\x84"  # GET, http and /
HUFFMAN = b"\x88\x2f\x91\xd3\x5d\x05\x5c\x87\xa7"  # example.com

BORNE = [
    ("3.4 SETTINGS and a request at once", get),
    ("4.1 a reserved bit", lambda c: (c.send_frame(PING, 0, 1 << 31, bytes(8)), get(c))[1]),
    ("4.1 undefined flags", before((PING, 0x16, 0, bytes(8)))),
    ("5.1 closed: PRIORITY", behind_closed(PRIORITY, FIVE)),
    ("5.1 closed: WINDOW_UPDATE", behind_closed(WINDOW_UPDATE, number(1))),
    ("5.1 closed: RST_STREAM", behind_closed(RST_STREAM, number(CANCEL))),
    ("5.1 half-closed: PRIORITY", half_closed_then(PRIORITY, number(0) + b"\x10")),
    ("5.1 half-closed: WINDOW_UPDATE", half_closed_then(WINDOW_UPDATE, number(1))),
    ("4.2 DATA of the maximum", largest_data),
    ("5.1 idle: PRIORITY", before((PRIORITY, 0, 5, FIVE))),
    ("5.5 an unknown frame", before((0x16, 0, 0, bytes(8)), (0x77, 0xff, 1, b"x"))),
    ("6.1, 6.2 padding", padded),
    ("6.4 an unknown error", lambda c: (c.reset_stream(get(c, end=False), 0xff), get(c))[1]),
    ("6.5.2 an unknown setting", before((SETTINGS, 0, 0, settings_payload({0xff: 1})))),
    ("6.5.2 the largest frames", before((SETTINGS, 0, 0,
                                         settings_payload({MAX_FRAME_SIZE: (1 << 24) - 1})))),
    ("6.5.3 a setting twice, of which the last holds", before((SETTINGS, 0, 0, settings_payload(
        {INITIAL_WINDOW_SIZE: 1}) + settings_payload({INITIAL_WINDOW_SIZE: 65535})))),
    ("6.8 GOAWAY with words", lambda c: (get(c), c.send_frame(
        GOAWAY, 0, 0, number(0) + number(0) + b"so long"))[0]),
    ("6.8 an unknown error in GOAWAY is none", lambda c: (get(c), c.send_frame(
        GOAWAY, 0, 0, number(0) + number(0xff)))[0]),
    ("6.10 CONTINUATION", in_continuations),
    ("7 an unknown error", lambda c: (c.reset_stream(get(c, end=False), 0x7fffffff), get(c))[1]),
    ("8.1 HEAD", with_fields(method="HEAD")),
    ("8.1 POST with a body", body([], b"abc", b"def")),
    ("8.1 POST with trailers", trailers(("x", "y"), data=b"abc")),
    ("8.2.1 a tab in a value", with_fields(("x", "a\tb"))),
    ("8.2.2 TE: trailers", with_fields(("te", "trailers"))),
    ("8.3.1 Host alone", exactly(METHOD, SCHEME, PATH, ("host", "example.com"))),
    ("8.3.1 Host that says the same", with_fields(("host", "example.com"))),
    ("8.3.1 Host with the port of the scheme", with_fields(("host", "Example.com:80"))),
    ("8.3.1 :authority with the port of the scheme",
     exactly(METHOD, (":scheme", "https"), PATH, (":authority", "example.com:443"),
             ("host", "example.com:"))),
    ("8.3.1 OPTIONS *", exactly((":method", "OPTIONS"), SCHEME, (":path", "*"), HOST)),
    ("8.1.1 a length of 0 without a body", with_fields(("content-length", "0"))),
    ("8.1.1 a length, and a body in pieces with trailers",
     trailers(("x", "y"), head=[("content-length", "3")], data=b"abc")),
    ("RFC 9218 5 a priority that is none", with_fields(("priority", 'u=9, "; \\'))),
    ("RFC 7541 4.2 two changes of the table", block(b"\x20\x3f\xe1\x1f" + START + b"\x01\x01a")),
    ("RFC 7541 5.2 Huffman", block(START + b"\x01" + HUFFMAN)),
    ("RFC 7541 6.1 an index of the table", twice(START + b"\x41\x0bexample.com")),
    ("RFC 7541 6.1 the same with Huffman", twice(START + b"\x41" + HUFFMAN)),
    ("RFC 7541 6.2.1 a new name", block(START + b"\x01\x01a\x40\x01x\x01y")),
    ("RFC 7541 6.2.2 a field that is not indexed", block(START + b"\x01\x01a\x00\x01x\x01y")),
    ("RFC 7541 4.2 a smaller table", before((SETTINGS, 0, 0, settings_payload({1: 0})))),
    ("RFC 7541 6.2.3 a field that is never indexed", lambda c: (c.send_frame(
        HEADERS, 5, 1, c.block(request_fields()) + b"\x10\x01x\x01y"),
        setattr(c, "next_stream", 3), 1)[2]),
]


@pytest.mark.parametrize("send", [pytest.param(send, id=name) for name, send in BORNE])
def test_what_has_to_be_borne(client, send):
    assert client.read_response(send(client)).status == 200


@section("6.7")
def test_ping_is_answered_with_its_bytes(client):
    client.send_frame(PING, 0, 0, b"8 bytes!")
    client.read_until(lambda: client.frames[-1].kind == PING if client.frames else False)
    assert (client.frames[-1].flags, client.frames[-1].payload) == (ACK, b"8 bytes!")


@section("6.7")
def test_an_answered_ping_is_not_answered(client):
    client.send_frame(PING, ACK, 0, b"8 bytes!")
    client.ping()
    assert client.frames[-1].payload == b"isthere?"


@section("6.5.3")
def test_settings_are_acknowledged(client):
    client.send_frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 100}))
    client.ping()
    acks = [f for f in client.frames if f.kind == SETTINGS and f.flags & ACK]
    assert len(acks) == 2 and all(not frame.payload for frame in acks)


@section("6.9.2")
def test_a_window_may_shrink_below_zero(client):
    stream = half_closed(client)
    client.open_window(stream, 3)
    client.read_until(lambda: client.response(stream).body == b"hel")
    client.send_frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 2}))
    assert client.read_response(stream).body == b"hello"


@section("4.2")
def test_frames_are_no_larger_than_allowed(client):
    client.ask()
    assert all(len(frame.payload) <= 16384 for frame in client.frames)


@pytest.mark.parametrize("bytes_", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n"],
                         ids=["3.4 another end", "3.4 another method"])
def test_another_preface_is_not_http2(start_h2c, h2, bytes_):
    client = h2(start_h2c("- respond: 204"), None)
    client.send(bytes_)
    assert client.read_exactly(12) == b"HTTP/1.1 505"


@section("3.4")
def test_settings_come_first(start_h2c, h2):
    client = h2(start_h2c("- respond: 204"), None)
    client.send(PREFACE + frame_bytes(PING, 0, 0, bytes(8)))
    assert client.read_goaway().error == PROTOCOL_ERROR


@section("5.1.2")
def test_streams_above_the_limit_are_refused(start_origin, start_h2c, h2):
    """5.1.2, and 8.7: they may be asked again."""
    origin = start_origin(lambda c: (c.read_request(), c.hold()))
    client = h2(start_h2c(f"- proxy: {origin.url}", "limits: {streams: 2}"))
    streams = [client.send_request() for _ in range(3)]
    assert client.read_response(streams[2]).reset == REFUSED_STREAM
    assert client.settings[MAX_CONCURRENT_STREAMS] == 2


@section("3.4")
def test_the_first_frame_are_settings(client):
    """3.4, also before anything of the client was answered."""
    client.ask()
    assert (client.frames[0].kind, client.frames[0].flags) == (SETTINGS, 0)


@section("6.9")
def test_content_stays_within_the_windows(start_origin, start_h2c, h2):
    """6.9: of the connection, which settings do not change (6.9.2), and of the stream."""
    origin = start_origin(lambda c: (c.read_request(), c.answer(body=bytes(200_000)), c.hold()))
    client = h2(start_h2c(f"- proxy: {origin.url}"), {INITIAL_WINDOW_SIZE: 100_000})
    stream = client.send_request()
    client.read_until(lambda: len(client.response(stream).body) >= 65535)
    client.ping()
    assert len(client.response(stream).body) == 65535
    client.open_window(0, 1 << 20)
    client.read_until(lambda: len(client.response(stream).body) >= 100_000)
    client.ping()
    assert len(client.response(stream).body) == 100_000


def test_the_number_of_cases_does_not_shrink():
    assert len(CONNECTION_ERRORS) + len(STREAM_ERRORS) + len(BORNE) > 165
