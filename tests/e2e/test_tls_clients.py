"""Certificates of clients: who is let in, what is told of him, and that no ticket, name or kept
connection leads around the question."""

import hashlib
import signal
import ssl

import pytest
from cryptography.hazmat.primitives import serialization

from harness.certificates import Authority
from harness.client import Client
from harness.deadline import poll_until
from harness.h2_client import H2Client
from harness.metrics import read_metrics
from harness.tls_client import trusting
from harness.weir import run_weir_command

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
WHO = 'respond: {status: 200, body: "$tls.client.subject $tls.client.fingerprint $tls.resumed"}'


@pytest.fixture
def clients(directory):
    """The authority of clients, which is another one than that of the site."""
    (directory / "clients").mkdir()
    return Authority(directory / "clients", "clients")


@pytest.fixture
def start(authority, clients, ports, start_tls):
    """start(site, ...) runs Weir with sites given as `(names, client)`, all with one certificate; {c}
    is where the authority of clients writes. weir.reload(sites) loads others; weir.failures(cause)
    are handshakes that failed of it."""
    def text(sites):
        return "".join(
            f'  - host: {names}\n    tls: {{certificate: {authority.directory}/site.pem, '
            f"key: {authority.directory}/site.key, client: {client}}}\n    {WHO}\n"
            for names, client in sites).replace("{c}", str(clients.directory))

    def run(*sites, **parts):
        authority.make("site", ["a.example.com", "b.example.com"])
        admin = ("127.0.0.1", ports.take())
        weir = start_tls(text(sites), f"threads: 1\nadmin: 127.0.0.1:{admin[1]}\n", **parts)
        weir.failures = lambda cause: read_metrics(admin)("weir_tls_failures_total", cause=cause)
        path = weir.arguments[weir.arguments.index("-c") + 1]

        def reload(*sites):
            with open(path, encoding="utf-8") as file:
                before = file.read().split("sites:\n")[0]
            with open(path, "w", encoding="utf-8") as file:
                file.write(before + "sites:\n" + text(sites))
            seen = len(weir.log.splitlines())
            weir.signal(signal.SIGHUP)
            weir.wait_for_log("the configuration was loaded", start=seen)
        weir.reload = reload
        return weir
    return run


REQUIRED = "{verify: required, ca: {c}/authority.pem}"
OPTIONAL = "{verify: optional, ca: {c}/authority.pem}"
A, B = "a.example.com", "b.example.com"


def showing(authority, signer=None, file=None, version=None):
    """An ssl context that shows FILE of its signer, or nothing."""
    context = trusting(authority, (version, version))
    if file:
        context.load_cert_chain(signer.directory / f"{file}.pem", signer.directory / f"{file}.key")
    return context


@pytest.fixture
def ask(tls):
    """ask(weir, context) asks the site A over a connection of its own: the words of the answer."""
    def run(weir, context, name=A, **parts):
        answer = tls(weir, name, context=context, **parts).ask(host=name)
        assert answer.status == 200
        return answer.body.decode().split(" ")
    return run


def is_refused(ask, weir, *arguments, **parts):
    """TLS 1.3 tells only behind the handshake, with whatever is read first."""
    try:
        ask(weir, *arguments, **parts)
    except (ssl.SSLError, ConnectionError):
        return True
    return False


# Who is let in

