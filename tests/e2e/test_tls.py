"""TLS towards clients: who gets which certificate, what becomes of those who ask elsewhere, and that
everything that works without TLS works with it."""

import concurrent.futures
import contextlib
import hashlib
import signal
import socket
import ssl
import subprocess

import pytest

from harness.certificates import a_site
from harness.early_client import EarlyClient, EarlyH2Client
from harness.h2_client import INITIAL_WINDOW_SIZE, PING
from harness.http1 import Ended
from harness.origin import answering
from harness.tls_client import HandMade, trusting
from harness.weir import is_sanitized

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


# Which certificate

def test_the_name_of_the_client_chooses(authority, start_tls, tls):
    for file, name in [("one", "shop.example.com"), ("two", "*.example.com"), ("rest", "other")]:
        authority.make(file, [name])
    weir = start_tls(a_site("shop.example.com", "one") + a_site("*.example.com", "two")
                     + a_site("*", "rest"))
    assert tls(weir, "shop.example.com").shown() == ["shop.example.com"]
    assert tls(weir, "SHOP.example.com").shown() == ["shop.example.com"]
    assert tls(weir, "blog.example.com").shown() == ["*.example.com"]
    assert tls(weir, "other").shown() == ["other"]
    assert tls(weir, None).shown() == ["other"]


def test_the_first_site_is_shown_to_who_names_none_of_them(authority, start_tls, tls):
    authority.make("one", ["one.example.com"])
    authority.make("two", ["two.example.com"])
    weir = start_tls(a_site("one.example.com", "one") + a_site("two.example.com", "two")
                     + "  - {host: plain.example.com, respond: 204}\n")
    context = trusting(authority)
    context.check_hostname = False
    for name in ["unknown.example.com", "plain.example.com", None]:
        assert tls(weir, name, context=context).shown() == ["one.example.com"]


