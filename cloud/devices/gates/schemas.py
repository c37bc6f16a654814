"""Lanes and gates at the API."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cloud.devices.sites.schemas import Name, Reason, Slug, check_ids
from protocols.portable import codes


class Direction(StrEnum):
    """Which way a lane leads."""

    ENTRY = "entry"
    EXIT = "exit"


CODE_OF: Final = {Direction.ENTRY: codes.ENTRY, Direction.EXIT: codes.EXIT}
DIRECTION_OF: Final = {code: direction for direction, code in CODE_OF.items()}


class LaneCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way into or out of a lot."""

    id: Slug
    lot: Slug
    name: Name
    direction: Direction

    def __post_init__(self) -> None:
        """See check_ids."""
        check_ids(self.id, self.lot)


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane."""

    id: str
    site: str
    lot: str
    name: str
    direction: Direction


class GateCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The device that controls a lane."""

    id: Slug
    lane: Slug

    def __post_init__(self) -> None:
        """See check_ids."""
        check_ids(self.id)


class GateHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What the site last knew of a gate; null where it never said."""

    online: bool = False
    heard_at: datetime | None = None
    lane_state: str | None = None
    reader: str | None = None
    clock: str | None = None
    firmware: str | None = None
    list_version: int | None = None
    outbox: int | None = None
    heap_free: int | None = None
    rssi_dbm: int | None = None
    problem: str | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A gate with its lane. state: new, enrolled or revoked."""

    id: str
    site: str
    lane: Lane
    state: str
    out_of_service: bool
    certificate_serial: str | None
    certificate_not_after: datetime | None
    health: GateHealth


class OutOfService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a lane out of service, or put it back."""

    out_of_service: bool
    reason: Reason
