"""Listed instruments: what there is, and what people do to it."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from cloud.exchange.prices import price_text
from cloud.exchange.public_ids import instrument_uuid
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer
from cloud.exchange.tables import InstrumentRow
from cloud.exchange.venue.acts import ActKind, VenueAct, VenueDesk
from cloud.exchange.venue.errors import InstrumentMissingError
from cloud.exchange.venue.rules import (
    PHASE_WORDS,
    PHASES,
    dividend_ratio,
    instrument_from,
    instrument_of_row,
    price_ticks,
)
from cloud.exchange.venue.schemas import (
    Bands,
    Dividend,
    Halt,
    Listed,
    Listing,
    PhaseChange,
    Resume,
    Split,
)
from cloud.exchange.venue.tables import DONE, VenueActRow
from cloud.kit.database import AsyncSession, Database
from cloud.kit.privileged import Detail
from trading.commands import (
    ListInstrument,
    PayDividend,
    SetBands,
    SetPhase,
    SplitInstrument,
)
from trading.instruments import HALTED, Instrument
from trading.live import Market


class Instruments:
    """One object a process; each method is its own act."""

    def __init__(self, database: Database, sequencer: Sequencer, desk: VenueDesk) -> None:
        self._database = database
        self._sequencer = sequencer
        self._desk = desk
        # Two new symbols at the same time must not get the same number.
        self._listing = asyncio.Lock()

    async def read_all(self) -> list[Listed]:
        """Every instrument, by symbol."""
        async with self._database.session() as session:
            rows = (await session.scalars(select(InstrumentRow))).all()
            return await _shown(session, sorted(rows, key=lambda row: row.symbol))

    async def read(self, symbol: str) -> Listed:
        """One instrument.

        Raises:
            InstrumentMissingError: it is not listed.
        """
        async with self._database.session() as session:
            return (await _shown(session, [await _row(session, symbol)]))[0]

    async def list_or_change(self, actor: UUID | None, symbol: str, listing: Listing) -> Listed:
        """List it, or change it; if it is like that already, nothing happens.

        Raises:
            PriceTextError: the reference price is none.
            InstrumentInUseError: it differs, and is not closed or has orders.
        """
        async with self._listing:
            markets = self._markets()
            known = [m.instrument for m in markets.values() if m.instrument.symbol == symbol]
            number = known[0].instrument_id if known else max(markets, default=0) + 1
            wanted = instrument_from(symbol, number, listing)
            if known != [wanted]:
                details: dict[str, Detail] = {
                    "reference_price": price_text(wanted, wanted.reference_ticks),
                    "is_new": not known,
                }
                act = self._act(actor, ActKind.LISTING, wanted, listing.reason, details)
                await self._desk.do(act, lambda seq, at: ListInstrument(seq, at, wanted))
        async with self._database.session() as session:
            row = await _row(session, symbol)
            if listing.name and row.name != listing.name:
                row.name = listing.name
            return (await _shown(session, [row]))[0]

    async def change_phase(self, actor: UUID, symbol: str, change: PhaseChange) -> Listed:
        """Move to a phase; where it is there already, nothing happens.

        Raises:
            PhaseNotAllowedError: there is no way there from the present phase.
        """
        kind = ActKind.HALT if change.phase == "halted" else ActKind.PHASE
        return await self._to_phase(actor, symbol, kind, change.phase, change.reason)

    async def halt(self, actor: UUID, symbol: str, halt: Halt) -> Listed:
        """Halt it; a second halt changes nothing."""
        return await self._to_phase(actor, symbol, ActKind.HALT, "halted", halt.reason)

    async def resume(self, actor: UUID, symbol: str, resume: Resume) -> Listed:
        """End a halt.

        Raises:
            PhaseNotAllowedError: it is not halted.
        """
        return await self._to_phase(actor, symbol, ActKind.RESUME, resume.phase, resume.reason)

    async def change_all_phases(self, actor: UUID, change: PhaseChange) -> list[Listed]:
        """Move every instrument that can to a phase; the others stay where they are."""
        self._markets()
        phase = PHASES[change.phase]
        act = VenueAct(
            actor, ActKind.PHASE, "venue:all", change.reason, details={"phase": change.phase}
        )
        await self._desk.do(act, lambda seq, at: SetPhase(seq, at, 0, phase))
        return await self.read_all()

    async def set_bands(self, actor: UUID, symbol: str, bands: Bands) -> Listed:
        """Set limit down and limit up; orders left outside are cancelled.

        Raises:
            PriceTextError, BandsInvalidError: they make no sense.
        """
        one = self._instrument(symbol)
        lower, upper = [
            0 if price is None else price_ticks(one, price)
            for price in (bands.lower_price, bands.upper_price)
        ]
        details: dict[str, Detail] = {
            "lower_price": price_text(one, lower),
            "upper_price": price_text(one, upper),
        }
        act = self._act(actor, ActKind.BANDS, one, bands.reason, details)
        number = one.instrument_id
        await self._desk.do(act, lambda seq, at: SetBands(seq, at, number, lower, upper))
        return await self.read(symbol)

    async def split(self, actor: UUID, symbol: str, split: Split) -> Listed:
        """Split it, once for a day.

        Raises:
            CorporateActionExistsError: that day has a split.
            RatioInvalidError: one for one. PayoutTooLargeError: too many units.
        """
        one = self._instrument(symbol)
        new, old = split.numerator, split.denominator
        act = self._act(
            actor,
            ActKind.SPLIT,
            one,
            split.reason,
            {"numerator": new, "denominator": old},
            split,
        )
        number = one.instrument_id
        await self._desk.do(act, lambda seq, at: SplitInstrument(seq, at, number, new, old))
        return await self.read(symbol)

    async def pay_dividend(self, actor: UUID, symbol: str, dividend: Dividend) -> Listed:
        """Pay it for every unit held now, once for a day.

        Raises:
            CorporateActionExistsError: that day has a dividend.
            DividendAmountError: the amount cannot be paid. PayoutTooLargeError: in all.
        """
        one = self._instrument(symbol)
        minor, units = dividend_ratio(dividend.amount)
        act = self._act(
            actor,
            ActKind.DIVIDEND,
            one,
            dividend.reason,
            {"amount": str(dividend.amount)},
            dividend,
        )
        number = one.instrument_id
        await self._desk.do(act, lambda seq, at: PayDividend(seq, at, number, minor, units))
        return await self.read(symbol)

    async def _to_phase(
        self, actor: UUID, symbol: str, kind: ActKind, word: str, reason: str
    ) -> Listed:
        one = self._instrument(symbol)
        number, phase = one.instrument_id, PHASES[word]
        if self._markets()[number].phase != phase:
            act = self._act(actor, kind, one, reason, {"phase": word})
            await self._desk.do(act, lambda seq, at: SetPhase(seq, at, number, phase))
        return await self.read(symbol)

    def _markets(self) -> dict[int, Market]:
        if not self._sequencer.is_leading:
            raise ExchangeUnavailable
        return self._sequencer.engine.venue.markets

    def _instrument(self, symbol: str) -> Instrument:
        for market in self._markets().values():
            if market.instrument.symbol == symbol:
                return market.instrument
        raise _missing(symbol)

    def _act(
        self,
        actor: UUID | None,
        kind: ActKind,
        one: Instrument,
        reason: str,
        details: dict[str, Detail],
        corporate_action: Split | Dividend | None = None,
    ) -> VenueAct:
        return VenueAct(
            actor,
            kind,
            f"instrument:{one.symbol}",
            reason,
            instrument_id=one.instrument_id,
            details=details,
            effective_on=corporate_action.effective_on if corporate_action else None,
        )


async def _row(session: AsyncSession, symbol: str) -> InstrumentRow:
    row = await session.scalar(select(InstrumentRow).where(col(InstrumentRow.symbol) == symbol))
    if row is None:
        raise _missing(symbol)
    return row


def _missing(symbol: str) -> InstrumentMissingError:
    return InstrumentMissingError(f"No instrument {symbol} is listed here.")


async def _shown(session: AsyncSession, rows: Sequence[InstrumentRow]) -> list[Listed]:
    halted = [row.id for row in rows if row.phase == HALTED]
    reasons: dict[int, str] = {}
    if halted:
        halts = await session.scalars(
            select(VenueActRow)
            .where(
                col(VenueActRow.instrument_id).in_(halted),
                col(VenueActRow.kind) == str(ActKind.HALT),
                col(VenueActRow.state) == DONE,
            )
            .order_by(col(VenueActRow.sequence))
        )
        reasons = {halt.instrument_id: halt.reason for halt in halts}
    return [_to_schema(row, reasons.get(row.id)) for row in rows]


def _to_schema(row: InstrumentRow, halt_reason: str | None) -> Listed:
    one = instrument_of_row(row)
    return Listed(
        id=instrument_uuid(row.id),
        symbol=row.symbol,
        name=row.name,
        phase=PHASE_WORDS[row.phase],
        reference_price=price_text(one, row.reference_ticks),
        lower_price=price_text(one, row.lower_ticks) if row.lower_ticks else None,
        upper_price=price_text(one, row.upper_ticks) if row.upper_ticks else None,
        lot_units=row.lot_units,
        maker_fee_rate=row.maker_fee_rate,
        taker_fee_rate=row.taker_fee_rate,
        settle_days=row.settle_days,
        protection_bps=row.protection_bps,
        band_bps=row.band_bps,
        volatility_bps=row.volatility_bps,
        is_shortable=row.is_shortable,
        halt_reason=halt_reason,
        seq=row.changed_sequence,
    )
