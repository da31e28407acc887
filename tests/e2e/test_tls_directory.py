"""A directory of certificates: each name gets those that hold for it, whatever their files are
called."""

import ssl

import pytest

from harness.metrics import read_metrics
from harness.tls_client import trusting
from harness.weir import run_weir_command

ANY = "  - tls: {certificates: {files}/many}\n    respond: {status: 200, body: $host}\n"


@pytest.fixture
def many(authority):
    """many(file, names, kind) makes a certificate in the directory `many` of the authority."""
    (authority.directory / "many").mkdir()

    def make(file, names, *parts, **more):
        (authority.directory / "many" / file).parent.mkdir(exist_ok=True)
        return authority.make(f"many/{file}", names, *parts, **more)
    make.directory = authority.directory / "many"
    return make


def test_each_name_gets_its_own(many, start_tls, tls):
    many("1", ["shop.example.com", "www.example.com"])
    many("2", ["*.example.com"])
    many("3", ["192.0.2.1", "other"])
    weir = start_tls(ANY)
    assert tls(weir, "shop.example.com").shown() == ["shop.example.com", "www.example.com"]
    assert tls(weir, "WWW.example.com").shown() == ["shop.example.com", "www.example.com"]
    assert tls(weir, "blog.example.com").shown() == ["*.example.com"]
    assert tls(weir, "other").shown() == ["192.0.2.1", "other"]
    assert tls(weir, None).shown() == ["shop.example.com", "www.example.com"]


def test_a_name_may_have_keys_of_several_kinds(many, start_tls, tls):
    made = {kind: many(kind, ["example.com"], kind) for kind in ("ecdsa", "rsa")}
    weir = start_tls(ANY)
    for kind, ciphers in [("ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                          ("rsa", "ECDHE-RSA-AES128-GCM-SHA256")]:
        version = ssl.TLSVersion.TLSv1_2
        client = tls(weir, versions=(version, version), ciphers=ciphers)
        assert int(client.socket.getpeercert()["serialNumber"], 16) == made[kind].serial_number


def test_of_two_the_one_that_ends_last_is_shown(many, start_tls, tls):
    many("a", ["example.com"], ends=10)
    fresh = many("b", ["example.com"], ends=90)
    many("c", ["example.com"], ends=20)
    shown = tls(start_tls(ANY)).socket.getpeercert()
    assert int(shown["serialNumber"], 16) == fresh.serial_number


def test_keys_lie_in_the_file_or_beside_it(authority, many, start_tls, tls):
    """Also as certbot keeps them; what is no certificate is passed over."""
    many("one", ["one.example.com"])
    many("two", ["two.example.com"])
    many("three/fullchain", ["three.example.com"])
    (many.directory / "three" / "fullchain.key").rename(many.directory / "three" / "privkey.pem")
    file, key = many.directory / "two.pem", many.directory / "two.key"
    (many.directory / "two.crt").write_bytes(key.read_bytes() + file.read_bytes())
    file.unlink()
    key.rename(many.directory / "words.pem")
    weir = start_tls(ANY)
    for name in ["one.example.com", "two.example.com", "three.example.com"]:
        assert tls(weir, name).shown() == [name]


def test_sites_share_a_directory(many, start_tls, tls, directory):
    many("1", ["a.example.com"])
    many("2", ["b.example.com"])
    sites = ("  - {host: a.example.com, respond: 201}\n  - {host: b.example.com, respond: 202}\n"
             "  - {host: c.example.com, respond: 203}\n")
    weir = start_tls(sites, "defaults: {tls: {certificates: {files}/many}}")
    assert tls(weir, "a.example.com").ask(host="a.example.com").status == 201
    client = tls(weir, "b.example.com")
    assert client.shown() == ["b.example.com"]
    assert client.ask(host="b.example.com").status == 202
    assert client.ask(host="a.example.com").status == 421
    said = run_weir_command("check", "-c", directory / "weir-0" / "weir.yaml")
    assert said.returncode == 0
    assert 'warning: no certificate of the directory holds for "c.example.com"' in said.stderr


def test_each_directory_is_read_once_for_all_that_have_it(many, start_tls, tls):
    many("1", ["a.example.com", "b.example.com"])
    many("bad", ["c.example.com"])
    (many.directory / "bad.key").unlink()
    own = "tls: {profile: modern, certificates: {files}/many}, "
    weir = start_tls("".join(f"  - {{host: {name}.example.com, {tls_of}respond: 204}}\n"
                             for name, tls_of in [("a", ""), ("b", own), ("c", ""), ("d", "")]),
                     "defaults: {tls: {certificates: {files}/many}}\n"
                     "log: {error: {to: error.log}}")
    assert tls(weir, "b.example.com").socket.version() == "TLSv1.3"
    assert weir.log.count("bad.pem") == 2


def test_clients_are_looked_at_there_as_well(authority, many, start_tls, tls):
    many("1", ["a.example.com"])
    authority.make("me", ["me"])
    weir = start_tls("  - host: a.example.com\n    tls: {certificates: {files}/many, "
                     "client: {ca: {files}/authority.pem}}\n    respond: 204\n")
    context = trusting(authority)
    context.load_cert_chain(authority.directory / "me.pem", authority.directory / "me.key")
    assert tls(weir, "a.example.com", context=context).ask(host="a.example.com").status == 204
    with pytest.raises((OSError, ssl.SSLError)):
        tls(weir, "a.example.com").ask(host="a.example.com")


def test_a_bad_one_is_told_and_passed_over(many, start_tls, tls, directory):
    many("good", ["good.example.com"])
    many("bad", ["bad.example.com"])
    (many.directory / "bad.key").unlink()
    weir = start_tls(ANY)
    weir.wait_for_log("error a certificate cannot be served and is left out file=.*/many/bad.pem "
                      'directory=.*/many problem="there is no private key in it or beside it" '
                      'advice="put its key beside it, as NAME.key, or take it out of the directory"')
    assert tls(weir, "good.example.com").ask(host="good.example.com").status == 200
    said = run_weir_command("check", "-c", directory / "weir-0" / "weir.yaml")
    assert said.returncode == 1
    assert "put its key beside it, as NAME.key" in said.stderr


def test_an_empty_directory_is_told(many, authority, directory):
    (directory / "weir.yaml").write_text(
        f'listen: ":443"\nsites:\n{ANY}'.replace("{files}", str(authority.directory)))
    said = run_weir_command("check", directory=directory)
    assert said.returncode == 1
    assert f'error: there is no certificate in "{many.directory}" that can be served' in said.stderr


def test_a_reload_finds_what_came_and_each_has_its_date(many, start_tls, tls, ports):
    """Under a supervisor, whose worker sees no directory."""
    first = many("1", ["a.example.com"])
    admin = ("127.0.0.1", ports.take())
    weir = start_tls(ANY, f"admin: 127.0.0.1:{admin[1]}", supervised=True)
    assert tls(weir, "a.example.com").shown() == ["a.example.com"]
    second = many("2", ["b.example.com"], ends=30)
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    assert tls(weir, "b.example.com").shown() == ["b.example.com"]
    metrics = read_metrics(admin)
    for name, made in [("a.example.com", first), ("b.example.com", second)]:
        ends = metrics("weir_certificate_expiry_timestamp_seconds", site=name, key="ECDSA")
        assert ends == (made.not_valid_after - type(made.not_valid_after)(1970, 1, 1)).total_seconds()
