"""HTTP/2 with peers that others wrote (python3-h2), as clients of Weir and as servers behind it: they
refuse what breaks the rules, and keep windows, settings and goodbyes in their own way."""

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from harness.h2_library import LibraryClient, echo, serving_by_library
from harness.origin import response_bytes
from harness.stream import connect_to
from harness.tls_client import trusting
from harness.tls_origin import TlsOrigin, serving

LARGE = bytes(range(256)) * 2048


@pytest.fixture
def library(start_origin):
    """library(weir, settings) gives a LibraryClient without TLS."""
    clients = []

    def start(weir, settings={}, **config):
        clients.append(LibraryClient(connect_to(weir.address), settings, **config))
        return clients[-1]

    yield start
    for client in clients:
        client.socket.close()


@pytest.fixture
def start_library(start_origin, start_h2c):
    """start_library(answer, settings) gives a Weir before such a server; its Origin is `origin`."""
    def start(answer=echo, settings={}, more=""):
        origin = start_origin(serving_by_library(answer, settings))
        weir = start_h2c(f'- proxy: "h2c://{origin.server}"', more)
        weir.origin = origin
        return weir
    return start


def echoing(connection):
    while True:
        request = connection.read_request()
        connection.answer(200, [request.body] if request.body else b"",
                          trailers=request.trailers or None)


# Clients

def test_bodies_of_any_size_go_both_ways(start_origin, start_h2c, library):
    client = library(start_h2c(f"- proxy: {start_origin(echoing).url}"))
    for size in (0, 1, 16384, 16385, 65535, 65536, len(LARGE)):
        response = client.ask("POST", "/", LARGE[:size])
        assert (response.status, response.body == LARGE[:size]) == (200, True)


def test_many_streams_share_the_windows(start_origin, start_h2c, library):
    client = library(start_h2c(f"- proxy: {start_origin(echoing).url}"))
    streams = [client.request("POST", "/", LARGE[:100_000 + number]) for number in range(20)]
    for number, stream in enumerate(streams):
        assert client.read_response(stream).body == LARGE[:100_000 + number]


def test_small_windows_and_no_table(start_origin, start_h2c, library):
    client = library(start_h2c(f"- proxy: {start_origin(echoing).url}"),
                     {SettingCodes.INITIAL_WINDOW_SIZE: 10, SettingCodes.HEADER_TABLE_SIZE: 0})
    for _ in range(3):
        assert client.ask("POST", "/", LARGE[:1000]).body == LARGE[:1000]


def test_settings_change_on_the_way(start_origin, start_h2c, library):
    client = library(start_h2c(f"- proxy: {start_origin(echoing).url}"))
    stream = client.request("POST", "/", LARGE)
    client.session.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1000,
                                    SettingCodes.MAX_FRAME_SIZE: 100_000})
    assert client.read_response(stream).body == LARGE
    client.read_until(lambda: client.acknowledged == 2)


def test_trailers_and_interim_heads(start_origin, start_h2c, library):
    def behaviour(connection):
        request = connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        connection.send(response_bytes(body=[request.body], trailers=[("X-Sum", "6")]))

    origin = start_origin(behaviour)
    client = library(start_h2c(f"- proxy: {origin.url}"))
    response = client.ask("POST", "/", b"body", [("te", "trailers")], [("x-check", "1")])
    assert (response.interim, response.body) == ([103], b"body")
    assert response.trailers == [("x-sum", "6")]
    trailers = origin.requests[0].trailers
    assert [(name.lower(), value) for name, value in trailers] == [("x-check", "1")]


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body(start_h2c, library, method, status):
    client = library(start_h2c(f"- respond: {{status: {status}}}"))
    for _ in range(2):
        response = client.ask(method)
        assert (response.status, response.body) == (status, b"")


def test_a_goodbye_of_weirs(start_h2c, library):
    client = library(start_h2c("- respond: 204", "timeouts: {keep_alive: 300ms}"))
    assert client.ask().status == 204
    client.read_until(lambda: client.ended)
    assert client.goaway.error_code == ErrorCodes.NO_ERROR and client.goaway.last_stream_id == 1


