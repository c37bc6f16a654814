"""The project's certificate authority: one P-256 key that vouches for every device and broker.

Certificates have two shapes. A device's may only be a client, and its name is forced by the
registry, whatever the request asks for; a broker's may only be a server. So a stolen gate cannot
pose as a broker, nor as another gate.

Validity uses the machine's own clock even where a simulator decides the time, as TLS does.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.devices.enrolment.errors import CsrError
from cloud.kit.crypto import load_or_create_secret

CA_NAME: Final = "Curb device authority"
CA_DAYS: Final = 30 * 365
DEVICE_DAYS: Final = 5 * 365
SERVER_DAYS: Final = 825
CSR_CHARS_MAX: Final = 4096
# A board whose clock is some hours behind must still find its new certificate valid.
BACKDATED: Final = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with what the registry keeps of it."""

    pem: str
    serial: str
    sha256: str
    not_after: datetime


def system_now() -> datetime:
    """The machine's time, which is what TLS checks certificates against."""
    return datetime.now(UTC)


class CertificateAuthority:
    """Signs for devices and brokers; get it from `load_or_create_ca`."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        now: Callable[[], datetime] = system_now,
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._now = now

    @property
    def pem(self) -> str:
        """The authority's own certificate, which every side trusts."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether this authority signed that certificate."""
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def issue_client(self, csr_pem: str, common_name: str) -> Issued:
        """A device's certificate; only the key is taken from the request.

        Raises:
            CsrError: not a request, not P-256, or not signed with its own key.
        """
        return self._issue(
            read_csr(csr_pem), common_name, ExtendedKeyUsageOID.CLIENT_AUTH, DEVICE_DAYS, ()
        )

    def issue_server(self, csr_pem: str, common_name: str, names: Sequence[str]) -> Issued:
        """A broker's certificate for these host names and addresses.

        Raises:
            CsrError: as issue_client.
        """
        return self._issue(
            read_csr(csr_pem), common_name, ExtendedKeyUsageOID.SERVER_AUTH, SERVER_DAYS, names
        )

    def _issue(
        self,
        public_key: ec.EllipticCurvePublicKey,
        common_name: str,
        usage: x509.ObjectIdentifier,
        days: int,
        names: Sequence[str],
    ) -> Issued:
        now = self._now()
        not_after = min(now + timedelta(days=days), self._certificate.not_valid_after_utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self._certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            serial=f"{certificate.serial_number:x}",
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
            not_after=certificate.not_valid_after_utc,
        )


def load_or_create_ca(
    folder: Path, now: Callable[[], datetime] = system_now
) -> CertificateAuthority:
    """The authority in this folder (ca.key, ca.pem); made at the very first call.

    Several processes may call this at once: all end up with the same authority.
    """
    key = load_private_key(load_or_create_secret(folder / "ca.key", new_private_key_pem))
    certificate_path = folder / "ca.pem"
    pem = load_or_create_secret(certificate_path, lambda: _self_signed(key, now()))
    certificate_path.chmod(0o644)
    return CertificateAuthority(key, x509.load_pem_x509_certificate(pem), now)


def new_private_key_pem() -> bytes:
    """A fresh P-256 key, PKCS 8, unencrypted."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a PEM file of ours."""
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def csr_pem(key: ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """A request for a certificate over this key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def read_csr(text: str) -> ec.EllipticCurvePublicKey:
    """The key a request asks a certificate for, once it has proved to hold it.

    Raises:
        CsrError: not a request, not P-256, or not signed with its own key.
    """
    if len(text) > CSR_CHARS_MAX:
        raise CsrError(f"The request is longer than {CSR_CHARS_MAX} characters.")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise CsrError("The request's key must be on the curve P-256.")
        if not request.is_signature_valid:
            raise CsrError("The request is not signed with its own key.")
    except (ValueError, InvalidSignature, x509.InvalidVersion) as error:
        raise CsrError("That is not a certificate request in PEM.") from error
    return key


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    public_key = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(CA_NAME))
        .issuer_name(_name(CA_NAME))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
