"""Logs every decision of a lane, finds whose card it was, and checks the decision again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.devices.events import StoredEvent
from cloud.kit.clock import from_ms
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.parking import live
from cloud.parking.access.rules import Recheck, Seen, Verdict, cloud_decision, recheck
from cloud.parking.access.schemas import AccessEntry, MyAccess
from cloud.parking.access.tables import AccessLogRow
from cloud.parking.gate_events import (
    AccessFacts,
    Where,
    direction_name,
    event_id,
    happened_at,
    read,
)
from cloud.parking.instants import place_after
from cloud.parking.lots.policy import Passback, Stale, WalkUps, deciders_lot
from cloud.parking.lots.service import LotService
from cloud.parking.rights.service import RightsComputer
from cloud.parking.rights.tables import IssuedRightRow
from cloud.parking.stays.exceptions import ExceptionKind, Exceptions, Oddity
from cloud.parking.stays.tables import PassageRow
from cloud.parking.tags.rules import tag_key, uid_bytes
from cloud.parking.tags.service import Tags
from cloud.parking.tags.tables import TagRow
from protocols.portable import access, codes


@dataclass(frozen=True, slots=True)
class _Found:
    """What the cloud makes of a decision, and the right it would have used."""

    verdict: Verdict
    right: IssuedRightRow | None


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which decisions an operator wants to see; None is any."""

    admitted: bool | None = None
    reason: str | None = None
    recheck: Recheck | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions of a query."""
        found: list[ColumnElement[bool]] = []
        if self.admitted is not None:
            found.append(col(AccessLogRow.is_admitted).is_(self.admitted))
        if self.reason is not None:
            found.append(col(AccessLogRow.reason) == self.reason)
        if self.recheck is not None:
            found.append(col(AccessLogRow.recheck) == self.recheck)
        if self.from_at is not None:
            found.append(col(AccessLogRow.at) >= self.from_at)
        if self.until_at is not None:
            found.append(col(AccessLogRow.at) < self.until_at)
        return found


class AccessService:
    """The access log, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        lots: LotService,
        tags: Tags,
        rights: RightsComputer,
        exceptions: Exceptions,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._lots = lots
        self._tags = tags
        self._rights = rights
        self._exceptions = exceptions
        self._notices = notices

    async def record(self, event: StoredEvent, where: Where) -> AccessLogRow | None:
        """Log an `access` event; None if it is in the log already."""
        facts = read(event, AccessFacts)
        key = _tag_key(facts)
        tag = None if key is None else await self._tags.by_key(key)
        at = happened_at(event)
        found = await self._check(facts, key, at, where)
        right = await self._right_used(facts, found, where.site)
        row = AccessLogRow(
            id=event_id(event),
            device=event.device,
            boot=event.boot,
            seq=event.seq,
            site=where.site,
            lot=where.lot,
            lane=where.lane,
            direction=facts.direction or where.direction,
            at=at,
            heard_at=from_ms(event.heard_ms),
            clock=event.clock,
            tap=facts.tap,
            tag_key=key,
            tag_id=tag.id if tag else None,
            user_id=tag.user_id if tag else None,
            booking_id=_booking_id(right),
            right_id=right.right_id if right else facts.right,
            right_kind=None if right is None else right.flags & access.KIND_MASK,
            reason=facts.reason,
            is_admitted=_is_admitted(facts.reason),
            mode=facts.mode,
            list_version=facts.list_version,
            level=facts.level,
            recheck=found.verdict.recheck,
            recheck_reason=found.verdict.reason,
        )
        if not await self._is_new(row):
            return None
        if found.verdict.recheck == Recheck.DISAGREES:
            await self._dispute(row, tag)
        self._notices.lot(self._session, row.lot, live.ACCESS, _notice(row))
        return row

    async def list_of_lot(
        self, lot: str, page: PageRequest, wanted: AccessFilter
    ) -> Page[AccessEntry]:
        """Decisions at a lot, newest first."""
        conditions = [col(AccessLogRow.lot) == lot, *wanted.conditions()]
        rows = await self._list(conditions, page)
        return page.page(rows, _to_entry, lambda row: (row.at, row.id))

    async def list_mine(self, user_id: UUID, page: PageRequest) -> Page[MyAccess]:
        """Decisions about the user's cards, newest first."""
        rows = await self._list([col(AccessLogRow.user_id) == user_id], page)
        return page.page(rows, _to_mine, lambda row: (row.at, row.id))

    async def _list(
        self, conditions: Sequence[ColumnElement[bool]], page: PageRequest
    ) -> Sequence[AccessLogRow]:
        query = (
            select(AccessLogRow)
            .where(*conditions)
            .order_by(col(AccessLogRow.at).desc(), col(AccessLogRow.id).desc())
            .limit(page.fetch)
        )
        if (after := place_after(page)) is not None:
            place = func.row(col(AccessLogRow.at), col(AccessLogRow.id))
            query = query.where(place < func.row(*after))
        return (await self._session.scalars(query)).all()

    async def _check(
        self, facts: AccessFacts, key: str | None, at: datetime, where: Where
    ) -> _Found:
        """The cloud's own decision, with the rights as they were then.

        The lot's policy is taken as it is now; whether it was full or closed then, only the lane
        knew, so such refusals are not checked.
        """
        lot = await self._lots.row(where.lot)
        rights = [] if key is None else await self._rights.at(key, where.site, at)
        plain = [
            (r.flags | (0 if r.lot == where.lot else access.FLAG_OTHER_LOT), r.from_s, r.until_s)
            for r in rights
        ]
        seen = Seen(
            direction=facts.direction or where.direction,
            vehicle=facts.vehicle,
            read=facts.read,
            level=facts.level,
            copied=facts.copied,
            at_s=int(at.timestamp()),
            stale=False,
        )
        decider = deciders_lot(
            state=codes.OPEN,
            walk_ups=WalkUps(lot.walk_ups),
            passback=Passback(lot.passback),
            level_min=lot.level_min,
            stale=Stale(lot.stale),
        )
        inside = None if key is None else await self._was_inside(where.lot, key, at)
        _, index = cloud_decision(seen, plain, decider, inside=inside)
        verdict = recheck(facts.reason, seen, plain, decider, inside=inside)
        return _Found(verdict, rights[index] if index >= 0 else None)

    async def _was_inside(self, lot: str, key: str, at: datetime) -> bool:
        query = (
            select(col(PassageRow.direction))
            .where(
                col(PassageRow.lot) == lot,
                col(PassageRow.tag_key) == key,
                col(PassageRow.at) < at,
            )
            .order_by(col(PassageRow.at).desc())
            .limit(1)
        )
        return await self._session.scalar(query) == codes.ENTRY

    async def _right_used(
        self, facts: AccessFacts, found: _Found, site: str
    ) -> IssuedRightRow | None:
        """The right the lane named; a gate's own list has no names: then the cloud's."""
        if facts.right is None:
            return found.right if _is_admitted(facts.reason) else None
        return await self._rights.named(site, facts.right)

    async def _is_new(self, row: AccessLogRow) -> bool:
        query = (
            insert(AccessLogRow)
            .values(row.model_dump())
            .on_conflict_do_nothing()
            .returning(col(AccessLogRow.id))
        )
        return await self._session.scalar(query) is not None

    async def _dispute(self, row: AccessLogRow, tag: TagRow | None) -> None:
        revoked_at = None
        if row.right_id is not None:
            revoked_at = await self._rights.last_revoked(row.site, row.right_id)
        oddity = Oddity(
            kind=ExceptionKind.DECISION_DISPUTED,
            subject=row.id,
            site=row.site,
            lot=row.lot,
            at=row.at,
            detail=dispute(row, revoked_at, tag),
        )
        await self._exceptions.report(oddity)