def test_a_client_that_resets_goes_on(start_origin, start_h2c, library):
    origin = start_origin(lambda c: (c.read_request_head(), c.read_to_end()))
    weir = start_h2c(f"""
        - host: example.com
          proxy: {origin.url}
        - host: fixed.example.com
          respond: 204
    """)
    client = library(weir)
    for _ in range(10):
        client.reset(client.request("POST", "/", LARGE), ErrorCodes.CANCEL)
    assert client.ask(host="fixed.example.com").status == 204


def test_a_malformed_request_is_reset(start_h2c, library):
    client = library(start_h2c("- respond: 204"), validate_outbound_headers=False,
                     normalize_outbound_headers=False)
    assert client.ask(fields=[("Upper", "x")]).reset == ErrorCodes.PROTOCOL_ERROR
    assert client.ask(fields=[("connection", "close")]).reset == ErrorCodes.PROTOCOL_ERROR
    assert client.ask().status == 204


def test_a_client_over_tls(start_origin, start_tls, authority):
    authority.make("site", ["example.com"])
    weir = start_tls(f'- {{tls: {{certificate: "{{files}}/site.pem", key: "{{files}}/site.key"}}, '
                     f"proxy: {start_origin(echoing).url}}}")
    context = trusting(authority)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(connect_to(weir.address), server_hostname="example.com") as socket:
        client = LibraryClient(socket)
        assert client.ask("POST", "/", LARGE, scheme="https").body == LARGE


# Servers

def test_a_server_gets_and_gives_bodies_of_any_size(start_library, library):
    weir = start_library()
    client = library(weir)
    for size in (0, 1, 16384, 16385, 65535, 65536, len(LARGE)):
        response = client.ask("POST", f"/{size}", LARGE[:size])
        assert (response.status, response.get("x-path")) == (200, f"/{size}")
        assert response.body == LARGE[:size]
    assert len(weir.origin.connections) == 1


def test_a_server_before_a_client_of_http1(start_library, connect):
    client = connect(start_library())
    for size in (0, 1, len(LARGE)):
        assert client.ask("POST", "/", body=LARGE[:size]).body == LARGE[:size]


@pytest.mark.parametrize("settings", [
    {SettingCodes.MAX_CONCURRENT_STREAMS: 2}, {SettingCodes.INITIAL_WINDOW_SIZE: 100},
    {SettingCodes.HEADER_TABLE_SIZE: 0}, {SettingCodes.MAX_FRAME_SIZE: 1 << 20}],
    ids=lambda settings: next(iter(settings)).name)
def test_a_server_has_settings_of_its_own(start_library, library, settings):
    client = library(start_library(settings=settings))
    for _ in range(2):
        streams = [client.request("POST", "/", LARGE[:5000 + number]) for number in range(10)]
        for number, stream in enumerate(streams):
            assert client.read_response(stream).body == LARGE[:5000 + number]


def test_a_server_gets_and_gives_trailers(start_library, library):
    response = library(start_library()).ask("POST", "/", b"body", [("te", "trailers")],
                                            [("x-check", "1")])
    assert (response.body, response.trailers) == (b"body", [("x-check", "1")])


def test_a_server_that_says_goodbye_now_and_then_loses_nothing(start_library, library):
    def answer(server, stream, request):
        echo(server, stream, request)
        if server.requests == 3:
            server.say_goodbye(stream)

    weir = start_library(answer)
    client = library(weir)
    for number in range(20):
        assert client.ask(path=f"/{number}").get("x-path") == f"/{number}"
    assert len(weir.origin.connections) >= 7


def test_a_server_that_resets_is_502(start_library, library):
    def answer(server, stream, request):
        if request.get(":path") == "/reset":
            server.session.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        else:
            echo(server, stream, request)

    weir = start_library(answer)
    client = library(weir)
    assert client.ask(path="/reset").status == 502
    assert client.ask().status == 200
    assert len(weir.origin.connections) == 1


def test_a_server_over_tls(ports, start_weir, start_origin, connect, authority):
    authority.make("app", ["127.0.0.1"])
    context = serving(authority, "app")
    context.set_alpn_protocols(["h2"])
    origin = TlsOrigin(("127.0.0.1", ports.take()), context, serving_by_library())
    try:
        weir = start_weir(f'upstreams: {{app: {{servers: ["h2://{origin.server}"], '
                          f"tls: {{ca: {authority.file}}}}}}}\nsites: [{{proxy: app}}]")
        assert connect(weir).ask("POST", "/", body=LARGE).body == LARGE
    finally:
        origin.stop()
        origin.check()
