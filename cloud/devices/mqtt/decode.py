"""What a site's payload says, checked to the last field; pure, and bad input never raises.

A batch that cannot be read is refused as a whole, a bad event singly: the rest go on. Whatever
passes here is something PostgreSQL can store.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from protocols.enrolment import site_common_name
from protocols.portable import macs, topics, version
from protocols.site import Event, EventBatch, Quarantined

EVENTS_MAX: Final = 500
EVENT_BYTES_MAX: Final = 16 * 1024
WHOLE_BATCH: Final = -1
"""The index that stands for the batch itself among what an ack calls quarantined."""

MALFORMED: Final = "malformed"
OVERSIZED: Final = "oversized"
WRONG_VERSION: Final = "wrong_version"
FOREIGN_DEVICE: Final = "foreign_device"
OUT_OF_RANGE: Final = "out_of_range"
KEY_REUSED: Final = "key_reused"
NOT_STORABLE: Final = "not_storable"

_INT64_MAX: Final = 2**63 - 1
# Year 9999: PostgreSQL and Python both end soon after.
_MS_MAX: Final = 253_402_300_799_999
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_BATCH_NUMBER: Final = re.compile(rb'"batch"\s*:\s*([0-9]{1,18})(?![0-9.eE])')
_NUL: Final = b"\\u0000"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BadPayload:
    """A payload, or one event of a batch, to be set aside.

    index: place in the batch; WHOLE_BATCH for the batch itself.
    """

    index: int
    reason: str
    detail: str
    payload: bytes
    device: str | None = None

    def told(self) -> Quarantined:
        """What the ack says of it."""
        return Quarantined(index=self.index, reason=self.reason)


@dataclass(frozen=True, slots=True)
class GoodEvent:
    """An event that can be stored.

    data: its JSON text, the card named by its tag key. raw: the whole as it came.
    """

    index: int
    device: str
    boot: int
    seq: int
    at_ms: int | None
    heard_ms: int
    clock: str
    kind: str
    data: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What became of one payload. `batch` is None when not even its number could be read."""

    site: str
    batch: int | None
    events: list[GoodEvent]
    bad: list[BadPayload]


_batch_decoder: Final = msgspec.json.Decoder(EventBatch)
_event_decoder: Final = msgspec.json.Decoder(Event)
_data_encoder: Final = msgspec.json.Encoder()


def decode_batch(site: str, payload: bytes) -> DecodedBatch:
    """Every event of a batch, the bad ones apart.

    Whether a device belongs to the site is the registry's question: see `split_foreign`.
    """
    if len(payload) > version.SITE_MESSAGE_BYTES_MAX:
        detail = f"{len(payload)} bytes; at most {version.SITE_MESSAGE_BYTES_MAX} are taken."
        return _refused(site, payload, OVERSIZED, detail)
    try:
        batch = _batch_decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # ValueError covers text that is not UTF-8; RecursionError, brackets without end.
        return _refused(site, payload, MALFORMED, str(error))
    if not 0 <= batch.batch <= _INT64_MAX:
        return _refused(site, payload, OUT_OF_RANGE, "The batch number is not from 0 to 2^63-1.")
    if batch.v != version.VERSION:
        detail = f"Version {batch.v}; this side reads {version.VERSION}."
        return _refused(site, payload, WRONG_VERSION, detail)
    if len(batch.events) > EVENTS_MAX:
        detail = f"{len(batch.events)} events; at most {EVENTS_MAX} are taken."
        return _refused(site, payload, OVERSIZED, detail)
    events: list[GoodEvent] = []
    bad: list[BadPayload] = []
    for index, raw in enumerate(batch.events):
        outcome = _decode_event(index, bytes(raw))
        if isinstance(outcome, GoodEvent):
            events.append(outcome)
        else:
            bad.append(outcome)
    return DecodedBatch(site, batch.batch, events, bad)


