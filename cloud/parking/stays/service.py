"""Turns passages into stays, and stays into fees that are paid.

Everything follows from what happened when, by the devices' clocks. A passage that is heard of late
mends the stays of its neighbours; a fee that changes by that is charged or given back by the
difference. So the same passages end in the same stays and fees, however they arrive.
"""

from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from cloud.accounts.user import User
from cloud.devices.events import StoredEvent
from cloud.kit.clock import Clock, to_ms
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking import live
from cloud.parking.access.tables import AccessLogRow
from cloud.parking.bookings.service import BookingService
from cloud.parking.gate_events import (
    PassageFacts,
    Where,
    direction_name,
    event_id,
    happened_at,
    read,
)
from cloud.parking.instants import place_after
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.service import LotService
from cloud.parking.stays import rules
from cloud.parking.stays.errors import StayClosedError, StayMissingError
from cloud.parking.stays.exceptions import ExceptionKind, Exceptions, Oddity
from cloud.parking.stays.passages import Around, Grant, Passage, Passages
from cloud.parking.stays.pricing import Basis
from cloud.parking.stays.rules import StayState, pair_around
from cloud.parking.stays.schemas import Stay, StayClose
from cloud.parking.stays.settlement import Settlement, stay_oddity
from cloud.parking.stays.tables import StayRow
from cloud.parking.tariffs.service import lines_from
from protocols.portable import codes

OPERATOR: Final = "operator"
"""Kind and device of passages that an operator enters by hand."""
_NAMESPACE: Final = UUID("53c5a1de-5f0a-5f66-93f4-2b0f7a3b9a10")


_STAY_KINDS: Final = (
    ExceptionKind.ENTRY_WITHOUT_EXIT,
    ExceptionKind.NOT_PRICED,
    ExceptionKind.STAY_OWES,
)


