"""What a device gets, once, when it is enrolled, and the names its certificate carries."""

import msgspec


class GateIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a gate's enrolment; with its private key it is all a gate has to keep secret."""

    gate: str
    site: str
    certificate_pem: str
    ca_pem: str
    gate_key: str
    """64 hex digits; HMAC key for commands and lists, derived from the site's key."""
    card_master_key: str
    """64 hex digits; Level 1 cards derive their keys from it. Shown to no person."""
    broker_host: str
    broker_port: int


class SiteIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to an edge agent's enrolment."""

    site: str
    certificate_pem: str
    ca_pem: str
    site_key: str
    """64 hex digits."""
    broker_host: str
    broker_port: int


def site_common_name(site: str) -> str:
    """The CN, user name and client id of a site's agent on both brokers."""
    return f"site-{site}"


CLOUD_COMMON_NAME = "cloud"
"""The CN of the cloud's own MQTT client."""
