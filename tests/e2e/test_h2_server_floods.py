"""Servers of HTTP/2 that flood, or break the rules in what they send: the client gets 502, or a cut
where it had a part of the answer, their connection ends, and the others serve on."""

import itertools
import struct
import threading

import pytest

from harness.deadline import poll_until, wait_for
from harness.h2_client import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,
                               INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, PADDED, PING, PRIORITY,
                               PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame_bytes,
                               settings_payload)
from harness.h2_origin import answering_h2
from harness.http1 import Cut
from harness.weir import is_sanitized

LARGE_FIELD = b"\x40\x07x-large\x7f\xb1\x16" + b"y" * 2992  # 127 + 0x31 + 0x16 * 128, indexed
NEWEST = b"\xbe"                                             # that field, in one byte
STATUS_200, STATUS_103 = b"\x88", b"\x08\x03103"


def number(value):
    return struct.pack(">L", value)


def head(stream, block=STATUS_200, flags=END_HEADERS):
    return frame_bytes(HEADERS, flags, stream, block)


def again(*frames):
    """These, without end."""
    return lambda stream: itertools.repeat(b"".join(
        frame(stream) if callable(frame) else frame for frame in frames) * 100)


def once(*frames):
    return lambda stream: [b"".join(
        frame(stream) if callable(frame) else frame for frame in frames)]


def then(first, flood):
    return lambda stream: itertools.chain(first(stream), flood(stream))


def on(kind, flags=0, payload=b""):
    return lambda stream: frame_bytes(kind, flags, stream, payload)


ANSWERED = once(lambda stream: head(stream, flags=END_HEADERS | END_STREAM))
BEGUN = once(on(HEADERS, 0, STATUS_200))

# The answer has not begun: its client gets 502.
FLOODS = {
    "PING": again(frame_bytes(PING, 0, 0, bytes(8))),
    "PING that was not asked for": again(frame_bytes(PING, 1, 0, bytes(8))),
    "SETTINGS": again(frame_bytes(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 70000}))),
    "SETTINGS that were not sent": again(frame_bytes(SETTINGS, 1)),
    "SETTINGS of 1000": once(frame_bytes(SETTINGS, 0, 0, bytes([0, 99, 0, 0, 0, 0]) * 1000)),
    "WINDOW_UPDATE": again(frame_bytes(WINDOW_UPDATE, 0, 0, number(1))),
    "WINDOW_UPDATE of the stream": again(on(WINDOW_UPDATE, 0, number(1))),
    "WINDOW_UPDATE above the largest window": once(
        frame_bytes(WINDOW_UPDATE, 0, 0, number(0x7fffffff)) * 2),
    "WINDOW_UPDATE of nothing": once(frame_bytes(WINDOW_UPDATE, 0, 0, number(0))),
    "PRIORITY": again(on(PRIORITY, 0, number(0) + b"\x10")),
    "unknown frames": again(frame_bytes(0x77, 0, 0, b"x")),
    "GOAWAY": again(frame_bytes(GOAWAY, 0, 0, number(0x7fffffff) + number(0))),
    "GOAWAY that goes on counting": lambda stream: (
        frame_bytes(GOAWAY, 0, 0, number(last) + number(0)) for last in itertools.count(1, 2)),
    "RST_STREAM of one stream": again(on(RST_STREAM, 0, number(CANCEL))),
    "CONTINUATION": then(BEGUN, again(on(CONTINUATION, 0, b"\x40\1x\1y"))),
    "CONTINUATION of nothing": then(BEGUN, again(on(CONTINUATION))),
    "heads of nothing": again(on(HEADERS, END_HEADERS)),
    "interim heads": again(lambda stream: head(stream, STATUS_103)),
    "DATA of nothing": again(on(DATA)),
    "DATA of nothing but padding": again(on(DATA, PADDED, b"\1\0")),
    "a promise": once(on(PUSH_PROMISE, END_HEADERS, number(2) + b"\x82")),
    "a stream of its own": once(head(2)),
    "a frame that is too large": once(on(DATA, 0, bytes(16385))),
    "a block that cannot be unpacked": once(on(HEADERS, END_HEADERS, b"\xff\xff\xff\xff\xff\xff")),
    "a window that is too large": once(
        frame_bytes(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 1 << 31}))),
    "frames that are too small": once(
        frame_bytes(SETTINGS, 0, 0, settings_payload({MAX_FRAME_SIZE: 100}))),
}