def decode_message(payload: bytes, into: type[T]) -> T | BadPayload:
    """A report or an online message as its struct."""
    if len(payload) > version.SITE_MESSAGE_BYTES_MAX:
        return BadPayload(WHOLE_BATCH, OVERSIZED, f"{len(payload)} bytes.", payload)
    try:
        message = msgspec.json.decode(payload, type=into)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return BadPayload(WHOLE_BATCH, MALFORMED, str(error), payload)
    if getattr(message, "v", None) != version.VERSION:
        return BadPayload(WHOLE_BATCH, WRONG_VERSION, "This side reads version 1.", payload)
    if _NUL in payload:
        return BadPayload(WHOLE_BATCH, NOT_STORABLE, "It has a NUL character.", payload)
    return message


def split_foreign(
    site: str, events: list[GoodEvent], gates: Collection[str]
) -> tuple[list[GoodEvent], list[BadPayload]]:
    """The events of the site's own devices, and the others as refusals.

    gates: ids of the gates the registry knows at this site.
    """
    own, foreign = [], []
    agent = site_common_name(site)
    for event in events:
        if event.device == agent or event.device in gates:
            own.append(event)
        else:
            detail = f"The registry knows no device {event.device} at {site}."
            foreign.append(BadPayload(event.index, FOREIGN_DEVICE, detail, event.raw, event.device))
    return own, foreign


def _refused(site: str, payload: bytes, reason: str, detail: str) -> DecodedBatch:
    # The number is fished out of the ruins so that the site can be told to go on.
    found = _BATCH_NUMBER.search(payload)
    number = int(found.group(1)) if found else None
    return DecodedBatch(site, number, [], [BadPayload(WHOLE_BATCH, reason, detail, payload)])


def _decode_event(index: int, raw: bytes) -> GoodEvent | BadPayload:
    if len(raw) > EVENT_BYTES_MAX:
        return BadPayload(index, OVERSIZED, f"{len(raw)} bytes; at most {EVENT_BYTES_MAX}.", raw)
    try:
        event = _event_decoder.decode(raw)
        data = _data_encoder.encode(_without_uid(event.data))
        text = data.decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return BadPayload(index, MALFORMED, str(error), raw)
    device = event.device if _is_device(event.device) else None
    if problem := _range_problem(event):
        return BadPayload(index, OUT_OF_RANGE, problem, raw, device)
    if _NUL in data:
        return BadPayload(index, NOT_STORABLE, "It has a NUL character.", raw, device)
    return GoodEvent(
        index,
        event.device,
        event.boot,
        event.seq,
        event.at_ms,
        event.heard_ms,
        event.clock,
        event.kind,
        text,
        raw,
    )


def _without_uid(data: dict[str, Any]) -> dict[str, Any]:
    """The data with the card under its tag key: card numbers are personal, and stay on site."""
    if "uid" not in data:
        return data
    uid = data["uid"]
    rest = {name: value for name, value in data.items() if name != "uid"}
    try:
        card = bytes.fromhex(uid)
    except (TypeError, ValueError):
        return rest
    return rest | {"tag": macs.tag_key(card).hex()} if card else rest


@lru_cache(maxsize=4096)
def _is_device(device: str) -> bool:
    """Whether this can be a gate's or an agent's id; asked for every event, of few devices."""
    agent = device.removeprefix(site_common_name(""))
    return topics.is_slug(device) or (agent != device and topics.is_slug(agent))


def _range_problem(event: Event) -> str | None:
    if not _is_device(event.device):
        return "The device's id is not a slug."
    if not (0 <= event.boot <= _INT64_MAX and 0 <= event.seq <= _INT64_MAX):
        return "boot and seq are from 0 to 2^63-1."
    if not 0 <= event.heard_ms <= _MS_MAX:
        return "heard_ms is not an instant before the year 10000."
    if event.at_ms is not None and not 0 <= event.at_ms <= _MS_MAX:
        return "at_ms is not an instant before the year 10000."
    if not _KIND.fullmatch(event.kind) or not _KIND.fullmatch(event.clock):
        return "kind and clock are words of a-z, 0-9 and _ with at most 32 characters."
    return None
