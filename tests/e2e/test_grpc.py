"""gRPC end to end, with a real client and a real server: all kinds of calls, their deadlines and
cancellation, and what a client of gRPC is told where Weir itself answers."""

import queue
import threading

import grpc
import pytest

from harness.deadline import poll_until, wait_for
from harness.grpc_peer import GrpcClient, GrpcServer
from harness.h2_client import CANCEL, REFUSED_STREAM
from harness.metrics import read_metrics

LARGE = bytes(range(256)) * 8192
TYPE = ("content-type", "application/grpc")
MESSAGE = b"\0\0\0\0\5hello"  # not compressed, five bytes


@pytest.fixture
def server(ports):
    with GrpcServer(ports.take()) as server:
        yield server


@pytest.fixture
def client(start_h2c, server):
    with GrpcClient(start_h2c(f'- proxy: "{server.url}"').address) as client:
        yield client


# Calls

def test_a_unary_call_with_metadata(client, server):
    answer, call = client.channel.unary_unary("/weir.test.Service/Echo").with_call(
        b"hello", metadata=[("x-mine", "1"), ("x-own-bin", b"\1\2")], timeout=10)
    assert answer == b"hello" and call.code() == grpc.StatusCode.OK
    assert dict(call.initial_metadata())["x-head"] == "first"
    trailers = dict(call.trailing_metadata())
    assert (trailers["x-sum"], trailers["x-bytes-bin"]) == ("6", b"\0\xff")
    assert server.requests[0]["x-mine"] == "1" and server.requests[0]["x-own-bin"] == b"\1\2"


def test_the_kinds_of_streaming(client):
    assert client.unary("Echo", LARGE) == LARGE
    numbers = client.method("unary_stream", "Count")(b"2000")
    assert list(numbers) == [b"%d" % number for number in range(2000)]
    parts = (b"%d;" % number for number in range(2000))
    assert client.method("stream_unary", "Join")(parts).count(b";") == 2000


def test_a_conversation_in_which_nobody_has_the_last_word(client):
    said = queue.Queue()
    answers = client.method("stream_stream", "Chat")(iter(said.get, None))
    for word in [b"one", b"two", b"three"]:
        said.put(word)
        assert next(answers) == word.upper()
    said.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK


def test_over_tls(start_tls, authority, server):
    authority.make("site", ["example.com"])
    weir = start_tls(f'- {{tls: {{certificate: "{{files}}/site.pem", key: "{{files}}/site.key"}}, '
                     f'proxy: "{server.url}"}}')
    roots = (authority.directory / "authority.pem").read_bytes()
    with GrpcClient(weir.address, grpc.ssl_channel_credentials(roots)) as client:
        assert client.unary("Echo", b"hello") == b"hello"


def test_what_the_server_says_of_a_failure(client):
    assert client.error("Fail", "no café, 100 %".encode()) == (
        grpc.StatusCode.NOT_FOUND, "no café, 100 %")
    assert client.error("Unknown")[0] == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_goes_on(client, server):
    assert client.unary("Echo", b"hello", timeout=3600) == b"hello"
    # The library writes three digits, and rounds up: 3600 s may become 3610.
    assert 0 < server.time_remaining <= 3610


def test_a_client_that_cancels_is_heard_by_the_server(client, server):
    call = client.channel.unary_unary("/weir.test.Service/Wait").future(b"")
    wait_for(server.waiting)
    call.cancel()
    wait_for(server.left)
    assert client.unary("Echo", b"still here") == b"still here"


def test_a_server_that_cancels_is_heard_by_the_client(start_h2_origin, start_h2c):
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


# Answers of our own

def test_errors_have_a_status_of_grpc(start_h2c, ports):
    weir = start_h2c(f"""
        - host: example.com
          routes:
            - {{path: /weir.test.Service/Dead, proxy: "h2c://127.0.0.1:{ports.take()}"}}
            - {{path: /weir.test.Service/Secret, respond: 401}}
            - {{path: /weir.test.Service/Closed, respond: {{status: 403, body: "not for é, 100 %\\n"}}}}
            - path: /weir.test.Service/Json
              respond: {{status: 429, body: "{{}}", headers: {{Content-Type: application/json}}}}
            - {{path: /weir.test.Service/Broken, respond: 500}}
    """)
    expected = {
        "Dead": (grpc.StatusCode.UNAVAILABLE, "502 Bad Gateway"),
        "Secret": (grpc.StatusCode.UNAUTHENTICATED, "401 Unauthorized"),
        "Closed": (grpc.StatusCode.PERMISSION_DENIED, "not for é, 100 %"),
        "Json": (grpc.StatusCode.UNAVAILABLE, "{}"),
        "Broken": (grpc.StatusCode.UNKNOWN, "500 Internal Server Error"),
        "Nowhere": (grpc.StatusCode.UNIMPLEMENTED, "404 Not Found"),
    }
    with GrpcClient(weir.address) as client:
        for name, answer in expected.items():
            assert client.error(name, b"hello") == answer


