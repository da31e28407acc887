"""HTTP/2 from clients: that everything an exchange can do it does here too, each stream by itself."""

import pathlib
import random
import signal
import struct
import subprocess
import threading

import pytest

from harness.certificates import a_site
from harness.deadline import PATIENCE, Deadline, wait_for
from harness.h2_client import (CANCEL, DATA, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE,
                               INTERNAL_ERROR, NO_ERROR, PREFACE, REFUSED_STREAM, SETTINGS,
                               WINDOW_UPDATE, frame_bytes)
from harness.http1 import Cut
from harness.origin import response_bytes
from harness.weir import write_configuration


def proxy(origin):
    return f"- proxy: {origin.url}"


def reload(weir, text):
    seen = weir.log.count("\n")
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text, weir.address)
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded", start=seen)


# Requests

def test_a_request_reaches_the_server_in_http1(start_origin, start_h2c, h2):
    origin = start_origin()
    response = h2(start_h2c(proxy(origin))).ask("GET", "/a?b=c", host="Example.com:81", fields=[
        ("user-agent", "test"), ("te", "trailers")])
    assert (response.status, response.body) == (200, b"hello")
    assert response.get("content-length") == "5" and response.get("date")
    request = origin.requests[0]
    assert (request.method, request.target) == ("GET", "/a?b=c")
    fields = {name.lower(): value for name, value in request.fields}
    assert fields["host"] == "Example.com:81" and fields["user-agent"] == "test"
    assert fields["x-forwarded-proto"] == "http" and fields["x-forwarded-host"] == "Example.com:81"
    assert fields["via"] == "2.0 weir" and "te" not in fields


def test_the_crumbs_of_a_cookie_are_joined(start_origin, start_h2c, h2):
    origin = start_origin()
    h2(start_h2c(proxy(origin))).ask(fields=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"),
                                             ("cookie", ""), ("cookie", "c=3; d=4"), ("cookie", "")])
    cookies = [value for name, value in origin.requests[0].fields if name.lower() == "cookie"]
    assert cookies == ["a=1; b=2; c=3; d=4"]


@pytest.mark.parametrize("length", [True, False])
def test_a_body_reaches_the_server(start_origin, start_h2c, h2, length):
    origin = start_origin()
    body = bytes(range(256)) * 200
    fields = [("content-length", str(len(body)))] if length else []
    assert h2(start_h2c(proxy(origin))).ask("POST", body=body, fields=fields).status == 200
    assert origin.requests[0].body == body
    names = {name.lower() for name, _ in origin.requests[0].fields}
    assert ("content-length" in names) == length and ("transfer-encoding" in names) != length


def test_trailers_of_a_request_go_on(start_origin, start_h2c, h2):
    origin = start_origin()
    client = h2(start_h2c(proxy(origin)))
    stream = client.send_request("POST", end=False)
    client.send_data(stream, b"body")
    client.send_headers([("x-sum", "42"), ("host", "evil")], stream)
    assert client.read_response(stream).status == 200
    assert origin.requests[0].body == b"body"
    assert [(n.lower(), v) for n, v in origin.requests[0].trailers] == [("x-sum", "42")]


def test_a_large_body_goes_as_the_windows_open(start_origin, start_h2c, h2):
    origin = start_origin()
    client = h2(start_h2c(proxy(origin)))
    body = bytes(range(256)) * 4096
    stream = client.send_request("POST", end=False)
    client.read_until(lambda: client.settings)
    window, at = client.settings[INITIAL_WINDOW_SIZE], 0
    while at < len(body):
        piece = body[at:at + min(window, 16384)]
        client.send_data(stream, piece, end=at + len(piece) == len(body))
        at, window = at + len(piece), window - len(piece)
        while window == 0 and at < len(body):
            frame = client.read_frame()
            if frame.kind == WINDOW_UPDATE and frame.stream == stream:
                window += struct.unpack(">L", frame.payload)[0]
    assert client.read_response(stream).status == 200
    assert origin.requests[0].body == body


# Responses

