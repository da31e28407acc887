"""What the responder of its authority says of a certificate, fetched by Weir and shown with it."""

import re
import time

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from harness.certificates import Authority
from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.responder import TYPE, Responder, named
from harness.supervised import Supervised
from harness.weir import run_weir_command
from test_ocsp import GOOD, NONE, shown

ENDS = "weir_certificate_ocsp_expiry_timestamp_seconds"
MUST = x509.TLSFeature([x509.TLSFeatureType.status_request])


def a_site(name, ocsp_from="fetch"):
    return (f'  - host: {name}.example.com\n    tls: {{certificate: {{files}}/{name}.pem, '
            f"key: {{files}}/{name}.key, ocsp: {ocsp_from}}}\n    respond: 204\n")


def await_shown(weir, name, what, *options):
    poll_until(lambda: shown(weir, name, *options) == what, what=f"{what} with {name}")


def check(directory, authority, text):
    (directory / "weir.yaml").write_text(
        ('listen: ":443"\nsites:\n' + text).replace("{files}", str(authority.directory)))
    return run_weir_command("check", directory=directory)


@pytest.fixture
def responder(authority, start_origin):
    return Responder(authority, start_origin)


def test_an_answer_is_fetched_and_shown(authority, responder, start_origin, ports, start_tls):
    short = responder.make("short", ["short.example.com"])
    spoken = responder.make("spoken", ["spoken.example.com"], kind="rsa")
    responder.says(spoken, by=authority.speaker())
    posted = Responder(authority, start_origin, f"/{'long' * 60}")
    long = posted.make("long", ["long.example.com"])
    admin = ("127.0.0.1", ports.take())
    weir = start_tls("".join(map(a_site, ["short", "spoken", "long"])),
                     f"admin: 127.0.0.1:{admin[1]}", supervised=True)
    await_shown(weir, "short", GOOD, "-tls1_2")
    await_shown(weir, "spoken", GOOD)
    await_shown(weir, "long", GOOD)
    assert [request.method for request in posted.origin.requests] == ["POST"]
    assert {request.method for request in responder.origin.requests} == {"GET"}
    assert responder.origin.requests[0].value("Host") == responder.origin.server
    assert responder.asked(short) == responder.asked(spoken) == posted.asked(long) == 1
    metrics = read_metrics(admin)
    assert 6 * 86400 < metrics(ENDS, site="short.example.com") - time.time() <= 7 * 86400
    assert metrics("weir_ocsp_certificates") == 3
    assert metrics("weir_ocsp_certificates_lacking") == 0
    assert metrics("weir_ocsp_fetches_total", outcome="taken") == 3
    assert metrics("weir_ocsp_fetches_total") == 3
    assert "warning" not in weir.log and "error" not in weir.log


def of_nobody(authority, certificate):
    (authority.directory / "elsewhere").mkdir()
    stranger = Authority(authority.directory / "elsewhere", authority.name)
    answer = authority.answer_bytes(certificate, by=stranger.speaker())
    return lambda connection: connection.answer(body=answer, fields=TYPE)


def answering(body, status=200):
    return lambda *_: lambda connection: connection.answer(status, body, fields=TYPE)


def saying(**parts):
    return lambda authority, certificate: lambda connection: connection.answer(
        body=authority.answer_bytes(certificate, **parts), fields=TYPE)


NOT_TAKEN = {
    "unknown": (saying(status=ocsp.OCSPCertStatus.UNKNOWN), "does not know the certificate"),
    "endless": (saying(ends=None), "it does not say until when it holds"),
    "early": (saying(begins=3600), "it does not hold now"),
    "late": (saying(begins=-3600, ends=-60), "it does not hold now"),
    "stranger": (of_nobody, "nobody who may speak for the authority"),
    "garbage": (answering(b"nothing"), "it is no answer of an OCSP responder"),
    "behind": (answering(b"\x30\x03\x0a\x01\x03more"), "it is no answer of an OCSP responder"),
    "silent": (answering(b"\x30\x03\x0a\x01\x03"), "the responder says nothing in it"),
    "empty": (answering(b""), "it is no answer of an OCSP responder"),
    "huge": (answering(b"x" * 65537), "its answer is too large"),
    "missing": (answering(b"", 404), "its answer has another status than 200"),
    "moved": (lambda *_: lambda connection: connection.answer(
        301, fields=[("Location", "/elsewhere")]), "its answer has another status than 200"),
    "broken": (lambda *_: lambda connection: connection.send(b"HTTP/1.1 20\r\n\r\n"),
               "its answer is malformed"),
}


