"""A device's event as parking reads it: when and where it happened, and what it says."""

from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID, uuid5

import msgspec

from cloud.devices.events import StoredEvent
from cloud.kit.clock import from_ms
from protocols.portable import codes

T = TypeVar("T")

_AHEAD_MS: Final = 600_000
_OLDEST_MS: Final = 400 * 86_400_000

_NAMESPACE: Final = UUID("0d2a1d52-5f0c-5d0b-8f9e-8d0f5b6f7a11")


class AccessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an `access` event says; fields that an older device leaves out have a default.

    tag: tag key; a device that does not compute it sends the `uid`.
    """

    reason: str
    mode: str = codes.AGENT
    tap: int | None = None
    tag: str | None = None
    uid: str | None = None
    right: str | None = None
    list_version: int = 0
    level: int = 0
    read: int = codes.READ_OK
    vehicle: bool = True
    copied: bool | None = None
    direction: int | None = None


class PassageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a `passage` or `tailgated` event says: the grant it used, from a tap or a command."""

    tap: int | None = None
    command: str | None = None
    direction: int | None = None


class GateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which gate an agent's event is about."""

    gate: str | None = None


class TapFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One tap of a card whose counter gave it away."""

    gate: str
    at_ms: int | None = None
    counter: int

    def told(self) -> str:
        """In words."""
        at = "at an unknown time" if self.at_ms is None else f"at {from_ms(self.at_ms):%F %T} UTC"
        return f"{self.gate} {at} with counter {self.counter}"


class CopyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a `copied_card` event says: both taps."""

    tag: str
    gate: str
    earlier: TapFacts
    this: TapFacts


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a gate, as the registry knows it."""

    site: str
    lot: str
    lane: str
    direction: int


def read(event: StoredEvent, into: type[T]) -> T:
    """The event's own fields.

    Raises:
        msgspec.ValidationError: they are not what this kind of event has.
    """
    return msgspec.json.decode(event.data, type=into)


def event_id(event: StoredEvent) -> UUID:
    """The id of whatever this event makes: the same on every delivery and in every replay."""
    return uuid5(_NAMESPACE, f"{event.device}:{event.boot}:{event.seq}")


def happened_at(event: StoredEvent) -> datetime:
    """By the device's clock, unless that was unset or cannot be right: then when it was heard of.

    An event may be old when it is heard of, but not older than any queue, nor of tomorrow.
    """
    at_ms = event.at_ms
    if at_ms is None or not -_OLDEST_MS <= at_ms - event.heard_ms <= _AHEAD_MS:
        at_ms = event.heard_ms
    return from_ms(at_ms)


def direction_name(direction: int) -> str:
    """The word the API uses."""
    return "entry" if direction == codes.ENTRY else "exit"
