"""HTTP/2 towards servers: many exchanges on one connection, each by itself, and nothing that a server
does or breaks reaches anybody else."""

import shutil
import signal
import subprocess
import threading
import time

import pytest

from harness import http1
from harness.deadline import poll_until, wait_for
from harness.h2_client import (CANCEL, DATA, ENABLE_CONNECT_PROTOCOL, ENABLE_PUSH, HEADERS,
                               INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, PING, PROTOCOL_ERROR,
                               REFUSED_STREAM, SETTINGS, WINDOW_UPDATE, frame_bytes, openings,
                               settings_payload)
from harness.h2_origin import answering_h2
from harness.socket_queue import is_taken_by_peer
from harness.tls_origin import serving

LARGE = bytes(range(256)) * 8192


def start(start_weir, *origins, more="", **parts):
    servers = ", ".join(f'"{origin.url}"' for origin in origins)
    return start_weir(f"threads: 1\nupstreams: {{app: {{servers: [{servers}]}}}}\n"
                      f"sites: [{{proxy: app}}]\n{more}", **parts)


# Messages

def test_a_request_is_written_in_http2(start_h2_origin, start_weir, connect):
    origin = start_h2_origin()
    client = connect(start(start_weir, origin))
    response = client.ask("GET", "/a?b=c", host="example.com:81", fields=[
        ("X-Mixed", "Value"), ("Cookie", "a=1; b=2"),
        ("TE", "trailers, deflate"), ("Connection", "x-own, te"), ("X-Own", "1"),
        ("Keep-Alive", "timeout=3")])
    assert (response.status, response.body) == (200, b"hello")
    request = origin.requests[0]
    assert request.fields[:4] == [(":method", "GET"), (":scheme", "http"),
                                  (":authority", "example.com:81"), (":path", "/a?b=c")]
    fields = dict(request.fields[4:])
    assert fields["x-mixed"] == "Value" and fields["cookie"] == "a=1; b=2"
    assert fields["te"] == "trailers" and fields["x-forwarded-host"] == "example.com:81"
    assert not {"host", "connection", "x-own", "keep-alive", "transfer-encoding"} & set(fields)
    assert origin.connections[0].peer_settings[ENABLE_PUSH] == 0


def test_a_server_may_open_windows_by_little(start_h2_origin, start_weir, connect):
    """Servers of Go do so whenever four KiB were read."""
    def behaviour(connection):
        connection.opens_windows = False
        request = connection.read_head()
        while not request.ended:
            frame = connection.read_frame()
            if frame.kind == DATA and frame.payload:
                connection.send(openings(request.stream, len(frame.payload), 4096))
        connection.answer(request, body=b"all of it")
        connection.read_to_end()

    client = connect(start(start_weir, start_h2_origin(behaviour)))
    assert client.ask("POST", "/", body=bytes(8_000_000)).body == b"all of it"


@pytest.mark.parametrize("counted", [True, False])
def test_large_bodies_go_both_ways(start_h2_origin, start_weir, connect, counted):
    def echo(connection):
        while True:
            request = connection.read_request()
            fields = [("content-length", str(len(request.body)))] if counted else []
            connection.send_head(request, [(":status", "200"), *fields])
            window = connection.peer_settings[INITIAL_WINDOW_SIZE]
            assert window < len(request.body)
            at = 0
            while at < len(request.body):  # as the windows open
                connection.send_data(request, request.body[at:at + 16384])
                at, window = at + 16384, window - 16384
                while window < 16384 and at < len(request.body):
                    frame = connection.read_frame()
                    if frame.kind == 8 and frame.stream == request.stream:
                        window += int.from_bytes(frame.payload, "big")
            connection.send_data(request, b"", end=True)

    client = connect(start(start_weir, start_h2_origin(echo)))
    response = client.ask("POST", "/", body=LARGE if counted else [LARGE])
    assert response.status == 200 and response.body == LARGE


