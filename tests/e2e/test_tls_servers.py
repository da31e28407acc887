"""Servers that are spoken to over TLS: by what they are known, what is refused and how it is told,
and that bodies, connections and tunnels are as they are without."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from harness.certificates import Authority
from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.stream import is_accepting
from harness.tls_origin import serving
from harness.weir import run_weir_command

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def close_behind_each(connection):
    """One answer for each connection."""
    connection.read_request()
    connection.answer(200, b"once", fields=[("Connection", "close")])
    connection.say_goodbye()


@pytest.fixture
def start(authority, ports, start_weir):
    """start(origin, ..., tls) runs Weir on one thread before servers over TLS; `tls` is that of
    their upstream, which trusts the authority of the test where nothing is said. It has an admin
    side: weir.metrics()."""
    def run(*origins, tls="{ca: {files}/authority.pem}", more="", upstream="", **parts):
        admin = ("127.0.0.1", ports.take())
        urls = ", ".join(getattr(origin, "url", origin) for origin in origins)
        text = (f"threads: 1\nadmin: 127.0.0.1:{admin[1]}\n{more}\n"
                f"upstreams: {{app: {{servers: [{urls}], tls: {tls}{upstream}}}}}\n"
                "sites: [{proxy: app}]\n")
        weir = start_weir(text.replace("{files}", str(authority.directory)), **parts)
        weir.metrics = lambda: read_metrics(admin)
        return weir
    return run


@pytest.fixture
def get(connect):
    """get(weir) asks over a connection of its own."""
    return lambda weir, *arguments, **parts: connect(weir).ask(*arguments, **parts)


# Who is who he says he is

def test_a_server_is_known_by_its_address(start_tls_origin, start, get):
    origin = start_tls_origin()
    weir = start(origin)
    assert get(weir).body == b"hello"
    assert origin.names == [None]  # an address is not asked for (RFC 6066 3)
    assert origin.connections[0].protocol == "http/1.1"
    assert origin.connections[0].version == "TLSv1.3"


def test_a_server_is_known_by_its_name(start_tls_origin, start, get):
    origin = start_tls_origin()
    weir = start(f"https://localhost:{origin.address[1]}", tls="{ca: {files}/authority.pem, "
                                                             "name: app.internal}")
    assert get(weir).body == b"hello"
    assert origin.names == ["app.internal"]


def test_the_name_in_the_address_is_asked_for(authority, start_tls_origin, start, get):
    authority.make("local", ["localhost"])
    origin = start_tls_origin(file="local")
    weir = start(f"https://localhost:{origin.address[1]}")
    assert get(weir).body == b"hello"
    assert origin.names == ["localhost"]


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_versions(start_tls_origin, start, get, version):
    origin = start_tls_origin(versions=(version, version))
    assert get(start(origin)).status == 200


def test_a_certificate_of_the_server_itself_may_be_named(authority, start_tls_origin, start, get):
    origin = start_tls_origin()
    assert get(start(origin, tls="{ca: {files}/app.pem}")).status == 200


def test_what_is_not_verified_is_served(start_tls_origin, start, get, directory):
    (directory / "other").mkdir()
    other = Authority(directory / "other")
    other.make("app", ["elsewhere.example"], begins=-10, ends=-1)
    weir = start(start_tls_origin(context=serving(other, "app")), tls="{verify: off}")
    assert get(weir).status == 200


def test_the_authorities_of_the_system(authority, start_tls_origin, start, get):
    """As the worker of a supervised Weir sees them, behind its walls."""
    weir = start(start_tls_origin(), tls="{verify: on}", supervised=True,
                 environment={"SSL_CERT_FILE": str(authority.file)})
    assert get(weir).body == b"hello"


def test_our_certificate_is_shown(authority, start_tls_origin, start, get):
    authority.make("weir", ["weir.internal"])
    origin = start_tls_origin(asks_for_certificate=True)
    weir = start(origin, tls="{ca: {files}/authority.pem, certificate: {files}/weir.pem, "
                             "key: {files}/weir.key}", supervised=True)
    assert get(weir).status == 200
    assert origin.connections[0].shown == {"commonName": "weir.internal"}


# Who is not

def refused(weir, get, error):
    """What the error log says of the one request that is made."""
    answer = get(weir)
    assert answer.status == 502
    words = rf'{error}.*server="?https://'
    line = weir.wait_for_log(words)
    assert weir.metrics()("weir_server_tls_failures_total") >= 1
    assert weir.metrics()("weir_server_tls_handshakes_total") == 0
    return line


@pytest.mark.parametrize("names, ends, tls, error", [
    (["127.0.0.1"], 30, "{verify: on}", "of no authority that is trusted"),
    (["elsewhere.example"], 30, "{ca: {files}/authority.pem}", "does not hold for its name"),
    (["127.0.0.1"], 30, "{ca: {files}/authority.pem, name: app.internal}",
     "does not hold for its name"),
    (["127.0.0.1"], -1, "{ca: {files}/authority.pem}", "has expired, or does not hold yet")])
def test_who_cannot_be_trusted_is_not_asked(authority, start_tls_origin, start, get, names, ends,
                                            tls, error):
    authority.make("bad", names, begins=-10, ends=ends)
    origin = start_tls_origin(file="bad")
    weir = start(origin, tls=tls)
    assert "problem=" in refused(weir, get, error)
    assert origin.requests == []


def test_the_subject_is_no_name(authority, start_tls_origin, start, get):
    """RFC 9525 2: the common name `127.0.0.1` beside other names counts for nothing."""
    authority.make("subject", ["127.0.0.1"])
    authority.make("other", ["app.internal"])
    weir = start(start_tls_origin(file="other"))
    refused(weir, get, "does not hold for its name")


def test_a_weak_certificate_is_not_accepted(authority, start_tls_origin, start, get):
    authority.make("weak", ["127.0.0.1"], kind="weak")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(authority.directory / "weak.pem", authority.directory / "weak.key")
    refused(start(start_tls_origin(context=context)), get, "cannot be accepted")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_server_may_want_a_certificate_of_us(start_tls_origin, start, get, version):
    """With TLS 1.3 it says so only when the request is on its way."""
    origin = start_tls_origin(asks_for_certificate=True, versions=(version, version))
    weir = start(origin)
    assert get(weir).status == 502
    weir.wait_for_log("the server (refuses the TLS connection|reset the connection|closed)")
    assert origin.requests == []


def test_a_server_may_speak_no_tls(start_origin, start, get):
    """It answers the hello with 400, as servers of HTTP do."""
    def behaviour(connection):
        connection.read_some()
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.read_to_end()
    origin = start_origin(behaviour)
    refused(start(f"https://{origin.server}"), get, "does not speak TLS")


def test_old_versions_are_not_spoken(start_tls_origin, authority, start, get):
    authority.make("app", ["127.0.0.1"])
    context = serving(authority, "app", (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1))
    context.set_ciphers("ALL:@SECLEVEL=0")
    refused(start(start_tls_origin(context=context)), get,
            "the server refuses the TLS connection|handshake with the server failed")


def test_a_server_may_close_in_the_middle(start_origin, start, get):
    origin = start_origin(lambda connection: connection.read_some())
    refused(start(f"https://{origin.server}"), get, "closed in the middle of the TLS handshake")


def test_a_server_may_reset_in_the_middle(start_origin, start, get):
    origin = start_origin(lambda connection: (connection.read_some(), connection.reset()))
    refused(start(f"https://{origin.server}"), get, "closed in the middle of the TLS handshake")


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03\x00\x40\x02"])
def test_a_server_may_stop_in_the_middle(start_origin, start, get, said):
    def behaviour(connection):
        connection.read_some()
        connection.send(said)
        connection.hold()
    origin = start_origin(behaviour)
    weir = start(f"https://{origin.server}", more="timeouts: {connect: 200ms}")
    assert get(weir).status == 504
    weir.wait_for_log("the TLS handshake with the server did not end in timeouts.connect")
    assert weir.metrics()("weir_server_tls_failures_total") == 1


@pytest.mark.parametrize("garbage", [b"\x16\x03\x03\x00\x04\x02\0\0\0", b"\x15\x03\x03\x00\x02\x02\x28",
                                     b"\x16\x03\x03\xff\xff" + b"\x02" * 100, b"\x00" * 64])
def test_garbage_of_a_server_is_refused(start_origin, start, get, garbage):
    def behaviour(connection):
        connection.read_some()
        connection.send(garbage)
        connection.read_to_end()
    origin = start_origin(behaviour)
    refused(start(f"https://{origin.server}"), get, "the server .*|the TLS handshake .*")


def test_a_handshake_may_come_in_any_pieces(start_tls_origin, start_origin, start, get):
    """Through a relay that hands on what the server says: the head of each piece byte by byte, where
    the heads of records are, then a little at a time."""
    target = start_tls_origin()

    def behaviour(connection):
        with socket.create_connection(target.address) as server:
            server.settimeout(10)

            def up():
                try:
                    while data := connection.socket.recv(65536):
                        server.sendall(data)
                except OSError:
                    pass
            connection.socket.settimeout(10)
            thread = threading.Thread(target=up, daemon=True)
            thread.start()
            try:
                while data := server.recv(65536):
                    pieces = [data[i:i + 1] for i in range(min(len(data), 100))]
                    pieces += [data[i:i + 61] for i in range(100, len(data), 61)]
                    connection.send_pieces(pieces, 60)
            except OSError:
                pass
            connection.socket.shutdown(socket.SHUT_RDWR)
            thread.join(10)
    weir = start(f"https://{start_origin(behaviour).server}", more="timeouts: {connect: 1m}")
    assert get(weir, fields=[("Connection", "close")]).body == b"hello"
    weir.stop()


def test_another_server_is_asked_instead(authority, start_tls_origin, start, get):
    authority.make("old", ["127.0.0.1"], begins=-10, ends=-1)
    bad, good = start_tls_origin(file="old"), start_tls_origin()
    weir = start(bad, good)
    assert [get(weir).status for _ in range(3)] == [200] * 3
    weir.wait_for_log("a server cannot be reached.*has expired")
    assert len(good.requests) == 3 and not bad.requests


def test_what_went_wrong_is_told_once_and_when_it_is_over(authority, start_tls_origin, start, get):
    authority.make("app", ["127.0.0.1"], begins=-10, ends=-1)
    origin = start_tls_origin()
    weir = start(origin)
    for _ in range(3):
        assert get(weir).status == 502
    authority.make("app", ["127.0.0.1"])
    origin.context = serving(authority, "app")
    assert get(weir).status == 200
    weir.wait_for_log("TLS with a server goes well again")
    assert weir.log.count('problem="certificate has expired"') == 1


# Connections

def test_connections_are_kept(start_tls_origin, start, connect):
    origin = start_tls_origin()
    client = connect(start(origin))
    assert [client.ask().body for _ in range(5)] == [b"hello"] * 5
    assert len(origin.connections) == 1


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_later_connection_takes_the_session_up_again(start_tls_origin, start, get, version):
    origin = start_tls_origin(close_behind_each, versions=(version, version))
    weir = start(origin)
    assert [get(weir).body for _ in range(4)] == [b"once"] * 4
    assert [each.was_resumed for each in origin.connections] == [False, True, True, True]
    assert weir.metrics()("weir_server_tls_handshakes_total") == 4
    assert weir.metrics()("weir_server_tls_resumed_total") == 3


def test_other_terms_are_other_connections(authority, start_tls_origin, start_weir, connect):
    """Two upstreams with one server: what one of them trusts is nothing to the other."""
    origin = start_tls_origin()
    weir = start_weir(f"""
        threads: 1
        upstreams:
          trusting: {{servers: ["{origin.url}"], tls: {{ca: {authority.file}}}}}
          wary: {{servers: ["{origin.url}"], tls: {{ca: {authority.file}, name: other.internal}}}}
        sites: [{{host: a, proxy: trusting}}, {{host: b, proxy: wary}}]
    """)
    client = connect(weir)
    for _ in range(2):
        assert client.ask(host="a").status == 200
        assert client.ask(host="b").status == 502
    assert len(origin.requests) == 2


@pytest.mark.parametrize("in_place", [False, True])
def test_another_authority_is_obeyed_at_once(authority, start_tls_origin, start_weir, connect,
                                             directory, in_place):
    """Neither a kept connection nor a session that was made under the old terms is used again,
    whether it comes with a reload or the file is found to have changed."""
    (directory / "other").mkdir()
    other = Authority(directory / "other")
    origin = start_tls_origin()
    ca = directory / "ca.pem"
    ca.write_bytes(authority.file.read_bytes())
    weir = start_weir(f"threads: 1\nupstreams: {{app: {{servers: [{origin.url}], "
                      f"tls: {{ca: {ca}}}}}}}\nsites: [{{proxy: app}}]\n", supervised=in_place)
    client = connect(weir)
    assert client.ask().status == 200

    def change(bytes_of_ca):
        seen = len(weir.log.splitlines())
        (directory / "next.pem").write_bytes(bytes_of_ca)
        os.replace(directory / "next.pem", ca)
        if not in_place:
            weir.signal(signal.SIGHUP)
        weir.wait_for_log("certificates that have changed were read again" if in_place
                          else "the configuration was loaded", start=seen)
    change(other.file.read_bytes())
    assert client.ask().status == 502
    change(authority.file.read_bytes())
    assert client.ask().status == 200
    assert [each.handshake_error is None for each in origin.connections].count(True) <= 2


def test_a_reload_without_change_keeps_the_connections(authority, start_tls_origin, start, connect):
    origin = start_tls_origin()
    weir = start(origin)
    client = connect(weir)
    assert client.ask().status == 200
    seen = len(weir.log.splitlines())
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded", start=seen)
    assert client.ask().status == 200
    assert len(origin.connections) == 1


def test_a_request_over_a_dead_connection_is_repeated(start_tls_origin, start, connect):
    """The server says goodbye when the second request comes, as if both crossed."""
    def once_and_gone(connection):
        connection.read_request()
        connection.answer(200, b"first")
        connection.read_request()
        connection.say_goodbye()
    origin = start_tls_origin(in_turn(once_and_gone, answering(b"second")))
    client = connect(start(origin))
    assert client.ask().body == b"first"
    assert client.ask().body == b"second"


def test_an_idle_connection_that_the_server_ends_is_dropped(start_tls_origin, start, connect):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, b"x")
        connection.say_goodbye()
    origin = start_tls_origin(in_turn(behaviour, answering(b"y")))
    weir = start(origin)
    client = connect(weir)
    assert client.ask().body == b"x"
    poll_until(lambda: weir.metrics()("weir_server_idle") == 0, what="the idle connection to go")
    assert client.ask().body == b"y"


# Bodies

BODY = bytes(range(256)) * 8192


def test_bodies_go_both_ways(start_tls_origin, start, connect):
    def echo(connection):
        while True:
            request = connection.read_request()
            connection.answer(200, request.body)
    client = connect(start(start_tls_origin(echo)))
    for _ in range(2):
        assert client.ask("POST", body=BODY).body == BODY
    assert client.ask("POST", body=[BODY[:100000], BODY[100000:]]).body == BODY


def test_bodies_in_chunks(start_tls_origin, start, get):
    assert get(start(start_tls_origin(answering([b"one", BODY])))).body == b"one" + BODY


def head_until_close(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"until the end")


def test_a_body_until_close_is_whole_with_close_notify(start_tls_origin, start, get):
    def behaviour(connection):
        head_until_close(connection)
        connection.say_goodbye()
    assert get(start(start_tls_origin(behaviour))).body == b"until the end"


def test_a_body_until_close_is_cut_without(start_tls_origin, start, connect):
    """RFC 9112 9.8: an end without close_notify may be the doing of anybody."""
    weir = start(start_tls_origin(head_until_close))
    client = connect(weir)
    client.send_request()
    assert not client.read_to_end().endswith(b"0\r\n\r\n")
    weir.wait_for_log("the server closed before its response was complete")


def test_a_counted_body_is_whole_without_close_notify(start_tls_origin, start, get):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, b"counted", fields=[("Connection", "close")])
    assert get(start(start_tls_origin(behaviour))).body == b"counted"


def test_a_tunnel(start_tls_origin, start, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                        b"Connection: upgrade\r\n\r\nwelcome")
        while data := connection.read_some():
            connection.send(data)
        connection.say_goodbye()
    client = connect(start(start_tls_origin(behaviour)))
    client.send_request(fields=[("Upgrade", "echo"), ("Connection", "upgrade")])
    assert b" 101 " in client.read_until(b"\r\n\r\n")
    assert client.read_exactly(7) == b"welcome"
    for piece in (b"a", BODY):
        sender = threading.Thread(target=client.send, args=(piece,))
        sender.start()
        assert client.read_exactly(len(piece)) == piece
        sender.join()
    client.end_sending()
    client.expect_end()


# What is told

def test_the_server_by_its_name(start_tls_origin, start, get):
    origin = start_tls_origin(lambda connection: connection.answer(
        200, connection.read_request().value("Host").encode()))
    weir = start(origin, more="upstream_host: server")
    assert get(weir).body.decode() == origin.server


def test_explain(authority, start_tls_origin, directory):
    origin = start_tls_origin()
    (directory / "weir.yaml").write_text(
        f"upstreams: {{app: {{servers: [{origin.url}], tls: {{ca: {authority.file}, "
        "name: app.internal}}}\nsites: [{proxy: app}]\n".replace("{{", "{"))
    said = run_weir_command("explain", "GET", "http://a/", directory=directory).stdout
    assert f"server    {origin.url}, the only one\n" in said
    assert f"over TLS, as app.internal, verified by the authorities of {authority.file}\n" in said


def test_the_short_way(authority, start_tls_origin, ports, tmp_path):
    """weir proxy --to https://..."""
    from harness.client import Client
    from harness.weir import Weir
    origin, address = start_tls_origin(), ("127.0.0.1", ports.take())
    weir = Weir(["proxy", "--from", f"127.0.0.1:{address[1]}", "--to", origin.url], address,
                environment={"SSL_CERT_FILE": str(authority.file)})
    client = Client(address)
    assert client.ask().body == b"hello"
    client.close()
    weir.stop()


