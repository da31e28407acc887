"""Two names with one certificate: where their sites ask clients for certificates in the same way, a
ticket of the one is good for the other; where not, no stream of HTTP/2 gets from one to the other,
over a connection that was taken up again, either."""

import ssl

import pytest

from harness.certificates import Authority
from harness.h2_client import H2Client
from harness.tls_client import trusting

A, B = "a.example.com", "b.example.com"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
OFF, OPTIONAL = "off", "{verify: optional, ca: {c}/authority.pem}"
REQUIRED = "{verify: required, ca: {c}/authority.pem}"
OTHERS = "{verify: optional, ca: {c}/both.pem}"
SHALLOW = "{verify: required, ca: {c}/authority.pem, depth: 2}"
REVOKED = "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}"
DIFFERENT = [(OFF, OPTIONAL), (OFF, REQUIRED), (OPTIONAL, OFF), (REQUIRED, OFF),
             (OPTIONAL, REQUIRED), (REQUIRED, OPTIONAL), (OPTIONAL, OTHERS), (OTHERS, OPTIONAL),
             (REQUIRED, SHALLOW), (REQUIRED, REVOKED), (REVOKED, REQUIRED)]


@pytest.fixture
def clients(directory, authority):
    """The authority of clients, with a file in which it is not alone."""
    (directory / "clients").mkdir()
    made = Authority(directory / "clients", "clients")
    made.make("alice", ["alice"])
    made.revoke("revoked")
    (made.directory / "both.pem").write_bytes(made.file.read_bytes() + authority.file.read_bytes())
    return made


@pytest.fixture
def start(authority, clients, start_tls):
    """start(client of A, client of B)"""
    def run(*asks):
        authority.make("site", [A, B])
        return start_tls("".join(
            f"  - host: {name}\n    tls: {{certificate: {{files}}/site.pem, "
            f"key: {{files}}/site.key, client: {client}}}\n"
            '    respond: {status: 200, body: "$tls.client.subject $tls.resumed"}\n'
            for name, client in zip((A, B), asks)).replace("{c}", str(clients.directory)),
            "threads: 1")
    return run


@pytest.fixture
def as_alice(authority, clients):
    """as_alice(version) is an ssl context that shows her certificate to whoever asks."""
    def run(version=None):
        context = trusting(authority, (version, version))
        context.load_cert_chain(clients.directory / "alice.pem", clients.directory / "alice.key")
        return context
    return run


def said(asks, resumed):
    """What a site that asks so knows of her."""
    return f"{'' if asks == OFF else 'CN=alice'} {resumed}".encode()


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("asks", [OFF, OPTIONAL, REQUIRED, REVOKED])
def test_where_both_ask_alike_a_ticket_is_good_for_both(start, tls, as_alice, version, asks):
    weir, context = start(asks, asks), as_alice(version)
    at_a = tls(weir, A, context=context)
    assert at_a.ask(host=A).body == said(asks, "no")
    at_b = tls(weir, B, context=context, session=at_a.socket.session)
    assert at_b.ask(host=B).body == said(asks, "yes")


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("first, second", DIFFERENT)
def test_no_stream_of_http2_gets_to_a_site_that_asks_differently(start, tls, as_alice, first, second, resumed):
    """And the connection goes on."""
    weir, context = start(first, second), as_alice()
    context.set_alpn_protocols(["h2"])

    def connect(**parts):
        connection = tls(weir, A, context=context, **parts).socket
        client = H2Client(connection)
        told = client.ask(scheme="https", host=A).body
        assert told == said(first, "yes" if parts else "no")
        return client, connection

    client, connection = connect()
    if resumed:
        client, connection = connect(session=connection.session)
    assert client.ask(scheme="https", host=B).status == 421
    assert client.ask(scheme="https", host=A).status == 200
