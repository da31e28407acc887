"""WebSockets over HTTP/2 (RFC 8441): an extended CONNECT of a client, towards a server, or both."""

import asyncio
import base64
import hashlib
import signal
import threading

import pytest

from harness.certificates import a_site
from harness.deadline import Late, poll_until, wait_for
from harness.h2_client import CANCEL, ENABLE_CONNECT_PROTOCOL, PROTOCOL_ERROR
from harness.metrics import read_metrics
from harness.origin import answering
from harness.websocket import ask_websocket

OFFER = {ENABLE_CONNECT_PROTOCOL: 1}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", KEY)]


def accept_of(key):
    text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def connect_fields(path="/chat", fields=(), protocol="websocket", scheme="http"):
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", scheme),
            (":authority", "example.com"), (":path", path), ("sec-websocket-version", "13"),
            *fields]


def upgrading(talk, accept=accept_of):
    """A server of HTTP/1.1."""
    def behaviour(connection):
        request = connection.read_request()
        assert request.list_of("Connection") == ["upgrade"]
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        f"Upgrade: websocket\r\nX-A: b\r\n"
                        f"Sec-WebSocket-Accept: {accept(request.value('Sec-WebSocket-Key'))}"
                        "\r\n\r\n".encode())
        talk(connection)
    return behaviour


def echo(connection):
    while data := connection.read_some():
        connection.send(data)


def connecting(talk):
    """A server of HTTP/2."""
    def behaviour(connection):
        request = connection.read_head()
        connection.send_head(request, [(":status", "200"), ("x-a", "b")])
        talk(connection, request)
        connection.read_to_end()
    return behaviour


def echo_h2(connection, request):
    done = 0
    while not request.ended or done < len(request.body):
        if done == len(request.body):
            connection.read_frame()
            continue
        data = request.body[done:]
        connection.send_data(request, data)
        done += len(data)
    connection.send_data(request, b"", end=True)


def proxy(origin):
    return f'- proxy: "{getattr(origin, "url", None) or "http://" + origin.server}"'


def open_tunnel(client, **parts):
    stream = client.send_headers(connect_fields(**parts), end=False)
    return stream, client.read_head(stream)


@pytest.fixture(params=["to HTTP/1.1", "to HTTP/2"])
def start_echo(request, start_origin, start_h2_origin):
    """A server that echoes what comes through a tunnel."""
    if request.param == "to HTTP/2":
        return lambda: start_h2_origin(connecting(echo_h2), settings=OFFER)
    return lambda: start_origin(upgrading(echo))


# What is asked

def test_it_is_offered_to_clients(start_h2c, start_origin, h2):
    client = h2(start_h2c(proxy(start_origin())))
    client.read_until(lambda: client.settings is not None)
    assert client.settings[ENABLE_CONNECT_PROTOCOL] == 1


def test_a_server_of_http1_gets_an_upgrade(start_origin, start_h2c, h2):
    origin = start_origin(upgrading(echo))
    client = h2(start_h2c(proxy(origin)))
    stream, response = open_tunnel(client, path="/chat?a=b", fields=[
        ("sec-websocket-protocol", "chat, superchat"), ("sec-websocket-key", "of no use")])
    assert response.status == 200 and response.get("x-a") == "b"
    assert response.get("sec-websocket-accept") is None and response.get("upgrade") is None
    request = origin.requests[0]
    assert (request.method, request.target) == ("GET", "/chat?a=b")
    assert request.value("Upgrade") == "websocket"
    assert request.value("Sec-WebSocket-Protocol") == "chat, superchat"
    assert len(base64.b64decode(request.value("Sec-WebSocket-Key"))) == 16
    assert not request.has("Content-Length") and not request.has("Transfer-Encoding")


