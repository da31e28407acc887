"""Certificates that are wrong: what `weir check` says about them, and that one bad certificate does
not take the others with it in service."""

import ssl

import pytest

from harness.certificates import a_site
from harness.weir import WeirFailed, run_weir_command

LISTEN = 'listen: ":443"\nsites:\n'


@pytest.fixture
def check(authority, directory):
    """check(text) gives what is said, without the excerpts."""
    def run(text, status=1):
        (directory / "weir.yaml").write_text(text.replace("{files}", str(authority.directory)))
        said = run_weir_command("check", directory=directory)
        assert said.returncode == status, said.stderr
        return said.stderr.replace(str(authority.directory), "{files}")
    return run


def broken(authority):
    text = (authority.directory / "good.pem").read_text()
    (authority.directory / "site.pem").write_text(text[:200] + "####" + text[204:])


def without_certificate(authority):
    (authority.directory / "site.pem").write_text("nothing\n")


def without_key(authority):
    (authority.directory / "site.key").write_bytes(
        (authority.directory / "site.pem").read_bytes())


def broken_key(authority):
    text = (authority.directory / "site.key").read_text()
    (authority.directory / "site.key").write_text(text[:60] + "####" + text[64:])


def missing(authority):
    (authority.directory / "site.pem").unlink()


def large(authority):
    (authority.directory / "site.pem").write_bytes(b"#" * (256 * 1024 + 1))


def swapped(authority):
    chain, key = authority.directory / "site.pem", authority.directory / "site.key"
    chain_bytes = chain.read_bytes()
    chain.write_bytes(key.read_bytes())
    key.write_bytes(chain_bytes)


def other_key(authority):
    (authority.directory / "site.key").write_bytes(
        (authority.directory / "good.key").read_bytes())


ERRORS = [  # with what to do
    (missing, "7:24: error: cannot read \"{files}/site.pem\": No such file or directory",
     "name a file that can be read; its path begins where this file lies"),
    (large, "7:24: error: \"{files}/site.pem\" is larger than 256 KiB",
     "look whether it is the right file; what belongs there is smaller"),
    (without_certificate,
     '7:24: error: "{files}/site.pem" cannot be served: there is no certificate in it',
     "name a file in PEM, with -----BEGIN CERTIFICATE-----"),
    (swapped, '7:24: error: "{files}/site.pem" cannot be served: there is a private key in it and '
              "no certificate", 'name it as "key", and the file with -----BEGIN CERTIFICATE----- as '
                                '"certificate"'),
    (broken, '7:24: error: "{files}/site.pem" cannot be served: a certificate in it cannot be read',
     'get the file anew; "openssl x509 -text -noout -in FILE" must read it'),
    (without_key, 'error: "{files}/site.key" cannot be served: there is no private key in it',
     'name the file with the key as "key", in PEM, with -----BEGIN PRIVATE KEY-----'),
    (broken_key, 'error: "{files}/site.key" cannot be served: the private key in it cannot be read',
     "name a key of RSA, ECDSA or Ed25519 in PEM"),
    (other_key, 'error: "{files}/site.key" cannot be served: the private key in it is not that of '
                "the certificate", "name the key with which the certificate was asked for"),
    (lambda authority: authority.make("site", ["example.com"], password=b"secret"),
     'error: "{files}/site.key" cannot be served: the private key in it is encrypted',
     'write it without password: "openssl pkey -in FILE -out OTHER"'),
    (lambda authority: authority.make("site", ["example.com"], "weak"),
     'error: "{files}/site.pem" cannot be served: the key or the signature of the certificate is '
     "too weak", "get a new one, for a key of ECDSA P-256 or RSA with 2048 bits"),
]


LEFT_OUT = "error a certificate cannot be served and is left out file="


def two_sites(authority):
    authority.make("good", ["good.example.com"])
    authority.make("site", ["example.com"])
    return a_site("good.example.com", "good") + a_site()


def advises(said, advice):
    """In a line of its own, below the excerpt."""
    return f"    {advice}" in said.splitlines()


@pytest.mark.parametrize("spoil, words, advice", ERRORS)
def test_a_bad_certificate_is_told_with_its_place(authority, check, spoil, words, advice):
    sites = two_sites(authority)
    spoil(authority)
    said = check(LISTEN + sites)
    assert said.count("error: ") == 1
    assert words in said
    assert said.startswith("weir.yaml:7:")
    assert advises(said, advice), said


