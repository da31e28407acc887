"""Certificates that change on the disk are served without anybody asking for it, and by a reload."""

import os
import signal
import ssl

import pytest

from harness.certificates import Authority, a_site
from harness.deadline import poll_until
from harness.h2load import H2Load
from harness.http1 import Cut, Ended
from harness.supervised import READY
from harness.tls_client import trusting

RENEWED = "notice certificates that have changed were read again"
KEPT = "error a changed file of TLS cannot be used; the one before stays file="


def serial(client):
    return int(client.socket.getpeercert()["serialNumber"], 16)


def renewed(weir, change):
    """What `change` gives, when it is served."""
    seen = weir.log.count("\n")
    made = change()
    weir.wait_for_log(RENEWED, start=seen)
    return made.serial_number if made else None


def test_a_changed_certificate_is_served_and_nothing_else_is_read(authority, start_tls, tls,
                                                                  directory):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(), supervised=True)
    before = tls(weir)
    (directory / "weir-0" / "weir.yaml").write_text("nonsense: true\n")
    made = renewed(weir, lambda: authority.make("site", ["example.com"]))
    assert serial(tls(weir)) == made
    assert before.ask(host="example.com").status == 200
    seen = weir.log.count("\n")
    os.kill(weir.worker(), signal.SIGKILL)
    weir.wait_for_log(READY, start=seen)
    assert serial(tls(weir)) == made
    made = renewed(weir, lambda: authority.make("site", ["example.com"]))
    assert serial(tls(weir)) == made


def test_the_only_one_stays_beside_a_site_without_tls(authority, start_tls, tls, connect):
    """Which alone would be enough to start with."""
    authority.make("site", ["example.com"])
    weir = start_tls(a_site() + "  - {host: plain.example.com, respond: 200}\n", supervised=True)
    old = serial(tls(weir))
    (authority.directory / "site.key").write_text("nothing\n")
    weir.wait_for_log(KEPT)
    assert serial(tls(weir)) == old
    assert connect(weir.plain).ask(host="plain.example.com").status == 200
    made = authority.make("site", ["example.com"]).serial_number
    poll_until(lambda: serial(tls(weir)) == made)


def test_a_bad_one_is_told_once_and_the_one_before_stays(authority, start_tls, tls):
    """Also where only the first half of a pair is there, until the other one comes."""
    def rename(part):
        os.replace(authority.directory / f"next.{part}", authority.directory / f"b.{part}")

    for name in ["a", "b"]:
        authority.make(name, [f"{name}.example.com"])
    weir = start_tls(a_site("a.example.com", "a") + a_site("b.example.com", "b"), supervised=True)
    old = serial(tls(weir, "b.example.com"))
    made = authority.make("next", ["b.example.com"]).serial_number
    renewed(weir, lambda: rename("pem"))
    assert serial(tls(weir, "b.example.com")) == old
    for _ in range(2):
        fresh = renewed(weir, lambda: authority.make("a", ["a.example.com"]))
        assert serial(tls(weir, "a.example.com")) == fresh
        assert serial(tls(weir, "b.example.com")) == old
    assert weir.log.count(KEPT) == 1
    renewed(weir, lambda: rename("key"))
    assert serial(tls(weir, "b.example.com")) == made
    renewed(weir, (authority.directory / "b.pem").unlink)
    assert serial(tls(weir, "b.example.com")) == made
    assert weir.log.count(KEPT) == 2


def test_broken_authorities_and_lists_hold_back_nothing_else(authority, start_tls, tls, directory):
    def shows(name):
        context = trusting(authority)
        context.load_cert_chain(clients.directory / f"{name}.pem", clients.directory / f"{name}.key")
        return tls(weir, "a.example.com", context=context)

    (directory / "clients").mkdir()
    clients, servers = Authority(directory / "clients", "clients"), directory / "servers.pem"
    lists = clients.directory / "revoked.crl"
    servers.write_bytes(authority.file.read_bytes())
    clients.make("alice", ["alice"])
    clients.revoke("revoked", clients.make("mallory", ["mallory"]))
    for name in ["site", "b"]:
        authority.make(name, [f"{name}.example.com", "a.example.com"])
    asks = f"site.key, client: {{verify: required, ca: {clients.file}, crl: {lists}}}}}"
    weir = start_tls(a_site("a.example.com").replace("site.key}", asks) +
                     a_site("b.example.com", "b", "proxy: app"),
                     "upstreams: {app: {servers: ['https://127.0.0.1:1'], "
                     f"tls: {{ca: {servers}}}}}}}", supervised=True)
    for times, file in enumerate([clients.file, lists, servers], 1):
        good = file.read_bytes()
        file.write_bytes(good[:100])
        made = authority.make("b", ["b.example.com"]).serial_number
        weir.wait_for_log(f"{KEPT}{file}")
        poll_until(lambda: serial(tls(weir, "b.example.com")) == made, what="the other to be served")
        assert weir.log.count(KEPT) == times
        assert shows("alice").ask(host="a.example.com").status == 200
        with pytest.raises((ssl.SSLError, ConnectionError, Ended, Cut)):
            shows("mallory").ask(host="a.example.com")
        file.write_bytes(good)


def test_certificates_come_to_a_directory_and_go(authority, start_tls, tls):
    (authority.directory / "many").mkdir()
    authority.make("many/1", ["a.example.com"])
    weir = start_tls("  - tls: {certificates: {files}/many}\n    respond: 204\n", supervised=True)
    renewed(weir, lambda: authority.make("many/2", ["b.example.com"]))
    assert tls(weir, "b.example.com").shown() == ["b.example.com"]
    renewed(weir, (authority.directory / "many" / "1.pem").unlink)
    assert tls(weir, None).shown() == ["b.example.com"]
    renewed(weir, lambda: (authority.directory / "many" / "2.pem").write_text(""))
    assert tls(weir, "b.example.com").shown() == ["b.example.com"]
    assert weir.log.count(KEPT) == 1


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_reloads_with_new_certificates_fail_no_stream(authority, start_tls, tls, times):
    authority.make("site", ["example.com"])
    weir = start_tls("  - tls: {certificate: {files}/site.pem, key: {files}/site.key}\n"
                     "    respond: {status: 200, body: hello}\n", "threads: 2", supervised=True)
    with H2Load(f"https://{weir.address[0]}:{weir.address[1]}/") as asking:
        for _ in range(times):
            made = authority.make("site", ["example.com"])
            seen = weir.log.count("\n")
            weir.signal(signal.SIGHUP)
            weir.wait_for_log("the configuration was loaded", start=seen)
            assert serial(tls(weir)) == made.serial_number
    wrong = [said for said in asking.outcomes
             if "2000 succeeded, 0 failed, 0 errored, 0 timeout" not in said]
    assert not wrong
