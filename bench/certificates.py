"""Certificates for the runs over TLS, made once for each directory of tools."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

KEYS = {"p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048)}
LIFE = datetime.timedelta(days=365)


def make(path, kind, host):
    """One file with a certificate, signed by itself, and its key."""
    key = KEYS[kind]()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def of(tools, kind, sites):
    """The files for that kind of key: one for every site of many, or one for all."""
    if not kind:
        return []
    directory = tools / "certificates"
    directory.mkdir(exist_ok=True)
    names = [f"site{i}.example.com" for i in range(sites)] or ["bench.example.com"]
    files = [directory / f"{kind}-{name}.pem" for name in names]
    for file, name in zip(files, names):
        if not file.exists():
            make(file, kind, name)
    return files
