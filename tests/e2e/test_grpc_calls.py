"""gRPC end to end, with a real client and a real server (python3-grpcio): all kinds of calls, their
deadlines and cancellation, each with TLS on both sides, on one of them and on none."""

import queue
import threading

import grpc
import pytest

from harness.deadline import PATIENCE, poll_until, wait_for
from harness.grpc_peer import GrpcClient, GrpcServer
from harness.h2_client import CANCEL

LARGE = bytes(range(256)) * 8192
TYPE = ("content-type", "application/grpc")
MESSAGE = b"\0\0\0\0\5hello"  # not compressed, five bytes
LIMITED = [("x-limited", "1")]  # on a route with a deadline of Weir's own
WAYS = {"no TLS": (False, False), "TLS": (True, True), "TLS to clients": (True, False),
        "TLS to servers": (False, True)}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    """Whether there is TLS towards clients, and towards servers."""
    return request.param


@pytest.fixture
def server(ports, authority, way):
    authority.make("app", ["127.0.0.1"])
    pair = tuple((authority.directory / name).read_bytes() for name in ("app.key", "app.pem"))
    with GrpcServer(ports.take(), grpc.ssl_server_credentials([pair]) if way[1] else None) as server:
        yield server


@pytest.fixture
def weir(start_weir, ports, authority, way, server):
    authority.make("site", ["example.com"])
    address, files = ("127.0.0.1", ports.take()), authority.directory
    shown = f"tls: {{certificate: {files}/site.pem, key: {files}/site.key}}" if way[0] else ""
    trusted = f", tls: {{ca: {authority.file}}}" if way[1] else ""
    return start_weir(f"""
        threads: 1
        listen: [{{address: "127.0.0.1:{address[1]}", {"tls" if way[0] else "h2c"}: on}}]
        upstreams: {{app: {{servers: ["{server.url}"]{trusted}}}}}
        sites:
          - host: example.com
            routes:
              - {{header: {{X-Limited: "1"}}, timeouts: {{request: 300ms}}, proxy: app}}
            proxy: app
            {shown}
    """, address)


@pytest.fixture
def client(weir, authority, way):
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes()) if way[0] else None
    with GrpcClient(weir.address, credentials) as client:
        yield client


# Kinds of calls

def test_a_unary_call_with_metadata(client, server):
    answer, call = client.channel.unary_unary("/weir.test.Service/Echo").with_call(
        b"hello", metadata=[("x-mine", "1"), ("x-own-bin", b"\1\2")], timeout=PATIENCE)
    assert answer == b"hello" and call.code() == grpc.StatusCode.OK
    assert dict(call.initial_metadata())["x-head"] == "first"
    trailers = dict(call.trailing_metadata())
    assert (trailers["x-sum"], trailers["x-bytes-bin"]) == ("6", b"\0\xff")
    assert server.requests[0]["x-mine"] == "1" and server.requests[0]["x-own-bin"] == b"\1\2"


def test_a_large_message_goes_both_ways(client):
    assert client.unary("Echo", LARGE) == LARGE


def test_a_stream_of_answers(client):
    numbers = client.method("unary_stream", "Count")(b"2000")
    assert list(numbers) == [b"%d" % number for number in range(2000)]
    assert numbers.code() == grpc.StatusCode.OK


def test_a_stream_of_requests(client):
    parts = [b"%d;" % number for number in range(2000)]
    assert client.method("stream_unary", "Join")(iter(parts)) == b"".join(parts)


def test_a_conversation_in_which_nobody_has_the_last_word(client):
    said = queue.Queue()
    answers = client.method("stream_stream", "Chat")(iter(said.get, None))
    for word in [b"one", b"two", b"three"]:
        said.put(word)
        assert next(answers) == word.upper()
    said.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK


def test_many_calls_at_once(client):
    echo = client.channel.unary_unary("/weir.test.Service/Echo")
    calls = [echo.future(b"%d" % number, timeout=6 * PATIENCE) for number in range(200)]
    assert [call.result() for call in calls] == [b"%d" % number for number in range(200)]


def test_what_the_server_says_of_a_failure(client):
    assert client.error("Fail", "no café, 100 %".encode()) == (
        grpc.StatusCode.NOT_FOUND, "no café, 100 %")
    assert client.error("Unknown")[0] == grpc.StatusCode.UNIMPLEMENTED


# Deadlines

def test_the_server_sees_the_deadline_of_the_client(client, server):
    assert client.unary("Echo", b"hello", timeout=3600) == b"hello"
    # The library writes three digits, and rounds up: 3600 s may become 3610.
    assert 3000 < server.time_remaining <= 3610