@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_who_shows_a_certificate_is_let_in_and_told(authority, clients, start, ask, version):
    certificate = clients.make("alice", ["alice"])
    weir = start((A, REQUIRED), supervised=True)
    subject, fingerprint, _ = ask(weir, showing(authority, clients, "alice", version))
    assert subject == "CN=alice"
    assert fingerprint == hashlib.sha256(
        certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_who_shows_none_is_refused(authority, start, ask, version):
    weir = start((A, REQUIRED))
    assert is_refused(ask, weir, showing(authority, version=version))
    expect_failure(weir, "no_client_certificate")


def expect_failure(weir, cause):
    """It is counted when the alert has left already."""
    poll_until(lambda: weir.failures(cause) == 1, what=f"the failure to be counted as {cause}")


def refused_for_his_certificate(ask, weir, *arguments):
    assert is_refused(ask, weir, *arguments)
    expect_failure(weir, "bad_client_certificate")


def test_a_certificate_of_another_authority_is_refused(authority, start, ask):
    """Also of the one that has signed that of the site."""
    authority.make("mallory", ["alice"])
    refused_for_his_certificate(ask, start((A, REQUIRED)), showing(authority, authority, "mallory"))


def test_one_that_has_expired_is_refused(authority, clients, start, ask):
    clients.make("old", ["alice"], begins=-10, ends=-1)
    refused_for_his_certificate(ask, start((A, REQUIRED)), showing(authority, clients, "old"))


def test_optional(authority, clients, start, ask):
    clients.make("alice", ["alice"])
    authority.make("mallory", ["alice"])
    weir = start((A, OPTIONAL))
    assert ask(weir, showing(authority))[:2] == ["", ""]
    assert ask(weir, showing(authority, clients, "alice"))[0] == "CN=alice"
    refused_for_his_certificate(ask, weir, showing(authority, authority, "mallory"))


def test_off_asks_for_none(authority, clients, start, ask):
    clients.make("alice", ["alice"])
    weir = start((A, "{verify: off}"))
    assert ask(weir, showing(authority, clients, "alice"))[:2] == ["", ""]


@pytest.mark.parametrize("depth, refused", [(0, True), (1, False)])
def test_depth(authority, clients, start, ask, directory, depth, refused):
    (directory / "below").mkdir()
    below = Authority(directory / "below", "below", clients)
    below.make("bob", ["bob"])
    with open(below.directory / "bob.pem", "ab") as file:
        file.write(below.file.read_bytes())
    weir = start((A, f"{{verify: required, ca: {{c}}/authority.pem, depth: {depth}}}"))
    assert is_refused(ask, weir, showing(authority, below, "bob")) == refused


def test_the_revoked_are_refused(authority, clients, start, ask):
    clients.make("alice", ["alice"])
    clients.revoke("revoked", clients.make("bob", ["bob"]))
    weir = start((A, "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}"))
    assert ask(weir, showing(authority, clients, "alice"))[0] == "CN=alice"
    refused_for_his_certificate(ask, weir, showing(authority, clients, "bob"))


def test_behind_an_old_list_of_revocations_nobody_is_let_in(authority, clients, start, ask):
    clients.make("alice", ["alice"])
    clients.revoke("revoked", ends=-1)
    weir = start((A, "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}"))
    weir.wait_for_log("error a list of revocations holds no longer and no client of its authority "
                      "is accepted; get a new one file=.*/revoked.crl site=a.example.com ended=")
    refused_for_his_certificate(ask, weir, showing(authority, clients, "alice"))


# No way around

@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_ticket_says_who_it_was(authority, clients, start, ask, tls, version):
    clients.make("alice", ["alice"])
    weir, context = start((A, REQUIRED)), showing(authority, clients, "alice", version)
    first = tls(weir, A, context=context)
    assert first.ask(host=A).body.endswith(b" no")
    subject, _, resumed = ask(weir, context, session=first.socket.session)
    assert (subject, resumed) == ("CN=alice", "yes")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_ticket_of_another_site_opens_nothing(authority, start, ask, tls, version):
    """One certificate for both names, and the ticket of the site that asks nobody."""
    weir, context = start((A, "off"), (B, REQUIRED)), showing(authority, version=version)
    first = tls(weir, A, context=context)
    assert first.ask(host=A).status == 200
    assert is_refused(ask, weir, context, B, session=first.socket.session)
    expect_failure(weir, "no_client_certificate")


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("first, file, second, cause", [
    (OPTIONAL, None, REQUIRED, "no_client_certificate"),
    (REQUIRED, "alice", "{verify: required, ca: {o}/authority.pem}", "bad_client_certificate"),
    (REQUIRED, "alice", "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}",
     "bad_client_certificate"),
    (OPTIONAL, "alice", REQUIRED, None),
    (REQUIRED, "alice", "{verify: required, ca: {c}/authority.pem, depth: 1}", None),
    (REQUIRED, "alice", "off", None)])
def test_a_ticket_of_a_site_that_asks_in_another_way(authority, clients, start, ask, tls, version,
                                                     first, file, second, cause):
    """Its client is looked at anew, by what the other one asks. {o} has another authority."""
    clients.revoke("revoked", clients.make("alice", ["alice"]))
    weir = start((A, first), (B, second.replace("{o}", str(authority.directory))))
    context = showing(authority, clients, file, version)
    client = tls(weir, A, context=context)
    assert client.ask(host=A).status == 200
    if cause:
        assert is_refused(ask, weir, context, B, session=client.socket.session)
        expect_failure(weir, cause)
    else:
        subject, _, resumed = ask(weir, context, B, session=client.socket.session)
        assert (subject, resumed) == ("" if second == "off" else "CN=alice", "no")


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("change", ["ca", "crl", "depth", "verify"])
def test_a_ticket_from_before_a_change_opens_nothing(authority, clients, start, tls, directory,
                                                     version, change):
    (directory / "others").mkdir()
    others = Authority(directory / "others", "others")
    clients.revoke("revoked", clients.make("alice", ["alice"]))
    weir, context = start((A, REQUIRED)), showing(authority, clients, "alice", version)
    first = tls(weir, A, context=context)
    assert first.ask(host=A).status == 200
    weir.reload((A, {
        "ca": f"{{verify: required, ca: {others.file}}}",
        "crl": "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}",
        "depth": "{verify: required, ca: {c}/authority.pem, depth: 1}",
        "verify": OPTIONAL}[change]))
    try:
        second = tls(weir, A, context=context, session=first.socket.session)
        answer = second.ask(host=A)
    except (ssl.SSLError, ConnectionError):
        assert change in ("ca", "crl")
        expect_failure(weir, "bad_client_certificate")
        return
    assert change in ("depth", "verify")
    assert answer.body.startswith(b"CN=alice ") and answer.body.endswith(b" no")


def test_a_connection_from_before_a_change_is_misdirected(authority, clients, start, tls):
    clients.revoke("revoked", clients.make("alice", ["alice"]))
    weir = start((A, REQUIRED))
    client = tls(weir, A, context=showing(authority, clients, "alice"))
    assert client.ask(host=A).status == 200
    weir.reload((A, "{verify: required, ca: {c}/authority.pem, crl: {c}/revoked.crl}"))
    assert client.ask(host=A).status == 421


def test_a_reload_without_change_keeps_tickets_and_connections(authority, clients, start, tls, ask):
    clients.make("alice", ["alice"])
    weir, context = start((A, REQUIRED)), showing(authority, clients, "alice")
    client = tls(weir, A, context=context)
    assert client.ask(host=A).status == 200
    weir.reload((A, REQUIRED))
    assert client.ask(host=A).status == 200
    assert ask(weir, context, session=client.socket.session)[2] == "yes"


@pytest.mark.parametrize("first, second, status", [
    ("off", REQUIRED, 421), (REQUIRED, "off", 421), (REQUIRED, REQUIRED, 200),
    (OPTIONAL, REQUIRED, 421),
    (REQUIRED, "{verify: required, ca: {c}/authority.pem, depth: 2}", 421)])
def test_another_site_over_the_same_connection(authority, clients, start, tls, first, second,
                                               status):
    clients.make("alice", ["alice"])
    weir = start((A, first), (B, second))
    client = tls(weir, A, context=showing(authority, clients, "alice"))
    assert client.ask(host=A).status == 200
    assert client.ask(host=B).status == status


def test_another_site_over_the_same_connection_of_http2(authority, clients, start, tls):
    """Browsers come with what a certificate holds for over one connection (RFC 9113 9.1.1)."""
    clients.make("alice", ["alice"])
    weir = start((A, "off"), (B, REQUIRED))
    context = showing(authority, clients, "alice")
    context.set_alpn_protocols(["h2"])
    client = H2Client(tls(weir, A, context=context).socket)
    for host, status in [(A, 200), (B, 421), (A, 200)]:
        assert client.ask(host=host, scheme="https").status == status


def test_who_names_nobody_is_looked_at_as_the_first_site_says(authority, clients, start, tls):
    weir = start((A, "off"), (B, REQUIRED))
    context = showing(authority)
    client = tls(weir, None, context=context)
    assert client.ask(host=A).status == 200
    assert client.ask(host=B).status == 421


def test_without_tls_he_is_sent_to_where_he_shows_one(start):
    weir = start((A, REQUIRED))
    client = Client(weir.plain)
    assert client.ask(host=A).status == 308
    client.close()


def test_who_is_refused_leaves_nothing_behind(authority, start, ask):
    weir = start((A, REQUIRED))
    for _ in range(5):
        assert is_refused(ask, weir, showing(authority))
    poll_until(lambda: weir.failures("no_client_certificate") == 5, what="all to be counted")


# Routes

@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_route_may_go_by_the_certificate(authority, clients, start_tls, tls, version):
    """Also over a connection that was taken up again, and for who shows none."""
    authority.make("site", [A])
    for name in ["alice", "carol"]:
        clients.make(name, [name])
    bob = clients.make("bob", ["bob"])
    print_of_bob = hashlib.sha256(bob.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    with_colons = ":".join(print_of_bob[i:i + 2] for i in range(0, 64, 2))
    weir = start_tls(f"""
  - host: {A}
    tls: {{certificate: {{files}}/site.pem, key: {{files}}/site.key,
           client: {{verify: optional, ca: {clients.file}}}}}
    routes:
      - {{client_certificate: {{subject: CN=alice}}, respond: 201}}
      - {{client_certificate: {{fingerprint: "{with_colons}"}}, respond: 202}}
      - {{not: {{client_certificate: {{subject: "*"}}}}, respond: 403}}
    respond: 204
""", "threads: 1")
    for name, status in [("alice", 201), ("bob", 202), ("carol", 204), (None, 403)]:
        context = showing(authority, clients, name, version)
        client = tls(weir, A, context=context)
        assert [client.ask(host=A).status for _ in range(2)] == [status, status]
        again = tls(weir, A, context=context, session=client.socket.session)
        assert again.socket.session_reused
        assert again.ask(host=A).status == status


def test_a_route_that_goes_by_what_nobody_is_asked_for_is_warned_of(authority, directory):
    authority.make("site", [A])
    (directory / "weir.yaml").write_text(f"""
sites:
  - host: {A}
    tls: {{certificate: {authority.directory}/site.pem, key: {authority.directory}/site.key}}
    routes: [{{client_certificate: {{subject: CN=alice}}, respond: 201}}]
    respond: 204
""")
    said = run_weir_command("check", directory=directory)
    assert "warning: this route goes by certificates of clients, who are asked for none" in said.stderr
    explained = run_weir_command("explain", "GET", f"https://{A}/", directory=directory)
    assert "client_certificate subject differs (it must be {subject: CN=alice})" in explained.stdout