def test_trailers_and_interim_heads_go_both_ways(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        request = connection.read_head()
        connection.send_head(request, [(":status", "103"), ("link", "</a>")])
        connection.send_head(request, [(":status", "100")])
        connection.read_rest(request)
        connection.answer(request, body=b"body", trailers=[("x-sum", "6")])
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    stream = client.send_request("POST", end=False, fields=[("expect", "100-continue"),
                                                           ("te", "trailers")])
    response = client.response(stream)
    client.read_until(lambda: 100 in response.interim)
    client.send_data(stream, b"ping")
    client.send_headers([("x-check", "1")], stream)
    client.read_response(stream)
    assert response.interim == [103, 100] and response.trailers == [("x-sum", "6")]
    assert origin.requests[0].trailers == [("x-check", "1")]
    assert origin.requests[0].body == b"ping"


def test_trailers_may_come_long_after_a_body_whose_length_was_told(start_h2_origin, start_h2c, h2):
    has_body, asked_on = threading.Event(), threading.Event()

    def behaviour(connection):
        request = connection.read_head()
        connection.read_until(lambda: request.body)
        has_body.set()
        connection.read_rest(request)
        connection.send_head(request, [(":status", "200"), ("content-length", "5")])
        connection.send_data(request, b"hello")
        wait_for(asked_on)
        connection.send_head(request, [("x-sum", "6")], True)
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    stream = client.send_request("POST", end=False, fields=[("content-length", "4")])
    response = client.response(stream)
    client.send_data(stream, b"ping")
    wait_for(has_body)
    client.send_headers([("x-check", "1")], stream)
    client.read_until(lambda: response.body)
    asked_on.set()
    client.read_response(stream)
    assert (response.body, response.trailers) == (b"hello", [("x-sum", "6")])
    assert origin.requests[0].trailers == [("x-check", "1")]


@pytest.mark.parametrize("method, status, fields", [
    ("HEAD", 200, [("content-length", "5")]), ("GET", 204, []), ("GET", 304, [("etag", '"x"')]),
    ("GET", 200, [("content-length", "0")])])
def test_responses_without_a_body(start_h2_origin, start_weir, connect, method, status, fields):
    def behaviour(connection):
        while True:
            connection.answer(connection.read_request(), status, fields=fields)

    client = connect(start(start_weir, start_h2_origin(behaviour)))
    for _ in range(2):
        response = client.ask(method, "/")
        assert response.status == status and not response.body


# Many on one connection

def test_many_exchanges_share_a_connection(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        requests = [connection.read_request() for _ in range(50)]
        for request in reversed(requests):
            connection.answer(request, body=request.get(":path").encode())
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    streams = [client.send_request(path=f"/{number}") for number in range(50)]
    for number, stream in enumerate(streams):
        assert client.read_response(stream).body == f"/{number}".encode()
    assert len(origin.connections) == 1


def test_the_servers_limit_of_streams_is_kept(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        if connection.number == 0:
            connection.answer(connection.read_request(), body=b"first")
            held = [connection.read_request(), connection.read_request()]
            poll_until(lambda: len(origin.requests) >= 4)
            for request in held:
                connection.answer(request, body=b"held")
        else:
            connection.answer(connection.read_request(), body=b"other")
        connection.read_to_end()

    origin = start_h2_origin(behaviour, settings={MAX_CONCURRENT_STREAMS: 2})
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    assert client.ask().body == b"first"
    streams = [client.send_request() for _ in range(3)]
    assert client.read_response(streams[2]).body == b"other"
    assert [client.read_response(stream).body for stream in streams[:2]] == [b"held", b"held"]
    assert len(origin.connections) == 2


def test_a_slow_client_slows_its_own_stream_only(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        slow = connection.read_request()
        connection.send_head(slow, [(":status", "200")])
        connection.send_data(slow, LARGE[:connection.peer_settings[INITIAL_WINDOW_SIZE]])
        while True:
            connection.answer(connection.read_request(), body=b"quick")

    client = h2(start_h2c(f'- proxy: "{start_h2_origin(behaviour).url}"'),
                {INITIAL_WINDOW_SIZE: 100})
    client.open_window(0, 1 << 20)
    client.read_head(client.send_request())
    for _ in range(5):
        assert client.ask().body == b"quick"


def test_max_connections_counts_calls(start_h2_origin, start_weir, connect):
    origin = start_h2_origin(lambda c: (c.read_request(), c.read_to_end()))
    weir = start_weir(f'''
        threads: 1
        upstreams: {{app: {{servers: [{{address: "{origin.url}", max_connections: 1}}]}}}}
        sites: [{{proxy: app}}]
    ''')
    first, second = connect(weir), connect(weir)
    first.send_request("GET", "/")
    poll_until(lambda: origin.requests)
    assert second.ask("GET", "/").status == 503


# Ends

def test_a_client_that_leaves_cancels_its_stream(start_h2_origin, start_h2c, h2):
    resets = []

    def behaviour(connection):
        request = connection.read_request()
        connection.read_until(lambda: request.reset is not None)
        resets.append(request.reset)
        connection.answer(connection.read_request(), body=b"next")
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    stream = client.send_request()
    poll_until(lambda: origin.requests)
    client.reset_stream(stream)
    poll_until(lambda: resets)
    assert resets == [CANCEL]
    assert client.ask().body == b"next"
    assert len(origin.connections) == 1


def test_what_the_server_did_not_take_up_is_repeated(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        request = connection.read_request()
        if connection.number == 0:
            connection.reset_stream(request, REFUSED_STREAM)
            connection.answer(connection.read_request(), body=b"at last")
        else:
            connection.go_away(0)
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin)
    assert connect(weir).ask("POST", "/").status == 502  # three times are enough
    assert [len(connection.requests) for connection in origin.connections] == [1, 1, 1, 1]
    assert connect(weir).ask("POST", "/").body == b"at last"


def test_goodbyes_one_after_the_other_lose_no_request(start_h2_origin, start_weir, connect):
    """The connection that was opened anew says goodbye before it has come to the request."""
    def behaviour(connection):
        connection.read_request()
        if connection.number < 3:
            connection.go_away(0)
        else:
            connection.answer(connection.requests[0], body=b"at last")
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin)
    assert connect(weir).ask("POST", "/").body == b"at last"
    assert len(origin.connections) == 4


def test_requests_go_on_where_the_server_says_goodbye(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        request = connection.read_request()
        if connection.number == 0:
            connection.go_away(request.stream)
            connection.send_frame(PING, 0, 0, b"isheard?")
            connection.read_until(lambda: connection.pinged)
            said_goodbye.set()
            connection.wait(asked_again)
        connection.answer(request, body=b"%d" % connection.number)
        connection.read_to_end()

    said_goodbye, asked_again = threading.Event(), threading.Event()
    origin = start_h2_origin(behaviour)
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    first = client.send_request()
    wait_for(said_goodbye)
    assert client.ask().body == b"1"
    asked_again.set()
    assert client.read_response(first).body == b"0"


@pytest.mark.parametrize("error, words", [
    (CANCEL, "the server reset the stream"), (PROTOCOL_ERROR, "breaks the rules of HTTP/2")])
def test_a_reset_is_502_or_a_cut(start_h2_origin, start_h2c, h2, error, words):
    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.get(":path") == "/late":
                connection.send_head(request, [(":status", "200")])
                connection.send_data(request, b"half")
                connection.wait(arrived)
            connection.reset_stream(request, error)

    arrived = threading.Event()
    origin = start_h2_origin(behaviour)
    weir = start_h2c(f'- proxy: "{origin.url}"')
    client = h2(weir)
    assert client.ask().status == 502
    stream = client.send_request(path="/late")
    client.read_until(lambda: client.response(stream).body)
    arrived.set()
    assert client.read_response(stream).reset is not None
    weir.wait_for_log(words)
    assert len(origin.connections) == 1


def test_a_server_that_closes_in_mid_body(start_h2_origin, start_h2c, h2):
    def behaviour(connection):
        request = connection.read_request()
        connection.send_head(request, [(":status", "200")])
        connection.send_data(request, b"half")
        connection.wait(arrived)

    arrived = threading.Event()
    client = h2(start_h2c(f'- proxy: "{start_h2_origin(behaviour).url}"'))
    stream = client.send_request()
    client.read_until(lambda: client.response(stream).body)
    arrived.set()
    assert client.read_response(stream).reset is not None


@pytest.mark.parametrize("head", [
    [("x", "y")], [(":status", "20")], [(":status", "101")], [(":status", "200"), ("Upper", "x")],
    [(":status", "200"), ("connection", "close")], [(":status", "200"), (":path", "/")],
    [(":status", "200"), ("transfer-encoding", "chunked")], [(":status", "200"), ("x", "a\nb")],
    [(":status", "200"), ("content-length", "1"), ("content-length", "2")],
    [(":status", "200"), ("content-length", "7")], [("x", "y"), (":status", "200")]])
def test_malformed_responses(start_h2_origin, start_weir, connect, head):
    def behaviour(connection):
        request = connection.read_request()
        connection.send_head(request, head)
        connection.send_data(request, b"four", end=True)
        connection.read_to_end()

    client = connect(start(start_weir, start_h2_origin(behaviour)))
    client.send_request("GET", "/")
    try:
        response = client.read_response()
    except Exception:  # a length that does not match is found when the head has gone
        assert ("content-length", "7") in head
        return
    assert response.status == 502


def test_a_malformed_head_that_ends_its_response(start_h2_origin, start_weir, connect):
    """The whole response is there before anybody was told that it is malformed."""
    def behaviour(connection):
        head = [(":status", "200"), ("host", "a"), ("host", "b")]
        connection.send_head(connection.read_request(), head, end=True)
        connection.read_to_end()

    weir = start(start_weir, start_h2_origin(behaviour))
    client = connect(weir)
    client.send_request("GET", "/")
    assert client.read_response().status == 502
    weir.wait_for_log("the server breaks the rules of HTTP/2")


@pytest.mark.parametrize("trailers", [[("host", "a"), ("host", "b")], [("x-many", "1")] * 30],
                         ids=["two hosts", "too many"])
def test_a_response_with_malformed_trailers_is_cut(start_h2_origin, start_weir, connect, trailers):
    """RFC 9113 8.1.1: never told as if it were whole."""
    def behaviour(connection):
        connection.answer(connection.read_request(), body=b"body", trailers=trailers)
        connection.read_to_end()

    weir = start(start_weir, start_h2_origin(behaviour), more="limits: {header_count: 20}")
    client = connect(weir)
    client.send_request("GET", "/", fields=[("TE", "trailers"), ("Connection", "te")])
    try:
        assert client.read_response().status == 502
    except http1.Cut:
        pass  # the head had gone
    weir.wait_for_log("the server breaks the rules of HTTP/2")


def flood_of(*frames):
    def behaviour(connection):
        connection.read_request()
        try:
            while True:
                connection.send(b"".join(frames) * 100)
        except OSError:
            pass
    return behaviour


@pytest.mark.parametrize("behaviour", [
    flood_of(frame_bytes(PING, 0, 0, b"12345678")), flood_of(frame_bytes(SETTINGS, 0, 0)),
    flood_of(frame_bytes(0, 0, 1)), flood_of(frame_bytes(5, 4, 1, b"\0\0\0\2")),
    flood_of(frame_bytes(0, 0, 3, b"x")), flood_of(frame_bytes(HEADERS, 0, 1)),
    flood_of(b"HTTP/1.1 200 OK\r\n\r\n")],
    ids=["pings", "settings", "data on an idle stream", "a push", "data on a stream never opened",
         "empty heads", "HTTP/1.1"])
def test_floods_and_broken_frames_end_the_connection(start_h2_origin, start_weir, connect,
                                                     behaviour):
    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin)
    assert connect(weir).ask("GET", "/").status == 502
    weir.wait_for_log("the server breaks the rules of HTTP/2")


def test_many_interim_heads_at_once_go_on(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        request = connection.read_request()
        heads = [connection.encoder.encode([(":status", "103"), ("x-number", str(number))])
                 for number in range(20)]
        heads.append(connection.encoder.encode([(":status", "200"), ("content-length", "0")]))
        connection.send(b"".join(frame_bytes(HEADERS, 4, request.stream, head) for head in heads))
        connection.send_data(request, b"", end=True)
        connection.read_to_end()

    client = connect(start(start_weir, start_h2_origin(behaviour)))
    client.send_request("GET", "/")
    for number in range(20):
        head = client.read_response_head()
        assert (head.status, head.value("X-Number")) == (103, str(number))
    assert client.read_response_head().status == 200


def test_more_interim_heads_than_anybody_reads(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        request = connection.read_request()
        block = b"".join(frame_bytes(HEADERS, 4, request.stream, b"\x08\x03103")
                         for _ in range(1000))
        connection.send(block)
        connection.read_to_end()

    assert connect(start(start_weir, start_h2_origin(behaviour))).ask("GET", "/").status == 502


def test_a_server_of_http1_is_told_of(start_origin, start_weir, connect):
    origin = start_origin(lambda c: (c.read_some(), c.answer(400), c.read_some()))
    weir = start_weir(f'sites: [{{proxy: "h2c://{origin.server}"}}]')
    assert connect(weir).ask("GET", "/").status == 502
    weir.wait_for_log("the server does not speak HTTP/2")


@pytest.mark.parametrize("settings, fields", [
    ({}, [("Upgrade", "websocket"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]),
    ({ENABLE_CONNECT_PROTOCOL: 1}, [("Upgrade", "websocket")]),
    ({ENABLE_CONNECT_PROTOCOL: 1}, [("Upgrade", "echo/1")])],
    ids=["not offered", "no key", "no WebSocket"])
def test_other_upgrades_are_refused(start_h2_origin, start_weir, connect, settings, fields):
    weir = start(start_weir, start_h2_origin(settings=settings))
    client = connect(weir)
    response = client.ask("GET", "/", fields=[("Connection", "upgrade"), *fields])
    assert response.status == 501
    weir.wait_for_log("HTTP/2 with the server does not have this upgrade")


def test_calls_wait_on_one_connection_where_the_server_takes_none(start_h2_origin, start_h2c, h2):
    """SETTINGS_MAX_CONCURRENT_STREAMS of 0 is for a moment, and no reason to open connections."""
    def behaviour(connection):
        first = connection.read_request()  # it was sent before the settings were known
        connection.read_until(lambda: connection.settled)
        is_settled.set()
        connection.wait(may_answer)
        connection.send_frame(SETTINGS, 0, 0, settings_payload({MAX_CONCURRENT_STREAMS: 100}))
        connection.answer(first, body=b"hello")
        answering_h2(connection)

    is_settled, may_answer = threading.Event(), threading.Event()
    origin = start_h2_origin(behaviour, settings={MAX_CONCURRENT_STREAMS: 0})
    client = h2(start_h2c(f'- proxy: "{origin.url}"'))
    first = client.send_request()
    wait_for(is_settled)
    streams = [first, *[client.send_request() for _ in range(20)]]
    client.ping()
    may_answer.set()
    for stream in streams:
        assert client.read_response(stream).body == b"hello"
    assert len(origin.connections) == 1


def test_what_came_before_a_reset_is_the_clients(start_h2_origin, start_weir, connect):
    """However much of it is there at once, and though nothing can be sent to the server any more."""
    large = LARGE[:400 * 1024]

    def behaviour(connection):
        widening = connection.read_request()  # the system lets that much go ahead only by and by
        connection.send_head(widening, [(":status", "200")])
        connection.send_patiently(widening, LARGE * 10, end=True)
        request = connection.read_request()
        connection.read_until(lambda: connection.room(request) > len(large))
        weir.signal(signal.SIGSTOP)
        connection.answer(request, body=large)
        poll_until(lambda: is_taken_by_peer(connection.socket), what="all of it is there")
        connection.reset()
        weir.signal(signal.SIGCONT)

    weir = start(start_weir, start_h2_origin(behaviour))
    client = connect(weir)
    assert len(client.ask("GET", "/").body) == 10 * len(LARGE)
    assert client.ask("GET", "/").body == large


# Time

def test_a_server_that_says_nothing(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        connection.answer(connection.read_request(), body=b"hello")
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    weir = start(start_weir, origin, more="timeouts: {first_byte: 1s}")
    assert connect(weir).ask("GET", "/").body == b"hello"
    assert connect(weir).ask("GET", "/").status == 504
    assert connect(weir).ask("GET", "/").body == b"hello"  # over another connection


def test_a_server_that_takes_nothing(start_h2_origin, start_weir, connect):
    def behaviour(connection):
        connection.opens_windows = False
        connection.read_to_end()

    weir = start(start_weir, start_h2_origin(behaviour), more="timeouts: {between_bytes: 200ms}")
    assert connect(weir).ask("POST", "/", body=LARGE[:1 << 18]).status == 504


def test_a_server_that_takes_a_body_slowly_gets_all_of_it(start_h2_origin, start_weir, connect):
    """The last of it, too, which makes no more room for the client's."""
    def behaviour(connection):
        connection.opens_windows = False
        connection.answer(connection.read_request())  # from now on its settings are known
        request = connection.read_head()
        while not request.ended:
            time.sleep(0.04)
            connection.send_frame(WINDOW_UPDATE, 0, request.stream, b"\0\0\4\0")
            connection.read_until(lambda end=len(request.body) + 1024:
                                  request.ended or len(request.body) >= end)
        connection.answer(request, body=b"%d" % len(request.body))
        connection.read_to_end()

    origin = start_h2_origin(behaviour, settings={INITIAL_WINDOW_SIZE: 0})
    weir = start(start_weir, origin, more="timeouts: {between_bytes: 500ms}")
    client = connect(weir)
    assert client.ask().status == 200
    assert client.ask("POST", "/", body=LARGE[:40000]).body == b"40000"


def test_an_idle_connection_is_closed(start_h2_origin, start_weir, connect):
    ended = []

    def behaviour(connection):
        connection.answer(connection.read_request(), body=b"hello")
        connection.read_to_end()
        ended.append(connection.goaway)

    weir = start(start_weir, start_h2_origin(behaviour), more="timeouts: {pool_idle: 100ms}")
    assert connect(weir).ask("GET", "/").status == 200
    poll_until(lambda: ended)
    assert ended[0] is not None and ended[0].error == 0


def test_a_server_that_is_not_there(ports, start_weir, connect, start_h2_origin):
    weir = start_weir(f'sites: [{{proxy: "h2c://127.0.0.1:{ports.take()}"}}]')
    assert [connect(weir).ask("GET", "/").status for _ in range(20)] == [502] * 20
    weir.wait_for_log("a server cannot be reached")
    assert weir.log.count("a server cannot be reached") == 1
    other = start_h2_origin()
    weir = start_weir(f'sites: [{{proxy: ["h2c://127.0.0.1:{ports.take()}", "{other.url}"]}}]')
    for _ in range(3):
        assert connect(weir).ask("GET", "/").body == b"hello"


# TLS

def h2_context(authority, protocols):
    authority.make("app", ["app.internal", "127.0.0.1"])
    context = serving(authority, "app")
    context.set_alpn_protocols(protocols)
    return context


def over_tls(start_weir, authority, origin):
    return start_weir(f'upstreams: {{app: {{servers: ["{origin.url}"], '
                      f'tls: {{ca: {authority.file}}}}}}}\nsites: [{{proxy: app}}]')


def test_http2_over_tls(start_h2_origin, start_weir, connect, authority):
    origin = start_h2_origin(context=h2_context(authority, ["h2", "http/1.1"]))
    client = connect(over_tls(start_weir, authority, origin))
    for _ in range(3):
        assert client.ask("GET", "/").body == b"hello"
    assert origin.requests[0].get(":scheme") == "https"
    assert origin.connections[0].protocol == "h2" and len(origin.connections) == 1


def test_a_server_that_chooses_another_protocol(start_tls_origin, start_weir, connect, authority):
    authority.make("app", ["app.internal", "127.0.0.1"])
    context = serving(authority, "app")
    context.set_alpn_protocols([])
    origin = start_tls_origin(context=context)
    weir = start_weir(f'upstreams: {{app: {{servers: ["h2://{origin.server}"], '
                      f'tls: {{ca: {authority.file}}}}}}}\nsites: [{{proxy: app}}]')
    assert connect(weir).ask("GET", "/").status == 502
    weir.wait_for_log("the server does not speak HTTP/2")


# Real peers

@pytest.mark.skipif(not shutil.which("nghttpd"), reason="nghttpd is not installed")
def test_nghttpd(start_weir, connect, ports, directory):
    (directory / "large").write_bytes(LARGE)
    port = ports.take()
    server = subprocess.Popen(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(directory),
                               str(port)], stdout=subprocess.DEVNULL)
    try:
        client = None
        weir = start_weir(f'threads: 1\nsites: [{{proxy: "h2c://127.0.0.1:{port}"}}]')
        client = connect(weir)
        poll_until(lambda: client.ask("GET", "/large").status == 200)
        for _ in range(3):
            assert client.ask("GET", "/large").body == LARGE
    finally:
        server.terminate()
        server.wait()
