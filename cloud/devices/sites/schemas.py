"""Sites and lanes at the API."""

from datetime import datetime
from typing import Annotated

import msgspec

from cloud.kit.patterns import END
from protocols.portable import topics

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{3,32}" + END)]
Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*" + END)
]
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:-]+" + END)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Reason = Annotated[
    str, msgspec.Meta(min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*" + END)
]
Timezone = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


def check_ids(*ids: str) -> None:
    """Raise ValueError unless all are slugs to the last character.

    The `$` of a pattern passes over a line break at the end, and ids stand in topics, certificates
    and the brokers' configuration.
    """
    if not all(map(topics.is_slug, ids)):
        raise ValueError("An id has 3 to 32 characters of a-z, 0-9 and -.")


class SiteCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place with one edge agent. broker_host, broker_port: where its gates find its broker."""

    id: Slug
    name: Name
    timezone: Timezone = "UTC"
    broker_host: Host = "127.0.0.1"
    broker_port: Port = 8883

    def __post_init__(self) -> None:
        """See check_ids."""
        check_ids(self.id)


class SiteUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; those left out stay."""

    name: Name | None = None
    timezone: Timezone | None = None
    broker_host: Host | None = None
    broker_port: Port | None = None


class SiteHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What was last heard of a site."""

    online: bool = False
    heard_at: datetime | None = None
    agent: str | None = None
    desired_version: int = 0
    rights_version: int = 0
    rights_count: int = 0
    rights_problem: str | None = None
    outbox: int = 0
    oldest_event_at: datetime | None = None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A site. state: new, enrolled or revoked."""

    id: str
    name: str
    timezone: str
    broker_host: str
    broker_port: int
    state: str
    desired_version: int
    created_at: datetime
    certificate_serial: str | None
    certificate_not_after: datetime | None
    health: SiteHealth


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a device is no longer trusted."""

    reason: Reason
