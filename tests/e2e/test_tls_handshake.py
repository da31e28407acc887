"""Handshakes that are slow, broken, hostile or given up; tickets; and what Weir tells of them."""

import datetime
import random
import ssl
import subprocess
import xml.etree.ElementTree

import pytest

from harness.certificates import a_site
from harness.client import request_bytes
from harness.deadline import PATIENCE, poll_until
from harness.http1 import Ended
from harness.metrics import read_metrics
from harness.tls_client import HandMade, trusting

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
ASK_AND_LEAVE = request_bytes(fields=[("Connection", "close")])


@pytest.fixture
def start_one(authority, start_tls, ports):
    """start_one(more) runs Weir with one site and an admin side."""
    def start(more=""):
        authority.make("site", ["example.com"])
        admin = ("127.0.0.1", ports.take())
        weir = start_tls(a_site(), f"threads: 1\nadmin: 127.0.0.1:{admin[1]}\n{more}")
        weir.metrics = lambda: read_metrics(admin)
        return weir
    return start


@pytest.fixture
def weir(start_one):
    return start_one()


@pytest.fixture
def hasty(start_one):
    """With a short time for handshakes."""
    return start_one("timeouts: {tls_handshake: 500ms}\n")


def failures(weir, cause):
    return weir.metrics()("weir_tls_failures_total", cause=cause)


def hand_made(authority, name="example.com", versions=(None, None)):
    return HandMade(trusting(authority, versions), name)


# Slow, but right

@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_handshake_may_come_in_any_pieces(authority, start_tls, connect, version):
    """Split at every byte, each piece read on its own; so is the request that follows."""
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(), "threads: 1\ntimeouts: {tls_handshake: 1m}")
    raw, hand = connect(weir), hand_made(authority, versions=(version, version))
    to_send = hand.step()
    while not hand.is_done:
        raw.send_pieces([to_send[i:i + 1] for i in range(len(to_send))])
        to_send = hand.step(raw.read_some())
    to_send += hand.sealed(ASK_AND_LEAVE)
    raw.send_pieces([to_send[i:i + 1] for i in range(len(to_send))])
    assert hand.opened(raw.read_to_end()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("seed", range(5))
def test_request_and_handshake_may_share_a_segment(authority, weir, connect, seed):
    chance = random.Random(seed)
    raw, hand = connect(weir), hand_made(authority)
    to_send = hand.step()
    while not hand.is_done:
        raw.send(to_send)
        to_send = hand.step(raw.read_some())
    to_send += hand.sealed(request_bytes()) + hand.sealed(ASK_AND_LEAVE)
    cut = chance.randrange(1, len(to_send))
    raw.send_pieces([to_send[:cut], to_send[cut:]])
    assert hand.opened(raw.read_to_end()).count(b"HTTP/1.1 200 OK\r\n") == 2


# Not right

def test_who_is_too_slow_is_closed(authority, hasty, connect):
    silent, half = connect(hasty), connect(hasty)
    half.send(hand_made(authority).step()[:100])
    silent.expect_end()
    half.expect_end()
    assert failures(hasty, "timeout") == 2


def test_the_time_of_the_handshake_is_not_that_of_the_request(authority, hasty, connect, tls):
    """Who has shaken hands may think for longer than a handshake may take."""
    status = None
    for _ in range(10):
        try:
            first = tls(hasty)
            connect(hasty).expect_end()  # a whole time of the handshake has passed behind it
            status = first.ask().status
            break
        except OSError:
            pass  # a part of the handshake was late
    assert status == 200


@pytest.mark.parametrize("length", [0, 1, 5, 6, 50])
def test_who_leaves_in_the_middle_is_forgotten(authority, weir, connect, length):
    raw = connect(weir)
    raw.send(hand_made(authority).step()[:length])
    raw.end_sending()
    raw.expect_end()
    assert failures(weir, "cut") == 1
    assert weir.metrics()("weir_client_connections") == 0


def test_who_resets_is_forgotten(authority, weir, connect):
    raw, hand = connect(weir), hand_made(authority)
    raw.send(hand.step())
    raw.read_some()
    raw.reset()
    poll_until(lambda: failures(weir, "cut") == 1, what="the failure to be counted")
    assert weir.metrics()("weir_client_connections") == 0


@pytest.mark.parametrize("garbage, cause", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "plain"), (b"\0" * 64, "plain"),
    (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "malformed"),
    (b"\x16\x03\x01\xff\xff" + b"\x01" * 64, "malformed")])
