"""Every response of tests/data/hostile_responses.py, in several splits, from an origin through Weir
to a client that reads strictly. A malformed one is a 502 of which nothing leaks; one that was cut
is passed on as cut, never ended as if it were whole; what lies behind an end reaches nobody; and the
next request gets its own answer."""

import threading

import pytest
from hostile_responses import CASES, BadGateway, Cut, Either, Pass

from harness import http1
from harness.bench import SENTINEL, Bench
from harness.client import Client, request_bytes
from harness.deadline import PATIENCE
from harness.splits import splits_of

pytestmark = pytest.mark.one_thread  # what is sent differs for the codec only


class Play:
    """What the origin sends for /case just now, and the connections on which it did."""

    def __init__(self):
        self.prepare(None, ())

    def prepare(self, case, pieces):
        self.case, self.pieces, self.connections = case, pieces, []
        self.sent = threading.Event()  # all of it was sent and read, or refused

    def __call__(self, connection):
        while True:
            request = connection.read_request()
            if request.target.startswith(SENTINEL):
                connection.answer(200, request.target.encode())
            elif self.perform(connection):
                return

    def perform(self, connection):
        """True when the connection is to end."""
        case = self.case
        self.connections.append(connection)
        try:
            connection.send_pieces(self.pieces)
            connection.wait_until_read()
        except OSError:
            return True  # refused in the middle: right
        finally:
            self.sent.set()
        if case.then == "reset":
            connection.reset()
        return case.then != "stay"

    def wait(self):
        """Before the next request: what lies behind an end must have come before it, else nobody
        could tell it from an answer."""
        assert self.sent.wait(PATIENCE), "Weir does not read what the server sends"


@pytest.fixture(scope="module")
def play():
    return Play()


@pytest.fixture(scope="module")
def bench(ports, tmp_path_factory, play):
    bench = Bench(ports, tmp_path_factory.mktemp("framing"), play)
    yield bench
    bench.stop()


def expect_bad_gateway(bench, play, case, client, _):
    response = client.read_response(case.method)
    assert response.status == 502, f"{response} instead of a 502: {response.body[:200]!r}"


def expect_cut(bench, play, case, client, _):
    try:
        response = client.read_response(case.method)
    except (http1.Cut, http1.Ended):
        return
    assert response.status == 502, \
        f"passed on as if it were whole: {response}, {response.framing}, {response.body[:200]!r}"


def expect_pass(bench, play, case, client, expected):
    check_passed(bench, play, client, client.read_response(case.method), expected)


def expect_either(bench, play, case, client, either):
    response = client.read_response(case.method)
    if response.status != 502:
        check_passed(bench, play, client, response, either.passed)


def check_passed(bench, play, client, response, expected):
    assert response.status == expected.status, f"{response} instead of {expected.status}"
    assert response.body == expected.body
    for name, value in expected.fields.items():
        assert response.value(name) == value, f"{name} is {response.value(name)!r}"
    for name, value in expected.trailers.items():
        assert response.trailer(name) == value, f"trailer {name} is {response.trailer(name)!r}"
    if expected.interim is not None:
        assert tuple(each.status for each in response.interim) == expected.interim
    assert not set(response.list_of("Connection")) - {"close", "keep-alive"}
    if "close" not in response.list_of("Connection"):
        play.wait()
        bench.ask_sentinel(client)


EXPECTATIONS = {BadGateway: expect_bad_gateway, Cut: expect_cut, Pass: expect_pass,
                Either: expect_either}


def check_connections(bench, play, case):
    """A connection whose state nobody knows is closed, not used again."""
    if not case.poisoned and isinstance(case.expect, (Pass, Either)):
        return
    for connection in play.connections:
        bench.origin.wait_until(connection.finished.is_set, "the poisoned connection is closed")
        assert connection.requests[-1].target == "/case", "a poisoned connection was used again"


def run(bench, play, case, pieces):
    play.prepare(case, pieces)
    client = Client(bench.ready().address)
    troubles = []
    try:
        client.send(request_bytes(case.method, "/case"))
        EXPECTATIONS[type(case.expect)](bench, play, case, client, case.expect)
        play.wait()
        bench.ask_sentinel()
        check_connections(bench, play, case)
        assert b"leak" not in client.received, f"leaked: {bytes(client.received)[:1000]!r}"
        assert len(play.connections) <= 2, f"asked {len(play.connections)} times"
    except (AssertionError, ConnectionError) as failure:
        troubles.append(f"{type(failure).__name__}: {failure}")
    finally:
        client.close()
    return troubles + bench.troubles()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_response(bench, play, case):
    for name, pieces in splits_of(case.data, case.name):
        troubles = run(bench, play, case, pieces)
        if troubles:
            pytest.fail(f"{case.name} (RFC {case.rule}), sent {name}:\n{case.data[:1000]!r}\n"
                        + "\n".join(troubles), pytrace=False)