def test_a_deadline_that_passes_at_the_client_is_heard_by_the_server(client, server):
    assert client.unary("Echo", b"hello") == b"hello"  # the connections are there
    for seconds in (0.3, 3, 30):  # the first may pass before a slow machine has come to the server
        assert client.error("Wait", timeout=seconds)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        if server.waiting.is_set():
            break
    wait_for(server.left)
    assert client.unary("Echo", b"still here") == b"still here"


def test_a_deadline_of_weirs_own(client, server):
    assert client.error("Wait", metadata=LIMITED) == (
        grpc.StatusCode.DEADLINE_EXCEEDED, "504 Gateway Timeout")
    if server.waiting.is_set():
        wait_for(server.left)
    assert client.unary("Echo", b"still here") == b"still here"


@pytest.mark.parametrize("value", ["1500m", "99999999n", "1H", "00000007S"])
def test_a_deadline_goes_on_as_it_was_written(start_h2_origin, start_h2c, h2, value):
    origin = start_h2_origin()
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    assert client.ask("POST", fields=[TYPE, ("grpc-timeout", value)]).body == b"hello"
    assert origin.requests[0].get("grpc-timeout") == value


# Cancellation

def test_a_client_that_cancels_is_heard_by_the_server(client, server):
    call = client.channel.unary_unary("/weir.test.Service/Wait").future(b"")
    wait_for(server.waiting)
    call.cancel()
    wait_for(server.left)
    assert client.unary("Echo", b"still here") == b"still here"


def test_a_client_that_cancels_in_a_stream_of_answers(client, server):
    numbers = client.method("unary_stream", "Watch")(b"first")
    assert next(numbers) == b"first"
    wait_for(server.waiting)
    numbers.cancel()
    wait_for(server.left)
    assert client.unary("Echo", b"still here") == b"still here"


def test_a_client_that_vanishes_is_heard_by_the_server(weir, server, authority, way):
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes()) if way[0] else None
    with GrpcClient(weir.address, credentials) as client:
        call = client.channel.unary_unary("/weir.test.Service/Wait").future(b"")
        wait_for(server.waiting)
        assert not call.done()
    wait_for(server.left)


def test_a_server_that_breaks_off_is_heard_by_the_client(client, server):
    numbers = client.method("unary_stream", "Cancel")(b"first")
    assert next(numbers) == b"first"
    server.ends.set()
    with pytest.raises(grpc.RpcError) as cut:
        next(numbers)
    assert cut.value.code() == grpc.StatusCode.CANCELLED
    assert client.unary("Echo", b"still here") == b"still here"


def test_a_stream_that_is_reset_by_the_server(start_h2_origin, start_h2c):
    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.stream > 1:
                connection.send_head(request, [(":status", "200"), TYPE])
                connection.send_data(request, MESSAGE)
                connection.wait(has_message)  # a reset takes along what was not read yet
            connection.reset_stream(request, CANCEL)

    has_message = threading.Event()
    weir = start_h2c(f'- proxy: "{start_h2_origin(behaviour).url}"')
    with GrpcClient(weir.address) as client:
        assert client.error("Echo") == (grpc.StatusCode.UNAVAILABLE, "502 Bad Gateway")
        numbers = client.method("unary_stream", "Count")(b"2")
        assert next(numbers) == b"hello"
        has_message.set()
        with pytest.raises(grpc.RpcError) as cut:
            next(numbers)
        assert cut.value.code() == grpc.StatusCode.INTERNAL


def test_a_deadline_that_passes_at_the_client_resets_the_stream(start_h2_origin, start_h2c):
    """A server that knows nothing of deadlines is told by the reset alone."""
    def behaviour(connection):
        connection.answer(connection.read_request(), fields=[TYPE],
                          trailers=[("grpc-status", "5")])
        begun.append(connection.read_head())
        connection.read_until(lambda: begun[0].reset is not None)
        resets.append(begun[0].reset)
        connection.read_to_end()

    begun, resets = [], []
    weir = start_h2c(f'- proxy: "{start_h2_origin(behaviour).url}"')
    with GrpcClient(weir.address) as client:
        assert client.error("Echo")[0] == grpc.StatusCode.NOT_FOUND  # the connections are there
        for seconds in (0.3, 3, 30):
            assert client.error("Wait", timeout=seconds)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
            if begun:
                break
        poll_until(lambda: resets)
    assert resets == [CANCEL]