class StayService:
    """Stays, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        lots: LotService,
        occupancy: OccupancyService,
        bookings: BookingService,
        settlement: Settlement,
        exceptions: Exceptions,
        clock: Clock,
        acts: ActRecorder,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._lots = lots
        self._occupancy = occupancy
        self._passages = Passages(session)
        self._bookings = bookings
        self._settlement = settlement
        self._exceptions = exceptions
        self._clock = clock
        self._acts = acts
        self._notices = notices

    async def passed(self, event: StoredEvent, where: Where) -> None:
        """A car went through: a `passage` or `tailgated` event, counted once."""
        facts = read(event, PassageFacts)
        # Nobody else handles passages of this lot until this transaction ends.
        await self._occupancy.lock(where.lot)
        added = await self._passages.add(
            Passage(
                id=event_id(event),
                device=event.device,
                boot=event.boot,
                seq=event.seq,
                site=where.site,
                lot=where.lot,
                lane=where.lane,
                direction=facts.direction or where.direction,
                at=happened_at(event),
                tap=facts.tap,
                kind=event.kind,
            )
        )
        if added is None:
            return
        passage = added.passage
        await self._occupancy.count(passage.lot, passage.direction)
        if passage.tag_key is None:
            await self._report_stranger(passage)
        else:
            await self._mend(passage, added.around, is_new=True)
        self._notices.lot(self._session, passage.lot, live.PASSAGE, _notice(passage))
        await self._occupancy.review(passage.lot)

    async def decided(self, access: AccessLogRow) -> None:
        """A decision was logged; if its car's passage was heard of before it, they meet now."""
        if access.tap is None or not access.is_admitted or access.tag_key is None:
            return
        await self._occupancy.lock(access.lot)
        passage = await self._passages.meet(
            access.device, access.boot, access.tap, access_id=access.id, tag_key=access.tag_key
        )
        if passage is None:
            return
        await self._exceptions.withdraw((ExceptionKind.PASSAGE_WITHOUT_CARD, passage.id))
        await self._mend(passage, await self._passages.around(passage), is_new=False)
        await self._occupancy.review(passage.lot)

    async def close(self, actor: User, stay_id: UUID, data: StayClose) -> Stay:
        """An operator knows that the car has gone; the stay is priced like any other.

        Raises:
            StayMissingError, StayClosedError: said in the error.
        """
        stay = await self._session.get(StayRow, stay_id)
        if stay is None:
            raise StayMissingError("There is no such stay.")
        await self._occupancy.lock(stay.lot)
        await self._session.refresh(stay)
        at = data.at or self._clock.now()
        if stay.state != StayState.OPEN or at <= stay.entry_at or at > self._clock.now():
            raise StayClosedError("The stay has ended, or that instant is not within it.")
        added = await self._passages.add(
            Passage(
                id=uuid5(_NAMESPACE, str(stay.id)),
                device=OPERATOR,
                boot=0,
                seq=to_ms(at),
                site=stay.site,
                lot=stay.lot,
                lane=OPERATOR,
                direction=codes.EXIT,
                at=at,
                kind=OPERATOR,
                tag_key=stay.tag_key,
            )
        )
        if added is None:
            raise StayClosedError("The stay was closed by an operator before.")
        await self._occupancy.count(stay.lot, codes.EXIT)
        await self._mend(added.passage, added.around, is_new=True)
        await self._occupancy.review(stay.lot)
        act = PrivilegedAct(actor.id, "stay.closed", f"stay:{stay_id}", {"reason": data.reason})
        await self._acts.record(self._session, act)
        return await self.get(stay_id)

    async def get(self, stay_id: UUID, user_id: UUID | None = None) -> Stay:
        """One stay; with a user, only if it is theirs.

        Raises:
            StayMissingError: there is none, or it is somebody else's.
        """
        row = await self._session.get(StayRow, stay_id)
        if row is None or (user_id is not None and row.user_id != user_id):
            raise StayMissingError("You have no such stay.")
        return to_stay(row)

    async def list_mine(self, user_id: UUID, page: PageRequest) -> Page[Stay]:
        """The user's stays, newest first."""
        return await self._list([col(StayRow.user_id) == user_id], page)

    async def list_of_lot(
        self, lot: str, page: PageRequest, state: StayState | None = None
    ) -> Page[Stay]:
        """A lot's stays, newest first."""
        conditions: list[ColumnElement[bool]] = [col(StayRow.lot) == lot]
        if state is not None:
            conditions.append(col(StayRow.state) == state)
        return await self._list(conditions, page)

    async def _list(self, conditions: list[ColumnElement[bool]], page: PageRequest) -> Page[Stay]:
        query = (
            select(StayRow)
            .where(*conditions)
            .order_by(col(StayRow.entry_at).desc(), col(StayRow.id).desc())
            .limit(page.fetch)
        )
        if (after := place_after(page)) is not None:
            place = func.row(col(StayRow.entry_at), col(StayRow.id))
            query = query.where(place < func.row(*after))
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, to_stay, lambda row: (row.entry_at, row.id))

    async def _report_stranger(self, row: Passage) -> None:
        way = direction_name(row.direction)
        if row.kind == codes.TAILGATED:
            kind, detail = ExceptionKind.TAILGATED, f"A car followed another through {row.lane}."
        else:
            kind = ExceptionKind.PASSAGE_WITHOUT_CARD
            detail = f"A car passed {way} {row.lane} without a card that was decided upon."
        await self._exceptions.report(_oddity(kind, row, detail))

    async def _mend(self, new: Passage, around: Around, *, is_new: bool) -> None:
        """Pair the passage with its neighbours in time, and settle what follows from it.

        is_new: it was stored just now, so there is no stay of it yet.
        """
        near = {one.id: one for one in (around.before, new, around.after) if one is not None}
        mended = pair_around(around.before, new, around.after)
        for orphan in mended.orphans:
            row = near[orphan.id]
            detail = f"A card left at {row.lane} that was not seen to enter."
            await self._exceptions.report(_oddity(ExceptionKind.EXIT_WITHOUT_ENTRY, row, detail))
        # Who loses an exit comes first: an exit ends one stay, and a fee is given back before
        # the same wallet is charged anew.
        for stay in sorted(mended.stays, key=lambda s: s.exit is not None):
            is_first = is_new and stay.entry.id == new.id
            stored = None if is_first else await self._session.get(StayRow, stay.entry.id)
            await self._store(stay, stored, near)

    async def _store(
        self, stay: rules.Stay, row: StayRow | None, near: dict[UUID, Passage]
    ) -> None:
        is_new = row is None
        if row is None:
            row = await self._opened(near[stay.entry.id])
        leaving = None if stay.exit is None else near[stay.exit.id]
        row.state = stay.state
        row.exit_id = leaving.id if leaving else None
        row.exit_at = leaving.at if leaving else None
        row.exit_lane = leaving.lane if leaving else None
        row.exit_reason = await self._exit_reason(leaving)
        oddities: list[Oddity] = []
        if row.state == StayState.ABANDONED:
            detail = f"The card entered again; no exit was seen since {row.entry_at:%F %T} UTC."
            oddities.append(stay_oddity(ExceptionKind.ENTRY_WITHOUT_EXIT, row, detail))
        if row.booking_id is not None:
            await self._session.flush()
            await self._bookings.entered(row.booking_id)
            if row.state == StayState.CLOSED:
                await self._bookings.left(row.booking_id)
        oddities += await self._settlement.settle(row)
        if oddities or row.exit_id is not None or not is_new:
            await self._tell_oddities(row, oddities)
        self._tell(row)

    async def _opened(self, entry: Passage) -> StayRow:
        grant = await self._passages.grant(entry.access_id)
        currency = await self._occupancy.currency(entry.lot)
        assert entry.tag_key is not None
        row = StayRow(
            id=entry.id,
            site=entry.site,
            lot=entry.lot,
            tag_key=entry.tag_key,
            tag_id=grant.tag_id if grant else None,
            user_id=grant.user_id if grant else None,
            booking_id=grant.booking_id if grant else None,
            basis=_basis(grant),
            state=StayState.OPEN,
            entry_at=entry.at,
            entry_lane=entry.lane,
            lines=[],
            currency=currency,
        )
        self._session.add(row)
        return row

    async def _exit_reason(self, leaving: Passage | None) -> str | None:
        grant = None if leaving is None else await self._passages.grant(leaving.access_id)
        return grant.reason if grant else None

    async def _tell_oddities(self, row: StayRow, oddities: list[Oddity]) -> None:
        """Report what is odd about a stay now, and withdraw what no longer is."""
        found = {oddity.kind for oddity in oddities}
        for oddity in oddities:
            await self._exceptions.report(oddity)
        explained = [(kind, row.id) for kind in _STAY_KINDS if kind not in found]
        if row.exit_id is not None:
            explained.append((ExceptionKind.EXIT_WITHOUT_ENTRY, row.exit_id))
        await self._exceptions.withdraw(*explained)

    def _tell(self, row: StayRow) -> None:
        if row.user_id is None:
            return
        notice = live.StayNotice(
            stay_id=row.id,
            lot=row.lot,
            state=row.state,
            fee_cents=row.fee_cents,
            paid_cents=row.paid_cents,
            currency=row.currency,
        )
        self._notices.user(self._session, row.user_id, live.STAY, notice)


def to_stay(row: StayRow) -> Stay:
    """A stay as the API shows it."""
    fields: dict[str, Any] = row.model_dump(
        exclude={"site", "tag_id", "exit_id", "tariff_id", "settlements", "lines"}
    )
    return Stay(**fields, lines=lines_from(row.lines))


def _basis(grant: Grant | None) -> Basis:
    if grant is None or grant.right_kind is None:
        return Basis.WALK_UP
    if grant.right_kind in (codes.PERMIT, codes.STAFF):
        return Basis.PERMIT
    return Basis.BOOKING if grant.booking_id is not None else Basis.WALK_UP


def _oddity(kind: ExceptionKind, row: Passage, detail: str) -> Oddity:
    return Oddity(kind=kind, subject=row.id, site=row.site, lot=row.lot, at=row.at, detail=detail)


def _notice(row: Passage) -> live.PassageNotice:
    return live.PassageNotice(
        lane=row.lane,
        gate=row.device,
        direction=direction_name(row.direction),
        kind=row.kind,
        at_ms=to_ms(row.at),
    )