def test_a_server_of_http2_gets_an_extended_connect(start_h2_origin, start_weir, connect):
    heads = []
    origin = start_h2_origin(connecting(lambda c, request: (heads.append(request.fields),
                                                            echo_h2(c, request))), settings=OFFER)
    client = connect(start_weir(f"sites: [{{proxy: \"{origin.url}\"}}]"))
    client.send_request("GET", "/chat", fields=UPGRADE)
    response = client.read_response()
    assert response.status == 101 and response.value("X-A") == "b"
    assert response.list_of("Connection") == ["upgrade"]
    assert response.value("Upgrade") == "websocket"
    assert response.value("Sec-WebSocket-Accept") == accept_of(KEY)
    client.send(b"through")
    assert client.read_exactly(7) == b"through"
    assert heads[0][:5] == [(":method", "CONNECT"), (":protocol", "websocket"),
                            (":scheme", "http"), (":authority", "example.com"), (":path", "/chat")]
    fields = dict(heads[0][5:])
    assert fields["sec-websocket-version"] == "13"
    assert not {"sec-websocket-key", "upgrade", "connection", "content-length"} & set(fields)
    client.end_sending()
    assert client.read_to_end() == b""


# What comes of it

def check_echo(client, stream, response, *pieces):
    """All pieces come back, one after the other, and the end as well."""
    for data in pieces:
        before = len(response.body)
        client.send_data(stream, data)
        client.read_until(lambda end=before + len(data): len(response.body) == end)
        assert response.body[before:] == data
    client.send_data(stream, b"last", end=True)
    client.read_response(stream)
    assert response.body.endswith(b"last") and response.ended and response.reset is None


def test_bytes_go_both_ways_and_each_end_by_itself(start_echo, start_h2c, h2):
    client = h2(start_h2c(proxy(start_echo())))
    stream, response = open_tunnel(client)
    assert response.status == 200
    check_echo(client, stream, response, b"a", b"\x00\r\n\r\n\xff", b"GET / HTTP/1.1\r\n\r\n")


def test_it_is_the_same_over_tls(start_echo, authority, start_tls, h2_tls):
    """Pieces larger than a record among them."""
    authority.make("site", ["example.com"])
    client = h2_tls(start_tls(a_site(rest=proxy(start_echo()).removeprefix("- "))))
    stream, response = open_tunnel(client, scheme="https")
    assert response.status == 200
    client.open_window(0, 1 << 20)
    client.open_window(stream, 1 << 20)
    check_echo(client, stream, response, b"a", bytes(range(256)) * 200)


def test_much_goes_both_ways_as_the_windows_open(start_echo, start_h2c, h2):
    client = h2(start_h2c(proxy(start_echo())))
    stream, response = open_tunnel(client)
    client.open_window(0, 1 << 24)
    client.open_window(stream, 1 << 24)
    for number in range(64):
        data = bytes([number]) * 16384
        client.send_data(stream, data)
        client.read_until(lambda: len(response.body) == (number + 1) * 16384)
        assert response.body[-16384:] == data


def test_a_server_that_reads_nothing_holds_the_client_back(start_origin, start_h2c, h2):
    """Its own stream alone; the tunnel takes no more than the window from the client."""
    may_read = threading.Event()

    def talk(connection):
        connection.keep_received = False
        connection.wait(may_read)
        connection.skim(window)
        connection.send(b"all")

    client = h2(start_h2c(f"""
        - proxy: "http://{start_origin(upgrading(talk)).server}"
          routes: [{{path: /fine, respond: {{body: hello}}}}]
        """))
    stream, response = open_tunnel(client)
    window = 128 * 1024
    client.send_data(stream, b"x" * window)
    assert client.ask(path="/fine").body == b"hello"
    may_read.set()
    client.read_until(lambda: response.body == b"all")


def test_nothing_reaches_the_server_before_it_has_switched(start_origin, start_h2c, h2):
    """Early bytes might be a request that nobody has checked."""
    asked, may_switch = threading.Event(), threading.Event()

    def wait(key):
        asked.set()
        wait_for(may_switch)
        return accept_of(key)

    def talk(connection):
        connection.send(connection.read_some())

    smuggled = b"GET /smuggled HTTP/1.1\r\n\r\n"
    origin = start_origin(upgrading(talk, wait))
    client = h2(start_h2c(proxy(origin)))
    stream = client.send_headers(connect_fields(), end=False)
    client.send_data(stream, smuggled)
    client.ping()
    wait_for(asked)
    assert not origin.connections[0].has_unread()
    may_switch.set()
    response = client.response(stream)
    client.read_until(lambda: response.body == smuggled)
    assert response.status == 200 and len(origin.requests) == 1


