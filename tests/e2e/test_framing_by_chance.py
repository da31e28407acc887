"""Requests and responses put together by chance, in random splits. What is right is not written
down but found by the strict reading of the harness: Weir may refuse more than that, but what it
passes on must be messages that the strict reading finds too, in their order and with their bodies,
and never more of them. A failure names its seed: play it again with -k."""

import random
import threading

import pytest

from harness import http1
from harness.bench import SENTINEL, Bench
from harness.client import Client, request_bytes
from harness.deadline import wait_for
from harness.memory import Bytes, parse_responses
from harness.random_messages import RequestWriter, ResponseWriter

pytestmark = pytest.mark.one_thread  # what is sent differs for the codec only

SEEDS = 400


class Origin:
    """Answers requests with their target; /case with the bytes that lie ready, then closes."""

    def __init__(self):
        self.prepare([])

    def prepare(self, pieces):
        self.pieces, self.sent = pieces, threading.Event()

    def __call__(self, connection):
        while True:
            request = connection.read_request()
            if request.target == "/case":
                self.send(connection)
                return
            body = request.target.encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
            connection.send(head if request.method == "HEAD" else head + body)

    def send(self, connection):
        try:
            connection.send_pieces(self.pieces)
            connection.wait_until_read()
        except OSError:
            pass  # refused meanwhile
        self.sent.set()


@pytest.fixture(scope="module")
def origin():
    return Origin()


@pytest.fixture(scope="module")
def bench(ports, tmp_path_factory, origin):
    bench = Bench(ports, tmp_path_factory.mktemp("chance"), origin)
    yield bench
    bench.stop()


# Requests

def strict_requests(data):
    """(method, target, body) of each request that comes before the first fault."""
    stream, found = Bytes(data), []
    try:
        while True:
            if stream.rest.startswith(b"\r\n"):
                stream.read_exactly(2)  # RFC 9112 2.2 forgives empty lines before a request
            request = http1.read_request(stream)
            found.append((request.method, request.target, request.body))
    except (http1.Malformed, http1.Ended, http1.Cut):
        return found


def send_requests(bench, pieces):
    """Sends the pieces and the end; returns what the client got."""
    client = Client(bench.ready().address)
    try:
        client.send_pieces(pieces)
        client.end_sending()
    except OSError:
        pass  # refused meanwhile
    try:
        return client.read_to_end()
    finally:
        client.close()


def read_responses(got, methods, asked):
    try:
        return parse_responses(got, methods)
    except http1.Cut:
        # The last one may answer a HEAD that only Weir could read.
        assert b"HEAD" in asked
        return parse_responses(got, methods + ["HEAD"])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_requests(bench, seed):
    writer = RequestWriter(seed)
    bench.ready().origin.settle()
    before = len(bench.origin.requests)
    got = send_requests(bench, writer.pieces())
    bench.ask_sentinel()
    arrived = [(request.method, request.target, request.body)
               for request in bench.origin.requests[before:]
               if not request.target.startswith(SENTINEL)]
    allowed = strict_requests(writer.data)
    where = f"seed {seed}: {writer.data!r}\nclient got {got!r}"
    assert arrived == allowed[:len(arrived)], where
    assert bench.troubles() == [], where
    responses = read_responses(got, [method for method, _, _ in allowed], writer.data)
    assert len(responses) <= len(allowed) + 1, where
    assert [response.status for response in responses[:len(arrived)]] == [200] * len(arrived), where
    assert all(400 <= response.status < 500 or response.status in (501, 505)
               for response in responses[len(arrived):]), where


# Responses

BAD, CUT = "a 502", "a cut"


def ignore_framing(head):
    """RFC 9112 6.3: there never is a body behind these, whatever their fields say. The number of
    fields that were ignored."""
    if head.status >= 200 and head.status != 204:
        return 0
    count = len(head.fields)
    head.fields = [field for field in head.fields
                   if field[0].lower() not in ("content-length", "transfer-encoding")]
    return count - len(head.fields)


def strict_response(data, method):
    """What a client may get: (status, body), BAD or CUT; two of them where both are right."""
    stream, ignored = Bytes(data), 0
    try:
        head = http1.read_response_head(stream)
        ignored += ignore_framing(head)
        while head.status < 200:
            head = http1.read_response_head(stream)
            ignored += ignore_framing(head)
        http1.response_framing(head, method)
    except (http1.Malformed, http1.Ended, http1.Cut):
        return {BAD}
    try:
        whole = head.status, http1.read_response_body(stream, head, method).body
        return {whole, BAD} if ignored else {whole}
    except (http1.Malformed, http1.Ended, http1.Cut):
        return {CUT, BAD}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_responses(bench, origin, seed):
    writer = ResponseWriter(seed)
    method = random.Random(seed).choice(["GET", "GET", "POST", "HEAD"])
    origin.prepare(writer.pieces())
    expected = strict_response(writer.data, method)
    client = Client(bench.ready().address)
    try:
        client.send(request_bytes(method, "/case"))
        response = client.read_response(method)
        got = response.status, response.body
    except (http1.Cut, http1.Ended):
        got = CUT
    finally:
        where = f"seed {seed}, {method}: {writer.data!r}\nclient got {bytes(client.received)!r}"
        client.close()
    wait_for(origin.sent)  # what lies behind the response must have come before the next request
    bench.ask_sentinel()
    assert bench.troubles() == [], where
    assert (BAD if got[0] == 502 else got) in expected, where
