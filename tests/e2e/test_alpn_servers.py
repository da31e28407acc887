"""Servers over TLS that choose between HTTP/2 and HTTP/1.1 (`alpn` of an upstream): each is spoken to
as it has chosen, and nobody notices when it chooses otherwise."""

import itertools
import json
import shutil
import signal
import subprocess
import threading

import grpc
import pytest
from OpenSSL import SSL

from harness.alpn_origin import hundred_times
from harness.deadline import poll_until, wait_for
from harness.dns_server import DnsServer
from harness.grpc_peer import GrpcClient, GrpcServer
from harness.h2_client import ENABLE_CONNECT_PROTOCOL
from harness.live import change, reload, status_of, upstream
from harness.load import Load
from harness.metrics import read_metrics
from harness.stream import is_accepting
from harness.weir import run_weir_command

BOTH, H2, H1 = ["h2", "http/1.1"], ["h2"], ["http/1.1"]


@pytest.fixture
def text(authority, directory):
    """text(origin, ...) is the configuration of a Weir before servers over TLS."""

    def make(*origins, alpn="[h2, http/1.1]", threads=1, upstream="", site="proxy: app", more=""):
        urls = ", ".join(getattr(origin, "url", origin) for origin in origins)
        return (f"threads: {threads}\nadmin: unix:{directory}/admin\n"
                f"upstreams: {{app: {{servers: [{urls}], tls: {{ca: {authority.file}, "
                f"alpn: {alpn}}}{upstream}}}{more}}}\nsites: [{{{site}}}]\n")
    return make


@pytest.fixture
def start(text, start_weir, directory):
    def run(*origins, **parts):
        weir = start_weir(text(*origins, **parts))
        weir.metrics = lambda: read_metrics(f"{directory}/admin")
        return weir
    return run


# What is chosen

@pytest.mark.parametrize("offered, alpn, spoken", [
    (BOTH, "[h2, http/1.1]", "h2"), (BOTH, "[http/1.1, h2]", "h2"), (H2, "[h2, http/1.1]", "h2"),
    (BOTH, "h2", "h2"), (BOTH, "[h2]", "h2"), (H1, "[h2, http/1.1]", "http/1.1"),
    (BOTH, "[http/1.1]", "http/1.1"), (BOTH, "off", "http/1.1"), ([], "[h2, http/1.1]", None)])
def test_what_the_server_chooses_is_spoken(start_alpn_origin, start, connect, offered, alpn, spoken):
    origin = start_alpn_origin(*offered)
    client = connect(start(origin, alpn=alpn))
    for number in range(3):  # before it is known, and after
        assert client.ask("GET", f"/{number}").body == hundred_times(f"/{number}")
    assert origin.protocols == [spoken]  # one connection, the one whose handshake chose


@pytest.mark.parametrize("offered", [H1, []])
def test_who_does_not_choose_what_alone_is_offered_is_not_asked(start_alpn_origin, start, connect,
                                                               offered):
    origin = start_alpn_origin(*offered)
    weir = start(origin, alpn="[h2]")
    assert connect(weir).ask().status == 502
    weir.wait_for_log("the server does not speak HTTP/2")
    assert origin.requests == []


@pytest.mark.parametrize("alpn, chosen", [("[http/1.1]", b"h2"), ("[h2]", b"http/1.1"),
                                          ("[h2, http/1.1]", b"spdy/3")])
def test_what_was_not_offered_cannot_be_chosen(start_origin, authority, start, connect, alpn,
                                               chosen):
    authority.make("app", ["127.0.0.1"])
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file(str(authority.directory / "app.pem"))
    context.use_privatekey_file(str(authority.directory / "app.key"))
    context.set_alpn_select_callback(lambda *_: chosen)

    def behaviour(connection):
        connection.socket.settimeout(None)
        over_tls = SSL.Connection(context, connection.socket)
        over_tls.set_accept_state()
        with pytest.raises(SSL.Error):
            over_tls.do_handshake()
    weir = start(f"https://{start_origin(behaviour).server}", alpn=alpn)
    assert connect(weir).ask().status == 502
    weir.wait_for_log("handshake with the server failed")


