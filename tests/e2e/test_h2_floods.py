"""Floods over HTTP/2: whoever makes work that costs him nothing is asked to calm down, and loses his
connection; others do not notice."""

import struct

import pytest

from harness.deadline import Late
from harness.h2_client import (CANCEL, CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS,
                               INITIAL_WINDOW_SIZE, PADDED, PING, PRIORITY, REFUSED_STREAM, RST_STREAM,
                               SETTINGS, WINDOW_UPDATE, frame_bytes, openings, request_fields)
from harness.metrics import read_metrics
from harness.weir import is_sanitized

LIMITS = "limits: {stream_resets: 20, control_frames: 100}"


def number(value):
    return struct.pack(">L", value)


def rapid_reset(client):
    for stream in range(1, 200, 2):
        yield frame_bytes(HEADERS, 5, stream, client.block(request_fields()))
        yield frame_bytes(RST_STREAM, 0, stream, number(CANCEL))


def reset_by_malformed_heads(client):
    for stream in range(1, 200, 2):
        yield frame_bytes(HEADERS, 5, stream, client.block([(":method", "GET")]))


def reset_by_windows(client):
    for stream in range(1, 200, 2):
        yield frame_bytes(HEADERS, 4, stream, client.block(request_fields("POST")))
        yield frame_bytes(WINDOW_UPDATE, 0, stream, number(0x7fffffff))


def reset_by_lengths(client):
    fields = request_fields("POST", fields=[("content-length", "1")])
    for stream in range(1, 200, 2):
        yield frame_bytes(HEADERS, 4, stream, client.block(fields))
        yield frame_bytes(DATA, 1, stream, b"xx")


def continuations(client):
    yield frame_bytes(HEADERS, 1, 1, client.block(request_fields()))
    for _ in range(200):
        yield frame_bytes(CONTINUATION, 0, 1, b"")


def empty_data(client):
    yield frame_bytes(HEADERS, END_HEADERS, 1, client.block(request_fields("POST")))
    for _ in range(500):
        yield frame_bytes(DATA, 0, 1, b"")


def padded_data(client):
    yield frame_bytes(HEADERS, END_HEADERS, 1, client.block(request_fields("POST")))
    for _ in range(500):
        yield frame_bytes(DATA, PADDED, 1, b"\1\0")


def data_for_nobody(client):
    """Behind a reset, and more than can have been on its way when that was sent."""
    yield frame_bytes(HEADERS, END_HEADERS, 1, client.block([(":method", "POST")]))
    for _ in range(40):
        yield frame_bytes(DATA, 0, 1, bytes(16384))


def data_beyond_the_window(client):
    yield frame_bytes(HEADERS, END_HEADERS, 1, client.block(request_fields("POST")))
    for _ in range(40):
        yield frame_bytes(DATA, 0, 1, bytes(16384))


def repeated(*frame):
    def flood(client):
        for _ in range(500):
            yield frame_bytes(*frame)
    return flood


def window_updates(client):
    yield frame_bytes(HEADERS, END_HEADERS, 1, client.block(request_fields("POST")))
    for _ in range(500):
        yield frame_bytes(WINDOW_UPDATE, 0, 1, number(1))


FLOODS = {
    "rapid reset": rapid_reset,
    "malformed heads": reset_by_malformed_heads,
    "windows that overflow": reset_by_windows,
    "lengths that do not fit": reset_by_lengths,
    "CONTINUATION": continuations,
    "empty DATA": empty_data,
    "DATA of nothing but padding": padded_data,
    "DATA behind a reset": data_for_nobody,
    "DATA beyond the window": data_beyond_the_window,
    "PING": repeated(PING, 0, 0, bytes(8)),
    "PING that nobody asked for": repeated(PING, 1, 0, bytes(8)),
    "SETTINGS": repeated(SETTINGS, 0, 0, struct.pack(">HL", INITIAL_WINDOW_SIZE, 70000)),
    "PRIORITY": repeated(PRIORITY, 0, 1, number(0) + b"\x10"),
    "PRIORITY_UPDATE": repeated(16, 0, 0, number(1) + b"u=1"),
    "WINDOW_UPDATE": repeated(WINDOW_UPDATE, 0, 0, number(1)),
    "WINDOW_UPDATE of a stream": window_updates,
    "unknown frames": repeated(99, 0, 0, b""),
}


@pytest.fixture
def weir(start_h2c, ports, start_origin):
    origin = start_origin(lambda c: (c.read_request(), c.read_to_end()))
    admin = ports.take()
    weir = start_h2c(f"""
        - host: example.com
          proxy: {origin.url}
        - host: fixed.example.com
          respond: 204
    """, f"{LIMITS}\nadmin: 127.0.0.1:{admin}")
    weir.admin = ("127.0.0.1", admin)
    return weir


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_with_its_connection(weir, h2, name):
    other, client = h2(weir), h2(weir)
    assert other.ask(host="fixed.example.com").status == 204
    before = weir.resident_kib()
    client.send(b"".join(FLOODS[name](client)))
    goaway = client.read_goaway()
    assert goaway and goaway.error == ENHANCE_YOUR_CALM
    assert other.ask(host="fixed.example.com").status == 204 and other.goaway is None
    weir.wait_for_log("a client floods its HTTP/2 connection; it was closed")
    assert read_metrics(weir.admin)("weir_h2_floods_total") == 1
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024