def test_a_stream_of_messages_is_answered_at_once(start_h2c):
    release = threading.Event()

    def messages():
        yield b"one"
        wait_for(release)

    with GrpcClient(start_h2c("- respond: 403").address) as client:
        with pytest.raises(grpc.RpcError) as refused:
            client.method("stream_unary", "Join")(messages())
        release.set()
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_an_answer_of_our_own_on_the_wire(start_h2c, h2):
    client = h2(start_h2c("- respond: {status: 503, body: later}"))
    answer = client.ask("POST", fields=[TYPE])
    assert answer.status == 200 and answer.body == b"" and answer.trailers == []
    fields = dict(answer.fields)
    assert fields["content-type"] == "application/grpc"
    assert (fields["grpc-status"], fields["grpc-message"]) == ("14", "later")
    web = client.ask("POST", fields=[("content-type", "application/grpc-web")])
    assert web.status == 503 and web.body == b"later"


def test_a_deadline_of_ours(start_h2c, server):
    weir = start_h2c(f'- proxy: "{server.url}"\n  timeouts: {{request: 300ms}}')
    with GrpcClient(weir.address) as client:
        assert client.error("Wait") == (grpc.StatusCode.DEADLINE_EXCEEDED, "504 Gateway Timeout")


# What else concerns it

def test_calls_are_told_from_other_requests(start_h2c, h2, server):
    weir = start_h2c(f"""
        - routes:
            - header: {{Content-Type: "~^application/grpc([+;]|$)"}}
              proxy: "{server.url}"
          respond: {{status: 200, body: a page}}
    """)
    with GrpcClient(weir.address) as client:
        assert client.unary("Echo", b"hello") == b"hello"
    assert h2(weir).ask().body == b"a page"


def test_what_a_server_has_not_taken_up_goes_to_another(start_h2_origin, start_h2c, server):
    def behaviour(connection):
        while True:
            connection.reset_stream(connection.read_request(), REFUSED_STREAM)

    refusing = start_h2_origin(behaviour)
    weir = start_h2c(
        "- {proxy: app, retry: {attempts: 2}}",
        f'upstreams: {{app: {{balance: first, servers: ["{refusing.url}", "{server.url}"]}}}}')
    with GrpcClient(weir.address) as client:
        assert client.unary("Echo", b"hello") == b"hello"
    assert len(refusing.requests) == 1 and len(server.requests) == 1


def test_what_is_told_of_calls(start_h2c, ports, server, directory):
    admin, log = ports.take(), directory / "access.log"
    weir = start_h2c(f"""
        - routes:
            - {{path: /weir.test.Service/Closed, respond: 403}}
            - {{path: /weir.test.Service/Gone, proxy: "h2c://127.0.0.1:{ports.take()}"}}
          proxy: "{server.url}"
    """, f"""
        admin: 127.0.0.1:{admin}
        log: {{access: {{to: {log}, format: "[$status|$grpc.status|$response.trailer.x-sum|$error]"}}}}
    """)
    with GrpcClient(weir.address) as client:
        client.unary("Echo", b"hello")
        client.error("Fail")
        client.error("Closed")
        client.error("Gone")
    lines = ["[200|0|6|-]", "[200|5|-|-]", "[200|7|-|-]", "[200|14|-|connect_refused]"]
    poll_until(lambda: log.exists() and len(log.read_text().split()) == 4, what="the log")
    assert log.read_text().split() == lines
    metrics = read_metrics(("127.0.0.1", admin))
    for code in ("0", "5", "7", "14"):
        assert metrics("weir_grpc_responses_total", status=code) == 1
    assert metrics("weir_errors_total", error="connect_refused", side="upstream") == 1