# What concerns one answer alone: its client gets 502, and the connection stays.
OF_ONE_ANSWER = {
    "a window of the stream above the largest": once(
        lambda stream: on(WINDOW_UPDATE, 0, number(0x7fffffff))(stream) * 2),
    "a list of fields that grows when unpacked": once(
        lambda stream: head(stream, STATUS_200 + LARGE_FIELD + NEWEST * 10000)),
    "more interim heads than anybody reads": once(
        lambda stream: head(stream, STATUS_103) * 100),
    "RST_STREAM": once(on(RST_STREAM, 0, number(CANCEL))),
    "DATA before a head": once(on(DATA, 0, b"early")),
}

# What it begins with is no HTTP/2.
OPENINGS = {
    "nothing but bytes": lambda stream: itertools.repeat(bytes(range(256)) * 64),
    "zeroes": lambda stream: itertools.repeat(bytes(16384)),
    "a page": once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "PING": once(frame_bytes(PING, 0, 0, bytes(8))),
    "an answer": once(lambda stream: head(stream, flags=END_HEADERS | END_STREAM)),
    "our SETTINGS acknowledged": once(frame_bytes(SETTINGS, 1)),
    "GOAWAY": once(frame_bytes(GOAWAY, 0, 0, number(0) + number(0))),
}

# The answer is there: what follows harms nobody, and has an end.
AFTERWARDS = {
    "DATA": once(on(DATA, 0, b"more")),
    "a head": once(head),
    "RST_STREAM": again(on(RST_STREAM, 0, number(CANCEL))),
    "WINDOW_UPDATE": again(on(WINDOW_UPDATE, 0, number(1))),
    "PING": again(frame_bytes(PING, 0, 0, bytes(8))),
}


def pouring(flood):
    """Behaviour: this, behind the first request."""
    def behaviour(connection):
        pour(connection, flood(connection.read_request().stream))
    return behaviour


def pour(connection, flood):
    """Until the connection is gone."""
    try:
        for bytes_ in flood:
            connection.send(bytes_)
        connection.read_to_end()
    except OSError:
        pass


def start(start_weir, *origins, more="", rest=""):
    servers = ", ".join(f'"{origin.url}"' for origin in origins)
    return start_weir(f"threads: 1\nupstreams: {{app: {{balance: first, servers: [{servers}]}}}}\n"
                      f"sites: [{{proxy: app{rest}}}]\n{more}")


def wait_for_end(origin):
    poll_until(lambda: origin.connections and origin.connections[0].finished.is_set(),
               what="the connection to the server ends")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_502_and_its_connection_ends(start_h2_origin, start_weir, connect, name):
    origin = start_h2_origin(pouring(FLOODS[name]))
    weir = start(start_weir, origin)
    before = weir.resident_kib()
    assert connect(weir).ask("GET", "/").status == 502
    wait_for_end(origin)
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024


@pytest.mark.parametrize("name", OPENINGS)
def test_who_opens_with_something_else_is_502(start_h2_origin, start_weir, connect, name):
    origin = start_h2_origin(pouring(OPENINGS[name]), settings=None)
    weir = start(start_weir, origin)
    assert connect(weir).ask("GET", "/").status == 502
    wait_for_end(origin)


@pytest.mark.parametrize("name", OF_ONE_ANSWER)
def test_what_breaks_one_answer_is_502_for_it_alone(start_h2_origin, start_weir, connect, name):
    def behaviour(connection):
        request = connection.read_request()
        for bytes_ in OF_ONE_ANSWER[name](request.stream):
            connection.send(bytes_)
        answering_h2(connection)

    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin)
    assert connect(weir).ask("GET", "/").status == 502
    assert connect(weir).ask("GET", "/").body == b"hello"
    assert len(origin.connections) == 1


@pytest.mark.parametrize("name", AFTERWARDS)
def test_what_comes_behind_an_answer_ends_the_connection(start_h2_origin, start_weir, connect,
                                                         name):
    origin = start_h2_origin(pouring(then(ANSWERED, AFTERWARDS[name])))
    weir = start(start_weir, origin)
    assert connect(weir).ask("GET", "/").status == 200
    wait_for_end(origin)


@pytest.mark.parametrize("name", ["PING", "RST_STREAM of one stream", "CONTINUATION", "DATA of nothing",
                                  "a frame that is too large"])
