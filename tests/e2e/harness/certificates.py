"""Certificates for tests, made when they are asked for, each with an authority of its own test."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEYS = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "weak": lambda: rsa.generate_private_key(65537, 1024),
}


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _subject(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_pem(key, password=None):
    encryption = (serialization.BestAvailableEncryption(password) if password
                  else serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             encryption)


class Authority:
    """Signs certificates and writes them into a directory; clients of the test trust `file`."""

    def __init__(self, directory, name="test authority", above=None, seconds=None):
        """`above`: the authority that signs this one; else it signs itself. It is good for some
        weeks, or for so many seconds."""
        self.directory = directory
        self.name = name
        self.key = KEYS["ecdsa"]()
        self.certificate = (above or self)._sign(_name(name), self.key.public_key(), 0, 30, [
            (x509.BasicConstraints(ca=True, path_length=None), True)], seconds)
        self.file = directory / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, public_key, begins, ends, extensions, seconds=None):
        """`seconds`: from now to its end, in the place of `ends`."""
        now = datetime.datetime.utcnow()
        end = (now + datetime.timedelta(seconds=seconds) if seconds is not None
               else now + datetime.timedelta(days=ends, hours=1 if ends > 0 else -1))
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(_name(self.name)).public_key(public_key)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=begins, hours=-1))
                   .not_valid_after(end))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def make(self, file, names, kind="ecdsa", begins=0, ends=90, password=None, more=(),
             seconds=None):
        """Writes FILE.pem with a certificate for those names, valid from `begins` to `ends` days
        from now, or until so many `seconds` from now, and FILE.key with its key; `more` are further
        extensions. Gives the certificate."""
        key = KEYS[kind]()
        certificate = self._sign(_name(names[0]), key.public_key(), begins, ends, [
            (x509.SubjectAlternativeName([_subject(name) for name in names]), False),
            *((extension, False) for extension in more)], seconds)
        (self.directory / f"{file}.pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM))
        (self.directory / f"{file}.key").write_bytes(key_pem(key, password))
        return certificate

    def revoke(self, file, *certificates, ends=30):
        """Writes FILE.crl, which holds for `ends` days from now: what was revoked."""
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateRevocationListBuilder().issuer_name(_name(self.name))
                   .last_update(now - datetime.timedelta(days=60))
                   .next_update(now + datetime.timedelta(days=ends)))
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(now).build())
        revoked = builder.sign(self.key, hashes.SHA256())
        (self.directory / f"{file}.crl").write_bytes(
            revoked.public_bytes(serialization.Encoding.PEM))

    def answer_bytes(self, certificate, status=ocsp.OCSPCertStatus.GOOD, begins=-1, ends=7 * 86400,
                     by=None):
        """What the responder says of the certificate, in DER, from and until so many seconds from
        now (None: without an end). `by`: key and certificate of who speaks for the authority."""
        now = datetime.datetime.utcnow().replace(microsecond=0)
        key, speaker = by or (self.key, self.certificate)
        revoked = status == ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate, self.certificate, hashes.SHA1(), status,
            now + datetime.timedelta(seconds=begins),
            None if ends is None else now + datetime.timedelta(seconds=ends),
            now if revoked else None, None).responder_id(ocsp.OCSPResponderEncoding.HASH, speaker)
        if by:
            builder = builder.certificates([speaker])
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def answer(self, file, certificate, **parts):
        """Writes FILE.ocsp with that, and the authority behind the certificate into FILE.pem."""
        (self.directory / f"{file}.ocsp").write_bytes(self.answer_bytes(certificate, **parts))
        self.add_chain(file, certificate)

    def add_chain(self, file, certificate):
        """Writes FILE.pem anew, with the authority behind the certificate."""
        (self.directory / f"{file}.pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM) + self.file.read_bytes())

    def speaker(self):
        """Key and certificate of who may answer for the authority."""
        key = KEYS["ecdsa"]()
        return key, self._sign(_name("speaker"), key.public_key(), 0, 30, [
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)])


def a_site(name="example.com", file="site", rest="respond: {status: 200, body: $host}"):
    """A site as text, with FILE.pem and FILE.key of the authority, for start_tls."""
    return (f'  - host: "{name}"\n    tls: {{certificate: {{files}}/{file}.pem, '
            f"key: {{files}}/{file}.key}}\n    {rest}\n")
