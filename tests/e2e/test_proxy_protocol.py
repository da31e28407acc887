"""The PROXY protocol: at listeners, who the client is; towards servers, who asks."""

import contextlib
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
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # as early as can be
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


# Towards servers

@pytest.fixture
def announced(start_weir, connect, ports):
    """announced(version, rest) starts Weir before a listener that keeps what it is sent; gives
    (a function that connects a client, a function that gives the next connection's bytes)."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    accepted = []

    def start(version, rest=""):
        port = listener.getsockname()[1]
        weir = start_weir(f"upstreams:\n  back: {{servers: ['127.0.0.1:{port}'], "
                          f"proxy_protocol: {version}}}\nsites: [{{proxy: back}}]\n{rest}")

        def take(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"):
            server, _ = listener.accept()
            accepted.append(server)
            server.settimeout(10)
            received = b""
            while not received.endswith(b"\r\n\r\n") or b"Host" not in received:
                received += server.recv(65536)
            server.sendall(answer)
            return received
        return lambda: connect(weir), take

    yield start
    for each in [listener, *accepted]:
        each.close()


def test_a_server_is_told_of_the_client_in_a_line(announced):
    connect, take = announced("v1")
    one = connect()
    one.send(GET)
    head = take()
    here, there = one.socket.getsockname(), one.socket.getpeername()
    assert head.startswith(f"PROXY TCP4 127.0.0.1 127.0.0.1 {here[1]} {there[1]}\r\nGET / HTTP/1.1\r\n"
                           .encode())
    assert one.read_response().body == b"ok"


def test_a_server_is_told_of_the_client_in_binary(announced):
    connect, take = announced("v2")
    one = connect()
    one.send(GET)
    head = take()
    here, there = one.socket.getsockname(), one.socket.getpeername()
    loopback = socket.inet_aton("127.0.0.1")
    assert head.startswith(SIGNATURE + b"\x21\x11\x00\x0c" + loopback * 2
                           + struct.pack("!HH", here[1], there[1]) + b"GET / HTTP/1.1\r\n")
    assert one.read_response().body == b"ok"


def test_who_asks_through_a_trusted_proxy_is_told(announced):
    connect, take = announced("v1", "trusted_proxies: 127.0.0.1\n")
    one = connect()
    one.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 2001:db8::9\r\n\r\n")
    assert take().startswith(b"PROXY TCP6 2001:db8::9 ::ffff:127.0.0.1 0 ")
    assert one.read_response().status == 200


def test_a_connection_is_for_one_request(announced):
    connect, take = announced("v1")
    one, other = connect(), connect()
    for client in (one, other, one):
        client.send(GET)
        head = take()  # a connection of its own each time, although the server would keep it
        assert f" {client.socket.getsockname()[1]} ".encode() in head.split(b"\r\n")[0]
        assert b"\r\nConnection: close\r\n" in head
        assert client.read_response().status == 200


def test_a_weir_understands_a_weir(start_origin, start_weir, connect, ports):
    origin, port = start_origin(answering()), ports.take()
    start_weir(f"listen: [{{address: 127.0.0.1:{port}, proxy_protocol: on}}]\n"
               f"sites: [{{proxy: '{origin.url}'}}]\n", address=("127.0.0.1", port))
    for version in ("v1", "v2"):
        front = start_weir(f"trusted_proxies: 127.0.0.1\nupstreams:\n  back: "
                           f"{{servers: ['127.0.0.1:{port}'], proxy_protocol: {version}}}\n"
                           "sites: [{proxy: back}]\n")
        client = connect(front)
        for address in ("192.0.2.9", "2001:db8::9"):
            response = client.ask(fields=[("X-Forwarded-For", address)])
            assert response.status == 200
            assert origin.requests[-1].values("X-Forwarded-For") == [address]
