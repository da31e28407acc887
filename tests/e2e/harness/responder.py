"""An OCSP responder (RFC 6960) that says of each certificate what the test wants.

    responder = Responder(authority, start_origin)
    certificate = responder.make("shop", ["shop.example.com"])       # names the responder
    responder.says(certificate, status=ocsp.OCSPCertStatus.REVOKED)  # else: it is good
    responder.does(certificate, lambda connection: connection.answer(404))

`responder.asked(certificate)` counts the questions about it."""

import base64
import urllib.parse

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

TYPE = [("Content-Type", "application/ocsp-response")]


def named(url):
    """The extension with which a certificate names a responder."""
    return x509.AuthorityInformationAccess([x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))])


def question_in(request):
    """What is asked, by GET or POST."""
    if request.method == "POST":
        assert request.value("Content-Type") == "application/ocsp-request"
        return ocsp.load_der_ocsp_request(request.body)
    assert request.method == "GET"
    text = urllib.parse.unquote(request.target.rsplit("/", 1)[1])
    return ocsp.load_der_ocsp_request(base64.b64decode(text, validate=True))


class Responder:
    def __init__(self, authority, start_origin, path="/ocsp"):
        self.authority = authority
        self.origin = start_origin(self._behave)
        self.url = f"{self.origin.url}{path}"
        self._deeds, self._asked = {}, {}

    def make(self, file, names, more=(), **parts):
        """A certificate of the authority that names the responder, with its chain."""
        certificate = self.authority.make(file, names, more=[named(self.url), *more], **parts)
        self.authority.add_chain(file, certificate)
        self.says(certificate)
        return certificate

    def says(self, certificate, **parts):
        """As Authority.answer_bytes takes it; made anew for each question."""
        self.does(certificate, lambda connection: connection.answer(
            body=self.authority.answer_bytes(certificate, **parts), fields=TYPE))

    def does(self, certificate, deed):
        self._deeds[certificate.serial_number] = deed

    def does_once(self, certificate, deed):
        """The first time; and what it does by now, from then on."""
        later = self._deeds[certificate.serial_number]

        def once(connection):
            self.does(certificate, later)
            deed(connection)

        self.does(certificate, once)

    def asked(self, certificate):
        return self._asked.get(certificate.serial_number, 0)

    def _behave(self, connection):
        question = question_in(connection.read_request())
        self._asked[question.serial_number] = self._asked.get(question.serial_number, 0) + 1
        self._deeds[question.serial_number](connection)
