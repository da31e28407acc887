"""Every request of tests/data/hostile_requests.py, in several splits, through Weir to an origin
that records the exact bytes. What is refused leaves no byte there; what is forwarded arrives in one
unambiguous form (by our own strict reading and by h11's), and never as more than it was."""

import h11
import pytest
from hostile_requests import CASES, Cut, Either, Forward, Refuse

from harness import http1
from harness.bench import Bench
from harness.client import Client
from harness.memory import parse_responses
from harness.splits import splits_of

pytestmark = pytest.mark.one_thread  # what is sent differs for the codec only


def answer_everything(connection):
    """Answers when the request is complete, so that a cut body can never look answered."""
    while True:
        request = connection.read_request()
        body = request.target.encode()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                        + (b"" if request.method == "HEAD" else body))


@pytest.fixture(scope="module")
def bench(ports, tmp_path_factory):
    bench = Bench(ports, tmp_path_factory.mktemp("framing"), answer_everything)
    yield bench
    bench.stop()


class Traffic:
    """What reached the origin since the moment this was made."""

    def __init__(self, origin):
        self.origin = origin
        self._count = len(origin.connections)
        self._known = {connection: (len(connection.received), len(connection.requests))
                       for connection in origin.open_connections()}

    def __iter__(self):
        """(connection, new bytes, new complete requests) of each connection that saw any."""
        for connection in [*self._known, *self.origin.connections[self._count:]]:
            bytes_before, requests_before = self._known.get(connection, (0, 0))
            data = bytes(connection.received[bytes_before:])
            if data:
                yield connection, data, connection.requests[requests_before:]

    def requests(self):
        """Complete requests, without the sentinels."""
        return [request for _, _, requests in self for request in requests
                if not request.target.startswith("/sentinel-")]


def send(client, case, pieces):
    try:
        client.send_pieces(pieces, until_answered=isinstance(case.expect, (Refuse, Cut)))
        if case.ends:
            client.end_sending()
    except OSError:
        pass  # refused and closed while we were still sending


def method_of(case):
    """What the client asked by, for the reading of responses."""
    return case.data.lstrip(b"\r\n").split(b" ", 1)[0].decode("latin-1")


def check_refusal(client, refuse):
    """Exactly one response, then the end of the connection."""
    data = client.read_to_end()
    responses = parse_responses(data)
    assert len(responses) == 1, f"{len(responses)} responses instead of one refusal: {data!r}"
    assert responses[0].status in refuse.statuses, f"{responses[0]} instead of {refuse.statuses}"
    assert "close" in responses[0].list_of("Connection"), "a refusal does not say that it closes"


def expect_refused(bench, case, client, refuse, traffic):
    check_refusal(client, refuse)
    bench.ask_sentinel()
    for _, data, requests in traffic:
        assert data.startswith(b"GET /sentinel-"), f"reached the origin: {data!r}"
        assert len(requests) == 1, f"reached the origin: {data!r}"


def expect_cut(bench, case, client, cut, traffic):
    responses = parse_responses(client.read_to_end())
    assert len(responses) <= 1, f"{len(responses)} responses to a broken request"
    for response in responses:
        assert response.status in cut.statuses, f"{response} instead of {cut.statuses}"
    bench.ask_sentinel()
    assert traffic.requests() == [], f"complete at the origin: {traffic.requests()}"
    for connection, data, requests in traffic:
        if not requests:
            bench.origin.wait_until(connection.finished.is_set,
                                    f"the connection with {data!r} is cut")


def expect_forwarded(bench, case, client, forward, traffic):
    responses = [client.read_response(method_of(case)) for _ in range(forward.requests)]
    for response in responses:
        assert response.status == 200, f"{response} instead of the origin's answer"
    if forward.then:
        check_refusal(client, forward.then)
    elif "close" in responses[-1].list_of("Connection") or b"HTTP/1.0\r\n" in case.data:
        client.expect_end()
    else:
        bench.ask_sentinel(client)
    bench.ask_sentinel()
    requests = traffic.requests()
    assert len(requests) == forward.requests, f"{len(requests)} requests at the origin: {requests}"
    check_forwarded(requests[0], case, forward)
    check_second_opinion(traffic)


def check_forwarded(request, case, forward):
    assert request.method == method_of(case)
    assert request.target in forward.targets, f"target {request.target!r} at the origin"
    assert request.body == forward.body
    assert request.version == "1.1"
    for name, value in forward.fields.items():
        assert request.value(name) == value, f"{name} is {request.value(name)!r} at the origin"
    for name, value in forward.trailers.items():
        assert request.trailer(name) == value, f"trailer {name} is {request.trailer(name)!r}"
    check_nothing_of_this_hop(request)


def check_nothing_of_this_hop(request):
    """RFC 9110 7.6.1: what spoke of the client's connection only has gone."""
    for name in ("Keep-Alive", "Proxy-Connection", "HTTP2-Settings", "Upgrade"):
        assert not request.has(name), f"{name} reached the origin"
    assert set(request.list_of("Connection")) <= {"close", "keep-alive"}
    assert set(request.list_of("TE")) <= {"trailers"}
    assert request.value("X-Forwarded-For") == "127.0.0.1"


def check_second_opinion(traffic):
    """h11 reads the same requests out of the same bytes."""
    for _, data, requests in traffic:
        ours = [(request.method, request.target, request.body) for request in requests]
        assert http1.second_opinion_on_requests(data) == ours


def expect_either(bench, case, client, either, traffic):
    """Whichever it is, it must be that in full."""
    client.wait_for_bytes()
    if client.unread().startswith(b"HTTP/1.1 200 "):
        expect_forwarded(bench, case, client, either.forward, traffic)
    else:
        EXPECTATIONS[type(either.refuse)](bench, case, client, either.refuse, traffic)


EXPECTATIONS = {Refuse: expect_refused, Cut: expect_cut, Forward: expect_forwarded,
                Either: expect_either}


def run(bench, case, pieces):
    """Plays one case in one split; returns what was wrong, as texts."""
    client = Client(bench.ready().address)
    bench.origin.settle()
    traffic = Traffic(bench.origin)
    troubles = []
    try:
        send(client, case, pieces)
        EXPECTATIONS[type(case.expect)](bench, case, client, case.expect, traffic)
    except (AssertionError, ConnectionError, h11.RemoteProtocolError) as failure:
        troubles.append(f"{type(failure).__name__}: {failure}")
    finally:
        client.close()
    return troubles + bench.troubles()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_request(bench, case):
    for name, pieces in splits_of(case.data, case.name):
        troubles = run(bench, case, pieces)
        if troubles:
            pytest.fail(f"{case.name} (RFC {case.rule}), sent {name}:\n{case.data[:1000]!r}\n"
                        + "\n".join(troubles), pytrace=False)