@pytest.mark.parametrize("spoil", [error[0] for error in ERRORS])
def test_the_others_are_served(authority, start_tls, tls, spoil):
    sites = two_sites(authority)
    spoil(authority)
    weir = start_tls(sites)
    said = weir.wait_for_log(LEFT_OUT)
    assert "site=example.com " in said and "problem=" in said and "advice=" in said
    assert "warning: " not in weir.log and "error: " not in weir.log
    assert tls(weir, "good.example.com").ask(host="good.example.com").status == 200
    with pytest.raises(OSError, match="unrecognized name"):
        tls(weir, "example.com")


@pytest.mark.parametrize("client", ["", ", client: {ca: {files}/authority.pem}"])
def test_no_way_leads_to_a_site_without_a_good_one_over_the_connection_of_another(
        authority, start_tls, tls, client):
    """Not even where that one's certificate holds for both, and least of all past the question for
    a certificate of the client."""
    sites = two_sites(authority).replace("site.key}", f"site.key{client}}}")
    authority.make("good", ["good.example.com", "example.com"])
    other_key(authority)
    weir = start_tls(sites)
    connection = tls(weir, "good.example.com")
    assert connection.ask(host="example.com").status == 421
    assert tls(weir, "good.example.com").ask(host="good.example.com").status == 200