# In two parts, because the same sentence is told ten times in a second at most.
@pytest.mark.parametrize("names", [list(NOT_TAKEN)[::2], list(NOT_TAKEN)[1::2]], ids=["1", "2"])
def test_an_answer_that_is_not_good_is_told_and_asked_for_again(authority, responder, start_tls,
                                                               names):
    for name in names:
        certificate = responder.make(name, [f"{name}.example.com"])
        responder.does_once(certificate, NOT_TAKEN[name][0](authority, certificate))
    weir = start_tls("".join(map(a_site, names)))
    for name in names:
        weir.wait_for_log(f"warning what an OCSP responder says of a certificate is not taken; "
                          f"asking again certificate={name}.example.com .*{NOT_TAKEN[name][1]}")
        weir.wait_for_log(f"notice an OCSP responder says that a certificate is good "
                          f"certificate={name}.example.com ")
    assert shown(weir, names[0]) == shown(weir, names[-1]) == GOOD
    assert weir.log.count("is not taken") == len(names)


def hang_up(connection):
    connection.reset()


@pytest.mark.parametrize("deed", [answering(b"", 500)(), answering(b"", 429)(), hang_up],
                         ids=["500", "429", "reset"])
def test_a_responder_that_does_not_answer_is_asked_again(authority, responder, start_tls, deed):
    names = ["one", "two", "three"]
    made = {name: responder.make(name, [f"{name}.example.com"]) for name in names}
    for certificate in made.values():
        responder.does(certificate, deed)
    weir = start_tls("".join(map(a_site, names)))
    weir.wait_for_log("warning an OCSP responder does not answer; asking again responder=http://127."
                      '.*problem=".*certificates=3')
    for certificate in made.values():
        responder.says(certificate)
    for name in names:
        await_shown(weir, name, GOOD)
    weir.wait_for_log("notice an OCSP responder answers again responder=http://127.")


def test_one_that_is_not_there_yet_is_told_once(authority, responder, start_tls):
    responder.make("early", ["early.example.com"])
    responder.origin.stop()
    weir = start_tls(a_site("early"))
    weir.wait_for_log("does not answer; asking again .*it refuses connections")
    responder.origin.start()
    await_shown(weir, "early", GOOD)
    assert weir.log.count("does not answer; asking again") == 1


def test_an_answer_that_never_comes_holds_up_no_other(authority, responder, start_tls):
    certificates = [responder.make(f"held{i}", [f"held{i}.example.com"]) for i in range(3)]
    for certificate in certificates:
        responder.does(certificate, lambda connection: connection.hold())
    responder.make("free", ["free.example.com"])
    weir = start_tls("".join(map(a_site, ["held0", "held1", "held2", "free"])))
    await_shown(weir, "free", GOOD)
    assert shown(weir, "held0") == NONE


def test_it_is_fetched_anew_before_it_ends_and_not_shown_behind_its_end(authority, responder,
                                                                       start_tls):
    certificate = responder.make("short", ["short.example.com"])
    responder.says(certificate, ends=4)
    weir = start_tls(a_site("short"))
    poll_until(lambda: responder.asked(certificate) >= 2, what="a second question")
    responder.says(certificate, begins=-3600)  # kept back by who stands in between
    await_shown(weir, "short", NONE)
    weir.wait_for_log("warning what an OCSP responder said of a certificate holds no longer; it is "
                      "shown without certificate=short.example.com")
    weir.wait_for_log('is not taken; .*problem="it is older than one that came before"')


def test_a_revoked_certificate_is_told(authority, responder, ports, start_tls):
    certificate = responder.make("stolen", ["stolen.example.com"])
    responder.says(certificate, ends=3)
    admin = ("127.0.0.1", ports.take())
    weir = start_tls(a_site("stolen"), f"admin: 127.0.0.1:{admin[1]}")
    await_shown(weir, "stolen", GOOD)
    responder.says(certificate, status=ocsp.OCSPCertStatus.REVOKED)
    weir.wait_for_log("error a certificate was revoked; get a new one "
                      "certificate=stolen.example.com responder=http://")
    assert shown(weir, "stolen") == NONE
    assert read_metrics(admin)("weir_ocsp_certificates_revoked") == 1


