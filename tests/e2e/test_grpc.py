"""What a real client of gRPC is told where Weir itself answers, and what else differs for calls; the
calls themselves are in test_grpc_calls.py."""

import threading

import grpc
import pytest

from harness.deadline import poll_until, wait_for
from harness.grpc_peer import GrpcClient, GrpcServer
from harness.h2_client import REFUSED_STREAM
from harness.metrics import read_metrics

TYPE = ("content-type", "application/grpc")


@pytest.fixture
def server(ports):
    with GrpcServer(ports.take()) as server:
        yield server


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