# Peers that others wrote

@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
@pytest.mark.parametrize("scheme, listens", [("https", "ssl"), ("h2", "ssl http2")])
def test_nginx(authority, ports, directory, start, get, scheme, listens):
    authority.make("app", ["127.0.0.1"])
    port = ports.take()
    (directory / "large").write_bytes(BODY)
    (directory / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {directory}/pid; error_log stderr error;
        events {{ worker_connections 64; }}
        http {{
            access_log off; root {directory}; client_body_temp_path {directory}/body;
            proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
            uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            server {{
                listen 127.0.0.1:{port} {listens}; keepalive_requests 2;
                ssl_certificate {authority.directory}/app.pem;
                ssl_certificate_key {authority.directory}/app.key;
            }}
        }}
    """)
    process = subprocess.Popen(["nginx", "-c", directory / "nginx.conf", "-p", directory])
    try:
        poll_until(lambda: is_accepting(("127.0.0.1", port)), what="nginx listens")
        weir = start(f"{scheme}://127.0.0.1:{port}")
        assert [get(weir, target="/large").body == BODY for _ in range(6)] == [True] * 6
        assert weir.metrics()("weir_server_tls_handshakes_total") == 3
        assert weir.metrics()("weir_server_tls_resumed_total") == 2
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl(authority, ports, start, get, version):
    authority.make("app", ["app.internal"])
    port = ports.take()
    process = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", version, "-quiet",
         "-cert", authority.directory / "app.pem", "-key", authority.directory / "app.key",
         "-servername", "app.internal", "-cert2", authority.directory / "app.pem",
         "-key2", authority.directory / "app.key", "-servername_fatal"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        poll_until(lambda: is_accepting(("127.0.0.1", port)), what="s_server listens")
        weir = start(f"https://127.0.0.1:{port}", tls="{ca: {files}/authority.pem, "
                                                      "name: app.internal}")
        assert b"Cipher" in get(weir).body
    finally:
        process.kill()
        process.wait(10)