@pytest.mark.parametrize("threads", [1, 3])
def test_servers_of_both_kinds_in_one_upstream(start_alpn_origin, start, connect, threads):
    origins = [start_alpn_origin(*offered) for offered in (BOTH, H1, BOTH, [])]
    weir = start(*origins, threads=threads)
    for number in range(16):
        assert connect(weir).ask("GET", f"/{number}").body == hundred_times(f"/{number}")
    for origin, spoken in zip(origins, ["h2", "http/1.1", "h2", None]):
        assert set(origin.protocols) == {spoken}


def test_a_server_that_is_written_with_h2_has_no_choice(start_alpn_origin, start, connect):
    origins = [start_alpn_origin(*BOTH), start_alpn_origin(*H1)]
    weir = start(f"h2://{origins[0].server}", origins[1])
    for _ in range(4):
        assert connect(weir).ask().status == 200
    assert [origin.protocols for origin in origins] == [["h2"], ["http/1.1"]]


def test_a_resumed_session_says_nothing_of_the_protocol(start_alpn_origin, start, connect):
    """The connection behind the change takes the session of the one before up again."""
    origin = start_alpn_origin(*BOTH, h1=one_answer)
    context = origin._context()
    origin._context = lambda: context  # or its tickets are none
    weir = start(origin)
    client = connect(weir)
    assert client.ask().status == 200
    context.set_alpn_protocols(H1)     # no handshake is under way
    origin.switch(*H1)
    assert [client.ask().status for _ in range(2)] == [200, 200]
    assert [client.ask().status for _ in range(2)] == [200, 200]
    assert origin.protocols[:2] == ["h2", "http/1.1"]
    assert weir.metrics()("weir_server_tls_resumed_total") >= 1
    context.set_alpn_protocols(BOTH)
    origin.switch(*BOTH)
    assert client.ask().status == 200
    assert origin.protocols[-1] == "h2"


def one_answer(connection):
    request = connection.read_request()
    connection.answer(body=hundred_times(request.target), fields=[("Connection", "close")])


# Before it is known

def hold_handshakes(origin):
    """None goes on before the event that it gives is set."""
    may_go_on, plain = threading.Event(), origin._context

    def context():
        wait_for(may_go_on)
        return plain()
    origin._context = context
    return may_go_on


@pytest.mark.parametrize("offered", [BOTH, H1])
def test_calls_that_come_together_wait_for_one_choice(start_alpn_origin, start, connect, offered):
    """Of HTTP/1.1 one call has the connection that chose, the others open their own then."""
    origin = start_alpn_origin(*offered)
    may_go_on = hold_handshakes(origin)
    weir = start(origin)
    clients = [connect(weir) for _ in range(8)]
    for number, client in enumerate(clients):
        client.send_request("GET", f"/{number}")
    poll_until(lambda: weir.metrics()("weir_server_active") == 8, what="all of them wait")
    assert weir.metrics()("weir_server_connections_total") == 1
    may_go_on.set()
    for number, client in enumerate(clients):
        assert client.read_response().body == hundred_times(f"/{number}")
    assert len(origin.requests) == 8
    assert len(origin.protocols) == (1 if offered == BOTH else 8)
    assert weir.metrics()("weir_server_uses_total") == 8


def test_a_call_that_leaves_meanwhile_takes_nothing_along(start_alpn_origin, start, connect):
    origin = start_alpn_origin(*H1)
    may_go_on = hold_handshakes(origin)
    weir = start(origin)
    client = connect(weir)
    client.send_request()
    client.wait_until_read()
    client.reset()
    poll_until(lambda: weir.metrics()("weir_server_active") == 0, what="the call is over")
    may_go_on.set()
    poll_until(lambda: weir.metrics()("weir_server_tls_handshakes_total") == 1, what="it is made")
    assert connect(weir).ask("GET", "/x").body == hundred_times("/x")
    assert weir.metrics()("weir_server_active") == 0


@pytest.mark.parametrize("threads, breaker", [
    (1, ", circuit_breaker: {max_connections: 3}"), (3, "")])
@pytest.mark.parametrize("offered", [BOTH, H1])
def test_limits_hold_with_either_choice(start_alpn_origin, start, connect, offered, threads,
                                        breaker):
    origin = start_alpn_origin(*offered)
    weir = start(f"{{address: {origin.url}, max_connections: 3}}", threads=threads,
                 upstream=", queue: {size: 100}" + breaker)
    for _ in range(2):
        clients = [connect(weir) for _ in range(12)]
        for number, client in enumerate(clients):
            client.send_request("GET", f"/{number}")
        for number, client in enumerate(clients):
            assert client.read_response().body == hundred_times(f"/{number}")
    poll_until(lambda: weir.metrics()("weir_server_active") == 0, what="all calls are over")


