"""The PROXY protocol at listeners: who the client is, from what stands before its first request."""

import socket
import struct

import pytest

from harness.origin import answering
from harness.weir import run_weir_command

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"


def line(source="192.0.2.7", port=56324):
    return f"PROXY TCP4 {source} 198.51.100.1 {port} 443\r\n".encode()


def binary(source="192.0.2.7", extension=b""):
    ends = socket.inet_aton(source) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 1, 443)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(ends + extension)) + ends + extension


@pytest.fixture
def behind(start_origin, start_weir, connect, ports):
    """behind(setting, rest) starts Weir with that `proxy_protocol`; gives (connect to it, the
    origin, Weir)."""
    def start(setting="on", rest=""):
        origin = start_origin(answering())
        port = ports.take()
        weir = start_weir(
            f"listen: [{{address: 127.0.0.1:{port}, proxy_protocol: {setting}}}]\n"
            f"sites: [{{proxy: '{origin.url}'}}]\n{rest}", address=("127.0.0.1", port))
        return lambda: connect(weir), origin, weir
    return start


@pytest.mark.parametrize("header,client", [
    (line(), "192.0.2.7"),
    (binary(), "192.0.2.7"),
    (binary(extension=b"\x04\x00\x02xx"), "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (SIGNATURE + b"\x20\0\0\0", "127.0.0.1"),
])
def test_the_header_says_who_the_client_is(behind, header, client):
    connect, origin, _ = behind()
    one = connect()
    one.send(header + GET)
    assert one.read_response().status == 200
    one.send(GET)  # and stays it
    assert one.read_response().status == 200
    assert [request.values("X-Forwarded-For") for request in origin.requests] == [[client]] * 2


def test_it_may_come_in_pieces(behind):
    connect, origin, _ = behind()
    for header in (line(), binary()):
        one = connect()
        for byte in header + GET:
            one.send(bytes([byte]))
        assert one.read_response().status == 200
    assert [request.values("X-Forwarded-For") for request in origin.requests] == [["192.0.2.7"]] * 2


@pytest.mark.parametrize("sent", [
    GET,
    b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n" + GET,
    b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 100,
    SIGNATURE + b"\x31\x11\0\0",
])
def test_who_sends_none_gets_nothing(behind, sent):
    connect, origin, weir = behind()
    one = connect()
    one.send(sent)
    one.expect_end()
    weir.wait_for_log("does not begin with a PROXY protocol header")
    assert origin.requests == []


def test_a_header_that_does_not_end_is_not_awaited_for_ever(behind):
    connect, origin, _ = behind(rest="timeouts: {request_header: 300ms}\n")
    one = connect()
    one.send(b"PROXY TCP4 192.0")
    one.expect_end()


def test_only_those_named_may_connect(behind):
    connect, _, weir = behind("[10.0.0.0/8]")
    one = connect()
    one.send(line() + GET)
    one.expect_end()
    weir.wait_for_log("does not come from whom proxy_protocol names")
    connect, _, _ = behind("[127.0.0.0/8]")
    one = connect()
    one.send(line() + GET)
    assert one.read_response().status == 200


def test_limits_per_client_count_whom_the_header_names(behind):
    connect, _, _ = behind(rest="limits: {connections_per_client: 1}\n")
    first, other, again = connect(), connect(), connect()
    first.send(line("192.0.2.1") + GET)
    assert first.read_response().status == 200
    other.send(line("192.0.2.2") + GET)
    assert other.read_response().status == 200
    again.send(line("192.0.2.1") + GET)
    assert again.read_response().status == 503
    first.close()
    second = connect()
    second.send(line("192.0.2.3") + GET)
    assert second.read_response().status == 200


def test_without_the_setting_a_header_is_a_bad_request(behind):
    connect, origin, _ = behind("off")
    one = connect()
    one.send(line() + GET)
    assert one.read_response().status == 400
    assert origin.requests == []


def test_the_setting_is_checked(directory):
    (directory / "weir.yaml").write_text(
        "listen: [{address: ':8080', proxy_protocol: maybe}]\nsites: [{respond: 200}]\n")
    result = run_weir_command("check", "-c", str(directory / "weir.yaml"))
    assert result.returncode == 1 and "weir.yaml:1:" in result.stderr
    assert "proxy_protocol" in result.stderr
