"""Makes statements: reads everything in one snapshot, replays it, and compares before it shows.

It replays from the portfolio's opening every time, at some 25 microseconds of CPU a movement. The
engine's snapshots would not save that: one has all portfolios in one piece, which after 200,000
commands took as long to restore (1.1 s) as 45,000 movements to replay (1.0 s; neither compiled);
they are kept for a week; and books that begin with the engine's are no second opinion of it.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg

from cloud.exchange.portfolios.live import unrealised
from cloud.exchange.portfolios.valuation import average_price
from cloud.exchange.prices import price_text
from cloud.exchange.public_ids import order_uuid, portfolio_uuid, trade_uuid
from cloud.exchange.statements.books import Balance
from cloud.exchange.statements.errors import PeriodInvalidError, StatementTooLongError
from cloud.exchange.statements.movements import AnyMovement, CashMove, Split, Trade, UnitsMove
from cloud.exchange.statements.records import Records
from cloud.exchange.statements.rules import Cutter, DisagreementError, Period, disagreements
from cloud.exchange.statements.schemas import (
    LineKind,
    Statement,
    StatementBalance,
    StatementLine,
    StatementLot,
    StatementPosition,
)
from trading.events import MoveCause
from trading.instruments import Instrument, notional_floor

LINES_MAX: Final = 50_000
AGREES_WITH: Final = (
    "cash, fees, units, cost and realised profit (by average cost and first in, first out) "
    "of the venue's own books at made_at"
)
_KINDS: Final = {
    MoveCause.DEPOSIT: LineKind.DEPOSIT,
    MoveCause.WITHDRAWAL: LineKind.WITHDRAWAL,
    MoveCause.TRANSFER: LineKind.TRANSFER,
    MoveCause.DIVIDEND: LineKind.DIVIDEND,
    MoveCause.SPLIT_FRACTION: LineKind.SPLIT_FRACTION,
}


class StatementService:
    """Works in every process: it asks the database alone."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def make(
        self,
        portfolio_id: int,
        name: str,
        currency: str,
        starts_at: datetime,
        ends_at: datetime,
        now: datetime,
    ) -> Statement:
        """The statement from `starts_at` (included) to `ends_at` (not), at most up to now.

        Raises:
            PeriodInvalidError, StatementTooLongError: see there.
            DisagreementError: our books do not agree: our bug, to be looked into, not to be shown.
        """
        ends_at = min(ends_at, now)
        if starts_at >= ends_at:
            raise PeriodInvalidError("The period must begin before it ends, and before now.")
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            records = Records(connection, portfolio_id)
            instruments = await records.instruments()
            cutter = Cutter(starts_at, ends_at, instruments.__getitem__)
            async for part in records.movements():
                cutter.feed(part)
                if cutter.count > LINES_MAX:
                    raise StatementTooLongError(
                        f"More than {LINES_MAX} movements; ask for a shorter period."
                    )
                await asyncio.sleep(0)  # a long history must not hold up everybody else
            period = cutter.period()
            if found := disagreements(cutter.books.balance(), await records.balance()):
                raise DisagreementError(f"Portfolio {portfolio_id}: {'; '.join(found)}.")
            opening = await _end(records, period.opening, starts_at, instruments)
            closing = await _end(records, period.closing, ends_at, instruments)
        return Statement(
            portfolio_id=portfolio_uuid(portfolio_id),
            portfolio_name=name,
            currency=currency,
            starts_at=starts_at,
            ends_at=ends_at,
            made_at=now,
            opening=opening,
            closing=closing,
            totals_minor={kind.value: cash for kind, cash in period.totals.items()},
            lines=_lines(period, instruments),
            agrees_with=AGREES_WITH,
        )


async def _end(
    records: Records, balance: Balance, at: datetime, instruments: Mapping[int, Instrument]
) -> StatementBalance:
    positions = []
    for holding in balance.holdings:
        if holding.units == 0:
            continue
        one = instruments[holding.instrument_id]
        price = await records.price_before(one, at)
        size = notional_floor(one, price, abs(holding.units))
        value = size if holding.units > 0 else -size
        positions.append(
            StatementPosition(
                symbol=one.symbol,
                units=holding.units,
                average_price=average_price(one, holding.cost, holding.units),
                cost_minor=holding.cost,
                price=price_text(one, price),
                value_minor=value,
                unrealised_minor=unrealised(holding.units, holding.cost, value),
                realised_minor=holding.realised,
                realised_fifo_minor=holding.realised_fifo,
                lots=[StatementLot(units=lot.units, cost_minor=lot.cost) for lot in holding.lots],
            )
        )
    worth = sum(position.value_minor for position in positions)
    return StatementBalance(
        at=at,
        cash_minor=balance.cash,
        value_minor=worth,
        equity_minor=balance.cash + worth,
        fees_minor=balance.fees,
        realised_minor=balance.realised,
        unrealised_minor=sum(position.unrealised_minor for position in positions),
        positions=positions,
    )


def _lines(period: Period, instruments: Mapping[int, Instrument]) -> list[StatementLine]:
    cash = period.opening.cash
    lines = []
    for movement in period.movements:
        if isinstance(movement, Trade | CashMove):
            cash += movement.cash
        lines.append(_line(movement, cash, instruments))
    return lines


def _line(
    movement: AnyMovement, balance: int, instruments: Mapping[int, Instrument]
) -> StatementLine:
    match movement:
        case Trade():
            one = instruments[movement.instrument_id]
            return StatementLine(
                at=movement.at,
                kind=LineKind.BOUGHT if movement.is_buy else LineKind.SOLD,
                cash_minor=movement.cash,
                balance_minor=balance,
                symbol=one.symbol,
                units=movement.units if movement.is_buy else -movement.units,
                price=price_text(one, movement.price_ticks),
                fee_minor=movement.fee,
                trade_id=trade_uuid(movement.trade_id),
                order_id=order_uuid(movement.order_id),
            )
        case CashMove():
            return StatementLine(
                at=movement.at,
                kind=_KINDS[MoveCause(movement.cause)],
                cash_minor=movement.cash,
                balance_minor=balance,
                transfer=movement.transfer_id or None,
            )
        case UnitsMove():
            return StatementLine(
                at=movement.at,
                kind=_KINDS[MoveCause(movement.cause)],
                cash_minor=0,
                balance_minor=balance,
                symbol=instruments[movement.instrument_id].symbol,
                units=movement.units,
                cost_minor=movement.cost,
                transfer=movement.transfer_id or None,
            )
        case Split():
            return StatementLine(
                at=movement.at,
                kind=LineKind.SPLIT,
                cash_minor=0,
                balance_minor=balance,
                symbol=instruments[movement.instrument_id].symbol,
                ratio=f"{movement.numerator}:{movement.denominator}",
            )