@pytest.mark.parametrize("ciphers, kind", [
    ("ECDHE-RSA-AES128-GCM-SHA256", "rsa"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa")])
def test_a_client_gets_the_certificate_that_it_can_use(authority, start_tls, tls, ciphers, kind):
    made = {kind: authority.make(kind, ["example.com"], kind) for kind in ("ecdsa", "rsa")}
    weir = start_tls("""
  - host: example.com
    tls:
      certificates:
        - {certificate: {files}/ecdsa.pem, key: {files}/ecdsa.key}
        - {certificate: {files}/rsa.pem, key: {files}/rsa.key}
    respond: 204
""")
    client = tls(weir, versions=(TLS12, TLS12), ciphers=ciphers)
    assert int(client.socket.getpeercert()["serialNumber"], 16) == made[kind].serial_number
    assert client.ask().status == 204


def test_a_file_may_hold_chain_and_key(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    files = authority.directory
    (files / "all.pem").write_bytes((files / "site.key").read_bytes()
                                    + (files / "site.pem").read_bytes()
                                    + authority.file.read_bytes())
    weir = start_tls("  - host: example.com\n    tls: {certificate: {files}/all.pem}\n"
                     "    respond: 204\n")
    assert tls(weir).ask().status == 204


def test_sites_inherit_a_certificate(authority, start_tls, tls):
    authority.make("all", ["*.example.com"])
    weir = start_tls("  - {host: a.example.com, respond: 201}\n"
                     "  - {host: b.example.com, tls: {profile: modern}, respond: 202}\n",
                     "defaults: {tls: {certificate: {files}/all.pem, key: {files}/all.key}}")
    assert tls(weir, "a.example.com").ask(host="a.example.com").status == 201
    assert tls(weir, "b.example.com").ask(host="b.example.com").status == 202


def test_an_address_has_a_certificate_too(authority, start_tls, tls):
    authority.make("site", ["127.0.0.1"])
    weir = start_tls(a_site("127.0.0.1"))
    assert tls(weir, "127.0.0.1").ask(host="127.0.0.1").status == 200


def test_the_first_clients_of_sites_may_come_at_once(authority, start_tls, tls):
    """To several loops, each of which may be the first to need what the site is served with."""
    names = [f"s{i}.example.com" for i in range(12)]
    for name in names:
        authority.make(name, [name])
    weir = start_tls("".join(a_site(name, name) for name in names), "threads: 4")
    context = trusting(authority)
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        asked = names * 4
        shown = list(crowd.map(lambda name: tls(weir, name, context=context).shown(), asked))
    assert shown == [[name] for name in asked]


def test_what_a_client_says_meanwhile_repeats_no_byte_of_an_answer(authority, start_origin,
                                                                   start_tls):
    """It says something while an answer is half sent and waits for room: what has left by then must
    not leave again."""
    body = b"".join(b"%08d" % i for i in range(1 << 19))
    authority.make("site", ["example.com"])
    origin = start_origin(answering(body=body))
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"), "threads: 1")
    with contextlib.closing(EarlyClient(weir.address, receive_buffer=65536, h2=True)) as client:
        h2 = EarlyH2Client(client, {INITIAL_WINDOW_SIZE: 1 << 30})
        h2.open_window(0, 1 << 30)
        client.start()
        stream = h2.send_request(scheme="https")
        h2.finish()
        response = h2.read_head(stream)
        while not response.ended:
            h2.send_frame(PING, 0, 0, b"is there")
            h2.finish()
            client.wait_until_read()
            for _ in range(3):
                if not response.ended:
                    h2.read_frame()
    assert response.body == body


# How it is spoken

@pytest.mark.parametrize("profile, version, works", [
    ("intermediate", TLS12, True), ("intermediate", TLS13, True), ("modern", TLS13, True),
    ("modern", TLS12, False), ("intermediate", ssl.TLSVersion.TLSv1_1, False),
    ("old", ssl.TLSVersion.TLSv1, True), ("old", TLS13, True)])
def test_a_profile_decides_over_versions(authority, start_tls, tls, profile, version, works):
    authority.make("site", ["example.com"])
    authority.make("first", ["first.example.com"])
    weir = start_tls(a_site("first.example.com", "first")
                     + a_site().replace("tls: {", f"tls: {{profile: {profile}, "))
    ciphers = "DEFAULT@SECLEVEL=0" if version < TLS12 else None
    if works:
        assert tls(weir, versions=(version, version), ciphers=ciphers).ask().status == 200
        return
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        tls(weir, versions=(version, version), ciphers=ciphers)


@pytest.mark.parametrize("offered, chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_what_we_speak_is_chosen(authority, start_tls, tls, offered, chosen):
    authority.make("site", ["example.com"])
    context = trusting(authority)
    if offered:
        context.set_alpn_protocols(offered)
    client = tls(start_tls(a_site()), context=context)
    assert client.socket.selected_alpn_protocol() == chosen


def test_who_speaks_only_what_we_do_not_is_told(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    context = trusting(authority)
    context.set_alpn_protocols(["acme-tls/1"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        tls(start_tls(a_site()), context=context)


# The exchange

def test_the_server_learns_how_the_client_came(authority, start_origin, start_tls, tls, connect):
    authority.make("site", ["example.com"])
    origin = start_origin()
    weir = start_tls(a_site(rest=f"plain_http: serve\n    proxy: {origin.url}"))
    tls(weir).ask(fields=[("X-Forwarded-Proto", "http")])
    connect(weir.plain).ask(fields=[("X-Forwarded-Proto", "https")])
    secure, plain = origin.requests
    assert secure.values("X-Forwarded-Proto") == ["https"]
    assert ";proto=https" in secure.values("Forwarded")[0]
    assert plain.values("X-Forwarded-Proto") == ["http"]


def test_variables_tell_of_the_connection(authority, start_tls, tls, connect):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest="plain_http: serve\n    respond: {status: 200, body: "
                                 "'$scheme $port [$tls.version] [$tls.cipher] [$tls.sni] "
                                 "[$tls.resumed]'}"))
    said = tls(weir, versions=(TLS12, TLS12), ciphers="ECDHE+AESGCM").ask().body.decode()
    assert said.startswith("https 443 [TLSv1.2] [TLS_ECDHE_ECDSA_WITH_AES_")
    assert said.endswith("[example.com] [no]")
    assert connect(weir.plain).ask().body == b"http 80 [] [] [] []"


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("size", [1, 4096, 16383, 16385, 5_000_000])
def test_bodies_arrive_as_they_were_sent(authority, start_origin, start_tls, tls, version, size):
    authority.make("site", ["example.com"])
    body = hashlib.shake_128(b"weir").digest(size)
    origin = start_origin(answering(body))
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"))
    client = tls(weir, versions=(version, version))
    for _ in range(2):
        assert client.ask("POST", body=body).body == body
    assert [request.body for request in origin.requests] == [body, body]


def test_requests_in_one_record_are_answered_in_order(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    client = tls(start_tls(a_site(rest="respond: {status: 200, body: $path}")))
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: example.com\r\n\r\n" % i for i in range(20)))
    assert [client.read_response().body for _ in range(20)] == [b"/%d" % i for i in range(20)]


def test_a_slow_reader_gets_all_of_it(authority, start_origin, start_tls, tls):
    authority.make("site", ["example.com"])
    body = hashlib.shake_128(b"slow").digest(8_000_000)
    origin = start_origin(answering(body))
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"))
    client = tls(weir, receive_buffer=4096)
    client.send_request()
    origin.wait_for_requests(1)
    got = b""
    head = client.read_response_head()
    assert head.status == 200
    while len(got) < len(body):
        got += client.read_some()
    assert got == body


def test_a_tunnel_goes_through(authority, start_origin, start_tls, tls):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        b"Upgrade: echo\r\n\r\n")
        while data := connection.read_some():
            connection.send(data)

    authority.make("site", ["example.com"])
    origin = start_origin(behaviour)
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"))
    client = tls(weir)
    client.send(b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: upgrade\r\n"
                b"Upgrade: echo\r\n\r\n")
    assert client.read_response_head().status == 101
    for size in (1, 100_000):
        client.send(b"x" * size)
        assert client.read_exactly(size) == b"x" * size
    plain = client.socket.unwrap()  # says that it sends no more, and waits for the same
    plain.close()


def test_the_end_is_told(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    client = tls(start_tls(a_site()))
    client.ask(fields=[("Connection", "close")])
    client.expect_end()
    assert not client.was_cut


def test_who_ends_is_answered_first(authority, start_origin, start_tls, tls):
    """A client that ends its direction, with close_notify or rudely without, still gets what it
    asked for."""
    authority.make("site", ["example.com"])
    origin = start_origin()
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"))
    rude = tls(weir)
    rude.send_request()
    socket.socket.shutdown(rude.socket, socket.SHUT_WR)  # no close_notify
    assert rude.read_response().status == 200


# Who asks elsewhere

def test_a_host_that_does_not_fit_is_sent_away(authority, start_tls, tls):
    authority.make("one", ["one.example.com", "also.example.com"])
    authority.make("two", ["two.example.com"])
    authority.make("also", ["also.example.com"])
    weir = start_tls(a_site("one.example.com", "one") + a_site("two.example.com", "two")
                     + a_site("also.example.com", "also")
                     + "  - {host: plain.example.com, respond: 204}\n")
    client = tls(weir, "one.example.com")
    for host, status in [("one.example.com", 200), ("two.example.com", 421),
                         ("also.example.com", 200), ("plain.example.com", 421),
                         ("unknown.example.com", 404), ("one.example.com", 200)]:
        assert client.ask(host=host).status == status, host


def test_who_named_nobody_may_ask_for_all(authority, start_tls, tls):
    """Checks of health come by address and name their host in the request alone."""
    authority.make("one", ["one.example.com"])
    authority.make("two", ["two.example.com"])
    client = tls(start_tls(a_site("one.example.com", "one") + a_site("two.example.com", "two")),
                 None)
    assert client.ask(host="two.example.com").status == 200


def test_plain_requests_are_sent_to_https(authority, start_tls, connect):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest="routes: [{path: /only, respond: 204}]"))
    for method, target in [("GET", "/only?a=b"), ("POST", "/nowhere")]:
        response = connect(weir.plain).ask(method, target)
        assert response.status == 308
        assert response.values("Location") == [
            f"https://example.com:{weir.address[1]}{target}"]


@pytest.mark.parametrize("choice, status", [("serve", 200), ("refuse", 421), ("redirect", 308)])
def test_plain_http_is_what_the_site_says(authority, start_tls, connect, choice, status):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest=f"plain_http: {choice}\n    respond: 200"))
    client = connect(weir.plain)
    assert client.ask().status == status
    assert client.ask().status == status, "the connection is as good as before"


def test_a_trusted_proxy_may_end_tls_before_us(authority, start_tls, connect):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest="hsts: on\n    respond: 200"), "trusted_proxies: 127.0.0.1")
    response = connect(weir.plain).ask(fields=[("X-Forwarded-Proto", "https")])
    assert response.status == 200
    assert response.values("Strict-Transport-Security") == ["max-age=31536000"]
    assert connect(weir.plain).ask(fields=[("X-Forwarded-Proto", "http")]).status == 308


def test_a_plain_request_at_the_secure_address_is_told(authority, start_tls, connect):
    authority.make("site", ["example.com"])
    client = connect(start_tls(a_site()))
    response = client.ask()
    assert (response.status, response.body) == (
        400, b"This port speaks TLS: ask for https://...\n")
    client.expect_end()


# hsts

@pytest.mark.parametrize("written, said", [
    ("on", ["max-age=31536000"]), ("off", []),
    ("{max_age: 1d, include_subdomains: on}", ["max-age=86400; includeSubDomains"]),
    ("{include_subdomains: on, preload: on}", ["max-age=31536000; includeSubDomains; preload"])])
def test_hsts_is_told_over_tls_alone(authority, start_origin, start_tls, tls, connect, written,
                                     said):
    authority.make("site", ["example.com"])
    origin = start_origin(answering(b"", fields=[("Strict-Transport-Security", "max-age=1")]))
    weir = start_tls(a_site(rest=f"plain_http: serve\n    hsts: {written}\n"
                                 f"    proxy: {origin.url}"))
    by_server = [] if said else ["max-age=1"]
    assert tls(weir).ask().values("Strict-Transport-Security") == said + by_server
    assert connect(weir.plain).ask().values("Strict-Transport-Security") == ["max-age=1"]


# Beside TLS

def test_a_proxy_in_front_may_announce_the_client(authority, start_weir, ports, connect):
    authority.make("site", ["example.com"])
    port = ports.take()
    weir = start_weir(
        f'listen: [{{address: "127.0.0.1:{port}", tls: on, proxy_protocol: on}}]\nsites:\n'
        + a_site(rest="respond: {status: 200, body: $client_ip}").replace(
            "{files}", str(authority.directory)), ("127.0.0.1", port))
    raw = connect(weir)
    hand = HandMade(trusting(authority), "example.com")
    raw.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n" + hand.step())
    while not hand.is_done:
        raw.send(hand.step(raw.read_some()))
    raw.send(hand.sealed(b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"))
    assert b"192.0.2.7" in hand.opened(raw.read_to_end())


def test_a_client_above_a_limit_is_closed(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(), "limits: {connections_per_client: 1}")
    first = tls(weir)
    with pytest.raises((ssl.SSLError, OSError)):
        tls(weir)
    assert first.ask().status == 200


def test_drained_clients_are_told_of_the_end(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site())
    client = tls(weir)
    client.ask()
    weir.stop()
    with pytest.raises(Ended):
        client.read_response()
    assert not client.was_cut


# What is spoken

def test_own_versions(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site().replace("tls: {", "tls: {versions: TLSv1.2, "))
    assert tls(weir).socket.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        tls(weir, versions=(ssl.TLSVersion.TLSv1_3, None))


def test_own_versions_go_before_those_of_the_profile(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site().replace("tls: {", "tls: {profile: modern, versions: [TLSv1.2, TLSv1.3], "))
    assert tls(weir, versions=(None, ssl.TLSVersion.TLSv1_2)).socket.version() == "TLSv1.2"
    assert tls(weir).socket.version() == "TLSv1.3"


@pytest.mark.parametrize("ciphers, version, cipher", [
    ("[TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256]", "TLSv1_3",
     "TLS_CHACHA20_POLY1305_SHA256"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("[TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, ECDHE-ECDSA-AES128-GCM-SHA256]", "TLSv1_2",
     "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_AES_128_GCM_SHA256", "TLSv1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1_3", "TLS_AES_256_GCM_SHA384")])
def test_own_ciphers(authority, start_tls, tls, ciphers, version, cipher):
    """The server's order counts; a list for one version leaves the other as it was."""
    authority.make("site", ["example.com"])
    weir = start_tls(a_site().replace("tls: {", f"tls: {{ciphers: {ciphers}, "))
    only = getattr(ssl.TLSVersion, version)
    assert tls(weir, versions=(only, only)).socket.cipher()[0] == cipher


def test_a_cipher_that_is_not_named_is_not_spoken(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site().replace("tls: {", "tls: {ciphers: ECDHE-ECDSA-AES256-GCM-SHA384, "))
    with pytest.raises(ssl.SSLError):
        tls(weir, versions=(None, ssl.TLSVersion.TLSv1_2), ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")


def test_own_groups(authority, start_tls):
    """openssl s_client tells the group of the exchange of keys."""
    authority.make("site", ["example.com"])
    weir = start_tls(a_site().replace("tls: {", "tls: {groups: [P-384], "))

    def said(groups):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{weir.address[1]}",
                               "-servername", "example.com", "-groups", groups], input="",
                              capture_output=True, text=True, timeout=30).stdout
    assert "ECDH, secp384r1, 384 bits" in said("X25519:P-384")
    assert "Cipher is (NONE)" in said("X25519")


def test_a_ticket_is_good_for_its_ciphers_alone(authority, start_tls, tls, directory):
    """A cipher that is taken out is not spoken by those either who come again."""
    authority.make("site", ["example.com"])
    before = a_site().replace("tls: {", "tls: {ciphers: ECDHE-ECDSA-AES128-GCM-SHA256, ")
    weir, context = start_tls(before), trusting(authority, (None, ssl.TLSVersion.TLSv1_2))
    client = tls(weir, context=context)
    assert client.ask().status == 200
    path = weir.arguments[weir.arguments.index("-c") + 1]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("AES128-GCM-SHA256", "AES256-GCM-SHA384"))
    seen = len(weir.log.splitlines())
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded", start=seen)
    again = tls(weir, context=context, session=client.socket.session)
    assert not again.socket.session_reused
    assert again.socket.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


# What it costs

@pytest.mark.skipif(is_sanitized(), reason="under sanitizers memory is no measure")
def test_an_idle_connection_holds_no_buffers(authority, start_tls, start_origin, tls):
    """After bodies both ways, which took buffers of several times as much."""
    authority.make("site", ["example.com"])
    body, number = b"x" * 200_000, 300
    weir = start_tls(a_site(rest=f"proxy: {start_origin(answering(body)).url}"), "threads: 1")

    def come():
        client = tls(weir)
        assert client.ask("POST", "/", body=body).body == body
        return client

    come()  # what is taken once
    before = weir.resident_kib()
    clients = [come() for _ in range(number)]
    grown = weir.resident_kib() - before
    assert grown < 24 * number
    assert clients[0].ask().status == clients[-1].ask().status == 200