# It changes its mind

@pytest.mark.parametrize("threads", [1, 3])
def test_a_server_may_choose_otherwise_under_load(start_alpn_origin, start, threads):
    origin = start_alpn_origin(*BOTH)
    weir = start(origin, threads=threads)
    with Load(weir, clients=6) as load:
        load.wait_for(50)
        for offered in (H1, BOTH, H1, BOTH):
            before = len(origin.protocols)
            origin.switch(*offered)
            poll_until(lambda: len(origin.protocols) > before, what="it was asked anew")
            load.wait_for(50)
            assert origin.protocols[-1] == offered[0]
    load.check_all_well()


@pytest.mark.parametrize("threads", [1, 3])
def test_servers_of_both_kinds_behind_one_address(start_alpn_origin, start, connect, threads):
    """Each handshake chooses otherwise than the one before; connections come and go all the time."""
    turns = itertools.cycle([H1, BOTH])
    lock = threading.Lock()
    origin = start_alpn_origin(*H1, h1=one_answer, h2=few_answers)
    plain = origin._context

    def context():
        with lock:
            origin.offers = next(turns)
            return plain()
    origin._context = context
    with Load(start(origin, threads=threads), clients=6) as load:
        load.wait_for(300)
    load.check_all_well()
    assert {"h2", "http/1.1"} == set(origin.protocols)


def few_answers(connection):
    """Then it says goodbye; what was not taken up goes elsewhere."""
    for _ in range(3):
        request = connection.read_request()
        connection.answer(request, body=hundred_times(request.get(":path")))
    connection.go_away(request.stream)
    connection.read_to_end()


def test_a_handshake_that_does_not_end_fails_all_who_wait(start_origin, start, connect):
    origin = start_origin(lambda connection: connection.hold())
    weir = start(f"https://{origin.server}", upstream=", timeouts: {connect: 500ms}")
    clients = [connect(weir) for _ in range(4)]
    for client in clients:
        client.send_request()
    assert [client.read_response().status for client in clients] == [504] * 4
    assert weir.metrics()("weir_server_active") == 0


@pytest.mark.parametrize("before, after", [(BOTH, H1), (H1, BOTH)])
def test_a_server_that_was_restarted_may_choose_otherwise(start_alpn_origin, start, connect, before,
                                                          after):
    origin = start_alpn_origin(*before)
    weir = start(origin)
    assert connect(weir).ask("GET", "/a").status == 200
    origin.stop()
    origin.offers = after
    origin.start()
    for _ in range(3):
        assert connect(weir).ask("GET", "/b").body == hundred_times("/b")
    assert origin.protocols == [before[0], after[0]]


def test_a_reload_with_another_offer_is_obeyed(start_alpn_origin, text, start, connect):
    origin = start_alpn_origin(*BOTH)
    weir = start(origin)
    client = connect(weir)
    for alpn in ("[h2, http/1.1]", "[http/1.1]", "off", "[h2]", "[h2, http/1.1]"):
        reload(weir, text(origin, alpn=alpn))
        assert [client.ask("GET", "/").status for _ in range(2)] == [200, 200]
    assert origin.protocols[:2] == ["h2", "http/1.1"]
    assert origin.protocols[2] == "h2" and origin.protocols[-1] == "h2"
    assert set(origin.protocols[2:]) == {"h2"}


def test_a_server_that_comes_by_command(start_alpn_origin, start, connect):
    first, second = start_alpn_origin(*H1), start_alpn_origin(*BOTH)
    weir = start(first)
    assert connect(weir).ask().status == 200
    change(weir, "add", "app", second.url)
    for _ in range(4):
        assert connect(weir).ask().status == 200
    assert set(first.protocols) == {"http/1.1"} and second.protocols == ["h2"]


