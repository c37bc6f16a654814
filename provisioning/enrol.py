"""Turns a bare device into a trusted one: its key is made here and certified by the cloud.

Every function may run any number of times: a device whose folder already holds an identity keeps
it, unless `is_renewed` asks for a new one.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocols.enrolment import GateIdentity, SiteIdentity, site_common_name
from provisioning.cloud_api import Api

IDENTITY_FILE = "identity.json"
KEY_FILE = "key.pem"
CONFIG_FILE = "config.json"


def enrol_site(api: Api, site: str, folder: Path, *, is_renewed: bool = False) -> SiteIdentity:
    """Give an edge agent its identity: identity.json and key.pem in `folder`."""
    path = folder / IDENTITY_FILE
    if path.exists() and not is_renewed:
        return msgspec.json.decode(path.read_bytes(), type=SiteIdentity)
    key = new_key()
    request = {"csr_pem": signing_request(key, site_common_name(site))}
    answer = api.post(f"/api/v1/sites/{site}/enrol", request)
    identity = msgspec.convert(answer, SiteIdentity)
    write_private(folder / KEY_FILE, key_pem(key))
    write_private(path, msgspec.json.encode(identity))
    return identity


def certify_site_broker(api: Api, site: str, folder: Path, *, is_renewed: bool = False) -> None:
    """Give a site's broker its key.pem, cert.pem and ca.pem in `folder`."""
    if (folder / "cert.pem").exists() and not is_renewed:
        return
    key = new_key()
    request = {"csr_pem": signing_request(key, f"broker-{site}")}
    answer = api.post(f"/api/v1/sites/{site}/broker-certificate", request)
    write_private(folder / KEY_FILE, key_pem(key))
    write_private(folder / "ca.pem", answer["ca_pem"].encode())
    write_private(folder / "cert.pem", answer["certificate_pem"].encode())


def enrol_gate(
    api: Api, gate: str, folder: Path, config: Mapping[str, Any], *, is_renewed: bool = False
) -> GateIdentity:
    """Give a gate what its flash needs: identity.json, key.pem and config.json in `folder`.

    config: what firmware/settings.py reads; an existing config.json is left alone, since the site
        may have changed it.
    """
    if not (folder / CONFIG_FILE).exists() or is_renewed:
        write_private(folder / CONFIG_FILE, msgspec.json.encode(dict(config)))
    path = folder / IDENTITY_FILE
    if path.exists() and not is_renewed:
        return msgspec.json.decode(path.read_bytes(), type=GateIdentity)
    key = new_key()
    answer = api.post(f"/api/v1/gates/{gate}/enrol", {"csr_pem": signing_request(key, gate)})
    identity = msgspec.convert(answer, GateIdentity)
    write_private(folder / KEY_FILE, key_pem(key))
    write_private(path, msgspec.json.encode(identity))
    return identity


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PEM, unencrypted: it lives on the device it belongs to."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def signing_request(key: ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """A certificate request over this key, PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def write_private(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
