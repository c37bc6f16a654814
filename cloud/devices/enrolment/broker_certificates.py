"""Certificates that brokers and the cloud's own MQTT client start with, as files.

`python -m cloud issue-broker-cert` and the process roles call this before any database is needed.
Everything here may run any number of times: what is still good is left alone.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.devices.enrolment.ca import (
    CertificateAuthority,
    csr_pem,
    load_or_create_ca,
    load_private_key,
    new_private_key_pem,
    system_now,
)
from cloud.kit.crypto import load_or_create_secret
from protocols.broker_acl import cloud_client, nats_authorization
from protocols.enrolment import CLOUD_COMMON_NAME

RENEW_BEFORE: Final = timedelta(days=60)


def issue_broker_certificate(
    ca_folder: Path, folder: Path, common_name: str, names: Sequence[str]
) -> None:
    """Put key.pem, cert.pem and ca.pem for one broker into `folder`.

    names: host names and addresses its clients will use.
    """
    authority = load_or_create_ca(ca_folder)
    key = _key_in(folder / "key.pem")
    certificate = folder / "cert.pem"
    if not _is_good(certificate, key.public_key(), names, authority):
        issued = authority.issue_server(csr_pem(key, common_name), common_name, names)
        write_replacing(certificate, issued.pem, 0o644)
    write_replacing(folder / "ca.pem", authority.pem, 0o644)


def issue_cloud_client(ca_folder: Path) -> None:
    """Put the cloud's own identity on the cloud broker into the authority's folder."""
    authority = load_or_create_ca(ca_folder)
    key = _key_in(ca_folder / "cloud.key")
    certificate = ca_folder / "cloud.pem"
    if not _is_good(certificate, key.public_key(), (), authority):
        issued = authority.issue_client(csr_pem(key, CLOUD_COMMON_NAME), CLOUD_COMMON_NAME)
        write_replacing(certificate, issued.pem, 0o644)


def write_first_permissions(path: Path) -> None:
    """Where the cloud broker has no list of clients yet, one that admits the cloud itself.

    The ingress writes the full list as soon as it runs.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(path, nats_authorization([cloud_client()]), 0o600)


def write_replacing(path: Path, text: str, mode: int) -> bool:
    """Write a file in one step, so that nobody reads half of it; False if it said so already."""
    if path.exists() and path.read_text() == text:
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.chmod(mode)
    draft.replace(path)
    return True


def _key_in(path: Path) -> ec.EllipticCurvePrivateKey:
    return load_private_key(load_or_create_secret(path, new_private_key_pem))


def _is_good(
    path: Path,
    public_key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    authority: CertificateAuthority,
) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return (
        certificate.public_key().public_bytes(*spki) == public_key.public_bytes(*spki)
        and certificate.not_valid_after_utc > system_now() + RENEW_BEFORE
        and authority.has_issued(certificate)
        and _names_of(certificate) == set(names)
    )


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in extension.value}