def test_servers_of_a_name_that_is_followed(start_alpn_origin, start_weir, authority, ports,
                                            directory, connect):
    names, port = DnsServer(("127.0.0.1", ports.take())), ports.take()
    try:
        names.set("app.internal", "A", "127.0.0.2", "127.0.0.3")
        origins = [start_alpn_origin(*offered, address=(address, port))
                   for offered, address in [(BOTH, "127.0.0.2"), (H1, "127.0.0.3")]]
        weir = start_weir(f"""
            threads: 1
            admin: unix:{directory}/admin
            resolver: {{name_servers: '{names.text}'}}
            upstreams:
              app:
                servers: {{dns: "https://app.internal:{port}"}}
                tls: {{ca: {authority.file}, alpn: [h2, http/1.1]}}
            sites: [{{proxy: app}}]
        """)
        poll_until(lambda: len(status_of(weir)["servers"]) == 2, what="both are found")
        client = connect(weir)
        for number in range(6):
            assert client.ask("GET", f"/{number}").body == hundred_times(f"/{number}")
        assert [origin.protocols for origin in origins] == [["h2"], ["http/1.1"]]
    finally:
        names.stop()


# What goes through

def echo_h1(connection):
    while True:
        request = connection.read_request()
        connection.answer(body=[request.body], trailers=[("X-Sum", str(len(request.body)))],
                          fields=[("X-Trailer", dict(request.trailers).get("X-Check", ""))])


def echo_h2(connection):
    while True:
        request = connection.read_request()
        connection.send_head(request, [(":status", "200"),
                                       ("x-trailer", dict(request.trailers).get("x-check", ""))])
        connection.send_data(request, request.body)
        connection.send_head(request, [("x-sum", str(len(request.body)))], True)


@pytest.mark.parametrize("offered", [BOTH, H1])
def test_bodies_and_trailers(start_alpn_origin, start, connect, offered):
    origin = start_alpn_origin(*offered, h1=echo_h1, h2=echo_h2)
    client = connect(start(origin))
    body = b"0123456789abcdef" * 2048
    for _ in range(2):
        answer = client.ask("POST", "/", body=[body], trailers=[("X-Check", "c")],
                            fields=[("TE", "trailers"), ("Connection", "te")])
        assert answer.body == body and answer.value("X-Trailer") == "c"
        assert [(name.lower(), value) for name, value in answer.trailers] == [("x-sum", "32768")]


def refuse_h1(connection):
    connection.read_request()
    connection.answer(503, fields=[("Connection", "close")])


def refuse_h2(connection):
    while True:
        connection.answer(connection.read_request(), 503)


@pytest.mark.parametrize("first, second", [(BOTH, H1), (H1, BOTH), (BOTH, BOTH), (H1, H1)])
def test_a_retry_goes_to_a_server_of_the_other_kind(start_alpn_origin, start, connect, first,
                                                    second):
    bad = start_alpn_origin(*first, h1=refuse_h1, h2=refuse_h2)
    good = start_alpn_origin(*second)
    weir = start(bad, f"{{address: {good.url}, backup: on}}",
                 upstream=", retry: {attempts: 2, budget: 100%}, ejection: {failures: off}")
    client = connect(weir)
    for number in range(3):
        assert client.ask("GET", f"/{number}").body == hundred_times(f"/{number}")
    assert (len(bad.requests), len(good.requests)) == (3, 3)


@pytest.mark.parametrize("first, second", [(BOTH, H1), (H1, BOTH)])
def test_a_hedge_goes_to_a_server_of_the_other_kind(start_alpn_origin, start, connect, first,
                                                    second):
    slow = start_alpn_origin(*first, h1=hold_h1, h2=lambda connection: connection.read_to_end())
    fast = start_alpn_origin(*second)
    weir = start(slow, f"{{address: {fast.url}, backup: on}}", site="proxy: app, hedge: {after: 50ms}")
    client = connect(weir)
    for number in range(3):
        assert client.ask("GET", f"/{number}").body == hundred_times(f"/{number}")


def hold_h1(connection):
    connection.read_request()
    connection.hold()


@pytest.mark.parametrize("offered", [BOTH, H1])
def test_a_copy_goes_as_the_server_chooses(start_alpn_origin, start, connect, authority, offered):
    origin, other = start_alpn_origin(*BOTH), start_alpn_origin(*offered)
    weir = start(origin, site="proxy: app, mirror: {to: next}",
                 more=f", next: {{servers: [{other.url}], tls: {{ca: {authority.file}, "
                      "alpn: [h2, http/1.1]}}")
    for number in range(3):
        assert connect(weir).ask("POST", f"/{number}", body=b"copy").status == 200
        other.wait_for_requests(number + 1)
    assert [request.body for request in other.requests] == [b"copy"] * 3
    assert set(other.protocols) == {offered[0]}


UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def switch(connection):
    """Requests, of which one wants a WebSocket."""
    while True:
        request = connection.read_request()
        if not request.has("Upgrade"):
            connection.answer(body=hundred_times(request.target))
            continue
        connection.answer(101, reason="Switching Protocols", fields=[
            ("Connection", "Upgrade"), ("Upgrade", request.value("Upgrade")),
            ("Sec-WebSocket-Accept", ACCEPT)])
        while data := connection.read_some():
            connection.send(data.upper())
        return


@pytest.mark.parametrize("offered", [BOTH, H1])
@pytest.mark.parametrize("wanted", ["websocket", "echo/1"])
@pytest.mark.parametrize("known", [False, True])
def test_an_upgrade_has_a_connection_of_http1(start_alpn_origin, start, connect, offered, wanted,
                                              known):
    origin = start_alpn_origin(*offered, h1=switch)
    weir = start(origin)
    if known:
        assert connect(weir).ask("GET", "/x").status == 200
    client = connect(weir)
    client.send_request(fields=[("Upgrade", wanted) if name == "Upgrade" else (name, value)
                                for name, value in UPGRADE])
    assert client.read_response_head().status == 101
    client.send(b"hello")
    assert client.read_exactly(5) == b"HELLO"
    assert connect(weir).ask("GET", "/y").body == hundred_times("/y")
    assert origin.protocols.count("http/1.1") >= 1
    if offered == BOTH:  # what is chosen for an upgrade is no choice of the server's
        assert sorted(origin.protocols) == ["h2", "http/1.1"]


def tunnel(connection):
    """Streams, of which one is a WebSocket."""
    while True:
        request = connection.read_head()
        if request.get(":protocol") != "websocket":
            connection.answer(request, body=hundred_times(request.get(":path")))
            continue
        connection.send_head(request, [(":status", "200")])
        connection.read_until(lambda: request.body)
        connection.send_data(request, request.body.upper(), end=True)


@pytest.mark.parametrize("takes", [False, True])
def test_where_http1_is_refused_an_upgrade_is_asked_for_in_http2(start_alpn_origin, start, connect,
                                                                takes):
    """And who refuses has not failed, or any client could have it passed over."""
    settings = {ENABLE_CONNECT_PROTOCOL: 1} if takes else {}
    origin = start_alpn_origin(*H2, h2=tunnel, settings=settings, is_strict=True)
    weir = start(origin)
    for _ in range(2):
        client = connect(weir)
        client.send_request(fields=UPGRADE)
        assert client.read_response_head().status == (101 if takes else 501)
        if takes:
            client.send(b"hello")
            assert client.read_exactly(5) == b"HELLO"
            client.close()
    assert connect(weir).ask("GET", "/x").body == hundred_times("/x")
    assert len(origin.connections) == 2  # one that was refused, and one for all
    assert weir.metrics()("weir_server_failures_total") == 0
    assert weir.metrics()("weir_server_tls_failures_total") == 0


def test_where_h2_alone_is_offered_a_websocket_is_a_stream(start_alpn_origin, start, connect):
    origin = start_alpn_origin(*BOTH, h2=tunnel, settings={ENABLE_CONNECT_PROTOCOL: 1})
    client = connect(start(origin, alpn="[h2]"))
    client.send_request(fields=UPGRADE)
    assert client.read_response_head().status == 101
    client.send(b"hello")
    assert client.read_exactly(5) == b"HELLO"
    assert origin.protocols == ["h2"]


def test_grpc(authority, ports, start_h2c, text):
    authority.make("app", ["127.0.0.1"])
    port = ports.take()
    pair = [(authority.directory / name).read_bytes() for name in ("app.key", "app.pem")]
    with GrpcServer(port, grpc.ssl_server_credentials([pair])):
        weir = start_h2c("- proxy: app", more=f"""
            upstreams:
              app:
                servers: ["https://127.0.0.1:{port}"]
                tls: {{ca: {authority.file}, alpn: [h2, http/1.1]}}
                health: {{type: grpc, interval: 100ms, rise: 1}}
        """)
        with GrpcClient(weir.address) as client:
            assert client.unary("Echo", b"hello") == b"hello"
            assert list(client.method("unary_stream", "Count")(b"3")) == [b"0", b"1", b"2"]


# Checks

