"""What one connection of a client of HTTP/2 can make Weir hold: docs/http2.md tells how much at the
worst. Each client here takes that all, and would get more if it were not for a limit."""

import pytest

from harness.deadline import poll_until
from harness.h2_client import (CANCEL, CONTINUATION, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS,
                               INITIAL_WINDOW_SIZE, request_fields)
from harness.weir import is_sanitized

pytestmark = pytest.mark.skipif(is_sanitized(), reason="sanitizers hold what was freed")

KIB, MIB = 1024, 1024 * 1024
WIDEST = 2**31 - 1
STREAMS = 100
PIECE = bytes(MIB)             # of what there would be to hold; less than that is held of each
DOCUMENTED = 65 * MIB // KIB   # of a connection, in KiB
UPLOAD = 128 + 256             # of that, of a body on its way to a server of HTTP/1.1
FIXED = """
- host: fixed.example.com
  respond: 204
"""


class Growth:
    """The most that Weir has grown by, in KiB, as often as it was looked at."""

    def __init__(self, weir):
        self.weir, self.before, self.most = weir, weir.resident_kib(), 0

    def look(self):
        self.most = max(self.most, self.weir.resident_kib() - self.before)


def begin(h2, weir, settings={}, **parts):
    """A client, and the growth from now on; Weir has warmed up."""
    client, other = h2(weir, settings, **parts), h2(weir)
    assert other.ask(host="fixed.example.com").status == 204
    return client, Growth(weir), other


# Uploads

def upload(client, streams, growth):
    """What the windows let go, of each stream less than there would be to send."""
    while any(client.room(stream) > 0 for stream in streams):
        for stream in streams:
            client.send_data(stream, bytes(max(client.room(stream), 0)))
            assert client.sent_data[stream] < len(PIECE)
        client.ping()
        client.ping()  # windows may open behind the first answer
        growth.look()


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def unread(request, directory, start_origin, start_h2_origin):
    """A server that reads heads alone; its socket holds little."""
    if request.param == "HTTP/1.1":
        return start_origin(lambda c: (c.read_request_head(), c.hold()), str(directory / "origin"))

    def behaviour(connection):
        connection.opens_windows = False
        connection.read_to_end()

    return start_h2_origin(behaviour, settings={INITIAL_WINDOW_SIZE: 0})


def test_uploads_that_no_server_takes(unread, start_h2c, h2):
    weir = start_h2c(f'- proxy: "{unread.url}"' + FIXED)
    client, growth, _ = begin(h2, weir)
    streams = [client.send_request("POST", end=False) for _ in range(STREAMS)]
    client.read_until(lambda: client.settings)
    upload(client, streams, growth)
    assert all(client.sent_data[stream] >= 64 * KIB for stream in streams)
    assert STREAMS * 64 < growth.most < STREAMS * UPLOAD + MIB // KIB


# Responses

@pytest.fixture
def sending(directory, start_origin):
    """A server with much to say."""
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PIECE))
        connection.send(PIECE, 60)
        connection.read_to_end()

    return start_origin(behaviour, str(directory / "origin"))


def test_responses_for_which_windows_stay_shut(sending, start_h2c, h2):
    weir = start_h2c(f"- proxy: {sending.url}" + FIXED, "timeouts: {request_body: 500ms}")
    client, growth, _ = begin(h2, weir, {INITIAL_WINDOW_SIZE: 0})
    responses = [client.response(client.send_request()) for _ in range(STREAMS)]
    while any(response.reset is None for response in responses):
        client.read_frame()
        growth.look()
    assert {response.reset for response in responses} == {CANCEL}
    assert STREAMS * 20 < growth.most < STREAMS * 256


def test_responses_that_are_not_read(sending, start_h2c, h2):
    weir = start_h2c(f"- proxy: {sending.url}" + FIXED, "timeouts: {request_body: 300ms}")
    client, growth, other = begin(h2, weir, {INITIAL_WINDOW_SIZE: WIDEST}, receive_buffer=4096)
    client.open_window(0, WIDEST - 65535)
    for _ in range(STREAMS):
        client.send_request()
    while not client.was_reset():
        growth.look()
        assert other.ask(host="fixed.example.com").status == 204
    assert STREAMS * 20 < growth.most < STREAMS * 256


# Heads

def test_heads_that_do_not_end(start_h2c, h2):
    """The largest blocks that are taken, one on each of many connections."""
    weir, count, frame = start_h2c(FIXED), 40, bytes(16384)
    other = begin(h2, weir)[2]
    clients, growth = [h2(weir) for _ in range(count)], Growth(weir)
    for client in clients:
        client.send_frame(HEADERS, 0, 1, frame)
        for _ in range(16):
            client.send_frame(CONTINUATION, 0, 1, frame)
    poll_until(lambda: growth.look() or growth.most > count * 200, what="blocks that are held")
    assert other.ask(host="fixed.example.com").status == 204
    clients[0].send_frame(CONTINUATION, 0, 1, frame)
    assert clients[0].read_goaway().error == ENHANCE_YOUR_CALM
    growth.look()
    assert growth.most < count * 2 * 272


# All at once

def send_block(client, stream, block):
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    for number, piece in enumerate(pieces):
        client.send_frame(CONTINUATION if number else HEADERS,
                          END_HEADERS if piece is pieces[-1] else 0, stream, piece)


def test_a_client_that_takes_all_that_there_is(directory, start_origin, start_h2c, h2):
    """Long heads, uploads that are not taken, responses that are not read, and a block that does not
    end."""
    def behaviour(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PIECE))
        connection.send(PIECE, 60)
        connection.hold()

    origin = start_origin(behaviour, str(directory / "origin"))
    weir = start_h2c(f"- proxy: {origin.url}" + FIXED, "timeouts: {request_body: 1s}")
    client, growth, other = begin(h2, weir, {INITIAL_WINDOW_SIZE: 0})
    fields = [(f"x-field-{number}", "x" * 3000) for number in range(20)]
    block = client.block(request_fields("POST", fields=fields))
    streams = range(1, 2 * STREAMS, 2)
    for stream in streams:
        send_block(client, stream, block)
    client.read_until(lambda: client.settings)
    upload(client, streams, growth)
    client.send_frame(HEADERS, 0, 2 * STREAMS + 1, bytes(16384))
    for _ in range(16):
        client.send_frame(CONTINUATION, 0, 2 * STREAMS + 1, bytes(16384))
    responses = [client.response(stream) for stream in streams]
    while any(response.reset is None and not response.ended for response in responses):
        client.read_frame()
        growth.look()
    assert other.ask(host="fixed.example.com").status == 204
    assert STREAMS * 200 < growth.most < DOCUMENTED
