"""Certificates of an authority that exists for one test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Put them into files."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        key.write_bytes(self.key)
        certificate.write_bytes(self.certificate)
        return certificate, key


class Authority:
    """Signs certificates, by default for this machine's loopback."""

    def __init__(self, name: str = "authority", end: timedelta = 10 * DAY) -> None:
        self._name, self._key = _make_name(name), ec.generate_private_key(ec.SECP256R1())
        self.pair = _to_pair(_sign(_builder(self._name, self._name, self._key, end), self._key), self._key)

    def issue(self, name: str = "localhost", end: timedelta = 10 * DAY) -> Pair:
        """Sign a certificate that ends so long from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_make_name(name), self._name, key, end, is_authority=False)
        return _to_pair(_sign(builder, self._key), key)


def encrypt_key(pair: Pair) -> Pair:
    """Protect the key by a passphrase."""
    key = serialization.load_pem_private_key(pair.key, None)
    encryption = serialization.BestAvailableEncryption(b"passphrase")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return Pair(pair.certificate, pem)


def _make_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    end: timedelta,
    *,
    is_authority: bool = True,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 20 * DAY)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_places(subject)), critical=False)
    )


def _places(subject: x509.Name) -> list[x509.GeneralName]:
    """Where a certificate holds: at its name, and at loopback's address for localhost."""
    name = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    loopback = [x509.IPAddress(IPv4Address("127.0.0.1"))] if name == "localhost" else []
    return [x509.DNSName(name), *loopback]


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _to_pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return Pair(certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
