"""Clients of HTTP/2 that take responses slowly, or not at all, as their windows and their sockets
let them. Who takes something all the time gets everything, as over HTTP/1; who does not has an end.
"""

import time

import pytest

from harness.deadline import Deadline, poll_until
from harness.h2_client import CANCEL, DATA, INITIAL_WINDOW_SIZE
from harness.weir import is_sanitized

WIDEST = 2**31 - 1
SMALL_BUFFERS = {"receive_buffer": 4096, "segment": 536}  # of the kernel, on both sides
BODY = bytes(range(256)) * 1200
SECOND = "timeouts: {request_body: 1s}"


@pytest.fixture
def start(start_origin, start_h2c):
    """start(more, body) runs Weir in front of an origin that answers so."""
    def start(more=SECOND, body=BODY):
        def behaviour(connection):
            while True:
                connection.read_request()
                connection.answer(body=body)

        return start_h2c(f"""
            - host: example.com
              proxy: {start_origin(behaviour).url}
            - host: fixed.example.com
              respond: 204
        """, more)
    return start


def widely(h2, weir, **parts):
    """A client whose windows are no reason to wait."""
    client = h2(weir, {INITIAL_WINDOW_SIZE: WIDEST}, **parts)
    client.open_window(0, WIDEST - 65535)
    return client


def take_steadily(client, is_enough, most=1280):
    """Takes a little at a time, some 100 KiB a second, and notes the frames."""
    deadline, taken = Deadline(100, "a slow client has it all"), b""
    while not is_enough():
        client.socket.settimeout(deadline.left())
        data = client.socket.recv(most)
        assert data, "the connection was cut"
        taken += data
        while len(taken) >= 9 and len(taken) >= 9 + int.from_bytes(taken[:3], "big"):
            end = 9 + int.from_bytes(taken[:3], "big")
            client._buffer += taken[:end]
            client.read_frame()
            taken = taken[end:]
        time.sleep(0.01)


def has_come_to_its_end(response):
    return response.ended or response.reset is not None


def received(responses):
    return sum(len(response.body) for response in responses)


# The socket

def test_who_takes_the_last_of_it_slowly_gets_all(start, h2):
    """For longer than a client may pause after the response has left its stream."""
    client = widely(h2, start(), **SMALL_BUFFERS)
    response = client.response(client.send_request())
    take_steadily(client, lambda: has_come_to_its_end(response))
    assert response.reset is None and response.body == BODY


def test_who_takes_one_response_after_the_other_gets_all(start, h2):
    """The last one waits for its turn for longer than a client may pause."""
    client = widely(h2, start(), **SMALL_BUFFERS)
    responses = [client.response(client.send_request()) for _ in range(3)]
    take_steadily(client, lambda: all(map(has_come_to_its_end, responses)), 2560)
    assert [(response.reset, response.body == BODY) for response in responses] == [(None, True)] * 3


def test_who_never_reads_is_cut_and_nobody_else_notices(start, h2):
    weir = start("timeouts: {request_body: 300ms}", b"x" * 1_000_000)
    other = h2(weir)
    assert other.ask(host="fixed.example.com").status == 204
    before = weir.resident_kib()
    client = widely(h2, weir, **SMALL_BUFFERS)
    for _ in range(20):
        client.send_request()
    most = 0
    while not client.was_reset():
        most = max(most, weir.resident_kib())
        assert other.ask(host="fixed.example.com").status == 204
    assert is_sanitized() or most - before < 20 * 256 + 1024


def test_who_takes_steadily_of_what_the_system_holds_gets_all(start, h2):
    """More than a megabyte is taken for him at once, and room is told of when a third is gone."""
    body = BODY * 11
    client = widely(h2, start("timeouts: {request_body: 400ms}", body))
    responses = [client.response(client.send_request()) for _ in range(2)]
    take_steadily(client, lambda: all(map(has_come_to_its_end, responses)), 24 * 1024)
    assert [(response.reset, response.body == body) for response in responses] == [(None, True)] * 2


def test_who_never_reads_and_leaves_a_block_without_end_is_cut(start, h2):
    client = widely(h2, start("timeouts: {request_header: 200ms, request_body: 300ms}", BODY * 3),
                    **SMALL_BUFFERS)
    client.send_request()
    client.send_headers([(":method", "GET")], flags=0)
    poll_until(client.was_reset, what="the connection to be cut")


# Windows

@pytest.mark.parametrize("first", [0, 1])
def test_who_opens_the_window_byte_by_byte_gets_all(start, h2, first):
    weir = start("timeouts: {request_body: 500ms}", BODY[:80])
    client = h2(weir, {INITIAL_WINDOW_SIZE: first})
    response = client.response(client.send_request())
    client.read_until(lambda: response.status)
    while not response.ended:
        if len(response.body) >= first:
            client.open_window(1, 1)
        client.read_until(lambda seen=len(response.body): len(response.body) > seen
                          or has_come_to_its_end(response))
        time.sleep(0.02)
    assert response.body == BODY[:80]
    assert all(len(frame.payload) <= 1 for frame in client.frames if frame.kind == DATA)


def test_who_opens_it_too_slowly_loses_the_stream_alone(start, h2):
    """Less than 8 bytes a second are as good as a pause."""
    client = h2(start(), {INITIAL_WINDOW_SIZE: 1})
    response = client.response(client.send_request())
    while response.reset is None:
        client.open_window(1, 1)
        assert client.ask(host="fixed.example.com").status == 204
        time.sleep(0.25)
    assert response.reset == CANCEL and not response.ended


def test_who_opens_the_window_of_all_byte_by_byte_keeps_all(start, h2):
    """The second one waits for its turn, while the first one gets it all."""
    client = h2(start("timeouts: {request_body: 500ms}"), {INITIAL_WINDOW_SIZE: WIDEST})
    responses = [client.response(client.send_request()) for _ in range(2)]
    client.read_until(lambda: received(responses) == 65535)
    for count in range(1, 101):
        client.open_window(0, 1)
        client.read_until(lambda end=65535 + count: received(responses) == end)
        time.sleep(0.01)
    client.open_window(0, WIDEST - 65535)
    client.read_until(lambda: all(map(has_come_to_its_end, responses)))
    assert [(response.reset, response.body == BODY) for response in responses] == [(None, True)] * 2


def test_one_window_that_is_opened_slowly_does_not_keep_many(start, h2):
    """12 bytes a second are enough for who gets them, and nothing for nine others."""
    client = h2(start(), {INITIAL_WINDOW_SIZE: WIDEST})
    responses = [client.response(client.send_request()) for _ in range(10)]
    client.read_until(lambda: received(responses) == 65535)
    while sum(map(has_come_to_its_end, responses)) < 9:
        client.open_window(0, 1)
        client.ping()
        time.sleep(0.08)
    assert {response.reset for response in responses} <= {None, CANCEL}


def test_a_window_of_all_that_stays_shut_has_an_end(start, h2):
    client = h2(start("timeouts: {request_body: 200ms}"), {INITIAL_WINDOW_SIZE: WIDEST})
    responses = [client.response(client.send_request()) for _ in range(3)]
    client.read_until(lambda: all(map(has_come_to_its_end, responses)))
    assert [response.reset for response in responses] == [CANCEL] * 3
    client.open_window(0, WIDEST - 65535)
    assert client.ask().body == BODY
