"""What the responder of its authority says of a certificate, shown with it."""

import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from harness.certificates import Authority, key_pem
from harness.deadline import PATIENCE, poll_until
from harness.metrics import read_metrics
from harness.weir import run_weir_command

GOOD = "Cert Status: good"
ENDS = "weir_certificate_ocsp_expiry_timestamp_seconds"
NONE = "OCSP response: no response sent"


def a_site(name):
    return (f'  - host: {name}.example.com\n    tls: {{certificate: {{files}}/{name}.pem, '
            f"key: {{files}}/{name}.key, ocsp: {{files}}/{name}.ocsp}}\n    respond: 204\n")


def shown(weir, name, *options):
    """What a client of OpenSSL that asks for it is shown with the certificate."""
    said = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{weir.address[1]}", "-status",
         "-servername", f"{name}.example.com", *options],
        input="", capture_output=True, text=True, timeout=PATIENCE).stdout
    assert f"{name}.example.com" in said
    return re.search(f"{GOOD}|{NONE}", said).group()


def ask_responder(authority, name, certificate):
    """NAME.ocsp as OpenSSL's responder answers for an authority."""
    files = authority.directory
    (files / "index.txt").write_text(
        f"V\t300101000000Z\t\t{certificate.serial_number:040X}\tunknown\t/CN=site\n")
    (files / "authority.key").write_bytes(key_pem(authority.key))
    subprocess.run(
        ["openssl", "ocsp", "-index", "index.txt", "-CA", "authority.pem", "-rsigner",
         "authority.pem", "-rkey", "authority.key", "-issuer", "authority.pem", "-cert",
         f"{name}.pem", "-respout", f"{name}.ocsp", "-ndays", "7", "-noverify"],
        cwd=files, check=True, capture_output=True, timeout=PATIENCE)
    (files / f"{name}.pem").write_bytes((files / f"{name}.pem").read_bytes()
                                        + authority.file.read_bytes())


def test_a_good_answer_is_shown(authority, ports, start_tls):
    certificate = authority.make("real", ["real.example.com"])
    ask_responder(authority, "real", certificate)
    authority.answer("rsa", authority.make("rsa", ["rsa.example.com"], "rsa"))
    authority.answer("spoken", authority.make("spoken", ["spoken.example.com"]),
                     by=authority.speaker())
    admin = ("127.0.0.1", ports.take())
    weir = start_tls("".join(map(a_site, ["real", "rsa", "spoken"])), f"admin: 127.0.0.1:{admin[1]}")
    for name in ["real", "rsa", "spoken"]:
        assert shown(weir, name, "-tls1_3") == GOOD
    assert shown(weir, "real", "-tls1_2") == GOOD
    assert "warning" not in weir.log
    metrics = read_metrics(admin)
    for name in ["real", "spoken"]:
        left = metrics(ENDS, site=f"{name}.example.com", key="ECDSA") - time.time()
        assert 6 * 86400 < left <= 7 * 86400


def nonsense(authority, certificate):
    authority.answer("nonsense", certificate)
    (authority.directory / "nonsense.ocsp").write_bytes(b"nothing")


def saying_nothing(authority, certificate):
    """RFC 6960 4.2.1: tryLater, without anything else."""
    authority.answer("saying_nothing", certificate)
    (authority.directory / "saying_nothing.ocsp").write_bytes(b"\x30\x03\x0a\x01\x03")


def of_another(authority, certificate):
    authority.answer("of_another", authority.make("another", ["another.example.com"]))
    authority.answer("another", certificate)
    (authority.directory / "of_another.pem").write_bytes(
        (authority.directory / "another.pem").read_bytes())


def of_nobody(authority, certificate):
    (authority.directory / "elsewhere").mkdir()
    stranger = Authority(authority.directory / "elsewhere", authority.name)
    authority.answer("of_nobody", certificate, by=stranger.speaker())


def lonely(authority, certificate):
    authority.answer("lonely", certificate)
    text = (authority.directory / "lonely.pem").read_text()
    (authority.directory / "lonely.pem").write_text(text[:text.index("END CERT") + 25])


