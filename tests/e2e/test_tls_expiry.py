"""Metrics tell when the files of TLS cease to hold, those of sites apart: what servers are shown, by
what others are looked at. They change when a file does, and not before."""

import calendar
import pathlib
import signal

import pytest
from cryptography import x509

from harness.certificates import Authority, a_site
from harness.deadline import poll_until
from harness.metrics import read_metrics

METRIC = "weir_tls_file_expiry_timestamp_seconds"
UPSTREAMS = """
upstreams:
  one:
    servers: ["https://127.0.0.1:1"]
    tls: {{ca: {servers}, certificate: {files}/own.pem, key: {files}/own.key}}
  two: {{servers: ["https://127.0.0.1:1"], tls: {{certificate: {files}/own.pem, key: {files}/own.key}}}}
"""


def seconds(time):
    return calendar.timegm(time.timetuple())


def end_of(path):
    data = pathlib.Path(path).read_bytes()
    if data.startswith(b"-----BEGIN X509 CRL"):
        return seconds(x509.load_pem_x509_crl(data).next_update)
    return seconds(x509.load_pem_x509_certificate(data).not_valid_after)


class Told:
    """A Weir with all kinds of files, and what it tells of them."""

    def __init__(self, authority, directory, start_tls):
        for name in ("clients", "servers"):
            (directory / name).mkdir()
        authority.make("site", ["example.com"])
        authority.make("own", ["weir"], ends=40)
        self.authority, self.directory = authority, directory
        self.clients = Authority(directory / "clients", "clients", seconds=50 * 86400)
        self.servers = Authority(directory / "servers", "servers", seconds=60 * 86400)
        self.clients.revoke("revoked", ends=7)
        self.own = str(authority.directory / "own.pem")
        self.list = str(directory / "clients" / "revoked.crl")
        self.admin = directory / "admin.sock"
        asks = f"client: {{ca: {self.clients.file}, crl: {self.list}}}"
        sites = "".join(a_site(name, rest=f"proxy: {to}").replace("site.key}", f"site.key, {asks}}}")
                        for name, to in [("a.example.com", "one"), ("b.example.com", "two")])
        more = UPSTREAMS.format(files=authority.directory, servers=self.servers.file)
        self.weir = start_tls(sites, f"threads: 1\nadmin: unix:{self.admin}\n{more}",
                              supervised=True)

    def __call__(self):
        """{(kind, file): seconds}; each once."""
        told = [((labels["kind"], labels["file"]), value)
                for name, labels, value in read_metrics(str(self.admin)).samples if name == METRIC]
        assert len(dict(told)) == len(told)
        return dict(told)

    def expected(self):
        return {key: end_of(key[1]) for key in [
            ("certificate", self.own), ("authorities", str(self.clients.file)),
            ("authorities", str(self.servers.file)), ("revocations", self.list)]}

    def reload(self, without=None):
        path = self.directory / "weir-0" / "weir.yaml"
        if without:
            assert without in path.read_text()
            path.write_text(path.read_text().replace(without, ""))
        seen = self.weir.log.count("\n")
        self.weir.signal(signal.SIGHUP)
        self.weir.wait_for_log("the configuration was loaded", start=seen)


@pytest.fixture
def told(authority, directory, start_tls):
    return Told(authority, directory, start_tls)


def test_the_ends_of_files_are_told_also_behind_a_reload(told):
    expected = told.expected()
    assert told() == expected
    told.reload()
    assert told() == expected


def test_a_file_that_is_renewed_in_its_place_has_another_end(told):
    before = told()
    told.authority.make("own", ["weir"], ends=300)
    poll_until(lambda: told() != before, what="the certificate is renewed")
    told.clients.revoke("revoked", ends=9)
    poll_until(lambda: told()["revocations", told.list] > before["revocations", told.list],
               what="the list is renewed")
    assert told() == told.expected()


def test_what_nobody_names_any_more_is_not_told(told):
    told.reload(without=f"ca: {told.servers.file}, ")
    expected = told.expected()
    del expected["authorities", str(told.servers.file)]
    assert told() == expected
    told.reload(without=f", crl: {told.list}")
    del expected["revocations", told.list]
    assert told() == expected