def test_garbage_is_refused(weir, connect, garbage, cause):
    raw = connect(weir)
    raw.send(garbage)
    raw.read_to_end()
    assert failures(weir, cause) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_hello_with_wrong_bytes_does_no_harm(authority, weir, connect, tls, seed):
    chance = random.Random(seed)
    hello = bytearray(hand_made(authority).step())
    for _ in range(chance.randrange(1, 8)):
        hello[chance.randrange(5, len(hello))] = chance.randrange(256)
    raw = connect(weir)
    raw.send(bytes(hello))
    raw.end_sending()
    raw.read_to_end()
    assert tls(weir).ask().status == 200


def test_records_with_wrong_bytes_end_the_connection(authority, weir, connect, tls):
    raw, hand = connect(weir), hand_made(authority)
    to_send = hand.step()
    while not hand.is_done:
        raw.send(to_send)
        to_send = hand.step(raw.read_some())
    record = bytearray(hand.sealed(request_bytes()))
    record[-1] ^= 1
    raw.send(to_send + bytes(record))
    assert b"HTTP/1.1" not in raw.read_to_end()
    assert tls(weir).ask().status == 200


def test_a_body_that_is_cut_is_no_body(authority, start_origin, start_tls, connect, tls):
    """A connection that ends without close_notify in the middle of a body."""
    authority.make("site", ["example.com"])
    origin = start_origin()
    weir = start_tls(a_site(rest=f"proxy: {origin.url}"))
    client = tls(weir)
    client.send(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 10\r\n\r\n12345")
    client.reset()
    poll_until(lambda: all(r.body is None for r in origin.requests) or not origin.requests,
               what="no whole request at the server")
    assert tls(weir).ask().status == 200


def test_nobody_changes_keys_by_a_new_handshake(authority, weir):
    """RFC 5746 or not: `R` lets s_client ask for one."""
    said = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % weir.address[1], "-servername",
         "example.com", "-tls1_2"], input=b"R\n", capture_output=True, timeout=20, check=False)
    assert b"no renegotiation" in said.stderr


def test_a_name_that_cannot_be_is_as_good_as_none(authority, weir, connect):
    hello = bytearray(hand_made(authority).step())
    at = hello.index(b"example.com")
    hello[at:at + 11] = b"exam \xff..c~m"
    raw = connect(weir)
    raw.send(bytes(hello))
    assert raw.read_some()[:1] == b"\x16"  # it goes on


# Tickets

def session_of(client):
    """With a ticket, which comes behind the handshake."""
    client.ask()
    return client.socket.session


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_ticket_is_good_at_every_loop_and_after_a_reload(authority, start_tls, tls, version,
                                                           threads):
    authority.make("site", ["example.com"])
    rest = "respond: {status: 200, body: $tls.resumed}"
    weir = start_tls(a_site(rest=rest), f"threads: {threads}")
    context = trusting(authority, (version, version))
    session = session_of(tls(weir, context=context))
    for round_ in range(2):
        for _ in range(4):
            client = tls(weir, context=context, session=session)
            assert client.socket.session_reused
            assert client.ask().body == b"yes"
        if round_ == 0:
            weir.signal(1)
            weir.wait_for_log("the configuration was loaded")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_ticket_is_good_for_its_certificate_alone(authority, start_tls, tls, version):
    """Who resumes sees no certificate: with another one, or for another site, all is shown anew."""
    authority.make("one", ["*.example.com"])
    authority.make("two", ["two.example.com"])
    weir = start_tls(a_site("one.example.com", "one") + a_site("two.example.com", "two"))
    context = trusting(authority, (version, version))
    session = session_of(tls(weir, "one.example.com", context=context))
    other = tls(weir, "two.example.com", context=context, session=session)
    assert not other.socket.session_reused
    assert other.shown() == ["two.example.com"]
    assert tls(weir, "one.example.com", context=context, session=session).socket.session_reused
    authority.make("one", ["*.example.com"])
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    again = tls(weir, "one.example.com", context=context, session=session)
    assert not again.socket.session_reused


# What is told

def test_handshakes_are_counted(authority, weir, tls, connect):
    context = trusting(authority)
    session = session_of(tls(weir, context=context))
    assert tls(weir, context=context, session=session).ask().status == 200
    raw, hand = connect(weir), HandMade(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "example.com")
    raw.send(hand.step())
    with pytest.raises(ssl.SSLCertVerificationError):
        while True:
            hand.step(raw.read_some())
    raw.send(hand.outgoing.read())
    raw.read_to_end()
    metrics = weir.metrics()
    assert metrics("weir_tls_failures_total", cause="refused") == 1
    assert metrics("weir_tls_handshakes_total", kind="full") == 1
    assert metrics("weir_tls_handshakes_total", kind="resumed") == 1