def test_a_flood_in_the_middle_of_an_answer_is_a_cut(start_h2_origin, start_weir, connect, name):
    begun = threading.Event()

    def behaviour(connection):
        request = connection.read_request()
        connection.send_head(request, [(":status", "200"), ("content-length", "100")])
        connection.send_data(request, b"half")
        connection.wait(begun)
        pour(connection, FLOODS[name](request.stream))

    origin = start_h2_origin(behaviour)
    client = connect(start(start_weir, origin))
    client.send_request()
    assert client.read_response_head().status == 200
    assert client.read_exactly(4) == b"half"
    begun.set()
    with pytest.raises(Cut):
        client.read_exactly(96)
    wait_for_end(origin)


def test_a_flood_reaches_no_other_server(start_h2_origin, start_h2c, h2):
    """Neither calls that are under way there, nor those that come."""
    has_come, may_answer = threading.Event(), threading.Event()

    def slow(connection):
        first = connection.read_request()
        has_come.set()
        connection.wait(may_answer)
        connection.answer(first, body=b"slow")
        answering_h2(connection)

    flooding = start_h2_origin(pouring(FLOODS["PING"]))
    steady = start_h2_origin(slow)
    client = h2(start_h2c(f"""
        - routes: [{{path: /steady, proxy: "{steady.url}"}}]
          proxy: app
    """, f"""
        upstreams: {{app: {{servers: ["{flooding.url}", "{steady.url}"]}}}}
    """))
    stream = client.send_request(path="/steady")
    wait_for(has_come)
    streams = [client.send_request() for _ in range(2)]
    wait_for_end(flooding)
    may_answer.set()
    assert client.read_response(stream).body == b"slow"
    assert sorted(client.read_response(stream).status for stream in streams) == [200, 502]


def test_all_calls_of_a_connection_that_floods_are_told(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        for _ in range(10):
            connection.read_request()
        pour(connection, FLOODS["PING"](1))

    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    streams = [client.send_request() for _ in range(10)]
    assert [client.read_response(stream).status for stream in streams] == [502] * 10
    wait_for_end(origin)


def test_a_server_that_sends_more_than_the_window(start_h2_origin, start_h2c, h2):
    """The client takes nothing: Weir holds no more for it than it has offered, and ends the
    connection when nobody is left on it, although something comes all the time."""
    def behaviour(connection):
        request = connection.read_request()
        connection.send_head(request, [(":status", "200")])
        pour(connection, again(on(DATA, 0, bytes(1000)))(request.stream))

    origin = start_h2_origin(behaviour)
    weir = start_h2c(f'- proxy: "{origin.url}"',
                     "timeouts: {request_body: 300ms, pool_idle: 100ms}")
    client = h2(weir, {INITIAL_WINDOW_SIZE: 0})
    before = weir.resident_kib()
    stream = client.send_request()
    response = client.read_response(stream)
    assert (response.status, response.body) == (200, b"") and response.reset == CANCEL
    assert is_sanitized() or weir.resident_kib() - before < 4 * 1024
    wait_for_end(origin)


@pytest.mark.parametrize("stops", [True, False])
def test_what_comes_for_an_answer_that_was_given_up(start_h2_origin, start_h2c, h2, stops):
    """As much as may have been on its way is taken, for nobody; whoever goes on loses the
    connection, and no client notices."""
    def behaviour(connection):
        if connection.number > 0:
            answering_h2(connection)
        request = connection.read_request()
        connection.send_head(request, [(":status", "200")])
        connection.send_data(request, b"half")
        connection.read_until(lambda: request.reset is not None)
        left.set()
        if not stops:
            pour(connection, again(on(DATA, 0, bytes(16384)))(request.stream))
            return
        connection.send_data(request, bytes(connection.window(request) - len(b"half")))
        answering_h2(connection)

    left, origin = threading.Event(), start_h2_origin(behaviour)
    weir = start_h2c(f'- proxy: "{origin.url}"')
    client = h2(weir)
    stream = client.send_request()
    client.read_until(lambda: client.response(stream).body)
    client.reset_stream(stream)
    wait_for(left)
    if not stops:
        wait_for_end(origin)
        weir.wait_for_log("the server breaks the rules of HTTP/2")
    for _ in range(3):
        assert client.ask().body == b"hello"
    assert len(origin.connections) == (1 if stops else 2)