def with_a_point_beside_the_curve(authority):
    """The last byte of the public key is another one, in certificate and key alike."""
    for name, label in [("pem", "CERTIFICATE"), ("key", "PRIVATE KEY")]:
        file = authority.directory / f"site.{name}"
        der = ssl.PEM_cert_to_DER_cert(file.read_text().replace(label, "CERTIFICATE"))
        at = der.index(b"\x03\x42\x00\x04") + 67
        der = der[:at] + bytes([der[at] ^ 1]) + der[at + 1:]
        file.write_text(ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", label))


@pytest.mark.parametrize("more", ["", ", client: {ca: {files}/authority.pem}"])
def test_what_only_the_library_finds_is_told_at_the_start(authority, check, start_tls, tls, more):
    sites = two_sites(authority)
    with_a_point_beside_the_curve(authority)
    weir = start_tls(sites.replace("site.key}", f"site.key{more}}}"))
    weir.wait_for_log(LEFT_OUT)
    assert tls(weir, "good.example.com").ask(host="good.example.com").status == 200
    with pytest.raises(OSError, match="unrecognized name"):
        tls(weir, "example.com")
    assert 'error: "{files}/site.' in check(LISTEN + sites)


def test_so_it_is_under_a_supervisor(authority, start_tls, tls):
    """Where the worker opens nothing by itself, and has no rights."""
    sites = two_sites(authority)
    other_key(authority)
    weir = start_tls(sites, "threads: 2", supervised=True)
    weir.wait_for_log(LEFT_OUT)
    assert tls(weir, "good.example.com").ask(host="good.example.com").status == 200
    authority.make("site", ["example.com"])
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    assert tls(weir).ask().status == 200


def test_a_bad_certificate_becomes_good_by_a_reload(authority, start_tls, tls):
    sites = two_sites(authority)
    other_key(authority)
    weir = start_tls(sites)
    authority.make("site", ["example.com"])
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    assert tls(weir).ask().status == 200


ONLY_REDIRECTED = a_site()
SERVED_PLAINLY = [
    a_site() + "  - {host: plain.example.com, respond: 200}\n",
    a_site() + a_site("plain.example.com", rest="plain_http: serve\n    respond: 200"),
    "  - {host: example.com, tls: {certificates: {files}/many}, respond: 200}\n"
    "  - {host: plain.example.com, respond: 200}\n"]


def spoilt(authority):
    """The only one there is, as a file and in a directory."""
    (authority.directory / "many").mkdir(exist_ok=True)
    authority.make("good", ["good.example.com"])
    for name in ["site", "many/site"]:
        authority.make(name, ["example.com"])
        (authority.directory / f"{name}.key").write_bytes(
            (authority.directory / "good.key").read_bytes())


def repaired(authority):
    for name in ["site", "many/site"]:
        authority.make(name, ["example.com", "plain.example.com"])


def reloaded(weir, words="the configuration was loaded"):
    seen = len(weir.log.splitlines())
    weir.signal(1)
    weir.wait_for_log(words, start=seen)


def status_of_plain(weir, connect):
    return connect(weir.plain).ask(host="plain.example.com").status


def serves_only_what_is_plain(weir, connect, tls):
    assert status_of_plain(weir, connect) == 200
    for name in ["example.com", "elsewhere.example.com"]:
        with pytest.raises(OSError, match="unrecognized name"):
            tls(weir, name)


@pytest.mark.parametrize("supervised", [False, True])
@pytest.mark.parametrize("sites", SERVED_PLAINLY)
def test_with_no_good_certificate_the_sites_without_tls_are_served(
        authority, check, start_tls, tls, connect, sites, supervised):
    spoilt(authority)
    weir = start_tls(sites, supervised=supervised)
    weir.wait_for_log(LEFT_OUT)
    serves_only_what_is_plain(weir, connect, tls)
    assert "error: " in check('listen: [":80", ":443"]\nsites:\n' + sites)
    repaired(authority)
    reloaded(weir)
    assert tls(weir).ask().status == 200
    spoilt(authority)
    reloaded(weir)
    serves_only_what_is_plain(weir, connect, tls)


@pytest.mark.parametrize("sites", [ONLY_REDIRECTED, a_site(rest="plain_http: refuse\n    respond: 200")])
def test_where_nothing_could_be_served_nothing_starts(authority, start_tls, sites):
    spoilt(authority)
    with pytest.raises(WeirFailed, match="error: .*cannot be served"):
        start_tls(sites)


def test_a_reload_to_where_nothing_could_be_served_is_refused(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site())
    missing(authority)
    reloaded(weir, "the configuration was not loaded")
    assert tls(weir).ask().status == 200


@pytest.mark.parametrize("begins, ends, words, advice", [
    (-20, -2, "warning: the certificate has expired 2 days ago; clients refuse it", "get a new one"),
    (2, 90, "warning: the certificate does not hold yet; clients refuse it",
     "look at the clock of this host"),
    (-6, 5, "warning: the certificate expires in 5 days", "get a new one in time")])
def test_the_time_of_a_certificate_is_told(authority, check, begins, ends, words, advice):
    authority.make("site", ["example.com"], begins=begins, ends=ends)
    said = check(LISTEN + a_site(), status=0)
    assert f"weir.yaml:4:24: {words}" in said
    assert advises(said, advice), said


def test_a_fresh_one_of_six_days_is_as_it_should_be(authority, check):
    authority.make("site", ["example.com"], ends=6)
    assert "warning" not in check(LISTEN + a_site(), status=0)


@pytest.mark.parametrize("names, host, is_covered", [
    (["example.com"], "example.com", True), (["*.example.com"], "www.example.com", True),
    (["*.example.com"], "*.example.com", True), (["*.example.com"], "a.b.example.com", False),
    (["example.com", "www.example.com"], "*.example.com", False),
    (["*.example.com"], "example.com", False), (["192.0.2.1"], "192.0.2.1", True),
    (["192.0.2.1"], "192.0.2.2", False), (["2001:db8::1"], "[2001:db8::1]", True),
    (["example.com"], "*", True)])
def test_a_name_that_no_certificate_holds_for_is_told(authority, check, names, host, is_covered):
    authority.make("site", names)
    said = check(LISTEN + a_site(host), status=0)
    assert said.count("no certificate of the site holds for") == (not is_covered)


def test_it_is_told_what_a_certificate_is_for(authority, check):
    authority.make("site", ["a.example.com", "b.example.com"])
    said = check(LISTEN + a_site("c.example.com"), status=0)
    assert ('weir.yaml:3:11: warning: no certificate of the site holds for "c.example.com"; it is '
            "for a.example.com, b.example.com") in said
    assert advises(said, "get one that names it too"), said


@pytest.mark.parametrize("text, words", [
    ('listen: ":443"\nsites: [{respond: 204}]',
     "1:9: error: this address speaks TLS, but no site that answers there has \"tls\""),
    ('listen: ":80"\nsites:\n' + a_site(),
     "3:5: error: the site has \"tls\", but no address at which it answers speaks TLS"),
    ("sites: [{tls: {key: {files}/site.key}, respond: 204}]",
     "1:21: error: there is a key, but no certificate"),
    ("sites: [{tls: {certificates: [{key: {files}/site.key}]}, respond: 204}]",
     "1:31: error: there is no certificate"),
    ("sites: [{tls: {certificates: {}}, respond: 204}]", "error: "),
    ("sites: [{tls: {certificate: {files}/site.pem, key: {files}/site.key, certificates: "
     "[{certificate: {files}/site.pem, key: {files}/site.key}]}, respond: 204}]",
     'error: "certificate" and "certificates" stand side by side'),
    ("sites: [{tls: {certificates: [{certificate: {files}/site.pem, key: {files}/site.key}, "
     "{certificate: {files}/good.pem, key: {files}/good.key}]}, respond: 204}]",
     "error: the site has a certificate with a key of ECDSA already"),
    ("sites: [{tls: {profile: new}, respond: 204}]", "error: "),
    ("sites: [{tls: on, respond: 204}]", 'error: "tls" must be a mapping'),
    ("listen: [{address: \":443\", tls: {}}]\nsites: [{respond: 204}]", "error: "),
    ("sites: [{hsts: yes, respond: 204}]", "error: "),
    ("sites: [{plain_http: never, respond: 204}]", "error: "),
])
def test_a_wrong_configuration_of_tls_is_told(authority, check, text, words):
    two_sites(authority)
    assert words in check(text + "\n")


def test_https_is_listened_for_where_a_site_has_tls(authority, check, directory):
    """Without `listen`; an explanation names the listener at the port of the URL."""
    authority.make("site", ["example.com"])
    assert check("sites:\n" + a_site(), status=0) == ""
    for scheme, port, said in [("https", 443, "200"), ("http", 80, "308")]:
        explained = run_weir_command("explain", "GET", f"{scheme}://example.com/",
                                     directory=directory).stdout
        assert f":{port}\n" in explained
        assert said in explained


def test_old_is_warned_of(authority, check):
    authority.make("site", ["example.com"])
    said = check(LISTEN + a_site().replace("tls: {", "tls: {profile: old, "), status=0)
    assert 'warning: the profile "old" lets weak ciphers and versions in' in said


@pytest.mark.parametrize("tls, said", [
    ("client: {verify: optional, ca: {ca}}, early_data: on",
     "early data is taken from nobody who is asked for a certificate"),
    ("versions: TLSv1.2, early_data: on", "there is no early data below TLSv1.3"),
    ("early_data: on", ""), ("early_data: off, versions: TLSv1.2", "")])
def test_early_data_that_never_comes_is_warned_of(authority, check, tls, said):
    authority.make("site", ["example.com"])
    tls = tls.replace("{ca}", str(authority.file))
    told = check(LISTEN + a_site().replace("tls: {", f"tls: {{{tls}, "), status=0)
    assert f"warning: {said}" in told if said else "warning" not in told


def test_preload_is_warned_of(authority, check):
    authority.make("site", ["example.com"])
    said = check(LISTEN + a_site(rest="hsts: {preload: on}\n    respond: 204"), status=0)
    assert 'warning: no list takes this host: "preload" asks for more' in said


def test_keys_are_told_nowhere(authority, start_tls, directory):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site())
    secret = (authority.directory / "site.key").read_text().splitlines()[1]
    path = directory / "weir-0" / "weir.yaml"
    said = run_weir_command("check", "--effective", "-c", path)
    assert said.returncode == 0
    assert f"key: {authority.directory}/site.key" in said.stdout
    assert secret not in said.stdout + said.stderr + weir.log