@pytest.mark.parametrize("status", [404, 401, 302])
def test_what_the_server_refuses_is_an_ordinary_answer(start_origin, start_h2c, h2, status):
    origin = start_origin(answering(b"no", status=status))
    client = h2(start_h2c(proxy(origin)))
    stream, _ = open_tunnel(client)
    client.send_data(stream, b"GET /smuggled HTTP/1.1\r\n\r\n")
    response = client.read_response(stream)
    assert (response.status, response.body) == (status, b"no")
    assert client.ask(path="/next").status == status
    assert [request.target for request in origin.requests] == ["/chat", "/next"]


@pytest.mark.parametrize("behaviour, words", [
    (answering(b"hello"), "answers a request for a WebSocket with success, but opens none"),
    (upgrading(echo, lambda key: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
     "Sec-WebSocket-Accept of the server does not fit")], ids=["200", "another key"])
def test_success_that_opens_no_websocket_is_none(start_origin, start_h2c, h2, behaviour, words):
    weir = start_h2c(proxy(start_origin(behaviour)))
    _, response = open_tunnel(h2(weir))
    assert response.status == 502
    weir.wait_for_log(words)


def test_an_answer_of_our_own_is_no_websocket(start_h2c, h2):
    client = h2(start_h2c("- respond: {status: 200, body: hello}"))
    assert open_tunnel(client)[1].status == 501
    assert client.ask().body == b"hello"


def test_a_length_is_refused(start_origin, start_h2c, h2):
    origin = start_origin(upgrading(echo))
    client = h2(start_h2c(proxy(origin)))
    assert open_tunnel(client, fields=[("content-length", "5")])[1].status == 400
    assert not origin.requests


@pytest.mark.parametrize("method, body", [("GET", b"GET / HTTP/1.1"), ("POST", b"a"), ("POST", b"")])
def test_a_body_is_no_part_of_the_tunnel(start_h2_origin, start_weir, connect, method, body):
    origin = start_h2_origin(connecting(echo_h2), settings=OFFER)
    client = connect(start_weir(f"sites: [{{proxy: \"{origin.url}\"}}]"))
    assert client.ask(method, "/", fields=UPGRADE, body=body).status == 501
    assert not origin.requests


def test_a_head_in_the_middle_of_a_tunnel_breaks_it(start_echo, start_h2c, h2):
    """RFC 9113 8.5."""
    client = h2(start_h2c(proxy(start_echo())))
    stream, _ = open_tunnel(client)
    client.send_headers([("x-trailer", "1")], stream=stream)
    assert client.read_response(stream).reset == PROTOCOL_ERROR


def test_a_server_of_http2_may_refuse_too(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        connection.answer(connection.read_head(), status=403, body=b"no")
        connection.read_to_end()

    origin = start_h2_origin(behaviour, settings=OFFER)
    client = connect(start_weir(f"sites: [{{proxy: \"{origin.url}\"}}]"))
    response = client.ask("GET", "/", fields=UPGRADE)
    assert (response.status, response.body) == (403, b"no")


# The end

def test_a_client_that_resets_ends_the_tunnel(start_echo, start_h2c, h2):
    origin = start_echo()
    client = h2(start_h2c(proxy(origin)))
    stream, _ = open_tunnel(client)
    client.reset_stream(stream, CANCEL)

    def is_told():
        connection = origin.connections[0]
        streams = getattr(connection, "streams", None)
        return any(r.reset == CANCEL for r in streams.values()) if streams \
            else connection.finished.is_set()

    poll_until(is_told, what="the server to be told")


@pytest.mark.parametrize("size", [10, 300 * 1024])
@pytest.mark.parametrize("over", ["TCP", "Unix"])
def test_what_a_client_sends_last_reaches_a_server_that_has_ended(
        start_h2_origin, start_weir, connect, directory, over, size):
    """The client's connection is over in both directions before all of it was read."""
    requests = []

    def ends_first(connection, request):
        connection.send_data(request, b"bye", end=True)
        requests.append(connection.read_rest(request))

    origin = start_h2_origin(connecting(ends_first), settings=OFFER)
    weir = start_weir(f"threads: 1\nsites: [{{proxy: \"{origin.url}\"}}]",
                      str(directory / "w.sock") if over == "Unix" else None)
    client = connect(weir)
    client.send_request("GET", "/chat", fields=UPGRADE)
    assert client.read_response().status == 101
    assert client.read_to_end() == b"bye"
    client.send(b"x" * size)
    client.close()
    poll_until(lambda: requests, what="the end of what the client sends")
    assert (len(requests[0].body), requests[0].ended, requests[0].reset) == (size, True, None)


@pytest.mark.parametrize("ends", [True, False])
def test_a_client_of_http1_that_resets_ends_the_stream(start_h2_origin, start_weir, connect, ends):
    """Also when it had ended its direction before."""
    requests = []

    def behaviour(connection, request):
        connection.read_until(lambda: request.body == b"abc" and request.ended == ends)
        client.reset()
        connection.read_until(lambda: request.reset is not None)
        requests.append(request)

    origin = start_h2_origin(connecting(behaviour), settings=OFFER)
    client = connect(start_weir(f"sites: [{{proxy: \"{origin.url}\"}}]"))
    client.send_request("GET", "/chat", fields=UPGRADE)
    assert client.read_response().status == 101
    client.send(b"abc")
    if ends:
        client.end_sending()
    poll_until(lambda: requests, what="the reset")
    assert requests[0].reset == CANCEL


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_a_client_that_resets_ends_a_tunnel_of_which_nobody_takes(
        start_origin, start_h2_origin, start_weir, connect, directory, kind):
    go_on = threading.Event()

    def stands_still(connection, *_):
        connection.wait(go_on)

    origin = (start_h2_origin(connecting(stands_still), settings=OFFER) if kind == "http2" else
              start_origin(upgrading(stands_still)))
    client = connect(start_weir(f"admin: unix:{directory}/admin\n"
                                f"sites: [{{proxy: \"{origin.url}\"}}]"))
    client.send_request("GET", "/chat", fields=UPGRADE)
    assert client.read_response().status == 101
    with pytest.raises(Late):
        client.send(bytes(64 * 1024 * 1024), seconds=1)
    client.reset()
    poll_until(lambda: read_metrics(f"{directory}/admin")("weir_tunnels") == 0,
               what="the end of the tunnel")
    assert not origin.connections[0].finished.is_set()
    go_on.set()


def test_a_server_of_http1_that_resets_ends_the_stream(start_origin, start_h2c, h2):
    may_reset = threading.Event()

    def talk(connection):
        connection.wait(may_reset)
        connection.reset()

    client = h2(start_h2c(proxy(start_origin(upgrading(talk)))))
    stream, _ = open_tunnel(client)
    may_reset.set()
    assert client.read_response(stream).reset == CANCEL


def test_a_server_of_http2_that_resets_ends_the_tunnel(start_h2_origin, start_weir, connect):
    may_reset = threading.Event()

    def talk(connection, request):
        connection.wait(may_reset)
        connection.reset_stream(request, CANCEL)

    origin = start_h2_origin(connecting(talk), settings=OFFER)
    client = connect(start_weir(f"sites: [{{proxy: \"{origin.url}\"}}]"))
    client.send_request("GET", "/", fields=UPGRADE)
    assert client.read_response().status == 101
    may_reset.set()
    client.expect_end()


def test_a_server_of_http1_that_ends_and_resets_ends_the_tunnel(start_origin, start_h2c, h2,
                                                                  directory):
    """When what the client sends last does not reach it."""
    ends, resets, was_reset = (threading.Event() for _ in range(3))

    def talk(connection):
        connection.wait(ends)
        connection.end_sending()
        connection.wait(resets)
        connection.reset()
        was_reset.set()

    weir = start_h2c(proxy(start_origin(upgrading(talk))), more=f"admin: unix:{directory}/admin")
    client = h2(weir)
    stream, response = open_tunnel(client)
    ends.set()
    client.read_until(lambda: response.ended)
    resets.set()
    wait_for(was_reset)
    client.ping()
    client.send_data(stream, b"last", end=True)
    poll_until(lambda: read_metrics(f"{directory}/admin")("weir_tunnels") == 0,
               what="the end of the tunnel")


def test_a_silent_tunnel_ends_in_time(start_echo, start_h2c, h2, directory):
    admin = str(directory / "admin.sock")
    weir = start_h2c(proxy(start_echo()) + "\n  routes: [{path: /fine, respond: {body: hello}}]",
                     more=f"admin: unix:{admin}\ntimeouts: {{tunnel: 300ms}}")
    client = h2(weir)
    stream, response = open_tunnel(client)
    assert response.status == 200 and client.read_response(stream).reset == CANCEL
    assert client.ask(path="/fine").body == b"hello"  # the connection lives
    metrics = read_metrics(admin)
    assert metrics("weir_tunnels_silent_total") == 1 == metrics("weir_tunnels_total")


def test_it_goes_on_while_weir_drains(start_echo, start_h2c, h2):
    weir = start_h2c(proxy(start_echo()))
    client = h2(weir)
    stream, response = open_tunnel(client)
    weir.signal(signal.SIGTERM)
    client.read_until(lambda: client.goaway is not None)
    client.send_data(stream, b"still here", end=True)
    assert client.read_response(stream).body == b"still here" and response.reset is None
    client.read_goaway()
    weir.wait_for_end()


def test_the_end_of_the_drain_cuts_it(start_echo, start_h2c, h2):
    weir = start_h2c(proxy(start_echo()), more="timeouts: {drain: 100ms}")
    client = h2(weir)
    open_tunnel(client)
    weir.signal(signal.SIGTERM)
    client.read_goaway()
    weir.wait_for_end()


def test_it_is_told_when_it_begins(start_echo, start_h2c, h2, directory):
    log, admin = directory / "access.log", directory / "admin.sock"
    weir = start_h2c(proxy(start_echo()), more=f"admin: unix:{admin}\nlog: {{access: {{format: combined, to: {log}}}}}")
    client = h2(weir)
    stream, response = open_tunnel(client)
    client.send_data(stream, b"a")
    client.read_until(lambda: response.body == b"a")
    metrics = read_metrics(str(admin))
    assert metrics("weir_tunnels") == 1 == metrics("weir_exchanges_total", status="1xx")
    client.send_data(stream, b"", end=True)
    assert client.read_response(stream).ended
    poll_until(lambda: read_metrics(str(admin))("weir_tunnels") == 0, what="the end to be counted")
    assert read_metrics(str(admin))("weir_exchanges_total", status="1xx") == 1
    poll_until(lambda: log.exists() and log.read_text(), what="the line")
    assert len(log.read_text().splitlines()) == 1 and " 101 " in log.read_text()


# The real thing

def test_real_websockets_through_two_hops(start_weir, websocket_echo, ports):
    """A real client of HTTP/1.1, Weir, HTTP/2, Weir, a real server of HTTP/1.1."""
    outer, inner = ports.take(), ports.take()
    weir = start_weir(f"""
listen: ["127.0.0.1:{outer}", {{address: "127.0.0.1:{inner}", h2c: on}}]
sites:
  - host: example.com
    proxy: "http://{websocket_echo}"
  - proxy: "h2c://127.0.0.1:{inner}"
    upstream_host: example.com
""", ("127.0.0.1", outer))
    messages = ["hello", b"\x00\xff", "", "x" * 200000, b"y" * 1000000]

    async def all_of_them():
        url = f"ws://127.0.0.1:{outer}/chat?a=b"
        return await asyncio.gather(*[ask_websocket(url, messages) for _ in range(10)])

    assert asyncio.run(all_of_them()) == [messages] * 10
    assert weir.is_running()
