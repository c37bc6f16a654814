"""Who this agent is: its keys from the enrolment, and the TLS contexts made of them."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import msgspec

from protocols.enrolment import SiteIdentity, site_common_name

IDENTITY_FILE = "identity.json"
KEY_FILE = "key.pem"


class IdentityError(Exception):
    """The identity folder does not hold a usable identity; the message says what to do."""


@dataclass(frozen=True)
class Identity:
    """The agent's name, the site's key and what its TLS links need."""

    site: str
    site_key: bytes
    broker_host: str
    broker_port: int
    folder: Path

    @property
    def name(self) -> str:
        """CN, user name and client id; also the device of the agent's own events."""
        return site_common_name(self.site)

    def tls(self, least: ssl.TLSVersion) -> ssl.SSLContext:
        """A context for a mutual TLS link to one of the two brokers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = least
        context.load_verify_locations(self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "certificate.pem", self.folder / KEY_FILE)
        return context


def load_identity(folder: Path, site: str) -> Identity:
    """Read the folder; certificates are put beside as the files that the ssl module wants.

    Raises:
        IdentityError: a file is missing or broken, or it is the identity of another site.
    """
    path = folder / IDENTITY_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=SiteIdentity)
        key = bytes.fromhex(found.site_key)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise IdentityError(
            f"{path} cannot be read as a site's identity ({error}). Enrol the agent again."
        ) from error
    if found.site != site:
        raise IdentityError(f"{path} is for the site {found.site}, but this agent is of {site}.")
    if len(key) != 32:
        raise IdentityError(f"The site key in {path} has {len(key)} bytes, not 32.")
    _write_if_new(folder / "certificate.pem", found.certificate_pem)
    _write_if_new(folder / "ca.pem", found.ca_pem)
    return Identity(
        site=site,
        site_key=key,
        broker_host=found.broker_host,
        broker_port=found.broker_port,
        folder=folder,
    )


def _write_if_new(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)
