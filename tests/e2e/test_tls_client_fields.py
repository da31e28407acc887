"""What servers are told of the certificate of a client: in fields that nobody else can write, from
clients of either version of HTTP to servers of either."""

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization

from harness.certificates import Authority
from harness.client import chunked_bytes
from harness.h2_client import H2Client
from harness.tls_client import trusting

HOST = "example.com"
FORGED = [("X-Client", "CN=root"), ("x-client", "CN=root"), ("X_Client", "CN=root"),
          ("X-CLIENT-PRINT", "00"), ("X_Client-Print", "00")]


@pytest.fixture
def clients(directory):
    """The authority of clients."""
    (directory / "clients").mkdir()
    return Authority(directory / "clients", "clients")


@pytest.fixture(params=["h1", "h2"])
def origin(request, start_origin, start_h2_origin):
    return {"h1": start_origin, "h2": start_h2_origin}[request.param]()


@pytest.fixture
def weir(authority, clients, origin, start_tls):
    """A site that may be shown a certificate, and tells the origin of it."""
    authority.make("site", [HOST])
    return start_tls(f"""
  - host: {HOST}
    tls: {{certificate: {{files}}/site.pem, key: {{files}}/site.key,
           client: {{verify: optional, ca: {clients.file}}}}}
    headers:
      request: {{set: {{X-Client: $tls.client.subject, X-Client-Print: $tls.client.fingerprint}}}}
    proxy: {origin.url}
""", "threads: 1")


@pytest.fixture
def shown(authority, clients):
    """shown(name) is an ssl context that shows that certificate, or none."""
    def run(name=None):
        context = trusting(authority)
        if name:
            context.load_cert_chain(clients.directory / f"{name}.pem",
                                    clients.directory / f"{name}.key")
        return context
    return run


def ask_h1(client, fields, trailers):
    client.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n".encode())
    client.send("".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\n")
    client.send(chunked_bytes([b"body"], trailers))
    return client.read_response()


def ask_h2(client, fields, trailers):
    def small(all_fields):
        return [(name.lower(), value) for name, value in all_fields if name != "Connection"]

    client = H2Client(client.socket)
    stream = client.send_request("POST", scheme="https", host=HOST, fields=small(fields), end=False)
    client.send_data(stream, b"body", end=not trailers)
    if trailers:
        client.send_headers(small(trailers), stream)
    return client.read_response(stream)


@pytest.fixture(params=["h1", "h2"])
def ask(request, shown, tls, weir):
    """ask(fields, name, trailers) asks over a connection of its own, over which the certificate NAME
    is shown, or none."""
    def run(fields=(), name=None, trailers=()):
        context = shown(name)
        if request.param == "h2":
            context.set_alpn_protocols(["h2"])
        client = tls(weir, HOST, context=context)
        answer = {"h1": ask_h1, "h2": ask_h2}[request.param](client, fields, trailers)
        assert answer.status == 200
    return run


def told(origin):
    """All that the last request says of the client: {name in small letters: values}."""
    found = {}
    for name, value in origin.requests[-1].fields:
        name = name.lower().replace("_", "-")
        if name.startswith("x-client"):
            found.setdefault(name, []).append(value)
    return found


def of(certificate, name):
    der = certificate.public_bytes(serialization.Encoding.DER)
    return {"x-client": [f"CN={name}"], "x-client-print": [hashlib.sha256(der).hexdigest()]}


def test_the_server_is_told_who_it_is(clients, origin, ask):
    alice = clients.make("alice", ["alice"])
    ask(name="alice")
    assert told(origin) == of(alice, "alice")


@pytest.mark.parametrize("more", [[], [("Connection", "X-Client, X-Client-Print")]])
def test_nobody_says_so_himself(clients, origin, ask, more):
    """However the field is written, and also where it is said to be for us alone."""
    alice = clients.make("alice", ["alice"])
    ask([*FORGED, *more], name="alice")
    assert told(origin) == of(alice, "alice")


def test_who_shows_none_is_nobody(origin, ask):
    """Whatever he says."""
    for fields in [[], FORGED]:
        ask(fields)
        assert not [value for values in told(origin).values() for value in values if value]


def test_no_byte_of_a_name_gets_out_of_its_field(clients, origin, ask):
    """Whoever signs certificates should know better; the name is written as RFC 2253 has it."""
    clients.make("mallory", ["x\r\nX-Client-Role: admin, O=Example"])
    ask(name="mallory")
    assert told(origin)["x-client"] == [r"CN=x\0D\0AX-Client-Role: admin\, O=Example"]
    assert set(told(origin)) == {"x-client", "x-client-print"}


def test_trailers_say_it_neither(clients, origin, ask):
    """Many an application takes them for fields of the head. Others go on."""
    alice = clients.make("alice", ["alice"])
    ask(name="alice", trailers=[*FORGED, ("X-Sum", "4")])
    assert told(origin) == of(alice, "alice")
    assert [name.lower() for name, _ in origin.requests[-1].trailers] == ["x-sum"]
