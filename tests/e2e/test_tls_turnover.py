"""Files by which clients are looked at change in place, while clients hold tickets and connections:
what was known of a client from before opens nothing any more, and who is still good is let in."""

import os
import ssl
import threading

import pytest

from harness.certificates import Authority
from harness.deadline import poll_until
from harness.h2_client import H2Client
from harness.http1 import Cut, Ended
from harness.tls_client import trusting

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
RENEWED = "notice certificates that have changed were read again"
WHO = 'respond: {status: 200, body: "$tls.client.subject $tls.resumed"}'
REFUSED = (ssl.SSLError, ConnectionError, Cut, Ended)


class Visitor:
    """Who shows a certificate: `ticket` is what the last connection has left, `kept` the first
    connection, which stays open."""

    def __init__(self, tls, weir, signer, name, authority, version=None):
        self.certificate = signer.make(name, [name])
        self.tls, self.weir, self.name = tls, weir, name
        self.context = trusting(authority, (version, version))
        self.context.load_cert_chain(signer.directory / f"{name}.pem",
                                     signer.directory / f"{name}.key")
        self.ticket, self.kept = None, None

    def connect(self, ticket=None):
        return self.tls(self.weir, context=self.context, session=ticket)

    def come(self, ticket=None):
        """Over a new connection; gives who he is known as, and whether he was known already."""
        client = self.connect(ticket)
        answer = client.ask(host="example.com")
        assert answer.status == 200
        self.ticket = client.socket.session
        if self.kept:
            client.close()
        self.kept = self.kept or client
        return answer.body.decode().split(" ")

    def is_refused(self):
        """With the ticket and without."""
        for ticket in (self.ticket, None):
            with pytest.raises(REFUSED):
                self.come(ticket)
        return True


@pytest.fixture
def clients(directory):
    (directory / "clients").mkdir()
    return Authority(directory / "clients", "clients")


@pytest.fixture
def start(authority, clients, start_tls):
    """start() runs Weir with a site that wants certificates of {files}/trusted.pem, which the
    authority of clients is in, and that are not revoked by its list, which is empty."""
    def run(more="", threads=1, rest=WHO):
        authority.make("site", ["example.com"])
        clients.revoke("revoked")
        (authority.directory / "trusted.pem").write_bytes(clients.file.read_bytes())
        return start_tls(
            "  - host: example.com\n    tls: {certificate: {files}/site.pem, key: {files}/site.key, "
            f"client: {{ca: {{files}}/trusted.pem{more}}}}}\n"
            f"    {rest}\n",
            f"threads: {threads}", supervised=True)
    return run


def renew(weir, change):
    """Waits until what `change` makes is obeyed."""
    seen = weir.log.count("\n")
    change()
    weir.wait_for_log(RENEWED, start=seen)


def put(path, data):
    """In one piece: what is half written would be one more change."""
    path.with_suffix(".next").write_bytes(data)
    os.replace(path.with_suffix(".next"), path)


def revoke(clients, *certificates):
    clients.revoke("next", *certificates)
    os.replace(clients.directory / "next.crl", clients.directory / "revoked.crl")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_who_is_revoked_meanwhile_is_out(authority, clients, start, tls, version):
    weir = start(f", crl: {clients.directory}/revoked.crl")
    alice, bob = [Visitor(tls, weir, clients, name, authority, version) for name in ("alice", "bob")]
    for one in (alice, bob):
        assert one.come() == [f"CN={one.name}", "no"]
        assert one.come(one.ticket) == [f"CN={one.name}", "yes"]
    renew(weir, lambda: revoke(clients, bob.certificate))
    assert bob.is_refused()
    assert alice.come(alice.ticket) == ["CN=alice", "no"]
    assert alice.come(alice.ticket) == ["CN=alice", "yes"]
    for one in (alice, bob, alice, bob):
        assert one.kept.ask(host="example.com").status == 421


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_an_authority_that_is_no_longer_trusted(authority, clients, directory, start, tls, version):
    """Its successor was trusted beside it for a while; then it goes."""
    (directory / "new").mkdir()
    new, trusted = Authority(directory / "new", "new"), authority.directory / "trusted.pem"
    weir = start()
    alice = Visitor(tls, weir, clients, "alice", authority, version)
    carol = Visitor(tls, weir, new, "carol", authority, version)
    assert alice.come() == ["CN=alice", "no"]
    assert carol.is_refused()
    renew(weir, lambda: put(trusted, clients.file.read_bytes() + new.file.read_bytes()))
    assert carol.come() == ["CN=carol", "no"]
    assert alice.come(alice.ticket) == ["CN=alice", "no"]
    assert alice.kept.ask(host="example.com").status == 421
    renew(weir, lambda: put(trusted, new.file.read_bytes()))
    assert alice.is_refused()
    assert carol.come(carol.ticket) == ["CN=carol", "no"]
    assert carol.come(carol.ticket) == ["CN=carol", "yes"]
    assert carol.kept.ask(host="example.com").status == 421