def test_a_response_without_length_ends_with_its_stream(start_origin, start_h2c, h2):
    origin = start_origin(lambda c: (c.read_request(), c.answer(
        body=[b"one", b"two"], trailers=[("X-Sum", "6")], fields=[("X-A", "b")])))
    response = h2(start_h2c(proxy(origin))).ask()
    assert (response.status, response.body, response.trailers) == (200, b"onetwo", [("x-sum", "6")])
    assert response.get("x-a") == "b" and response.get("content-length") is None
    assert response.get("transfer-encoding") is None and response.get("connection") is None


@pytest.mark.parametrize("status, method, fields, length", [
    (200, "HEAD", [], "5"), (204, "GET", [], None), (304, "GET", [("ETag", '"x"')], None)])
def test_a_response_without_a_body(start_origin, start_h2c, h2, status, method, fields, length):
    def behaviour(connection):
        connection.read_request()
        whole = response_bytes(status, b"hello" if method == "HEAD" else b"", fields)
        connection.send(whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    client = h2(start_h2c(proxy(start_origin(behaviour))))
    response = client.ask(method)
    assert (response.status, response.body) == (status, b"")
    assert response.get("content-length") == length
    assert not any(frame.kind == DATA for frame in client.frames)


def test_interim_responses_go_on(start_origin, start_h2c, h2):
    def behaviour(connection):
        head = connection.read_request_head()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                        b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_request_body(head)
        connection.answer()

    client = h2(start_h2c(proxy(start_origin(behaviour))))
    stream = client.send_request("POST", end=False, fields=[("expect", "100-continue"),
                                                           ("content-length", "2")])
    response = client.response(stream)
    client.read_until(lambda: 100 in response.interim)
    client.send_data(stream, b"ok", end=True)
    assert client.read_response(stream).status == 200
    assert response.interim == [103, 100]


def test_a_large_response_goes_as_the_windows_open(start_origin, start_h2c, h2):
    body = bytes(range(256)) * 4096
    origin = start_origin(lambda c: (c.read_request(), c.answer(body=body)))
    client = h2(start_h2c(proxy(origin)))
    stream = client.send_request()
    response = client.read_head(stream)
    while not response.ended:
        frame = client.read_frame()
        if frame.kind == DATA and frame.payload:
            client.open_window(0, len(frame.payload))
            client.open_window(stream, len(frame.payload))
    assert response.body == body


def test_answers_of_our_own(start_h2c, h2):
    client = h2(start_h2c("""
        - host: example.com
          routes:
            - {path: /text, respond: {status: 200, body: "$protocol\\n"}}
            - {path: /away, redirect: https://example.com/}
    """))
    assert client.ask(path="/text").body == b"HTTP/2.0\n"
    assert client.ask(path="/away").status == 302
    assert client.ask(path="/nowhere").status == 404
    assert client.ask(host="other.example.com").status == 404
    head = client.ask("HEAD", "/text")
    assert (head.body, head.get("content-length")) == (b"", "9")


# Many at once

def test_streams_do_not_wait_for_each_other(start_origin, start_h2c, h2):
    go = threading.Event()

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.target == "/slow":
                connection.wait(go)
            connection.answer(body=request.target.encode())

    client = h2(start_h2c(proxy(start_origin(behaviour))))
    slow = client.send_request(path="/slow")
    for number in range(20):
        assert client.ask(path=f"/{number}").body == b"/%d" % number
    go.set()
    assert client.read_response(slow).body == b"/slow"


def test_who_takes_nothing_stops_his_own_stream_only(start_origin, start_h2c, h2):
    body = b"x" * 100_000

    def behaviour(connection):
        while True:
            connection.read_request()
            connection.answer(body=body)

    client = h2(start_h2c(proxy(start_origin(behaviour))), {INITIAL_WINDOW_SIZE: 0})
    client.open_window(0, 1 << 24)
    closed = client.send_request()
    client.read_head(closed)
    for _ in range(3):
        stream = client.send_request()
        client.open_window(stream, len(body))
        assert client.read_response(stream).body == body
    assert client.responses[closed].body == b""
    client.open_window(closed, len(body))
    assert client.read_response(closed).body == body


def test_who_is_not_read_stops_his_own_stream_only(start_origin, start_h2c, h2):
    go = threading.Event()

    def behaviour(connection):
        while True:
            head = connection.read_request_head()
            if head.target == "/held":
                connection.wait(go)
            connection.read_request_body(head)
            connection.answer(body=b"%d" % len(connection.requests[-1].body))

    client = h2(start_h2c(proxy(start_origin(behaviour)), "limits: {stream_window: 65535}"))
    held = client.send_request("POST", "/held", end=False)
    client.read_until(lambda: client.settings)
    window, sent = client.settings[INITIAL_WINDOW_SIZE], 0

    def updates():
        return client.opened.get(held, 0)

    # Until the socket of the server is full and the window stays shut.
    while sent < 64 * 1024 * 1024:
        room = window + updates() - sent
        if room > 0:
            client.send_data(held, b"x" * room)
            sent += room
        client.ping()
        if room == 0 and window + updates() == sent and \
                client.ask("POST", "/other", body=b"y" * 50_000).body == b"50000":
            break
    assert sent < 64 * 1024 * 1024
    go.set()
    while (missing := sent - updates()) > window:
        client.read_frame()
        assert missing >= 0
    client.send_data(held, b"", end=True)
    assert client.read_response(held).body == b"%d" % sent


@pytest.mark.parametrize("update", [False, True])
def test_what_is_urgent_goes_first(start_origin, start_h2c, h2, update):
    def behaviour(connection):
        while True:
            request = connection.read_request()
            connection.answer(body=b"x" * (100_000 if request.target == "/large" else 1000))

    client = h2(start_h2c(proxy(start_origin(behaviour))), {INITIAL_WINDOW_SIZE: 1 << 20})
    large = client.send_request(path="/large")
    client.read_until(lambda: len(client.response(large).body) == 65535)  # the connection's window
    idle = client.send_request(fields=[("priority", "u=7")])
    urgent = client.send_request(fields=[] if update else [("priority", "u=0")])
    client.read_head(idle), client.read_head(urgent)
    if update:
        client.send_frame(16, 0, 0, struct.pack(">L", urgent) + b"u=0")
    client.ping()
    client.open_window(0, 1 << 20)
    done = []
    while len(done) < 3:
        frame = client.read_frame()
        if frame.kind == DATA and frame.flags & END_STREAM:
            done.append(frame.stream)
    assert done == [urgent, large, idle]


def test_more_streams_than_allowed_are_refused(start_origin, start_h2c, h2):
    go = threading.Event()
    origin = start_origin(lambda c: (c.read_request(), c.wait(go), c.answer(body=b"ok")))
    client = h2(start_h2c(proxy(origin), "limits: {streams: 2}"))
    streams = [client.send_request() for _ in range(3)]
    assert client.read_response(streams[2]).reset == REFUSED_STREAM
    go.set()
    assert [client.read_response(stream).body for stream in streams[:2]] == [b"ok", b"ok"]
    assert client.ask().body == b"ok"


# Ends

def test_a_reset_of_the_client_ends_the_exchange(start_origin, start_h2c, h2):
    origin = start_origin(lambda c: (c.read_request(), c.read_to_end()))
    weir = start_h2c(proxy(origin), "log: {access: {to: stderr}}")
    client = h2(weir)
    stream = client.send_request()
    origin.wait_for_requests(1)
    client.reset_stream(stream)
    wait_for(origin.connections[0].finished, "the server's connection to be closed")
    weir.wait_for_log(r'"GET / HTTP/2\.0" 499')
    client.ping()


def test_a_response_that_was_cut_is_reset(start_origin, start_h2c, h2):
    origin = start_origin(lambda c: (
        c.read_request(), c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")))
    client = h2(start_h2c(proxy(origin)))
    response = client.ask()
    assert (response.status, response.body, response.reset) == (200, b"half", INTERNAL_ERROR)
    assert not response.ended
    client.ping()


def test_after_an_early_answer_the_rest_is_not_wanted(start_origin, start_h2c, h2):
    client = h2(start_h2c("- respond: {status: 403, body: no}"))
    stream = client.send_request("POST", end=False)
    response = client.read_response(stream)
    assert (response.status, response.body) == (403, b"no")
    client.read_until(lambda: response.reset is not None)
    assert response.reset == NO_ERROR
    client.send_data(stream, b"on its way", end=True)
    assert client.ask().status == 403


def test_a_server_that_fails_is_a_502_on_its_stream(start_origin, start_h2c, h2, ports):
    client = h2(start_h2c(f"- proxy: http://127.0.0.1:{ports.take()}"))
    assert client.ask().status == 502
    assert client.ask().status == 502


def test_who_takes_nothing_in_time_loses_his_stream(start_origin, start_h2c, h2):
    origin = start_origin(lambda c: (c.read_request(), c.answer(body=b"x" * 1000), c.hold()))
    weir = start_h2c(proxy(origin), "timeouts: {request_body: 200ms}\nlog: {access: {to: stderr}}")
    client = h2(weir, {INITIAL_WINDOW_SIZE: 10})
    stream = client.send_request()
    response = client.read_response(stream)
    assert (response.body, response.reset) == (b"x" * 10, CANCEL)
    client.ping()


def test_a_body_that_pauses_too_long_is_a_408(start_origin, start_h2c, h2):
    client = h2(start_h2c(proxy(start_origin()), "timeouts: {request_body: 200ms}"))
    stream = client.send_request("POST", end=False)
    assert client.read_response(stream).status == 408
    assert client.ask().status == 200


@pytest.mark.parametrize("parts, limits, status", [
    ({"fields": [("x", "y" * 900)]}, "header_size: 1KiB", 431),
    ({"fields": [("x", "")] * 30}, "header_size: 1KiB", 431),
    ({"fields": [("cookie", "a=b")] * 30}, "header_count: 20", 431),
    ({"path": "/" + "a" * 200}, "target_length: 100", 414),
    ({"path": "/a\\b"}, "", 400),
    ({"path": "/..%2f"}, "", 400),
    ({"host": "a@b"}, "", 400),
    ({"fields": [("expect", "miracles"), ("content-length", "1")], "end": False}, "", 417)])
def test_what_is_well_formed_but_too_much_is_answered(start_h2c, h2, parts, limits, status):
    client = h2(start_h2c("- respond: 200", f"limits: {{{limits}}}"))
    stream = client.send_request(**parts)
    assert client.read_response(stream).status == status
    client.ping()


def test_connect_is_refused(start_h2c, h2):
    client = h2(start_h2c("- respond: 200"))
    stream = client.send_headers([(":method", "CONNECT"), (":authority", "a.example:443")])
    assert client.read_response(stream).status == 405


# The connection

def test_a_connection_takes_both_versions(start_h2c, h2, connect):
    weir = start_h2c("- respond: {status: 200, body: $protocol}")
    assert h2(weir).ask().body == b"HTTP/2.0"
    assert connect(weir).ask().body == b"HTTP/1.1"
    dripping = connect(weir)
    dripping.send_pieces([b"P", b"OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"])
    assert dripping.read_response().body == b"HTTP/1.1"


def test_a_preface_may_come_in_pieces(start_h2c, h2):
    client = h2(start_h2c("- respond: {status: 200, body: $protocol}"), None)
    client.send_pieces([PREFACE[:5], PREFACE[5:], frame_bytes(SETTINGS)[:4],
                        frame_bytes(SETTINGS)[4:]])
    assert client.ask().body == b"HTTP/2.0"


def test_without_h2c_nobody_speaks_it(start_weir, h2):
    client = h2(start_weir("sites: [{respond: 200}]"))
    assert client.read_exactly(12) == b"HTTP/1.1 505"


def test_the_last_request_of_a_connection(start_h2c, h2):
    client = h2(start_h2c("- respond: 204", "limits: {requests_per_connection: 3}"))
    streams = [client.send_request() for _ in range(3)]
    assert [client.read_response(stream).status for stream in streams] == [204] * 3
    goaway = client.read_goaway()
    assert (goaway.error, goaway.last_stream) == (NO_ERROR, streams[-1])


def test_who_was_told_to_leave_does_not_stay_by_asking_on(start_h2c, h2):
    client = h2(start_h2c("- respond: 204", "limits: {requests_per_connection: 1}"))
    deadline = Deadline(what="the end of the connection")
    with pytest.raises((Cut, OSError)):
        while deadline.left():
            client.ask()
    assert client.goaway.error == NO_ERROR


def test_an_idle_connection_is_closed(start_h2c, h2):
    client = h2(start_h2c("- respond: 204", "timeouts: {keep_alive: 500ms}"))
    assert client.ask().status == 204
    goaway = client.read_goaway()
    assert (goaway.error, goaway.last_stream) == (NO_ERROR, 1)


@pytest.mark.parametrize("begins", [True, False])
def test_who_says_nothing_is_closed(start_h2c, h2, begins):
    client = h2(start_h2c("- respond: 204", "timeouts: {request_header: 100ms}"),
                {} if begins else None)
    client.read_goaway()
    assert client.peer_ended


@pytest.mark.parametrize("block", [
    lambda client: client.send_headers([(":method", "GET")], flags=0),
    lambda client: client.send(frame_bytes(HEADERS, 5, 3, b"x" * 100)[:50])])
def test_a_block_without_end_is_closed(start_h2c, h2, block):
    weir = start_h2c("- respond: 204", "timeouts: {request_header: 500ms, keep_alive: 1h}")
    status = None
    for _ in range(10):
        client = h2(weir)
        try:
            status = client.ask().status
            break
        except OSError:
            pass  # the first request itself was late
    assert status == 204
    client.next_stream = 3
    block(client)
    client.read_goaway()
    assert client.peer_ended


def test_who_stops_lets_streams_end(start_origin, start_h2c, h2):
    go = threading.Event()
    origin = start_origin(lambda c: (c.read_request(), c.wait(go), c.answer(body=b"ok")))
    weir = start_h2c(proxy(origin))
    client = h2(weir)
    stream = client.send_request()
    origin.wait_for_requests(1)
    stopping = threading.Thread(target=weir.stop)
    stopping.start()
    client.read_until(lambda: client.goaway)
    assert client.goaway.error == NO_ERROR and client.goaway.last_stream == 0x7fffffff
    late = client.send_request()  # it was under way
    origin.wait_for_requests(2)
    go.set()
    assert client.read_response(stream).body == b"ok"
    assert client.read_response(late).body == b"ok"
    goaway = client.read_goaway()
    assert (goaway.error, goaway.last_stream) == (NO_ERROR, late)
    stopping.join(PATIENCE)


def test_a_listener_that_goes_says_so(start_weir, ports, h2):
    gone, stays = ports.take(), ports.take()
    text = "listen: [%s]\nsites: [{respond: 204}]\n"
    first = f'{{address: "127.0.0.1:{gone}", h2c: on}}'
    second = f'{{address: "127.0.0.1:{stays}", h2c: on}}'
    weir = start_weir(text % f"{first}, {second}", ("127.0.0.1", gone))
    leaving = h2(weir)
    weir.address = ("127.0.0.1", stays)
    staying = h2(weir)
    assert leaving.ask().status == 204 and staying.ask().status == 204
    reload(weir, text % second)
    assert leaving.read_goaway().error == NO_ERROR
    assert staying.ask().status == 204 and staying.goaway is None


def test_streams_survive_a_reload(start_origin, start_h2c, h2):
    go = threading.Event()
    origin = start_origin(lambda c: (c.read_request(), c.wait(go), c.answer(body=b"old")))
    weir = start_h2c(proxy(origin))
    client = h2(weir)
    stream = client.send_request()
    origin.wait_for_requests(1)
    port = weir.address[1]
    reload(weir, f'threads: 1\nlisten: [{{address: "127.0.0.1:{port}", h2c: on}}]\n'
                'sites: [{respond: {status: 200, body: new}}]\n')
    assert client.ask().body == b"new"
    go.set()
    assert client.read_response(stream).body == b"old"


# TLS

def test_tls_offers_it(authority, start_tls, h2_tls):
    authority.make("site", ["example.com"])
    assert h2_tls(start_tls(a_site())).ask(scheme="https").status == 200


def test_it_works_inside_the_walls_of_a_worker(authority, start_tls, h2_tls):
    authority.make("site", ["example.com"])
    client = h2_tls(start_tls(a_site(), supervised=True))
    assert [client.ask(scheme="https").status for _ in range(3)] == [200] * 3


def test_a_listener_may_leave_it_out(authority, start_weir, ports, tls):
    from harness.tls_client import trusting
    authority.make("site", ["example.com"])
    port = ports.take()
    weir = start_weir(f'listen: [{{address: "127.0.0.1:{port}", tls: on, http2: off}}]\n'
                      f"sites:\n{a_site()}".replace("{files}", str(authority.directory)),
                      ("127.0.0.1", port))
    context = trusting(authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = tls(weir, context=context)
    assert client.socket.selected_alpn_protocol() == "http/1.1"
    assert client.ask().status == 200


@pytest.mark.parametrize("cipher, chosen", [
    ("ECDHE-RSA-AES128-GCM-SHA256", "h2"), ("AES128-GCM-SHA256", "http/1.1"),
    ("ECDHE-RSA-AES128-SHA", "http/1.1")])
def test_what_is_too_weak_for_it_gets_http1(authority, start_tls, tls, cipher, chosen):
    import ssl

    from harness.tls_client import trusting
    authority.make("site", ["example.com"], "rsa")
    weir = start_tls(a_site().replace("tls: {", "tls: {profile: old, "))
    version = ssl.TLSVersion.TLSv1_2
    context = trusting(authority, (version, version), cipher + ":@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert tls(weir, context=context).socket.selected_alpn_protocol() == chosen


def test_a_host_of_another_certificate_is_misdirected(authority, start_tls, h2_tls):
    authority.make("one", ["one.example.com"])
    authority.make("two", ["two.example.com"])
    weir = start_tls(a_site("one.example.com", "one") + a_site("two.example.com", "two"))
    client = h2_tls(weir, "one.example.com")
    assert client.ask(host="one.example.com", scheme="https").status == 200
    assert client.ask(host="two.example.com", scheme="https").status == 421


# What is told

def test_logs_and_metrics_tell_of_it(start_weir, ports, h2):
    from harness.metrics import read_metrics
    port, admin = ports.take(), ports.take()
    weir = start_weir(f"""
        listen: [{{address: "127.0.0.1:{port}", h2c: on}}]
        admin: 127.0.0.1:{admin}
        log: {{access: {{to: stderr}}}}
        sites: [{{respond: 200}}]
    """, ("127.0.0.1", port))
    client = h2(weir)
    client.ask(path="/here")
    weir.wait_for_log(r'"GET /here HTTP/2\.0" 200')
    malformed = client.send_headers([(":method", "GET"), (":path", "/")])
    assert client.read_response(malformed).reset is not None
    metrics = read_metrics(("127.0.0.1", admin))
    assert metrics("weir_h2_connections_total") == 1
    assert metrics("weir_h2_malformed_requests_total") == 1
    assert metrics("weir_h2_floods_total") == 0


# Real peers

def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(authority, start_tls):
    authority.make("site", ["localhost"])
    weir = start_tls(a_site("localhost"))
    out = run("curl", "-sS", "--http2", "--cacert", authority.file, "-w", "\n%{http_version}",
              f"https://localhost:{weir.address[1]}/")
    assert out.endswith("\n2")


def test_curl_sends_and_takes_large_bodies(authority, start_tls, start_origin, directory):
    authority.make("site", ["localhost"])
    origin = start_origin(lambda c: c.answer(body=c.read_request().body))
    weir = start_tls(a_site("localhost", rest=f"proxy: {origin.url}"))
    sent, came = directory / "sent", directory / "came"
    sent.write_bytes(random.Random(7).randbytes(1_000_000))
    run("curl", "-sS", "--http2", "--cacert", authority.file, "-T", sent, "-o", came,
        f"https://localhost:{weir.address[1]}/")
    assert came.read_bytes() == sent.read_bytes()


def test_nghttp(start_origin, start_h2c):
    weir = start_h2c(proxy(start_origin(lambda c: [(c.read_request(), c.answer(body=b"x" * 100_000))
                                                   for _ in range(100)])))
    out = run("nghttp", "-ns", "-m", "20", f"http://127.0.0.1:{weir.address[1]}/")
    assert out.count(" 200 ") == 20


def test_h2load(start_h2c):
    weir = start_h2c("- respond: {status: 200, body: hello}")
    out = run("h2load", "-n", "2000", "-c", "4", "-m", "16", f"http://127.0.0.1:{weir.address[1]}/")
    assert "2000 succeeded, 0 failed, 0 errored" in out