def asking_clients(client):
    return LISTEN + a_site().replace("site.key}", f"site.key, client: {client}}}")


def grown(path, size):
    """With words around what is in it, as many files have them."""
    path.write_bytes(path.read_bytes() + b"# who that is\n" * (size // 14 + 1))


@pytest.mark.parametrize("part", ["authority.pem", "authority.crl"])
def test_authorities_and_what_they_revoked_may_be_many(authority, check, part):
    authority.make("site", ["example.com"])
    authority.revoke("authority")
    clients = "{ca: {files}/authority.pem, crl: {files}/authority.crl}"
    grown(authority.directory / part, 15 << 20)
    assert "error: " not in check(asking_clients(clients), status=0)
    grown(authority.directory / part, 1 << 20)
    said = check(asking_clients(clients))
    assert f'error: "{{files}}/{part}" is larger than 16 MiB' in said
    assert advises(said, "look whether it is the right file; what belongs there is smaller"), said


def test_a_file_that_is_far_too_large_is_told_by_the_limit_of_its_kind(authority, check):
    authority.make("site", ["example.com"])
    grown(authority.directory / "site.pem", 17 << 20)
    said = check(LISTEN + a_site())
    assert 'error: "{files}/site.pem" is larger than 256 KiB' in said
    assert advises(said, "look whether it is the right file; what belongs there is smaller"), said


@pytest.mark.parametrize("client, more, words", [
    ("{ca: {files}/none.pem}", "", 'cannot read "{files}/none.pem": No such file or directory'),
    ("{ca: {files}/site.key}", "", 'clients cannot be looked at by "{files}/site.key": there is no '
                                   "certificate in it"),
    ("{ca: {files}/authority.pem, crl: {files}/site.pem}", "",
     'clients cannot be looked at by "{files}/site.pem": there is no list of revocations in it'),
    ("{ca: {files}/authority.pem}", "plain_http: serve",
     "the site requires certificates of clients, but serves those that come without TLS"),
])
def test_what_clients_cannot_be_looked_at_by(authority, check, client, more, words):
    authority.make("site", ["example.com"])
    said = check(f"{LISTEN}  - host: example.com\n    tls: {{certificate: {{files}}/site.pem, "
                 f"key: {{files}}/site.key, client: {client}}}\n    respond: 204\n    {more}\n")
    assert f"error: {words}" in said
    assert said.count("error: ") == 1