def test_a_certificate_that_must_not_be_shown_without_is_told(authority, responder, directory,
                                                              start_tls):
    certificate = responder.make("must", ["must.example.com"], more=[MUST])
    responder.does(certificate, lambda connection: connection.answer(404))
    weir = start_tls(a_site("must"))
    weir.wait_for_log("error a certificate that must be shown with an answer of its OCSP responder "
                      "is shown without; clients refuse it certificate=must.example.com")
    responder.says(certificate)
    await_shown(weir, "must", GOOD)
    assert "must be shown" not in check(directory, authority, a_site("must")).stderr


def test_a_reload_keeps_what_was_fetched(authority, responder, start_tls):
    certificate = responder.make("stays", ["stays.example.com"])
    weir = start_tls(a_site("stays"), supervised=True)
    await_shown(weir, "stays", GOOD)
    file = weir.arguments[2]
    text = open(file).read()

    def reload(changed):
        Supervised(weir).write(changed)
        told = run_weir_command("reload", "-c", file)
        assert told.returncode == 0, told.stderr

    reload(text.replace("respond: 204", "respond: 205"))
    assert shown(weir, "stays") == GOOD
    pem = authority.directory / "stays.pem"
    pem.write_bytes(pem.read_bytes() + b"\n")  # another file, and the same certificate
    reload(text)
    assert shown(weir, "stays") == GOOD
    assert responder.asked(certificate) == 1
    reload(text.replace("ocsp: fetch", "ocsp: off"))
    assert shown(weir, "stays") == NONE
    reload(text)
    await_shown(weir, "stays", GOOD)


@pytest.mark.parametrize("how", ["a directory", "a list", "defaults"])
def test_it_is_fetched_for_each_certificate(authority, responder, start_tls, how):
    names = ["one", "two", "three"]
    made = [responder.make(name, [f"{name}.example.com"], kind=kind)
            for name, kind in zip(names, ["ecdsa", "rsa", "ed25519"])]
    pairs = ", ".join(f"{{certificate: {{files}}/{name}.pem, key: {{files}}/{name}.key}}"
                      for name in names)
    tls = {"a directory": "tls: {certificates: {files}, ocsp: fetch}",
           "a list": f"tls: {{certificates: [{pairs}], ocsp: fetch}}",
           "defaults": "tls: {certificates: {files}}"}[how]
    (authority.directory / "authority.pem").unlink()
    hosts = ", ".join(f"{name}.example.com" for name in names)
    start_tls(f"  - host: [{hosts}]\n    {tls}\n    respond: 204\n",
              "defaults: {tls: {ocsp: fetch}}" if how == "defaults" else "")
    poll_until(lambda: all(responder.asked(certificate) == 1 for certificate in made))


def test_check_tells_who_will_be_asked_and_where_nobody_can_be(authority, directory, responder):
    responder.make("asked", ["asked.example.com"])
    good = check(directory, authority, a_site("asked"))
    assert good.returncode == 0 and not good.stderr
    assert f"asks OCSP responders: {responder.url}\n" in good.stdout
    authority.add_chain("mute", authority.make("mute", ["mute.example.com"]))
    for url in ["https://ocsp.example.com", "ldap://ocsp.example.com/", "http://ocsp example"]:
        more = [named(url)]
        authority.add_chain("mute", authority.make("mute", ["mute.example.com"], more=more))
        mute = check(directory, authority, a_site("mute"))
        assert "warning: nothing can be fetched to be shown with the certificate: it names no OCSP " \
            "responder" in mute.stderr, url
    alone = authority.make("alone", ["alone.example.com"], more=[named(responder.url)])
    assert "the file of the certificate does not tell who signed it" in check(
        directory, authority, a_site("alone")).stderr
    (authority.directory / "authority.pem").unlink()
    found = check(directory, authority, "  - host: asked.example.com\n    respond: 204\n    tls: "
                  "{certificates: {files}, ocsp: fetch}\n")
    assert re.search(r'of the certificates in ".*", 2 name no OCSP responder', found.stderr)
    assert alone


def test_an_url_that_leads_nowhere_is_told(authority, start_tls):
    more = [named("http://user@127.0.0.1/")]
    authority.add_chain("site", authority.make("site", ["site.example.com"], more=more))
    weir = start_tls(a_site("site"))
    weir.wait_for_log("error OCSP responders cannot be asked for some certificates: .* "
                      "certificates=1")