def test_the_end_of_certificates_is_told(authority, weir):
    certificate = authority.make("site", ["example.com"], ends=20)
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    told = weir.metrics()("weir_certificate_expiry_timestamp_seconds", site="example.com",
                          key="ECDSA")
    ends = certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc)
    assert told == ends.timestamp()


def test_an_access_log_tells_of_tls(authority, start_tls, tls, connect, tmp_path):
    authority.make("site", ["example.com"])
    log = tmp_path / "access.log"
    text = "$tls.version $tls.sni $tls.resumed $time.handshake"
    weir = start_tls(a_site(rest="plain_http: serve\n    respond: 200"),
                     f"log: {{access: {{to: {log}, format: '{text}'}}}}")
    tls(weir, versions=(TLS12, TLS12)).ask()
    connect(weir.plain).ask()
    weir.stop()
    plain, secure = sorted(log.read_text().splitlines())  # each thread writes its own
    assert secure.startswith("TLSv1.2 example.com no 0.")
    assert plain == "- - - -"


def test_a_reload_with_another_certificate_drops_nobody(authority, start_tls, tls):
    first = authority.make("site", ["example.com"])
    weir = start_tls(a_site())
    before = tls(weir)
    before.ask()
    second = authority.make("site", ["example.com", "new.example.com"])
    assert first != second
    for number in range(3):
        weir.signal(1)
        poll_until(lambda: weir.log.count("the configuration was loaded") > number,
                   what="the reload")
        assert before.ask().status == 200
    assert tls(weir).shown() == ["example.com", "new.example.com"]


def test_an_address_may_begin_and_cease_to_speak_tls(authority, start_tls, tls, connect, directory):
    """Connections go on as they began."""
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest="plain_http: serve\n    respond: {status: 200, body: $scheme}"))
    secure, plain = tls(weir), connect(weir.plain)
    assert (secure.ask().body, plain.ask().body) == (b"https", b"http")
    path = directory / "weir-0" / "weir.yaml"
    path.write_text(path.read_text()
                    .replace(f'"127.0.0.1:{weir.plain[1]}"',
                             f'{{address: "127.0.0.1:{weir.plain[1]}", tls: true}}')
                    .replace("tls: on}", "tls: off}"))
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    assert (secure.ask().body, plain.ask().body) == (b"https", b"http")
    assert connect(weir).ask().body == b"http"
    assert tls(weir.plain).ask().body == b"https"


def test_a_listener_that_goes_lets_its_clients_finish(authority, start_tls, tls, directory, ports):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site())
    idle, busy = tls(weir), tls(weir)
    idle.ask()
    busy.send(b"GET / HTTP/1.1\r\nHost: example")
    busy.wait_until_read()
    path = directory / "weir-0" / "weir.yaml"
    path.write_text(path.read_text().replace(f":{weir.address[1]}", f":{ports.take()}"))
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    with pytest.raises(Ended):
        idle.read_response()
    busy.send(b".com\r\n\r\n")
    assert busy.read_response().status == 200


# What others find

def test_a_scanner_finds_nothing_weak_in_what_is_the_default(authority, start_tls):
    """sslscan tries every version and cipher that there is: 1.2 and 1.3 alone, each cipher with
    forward secrecy and an AEAD, no renegotiation, no compression, and a signal against those who
    force an old version (RFC 7507)."""
    for kind in ["ecdsa", "rsa"]:
        authority.make(kind, ["example.com"], kind)
    weir = start_tls("  - respond: 204\n    tls:\n      certificates:\n" + "".join(
        f"        - {{certificate: {{files}}/{kind}.pem, key: {{files}}/{kind}.key}}\n"
        for kind in ["ecdsa", "rsa"]))
    done = subprocess.run(["sslscan", "--xml=-", "--sni-name=example.com",
                           f"127.0.0.1:{weir.address[1]}"], capture_output=True, timeout=PATIENCE)
    found = xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")
    assert [(it.get("type"), it.get("version")) for it in found.iter("protocol")
            if it.get("enabled") == "1"] == [("tls", "1.2"), ("tls", "1.3")]
    ciphers = [it.get("cipher") for it in found.iter("cipher")]
    assert len(ciphers) == 9
    for name in ciphers:
        assert name.startswith(("TLS_", "ECDHE-")) and ("GCM" in name or "POLY1305" in name), name
    assert {it.get("strength") for it in found.iter("cipher")} <= {"strong", "acceptable"}
    assert min(int(it.get("bits")) for it in found.iter("group")) >= 128
    assert found.find("renegotiation").get("supported") == "0"
    assert all(it.get("supported") == "0" for it in found.iter("compression"))
    assert all(it.get("supported") == "1" for it in found.iter("fallback"))
    assert {it.get("vulnerable") for it in found.iter("heartbleed")} == {"0"}