@pytest.mark.parametrize("piece", [16384, 4096, 512])
def test_who_downloads_may_open_windows_often(start_origin, start_h2c, h2, piece):
    """Clients of Go do so whenever four KiB were read, and have done so at each read."""
    body = b"x" * 2_000_000
    origin = start_origin(lambda c: (c.read_request(), c.answer(body=body)))
    client = h2(start_h2c(f"- proxy: {origin.url}", LIMITS))
    stream = client.send_request()
    response = client.response(stream)
    while not response.ended:
        frame = client.read_frame()
        if frame.kind == DATA and frame.payload:
            client.send(openings(stream, len(frame.payload), piece))
    assert len(response.body) == len(body)


@pytest.mark.parametrize("kind, payload", [
    (SETTINGS, struct.pack(">HL", INITIAL_WINDOW_SIZE, 70000) * 32), (PING, bytes(8))],
    ids=["SETTINGS", "PING"])
def test_who_downloads_may_do_nothing_else_often(start_origin, start_h2c, h2, kind, payload):
    """A frame of SETTINGS may be work for all streams, and 32 times."""
    origin = start_origin(lambda c: (c.read_request(), c.answer(body=b"x" * 1_000_000)))
    client = h2(start_h2c(f"- proxy: {origin.url}", LIMITS), {INITIAL_WINDOW_SIZE: 2_000_000})
    client.open_window(0, 2_000_000)
    assert len(client.ask().body) == 1_000_000
    client.send(frame_bytes(kind, 0, 0, payload) * 1500)
    assert client.read_goaway().error == ENHANCE_YOUR_CALM


@pytest.mark.parametrize("begin", [
    lambda client: client.send_request("POST", host="fixed.example.com", end=False),
    lambda client: client.send_headers([(":method", "POST")], end=False)],
    ids=["answered early", "malformed"])
def test_what_was_on_its_way_is_no_flood(start_h2c, h2, begin):
    """A window of each stream, sent before its reset is read; and in all several times as much as
    the window of the connection, which opens again for what nobody takes."""
    client = h2(start_h2c("- respond: 204", "limits: {streams: 4, stream_resets: 1000000}"))
    client.read_until(lambda: client.settings)
    for _ in range(20):
        streams = [begin(client) for _ in range(4)]
        for stream in streams:
            client.send_patiently(stream, bytes(client.settings[INITIAL_WINDOW_SIZE]))
        client.read_until(lambda some=streams: all(client.response(stream).reset is not None
                                                   for stream in some))
    assert client.ask().status == 204 and client.goaway is None


def test_what_was_on_its_way_to_a_refused_stream_is_no_flood(start_origin, start_h2c, h2):
    origin = start_origin(lambda c: (c.read_request_head(), c.read_to_end()))
    client = h2(start_h2c(f"""
        - host: example.com
          proxy: {origin.url}
        - host: fixed.example.com
          respond: 204
    """, "limits: {streams: 4, stream_resets: 1000000}"))
    client.read_until(lambda: client.settings)
    held = [client.send_request("POST", end=False) for _ in range(4)]
    for _ in range(20):
        refused = client.send_request("POST", end=False)
        client.send_patiently(refused, bytes(client.settings[INITIAL_WINDOW_SIZE]))
        assert client.read_response(refused).reset == REFUSED_STREAM
    client.reset_stream(held[0])
    assert client.ask(host="fixed.example.com").status == 204 and client.goaway is None


def test_many_requests_are_no_flood(start_h2c, h2):
    client = h2(start_h2c("- respond: 204", LIMITS))
    for _ in range(300):
        assert client.ask().status == 204


def test_a_list_of_fields_that_grows_when_unpacked_is_answered(start_h2c, h2):
    """A field of 3 KiB, and then one byte for each of its further copies."""
    client = h2(start_h2c("- respond: 204"))
    block = client.block(request_fields(fields=[("x-large", "y" * 3000)]))
    assert client.responses is not None
    index = bytes([0x80 | 62])  # the newest in the table
    client.send_frame(HEADERS, 5, 1, block + index * 10_000)
    response = client.read_response(1)
    assert response.status == 431
    client.next_stream = 3
    assert client.ask().status == 204


def test_who_does_not_read_holds_no_resets(start_h2c, h2):
    """Streams above the limit, behind answers that nobody takes: of their resets as many are held as
    sockets hold, and a limit."""
    body = "x" * 60_000
    weir = start_h2c(f"- respond: {{status: 200, body: {body}}}",
                     "limits: {streams: 10, stream_resets: 1000000}")
    client = h2(weir, {INITIAL_WINDOW_SIZE: 2**31 - 1}, receive_buffer=4096)
    client.open_window(0, 2**31 - 1 - 65535)
    client.send(frame_bytes(HEADERS, 5, 1, client.block(request_fields())))
    block = client.block(request_fields())  # of what the table has by now
    before = weir.resident_kib()
    try:
        client.send(b"".join(frame_bytes(HEADERS, 5, stream, block)
                             for stream in range(3, 600_000, 2)), seconds=5)
    except (Late, OSError):
        pass
    weir.wait_for_log("a client floods its HTTP/2 connection; it was closed")
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024


def test_who_does_not_read_holds_no_answers(start_h2c, h2):
    """Of 2000 pings with answers that nobody takes as much is held as sockets hold, and a limit."""
    weir = start_h2c("- respond: 204", "limits: {control_frames: 1000}")
    client = h2(weir, receive_buffer=4096)
    before = weir.resident_kib()
    try:
        client.send(frame_bytes(PING, 0, 0, bytes(8)) * 200_000, seconds=5)
    except (Late, OSError):
        pass
    client.read_goaway()
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024
    assert client.peer_ended
