"""Permits: standing leave to park, for residents and staff."""

from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.instants import is_plausible, place_after
from cloud.parking.lots.service import LotService
from cloud.parking.rights.errors import PermitMissingError, PermitWindowError
from cloud.parking.rights.rules import PermitKind
from cloud.parking.rights.schemas import Permit, PermitCreate
from cloud.parking.rights.service import RightsComputer
from cloud.parking.rights.tables import PermitRow
from cloud.parking.tags.errors import TagMissingError
from cloud.parking.tags.service import Tags


class PermitService:
    """Permits, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        lots: LotService,
        tags: Tags,
        rights: RightsComputer,
        clock: Clock,
        ids: Ids,
        acts: ActRecorder,
    ) -> None:
        self._session = session
        self._lots = lots
        self._tags = tags
        self._rights = rights
        self._clock = clock
        self._ids = ids
        self._acts = acts

    async def grant(self, actor: User, data: PermitCreate) -> Permit:
        """Let a card park at a lot without booking.

        Raises:
            LotMissingError, TagMissingError, PermitWindowError: said in the error.
        """
        await self._lots.row(data.lot)
        if await self._tags.by_id(data.tag_id) is None:
            raise TagMissingError("There is no such card.")
        until_at = data.until_at
        if not is_plausible(data.from_at) or (until_at is not None and not is_plausible(until_at)):
            raise PermitWindowError("A permit begins and ends in a year from 1971 to 2400.")
        if until_at is not None and until_at <= data.from_at:
            raise PermitWindowError("A permit ends after it begins.")
        row = PermitRow(
            id=self._ids.new(),
            lot=data.lot,
            tag_id=data.tag_id,
            kind=data.kind,
            from_at=data.from_at,
            until_at=data.until_at,
            note=data.note,
            created_at=self._clock.now(),
        )
        self._session.add(row)
        await self._session.flush()
        await self._rights.refresh_tag_of(row.tag_id)
        details = {"lot": row.lot, "kind": row.kind}
        act = PrivilegedAct(actor.id, "permit.granted", f"tag:{row.tag_id}", details)
        await self._acts.record(self._session, act)
        return _to_schema(row)

    async def withdraw(self, actor: User, permit_id: UUID, reason: str) -> Permit:
        """End a permit; every lane knows within a second or when it is online.

        Raises:
            PermitMissingError: there is none, or it has ended.
        """
        row = await self._session.get(PermitRow, permit_id, with_for_update=True)
        if row is None or row.withdrawn_at is not None:
            raise PermitMissingError("There is no such permit.")
        row.withdrawn_at = self._clock.now()
        await self._session.flush()
        await self._rights.refresh_tag_of(row.tag_id)
        details = {"lot": row.lot, "reason": reason}
        act = PrivilegedAct(actor.id, "permit.withdrawn", f"tag:{row.tag_id}", details)
        await self._acts.record(self._session, act)
        return _to_schema(row)

    async def list_of_lot(self, lot: str, page: PageRequest) -> Page[Permit]:
        """A lot's permits, newest first."""
        query = (
            select(PermitRow)
            .where(col(PermitRow.lot) == lot)
            .order_by(col(PermitRow.created_at).desc(), col(PermitRow.id).desc())
            .limit(page.fetch)
        )
        if (after := place_after(page)) is not None:
            place = func.row(col(PermitRow.created_at), col(PermitRow.id))
            query = query.where(place < func.row(*after))
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, _to_schema, lambda row: (row.created_at, row.id))


def _to_schema(row: PermitRow) -> Permit:
    return Permit(
        id=row.id,
        lot=row.lot,
        tag_id=row.tag_id,
        kind=PermitKind(row.kind),
        from_at=row.from_at,
        until_at=row.until_at,
        note=row.note,
        created_at=row.created_at,
        withdrawn_at=row.withdrawn_at,
    )
