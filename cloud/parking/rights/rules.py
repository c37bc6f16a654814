"""Which rights a tag has at each site: pure, computed per tag, so one change costs one tag.

A full recomputation is the same function over all tags; that the two agree is a property test.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cloud.parking.lots.policy import WalkUps
from protocols.portable import access, codes
from protocols.site import Right

_BOTH_WAYS = access.FLAG_ENTRY | access.FLAG_EXIT
_EPOCH_S = 0


class PermitKind(StrEnum):
    """Why somebody may park without booking."""

    PERMIT = "permit"
    STAFF = "staff"


_PERMIT_CODES = {PermitKind.PERMIT: codes.PERMIT, PermitKind.STAFF: codes.STAFF}


@dataclass(frozen=True, slots=True)
class LotFacts:
    """What a lot decides about rights. `walk_ups` says whether known tags need an entry."""

    id: str
    site: str
    walk_ups: WalkUps
    early_grace: timedelta = timedelta(0)
    late_grace: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """A confirmed or active booking of a tag."""

    id: UUID
    lot: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PermitFacts:
    """A permit that is not withdrawn; `until_at` None is without end."""

    id: UUID
    lot: str
    kind: PermitKind
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class TagFacts:
    """All that gives one tag rights. is_secured: the card has a key and a counter (Level 1)."""

    tag_key: str
    is_blocked: bool
    is_secured: bool = False
    bookings: tuple[BookingFacts, ...] = field(default=())
    permits: tuple[PermitFacts, ...] = field(default=())


def rights_of(tag: TagFacts, lots: Mapping[str, LotFacts]) -> dict[tuple[str, str], Right]:
    """Every right of a tag, by (site, right id).

    A blocked tag has a denial at each lot instead: it beats whatever the lot would allow, also
    while the site is offline.
    """
    if tag.is_blocked:
        flags = codes.KNOWN | _flags(tag) | access.FLAG_BLOCKED
        found = [(lot, _standing("blocked", tag.tag_key, lot.id, flags)) for lot in lots.values()]
    else:
        found = [*_known(tag, lots.values()), *_booked(tag, lots), *_permitted(tag, lots)]
    return {(lot.site, right.id): right for lot, right in found}


def _known(tag: TagFacts, lots: Iterable[LotFacts]) -> Iterable[tuple[LotFacts, Right]]:
    flags = codes.KNOWN | _flags(tag)
    for lot in lots:
        # Where nobody walks up, an entry for every card in the country would help nobody.
        if lot.walk_ups != WalkUps.NONE:
            yield lot, _standing("known", tag.tag_key, lot.id, flags)


def _booked(tag: TagFacts, lots: Mapping[str, LotFacts]) -> Iterable[tuple[LotFacts, Right]]:
    for booking in tag.bookings:
        if (lot := lots.get(booking.lot)) is None:
            continue
        yield (
            lot,
            Right(
                id=str(booking.id),
                tag=tag.tag_key,
                lot=lot.id,
                flags=codes.BOOKING | _flags(tag),
                from_s=_floor_s(booking.starts_at - lot.early_grace),
                until_s=_ceil_s(booking.ends_at + lot.late_grace),
            ),
        )


def _permitted(tag: TagFacts, lots: Mapping[str, LotFacts]) -> Iterable[tuple[LotFacts, Right]]:
    for permit in tag.permits:
        if (lot := lots.get(permit.lot)) is None:
            continue
        until_s = access.FOREVER_S if permit.until_at is None else _ceil_s(permit.until_at)
        yield (
            lot,
            Right(
                id=str(permit.id),
                tag=tag.tag_key,
                lot=lot.id,
                flags=_PERMIT_CODES[permit.kind] | _flags(tag),
                from_s=_floor_s(permit.from_at),
                until_s=until_s,
            ),
        )


def _flags(tag: TagFacts) -> int:
    return _BOTH_WAYS | (access.FLAG_SECURED if tag.is_secured else 0)


def _standing(kind: str, tag_key: str, lot: str, flags: int) -> Right:
    return Right(
        id=f"{kind}-{lot}-{tag_key}",
        tag=tag_key,
        lot=lot,
        flags=flags,
        from_s=_EPOCH_S,
        until_s=access.FOREVER_S,
    )


def _floor_s(instant: datetime) -> int:
    return max(0, int(instant.timestamp() // 1))


def _ceil_s(instant: datetime) -> int:
    return min(access.FOREVER_S, -int(-instant.timestamp() // 1))


@dataclass(frozen=True, slots=True)
class Changes:
    """What leads from the rights a site has to those it should have."""

    added: tuple[Right, ...]
    removed: tuple[str, ...]


def changes(
    have: Mapping[tuple[str, str], Right], want: Mapping[tuple[str, str], Right]
) -> dict[str, Changes]:
    """By site, in a stable order; a right whose content changed is only added, under its id."""
    sites = sorted({site for site, _ in (*have, *want)})
    found = {}
    for site in sites:
        added = [r for (s, _), r in sorted(want.items()) if s == site and have.get((s, r.id)) != r]
        removed = [i for s, i in sorted(have) if s == site and (s, i) not in want]
        if added or removed:
            found[site] = Changes(tuple(added), tuple(removed))
    return found