BAD = {
    nonsense: "it is no answer of an OCSP responder in DER",
    saying_nothing: "the responder says nothing in it",
    of_another: "it says nothing of the certificate",
    of_nobody: "nobody who may speak for the authority of the certificate has signed it",
    lonely: "the file of the certificate does not tell who signed it",
    "revoked": "the certificate was revoked",
    "unknown": "the responder does not know the certificate",
    "endless": "it does not say until when it holds",
    "early": "it does not hold now",
    "late": "it does not hold now",
    "missing": "No such file or directory",
}

ANSWERS = {
    "revoked": {"status": ocsp.OCSPCertStatus.REVOKED},
    "unknown": {"status": ocsp.OCSPCertStatus.UNKNOWN},
    "endless": {"ends": None},
    "early": {"begins": 3600},
    "late": {"begins": -3600, "ends": -60},
}


def test_an_answer_that_is_not_good_is_told_and_not_shown(authority, directory, start_tls):
    sites, names = "", []
    for bad in BAD:
        name = bad if isinstance(bad, str) else bad.__name__
        certificate = authority.make(name, [f"{name}.example.com"])
        if not isinstance(bad, str):
            bad(authority, certificate)
        elif bad in ANSWERS:
            authority.answer(name, certificate, **ANSWERS[bad])
        sites += a_site(name)
        names.append(name)
    (directory / "weir.yaml").write_text(
        ('listen: ":443"\nsites:\n' + sites).replace("{files}", str(authority.directory)))
    said = run_weir_command("check", directory=directory).stderr
    weir = start_tls(sites)
    for name, words in zip(names, BAD.values()):
        level = "warning" if words == BAD["late"] else "error"
        assert re.search(rf'{level}: .*{name}\.ocsp".*{words}', said)
        assert re.search(rf'warning: .*{name}\.ocsp".*{words}', weir.log)
    assert shown(weir, "revoked") == shown(weir, "late") == shown(weir, "lonely") == NONE


def test_what_ends_is_shown_no_longer(authority, start_tls):
    authority.answer("short", authority.make("short", ["short.example.com"]), ends=4)
    weir = start_tls(a_site("short"))
    poll_until(lambda: shown(weir, "short") == NONE)


def test_a_new_answer_is_shown_by_itself(authority, start_tls):
    certificate = authority.make("renewed", ["renewed.example.com"])
    authority.answer("renewed", certificate, begins=-60, ends=-30)
    weir = start_tls(a_site("renewed"), supervised=True)
    assert shown(weir, "renewed") == NONE
    authority.answer("renewed", certificate)
    poll_until(lambda: shown(weir, "renewed") == GOOD)


@pytest.mark.parametrize("where", ["a file", "a directory"])
def test_a_certificate_that_must_not_be_shown_alone_is_warned_of(authority, directory, where):
    certificate = authority.make("must", ["must.example.com"], more=[
        x509.TLSFeature([x509.TLSFeatureType.status_request])])
    authority.answer("must", certificate)
    alone = ("tls: {certificates: {files}}" if where == "a directory" else
             "tls: {certificate: {files}/must.pem, key: {files}/must.key}")
    text = f'listen: ":443"\nsites:\n  - host: must.example.com\n    {alone}\n    respond: 204\n'
    told = "must be shown with an answer of its OCSP responder, and there is none"
    (authority.directory / "authority.pem").unlink()
    for text, is_warned in [(text, True), ('listen: ":443"\nsites:\n' + a_site("must"), False)]:
        (directory / "weir.yaml").write_text(text.replace("{files}", str(authority.directory)))
        said = run_weir_command("check", directory=directory)
        assert said.returncode == 0 and (told in said.stderr) == is_warned


def test_an_answer_that_belongs_to_no_certificate_is_an_error(authority, directory):
    authority.answer("site", authority.make("site", ["site.example.com"]))
    for tls in ["{ocsp: {files}/site.ocsp}",
                "{ocsp: {files}/site.ocsp, certificates: [{certificate: {files}/site.pem, "
                "key: {files}/site.key}]}"]:
        text = f'listen: ":443"\nsites:\n  - host: site.example.com\n    tls: {tls}\n    respond: 204\n'
        (directory / "weir.yaml").write_text(text.replace("{files}", str(authority.directory)))
        said = run_weir_command("check", directory=directory)
        assert said.returncode == 1
        assert "it is not said to which certificate it belongs" in said.stderr