def test_streams_of_http2_over_a_connection_from_before(authority, clients, start, tls):
    weir = start(f", crl: {clients.directory}/revoked.crl")
    alice = Visitor(tls, weir, clients, "alice", authority)
    alice.context.set_alpn_protocols(["h2"])
    before = H2Client(alice.connect().socket)
    assert before.ask(host="example.com", scheme="https").status == 200
    renew(weir, lambda: revoke(clients))
    assert before.ask(host="example.com", scheme="https").status == 421
    after = H2Client(alice.connect().socket)
    assert after.ask(host="example.com", scheme="https").status == 200


def test_what_is_under_way_is_not_cut_off(authority, clients, start, tls, start_origin):
    """Though he is revoked: a response, and a tunnel."""
    def behaviour(connection):
        request = connection.read_request()
        if not request.has("Upgrade"):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
            connection.wait(is_revoked)
            connection.send(b"ended")
            return
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: echo/1\r\n\r\n")
        while data := connection.read_some():
            connection.send(data)

    is_revoked = threading.Event()
    weir = start(f", crl: {clients.directory}/revoked.crl", rest=f"proxy: {start_origin(behaviour).url}")
    bob = Visitor(tls, weir, clients, "bob", authority)
    waiting, tunnel = bob.connect(), bob.connect()
    waiting.send_request(host="example.com")
    waiting.read_until(b"begun")
    tunnel.send_request(host="example.com", fields=[("Connection", "Upgrade"),
                                                    ("Upgrade", "echo/1")])
    assert tunnel.read_response().status == 101
    renew(weir, lambda: revoke(clients, bob.certificate))
    is_revoked.set()
    assert waiting.read_exactly(5) == b"ended"
    assert waiting.ask(host="example.com").status == 421
    tunnel.send(b"still")
    assert tunnel.read_exactly(5) == b"still"
    assert bob.is_refused()


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_it_changes_again_and_again_while_many_come(authority, clients, start, tls, version):
    """With tickets and without, on two loops: nobody is refused who is good, and in the end nobody
    is let in who is not. A connection from just before a change may be misdirected."""
    weir = start(f", crl: {clients.directory}/revoked.crl", threads=2)
    many = [Visitor(tls, weir, clients, f"alice{number}", authority, version) for number in range(3)]
    mallory = Visitor(tls, weir, clients, "mallory", authority, version)
    mallory.come()
    is_over, known, failures = threading.Event(), [], []

    def keep_coming(one):
        try:
            while not is_over.is_set():
                client = one.connect(one.ticket)
                answer = client.ask(host="example.com")
                assert answer.status == 421 or answer.body.decode().startswith(f"CN={one.name} ")
                known.append(answer.body.endswith(b" yes"))
                one.ticket = client.socket.session
                client.close()
        except Exception as failure:  # pylint: disable=broad-exception-caught
            failures.append(failure)

    threads = [threading.Thread(target=keep_coming, args=(one,)) for one in many]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            renew(weir, lambda: revoke(clients))
            poll_until(lambda: True in known[-20:] or failures, what="one to be known again")
            known.clear()
            renew(weir, lambda: authority.make("site", ["example.com"]))
        renew(weir, lambda: revoke(clients, mallory.certificate))
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert mallory.is_refused()
    assert many[0].come(many[0].ticket)[0] == "CN=alice0"