@pytest.mark.parametrize("offered, spoken", [(BOTH, "h2"), (H1, "http/1.1"), ([], None)])
@pytest.mark.parametrize("own_port", [False, True])
def test_checks_follow_the_choice(start_alpn_origin, start, offered, spoken, own_port):
    origin = start_alpn_origin(*offered)
    port = f", port: {origin.address[1]}" if own_port else ""
    weir = start(origin, upstream=f", health: {{path: /healthz, interval: 100ms{port}}}")
    origin.wait_for_requests(2)
    poll_until(lambda: status_of(weir)["servers"][0]["state"] == "up", what="it is up")
    assert set(origin.protocols) == {spoken}


def test_checks_of_who_is_offered_h2_alone(start_alpn_origin, text, start):
    """At a port of their own it is HTTP/1.1, as that of servers with h2://."""
    origin, other = start_alpn_origin(*BOTH), start_alpn_origin(*BOTH)
    weir = start(origin, alpn="[h2]", upstream=", health: {path: /healthz, interval: 100ms}")
    origin.wait_for_requests()
    reload(weir, text(origin, alpn="[h2]", upstream=", health: {path: /healthz, interval: 100ms, "
                                                    f"port: {other.address[1]}}}"))
    other.wait_for_requests()
    assert (set(origin.protocols), set(other.protocols)) == ({"h2"}, {"http/1.1"})


# Peers that others wrote

@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_whose_http2_is_turned_off_and_on(authority, ports, directory, start):
    authority.make("app", ["127.0.0.1"])
    port = ports.take()

    def write(listens):
        (directory / "nginx.conf").write_text(f"""
            daemon off; master_process on; worker_processes 1; pid {directory}/pid;
            error_log stderr error;
            events {{ worker_connections 64; }}
            http {{
                access_log off; root {directory}; client_body_temp_path {directory}/body;
                proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
                uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
                server {{
                    listen 127.0.0.1:{port} {listens}; keepalive_requests 50;
                    ssl_certificate {authority.directory}/app.pem;
                    ssl_certificate_key {authority.directory}/app.key;
                    location / {{ add_header X-Spoken $server_protocol; return 200 "{'$uri' * 100}"; }}
                }}
            }}
        """)

    write("ssl http2")
    process = subprocess.Popen(["nginx", "-c", directory / "nginx.conf", "-p", directory])
    try:
        poll_until(lambda: is_accepting(("127.0.0.1", port)), what="nginx listens")
        weir = start(f"https://127.0.0.1:{port}", threads=2)
        with Load(weir) as load:
            load.wait_for(200)
            for listens, spoken in [("ssl", "HTTP/1.1"), ("ssl http2", "HTTP/2.0")] * 2:
                write(listens)
                process.send_signal(signal.SIGHUP)
                poll_until(lambda: spoken_by(weir) == spoken, what="it speaks " + spoken)
                load.wait_for(200)
        load.check_all_well()
    finally:
        process.terminate()
        process.wait(10)


def spoken_by(weir):
    from harness.client import Client
    client = Client(weir.address)
    try:
        return client.ask("GET", "/x").value("X-Spoken")
    finally:
        client.close()


# What is told

def test_explain(authority, start_alpn_origin, start, connect):
    origin = start_alpn_origin(*H1)
    weir = start(origin)

    def explain(*words):
        return run_weir_command("explain", "-c", weir.arguments[2], *words, "GET", "http://a/").stdout

    assert "it may choose (alpn: h2, http/1.1)\n" in explain() and ":method: GET" in explain()
    assert connect(weir).ask().status == 200
    told = explain("--live")
    assert "it may choose (alpn: h2, http/1.1), and chose HTTP/1.1 last\n" in told
    assert "GET / HTTP/1.1" in told
    told = json.loads(explain("--live", "--json"))["tls"]
    assert told["alpn"] == ["h2", "http/1.1"] and told["chosen"] == "http/1.1"


@pytest.mark.parametrize("offered, chosen", [(BOTH, "h2"), (H1, "http/1.1")])
def test_what_it_chose_is_told_of_it(start_alpn_origin, start, connect, offered, chosen):
    origin = start_alpn_origin(*offered)
    weir = start(origin)
    assert status_of(weir)["servers"][0]["chosen"] is None
    assert "chosen" not in upstream(weir, "show", "app", origin.url).stdout
    assert connect(weir).ask().status == 200
    assert status_of(weir)["servers"][0]["chosen"] == chosen
    assert f"chosen          {chosen}\n" in upstream(weir, "show", "app", origin.url).stdout