def dispute(row: AccessLogRow, revoked_at: datetime | None, tag: TagRow | None) -> str:
    """A sentence that says how the cloud sees a decision it would not have made."""
    way = direction_name(row.direction)
    told = f"{row.reason} at {way} {row.lane} by {row.mode} (list {row.list_version})"
    if row.is_admitted and row.recheck_reason == codes.BLOCKED and tag is not None:
        return f"Admitted ({told}) although the card was {tag.state} at {tag.state_at:%F %T} UTC."
    if row.is_admitted and revoked_at is not None and revoked_at <= row.at:
        return f"Admitted ({told}) although the right was revoked at {revoked_at:%F %T} UTC."
    if row.direction == codes.EXIT:
        return f"Let out ({told}); the cloud would have said {row.recheck_reason}."
    if row.is_admitted:
        return f"Admitted ({told}); the cloud would have refused: {row.recheck_reason}."
    return f"Refused ({told}); the cloud would have admitted: {row.recheck_reason}."


def _tag_key(facts: AccessFacts) -> str | None:
    if facts.tag:
        return facts.tag
    uid = uid_bytes(facts.uid or "")
    return None if uid is None else tag_key(uid)


def _booking_id(right: IssuedRightRow | None) -> UUID | None:
    if right is None or right.flags & access.KIND_MASK != codes.BOOKING:
        return None
    return UUID(right.right_id)


def _is_admitted(reason: str) -> bool:
    return reason in codes.REASONS and codes.is_admitted(reason)


def _notice(row: AccessLogRow) -> live.AccessNotice:
    return live.AccessNotice(
        lane=row.lane,
        gate=row.device,
        direction=direction_name(row.direction),
        reason=row.reason,
        is_admitted=row.is_admitted,
        mode=row.mode,
        at_ms=int(row.at.timestamp() * 1_000),
    )


def _sentence(reason: str) -> str:
    return codes.sentence(reason) if reason in codes.REASONS else ""


def _to_entry(row: AccessLogRow) -> AccessEntry:
    return AccessEntry(
        id=row.id,
        lot=row.lot,
        lane=row.lane,
        gate=row.device,
        direction=direction_name(row.direction),
        at=row.at,
        heard_at=row.heard_at,
        clock=row.clock,
        user_id=row.user_id,
        booking_id=row.booking_id,
        reason=row.reason,
        sentence=_sentence(row.reason),
        is_admitted=row.is_admitted,
        mode=row.mode,
        list_version=row.list_version,
        level=row.level,
        recheck=row.recheck,
        recheck_reason=row.recheck_reason,
    )


def _to_mine(row: AccessLogRow) -> MyAccess:
    return MyAccess(
        id=row.id,
        lot=row.lot,
        lane=row.lane,
        direction=direction_name(row.direction),
        at=row.at,
        booking_id=row.booking_id,
        reason=row.reason,
        sentence=_sentence(row.reason),
        is_admitted=row.is_admitted,
    )
