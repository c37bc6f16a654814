"""What can be done about lots, and how their policy reaches the lanes."""

from collections.abc import Sequence
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from cloud.accounts.user import User
from cloud.devices.sites.desired import DesiredState
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.lots import policy
from cloud.parking.lots.errors import (
    LotMissingError,
    LotTakenError,
    SiteUnknownError,
    TimezoneError,
)
from cloud.parking.lots.schemas import Lot, LotCreate, LotPolicyChange
from cloud.parking.lots.tables import LotRow, OccupancyRow
from protocols.site import LotPolicy

_FOREIGN_KEY_VIOLATION = "23503"


# What a change of these changes about rights; the rest travels with the lot's policy.
_RIGHTS_FIELDS = frozenset({"walk_ups", "early_grace_s", "late_grace_s"})


class LotRights(Protocol):
    """What has to hear of a change that gives or takes cards their rights."""

    async def recompute(self) -> int:
        """Bring all rights in line with what is stored now."""
        ...


class LotService:
    """Lots, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        rights: LotRights,
        *,
        clock: Clock,
        acts: ActRecorder,
        desired: DesiredState,
    ) -> None:
        self._session = session
        self._rights = rights
        self._clock = clock
        self._acts = acts
        self._desired = desired

    async def create(self, actor: User, data: LotCreate) -> Lot:
        """A new, empty lot.

        Raises:
            TimezoneError, LotTakenError, SiteUnknownError: said in the error.
        """
        check_timezone(data.timezone)
        if await self._session.get(LotRow, data.id) is not None:
            raise LotTakenError(f"There is a lot {data.id} already; choose another id.")
        row = LotRow(created_at=self._clock.now(), **msgspec.to_builtins(data))
        await self._add(row)
        # Without spaces there is no room: it opens to walk-ups with the first space.
        self._session.add(
            OccupancyRow(
                lot=row.id,
                entries=0,
                exits=0,
                correction=0,
                is_full=True,
                changed_at=row.created_at,
            )
        )
        await self._session.flush()
        await self.tell_site(row)
        await self._rights.recompute()
        await self._acts.record(
            self._session,
            PrivilegedAct(actor.id, "lot.created", f"lot:{row.id}", {"site": row.site}),
        )
        return to_lot(row)

    async def _add(self, row: LotRow) -> None:
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) == _FOREIGN_KEY_VIOLATION:
                raise SiteUnknownError(f"No site {row.site} is registered.") from error
            raise LotTakenError(f"There is a lot {row.id} already; choose another id.") from error

    async def get(self, lot: str) -> Lot:
        """One lot.

        Raises:
            LotMissingError: there is none of this id.
        """
        return to_lot(await self.row(lot))

    async def list_all(self, page: PageRequest, site: str | None = None) -> Page[Lot]:
        """Lots by id."""
        query = select(LotRow).order_by(col(LotRow.id)).limit(page.fetch)
        if site is not None:
            query = query.where(col(LotRow.site) == site)
        if (after := page.after(tuple[str])) is not None:
            query = query.where(col(LotRow.id) > after[0])
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, to_lot, lambda row: (row.id,))

    async def change_policy(self, actor: User, lot: str, data: LotPolicyChange) -> Lot:
        """Change the fields that were sent; the lanes hear of it at once.

        Raises:
            LotMissingError: there is no such lot.
        """
        row = await self.row(lot, for_update=True)
        sent = msgspec.to_builtins(data)
        reason = sent.pop("reason")
        before = {name: getattr(row, name) for name in sent}
        for name, value in sent.items():
            setattr(row, name, value)
        await self._session.flush()
        # Rights before the site's picture, as after a passage: nobody waits in a circle.
        if _RIGHTS_FIELDS & sent.keys():
            await self._rights.recompute()
        await self.tell_site(row)
        details = {f"{name}_before": value for name, value in before.items()} | sent
        await self._acts.record(
            self._session,
            PrivilegedAct(
                actor.id, "lot.policy_changed", f"lot:{lot}", details | {"reason": reason}
            ),
        )
        return to_lot(row)

    async def tell_site(self, row: LotRow) -> None:
        """Have the site told what its lots are like now."""
        await self._desired.lot_changed(self._session, row.id)

    async def row(self, lot: str, *, for_update: bool = False) -> LotRow:
        """The row, for services of parking.

        Raises:
            LotMissingError: there is none of this id.
        """
        row = await self._session.get(LotRow, lot, with_for_update=for_update)
        if row is None:
            raise LotMissingError(f"There is no lot {lot}.")
        return row

    async def all_rows(self) -> list[LotRow]:
        """Every lot; there are hundreds, not millions."""
        return list((await self._session.scalars(select(LotRow).order_by(col(LotRow.id)))).all())


def check_timezone(name: str) -> None:
    """Raises TimezoneError unless the zone is known here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimezoneError(f"{name} is no time zone; take one such as Europe/Berlin.") from error


class LotPolicies:
    """Implements cloud.devices.ports.LotPolicies: the lots as their lanes need them."""

    async def policies(self, session: AsyncSession, lots: Sequence[str]) -> list[LotPolicy]:
        """The policy of each of these lots that exists, by id."""
        query = (
            select(LotRow, col(OccupancyRow.is_full))
            .join(OccupancyRow, col(OccupancyRow.lot) == col(LotRow.id))
            .where(col(LotRow.id).in_(lots))
            .order_by(col(LotRow.id))
        )
        rows = await session.execute(query)
        return [wire_policy(row, is_full=is_full) for row, is_full in rows]


def wire_policy(row: LotRow, *, is_full: bool) -> LotPolicy:
    """The lot as its lanes need it."""
    return LotPolicy(
        lot=row.id,
        name=row.name,
        state=policy.state_code(policy.LotMode(row.mode), is_full=is_full),
        walk_ups=policy.walk_ups_code(policy.WalkUps(row.walk_ups)),
        passback=policy.passback_code(policy.Passback(row.passback)),
        level_min=row.level_min,
        stale=policy.stale_code(policy.Stale(row.stale)),
        max_age_s=row.max_age_s,
    )


def to_lot(row: LotRow) -> Lot:
    """The lot as the API shows it."""
    return Lot(
        id=row.id,
        site=row.site,
        name=row.name,
        address=row.address,
        timezone=row.timezone,
        currency=row.currency,
        mode=policy.LotMode(row.mode),
        walk_ups=policy.WalkUps(row.walk_ups),
        passback=policy.Passback(row.passback),
        level_min=row.level_min,
        stale=policy.Stale(row.stale),
        max_age_s=row.max_age_s,
        early_grace_s=row.early_grace_s,
        late_grace_s=row.late_grace_s,
        hold_s=row.hold_s,
        cancel_free_s=row.cancel_free_s,
        cancel_late_percent=row.cancel_late_percent,
        created_at=row.created_at,
    )
