"""Tariff versions: adding one, and finding the one that counts for a stay."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.instants import is_plausible
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.lots.service import LotService
from cloud.parking.tariffs.errors import NoTariffError, TariffError
from cloud.parking.tariffs.rules import Price, PriceLine, Tariff
from cloud.parking.tariffs.schemas import Line, PricingModel, PricingModelCreate, Quote
from cloud.parking.tariffs.tables import PricingModelRow

# A request travels; a version that begins a moment ago is one that begins now.
_PAST_ALLOWED = timedelta(minutes=1)


class TariffService:
    """Tariffs, within one session."""

    def __init__(
        self, session: AsyncSession, lots: LotService, *, clock: Clock, ids: Ids, acts: ActRecorder
    ) -> None:
        self._session = session
        self._lots = lots
        self._clock = clock
        self._ids = ids
        self._acts = acts

    async def add(self, actor: User, lot: str, data: PricingModelCreate) -> PricingModel:
        """A new version. Versions before it go on counting for what began before.

        Raises:
            LotMissingError: there is no such lot.
            TariffError: no rate for standard spaces, or it would begin in the past.
        """
        row = await self._lots.row(lot, for_update=True)
        now = self._clock.now()
        valid_from = data.valid_from or now
        if SpaceType.STANDARD not in data.hourly_cents:
            raise TariffError(
                "hourly_cents needs a rate for standard; other types fall back to it."
            )
        if not is_plausible(valid_from) or valid_from < now - _PAST_ALLOWED:
            raise TariffError(
                "valid_from needs a time zone and cannot be in the past: what was priced stays."
            )
        newest = select(func.max(col(PricingModelRow.version))).where(
            col(PricingModelRow.lot) == lot
        )
        version = (await self._session.scalar(newest) or 0) + 1
        model = PricingModelRow(
            id=self._ids.new(),
            lot=lot,
            version=version,
            currency=row.currency,
            timezone=row.timezone,
            hourly_cents=msgspec.to_builtins(data.hourly_cents),
            free_minutes=data.free_minutes,
            step_minutes=data.step_minutes,
            daily_cap_cents=data.daily_cap_cents,
            overstay_percent=data.overstay_percent,
            valid_from=valid_from,
            created_at=now,
        )
        self._session.add(model)
        await self._session.flush()
        await self._acts.record(
            self._session,
            PrivilegedAct(actor.id, "tariff.added", f"lot:{lot}", {"version": version}),
        )
        return _to_schema(model)

    async def list_all(self, lot: str, page: PageRequest) -> Page[PricingModel]:
        """Versions of a lot, newest first."""
        query = (
            select(PricingModelRow)
            .where(col(PricingModelRow.lot) == lot)
            .order_by(col(PricingModelRow.version).desc())
            .limit(page.fetch)
        )
        if (after := page.after(tuple[int])) is not None:
            query = query.where(col(PricingModelRow.version) < after[0])
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, _to_schema, lambda row: (row.version,))

    async def at(self, lot: str, instant: datetime) -> tuple[UUID, Tariff]:
        """The version that counts for what begins at that instant.

        Before the first version begins, the first counts: a late report of an early stay must
        cost something definite.

        Raises:
            NoTariffError: the lot has none at all.
        """
        ours = select(PricingModelRow).where(col(PricingModelRow.lot) == lot).limit(1)
        in_force = ours.where(col(PricingModelRow.valid_from) <= instant).order_by(
            col(PricingModelRow.valid_from).desc(), col(PricingModelRow.version).desc()
        )
        first = ours.order_by(col(PricingModelRow.version))
        row = await self._session.scalar(in_force) or await self._session.scalar(first)
        if row is None:
            raise NoTariffError(f"Lot {lot} has no tariff yet; an operator has to add one.")
        return row.id, to_tariff(row)

    async def get(self, tariff_id: UUID) -> Tariff:
        """A version by its id."""
        return to_tariff(await self._session.get_one(PricingModelRow, tariff_id))


def to_tariff(row: PricingModelRow) -> Tariff:
    """The value the rules take."""
    return Tariff(
        currency=row.currency,
        timezone=row.timezone,
        hourly_cents={SpaceType(kind): cents for kind, cents in row.hourly_cents.items()},
        free_minutes=row.free_minutes,
        step_minutes=row.step_minutes,
        daily_cap_cents=row.daily_cap_cents,
        overstay_percent=row.overstay_percent,
    )


def to_lines(lines: Iterable[PriceLine]) -> list[Line]:
    """Lines as the API shows and the database stores them."""
    return [
        Line(
            kind=line.kind,
            day=line.day,
            days=line.days,
            minutes=line.minutes,
            amount_cents=line.amount_cents,
        )
        for line in lines
    ]


def stored_lines(lines: Iterable[PriceLine]) -> list[Any]:
    """Lines as plain JSON, for a jsonb column."""
    stored: list[Any] = msgspec.to_builtins(to_lines(lines))
    return stored


def lines_from(stored: Sequence[Any]) -> list[Line]:
    """The other way."""
    return msgspec.convert(stored, list[Line])


def price_lines(lines: Iterable[Line]) -> list[PriceLine]:
    """Back to what the rules take."""
    return [
        PriceLine(
            kind=line.kind,
            day=line.day,
            days=line.days,
            minutes=line.minutes,
            amount_cents=line.amount_cents,
        )
        for line in lines
    ]


def to_quote(tariff_id: UUID, price: Price) -> Quote:
    """A price as the API shows it."""
    return Quote(
        currency=price.currency,
        total_cents=price.total_cents,
        lines=to_lines(price.lines),
        pricing_model=tariff_id,
    )


def _to_schema(row: PricingModelRow) -> PricingModel:
    return PricingModel(
        id=row.id,
        lot=row.lot,
        version=row.version,
        currency=row.currency,
        timezone=row.timezone,
        hourly_cents={SpaceType(kind): cents for kind, cents in row.hourly_cents.items()},
        free_minutes=row.free_minutes,
        step_minutes=row.step_minutes,
        daily_cap_cents=row.daily_cap_cents,
        overstay_percent=row.overstay_percent,
        valid_from=row.valid_from,
        created_at=row.created_at,
    )
